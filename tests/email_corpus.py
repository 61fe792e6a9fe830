"""Emails to try clients and lenses on: the golden ones, issues made from real feeds, and a page for each feature.

Not a test file.
"""

from __future__ import annotations

import tempfile
from datetime import date
from functools import cache
from pathlib import Path

from conftest import SHARED_FEEDS
from test_features import DECLARATIONS, MARKUP, SHEETS, rows

from newsletter.publication import Publication

GOLDEN = {
    path.parents[1].name: path.read_text("utf-8")
    for path in sorted((Path(__file__).parent / "golden").glob("*/expected/email.html"))
}
FEEDS = sorted(path.name for path in SHARED_FEEDS.iterdir()) if SHARED_FEEDS.is_dir() else []
THEMES = ("digest", "essay", "bulletin")


def page(body: str, head: str = "") -> str:
    """A whole document."""
    return f"<!DOCTYPE html>\n<html><head><title>A title</title>{head}</head><body>{body}</body></html>"


@cache
def from_feeds() -> dict[str, str]:
    """An issue in full of the newest posts of each real feed, each in another theme; none where the feeds are not."""
    made = {}
    for number, name in enumerate(FEEDS):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "letter"
            root.mkdir()
            theme = THEMES[number % len(THEMES)]
            settings = f'name = "Letter"\nfrom = "Letter <letter@example.com>"\npicture_sizes = false\ntheme = "{theme}"\n'
            (root / "newsletter.toml").write_text(settings)
            letter = Publication.open(root)
            drafted = letter.draft([str(SHARED_FEEDS / name)], most=5, today=date(2026, 11, 23))
            path = drafted.folder / "issue.md"
            path.write_text(path.read_text("utf-8").replace("---\n", "---\nshow: full\n", 1), "utf-8")
            email = letter.build().email
            made[name] = email.html.fill(letter.values(email.issue_id, letter.sender))
    return made


@cache
def pieces() -> dict[str, str]:
    """A piece of a body for each sample of a feature, and for each that only looks like it."""
    made = {}
    for table, wrap in (
        (DECLARATIONS, "<p style='{}'>words</p>"),
        (SHEETS, "<style>{}</style><p>words</p>"),
        (MARKUP, "{}"),
    ):
        for slug, used, near in rows(table):
            made[f"{slug}: {used}"] = wrap.replace("{}", used)
            made[f"not {slug}: {near}"] = wrap.replace("{}", near)
    return made


@cache
def of_features() -> dict[str, str]:
    """A page for each of these pieces, and for each style sheet in the head."""
    made = {name: piece if "<html" in piece else page(piece) for name, piece in pieces().items()}
    for slug, used, _ in rows(SHEETS):
        made[f"{slug} in the head: {used}"] = page("<p class=a>words</p>", f"<style>{used}</style>")
    return made
