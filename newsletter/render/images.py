"""The pictures that an issue brings along: files beside its articles, embedded into the message.

A picture that an article has on the web stays there and is linked; one that is a file of the issue travels inside the
message (multipart/related, `cid:` URLs; RFC 2387 and 2392), so it shows without a web server.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from newsletter.articles.article import Article
from newsletter.errors import IssueError

_SRC = re.compile(r'<img\b[^>]*?\ssrc="([^"]*)"')
_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
LARGEST = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """One embedded picture: its path relative to the issue's `articles` folder, its media type, its bytes."""

    path: str
    content_type: str
    content: bytes

    @property
    def cid(self) -> str:
        """The Content-ID without angle brackets: the same bytes have the same id.  RFC 2392, section 2."""
        return f"{hashlib.sha256(self.content).hexdigest()[:24]}@media"


def local_paths(articles: Iterable[Article]) -> list[str]:
    """The paths of the pictures of `articles` that are files of the issue, in order, each once."""
    found: dict[str, None] = {}
    for article in articles:
        sources = [article.image.url] if article.image else []
        sources += [unescape(match[1]) for match in _SRC.finditer(article.html)]
        found.update(
            dict.fromkeys(src for src in sources if src and ":" not in src and not src.startswith("/"))
        )
    return list(found)


def read_pictures(folder: Path, articles: Iterable[Article]) -> Mapping[str, Picture]:
    """The pictures of `articles` by path; `folder` is the issue's `articles` folder.

    Raises IssueError, if one cannot be read, is no PNG, JPEG, GIF or WebP, or weighs more than 10 MB.
    """
    pictures: dict[str, Picture] = {}
    for path in local_paths(articles):
        file = folder / path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise IssueError(f"the picture cannot be read: {error.strerror}", where=str(file)) from error
        kind = next((kind for magic, kind in _TYPES.items() if content.startswith(magic)), "")
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            kind = "image/webp"
        if not kind:
            raise IssueError(
                "not a picture that mail programs show", where=str(file), hint="use PNG, JPEG or GIF"
            )
        if len(content) > LARGEST:
            raise IssueError(
                f"the picture weighs {len(content) / 1e6:.1f} MB",
                where=str(file),
                hint="save it smaller: 1200 pixels wide are enough",
            )
        pictures[path] = Picture(path, kind, content)
    return pictures
