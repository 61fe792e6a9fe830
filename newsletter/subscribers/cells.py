"""Cells of a table that a spreadsheet opens as text, and nothing else.

A spreadsheet runs a cell that begins with = + - or @ as a formula, also behind a tab or a line break, and some read the
full-width forms of these signs as the signs.  So `guard` puts an apostrophe before such a cell, and before one that
begins with an apostrophe, so that `unguard` takes away exactly what was put there.

Source: OWASP, "CSV Injection".  Pure.
"""

from __future__ import annotations

_RISKY = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'")


def guard(text: str) -> str:
    """The text as it is written into a cell."""
    return f"'{text}" if text[:1] in _RISKY and text else text


def unguard(cell: str) -> str:
    """The text that `guard` made the cell of."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _RISKY and len(cell) > 1 else cell
