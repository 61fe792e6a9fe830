"""A run: the text, pictures and line breaks of one line, each with the inline elements around it.

A run is gathered piece by piece from whatever the source nests, brought into one form (`collapsed`, `preformatted`),
and written into the line that `blocks` has made for it.  In that form no element is empty or repeated within itself,
and no white space stands where it would not be seen, so that a run read again is the same run.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.allowed import kept_attributes, language_of, set_language
from newsletter.articles.markup import is_visible, last_child, names

#: Inline elements, and the name that each gets.
INLINE = {
    name: name
    for name in names("a abbr b cite code del dfn em i ins kbd mark q s samp small span strong sub sup u var")
}
INLINE |= {"acronym": "abbr", "bdi": "span", "strike": "s", "tt": "code"}
_SPACES = re.compile(r"[ \t\n]+")
_LEADING_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True, eq=False)
class Inline:
    """An inline element of the source, by the name it gets, with what it and those around it say of language."""

    element: Element
    name: str
    language: dict[str, str]


class Piece(NamedTuple):
    """A part of a run: text, a picture, or None for a line break; and the inline elements around it."""

    content: str | Element | None
    around: tuple[Inline, ...]


def within(around: tuple[Inline, ...], element: Element) -> tuple[Inline, ...]:
    """The inline elements around what is in `element`: each name once, no `span` and no link that says nothing.

    The innermost link counts; the innermost `span` says what all of them say.
    """
    name, language = INLINE[element.tag], language_of(element)
    outer = next((inline for inline in around if inline.name == name), None)
    if name == "span" and language:
        language = outer.language | language if outer else language
    elif name == "span" or (name == "a" and not element.get("href")) or (name != "a" and outer):
        return around
    return (*(inline for inline in around if inline is not outer), Inline(element, name, language))


def is_seen(run: list[Piece]) -> bool:
    """Whether there is a picture in `run`, or a character that can be seen."""
    return any(
        is_visible(piece.content) if isinstance(piece.content, str) else piece.content is not None
        for piece in run
    )


def paragraphs_of(run: list[Piece]) -> list[list[Piece]]:
    """The run divided where two or more line breaks follow each other."""
    if not any(piece.content is None for piece in run):
        return [run]
    paragraphs: list[list[Piece]] = [[]]
    breaks: list[Piece] = []
    for piece in run:
        if piece.content is None:
            breaks.append(piece)
        elif breaks and isinstance(piece.content, str) and not is_visible(piece.content):
            continue  # often a no-break space
        else:
            if len(breaks) > 1:
                paragraphs.append([])
            else:
                paragraphs[-1] += breaks
            breaks = []
            paragraphs[-1].append(piece)
    return paragraphs


def collapsed(run: list[Piece]) -> list[Piece]:
    """The run with single spaces, none at the ends of a line, and no line break at either end."""
    out: list[Piece] = []
    for piece in run:
        content = piece.content
        if isinstance(content, str):
            content = _SPACES.sub(" ", content)
            if content.startswith(" ") and _ends_with_space(out):
                content = content[1:]
            if not content:
                continue
        elif content is None:
            if not out or out[-1].content is None:
                continue
            _strip_end(out)
            if not out:
                continue
        out.append(Piece(content, piece.around))
    _strip_end(out)
    while out and out[-1].content is None:
        out.pop()
        _strip_end(out)
    return _unwrapped_spaces(out)


def _ends_with_space(run: list[Piece]) -> bool:
    """Whether a space after `run` would not be seen."""
    if not run or run[-1].content is None:
        return True
    return isinstance(run[-1].content, str) and run[-1].content.endswith(" ")


def _strip_end(run: list[Piece]) -> None:
    """Take away the space at the end."""
    last = run[-1].content if run else None
    if isinstance(last, str) and last.endswith(" "):
        around = run.pop().around
        if text := last[:-1]:
            run.append(Piece(text, around))


def _unwrapped_spaces(run: list[Piece]) -> list[Piece]:
    """The run with spaces and line breaks between two elements in neither of them."""
    for index, piece in enumerate(run):
        if piece.content is None or piece.content == " ":
            before = run[index - 1].around if index else ()
            behind = run[index + 1].around if index + 1 < len(run) else ()
            around = _common(_common(piece.around, before), behind)
            run[index] = Piece(piece.content, around)
    return run


def preformatted(run: list[Piece]) -> list[Piece]:
    """The run of a `pre`: line breaks as line feeds, without empty lines before and white space behind.

    An empty first line would be lost anyway, one with every parser that reads it.
    """
    pieces = [Piece("\n" if piece.content is None else piece.content, piece.around) for piece in run]
    texts = takewhile(lambda piece: isinstance(piece.content, str), pieces)
    begin = "".join(str(piece.content) for piece in texts)
    blank = _LEADING_BLANK_LINES.match(begin)
    surplus = blank.end() if blank else 0
    kept: list[Piece] = []
    for content, around in pieces:
        if isinstance(content, str):
            text = content[surplus:]
            surplus -= len(content) - len(text)
            if text:
                kept.append(Piece(text, around))
        else:
            kept.append(Piece(content, around))
    while kept and isinstance(last := kept[-1].content, str):
        around = kept.pop().around
        if text := last.rstrip(" \t\n"):
            return [*kept, Piece(text, around)]
    return kept


def fill(line: Element, run: list[Piece]) -> None:
    """Write a run into a line: each inline element once for as long as it goes on."""
    open_: list[tuple[Inline, Element]] = []
    words: list[str] = []  # of one text, however many pieces it came in
    inside = line
    for piece in run:
        around = piece.around
        kept = 0
        while kept < min(len(open_), len(around)) and open_[kept][0] is around[kept]:
            kept += 1
        if kept < len(open_) or kept < len(around):
            _append(inside, words)
            del open_[kept:]
            inside = open_[-1][1] if open_ else line
            for inline in around[kept:]:
                inside = etree.SubElement(inside, inline.name, kept_attributes(inline.element, inline.name))
                set_language(inside, inline.language, {})
                open_.append((inline, inside))
        if isinstance(piece.content, str):
            words.append(piece.content)
            continue
        _append(inside, words)
        if piece.content is None:
            etree.SubElement(inside, "br")
        else:
            etree.SubElement(inside, "img", kept_attributes(piece.content, "img"))
    _append(inside, words)


def _append(element: Element, words: list[str]) -> None:
    """Move `words` to the end of `element`."""
    if not words:
        return
    text = "".join(words)
    words.clear()
    last = last_child(element)
    if last is not None:
        last.tail = (last.tail or "") + text
    else:
        element.text = (element.text or "") + text


def _common(one: tuple[Inline, ...], other: tuple[Inline, ...]) -> tuple[Inline, ...]:
    """The elements with which both begin."""
    length = 0
    while length < min(len(one), len(other)) and one[length] is other[length]:
        length += 1
    return one[:length]
