"""The plain text of an article, made from its sanitised HTML: what a reader without HTML sees.

Every word of the HTML is in the text, in the same order.  Prose is wrapped at a width in columns; code is
indented and otherwise as it was; URLs are never broken; links are numbered where they stand and listed once
below.  No line ends in white space, and outside code there is at most one blank line in a row.

Nothing here raises on bad markup: what is not understood is rendered as the text in it, and elements nested
deeper than any writer means are flattened to their words.

The text is rendered from the article's own tree and not from the email, whose layout tables would read like
ruins.  Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from lxml import etree

from newsletter.errors import printable
from newsletter.render.columns import GLUE, WIDE, columns, table_lines, wrapped
from newsletter.render.numerals import lowered, numeral, raised

_BLOCKS = frozenset(
    (
        "address article aside blockquote caption center dd details dir div dl dt fieldset figcaption figure"
        " footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav noscript ol p pre section"
        " summary table tbody td tfoot th thead tr ul"
    ).split()
)
#: What may stand in a cell of a table that is shown in columns.
_CELL_BLOCKS = frozenset(("p", "div", "center"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_UNSEEN = ("script", "style", "template", "title", "head")
_MAX_DEPTH = 100
_MIN_WIDTH = 20
_MAX_COLSPAN = 30

_INDENT = "    "
_RULE = "* * *"
_WIDE_LINE_FEED = re.compile(f"(?<=[{WIDE}])[ \t]*\r?\n[ \t\r\n]*(?=[{WIDE}])")

_SPACE = re.compile("[ \t\r\n\f\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LINE_FEEDS = re.compile("[ \u00a0\u3000]*\n[ \u00a0\u3000]*")
_TAG = re.compile("<[^>]*>")
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_IMAGE_FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg)(?:[?#]|\Z)", re.IGNORECASE)
_LISTABLE = re.compile(
    r"(?!#)(?:(?:https?|mailto|tel|sms|geo|ftp|webcal|xmpp):|[^:]*\Z|[^:]*[/?#])", re.IGNORECASE
)
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})")


@dataclass(frozen=True, slots=True)
class PlainText:
    """An article as text: `body` with `[1]` where a link stands, and the `links` so numbered, each once."""

    body: str
    links: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body and, after a blank line, the numbered list of links."""
        listed = "\n".join(f"[{number}] {url}" for number, url in enumerate(self.links, 1))
        return "\n\n".join(part for part in (self.body, listed) if part)


def plain_text(html: str, *, width: int = 72) -> PlainText:
    """The text of sanitised `html` in lines of at most `width` columns, URLs and code apart."""
    return _rendered(html, width)


@lru_cache(maxsize=512)
def _rendered(html: str, width: int) -> PlainText:
    root = _tree(html)
    if root is None:
        return PlainText("")
    renderer = _Renderer(root)
    lines = _spaced(renderer.blocks(root, max(width, _MIN_WIDTH)))
    return PlainText("\n".join(lines), tuple(renderer.numbers))


# --- the tree -----------------------------------------------------------------------------------------------


def _tree(html: str) -> Any:
    """The body of `html` as an lxml tree without what is never seen, or None if there is nothing in it."""
    if not html.strip():
        return None
    # huge_tree: libxml2 drops what is nested deeper than 256 otherwise, and with it what is deeper than 2048.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    markup = f"<!DOCTYPE html><html><body>{html}</body></html>"
    document = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        return _tree(_TAG.sub(" ", html))
    root = None if document is None else document.find("body")
    if root is None:
        return None
    etree.strip_elements(root, *_UNSEEN, with_tail=False)
    _flatten_below(root, _MAX_DEPTH)
    return root


def _flatten_below(root: Any, max_depth: int) -> None:
    """Take the tags away that lie deeper than `max_depth`, so that the recursion below stays shallow."""
    level = [root]
    for _ in range(max_depth):
        level = [child for element in level for child in element]
    for element in level:
        etree.strip_tags(element, "*")


