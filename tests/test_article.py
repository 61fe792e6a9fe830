"""When two articles are the same, and the small texts around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.article import (
    Article,
    Known,
    canonical_url,
    content_digest,
    one_line,
    reading_minutes,
    text_of,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/post", "http://example.org/post"),
        ("https://example.org/post", "https://www.example.org/post/"),
        ("https://example.org/post", "https://EXAMPLE.org:443/post#comments"),
        ("https://example.org/post", "https://example.org/post?utm_source=feed&utm_medium=rss"),
        ("https://example.org/post/", "https://example.org/post/index.html"),
        ("https://example.org/?p=12", "https://example.org/?p=12&fbclid=abc"),
        ("https://example.org/caf%C3%A9", "https://example.org/café"),
        ("https://example.org", "https://example.org/"),
    ],
)
def test_two_addresses_of_one_page_are_equal(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/post", "https://example.org/Post"),
        ("https://example.org/?p=12", "https://example.org/?p=13"),
        ("https://example.org/a", "https://blog.example.org/a"),
        ("https://example.org:8080/a", "https://example.org/a"),
        ("https://example.org/?a=1&b=2", "https://example.org/?b=2&a=1"),
    ],
)
def test_addresses_of_different_pages_differ(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "text",
    ["", "mailto:a@example.org", "/post", "http://[::1", "https://example.org:port/", "javascript:alert(1)"],
)
def test_what_is_no_web_address_has_no_canonical_form(text: str) -> None:
    assert canonical_url(text) == ""


@given(st.text())
def test_any_text_can_be_asked_for_its_canonical_form(text: str) -> None:
    canonical_url(text)
    canonical_url(f"https://example.org/{text}")


BASE = Article(id="1", title="Tides", url="https://example.org/tides", html="<p>They come and go.</p>")


@pytest.mark.parametrize(
    ("article", "why"),
    [
        (
            Article(id="1", title="Renamed", url="https://example.org/new", html="<p>Rewritten.</p>"),
            "the same id",
        ),
        (
            Article(
                id="2",
                title="Renamed",
                url="http://www.example.org/tides/?utm_source=x",
                html="<p>Rewritten.</p>",
            ),
            "the same page",
        ),
        (
            Article(
                id="2",
                title="TIDES",
                url="https://example.org/moved",
                html="<div><p>They  come\nand go.</p></div>",
            ),
            "the same words",
        ),
    ],
)
def test_an_article_is_known_by_id_then_url_then_content(article: Article, why: str) -> None:
    assert article in Known([BASE]), why


@pytest.mark.parametrize(
    "article",
    [
        Article(id="2", title="Tides", url="https://example.org/other", html="<p>Another text.</p>"),
        Article(id="2"),
        Article(id="2", title="They come and go.", html=""),
    ],
)
def test_another_article_is_not_known(article: Article) -> None:
    assert article not in Known([BASE, Article(id="3")])


def test_an_article_without_words_has_no_content_digest() -> None:
    assert content_digest(Article(id="1", html="<p><img src='x'></p>")) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\r\nb\t c", "a b c"),
        ("a\u2028b\x00c", "a b c"),
        ("  ", ""),
        ("नमस्ते", "नमस्ते"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_one_line_is_one_line(before: str, after: str) -> None:
    assert one_line(before) == after


def test_text_of_html_is_its_words() -> None:
    assert text_of("<p>Salt &amp; pepper</p><p>3 &lt; 4</p>") == "Salt & pepper 3 < 4"


def test_reading_takes_a_minute_at_least_and_counts_characters_of_languages_without_spaces() -> None:
    assert reading_minutes("<p>Short.</p>") == 1
    assert reading_minutes(f"<p>{'word ' * 1150}</p>") == 5
    assert reading_minutes(f"<p>{'海' * 1500}</p>") == 3
