"""Articles from a feed: RSS, RDF, Atom or JSON Feed.

    decode, mend     bytes become well-formed XML        feed_text
    read             XML or JSON becomes posts           feed_posts
    clean            posts become articles               here

A post gives the longest of its texts as the body, the shortest as the summary.  Whatever is HTML is
sanitised, whatever is plain is plain: titles keep `AT&T` and `a < b` and lose `<b>`.  No mail address is
published.  Ids are URIs or carry the host of the feed, so that "123" of two feeds are two articles.

What is wrong with one post costs that post at most, and a note says so: posts without title, text and link,
a second post with the same id, posts behind the place where the feed was cut off.  Raises SourceError if
there is no feed: the hint names the feeds that a page announces.  10 MB at most.

Sources: RSS 2.0, RSS 1.0, RFC 4287 (Atom), jsonfeed.org 1.1.  Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sized
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from html import unescape
from typing import cast

from newsletter.articles.article import Article, Reading, content_digest, one_line
from newsletter.articles.feed_posts import MAX_POSTS, Feed, Fields, Post, Text, read_json, read_xml
from newsletter.articles.feed_text import CUT_OFF, decode, find_feed, is_xml_feed, mend
from newsletter.articles.feed_words import (
    author_line,
    is_beginning,
    language_tag,
    plain_title,
    summary,
    tag_list,
    without_title,
)
from newsletter.articles.link import WEB, absolute_url, host_of
from newsletter.articles.pictures import picture_key
from newsletter.articles.prose import html_of_text
from newsletter.articles.sanitize import first_image, sanitize
from newsletter.errors import SourceError

MAX_BYTES = 10 * 1024 * 1024
#: As much of a body as is read, in characters of HTML: several times more than any email can hold.
MAX_LENGTH = 500_000

_BLANK = "\ufeff \t\r\n"
#: The list of posts and the space before the first.
_ITEMS = re.compile(r'"items"\s*:\s*\[\s*')
_JSON_BODIES = frozenset(["content_html", "content_text"])
#: How far into a page its feeds are looked for.
_HEAD = 200_000
_FEED_TYPES = re.compile(r"application/(?:rss\+xml|atom\+xml|rdf\+xml|feed\+json)", re.I)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.I)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z")
_MARKUP = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]*\b[^<>]*>|!--)")
#: Text that is an element, or several of them, from its beginning to its end.
_IS_ELEMENT = re.compile(r"\s*<([A-Za-z][A-Za-z0-9]*)\b[^<>]*>.*</[A-Za-z][A-Za-z0-9]*\s*>\s*\Z", re.S)
_INLINE_DATA = re.compile(r"data:[\w.+-]*/[\w.+-]*;base64,[A-Za-z0-9+/=\s]*")
_TAG_OR_NEW_LINE = re.compile(r"(<[^<>]*>)|\n")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,31});")
_BLOCKS = re.compile(
    r"<(?:p|br|div|h[1-6]|ul|ol|li|dl|table|tr|td|blockquote|pre|section|article|figure|hr|center|details)\b",
    re.I,
)
_UNSEEN = re.compile(r"<(script|style|template)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]*>", re.I | re.S)
_SEEN = re.compile(r"<(?:img|iframe|video|audio|embed|object)\b", re.I)
#: What a picture is worth when bodies are compared by their length.
_WORTH = 40
#: A picture less wide than this stands for a post only if the post has no other.
_THUMBNAIL = 200
#: As much of a teaser as is read for a summary of 300 characters.
_TEASER_LENGTH = 5000


def looks_like_feed(body: bytes, content_type: str = "") -> bool:
    """Whether `body` is a feed rather than a page or a text; where that is in doubt `content_type` decides."""
    text = decode(body[:MAX_BYTES], content_type)
    if text.lstrip(_BLANK).startswith("{"):
        return _is_json_feed(_parsed_json(text)[0])
    start = find_feed(text)
    if start < 0 or not is_xml_feed(text[start:]):
        return False
    return start == 0 or "xml" in content_type or text.startswith("<?xml", start)


def parse_feed(body: bytes, *, url: str = "", content_type: str = "", where: str = "") -> Reading:
    """The articles of a feed that was found at `url`, in its own order.

    `content_type` is a media type, with or without a charset.  Raises SourceError, if it is no feed or none that is
    safe to read.
    """
    where = where or url
    if len(body) > MAX_BYTES:
        raise SourceError(f"too large: {len(body) / 1e6:.0f} MB, 10 MB at most", where=where)
    text = decode(body, content_type)
    if not text.strip(_BLANK + "\0"):
        raise SourceError("it is empty", where=where)
    if text.lstrip(_BLANK).startswith("{"):
        document, cut_off = _parsed_json(text)
        if not _is_json_feed(document):
            raise SourceError(
                "JSON, but no JSON Feed",
                where=where,
                hint="a JSON Feed has a version and items: jsonfeed.org",
            )
        feed = read_json(cast(Fields, document), url=url)
    else:
        start = find_feed(text)
        if start < 0:
            raise _no_feed(text, url, where)
        xml, cut_off = mend(text[start:], where=where)
        feed = read_xml(xml, url=url, where=where)
    return _reading(feed, url, cut_off)


def announced_feeds(page: str, *, url: str) -> tuple[str, ...]:
    """The addresses of the feeds that a page names in its head."""
    tags = [
        (tag[1].lower(), _attributes(tag[0]))
        for tag in re.finditer(r"<(link|base)\b[^<>]*>", page[:_HEAD], re.I)
    ]
    base = next(
        (absolute_url(found["href"], url, WEB) for name, found in tags if name == "base" and "href" in found),
        url,
    )
    feeds = (
        absolute_url(found.get("href", ""), base, WEB)
        for name, found in tags
        if name == "link"
        and "alternate" in found.get("rel", "").lower().split()
        and _FEED_TYPES.match(found.get("type", ""))
    )
    return tuple(dict.fromkeys(filter(None, feeds)))


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): unescape("".join(values)).strip() for name, *values in _ATTRIBUTE.findall(tag)}


def _no_feed(text: str, url: str, where: str) -> SourceError:
    if not _PAGE.search(text, 0, 100_000):
        return SourceError(
            "neither RSS, nor Atom, nor JSON Feed",
            where=where,
            hint="open the address in a browser: what is there?",
        )
    feeds = announced_feeds(text, url=url)
    found = (
        f"its feed is {' or '.join(feeds[:3])}"
        if feeds
        else "it names no feed; look for a link to RSS or Atom on it"
    )
    return SourceError(
        "a web page, not a feed", where=where, hint=f'{found}; for the post on the page itself: kind = "page"'
    )


def _parsed_json(text: str) -> tuple[object, str]:
    """The JSON document or None, and a note on what is missing from it.

    Control characters in texts are let pass, as by most who write them.
    """
    text = text.lstrip(_BLANK)
    with suppress(ValueError, RecursionError):
        return json.loads(text, strict=False), ""
    return _complete_items(text), CUT_OFF


def _complete_items(text: str) -> dict[str, object] | None:
    """What can be read of a JSON Feed that breaks off; None if that is not one post."""
    start = _ITEMS.search(text)
    if start is None:
        return None
    document: dict[str, object] = {}
    with suppress(ValueError, RecursionError):
        document = json.loads(text[: start.start()].rstrip(" \t\r\n,") + "}", strict=False)
    items = []
    position = start.end()
    decoder = json.JSONDecoder(strict=False)
    with suppress(ValueError, RecursionError):
        while True:
            item, position = decoder.raw_decode(text, position)
            items.append(item)
            position += len(text[position : position + 1000]) - len(
                text[position : position + 1000].lstrip(_BLANK + ",")
            )
    return {**document, "items": items} if items else None


def _is_json_feed(document: object) -> bool:
    if not isinstance(document, dict) or not isinstance(items := document.get("items"), list):
        return False
    if "jsonfeed.org/version" in str(document.get("version", "")):
        return True
    return any(isinstance(item, dict) and not _JSON_BODIES.isdisjoint(item) for item in items)


def _reading(feed: Feed, url: str, cut_off: str) -> Reading:
    """The feed's articles, without those that say nothing or come twice."""
    notes = [cut_off] if cut_off else []
    articles: dict[str, Article] = {}
    empty = 0
    doubles: list[str] = []
    for post in feed.posts[:MAX_POSTS]:
        if not (post.title.source or post.bodies or post.url or post.image):
            empty += 1
            continue
        bodies = tuple(map(_bounded, post.bodies))
        article = _article(replace(post, bodies=bodies), feed, url)
        if any(len(text.source) == MAX_LENGTH for text in bodies):
            notes.append(
                f"{article.title or article.id}: longer than {MAX_LENGTH} characters: only its beginning is used"
            )
        if not (article.title or article.html or article.url or article.image):
            empty += 1
        elif article.id in articles:
            doubles.append(article.id)
        else:
            articles[article.id] = article
    if len(feed.posts) > MAX_POSTS:
        notes.append(f"more than {MAX_POSTS} posts: the first {MAX_POSTS} are used")
    if doubles:
        notes.append(
            f"{_posts(doubles)} the id of an earlier one, which is used: {', '.join(dict.fromkeys(doubles[:3]))}"
        )
    if empty:
        notes.append(f"{_posts(range(empty))} neither title, text nor link: left out")
    return Reading(
        articles=tuple(articles.values()),
        title=plain_title(feed.title.source, is_plain=feed.title.markup is False),
        language=language_tag(feed.language),
        notes=tuple(notes),
    )


