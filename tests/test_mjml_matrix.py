"""Our HTML and that of npm's mjml, drawn side by side.

`tests/mjml_matrix/` holds a small MJML document for every component and group of attributes, in plain use and with what
is known to trip mrml, and the HTML that npm's mjml 4.18 makes of it (`generate.mjs`).  Ours must draw the same pixels in
Chromium, on a telephone and on a desk, and give Outlook, which reads conditional comments, the same elements.  Where
it does not, the table of exceptions says why; an exception that has mended itself fails as well.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browser import browser
from outlook import outlook_view, problems, table_problems, tables_without_width

from newsletter.render.inline import inline_styles, take_inline_sheets
from newsletter.render.mjml import compile_mjml, validate
from newsletter.render.mjml_attributes import IGNORED
from newsletter.render.mjml_schema import UNSUPPORTED, schema
from newsletter.render.mjml_syntax import Kind, scan

FOLDER = Path(__file__).parent / "mjml_matrix"
NAMES = sorted(path.stem for path in FOLDER.glob("*.mjml"))
WIDTHS = (375, 800)

#: Documents that are drawn otherwise: how at each width, and why.
DRAWN_OTHERWISE: dict[str, tuple[dict[int, str], str]] = {
    "hero-fluid": ({375: "pixels", 800: "pixels"}, "mrml does not know fluid-height"),
    "social-icon-right": ({375: "pixels", 800: "pixels"}, "mrml does not know icon-position"),
}
#: Documents whose elements differ for Outlook, and why.
OTHER_ELEMENTS: dict[str, str] = {
    "button": "mrml gives a button no title, and we give one with an empty href none",
    "column-inner": "mrml says border-collapse of a table that has no borders of its own",
    "group-classes": "mrml takes the padding of a column in a group off its cell",
    "group-seven": "npm's mjml gives Outlook a seventh in whole pixels, mrml with its fractions",
    "hero-fluid": "mrml does not know fluid-height",
    "image": "mrml gives the title to the image only, not to the link around it",
    "section-padding-percent": "npm's mjml takes 15 % for 15 pixels, mrml for none",
    "social-icon-right": "mrml does not know icon-position",
    "style-inline-important": "premailer lets what stands in an element win over !important; a style block mends it",
    "width-fractions": "mrml reckons in 32 bits: a divider is a pixel wider for Outlook, a cell less by 0.01",
    "wrapper-gap": "npm's mjml takes the colour of sections off a table for Outlook where there is a gap",
    "wrapper-gap-classes": "npm's mjml takes the colour of sections off a table for Outlook where there is a gap",
}
#: Attributes that are in no document: what mrml does not know is told by the checks.
IN_NO_DOCUMENT = {
    *IGNORED,
    ("mj-raw", "position"),  # only <mj-raw position="file-start">, which cannot be
    ("mj-section", "text-padding"),  # known to npm's mjml, used nowhere in it
    ("mj-wrapper", "text-padding"),
}


def ours(name: str) -> str:
    return inline_styles(*take_inline_sheets(compile_mjml((FOLDER / f"{name}.mjml").read_text("utf-8"))))


def theirs(name: str) -> str:
    return (FOLDER / f"{name}.html").read_text(encoding="utf-8")


# ---------------------------------------------------------------- pixels


def grey(width: int, height: int) -> bytes:
    """A grey picture as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x88" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


GREY = "data:image/png;base64," + base64.b64encode(grey(60, 40)).decode()


class Page:
    """A tab of one width, without network; every picture is grey."""

    def __init__(self, chromium: Any, width: int) -> None:
        context = chromium.new_context(viewport={"width": width, "height": 600}, offline=True)
        self._tab = context.new_page()
        self._protocol = context.new_cdp_session(self._tab)

    def draw(self, html: str) -> bytes:
        """The whole of `html` as PNG."""
        self._tab.set_content(re.sub(r"https://[^\s\"'()]+\.png", GREY, html), wait_until="load")
        options = {"format": "png", "captureBeyondViewport": True, "optimizeForSpeed": True}
        return base64.b64decode(self._protocol.send("Page.captureScreenshot", options)["data"])


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[int, Page]]:
    with browser() as chromium:
        yield {width: Page(chromium, width) for width in WIDTHS}


