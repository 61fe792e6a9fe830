"""Which of caniemail's features a style sheet or a style attribute uses: a direct reading of its tokens.

A feature is used where it is written: in a comment, a string or an address nothing is, and a property with a vendor's
prefix is another property.  What stands for nothing but a description (the insides of @font-face) uses nothing but
pictures; the percentages of @keyframes are no selectors.

Takes any CSS and does not fail.  Pure.
Source: CSS Syntax Level 3; Selectors Level 4; the descriptions of the features at caniemail.com.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import tinycss2

from newsletter.checks.css_text import css_text


class Found(NamedTuple):
    """A feature, the piece of CSS that uses it, and its line in the sheet."""

    slug: str
    snippet: str
    line: int


#: The properties that are a feature by their own name.
_OWN_NAME = """
accent-color align-items animation aspect-ratio backdrop-filter background background-blend-mode background-clip
background-color background-image background-origin background-position background-repeat background-size border
border-collapse border-image border-radius border-spacing box-shadow box-sizing caption-side clear clip-path color-scheme
column-count cursor direction display empty-cells filter float font font-kerning font-size font-size-adjust font-stretch
font-weight gap height hyphenate-character hyphenate-limit-chars hyphens inline-size inset justify-content letter-spacing
line-height list-style list-style-image list-style-position list-style-type margin mask-image max-block-size max-height
max-inline-size max-width min-block-size min-height min-inline-size min-width mix-blend-mode object-fit object-position
opacity orphans outline outline-offset overflow overflow-wrap padding position resize shape-margin shape-outside tab-size
table-layout text-align text-align-last text-decoration text-decoration-color text-decoration-line
text-decoration-skip-ink text-decoration-style text-decoration-thickness text-emphasis text-emphasis-position text-indent
text-justify text-orientation text-overflow text-shadow text-transform text-underline-offset text-underline-position
text-wrap transform transition user-select vertical-align visibility white-space white-space-collapse widows width
word-break word-spacing word-wrap writing-mode z-index
"""
#: The features that are more than one property.
_FAMILIES = {
    "animation": "animation-name animation-duration animation-delay animation-direction animation-fill-mode "
    "animation-iteration-count animation-play-state animation-timing-function",
    "background-position": "background-position-x background-position-y",
    "block-inline-size": "block-size inline-size",
    "border": "border-width border-style border-color border-top border-right border-bottom border-left border-top-width "
    "border-top-style border-top-color border-right-width border-right-style border-right-color border-bottom-width "
    "border-bottom-style border-bottom-color border-left-width border-left-style border-left-color",
    "border-image": "border-image-source border-image-slice border-image-width border-image-outset border-image-repeat",
    "border-inline-block": "border-inline border-block",
    "border-inline-block-individual": "border-inline-color border-block-color border-inline-style border-block-style "
    "border-inline-width border-block-width border-inline-start border-inline-end border-block-start border-block-end",
    "border-inline-block-longhand": "border-inline-start-color border-block-start-color border-inline-start-style "
    "border-block-start-style border-inline-start-width border-block-start-width border-inline-end-color "
    "border-block-end-color border-inline-end-style border-block-end-style border-inline-end-width border-block-end-width",
    "border-radius": "border-top-left-radius border-top-right-radius border-bottom-right-radius border-bottom-left-radius",
    "border-radius-logical": "border-start-start-radius border-start-end-radius border-end-start-radius "
    "border-end-end-radius",
    "column-layout-properties": "columns column-count column-fill column-gap column-rule column-rule-color "
    "column-rule-style column-rule-width column-span column-width",
    "gap": "column-gap row-gap grid-gap grid-column-gap grid-row-gap",
    "grid-template": "grid-template grid-template-areas grid-template-columns grid-template-rows",
    "inset": "inset-block inset-block-start inset-block-end inset-inline inset-inline-start inset-inline-end",
    "left-right-top-bottom": "left right top bottom",
    "margin": "margin-top margin-right margin-bottom margin-left",
    "margin-block-start-end": "margin-block-start margin-block-end",
    "margin-inline-block": "margin-inline margin-block",
    "margin-inline-start-end": "margin-inline-start margin-inline-end",
    "outline": "outline-color outline-style outline-width",
    "overflow": "overflow-x overflow-y overflow-block overflow-inline",
    "padding": "padding-top padding-right padding-bottom padding-left",
    "padding-block-start-end": "padding-block-start padding-block-end",
    "padding-inline-block": "padding-inline padding-block",
    "padding-inline-start-end": "padding-inline-start padding-inline-end",
    "scroll-snap": "scroll-snap-type scroll-snap-align scroll-snap-stop",
    "text-emphasis": "text-emphasis-color text-emphasis-style",
    "transition": "transition-property transition-duration transition-delay transition-timing-function",
}


def _slugs_by_property() -> dict[str, tuple[str, ...]]:
    slugs: dict[str, tuple[str, ...]] = {name: (f"css-{name}",) for name in _OWN_NAME.split()}
    for family, names in _FAMILIES.items():
        for name in names.split():
            slugs[name] = (*slugs.get(name, ()), f"css-{family}")
    return slugs


_PROPERTIES: Mapping[str, tuple[str, ...]] = _slugs_by_property()
_FUNCTIONS = {
    "calc": "css-unit-calc",
    "clamp": "css-function-clamp",
    "max": "css-function-max",
    "min": "css-function-min",
    "light-dark": "css-function-light-dark",
    "linear-gradient": "css-linear-gradient",
    "repeating-linear-gradient": "css-linear-gradient",
    "radial-gradient": "css-radial-gradient",
    "repeating-radial-gradient": "css-radial-gradient",
    "conic-gradient": "css-conic-gradient",
    "repeating-conic-gradient": "css-conic-gradient",
    "rgb": "css-rgb",
    "rgba": "css-rgba",
    "lch": "css-modern-color",
    "oklch": "css-modern-color",
    "lab": "css-modern-color",
    "oklab": "css-modern-color",
    "var": "css-variables",
}
_UNITS = {unit: f"css-unit-{unit}" for unit in "ch cm em ex in mm pc pt px rem vh vmax vmin vw".split()}
_SYSTEM_FONTS = frozenset(["system-ui", "ui-serif", "ui-sans-serif", "ui-rounded", "ui-monospace"])
_INTRINSIC = frozenset(["fit-content", "min-content", "max-content"])
_SIZES = re.compile(r"(?:(?:min|max)-)?(?:width|height|inline-size|block-size)|flex-basis|flex|grid-.*")
_COLUMNS, _WRAPS = frozenset(["column", "column-reverse"]), frozenset(["wrap"])
#: The words of a value that are a feature.
_OF_VALUES: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "display": (
        ("css-display-flex", frozenset(["flex", "inline-flex"])),
        ("css-display-grid", frozenset(["grid", "inline-grid"])),
        ("css-display-none", frozenset(["none"])),
    ),
    "flex-direction": (("css-flex-direction", _COLUMNS),),
    "flex-wrap": (("css-flex-wrap", _WRAPS),),
    "flex-flow": (("css-flex-direction", _COLUMNS), ("css-flex-wrap", _WRAPS)),
}
_AT_RULES = {
    "media": "css-at-media",
    "import": "css-at-import",
    "font-face": "css-at-font-face",
    "keyframes": "css-at-keyframes",
    "supports": "css-at-supports",
}
_MEDIA_FEATURES = {
    "hover": "css-at-media-hover",
    "any-hover": "css-at-media-hover",
    "orientation": "css-at-media-orientation",
    "prefers-color-scheme": "css-at-media-prefers-color-scheme",
    "prefers-reduced-motion": "css-at-media-prefers-reduced-motion",
} | {f"-webkit-{edge}device-pixel-ratio": "css-at-media-device-pixel-ratio" for edge in ("", "min-", "max-")}
#: The @rules that hold rules.
_GROUPS = frozenset(["media", "supports", "layer", "container", "scope", "document", "-moz-document"])
_PSEUDO_CLASSES = frozenset(
    "active checked default first-child first-of-type focus focus-visible focus-within has hover lang last-child "
    "last-of-type link not nth-child nth-last-child nth-last-of-type nth-of-type only-child only-of-type target "
    "visited".split()
)
_PSEUDO_ELEMENTS = frozenset("after before first-letter first-line marker placeholder".split())
#: The elements that may be written with one colon.  Selectors Level 4, section "Pseudo-elements".
_ONE_COLON = frozenset(["after", "before", "first-letter", "first-line"])
_WITH_SELECTORS = frozenset(["not", "is", "where", "has", "matches", "any", "-webkit-any", "-moz-any"])
_COMBINATORS = {
    ">": "css-selector-child",
    "+": "css-selector-adjacent-sibling",
    "~": "css-selector-general-sibling",
}
_COMMENT = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|url\([^"')]*\)|(/\*)""", re.S | re.I)
_EXTENSION = re.compile(
    r"\s*+(?:[a-z][a-z0-9+.-]*+:)?+(?://[^/?#]*+)?+[^?#]*\.(\w{2,5})(?:[?#]|\s*\Z)", re.S | re.I
)
_DATA = re.compile(r"\s*data:\s*(?:image|video)/(?:x-|vnd\.\w+\.)?([\w-]+)", re.I)
_IMAGES = {
    "apng": "image-apng",
    "avif": "image-avif",
    "bmp": "image-bmp",
    "gif": "image-gif",
    "hdr": "image-hdr",
    "heic": "image-heif",
    "heif": "image-heif",
    "ico": "image-ico",
    "icon": "image-ico",
    "jfif": "image-jpg",
    "jpe": "image-jpg",
    "jpeg": "image-jpg",
    "jpg": "image-jpg",
    "ms-bmp": "image-bmp",
    "mp4": "image-mp4",
    "m4v": "image-mp4",
    "png": "image-png",
    "svg": "image-svg",
    "tif": "image-tiff",
    "tiff": "image-tiff",
    "webp": "image-webp",
}
_DEEPEST = 20
_LONGEST_SNIPPET = 200


