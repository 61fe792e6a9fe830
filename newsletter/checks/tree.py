"""A tree of one's own: the built HTML as elements that may be changed, and the ways to change it.

Whatever is put into it can be written out again: characters that no document may hold are left out.  Pure.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from newsletter.checks.parsed import document

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def tree(html: str) -> Any:
    """The root of `html`, for changing; the one of `parsed.document` is for all and for reading only."""
    page = copy.deepcopy(document(legal(html)))
    for element in page.iter("*"):
        for name, value in element.attrib.items():
            if _ILLEGAL.search(value):  # written as a reference: &#1;
                element.set(name, legal(value))
    return page


def legal(text: str) -> str:
    """`text` without what no document may hold.  XML 1.0, section 2.2."""
    return _ILLEGAL.sub("", text)


def put(element: Any, name: str, value: str) -> None:
    """Sets an attribute, or takes it away where `value` is empty."""
    if value:
        element.set(name, legal(value))
    else:
        element.attrib.pop(name, None)


def drop(node: Any) -> None:
    """Takes a node out of its tree with all that is in it, not the text behind it."""
    parent = node.getparent()
    if parent is None:
        return
    if node.tail:
        before = node.getprevious()
        if before is None:
            parent.text = (parent.text or "") + node.tail
        else:
            before.tail = (before.tail or "") + node.tail
    node.tail = None
    parent.remove(node)
