"""Plain text as a post: head, blocks, line breaks, links; and that no word is ever lost."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, text_of
from newsletter.articles.byline import parse_byline
from newsletter.articles.sanitize import sanitize
from newsletter.articles.text import html_of_text, parse_text
from newsletter.errors import SourceError

BODY = "These are the words of the post, long enough to be nothing else than a paragraph of text.\n"
LONG = "This paragraph stands on one line, as it is copied from a page, and so it is longer than any line that was wrapped by a program: "


def article(text: str) -> Article:
    (only,) = parse_text(text).articles
    return only


def html(text: str) -> str:
    """The HTML on one line, to compare."""
    return html_of_text(text).replace("\n", "")


# ---- the head


def test_a_paste_from_a_blog_is_read_as_its_author_meant_it() -> None:
    reading = parse_text(
        "The Garden Blog\n\nHow We Built a Bench\n\nWritten by A. Writer | Nov 25, 2019 11:17:54 PM\n\n"
        "It was cold, and we\nhad no plan at all.\n\nWhy a bench\n\nBecause of the river, and because one was missing there.\n"
    )
    (post,) = reading.articles
    assert (reading.title, post.title, post.author) == (
        "The Garden Blog",
        "How We Built a Bench",
        "A. Writer",
    )
    assert post.published == datetime(2019, 11, 25, 23, 17, 54, tzinfo=UTC)
    assert post.html == (
        "<p>It was cold, and we<br>had no plan at all.</p><h2>Why a bench</h2>"
        "<p>Because of the river, and because one was missing there.</p>"
    )


DAY = datetime(2024, 5, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "author", "published"),
    [
        ("Written by A. Writer | May 3, 2024", "A. Writer", DAY),
        ("Posted by A. Writer on 3 May 2024", "A. Writer", DAY),
        ("By A. Writer, May 3rd, 2024", "A. Writer", DAY),
        ("by A. Writer on May 3, 2024", "A. Writer", DAY),
        ("By A. Writer and B. Writer, Senior Editor", "A. Writer and B. Writer, Senior Editor", None),
        ("By the editors", "the editors", None),
        ("A. Writer · May 3, 2024 · 5 min read", "A. Writer", DAY),
        ("A. Writer, 3 May 2024", "A. Writer", DAY),
        ("2024-05-03 | A. Writer", "A. Writer", DAY),
        ("Published May 3, 2024 by The editors", "The editors", DAY),
        ("Posted on: 2024/05/03 by webteam", "webteam", DAY),
        ("Friday, May 3, 2024 — 3 comments", "", DAY),
        ("Author: A. Writer", "A. Writer", None),
        ("Date: 2024-05-03", "", DAY),
        ("*By A. Writer*", "A. Writer", None),
        ("Von Einer Autorin am 3. Mai 2024", "Einer Autorin", DAY),
        ("Veröffentlicht am 3. Mai 2024 von der Redaktion", "der Redaktion", DAY),
        ("3. Mai 2024 | Lesezeit: ca. 5 Minuten", "", DAY),
        ("Par Une Autrice, le 3 mai 2024", "Une Autrice", DAY),
        ("Publié le 3 mai 2024 par Une Autrice", "Une Autrice", DAY),
        ("Por Una Autora | 3 de mayo de 2024 | 4 minutos de lectura", "Una Autora", DAY),
        ("Di Un Autore, 3 maggio 2024", "Un Autore", DAY),
    ],
)
def test_bylines_are_known_in_many_spellings(line: str, author: str, published: datetime | None) -> None:
    post = article(f"A Title\n\n{line}\n\n{BODY}")
    assert (post.title, post.author, post.published) == ("A Title", author, published)
    assert post.html == f"<p>{BODY.strip()}</p>"


@pytest.mark.parametrize(
    "line",
    [
        "By the time we had arrived, it was dark.",
        "By 2030, all benches will be electric",
        "Photo by A. Writer",
        "I was there on May 3, 2024",
        "Updated every day",
        "The 3 May movement",
        "10/11/2024",
    ],
)
def test_a_sentence_is_no_byline(line: str) -> None:
    assert not parse_byline(line)
    assert text_of(article(f"A Title\n\n{line}\n\n{BODY}").html).startswith(line)


@pytest.mark.parametrize(
    ("head", "site", "title", "above"),
    [
        ("A Title", "", "A Title", ""),
        ("A Site\n\nA Title", "A Site", "A Title", ""),
        ("A Site\nA Title", "A Site", "A Title", ""),
        (
            "A Title\n\nA sentence that says more about it.",
            "",
            "A Title",
            "A sentence that says more about it.",
        ),
        (
            "A Site\n\nA Title\n\nA sentence that says more.",
            "A Site",
            "A Title",
            "A sentence that says more.",
        ),
        ("A Site\n\nBenches\n\nA Title", "A Site", "A Title", "Benches"),
        ("A Site\n\n# A Title", "A Site", "A Title", ""),
        ("A Title\n=======", "", "A Title", ""),
        ("Title: A Title", "", "A Title", ""),
        ("May 3, 2024\n\nA Title", "", "A Title", ""),
        (
            "A title that is so long that the program which wrapped it had to\nuse two lines",
            "",
            "A title that is so long that the program which wrapped it had to use two lines",
            "",
        ),
    ],
)
def test_what_stands_above_the_byline_is_site_title_and_subtitle(
    head: str, site: str, title: str, above: str
) -> None:
    reading = parse_text(f"{head}\n\nWritten by A. Writer\nMay 3, 2024\n\n{BODY}")
    (post,) = reading.articles
    assert (reading.title, post.title, post.author) == (site, title, "A. Writer")
    assert text_of(post.html) == f"{above} {BODY}".strip()


def test_what_a_byline_says_beside_name_and_date_stays() -> None:
    post = article(f"A Title\n\nBy A. Writer | Gardening | May 3, 2024\n\n{BODY}")
    assert (post.author, post.html) == ("A. Writer", f"<p>Gardening</p><p>{BODY.strip()}</p>")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (f"A Title\n\n{BODY}", "A Title"),
        (f"# A Title\n{BODY}", "A Title"),
        (f"A Title\n---\n{BODY}", "A Title"),
        (f"By Popular Demand\n\n{BODY}", "By Popular Demand"),
        (f"We did it!\n\n{BODY}", "We did it!"),
        (f"A Title\n{LONG}{BODY}", "A Title"),
        (f"東京の春\n\n{BODY}", "東京の春"),
        (f"Dear readers,\n\n{BODY}", ""),
        (f"Hello everyone!\n\n{BODY}", ""),
        (f"It was a cold day.\n\n{BODY}", ""),
        (f"- an item\n- another\n\n{BODY}", ""),
        (f"https://example.com/\n\n{BODY}", ""),
        (f"Roses are red,\nviolets are blue\n\n{BODY}", ""),
        (BODY, ""),
        ("Hello world", ""),
    ],
)
def test_without_a_byline_only_a_short_line_on_its_own_is_a_title(text: str, title: str) -> None:
    assert article(text).title == title


def test_a_diary_keeps_its_later_dates() -> None:
    post = article(f"A Diary\n\nMay 3, 2024\n\n{BODY}\nMay 4, 2024\n\n{BODY}")
    assert post.published == DAY
    assert text_of(post.html).count("May 4, 2024") == 1


def test_the_same_text_has_the_same_id_whatever_its_line_ends() -> None:
    ids = {
        article(text).id
        for text in ("A\n\nb c.\n", "A\r\n\r\nb c.\r\n", "\ufeffA  \n\nb c.\n\n", "A\u2028\u2028b c.")
    }
    assert len(ids) == 1
    assert ids != {article("A\n\nb d.\n").id}


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff", "\x00"])
def test_a_text_with_nothing_in_it_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match="the pasted text: it is empty"):
        parse_text(text, where="the pasted text")


# ---- the body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # paragraphs and line breaks
        ("One.\n\nTwo.", "<p>One.</p><p>Two.</p>"),
        ("a < b & c > d", "<p>a &lt; b &amp; c &gt; d</p>"),
        (
            "This paragraph was wrapped by a program at some seventy columns, as\nmail programs do, and it goes on here and\n",
            "<p>This paragraph was wrapped by a program at some seventy columns, as mail programs do, and it goes on here and</p>",
        ),
        ("Roses are red,\n  violets are blue,\nsugar is sweet.", "<p>Roses are red,<br>violets are blue,<br>sugar is sweet.</p>"),
        ("The Publisher\nSome Street 12\n12345 Town", "<p>The Publisher<br>Some Street 12<br>12345 Town</p>"),
        (f"{LONG}one.\n{LONG}two.", f"<p>{LONG}one.</p><p>{LONG}two.</p>"),
        ("昔々、ある所にお爺さんとお婆さんが住んでいました。お爺さんは山へ\n柴刈りに行きました。", "<p>昔々、ある所にお爺さんとお婆さんが住んでいました。お爺さんは山へ柴刈りに行きました。</p>"),
        (
            "This paragraph was wrapped by hand, so that its lines are not even, and\nthe second of them ends a little\nbefore it must, as one can see from here.",
            "<p>This paragraph was wrapped by hand, so that its lines are not even, and the second of them ends a little<br>before it must, as one can see from here.</p>",
        ),
        (
            "This paragraph was wrapped by hand, so that its lines are uneven, and\nthe second of them ends a little before it must, and it\nis clear that the sentence goes on from there.",
            "<p>This paragraph was wrapped by hand, so that its lines are uneven, and the second of them ends a little before it must, and it is clear that the sentence goes on from there.</p>",
        ),
        ("There is a word at the end of this line which is hyphen-\nated, as one sees.", "<p>There is a word at the end of this line which is hyphen-ated, as one sees.</p>"),
        ("    Only the first line is indented here, as in a book or in a novel,\nand the others are not.", "<p>Only the first line is indented here, as in a book or in a novel, and the others are not.</p>"),
        # lists
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("• a\n• b", "<ul><li>a</li><li>b</li></ul>"),
        ("* a\n\n* b", "<ul><li>a</li><li>b</li></ul>"),
        ("- a\n  - b\n  - c\n- d", "<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>"),
        ("1. a\n   - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
        ("1) a\n2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("(1) a\n(2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("1. a\n1. b", "<ol><li>a</li><li>b</li></ol>"),
        ("a) x\nb) y", '<ol type="a"><li>x</li><li>y</li></ol>'),
        ("i. x\nii. y\niii. z", '<ol type="i"><li>x</li><li>y</li><li>z</li></ol>'),
        ("- an item that goes on\n  in the next line\n- b", "<ul><li>an item that goes on in the next line</li><li>b</li></ul>"),
        ("- a\n\n  more of a\n\n- b", "<ul><li><p>a</p><p>more of a</p></li><li>b</li></ul>"),
        ("We need:\n- wood\n- nails\nThat is all.", "<p>We need:</p><ul><li>wood</li><li>nails</li></ul><p>That is all.</p>"),
        ("[ ] is no box\n- [ ] to do\n- [x] done", "<p>[ ] is no box</p><ul><li>☐ to do</li><li>☑ done</li></ul>"),
        # no lists
        ("* a footnote", "<p>* a footnote</p>"),
        ("2019. A good year.", "<p>2019. A good year.</p>"),
        ("10. x\n9. y\n8. z", "<p>10. x<br>9. y<br>8. z</p>"),
        ("A. Writer wrote.\nC. Writer too.", "<p>A. Writer wrote.<br>C. Writer too.</p>"),
        ("To be or not to be.\n- A poet", "<p>To be or not to be.<br>- A poet</p>"),
        # quotes, code, rules, tables
        ("> a\n> b\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
        ("> a\n>> b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"),
        ("“Less is\nmore.”\n— A poet", "<blockquote><p>“Less is<br>more.”</p><p>— A poet</p></blockquote>"),
        ("See:\n\n    x = 1\n\n    y = f(x)\n\nDone.", "<p>See:</p><pre>x = 1y = f(x)</pre><p>Done.</p>"),
        ("```python\nif a < b:\n    c\n```\nText", '<pre><code class="language-python">if a &lt; b:    c</code></pre><p>Text</p>'),
        ("```\nnever closed", "<p>```<br>never closed</p>"),
        (">>> 1 + 1\n2", "<pre>&gt;&gt;&gt; 1 + 1\n2</pre>".replace("\n", "")),
        ("a\n\n* * *\n\nb", "<p>a</p><hr><p>b</p>"),
        ("A\tB\n1\t2", "<table><tr><td>A</td><td>B</td></tr><tr><td>1</td><td>2</td></tr></table>"),
        ("| A | B |\n|---|---|\n| 1 | 2 |", "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"),
        ("Name     Age\nBench    12", "<pre>Name     AgeBench    12</pre>"),
        # headings
        (f"Why a bench\n\n{BODY}", f"<h2>Why a bench</h2><p>{BODY.strip()}</p>"),
        (f"1. Introduction\n\n{BODY}", f"<h2>1. Introduction</h2><p>{BODY.strip()}</p>"),
        (f"THE RIVER\n{BODY}", f"<h2>THE RIVER</h2><p>{BODY.strip()}</p>"),
        (f"What Now?\n\n{BODY}", f"<h2>What Now?</h2><p>{BODY.strip()}</p>"),
        (f"## Why\n{BODY}", f"<h2>Why</h2><p>{BODY.strip()}</p>"),
        (f"C #\n===\n{BODY}", f"<h2>C #</h2><p>{BODY.strip()}</p>"),
        # no headings
        (f"Yes, of course,\n\n{BODY}", f"<p>Yes, of course,</p><p>{BODY.strip()}</p>"),
        (f"Photo by A. Writer\n\n{BODY}", f"<p>Photo by A. Writer</p><p>{BODY.strip()}</p>"),
        (f"and so on\n\n{BODY}", f"<p>and so on</p><p>{BODY.strip()}</p>"),
        (f"The river\n\nThe bench\n\nThe tree\n\n{BODY}", f"<p>The river</p><p>The bench</p><p>The tree</p><p>{BODY.strip()}</p>"),
        ("Love\n\nThe editors", "<p>Love</p><p>The editors</p>"),
        ("The End", "<p>The End</p>"),
        ("#1 in the charts", "<p>#1 in the charts</p>"),
        ("# a comment\n# and more", "<p># a comment<br># and more</p>"),
    ],
)  # fmt: skip
def test_plain_text_means_what_a_reader_sees(text: str, expected: str) -> None:
    assert html(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a.", '<a href="https://example.com/a">https://example.com/a</a>.'),
        ("(https://example.com/a_(b))", '(<a href="https://example.com/a_(b)">https://example.com/a_(b)</a>)'),
        ("<https://example.com/?a=1&b=2>", '<a href="https://example.com/?a=1&amp;b=2">https://example.com/?a=1&amp;b=2</a>'),
        ("www.example.com, too", '<a href="https://www.example.com">www.example.com</a>, too'),
        ("us@example.com!", '<a href="mailto:us@example.com">us@example.com</a>!'),
        ("[words](https://example.com/)", '<a href="https://example.com/">words</a>'),
        ("`a*b*c` and **bold**", "<code>a*b*c</code> and <strong>bold</strong>"),
        ("„https://example.com“", '„<a href="https://example.com">https://example.com</a>“'),
        # left alone
        ("a*b*c, snake_case, 2 ** 3 ** 4", "a*b*c, snake_case, 2 ** 3 ** 4"),
        ("https:// www. @here a@b", "https:// www. @here a@b"),
        ("[words](javascript:alert(1))", "[words](javascript:alert(1))"),
        ("it's `quoted'", "it's `quoted'"),
        ('"><script>x</script>', '"&gt;&lt;script&gt;x&lt;/script&gt;'),
    ],
)  # fmt: skip
def test_addresses_become_links_and_the_rest_stays_as_it_is(text: str, expected: str) -> None:
    assert html(text) == f"<p>{expected}</p>"


def test_a_text_that_is_indented_as_a_whole_is_not_code() -> None:
    assert html("    One.\n\n    Two.\n") == "<p>One.</p><p>Two.</p>"


@pytest.mark.parametrize(
    "text",
    [
        "```a\n" * 20_000,
        "a\n# b\n" * 10_000,
        "    a\n\n" * 10_000 + "    b\nx",
        "* a\n- b\n" * 10_000,
        "1. a\n3. b\n" * 10_000,
        ">" * 50_000,
        "# a" + " " * 100_000 + "b",
        "https://a" + ")" * 50_000,
        "**a " * 20_000,
        "word " * 10_000 + "\nword" * 10_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    html_of_text(text)
    assert time.process_time() - started < 5


WORDS = st.sampled_from([
    *["bench", "The", "River,", "goes.", "on", "über", "東京", "1984", "NOW", "why?", "don't", "🎉", "\u200dz"],
    *["https://example.com/x_y", "a@example.com", "**bold**", "`code`", "x<y", "&amp;", "<b>", "“said”", "[a](https://example.com/)"],
])  # fmt: skip
SIGNS = st.sampled_from([
    *["", "", "", "", "- ", "* ", "• ", "1. ", "2. ", "7) ", "a) ", "b) ", "# ", "### ", "> ", ">> ", "    ", "  ", "\t", "– "],
    *[">>> ", "  - ", "   1. ", "[ ] ", "By ", "Written by ", "May 3, 2024 | ", "| "],
])  # fmt: skip
LINES = st.builds(
    lambda sign, words, gap: sign + gap.join(words),
    SIGNS,
    st.lists(WORDS, max_size=14),
    st.sampled_from([" ", " ", "    ", "\t"]),
)
RULES = st.sampled_from(["", "", "---", "===", "***", "```", "```python", "|---|---|"])
TEXTS = st.lists(LINES | RULES, max_size=14).map("\n".join)


def words_of(text: str) -> set[str]:
    """Words of two letters or more: what is shorter may be the sign of a list."""
    return set(re.findall(r"[^\W\d_]{2,}", text))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_word_of_a_body_is_lost(text: str) -> None:
    assert words_of(text) <= words_of(unescape(html_of_text(text)))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_word_of_a_post_is_lost(text: str) -> None:
    try:
        reading = parse_text(text)
    except SourceError:
        assert not words_of(text.replace("python", ""))
        return
    (post,) = reading.articles
    kept = " ".join([reading.title, post.title, post.author, unescape(post.html)])
    lost = words_of(text) - words_of(kept) - {"python"}
    assert lost <= {"By", "Written", "by", "May", "on"}
    assert "May" not in lost or post.published or "on" in lost


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | TEXTS)
def test_whatever_the_text_the_html_is_safe_already(text: str) -> None:
    body = html_of_text(text)
    assert text_of(sanitize(body)) == text_of(sanitize(sanitize(body)))
    assert not re.search(
        r"<(?!/?(?:p|h[2-6]|ul|ol|li|blockquote|pre|code|a|strong|table|tr|t[dh]|hr|br)\b)", body
    )
