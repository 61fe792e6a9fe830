"""What styles make of a text: by table, and as Chromium computes it."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from browser import MEASURE, browser, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks.cascade import contrast, looks, parse_color, written

GOLDEN = Path(__file__).parent / "golden"


def look(css: str, body: str, *, dark: bool = False) -> tuple[str, str, float, bool]:
    """Colour, ground, size and boldness of the text X."""
    html = f"<html><head><style>{css}</style></head><body>{body}</body></html>"
    (found,) = (each for each in looks(html, dark=dark) if each.text == "X")
    return (
        written(found.color) if found.color else "?",
        written(found.ground) if found.ground else "?",
        round(found.size, 2),
        found.bold,
    )


@pytest.mark.parametrize(
    ("css", "body", "expected"),
    [
        ("", "<p>X</p>", ("#000000", "#ffffff", 16, False)),
        ("p { color: red }", "<p>X</p>", ("#ff0000", "#ffffff", 16, False)),
        ("p { color: red }", '<p style="color: blue">X</p>', ("#0000ff", "#ffffff", 16, False)),
        ("p { color: red !important }", '<p style="color: blue">X</p>', ("#ff0000", "#ffffff", 16, False)),
        (
            "p { color: red !important }",
            '<p style="color: blue !important">X</p>',
            ("#0000ff", "#ffffff", 16, False),
        ),
        (".a { color: red } p { color: blue }", '<p class="a">X</p>', ("#ff0000", "#ffffff", 16, False)),
        (
            "#i { color: red } .a { color: blue }",
            '<p id="i" class="a">X</p>',
            ("#ff0000", "#ffffff", 16, False),
        ),
        ("p { color: red } p { color: blue }", "<p>X</p>", ("#0000ff", "#ffffff", 16, False)),
        ("p { color: red; color: blah }", "<p>X</p>", ("#000000", "#ffffff", 16, False)),
        ("div p { color: red }", "<div><div><p><b>X</b></p></div></div>", ("#ff0000", "#ffffff", 16, True)),
        (
            "div > p { color: red }",
            "<div><blockquote><p>X</p></blockquote></div>",
            ("#000000", "#ffffff", 16, False),
        ),
        ("i + p { color: red }", "<i>a</i><p>X</p>", ("#ff0000", "#ffffff", 16, False)),
        ("i ~ p { color: red }", "<i>a</i><b>c</b><p>X</p>", ("#ff0000", "#ffffff", 16, False)),
        ("p:first-child { color: red }", "<p>X</p><p>b</p>", ("#ff0000", "#ffffff", 16, False)),
        ("p:last-child { color: red }", "<p>X</p><p>b</p>", ("#000000", "#ffffff", 16, False)),
        ("p:hover { color: red }", "<p>X</p>", ("#000000", "#ffffff", 16, False)),
        ("p:not(.a) { color: red }", "<p>X</p>", ("#ff0000", "#ffffff", 16, False)),
        (
            "[lang|=ja] p { color: red }",
            '<div lang="ja-JP"><p>X</p></div>',
            ("#ff0000", "#ffffff", 16, False),
        ),
        ("[data-ogsc] p { color: red }", "<p>X</p>", ("#000000", "#ffffff", 16, False)),
        (
            "@media (prefers-color-scheme: dark) { p { color: red } }",
            "<p>X</p>",
            ("#000000", "#ffffff", 16, False),
        ),
        ("@media (max-width: 400px) { p { color: red } }", "<p>X</p>", ("#000000", "#ffffff", 16, False)),
        ("@media screen { p { color: red } }", "<p>X</p>", ("#ff0000", "#ffffff", 16, False)),
        ("", '<table><tr><td bgcolor="#eee">X</td></tr></table>', ("#000000", "#eeeeee", 16, False)),
        ("div { background: #eee url(a.png) }", "<div>X</div>", ("#000000", "?", 16, False)),
        ("div { background: var(--x); color: var(--y) }", "<div>X</div>", ("?", "?", 16, False)),
        (
            "div { background: url(a.png) } p { background: #eee }",
            "<div><p>X</p></div>",
            ("#000000", "#eeeeee", 16, False),
        ),
        (
            "div { background: #000 } p { background: transparent }",
            "<div><p>X</p></div>",
            ("#000000", "#000000", 16, False),
        ),
        ("p { background: rgba(0, 0, 0, 0.5) }", "<p>X</p>", ("#000000", "#808080", 16, False)),
        ("p { color: rgb(0 0 0 / 50%) }", "<p>X</p>", ("#808080", "#ffffff", 16, False)),
        ("div { color: red } p { color: inherit }", "<div><p>X</p></div>", ("#ff0000", "#ffffff", 16, False)),
        ("", '<a href="x">X</a>', ("#0000ee", "#ffffff", 16, False)),
        ("", "<font color=red>X</font>", ("#ff0000", "#ffffff", 16, False)),
        ("", "<h2>X</h2>", ("#000000", "#ffffff", 24, True)),
        ("h2 { font-weight: normal; font-size: 75% }", "<h2>X</h2>", ("#000000", "#ffffff", 12, False)),
        (
            "div { font-size: 20px } p { font-size: 0.5em }",
            "<div><p>X</p></div>",
            ("#000000", "#ffffff", 10, False),
        ),
        ("p { font: bold 12pt/1.5 Arial }", "<p>X</p>", ("#000000", "#ffffff", 16, True)),
    ],
)
def test_a_text_looks_as_css_says(css: str, body: str, expected: tuple[str, str, float, bool]) -> None:
    assert look(css, body) == expected


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("@media (prefers-color-scheme: dark) { p { color: #eee } }", ("#eeeeee", "#121212", 16, False)),
        ("@media (prefers-color-scheme:dark) { p { background: #222 } }", ("#ffffff", "#222222", 16, False)),
        ("p { color: #333 }", ("#333333", "#ffffff", 16, False)),  # it does not know dark mode
        (
            "@media not all and (prefers-color-scheme: dark) { p { color: #eee } }",
            ("#000000", "#ffffff", 16, False),
        ),
    ],
)
def test_dark_mode_has_its_own_rules_and_defaults(css: str, expected: tuple[str, str, float, bool]) -> None:
    assert look(css, "<p>X</p>", dark=True) == expected


@pytest.mark.parametrize(
    "style",
    [
        "display: none",
        "visibility: hidden",
        "opacity: 0",
        "max-height: 0px; overflow: hidden",
        "font-size: 1px",
    ],
)
def test_what_nobody_sees_is_no_text(style: str) -> None:
    assert looks(f'<div style="{style}"><p>X</p></div><p>Y</p>')[0].text == "Y"


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000", "#fff", 21.0),
        ("#777", "#fff", 4.48),
        ("#fff", "#fff", 1.0),
        ("#767676", "white", 4.54),
        ("red", "#fff", 4.0),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    first, second = parse_color(one), parse_color(other)
    assert first
    assert second
    assert round(contrast(first[0], second[0]), 2) == ratio


def test_a_colour_that_cannot_be_told_on_a_screen_is_none() -> None:
    for text in ("oklch(50% 0.1 20)", "lab(50% 1 2)", "color(display-p3 1 0 0)", "none", "rgb(", "var(--x)"):
        assert parse_color(text) is None, text
    assert looks('<p style="color:oklch(50% 0.1 20)">X</p>')[0].text == "X"


def _start(text: str) -> str:
    """The beginning of a text, of which Chromium's pieces and ours are known."""
    return " ".join(text.split())[:40]