def _posts(counted: Sized) -> str:
    return f"{len(counted)} {'post has' if len(counted) == 1 else 'posts have'}"


def _article(post: Post, feed: Feed, url: str) -> Article:
    title = plain_title(post.title.source, is_plain=post.title.markup is False)
    base = post.url or feed.url or url
    chosen, teaser = _parted(post.bodies)
    teaser_html = sanitize(_html(teaser)[:_TEASER_LENGTH], base=teaser.base or base) if teaser.source else ""
    image = post.image if post.image and (post.image.width or _THUMBNAIL) >= _THUMBNAIL else None
    html = sanitize(
        _html(chosen), base=chosen.base or base, title=title, image_url=image.url if image else ""
    )
    if image is None:
        image = first_image(html) or first_image(teaser_html) or post.image
        html = sanitize(html, base=chosen.base or base, image_url=image.url) if image else html
    if image and not image.alt:
        image = replace(image, alt=_alt_text(image.url, _html(chosen), chosen.base or base))
    html = without_title(html, title)
    if is_beginning(title, html):
        title = ""
    article = Article(
        id="",
        title=title,
        url=post.url,
        author=author_line(post.authors) or author_line(feed.authors),
        published=post.published,
        summary=summary(teaser_html, title=title, body=html, url=post.url, home=feed.url),
        image=image,
        tags=tag_list(post.tags),
        language=language_tag(post.language) or language_tag(feed.language),
        html=html,
    )
    return replace(article, id=_id(post.id, article, host_of(feed.url) or host_of(url)))


