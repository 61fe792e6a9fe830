"""What of HTML may stand in a post: the elements, their attributes, and the values that attributes may have.

This is the list that safety rests on: `sanitize` hands it to nh3.  Nothing that styles, runs, names or loads is on it;
addresses are judged in `link`.  Pure.
"""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from newsletter.articles.markup import names

TAGS = names(
    """a abbr b blockquote br caption cite code dd del dfn dl dt em figcaption figure h2 h3 h4 h5 h6 hr i img ins kbd li
    mark ol p pre q s samp small span strong sub sup table tbody td tfoot th thead tr u ul var"""
)
#: What every element may say.
LANGUAGE = ("dir", "lang")
#: What else an element may say.
ATTRIBUTES = {
    "a": ("href", "title"),
    "abbr": ("title",),
    "dfn": ("title",),
    "img": ("src", "alt", "title", "width", "height"),
    "li": ("value",),
    "ol": ("start", "type", "reversed"),
    "td": ("colspan", "rowspan", "align", "valign"),
    "th": ("colspan", "rowspan", "align", "valign", "scope"),
}
_VALID = {
    "align": re.compile(r"left|center|right|justify"),
    "valign": re.compile(r"top|middle|bottom|baseline"),
    "scope": re.compile(r"(?:row|col)(?:group)?"),
    "start": re.compile(r"-?\d{1,6}"),
    "value": re.compile(r"-?\d{1,6}"),
    "type": re.compile(r"[1aAiI]"),
    "colspan": re.compile(r"[2-9]|[1-9]\d"),
    "rowspan": re.compile(r"[2-9]|[1-9]\d\d?"),
    "dir": re.compile(r"ltr|rtl|auto"),
    "lang": re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,5}"),
}
_NO_LANGUAGE: dict[str, str] = {}


def language_of(element: Element) -> dict[str, str]:
    """What an element says of language and direction, where it is valid."""
    if not (element.get("dir") or element.get("lang") or element.tag == "bdi"):
        return _NO_LANGUAGE
    said = {name: (element.get(name) or "").strip() for name in LANGUAGE}
    said["dir"] = said["dir"].lower() or ("auto" if element.tag == "bdi" else "")
    return {name: value for name, value in said.items() if _VALID[name].fullmatch(value)}


def set_language(element: Element, language: dict[str, str], given: dict[str, str]) -> None:
    """Say of language and direction what the container does not say already, always in the same order."""
    said = {name: value for name, value in language.items() if given.get(name) != value}
    if not said:
        return
    said |= {name: element.attrib.pop(name) for name in LANGUAGE if name in element.attrib}
    for name in sorted(said):
        element.set(name, said[name])


def kept_attributes(element: Element, name: str) -> dict[str, str]:
    """The attributes of an element that stay, where they are valid."""
    kept = {}
    for attribute in ATTRIBUTES.get(name, ()):
        value = element.get(attribute)
        if value is None:
            continue
        if attribute == "reversed":
            kept[attribute] = ""
        elif attribute in _VALID:
            value = value.strip() if attribute == "type" else value.strip().lower()
            if _VALID[attribute].fullmatch(value):
                kept[attribute] = value
        elif value or attribute == "alt":
            kept[attribute] = value
    return kept
