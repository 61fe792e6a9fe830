"""The pictures that an issue brings along, and the size at which an email draws every picture.

A picture that an article has on the web stays there and is linked.  One that is a file of the issue travels inside the
message (multipart/related, `cid:` URLs; RFC 2387 and 2392), so it shows without a web server; or it is copied to where
the publication's own web server finds it (`media_dir`) and linked (`media_url`), so the message stays light.

Its name on the web is the fingerprint of its bytes: the same picture is there once, another one never takes its place,
and a message that was sent shows for ever what it showed first.

Outlook for Windows reads nothing but the attributes `width` and `height`, so `fitted` writes both for each picture whose
size is known: of files from their bytes, of pictures on the web from what the draft learnt (`articles.remote_pictures`).

A file that is missing, or no picture for email, is an IssueError that names it.  Copying leaves each picture whole or
not there, and never overwrites.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from newsletter.articles.article import Article, Image
from newsletter.articles.picture_conversion import INSTALL, NAMES, SHOWN, SUFFIXES
from newsletter.articles.picture_size import (
    Size,
    media_type,
    natural_size,
    rewritten_images,
    with_natural_size,
)
from newsletter.errors import ConfigError, IssueError

#: How a file of the publication is named from an issue's `articles` folder.
FROM_ROOT = "../../../"
_SHOWN = re.compile(r"(?:https?|cid):")
LARGEST = 10 * 1024 * 1024
#: Most email programs show WebP; what does not is told by the checks.
_EMBEDDABLE = SHOWN | {"image/webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the issue: its path relative to the issue's `articles` folder, its media type, its bytes.

    `size` is its true size, upright; None if the bytes do not say.
    """

    path: str
    content_type: str
    content: bytes = field(repr=False)
    size: Size | None = field(init=False, compare=False)
    digest: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", natural_size(self.content))
        object.__setattr__(self, "digest", hashlib.sha256(self.content).hexdigest()[:24])

    @property
    def cid(self) -> str:
        """The Content-ID without angle brackets: the same bytes have the same id.  RFC 2392, section 2."""
        return f"{self.digest}@media"

    @property
    def name(self) -> str:
        """The name of its file on the web: the same bytes have the same name."""
        return f"{self.digest}{SUFFIXES.get(self.content_type, '')}"


def local_paths(articles: Iterable[Article]) -> list[str]:
    """The paths of the pictures of `articles` that are files of the issue, in order, each once."""
    found: list[str] = []

    def see(image: Image) -> Image:
        found.append(image.url)
        return image

    for article in articles:
        if article.image:
            see(article.image)
        rewritten_images(article.html, see)
    return [src for src in dict.fromkeys(found) if src and ":" not in src and not src.startswith("/")]


def read_pictures(folder: Path, articles: Iterable[Article]) -> Mapping[str, Picture]:
    """The pictures of `articles` by path; `folder` is the issue's `articles` folder.

    Raises IssueError, if one cannot be read, is no PNG, JPEG, GIF or WebP, or weighs more than 10 MB.
    """
    return {path: read_picture(folder, path) for path in local_paths(articles)}


def read_picture(folder: Path, path: str) -> Picture:
    """The picture at `path` below `folder`.  Raises IssueError as `read_pictures` does."""
    file = folder / path
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise IssueError(f"the picture cannot be read: {reason}", where=str(file)) from error
    kind = media_type(content)
    if kind not in _EMBEDDABLE:
        raise _not_shown(kind, str(file))
    if len(content) > LARGEST:
        raise IssueError(
            f"the picture weighs {len(content) / 1e6:.1f} MB",
            where=str(file),
            hint="save it smaller: 1200 pixels wide are enough",
        )
    return Picture(path, kind, content)


def _not_shown(kind: str, where: str) -> IssueError:
    name = NAMES.get(kind, "")
    message = f"not a picture that mail programs show{f': {name}' if name else ''}"
    if kind in ("", "image/svg+xml"):
        hint = "use PNG, JPEG or GIF"
    else:
        hint = f"use PNG, JPEG or GIF; or {INSTALL}, and draft again"
    return IssueError(message, where=where, hint=hint)


def picture_urls(pictures: Mapping[str, Picture], *, media_url: str = "") -> dict[str, str]:
    """The URL of each picture by path: below `media_url`, or `cid:` for an embedded one where there is none."""
    base = media_url.rstrip("/")
    return {
        path: f"{base}/{picture.name}" if base else f"cid:{picture.cid}" for path, picture in pictures.items()
    }


def fitted(html: str, pictures: Mapping[str, Picture], column: int, *, media_url: str = "") -> str:
    """A sanitised body with the URLs of its local pictures, and each picture at the size it is drawn in `column` pixels.

    A picture whose size is not known keeps what it says of it, up to the width of the column.  Nothing else changes.
    """
    return _fitted(html, _places(pictures, media_url), column)


def fitted_image(
    image: Image | None, pictures: Mapping[str, Picture], column: int, *, media_url: str = ""
) -> Image | None:
    """`image` with its URL and the size at which it is drawn in `column` pixels, as in `fitted`; None if it has no URL."""
    if image is None:
        return None
    image = _drawn(image, dict(_places(pictures, media_url)), column)
    return image if _SHOWN.match(image.url) else None


_Place = tuple[str, Size | None]


def _places(pictures: Mapping[str, Picture], media_url: str) -> tuple[tuple[str, _Place], ...]:
    """The URL and the true size of each picture by path, in a form that can be remembered by."""
    urls = picture_urls(pictures, media_url=media_url)
    return tuple((path, (urls[path], picture.size)) for path, picture in pictures.items())


@lru_cache(maxsize=256)
def _fitted(html: str, places: tuple[tuple[str, _Place], ...], column: int) -> str:
    by_path = dict(places)
    return rewritten_images(html, lambda image: _drawn(image, by_path, column))


def _drawn(image: Image, places: Mapping[str, _Place], column: int) -> Image:
    url, natural = places.get(image.url, (image.url, None))
    if natural:
        image = with_natural_size(image, natural, column)
    elif image.width and image.width > column:
        height = Size(image.width, image.height).within(column).height if image.height else None
        image = replace(image, width=column, height=height)
    return replace(image, url=url)


def copy_pictures(pictures: Iterable[Picture], media_dir: Path) -> None:
    """Each of `pictures` in `media_dir`, which is made if need be, under its `name`; what is there already stays.

    Raises ConfigError, if `media_dir` cannot be written, or has another file of that name.
    """
    where = str(media_dir)
    try:
        media_dir.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            target = media_dir / picture.name
            where = str(target)
            if not os.path.lexists(target):
                _write_whole(target, picture.content)
            elif not target.is_file() or target.read_bytes() != picture.content:
                raise ConfigError(
                    "another file has the name of a picture",
                    where=where,
                    hint="names here are fingerprints of what is inside, so it is damaged: delete it",
                )
    except OSError as error:
        raise ConfigError(
            f"pictures cannot be copied to media_dir: {error.strerror}",
            where=where,
            hint="newsletter.toml: media_dir is a folder that can be written",
        ) from error


def _write_whole(target: Path, content: bytes) -> None:
    """Write `target` for everybody to read, whole or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=".picture-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the name must never stand for less than all of it
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
