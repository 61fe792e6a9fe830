"""The pictures that articles bring along: copied into the issue's `articles/media`, in a format that email programs show.

Only a file below the publication, or below the folder of a source, is ever copied: no path and no link leads elsewhere.
Two files of one name stay two files.  What cannot be shown in an email (an SVG, say) is left out with a note; the
original stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from newsletter.articles.article import Article, Image
from newsletter.articles.picture_conversion import SHOWN, SUFFIXES, for_email
from newsletter.articles.picture_size import is_double, rewritten_images
from newsletter.issues.issue import slug

#: What is embedded as it is, because most email programs show it.
KEPT = SHOWN | {"image/webp"}


class Media:
    """Brings pictures into one issue."""

    def __init__(self, articles: Path, *, root: Path, elsewhere: Sequence[Path] = ()) -> None:
        """`articles` is the issue's folder of articles; relative paths of pictures start at `root`, and those of sources
        outside of it are absolute and below one of the folders `elsewhere`."""
        self._folder = articles / "media"
        self._root = root
        self._elsewhere = elsewhere
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the pictures, each thing once."""
        return tuple(self._notes)

    def brought(self, article: Article) -> Article:
        """`article` with its local pictures copied and their paths changed to match; without those that cannot be shown."""
        image = article.image and self._brought(article.image)
        body = rewritten_images(article.html, self._brought)
        is_missing = image and not image.url
        return replace(article, html=body, image=None if is_missing else image)

    def _brought(self, image: Image) -> Image:
        source = self._file(image.url)
        if source is None:
            return image
        usable = for_email(source.read_bytes())
        if usable.note:
            self._notes[f"{source.name}: {usable.note}"] = None
        if usable.content_type not in KEPT:
            return replace(image, url="")
        stem = f"{slug(source.stem) or 'picture'}{'@2x' if is_double(source.name) else ''}"
        suffix, number = SUFFIXES[usable.content_type], 1
        copy = self._folder / f"{stem}{suffix}"
        while copy.exists() and copy.read_bytes() != usable.content:
            number += 1
            copy = self._folder / f"{stem}-{number}{suffix}"
        self._folder.mkdir(exist_ok=True)
        copy.write_bytes(usable.content)
        return replace(image, url=f"media/{copy.name}")

    def _file(self, src: str) -> Path | None:
        """The file that `src` names, if it is below one of the folders."""
        if not src or "\0" in src or len(src) > 1000:
            return None
        is_absolute = Path(src).is_absolute()
        if not is_absolute and ":" in src:
            return None
        file = (self._root / src).resolve()
        folders = self._elsewhere if is_absolute else [self._root]
        is_below = any(file.is_relative_to(folder.resolve()) for folder in folders)
        return file if is_below and file.is_file() else None
