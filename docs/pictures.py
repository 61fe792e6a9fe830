"""The README's pictures, made again from the sample.

    python3 dev.py run python docs/pictures.py

Needs Chromium on the machine.  The sample issue is built and photographed on a desk and on a phone, in light and dark, and
put side by side in `docs/sample.png`; each theme's on a desk in light and on a phone in dark in `docs/THEME.png`.  The preview
is opened on the sample issue, with a link in it that leads nowhere: a finding that was clicked in `docs/preview.png`, the
contact sheet in `docs/preview-sheet.png`, a broken template in `docs/preview-error.png`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from newsletter.publication import Publication
from newsletter.render.theme import PACKAGE_THEMES, theme_names
from newsletter.sample import SAMPLE_DAY, make_publication

HERE = Path(__file__).parent
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FRAME = """<body style="margin:0;padding:32px;background:#e9e5de;display:inline-flex;gap:24px;align-items:flex-start">
{}</body>"""
SHOT = '<img src="file://{}" style="height:900px;border-radius:8px;box-shadow:0 2px 16px rgba(0,0,0,.18)">'


#: Widths in px, and whether in dark mode.
SAMPLE_SHOTS = ((760, False), (375, False), (375, True), (760, True))
THEME_SHOTS = ((760, False), (375, True))


def photograph(browser: Browser, page: Path, to: Path, wanted: tuple[tuple[int, bool], ...]) -> None:
    """`page` at the `wanted` widths, the first screen and a half of each, side by side in `to`."""
    with tempfile.TemporaryDirectory() as scratch:
        shots = []
        for width, dark in wanted:
            scheme: Literal["dark", "light"] = "dark" if dark else "light"
            tab = browser.new_page(
                viewport={"width": width, "height": 1300}, color_scheme=scheme, device_scale_factor=1
            )
            tab.goto(page.resolve().as_uri())
            shots.append(Path(scratch) / f"{width}-{scheme}.png")
            tab.screenshot(path=shots[-1])
            tab.close()
        frame = Path(scratch) / "frame.html"
        frame.write_text(FRAME.format("".join(SHOT.format(shot) for shot in shots)))
        tab = browser.new_page(viewport={"width": 100, "height": 100})
        tab.goto(frame.as_uri())
        tab.locator("body").screenshot(path=to)
        tab.close()


def photograph_preview(browser: Browser, root: Path, issue: Path) -> None:
    """The preview of the publication in `root`: a finding, the contact sheet in the dark, an error."""
    article = sorted((issue / "articles").glob("03*"))[0]
    link = '<p>Before you go, read <a href="http://localhost/minutes">the minutes</a>.</p>'
    article.write_text(article.read_text("utf-8").replace("<p>", f"{link}\n<p>", 1), "utf-8")
    command = [sys.executable, "-m", "newsletter", "-C", str(root), "preview", "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        tab = opened(browser, url, "light")
        tab.keyboard.press("n")
        tab.wait_for_timeout(1500)
        tab.screenshot(path=HERE / "preview.png")
        template = root / "templates" / "digest" / "issue.mjml"
        template.write_text(
            template.read_text("utf-8").replace("{% if articles %}", "{% iff articles %}", 1), "utf-8"
        )
        tab.wait_for_selector("#problem .where")
        tab.screenshot(path=HERE / "preview-error.png")
        template.write_text(
            template.read_text("utf-8").replace("{% iff articles %}", "{% if articles %}", 1), "utf-8"
        )
        tab.close()
        tab = opened(browser, f"{url}?view=sheet&scheme=dark", "dark")
        tab.wait_for_timeout(4000)
        tab.screenshot(path=HERE / "preview-sheet.png")
        tab.close()
    finally:
        server.terminate()
        server.wait()


def opened(browser: Browser, url: str, scheme: Literal["dark", "light"]) -> Page:
    """A tab with the preview, all of it there."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    tab.goto(url)
    tab.wait_for_selector("body[data-painted]")
    tab.wait_for_selector("#size table")
    return tab


def main() -> None:
    """Make every picture."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("no Chromium on this machine: apt install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for theme in theme_names(PACKAGE_THEMES):
            root = Path(folder) / theme
            make_publication(root, theme)
            publication = Publication.open(root)
            publication.draft(today=SAMPLE_DAY)
            page = publication.build().folder / "email.html"
            photograph(browser, page, HERE / f"{theme}.png", THEME_SHOTS)
            if theme == "digest":
                photograph(browser, page, HERE / "sample.png", SAMPLE_SHOTS)
                photograph_preview(browser, root, page.parents[1])
        browser.close()


if __name__ == "__main__":
    main()
