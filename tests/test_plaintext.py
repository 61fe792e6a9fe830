"""plaintext, columns, numerals: what a reader without HTML sees."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.render.columns import columns, wrapped
from newsletter.render.numerals import numeral
from newsletter.render.plaintext import PlainText, plain_text

FEEDS = Path(__file__).parent.parent.parent / "shared" / "real" / "feeds"


def lines(*texts: str) -> str:
    return "\n".join(texts)


# --- blocks -------------------------------------------------------------------------------------------------

BLOCKS = {
    "paragraphs": ("<p>One\n  two</p><p>three</p>", lines("One two", "", "three")),
    "bare text beside blocks": ("One <b>two</b><p>three</p>four", lines("One two", "", "three", "", "four")),
    "a line break": ("<p>One<br> two<br><br><br>three<br></p>", lines("One", "two", "", "three")),
    "an empty paragraph": ("<p>a</p><p>&nbsp;</p><p>&zwnj;&nbsp;&#847;</p><p>b</p>", lines("a", "", "b")),
    "headings": (
        "<h2>Über</h2><h3>Un<em>der</em></h3>",
        lines("Über", "====", "", "Under", "-----"),
    ),
    "a heading of wide characters": ("<h3>日本</h3>", lines("日本", "----")),
    "a heading of two lines": ("<h2>One<br>and two</h2>", lines("One", "and two", "=======")),
    "a heading of nothing": ("<h2> </h2><p>x</p>", "x"),
    "a rule": ("<p>a</p><hr><p>b</p>", lines("a", "", "* * *", "", "b")),
    "a quotation": (
        "<blockquote><p>a</p><blockquote>b</blockquote></blockquote>",
        lines("> a", ">", "> > b"),
    ),
    "nested lists": (
        "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>",
        lines("- a", "  - b", "- c"),
    ),
    "a list of paragraphs": (
        "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>",
        lines("- a", "", "  b", "", "- c"),
    ),
    "a list with a start": ('<ol start="9"><li>a</li><li>b</li></ol>', lines("9.  a", "10. b")),
    "a list with a value": (
        '<ol><li>a</li><li value="7">b</li><li>c</li></ol>',
        lines("1. a", "7. b", "8. c"),
    ),
    "a list downwards": ("<ol reversed><li>a</li><li>b</li></ol>", lines("2. a", "1. b")),
    "a list in letters": ('<ol type="A" start="26"><li>a</li><li>b</li></ol>', lines("Z.  a", "AA. b")),
    "a list in Roman numerals": (
        '<ol type="i" start="3"><li>a</li><li>b</li></ol>',
        lines("iii. a", "iv.  b"),
    ),
    "a list with a start that is no number": ('<ol start="x"><li>a</li></ol>', "1. a"),
    "text between the items of a list": ("<ul>a<li>b</li>c</ul>", lines("a", "- b", "c")),
    "an empty item": ("<ol><li>a</li><li></li><li>c</li></ol>", lines("1. a", "3. c")),
    "definitions": (
        "<dl><dt>T</dt><dd>a</dd><dd>b</dd><div><dt>U</dt><dd>c</dd></div></dl>",
        lines("T", "    a", "    b", "", "U", "    c"),
    ),
    "text between definitions": ("<dl>x<dt>T</dt>y</dl>", lines("x", "", "T", "", "y")),
    "code": ("<pre><code>\na\n  b  \n\n\nc\n</code></pre>", lines("    a", "      b", "", "", "    c")),
    "code with line breaks": ("<pre>a<br>  b</pre>", lines("    a", "      b")),
    "code that is long": ("<pre>" + "x y " * 40 + "z</pre>", "    " + "x y " * 40 + "z"),
    "code in an item": ("<ol><li>a<pre>b</pre></li></ol>", lines("1. a", "", "       b")),
    "a figure": (
        '<figure><img src="x.png" alt="A bench"><figcaption>In May</figcaption></figure>',
        lines("[Image: A bench]", "", "In May"),
    ),
    "a figure whose caption is its alt": (
        '<figure><img src="x.png" alt="A bench"><figcaption>A bench</figcaption></figure>',
        "A bench",
    ),
    "an image without alt": ('<p>a <img src="x.png" alt=""> b</p>', "a b"),
    "what is never shown": ("<style>p{}</style><script>x</script><p>a<!-- b --></p>", "a"),
}


@pytest.mark.parametrize(("html", "text"), BLOCKS.values(), ids=BLOCKS.keys())
def test_each_block_reads_as_a_person_would_type_it(html: str, text: str) -> None:
    assert plain_text(html).text == text


INLINE = {
    "powers": ("x<sup>2</sup> 10<sup>-3</sup> e<sup>ix</sup> 2<sup>k</sup>", "x² 10⁻³ e^(ix) 2^k"),
    "indices": ("H<sub>2</sub>O x<sub>max</sub>", "H₂O x_max"),
    "raised for looks": ("1<sup>st</sup> Acme<sup>TM</sup> a<sup>*</sup>", "1st AcmeTM a*"),
    "small print": ("<sub>This is a small line</sub>", "This is a small line"),
    "a note": ('word<sup><a href="#fn">1</a></sup> and<sup><a href="#fn">[2]</a></sup>', "word¹ and[2]"),
    "crossed out": ("<del>old</del> new", "~~old~~ new"),
    "quoted": ("say <q>yes</q>", "say “yes”"),
    "ruby": ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"),
    "a soft hyphen": ("News&shy;letter <wbr>a\ufeff", "Newsletter a"),
    "a line of Japanese that ends": ("日本\n  語", "日本語"),
    "a line of English that ends": ("one\n  two", "one two"),
    "control characters": ("a&#x1b;[0mb\u2028c", "a [0mb c"),
    "signs": ("3 &lt; 5 * 2 &amp; a_b_c #1", "3 < 5 * 2 & a_b_c #1"),
}


@pytest.mark.parametrize(("html", "text"), INLINE.values(), ids=INLINE.keys())
def test_each_mark_in_a_line_keeps_its_meaning(html: str, text: str) -> None:
    assert plain_text(f"<p>{html}</p>").text == text


# --- links --------------------------------------------------------------------------------------------------

LINKS = {
    "a link": ('<a href="https://e.org/a">text</a> b', "text [1] b", ["https://e.org/a"]),
    "its spaces": ('a<a href="https://e.org/a"> text </a>b', "a text [1] b", ["https://e.org/a"]),
    "twice": (
        '<a href="https://e.org">a</a> <a href="https://e.org">b</a>',
        "a [1] b [1]",
        ["https://e.org"],
    ),
    "text is the URL": ('<a href="https://e.org/">https://e.org</a>', "https://e.org", []),
    "text is another URL": (
        '<a href="https://e.org/x">https://e.org</a>',
        "https://e.org [1]",
        ["https://e.org/x"],
    ),
    "an address": ('<a href="mailto:A%2bb@e.org">a+b@e.org</a>', "a+b@e.org", []),
    "an address with a subject": (
        '<a href="mailto:a@e.org?subject=x">a@e.org</a>',
        "a@e.org [1]",
        ["mailto:a@e.org?subject=x"],
    ),
    "a telephone": ('<a href="tel:+4912">+49 12</a>', "+49 12", []),
    "a place in the page": ('<a href="#top">up</a>', "up", []),
    "a script": ('<a href="javascript:x">up</a>', "up", []),
    "a linked image": (
        '<a href="https://e.org/"><img src="x" alt="Lab"></a>',
        "[Image: Lab] [1]",
        ["https://e.org/"],
    ),
    "a linked image without alt": (
        '<a href="https://e.org/"><img src="x" alt=""></a>',
        "[Image] [1]",
        ["https://e.org/"],
    ),
    "an image linked to its large self": (
        '<a href="https://e.org/x.jpg?w=9"><img src="x" alt=""></a>',
        "",
        [],
    ),
    "a whole card": (
        '<a href="https://e.org/"><h3>Title</h3><p>Text</p></a>',
        "Title [1]\n---------\n\nText",
        ["https://e.org/"],
    ),
    "code as a link": ('<a href="https://e.org/"><pre>x</pre></a>', "    x\n\n[1]", ["https://e.org/"]),
    "a raised link": ('a<sup><a href="https://e.org/">3</a></sup>', "a³ [1]", ["https://e.org/"]),
}


@pytest.mark.parametrize(("html", "body", "links"), LINKS.values(), ids=LINKS.keys())
def test_links_are_numbered_where_they_stand_and_listed_once(html: str, body: str, links: list[str]) -> None:
    assert plain_text(html) == PlainText(body, tuple(links))


def test_the_list_of_links_stands_below_the_text() -> None:
    html = '<p><a href="https://e.org/a">a</a> <a href="https://e.org/b">b</a></p>'
    assert plain_text(html).text == "a [1] b [2]\n\n[1] https://e.org/a\n[2] https://e.org/b"


def test_the_number_of_a_link_never_begins_a_line() -> None:
    for size in range(40, 80):
        text = plain_text(f'<p>{"x" * size} <a href="https://e.org">text</a> more words of the text</p>').body
        assert all(not line.startswith("[") for line in text.split("\n"))


# --- tables -------------------------------------------------------------------------------------------------

TABLES = {
    "columns": (
        "<table><tr><th>Name</th><th>N</th></tr><tr><td>Alpha</td><td>1</td></tr></table>",
        lines("Name   N", "-----  -", "Alpha  1"),
    ),
    "without a head": (
        "<table><tr><td>Name</td><td>N</td></tr><tr><td>Alpha</td><td>1</td></tr></table>",
        lines("Name   N", "Alpha  1"),
    ),
    "wide characters": (
        "<table><tr><td>日本</td><td>1</td></tr><tr><td>ab</td><td>2</td></tr></table>",
        lines("日本  1", "ab    2"),
    ),
    "an empty column": (
        "<table><tr><td>a</td><td> </td><td>b</td></tr><tr><td>c</td><td></td><td>d</td></tr></table>",
        lines("a  b", "c  d"),
    ),
    "a cell over two rows": (
        '<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>',
        lines("a  b", "   c"),
    ),
    "a cell over two columns": (
        '<table><tr><td colspan="2">spanning</td></tr><tr><td>a</td><td>b</td></tr></table>',
        lines("spanning", "a  b"),
    ),
    "a caption": (
        "<table><caption>C</caption><tr><td>a</td><td>b</td></tr></table>",
        lines("C", "", "a  b"),
    ),
    "one column is layout": ("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>", lines("a", "", "b")),
    "lists are layout": (
        "<table><tr><td><ul><li>a</li></ul></td><td>b</td></tr></table>",
        lines("- a", "", "b"),
    ),
    "code keeps its lines": (
        "<table><tr><td><pre>1\n2</pre></td><td><pre>a\nb</pre></td></tr></table>",
        lines("    1", "    2", "", "    a", "    b"),
    ),
    "a table in a table": (
        "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>",
        "a  b",
    ),
}


@pytest.mark.parametrize(("html", "text"), TABLES.values(), ids=TABLES.keys())
def test_tables_stand_in_columns_and_layout_does_not(html: str, text: str) -> None:
    assert plain_text(html).text == text


def test_a_table_too_wide_is_written_row_by_row() -> None:
    row = f"<tr><td>{'long ' * 9}</td><td>{'wide ' * 9}</td><td>c</td></tr>"
    text = plain_text(f"<table>{row}{row}</table>").text
    assert text.startswith("long long")
    assert " | wide" in text
    assert "| c\n\nlong" in text
    assert all(columns(line) <= 72 for line in text.split("\n"))


@pytest.mark.parametrize(
    "attribute", ['colspan="0"', 'colspan="999999999"', 'rowspan="-1"', 'rowspan="999999999"']
)
def test_a_table_with_absurd_spans_is_still_small(attribute: str) -> None:
    html = "<table>" + f"<tr><td {attribute}>a</td><td>b</td></tr>" * 50 + "</table>"
    assert len(plain_text(html).text) < 10_000


# --- columns and lines --------------------------------------------------------------------------------------

COLUMNS = {
    "abc": 3,
    "é": 1,
    "e\u0301": 1,
    "日本": 4,
    "ｶﾅ": 2,
    "한글": 4,
    "\u1112\u1161\u11ab": 2,
    "👍🏽": 2,
    "👨\u200d👩\u200d👧": 2,
    "❤\ufe0f": 2,
    "1\ufe0f\u20e3": 2,
    "🇩🇪": 2,
    "→": 1,
    "שָׁלוֹם": 4,
    "नि": 2,
    "क्\u200dष": 2,
}


@pytest.mark.parametrize(("text", "count"), COLUMNS.items())
def test_a_text_takes_the_columns_a_terminal_gives_it(text: str, count: int) -> None:
    assert columns(text) == count


def test_japanese_is_wrapped_without_spaces_and_no_line_begins_with_a_full_stop() -> None:
    text = "名前はまだ無い。「どこで」生れたか、とんと見当がつかぬ。" * 10
    for width in range(20, 73):
        rows = wrapped(text, width)
        assert "".join(rows) == text
        assert all(columns(row) <= width for row in rows)
        assert not any(row[0] in "。、」" or row[-1] == "「" for row in rows)


LEFT_ALONE = [
    "https://example.org/" + "a-very-long-path/" * 9,
    "https://example.org/" + "x" * 100 + "をご覧",
    "pneumono" * 20,
    "a\u00a0b" * 40,
]


@pytest.mark.parametrize("word", LEFT_ALONE)
def test_a_long_word_is_never_broken(word: str) -> None:
    first = word.split("を")[0]
    assert first in [line[: len(first)] for line in wrapped(f"see {word} there", 40)]


def test_korean_is_wrapped_at_its_spaces() -> None:
    words = ["안녕하세요"] * 30
    assert " ".join(wrapped(" ".join(words), 40)).split() == words


def test_right_to_left_text_keeps_its_order() -> None:
    text = "שלום עולם "
    assert plain_text(f"<p dir='rtl'>{text * 20}</p>").text.split() == (text * 20).split()


def test_emoji_stay_whole() -> None:
    family = "👨\u200d👩\u200d👧"
    rows = wrapped(family * 60, 21)
    assert len(rows) == 6
    assert all(row.replace(family, "") == "" for row in rows)


@pytest.mark.parametrize(
    ("number", "style", "text"),
    [(4, "I", "IV"), (1999, "i", "mcmxcix"), (0, "i", "0"), (28, "a", "ab"), (-1, "A", "-1"), (5, "", "5")],
)
def test_numerals(number: int, style: str, text: str) -> None:
    assert numeral(number, style) == text


# --- properties ---------------------------------------------------------------------------------------------

_WORDS = st.lists(st.text("abcxyzäßñλж", min_size=1, max_size=12), min_size=1, max_size=25).map(" ".join)
_INLINE = st.recursive(
    _WORDS.map(lambda words: f" {words} "),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
        st.sampled_from(["b", "em", 'a href="https://e.org/x"', "code", "span", "del", "q"]),
        st.lists(inner, max_size=3),
    ).map(lambda html: re.sub(r"</a [^>]*>", "</a>", html)),
    max_leaves=4,
)
_BLOCK = st.recursive(
    _INLINE.map(lambda html: f"<p>{html}</p>"),
    lambda inner: st.builds(
        lambda form, parts: form.replace("*", "".join(parts)),
        st.sampled_from(
            [
                "<div>*</div>",
                "<ul><li>*</li><li>*</li></ul>",
                '<ol start="8"><li>*</li></ol>',
                "<blockquote>*</blockquote>",
                "<table><tr><td>*</td><td>*</td></tr></table>",
                "<dl><dt>*</dt><dd>*</dd></dl>",
                "<figure>*<figcaption>*</figcaption></figure>",
                '<a href="https://e.org/y">*</a>',
                "<h3>*</h3>",
                "<pre>*</pre>",
            ]
        ),
        st.lists(inner | _INLINE, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def seen_words(text: str) -> list[str]:
    return re.findall(r"[^\W\d]+", text)


@settings(max_examples=150, deadline=None)
@given(st.lists(_BLOCK, max_size=4).map("".join), st.sampled_from([20, 40, 72]))
def test_no_word_is_lost_and_none_changes_its_place(html: str, width: int) -> None:
    body = plain_text(html, width=width).body
    assert seen_words(body) == seen_words(re.sub("<[^>]*>", " ", html))


@settings(max_examples=150, deadline=None)
@given(st.lists(_BLOCK, max_size=4).map("".join), st.sampled_from([20, 72]))
def test_lines_are_tidy(html: str, width: int) -> None:
    text = plain_text(html, width=width).text
    assert text == text.strip("\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    if "<pre>" not in html:
        assert "\n\n\n" not in text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.integers(min_value=1, max_value=30))
def test_any_text_is_wrapped_without_loss(text: str, width: int) -> None:
    text = "".join(c for c in text if c != "\x01")
    assert "".join("".join(wrapped(text, width)).split()) == "".join(text.split())


_TAGS = ("p", "ul", "li", "table", "tr", "td", "a href=x", "pre", "br", "sup", "dl", "dd")
_SCRAPS = ("<", "&", "&#x1f;", "&#xd800;", "\x00", "word", "日", "\u2028", "\ud800", "<!--", "-->")
_SOUP = st.lists(
    st.sampled_from(_TAGS).map("<{}>".format)
    | st.sampled_from(_TAGS).map("</{}>".format)
    | st.sampled_from(_SCRAPS)
    | st.text(max_size=5),
    max_size=30,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(_SOUP)
def test_no_markup_raises_or_leaves_control_characters(html: str) -> None:
    text = plain_text(html).text
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]


@pytest.mark.parametrize("tag", ["blockquote", "span", "ul><li", "table><tr><td", "sup", "a href=x", "pre"])
@pytest.mark.parametrize("depth", [90, 500, 5000])
def test_words_are_kept_at_any_depth(tag: str, depth: int) -> None:
    assert seen_words(plain_text(f"<{tag}>" * depth + "word").body) == ["word"]
    assert "after" in plain_text("<div>" * depth + "word" + "</div>" * depth + " after").body


# --- real feeds ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not FEEDS.is_dir(), reason="the real feeds are not here")
def test_real_posts_lose_no_word_and_no_long_line_but_code_and_urls() -> None:
    import feedparser
    import nh3

    bodies = [
        nh3.clean((entry.get("content") or [{"value": entry.get("summary", "")}])[0]["value"])
        for path in sorted(FEEDS.glob("*.*s*"))
        for entry in feedparser.parse(path.read_bytes(), sanitize_html=False).entries
    ]
    assert len(bodies) > 20
    for html in bodies:
        body = plain_text(html).body
        for line in body.split("\n"):
            assert (
                columns(line) <= 72
                or line.lstrip("> ").startswith("    ")
                or line.startswith("    ")
                or " " not in line.strip("> -")
            )
        shown = iter(unicodedata.normalize("NFKC", "".join(body.split())))
        plain = re.sub(r"<[^>]*>|&\w+;|\s", "", html)
        assert all(letter in shown for letter in unicodedata.normalize("NFKC", plain) if letter.isalnum())