def how_they_differ(page: Page, mine: str, other: str) -> str:
    """As `difference`, of what two pages look like; Chromium draws a picture that it sees for the first time softly."""
    first = difference(page.draw(mine), page.draw(other))
    return first and difference(page.draw(mine), page.draw(other))


def difference(first: bytes, second: bytes) -> str:
    """How two PNGs of one program differ: "size", "pixels" or not at all.  Their sizes are at bytes 16 to 24."""
    if first == second:
        return ""
    return "pixels" if first[16:24] == second[16:24] else "size"


@pytest.mark.parametrize("name", NAMES)
def test_chromium_draws_ours_like_npms_mjml(name: str, pages: dict[int, Page]) -> None:
    differences = {width: how_they_differ(page, ours(name), theirs(name)) for width, page in pages.items()}
    assert differences == DRAWN_OTHERWISE.get(name, ({375: "", 800: ""},))[0]


def test_a_difference_of_one_pixel_is_seen(pages: dict[int, Page]) -> None:
    html = theirs("text-plain")
    assert difference(pages[800].draw(html), pages[800].draw(html)) == ""
    moved = html.replace("padding:10px 25px", "padding:10px 26px", 1)
    assert difference(pages[800].draw(html), pages[800].draw(moved)) != ""


# ---------------------------------------------------------------- elements


