"""MJML: what is wrong with it is named, what mrml does not understand is mended, what is HTML stays as it is."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ThemeError
from newsletter.render import mjml
from newsletter.render.mjml import Problem, compile_mjml, normalise, validate
from newsletter.render.mjml_syntax import scan

#: Text that an email can hold.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n<>&\"'"),
    max_size=40,
)


def letter(body: str, head: str = "", root: str = 'lang="en"') -> str:
    """An MJML document of one line."""
    return f"<mjml {root}><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def column(content: str, head: str = "") -> str:
    return letter(f"<mj-section><mj-column>{content}</mj-column></mj-section>", head)


def refusal(source: str) -> ThemeError | None:
    """Why `source` does not compile, if it does not."""
    try:
        compile_mjml(source)
    except ThemeError as error:
        return error
    return None


def serious(source: str) -> list[Problem]:
    return [problem for problem in validate(source) if problem.serious]


class Attributes(HTMLParser):
    """The attributes of the first element of a name."""

    def __init__(self, html: str, tag: str) -> None:
        super().__init__()
        self._tag = tag
        self.found: dict[str, str | None] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == self._tag and self.found is None:
            self.found = dict(attrs)


# ---------------------------------------------------------------- validate: what stops a build

STOPS = {
    "unknown component": (column("<mj-txt>a</mj-txt>"), "<mj-txt> is not a component"),
    "upper case": (letter("<MJ-SECTION></MJ-SECTION>"), "<MJ-SECTION> is not a component"),
    "text in a section": (
        letter("<mj-section><mj-text>a</mj-text></mj-section>"),
        "cannot stand in <mj-section>",
    ),
    "text in the body": (letter("<mj-text>a</mj-text>"), "<mj-text> cannot stand in <mj-body>"),
    "a component in mj-text": (column("<mj-text>a<mj-image src='x' /></mj-text>"), "would not be rendered"),
    "mj-text in mj-text": (column("<mj-text><mj-text>a</mj-text></mj-text>"), "would not be rendered"),
    "raw in social": (column("<mj-social><mj-raw>a</mj-raw></mj-social>"), "cannot stand in <mj-social>"),
    "raw in mjml": ("<mjml lang='en'><mj-raw>a</mj-raw><mj-body /></mjml>", "cannot stand in <mjml>"),
    "HTML between components": (column("<p>a</p>"), "<p> outside a component"),
    "words between components": (column("words"), "text in <mj-column> would be lost"),
    "words after the end": (letter("") + "a", "text outside <mjml> would be lost"),
    "include": (letter('<mj-include path="a.mjml" />'), "<mj-include> is not supported"),
    "html attributes": (letter("", "<mj-html-attributes></mj-html-attributes>"), "is not supported"),
    "dev": (letter("<mj-dev></mj-dev>"), "is not supported"),
    "content in mj-attributes": (
        letter("", "<mj-attributes><mj-text>a</mj-text></mj-attributes>"),
        "holds nothing in <mj-attributes>",
    ),
    "mj-class with children": (
        letter("", '<mj-attributes><mj-class name="a"><mj-text color="red" /></mj-class></mj-attributes>'),
        "cannot stand in <mj-class>",
    ),
    "mj-class with an empty name": (
        letter("", '<mj-attributes><mj-class name=" " /></mj-attributes>'),
        "has no name",
    ),
    "mj-class without a name": (letter("", "<mj-attributes><mj-class /></mj-attributes>"), "has no name"),
    "component never closed": (letter("<mj-section>"), "<mj-section> is not closed before </mj-body>"),
    "document never closed": ("<mjml lang='en'><mj-body>", "<mjml> is never closed"),
    "closed twice": (letter("</mj-section>"), "</mj-section> without <mj-section>"),
    "element never closed": (column("<mj-text><b>a</mj-text>"), "<b> is never closed"),
    "element closed late": (
        column("<mj-text><div><b>a</div></b></mj-text>"),
        "<b> is not closed before </div>",
    ),
    "element closed twice": (column("<mj-text>a</td></mj-text>"), "</td> without <td>"),
    "tag never closed": (column("<mj-text><a href='x>a</mj-text>"), "quotation mark in it, is never closed"),
    "component's tag never closed": (column('<mj-text color="red>a</mj-text>'), "begins no tag"),
    "comment never closed": (column("<mj-text>a<!-- b</mj-text>"), "a comment is never closed"),
    "comment between components never closed": (letter("<!-- b"), "a comment is never closed"),
    "CDATA": (column("<mj-text><![CDATA[a]]></mj-text>"), "CDATA would be lost"),
    "CDATA between components": (column("<![CDATA[a]]>"), "CDATA would be lost"),
    "bare < between components": (column("a < b"), "begins no tag"),
    "declaration": ("<?xml version='1.0'?>" + letter(""), "begins no tag"),
    "tag in a style sheet": (letter("", "<mj-style>a {} <b></mj-style>"), '"<" in a style sheet'),
    "comment of HTML in a style sheet": (
        letter("", "<mj-style><!-- a --></mj-style>"),
        '"<" in a style sheet',
    ),
    "Outlook's comment where none can be": (
        column("<mj-social><!--[if mso]>a<![endif]--></mj-social>"),
        "a conditional comment in <mj-social> would be lost",
    ),
    "second body": ("<mjml lang='en'><mj-body /><mj-body /></mjml>", "a second <mj-body>"),
    "second mjml": (letter("") + letter(""), "a second <mjml>"),
    "no body": ("<mjml lang='en'><mj-head></mj-head></mjml>", "there is no <mj-body>"),
    "nothing": ("", "there is no <mj-body>"),
    "HTML": ("<html><body>a</body></html>", "<html> outside a component"),
    "control character": (column("<mj-text>a\x01b</mj-text>"), "U+0001"),
    "half of a character": (column("<mj-text>a\ud800b</mj-text>"), "U+D800"),
    "form feed": (column("<mj-text>a\x0cb</mj-text>"), "U+000C"),
    "attribute without a name": (
        column('<mj-text @click="a">b</mj-text>'),
        "is not the name of an attribute",
    ),
    "HTML too deep": (
        column("<mj-text>" + "<b>" * 101 + "a" + "</b>" * 101 + "</mj-text>"),
        "nested more than",
    ),
    "components too deep": (letter("<mj-section>" * 5000 + "</mj-section>" * 5000), "cannot stand in"),
}


@pytest.mark.parametrize("name", STOPS)
def test_what_would_be_lost_or_break_the_layout_stops_the_build(name: str) -> None:
    source, message = STOPS[name]
    problems = serious(source)
    assert any(message in problem.message for problem in problems), problems
    with pytest.raises(ThemeError):
        compile_mjml(source)


def test_a_problem_has_its_line_and_column() -> None:
    source = """<mjml lang="en">
  <mj-body>
    <mj-section paddin="0">
      <mj-colum><mj-text>ü <b>hi</mj-text></mj-colum>
    </mj-section>
  </mj-body>
