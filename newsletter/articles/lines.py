"""The lines of plain text: clean, and with the breaks that a reader means.

A line that ends although the next word would have fitted was ended on purpose: a verse, an address, a
signature. All others were wrapped by a program, and are joined.  Widths are counted in columns, for
ideographs take two.

Nothing fails.  Pure.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from newsletter.articles.wording import find_links

#: A longer line was hardly wrapped: its end is the end of a paragraph.
WIDEST = 120

_SENTENCE_ENDS = ".!?:…\"”“»'’)。！？」"
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNUSABLE = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
#: What begins a salutation, a signature or a caption rather than a heading.
_NO_HEADING = re.compile(
    r"(?:photo|image|picture|source|credit|foto|bild|quelle|yours|regards|best|cheers|love|sincerely|hi|hello|hey"
    r"|dear|ps|p\.s|hallo|liebe|lieber|viele|herzliche|bonjour|hola)\b",
    re.IGNORECASE,
)
_LEADING_TABS = re.compile(r"^[ \t]*\t[ \t]*", re.MULTILINE)


def clean_lines(text: str) -> list[str]:
    """The lines of `text`: line ends alike, leading tabs as spaces, no characters that HTML cannot hold."""
    text = _UNUSABLE.sub("", _LINE_ENDS.sub("\n", text))
    text = _LEADING_TABS.sub(lambda tabs: tabs[0].expandtabs(4), text)
    return [line.rstrip() for line in textwrap.dedent(text).split("\n")]


def joined_lines(lines: Sequence[str], *, is_item: bool = False) -> list[str]:
    """The lines of a paragraph as a reader means them: wrapped lines joined, deliberate breaks kept.

    In an item of a list a line that goes on with a small letter always belongs to the one above.
    """
    rows = [line.strip() for line in lines]
    widest = max(map(columns, rows))
    breaks = [
        is_deliberate(above, below, widest) and not (is_item and below[0].islower())
        for above, below in pairwise(rows)
    ]
    early = sum(breaks)
    if len(breaks) >= 5 and early <= len(breaks) / 5:
        breaks = [False] * len(breaks)  # wrapped by hand, not quite evenly
    elif early * 2 >= len(breaks) + (widest >= 60):
        breaks = [early > 0] * len(breaks)  # verse: the longest line looks wrapped, but is not
    result = [[rows[0]]]
    for row, is_break in zip(rows[1:], breaks, strict=True):
        if is_break:
            result.append([row])
        else:
            result[-1] += [_glue(result[-1][-1], row), row]
    return ["".join(parts) for parts in result]


def is_deliberate(above: str, below: str, widest: int = 0) -> bool:
    """Whether the line `above` ended although the first word of `below` would have fitted.

    `widest` is how wide the lines around them get; nobody wraps narrower than 50 columns, or 30 where the
    next line goes on with a small letter.
    """
    if columns(above) > WIDEST and above[-1] in _SENTENCE_ENDS and not below[0].islower():
        return True
    widest = max(widest, columns(above), columns(below))
    if (
        below[0].islower()
        and above[-1] not in _SENTENCE_ENDS
        and widest >= 50
        and columns(above) >= widest * 3 / 4
    ):
        return False  # wrapped by hand: the sentence goes on, and the line is nearly full
    word = below[0] if _is_wide(below[0]) else below.split(maxsplit=1)[0]
    least = 30 if below[0].islower() else 50
    return columns(above) + 1 + columns(word) <= max(widest, least)


def is_heading_line(line: str) -> bool:
    """Whether a line between empty lines reads like a heading; not like a sentence, signature, caption."""
    text = line.strip()
    words = text.split()
    letters = [c for c in text if c.isalpha()]
    if not letters or columns(text) > 90 or len(words) > 14:
        return False
    if text[-1] in ".!;,:…。！；，、：" or text[-2:] in ('."', ".”", ".)") or text[0] in "([{\"“„«‘'-–—*•@…":
        return False
    if letters[0].islower() or next(find_links(text), None) or _NO_HEADING.match(text):
        return False
    first_letters = [letter for word in words if (letter := next((c for c in word if c.isalpha()), ""))]
    capitals = sum(1 for letter in first_letters if not letter.islower())
    return len(words) <= 6 or text.endswith("?") or capitals >= len(first_letters) / 2


def is_capitals(line: str) -> bool:
    """Whether a line is a heading in capitals."""
    letters = [c for c in line if c.isalpha()]
    return len(letters) >= 4 and all(c.isupper() for c in letters) and is_heading_line(line)


def _glue(left: str, right: str) -> str:
    """What stands where two lines are joined: nothing between ideographs, or after a hyphen in a word."""
    if _is_wide(left[-1]) and _is_wide(right[0]):
        return ""
    return "" if re.search(r"\w-\Z", left) and right[0].islower() else " "


def columns(text: str) -> int:
    """How wide `text` is in a fixed font."""
    return len(text) if text.isascii() else sum(2 if _is_wide(c) else 1 for c in text)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" and not "\uac00" <= character <= "\ud7a3"
