"""Text in columns: how many a text takes on a screen, where its lines may be broken, and tables of it.

A column is what a terminal or a mail program with a fixed font shows: Chinese, Japanese and emoji take two,
combining marks none, an emoji joined from several two.

A line is broken at white space, and beside Chinese and Japanese characters, which have no spaces between
words, but not before a `。` or after a `「`.  A URL is never broken, nor is any other word: one that is
longer than the line has a line of its own.  Right-to-left text keeps its order; to lay it out is the task of
the mail program.

Source: Unicode Standard Annexes 11 and 14 and JIS X 4051, as far as a letter needs them.  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: A space at which no line is broken; `wrapped` gives back a plain space.
GLUE = "\x01"

#: Japanese, Chinese and emoji: a line may be broken beside them.  Not Hangul, because Korean has spaces.
WIDE = (
    "\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u200d\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e01ef"
_MAY_BREAK = re.compile(f"[{WIDE}\u200b]")
#: What stays together: a URL, a flag, one wide character with its marks, a run of narrow ones.
_UNIT = re.compile(
    "(?:https?://|www\\.)[!-~]+"
    "|[\U0001f1e6-\U0001f1ff]{2}"
    f"|[{WIDE}][{_MARKS}]*(?:(?<=\u200d)[^ ][{_MARKS}]*)*"
    f"|(?:(?!https?://|www\\.)[^{WIDE}\u200b])+\u200b*"
    "|.",
    re.DOTALL,
)
_JOINS = "\u00a0\u202f\u2060\ufeff" + GLUE
_NO_START = frozenset(
    "、。，．・：；？！」』】〉》〕］｝〗〙〛）｠〟”’…‥゛゜ーァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎゕゖ々〻ヽヾゝゞ"
    "〜～％,.:;!?)]}%»›\u200b" + _JOINS
)
_NO_END = frozenset("「『【〈《〔［｛〖〘〚（｟〝“‘([{«‹＄￥￡#@" + _JOINS)

_BREAKING_SPACE = " \u1680\u2000-\u2006\u2008-\u200a\u205f\u3000"
_WORD = re.compile(f"([{_BREAKING_SPACE}]*)([^{_BREAKING_SPACE}]+)")

_EMOJI = "[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_EMOJI_MARK = "[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_EMOJI_SEQUENCE = re.compile(
    f"{_EMOJI}(?:{_EMOJI_MARK}+(?:\u200d{_EMOJI}{_EMOJI_MARK}*)*|(?:\u200d{_EMOJI}{_EMOJI_MARK}*)+)"
    "|[0-9#*]\ufe0f\u20e3"
)


def columns(text: str) -> int:
    """How many columns `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_character_columns, _EMOJI_SEQUENCE.sub("\u3000", text)))


@lru_cache(maxsize=4096)
def _character_columns(character: str) -> int:
    if "\u1160" <= character <= "\u11ff":
        return 0  # vowels and finals of decomposed Hangul: drawn into the consonant before them
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """The lines of `text`, without white space at their ends, each of at most `width` columns or one word."""
    lines = [filled for line in text.split("\n") for filled in _filled(line, width)]
    return [line.replace(GLUE, " ").rstrip() for line in lines]


def _filled(line: str, width: int) -> list[str]:
    measure = len if line.isascii() else columns
    if measure(line) <= width:
        return [line]
    lines: list[str] = []
    current, used = "", 0
    for gap, word in _WORD.findall(line):
        before = gap
        for piece in _pieces(word):
            size = measure(piece)
            if current and used + measure(before) + size > width:
                lines.append(current)
                current, used = piece, size
            else:
                current, used = current + before + piece, used + measure(before) + size
            before = ""
    return [*lines, current]


def _pieces(word: str) -> list[str]:
    """`word` cut wherever a line may be broken in it."""
    if not _MAY_BREAK.search(word):
        return [word]
    pieces: list[str] = []
    for unit in _UNIT.findall(word):
        if pieces and (unit[0] in _NO_START or pieces[-1][-1] in _NO_END):
            pieces[-1] += unit
        else:
            pieces.append(unit)
    return pieces


def table_lines(rows: list[list[str]], width: int, *, has_head: bool) -> list[str]:
    """The lines of a table: cells in columns with the head underlined, or `a | b | c` if that is too wide.

    No row is empty; a row of one cell spans the table.
    """
    sizes = [0] * max(map(len, rows))
    for row in rows:
        for column, text in enumerate(row if len(row) > 1 else ()):
            sizes[column] = max(sizes[column], columns(text))
    if sum(sizes) + 2 * (sum(map(bool, sizes)) - 1) > width:
        return _listed(rows, width)
    lines: list[str] = []
    for row in rows:
        if len(row) > 1:
            cells = (
                text + " " * (size - columns(text)) for text, size in zip(row, sizes, strict=False) if size
            )
            lines.append("  ".join(cells).replace(GLUE, " ").rstrip())
        else:
            lines += wrapped(row[0], width)
    if has_head and len(rows) > 1 and len(rows[0]) > 1:
        lines.insert(1, "  ".join("-" * size for size in sizes if size))
    return lines


def _listed(rows: list[list[str]], width: int) -> list[str]:
    """Row by row; what is wrapped is indented, and then there is a blank line between two rows."""
    lines: list[str] = []
    items = [wrapped(" | ".join(row), max(width - 2, 1)) for row in rows]
    is_loose = any(len(item) > 1 for item in items)
    for first, *others in items:
        if lines and is_loose:
            lines.append("")
        lines += [first, *(f"  {line}" for line in others)]
    return lines
