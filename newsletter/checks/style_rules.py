"""The style rules of a built email, and which of its elements they are for.

Selectors are tested as a browser does it, from the right to the left, and only where the classes and names that they ask
for occur at all.  What only a reader's hand (:hover) or a certain program makes true is never true.

Takes any style sheet and does not fail: what cannot be read sets nothing.  Pure.
Source: Selectors Level 4; Media Queries Level 5, section "prefers-color-scheme".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import cssselect
import tinycss2
from cssselect import parser as selectors

from newsletter.checks.css_text import css_text
from newsletter.checks.parsed import document

_DARK_QUERY = re.compile(r"prefers-color-scheme\s*:\s*dark", re.I)
_NARROWING = re.compile(r"\bnot\b|\bprint\b|(?:min|max)-(?:device-)?(?:width|height)|orientation", re.I)
_LOOKED_AT = frozenset(
    ["color", "background", "background-color", "background-image", "font", "font-size", "font-weight"]
    + ["display", "visibility", "opacity", "max-height"]
)
#: What mail clients put between the words of a hidden preview, and other characters that nobody sees.
_INVISIBLE = re.compile("[\\s\u00a0\u034f\u200b-\u200f\u2060\ufeff\u00ad]+")


class Node:
    """An element, read once: lxml makes its own anew whenever it is asked."""

    __slots__ = (
        "around",
        "attributes",
        "before",
        "classes",
        "element",
        "is_last",
        "number",
        "parent",
        "tag",
        "text",
    )

    def __init__(self, element: Any, number: int, parent: Node | None, before: Node | None) -> None:
        self.element = element
        self.number = number
        self.parent = parent
        self.before = before  # the element before it in the same parent
        self.is_last = True
        self.tag = str(element.tag)
        self.attributes = dict(element.attrib)
        self.classes = self.attributes.get("class", "").split()
        # What selectors can ask of this element and of those around it.
        own = [*(f".{name}" for name in self.classes), *(f"[{name}" for name in self.attributes)]
        outer = parent.around if parent else frozenset()
        self.around: frozenset[str] = outer.union(own) if own else outer
        text = element.text or ""
        if len(element):
            text += "".join([child.tail or "" for child in element])
        if text and not text.isspace():
            self.text = " ".join((text if text.isascii() else _INVISIBLE.sub(" ", text)).split())
        else:
            self.text = ""


class Declaration(NamedTuple):
    """What a property is set to."""

    value: str
    important: bool


@lru_cache(maxsize=4)
def nodes(html: str) -> tuple[Node, ...]:
    """The elements of a document in its order, parents first."""
    known: dict[Any, Node] = {}
    last: dict[Node | None, Node] = {}
    for number, element in enumerate(document(html).iter("*")):
        parent = known.get(element.getparent())
        node = known[element] = Node(element, number, parent, last.get(parent))
        if node.before:
            node.before.is_last = False
        last[parent] = node
    return tuple(known.values())


def style_texts(page: Any) -> Iterator[tuple[str, str]]:
    """The style sheets of a document that a browser reads, each with its media."""
    for element in page.iter("style"):
        if element.get("type", "text/css").strip().lower() in ("", "text/css"):
            yield element.text or "", element.get("media", "")


def is_for_dark(media: str) -> bool:
    """Whether a media query asks for dark colours."""
    return bool(_DARK_QUERY.search(media)) and not re.search(r"\bnot\b|\bprint\b", media, re.I)


_Test = Callable[[Node], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A selector and what it sets; `order` is its own in all the sheets."""

    selects: _Test
    needs: frozenset[str]  # what must be in a node's `around`
    specificity: tuple[int, int, int]
    order: int
    declarations: Mapping[str, Declaration]


@dataclass(frozen=True, slots=True, eq=False)
class Sheets:
    """The rules by what stands last in their selectors: `.class`, `#id`, an element's name, or `*`."""

    by_key: Mapping[str, list[Rule]]
    has_dark: bool

    def matching(self, node: Node) -> tuple[Rule, ...]:
        """The rules for an element, in their order."""
        keys = ["*", node.tag, *(f".{name}" for name in node.classes)]
        if "id" in node.attributes:
            keys.append(f"#{node.attributes['id']}")
        found = [
            rule
            for key in keys
            for rule in self.by_key.get(key, ())
            if rule.needs <= node.around and rule.selects(node)
        ]
        return tuple(sorted(found, key=lambda rule: rule.order)) if len(found) > 1 else tuple(found)


@lru_cache(maxsize=16)
def sheets_of(texts: tuple[tuple[str, str], ...], dark: bool) -> Sheets:
    """The rules of style sheets, each with its media, that apply on a wide screen, light or dark."""
    by_key: dict[str, list[Rule]] = {}
    has_dark = False
    order = 0
    for css, media in texts:
        if _applies(media, dark):
            parsed = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
            for rule, in_dark in _rules(parsed, dark):
                has_dark |= in_dark
                for key, read in _read_rule(rule, order):
                    by_key.setdefault(key, []).append(read)
                    order = read.order + 1
    return Sheets(by_key, has_dark)


def _applies(media: str, dark: bool) -> bool:
    """Whether what is for `media` is seen on a wide screen."""
    return (
        not media.strip() or (dark and is_for_dark(media)) or bool(re.fullmatch(r"\s*(all|screen)\s*", media))
    )


def _rules(parsed: list[Any], dark: bool, in_dark: bool = False) -> Iterator[tuple[Any, bool]]:
    """The rules that apply, and whether for dark mode alone."""
    for node in parsed:
        if node.type == "qualified-rule":
            yield node, in_dark
        elif node.type == "at-rule" and node.lower_at_keyword == "media" and node.content:
            media = css_text(node.prelude)
            if _applies(media, dark) and not _NARROWING.search(media):
                inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                yield from _rules(inner, dark, in_dark or is_for_dark(media))


