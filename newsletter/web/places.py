"""Where in the built email a finding is at home, though it names a source: the element that was made of that line.

Looked for are the addresses and the quoted words of the finding, then the words and the addresses of its source line, in
the part of the email that was made of the same article if the source is one; the article's beginning if none is found; for
a style sheet the first element with the class.  What is about no place (a header, the size) has none.

Takes any HTML and does not fail.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import unquote

import lxml.html

from newsletter.articles.article import one_line
from newsletter.checks.finding import Finding
from newsletter.checks.tree import tree

_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{2,200})[\"\u201d]")
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:|cid:)[^\s\"'<>)\]]+")
_ATTRIBUTE = re.compile(r"\b(?:href|src|alt)=\"([^\"]+)\"|\]\(\s*<?([^)\s>]+)")
_TAG = re.compile(r"<[^>]*>|[*_`#>|]|!?\[|\]\([^)]*\)")
_CLASS = re.compile(r"\.([A-Za-z][\w-]*)")
_SHORTEST, _SHORTEST_OF_THEME = 3, 8
_SKIPPED = {"html", "head", "body", "style", "script", "title", "meta", "link", "base"}


def with_places(html: str, findings: Sequence[Finding], articles: Mapping[str, tuple[str, str]]) -> str:
    """`html` in which each element at which findings are at home says so: `data-places="0 3"`, their numbers.

    `articles` are the title and the address of each article by the path of its file, in the email's order.
    """
    page = tree(html)
    for element, numbers in _homes(page, findings, articles).items():
        element.set("data-places", " ".join(map(str, numbers)))
    doctype = re.match(r"\s*<!doctype[^>]*>", html, re.I)
    return f"{doctype[0] if doctype else ''}{lxml.html.tostring(page, encoding='unicode', with_tail=False)}"


def placed(html: str, findings: Sequence[Finding], articles: Mapping[str, tuple[str, str]]) -> set[int]:
    """The numbers of the findings that have a place in `html`."""
    homes = _homes(tree(html), findings, articles)
    return {number for numbers in homes.values() for number in numbers}


def _homes(
    page: Any, findings: Sequence[Finding], articles: Mapping[str, tuple[str, str]]
) -> dict[Any, list[int]]:
    elements = [element for element in page.iter("*") if element.tag not in _SKIPPED]
    spans = _spans(elements, articles)
    homes: dict[Any, list[int]] = {}
    for number, finding in enumerate(findings):
        path = finding.where.rpartition(":")[0] or finding.where
        home = _home(finding, path, elements, spans.get(path))
        if home is not None:
            homes.setdefault(home, []).append(number)
    return homes


def _spans(elements: list[Any], articles: Mapping[str, tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Which of `elements` were made of each article: from the first that has its title or its address on."""
    starts = {}
    for path, (title, url) in articles.items():
        for index, element in enumerate(elements):
            if (url and element.get("href") == url) or (
                title and one_line(element.text or "") == one_line(title)
            ):
                starts[path] = index
                break
    ends = [*sorted(starts.values()), len(elements)]
    return {path: (start, next(end for end in ends if end > start)) for path, start in starts.items()}


def _home(finding: Finding, path: str, elements: list[Any], span: tuple[int, int] | None) -> Any:
    if path.endswith(".css"):
        names = _CLASS.findall(finding.excerpt)
        return next((e for name in names for e in elements if name in (e.get("class") or "").split()), None)
    within = elements[slice(*span)] if span else elements
    shortest = _SHORTEST if span else _SHORTEST_OF_THEME  # its words are in every email, and often
    told = {word for word in finding.message.split() if len(word) > 3}
    pieces = [one_line(unescape(piece)) for piece in _TAG.split(finding.excerpt)]
    pieces = [piece for piece in pieces if len(piece) >= shortest]
    pieces.sort(key=lambda piece: (len(told.intersection(piece.split())), len(piece)), reverse=True)
    found = (
        _with_address(within, finding.message),
        _with_words(within, _QUOTED.findall(finding.message)),
        _with_words(within, pieces),
        _with_address(within, finding.excerpt),
    )
    home = next((element for element in found if element is not None), None)
    return elements[span[0]] if home is None and span else home


def _with_address(elements: list[Any], text: str) -> Any:
    """The first element with one of the addresses that `text` names."""
    addresses = [*_ADDRESS.findall(text), *(one or two for one, two in _ATTRIBUTE.findall(text))]
    for address in filter(None, map(_plain, addresses)):
        for element in elements:
            if address in map(_plain, map(str, element.attrib.values())):
                return element
    return None


def _with_words(elements: list[Any], pieces: list[str]) -> Any:
    """The element that is one of `pieces`, or else the innermost with it."""
    for piece in filter(None, map(one_line, pieces)):
        for element in elements:
            if one_line(element.text or "") == piece and not len(element):
                return element
        if (element := _deepest(elements, piece[:80])) is not None:
            return element
    return None


def _plain(address: str) -> str:
    return unquote(unescape(address)).rstrip(".,:;")


def _deepest(elements: list[Any], words: str) -> Any:
    """The last of the first run of elements in which `words` are, which is the innermost."""
    found = None
    for element in elements:
        if words in one_line(element.text_content()):
            if found is not None and found not in element.iterancestors():
                break
            found = element
    return found
