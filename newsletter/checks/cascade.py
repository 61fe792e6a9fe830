"""What the styles of a built email make of its texts: colour, ground, size, by light and by dark.

Style attributes, style sheets and the old attributes (`bgcolor`, `<font color>`) are weighed as a browser does it: by
importance, specificity and order; of media queries only those for dark colours count.  What cannot be told (a picture
behind the text, var()) is None, and nobody should judge it.

Takes any HTML and does not fail.  Pure.
Source: CSS Cascading and Inheritance Level 4; WCAG 2.2, "relative luminance" and "contrast ratio".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import tinycss2.color4

from newsletter.checks.parsed import document
from newsletter.checks.style_rules import Node, Rule, Sheets, nodes, read_style, sheets_of, style_texts

Color = tuple[float, float, float]  # red, green, blue from 0 to 1

BLACK: Color = (0.0, 0.0, 0.0)
WHITE: Color = (1.0, 1.0, 1.0)
#: What programs show behind and as text where an email that knows dark mode says nothing.
_DARK_CANVAS: Color = (18 / 255, 18 / 255, 18 / 255)
_LINK: Color = (0.0, 0.0, 238 / 255)
_DARK_LINK: Color = (158 / 255, 158 / 255, 1.0)

_BOLD = frozenset(["b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"])
_EM = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83, "sub": 0.83, "sup": 0.83}
_KEYWORDS = {
    "xx-small": 9,
    "x-small": 10,
    "small": 13,
    "medium": 16,
    "large": 18,
    "x-large": 24,
    "xx-large": 32,
}
_SIZE = re.compile(r"(\d*\.?\d+)(px|pt|em|rem|%)?\Z")
_UNITS = {"px": 1.0, "pt": 4 / 3, "rem": 16.0}
_SHOWS_NOTHING = frozenset(["head", "style", "script", "title", "template", "noscript", "meta", "link"])


@dataclass(frozen=True, slots=True)
class Look:
    """A text and how it looks; `element` is the one that it stands in, `color` and `ground` are None if unknown."""

    element: Any
    text: str
    color: Color | None
    ground: Color | None
    size: float
    bold: bool

    @property
    def contrast(self) -> float | None:
        """The contrast ratio, 1 to 21; None if a colour is unknown."""
        return contrast(self.color, self.ground) if self.color and self.ground else None

    @property
    def is_large(self) -> bool:
        """Whether it counts as large text.  WCAG 2.2, "large scale": 18 pt, or 14 pt bold."""
        return self.size >= 24 or (self.bold and self.size >= 18.66)


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two colours."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def written(color: Color) -> str:
    """`color` as six hexadecimal digits."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in color)


@lru_cache(maxsize=512)
def parse_color(text: str) -> tuple[Color, float] | None:
    """The colour that CSS writes as `text`, and how opaque it is; None if it is none, or cannot be told."""
    try:
        parsed = tinycss2.color4.parse_color(text)
        if parsed is None or isinstance(parsed, str):
            return None
        # oklch(), lab() and their like have no way to sRGB in tinycss2.
        red, green, blue = (min(1.0, max(0.0, part or 0.0)) for part in parsed.to("srgb").coordinates)
    except (ValueError, ArithmeticError, NotImplementedError):
        return None
    return (red, green, blue), parsed.alpha


def looks(html: str, *, dark: bool = False) -> tuple[Look, ...]:
    """Every text of `html` that is shown, in the order of the document, as a light or a dark program shows it."""
    return _looks(html, dark)  # for a cache, looks(html) and looks(html, dark=False) are two


@lru_cache(maxsize=8)
def _looks(html: str, dark: bool) -> tuple[Look, ...]:
    page = document(html)
    sheets = sheets_of(tuple(style_texts(page)), dark)
    canvas = _canvas(dark=dark and _says_dark(page, sheets))
    computed: list[_Style] = []
    remembered: dict[tuple[object, ...], _Style] = {}  # most elements are like another one
    found = []
    for node in nodes(html):
        above = canvas if node.parent is None else computed[node.parent.number]
        rules = () if above.hidden else sheets.matching(node)
        key = (above, node.tag, *map(node.attributes.get, _PRESENTATION), *(rule.order for rule in rules))
        style = remembered.get(key)
        if style is None:
            style = remembered[key] = _styled(node, above, rules, canvas)
        computed.append(style)
        if node.text and not style.hidden:
            found.append(Look(node.element, node.text, style.color, style.ground, style.size, style.bold))
    return tuple(found)


class _Style(NamedTuple):
    color: Color | None
    ground: Color | None
    size: float
    bold: bool
    hidden: bool


#: The attributes that are seen, beside what style sheets make of others.
_PRESENTATION = ("style", "bgcolor", "background", "color", "href")


def _canvas(*, dark: bool) -> _Style:
    return _Style(WHITE if dark else BLACK, _DARK_CANVAS if dark else WHITE, 16.0, False, False)


def _says_dark(page: Any, sheets: Sheets) -> bool:
    """Whether a document says that it knows dark mode: a program then gives it dark defaults."""
    metas = (meta.get("content") or "" for meta in page.iter("meta") if meta.get("name") == "color-scheme")
    return sheets.has_dark or any("dark" in content for content in metas)


