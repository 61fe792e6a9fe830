"""Merge fields: whatever a recipient is called, it stands in the email as a word and as nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import html5lib
import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.articles.sanitize import sanitize
from newsletter.errors import ThemeError
from newsletter.issues.words import words_html
from newsletter.render.merge import (
    LINKS,
    Context,
    Field,
    Fields,
    Mark,
    Slot,
    Subscriber,
    Template,
    escape,
    stamp,
)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--><![endif]--><script>alert(1)</script><!--",
    "</title></style></textarea><b>",
    "]]><!DOCTYPE x><?php",
    "javascript:alert(1)",
    "x\r\nBcc: evil@example.com",
    "x\u2028y\u2029z\x85\x00\x0b\x1b[31m",
    "{{7*7}} {% include '/etc/passwd' %} ${x}",
    "\u202emoc.elpmaxe\u202c\u2066x\u2069",
    "&lt;b&gt; &amp;",
    "\udce9\ud800",
    "x" * 1000,
    "<" * 1000,
    "",
    " \n ",
]


def filled(html: str, value: str, name: str = "subscriber.x", fallback: str = "") -> str:
    """`html` with `value` wherever it says `@`."""
    fields = Fields([html])
    source = html.replace("@", fields.sentinel(Field(name, fallback)))
    return fields.split_html(source, where="t").fill({name: value})


CONTEXTS = [
    ("<p>Dear @,</p>", Context.HTML),
    ("@", Context.HTML),
    ("<title>For @</title>", Context.HTML),
    ("<textarea>@</textarea>", Context.HTML),
    ("<!--[if mso]><td>@</td><![endif]-->", Context.HTML),
    ("<!--[if !mso]><!--><td>@</td><!--<![endif]-->", Context.HTML),
    ("<!--[if (gte mso 9)|(IE)]><p>a</p><![endif]--><p>@</p>", Context.HTML),
    ('<!-- a comment with <tags title="> --><p>@</p>', Context.HTML),
    ("<style>p > a { color: red }</style>@", Context.HTML),
    ('<p title="a > b">@</p>', Context.HTML),
    ("3 &lt; 4 @", Context.HTML),
    ('<img alt="Hello @!">', Context.ATTRIBUTE),
    ("<img alt='@'>", Context.ATTRIBUTE),
    ('<img alt = "@">', Context.ATTRIBUTE),
    ('<a title="href=" alt="@">', Context.ATTRIBUTE),
    ('<!--[if mso]><v:rect alt="@"><![endif]-->', Context.ATTRIBUTE),
    ('<input value="@"/>', Context.ATTRIBUTE),
    ('<a href="@">x</a>', Context.LINK),
    ("<A HREF=' @ '>x</A>", Context.LINK),
    ('<a href="@?utm=x">x</a>', Context.LINK),
    ('<td background="@">', Context.LINK),
    ('<!--[if mso]><v:roundrect href="@"><![endif]-->', Context.LINK),
    ('<use xlink:href="@">', Context.LINK),
    ('<a href="https://example.com/?u=@">x</a>', Context.URL),
    ('<a href="https://example.com/@/x">x</a>', Context.URL),
    ('<img src="https://example.com/open/@.gif">', Context.URL),
    ("<a href=\"javascript:x('@')\">x</a>", Context.URL),
]


@pytest.mark.parametrize(("html", "context"), CONTEXTS)
def test_a_merge_field_knows_where_it_stands(html: str, context: Context) -> None:
    fields = Fields([html])
    template = fields.split_html(html.replace("@", fields.mark("subscriber.x").__html__()), where="t")
    assert [slot.context for slot in template.slots] == [context]


@pytest.mark.parametrize(
    "html",
    [
        "<style>.@ { color: red }</style>",
        "<style media=screen>p { color: @ }",
        "<STYLE>@</STYLE>",
        "<!--[if mso]><style>@</style><![endif]-->",
        "<script>var x = '@'</script>",
        "<script>@",
        "<!-- @ -->",
        "<!-- @",
        "<!--[if @]><p>x</p><![endif]-->",
        '<p style="color: @">',
        '<p style="background: url(@)">',
        "<p onclick=\"f('@')\">",
        '<iframe srcdoc="@">',
        "<p class=@>",
        "<p @>",
        '<p data-@="x">',
        "<@>",
        "<p></p@>",
        "<x@>",
        "<!doctype @>",
    ],
)
def test_where_no_escaping_helps_the_build_fails(html: str) -> None:
    with pytest.raises(ThemeError, match="stands where no text of a recipient can stand") as caught:
        filled(html, "x")
    assert "subscriber.x" in caught.value.message
    assert caught.value.where == "t"


@pytest.mark.parametrize(
    ("context", "value", "expected"),
    [
        (Context.TEXT, "Tom & <Jerry>", "Tom & <Jerry>"),
        (Context.TEXT, "a\r\n-- \r\nb", "a -- b"),
        (Context.HEADER, "x\r\nBcc: e@example.com", "x Bcc: e@example.com"),
        (Context.HEADER, "a\u2028b\x00c\x85d\udce9e", "a b c d e"),
        (Context.HTML, "Tom & <Jerry>", "Tom &amp; &lt;Jerry&gt;"),
        (Context.HTML, "\u202eabc", "abc"),
        (Context.HTML, "Zoë 🎉 نرگس\u200cها", "Zoë 🎉 نرگس\u200cها"),
        (Context.ATTRIBUTE, "\"x\" 'y'", "&quot;x&quot; &#x27;y&#x27;"),
        (Context.URL, "a b&c=d/../é?#", "a%20b%26c%3Dd%2F..%2F%C3%A9%3F%23"),
        (Context.URL, "javascript:alert(1)", "javascript%3Aalert%281%29"),
        (Context.LINK, "https://example.com/?a=1&b=%20", "https://example.com/?a=1&amp;b=%20"),
        (
            Context.LINK,
            "mailto:a@example.com?subject=unsubscribe%20b%40example.com",
            "mailto:a@example.com?subject=unsubscribe%20b%40example.com",
        ),
        (Context.LINK, 'https://example.com/"><b>', "https://example.com/&quot;&gt;&lt;b&gt;"),
        (Context.LINK, "javascript:alert(1)", "https://example.com/fallback"),
        (Context.LINK, "java\nscript:alert(1)", "https://example.com/fallback"),
        (Context.LINK, "\x01javascript:alert(1)", "https://example.com/fallback"),
        (Context.LINK, "data:text/html,x", "https://example.com/fallback"),
        (Context.LINK, "//evil.example", "https://example.com/fallback"),
        (Context.LINK, "", "https://example.com/fallback"),
    ],
)
def test_a_value_is_escaped_for_its_place(context: Context, value: str, expected: str) -> None:
    slot = Slot(Field("subscriber.x", "https://example.com/fallback"), context)
    assert escape(slot, {"subscriber.x": value}) == expected


def test_a_fallback_is_escaped_as_a_value_is() -> None:
    assert filled("<p>@</p>", "", fallback='Ä "b" <i>') == "<p>Ä &quot;b&quot; &lt;i&gt;</p>"
    assert filled('<a href="@">x</a>', "", fallback="javascript:alert(1)") == '<a href="">x</a>'
    assert (
        filled('<a href="https://example.com/@">x</a>', "", fallback="ä/b")
        == '<a href="https://example.com/%C3%A4%2Fb">x</a>'
    )


def test_a_value_of_blanks_is_no_value() -> None:
    assert filled("<p>@</p>", " \t\u2028 ", fallback="there") == "<p>there</p>"
    assert filled("<p>@</p>", " a ", fallback="there") == "<p>a</p>"


def test_an_unknown_value_is_empty() -> None:
    assert Template(("a", Slot(Field("subscriber.y"), Context.TEXT), "b")).fill({}) == "ab"


PAGE = """<!DOCTYPE html><html><head><title>@</title><!--[if mso]><xml><x>@</x></xml><![endif]-->
<style>p > b {}</style></head><body title='@'><p>@</p><!--[if mso | IE]><table><tr><td bgcolor="@">@<![endif]-->
<p>a<a href="@" title="@">@</a> <a href="https://example.com/@?x=@#@">b</a><img alt="@" src="@"></p>
<!--[if !mso]><!--><textarea>@</textarea><!--<![endif]--><table><tr><td>@</td></tr></table>@</body></html>"""


def structure(html: str) -> list[object]:
    """Every element and comment of `html` with its depth and the names of its attributes, in order."""

    def walk(node: object, depth: int) -> Iterator[object]:
        tag = node.tag if isinstance(node.tag, str) else "comment"  # type: ignore[attr-defined]
        yield depth, tag, sorted(node.attrib)  # type: ignore[attr-defined]
        for child in node:  # type: ignore[attr-defined]
            yield from walk(child, depth + 1)

    return list(walk(html5lib.parse(html, namespaceHTMLElements=False), 0))


def as_outlook(html: str) -> str:
    """`html` as Outlook for Windows reads it: its conditional comments opened."""
    return re.sub(r"<!--\[if (?!!)[^\]]*\]>|<!\[endif\]-->", "", html)


@given(st.one_of(st.text(), st.text(alphabet="<>\"'&-![]=/ax:;\r\n\0\u2028"), st.sampled_from(HOSTILE[:-4])))
@example("-->")
@example("--!>")
@example("<![endif]-->")
def test_no_value_changes_the_structure_of_the_page(value: str) -> None:
    page = filled(PAGE, value)
    assert structure(page) == structure(filled(PAGE, "x"))
    assert structure(as_outlook(page)) == structure(as_outlook(filled(PAGE, "x")))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_only_a_word(value: str) -> None:
    page = filled(PAGE, value)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    words = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    assert tree.find(".//title").text == (words or None)
    assert tree.find(".//p").text == (words or None)
    assert not tree.findall(".//script")
    links = [
        element.attrib[name]
        for element in tree.iter()
        for name in ("href", "src")
        if name in getattr(element, "attrib", {})
    ]
    assert all(link == "" or link.startswith("https://example.com/") for link in links)
    header = Slot(Field("subscriber.x"), Context.HEADER)
    assert escape(header, {"subscriber.x": value}).isprintable()
    page.encode()


def test_a_value_of_100_kilobytes_takes_no_time() -> None:
    started = time.process_time()
    assert len(filled(PAGE, "<é " * 33_000)) > 1_000_000
    assert time.process_time() - started < 2


@given(
    st.lists(
        st.one_of(st.text(max_size=20), st.sampled_from(["subscriber.a", "unsubscribe_url"])), max_size=12
    )
)
def test_text_split_and_filled_is_the_text(words: list[str]) -> None:
    fields = Fields(words)
    text = "|".join(
        fields.sentinel(Field(word)) if word in ("subscriber.a", "unsubscribe_url") else word
        for word in words
    )
    template = fields.split(text, Context.TEXT)
    assert template.fill({"subscriber.a": "A", "unsubscribe_url": "U"}) == "|".join(
        {"subscriber.a": "A", "unsubscribe_url": "U"}.get(word, word) for word in words
    )
    assert len(template.slots) == sum(word in ("subscriber.a", "unsubscribe_url") for word in words)


# Nothing from outside is a sentinel.


def forgeries(fields: Fields) -> list[str]:
    real = fields.sentinel(Field("unsubscribe_url"))
    return [real, real.lower(), real.upper(), "NLM0Z0zunsubscribe_urlQ", "NLM00000000z0Q"]


@pytest.mark.parametrize("number", range(5))
def test_an_article_that_holds_a_sentinel_of_another_build_stays_as_it_is(number: int) -> None:
    text = f"See {forgeries(Fields(['the issue as it was before']))[number]} there."
    fields = Fields(["the issue as it was before", text])
    fields.sentinel(Field("unsubscribe_url"))
    fields.check_printed(text, where="t")
    assert fields.split(text, Context.TEXT).fill({"unsubscribe_url": "https://example.com"}) == text
    assert fields.split_html(f"<p>{text}</p>", where="t").slots == ()


@pytest.mark.parametrize("cut", ["<b>", "</b> <i>", " ", "\n", "x"])
@pytest.mark.parametrize("at", range(1, len("NLM00000000z0Q")))
def test_a_sentinel_cannot_be_put_together_from_parts_that_join_in_the_text_part(cut: str, at: int) -> None:
    first = Fields().sentinel(Field("unsubscribe_url"))
    article = first[:at] + cut + first[at:]
    fields = Fields([article])
    fields.sentinel(Field("unsubscribe_url"))
    assert fields.split(article.replace(cut, ""), Context.TEXT).slots == ()


@given(st.lists(st.text()))
def test_the_stamp_is_eight_digits_that_occur_in_none_of_the_texts(texts: list[str]) -> None:
    made = stamp(texts)
    assert re.fullmatch(r"[0-9]{8}", made)
    assert not any(made in text for text in texts)
    assert stamp([*texts, made]) != made
    assert stamp([*texts, "an edit"]) == made


# In a template.


def rendered(template: str, *, autoescape: bool = True, name: str = "Zoë") -> str:
    """What `template` makes for a subscriber called `name`."""
    fields = Fields([template])
    environment = ImmutableSandboxedEnvironment(autoescape=autoescape, undefined=jinja2.StrictUndefined)
    environment.filters["fallback"] = lambda value, words: value.fallback(words)
    links = {link: fields.mark(link) for link in LINKS}
    page = environment.from_string(template).render(subscriber=Subscriber(fields), plain="plain", **links)
    fields.check_printed(page, where="t")
    values = {"subscriber.first_name": name, "unsubscribe_url": "https://example.com/u?a=1&b=2"}
    made = fields.split_html(page, where="t") if autoescape else fields.split(page, Context.TEXT)
    return made.fill(values)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Dear {{ subscriber.first_name }}", "Dear Zoë"),
        ("Dear {{ subscriber['first_name'] }}", "Dear Zoë"),
        ("{{ subscriber.first_name }}{{ subscriber.first_name }}", "ZoëZoë"),
        ('<a href="{{ unsubscribe_url }}">x</a>', '<a href="https://example.com/u?a=1&amp;b=2">x</a>'),
        ('{{ subscriber.city | fallback("your town") }}', "your town"),
        ("{{ subscriber.city | fallback('a \"b\" & <c> ä') }}", "a &quot;b&quot; &amp; &lt;c&gt; ä"),
        ('{{ subscriber.city | fallback("one\n two") }}', "one two"),
        ("{{ subscriber.city.fallback('x') }}", "x"),
        ("{% set words %}a & b{% endset %}{{ subscriber.city | fallback(words) }}", "a &amp; b"),
        ("{{ 'Dear ' ~ subscriber.first_name ~ '!' }}", "Dear Zoë!"),
        ("{{ '%s!' % subscriber.first_name }}", "Zoë!"),
        ("{{ 'Dear {}'.format(subscriber.first_name) }}", "Dear Zoë"),
        ("{{ [subscriber.first_name, plain] | join(', ') }}", "Zoë, plain"),
        ("{{ subscriber.first_name | e }}", "Zoë"),
        ("{{ subscriber.first_name | safe }}", "Zoë"),
        ("{{ subscriber.first_name | string }}", "Zoë"),
        ("{% set name = subscriber.first_name %}{{ name }}", "Zoë"),
        ("{% set name = subscriber.first_name %}unused", "unused"),
        (
            "{% set words %}Dear {{ subscriber.first_name }}{% endset %}{{ words }}{{ words }}",
            "Dear ZoëDear Zoë",
        ),
        ("{% macro a(x) %}<b>{{ x }}</b>{% endmacro %}{{ a(subscriber.first_name) }}", "<b>Zoë</b>"),
        (
            "<a href='https://example.com/?n={{ subscriber.first_name | urlencode }}'>x</a>",
            "<a href='https://example.com/?n=Zo%C3%AB'>x</a>",
        ),
    ],
)
def test_a_template_prints_a_merge_field(template: str, expected: str) -> None:
    assert rendered(template) == expected


@pytest.mark.parametrize(
    "template", ["Dear {{ subscriber.first_name }}", "{{ 'Dear ' ~ subscriber.first_name }}"]
)
def test_the_text_part_is_not_escaped(template: str) -> None:
    assert rendered(template, autoescape=False, name="Tom & <Jerry>") == "Dear Tom & <Jerry>"
    assert rendered(template, name="Tom & <Jerry>") == "Dear Tom &amp; &lt;Jerry&gt;"


@pytest.mark.parametrize(
    "template",
    [
        "{{ subscriber.first_name | upper }}",
        "{{ subscriber.first_name | lower }}",
        "{{ subscriber.first_name | title }}",
        "{{ subscriber.first_name | capitalize }}",
        "{{ subscriber.first_name | replace('N', 'M') }}",
        "{{ subscriber.first_name | string | reverse }}",
        "{{ unsubscribe_url | replace('z', '') }}",
        "{% set name = subscriber.first_name | upper %}unused",
        "{% set name = 'Dear ' ~ subscriber.first_name %}unused",
        "{{ subscriber.first_name | upper }} {{ subscriber.first_name }}",
    ],
)
@pytest.mark.parametrize("autoescape", [True, False])
def test_a_merge_field_that_a_filter_changes_fails_the_build(template: str, autoescape: bool) -> None:
    with pytest.raises(ThemeError, match="was changed or dropped by the template") as caught:
        rendered(template, autoescape=autoescape)
    assert "print it plainly" in caught.value.hint


@pytest.mark.parametrize(
    "template",
    [
        "{% if subscriber.first_name %}x{% endif %}",
        "{{ subscriber.first_name or 'there' }}",
        "{{ subscriber.first_name and 'there' }}",
        "{% if not unsubscribe_url %}x{% endif %}",
        "{% if subscriber.first_name == 'Zoë' %}x{% endif %}",
        "{% if 'Zoë' == subscriber.first_name %}x{% endif %}",
        "{% if subscriber.first_name != '' %}x{% endif %}",
        "{% if subscriber.age > 18 %}x{% endif %}",
        "{% if subscriber.first_name in ['Zoë'] %}x{% endif %}",
        "{% if 'Z' in subscriber.first_name %}x{% endif %}",
        "{{ subscriber.first_name | length }}",
        "{{ subscriber.first_name | truncate(5, True) }}",
        "{{ subscriber.first_name | list }}",
        "{{ subscriber.first_name | first }}",
        "{{ subscriber.age | int }}",
        "{{ subscriber.age | float }}",
        "{{ subscriber.age + 1 }}",
        "{{ 'x' + subscriber.first_name }}",
        "{{ subscriber.age * 2 }}",
        "{{ subscriber.first_name[0] }}",
        "{{ subscriber.first_name[:3] }}",
        "{{ subscriber.first_name.upper() }}",
        "{{ subscriber.first_name() }}",
        "{% for c in subscriber.first_name %}{{ c }}{% endfor %}",
    ],
)
def test_a_question_about_a_merge_field_is_an_error_that_says_why(template: str) -> None:
    with pytest.raises(ThemeError, match="is filled for each recipient, after the build") as caught:
        rendered(template)
    assert "fallback" in caught.value.hint


@pytest.mark.parametrize(
    "template",
    [
        "{{ subscriber }}",
        "{% if subscriber %}x{% endif %}",
        "{% for x in subscriber %}x{% endfor %}",
        "{{ subscriber ~ 'x' }}",
    ],
)
def test_the_subscriber_alone_is_no_text(template: str) -> None:
    with pytest.raises(ThemeError, match="has no text of its own"):
        rendered(template)


@pytest.mark.parametrize("name", ["First", "é", "a b", "1x", "", 'x"'])
def test_an_attribute_with_an_odd_name_is_refused(name: str) -> None:
    with pytest.raises(ThemeError, match="a subscriber has no attribute"):
        getattr(Subscriber(Fields()), name)


@pytest.mark.parametrize("words", [5, None, ["x"], Mark(Fields(), Field("x"))])
def test_a_fallback_that_is_no_text_is_refused(words: object) -> None:
    with pytest.raises(ThemeError, match="takes a text"):
        Mark(Fields(), Field("x")).fallback(words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "template",
    [
        "{{ subscriber._fields }}",
        "{{ subscriber.first_name._fields }}",
        "{{ '{0._fields}'.format(subscriber.first_name) }}",
    ],
)
def test_a_template_does_not_reach_behind_a_merge_field(template: str) -> None:
    with pytest.raises((jinja2.exceptions.SecurityError, jinja2.UndefinedError, ThemeError)):
        rendered(template)


# After the template.


def test_a_merge_field_lost_or_doubled_on_the_way_is_named() -> None:
    fields = Fields()
    page = f"<p>{fields.mark('web_url')}</p>"
    before = fields.count(page)
    fields.check_kept(before, page, where="t")
    for after in ("<p></p>", page * 2, page.lower()):
        with pytest.raises(ThemeError, match=r"\{\{ web_url \}\}") as caught:
            fields.check_kept(before, after, where="t")
        assert caught.value.where == "t"


def test_what_was_printed_is_asked_for_once_in_each_template() -> None:
    fields = Fields()
    fields.check_printed(str(fields.mark("web_url")), where="issue.mjml")
    fields.check_printed("a text part without it", where="text.txt")


# The editor's own words.


def written(text: str, values: dict[str, str] | None = None) -> str:
    fields = Fields([text])
    return fields.split(fields.written(text), Context.TEXT).fill(values or {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear {{ subscriber.first_name }},", "Dear Zoë,"),
        ("Dear {{subscriber.first_name}},", "Dear Zoë,"),
        ('Dear {{ subscriber.nick | fallback("friend") }},', "Dear friend,"),
        ("Dear {{ subscriber.nick|fallback('friend') }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(&quot;friend&quot;) }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(&#34;friend&#34;) }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(&#39;friend&#39;) }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(&#x27;friend&#x27;) }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(“friend”) }},", "Dear friend,"),
        ("Dear {{ subscriber.nick | fallback(„Freund“) }},", "Dear Freund,"),
        ("Dear {{ subscriber.nick | fallback(«ami») }},", "Dear ami,"),
        ('{{ subscriber.nick | fallback("R&amp;D’s &lt;b&gt;") }}', "R&D’s <b>"),
        ('{{ subscriber.nick | fallback("it\'s") }}', "it's"),
        ('{{ subscriber.nick | fallback("") }}', ""),
        ('{{ subscriber.nick | fallback("a)") }} and {{ subscriber.nick | fallback("b") }}', "a) and b"),
        ("{{ unsubscribe_url }} {{ web_url }}", "https://example.com/u "),
    ],
)
def test_the_editors_words_hold_merge_fields(text: str, expected: str) -> None:
    assert (
        written(text, {"subscriber.first_name": "Zoë", "unsubscribe_url": "https://example.com/u"})
        == expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ 7*7 }}",
        "{{ subscriber }}",
        "{{ subscriber.First }}",
        "{{ subscriber.first_name | upper }}",
        "{{ subscriber.first_name.x }}",
        "{{ subscriber._fields }}",
        "{{ config }}",
        "{% if subscriber.x %}",
        "{{ unsubscribe }}",
        "{ unsubscribe_url }",
        '{{ subscriber.x | fallback("a }}',
        "{{ subscriber.x | fallback(a) }}",
        '{{ subscriber.x | fallback("a <b>x</b>") }}',
        "{# web_url #}",
        "",
    ],
)
def test_other_braces_are_left_alone(text: str) -> None:
    assert written(text) == text
    assert Fields([text]).written_html(text) == text


@given(st.text(alphabet="{}| subcrie.x_url'\"()fallback"))
def test_any_words_can_be_read_for_merge_fields(text: str) -> None:
    written(text)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>[leave]({{ unsubscribe_url }})</p>", '<p><a href="https://example.com/u">leave</a></p>'),
        (
            "<p>[<strong>leave</strong> us]({{unsubscribe_url}}).</p>",
            '<p><a href="https://example.com/u"><strong>leave</strong> us</a>.</p>',
        ),
        ("<p>Dear {{ subscriber.first_name }}</p>", "<p>Dear Zoë</p>"),
        ("<p>[a](b) [c] {{ unsubscribe_url }}</p>", "<p>[a](b) [c] https://example.com/u</p>"),
        ("<p>[a <em>b](</em>{{ unsubscribe_url }})</p>", "<p>[a <em>b](</em>https://example.com/u)</p>"),
        ("<p><em>[a</em>]({{ unsubscribe_url }})</p>", "<p><em>[a</em>](https://example.com/u)</p>"),
        ("<p>[a]({{ subscriber.first_name }})</p>", "<p>[a](Zoë)</p>"),
    ],
)
def test_a_link_to_a_merge_field_in_the_editors_words_is_a_link(html: str, expected: str) -> None:
    fields = Fields([html])
    values = {"unsubscribe_url": "https://example.com/u", "subscriber.first_name": "Zoë"}
    assert fields.split_html(fields.written_html(html), where="t").fill(values) == expected


READER = {
    "unsubscribe_url": "https://example.com/u?a=1&b=2",
    "web_url": "https://example.com/w",
    "subscriber.email": "a+b@example.com",
    "subscriber.first_name": "Zoë",
}


def written_by_the_editor(markdown: str, values: dict[str, str] = READER) -> str:
    fields = Fields([markdown])
    return fields.split_html(fields.written_html(words_html(markdown)), where="t").fill(values)


@pytest.mark.parametrize(
    "markdown",
    [
        "[leave]({{ unsubscribe_url }})",
        "[leave]({{unsubscribe_url}})",
        "[leave](<{{ unsubscribe_url }}>)",
        '<a href="{{ unsubscribe_url }}">leave</a>',
        "<a href='{{unsubscribe_url}}'>leave</a>",
        "[leave](%7B%7B%20unsubscribe_url%20%7D%7D)",
        "[leave][l]\n\n[l]: {{ unsubscribe_url }}",
    ],
)
def test_the_editor_may_link_to_a_merge_field_in_any_way(markdown: str) -> None:
    assert written_by_the_editor(markdown) == '<p><a href="https://example.com/u?a=1&amp;b=2">leave</a></p>'


@pytest.mark.parametrize(
    ("markdown", "address"),
    [
        ("[x](https://e.org/?e={{ subscriber.email }}&b=1)", "https://e.org/?e=a%2Bb%40example.com&amp;b=1"),
        ("[x](<https://e.org/?e={{ subscriber.email }}>)", "https://e.org/?e=a%2Bb%40example.com"),
        ('<a href="https://e.org/{{ subscriber.email }}">x</a>', "https://e.org/a%2Bb%40example.com"),
        ('[x](<https://e.org/?e={{ subscriber.no | fallback("a b") }}>)', "https://e.org/?e=a%20b"),
        ("<a href=\"https://e.org/?e={{ subscriber.no|fallback('a&b') }}\">x</a>", "https://e.org/?e=a%26b"),
        (
            "[x](mailto:a@e.org?subject=leave%20{{ subscriber.email }})",
            "mailto:a@e.org?subject=leave%20a%2Bb%40example.com",
        ),
        ("[x](https://e.org/%7B%7B%20no%20%7D%7D)", "https://e.org/%7B%7B%20no%20%7D%7D"),
    ],
)
def test_a_merge_field_may_be_a_part_of_an_address(markdown: str, address: str) -> None:
    assert written_by_the_editor(markdown) == f'<p><a href="{address}">x</a></p>'


def test_a_bare_address_with_a_merge_field_is_a_link() -> None:
    assert written_by_the_editor("See https://e.org/?e={{ subscriber.email }} now") == (
        '<p>See <a href="https://e.org/?e=a%2Bb%40example.com">https://e.org/?e=a+b@example.com</a> now</p>'
    )


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[x]({{ nothing }}), [*y*]({{ config.name }})", "<p>x, <em>y</em></p>"),
        ("[x](https://{{ subscriber.email }}/)", "<p>x</p>"),
        ('<a href="javascript:{{ web_url }}">x</a>', "<p>x</p>"),
        ("Dear {{ subscriber.first_name }} ({{ subscriber.first_name }})", "<p>Dear Zoë (Zoë)</p>"),
        ("{{ nothing }} and { brackets }", "<p>{{ nothing }} and { brackets }</p>"),
    ],
)
def test_a_link_to_anything_else_is_left_as_its_words(markdown: str, expected: str) -> None:
    assert written_by_the_editor(markdown) == expected


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_of_a_recipient_gets_out_of_an_editors_link(value: str) -> None:
    html = written_by_the_editor(
        "[x](https://e.org/?e={{ subscriber.x }}) [y]({{ subscriber.x }})", {"subscriber.x": value}
    )
    links = html5lib.parseFragment(html, namespaceHTMLElements=False).findall(".//a")
    assert [link.text for link in links] == ["x", "y"]
    assert all(set(link.attrib) == {"href"} for link in links)
    assert links[0].get("href").startswith("https://e.org/?e=")
    assert links[1].get("href") == ""


@given(st.text(alphabet="[](){}<>|\"'/:%7BD a.subscriber_web_url\n", max_size=60))
@example("[x]({{ web_url }})({{web_url}}>)")
def test_any_words_of_the_editor_can_be_read(markdown: str) -> None:
    written_by_the_editor(markdown)


@pytest.mark.parametrize(
    "html",
    [
        '<p><a href="{{ unsubscribe_url }}">leave</a></p>',
        '<p><a href="%7B%7B%20unsubscribe_url%20%7D%7D">leave</a></p>',
    ],
)
def test_in_an_article_a_link_to_a_merge_field_is_its_words(html: str) -> None:
    assert sanitize(html) == "<p>leave</p>"


def test_the_sanitiser_keeps_merge_fields_in_the_editors_words() -> None:
    html = '<p>Dear {{ subscriber.first_name | fallback("R&amp;D") }}, [leave]({{ unsubscribe_url }})</p>'
    fields = Fields([html])
    assert len(fields.split_html(fields.written_html(sanitize(html)), where="t").slots) == 2