def _with_blocks(root: Any) -> set[Any]:
    """The elements that have a block element somewhere in them."""
    found: set[Any] = set()
    for element in root.iter(*_BLOCKS):
        for ancestor in element.iterancestors():
            if ancestor in found:
                break
            found.add(ancestor)
    return found


class _Block(list[str]):
    """The lines of one paragraph, heading, list or the like; in a list some follow the one before at once."""

    def __init__(self, lines: Iterable[str] = (), *, follows: bool = False) -> None:
        super().__init__(lines)
        self.follows = follows


def _spaced(blocks: Iterable[list[str]]) -> list[str]:
    """The lines of `blocks` with a blank line between two."""
    lines: list[str] = []
    for block in blocks:
        if lines:
            lines.append("")
        lines += block
    return lines


def _grouped(blocks: Iterable[_Block]) -> list[str]:
    """The lines of `blocks` with a blank line before each that does not follow at once."""
    lines: list[str] = []
    for block in blocks:
        if lines and not block.follows:
            lines.append("")
        lines += block
    return lines


def _indented(lines: Iterable[str], indent: str) -> Iterator[str]:
    return ((indent + line).rstrip() for line in lines)


class _Renderer:
    """Walks a tree and numbers its links."""

    def __init__(self, root: Any) -> None:
        self.numbers: dict[str, int] = {}
        self._with_blocks = _with_blocks(root)
        self._open_link = ""  # the link around whole blocks whose number the first words are to carry
        self._caption = ""

    # Blocks: elements to lines.

    def blocks(self, element: Any, width: int) -> list[_Block]:
        """What stands in `element`, block by block."""
        found: list[_Block] = []
        run = [_collapsed(element.text)]
        for child in element:
            if child.tag in _BLOCKS or child in self._with_blocks:
                found += self._paragraph("".join(run), width)
                found += self._block(child, width)
                run = [_collapsed(child.tail)]
            else:
                run += (self._inline_element(child), _collapsed(child.tail))
        found += self._paragraph("".join(run), width)
        return found

    def _block(self, element: Any, width: int) -> list[_Block]:
        match element.tag:
            case tag if tag in _HEADINGS:
                return self._heading(element, width)
            case "ul" | "ol" | "menu" | "dir":
                return self._list(element, width)
            case "dl":
                lines = _grouped(self.blocks(element, width))
                return [_Block(lines)] if lines else []
            case "dd":
                lines = _spaced(self.blocks(element, _narrower(width, len(_INDENT))))
                return [_Block(_indented(lines, _INDENT), follows=True)] if lines else []
            case "blockquote":
                lines = _spaced(self.blocks(element, _narrower(width, 2)))
                return [_Block(_indented(lines, "> "))] if lines else []
            case "pre":
                return _code(element)
            case "hr":
                return [_Block([_RULE])]
            case "table":
                return self._table(element, width)
            case "figure":
                self._caption = " ".join(_words(caption) for caption in element.iter("figcaption"))
                found = self.blocks(element, width)
                self._caption = ""
                return found
            case "a":
                return self._linked_blocks(element, width)
            case _:
                return self.blocks(element, width)

    def _paragraph(self, text: str, width: int) -> list[_Block]:
        text = self._finished(text)
        return [_Block(wrapped(text, width))] if text else []

    def _heading(self, element: Any, width: int) -> list[_Block]:
        text = self._finished(self._inline(element))
        if not text:
            return []
        lines = [line for line in wrapped(text, width) if line]
        mark = "=" if element.tag in ("h1", "h2") else "-"
        return [_Block([*lines, mark * min(width, max(map(columns, lines)))])]

    def _list(self, element: Any, width: int) -> list[_Block]:
        labels = _labels(element)
        size = max(map(len, labels.values()), default=2)
        items = self._paragraph(_collapsed(element.text), width)
        for child in element:  # an item, or what stands between two and should not
            if child in labels:
                inside = self.blocks(child, _narrower(width, size))
            else:
                inside = self._block(child, _narrower(width, size))
            if lines := _grouped(inside):
                first = f"{labels.get(child, ''):{size}}{lines[0]}"
                items.append(_Block([first, *_indented(lines[1:], " " * size)]))
            items += self._paragraph(_collapsed(child.tail), width)
        is_loose = any("" in item for item in items)
        lines = _spaced(items) if is_loose else [line for item in items for line in item]
        return [_Block(lines, follows=True)] if lines else []

    def _linked_blocks(self, element: Any, width: int) -> list[_Block]:
        outer, self._open_link = self._open_link, _target(element)
        found = self.blocks(element, width)
        if found and self._open_link:  # only code in it: nothing took the number
            found.append(_Block([self._number(self._open_link)]))
        self._open_link = outer
        return found

    def _table(self, element: Any, width: int) -> list[_Block]:
        trs = [tr for tr in element.iter("tr") if next(tr.iterancestors("table")) is element]
        cells = [cell for tr in trs for cell in tr if cell.tag in ("td", "th")]
        captions = element.findall("caption")
        if "".join(map(_letters, (*captions, *cells))) != _letters(element):
            return self.blocks(element, width)  # not a table but text between its tags
        found = [block for caption in captions for block in self.blocks(caption, width)]
        if all(len(tr) < 2 for tr in trs) or any(map(_is_layout, cells)):
            return found + [block for cell in cells for block in self.blocks(cell, width)]
        rows = self._rows(trs)
        if any(rows):
            has_head = all(cell.tag == "th" for cell in trs[0]) or trs[0].getparent().tag == "thead"
            found.append(_Block(table_lines(rows, width, has_head=has_head)))
        return found

    def _rows(self, trs: list[Any]) -> list[list[str]]:
        """The texts of a table's cells on its grid: what a cell spans besides its first place is empty."""
        rows: list[list[str]] = []
        below: dict[int, int] = {}  # column -> rows that a cell above still covers
        for tr in trs:
            row: list[str] = []
            for cell in (cell for cell in tr if cell.tag in ("td", "th")):
                while below.get(len(row), 0) > 0:
                    below[len(row)] -= 1
                    row.append("")
                row.append(self._finished(self._inline(cell)).replace("\n", " "))
                start, rowspan = len(row) - 1, _integer(cell.get("rowspan"), 1)
                row += [""] * (min(_integer(cell.get("colspan"), 1), _MAX_COLSPAN) - 1)
                below.update(dict.fromkeys(range(start, len(row)), rowspan - 1))
            for column in range(len(row), max(below, default=-1) + 1):
                below[column] = below.get(column, 0) - 1
            while row and not row[-1]:
                row.pop()
            rows.append(row)
        return [row for row in rows if row]

    # Text inside a paragraph: elements to one string, with "\n" for <br>.

    def _inline(self, element: Any) -> str:
        parts = [_collapsed(element.text)]
        for child in element:
            parts += (self._inline_element(child), _collapsed(child.tail))
        return "".join(parts)

    def _inline_element(self, element: Any) -> str:
        match element.tag:
            case "br":
                return "\n"
            case "img":
                alt = _collapsed(element.get("alt")).strip()
                return f"[Image: {alt}]" if alt and alt != self._caption else ""
            case "a":
                return self._link(element)
            case "sup":
                return raised(self._inline(element))
            case "sub":
                return lowered(self._inline(element))
            case "del" | "s" | "strike":
                return _around(self._inline(element), "~~", "~~")
            case "q":
                return _around(self._inline(element), "“", "”")
            case "rt":
                return _around(self._inline(element), "(", ")")
            case "rp":
                return ""
            case tag if tag in _BLOCKS:
                return f" {self._inline(element)} "
            case _:
                return self._inline(element)

    def _link(self, element: Any) -> str:
        text, url = self._inline(element), _target(element)
        if not url:
            return text
        words = text.strip()
        if not words:
            has_image = next(element.iter("img"), None) is not None
            return f"[Image]{GLUE}{self._number(url)}" if has_image and not _IMAGE_FILE.search(url) else text
        if _is_shown(words, url):
            return text
        start = text.index(words)
        return f"{text[:start]}{words}{GLUE}{self._number(url)}{text[start + len(words) :]}"

    def _number(self, url: str) -> str:
        return f"[{self.numbers.setdefault(url, len(self.numbers) + 1)}]"

    def _finished(self, text: str) -> str:
        """`text` of a whole block: spaces and line feeds in order, and the number of the link around it."""
        text = _LINE_FEEDS.sub("\n", re.sub(" {2,}", " ", text)).strip()
        if not columns("".join(text.split())):
            return ""  # nothing to see: joiners, marks and spaces as mail templates pad with
        if self._open_link:
            text += GLUE + self._number(self._open_link)
            self._open_link = ""
        return re.sub("\n{3,}", "\n\n", text)


