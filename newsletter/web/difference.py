"""What is different between two emails: the blocks of each that the other does not have.

A block is an element with words of its own, or a picture; it is the same if its words and its addresses are.

Takes any HTML and does not fail.  Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import lxml.html

from newsletter.articles.article import one_line
from newsletter.checks.tree import tree

_BLOCKS = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "td",
    "th",
    "pre",
    "div",
    "dt",
    "dd",
    "figcaption",
    "img",
    "a",
}


def marked(html: str, other: str) -> tuple[str, int]:
    """`html` with `data-changed` on each block that `other` does not have, and how many there are."""
    page = tree(html)
    there = Counter(_key(block) for block in _blocks(tree(other)))
    count = 0
    for block in _blocks(page):
        key = _key(block)
        if there[key]:
            there[key] -= 1
        else:
            block.set("data-changed", "")
            count += 1
    doctype = re.match(r"\s*<!doctype[^>]*>", html, re.I)
    written = lxml.html.tostring(page, encoding="unicode", with_tail=False)
    return f"{doctype[0] if doctype else ''}{written}", count


def _blocks(page: Any) -> list[Any]:
    """The elements with words of their own, none within another: the outermost."""
    found: list[Any] = []
    inside: set[Any] = set()
    for element in page.iter("*"):
        if element.getparent() in inside:
            inside.add(element)
        elif element.tag == "img" or (element.tag in _BLOCKS and _own_words(element)):
            found.append(element)
            inside.add(element)
    return found


def _own_words(element: Any) -> str:
    return one_line(" ".join([element.text or "", *(child.tail or "" for child in element)])) or (
        one_line(element.text_content()) if element.tag in ("a", "p", "li") else ""
    )


def _key(block: Any) -> tuple[str, ...]:
    addresses = [element.get("href") or element.get("src") or "" for element in block.iter("a", "img")]
    return (block.tag, one_line(block.text_content()), *addresses)
