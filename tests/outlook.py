"""An email as Outlook for Windows sees it, and what is wrong with its tables.

Not a test file.  Word, which draws for Outlook, reads what stands in conditional comments for it, and not what is kept
from it; it knows only tables, and where one has no width, it makes it as wide as it likes.

    <!--[if mso | IE]> ... <![endif]-->              is there
    <!--[if !mso]><!--> ... <!--<![endif]-->         is not
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_HIDDEN = re.compile(
    r"<!--\[if ([^\]]*)\]><!-->(.*?)<!--<!\[endif\]-->|<!--\[if ([^\]]*)\]>(?!<!)(.*?)<!\[endif\]-->",
    re.DOTALL,
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
#: Which elements of a table may stand directly in which.
_PARENTS = {
    "tbody": {"table"},
    "thead": {"table"},
    "tfoot": {"table"},
    "tr": {"table", "tbody", "thead", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
}
_TABLE = frozenset(["table", *_PARENTS])
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)(px)?\s*\Z")
_WIDTH = re.compile(r"(?:^|;)\s*width\s*:\s*([^;]+)")

_OUTLOOK = 16  # the version of Outlook that conditions are asked of: 2016 and later

#: How far the widths of a row's cells may go over that of the table: they are rounded one by one.
_ROUNDING = 0.5


def outlook_view(html: str) -> str:
    """`html` with the conditional comments for Outlook opened, and without what is kept from it and other comments."""
    seen = _HIDDEN.sub(
        lambda match: _kept(match[1], match[2]) if match[1] else _kept(match[3], match[4]), html
    )
    return re.sub(r"<!--.*?-->", "", seen, flags=re.DOTALL)


def _kept(condition: str, inside: str) -> str:
    """What is `inside` a comment, if Outlook 16 meets its condition: `mso | IE`, `!mso`, `gte mso 9`, `lte mso 11`."""
    words = condition.lower().replace("(", " ").replace(")", " ").split("|")
    return inside if any(_is_met(word.split()) for word in words) else ""


def _is_met(words: list[str]) -> bool:
    if "&" in words:
        cut = words.index("&")
        return _is_met(words[:cut]) and _is_met(words[cut + 1 :])
    if words and words[0].startswith("!"):
        return not _is_met([words[0][1:], *words[1:]] if words[0] != "!" else words[1:])
    if "mso" not in words:
        return False
    version = float(words[-1]) if re.fullmatch(r"[\d.]+", words[-1]) else _OUTLOOK
    return {"lt": version > _OUTLOOK, "lte": version >= _OUTLOOK}.get(words[0], version <= _OUTLOOK)


@dataclass(slots=True)
class _Open:
    """An element that is open; `row` are the widths of the cells of a row so far."""

    name: str
    place: str
    width: float | None = None
    row: list[float] = field(default_factory=list)


class _Tables(HTMLParser):
    """Reads the Outlook view, and notes what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.stack: list[_Open] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        given = {name: value or "" for name, value in attrs}
        element = _Open(tag, self._place(tag, given), _width(given))
        if tag in _PARENTS:
            parent = self.stack[-1].name if self.stack else "nothing"
            if parent not in _PARENTS[tag]:
                self.found.append(f"{element.place} stands in <{parent}>")
        if tag in ("td", "th") and element.width is not None and self.stack:
            self.stack[-1].row.append(element.width)
        self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _TABLE:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        names = [element.name for element in self.stack]
        if tag not in names or (
            tag not in _TABLE and "table" in names[len(names) - 1 - names[::-1].index(tag) :]
        ):
            if tag in _TABLE:
                self.found.append(f"</{tag}> closes nothing")
            return
        while self.stack:
            element = self.stack.pop()
            if element.name == tag:
                break
            if element.name in _TABLE:
                self.found.append(f"{element.place} is not closed before </{tag}>")
        if tag == "tr":
            self._check_row(element)

    def _check_row(self, row: _Open) -> None:
        table = next((element for element in reversed(self.stack) if element.name == "table"), None)
        if table is not None and table.width is not None and sum(row.row) > table.width + _ROUNDING:
            cells = " + ".join(f"{width:g}" for width in row.row)
            self.found.append(f"the cells of {table.place} are {cells} wide")

    def _place(self, tag: str, given: dict[str, str]) -> str:
        line, column = self.getpos()
        shown = "".join(f' {name}="{given[name]}"' for name in ("class", "width", "style") if given.get(name))
        return f"<{tag}{shown}> at {line}:{column + 1}"


def _width(given: dict[str, str]) -> float | None:
    """The explicit width of an element in pixels; percentages are none."""
    style = _WIDTH.search(given.get("style", ""))
    for text in (given.get("width", ""), style[1] if style else ""):
        if found := _LENGTH.match(text):
            return float(found[1])
    return None


def table_problems(html: str) -> list[str]:
    """What is wrong with the tables that Outlook sees: not balanced, not nested as they must be, cells that are too wide."""
    reader = _Tables()
    reader.feed(outlook_view(html))
    reader.close()
    left = [f"{element.place} is never closed" for element in reader.stack if element.name in _TABLE]
    return reader.found + left


def outlook_only_tables(html: str) -> list[str]:
    """The start tags of the tables that stand in conditional comments for Outlook."""
    inside = (match[4] for match in _HIDDEN.finditer(html) if match[3] and _kept(match[3], "yes"))
    return [tag for text in inside for tag in re.findall(r"<table\b[^>]*>", text)]


def tables_without_width(html: str) -> list[str]:
    """Those of the tables for Outlook alone that are as wide as Word likes.

    A table around columns needs no width of its own, its cells have it; one around the icons of an mj-social or the
    links of an mj-navbar has `align` and is as wide as they are, in npm's mjml too.
    """
    view = re.sub(r"\s+", " ", outlook_view(html))
    without = []
    for tag in outlook_only_tables(html):
        flat = re.sub(r"\s+", " ", tag)
        if re.search(r'[ ;"]width\s*[:=]', flat):
            continue
        after = view[view.find(flat) + len(flat) :]
        cell = re.match(r"\s*<tr[^>]*>\s*<td\b([^>]*)>", after)
        shrinks = cell and " align=" in flat and "line-height:0px" not in cell[1]
        if cell and not shrinks and not re.search(r'[ ;"]width\s*[:=]', cell[1]):
            without.append(flat)
    return without


def problems(html: str) -> list[str]:
    """All that is wrong with the tables of an email in Outlook, in words."""
    return table_problems(html) + [f"{tag} has no width for Outlook" for tag in tables_without_width(html)]
