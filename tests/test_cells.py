"""Cells that a spreadsheet does not run, and that come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.subscribers.cells import guard, unguard


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ""),
        ("Ann", "Ann"),
        ("a=b", "a=b"),
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+41 79", "'+41 79"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠a", "'＠a"),
        ("'=1", "''=1"),
        ("'quoted'", "''quoted'"),
        ("'", "''"),
    ],
)
def test_a_cell_that_would_run_gets_an_apostrophe(text: str, cell: str) -> None:
    assert guard(text) == cell
    assert unguard(cell) == text


@given(st.text())
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert unguard(guard(text)) == text
    assert guard(text)[:1] not in set("=+-@\t\r\n＝＋－＠")
