"""Pages of many makes become the article that a reader sees, with what they state about it."""

from __future__ import annotations

import random
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.page import looks_like_page, parse_page
from newsletter.errors import SourceError

PAGES = sorted((Path(__file__).parent / "pages").glob("*.html"))


def expected_of(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_gives_its_article_and_what_it_states(path: Path) -> None:
    about = expected_of(path)
    expected = about["expected"]
    reading = parse_page(path.read_bytes(), url=about.get("url", ""), where=path.name)
    (article,) = reading.articles
    stated = {
        "title": article.title,
        "address": article.url,
        "author": article.author,
        "summary": article.summary,
        "image": article.image.url if article.image else "",
        "tags": list(article.tags),
        "language": article.language,
        "site": reading.title,
    }
    assert {key: stated[key] for key in stated if key in expected} == {
        key: expected[key] for key in stated if key in expected
    }
    published = expected.get("published")
    assert article.published == (datetime.fromisoformat(published) if published else None)
    body = lxml.html.fragment_fromstring(article.html or "<p></p>", create_parent="div")
    assert "".join(body.text_content().split()) == "".join(expected["text"].split())
    assert [image.get("src") for image in body.iter("img")] == expected.get("images", [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture|image"),
        (b'{"a": 1}', "JSON"),
        (b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title></channel></rss>', "feed"),
        (b"<!DOCTYPE html><html><body><div id=app></div><script>x()</script></body></html>", "JavaScript"),
        (b"<html><body><p>" + b"x" * (10 * 1024 * 1024 + 1), "10 MB"),
    ],
)
def test_what_is_no_readable_page_is_an_error_in_words(body: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=f"(?i){message}") as caught:
        parse_page(body, url="https://example.org/a", where="https://example.org/a")
    assert caught.value.where == "https://example.org/a"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<!DOCTYPE html><title>x</title>", "", True),
        (b"\xef\xbb\xbf<!-- c --><html>", "", True),
        (b"<p>only a piece of a page</p>", "", False),
        (b"# Markdown\n\nwith <b>a tag</b>", "", False),
        (b'<?xml version="1.0"?><rss></rss>', "", False),
    ],
)
def test_a_page_is_known_by_what_it_holds(body: bytes, content_type: str, expected: bool) -> None:
    assert looks_like_page(body, content_type) is expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252", "iso-8859-15"])
def test_the_encoding_is_found(encoding: str) -> None:
    words = "Über die Brücke, ein Café und zwölf Möwen, sehr früh am Morgen. " * 20
    page = f'<!DOCTYPE html><html><head><meta charset="{encoding}"><title>Möwen</title></head><body><article><h1>Möwen</h1><p>{words}</p></article></body></html>'
    (article,) = parse_page(page.encode(encoding), url="https://example.org/a").articles
    assert article.title == "Möwen"
    assert "zwölf Möwen" in article.html


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_damaged_page_is_a_reading_or_an_error_in_words(seed: int) -> None:
    dice = random.Random(seed)
    body = bytearray(dice.choice(PAGES).read_bytes())
    for _ in range(dice.randint(1, 12)):
        start = dice.randrange(len(body))
        match dice.randint(0, 3):
            case 0:
                del body[start : start + dice.randint(1, 400)]
            case 1:
                body[start:start] = dice.choice(
                    [b"<", b">", b'"', b"</div>", b"<table>", b"\x00", b"\xff", b"&#xD800;", b"<!--"]
                )
            case 2:
                body[start : start + 1] = bytes([dice.randrange(256)])
            case _:
                body[start:start] = body[start : start + 300] * dice.randint(1, 3)
    try:
        reading = parse_page(bytes(body), url="https://example.org/a")
    except SourceError as error:
        assert str(error)  # noqa: PT017  either is right
    else:
        assert len(reading.articles) == 1
