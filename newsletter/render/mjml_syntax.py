"""MJML read into pieces, each with its place in the source.

An MJML document is XML-like down to its components, and HTML inside those that hold text (`mj-text`,
`mj-raw`, ...: the ending ones).  `scan` cuts it accordingly: the HTML inside an ending component stays one
piece, and nothing of it is looked at.  The pieces, joined, are the source; a source that makes no sense is
cut all the same, and what cannot be read comes out as a piece of kind STRAY for the checks to name.

Source: the markup rules are those of xmlparser, which mrml reads with, and of htmlparser2, which npm's mjml
reads with.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

#: Components whose content is HTML, CSS or text.
ENDING = frozenset(
    {"mj-accordion-text", "mj-accordion-title", "mj-button", "mj-navbar-link", "mj-preview", "mj-raw"}
    | {"mj-social-element", "mj-style", "mj-table", "mj-text", "mj-title"}
)

#: Elements of HTML that have no content and no end tag.
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link"}
    | {"meta", "param", "source", "track", "wbr"}
)

# In a tag, "<" may stand only inside quotes: a tag that is never closed must not swallow the next one.
_ATTRIBUTES = r"""(?:[^<>"']+|"[^"]*"|'[^']*')*+"""
TAG = re.compile(rf"<(/?)([A-Za-z_][\w.:-]*)((?=[\s/>]){_ATTRIBUTES})>")
_ATTRIBUTE = re.compile(r"""([^\s=/<>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")
_PIECE = re.compile(
    rf"(?P<comment><!--.*?-->)|(?P<cdata><!\[CDATA\[.*?\]\]>)|{TAG.pattern}|(?P<text>[^<]+)", re.DOTALL
)


class Kind(StrEnum):
    """What a piece of the source is."""

    OPEN = "start tag"
    CLOSE = "end tag"
    CONTENT = "content of an ending component"
    TEXT = "text"
    COMMENT = "comment"
    STRAY = "markup that cannot be read"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute; `value` is None where only the name stands, `start` is an offset in the source."""

    name: str
    value: str | None
    start: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the source; `name` and `attributes` are a tag's, `empty` says that it ends in `/>`."""

    kind: Kind
    start: int
    text: str
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    empty: bool = False


def scan(source: str) -> Iterator[Piece]:
    """The pieces of an MJML document in their order."""
    position = 0
    while position < len(source):
        match = _PIECE.match(source, position)
        if match is None:
            # What opens a comment and never closes it has taken the rest of the document with it.
            end = len(source) if source.startswith(("<!--", "<![CDATA["), position) else position + 1
            yield Piece(Kind.STRAY, position, source[position:end])
            position = end
        elif match["text"] is not None:
            yield Piece(Kind.TEXT, position, match[0])
        elif match["comment"] is not None:
            yield Piece(Kind.COMMENT, position, match[0])
        elif match["cdata"] is not None:
            yield Piece(Kind.STRAY, position, match[0])
        elif match[3]:
            yield Piece(Kind.CLOSE, position, match[0], match[4])
        else:
            piece = _start_tag(match)
            yield piece
            if piece.name in ENDING and not piece.empty:
                end = _end_of_content(source, piece.name, match.end())
                if end > match.end():
                    yield Piece(Kind.CONTENT, match.end(), source[match.end() : end], piece.name)
                position = end
                continue
        if match is not None:
            position = match.end()


def _start_tag(match: re.Match[str]) -> Piece:
    inside = match[5].rstrip()
    empty = inside.endswith("/")
    attributes = tuple(
        Attribute(
            found[1],
            next((v for v in found.group(2, 3, 4) if v is not None), None),
            match.start(5) + found.start(),
        )
        for found in _ATTRIBUTE.finditer(inside)
    )
    return Piece(Kind.OPEN, match.start(), match[0], match[4], attributes, empty)


def _end_of_content(source: str, name: str, start: int) -> int:
    """Where the end tag of an ending component begins; the end of the source if there is none."""
    match = re.compile(rf"</{name}\s*>").search(source, start)
    return match.start() if match else len(source)


class Lines:
    """Offsets in a text as lines and columns, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._breaks = [match.start() for match in re.finditer("\n", text)]

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character."""
        line = bisect_left(self._breaks, offset)
        return line + 1, offset - (self._breaks[line - 1] if line else -1)