def _narrower(width: int, by: int) -> int:
    return max(width - by, _MIN_WIDTH)


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _letters(element: Any) -> str:
    return "".join("".join(element.itertext()).split())


def _collapsed(text: str | None) -> str:
    """A text node as HTML shows it: white space is one space, and none where a line of Chinese ended."""
    if not text:
        return ""
    if not text.isascii():
        text = _WIDE_LINE_FEED.sub("", text.replace("\xad", "").replace("\ufeff", ""))
    return _SPACE.sub(" ", text)


def _around(text: str, opening: str, closing: str) -> str:
    words = text.strip()
    return text.replace(words, f"{opening}{words}{closing}", 1) if words else text


def _integer(text: str | None, default: int) -> int:
    match = _INTEGER.match(text or "")
    return int(match[1]) if match else default


# --- links --------------------------------------------------------------------------------------------------


def _target(link: Any) -> str:
    """Where `link` leads, if a reader of the text can go there: not for a place in the page, or a script."""
    url = "".join((link.get("href") or "").split())
    return url if _LISTABLE.match(url) else ""


def _is_shown(words: str, url: str) -> bool:
    """Whether the text of a link already is its address, so that the list need not repeat it."""
    scheme, _, address = url.partition(":")
    if scheme.lower() == "mailto":
        return words.lower() == unquote(address).lower()
    if scheme.lower() == "tel":
        return re.sub(r"[^\d+]", "", words) == address
    # With other than ASCII characters the text may be broken in its middle: then it is listed as well.
    return words.isascii() and words.rstrip("/") == url.rstrip("/")