class Elements(HTMLParser):
    """The tags and texts of an email as Outlook sees them, in a form in which equal ones are equal."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(html[html.index("<body") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = [(name, value) for name, value in attrs if value or name in ("alt", "checked")]
        written = sorted(
            f"{name}={self._same(name, (value or '').removeprefix('checked'))}" for name, value in given
        )
        self.seen.append(f"<{tag} {' '.join(written)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "li"):  # which may be left out
            self.seen.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.seen += data.split()

    def handle_comment(self, data: str) -> None:
        if inside := re.fullmatch(r"\[if [^\]]*(?:mso|IE)[^\]]*\]>(.*)<!\[endif\]", data, re.DOTALL):
            self.seen += Elements("<body>" + inside[1]).seen[1:]

    @staticmethod
    def _same(name: str, value: str) -> str:
        if name == "style":
            pairs = (declaration.partition(":") for declaration in value.split(";") if ":" in declaration)
            declared = {key.strip(): re.sub(r"\s*,\s*|\s+", " ", text.strip()) for key, _, text in pairs}
            value = ";".join(f"{key}:{declared[key]}" for key in sorted(declared))
            value = re.sub(r"(?<![\w.])0px", "0", value).lower()
            value = re.sub(r"#([0-9a-f])([0-9a-f])([0-9a-f])(?![0-9a-f])", r"#\1\1\2\2\3\3", value)
        elif name == "width":
            value = value.removesuffix("px")
        elif name == "class":
            value = " ".join(sorted(value.split()))
        elif name == "href":
            value = unquote(value)
        value = " ".join(value.split())
        value = re.sub(r"(mj-column-per-\d+)-\d+", r"\1", value)
        value = re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
        return re.sub(r"(?<![0-9a-f#.])[0-9a-f]{8,16}(?![0-9a-f])", "ID", value)


@pytest.mark.parametrize("name", NAMES)
def test_outlook_sees_the_elements_of_npms_mjml(name: str) -> None:
    mine, other = Elements(ours(name)).seen, Elements(theirs(name)).seen
    if name in OTHER_ELEMENTS:
        assert mine != other, "no exception any more"
    else:
        assert mine == other


def test_every_exception_is_a_document_with_a_reason() -> None:
    assert {*DRAWN_OTHERWISE, *OTHER_ELEMENTS} <= set(NAMES)
    assert all(reason for _, reason in DRAWN_OTHERWISE.values())
    assert all(OTHER_ELEMENTS.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_checks_let_every_document_pass_and_name_what_mrml_leaves_out(name: str) -> None:
    found = validate((FOLDER / f"{name}.mjml").read_text(encoding="utf-8"))
    assert not any(problem.serious for problem in found)
    if name in DRAWN_OTHERWISE and DRAWN_OTHERWISE[name][1].startswith("mrml"):
        assert found


# ---------------------------------------------------------------- Outlook's tables

#: What a document says in its own conditional comments counts as well, and this one has half a table in one.
HALF_A_TABLE = {"raw"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HALF_A_TABLE])
def test_the_tables_that_outlook_sees_are_balanced_and_as_wide_as_they_say(name: str) -> None:
    assert problems(ours(name)) == []


VIEWS = {
    "<!--[if mso | IE]><b>a</b><![endif]-->": "<b>a</b>",
    "<!--[if gte mso 9]>a<![endif]-->": "a",
    "<!--[if lte mso 11]>a<![endif]-->": "",
    "<!--[if (gte mso 9)|(IE)]>a<![endif]-->": "a",
    "<!--[if IE]>a<![endif]-->": "",
    "<!--[if !mso]><!-->a<!--<![endif]-->b": "b",
    "<!--[if !mso]><!--><!--x-->a<!--<![endif]--><!--[if mso]>b<![endif]-->": "b",
    "a<!-- b -->c": "ac",
}


@pytest.mark.parametrize("html", VIEWS)
def test_outlook_sees_what_is_in_comments_for_it_and_not_what_is_kept_from_it(html: str) -> None:
    assert outlook_view(html) == VIEWS[html]


DAMAGE = {
    "a cell left open": '<table width="600"><tr><td>a</tr></table>',
    "a table left open": "<table><tr><td>a</td></tr>",
    "a row closed twice": "<table><tr><td>a</td></tr></tr></table>",
    "a cell in no row": "<table><td>a</td></table>",
    "cells wider than the table": '<table width="600"><tr><td width="301">a</td><td style="width:300px">b</td></tr></table>',
    "half of it for Outlook": "<!--[if mso]><table><tr><td><![endif]-->a",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_table_is_named(name: str) -> None:
    assert table_problems(DAMAGE[name])


def test_tables_in_tables_and_cells_that_fill_them_are_right() -> None:
    inner = '<table style="width:50%"><tbody><tr><td width="100%">b<br>c</td></tr></tbody></table>'
    assert (
        table_problems(
            f'<table width="600"><tr><td width="200"><p>a{inner}</td><td style="width:400px">d</td></tr></table>'
        )
        == []
    )


def test_a_table_for_outlook_needs_a_width_of_its_own_or_of_its_cells() -> None:
    assert tables_without_width("<!--[if mso]><table><tr><td>a</td></tr></table><![endif]-->") == ["<table>"]
    assert tables_without_width('<!--[if mso]><table width="9"><tr><td>a</td></tr></table><![endif]-->') == []
    assert (
        tables_without_width('<!--[if mso]><table><tr><td style="width:9px">a</td></tr></table><![endif]-->')
        == []
    )
    assert tables_without_width("<table><tr><td>seen by all</td></tr></table>") == []


# ---------------------------------------------------------------- what the matrix holds


def test_every_component_and_every_attribute_stands_in_a_document() -> None:
    seen: set[tuple[str, str]] = set()
    for path in FOLDER.glob("*.mjml"):
        for piece in scan(path.read_text(encoding="utf-8")):
            if piece.kind is Kind.OPEN:
                seen |= {(piece.name, ""), *((piece.name, attribute.name) for attribute in piece.attributes)}
    tables = schema().attributes
    wanted = {(name, attribute) for name, attributes in tables.items() for attribute in ("", *attributes)}
    wanted = {(name, attribute) for name, attribute in wanted if name not in UNSUPPORTED} - IN_NO_DOCUMENT
    assert wanted - seen - {("mjml", "owa"), ("mjml", "version")} == set()
    assert {("mj-all", ""), ("mj-class", ""), ("mj-text", "css-class"), ("mj-text", "mj-class")} <= seen
