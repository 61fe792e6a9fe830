"""What differs between two emails."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.difference import marked


def page(body: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><title>x</title></head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("body", "other", "changed"),
    [
        ("<p>a</p><p>b</p>", "<p>a</p><p>b</p>", []),
        ("<p>a</p><p>b</p>", "<p>a</p>", ["b"]),
        ("<p>a</p>", "<p>a</p><p>b</p>", []),
        ("<p>a</p><p>a</p>", "<p>a</p>", ["a"]),
        ("<p>a  b</p>", "<p>a\nb</p>", []),
        ('<p><a href="x">a</a></p>', '<p><a href="y">a</a></p>', ["a"]),
        ('<img src="x" alt="">', '<img src="y" alt="">', [""]),
        ("<h1>a</h1>", "<h2>a</h2>", ["a"]),
        ("<table><tr><td><p>a</p><p>b</p></td></tr></table>", "<p>b</p>", ["a"]),
        ("<p>a <b>b</b></p>", "<p>a <i>b</i></p>", []),
        ('<p style="color:red">a</p>', "<p>a</p>", []),
    ],
)
def test_a_block_that_the_other_does_not_have_is_marked(body: str, other: str, changed: list[str]) -> None:
    html, count = marked(page(body), page(other))
    assert html.startswith("<!DOCTYPE html>")
    found = re.findall(r"<(\w+)[^>]* data-changed=\"\"[^>]*>(?:(.*?)</\1>)?", html)
    assert [re.sub(r"<[^>]*>", "", words) for _, words in found] == changed
    assert count == len(changed)


@given(st.text(), st.text())
def test_any_two_texts_are_compared_and_one_with_itself_is_the_same(one: str, two: str) -> None:
    marked(one, two)
    assert marked(page(one), page(one))[1] == 0