def test_it_is_what_chromium_computes() -> None:
    with browser() as running:
        for name, scheme in product(("120-essay-four", "240-bulletin-right-to-left"), ("light", "dark")):
            html = (GOLDEN / name / "expected" / "email.html").read_text("utf-8")
            with opened(running, html, width=800, scheme=scheme) as tab:
                seen: list[dict[str, Any]] = tab.evaluate(MEASURE)["texts"]
            ours = {_start(each.text): each for each in looks(html, dark=scheme == "dark")}
            once = Counter(_start(each.text) for each in looks(html, dark=scheme == "dark"))
            once.update(_start(str(text["text"])) for text in seen)
            compared = 0
            for text in seen:
                if once[_start(str(text["text"]))] == 2 and (own := ours.get(_start(str(text["text"])))):
                    compared += 1
                    assert own.contrast == pytest.approx(text["ratio"], abs=0.05), (scheme, text)
                    assert own.size == pytest.approx(text["size"], abs=0.1), (scheme, text)
                    assert own.bold == text["bold"], (scheme, text)
            assert compared > 10


@settings(deadline=None, max_examples=60)
@given(
    css=st.lists(
        st.sampled_from(
            ["p", ".a", "{", "}", "color:", "red;", "@media x {", ":not(", ")", "[a=", "]", ">", "+", ","]
        ),
        max_size=14,
    ),
    style=st.text('colr: #f0;()!%"', max_size=20),
)
def test_any_styles_can_be_read(css: list[str], style: str) -> None:
    html = f'<html><head><style>{" ".join(css)}</style></head><body><p style="{style.replace(chr(34), "")}">X</p></body></html>'
    for dark in (False, True):
        assert all(each.contrast is None or 1 <= each.contrast <= 21.01 for each in looks(html, dark=dark))
