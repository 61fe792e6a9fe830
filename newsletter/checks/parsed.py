"""The tree of the built HTML, parsed once for all checks, because parsing costs more than most of them.

Nobody changes the tree: another check reads it next.  Any text has one, if need be an empty one.  Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import lxml.html
from lxml import etree

_ENDS = re.compile(r"</(?:body|html)\s*>", re.I)


@lru_cache(maxsize=4)
def document(html: str) -> Any:
    """The root of `html`, for reading only."""
    # What stands behind them belongs to the body all the same, but libxml2 would lose it.
    html = _ENDS.sub("", html)
    # Octets: a text that says its own encoding is refused.
    parser = lxml.html.HTMLParser(encoding="utf-8")
    try:
        return lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing in it, or nothing but comments
        return lxml.html.document_fromstring("<html><body></body></html>")
