"""Pages of many makes become the article that a reader sees, with what they state about it."""

from __future__ import annotations

import random
import re
import socket
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import trafilatura  # noqa: F401  before the network is taken away: urllib3 tries out IPv6 when it is imported
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, Reading, content_digest, text_of
from newsletter.articles.page import looks_like_page, parse_page
from newsletter.errors import SourceError

PAGES = sorted((Path(__file__).parent / "pages").glob("*.html"))
#: Those with words on the page itself.
WORDED = [path for path in PAGES if path.stem not in ("photo_only", "script_only")]
URL = "https://blog.example.org/2024/03/tides"
SENTENCES = (
    "The harbour master keeps two clocks on his wall, and only the second has ever been wrong by an hour.",
    "A tide table is a promise made a year ahead, printed on paper that costs less than the ferry does.",
    "We walked out at low water with a spade, a bucket and a map, because the old maps show the channels.",
    "Nobody had asked for a new bridge, but once the old one was closed everybody leaned on the railing.",
)
TEXT = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection or asks for a name while a page is read fails the test."""

    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("a page must not lead to the network")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)


def page(head: str = "", body: str = TEXT, *, html: str = "", **options: str) -> Reading:
    source = f"<!DOCTYPE html><html {html}><head>{head}</head><body>{body}</body></html>"
    return parse_page(source.encode(), **{"url": URL, **options})


def article(head: str = "", body: str = TEXT, *, html: str = "", **options: str) -> Article:
    return page(head, body, html=html, **options).articles[0]


def words(html: str) -> str:
    return text_of(re.sub(r"</?(?:a|b|code|em|i|span|strong)\b[^>]*>", "", html))


# ---- whole pages


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_gives_its_article_and_what_it_states(path: Path) -> None:
    about = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    expected: dict[str, Any] = about["expected"]
    reading = parse_page(path.read_bytes(), url=about["url"], where=path.name)
    (found,) = reading.articles
    stated = {
        "title": found.title,
        "address": found.url,
        "author": found.author,
        "summary": found.summary,
        "image": found.image.url if found.image else "",
        "tags": list(found.tags),
        "language": found.language,
        "site": reading.title,
    }
    assert {key: stated[key] for key in stated if key in expected} == {
        key: expected[key] for key in stated if key in expected
    }
    published = expected.get("published")
    assert found.published == (datetime.fromisoformat(published) if published else None)
    body = lxml.html.fragment_fromstring(found.html, create_parent="div")
    assert "".join(body.text_content().split()) == "".join(expected["text"].split())
    assert [image.get("src") for image in body.iter("img")] == expected["images"]
    for name, count in expected.get("elements", {}).items():
        assert len(list(body.iter(name))) == count, name


@pytest.mark.parametrize("path", WORDED, ids=lambda path: path.stem)
def test_a_page_without_names_and_landmarks_loses_next_to_nothing(path: Path) -> None:
    about = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    source = re.sub(rb"\s(?:class|id|itemprop|itemtype|role)=(?:\"[^\"]*\"|'[^']*')", b"", path.read_bytes())
    source = re.sub(rb"<(/?)(?:article|main|section|header|footer|aside|nav)\b", rb"<\1div", source)
    found = set(re.findall(r"\w+", text_of(parse_page(source, url=about["url"]).articles[0].html)))
    expected = set(re.findall(r"\w+", about["expected"]["text"]))
    assert len(expected - found) <= max(3, len(expected) // 20), expected - found


def test_the_same_bytes_give_the_same_article() -> None:
    for path in PAGES:
        assert parse_page(path.read_bytes(), url=URL) == parse_page(path.read_bytes(), url=URL)


def test_reading_pages_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for path in PAGES[:6]:
        parse_page(path.read_bytes(), url=URL)
    with pytest.raises(SourceError):
        parse_page(b"<html><body><div></div></body></html>")
    assert capfd.readouterr() == ("", "")


# ---- what a page states


def json_ld(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>Tides | The Quay</title><meta property=og:site_name content='The Quay'>", TEXT, "Tides"),
        ("<title>The Quay: Tides</title>", f"<h1>Tides</h1>{TEXT}", "Tides"),
        ("<title>Tides - The Quay</title>", f"<h1><a href='/'>The Quay</a></h1><h2>Tides</h2>{TEXT}", "Tides"),
        ("<title>Tides</title><meta property=og:title content='What the sea does next'>", f"<h1>Tides</h1>{TEXT}", "Tides"),
        (json_ld('{"@type": "Article", "headline": "Tides &amp; clocks"}'), TEXT, "Tides & clocks"),
        ("<meta property=og:title content='A &amp;amp; B'>", TEXT, "A & B"),
        ("<title>Tides: a guide</title>", TEXT, "Tides: a guide"),
        ("<title>List&lt;String&gt; and a &lt; b</title>", TEXT, "List<String> and a < b"),
        ("<title>Mary-Jane's tides</title><meta property=og:site_name content='Jane'>", TEXT, "Mary-Jane's tides"),
        ("", f"<svg><title>Menu</title></svg>{TEXT}", ""),
    ],
)  # fmt: skip
def test_the_title_is_the_posts_own_and_without_the_site(head: str, body: str, title: str) -> None:
    assert article(head, body).title == title


@pytest.mark.parametrize(
    ("head", "body", "author"),
    [
        (json_ld('{"@type": "BlogPosting", "author": "A. Writer"}'), TEXT, "A. Writer"),
        (json_ld('[{"@type": ["Thing", "BlogPosting"], "author": [{"name": "A. Writer"}, {"name": "B. Drawer"}]}]'), TEXT, "A. Writer and B. Drawer"),
        (json_ld('{"@graph": [{"@type": "Article", "author": {"@id": "#a"}}, {"@type": "Person", "@id": "#a", "name": "A. Writer"}]}'), TEXT, "A. Writer"),
        ("<meta name=author content='By A. Writer'>", TEXT, "A. Writer"),
        ("<meta name=author content='a.writer@example.org (A. Writer)'>", TEXT, "A. Writer"),
        ("<meta name=author content='a.writer@example.org'>", TEXT, ""),
        ("<meta name=author content='admin'>", TEXT, ""),
        ("<meta property=article:author content='https://social.example/writer'>", TEXT, ""),
        ("<meta name=author content='Byron Smith'>", TEXT, "Byron Smith"),
        ("", f"<p>By <a rel=author href=/a>A. Writer</a></p>{TEXT}", "A. Writer"),
        ("", f"{TEXT}<div class=comments><p class=author>A. Reader</p></div>", ""),
        ("", f"{TEXT}<p>It was written by the harbour master.</p>", ""),
    ],
)  # fmt: skip
def test_authors_are_the_stated_names(head: str, body: str, author: str) -> None:
    assert article(head, body).author == author


@pytest.mark.parametrize(
    ("head", "body", "published"),
    [
        ("<meta property=article:published_time content='2024-03-05T00:30:00+02:00'>", TEXT, "2024-03-05T00:30:00+02:00"),
        ("<meta name=date content='2024-03-05'>", TEXT, "2024-03-05T00:00:00+00:00"),
        (json_ld('{"@type": "NewsArticle", "datePublished": "2024-03-05T10:00"}'), TEXT, "2024-03-05T10:00:00+00:00"),
        (json_ld('{"@type": "Article", "datePublished": "2024-03-05T10:00:00Z", "headline": "line\nfeed",}'), TEXT, "2024-03-05T10:00:00+00:00"),
        (json_ld('<!-- {"@type": "Article", "datePublished": "2024-03-05"}; -->'), TEXT, "2024-03-05T00:00:00+00:00"),
        (json_ld('{"@type": "Article", "datePublished": "2024-03-05'), TEXT, None),
        (json_ld('{"@type": "Article", "datePublished": "0001-01-01T00:00:00Z"}'), TEXT, None),
        ("", f"<time datetime='2024-03-05T10:00:00Z'>today</time>{TEXT}", "2024-03-05T10:00:00+00:00"),
        ("", f"<span class=entry-date>March 5, 2024</span>{TEXT}", "2024-03-05T00:00:00+00:00"),
        ("", f"<article>{TEXT}</article><ol class=comments><li><time datetime='2024-03-05'>then</time></ol>", None),
        ("", f"{TEXT}<p>It was the 5th of March, 2024.</p><footer>Copyright 2023</footer>", None),
        ("<meta name=date content='9999-12-31T23:59:59-14:00'>", TEXT, None),
    ],
)  # fmt: skip
def test_the_date_is_stated_or_there_is_none(head: str, body: str, published: str | None) -> None:
    assert article(head, body).published == (datetime.fromisoformat(published) if published else None)


@pytest.mark.parametrize(
    ("canonical", "found_at", "url"),
    [
        ("/2024/03/tides", f"{URL}?utm_source=x", URL),
        ("http://blog.example.org/2024/03/tides", URL, URL),
        ("https://www.example.org/tides", "https://m.example.org/tides", "https://www.example.org/tides"),
        ("https://first.example/posts/the-tides", "https://second.example/a/the-tides", "https://first.example/posts/the-tides"),
        (URL, "", URL),
        ("https://blog.example.org/", URL, URL),
        ("http://localhost:4000/2024/03/tides", URL, URL),
        ("https://elsewhere.example/other", URL, URL),
        ("javascript:alert(1)", URL, URL),
        ("", URL, URL),
    ],
)  # fmt: skip
def test_the_canonical_address_counts_if_it_can_be_believed(canonical: str, found_at: str, url: str) -> None:
    found = article(f"<link rel=canonical href='{canonical}'>", url=found_at)
    assert (found.url, found.id) == (url, url)


def test_a_page_without_an_address_is_known_by_its_words() -> None:
    found = article("<title>Tides</title>", url="")
    assert found.id == f"sha256:{content_digest(found)}"
    assert found.url == ""


def test_the_post_of_the_page_is_not_taken_from_a_list_of_others() -> None:
    others = '{"@type": "BlogPosting", "headline": "Mud", "author": "B. Drawer"}, {"@type": "BlogPosting", "headline": "Fog", "author": "C. Walker"}'
    assert article(json_ld(f"[{others}]") + "<title>Tides</title>").author == ""
    assert article(json_ld(f"[{others}]") + "<title>Fog</title>").author == "C. Walker"


@pytest.mark.parametrize(
    ("head", "html", "language"),
    [
        ("", "lang=en-us", "en-US"),
        ("", "lang=zh-hant-tw", "zh-Hant-TW"),
        ("<meta property=og:locale content=de_AT>", "", "de-AT"),
        (json_ld('{"@type": "Article", "inLanguage": "fr"}'), "", "fr"),
        ("", "lang='{{ site.lang }}'", ""),
        ("", "", ""),
    ],
)
def test_languages_are_written_as_usual(head: str, html: str, language: str) -> None:
    assert article(head, html=html).language == language


@pytest.mark.parametrize(
    ("head", "tags"),
    [
        ("<meta property=article:tag content=Tides><meta property=article:tag content=tides><meta property=article:tag content=Mud>", ("Tides", "Mud")),
        ("<meta name=keywords content='tides, mud , ,clocks'>", ("tides", "mud", "clocks")),
        (json_ld('{"@type": "Article", "keywords": ["R&amp;D", "mud"]}'), ("R&D", "mud")),
        ("", ()),
    ],
)  # fmt: skip
def test_tags_are_what_is_stated_each_once(head: str, tags: tuple[str, ...]) -> None:
    assert article(head).tags == tags


def test_a_long_summary_is_cut_at_a_word() -> None:
    short = article(f"<meta name=description content='{'tide ' * 20}'>").summary
    assert short == ("tide " * 20).strip()
    long = article(f"<meta name=description content='{'tide ' * 100}'>").summary
    assert len(long) <= 300
    assert long.endswith("tide…")


def test_the_picture_has_its_size_and_words_and_is_not_shown_again_at_the_top() -> None:
    head = (
        "<meta property=og:image content='/a.jpg?w=1200'><meta property=og:image:width content=1200>"
        "<meta property=og:image:height content=600><meta property=og:image:alt content='A clock'>"
    )
    found = article(head, f"<article><h1>Tides</h1><img src='/a.jpg?w=800'>{TEXT}<img src=/b.jpg></article>")
    assert found.image is not None
    assert (found.image.url, found.image.alt) == ("https://blog.example.org/a.jpg?w=1200", "A clock")
    assert (found.image.width, found.image.height) == (1200, 600)
    assert re.findall('src="([^"]*)"', found.html) == ["https://blog.example.org/b.jpg"]


def test_addresses_start_from_the_base_that_the_page_states() -> None:
    body = f"<article>{TEXT}<p>See <a href='next.html'>the next one</a>, everybody.</p><img src='a.jpg'></article>"
    assert 'href="https://blog.example.org/2024/03/next.html"' in article("", body).html
    found = article("<base href='/files/'>", body)
    assert 'href="https://blog.example.org/files/next.html"' in found.html
    assert 'src="https://blog.example.org/files/a.jpg"' in found.html


# ---- what is read


@pytest.mark.parametrize(
    "furniture",
    [
        "<nav><a href=/>Start</a> <a href=/all>Everything</a></nav>",
        "<div class=social-share><a href=#>Share</a> <a href=#>Pin</a></div>",
        "<h2>Related posts</h2><ul><li><a href=/a>The ferry that waited</a><li><a href=/b>Mud, a guide</a></ul>",
        "<h3>Das könnte dich auch interessieren</h3><ul><li><a href=/a>Die Fähre</a></ul>",
        "<div><h3>3 comments</h3><p>I had a third clock for the bread, and it was ahead of both, on purpose.</p></div>",
        "<div class=author-box><p>A. Writer lives by the water and has written about it for years.</p></div>",
        "<div class=cookie-banner role=dialog><p>We use cookies to make this page better for you.</p></div>",
        "<div><p>Our letter, every morning but Sunday.</p><form><input type=email></form></div>",
        "<p>Read also: <a href=/x>Ten bridges that stayed open</a></p>",
        "<div class=ad-slot><span>Advertisement</span></div>",
        "<ul class=breadcrumbs><li><a href=/>Start</a><li><a href=/h>Harbour</a></ul>",
        "<div style='display:none'>You cannot see this.</div>",
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_furniture_inside_a_post_is_taken_out(furniture: str, is_named: bool) -> None:
    opening = "<div class=entry-content>" if is_named else "<article>"
    found = article("", f"{opening}{TEXT}{furniture}<p>And that was all there was to say about it.</p></div>")
    assert words(found.html) == f"{' '.join(SENTENCES)} And that was all there was to say about it."


@pytest.mark.parametrize(
    "part",
    [
        "<h2>Comments</h2><p>Three people wrote to us about the clocks, and two of them were right about it.</p>",
        "<div class=language-python><pre><span class=comment># share</span>\nad = social + newsletter</pre></div>",
        "<h2>Further reading</h2><ul><li><a href=https://a.example/>A history of clocks</a></ul><p>All of them are worth the time.</p>",
        "<table class=meta><tr><th>Hour<th>Depth<tr><td>six<td>knee</table><p>The table was made on the first day of the month.</p>",
        "<blockquote><p>Neither is the sunshine.</p><footer class=author>The council</footer></blockquote>",
        "<p>42</p><p>That was the number of the house in which both of the clocks were made.</p>",
        "<aside class=pullquote><p>Nobody had asked for a new bridge, nobody at all, and there it was.</p></aside>",
        "<dl><dt>Ebb</dt><dd>The water leaves.</dd></dl><p>There is no word for the time in between them.</p>",
        "<h2>Share</h2><p>What we share in this town is the water, and it has to be enough for everyone.</p>",
    ],
)
def test_what_looks_like_furniture_but_is_the_posts_own_stays(part: str) -> None:
    body = f"<div class=entry-content>{TEXT}{part}<p>And that was all there was to say about it.</p></div>"
    found = article("<meta name=keywords content='clocks, 42'>", body)
    missing = set(re.findall(r"\w+", words(part))) - set(re.findall(r"\w+", words(found.html)))
    assert not missing
    assert all(sentence in words(found.html) for sentence in SENTENCES)


def test_title_and_byline_are_not_repeated() -> None:
    head = "<meta name=author content='A. Writer'><meta name=keywords content=mud><title>Tides</title>"
    byline = "<p>Posted by A. Writer on March 5, 2024 in mud, 3 min read</p>"
    found = article(head, f"<article><h1>Tides</h1>{byline}{TEXT}<p>Tags: mud</p></article>")
    assert words(found.html) == " ".join(SENTENCES)


def test_a_text_in_json_ld_is_read_only_where_the_page_has_none() -> None:
    stated = json_ld(
        '{"@type": "Article", "articleBody": "A whole other text that nobody sees.\\nWith a second line of it."}'
    )
    empty = "<noscript>Please enable JavaScript to read this.</noscript><div id=app></div>"
    assert (
        article(stated, empty).html
        == "<p>A whole other text that nobody sees.</p><p>With a second line of it.</p>"
    )
    assert words(article(stated).html) == " ".join(SENTENCES)


def test_a_post_is_safe_whatever_its_page_is_made_of() -> None:
    body = f"<article>{TEXT}<p onclick=x() style='color:red'>Hello<script>x()</script> <a href='javascript:x()'>there</a>, harbour.</p></article>"
    html = article("", body).html
    assert not re.search(r"script|onclick|style|class", html)
    assert "Hello there, harbour." in words(html)


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 20_000 + TEXT,
        "<font>" * 5_000 + TEXT * 20,
        "<table><tr><td>" * 3_000 + TEXT,
        "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">" + TEXT,
        "<meta property=og:title content=x>" * 5_000 + TEXT,
        "<h2>Related posts</h2>" * 1_000 + TEXT,
        json_ld("[" * 50_000) + TEXT,
        json_ld('{"@type": "Article"},' * 20_000) + TEXT,
    ],
    ids=["divs", "fonts", "tables", "attributes", "metas", "headings", "brackets", "nodes"],
)
def test_a_page_that_means_harm_is_read_like_any_other(source: str) -> None:
    found = parse_page(f"<html><body>{source}</body></html>".encode(), url=URL).articles[0]
    assert SENTENCES[-1] in words(found.html)


# ---- which characters

FRENCH = "À marée basse, l’été, le garçon traverse la baie où dort un cœur de pêcheur. "


@pytest.mark.parametrize(
    ("encoding", "charset", "meta"),
    [
        ("utf-8", "", ""),
        ("utf-8", "utf-8", ""),
        ("utf-8", "iso-8859-1", ""),
        ("utf-8", "", "<meta charset=iso-8859-1>"),
        ("utf-8", "bogus", "<meta charset=nonsense>"),
        ("utf-8-sig", "windows-1252", ""),
        ("utf-16", "", ""),
        ("utf-16-le", "", ""),
        ("utf-16-be", "", "<meta charset=utf-16>"),
        ("cp1252", "", "<meta charset=iso-8859-1>"),
        ("cp1252", "", "<meta http-equiv=Content-Type content='text/html; charset=windows-1252'>"),
        ("cp1252", "windows-1252", "<meta charset=utf-8>"),
        ("cp1252", "utf-8", "<meta charset=windows-1252>"),
        ("cp1252", "", ""),
    ],
)
def test_the_encoding_is_found(encoding: str, charset: str, meta: str) -> None:
    source = f"<!DOCTYPE html><html><head>{meta}<title>Marée</title></head><body><article>{'<p>' + FRENCH * 3}</article>"
    (found,) = parse_page(source.encode(encoding), url=URL, charset=charset).articles
    assert found.title == "Marée"
    assert FRENCH.strip() in words(found.html)


@pytest.mark.parametrize(
    ("encoding", "label", "text"),
    [
        ("gb18030", "gb2312", "港口的墙上挂着两只钟，一只走火车的时间，一只走潮水的时间。"),
        ("cp932", "Shift_JIS", "港の壁には二つの時計がかかっている。"),
        ("euc_kr", "euc-kr", "항구의 벽에는 시계가 두 개 걸려 있다."),
        ("big5", "big5", "港口的牆上掛著兩隻鐘，一隻走火車的時間。"),
        ("cp1251", "windows-1251", "На стене висят двое часов, одни для поездов, другие для воды."),
        ("iso2022_jp", "iso-2022-jp", "港の壁には二つの時計がかかっている。"),
    ],
)
def test_declared_encodings_of_the_world_are_read(encoding: str, label: str, text: str) -> None:
    source = (
        f"<html><head><meta charset={label}></head><body><article><p>{text * 4}</p></article></body></html>"
    )
    (found,) = parse_page(source.encode(encoding), url=URL).articles
    assert text in found.html


def test_a_stray_byte_spoils_one_character_only() -> None:
    source = f"<meta charset=utf-8><article><p>{FRENCH * 3}</p><p>Ici \xff là.</p></article>".encode()
    found = parse_page(source.replace("\xff".encode(), b"\xff"), url=URL).articles[0]
    assert FRENCH.strip() in words(found.html)


# ---- what is no page


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the page is empty"),
        (b"   \n", "the page is empty"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a picture"),
        (b'{"a": 1}', "JSON"),
        (b'<?xml version="1.0"?><!-- c --><rss version="2.0"><channel/></rss>', "a feed"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"></feed>', "a feed"),
        (b'<?xml version="1.0"?><urlset></urlset>', r"an XML document \(urlset\)"),
        (b"Just some words.", "a plain text"),
        (b"\x00\x01\x02<p>", "a binary file"),
        (b"<html><body><p>" + b"x" * (10 * 1024 * 1024 + 1), "10 MB at most"),
        (
            b"<!DOCTYPE html><html><body><div id=app></div><script>x()</script></body></html>",
            "no text to read",
        ),
        (b"<html><title>Tides</title><body><h1>Tides</h1></body></html>", "no text to read"),
        (b"<html><body><div>Loading...</div></body></html>", "no text to read"),
        (b"<!-- -->", "a plain text"),
    ],
)
def test_what_is_no_readable_page_is_an_error_in_words(body: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        parse_page(body, url=URL, where="the post")
    assert caught.value.where == "the post"


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        ("", "built by JavaScript"),
        ("<link rel=alternate type=application/rss+xml href=/feed>", "https://blog.example.org/feed"),
        ("<meta http-equiv=refresh content='0; url=/new'>", "https://blog.example.org/new"),
    ],
)
def test_a_page_without_text_says_where_the_text_may_be(head: str, hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        page(head, "")
    assert hint in caught.value.hint


def test_an_error_does_not_show_a_password() -> None:
    with pytest.raises(SourceError) as caught:
        parse_page(b"", url="https://me:secret@blog.example.org/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<!DOCTYPE html><title>x</title>", "", True),
        (b"\xef\xbb\xbf<!-- c --><html>", "", True),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html>', "", True),
        ("<html><p>x".encode("utf-16"), "", True),
        (b"<p>A page without a head.</p>", "text/html; charset=utf-8", True),
        (b"<p>only a piece of a page</p>", "", False),
        (b"# Markdown\n\nwith <html> in it", "", False),
        (b'<?xml version="1.0"?><rss></rss>', "", False),
        (b'<?xml version="1.0"?><rss></rss>', "text/html", False),
        (b"%PDF-1.7", "text/html", False),
        (b"<html>", "image/png", False),
        (b"", "", False),
    ],
)
def test_a_page_is_known_by_its_type_or_its_beginning(body: bytes, content_type: str, expected: bool) -> None:
    assert looks_like_page(body, content_type) is expected


# ---- damage

_PIECES = (
    b"<", b">", b'"', b"</div>", b"<table>", b"<td>", b"</article>", b"<script>", b"<!--", b"<svg>", b"<title>", b"\x00",
    b"\xff", b"&#xD800;", b"<base href='http://[x'>", b"<link rel=canonical href='http://a:b@c:99999/'>",
    b"<time datetime='9999-12-31T23:59:59-14:00'>", b"<h2>Related posts</h2>", b"<p><time>3</time></p>",
    b'<script type="application/ld+json">[[{"@type":["Article",1],"author":[[{}]],"headline":{"a":1},"image":[1,null]}]',
)  # fmt: skip


@given(st.integers(0, 1_000_000))
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
                body[start:start] = dice.choice(_PIECES)
            case 2:
                body[start : start + 1] = bytes([dice.randrange(256)])
            case _:
                body[start:start] = body[start : start + 300] * dice.randint(1, 3)
    try:
        (found,) = parse_page(
            bytes(body), url=URL, charset=dice.choice(["", "utf-8", "latin1", "gbk"])
        ).articles
    except SourceError as error:
        assert error.hint or "empty" in error.message  # noqa: PT017  either is right
    else:
        assert found.html
        assert found.published is None or found.published.utcoffset() is not None
