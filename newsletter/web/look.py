"""One way of looking at an email: through which lens, in which light, with or without pictures, which part of it.

A look takes an email with one reader's values in it and gives a page for a frame without scripts.  "As it is", it is the
email to the letter, but for its dark rules, which hold or not as the look says, whatever the machine prefers.

Takes any HTML and does not fail.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from html import escape

from newsletter.checks.lens import LENSES, Lens, Seen, seen
from newsletter.checks.lens_css import seen_sheet
from newsletter.checks.lens_dark import DarkMode
from newsletter.errors import UsageError


class Scheme(StrEnum):
    """The light in which the reader sits; forced: a program that exchanges the colours of every email."""

    LIGHT = "light"
    DARK = "dark"
    FORCED = "forced"


class Part(StrEnum):
    """What is shown of a message."""

    EMAIL = "email"
    TEXT = "text"
    RAW = "raw"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Look:
    """One way of looking; `lens` is a name in LENSES, or empty for the email as it is."""

    lens: str = ""
    scheme: Scheme = Scheme.LIGHT
    images: bool = True
    part: Part = Part.EMAIL

    @property
    def is_dark(self) -> bool:
        """Whether its reader likes it dark."""
        return self.scheme is not Scheme.LIGHT

    @property
    def title(self) -> str:
        """What a person calls it."""
        words = [LENSES[self.lens].title if self.lens else "As it is"]
        words += (
            [] if self.scheme is Scheme.LIGHT else ["dark" if self.scheme is Scheme.DARK else "forced dark"]
        )
        words += [] if self.images else ["images off"]
        return ", ".join(words)


#: A program of which nothing is known that it lacks.
_PLAIN = Lens("As it is", "plain", DarkMode.PREFERENCE)
_BASE64 = re.compile(r"(?:^[A-Za-z0-9+/]{60,76}\r?\n){4,}(?:[A-Za-z0-9+/]+={0,2}\r?\n)?", re.M)
_TEXT_STYLE = (
    "<style>body{margin:0;padding:24px;background:#fff;color:#1c1b19;"
    "font:14px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}b{color:#0b5d57}i{color:#6b675f}</style>"
)
_DARK_TEXT_STYLE = "<style>body{background:#1b1b1b;color:#eee}b{color:#7fd1c8}i{color:#a5a19a}</style>"


def parse_look(words: Mapping[str, str]) -> Look:
    """The look that `words` (lens, scheme, images, part) say.  Raises UsageError, if there is no such one."""
    lens = words.get("lens", "")
    if lens and lens not in LENSES:
        raise UsageError(f"there is no lens {lens!r}", hint=f"lenses: {', '.join(LENSES)}")
    try:
        scheme, part = Scheme(words.get("scheme") or "light"), Part(words.get("part") or "email")
    except ValueError as error:
        raise UsageError(str(error), hint="light, dark or forced; email, text, raw or web") from error
    return Look(lens, scheme, words.get("images") != "off", part)


def seen_page(html: str, text: str, look: Look) -> Seen:
    """The page of an email's `html`, whose text part is `text`, and what the lens changed in it."""
    lens = LENSES.get(look.lens, _PLAIN)
    if not look.lens and look.images and look.scheme is not Scheme.FORCED:
        page = _as_it_is(html, look.is_dark)
        if "prefers-color-scheme" not in page:
            return Seen(page, (), ())
    if look.scheme is Scheme.FORCED and lens is _PLAIN:
        html = seen(
            html, _PLAIN, dark=False
        ).html  # without its dark rules, which such a program does not read
        lens = replace(lens, dark=DarkMode.FULL)
    found = seen(html, lens, text=text, images=look.images, dark=look.is_dark)
    return found if look.lens else replace(found, changes=(), limits=())


def _as_it_is(html: str, dark: bool) -> str:
    """`html` itself, but for the questions in its style sheets whether it is dark, which are answered."""
    page = _SHEET.sub(lambda found: f"{found[1]}{_answered(found[2], dark)}{found[3]}", html)
    return _META.sub(rf"\g<1>{'dark' if dark else 'light'}\2", page)


@lru_cache(maxsize=64)  # the sheets are the same from one edit of an article to the next
def _answered(css: str, dark: bool) -> str:
    if "prefers-color-scheme" not in css:
        return css
    return seen_sheet(css, _PLAIN.lacks, dark=dark, inverted=DarkMode.NONE)[0]


def text_page(text: str, *, dark: bool = False) -> str:
    """A text part as a page."""
    return _page(f"<pre>{escape(text)}</pre>", dark)


def message_page(message: bytes, *, dark: bool = False) -> str:
    """A message as it goes over the wire, its header set off; long runs of base64 are counted, not shown."""
    text = message.decode("utf-8", "replace").replace("\r\n", "\n")
    head, gap, body = text.partition("\n\n")
    lines = [re.sub(r"^([!-9;-~]+:)", r"<b>\1</b>", escape(line, quote=False)) for line in head.split("\n")]
    parts = []
    at = 0
    for run in _BASE64.finditer(body):
        parts += [escape(body[at : run.start()]), f"<i>[{run[0].count(chr(10)):,} lines of base64]</i>\n"]
        at = run.end()
    return _page(f"<pre>{chr(10).join(lines)}{gap}{''.join(parts)}{escape(body[at:])}</pre>", dark)


def _page(body: str, dark: bool) -> str:
    style = _TEXT_STYLE + (_DARK_TEXT_STYLE if dark else "")
    head = f'<meta charset="utf-8"><title>Text</title>{style}'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>'


_TARGET = re.compile(r"""\starget=("[^"]*"|'[^']*')""")
_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.S | re.I)
_META = re.compile(r'(<meta name="color-scheme" content=")(?:light dark|dark light)(")', re.I)
_SCHEME = re.compile(r"(?<![-\w])color-scheme\s*:\s*(?:light\s+dark|dark\s+light)", re.I)
_HEAD = re.compile(r"<head\b[^>]*>")
#: In the preview's copy alone: a click on a link leads nowhere, and a place can be outlined.
_FRAME = (
    '<base target="_blank"><style>[data-outlined]{outline:3px solid #d6336c !important;outline-offset:3px !important}'
    "[data-changed]{outline:2px solid #d6336c !important;outline-offset:2px !important}</style>"
)


def framed(page: str, seen: Seen, cids: Iterable[str], pictures: str, *, dark: bool) -> str:
    """`page` for a frame: its links lead nowhere, its embedded pictures (`cids`) are found below the URL `pictures`.

    An email for both schemes has the one of the look, not that of the machine.  What `seen` tells of it stands in its
    head, for the stage to show.
    """
    for cid in cids:
        page = page.replace(f"cid:{cid}", f"{pictures}/{cid}")
    page = _SCHEME.sub(f"color-scheme:{'dark' if dark else 'light'}", _TARGET.sub("", page))
    told = "".join(
        f'<meta name="preview-{name}" content="{escape(line)}">'
        for name, lines in (("change", seen.changes), ("limit", seen.limits))
        for line in lines
    )
    return _HEAD.sub(lambda found: found[0] + _FRAME + told, page, count=1)
