"""How wide npm's mjml takes the components of a document to be, and what mrml must be told to do the same.

mrml reckons in 32 bits and leaves some paddings and borders out of the reckoning, so that its pictures come out a pixel
or more wider than npm's; it gives the columns of a group on a telephone other widths; and some attributes it does not
know.  `measure` goes through the components from the body inwards as npm's mjml does, and says for each start tag what
to write instead: attributes, and declarations for the style of what mrml makes of it, which `mend` puts there by a mark
in its class.

A document that makes no sense is measured as far as it does; nothing is raised.

Pure: no clock, no disk, no network.
Source: mjml-core 4.18 (getBoxWidths, shorthandParser, widthParser, getMobileWidth) and mrml 6.0.1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from newsletter.render.mjml_syntax import VOID, Kind, Piece

#: What the attributes that count here are where nothing is said.
_INITIAL = {
    "mj-body": {"width": "600px"},
    "mj-section": {"padding": "20px 0"},
    "mj-wrapper": {"padding": "20px 0"},
    "mj-hero": {"padding": "0px"},
    "mj-image": {"padding": "10px 25px"},
}
#: Where the words of a shorthand of so many words stand for the left and the right side.
_SIDES = {2: {"left": 1, "right": 1}, 3: {"left": 1, "right": 1}, 4: {"left": 3, "right": 1}}
_OF_THE_BODY = ("background-color", "css-class", "width")
_BORDERS = ("border-left", "border-right", "border-top", "border-bottom")

_UNIT = re.compile(r"[\d.,]*(\D*)\Z")
_INTEGER = re.compile(r"\s*[+-]?\d+")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")
_BORDER = re.compile(r"(?:^| )(\d+)")


@dataclass(slots=True)
class _Element:
    """A component, with those in it."""

    piece: Piece
    children: list[_Element] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """By the offset of a start tag: attributes to write, and declarations to add to the styles of what it becomes.

    Of two styles the first is for the element that everybody sees, the second for the cell around it that Outlook sees.
    """

    attributes: Mapping[int, Mapping[str, str]]
    styles: Mapping[int, tuple[str, str]]
    mark: str

    def written(self, start: int) -> dict[str, str]:
        """The attributes to write into the start tag at the offset `start`, instead of its own ones of the same name."""
        return dict(self.attributes.get(start, {}))


def measure(pieces: Iterable[Piece], *, mark: str = "MjmlStyle") -> Layout:
    """The layout of the document that `pieces` make up; `mark` is a word that the document does not hold."""
    roots = _tree(pieces)
    defaults = _Defaults(roots)
    attributes: dict[int, dict[str, str]] = {}
    styles: dict[int, tuple[str, str]] = {}
    for body in _named(roots, "mj-body"):
        for element, given, container in _walk(body, math.nan, defaults):
            start = element.piece.start
            if written := _attributes(element, given, container):
                attributes[start] = written
            for child, added in _styles(element, given, container, defaults):
                styles[child.piece.start] = added
                classes = f"{defaults.of(child).get('css-class', '')} {mark}{child.piece.start}z"
                attributes.setdefault(child.piece.start, {})["css-class"] = classes.strip()
    return Layout(attributes, styles, mark)


def mend(html: str, layout: Layout) -> str:
    """`html`, as mrml made it, with the declarations of `layout` in place of the marks."""
    if not layout.styles:
        return html
    mark = re.compile(rf" ?{layout.mark}(\d+)z(-outlook)?")
    tag = re.compile(rf'<\w+(?:[^<>"]|"[^"]*")*? class="[^"]*{layout.mark}[^"]*"(?:[^<>"]|"[^"]*")*>')

    def mended(match: re.Match[str]) -> str:
        text = match[0]
        for found in mark.finditer(text):
            text = _restyled(text, layout.styles.get(int(found[1]), ("", ""))[bool(found[2])])
        return re.sub(r' class="\s*"', "", mark.sub("", text))

    return mark.sub("", tag.sub(mended, html))


def _restyled(tag: str, added: str) -> str:
    """A start tag with the declaration `added` in its style, in place of another of the same property."""
    if not added:
        return tag
    name = added.partition(":")[0]
    cleared = re.sub(rf'(?<=[";]){name}:[^;"]*;?', "", tag)
    return re.sub(r'( style="[^"]*?);?(?=")', rf"\1;{added};", cleared, count=1)


# ---------------------------------------------------------------- the components and what is set for them


def _tree(pieces: Iterable[Piece]) -> list[_Element]:
    """The components that stand in no other, with all that stands in them."""
    roots: list[_Element] = []
    stack: list[_Element] = []
    for piece in pieces:
        if piece.kind is Kind.OPEN:
            element = _Element(piece)
            (stack[-1].children if stack else roots).append(element)
            if not piece.empty and piece.name not in VOID:
                stack.append(element)
        elif piece.kind is Kind.CLOSE and stack and stack[-1].piece.name == piece.name:
            stack.pop()
    return roots


def _named(elements: Iterable[_Element], name: str) -> Iterator[_Element]:
    """The components of that name among `elements` and in them, the outer ones."""
    pending = list(elements)[::-1]
    while pending:
        element = pending.pop()
        if element.piece.name == name:
            yield element
        else:
            pending.extend(element.children[::-1])


class _Defaults:
    """What the <mj-attributes> of a document set."""

    def __init__(self, roots: Iterable[_Element]) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._classes: dict[str, dict[str, str]] = {}
        for block in _named(roots, "mj-attributes"):
            for element in block.children:
                given = _own(element.piece)
                if element.piece.name == "mj-class":
                    self._classes.setdefault(given.pop("name", ""), {}).update(given)
                else:
                    self._tags.setdefault(element.piece.name, {}).update(given)

    def of(self, element: _Element) -> dict[str, str]:
        """The attributes that `element` has in the end: its own, of its classes, of its kind, of all."""
        name, own = element.piece.name, _own(element.piece)
        merged = {**_INITIAL.get(name, {}), **self._tags.get("mj-all", {}), **self._tags.get(name, {})}
        for word in own.get("mj-class", "").split():
            merged |= self._classes.get(word, {})
        return merged | own


def _own(piece: Piece) -> dict[str, str]:
    """The attributes of a start tag; the first of a name counts."""
    return {attribute.name: attribute.value or "" for attribute in reversed(piece.attributes)}


# ---------------------------------------------------------------- widths


def _walk(
    element: _Element, container: float, defaults: _Defaults, siblings: int = 1
) -> Iterator[tuple[_Element, dict[str, str], float]]:
    """Each component with its attributes and the width of what it stands in, from the outside inwards."""
    given = defaults.of(element)
    yield element, given, container
    inside = _inner_width(element.piece.name, given, container, siblings)
    counted = sum(child.piece.name != "mj-raw" for child in element.children)
    for child in element.children:
        yield from _walk(child, inside, defaults, counted)


def _inner_width(name: str, given: Mapping[str, str], container: float, siblings: int) -> float:
    """How wide what stands in a component can be: pixels, or not a number."""
    if name == "mj-body":
        return _integer(given["width"])
    if name in ("mj-section", "mj-wrapper"):
        return _box(given, container)
    if name == "mj-hero":
        return container - _paddings(given)
    if name not in ("mj-column", "mj-group"):
        return container
    width = container / max(siblings, 1)
    if given.get("width"):
        size, unit = _size(given["width"])
        width = container * size / 100 if unit == "%" else size
    if name == "mj-group":
        return width - _paddings(given)
    inner = _border(given, "inner-border", "left") + _border(given, "inner-border", "right")
    return width - _paddings(given) - _borders(given) - inner


def _box(given: Mapping[str, str], container: float) -> float:
    """`container` in whole pixels without the paddings and borders at the sides."""
    whole = math.trunc(container) if math.isfinite(container) else math.nan
    return whole - _paddings(given) - _borders(given)


def _paddings(given: Mapping[str, str]) -> float:
    return _padding(given, "left") + _padding(given, "right")


def _padding(given: Mapping[str, str], side: str) -> float:
    if one := given.get(f"padding-{side}"):
        return _integer(one)
    words = given.get("padding", "").split()[:4]
    if not words:
        return 0
    return _integer(words[_SIDES[len(words)][side]] if len(words) in _SIDES else words[0])


def _borders(given: Mapping[str, str]) -> float:
    return _border(given, "border", "left") + _border(given, "border", "right")


def _border(given: Mapping[str, str], name: str, side: str) -> float:
    found = _BORDER.search(given.get(f"{name}-{side}") or given.get(name) or "0")
    return float(found[1]) if found else 0


def _size(text: str) -> tuple[float, str]:
    """A width as number and unit; only percentages keep their fractions."""
    found = _UNIT.search(text)
    unit = (found[1] if found else "") or "px"
    if unit != "%":
        return _integer(text), unit
    number = _NUMBER.match(text)
    return float(number[0]) if number else math.nan, unit


def _integer(text: str) -> float:
    """The whole number that `text` begins with, whatever follows: 15 % are 15, 10.9px are 10."""
    found = _INTEGER.match(text)
    return float(found[0]) if found else math.nan


# ---------------------------------------------------------------- what to tell mrml


def _attributes(element: _Element, given: Mapping[str, str], container: float) -> dict[str, str]:
    """The attributes to write into a start tag."""
    written: dict[str, str] = {}
    if element.piece.name == "mj-body":  # for which mrml does not look into <mj-attributes>
        own = _own(element.piece)
        inherited = ((name, given[name]) for name in _OF_THE_BODY if name in given and name not in own)
        written |= {name: value for name, value in inherited if value != _INITIAL["mj-body"].get(name)}
    elif element.piece.name == "mj-image":
        box = _box(given, container)
        width = min(box, _integer(given["width"])) if given.get("width") else box
        if math.isfinite(width) and width > 0:
            written["width"] = f"{width:.0f}px"
        # mrml knows only the one border, and copies its value into the style.
        sides = [f"{name}:{given[name]}" for name in _BORDERS if given.get(name)]
        if sides:
            written["border"] = ";".join([given.get("border") or "0", *sides])
    elif element.piece.name == "mj-carousel" and not given.get("tb-width"):
        written["tb-width"] = (
            "110px"  # npm's mjml means to make them smaller where they are many, and never does
        )
    elif element.piece.name == "mj-hero" and given.get("border-radius"):
        written["vertical-align"] = (
            f"{given.get('vertical-align') or 'top'};border-radius:{given['border-radius']}"
        )
    return written


def _styles(
    element: _Element, given: Mapping[str, str], container: float, defaults: _Defaults
) -> Iterator[tuple[_Element, tuple[str, str]]]:
    """The children of `element` to whose style something is to be added."""
    name = element.piece.name
    children = [child for child in element.children if child.piece.name != "mj-raw"]
    if name == "mj-wrapper" and given.get("gap"):
        gap = given["gap"]
        for child in children[1:]:
            yield child, (f"margin-top:{gap}", f"padding-top:{gap}")
    elif name == "mj-group":
        for child in children:
            if child.piece.name == "mj-column" and not defaults.of(child).get("width"):
                yield child, (f"width:{100 // len(children)}%", "")
