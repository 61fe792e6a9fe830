"""The email as one mail client would show it, offline, from what caniemail.com has measured.

    html -> conditional comments -> pictures -> <style> -> dark mode -> elements, attributes -> CSS -> html

What a client does not support is removed or rewritten as the client does it; `changes` says what, `limits` what no
browser can show of it.  It is an approximation: what it removes is really lost there, what it shows may still differ.
The same email through the same lens is the same text, and a second pass changes nothing.

Takes any HTML and does not fail.  Pure, but for the data that `caniemail` reads.
Source: caniemail.com (MIT), the data and its notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import lxml.html

from newsletter.checks import lens_css, lens_html
from newsletter.checks.conditional import outlook_view
from newsletter.checks.lacks import Lacks, lacks_of
from newsletter.checks.lens_dark import DarkMode, darken_page, resolved_media
from newsletter.checks.parsed import document
from newsletter.checks.tree import drop, legal, put, tree


@dataclass(frozen=True, slots=True)
class Lens:
    """One client; `client` is its name in the data, empty where only the text part is shown."""

    title: str
    client: str
    dark: DarkMode = DarkMode.NONE
    own_account: bool = True
    limits: tuple[str, ...] = ()

    @property
    def lacks(self) -> Lacks:
        """What it does not support."""
        return lacks_of(self.client, own_account=self.own_account)


@dataclass(frozen=True, slots=True)
class Seen:
    """An email through a lens: what was changed, with how often, and what cannot be shown."""

    html: str
    changes: tuple[str, ...]
    limits: tuple[str, ...]


_WEBMAIL = "the webmail's own styles around and below the email are not shown"
_APP = "the size of the screen and of its letters is that of this window"
_SHADES = "the shades of dark mode are near, not exact"

#: Every lens by its name.
LENSES: Mapping[str, Lens] = {
    "gmail": Lens("Gmail (web)", "gmail.desktop-webmail", limits=(_WEBMAIL,)),
    "gmail-app": Lens("Gmail (Android)", "gmail.android", DarkMode.PARTIAL, limits=(_APP, _SHADES)),
    "gmail-ios": Lens("Gmail (iOS)", "gmail.ios", DarkMode.FULL, limits=(_APP, _SHADES)),
    "gmail-imap": Lens(
        "Gmail app with another account",
        "gmail.android",
        DarkMode.PARTIAL,
        own_account=False,
        limits=(_APP, _SHADES),
    ),
    "outlook-windows": Lens(
        "Outlook (Windows)",
        "outlook.windows",
        DarkMode.FULL,
        limits=(
            "Word lays out the email: widths, line heights and spaces differ by some pixels",
            "VML drawings (round buttons, background pictures) are not drawn",
            "web fonts and Word's own substitutes are not shown",
            _SHADES,
        ),
    ),
    "outlook-com": Lens("Outlook.com", "outlook.outlook-com", DarkMode.PARTIAL, limits=(_WEBMAIL, _SHADES)),
    "apple-mail": Lens(
        "Apple Mail", "apple-mail.macos", DarkMode.PREFERENCE, limits=("Apple's fonts are not here",)
    ),
    "apple-mail-ios": Lens("Apple Mail (iPhone)", "apple-mail.ios", DarkMode.PREFERENCE, limits=(_APP,)),
    "yahoo": Lens("Yahoo Mail", "yahoo.desktop-webmail", limits=(_WEBMAIL,)),
    "samsung": Lens("Samsung Email", "samsung-email.android", DarkMode.PARTIAL, limits=(_APP, _SHADES)),
    "thunderbird": Lens("Thunderbird", "thunderbird.macos", limits=("the reader's own fonts are not shown",)),
    "text-only": Lens("Text only", "", limits=("the program's font and width",)),
}


def seen(html: str, lens: Lens, *, text: str = "", images: bool = True, dark: bool = False) -> Seen:
    """The email through `lens`; `text` is its text part, `images` whether pictures are loaded, `dark` whether it is dark."""
    if not lens.client:
        return _seen_text(html, text, lens)
    changes: Counter[str] = Counter()
    lacks = lens.lacks
    page = tree(outlook_view(html) if lens.client == "outlook.windows" else html)
    lens_html.drop_what_never_runs(page)
    if images:
        lens_html.block_unreadable_pictures(page, lacks, changes)
    else:
        lens_html.block_pictures(page, changes)
    _drop_styles(page, lens, changes)  # before anything is read from them
    _settle_schemes(page, lens, dark, changes)
    lens_html.keep_elements(page, lacks, changes)
    lens_html.keep_attributes(page, lacks, changes)
    _keep_css(page, lens, dark, changes)  # last: for the elements that are left
    if lens.client.startswith("thunderbird.") and (body := page.find("body")) is not None:
        body.set("class", _with_word(body.get("class", ""), "moz-text-html"))
    return Seen(_written(page, html, lacks), _told(changes, lens, dark), lens.limits)


def _seen_text(html: str, text: str, lens: Lens) -> Seen:
    """The text part as a page; the words of the HTML where there is none."""
    limits = lens.limits
    if not text.strip():
        text = " ".join(document(html).xpath("string(//body)").split())
        limits = ("there is no text part: these are the words of the HTML", *limits)
    page = (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Text</title></head>'
        f'<body><pre style="white-space:pre-wrap;font-family:monospace;font-size:14px">{escape(text)}</pre></body></html>'
    )
    return Seen(page, ("only the text part is shown",), limits)


def _drop_styles(page: Any, lens: Lens, changes: Counter[str]) -> None:
    """Takes out the <style> elements that the client does not read at all."""
    strips_all = "html-style" in lens.lacks.slugs
    is_gmail = lens.client.startswith("gmail.")
    size = 0
    for sheet in list(page.iter("style")):
        why = ""
        size += len((sheet.text or "").encode("utf-8", "replace"))
        if strips_all:
            why = "<style> removed"
        elif is_gmail and not any(above.tag == "head" for above in sheet.iterancestors()):
            why = "<style> outside the head removed"
        elif is_gmail and size > lens_css.GMAIL_STYLE_BYTES:
            why = "<style> beyond 16 kB removed"
        if why:
            changes[why] += 1
            drop(sheet)


def _settle_schemes(page: Any, lens: Lens, dark: bool, changes: Counter[str]) -> None:
    """Makes the email light or dark, as the client does for its reader."""
    lacks = lens.lacks
    knows_rules = not {"css-at-media", "css-at-media-prefers-color-scheme"} & lacks.slugs
    lens_html.settle_pictures_for(page, dark=dark and lens.dark is not DarkMode.NONE)
    for sheet in list(page.iter("style")):
        media = sheet.get("media", "")
        resolved = resolved_media(media, dark=dark) if knows_rules else media
        if resolved is None:
            drop(sheet)
        elif resolved != media:
            sheet.set("media", resolved or "all")
    for meta in page.iter("meta"):
        if meta.get("name", "").lower() in ("color-scheme", "supported-color-schemes"):
            says = meta.get("content", "").lower().split()
            if "dark" in says and "light" in says:
                meta.set("content", "dark" if dark else "light")
    if dark and lens.dark in (DarkMode.PARTIAL, DarkMode.FULL) and page.get("data-dark") is None:
        turned = darken_page(page, lens.dark, names_originals=lens.client == "outlook.outlook-com")
        changes["colours turned for dark mode"] += turned


def _keep_css(page: Any, lens: Lens, dark: bool, changes: Counter[str]) -> None:
    """Style sheets and style attributes, as the client reads them."""
    lacks = lens.lacks
    turns = dark and lens.dark in (DarkMode.PARTIAL, DarkMode.FULL) and page.get("data-dark") is None
    for sheet in list(page.iter("style")):
        inverted = lens.dark if turns else DarkMode.NONE
        css, lost = lens_css.seen_sheet(sheet.text or "", lacks, dark=dark, inverted=inverted)
        changes.update(lost)
        if css.strip():
            sheet.text = legal(css)
        else:
            drop(sheet)
    if turns:
        page.set("data-dark", "turned")  # so that a second pass does not turn it back
    for element in page.iter("*"):
        style = element.get("style")
        if style is not None:
            new, lost = lens_css.seen_attribute(style, element.tag, lacks)
            changes.update(lost)
            put(element, "style", new)


def _written(page: Any, html: str, lacks: Lacks) -> str:
    """The tree as text, in the shape that it keeps when it is read again."""
    doctype = re.match(r"\s*<!doctype[^>]*>", html, re.I)
    keeps = doctype and "html-doctype" not in lacks.slugs
    text = _serialised(page)
    for _ in range(4):  # unwrapping may leave what a parser closes otherwise
        again = _serialised(document(text))
        if again == text:
            break
        text = again
    return f"{'<!DOCTYPE html>' + chr(10) if keeps else ''}{text}"


def _serialised(page: Any) -> str:
    return str(lxml.html.tostring(page, encoding="unicode", with_tail=False))


def _told(changes: Counter[str], lens: Lens, dark: bool) -> tuple[str, ...]:
    """The changes in words, the most frequent first."""
    told = [
        f"{what} ({count})"
        for what, count in sorted(changes.items(), key=lambda one: (-one[1], one[0]))
        if count
    ]
    return (f"dark mode {lens.dark.value}", *told) if dark else tuple(told)


def _with_word(words: str, word: str) -> str:
    return words if word in words.split() else f"{words} {word}".strip()
