"""Which of caniemail's features an HTML email uses, by a direct reading of its elements, attributes and style sheets.

The email is read as every program but Outlook for Windows reads it: conditional comments that only Outlook opens are
comments, and what is hidden from Outlook is used.  `conditional.outlook_view` gives the text that Outlook reads.  A
feature is used where it is written, whether or not a rule matches anything.

Two features cannot be seen in an email: `bimi` stands in the DNS, and a picture with a wider range of brightness
(`image-hdr`) is known by its name alone, as all formats are.  Takes any text and does not fail.

Pure.
Source: the descriptions of the features at caniemail.com.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lxml import etree

from newsletter.checks.features_css import attribute_features, image_features, sheet_features
from newsletter.checks.parsed import document


@dataclass(frozen=True, slots=True)
class Use:
    """Where a feature is used: the piece of CSS or markup, and its line in the sheet if it was one by itself."""

    snippet: str
    line: int = 0


_ELEMENTS = {
    name: f"html-{name}"
    for name in "abbr acronym address audio base bdi blockquote code del dfn dialog div form hr img link marquee meter "
    "object p picture pre progress rp rt ruby select small span strike strong style svg table textarea video wbr".split()
}
_ELEMENTS |= dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "html-h1-h6")
_ELEMENTS |= dict.fromkeys(("ul", "ol", "li", "dl", "dt", "dd"), "html-lists")
_ELEMENTS |= dict.fromkeys(("map", "area"), "html-image-maps")
_ELEMENTS |= {"embed": "html-object"}
_ELEMENTS |= dict.fromkeys(
    "article aside details figcaption figure footer header main mark nav section summary time".split(),
    "html-semantics",
)
_ATTRIBUTES = {
    name: f"html-{name}"
    for name in "align aria-describedby aria-hidden aria-label aria-labelledby aria-live background cellpadding "
    "cellspacing dir height hidden lang popover required role srcset target valign width".split()
} | {"inert": "css-inert-attribute", "loading": "html-loading-attribute", "usemap": "html-image-maps"}
_INPUTS = frozenset(["checkbox", "hidden", "radio", "reset", "submit", "text"])
#: Where the address of a picture stands.
_PICTURES = {
    "img": ("src",),
    "input": ("src",),
    "video": ("poster",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
}
_DOCTYPE = re.compile(
    r"""[\s\ufeff]*<!doctype\s+html(?:\s+system\s+["']about:legacy-compat["'])?\s*>""", re.I
)
_BODY = re.compile(r"<body[\s/>]", re.I)
_P = re.compile(r"<p[\s/>]", re.I)
#: What makes <html> an email in AMP.
_AMP = frozenset(["\u26a14email", "\u26a1\ufe0f4email", "amp4email"])


def uses(html: str) -> Mapping[str, tuple[Use, ...]]:
    """The features that `html` uses, by slug, each with the different pieces that do."""
    found: dict[str, dict[str, None]] = {}
    seen: set[tuple[str, ...]] = set()
    first, *others = html.split("<!--")
    text = first + "".join(piece.partition("-->")[2] for piece in others)  # without comments
    for slug, snippet in _of_text(text):
        found.setdefault(slug, {})[snippet] = None
    root = document(html)
    # Comments before and behind <html> are beside the root.
    for element in chain(root.itersiblings(preceding=True), root.iter(), root.itersiblings()):
        if isinstance(element.tag, str):
            # Most elements of an email are twins; those with words of their own are asked one by one.
            key = (element.tag, *(part for pair in element.items() for part in pair))
            if key in seen and element.tag != "style":
                continue
            seen.add(key)
            for slug, snippet in element_features(element):
                found.setdefault(slug, {})[snippet] = None
        elif element.tag is etree.Comment:
            found.setdefault("html-comments", {})["<!--"] = None
    if "html-p" in found and not _P.search(text):
        del found["html-p"]  # the parser puts bare words into one
    return {slug: tuple(map(Use, snippets)) for slug, snippets in found.items()}


def uses_css(css: str) -> Mapping[str, tuple[Use, ...]]:
    """The features that a style sheet uses, by slug, each with the pieces and their lines."""
    pieces: dict[str, dict[Use, None]] = {}
    for one in sheet_features(css):
        pieces.setdefault(one.slug, {})[Use(one.snippet, one.line)] = None
    return {slug: tuple(used) for slug, used in pieces.items()}


def element_features(element: Any) -> Iterator[tuple[str, str]]:
    """What an element by itself uses, its style and its sheet too: the slug and the piece that does."""
    tag = element.tag
    if slug := _ELEMENTS.get(tag):
        yield slug, f"<{tag}"
    for name, value in element.items():
        if slug := _ATTRIBUTES.get(name):
            yield slug, f'{name}="{value}"'
    if special := _SPECIAL.get(tag):
        yield from special(element)
    for address in _addresses(element):
        for slug in image_features(address):
            yield slug, address[:200]
    if style := element.get("style"):
        for one in attribute_features(style):
            yield one.slug, one.snippet


def _of_text(html: str) -> Iterator[tuple[str, str]]:
    """What the parser does not keep, of the text without its comments."""
    if doctype := _DOCTYPE.match(html):
        yield "html-doctype", doctype[0].strip()
    if _BODY.search(html):
        yield "html-body", "<body"


def _of_link(element: Any) -> Iterator[tuple[str, str]]:
    href = element.get("href", "").strip()
    if href.startswith("#") and len(href) > 1:
        yield "html-anchor-links", f'href="{href}"'
    elif href[:7].lower() == "mailto:":
        yield "html-mailto-links", f'href="{href}"'


def _of_input(element: Any) -> Iterator[tuple[str, str]]:
    kind = element.get("type", "text").strip().lower() or "text"
    if kind in _INPUTS:
        yield f"html-input-{kind}", f'type="{kind}"' if element.get("type") else "<input"


def _of_button(element: Any) -> Iterator[tuple[str, str]]:
    kind = element.get("type", "submit").strip().lower()
    if kind not in ("button", "menu"):  # whatever is not known submits
        yield f"html-button-{'reset' if kind == 'reset' else 'submit'}", "<button"


def _of_meta(element: Any) -> Iterator[tuple[str, str]]:
    if element.get("name", "").strip().lower() == "color-scheme":
        yield "html-meta-color-scheme", 'name="color-scheme"'


def _of_source(element: Any) -> Iterator[tuple[str, str]]:
    if element.get("sizes"):
        yield "html-srcset", f'sizes="{element.get("sizes")}"'
    for slug in image_features(f"data:{element.get('type', '')},") if element.tag == "source" else ():
        if slug != "image-mp4":  # the source of a <video> is no picture
            yield slug, f'type="{element.get("type")}"'


def _of_style(element: Any) -> Iterator[tuple[str, str]]:
    if element.get("type", "text/css").strip().lower() in ("", "text/css"):
        for one in sheet_features(element.text or ""):
            yield one.slug, one.snippet


def _of_html(element: Any) -> Iterator[tuple[str, str]]:
    for name in _AMP.intersection(element.attrib):
        yield "amp", f"<html {name}"


_SPECIAL = {
    "html": _of_html,
    "a": _of_link,
    "area": _of_link,
    "input": _of_input,
    "button": _of_button,
    "meta": _of_meta,
    "img": _of_source,
    "source": _of_source,
    "style": _of_style,
}


def _addresses(element: Any) -> Iterator[str]:
    """The addresses of the pictures that an element shows."""
    for name in _PICTURES.get(element.tag, ()):
        if address := element.get(name):
            yield address
    if address := element.get("background"):
        yield address
    if element.tag in ("img", "source") and (candidates := element.get("srcset")):
        yield from _candidates(candidates)


def _candidates(srcset: str) -> Iterator[str]:
    """The addresses in a srcset; one that holds its own data has commas too."""
    for found in re.finditer(r"\s*(data:\S+|[^\s,]\S*?)(?=\s|,\s|,?\Z)[^,]*,?", srcset, re.I):
        yield found[1]
