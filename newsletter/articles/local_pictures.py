"""The pictures that a post in a folder shows by a path: found on disk, below one root, and nowhere else.

A path in a post means what the post's site makes of it: `a.png` stands beside the post or in the folder of
its name, `/img/a.png` in `static/`, `public/` or `assets/` of the site, `![[a.png]]` among the attachments
of a vault.  All these are tried, from the post's folder up to the root.

The root is the publication's folder, and the paths are below it.  A source outside of the publication is its own root;
its pictures come out as absolute paths, which cannot be mistaken for files of the publication.

The guarantee: only a picture (by its suffix) whose real path is below the real root is found.  `..`,
absolute paths, symbolic links that lead out, hidden files and files that are no pictures are not, whatever
a post says.  A picture that is not found is left to the site's address, where there is one; else it is left
out and named in `notes`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

#: Folders of sites and vaults in which pictures are kept.
_ATTIC = (
    *("", "static", "public", "assets", "images", "img", "media", "attachments"),
    *("src", "source", "content"),
)
_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif", ".bmp", ".tif", ".tiff", ".jfif"}
)
_ELSEWHERE = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|//|#|\?)")
_MARKDOWN = re.compile(r"[^?#:]*\.(?:md|markdown|mdown|mkd|mdx)(?:[?#].*)?", re.IGNORECASE)

_TAG = re.compile(r"<(img|a|source)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w-])(src|href)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE)


class LocalPictures:
    """The pictures of the post at `path`, which is in `source`, a folder below `root` or elsewhere.

    `found` are their paths below `root`, or absolute ones; `notes` names those that are missing.
    """

    def __init__(self, path: Path, root: Path, source: Path, *, has_site: bool) -> None:
        self.found: set[str] = set()
        self.notes: list[str] = []
        self._root, own = Path(os.path.realpath(root)), Path(os.path.realpath(source))
        self._is_elsewhere = not own.is_relative_to(self._root)
        if self._is_elsewhere:
            self._root = own
        self._has_site = has_site
        folder = Path(os.path.realpath(path.parent))
        above = [parent for parent in folder.parents if parent.is_relative_to(self._root)]
        self._beside = [folder, folder / path.stem]
        self._upwards = [up / name for up in (folder, *above) for name in _ATTIC]
        self._downwards = [up / name for up in (*reversed(above), folder) for name in _ATTIC]

    def settle(self, html: str) -> str:
        """`html` with the path below the root for each picture that is there, and without those that are nowhere.

        Links to other Markdown files go, too: nobody knows under which address their posts are.
        """
        return _TAG.sub(self._settled_tag, html)

    def find(self, source: str) -> str:
        """The path below the root of the picture that `source` means; empty if there is none."""
        if _ELSEWHERE.match(source):
            return ""
        name = unquote(re.split(r"[?#]", source.strip(), maxsplit=1)[0]).replace("\\", "/")
        for candidate in self._candidates(name):
            if path := self._picture(candidate):
                self.found.add(path)
                return path
        return ""

    def is_missing(self, source: str) -> bool:
        """Whether `source` means a picture on disk that is not there, and not on the site either; noted, if so."""
        if self._has_site or _ELSEWHERE.match(source) or not source.strip():
            return False
        note = f"no picture {source.strip()[:200]}"
        if note not in self.notes:
            self.notes.append(note)
        return True

    def _candidates(self, name: str) -> Iterator[Path]:
        relative = name.lstrip("/")
        parts = PurePosixPath(relative).parts
        if not parts:
            return
        if relative == name:
            folders = [*self._beside, *self._upwards]
        else:  # from the top of the site, wherever that is below the root
            folders = [*self._downwards, *self._beside]
        yield from (folder / relative for folder in folders)
        if parts[0] in _ATTIC:  # "/static/a.png" on a site whose static/ is this folder
            yield from (folder.joinpath(*parts[1:]) for folder in self._beside)

    def _picture(self, candidate: Path) -> str:
        """The path below the root of a file that may be shown; empty if it may not, or is not there."""
        try:
            real = Path(os.path.realpath(candidate))
            if not real.is_relative_to(self._root) or not real.is_file():
                return ""
            path = real.relative_to(self._root)
            real.as_posix().encode()
        except (OSError, ValueError):  # too long, a NUL, not in UTF-8
            return ""
        is_hidden = any(part.startswith(".") for part in path.parts)
        if is_hidden or path.suffix.lower() not in _SUFFIXES:
            return ""
        return (real if self._is_elsewhere else path).as_posix()

    def _settled_tag(self, tag: re.Match[str]) -> str:
        name = tag[1].lower()
        wanted = "href" if name == "a" else "src"
        return (
            f"<{tag[1]}"
            + _ADDRESS.sub(lambda found: self._settled_address(found, name, wanted), tag[2])
            + ">"
        )

    def _settled_address(self, found: re.Match[str], name: str, wanted: str) -> str:
        if found[1].lower() != wanted:
            return found[0]
        address = unescape(next(value for value in found.groups()[1:] if value is not None))
        if name == "a":
            return "" if _MARKDOWN.fullmatch(address) else found[0]
        if path := self.find(address):
            return f'{wanted}="{escape(path)}"'
        return "" if self.is_missing(address) else found[0]
