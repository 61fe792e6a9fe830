"""How long `newsletter check` takes beyond the build, and what a lens takes.

    python3 dev.py run python benchmarks/check.py            prints the table, writes benchmarks/check.json
    python3 dev.py run python benchmarks/check.py --readme   also puts the table into README.md

Measured in one process, warm: an issue with ten posts in full, in each theme, built and then checked as `newsletter check`
does it without --online, after one post was edited each time, so that nothing about it is remembered; and the same issue
as it was.  Time of the processor, which on a machine with nothing else to do is that of the clock, because one thread does
it all.  Medians of the difference between a check (which builds) and a build right before it; the spread is in the JSON.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from time import process_time

from build import post, put_into_readme

from newsletter.checks.lens import LENSES, seen
from newsletter.publication import Publication
from newsletter.render.theme import theme_names
from newsletter.sample import make_publication

HERE = Path(__file__).parent
RUNS = 30


def issue_of(root: Path, theme: str) -> Publication:
    """A publication with one issue of ten posts in full."""
    make_publication(root, theme)
    shutil.rmtree(root / "posts")
    (root / "posts").mkdir()
    for number in range(10):
        (root / "posts" / f"{number}.md").write_text(post(number))
    publication = Publication.open(root)
    issue_md = publication.draft().folder / "issue.md"
    issue_md.write_text(issue_md.read_text().replace("---\n", "---\nshow: full\n", 1))
    return publication


def beyond_the_build(publication: Publication, *, edits: bool) -> list[float]:
    """Milliseconds of each check, less the build of the same text right before it."""
    article = sorted((publication.root / "issues").glob("*/articles/*.html"))[4]
    original = article.read_text()
    times = []
    for number in range(RUNS + 3):
        if edits:
            article.write_text(original.replace("</p>", f" Edited {number}.</p>", 1))
        publication.variant()  # what was edited is read and inlined here
        start = process_time()
        publication.variant()
        built = process_time()
        publication.check()
        times.append((process_time() - built - (built - start)) * 1000)
    article.write_text(original)
    return times[3:]


def of_a_lens(html: str, name: str) -> list[float]:
    """Milliseconds of an email through a lens, each time with another word in it."""
    times = []
    for number in range(13):
        start = process_time()
        seen(html.replace("</title>", f" {number}</title>", 1), LENSES[name])
        times.append((process_time() - start) * 1000)
    return times[3:]


def main() -> None:
    """Measure, print, write."""
    results: dict[str, list[float]] = {}
    sizes = {}
    for theme in theme_names(Path("nowhere")):
        with tempfile.TemporaryDirectory() as folder:
            publication = issue_of(Path(folder) / "letter", theme)
            email = publication.build().email
            html = email.html.fill(publication.values(email.issue_id, publication.sender))
            sizes[theme] = len(html.encode())
            results[f"check, {theme}, after an edit"] = beyond_the_build(publication, edits=True)
            results[f"check, {theme}, as it was"] = beyond_the_build(publication, edits=False)
            if theme == "digest":
                for name in ("gmail", "outlook-windows", "apple-mail"):
                    results[f"lens {name}, {theme}"] = of_a_lens(html, name)
    medians = {label: statistics.median(times) for label, times in results.items()}
    rows = [
        f"| {label} | {medians[label]:.1f} ms | {min(times):.1f} - {max(times):.1f} |"
        for label, times in results.items()
    ]
    table = "\n".join(
        [
            f"An issue of 10 posts in full, {min(sizes.values()) / 1000:.0f} to {max(sizes.values()) / 1000:.0f} kB of HTML; "
            "a check without the build before it, in time of the processor:",
            "",
            "| work | median | range |",
            "|---|---:|---:|",
            *rows,
        ]
    )
    print(table)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "html_bytes": sizes}
    (HERE / "check.json").write_text(
        json.dumps({"machine": machine, "median_ms": medians, "runs_ms": results}, indent=1) + "\n"
    )
    if "--readme" in sys.argv:
        put_into_readme("check", table)


if __name__ == "__main__":
    main()
