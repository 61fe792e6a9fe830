"""Elements, attributes and pictures as one client would show them: without what it does not support.

An element that a client does not know is unwrapped, so that its words stay, as mail programs do; what shows nothing
without its element (a drawing, a form field, a sound) goes.  A picture that is not shown leaves its alt text in a box.

Works on the tree it is given.  Takes any HTML and does not fail.  Pure.
Source: caniemail.com, the data and the notes of its features.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import lxml.html

from newsletter.checks.lacks import Lacks
from newsletter.checks.lens_dark import resolved_media
from newsletter.checks.tree import drop, legal, put

#: What no mail program runs or shows.
_NEVER = ("script", "template", "noembed", "noframes", "frame", "frameset", "iframe", "applet", "xml")
_DROPPED_WHOLE = frozenset(
    [
        "svg",
        "math",
        "input",
        "wbr",
        "link",
        "base",
        "meta",
        "map",
        "area",
        "source",
        "track",
        "param",
        "embed",
    ]
)
_KEPT = frozenset(["html", "head", "body", "title", "style"])
#: What Gmail and Outlook.com make of the elements that only name a part of a text.  caniemail.com, html-semantics.
_NAMELESS = {
    "gmail": frozenset(["details", "main", "nav", "summary"]),
    "outlook.outlook-com": frozenset(
        ["article", "aside", "details", "figcaption", "figure", "footer", "header", "hgroup"]
        + ["main", "mark", "nav", "section", "summary"]
    ),
}
#: The attributes that say what kind of element it is.
_TELLING = ("type", "name", "content")
_WITH_PICTURE = ("background", "poster")


def drop_what_never_runs(page: Any) -> None:
    """Scripts, comments, handlers and frames: gone in every mail program, and no loss to its reader."""
    for node in list(page.iter()):
        if not isinstance(node.tag, str) or node.tag in _NEVER or node.tag.startswith("o:"):
            drop(node)
        else:
            for name in [name for name in node.attrib if name.lower().startswith("on")]:
                del node.attrib[name]
            for name in ("href", "src", "action", "formaction", "background", "poster"):
                if re.match(r"[\s\x00-\x20]*(?:javascript|vbscript):", node.get(name, ""), re.I):
                    del node.attrib[name]


def block_pictures(page: Any, changes: Counter[str]) -> None:
    """Every picture as its alt text in a box, and no picture behind anything."""
    for image in list(page.iter("img")):
        _box(image)
        changes["pictures shown as their alt text"] += 1
    for element in list(page.iter("image", "source", "object", "embed")):
        if element.tag != "object" and element.getparent() is not None:
            drop(element)
    for element in page.iter("*"):
        for name in _WITH_PICTURE:
            if element.attrib.pop(name, None) is not None:
                changes["background pictures removed"] += 1
        style = element.get("style", "")
        if "url(" in style.lower():
            put(element, "style", without_urls(style))
            changes["background pictures removed"] += 1
    for sheet in page.iter("style"):
        if sheet.text and "url(" in sheet.text.lower():
            sheet.text = legal(without_urls(sheet.text))
            changes["background pictures removed"] += 1


def without_urls(css: str) -> str:
    """`css` in which every `url(...)` is `none`."""
    return re.sub(r"""url\(\s*(?:"[^"\n]*"|'[^'\n]*'|[^)"'\n]*)\s*\)""", "none", css, flags=re.I)


def block_unreadable_pictures(page: Any, lacks: Lacks, changes: Counter[str]) -> None:
    """The pictures in formats that the client cannot show, as their alt text."""
    for image in list(page.iter("img")):
        if missing := lacks.of_attribute("img", "src", image.get("src", "")):
            _box(image)
            changes[f"{lacks.title(missing)} shown as alt text"] += 1


def settle_pictures_for(page: Any, *, dark: bool) -> None:
    """Of a <picture> the sources for the light or the dark reader."""
    for source in list(page.iter("source")):
        media = source.get("media", "")
        resolved = resolved_media(media, dark=dark)
        if resolved is None:
            drop(source)
        elif resolved != media:
            if resolved:
                source.set("media", resolved)
            else:
                del source.attrib["media"]


def keep_elements(page: Any, lacks: Lacks, changes: Counter[str]) -> None:
    """Unwraps or drops the elements that the client does not support."""
    nameless = next(
        (tags for start, tags in _NAMELESS.items() if lacks.client.startswith(start)), frozenset()
    )
    for element in list(page.iter("*")):
        tag = element.tag
        if element is page or tag in _KEPT or (element.getparent() is None):
            continue
        missing = lacks.of_element(
            tag, {name: element.get(name, "") for name in _TELLING if element.get(name)}
        )
        if not missing and tag not in nameless:
            continue
        name = f"<{tag}> removed"
        if tag == "meta":
            name = f"{lacks.title(missing)} removed"
        elif tag not in _DROPPED_WHOLE:
            name = f"<{tag}> unwrapped"
        changes[name] += 1
        if tag in _DROPPED_WHOLE:
            drop(element)
        else:
            if tag in ("select", "datalist"):
                _keep_one_option(element)
            element.drop_tag()


def keep_attributes(page: Any, lacks: Lacks, changes: Counter[str]) -> None:
    """Removes the attributes that the client does not support; `style` is another matter."""
    for element in page.iter("*"):
        for name, value in list(element.attrib.items()):
            if name == "style" or (element.tag == "meta" and name == "content"):
                continue
            if missing := lacks.of_attribute(element.tag, name, value):
                del element.attrib[name]
                changes[f"{_named(element.tag, name, missing, lacks)} removed"] += 1


def _named(tag: str, name: str, missing: str, lacks: Lacks) -> str:
    return f"{lacks.title(missing)} in <{tag}>" if name in ("href", "src") else f"{name} attribute"


def _keep_one_option(select: Any) -> None:
    """Of a list of choices the one that is chosen, or the first."""
    options = list(select.iter("option"))
    chosen = next((option for option in options if option.get("selected") is not None), None)
    for option in options:
        if option is not (chosen if chosen is not None else options[0]):
            drop(option)


def _box(image: Any) -> None:
    """Puts the alt text in the place of a picture, in a box that has its width and its style."""
    box = lxml.html.Element("span")
    for name in ("class", "id", "title", "lang", "dir"):
        if image.get(name):
            box.set(name, image.get(name))
    style = image.get("style", "").strip().rstrip(";")
    parts = [style] if style else []
    lower = style.lower()
    if "display" not in lower:
        parts.append("display:inline-block")
    width, height = image.get("width", ""), image.get("height", "")
    if not re.search(r"(?:^|[;\s])width\s*:", lower) and re.fullmatch(r"\d+", width):
        parts.append(f"width:{width}px")
    if "max-width" not in lower:
        parts.append("max-width:100%")
    if re.fullmatch(r"\d+", height) and not re.search(r"(?:^|[;\s])height\s*:\s*\d", lower):
        parts.append(f"min-height:{height}px")
    if "font-size" not in lower:
        parts.append("font-size:14px")
    alt = image.get("alt", "")
    parts.append("line-height:1.4;vertical-align:middle")
    if alt.strip() and not (width == "1" or height == "1"):
        is_icon = width.isdecimal() and int(width) < 64
        parts.append(f"box-sizing:border-box;border:1px solid #9a9a9a{'' if is_icon else ';padding:12px'}")
    box.set("style", ";".join(parts) + ";")
    box.text, box.tail = alt, image.tail
    image.getparent().replace(image, box)