@lru_cache(maxsize=4096)
def attribute_features(style: str) -> tuple[Found, ...]:
    """What a style attribute uses."""
    return (*_comments(style), *_block(style, 0))


@lru_cache(maxsize=64)
def sheet_features(css: str) -> tuple[Found, ...]:
    """What a style sheet uses."""
    nodes = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return (*_comments(css), *_rules(nodes, 0))


@lru_cache(maxsize=64)
def plain_features(css: str, *, inlined: bool) -> tuple[Found, ...]:
    """What a style sheet uses outside of @media, @supports and their like, which are extras for whoever knows them.

    The selectors of a sheet that is `inlined` reach no reader.
    """
    found: list[Found] = []
    for node in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if node.type == "qualified-rule":
            found += () if inlined else _selectors(node.prelude, node.source_line)
            found += _block(node.content, 1)
        elif node.type == "at-rule" and node.lower_at_keyword in _AT_RULES:
            snippet = _cut(f"@{node.at_keyword}{css_text(node.prelude)}")
            found.append(Found(_AT_RULES[node.lower_at_keyword], snippet, node.source_line))
    return tuple(found)


def image_features(address: str) -> Iterator[str]:
    """The formats of a picture that its address, or its own data, tells."""
    if data := _DATA.match(address):
        if re.match(r"[^,]*;\s*base64\s*,", address, re.I):
            yield "image-base64"
        kind = data[1].lower()
    elif (extension := _EXTENSION.match(address)) and not re.match(r"\s*(?:data|cid):", address, re.I):
        kind = extension[1].lower()
    else:
        return
    if kind in _IMAGES:
        yield _IMAGES[kind]


