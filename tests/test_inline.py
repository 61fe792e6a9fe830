"""Rules go into attributes, everything else stays as it is, and nothing is fetched."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from newsletter.render.inline import (
    inline_body,
    inline_styles,
    premailer_rules,
    tags_around,
    take_inline_sheets,
)
from newsletter.render.mjml import compile_mjml
from newsletter.render.stylesheet import CssProblem, check_inline_css

LETTER = """<mjml lang="en"><mj-head><mj-title>Boats</mj-title><mj-preview>Out now &#847;&zwnj;&nbsp;&shy;</mj-preview>
<mj-style>@media (max-width: 500px) { .post p { font-size: 20px !important } }</mj-style>
<mj-raw><style data-premailer="ignore">u + .body .post { color: red }  [data-ogsc] p { color: #eee !important }
@font-face { font-family: Bread; src: url(https://example.com/bread.woff) }</style></mj-raw></mj-head><mj-body>
<mj-section css-class="card" background-color="#ffffff"><mj-column><mj-text css-class="post">
<h2>Title</h2><p>One <a href="https://example.com/NLx1_web_url_x?a=1&amp;b=2">link</a> ❤️ 👨‍👩‍👧</p><p class="last">Two</p>
<ul><li>a</li></ul></mj-text><mj-image src="https://example.com/a.png" alt="" width="300px" /></mj-column>
<mj-column><mj-button href="https://example.com/">Go</mj-button></mj-column></mj-section></mj-body></mjml>"""
CSS = """
.post h2 { font-size: 24px; margin: 0 0 12px }
.post p, .post li { font-size: 16px; line-height: 1.5 }
.post p.last { margin: 0; text-align: center; background-color: #eee }
.post a { color: #0b57d0 }
a { text-decoration: none }
"""


def page(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def body_of(html: str) -> str:
    return html.partition("<body>")[2].partition("</body>")[0]


def inlined(body: str, css: str) -> str:
    """What becomes of the body of a page."""
    return body_of(inline_styles(page(body), css))


# ---------------------------------------------------------------- where rules go

MERGED = [
    ("p { color: red }", "<p>a</p>", '<p style="color:red">a</p>'),
    (
        ".a b { color: red }",
        '<p class="a"><i><b>x</b></i></p><b>y</b>',
        '<b style="color:red">x</b></i></p><b>y</b>',
    ),
    (".a .b { color: red }", '<p class="a b">x</p>', '<p class="a b">x</p>'),
    (".a .a { color: red }", '<p class="a"><i class="c a">x</i></p>', '<i class="c a" style="color:red">'),
    (
        ".a > b { color: red }",
        '<p class="a"><b>x</b><i><b>y</b></i></p>',
        '<b style="color:red">x</b><i><b>y</b>',
    ),
    (".a b + i { color: red }", '<p class="a"><b>x</b><i>y</i></p>', '<i style="color:red">y</i>'),
    ("#a { color: red }", '<p id="a">x</p>', '<p id="a" style="color:red">x</p>'),
    ("[lang] { color: red }", '<p lang="de">x</p>', '<p lang="de" style="color:red">x</p>'),
    (
        "li:first-child { color: red }",
        "<ul><li>a</li><li>b</li></ul>",
        '<li style="color:red">a</li><li>b</li>',
    ),
    # the order in which rules count
    ("p { color: red } p { color: blue }", "<p>a</p>", '<p style="color:blue">a</p>'),
    ("p.a { color: red } p { color: blue }", '<p class="a">x</p>', 'style="color:red">'),
    ("#a { color: red } p.a { color: blue }", '<p class="a" id="a">x</p>', 'style="color:red">'),
    (
        "p { color: red !important } p.a { color: blue }",
        '<p class="a">x</p>',
        'style="color:red !important">',
    ),
    # what the element says itself
    ("p { color: red; margin: 0 }", '<p style="color: blue">x</p>', 'style="color:blue; margin:0">'),
    (
        "p { color: red !important }",
        '<p style="color: blue !important">x</p>',
        'style="color:blue !important">',
    ),
    ("p { color: unset; margin: 0 }", "<p>x</p>", '<p style="margin:0">x</p>'),
    # what Outlook wants as attributes
    (
        "td { background-color: #abc; text-align: right }",
        "<table><tr><td>x</td></tr></table>",
        'bgcolor="#aabbcc" align="right"',
    ),
    ("img { width: 50%; height: 20px }", '<img src="a" width="300">', '<img src="a" width="300" style='),
]


@pytest.mark.parametrize(("css", "before", "after"), MERGED)
def test_a_rule_goes_into_the_elements_that_it_matches(css: str, before: str, after: str) -> None:
    assert after in inlined(before, css)


def test_an_element_that_no_rule_matches_stays_as_it_is() -> None:
    body = '<p style="COLOR: Red;;  margin : 0" class="b">x</p><td></td><a></a><div></div><br><i></i>'
    assert inlined(body, ".a, .a p, h1 { color: blue }") == body


# ---------------------------------------------------------------- what stays


def test_important_in_media_queries_stays() -> None:
    html = inline_styles(compile_mjml(LETTER), CSS)
    assert "{ width:50% !important; max-width:50%; }" in html
    assert "font-size: 20px !important" in html


def test_the_width_of_an_image_stays() -> None:
    html = inline_styles(compile_mjml(LETTER), CSS + "img { width: 100% }")
    assert re.search(r'<img [^>]*width="250"', html)


def test_every_style_block_of_the_head_stays() -> None:
    html = compile_mjml(LETTER)
    blocks = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    assert len(blocks) >= 5
    assert re.findall(r"<style[^>]*>(.*?)</style>", inline_styles(html, CSS), re.DOTALL) == blocks


def test_the_resets_of_mjml_are_not_written_into_every_element() -> None:
    html = compile_mjml(LETTER)
    assert inline_styles(html, "").count("mso-table-lspace") == html.count("mso-table-lspace") == 1


def test_the_marks_for_premailer_are_gone() -> None:
    assert "data-premailer" not in inline_styles(compile_mjml(LETTER), CSS)


def test_the_words_data_premailer_in_a_text_stay() -> None:
    assert 'data-premailer="ignore"' in inlined('<p> data-premailer="ignore"</p>', CSS)


def test_comments_for_outlook_stay_to_the_byte() -> None:
    html = compile_mjml(LETTER)
    comments = re.findall(r"<!--.*?-->", html, re.DOTALL)
    assert any("[if mso" in comment for comment in comments)
    assert re.findall(r"<!--.*?-->", inline_styles(html, CSS + "td { color: red }"), re.DOTALL) == comments


def test_the_namespaces_of_outlook_stay() -> None:
    html = inline_styles(compile_mjml(LETTER), CSS)
    assert 'xmlns:v="urn:schemas-microsoft-com:vml"' in html
    assert 'xmlns:o="urn:schemas-microsoft-com:office:office"' in html
    assert "<o:PixelsPerInch>96</o:PixelsPerInch>" in html


def test_characters_that_are_not_seen_stay() -> None:
    html = inline_styles(compile_mjml(LETTER), CSS)
    assert "Out now \u034f\u200c\u00a0\u00ad" in html
    assert "❤️ 👨‍👩‍👧" in html


def test_what_stands_for_a_merge_field_stays() -> None:
    field = "NLx1fa3_first_name_x"
    body = f'<a href="https://example.com/{field}?u={field}" title="{field}">{field}</a><a href="{field}">x</a><img src="{field}" alt="{field}">'
    assert inlined(body, "a { color: red }").replace(' style="color:red"', "") == body


@pytest.mark.parametrize("element", ["td", "a", "div", "p", "span", "i", "th"])
def test_an_element_without_content_keeps_its_end_tag(element: str) -> None:
    assert f"<{element}></{element}>" in inlined(f"<{element}></{element}>", "b { color: red }")


def as_drawn(html: str) -> list[tuple[str, str, dict[str, str]]]:
    """Tags, texts and attributes, with the declarations of a style in the order of their names."""
    found = []
    for element in etree.fromstring(html, etree.HTMLParser()).iter(etree.Element):
        attributes = dict(element.attrib)
        style = re.sub(r"#(\w)\1(\w)\2(\w)\3\b", r"#\1\2\3", attributes.get("style", ""))
        style = re.sub(r"(?<![\d.])0px", "0", style)
        attributes["style"] = ";".join(sorted(part.replace(" ", "") for part in style.split(";")))
        found.append((element.tag, element.text or "", attributes))
    return found


def test_the_result_is_that_of_premailer_where_premailer_is_right() -> None:
    from premailer import Premailer

    marked = re.sub(
        r"<style(?=[ >])(?![^>]*data-premailer)", '<style data-premailer="ignore"', compile_mjml(LETTER)
    )
    plain = Premailer(
        css_text=CSS,
        allow_network=False,
        strip_important=False,
        disable_validation=True,
        disable_basic_attributes=["width", "height"],
        align_floating_images=False,
        cssutils_logging_level=logging.CRITICAL,
    ).transform(marked, pretty_print=False)
    plain = plain.replace(' data-premailer="ignore"', "")
    assert as_drawn(inline_styles(compile_mjml(LETTER), CSS)) == as_drawn(plain)


# ---------------------------------------------------------------- the outside

_watched: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is not None and event in ("open", "socket.connect", "socket.getaddrinfo", "urllib.Request"):
        _watched.append(f"{event} {arguments[0]!r}")


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The files that are opened and the hosts that are looked up meanwhile."""
    global _watched
    seen: list[str] = []
    _watched = seen
    try:
        yield seen
    finally:
        _watched = None


def test_nothing_is_fetched_and_no_file_is_read() -> None:
    address = "http://127.0.0.1:9/x.css"
    inline_styles(page("<p>x</p>"), CSS)  # premailer itself is imported
    outside = f"""<link rel="stylesheet" href="{address}"><link rel="stylesheet" href="file:///etc/hostname">
    <style>@import url({address});</style><style data-inline="inline">@import "{address}"; @import url(/etc/hostname);
    p {{ background: url({address}) }}</style>"""
    css = f'@import url({address}); @import "file:///etc/hostname"; p {{ background: url({address}) }} @font-face {{ src: url({address}) }}'
    with watched() as seen:
        premailer_rules(f"@import url({address});")  # not even if the check for it should fail
        html = inline_styles(page(f'<p>x</p>{outside}<img src="{address}">', outside), css)
    assert seen == []
    assert html.count(f'<link rel="stylesheet" href="{address}">') == 2
    with watched() as seen, pytest.raises(OSError):
        open("/nowhere")  # noqa: SIM115
    assert seen  # the watch is awake


def test_cssutils_is_silent_and_keeps_the_level_of_its_log(capfd: pytest.CaptureFixture[str]) -> None:
    import cssutils

    cssutils.log.setLevel(logging.INFO)
    check_inline_css("p { colr: red; color: rgb(0 0 0 / 50%); margin: } a:::b { } @foo;")
    inline_styles(page("<p>x</p>"), "p { colr: red; color: rgb(0 0 0 / 50%) } @foo;")
    assert logging.getLogger("CSSUTILS").level == logging.INFO
    assert capfd.readouterr() == ("", "")


def test_many_threads_get_what_one_gets() -> None:
    sheets = [f"p {{ margin: {number}px }} .a{number} b {{ color: red }}" for number in range(12)] * 3
    alone = [inline_styles(page(f'<p class="a1">{css}<b>x</b></p>'), css) for css in sheets]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda css: inline_styles(page(f'<p class="a1">{css}<b>x</b></p>'), css + " "), sheets)
        )
    assert together == alone


# ---------------------------------------------------------------- check_inline_css

TOLD = {
    "@import url(a.css);": "@import cannot go into an attribute and would be lost",
    "@font-face { font-family: A; src: url(a) }": "@font-face cannot go into an attribute and would be lost",
    "@keyframes a { from { color: red } }": "@keyframes cannot go into an attribute and would be lost",
    "@supports (display: grid) { p { color: red } }": "@supports cannot go",
    "@container (width > 1px) { p { color: red } }": "@container cannot go",
    "@layer a { p { color: red } }": "@layer cannot go",
    "@media print { p { color: red } }": "@media cannot go into an attribute and goes to <style>",
    "[data-ogsc] p { color: red }": "[data-ogsc] p matches nothing",
    "u + .body p { color: red }": "u + .body p matches nothing",
    "* { color: red }": "* would be lost",
    "p, .a * { color: red }": ".a * would be lost",
    "p:not(.a) { color: red }": "p:not(.a) cannot go into an attribute and goes to <style>",
    "li:nth-child(2) { color: red }": "li:nth-child(2) cannot go",
    "a:link, a { color: red }": "a:link cannot go",
    'a[href^="http:"] { color: red }': 'a[href^="http:"] cannot go',
    "p { color: rgb(0 0 0 / 50%) }": "color: rgb(0 0 0 / 50%) would be lost",
    "p { background: red; background: linear-gradient(red, blue) }": "only the last background of a rule is kept",
    ".a { color: red; .b { color: blue } }": "a rule inside a rule would be lost",
    "p { color red; margin: 0 }": "a declaration that cannot be read",
    ".a { color: red }; .b { color: red }": "; .b would be lost",
}


@pytest.mark.parametrize("css", TOLD)
def test_what_premailer_would_lose_is_told_and_stops_nothing(css: str) -> None:
    problems = check_inline_css("\n\n" + css, name="inline.css")
    assert any(problem.message.startswith(TOLD[css]) for problem in problems), problems
    assert {(problem.where, problem.line, problem.serious) for problem in problems} == {
        ("inline.css:3", 3, False)
    }
    assert "<p>" in inlined("<p>x</p>", css) or "<p style=" in inlined("<p>x</p>", css)


STOPS = {
    'p {}\na[href*=","] { color: red }': ("inline.css:2", "premailer cannot use the selector"),
    "p {}\n\np { color: red": None,  # CSS closes what the end of the file leaves open
    "p { color: red }\n}": ("inline.css:2", "CSS that cannot be read"),
    "p { color: red }\n.a .b": ("inline.css:2", "CSS that cannot be read"),
}


FINE = [
    "",
    "/* nothing */",
    '@charset "utf-8";',
    CSS,
    "p, h1 > a, .a .b, #c, td.d, [lang], h2 + p, h2 ~ p { color: red; margin: 0 auto; padding: 0 }",
    "td { mso-line-height-rule: exactly; -webkit-text-size-adjust: 100%; font-family: 'A B', serif }",
    "p { background: url('https://example.com/a.png') no-repeat; width: calc(100% - 20px) }",
    "li:first-child, li:last-child { margin: 0 }",
]


@pytest.mark.parametrize("css", FINE)
def test_there_is_nothing_to_say_about_what_premailer_inlines(css: str) -> None:
    assert check_inline_css(css) == ()


def test_problems_come_in_the_order_of_the_lines() -> None:
    css = '@import "a";\na[b*=","] { color: red }\n* { color: red }\np {\n  color: red;\n  color: blue;\n}'
    assert [(problem.line, problem.serious) for problem in check_inline_css(css, name="x")] == [
        (1, False),
        (2, True),
        (3, False),
        (6, False),
    ]
    assert check_inline_css("* { color: red }", name="x") == (
        CssProblem("x:1", 1, "* would be lost", "move it to head.css"),
    )


PARTS = [
    "a",
    ".b",
    "#c",
    "*",
    " ",
    ">",
    "+",
    "~",
    ",",
    '[href*=","]',
    "[a]",
    '["',
    "(",
    ")",
    ":not(p)",
    ":hover",
    "::before",
]
PARTS += [
    "{",
    "}",
    "color:red",
    ";",
    "!important",
    "@media screen",
    "@import url(x);",
    "<!--",
    "-->",
    "url(x)",
    '"',
    "'",
    "/*",
]
PARTS += [
    "*/",
    "\\",
    "é",
    "\n",
    "|",
    "$",
    "0",
    ":nth-child(2)",
    "{color:red}",
    "{margin:0 auto}",
    "{background:url(x)}",
]


@pytest.mark.parametrize("css", STOPS)
def test_what_premailer_would_fail_on_is_a_serious_problem_with_its_line(css: str) -> None:
    expected = STOPS[css]
    found = [(problem.where, problem.message) for problem in check_inline_css(css) if problem.serious]
    if expected is None:
        assert not found
        assert inlined("<p>x</p>", css) == '<p style="color:red">x</p>'
    else:
        assert found[0][0] == expected[0]
        assert found[0][1].startswith(expected[1])


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
@settings(max_examples=150, deadline=None)
def test_a_style_sheet_without_a_serious_problem_is_inlined(css: str) -> None:
    if not any(problem.serious for problem in check_inline_css(css)):
        inline_styles(page('<p id="c" style="color:blue">x<a href="y" class="b d">z</a></p>'), css)


def test_the_rules_of_mj_style_inline_are_taken_out() -> None:
    mjml = """<mjml lang="en"><mj-head><mj-style inline="inline">p { color: red }</mj-style></mj-head>
    <mj-body><mj-raw><p>x</p></mj-raw></mj-body></mjml>"""
    html, css = take_inline_sheets(compile_mjml(mjml))
    assert css == "p { color: red }"
    assert "data-inline" not in html
    assert '<p style="color:red">x</p>' in inline_styles(html, css)


def test_what_cannot_go_into_an_attribute_goes_to_the_head() -> None:
    html = inline_styles(page("<a>x</a>"), "a:hover { color: red }")
    assert "a:hover {color:red" in html.partition("<head>")[2].partition("</head>")[0]
    assert "<a>x</a>" in html


def test_the_doctype_stays() -> None:
    assert inline_styles("<!DOCTYPE html><html><body><p>x</p></body></html>", CSS).startswith(
        "<!DOCTYPE html>"
    )


def test_a_body_is_inlined_as_it_would_be_in_its_place() -> None:
    css = ".post p { color: red } .card .post > p { margin: 0 } td.post a { color: blue } .other p { color: green }"
    shell = '<div class="card"><table><tr><td class="post" style="padding:0">PLACE</td></tr></table></div>'
    body = '<p>One <a href="x">two</a></p><ul><li><p>three</p></li></ul>'
    around = tags_around(page(shell), frozenset({"PLACE"}))
    assert around == {"PLACE": '<html><body><div class="card"><table><tr><td class="post">'}
    apart = page(shell).replace("PLACE", inline_body(body, around["PLACE"], css))
    whole = inline_styles(page(shell.replace("PLACE", body)), css)
    assert body_of(apart) == body_of(whole)
    assert '<p style="color:red; margin:0">One' in apart