def _alt_text(url: str, html: str, base: str) -> str:
    """What a body says of the picture at `url`, which may have come without words from elsewhere in the feed."""
    key = picture_key(url)
    for tag in re.finditer(r"<img\b[^<>]*>", html, re.I):
        found = _attributes(tag[0])
        sources = (found.get(name, "") for name in ("src", "data-src"))
        if found.get("alt") and any(
            source and picture_key(absolute_url(source, base)) == key for source in sources
        ):
            return one_line(found["alt"])
    return ""


def _bounded(text: Text) -> Text:
    """A body that is not too long to be worked on; pictures written into it are left out before anything else is."""
    if len(text.source) <= MAX_LENGTH:
        return text
    return replace(text, source=_INLINE_DATA.sub("data:,", text.source)[:MAX_LENGTH])


def _parted(bodies: tuple[Text, ...]) -> tuple[Text, Text]:
    """The body, the longest of the texts and the first of equals, and the teaser, the shortest of the others."""
    lengths = [_length(_html(text)) for text in bodies]
    if not lengths:
        return Text(), Text()
    body = lengths.index(max(lengths))
    others = [(length, at) for at, length in enumerate(lengths) if at != body and length]
    return bodies[body], bodies[min(others)[1]] if others else Text()


def _length(html: str) -> int:
    """How much there is to read and see in HTML, in characters: near enough, and cheaper than sanitising."""
    return len(one_line(unescape(_UNSEEN.sub(" ", html)))) + _WORTH * len(_SEEN.findall(html))


@lru_cache(maxsize=8)
def _html(text: Text) -> str:
    """A body as HTML, whatever the feed thinks it is.

    Feeds call text HTML and HTML text.  Text without a tag is text; what says it is text and is one element from its
    first character to its last is HTML; and where lines are all the structure there is, lines are paragraphs.
    """
    source = text.source.replace("\r\n", "\n").replace("\r", "\n")
    if text.markup is None and not _MARKUP.search(source):
        source = unescape(source) if _ENTITY.search(source) else source
        if not _IS_ELEMENT.match(source):  # else escaped twice
            return html_of_text(source)
    if text.markup is False and not _IS_ELEMENT.match(source):
        return html_of_text(source)
    if "\n\n" in source.strip() and not _BLOCKS.search(source):
        broken = _TAG_OR_NEW_LINE.sub(lambda found: found[1] or "<br>", source.strip())
        return re.sub(r"(?:<br>[ \t]*){2,}", "<p>", f"<p>{broken}")
    return source


def _id(guid: str, article: Article, host: str) -> str:
    """What names the article in this and every later reading of the feed."""
    if guid:
        return guid if _URI.match(guid) else f"{host}#{one_line(guid)}"
    if article.url:
        return article.url
    seen = f"{content_digest(article)} {article.image.url if article.image else ''}"
    return f"sha256:{hashlib.sha256(seen.encode()).hexdigest()[:32]}"
