"""The golden emails: issues of all kinds in all themes, and what is built of them, byte by byte and as it is seen.

`tests/golden/NNN-name` is a publication with one issue; `expected` holds its email.html and email.txt.  When a change
is meant, look at the emails and rewrite them:

    UPDATE_GOLDEN=1 python3 dev.py run pytest tests/test_golden.py
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from browser import MEASURE, browser, opened
from outlook import problems

from newsletter.publication import Publication
from newsletter.render.theme import theme_names

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.name for path in GOLDEN.iterdir() if (path / "newsletter.toml").is_file())
WIDTHS = (320, 375, 600, 800)


def built(name: str, folder: Path) -> Path:
    """The build folder of a golden email, made in `folder`."""
    target = folder / name
    if not target.exists():
        shutil.copytree(GOLDEN / name, target, ignore=shutil.ignore_patterns("expected"))
    return Publication.open(target).build().folder


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The build folders of all golden emails."""
    folder = tmp_path_factory.mktemp("golden")
    return {name: built(name, folder) for name in NAMES}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


def html_of(build: Path) -> str:
    return (build / "email.html").read_text("utf-8")


def test_every_theme_has_golden_emails() -> None:
    themes = {re.sub(r"^\d+-([a-z]+)-.*", r"\1", name) for name in NAMES}
    assert themes == set(theme_names(Path("nowhere")))


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_email_is_built_as_it_was(builds: dict[str, Path], name: str) -> None:
    expected = GOLDEN / name / "expected"
    for file in ("email.html", "email.txt"):
        made = (builds[name] / file).read_text("utf-8")
        if os.environ.get("UPDATE_GOLDEN"):
            expected.mkdir(exist_ok=True)
            (expected / file).write_text(made, "utf-8")
        assert made == (expected / file).read_text("utf-8"), (
            f"{file} changed: look at it, then UPDATE_GOLDEN=1"
        )


@pytest.mark.parametrize("name", NAMES)
def test_its_headings_are_in_order_below_one_title(builds: dict[str, Path], name: str) -> None:
    page = lxml.html.document_fromstring(html_of(builds[name]))
    levels = [int(str(heading.tag)[1]) for heading in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


@pytest.mark.parametrize("name", NAMES)
def test_it_says_its_language_and_direction_and_what_is_layout(builds: dict[str, Path], name: str) -> None:
    page = lxml.html.document_fromstring(html_of(builds[name]))
    language = Publication.open(builds[name].parents[2]).config.language
    assert page.get("lang") == language
    assert page.get("dir") == ("rtl" if language == "ar" else "ltr")
    assert (page.findtext(".//title") or "").strip()
    for table in page.iter("table"):
        is_of_a_post = table.find(".//th") is not None
        assert is_of_a_post or table.get("role") in ("presentation", "none"), lxml.html.tostring(table)[:200]
    for image in page.iter("img"):
        assert image.get("alt") is not None


@pytest.mark.parametrize("name", NAMES)
def test_outlook_gets_balanced_tables_with_widths_that_add_up(builds: dict[str, Path], name: str) -> None:
    html = html_of(builds[name])
    assert problems(html) == []
    widths = [int(image.get("width") or 0) for image in lxml.html.document_fromstring(html).iter("img")]
    assert all(0 <= width <= 640 for width in widths), widths


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_enough(builds: dict[str, Path], name: str) -> None:
    html = html_of(builds[name]).encode()
    assert len(html) < (100_000 if "twenty-five" not in name else 90_000)
    styles = re.findall(rb"<style[^>]*>(.*?)</style>", html, re.S)
    assert sum(map(len, styles)) < 16_000  # Gmail drops what is more


@pytest.mark.parametrize("name", NAMES)
def test_its_text_has_lines_that_fit(builds: dict[str, Path], name: str) -> None:
    from newsletter.render.columns import columns

    text = (builds[name] / "email.txt").read_text("utf-8")
    for line in text.splitlines():
        long_word = any(columns(word) > 40 for word in line.split())
        assert columns(line) <= 72 or long_word or line.startswith("    "), line


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_it_reads_well_at_every_width(builds: dict[str, Path], chromium: Any, name: str, width: int) -> None:
    for scheme in ("light", "dark"):
        with opened(chromium, html_of(builds[name]), width=width, scheme=scheme) as tab:
            seen = tab.evaluate(MEASURE)
        where = f"{name} at {width} px, {scheme}"
        assert seen["scroll"] <= width, f"{where}: scrolls sideways, {seen['wide']}"
        assert not seen["overlaps"], f"{where}: {seen['overlaps']}"
        for text in seen["texts"]:
            is_large = text["size"] >= 24 or (text["size"] >= 18.66 and text["bold"])
            wanted = 3 if is_large else 4.5
            assert text["ratio"] >= wanted, f"{where}: {text}"
            assert text["inverted"] >= wanted, f"{where}, inverted: {text}"
            assert text["size"] >= 14, f"{where}: {text}"
        for link in seen["links"]:
            if link["alone"]:
                assert link["height"] >= 44, f"{where}: {link}"


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(builds: dict[str, Path], chromium: Any, name: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    with opened(chromium, html_of(builds[name]), width=800) as tab:
        violations = axe.run(tab).response["violations"]
    assert [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in violations] == []


@pytest.mark.skipif(not shutil.which("spamassassin"), reason="SpamAssassin is not installed")
@pytest.mark.parametrize("name", ["010-digest-four", "110-essay-one", "220-bulletin-four"])
def test_spamassassin_sees_no_spam(builds: dict[str, Path], name: str) -> None:
    done = subprocess.run(
        ["spamassassin", "-t", "-L"],
        input=(builds[name] / "email.eml").read_bytes(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    report = done.stdout.decode("utf-8", "replace")
    score = re.search(r"^X-Spam-Status: .*?score=(-?[\d.]+)", report, re.M | re.S)
    assert score, report[:2000]
    assert float(score[1]) <= 0.1, report[-3000:]
