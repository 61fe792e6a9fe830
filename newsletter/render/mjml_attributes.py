"""What is wrong with the attributes of MJML components: names, values, what is missing, what mrml ignores.

Hardly any of it stops a build, for the email is made and can be read; the writer should know all the same,
because mrml says nothing.  `check_attributes` yields findings and never raises.

Source: the types are npm's (`mjml_schema`); what mrml 6.0.1 ignores was found by setting each attribute of
each component and comparing the result with that of npm's mjml 4.18.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from newsletter.render.mjml_schema import GLOBAL, check_value, schema
from newsletter.render.mjml_syntax import Attribute, Kind, Piece

_NAME = re.compile(r"[A-Za-z_:][\w.-]*(?::[\w.-]+)?\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*\Z")

#: Attributes that MJML knows and mrml leaves out.  What is not here works, or `mjml.normalise` mends it.
IGNORED = {
    ("mj-image", "sizes"): "set one width",
    ("mj-button", "title"): "say it in the text of the button",
    ("mj-table", "role"): "write the table in an <mj-raw>",
    ("mj-social-element", "srcset"): "use src",
    ("mj-social-element", "sizes"): "use src",
    ("mj-accordion-title", "font-weight"): "use a css-class and inline.css",
}
#: The same for some values of an attribute.
_IGNORED_VALUES = {
    ("mj-hero", "mode"): (re.compile("fluid-height"), "use fixed-height"),
    ("mj-hero", "height"): (re.compile(r".*%"), "use px"),
    ("mj-carousel", "thumbnails"): (re.compile("supported"), "use visible or hidden"),
    ("mj-carousel", "tb-width"): (re.compile(r".*%|0\w*"), "use px"),
    ("mj-social-element", "icon-position"): (re.compile("right"), "the icon stands on the left"),
    ("mj-raw", "position"): (re.compile(".*"), "leave it out; an <mj-raw> cannot stand before <html>"),
}
#: Components whose inner width mrml works out of their padding, if that is in pixels.
_NARROWED = frozenset({"mj-section", "mj-wrapper", "mj-column", "mj-hero", "mj-image", "mj-divider"})
_SIDES = re.compile(r"padding(?:-left|-right)?\Z")
_PART_OF_PIXEL = re.compile(r"\d*\.\d*[1-9]\d*px")

_WITH_ALT = frozenset({"mj-image", "mj-carousel-image", "mj-social-element"})
_WITH_SRC = frozenset({"mj-image", "mj-carousel-image"})

#: The networks that mrml has an icon for, and those of them whose name makes a link that shares the page.
_SHARING = frozenset(["facebook", "twitter", "x", "google", "pinterest", "linkedin", "tumblr", "xing"])
_NETWORKS = _SHARING | frozenset(
    ["instagram", "web", "snapchat", "youtube", "github", "vimeo", "medium", "soundcloud", "dribbble"]
)
#: Components whose icons come from somebody else's server unless these attributes say otherwise.
_ICONS = {
    "mj-accordion": ("icon-wrapped-url", "icon-unwrapped-url"),
    "mj-carousel": ("left-icon", "right-icon"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong at an offset of the source; `serious` if no email should be made of it."""

    start: int
    message: str
    hint: str = ""
    serious: bool = True


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What the <mj-attributes> of the document set: the names of attributes, and the classes."""

    attributes: frozenset[str]
    classes: frozenset[str]


def check_attributes(pieces: Iterable[Piece]) -> Iterator[Finding]:
    """What is wrong with the attributes in the document that `pieces` make up."""
    tags = [piece for piece in pieces if piece.kind in (Kind.OPEN, Kind.CLOSE)]
    defaults, others = _split(tags)
    named = frozenset(attribute.name for piece in defaults for attribute in piece.attributes)
    classes = frozenset(_given(piece).get("name", "") for piece in defaults if piece.name == "mj-class")
    known = _Defaults(named, classes)
    for piece in [*defaults, *others]:
        yield from _check_names_and_values(piece, known)
        yield from _check_effects(piece)
    for piece in others:
        yield from _check_missing(piece, known)
        if piece.name == "mj-social-element":
            yield from _check_social(piece, known)


def _split(tags: Iterable[Piece]) -> tuple[list[Piece], list[Piece]]:
    """The start tags in <mj-attributes>, and the others."""
    inside: list[Piece] = []
    outside: list[Piece] = []
    current = False
    for piece in tags:
        if piece.name == "mj-attributes":
            current = piece.kind is Kind.OPEN and not piece.empty
        elif piece.kind is Kind.OPEN:
            (inside if current else outside).append(piece)
    return inside, outside


def _given(piece: Piece) -> dict[str, str]:
    """The attributes of a tag by name; the first of a name counts, as in npm's mjml."""
    return {attribute.name: attribute.value or "" for attribute in reversed(piece.attributes)}


