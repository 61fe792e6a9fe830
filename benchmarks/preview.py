"""From saving a file to the new email on the screen, and how long the page takes to open.

    python3 dev.py run python benchmarks/preview.py            prints the distribution, writes benchmarks/preview.json
    python3 dev.py run python benchmarks/preview.py --readme   also puts the table into README.md

Measured as a person meets it: `newsletter preview` is a process of its own, an issue of ten posts in full is open in
headless Chromium, and a file is saved again and again: one of the posts, or the theme's template.  The clock runs from the
end of the write to the second animation frame after the new email is in its place.  The page is opened in new tabs of a
browser that runs.  Needs Chromium on the machine.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

from build import post, put_into_readme
from playwright.sync_api import sync_playwright

from newsletter.publication import Publication
from newsletter.sample import make_publication
from newsletter.web.shots import find_browser

HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
RUNS = 40
LOADED = """() => {
  const entries = performance.getEntries().filter((entry) => 'transferSize' in entry);
  return [performance.getEntriesByType('navigation')[0].loadEventEnd,
          entries.reduce((sum, entry) => sum + entry.transferSize, 0)];
}"""


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        root = Path(name) / "letter"
        make_publication(root, "digest")
        shutil.rmtree(root / "posts")
        (root / "posts").mkdir()
        for number in range(10):
            (root / "posts" / f"{number}.md").write_text(post(number))
        folder = Publication.open(root).draft().folder
        issue = folder / "issue.md"
        issue.write_text(issue.read_text().replace("---\n", "---\nshow: full\n", 1))
        article = sorted((folder / "articles").glob("*.html"))[4]
        template = root / "templates" / "digest" / "issue.mjml"
        command = [sys.executable, "-m", "newsletter", "-C", str(root), "preview", "--no-open"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        try:
            url = server.stdout.readline().strip()
            loads, sizes = opened(browser, url)
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(url)
            tab.wait_for_selector("body[data-painted][data-live=yes]")
            tab.wait_for_timeout(1000)
            results = {
                "save a post -> painted": saved(tab, article, "</p>", lambda run: f" Edited {run}.</p>"),
                "save the template -> painted": saved(
                    tab, template, "<mj-text>", lambda run: f'<mj-text css-class="run-{run}">'
                ),
                "open the page (load event)": loads,
            }
        finally:
            browser.close()
            server.terminate()
            server.wait()
    rows = [
        f"| {label} | {statistics.median(times):.0f} ms | {quantile(times, 0.9):.0f} ms | {min(times):.0f} - {max(times):.0f} |"
        for label, times in results.items()
    ]
    table = "\n".join(
        [
            "An issue of 10 posts in full, open in headless Chromium:",
            "",
            "| work | median | 90 % | range |",
            "|---|---:|---:|---:|",
            *rows,
            "",
            f"The page transfers {max(sizes) / 1000:.0f} kB without the email.",
        ]
    )
    print(table)
    for label, times in results.items():
        print(f"\n{label}\n{histogram(times)}")
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    medians = {label: statistics.median(times) for label, times in results.items()}
    (HERE / "preview.json").write_text(
        json.dumps(
            {"machine": machine, "median_ms": medians, "page_bytes": max(sizes), "runs_ms": results}, indent=1
        )
        + "\n"
    )
    if "--readme" in sys.argv:
        put_into_readme("preview", table)


def opened(browser: Any, url: str) -> tuple[list[float], list[int]]:
    """Milliseconds until the page is loaded, in new tabs, and the octets that it transferred; the first is not counted."""
    loads, sizes = [], []
    window = browser.new_context(viewport={"width": 1440, "height": 900})
    for _ in range(17):
        tab = window.new_page()
        tab.goto(url)
        tab.wait_for_selector("body[data-painted]")
        load, size = tab.evaluate(LOADED)
        loads.append(load)
        sizes.append(size)
        tab.close()
    window.close()
    return loads[2:], sizes


def saved(tab: Any, path: Path, before: str, after: Callable[[int], str]) -> list[float]:
    """Milliseconds from the end of each write of `path` until the page says that it is painted."""
    text = path.read_text()
    times = []
    for run in range(RUNS + 3):
        generation = int(tab.get_attribute("body", "data-painted"))
        path.write_text(text.replace(before, after(run), 1))
        at = time() * 1000
        tab.wait_for_function("g => Number(document.body.dataset.painted) > g", arg=generation, polling=10)
        times.append(float(tab.get_attribute("body", "data-painted-at")) - at)
        tab.wait_for_timeout(250)
    return times[3:]


def quantile(times: list[float], share: float) -> float:
    """The time below which `share` of them are."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def histogram(times: list[float]) -> str:
    """The distribution, a line for each 10 ms."""
    steps = range(int(min(times) // 10), int(max(times) // 10) + 1)
    counts = {step: sum(time // 10 == step for time in times) for step in steps}
    return "\n".join(f"{step * 10:>5} ms {'#' * count}" for step, count in counts.items() if count)


if __name__ == "__main__":
    main()