# --- lists, code, tables ------------------------------------------------------------------------------------


def _labels(element: Any) -> dict[Any, str]:
    """The label of each item of a list: `- `, or its number in the list's own style."""
    items = element.findall("li")
    if element.tag != "ol":
        return dict.fromkeys(items, "- ")
    step = -1 if element.get("reversed") is not None else 1
    number = _integer(element.get("start"), len(items) if step < 0 else 1)
    labels: dict[Any, str] = {}
    for item in items:
        number = _integer(item.get("value"), number)
        labels[item] = f"{numeral(number, element.get('type', ''))}. "
        number += step
    return labels


def _code(element: Any) -> list[_Block]:
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts += {"br": "\n", "img": inner.get("alt")}.get(inner.tag) or "", inner.text or ""
        elif inner is not element:
            parts.append(inner.tail or "")
    text = _BLANK_LINES.sub("", printable("".join(parts).replace("\r\n", "\n")).rstrip())
    return [_Block(_indented(text.split("\n"), _INDENT))] if text else []


def _is_layout(cell: Any) -> bool:
    """Whether `cell` holds more than a table's cell: a list, code, another table, several paragraphs."""
    inside = [element.tag for element in cell.iterdescendants(*_BLOCKS)]
    return len(inside) > 2 or not _CELL_BLOCKS.issuperset(inside)
