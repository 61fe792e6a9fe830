"""Feeds of every kind, whole and broken: what their posts become, and what is refused."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, Image, Reading
from newsletter.articles.feed import MAX_BYTES, announced_feeds, looks_like_feed, parse_feed
from newsletter.articles.feed_posts import MAX_POSTS
from newsletter.articles.feed_text import decode, mend
from newsletter.articles.feed_words import (
    author_line,
    language_tag,
    plain_text,
    plain_title,
    shortened,
    summary,
    tag_list,
)
from newsletter.errors import SourceError

FEEDS = Path(__file__).parent / "feeds"
REAL = Path(__file__).parents[2] / "shared" / "real" / "feeds"
NAMESPACES = (
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)


def rss(
    *items: str, head: str = "<title>T</title><link>https://blog.example/</link>", before: str = ""
) -> bytes:
    inner = "".join(f"<item>{item}</item>" for item in items)
    return f'{before}<rss version="2.0"{NAMESPACES}><channel>{head}{inner}</channel></rss>'.encode()


def atom(*entries: str, attributes: str = "", head: str = "<title>T</title>") -> bytes:
    inner = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom"{attributes}>{head}{inner}</feed>'.encode()


def one(body: bytes, **options: Any) -> Article:
    """The only article of a feed that has nothing to note."""
    reading = parse_feed(body, **options)
    assert reading.notes == ()
    (article,) = reading.articles
    return article


def told(reading: Reading) -> str:
    """A reading as a page that a person can compare with the feed."""
    lines = [f"feed: {reading.title} [{reading.language}]", *(f"note: {note}" for note in reading.notes)]
    for article in reading.articles:
        image = article.image
        lines += [
            "",
            f"id: {article.id}",
            f"title: {article.title}",
            f"url: {article.url}",
            f"author: {article.author}",
            f"published: {article.published or ''}",
            f"tags: {', '.join(article.tags)}",
            f"language: {article.language}",
            f"image: {f'{image.url} ({image.alt}) {image.width}x{image.height}' if image else ''}",
            f"summary: {article.summary}",
            f"text: {plain_text(article.html)}",
        ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


SAMPLES = sorted(path for path in FEEDS.iterdir() if path.suffix != ".txt")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_blogs_write_becomes_what_stands_beside_it(path: Path) -> None:
    body = path.read_bytes()
    assert looks_like_feed(body)
    assert told(parse_feed(body, url="https://feeds.example/feed")) == path.with_suffix(".txt").read_text(
        "utf-8"
    )


TITLES = [
    # as in RSS, after XML                      what a reader sees
    ("Plain", "Plain"),
    ("AT&T", "AT&T"),
    ("AT&amp;T", "AT&T"),
    ("a < b and c > d", "a < b and c > d"),
    ("a &lt; b", "a < b"),
    ("<b>Bold</b> words", "Bold words"),
    ("<a href='x'>a <b>nested</b> link</a>", "a nested link"),
    ("&lt;em&gt;Escaped&lt;/em&gt; twice", "Escaped twice"),
    ("One<br>two<br/>three", "One two three"),
    ("Use the <b> tag", "Use the <b> tag"),
    ("Why <section> matters", "Why <section> matters"),
    ("What <stdio.h> hides", "What <stdio.h> hides"),
    ("3 <3 4", "3 <3 4"),
    ("R&D; Q&A", "R&D; Q&A"),
    ("?a=1&copy=2", "?a=1&copy=2"),
    ("l&#8217;&eacute;t&eacute;", "l’été"),
    ("  two\n lines\t ", "two lines"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "seen"), TITLES)
def test_a_title_is_text(written: str, seen: str) -> None:
    assert plain_title(written) == seen
    assert one(rss(f"<title>{escape(written)}</title><link>https://blog.example/1</link>")).title == seen
    assert one(rss(f"<title><![CDATA[{written}]]></title><link>https://blog.example/1</link>")).title == seen


@pytest.mark.parametrize(
    ("kind", "written", "seen"),
    [
        ("text", "AT&amp;amp;T &lt;b>x&lt;/b>", "AT&amp;T <b>x</b>"),
        ("html", "AT&amp;amp;T &lt;b>x&lt;/b>", "AT&T x"),
        ("html", "a &amp;lt; b", "a < b"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">AT&amp;T <b>x</b> &lt; y</div>', "AT&T x < y"),
        ("text", "one <i>two</i>", "one two"),  # tags that were not escaped
    ],
)
def test_atom_says_what_its_titles_are(kind: str, written: str, seen: str) -> None:
    assert one(atom(f'<id>urn:1</id><title type="{kind}">{written}</title>')).title == seen


def test_a_title_that_is_only_the_start_of_the_text_is_none() -> None:
    text = "<description>Once upon a time there was a feed without titles at all.</description>"
    assert one(rss(f"<title>Once upon a time there was...</title>{text}")).title == ""
    assert one(rss(f"<title>Once upon a time there was</title>{text}")).title == "Once upon a time there was"
    assert (
        one(rss(f"<title>Twice upon a time there was...</title>{text}")).title
        == "Twice upon a time there was..."
    )


def test_a_title_is_not_repeated_by_the_first_paragraph() -> None:
    assert (
        one(
            rss(
                "<title>Hi &amp; ho</title><description>&lt;p>Hi &amp;amp; ho&lt;/p>&lt;p>More&lt;/p></description>"
            )
        ).html
        == "<p>More</p>"
    )
    assert one(rss("<title>Hi</title><description>&lt;p>Hi&lt;/p></description>")).html == "<p>Hi</p>"
    assert (
        one(rss("<title>Hi</title><description>&lt;p>Hi you&lt;/p>&lt;p>More&lt;/p></description>")).html
        == "<p>Hi you</p><p>More</p>"
    )


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["A. Writer"], "A. Writer"),
        (["mail@blog.example (A. Writer)"], "A. Writer"),
        (["A. Writer <mail@blog.example>"], "A. Writer"),
        (['"A. Writer" <mail@blog.example>'], "A. Writer"),
        (["A. Writer (mail@blog.example)"], "A. Writer"),
        (["mail+feed@blog.technology (A. Writer)"], "A. Writer"),
        (["mailto:mail@blog.example"], ""),
        (["mail@blog.example"], ""),
        (["noreply@blogger.example (Unknown)"], ""),
        (["https://blog.example/authors/1"], ""),
        (["@someone"], "@someone"),
        (["@someone@social.example"], "@someone@social.example"),
        (["Words & Co"], "Words & Co"),
        (["Words &amp; Co"], "Words & Co"),
        (["<b>A.</b> Writer"], "A. Writer"),
        (["A", "B"], "A and B"),
        (["A", "b@c.example", "C", "a", "D"], "A, C and D"),
        ([], ""),
        ([" ", "-"], ""),
    ],
)
def test_authors_are_names_and_never_mail_addresses(names: list[str], line: str) -> None:
    assert author_line(names) == line


@pytest.mark.parametrize("element", ["author", "dc:creator", "itunes:author"])
@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("secret@blog.technology (A. Writer)", "A. Writer"),
        ("A. Writer &lt;secret@blog.example&gt;", "A. Writer"),
        ("secret@blog.example", "The feed"),
    ],
)
def test_no_mail_address_is_published(element: str, written: str, seen: str) -> None:
    body = rss(f"<title>x</title><{element}>{written}</{element}>", head="<dc:creator>The feed</dc:creator>")
    assert one(body).author == seen
    assert "secret" not in told(parse_feed(body))


def test_the_author_of_the_feed_stands_in_and_is_not_added() -> None:
    head = "<author><name>The feed</name></author>"
    own = "<author><name>A</name><email>a@b.example</email></author><author><name>B</name></author>"
    with_source = "<source><id>urn:3</id><author><name>Elsewhere</name></author></source>"
    bodies = [
        f"<id>urn:{number}</id><title>x</title>{author}"
        for number, author in enumerate((own, "", with_source))
    ]
    assert [a.author for a in parse_feed(atom(*bodies, head=head)).articles] == [
        "A and B",
        "The feed",
        "Elsewhere",
    ]


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        (["One", "two", "ONE", ""], ("One", "two")),
        (["R&amp;D", "#fog"], ("R&D", "fog")),
        (["a, b,c"], ("a", "b", "c")),
        (["Arts, culture and leisure"], ("Arts, culture and leisure",)),
        (["Washington, D.C.", "Travel"], ("Washington, D.C.", "Travel")),
        (["Uncategorized", "http://schemas.example/kind#post", "x"], ("x",)),
        ([], ()),
    ],
)
def test_tags_come_once_and_as_text(written: list[str], tags: tuple[str, ...]) -> None:
    assert tag_list(written) == tags


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en", "en"), ("en-us", "en-US"), ("EN_gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"),
        (" de ", "de"), ("english", ""), ("und", ""), ("x-default", ""), ("en us", ""), ("", ""), ("d", ""),
    ],
)  # fmt: skip
def test_languages_are_written_in_one_way(written: str, tag: str) -> None:
    assert language_tag(written) == tag


def test_the_language_nearest_to_the_post_counts() -> None:
    entries = [
        '<id>urn:1</id><content xml:lang="pt-br">a</content>',
        '<id>urn:2</id><title xml:lang="fr">b</title><content>b</content>',
        "<id>urn:3</id><content>c</content>",
    ]
    articles = parse_feed(atom(*entries, attributes=' xml:lang="en"')).articles
    assert [article.language for article in articles] == ["pt-BR", "en", "en"]
    assert (
        one(rss("<title>x</title><dc:language>nl</dc:language>", head="<language>de-at</language>")).language
        == "nl"
    )
    assert parse_feed(rss("<title>x</title>", head="<language>de-at</language>")).language == "de-AT"


IDS = [
    ("<guid>https://blog.example/?p=1</guid>", "https://blog.example/?p=1"),
    ("<guid isPermaLink='false'>tag:blog.example,2026:1</guid>", "tag:blog.example,2026:1"),
    ("<guid isPermaLink='false'>123</guid>", "blog.example#123"),
    ("<guid>12 at http://blog.example</guid>", "blog.example#12 at http://blog.example"),
    ("<link>https://blog.example/1</link>", "https://blog.example/1"),
    ("<guid></guid><link>/1</link>", "https://blog.example/1"),
]


@pytest.mark.parametrize(("fields", "expected"), IDS)
def test_an_id_is_a_uri_or_carries_the_host(fields: str, expected: str) -> None:
    assert one(rss(f"<title>x</title>{fields}")).id == expected


def test_a_post_without_id_and_link_is_known_by_its_words() -> None:
    first, again = (
        one(rss(f"<title>{title}</title><description>Some words</description>")) for title in ("x", "x")
    )
    other = one(rss("<title>y</title><description>Some words</description>"))
    assert re.fullmatch("sha256:[0-9a-f]{32}", first.id)
    assert first.id == again.id
    assert first.id != other.id


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ("<link>https://blog.example/1?a=1&amp;b=2</link>", "https://blog.example/1?a=1&b=2"),
        ("<link>/1</link>", "https://blog.example/1"),
        ("<link>  https://blog.example/1\n</link>", "https://blog.example/1"),
        ("<guid>https://blog.example/2</guid>", "https://blog.example/2"),
        ("<guid isPermaLink='false'>https://blog.example/2</guid>", ""),
        ("<guid>123</guid>", ""),
        ("<link>javascript:alert(1)</link>", ""),
        ("<link>mailto:a@b.example</link>", ""),
        (
            "<atom:link href='https://blog.example/self' rel='self'/><link>https://blog.example/1</link>",
            "https://blog.example/1",
        ),
        (
            "<link>https://feeds.example/~r/1</link><feedburner:origLink>https://blog.example/1</feedburner:origLink>",
            "https://blog.example/1",
        ),
        (
            "<enclosure url='https://cdn.example/1.mp3' type='audio/mpeg' length='1'/>",
            "https://cdn.example/1.mp3",
        ),
        (
            "<enclosure url='https://cdn.example/1.mp3' type='audio/mpeg'/><link>https://blog.example/1</link>",
            "https://blog.example/1",
        ),
    ],
)
def test_a_post_leads_to_its_page(fields: str, url: str) -> None:
    assert one(rss(f"<title>x</title>{fields}")).url == url


CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("fields", "moment"),
    [
        ("<pubDate>Tue, 06 Jan 2026 10:30:00 GMT</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=UTC)),
        ("<pubDate>Tue, 06 Jan 2026 10:30:00 +0100</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=CET)),
        ("<pubDate>6 Jan 2026 10:30</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=UTC)),
        ("<pubDate>Tue, 06 Jan 26 10:30:00 GMT</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=UTC)),
        ("<pubDate>2026-01-06T10:30:00.123Z</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=UTC)),
        ("<pubDate>2026-01-06 10:30:00</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=UTC)),
        ("<pubDate>Di, 06 Jan 2026 10:30:00 +0100</pubDate>", datetime(2026, 1, 6, 10, 30, tzinfo=CET)),
        ("<dc:date>2026-01-06T10:30:00+01:00</dc:date>", datetime(2026, 1, 6, 10, 30, tzinfo=CET)),
        (
            "<pubDate>yesterday</pubDate><dc:date>2026-01-06T10:30:00Z</dc:date>",
            datetime(2026, 1, 6, 10, 30, tzinfo=UTC),
        ),
        ("<pubDate>Mon, 01 Jan 0001 00:00:00 +0000</pubDate>", None),
        ("<pubDate>Thu, 01 Jan 1970 00:00:00 +0000</pubDate>", None),
        ("<pubDate>31 Feb 2026 10:00:00 GMT</pubDate>", None),
        ("<pubDate>01/02/2026</pubDate>", None),
        ("<pubDate>soon</pubDate>", None),
        ("", None),
    ],
)
def test_dates_are_aware_or_none(fields: str, moment: datetime | None) -> None:
    assert one(rss(f"<title>x</title>{fields}")).published == moment


def test_a_post_was_published_when_it_first_was() -> None:
    dates = "<updated>2026-02-01T00:00:00Z</updated><published>2026-01-01T00:00:00Z</published>"
    assert one(atom(f"<id>urn:1</id><title>x</title>{dates}")).published == datetime(2026, 1, 1, tzinfo=UTC)


SHORT = "&lt;p>A teaser.&lt;/p>"
LONG = "&lt;p>A teaser.&lt;/p>&lt;p>And the whole of the post.&lt;/p>"


@pytest.mark.parametrize(
    "fields",
    [
        f"<description>{SHORT}</description><content:encoded>{LONG}</content:encoded>",
        f"<content:encoded>{LONG}</content:encoded><description>{SHORT}</description>",
        f"<content:encoded>{SHORT}</content:encoded><description>{LONG}</description>",
        f"<description>{LONG}</description><itunes:summary>A teaser.</itunes:summary>",
    ],
)
def test_the_longest_text_is_the_body_and_the_shortest_the_summary(fields: str) -> None:
    article = one(rss(f"<title>x</title>{fields}"))
    assert article.html == "<p>A teaser.</p><p>And the whole of the post.</p>"
    assert article.summary == "A teaser."


def test_a_picture_is_worth_some_words_when_texts_are_compared() -> None:
    photo = "&lt;img src='https://blog.example/p.jpg'>"
    article = one(
        rss(
            f"<title>x</title><content:encoded>{photo}</content:encoded><description>A photo of it.</description>"
        )
    )
    assert article.image == Image("https://blog.example/p.jpg")
    assert article.summary == "A photo of it."


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("One line", "<p>One line</p>"),
        ("One\n\ntwo", "<p>One</p><p>two</p>"),
        ("AT&amp;T &lt;3", "<p>AT&amp;T &lt;3</p>"),
        ("AT&amp;amp;T", "<p>AT&amp;T</p>"),
        ("&lt;p>one&lt;/p>\n\n&lt;p>two&lt;/p>", "<p>one</p><p>two</p>"),
        ("One &lt;i>x&lt;/i>\n\ntwo\nthree", "<p>One <i>x</i></p><p>two<br>three</p>"),
        ("&amp;lt;p&amp;gt;Escaped twice&amp;lt;/p&amp;gt;", "<p>Escaped twice</p>"),
        ("<![CDATA[<p>a</p>]]>", "<p>a</p>"),
        ("<![CDATA[<p>a <![CDATA[b]]> c</p>]]>", "<p>a b c</p>"),
        ("<![CDATA[<p>a ]]]]><![CDATA[> b</p>]]>", "<p>a ]]&gt; b</p>"),
        ("<p>not <b>escaped</b></p>", "<p>not <b>escaped</b></p>"),
        ("<div>one</div><div>two</div>", "<p>one</p><p>two</p>"),
        ("<p>open<br>ended", "<p>open<br>ended</p>"),
        ("&lt;p>a&amp;nbsp;b&nbsp;c&lt;/p>", "<p>a&nbsp;b&nbsp;c</p>"),
        ("&lt;p>x&lt;/p>&lt;script>alert(1)&lt;/script>", "<p>x</p>"),
        ("&lt;p>&amp;lt;b&amp;gt; is a tag&lt;/p>", "<p>&lt;b&gt; is a tag</p>"),
        ("&#xD800;&#0;a&#x110000;b", None),
    ],
)
def test_a_text_is_read_as_it_was_meant(written: str, html: str | None) -> None:
    article = one(rss(f"<title>t</title><description>{written}</description>"))
    if html is None:
        assert plain_text(article.html).replace("\N{REPLACEMENT CHARACTER}", "") == "ab"
    else:
        assert article.html.replace("\n", "") == html


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ('type="text">a &lt; b\n\nc', "<p>a &lt; b</p><p>c</p>"),
        ('type="html">&lt;p>a &amp;lt; b&lt;/p>', "<p>a &lt; b</p>"),
        (
            'type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a<br/>b &lt; c</p></div>',
            "<p>a<br>b &lt; c</p>",
        ),
        ('type="xhtml"><x:div xmlns:x="http://www.w3.org/1999/xhtml"><x:p>a</x:p></x:div>', "<p>a</p>"),
        ('type="html"><div>a</div><div>b</div>', "<p>a</p><p>b</p>"),
        (">&lt;p>called text&lt;/p>", "<p>called text</p>"),
        ('type="image/png">iVBORw0KGgo=', ""),
    ],
)
def test_atom_says_what_its_texts_are(content: str, html: str) -> None:
    article = one(atom(f"<id>urn:1</id><title>t</title><content {content}</content>"))
    assert article.html.replace("\n", "") == html


@pytest.mark.parametrize(
    ("attributes", "entry", "link", "source"),
    [
        ("", "", "https://blog.example/2026/1", "https://blog.example/2026/a.png"),
        (
            ' xml:base="https://cdn.example/x/"',
            "",
            "https://blog.example/2026/1",
            "https://cdn.example/x/a.png",
        ),
        (' xml:base="/x/"', "", "https://blog.example/2026/1", "https://feeds.example/x/a.png"),
        (
            ' xml:base="https://cdn.example/x/"',
            ' xml:base="y/"',
            "https://blog.example/2026/1",
            "https://cdn.example/x/y/a.png",
        ),
        ("", ' xml:base="javascript:x"', "https://blog.example/2026/1", "https://blog.example/2026/a.png"),
    ],
)
def test_relative_addresses_start_from_the_nearest_base(
    attributes: str, entry: str, link: str, source: str
) -> None:
    content = f"<content type='html'{entry}>&lt;p>words&lt;/p>&lt;img src='a.png'></content>"
    body = atom(f"<id>urn:1</id><title>t</title><link href='{link}'/>{content}", attributes=attributes)
    article = one(body, url="https://feeds.example/feed")
    assert article.url == link
    assert f'src="{source}"' in article.html


def test_without_a_link_the_feed_is_the_base() -> None:
    item = "<title>t</title><description>&lt;a href='a'>x&lt;/a></description>"
    assert 'href="https://blog.example/a"' in one(rss(item), url="https://feeds.example/feed").html
    assert 'href="https://feeds.example/a"' in one(rss(item, head=""), url="https://feeds.example/feed").html


IN_BODY = (
    "<description>&lt;p>words&lt;/p>&lt;img src='https://i.example/body.jpg' alt='In the body'></description>"
)
ITUNES = "<itunes:image href='https://i.example/itunes'/>"
ENCLOSURE = "<enclosure url='https://i.example/enclosure.jpg' length='1'/>"
THUMBNAIL = "<media:thumbnail url='https://i.example/thumbnail'/>"
CONTENT = "<media:content url='https://i.example/content' medium='image'/>"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (IN_BODY, "body.jpg"),
        (IN_BODY + ITUNES, "itunes"),
        (IN_BODY + ITUNES + ENCLOSURE, "enclosure.jpg"),
        (IN_BODY + ITUNES + ENCLOSURE + THUMBNAIL, "thumbnail"),
        (IN_BODY + ITUNES + ENCLOSURE + THUMBNAIL + CONTENT, "content"),
        (IN_BODY + "<media:content url='https://i.example/a.mp4' medium='video'/>", "body.jpg"),
        (IN_BODY + "<enclosure url='https://i.example/a.mp3' type='audio/mpeg'/>", "body.jpg"),
        (IN_BODY + "<enclosure url='https://i.example/a' type='image/png'/>", "a"),
        (IN_BODY + "<media:content url='https://secure.gravatar.com/avatar/1' medium='image'/>", "body.jpg"),
        (IN_BODY + "<media:thumbnail url='https://i.example/s.jpg' width='72' height='72'/>", "body.jpg"),
        ("<media:thumbnail url='https://i.example/s.jpg' width='72' height='72'/>", "s.jpg"),
        (IN_BODY + "<media:content url='javascript:x' medium='image'/>", "body.jpg"),
        (IN_BODY + "<media:content url='https://i.example/pixel.gif' width='1' height='1'/>", "body.jpg"),
        ("<media:group><media:content url='https://i.example/a.jpg' width='300'/><media:content url='https://i.example/b.jpg' width='1200'/><media:content url='https://i.example/c.jpg' width='6000'/></media:group>", "b.jpg"),
        ("<image><url>https://i.example/item.jpg</url></image>", "item.jpg"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_picture_that_is_meant_comes_before_one_that_is_there(fields: str, name: str) -> None:
    image = one(rss(f"<title>x</title><link>https://blog.example/1</link>{fields}")).image
    assert (image.url if image else "") == (name and f"https://i.example/{name}")


def test_the_pictures_of_the_feed_are_not_those_of_its_posts() -> None:
    head = "<title>T</title><image><url>https://i.example/logo.png</url></image><itunes:image href='https://i.example/l.png'/>"
    assert one(rss("<title>x</title>", head=head)).image is None


def test_a_picture_that_stands_for_the_post_is_not_shown_twice_and_keeps_its_words() -> None:
    picture = "&lt;p>&lt;img src='https://i.example/a.jpg' alt='A boat'>&lt;/p>"
    media = "<media:content url='https://i.example/a.jpg' medium='image'/>"
    leading = one(rss(f"<title>x</title><description>{picture}&lt;p>words&lt;/p></description>{media}"))
    later = one(rss(f"<title>x</title><description>&lt;p>words&lt;/p>{picture}</description>{media}"))
    assert leading.image == later.image == Image("https://i.example/a.jpg", alt="A boat")
    assert leading.html == "<p>words</p>"
    assert "<img" in later.html


def test_the_description_of_a_picture_is_its_alt_text_and_not_a_summary() -> None:
    media = "<media:content url='https://i.example/a.jpg' medium='image'><media:description>A boat</media:description></media:content>"
    article = one(rss(f"<title>x</title><description>words</description>{media}"))
    assert article.image == Image("https://i.example/a.jpg", alt="A boat")
    assert (plain_text(article.html), article.summary) == ("words", "")


@pytest.mark.parametrize(
    ("teaser", "text"),
    [
        ("<p>Short.</p>", "Short."),
        ('<p><a href="https://other.example/comments">Comments</a></p>', ""),
        ("<p>What it is about.</p>", "What it is about."),
        ("<p>What it is about [&#8230;]</p>", "What it is about…"),
        ("<p>What it is about. [...]</p>", "What it is about."),
        ('<p>About it … <a href="https://blog.example/1?utm_source=rss">Weiterlesen</a></p>', "About it…"),
        ('<p>See <a href="https://other.example/">another page</a></p>', "See another page"),
        (
            '<p>About the sea.</p><p>The post <a href="https://blog.example/1">x</a> appeared first on <a href="https://blog.example">T</a>.</p>',
            "About the sea.",
        ),
        (
            '<p>About <em>words</em>.<sup><a href="https://blog.example/1#fn1">1</a></sup></p><p>m<sup>2</sup></p>',
            "About words. m2",
        ),
        ("<p>The title</p>", ""),
        ("<p>The whole body.</p>", ""),
        ('<p><a href="https://blog.example/1">Comments</a></p>', ""),
        ("<p>…</p>", ""),
        ("", ""),
    ],
)
def test_a_summary_says_something_and_nothing_else(teaser: str, text: str) -> None:
    arguments = {
        "title": "The title",
        "body": "<p>The whole body.</p>",
        "url": "https://blog.example/1",
        "home": "https://blog.example/",
    }
    assert summary(teaser, **arguments) == text


@pytest.mark.parametrize(
    ("text", "cut"),
    [("a" * 300, "a" * 300), ("word " * 100, "word " * 59 + "word…"), ("a" * 301, "a" * 299 + "…"), ("日" * 400, "日" * 299 + "…"), ("x" * 298 + ", y", "x" * 298 + "…")],
)  # fmt: skip
def test_a_long_summary_is_cut_between_words(text: str, cut: str) -> None:
    assert shortened(text.strip()) == cut
    assert len(shortened(text)) <= 300


def test_posts_without_anything_and_second_posts_are_left_out_with_a_note() -> None:
    posts = [
        "<guid>urn:1</guid><title>one</title>",
        "<guid>urn:1</guid><title>two</title>",
        "<description> </description>",
        "<guid>urn:2</guid>",
    ]
    reading = parse_feed(rss(*posts))
    assert [article.title for article in reading.articles] == ["one"]
    assert reading.notes == (
        "1 post has the id of an earlier one, which is used: urn:1",
        "2 posts have neither title, text nor link: left out",
    )


def test_a_feed_without_posts_is_a_feed() -> None:
    assert parse_feed(rss()) == Reading((), title="T")
    assert parse_feed(b'{"version": "https://jsonfeed.org/version/1", "title": "T", "items": []}') == Reading(
        (), title="T"
    )


def _json_feed(*items: object, **head: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items} | head).encode()


def test_json_feed_of_both_versions() -> None:
    item = {
        "id": 5,
        "content_html": "<p>a</p>",
        "author": {"name": "A"},
        "authors": [{"name": "B"}, {"name": "C"}],
    }
    assert one(_json_feed(item)).author == "B and C"
    assert one(_json_feed(item | {"authors": []})).author == "A"
    assert one(_json_feed(item, home_page_url="https://blog.example")).id == "blog.example#5"


@pytest.mark.parametrize("wrong", [None, 7, 1.5, True, "", "x", [], ["x"], {}, {"x": 1}, [[[]]]])
@pytest.mark.parametrize(
    "key",
    ["id", "url", "external_url", "title", "content_text", "summary", "image", "date_published", "authors", "author", "tags", "language", "attachments"],
)  # fmt: skip
def test_a_wrong_type_in_json_costs_that_field_only(key: str, wrong: object) -> None:
    article = one(_json_feed({"id": "urn:1", "content_html": "<p>words</p>", key: wrong}))
    assert plain_text(article.html) == "words"


ANNOUNCING = """<!DOCTYPE html><html><head><title>rss</title><base href="https://blog.example/en/">
<link rel="stylesheet" href="x.css" type="text/css"><LINK REL='Alternate' TYPE="application/rss+xml" HREF="feed?a=1&amp;b=2">
<link href=/atom.xml rel=alternate type=application/atom+xml><link rel="alternate" hreflang="de" href="/de"></head><body><rss></body></html>"""


def test_a_page_is_refused_and_its_feeds_are_named() -> None:
    assert announced_feeds(ANNOUNCING, url="https://x.example/") == (
        "https://blog.example/en/feed?a=1&b=2",
        "https://blog.example/atom.xml",
    )
    with pytest.raises(SourceError, match="a web page, not a feed") as refused:
        parse_feed(ANNOUNCING.encode(), url="https://blog.example/en/", where="blog")
    assert "https://blog.example/en/feed?a=1&b=2 or https://blog.example/atom.xml" in refused.value.hint
    assert refused.value.where == "blog"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (b"<html><body>Not here</body></html>", "a web page"),
        (b"<?xml version='1.0'?><opml></opml>", "neither RSS, nor Atom"),
        (b"just words", "neither RSS, nor Atom"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "neither RSS, nor Atom"),
        (b'{"a": 1}', "no JSON Feed"),
        (b'{"items": 3}', "no JSON Feed"),
        (b"{broken", "no JSON Feed"),
        (b"<rss><channel><item><title>x", "cut off before"),
        (b"<rss>", "cut off before"),
        (b"<rss <a></rss>", "its first tag is broken"),
        (b"x" * (MAX_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_feed_is_refused_in_words(body: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_feed(body, where="feed")


def test_a_file_name_is_not_opened() -> None:
    with pytest.raises(SourceError, match="neither RSS"):
        parse_feed(str(SAMPLES[0]).encode())


BOMBS = {
    "billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"ha" * 1000}">]>',
    "external file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "external address": "<!DOCTYPE x [<!ENTITY a PUBLIC 'x' 'http://127.0.0.1:1/'>]>",
}


@pytest.mark.parametrize("doctype", BOMBS.values(), ids=BOMBS)
def test_entities_of_a_feed_s_own_are_refused(doctype: str) -> None:
    with pytest.raises(SourceError, match="declares an entity of its own"):
        parse_feed(rss("<title>&a;</title>", before=f"<?xml version='1.0'?>{doctype}"))


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss-0.91.dtd">',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/x.dtd" [ <!-- it\'s > here --> ]>',
        "<!DOCTYPE rss [<!ENTITY nbsp '&#160;'><!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]>",
        "<!doctype rss>",
    ],
)
def test_harmless_doctypes_are_passed_over(doctype: str) -> None:
    assert (
        one(rss("<title>a&nbsp;b&amp;c&unknown;</title>", before=f"<?xml version='1.0'?>\n{doctype}\n")).title
        == "a b&c&unknown;"
    )


MANY = "<title>x</title>"
HEAVY = {
    "attributes": rss("<enclosure " + " ".join(f"a{n}='1'" for n in range(1001)) + "/>"),
    "depth": rss("<a>" * 501),
    "fields": rss("<category>x</category>" * 1001),
    "elements": rss(*["<a/>" * 900] * 250),
}


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_what_is_built_to_exhaust_is_refused_at_once(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(SourceError):
        parse_feed(body)
    assert time.process_time() - started < 5


PATHOLOGICAL = {
    "style": rss(f"<title>t</title><description>&lt;p style='{'a:b;' * 50_000}'>x&lt;/p></description>"),
    "unclosed": rss("<title>t</title>" + "<description>" * 20_000),
    "comments": rss(f"<title>t</title><description>&lt;!--{'&lt;!--' * 20_000}</description>"),
    "declarations": b"<?xml ?>" * 100_000,
    "quotes": rss("<title>t</title>" + '<a "' * 100_000),
    "brackets": rss("<title>t</title>" + "<![CDATA[" * 50_000),
    "title": rss(f"<title>{'&lt;b>' * 50_000}</title>"),
    "json": b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 500_000,
}


@pytest.mark.parametrize("body", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_time_does_not_explode(body: bytes) -> None:
    started = time.process_time()
    with suppress(SourceError):
        parse_feed(body)
    assert time.process_time() - started < 5


def test_a_picture_written_into_a_long_text_does_not_cost_the_words_behind_it() -> None:
    picture = f"&lt;img src='data:image/png;base64,{'A' * 600_000}'>"
    assert (
        plain_text(
            one(
                rss(
                    f"<title>t</title><description>&lt;p>before&lt;/p>{picture}&lt;p>behind&lt;/p></description>"
                )
            ).html
        )
        == "before behind"
    )


def test_a_text_without_end_is_cut_and_a_note_says_so() -> None:
    reading = parse_feed(rss(f"<title>Long</title><description>{'word ' * 110_000}</description>"))
    assert len(plain_text(reading.articles[0].html)) > 400_000
    assert reading.notes == ("Long: longer than 500000 characters: only its beginning is used",)


def test_more_posts_than_anybody_reads_are_counted_out() -> None:
    reading = parse_feed(_json_feed(*({"id": str(number)} for number in range(MAX_POSTS + 5))))
    assert reading.notes[0] == "more than 10000 posts: the first 10000 are used"


def test_many_posts_are_read_in_their_order() -> None:
    posts = [
        f"<guid>urn:{n}</guid><title>Post {n}</title><description>&lt;p>Text {n}&lt;/p></description>"
        for n in range(400)
    ]
    started = time.process_time()
    articles = parse_feed(rss(*posts)).articles
    assert [article.id for article in articles] == [f"urn:{n}" for n in range(400)]
    assert time.process_time() - started < 15


WORDS = "Füße, çava, “naïve” – Œuvre"


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", "utf-8", ""),
        ("utf-8", "", ""),
        ("utf-8-sig", "", ""),
        ("utf-8", "iso-8859-1", "text/xml; charset=us-ascii"),
        ("utf-8", "utf-16", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16-le", "utf-16", ""),
        ("utf-16-be", "", ""),
        ("utf-32", "utf-32", ""),
        ("cp1252", "windows-1252", ""),
        ("cp1252", "iso-8859-1", ""),
        ("cp1252", "utf-8", ""),
        ("cp1252", "", "application/rss+xml; charset=ISO-8859-1"),
        ("cp1252", "", ""),
        ("cp1252", "zip", ""),
        ("cp1252", "unicode_escape", "text/xml; charset=\0"),
    ],
)
def test_the_bytes_say_how_they_are_encoded(encoding: str, declared: str, content_type: str) -> None:
    declaration = f"<?xml version='1.0'{declared and f' encoding={declared!r}'}?>\n"
    body = rss(f"<title>{WORDS}</title>", before=declaration).decode().encode(encoding)
    assert one(body, content_type=content_type).title == WORDS
    assert looks_like_feed(body, content_type)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("koi8-r", "Привет"),
        ("shift_jis", "冬の朝"),
        ("gb2312", "冬天的早晨"),
        ("iso-2022-jp", "冬の朝"),
        ("euc-kr", "겨울 아침"),
        ("windows-1251", "Привет"),
    ],
)
def test_announced_encodings_are_believed_where_the_bytes_allow(encoding: str, words: str) -> None:
    body = (
        rss(f"<title>{words}</title>", before=f"<?xml version='1.0' encoding='{encoding}'?>")
        .decode()
        .encode(encoding)
    )
    assert one(body).title == words
    plain = rss(f"<title>{words}</title>").decode().encode(encoding)
    assert one(plain, content_type=f"text/xml;charset={encoding}").title == words


def test_single_wrong_bytes_do_not_spoil_the_others() -> None:
    body = rss("<title>Füße und çava@ caf@</title>", before="<?xml version='1.0' encoding='utf-8'?>").replace(
        b"@", b"\xe9"
    )
    assert one(body).title == "Füße und çavaé café"
    assert decode(b"caf\xe9 \x93x\x94") == "café “x”"


@pytest.mark.parametrize(
    "before",
    ["\ufeff", "\n\n  ", "<?phpxml version='1.0'?>\n", "<!-- x --><?xml version='1.0'?>", "<br />\n<b>Warning</b>: something on line 3<br />\n<?xml version='1.0'?>", "<?xml version='1.0'?>\n<?xml-stylesheet href='x.xsl'?><!-- <html> -->"],
)  # fmt: skip
def test_what_stands_before_the_feed_does_not_matter(before: str) -> None:
    body = rss("<title>x</title>", before=before)
    assert one(body).title == "x"
    assert looks_like_feed(body)


@pytest.mark.parametrize(
    "behind",
    [
        "<!-- cached -->",
        "\n<script>x</script>",
        "\0\0",
        "<rss><channel><item><title>y</title></item></channel></rss>",
        "</div>",
    ],
)
def test_what_stands_behind_the_feed_does_not_matter(behind: str) -> None:
    assert one(rss("<title>x</title>") + behind.encode()).title == "x"


@pytest.mark.parametrize(
    "broken",
    [
        "<title>a & b</title>", "<title>a < b</title>", "<title>a &nbsp; b</title>", "<title>a\x0bb\x00</title>",
        "<title>x</title><link>https://blog.example/?a=1&b=2</link>", "<title>x</title><enclosure url=x.mp3 length>",
        "<title>x</title><enclosure url='x.mp3' url='y.mp3'/>", "<title>x</title><slash:comments>5</slash:comments>",
        "<title>x</title><foo:bar baz:qux='1'/>", "<title>x</title></p></div>", "<title>x</title><a><b></a>",
        "<title>x<link>https://blog.example/1</link>", "<title>x</title><guid>urn:x</GUID>", "<title>x]]></title>",
        "<title>x</title><!-- a -- b --->", "<title>x</title><o:p>y</o:p>", "<title>x</title><![foo[y]]>",
        "<title>x</title><a:b:c>y</a:b:c>", "<title>x</title><1>y</1>", "<title>x</title><enclosure url='a<b'/>",
    ],
)  # fmt: skip
def test_broken_xml_is_mended_and_costs_no_other_post(broken: str) -> None:
    body = rss(broken, "<title>next</title><link>https://blog.example/next</link>")
    xml, note = mend(body.decode(), where="")
    ElementTree.fromstring(xml)
    assert note == ""
    titles = [article.title for article in parse_feed(body).articles]
    assert titles[-1] == "next"
    assert len(titles) == 2


def test_well_formed_feeds_mean_the_same_after_mending() -> None:
    text = rss(
        "<title>a &amp;amp; b</title><description><![CDATA[<p>x & y</p>]]></description><enclosure url='a?b=1&amp;c=2'/>"
    ).decode()
    before, after = (ElementTree.fromstring(xml) for xml in (text, mend(text, where="")[0]))
    assert [(e.tag, e.attrib, e.text) for e in before.iter()] == [
        (e.tag, e.attrib, e.text) for e in after.iter()
    ]


FULL = rss(
    *(
        f"<title>Post {n}</title><description><![CDATA[<p>Text {n} of the post</p>]]></description>"
        for n in range(4)
    )
)


@pytest.mark.parametrize("length", range(250, len(FULL) - 1, 17))
def test_a_feed_that_is_cut_off_ends_with_its_last_complete_post(length: int) -> None:
    complete = FULL[:length].count(b"</item>")
    if not complete:
        with pytest.raises(SourceError, match="cut off"):
            parse_feed(FULL[:length])
        return
    reading = parse_feed(FULL[:length])
    assert reading.articles == parse_feed(FULL).articles[:complete]
    assert ("cut off" in "".join(reading.notes)) or FULL[length:].strip() == b">"


def test_a_json_feed_that_is_cut_off_ends_with_its_last_complete_post() -> None:
    body = _json_feed(*({"id": f"urn:{n}", "content_text": f"Text {n}"} for n in range(3)), title="T")
    body = body.replace(b'"title": "T"', b"").replace(b'{"version"', b'{"title": "T", "version"')
    cut = parse_feed(body[: body.index(b"Text 2")])
    assert [article.id for article in cut.articles] == ["urn:0", "urn:1"]
    assert cut.title == "T"
    assert "cut off" in cut.notes[0]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html><body><rss></body></html>", ""),
        (b"<!DOCTYPE html><html></html>", "application/rss+xml"),
        (b"An <rss> element is <feed> for thought", ""),
        (b"# Notes on feeds\n\n    <rss version='2.0'>\n", "text/markdown"),
        (b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><foaf:Person/></rdf:RDF>", ""),
        (b"<opml/>", "text/xml"),
        (b'{"items": [1, 2]}', "application/json"),
        (b"{}", ""),
        (b"[]", ""),
        (b"", ""),
        (b"\xff\xfe\x00", ""),
    ],
)
def test_what_is_no_feed_does_not_look_like_one(body: bytes, content_type: str) -> None:
    assert not looks_like_feed(body, content_type)


SEEDS = [path.read_bytes() for path in SAMPLES]
SPLINTERS = [
    b"<",
    b">",
    b"&",
    b"</item>",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"&#xD800;",
    b"\x00",
    b"\xff",
    b'"',
    b"</rss>",
    b"<entry>",
    b"<?x ?>",
    b"}",
    b"[",
]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.sampled_from([0, 0, 1, 5, 200])))
        body[at:end] = draw(st.sampled_from(SPLINTERS) | st.binary(max_size=4))
    return bytes(body)


@given(mutants())
@settings(max_examples=80, deadline=None)
def test_a_damaged_feed_is_a_reading_or_an_error_in_words(body: bytes) -> None:
    looks_like_feed(body)
    try:
        reading = parse_feed(body, url="https://feeds.example/feed")
    except SourceError:
        return
    for article in reading.articles:
        assert article.id
        assert article.published is None or article.published.tzinfo
        assert article.url == "" or re.match("https?://", article.url)
        assert article.title == " ".join(article.title.split())


@given(mutants())
@settings(max_examples=80, deadline=None)
def test_mended_xml_is_well_formed_whatever_it_was(body: bytes) -> None:
    text = decode(body)
    try:
        xml, _note = mend(text, where="")
    except SourceError:
        return
    ElementTree.fromstring(xml)


@given(st.binary(max_size=200))
@settings(max_examples=80)
def test_any_bytes_are_a_reading_or_an_error(body: bytes) -> None:
    for candidate in (body, b"<rss>" + body, b"{" + body):
        looks_like_feed(candidate)
        try:
            parse_feed(candidate)
        except SourceError:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | st.just("<p>x</p>"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "url", "content_html", "authors", "name", "tags", "image", "title"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=80)
def test_any_json_is_a_reading_or_an_error(value: object) -> None:
    for document in (value, {"version": "https://jsonfeed.org/version/1", "items": value, "title": value}):
        try:
            parse_feed(json.dumps(document).encode())
        except SourceError:
            continue


REAL_FEEDS = sorted(REAL.glob("*")) if REAL.is_dir() else []


def _raw_bodies(body: bytes) -> list[str]:
    """The longest text of each post, read without any of the code under test."""
    if body.lstrip().startswith(b"{"):
        texts = re.findall(r'"content_html": *("(?:[^"\\]|\\.)*")', body.decode(), re.S)
        return [json.loads(text, strict=False) for text in texts]
    from lxml import etree

    root = etree.fromstring(body.replace(b"<?phpxml", b"<?xml").strip(), etree.XMLParser(recover=True))
    names = ("{*}encoded", "{*}content", "{*}description", "{*}summary")
    posts = root.iter("{*}item", "{*}entry")
    return [max((text.text or "" for text in post.iter(*names)), key=len, default="") for post in posts]


def _words(html: str) -> list[str]:
    """What a browser shows, as words."""
    import html5lib

    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    for element in list(tree.iter()):
        if element.tag not in ("a", "abbr", "b", "code", "em", "i", "span", "strong", "sub", "sup"):
            element.text, element.tail = f" {element.text or ''}", f" {element.tail or ''}"
        for child in list(element):
            if child.tag in ("script", "style", "iframe", "noscript", "video") or not isinstance(
                child.tag, str
            ):
                child.text, child[:] = "", []
    return re.findall(r"\w+", "".join(tree.itertext()))


@pytest.mark.skipif(not REAL_FEEDS, reason="the real feeds (../shared/real/feeds) are not here")
def test_real_feeds_keep_every_word_and_have_sane_dates_and_authors() -> None:
    for path in REAL_FEEDS:
        body = path.read_bytes()
        assert looks_like_feed(body), path.name
        reading = parse_feed(body, url="https://feeds.example/feed", where=path.name)
        raw = _raw_bodies(body)
        assert reading.articles, path.name
        if not reading.notes:
            assert len(raw) == len(reading.articles), path.name
        for text, article in zip(raw, reading.articles, strict=False):
            kept = Counter(re.findall(r"\w+", f"{article.title} {plain_text(article.html)}"))
            assert not Counter(_words(text)) - kept, (path.name, article.id)
        for article in reading.articles:
            assert plain_text(article.html) or article.image, (path.name, article.id)
            assert article.published is None or 2000 < article.published.year < 2100, (
                path.name,
                article.published,
            )
            assert "@" not in article.author
            assert article.title or article.html