def _comments(css: str) -> Iterator[Found]:
    if "/*" in css:
        for found in _COMMENT.finditer(css):
            if found[1]:
                yield Found("css-comments", "/*", css.count("\n", 0, found.start()) + 1)
                return


def _rules(nodes: Iterable[Any], depth: int) -> Iterator[Found]:
    for node in nodes:
        if node.type == "qualified-rule":
            yield from _selectors(node.prelude, node.source_line)
            yield from _block(node.content, depth + 1)
        elif node.type == "at-rule":
            yield from _at_rule(node, depth)


def _at_rule(node: Any, depth: int) -> Iterator[Found]:
    keyword, snippet = node.lower_at_keyword, _cut(f"@{node.at_keyword}{css_text(node.prelude)}")
    if keyword in _AT_RULES:
        yield Found(_AT_RULES[keyword], snippet, node.source_line)
    if keyword == "media":
        for name in _media_features(node.prelude):
            yield Found(name, snippet, node.source_line)
    if not node.content or depth > _DEEPEST:
        return
    if keyword in _GROUPS:
        yield from _rules(tinycss2.parse_rule_list(node.content, True, True), depth + 1)
    elif keyword.endswith("keyframes"):
        for frame in tinycss2.parse_rule_list(node.content, True, True):
            if frame.type == "qualified-rule":
                yield from _block(frame.content, depth + 1)


