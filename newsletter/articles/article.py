"""An article: one post, as every source hands it in, and how two are known to be the same.

The sources differ (feed, folder, page, text); what comes out of them does not: an `Article` whose `html` has been
through `articles.sanitize` and is safe to stand in an email.  Identity is decided by id, then canonical URL, then
content, because feeds change their ids, blogs move to https, and files are renamed.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

#: Query parameters that say how a reader came, not what the page is.
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|msclkid|yclid|twclid|igshid|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi|hsCtaTracking"
    r"|vero_id|oly_enc_id|oly_anon_id|ref_src|s_cid|ck_subscriber_id)\Z"
)
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: absolute http(s) URL or a path below the publication, alt text, size in CSS pixels where known."""

    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """One post.

    `title`, `author` and `summary` are plain text (no markup, no entities); `title` may be empty (micro posts);
    `url` is absolute or empty; `published` is aware or None; `html` is the output of `articles.sanitize.sanitize`;
    `language` is a BCP 47 tag or empty.  `image` is the picture to show beside the title; it is not repeated as the
    first thing in `html`.
    """

    id: str
    title: str = ""
    url: str = ""
    author: str = ""
    published: datetime | None = None
    summary: str = ""
    image: Image | None = None
    tags: tuple[str, ...] = ()
    language: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source gave: its articles in its own order, its name and language, and what had to be left out."""

    articles: tuple[Article, ...]
    title: str = ""
    language: str = ""
    notes: tuple[str, ...] = ()


def one_line(text: str) -> str:
    """`text` on one line: white space, control characters and bidirectional overrides are single spaces.

    Soft hyphens and byte order marks go; every other character stays, also those that this Python does not know yet.
    """
    return _SPACE.sub(" ", text.replace("\xad", "").replace("\ufeff", "")).strip()


def text_of(html: str) -> str:
    """The words of sanitised HTML on one line: for comparing and counting, not for reading."""
    return one_line(unescape(_TAG.sub(" ", html)))


def canonical_url(url: str) -> str:
    """`url` in the form in which two addresses of one page are equal: for comparing, not for linking.

    http and https, `www.`, default ports, a trailing slash or `index.html`, fragments and tracking parameters make
    no difference; the order of the other parameters is kept.  Empty for what is not http(s).
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return ""
    host = parts.hostname.rstrip(".").removeprefix("www.")
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    path = re.sub(r"/index\.(?:html?|php)\Z", "/", parts.path).rstrip("/")
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k)]
    return urlunsplit(("https", host, quote(path, safe="/%:@!$&'()*+,;=~-._"), urlencode(query), ""))


def content_digest(article: Article) -> str:
    """The fingerprint of title and words, 32 hexadecimal digits; empty if there are none."""
    words = f"{one_line(article.title)}\n{text_of(article.html)}".casefold()
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32] if words.strip() else ""


class Known:
    """The articles that were seen: by id, by canonical URL, by content."""

    def __init__(self, articles: Iterable[Article] = ()) -> None:
        self._ids: set[str] = set()
        self._urls: set[str] = set()
        self._contents: set[str] = set()
        for article in articles:
            self.add(article)

    def add(self, article: Article) -> None:
        """Remember `article`."""
        self._ids.add(article.id)
        self._urls.add(canonical_url(article.url))
        self._contents.add(content_digest(article))

    def __contains__(self, article: Article) -> bool:
        """Whether an article with the same id, the same canonical URL or the same content was added."""
        url, content = canonical_url(article.url), content_digest(article)
        return (
            article.id in self._ids
            or bool(url and url in self._urls)
            or bool(content and content in self._contents)
        )


def reading_minutes(html: str) -> int:
    """How long sanitised HTML takes to read: 230 words, or 500 Chinese, Japanese or Korean characters, a minute."""
    text = text_of(html)
    ideographs = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", text))
    words = len(re.sub(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", " ", text).split())
    return max(1, round(words / 230 + ideographs / 500))