def _styled(node: Node, above: _Style, rules: Iterable[Rule], canvas: _Style) -> _Style:
    """The style of an element for which there are `rules`, and whose parent has the style `above`."""
    tag, attributes = node.tag, node.attributes
    if above.hidden or tag in _SHOWS_NOTHING:
        return above._replace(hidden=True)
    color, ground = above.color, above.ground
    size, bold = above.size * _EM.get(tag, 1.0), above.bold or tag in _BOLD
    if tag == "a" and "href" in attributes:
        color = _LINK if canvas.color == BLACK else _DARK_LINK
    elif tag == "font" and (attribute := parse_color(attributes.get("color", ""))):
        color = attribute[0]
    if attribute := parse_color(attributes.get("bgcolor", "")):
        ground = attribute[0]
    if "background" in attributes:
        ground = None
    winners = _winners(rules, attributes.get("style", ""))
    if "font" in winners:
        size, bold = _font(winners["font"], above.size, size, bold)
    if "font-size" in winners:
        size = _size(winners["font-size"], above.size, size)
    if "font-weight" in winners:
        weight = winners["font-weight"].lower()
        bold = weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600)
    for name in ("background", "background-color", "background-image"):
        if name in winners:
            ground = _ground(winners[name], ground, above.ground)
    if "color" in winners:
        color = _text_color(winners["color"], above.color, ground, color)
    return _Style(color, ground, size, bold, _is_hidden(winners, size))


def _winners(rules: Iterable[Rule], style: str) -> dict[str, str]:
    """What is set for an element, by property; a background without a picture counts as its colour."""
    ranked: dict[str, tuple[tuple[object, ...], str]] = {}
    declared = [(((0,), rule.specificity, rule.order), rule.declarations) for rule in rules]
    declared.append((((1,), (0, 0, 0), 0), read_style(style)))
    for rank, declarations in declared:
        for name, (value, important) in declarations.items():
            whole = (important, *rank)
            if name == "background" and "url(" not in value and "gradient(" not in value:
                name = "background-color"
            if name not in ranked or whole >= ranked[name][0]:
                ranked[name] = (whole, value)
    return {name: value for name, (_, value) in ranked.items()}


def _ground(value: str, ground: Color | None, above: Color | None) -> Color | None:
    """What is behind the text with a background of `value`; None for a picture."""
    if "url(" in value or "gradient(" in value or "var(" in value:
        return None
    if value.lower() == "none":
        return ground
    if value.lower() in ("inherit", "initial", "unset", "transparent", "currentcolor"):
        return above
    for word in re.findall(r"[\w#-]+(?:\([^)]*\))?", value):
        if parsed := parse_color(word):
            return _over(*parsed, above)
    return ground


def _text_color(value: str, inherited: Color | None, ground: Color | None, own: Color | None) -> Color | None:
    if value.lower() in ("inherit", "unset", "currentcolor"):
        return inherited
    if "var(" in value:
        return None
    parsed = parse_color(value)
    return _over(*parsed, ground) if parsed else own


def _over(color: Color, alpha: float, below: Color | None) -> Color | None:
    """`color`, `alpha` opaque, on `below`."""
    if alpha >= 1:
        return color
    if below is None:
        return None
    red, green, blue = (top * alpha + under * (1 - alpha) for top, under in zip(color, below, strict=True))
    return red, green, blue


def _size(value: str, inherited: float, own: float) -> float:
    """A font size in pixels."""
    value = value.lower()
    if value in _KEYWORDS:
        return float(_KEYWORDS[value])
    if value in ("smaller", "larger"):
        return inherited * (0.83 if value == "smaller" else 1.2)
    if value == "inherit":
        return inherited
    found = _SIZE.match(value)
    if not found:
        return own
    number, unit = float(found[1]), found[2]
    if unit is None:
        return 0.0 if number == 0 else own
    return number * (_UNITS[unit] if unit in _UNITS else inherited / 100 if unit == "%" else inherited)


def _font(value: str, inherited: float, own: float, bold: bool) -> tuple[float, bool]:
    """Size and weight of a `font: bold 16px/24px Arial`."""
    words = value.lower().split()
    sizes = [word.split("/")[0] for word in words if _SIZE.match(word.split("/")[0]) and not word.isdigit()]
    weights = [word for word in words if word in ("bold", "bolder") or (word.isdigit() and int(word) >= 600)]
    return (_size(sizes[0], inherited, own) if sizes else own), bool(weights) or (bold and not sizes)


def _is_hidden(winners: dict[str, str], size: float) -> bool:
    """Whether nobody sees it: preview texts and spacers."""
    return (
        winners.get("display", "").lower() == "none"
        or winners.get("visibility", "").lower() in ("hidden", "collapse")
        or bool(re.fullmatch(r"0?\.?0+", winners.get("opacity", "1")))
        or bool(re.fullmatch(r"0(?:px)?", winners.get("max-height", "")))
        or 0 < size <= 2  # 0 is what MJML gives to cells around text that has its own size
    )


@lru_cache(maxsize=512)
def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
