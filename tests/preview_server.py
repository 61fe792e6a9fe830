"""The preview as a person starts it: a process of its own, and a tab of Chromium that has it open.

Not a test file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from newsletter.publication import Publication
from newsletter.sample import SAMPLE_DAY, make_publication

BAD_LINK = '<p>Read <a href="http://localhost/draft">the minutes</a> first.</p>\n'


def make_letter(root: Path) -> Path:
    """The folder of an issue of the sample posts, built, then with a link in its third article that leads nowhere."""
    make_publication(root, "digest")
    publication = Publication.open(root)
    folder = publication.draft(today=SAMPLE_DAY).folder
    publication.build()
    article = sorted((folder / "articles").glob("03*"))[0]
    article.write_text(article.read_text("utf-8").replace("<p>", f"{BAD_LINK}<p>", 1), "utf-8")
    return folder


@contextmanager
def previewed(root: Path, *arguments: str) -> Iterator[str]:
    """`newsletter preview` on `root`: its address."""
    command = [sys.executable, "-m", "newsletter", "preview", "--no-open", *arguments]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.communicate(timeout=10)


@contextmanager
def opened(
    running: Any, url: str, *, width: int = 1440, height: int = 900, scheme: str = "light"
) -> Iterator[Any]:
    """A tab that has the preview open, the email painted and the panel there; an error of a script fails."""
    tab = running.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))

    def heard(line: Any) -> None:
        # What is wrong in a form is answered with 422, which Chromium also calls an error.
        if line.type == "error" and "status of 422" not in line.text:
            errors.append(line.text)

    tab.on("console", heard)
    try:
        tab.goto(url)
        tab.wait_for_selector("body[data-painted][data-live=yes]")
        tab.wait_for_selector("#size table")
        yield tab
        assert not errors, errors
    finally:
        tab.close()


def email_of(tab: Any, card: int = 0) -> Any:
    """The frame of an email, as it is now."""
    stage = next(frame for frame in tab.frames if frame.url.endswith("/stage"))
    figure = stage.locator("figure").nth(card)
    figure.locator("iframe:not(.next)").wait_for()
    return figure.locator("iframe:not(.next)").element_handle().content_frame()


def stage_of(tab: Any) -> Any:
    """The frame of the stage."""
    return next(frame for frame in tab.frames if frame.url.endswith("/stage"))


def eventually(tab: Any, question: Any, *, seconds: float = 10.0) -> None:
    """Waits until `question()` is true; an assertion, if it never is."""
    for _ in range(int(seconds / 0.05)):
        try:
            if question():
                return
        except Exception as error:  # a frame may be replaced while it is asked
            if (
                "detached" not in str(error)
                and "destroyed" not in str(error)
                and "NoneType" not in str(error)
            ):
                raise
        tab.wait_for_timeout(50)
    raise AssertionError("it did not happen")