def _read_rule(rule: Any, order: int) -> Iterator[tuple[str, Rule]]:
    """The rules that a list of selectors makes, with their keys; `order` is the first one's."""
    sets = declarations(rule.content)
    for text in _parts(css_text(rule.prelude)) if sets else ():
        try:
            parsed = cssselect.parse(text)
        except (cssselect.SelectorError, RecursionError):
            continue
        for selector in parsed:
            if selector.pseudo_element is None:
                tree = selector.parsed_tree
                yield _key(tree), Rule(_test(tree), _needs(tree), selector.specificity(), order, sets)
                order += 1


def _parts(selector_list: str) -> list[str]:
    """The selectors between the commas: one that cannot be read leaves the others alone here, if not in a browser."""
    return (
        selector_list.split(",") if "(" not in selector_list and "[" not in selector_list else [selector_list]
    )


def declarations(content: Any) -> dict[str, Declaration]:
    """The declarations that matter here; of one property the last, or the last important one."""
    found: dict[str, Declaration] = {}
    for part in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if part.type == "declaration" and part.lower_name in _LOOKED_AT:
            value = css_text(part.value).strip()
            before = found.get(part.lower_name)
            if before is None or part.important or not before.important:
                found.pop(part.lower_name, None)
                found[part.lower_name] = Declaration(value, part.important)
    return found


read_style = lru_cache(maxsize=4096)(declarations)  # of style attributes, most of which are there often


def _key(tree: Any) -> str:
    if isinstance(tree, selectors.CombinedSelector):
        return _key(tree.subselector)
    if isinstance(tree, selectors.Class):
        return f".{tree.class_name}"
    if isinstance(tree, selectors.Hash):
        return f"#{tree.id}"
    if isinstance(tree, selectors.Element):
        return tree.element.lower() if tree.element else "*"
    return _key(tree.selector) if hasattr(tree, "selector") else "*"


def _needs(tree: Any) -> frozenset[str]:
    """The classes and attributes that the element that `tree` selects, or one around it, must have."""
    match tree:
        case selectors.CombinedSelector(combinator=" " | ">"):
            return _needs(tree.selector) | _needs(tree.subselector)
        case selectors.CombinedSelector():
            return _needs(tree.subselector)
        case selectors.Class():
            return _needs(tree.selector) | {f".{tree.class_name}"}
        case selectors.Attrib():
            return _needs(tree.selector) | {f"[{tree.attrib}"}
        case selectors.Hash():
            return _needs(tree.selector) | {"[id"}
        case selectors.Pseudo() | selectors.Negation():
            return _needs(tree.selector)
    return frozenset()


def _test(tree: Any) -> _Test:
    """Whether an element is selected by `tree`; not by what only a reader's hand or a certain program makes true."""
    if isinstance(tree, selectors.Element):
        name = tree.element.lower() if tree.element else None
        return (lambda node: node.tag == name) if name else (lambda node: True)
    if isinstance(tree, selectors.CombinedSelector):
        return _combined(_test(tree.selector), tree.combinator, _test(tree.subselector))
    if isinstance(tree, selectors.Class):
        own: _Test = lambda node, name=tree.class_name: name in node.classes  # type: ignore[misc]  # noqa: E731
    elif isinstance(tree, selectors.Hash):
        own = lambda node, name=tree.id: node.attributes.get("id") == name  # type: ignore[misc]  # noqa: E731
    elif isinstance(tree, selectors.Attrib):
        own = _has_attribute(tree)
    elif isinstance(tree, selectors.Pseudo):
        own = _STATES.get(tree.ident.lower(), lambda node: False)
    elif isinstance(tree, selectors.Negation):
        negated = _test(tree.subselector)
        own = lambda node: not negated(node)  # noqa: E731
    else:
        return lambda node: False
    rest = _test(tree.selector)
    return lambda node: own(node) and rest(node)


_STATES: Mapping[str, _Test] = {
    "root": lambda node: node.parent is None,
    "link": lambda node: node.tag == "a" and "href" in node.attributes,
    "any-link": lambda node: node.tag == "a" and "href" in node.attributes,
    "first-child": lambda node: node.before is None,
    "last-child": lambda node: node.is_last,
}


def _combined(left: _Test, combinator: str, right: _Test) -> _Test:
    follow = attrgetter("parent" if combinator in (" ", ">") else "before")
    only_next = combinator in (">", "+")

    def test(node: Node) -> bool:
        if not right(node):
            return False
        other = follow(node)
        while other is not None:
            if left(other):
                return True
            other = None if only_next else follow(other)
        return False

    return test


def _has_attribute(tree: Any) -> _Test:
    name, wanted = tree.attrib, tree.value.value if tree.value else ""
    match tree.operator:
        case "exists":
            return lambda node: name in node.attributes
        case "=":
            return lambda node: node.attributes.get(name) == wanted
        case "~=":
            return lambda node: wanted in node.attributes.get(name, "").split()
        case "|=":
            return lambda node: f"{node.attributes.get(name, '')}-".startswith(f"{wanted}-")
        case "^=":
            return lambda node: bool(wanted) and node.attributes.get(name, "").startswith(wanted)
        case "$=":
            return lambda node: bool(wanted) and node.attributes.get(name, "").endswith(wanted)
        case "*=":
            return lambda node: bool(wanted) and wanted in node.attributes.get(name, "")
    return lambda node: False
