"""The ids of issues: which there are.

An id is the name of an issue's folder, so it must be safe as a file name, in a URL and in a terminal.  Imports nothing of
what reading an issue needs: `newsletter status` asks for ids alone.
"""

from __future__ import annotations

import re
from pathlib import Path

ISSUE_FILE = "issue.md"
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,79}\Z")
#: Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def is_id(text: str) -> bool:
    """Whether `text` can be an issue's id: a-z, 0-9 and "-", 80 at most, not a device's name."""
    return bool(ID_PATTERN.match(text)) and text not in _DEVICES


def issue_ids(issues: Path) -> list[str]:
    """The ids of the issues there are, sorted; a date comes first in an id, so the newest is the last."""
    if not issues.is_dir():
        return []
    return sorted(
        entry.name for entry in issues.iterdir() if (entry / ISSUE_FILE).is_file() and is_id(entry.name)
    )
