"""Dark mode as mail programs do it: by the email's own dark rules, or by exchanging its colours.

    preference   the email's `prefers-color-scheme: dark` rules hold (Apple Mail)
    partial      light grounds become dark and dark texts light; what is dark already stays (Outlook.com, Gmail on Android)
    full         grounds and texts are exchanged, so that a dark email becomes light (Gmail on iOS, Outlook for Windows)

A colour is turned over by its lightness as the eye sees it (CIE Lab), its hue stays; white becomes the dark of the page,
not black.  Not every program's own formula is published, so the shades are near, not exact.  Pictures, gradients and
colours that are partly transparent stay as they are.

Takes any CSS and does not fail.  Pure.
Source: the behaviour as Litmus and Email on Acid describe it; CSS Color Level 4, section 9 (Lab); Media Queries
Level 5, section 12.5.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Any

import tinycss2

from newsletter.checks.cascade import Color, parse_color, written
from newsletter.checks.css_text import css_text
from newsletter.checks.tree import put


class DarkMode(StrEnum):
    """What a program does to an email when its reader likes it dark."""

    NONE = "leaves the email as it is"
    PREFERENCE = "applies the email's dark rules"
    PARTIAL = "makes light grounds dark and dark texts light"
    FULL = "exchanges light and dark everywhere"


#: The page under an email whose colours are exchanged.
CANVAS, INK, LINK = "#1b1b1b", "#ffffff", "#8ab4f8"
_NIGHT = 0.095  # the lightness of CANVAS
#: CIE 1976: the white of sRGB (D65), and where the curve becomes a line.
_WHITE_X, _WHITE_Z, _DIM = 0.95047, 1.08883, 6 / 29

_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*([a-z-]+)\s*)?\)", re.I)
_EVERYTHING = re.compile(r"(?:(?:only\s+)?(?:all|screen))?\Z", re.I)


def turned_ground(color: Color, mode: DarkMode) -> Color:
    """What becomes of a ground of this colour."""
    return _turned(color) if mode is DarkMode.FULL or _lightness(color) > 0.5 else color


def turned_text(color: Color, mode: DarkMode) -> Color:
    """What becomes of a text of this colour."""
    return _turned(color) if mode is DarkMode.FULL or _lightness(color) < 0.5 else color


@lru_cache(maxsize=4096)
def turned_value(name: str, value: str, mode: DarkMode) -> str:
    """The value of a property, or of an attribute of the same meaning, with its colours turned; else as it is."""
    if name in ("color", "text"):
        turn = turned_text
    elif name in ("background-color", "background", "bgcolor") or name.startswith("border"):
        turn = turned_ground
    else:
        return value
    changed = False
    pieces = []
    for token in tinycss2.parse_component_value_list(value):
        piece = css_text([token])
        if token.type in ("ident", "hash", "function") and (parsed := parse_color(piece)):
            color, alpha = parsed
            if alpha >= 1 and (new := written(turn(color, mode))) != written(color):
                piece, changed = new, True
        pieces.append(piece)
    return "".join(pieces) if changed else value


def resolved_media(media: str, *, dark: bool) -> str | None:
    """A media query for a reader who likes it dark, or light: None if it does not hold, empty if it always does."""
    if not _SCHEME.search(media):
        return media
    queries = []
    for query in media.split(","):
        if re.match(r"\s*not\b", query, re.I) or re.search(r"\bor\b", query, re.I):
            queries.append(query.strip())  # left to the browser
            continue
        wanted = [(scheme or "").lower() for scheme in _SCHEME.findall(query)]
        if any(scheme not in ("", "dark" if dark else "light") for scheme in wanted):
            continue
        parts = [
            part for part in re.split(r"\band\b", query, flags=re.I) if not _SCHEME.fullmatch(part.strip())
        ]
        rest = " and ".join(part.strip() for part in parts if part.strip())
        if _EVERYTHING.match(rest):
            return ""
        queries.append(rest)
    return ", ".join(queries) if queries else None


def darken_page(page: Any, mode: DarkMode, *, names_originals: bool) -> int:
    """Turns the colours of style attributes and of old attributes in a tree; how many.

    Where the email says nothing, the page is dark too.  `names_originals` writes the colours before into data-ogsc and
    data-ogsb, as Outlook.com does, so that the email's own rules for them hold.
    """
    turned = 0
    for element in page.iter("*"):
        for name in ("bgcolor", "color", "text"):
            value = element.get(name)
            if value and (new := turned_value(name, value, mode)) != value:
                put(element, name, new)
                turned += 1
        style = element.get("style")
        if style:
            new_style, grounds, texts = _turned_style(style, mode)
            if new_style != style:
                put(element, "style", new_style)
                turned += 1
                if names_originals and texts:
                    put(element, "data-ogsc", texts)
                if names_originals and grounds:
                    put(element, "data-ogsb", grounds)
    body = page.find("body")
    if body is not None:
        for name, value in (("bgcolor", CANVAS), ("text", INK), ("link", LINK)):
            if body.get(name) is None:
                body.set(name, value)
        if names_originals and body.get("data-ogsb") is None:
            body.set("data-ogsb", "#ffffff")
            body.set("data-ogsc", "#000000")
    return turned


@lru_cache(maxsize=4096)
def _turned_style(style: str, mode: DarkMode) -> tuple[str, str, str]:
    """A style attribute with its colours turned, and the grounds and texts that it had."""
    pieces, before = [], {"color": "", "background": ""}
    for part in tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True):
        if part.type != "declaration":
            continue
        value = css_text(part.value).strip()
        new = turned_value(part.lower_name, value, mode)
        if new != value:
            before["color" if part.lower_name == "color" else "background"] = value
        pieces.append(f"{part.name}:{new}{' !important' if part.important else ''}")
    if not any(before.values()):
        return style, "", ""
    return ";".join(pieces) + ";", before["background"], before["color"]


def _lightness(color: Color) -> float:
    return _lab(color)[0]


def _turned(color: Color) -> Color:
    """The same hue, as dark as it was light: black becomes white, and white the colour of the page."""
    lightness, a, b = _lab(color)
    return _srgb((1 - lightness * (1 - _NIGHT), a, b))


def _lab(color: Color) -> Color:
    """Lightness from 0 to 1, and the two axes of hue in the same measure."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color
    )
    x, y, z = (
        part ** (1 / 3) if part > _DIM**3 else part / (3 * _DIM**2) + 4 / 29
        for part in (
            (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / _WHITE_X,
            0.2126729 * red + 0.7151522 * green + 0.0721750 * blue,
            (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / _WHITE_Z,
        )
    )
    return 1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)


def _srgb(lab: Color) -> Color:
    """A colour of the screen; what it cannot show is cut off."""
    lightness, a, b = lab
    middle = (lightness + 0.16) / 1.16
    x, y, z = (
        part**3 if part > _DIM else 3 * _DIM**2 * (part - 4 / 29)
        for part in (middle + a / 5, middle, middle - b / 2)
    )
    x, z = x * _WHITE_X, z * _WHITE_Z
    red, green, blue = (
        min(1.0, max(0.0, part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055))
        for part in (
            3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
            -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
            0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
        )
    )
    return red, green, blue
