"""Excerpts: cut at a paragraph or a sentence, never inside a tag or a word."""

from __future__ import annotations

import re

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.article import text_of
from newsletter.articles.sanitize import sanitize
from newsletter.render.excerpt import excerpt

SENTENCES = "<p>One fine morning it began. It went on until noon. Then it stopped.</p>"


@pytest.mark.parametrize(
    ("html", "characters", "expected"),
    [
        (SENTENCES, 52, "<p>One fine morning it began. It went on until noon.</p>"),
        (SENTENCES, 40, "<p>One fine morning it began.</p>"),
        (SENTENCES, 10, "<p>One fine…</p>"),
        (SENTENCES + "<p>More.</p>", 70, SENTENCES),
        (
            "<p>Dr. No met J. R. Smith, e.g. in Rome. Then he left the town again.</p>",
            60,
            "<p>Dr. No met J. R. Smith, e.g. in Rome.</p>",
        ),
        (
            "<p>It was 3.5 m long, i.e. enormous, or so they said then</p>",
            30,
            "<p>It was 3.5 m long, i.e…</p>",
        ),
        ('<p>He said: "Come in." She came in and sat down.</p>', 30, '<p>He said: "Come in."</p>'),
        ("<p>今日は学校へ行きました。それから家に帰りました。</p>", 28, "<p>今日は学校へ行きました。</p>"),
        ("<p>今日は学校へ行きましたが、それから家に帰りました</p>", 15, "<p>今日は学校へ行…</p>"),
        ("<p>ذهبت إلى المدرسة؟ ثم عدت إلى البيت في المساء.</p>", 25, "<p>ذهبت إلى المدرسة؟</p>"),
        (
            "<p>a <b>very <i>long</i> bold</b> text, indeed</p>",
            23,
            "<p>a <b>very <i>long</i> bold</b> text…</p>",
        ),
        (
            '<p>See <a href="https://example.com/">the whole long story</a> here</p>',
            15,
            '<p>See <a href="https://example.com/">the whole…</a></p>',
        ),
        ("<p>Incomprehensibilities</p>", 5, "<p>Incomprehensibilities</p>"),
        (SENTENCES + "<h2>Next</h2><p>" + "Words and words. " * 20 + "</p>", 72, SENTENCES),
        (SENTENCES + "<p>As follows:</p><table><tr><td>1</td></tr></table>", 200, SENTENCES),
        (
            SENTENCES + '<p>Like this:</p><p><img src="https://example.com/a.png"></p><p>More words.</p>',
            200,
            SENTENCES,
        ),
        (SENTENCES + "<pre>code</pre><p>More.</p>", 200, SENTENCES),
        (SENTENCES + "<p><strong>TL;DR</strong></p><ul><li>" + "x " * 90 + "</li></ul>", 90, SENTENCES),
        ('<figure><img src="https://example.com/a.png"></figure>' + SENTENCES, 200, SENTENCES),
        (
            SENTENCES + "<ul><li>one</li><li>two</li><li>three and more</li></ul>",
            80,
            SENTENCES + "<ul><li>one</li><li>two</li></ul>",
        ),
        ("<table><tr><td>North</td><td>wind</td></tr></table>", 100, "<p>North wind</p>"),
        (
            "bare <b>words</b> here and<p>a paragraph that is long</p>",
            25,
            "<p>bare <b>words</b> here and</p>",
        ),
        ("", 100, ""),
    ],
)
def test_an_excerpt_is_the_beginning_that_makes_sense(html: str, characters: int, expected: str) -> None:
    found = excerpt(html, characters)
    assert found.html == expected
    assert found.is_cut == (found.html != html)


@pytest.mark.parametrize(
    "html", [SENTENCES, "<p>A &amp; B &lt;i&gt;</p>", "bare words", "<ul><li>a</li></ul>"]
)
def test_what_fits_is_left_as_it_is(html: str) -> None:
    assert excerpt(html, 1000) == excerpt(html, 70)
    assert excerpt(html, 1000).html == html
    assert not excerpt(html, 1000).is_cut


BLOCKS = st.sampled_from(
    [
        "<p>{}</p>",
        "<h2>{}</h2>",
        "<ul><li>{}</li><li>x</li></ul>",
        "<blockquote><p>{}</p></blockquote>",
        "<pre>{}</pre>",
        "{}",
    ]
    + [
        "<table><tr><td>{}</td></tr></table>",
        "<p>a <b>{}</b> c</p>",
        '<p><a href="https://example.com/">{}</a></p>',
        "<hr>",
    ]
)
WORDS = st.text(st.sampled_from("abc. ABC!? 日本。(\"') \u05d0&lt;"), max_size=60)


@given(st.lists(st.tuples(BLOCKS, WORDS), max_size=8), st.integers(1, 200))
def test_any_body_is_cut_to_sound_markup_whose_words_are_its_own(
    parts: list[tuple[str, str]], characters: int
) -> None:
    html = sanitize("".join(block.format(words) for block, words in parts))
    found = excerpt(html, characters)
    if not found.html:
        assert not text_of(html)
        return
    tree = lxml.html.fragment_fromstring(found.html, create_parent="div")
    assert (
        "".join(lxml.html.tostring(child, encoding="unicode") for child in tree) == found.html
        or not tree.getchildren()
    )
    words = re.sub(r"\s", "", tree.text_content().rstrip("…"))
    assert (
        found.html == html
        or re.sub(r"\s", "", text_of(html)).startswith(words)
        or words in re.sub(r"\s", "", text_of(html))
    )
    longest = max((len(word) for word in text_of(html).split()), default=0)
    assert not found.is_cut or len(text_of(found.html)) <= characters + longest + 1
