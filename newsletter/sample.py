"""A new publication from the sample that comes with the package, and its readers: for `init` and `demo`.

Nothing that is there is ever overwritten; a file that cannot be written is an error with its path.
"""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

from newsletter.config import nearest
from newsletter.errors import UsageError
from newsletter.render.theme import PACKAGE_THEMES, theme_names

SAMPLE = Path(__file__).parent / "data" / "sample"
#: The day after the last sample post: the demo's issue has this date, so that it is the same at any time.
SAMPLE_DAY = date(2026, 11, 23)
#: The demo's subscribers by name, at addresses that no mail ever reaches (RFC 2606, section 3).
SAMPLE_READERS = {
    "Ada Sample": "ada@example.org",
    "Ben Sample": "ben@example.org",
    "Cleo": "cleo@example.net",
}
_NAMES = {"env.example": ".env.example", "gitignore": ".gitignore"}


def make_publication(folder: Path, theme: str) -> list[Path]:
    """The files of a new publication in `folder`: settings, `.env.example`, `theme`, sample posts.

    Raises UsageError, if there is no such theme, or `folder` holds one of these files already.
    """
    themes = theme_names(folder / "templates")
    if theme not in themes:
        near = nearest(theme, themes)
        raise UsageError(
            f"there is no theme {theme!r}{f', did you mean {near!r}?' if near else ''}",
            hint=f"themes: {', '.join(themes)}",
        )
    wanted = {folder / _NAMES.get(str(path), path): SAMPLE / path for path in _files(SAMPLE)}
    wanted |= {
        folder / "templates" / theme / path: PACKAGE_THEMES / theme / path
        for path in _files(PACKAGE_THEMES / theme)
    }
    there = sorted(path for path in wanted if path.exists())
    if there:
        raise UsageError(
            f"{there[0].name} is there already",
            where=str(there[0]),
            hint="choose a new folder; init overwrites nothing",
        )
    try:
        for path, source in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
        config = folder / "newsletter.toml"
        config.write_text(re.sub(r'"THEME"', f'"{theme}"', config.read_text("utf-8")), "utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", where=str(error.filename or folder)
        ) from error
    return sorted(wanted)


def _files(folder: Path) -> list[Path]:
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
