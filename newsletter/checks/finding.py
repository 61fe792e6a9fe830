"""What a check says: a finding with a stable code, its place in the sources, what is wrong and what to do.

A code that begins with E is an error and keeps an issue from being sent, one with W is a warning.  Codes are never
renumbered and never used again; each module of checks declares its own in `CODES`, with what they mean.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    `where` is `file:line` of the source in which it can be mended (an article, a template, a style sheet, issue.md,
    newsletter.toml), or a file alone; never a place in the HTML that was built.
    """

    code: str
    where: str
    message: str
    hint: str = ""
    excerpt: str = ""
    level: Level | None = None

    def __post_init__(self) -> None:
        if self.level is None:
            object.__setattr__(self, "level", Level.ERROR if self.code.startswith("E") else Level.WARNING)

    def at(self, level: Level) -> Finding:
        """The same at another level."""
        return replace(self, level=level)