def _media_features(prelude: Iterable[Any], depth: int = 0) -> Iterator[str]:
    """The features in the brackets of a media query."""
    for token in prelude:
        if token.type == "() block" and depth <= _DEEPEST:
            names = [part.lower_value for part in token.content if part.type == "ident"]
            yield from (_MEDIA_FEATURES[name] for name in names[:1] if name in _MEDIA_FEATURES)
            yield from _media_features(token.content, depth + 1)


def _block(content: Any, depth: int) -> Iterator[Found]:
    """The declarations between the braces, and rules that are nested there; in a style attribute (0) none are read."""
    for part in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if part.type == "declaration":
            yield from _declaration(part)
        elif part.type in ("qualified-rule", "at-rule") and 0 < depth <= _DEEPEST:
            if part.content is not None:
                yield Found("css-nesting", _cut(css_text(part.prelude)), part.source_line)
            if part.type == "qualified-rule":
                yield from _selectors(part.prelude, part.source_line)
                yield from _block(part.content, depth + 1)
            else:
                yield from _nested_at_rule(part, depth)


def _nested_at_rule(part: Any, depth: int) -> Iterator[Found]:
    keyword, snippet = part.lower_at_keyword, _cut(f"@{part.at_keyword}{css_text(part.prelude)}")
    if keyword in _AT_RULES:
        yield Found(_AT_RULES[keyword], snippet, part.source_line)
    if keyword == "media":
        yield from (Found(name, snippet, part.source_line) for name in _media_features(part.prelude))
    if part.content and keyword in _GROUPS:
        yield from _block(part.content, depth + 1)


def _declaration(node: Any) -> Iterator[Found]:
    name, value = node.lower_name, css_text(node.value).strip()
    snippet, line = _cut(f"{node.name}:{value}"), node.source_line
    slugs = dict.fromkeys(_PROPERTIES.get(name, ()))
    if name.startswith("--"):
        slugs["css-variables"] = None
    if name in _OF_VALUES:
        words = {token.lower_value for token in node.value if token.type == "ident"}
        slugs |= dict.fromkeys(slug for slug, wanted in _OF_VALUES[name] if wanted & words)
    if node.important:
        slugs["css-important"] = None
    slugs |= dict.fromkeys(_value(node.value, name, 0))
    for slug in slugs:
        yield Found(slug, snippet, line)


