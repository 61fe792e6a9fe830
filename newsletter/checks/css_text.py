"""Parsed CSS as text again.

tinycss2 writes brackets in brackets by recursion; what is nested deeper than Python goes, which no person writes and no
client reads, is an empty text here.  Takes any tokens and does not fail.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tinycss2


def css_text(tokens: Iterable[Any]) -> str:
    """The text of `tokens`; empty if they are nested too deep."""
    try:
        return str(tinycss2.serialize(tokens))
    except RecursionError:
        return ""
