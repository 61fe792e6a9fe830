"""A second reading of an email, by simpler means and from the titles of the data, to hold the first against.

No tree and no CSS parser: the tags as `html.parser` sees them, and patterns over styles without comments and strings.  It
knows well-formed emails alone.  Not a test file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

from newsletter.checks.caniemail import Feature

#: Where the title of a feature is not the name of what it is about.
_NAMES = {
    "css-at-media-hover": "hover any-hover",
    "css-border": "border border-width border-style border-color border-top border-right border-bottom border-left "
    "border-top-width border-top-style border-top-color border-right-width border-right-style border-right-color "
    "border-bottom-width border-bottom-style border-bottom-color border-left-width border-left-style border-left-color",
    "css-margin": "margin margin-top margin-right margin-bottom margin-left",
    "css-padding": "padding padding-top padding-right padding-bottom padding-left",
    "css-overflow": "overflow overflow-x overflow-y overflow-block overflow-inline",
    "css-border-radius": "border-radius border-top-left-radius border-top-right-radius border-bottom-right-radius "
    "border-bottom-left-radius",
    "css-outline": "outline outline-color outline-style outline-width",
    "css-background-position": "background-position background-position-x background-position-y",
    "html-lists": "ul ol li dl dt dd",
    "html-h1-h6": "h1 h2 h3 h4 h5 h6",
    "html-image-maps": "map area",
    "html-semantics": "article aside details figcaption figure footer header main mark nav section summary time",
    "html-svg": "svg",
    "html-link": "link",
    "html-address": "address",
    "html-base": "base",
}
_ATTRIBUTES = "align background cellpadding cellspacing dir height hidden lang loading popover required role target valign width"
_FAMILIES = "animation transition text-emphasis scroll-snap inset border-image column gap inline block logical radius-logical"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.sheets: list[str] = []
        self.has_comment = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, text: str) -> None:
        if self.tags and self.tags[-1][0] == "style":
            self.sheets.append(text)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", {}))

    def handle_comment(self, text: str) -> None:
        self.has_comment = True


def what_to_look_for(table: Mapping[str, Feature]) -> dict[str, tuple[str, frozenset[str]]]:
    """What to look for, by slug, as far as a name says it: an element, attribute, property, unit, function or selector."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for slug, feature in table.items():
        category, _, name = slug.partition("-")
        names = frozenset(_NAMES.get(slug, name).split())
        if slug.startswith("css-unit-") and name not in ("unit-calc", "unit-initial", "unit-percent"):
            found[slug] = ("unit", frozenset([name.removeprefix("unit-")]))
        elif slug.startswith("css-function-") or slug in ("css-rgb", "css-rgba") or "-gradient" in slug:
            found[slug] = ("function", frozenset([name.removeprefix("function-")]))
        elif slug.startswith("css-pseudo-class-"):
            found[slug] = ("class", frozenset([name.removeprefix("pseudo-class-")]))
        elif slug in (
            "css-at-media",
            "css-at-import",
            "css-at-font-face",
            "css-at-keyframes",
            "css-at-supports",
        ):
            found[slug] = ("rule", frozenset([name.removeprefix("at-")]))
        elif slug.startswith("css-at-media-prefers"):
            found[slug] = ("media", frozenset([name.removeprefix("at-media-")]))
        elif category == "css" and (slug in _NAMES or feature.title.split(" ")[0] == name):
            if not any(name == family or family in name.split("-") for family in _FAMILIES.split()):
                found[slug] = ("property", names)
        elif category == "html" and name.startswith("aria-") or name in _ATTRIBUTES.split():
            found[slug] = ("attribute", names)
        elif slug in _NAMES or feature.title == f"<{name}> element":
            found[slug] = ("element", names)
    return found


def read_plainly(html: str, table: Mapping[str, Feature]) -> set[str]:
    """The slugs of the features that `html` uses, of those that `what_to_look_for` tells."""
    html = re.sub(r"<!--.*?-->", "", html, flags=re.S)
    page = _Tags()
    page.feed(html)
    tags = [(tag, attributes) for tag, attributes in page.tags if not tag.startswith("/")]
    sheets = [_bare(sheet) for sheet in page.sheets]
    blocks = [_bare(attributes["style"]) for _, attributes in tags if "style" in attributes]
    for sheet in sheets:
        blocks += re.findall(r"\{([^{}]*)\}", re.sub(r"@font-face\s*\{[^}]*\}", "", sheet, flags=re.I))
    declarations = [pair for block in blocks for pair in _declarations(block)]
    values = "\n".join(value for _, value in declarations)
    seen = {
        "element": {tag for tag, _ in tags},
        "attribute": {name for _, attributes in tags for name in attributes},
        "property": {name for name, _ in declarations},
        "unit": {
            unit.lower()
            for unit in re.findall(r"(?<![\w#.-])[+-]?(?:\d+\.?\d*|\.\d+)([a-z]+)\b", values, re.I)
        },
        "function": {name.lower() for name in re.findall(r"([\w-]+)\(", values)},
        "class": {
            name.lower()
            for sheet in sheets
            for selector in re.findall(r"([^{};]+)\{", sheet)
            for name in re.findall(r"(?<!:):([\w-]+)", "" if selector.strip().startswith("@") else selector)
        },
        "rule": {name.lower() for sheet in sheets for name in re.findall(r"@([\w-]+)", sheet)},
        "media": {
            name.lower()
            for sheet in sheets
            for prelude in re.findall(r"@media([^{]*)\{", sheet, re.I)
            for name in re.findall(r"\(\s*([\w-]+)", prelude)
        },
    }
    return {slug for slug, (kind, names) in what_to_look_for(table).items() if names & seen[kind]}


def _bare(css: str) -> str:
    """CSS without comments and without what stands in quotes and addresses."""
    return re.sub(r"""/\*.*?\*/|"[^"]*"|'[^']*'|url\([^)]*\)""", " ", css, flags=re.S)


def _declarations(block: str) -> Iterator[tuple[str, str]]:
    for piece in block.split(";"):
        name, colon, value = piece.partition(":")
        if colon and re.fullmatch(r"\s*[\w-]+\s*", name):
            yield name.strip().lower(), value
