"""Pictures of an issue: any combination of widths, light, mail programs and pictures off, one PNG each, and one sheet of all.

The pages are those of the preview, photographed by the Chromium of the machine without scripts; nothing is loaded but
the pictures that the email links.  The same issue gives the same pictures on the same machine; on another, with other
fonts, it need not.

Raises UsageError with what to install, if playwright or Chromium is not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import UsageError
from newsletter.web.desk import Desk
from newsletter.web.frames import frame_page
from newsletter.web.look import Look, Scheme

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SHEET = "sheet.png"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
#: Not an address of anybody (RFC 2606, section 2): every request to it is answered here.
_HOME = "http://preview.invalid"
_TALLEST = 16_000  # a picture that is taller, Chromium does not draw
_SHEET_WIDTH = 1760
_SHEET_STYLE = (
    "body{margin:0;padding:32px;background:#eceae5;display:inline-flex;flex-wrap:wrap;gap:28px;align-items:flex-start;"
    "font:600 15px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1c1b19}figure{margin:0}"
    "figcaption{margin:0 0 10px}img{display:block;border-radius:6px;box-shadow:0 0 0 1px #d9d5cc}"
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to take."""

    width: int
    look: Look

    @property
    def name(self) -> str:
        """Its file: `600-dark-gmail.png`."""
        words = [
            str(self.width),
            self.look.scheme.value,
            self.look.lens,
            "" if self.look.images else "images-off",
        ]
        return "-".join(filter(None, words)) + ".png"


def combined(
    widths: Iterable[int], schemes: Iterable[Scheme], lenses: Iterable[str], images: Iterable[bool]
) -> list[Shot]:
    """Every combination, the widths last."""
    return [
        Shot(width, Look(lens, scheme, shown))
        for lens, scheme, shown, width in product(lenses, schemes, images, widths)
    ]


def take(root: Path, issue_id: str, shots: Sequence[Shot], out: Path, *, sheet: bool = False) -> list[Path]:
    """The pictures of the issue of the publication in `root`, written into `out`; with `sheet` one of all, the last.

    Raises NewsletterError, if the issue cannot be built, or there is no browser.
    """
    desk = Desk(root)
    taken = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _browser() as browser:
            for shot in shots:
                words = {"lens": shot.look.lens, "scheme": shot.look.scheme.value}
                words |= {} if shot.look.images else {"images": "off"}
                html = frame_page(desk, issue_id, words, pictures="/picture")
                with _page(browser, shot.width, html, _pictures(desk, issue_id)) as page:
                    height = page.evaluate("document.documentElement.scrollHeight")
                    clip = {"x": 0, "y": 0, "width": shot.width, "height": max(1, min(height, _TALLEST))}
                    page.screenshot(path=out / shot.name, full_page=True, clip=clip)  # type: ignore[arg-type]
                taken.append(out / shot.name)
            if sheet:
                _write_sheet(browser, shots, out)
                taken.append(out / SHEET)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(error.filename or out)) from error
    return taken


def find_browser() -> str:
    """The path of a Chromium on this machine.  Raises UsageError, if there is none."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise UsageError(
        "there is no Chromium on this machine",
        hint="install it (apt install chromium, brew install --cask chromium) or Google Chrome",
    )


@contextmanager
def _browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise UsageError(
            "pictures need playwright", hint='pip install "newsletter-publisher[screenshots]"'
        ) from error
    path = find_browser()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        except Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise UsageError(f"the browser does not start: {reason}", where=path) from error
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _page(browser: Browser, width: int, html: str, files: dict[str, tuple[str, bytes]]) -> Iterator[Page]:
    """A tab with `html`, and `files` (type and content) at their paths."""
    page = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=False)

    def answer(route: Route) -> None:
        url = route.request.url
        if url == f"{_HOME}/":
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif (path := url.removeprefix(_HOME)) in files:
            route.fulfill(body=files[path][1], content_type=files[path][0])
        elif route.request.resource_type == "image" and not url.startswith(_HOME):
            route.continue_()
        else:
            route.abort()

    page.route("**/*", answer)
    try:
        page.goto(f"{_HOME}/")
        yield page
    finally:
        page.close()


def _pictures(desk: Desk, issue_id: str) -> dict[str, tuple[str, bytes]]:
    return {
        f"/picture/{issue_id}/{picture.cid}": (picture.content_type, picture.content)
        for picture in desk.variant(issue_id).pictures.values()
    }


def _write_sheet(browser: Browser, shots: Sequence[Shot], out: Path) -> None:
    """All pictures side by side at half their size, each with what it is."""
    files = {f"/{shot.name}": ("image/png", (out / shot.name).read_bytes()) for shot in shots}
    figures = "".join(
        f'<figure><figcaption>{escape(shot.look.title)}, {shot.width}</figcaption><img src="/{shot.name}" '
        f'width="{shot.width // 2}"></figure>'
        for shot in shots
    )
    html = f'<!DOCTYPE html><meta charset="utf-8"><style>{_SHEET_STYLE}</style><body>{figures}</body>'
    with _page(browser, _SHEET_WIDTH, html, files) as page:
        page.locator("body").screenshot(path=out / SHEET)
