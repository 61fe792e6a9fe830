"""Plain text as HTML: what its line breaks, indents and signs mean to a reader, and nothing beyond that.

    lines     clean, without the indent that all have in common
    blocks    code, quotes, rules, headings, lists, tables; what is left are paragraphs
    headings  a short bare line between empty ones, with something to read below it
    joining   hard-wrapped lines become one; verse, addresses and signatures keep their breaks
    wording   escaped; addresses become links, `code` and **bold** what they say

The guarantee: no word is lost.  Only the signs that became structure (bullets, numbers of a list, >, #,
fences) go.  In doubt a line stays as it is: a single "* x" is no list, "2019. A year" no item 2019.

Nothing fails: every text is at least a paragraph.  Pure; the result is not sanitised.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from newsletter.articles.lines import (
    WIDEST,
    clean_lines,
    columns,
    is_capitals,
    is_deliberate,
    is_heading_line,
    joined_lines,
)
from newsletter.articles.wording import inline_html

_DEEPEST = 8
_FENCE = re.compile(r" {0,3}(`{3,12}|~{3,12}) *([\w+#.-]*) *\Z")
_QUOTE = re.compile(r" {0,3}> ?")
_RULE = re.compile(r" *(?:([-*_=~•·⁂#+])(?: *\1){2,}|⁂) *\Z")
_UNDERLINE = re.compile(r" *(?:={3,}|-{3,}|~{3,}) *\Z")
_ATX = re.compile(r" {0,3}(#{1,6}) +(\S.*)")
_MARKER = re.compile(
    r"(?P<indent> *)(?:(?P<bullet>[-*+•‣◦▪▫●○■□·⁃–])|\(?(?P<number>\d{1,4}|[a-zA-Z]|[ivx]{2,5})(?P<end>[.)]))"
    r"(?: +(?P<text>\S.*)| *\Z)"
)
_PIPES = re.compile(r" *\|?[ :]*-{2,}[ :]*(?:\|[ :]*-{2,}[ :]*)*\|? *\Z")
_ALIGNED = re.compile(r"\S {3,}\S|\|.*\||[\u2500-\u257f]|\+-{2,}")
_CODE_LINE = re.compile(
    r"""[;{}\\]\s*$ | \)\s*:$ | => | -> | :: | [=!]= | && | \|\| | </ | /> | \w\([^()]*\)\s*$
    | ^\s*(?:def|class|import|from\ \S+\ import|return|function|var|let|const|public|private|elif|else:
            |\#include|SELECT|sudo|pip3?|npm|git|cd|docker|apt(?:-get)?|curl|echo|export|print)\b
    | ^\s*[\w.\[\]]+\s*[-+*|]?=\s*\S | ^\s*(?:[$%\#>]|>>>)\ \S | ^\s*<[\w!/] | (?:^|\s)--?\w[\w-]*(?:[ =]|$)
    | ^\s*[\w.~-]*/[\w./-]+$""",
    re.VERBOSE,
)


def html_of_text(text: str) -> str:
    """The HTML of plain text: p, h2 to h6, ul, ol, blockquote, pre, table, hr; empty if there is no text."""
    return "\n".join(_written(_blocks(clean_lines(text), 0), 0))


# ---- blocks


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """Lines that are nothing else, as far as they show."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Html:
    """A finished block; `is_body` if a heading may stand above it."""

    html: str
    is_body: bool = True


_Block = _Paragraph | _Html
#: The blocks that begin in a line, and the number of the line after them.
_Found = tuple[list[_Block], int]


@dataclass(frozen=True, slots=True)
class _Text:
    """Lines to be read, how deep in quotes and lists they are, where the last fence of each kind is."""

    lines: Sequence[str]
    depth: int
    fences: dict[str, int]


def _blocks(lines: Sequence[str], depth: int) -> list[_Block]:
    """The blocks of `lines`, in their order."""
    blocks: list[_Block] = []
    text = _Text(lines, depth, _last_fences(lines))
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        found = next((found for read in _READERS if (found := read(text, at))), None)
        block, at = found or _paragraph(text, at)
        blocks.extend(block)
    return blocks


def _last_fences(lines: Sequence[str]) -> dict[str, int]:
    """Where the last line is that can close each fence: so that no fence is looked for in vain twice."""
    last: dict[str, int] = {}
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence and not fence[2]:
            last.update({fence[1][:length]: number for length in range(3, len(fence[1]) + 1)})
    return last


def _fenced(text: _Text, at: int) -> _Found | None:
    """Code between ``` and ```; a fence that nobody closes is none."""
    lines, fence = text.lines, _FENCE.match(text.lines[at])
    if not fence or text.fences.get(fence[1], 0) <= at:
        return None
    end = next(n for n in range(at + 1, len(lines)) if _closes(fence, lines[n]))
    language = f' class="language-{escape(fence[2])}"' if fence[2] else ""
    code = escape("\n".join(lines[at + 1 : end]), quote=False)
    return [_Html(f"<pre><code{language}>{code}\n</code></pre>")], end + 1


def _closes(fence: re.Match[str], line: str) -> bool:
    closing = _FENCE.match(line)
    return bool(closing and not closing[2] and closing[1].startswith(fence[1]))


def _doctest(text: _Text, at: int) -> _Found | None:
    """What was typed at a Python prompt; not a quote in a quote in a quote."""
    if not text.lines[at].startswith(">>> "):
        return None
    block = _block(text.lines, at)
    if all(line.startswith(">>>") for line in block):
        return None
    return [_pre(block)], at + len(block)


def _quote(text: _Text, at: int) -> _Found | None:
    end = at
    while end < len(text.lines) and _QUOTE.match(text.lines[end]):
        end += 1
    if end == at or text.depth >= _DEEPEST:
        return None
    inside = _blocks([_QUOTE.sub("", line, count=1) for line in text.lines[at:end]], text.depth + 1)
    return [_Html(_within("blockquote", _written(inside, text.depth + 1)))], end


def _rule(text: _Text, at: int) -> _Found | None:
    return ([_Html("<hr>", is_body=False)], at + 1) if _RULE.match(text.lines[at]) else None


def _atx(text: _Text, at: int) -> _Found | None:
    """A line that begins with #; not one of several, which are the comments of a program."""
    heading = _ATX.match(text.lines[at])
    if not heading:
        return None
    signs = heading[1]
    beside = [*text.lines[at - 1 : at], *text.lines[at + 1 : at + 2]]
    if any(line == signs or line.startswith(f"{signs} ") for line in beside):
        return None
    words = re.sub(r"(?<=\s)#+\Z", "", heading[2]).rstrip() or heading[2]
    return [_heading(words, max(2, len(signs)))], at + 1


def _indented(text: _Text, at: int) -> _Found | None:
    """Lines four columns in: code if they look like code, a quote if they are one paragraph."""
    lines, end, last, gap = text.lines, at, at, at
    while end < len(lines) and (not lines[end] or lines[end].startswith("    ")):
        last, gap = (end + 1, gap) if lines[end] else (last, end)
        end += 1
    if end < len(lines) and last == end:
        last = gap  # the first line of a paragraph is indented, not the paragraph
    if last <= at or text.depth >= _DEEPEST:
        return None
    inside = textwrap.dedent("\n".join(lines[at:last])).split("\n")
    if _looks_like_code(inside):
        return [_pre(inside)], last
    blocks = _blocks(inside, text.depth + 1)
    if len(blocks) == 1 and isinstance(blocks[0], _Paragraph) and len(blocks[0].lines) > 1:
        return [_Html(_within("blockquote", _written(blocks, text.depth + 1)))], last
    return blocks, last


def _table(text: _Text, at: int) -> _Found | None:
    """Rows with tabs between cells, as a spreadsheet copies them; rows with bars and a line of dashes."""
    lines = text.lines
    if "|" in lines[at] and at + 1 < len(lines) and _PIPES.match(lines[at + 1]):
        block = _block(lines, at)
        rows = [line.strip().strip("|").split("|") for line in (block[0], *block[2:])]
        return [_Html(_cells(rows, head=1))], at + len(block)
    tabs, end = lines[at].count("\t"), at
    while tabs and end < len(lines) and lines[end].count("\t") == tabs:
        end += 1
    if end - at < 2:
        return None
    return [_Html(_cells([line.split("\t") for line in lines[at:end]], head=0))], end


def _cells(rows: list[list[str]], head: int) -> str:
    html = []
    for number, row in enumerate(rows):
        name = "th" if number < head else "td"
        html.append(
            "<tr>" + "".join(f"<{name}>{inline_html(cell.strip())}</{name}>" for cell in row) + "</tr>"
        )
    return "<table>\n" + "\n".join(html) + "\n</table>"


def _paragraph(text: _Text, at: int) -> _Found:
    """The lines up to an empty one, or to something that need not wait for one."""
    lines, end = text.lines, at + 1
    while end < len(lines) and lines[end].strip():
        if end == at + 1 and _UNDERLINE.match(lines[end]):
            return [_heading(lines[at].strip(), 2 if "=" in lines[end] else 3)], end + 1
        if any(sign.match(lines[end]) for sign in (_QUOTE, _RULE)) or _atx(text, end) or _fenced(text, end):
            break
        if _MARKER.match(lines[end]) and _interrupts(text, end):
            break
        end += 1
    block = lines[at:end]
    if len(block) > 1:
        if sum(1 for line in block if _ALIGNED.search(line.strip())) >= 0.6 * len(block):
            return [_pre(textwrap.dedent("\n".join(block)).split("\n"))], end
        if is_capitals(block[0]) and not is_capitals(block[1]):
            return [_heading(block[0].strip(), 2), _Paragraph(tuple(block[1:]))], end
        if max(map(columns, block)) > WIDEST:
            return [_Paragraph((line,)) for line in joined_lines(block)], end  # one line, one paragraph
    return [_Paragraph(tuple(block))], end


def _interrupts(text: _Text, at: int) -> bool:
    """Whether a list begins at `at` in the middle of a paragraph: two items, or one after a colon."""
    marker, found = _MARKER.match(text.lines[at]), _items(text.lines, at)
    if not marker or not found:
        return False
    is_nested = text.depth > 0 and bool(marker["bullet"])
    return len(found[0]) > 1 or is_nested or text.lines[at - 1].rstrip().endswith(":")


def _block(lines: Sequence[str], at: int) -> Sequence[str]:
    """The lines from `at` to the next empty one."""
    return lines[at : next((n for n in range(at, len(lines)) if not lines[n].strip()), len(lines))]


# ---- lists


def _list(text: _Text, at: int) -> _Found | None:
    """Items that belong together; one alone is a list only after a dash or a dot."""
    first = _MARKER.match(text.lines[at])
    found = _items(text.lines, at) if first and text.depth < _DEEPEST else None
    if not first or not found:
        return None
    items, end = found
    if len(items) == 1 and not (text.depth or first["bullet"] in list("-•‣◦▪●■·⁃")):
        return None
    written = [f"<li>{_item(item, text.depth + 1)}</li>" for item in items]
    if first["bullet"]:
        return [_Html(_within("ul", written))], end
    number = first["number"]
    attributes = f' start="{int(number)}"' if number.isdecimal() and int(number) != 1 else ""
    if number.isalpha():  # a, A, i and I are also the names of the four kinds
        attributes = f' type="{number}"'
    return [_Html(f"<ol{attributes}>\n" + "\n".join(written) + "\n</ol>")], end


def _items(lines: Sequence[str], at: int) -> tuple[list[list[str]], int] | None:
    """The lines of each item of the list that begins at `at`, and where it ends; None if it is no list."""
    first = _MARKER.match(lines[at])
    if not first or (first["number"] and not (first["number"].isdecimal() or first["number"] in "aAiI")):
        return None
    indent, latest = len(first["indent"]), first
    items = [[first["text"] or ""]]
    end = at + 1
    while end < len(lines):
        # An empty line or two may stand between items, and within them if the next line is indented.
        following = next((n for n in range(end, min(end + 3, len(lines))) if lines[n].strip()), len(lines))
        if following == len(lines):
            break
        line, is_loose = lines[following], following > end
        marker, depth = _MARKER.match(line), len(line) - len(line.lstrip())
        if marker and abs(depth - indent) <= 1 and _continues(first, latest, marker):
            latest = marker
            items.append([marker["text"] or ""])
        elif depth > indent + (1 if is_loose or marker else 0):
            items[-1] += [""] * is_loose + [line]
        elif is_loose or marker or any(sign.match(line) for sign in (_QUOTE, _RULE, _ATX)):
            break
        elif is_deliberate(lines[end - 1].strip(), line.strip()):
            break  # the list is over, without an empty line
        else:
            items[-1].append(line.strip())
        end = following + 1
    return None if len(items) == 1 and first["number"] else (items, end)


def _continues(first: re.Match[str], latest: re.Match[str], marker: re.Match[str]) -> bool:
    """Whether `marker` goes on with the list that began with `first` and has come to `latest`."""
    if first["bullet"] or marker["bullet"]:
        return bool(first["bullet"] == marker["bullet"])
    before, number = latest["number"], marker["number"]
    if (
        first["end"] != marker["end"]
        or before.isdecimal() != number.isdecimal()
        or before.islower() != number.islower()
    ):
        return False
    if number.isdecimal():  # 1. 2. 3., or 1. 1. 1., as Markdown allows
        return int(number) - int(before) == 1 or number == before == first["number"]
    if first["number"] in "iI":
        return before.lower() in _ROMAN and _ROMAN.index(before.lower()) + 1 == _roman(number)
    return len(before) == len(number) == 1 and ord(number) - ord(before) == 1


_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")


def _roman(number: str) -> int:
    return _ROMAN.index(number.lower()) if number.lower() in _ROMAN else -1


def _item(lines: list[str], depth: int) -> str:
    """The HTML within one item: words without a paragraph around them, if there is only one."""
    box = re.match(r"\[([ xX])\] +", lines[0])
    if box:
        lines = [("☐ " if box[1] == " " else "☑ ") + lines[0][box.end() :], *lines[1:]]
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.startswith(" ")]
    inset = min(indents, default=0)
    rest = [line[inset:] if line[:inset].isspace() else line for line in lines[1:]]
    blocks = _blocks([lines[0], *rest], depth)
    paragraphs = [block for block in blocks if isinstance(block, _Paragraph)]
    if blocks and len(paragraphs) == 1 and blocks[0] is paragraphs[0]:
        first = "<br>\n".join(inline_html(line) for line in joined_lines(paragraphs[0].lines, is_item=True))
        return "\n".join([first, *_written(blocks[1:], depth)])
    return "\n".join(_written(blocks, depth))


# ---- from blocks to HTML


def _written(blocks: Sequence[_Block], depth: int) -> list[str]:
    """The HTML of each block; at the top, short bare lines with something below them are headings."""
    headings = _headings(blocks) if depth == 0 else set()
    html = []
    for number, block in enumerate(blocks):
        if isinstance(block, _Html):
            html.append(block.html)
        elif number in headings:
            html.append(_heading(block.lines[0].strip(), 2).html)
        else:
            html.append(_lines_html(block.lines))
    return html


def _headings(blocks: Sequence[_Block]) -> set[int]:
    """The numbers of the paragraphs that are headings: at most two in a row; a list of names is none."""
    headings: set[int] = set()
    row: list[int] = []
    for number in range(len(blocks) - 2, -1, -1):
        block, below = blocks[number], blocks[number + 1]
        if isinstance(block, _Paragraph) and len(block.lines) == 1 and is_heading_line(block.lines[0]):
            if row and row[-1] == number + 1:
                row.append(number)
                continue
            if _is_text(below):
                headings.update(row[:2] if len(row) <= 2 else ())
                row = [number]
                continue
        headings.update(row if len(row) <= 2 else ())
        row = []
    return headings | set(row if len(row) <= 2 else ())


def _is_text(block: _Block) -> bool:
    """Whether a heading may stand above `block`: it says something, and more than a heading would."""
    if isinstance(block, _Html):
        return block.is_body
    words = " ".join(line.strip() for line in block.lines)
    return columns(words) >= 60 or len(words.split()) > 8 or words[-1] in '.!?:。！？…”"'


def _heading(text: str, level: int) -> _Html:
    return _Html(f"<h{level}>{inline_html(text)}</h{level}>")


def _pre(lines: Sequence[str]) -> _Html:
    return _Html(f"<pre>{escape(chr(10).join(lines), quote=False)}\n</pre>")


def _within(name: str, parts: Sequence[str]) -> str:
    return f"<{name}>\n" + "\n".join(parts) + f"\n</{name}>"


def _lines_html(lines: Sequence[str]) -> str:
    """A paragraph; words in quotation marks above a name are a quotation."""
    rows = joined_lines(lines)
    said, by = "<br>\n".join(inline_html(row) for row in rows[:-1]), rows[-1]
    if len(rows) > 1 and rows[0][0] in '"“„«' and rows[-2][-1] in '"”“»' and re.match(r"[—–-]{1,2} ?\w", by):
        return f"<blockquote>\n<p>{said}</p>\n<p>{inline_html(by)}</p>\n</blockquote>"
    return "<p>" + "<br>\n".join(inline_html(row) for row in rows) + "</p>"


def _looks_like_code(lines: Sequence[str]) -> bool:
    """Whether at least half of the lines can hardly be prose."""
    filled = [line for line in lines if line.strip()]
    strange = sum(1 for line in filled if _CODE_LINE.search(line) or _ALIGNED.search(line.strip()))
    return 2 * strange >= len(filled)


_READERS = (_fenced, _doctest, _quote, _rule, _atx, _indented, _list, _table)