def _check_names_and_values(piece: Piece, defaults: _Defaults) -> Iterator[Finding]:
    tables = schema()
    known = tables.attributes.get(piece.name)
    if known is None:
        if piece.name not in ("mj-all", "mj-class"):
            return  # not a component, which is reported as such
        known = {**tables.everywhere, "name": "string"}
    general = frozenset[str]() if piece.name == "mjml" else GLOBAL
    seen: set[str] = set()
    for attribute in piece.attributes:
        name, value = attribute.name, attribute.value
        if not _NAME.match(name):
            yield Finding(attribute.start, f"{name!r} is not the name of an attribute", "remove it")
        elif name in seen:
            yield _mild(attribute, f"a second {name} on <{piece.name}>", "only the first one counts")
        elif name.startswith(("data-", "xmlns")):
            pass
        elif name not in known and name not in general:
            close = get_close_matches(name, [*known, *general], 1)
            hint = f"did you mean {close[0]}?" if close else ""
            yield _mild(attribute, f"<{piece.name}> has no attribute {name}", hint)
        elif value is None:
            yield _mild(attribute, f"{name} has no value", f'write {name}="..."')
        elif name == "mj-class":
            for word in value.split():
                if word not in defaults.classes:
                    hint = f'add <mj-class name="{word}" ... /> to <mj-attributes>'
                    yield _mild(attribute, f"there is no mj-class {word}", hint)
        elif value and (wanted := check_value(known.get(name, "string"), value)):
            yield _mild(attribute, f"{name}={value!r} on <{piece.name}>", f"it takes {wanted}")
        seen.add(name)


def _check_effects(piece: Piece) -> Iterator[Finding]:
    """Attributes that are right and come out otherwise than MJML's manual says."""
    for attribute in piece.attributes:
        name, value = attribute.name, attribute.value or ""
        pattern, hint = _IGNORED_VALUES.get((piece.name, name), (None, ""))
        if (piece.name, name) in IGNORED:
            yield _mild(attribute, f"{name} on <{piece.name}> has no effect", IGNORED[piece.name, name])
        elif pattern and pattern.fullmatch(value):
            yield _mild(attribute, f"{name}={value!r} on <{piece.name}> has no effect", hint)
        elif piece.name in _NARROWED and _SIDES.match(name) and "%" in value:
            message = f"a percentage in {name} of <{piece.name}>: Outlook does not reckon with it"
            yield _mild(attribute, message, "use px")
        elif (
            piece.name in _NARROWED
            and (name == "width" or _SIDES.match(name))
            and _PART_OF_PIXEL.search(value)
        ):
            yield _mild(
                attribute,
                f"a part of a pixel in {name}, which clients round differently",
                "use whole pixels",
            )


def _check_missing(piece: Piece, defaults: _Defaults) -> Iterator[Finding]:
    """What a component needs and has neither itself nor by <mj-attributes>."""
    name, given = piece.name, _given(piece)
    has = given.keys() | defaults.attributes
    if name == "mjml" and not _LANGUAGE.match(given.get("lang", "")):
        yield _mild(
            piece, "the language of the email is not said", 'write <mjml lang="en">, or whatever it is'
        )
    if name in _WITH_ALT and "alt" not in has:
        yield _mild(piece, f"<{name}> has no alt text", 'say what it shows; alt="" is for mere decoration')
    if name in _WITH_SRC and "src" not in has:
        yield _mild(piece, f"<{name}> has no src", "give the address of the picture")
    if name == "mj-font" and not (given.get("name") and given.get("href")):
        yield _mild(piece, "<mj-font> needs name and href", "without both of them it does nothing")
    if name in _ICONS and not has.issuperset(_ICONS[name]):
        hint = f"give {' and '.join(_ICONS[name])} with pictures of your own"
        yield _mild(piece, f"the icons of <{name}> come from i.imgur.com", hint)


def _check_social(piece: Piece, defaults: _Defaults) -> Iterator[Finding]:
    given = _given(piece)
    name = given.get("name", "")
    network = name.removesuffix("-noshare")
    if not given.get("src") and "src" not in defaults.attributes:
        if network in _NETWORKS:
            yield _mild(
                piece,
                f"the icon of {network} comes from www.mailjet.com",
                "give src= with an icon of your own",
            )
        else:
            yield _mild(
                piece, f"there is no icon for {name or 'an element without a name'}", "give src= with an icon"
            )
    if name in _SHARING and "href" in given:
        hint = f'for a link to a profile write name="{name}-noshare"'
        yield _mild(piece, f"name={name!r} makes a link that shares the page", hint)


def _mild(place: Attribute | Piece, message: str, hint: str) -> Finding:
    return Finding(place.start, message, hint, serious=False)
