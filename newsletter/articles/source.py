"""From a place (path or URL) to articles: which kind of source it is, and the one way to read each.

A URL is fetched, a path is read; feeds, pages and texts are told apart by what they are, not by what they are called.
Every kind comes out as a `Reading`.
"""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.articles.article import Reading
from newsletter.articles.feed import looks_like_feed, parse_feed
from newsletter.articles.fetch import Fetcher, display_url
from newsletter.articles.folder import read_file, read_folder
from newsletter.articles.page import looks_like_page, parse_page
from newsletter.articles.text import parse_text
from newsletter.errors import SourceError

#: The most that is read from a file, in bytes: the same as from the network.
LARGEST = 10 * 1024 * 1024
_POST_SUFFIXES = {".md", ".markdown", ".mdown", ".mkd", ".mdx"}


def is_url(location: str) -> bool:
    """Whether `location` is an http(s) address rather than a path."""
    return bool(re.match(r"https?://", location, re.I))


def read_source(location: str, *, kind: str, root: Path, base_url: str, fetcher: Fetcher) -> Reading:
    """The articles at `location`, an http(s) URL or a path (relative to `root`).

    `kind` is "feed", "folder", "page", "text" or empty for "find out".  Raises SourceError or FetchError, if it cannot
    be read or is not of that kind.
    """
    if is_url(location):
        fetched = fetcher.fetch(location)
        shown = display_url(location)
        return _parse(
            fetched.body,
            kind,
            url=fetched.url,
            content_type=fetched.content_type,
            charset=fetched.charset,
            where=shown,
        )
    path = root / Path(location).expanduser()
    if path.is_dir():
        if kind not in ("", "folder"):
            raise SourceError(
                f"a folder, not a {kind}", where=location, hint='kind = "folder", or leave kind out'
            )
        return read_folder(path, root=root, base_url=base_url)
    if not path.is_file():
        raise SourceError(
            "there is no such file or folder",
            where=location,
            hint="a source is a feed, a folder of posts, a page or a text, by path or URL",
        )
    if path.stat().st_size > LARGEST:
        raise SourceError(f"too large: {path.stat().st_size / 1e6:.0f} MB, 10 MB at most", where=location)
    if not kind and path.suffix.lower() in _POST_SUFFIXES:
        return read_file(path, root=root, base_url=base_url)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=location) from error
    if not kind and path.suffix.lower() in (".html", ".htm") and not looks_like_page(body):
        return read_file(path, root=root, base_url=base_url)
    return _parse(body, kind or ("text" if path.suffix.lower() == ".txt" else ""), where=location)


def local_folder(location: str, *, root: Path) -> Path | None:
    """The folder of a source that is on disk, below which its pictures are; None for a URL.

    The pictures of a source outside of `root` come out as absolute paths, and this says which of these may be read.
    """
    path = root / Path(location).expanduser()
    return None if is_url(location) else path if path.is_dir() else path.parent


def read_paste(text: str) -> Reading:
    """The article in `text`, as pasted from a blog."""
    return parse_text(text, where="the pasted text")


def _parse(
    body: bytes, kind: str, *, url: str = "", content_type: str = "", charset: str = "", where: str
) -> Reading:
    if not body.strip():
        raise SourceError("it is empty", where=where)
    if kind == "feed" or (not kind and looks_like_feed(body, content_type)):
        kind_said = f"{content_type}; charset={charset}" if charset else content_type
        return parse_feed(body, url=url, content_type=kind_said, where=where)
    if kind == "page" or (not kind and looks_like_page(body, content_type)):
        return parse_page(body, url=url, charset=charset, where=where)
    if kind == "text" or (not kind and content_type in ("", "text/plain") and b"\0" not in body[:1000]):
        return parse_text(_decode(body, charset, where), where=where)
    if kind == "folder":
        raise SourceError(
            "not a folder", where=where, hint='a single post: leave kind out; a feed: kind = "feed"'
        )
    raise SourceError(
        f"neither a feed, nor a page, nor a text{f' (it says it is {content_type})' if content_type else ''}",
        where=where,
        hint="give the address of an RSS, Atom or JSON feed, or of a post's page",
    )


def _decode(body: bytes, charset: str, where: str) -> str:
    for encoding in (
        charset,
        "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "",
        "utf-8-sig",
        "cp1252",
    ):
        if encoding:
            try:
                return body.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
    raise SourceError("not a text in UTF-8, UTF-16 or Windows-1252", where=where, hint="save it as UTF-8")