def _value(tokens: Iterable[Any], name: str, depth: int) -> Iterator[str]:
    for token in tokens:
        kind = token.type
        if kind == "dimension":
            if token.lower_unit in _UNITS:
                yield _UNITS[token.lower_unit]
        elif kind == "percentage":
            yield "css-unit-percent"
        elif kind == "ident":
            if token.lower_value == "initial":
                yield "css-unit-initial"
            elif token.lower_value in _SYSTEM_FONTS and name in ("font", "font-family"):
                yield "css-sytem-ui"
            elif token.lower_value in _INTRINSIC and _SIZES.fullmatch(name):
                yield "css-intrinsic-size"
        elif kind == "url":
            yield from image_features(token.value)
        elif kind == "function":
            yield from _function(token, name, depth)
        elif kind in ("() block", "[] block", "{} block") and depth < _DEEPEST:
            yield from _value(token.content, name, depth + 1)


def _function(token: Any, name: str, depth: int) -> Iterator[str]:
    called = token.lower_name
    if called in _FUNCTIONS:
        yield _FUNCTIONS[called]
    elif called in _INTRINSIC:
        yield "css-intrinsic-size"
    elif called in ("url", "image-set", "-webkit-image-set", "image"):
        for argument in token.arguments:
            if argument.type == "string":
                yield from image_features(argument.value)
    if depth < _DEEPEST:
        yield from _value(token.arguments, name, depth + 1)


def _selectors(prelude: Iterable[Any], line: int) -> Iterator[Found]:
    tokens = list(prelude)
    snippet = _cut(css_text(tokens))
    for slug in dict.fromkeys(_selector_features(tokens, 0)):
        yield Found(slug, snippet, line)


def _selector_features(tokens: list[Any], depth: int, *, nested: bool = False) -> Iterator[str]:
    """What a list of selectors uses; `nested`, if it stands in the brackets of another."""
    start: Callable[[], tuple[bool, int]] = lambda: (False, 0)  # noqa: E731
    has_before, names = start()  # whether the compound has anything, and how many classes and names
    waits = False  # for what comes behind white space
    colons = 0
    after_dot = False
    for token in tokens:
        kind, text = token.type, getattr(token, "value", "")
        if kind in ("whitespace", "comment"):
            waits = waits or (has_before and kind == "whitespace")
            colons, after_dot = 0, False
            continue
        if kind == "literal" and (text == "," or text in _COMBINATORS):
            if text in _COMBINATORS:
                yield _COMBINATORS[text]
            elif not nested:
                yield "css-selector-grouping"
            has_before, names = start()
            waits, colons = False, 0
            continue
        if waits:
            yield "css-selector-descendant"
            has_before, names = start()
            waits = False
        if kind == "literal" and text == ":":
            colons += 1
        elif colons:
            yield from _pseudo(token, colons, depth)
            colons = 0
        elif kind == "literal" and text == ".":
            after_dot = True
            continue
        elif after_dot or kind == "hash":
            yield "css-selector-class" if after_dot else "css-selector-id"
            names += 1
            if names == 2:
                yield "css-selector-chaining"
        elif kind == "ident":
            yield "css-selector-type"
        elif kind == "literal" and text == "*":
            yield "css-selector-universal"
        elif kind == "[] block":
            yield "css-selector-attribute"
        after_dot = False
        has_before = True


def _pseudo(token: Any, colons: int, depth: int) -> Iterator[str]:
    name = token.lower_value if token.type == "ident" else getattr(token, "lower_name", "")
    if name in _PSEUDO_ELEMENTS and (colons > 1 or name in _ONE_COLON):
        yield f"css-pseudo-element-{name}"
    elif name in _PSEUDO_CLASSES and colons == 1:
        yield f"css-pseudo-class-{name}"
    if token.type == "function" and name in _WITH_SELECTORS and depth < _DEEPEST:
        yield from _selector_features(list(token.arguments), depth + 1, nested=True)


def _cut(text: str) -> str:
    return (
        " ".join(text.split())[:_LONGEST_SNIPPET]
        if "\n" in text or len(text) > _LONGEST_SNIPPET
        else text.strip()
    )