</mjml>"""
    assert validate(source) == [
        Problem(3, 17, "<mj-section> has no attribute paddin", "did you mean padding?", serious=False),
        Problem(4, 7, "<mj-colum> is not a component", "did you mean <mj-column>?"),
        Problem(4, 17, "<mj-text> cannot stand in <mj-colum>", "it belongs in <mj-column> or <mj-hero>"),
        Problem(4, 28, "<b> is never closed", "write </b> where it ends"),
    ]


def test_an_element_that_is_left_open_is_named_where_it_opens() -> None:
    [problem] = serious(
        "<mjml lang='en'><mj-body>\n<mj-section>\n<mj-column>\n</mj-section>\n</mj-body></mjml>"
    )
    assert (problem.line, problem.message) == (3, "<mj-column> is not closed before </mj-section> on line 4")


# ---------------------------------------------------------------- validate: what the writer should know

TELLS = {
    "no language": (letter("", root=""), "the language of the email is not said"),
    "language that is none": (letter("", root='lang="in English"'), "the language of the email is not said"),
    "misspelt attribute": (column('<mj-text colour="red">a</mj-text>'), "has no attribute colour"),
    "number without a unit": (column('<mj-text padding="10">a</mj-text>'), "padding='10'"),
    "wrong unit": (column('<mj-text font-size="2em">a</mj-text>'), "font-size='2em'"),
    "too many values": (letter('<mj-section padding="1px 2px 3px 4px 5px" />'), "padding="),
    "no colour": (column('<mj-text color="rde">a</mj-text>'), "color='rde'"),
    "no such choice": (column('<mj-text align="middle">a</mj-text>'), "align='middle'"),
    "neither true nor false": (
        column('<mj-image src="a" alt="" fluid-on-mobile="yes" />'),
        "fluid-on-mobile='yes'",
    ),
    "no number": (column('<mj-table cellpadding="5px"></mj-table>'), "cellpadding='5px'"),
    "second attribute": (column('<mj-text color="red" color="blue">a</mj-text>'), "a second color"),
    "attribute without a value": (column("<mj-text color>a</mj-text>"), "color has no value"),
    "unknown class": (column('<mj-text mj-class="big">a</mj-text>'), "there is no mj-class big"),
    "no alt": (column('<mj-image src="a" />'), "<mj-image> has no alt text"),
    "no src": (column('<mj-image alt="a" />'), "<mj-image> has no src"),
    "bare <": (column("<mj-text>1 < 2</mj-text>"), 'a bare "<"'),
    "tag in the title": (letter("", "<mj-title>a <b>b</b></mj-title>"), "a tag in <mj-title>"),
    "font without an address": (letter("", '<mj-font name="a" />'), "needs name and href"),
    "a slip of the keyboard": (letter("<mj-section><mj-column />a</mj-section>"), "text in <mj-section>"),
    "spacer between sections": (letter('<mj-spacer height="9px" />'), "<mj-spacer> in <mj-body>"),
    "fluid hero": (letter('<mj-hero mode="fluid-height" />'), "mode='fluid-height'"),
    "padding in per cent": (letter('<mj-section padding="0 10%" />'), "a percentage in padding"),
    "part of a pixel": (letter('<mj-section padding-left="12.5px" />'), "a part of a pixel"),
    "position of raw": (letter('<mj-raw position="file-start">a</mj-raw>'), "position='file-start'"),
    "network without an icon": (
        column(
            '<mj-social><mj-social-element name="mastodon" href="a" alt="">a</mj-social-element></mj-social>'
        ),
        "there is no icon for mastodon",
    ),
    "icon from elsewhere": (
        column(
            '<mj-social><mj-social-element name="github" href="a" alt="">a</mj-social-element></mj-social>'
        ),
        "the icon of github comes from www.mailjet.com",
    ),
    "link that shares": (
        column('<mj-social><mj-social-element name="facebook" src="a" alt="" href="b" /></mj-social>'),
        "makes a link that shares the page",
    ),
    "arrows from elsewhere": (
        column('<mj-carousel><mj-carousel-image src="a" alt="" /></mj-carousel>'),
        "the icons of <mj-carousel> come from i.imgur.com",
    ),
}


@pytest.mark.parametrize("name", TELLS)
def test_what_mrml_ignores_or_misunderstands_is_told_and_stops_nothing(name: str) -> None:
    source, message = TELLS[name]
    problems = validate(source)
    assert any(message in problem.message for problem in problems), problems
    assert not serious(source)
    assert compile_mjml(source)


FINE = {
    "sides of a hero": letter('<mj-hero padding="40px 10px" border-radius="5px" />'),
    "gap": letter('<mj-wrapper gap="10px" />'),
    "inner border": letter('<mj-section><mj-column inner-border="2px solid red" /></mj-section>'),
    "border of one side of an image": column('<mj-image src="a" alt="" border-top="1px solid red" />'),
    "a default of the body": letter("", '<mj-attributes><mj-body width="500px" /></mj-attributes>'),
    "a profile": column(
        '<mj-social><mj-social-element name="facebook-noshare" src="a" alt="" href="b" /></mj-social>'
    ),
    "alt by default": column('<mj-image src="a" />', '<mj-attributes><mj-image alt="" /></mj-attributes>'),
    "values": column(
        '<mj-text padding="0 5% 3px" color="rgba(1, 2, 3, .5)" line-height="1.5" letter-spacing="-0.5px" data-x="y">'
        "a</mj-text>"
    ),
    "own class": column(
        '<mj-text mj-class="a  b">a</mj-text>',
        '<mj-attributes><mj-class name="a" color="red" /><mj-class name="b" padding="0" /></mj-attributes>',
    ),
    "end tags that HTML lets one leave out": column(
        "<mj-text><ul><li>a<li>b</ul><p>c<p>d</mj-text><mj-table><tr><td>a<td>b<tr><td>c</mj-table>"
    ),
    "elements without end tags": column("<mj-text>a<br>b<BR>c<img src='x' alt=''><hr/></mj-text>"),
    "script and style": column("<mj-text><style>a > b { } </style>a</mj-text>"),
    "half a table for Outlook": letter("<mj-raw><table><tr><td></mj-raw><mj-raw></td></tr></table></mj-raw>"),
    "empty style sheets": letter(
        "", '<mj-style inline="inline" /><mj-style></mj-style><mj-style inline="inline"></mj-style>'
    ),
    "comments": letter(
        "<mj-section><!-- a --><mj-column><!--[if mso]>b<![endif]--></mj-column></mj-section>"
    ),
    "full width": letter('<mj-section full-width="false" /><mj-section full-width="" />'),
}


@pytest.mark.parametrize("name", FINE)
def test_there_is_nothing_to_say_about_what_is_right(name: str) -> None:
    assert validate(FINE[name]) == []
    assert compile_mjml(FINE[name])


# ---------------------------------------------------------------- normalise

MENDED = [
    ('<mj-text padding="0">', '<mj-text padding="0px">'),
    ('<mj-text padding="0 5px 0">', '<mj-text padding="0px 5px 0px">'),
    ('<mj-section border="0" />', '<mj-section border="0px" />'),
    ('<mj-column inner-border-left="0" />', '<mj-column inner-border-left="0px" />'),
    ('<mj-text color="#abc">', '<mj-text color="#aabbcc">'),
    ('<mj-all background-color="#ABC" />', '<mj-all background-color="#AABBCC" />'),
    ('<mj-text mj-class="a b c">', '<mj-text mj-class="c b a">'),
    ('<mj-text color="red" color="blue">', '<mj-text color="red">'),
    ('<mj-image src="a">', '<mj-image src="a" alt="">'),
    ('<mj-button href="">', "<mj-button>"),
    ('<mj-section full-width="false">', "<mj-section>"),
    ('<mj-section background-url="">', "<mj-section>"),
    ("<mj-text color=red>", '<mj-text color="red">'),
    ("<mj-text color='red'>", '<mj-text color="red">'),
    ('<mj-text color="red"align="left">', '<mj-text color="red" align="left">'),
    ('<mj-text css-class="a\n  b">', '<mj-text css-class="a b">'),
    ("<mj-image alt='\"' />", '<mj-image alt="&#34;" />'),
    ('<mj-image alt="\\" />', '<mj-image alt="&#92;" />'),
    ('<mj-image alt="❤️" />', '<mj-image alt="&#10084;&#65039;" />'),
    ('<mj-image alt="é हि" />', '<mj-image alt="&#233; &#2361;&#2367;" />'),
    ("<mj-text color>", '<mj-text color="">'),
    ("</mj-text >", "</mj-text>"),
    ("<mj-section> \t <mj-column>", "<mj-section>\n<mj-column>"),
    ("<mj-attributes><!-- a --></mj-attributes>", "<mj-attributes></mj-attributes>"),
    (
        '<mj-style inline="inline">a {}</mj-style>',
        '<mj-raw><style data-inline="inline">a {}</style></mj-raw>',
    ),
]


@pytest.mark.parametrize(("before", "after"), MENDED)
def test_a_tag_is_written_as_mrml_understands_it(before: str, after: str) -> None:
    if "alt=" in after and before.startswith("<mj-image alt"):
        before, after = (
            before.replace("<mj-image", '<mj-image src="a"'),
            after.replace("<mj-image", '<mj-image src="a"'),
        )
    assert normalise(before) == after


LEFT_ALONE = [
    '<mj-text padding="10px 0.5px" line-height="1" border="1px solid rgba(0, 0, 0, .1)" color="#0a0b0c">',
    '<mj-table cellpadding="0" width="0"></mj-table>',
    '<mj-text css-class="abc #abc">',
    '<mj-image src="a" alt="A bench &amp; a tree" />',
    '<mj-image alt="" />',
    "<mj-text><p title='❤️ \\'>a\n <b>b</b>\n<i>c</i> < d &nbsp; &lt;</p><br><BR></mj-text>",
    "<mj-style>.a > .b { padding: 0; color: #abc }</mj-style>",
    "<mj-raw><!--[if mso]><table><tr><td width='0'><![endif]--></mj-raw>",
    "<mj-body><!--[if mso]>a<![endif]--><!-- -- --></mj-body>",
    '<mj-title>A &amp; B "c"</mj-title>',
]


@pytest.mark.parametrize("source", LEFT_ALONE)
def test_what_mrml_understands_is_left_alone(source: str) -> None:
    assert normalise(source) == source


def test_an_alt_of_mj_attributes_is_not_overridden() -> None:
    source = column('<mj-image src="a" />', '<mj-attributes><mj-image alt="A bench" /></mj-attributes>')
    assert normalise(source) == source
    assert 'alt="A bench"' in compile_mjml(source)


@given(st.lists(st.sampled_from([*LEFT_ALONE, *(before for before, _ in MENDED)]), max_size=5).map("".join))
@settings(max_examples=40)
def test_what_is_normalised_twice_is_as_if_normalised_once_but_for_the_order_of_classes(source: str) -> None:
    source = re.sub('mj-class="[^"]*"', "", source)
    assert normalise(normalise(source)) == normalise(source)


# ---------------------------------------------------------------- compile

VERBATIM = {
    "line breaks between elements": "<b>one</b>\n<i>two</i>\n\n<pre><code>a</code>\n<code>b</code></pre>",
    "emoji and scripts in attributes": '<a title="❤️ 👨‍👩‍👧 हिन्दी مرحبًا שָׁלוֹם" href="https://example.com/é">a</a>',
    "line breaks in a style": '<p style="\n  color: red;\n  margin: 0">a</p>',
    "entities": "&nbsp;&zwnj;&#847; &amp; &lt;b&gt; &copy; & AT&T &foo;",
    "what is not XML": "a<br>b<hr noshade><img src=x alt=''><a href=y @click='z'>c</a> 1 < 2",
    "Outlook's comments": "<!--[if mso]><table><tr><td><![endif]-->a<!--[if !mso]><!--> b <!--<![endif]-->",
    "dashes in a comment": "a<!-- b -- c --->",
    "braces": "{{ name }} {% if a %} [[x]] *|Y|*",
    "marks": "MjmlText0z MjmlText0z MjmlTextx1z",
    "backslashes": r"C:\new \u{fe0f} \1 \g<0>",
    "self-closing": "<td></td><a></a><p/>",
    "no-break spaces at the ends": "\u00a0a\u00a0",
}


@pytest.mark.parametrize("name", VERBATIM)
@pytest.mark.parametrize("component", ["mj-text", "mj-button", "mj-raw", "mj-table"])
def test_html_inside_a_component_comes_out_as_it_went_in(name: str, component: str) -> None:
    html = VERBATIM[name]
    assert f">{html}<" in compile_mjml(column(f"<{component}>{html}</{component}>"))


@given(TEXT)
@settings(max_examples=60)
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    html = f"<i>{text.replace('<', '&lt;')}</i>"
    assert html in compile_mjml(column(f"<mj-text>{html}</mj-text>"))


@given(TEXT)
@settings(max_examples=60)
def test_an_attribute_says_in_the_html_what_it_says_in_the_mjml(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace('"', "&quot;")
    html = compile_mjml(column(f'<mj-image src="a.png" alt="{escaped}" />'))
    found = Attributes(html, "img").found
    assert found is not None
    # html.unescape of Python drops references to noncharacters; browsers keep them.
    text = "".join(character for character in text if ord(character) & 0xFFFE != 0xFFFE)
    assert " ".join((found["alt"] or "").split(" ")).strip() == re.sub(r"[ \t\r\n]+", " ", text).strip()


def test_the_doctype_is_written_as_premailer_keeps_it() -> None:
    assert compile_mjml(letter("")).startswith("<!DOCTYPE html><html ")


def test_the_language_and_the_direction_reach_the_html() -> None:
    html = compile_mjml(letter("", root='lang="ar" dir="rtl"'))
    assert '<html lang="ar" dir="rtl"' in html


def test_the_same_document_makes_the_same_bytes() -> None:
    body = column(
        '<mj-carousel><mj-carousel-image src="a" /></mj-carousel>'
        '<mj-navbar hamburger="hamburger"><mj-navbar-link href="a">b</mj-navbar-link></mj-navbar>'
    )
    assert compile_mjml(body) == compile_mjml(body)


def test_no_font_is_loaded_that_no_mj_font_names() -> None:
    assert "fonts.googleapis.com" not in compile_mjml(column("<mj-text>a</mj-text>"))


def test_a_font_is_loaded_that_an_mj_font_names() -> None:
    head = '<mj-font name="Bread" href="https://example.com/bread.css" />'
    html = compile_mjml(column('<mj-text font-family="Bread, serif">a</mj-text>', head))
    assert 'href="https://example.com/bread.css"' in html


def test_three_columns_fill_the_width() -> None:
    three = "<mj-column><mj-text>a</mj-text></mj-column>" * 3
    html = compile_mjml(letter(f"<mj-section>{three}</mj-section>"))
    assert "{ width:33.333333333333336% !important;" in html
    assert "33.333332" not in html


def test_a_width_of_the_writer_is_left_alone() -> None:
    html = compile_mjml(
        letter('<mj-section><mj-column width="27.5%"><mj-text>a</mj-text></mj-column></mj-section>')
    )
    assert "{ width:27.5% !important;" in html


def test_numbers_that_are_no_widths_are_left_alone() -> None:
    values = 'href="https://example.com/?at=52.5200066%2C13.4049540" alt="33.333332% of 3.14159265px"'
    html = compile_mjml(column(f'<mj-image src="1.2345678.png" {values} width="99px" />'))
    assert 'href="https://example.com/?at=52.5200066%2C13.4049540"' in html
    assert 'alt="33.333332% of 3.14159265px"' in html
    assert 'src="1.2345678.png"' in html


def test_a_title_may_have_quotation_marks() -> None:
    html = compile_mjml(letter("", '<mj-title>\n The "best" of ❤️ </mj-title>'))
    assert "<title>The &quot;best&quot; of ❤️</title>" in html
    found = Attributes(html, "div").found
    assert found is not None
    assert found["aria-label"] == 'The "best" of ❤️'


def shown(html: str) -> str:
    """What is not in a comment."""
    return re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)


def test_what_stands_between_the_sections_of_a_wrapper_is_shown() -> None:
    section = "<mj-section><mj-column><mj-text>a</mj-text></mj-column></mj-section>"
    raw = "<mj-raw><p>RAW</p></mj-raw><!-- note -->"
    html = compile_mjml(letter(f"<mj-wrapper>{raw}{section}{raw}{section}{raw}</mj-wrapper>"))
    assert shown(html).count("<p>RAW</p>") == 3
    assert "endif" not in shown(html)


def test_the_arrows_of_a_carousel_are_hidden_in_yahoo_only() -> None:
    html = compile_mjml(column('<mj-carousel><mj-carousel-image src="a" /></mj-carousel>'))
    assert "@media screen yahoo {" in html
    assert "@media screen, yahoo" not in html


def test_classes_for_outlook_are_marked_as_such() -> None:
    html = compile_mjml(
        column('<mj-text css-class="a b">c</mj-text>').replace("<mj-section", '<mj-section css-class="d e"')
    )
    assert 'class="d-outlook e-outlook"' in html
    assert 'class="d e"' in html
    assert 'class="a b"' in html


def test_a_style_sheet_comes_out_as_it_went_in() -> None:
    css = '.a > .b::after { content: "\\201C é"; color: #abc } /* it\'s */'
    assert f'<style type="text/css">{css}</style>' in compile_mjml(letter("", f"<mj-style>{css}</mj-style>"))


def test_a_style_sheet_to_be_inlined_is_marked_for_that() -> None:
    html = compile_mjml(letter("", '<mj-style inline="inline"> p { color: red } </mj-style>'))
    assert '<style data-inline="inline">p { color: red }</style>' in html


# ---------------------------------------------------------------- widths, as npm's mjml reckons them


def image_in(around: str, image: str = "<mj-image src='a' />", head: str = "") -> str | None:
    """The width of the image at the place of `*` in `around`."""
    html = compile_mjml(letter(around.replace("*", image), head))
    return (Attributes(html, "img").found or {}).get("width")


def attributes_of(head: str) -> str:
    return f"<mj-attributes>{head}</mj-attributes>"


COLUMN = "<mj-section><mj-column>*</mj-column></mj-section>"
#: around the image, the image, the head, its width
WIDTHS = {
    "plain": (COLUMN, "<mj-image src='a' />", "", "550"),
    "its own": (COLUMN, "<mj-image src='a' width='99.9px' />", "", "99"),
    "wider than there is room": (COLUMN, "<mj-image src='a' width='999px' />", "", "550"),
    "two thirds written out": (
        "<mj-section><mj-column width='66.66666666666666%'>*</mj-column></mj-section>",
        "<mj-image src='a' />",
        "",
        "349",
    ),
    "a third": (
        "<mj-section>" + "<mj-column>*</mj-column>" * 3 + "</mj-section>",
        "<mj-image src='a' />",
        "",
        "150",
    ),
    "percentage taken for pixels": (
        "<mj-section padding='0 15%'><mj-column>*</mj-column></mj-section>",
        "<mj-image src='a' />",
        "",
        "520",
    ),
    "inner border": (
        "<mj-section><mj-column inner-border='10px solid red'>*</mj-column></mj-section>",
        "<mj-image src='a' padding='0' />",
        "",
        "580",
    ),
    "hero": ("<mj-hero padding='0 40px'>*</mj-hero>", "<mj-image src='a' />", "", "470"),
    "default of its kind": (COLUMN, "<mj-image src='a' />", attributes_of("<mj-image padding='0' />"), "600"),
    "default of all": (COLUMN, "<mj-image src='a' />", attributes_of("<mj-all padding='0 1px' />"), "594"),
    "last of two classes": (
        COLUMN,
        "<mj-image src='a' mj-class='a b' />",
        attributes_of("<mj-class name='a' width='80px' /><mj-class name='b' width='90px' />"),
        "90",
    ),
    "body by default": (COLUMN, "<mj-image src='a' />", attributes_of("<mj-body width='400px' />"), "350"),
    "borders": (COLUMN, "<mj-image src='a' border-left='4px solid red' border='1px solid red' />", "", "545"),
}


@pytest.mark.parametrize("name", WIDTHS)
def test_an_image_is_as_wide_as_npms_mjml_makes_it(name: str) -> None:
    around, image, head, width = WIDTHS[name]
    assert image_in(around, image, head) == width


def test_a_width_that_makes_no_sense_is_left_to_mrml() -> None:
    for width in ("auto", "-5px", "0", "px", "9" * 400 + "px", "%"):
        assert (
            refusal(
                letter(
                    f"<mj-section><mj-column width='{width}'><mj-image src='a' /></mj-column></mj-section>"
                )
            )
            is None
        )


@given(
    st.text(st.sampled_from("0123456789.%px -e,"), max_size=12),
    st.text(st.sampled_from("0123456789.%px -"), max_size=12),
)
@settings(max_examples=60)
def test_any_width_and_padding_compile(width: str, padding: str) -> None:
    inside = f"<mj-column width='{width}' padding='{padding}'><mj-image src='a' padding='{padding}' width='{width}' /></mj-column>"
    around = f"<mj-section padding='{padding}'>{inside}<mj-group width='{width}'>{inside}{inside}</mj-group></mj-section>"
    assert refusal(letter(f"<mj-wrapper gap='{padding}'>{around}{around}</mj-wrapper>")) is None


def test_no_mark_is_left_and_none_of_the_writers_words_is_taken_for_one() -> None:
    html = compile_mjml(
        letter(
            '<mj-section css-class="MjmlStyle1z"><mj-group><mj-column css-class="x"><mj-text>MjmlStyle2z</mj-text></mj-column>'
            "<mj-column /><mj-column /></mj-group></mj-section>"
        )
    )
    assert set(re.findall(r"Mjml\w+", html)) == {"MjmlStyle1z", "MjmlStyle2z"}
    assert html.count("width:33%;") == 3
    assert 'class="mj-outlook-group-fix mj-column-per-33-333332 x"' in html


def test_a_default_alt_of_one_component_is_none_of_another() -> None:
    head = attributes_of('<mj-image alt="A bench" />')
    html = compile_mjml(
        column(
            '<mj-image src="a" /><mj-social><mj-social-element src="b">c</mj-social-element></mj-social>',
            head,
        )
    )
    assert html.count('alt="A bench"') == 1
    assert html.count('alt=""') == 1


def test_a_slip_of_the_keyboard_is_left_out_and_two_letters_stop_the_build() -> None:
    around = "<mj-section><mj-column><mj-text>one</mj-text></mj-column>*</mj-section>"
    assert compile_mjml(letter(around.replace("*", "§"))) == compile_mjml(letter(around.replace("*", "\n")))
    assert refusal(letter(around.replace("*", "ab"))) is not None


def test_important_declarations_of_a_sheet_to_be_inlined_stay_in_the_head_too() -> None:
    css = "a { color: red !important; margin: 0 } b { color: blue }"
    html = compile_mjml(letter("", f'<mj-style inline="inline">{css}</mj-style>'))
    assert f'<style data-inline="inline">{css}</style><style>a {{ color: red !important }}</style>' in html


def test_a_stray_semicolon_behind_a_rule_does_not_cost_the_next_one() -> None:
    html = compile_mjml(
        letter("", '<mj-style inline="inline">a { color: red }; /* b */ b { color: blue; }</mj-style>')
    )
    assert "a { color: red } /* b */ b { color: blue; }" in html


def test_padding_of_one_side_counts_behind_that_of_all_sides() -> None:
    html = compile_mjml(
        column(
            '<mj-navbar hamburger="hamburger" ico-padding="4px" ico-padding-top="1px"><mj-navbar-link>a</mj-navbar-link></mj-navbar>'
        )
    )
    assert "padding:4px;padding-top:1px;" in html


# ---------------------------------------------------------------- errors


def test_an_error_shows_file_line_place_and_remedy() -> None:
    source = '<mjml lang="en">\n  <mj-body>\n    <mj-colum width="5%"></mj-colum>\n  </mj-body>\n</mjml>'
    with pytest.raises(ThemeError) as caught:
        compile_mjml(source, name="templates/digest/issue.mjml")
    error = caught.value
    assert str(error).splitlines() == [
        "templates/digest/issue.mjml:3: <mj-colum> is not a component",
        '        <mj-colum width="5%"></mj-colum>',
        "        ^",
        "    hint: did you mean <mj-column>?",
    ]
    assert error.source_text == '<mj-colum width="5%">'
    assert error.exit_code == 2


def test_an_error_counts_the_others() -> None:
    with pytest.raises(ThemeError, match=r"<mj-a> is not a component \(and 2 more problems\)"):
        compile_mjml(column("<mj-a></mj-a><mj-b></mj-b><mj-c></mj-c>"))
    with pytest.raises(ThemeError, match=r"\(and 1 more problem\)"):
        compile_mjml(column("<mj-a></mj-a><mj-b></mj-b>"))


def test_a_long_line_is_shown_around_the_place() -> None:
    with pytest.raises(ThemeError) as caught:
        compile_mjml(column("<mj-text>" + "word " * 100 + "<b>lost" + " word" * 100 + "</mj-text>"))
    line, caret = caught.value.excerpt.splitlines()
    assert len(line) <= 100
    assert line[caret.index("^") :].startswith("<b>lost")


def test_what_mrml_says_about_bytes_is_told_as_line_and_column(monkeypatch: pytest.MonkeyPatch) -> None:
    source = '<mjml lang="en">\n<mj-body>\n <mj-section css-class="éé"><mj-column></mj-column></mj-section></mj-body></mjml>'
    at = normalise(source).encode().index(b"<mj-column>")

    def fail(text: str, **options: object) -> str:
        raise ValueError(f"unexpected element in root template at position {at}:{at + 9}")

    monkeypatch.setattr(mjml, "mjml2html", fail)
    with pytest.raises(ThemeError) as caught:
        compile_mjml(source)
    assert caught.value.where == "issue.mjml:3"
    assert caught.value.source_text == "<mj-column>"


@pytest.mark.parametrize(
    "text",
    ["<", "<!--", "<![CDATA[", '<a "', "<a '", "<b>", "</b>", "<mj-text>", "<mj-section>", "&", "<style>"],
)
@pytest.mark.parametrize(
    "where",
    ["{}", "<mjml lang='en'><mj-body>{}", column("<mj-text>{}</mj-text>"), column("<mj-raw>{}</mj-raw>")],
)
def test_time_grows_with_the_text_and_nothing_more(text: str, where: str) -> None:
    start = time.perf_counter()
    error = refusal(where.replace("{}", text * 5000))
    assert error is None or "cannot be compiled" not in error.message
    assert time.perf_counter() - start < 2


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(["<mj-text>", "</mj-text>", "<b", ">", '"', "<!--", "-->", "a", "<mjml>", "\n", "</"])
    ).map("".join)
)
@settings(max_examples=100)
def test_the_pieces_of_any_text_are_the_text(source: str) -> None:
    assert "".join(piece.text for piece in scan(source)) == source


FRAGMENTS = [
    "<",
    ">",
    '"',
    "'",
    "<!--",
    "-->",
    "--",
    "</mj-text>",
    "<mj-text>",
    "</b>",
    "=",
    "/",
    " ",
    "\n",
    "é",
    "❤️",
    "<b>",
    "<?x?>",
    "0",
    "\x01",
    "mj-",
]


@given(st.integers(0, 400), st.sampled_from(FRAGMENTS), st.integers(0, 8))
@settings(max_examples=150)
def test_a_damaged_document_compiles_or_says_where_it_is_damaged(place: int, fragment: str, cut: int) -> None:
    whole = column(
        '<mj-text color="#abc">a <b>b</b><!-- c --> &amp; d</mj-text><mj-social> <mj-social-element src="e" alt="">f'
        '</mj-social-element> </mj-social><mj-image src="g" alt="h" /><mj-raw><i>j</i></mj-raw>',
        '<mj-title>k</mj-title><mj-attributes><mj-all padding="0" /></mj-attributes><mj-style>p {}</mj-style>',
    )
    place %= len(whole)
    damaged = whole[:place] + fragment + whole[place + cut :]
    if error := refusal(damaged):
        assert error.where.startswith("issue.mjml:")
        assert "cannot be compiled" not in error.message  # the checks know of all that mrml fails on
