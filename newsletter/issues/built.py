"""An issue's `build` folder: what was built, replaced whole or not at all.

The new files are written into a folder beside it, which then takes its name: a build that fails, or a machine that stops,
leaves the one before as it was.  When every file but the report would come out as it is, nothing is touched: the report
keeps the timings of the first time.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from newsletter.errors import IssueError

REPORT = "report.json"


def replace_build(folder: Path, files: Mapping[str, bytes], report: Mapping[str, object]) -> None:
    """`folder` with `files` and their report instead of what it held, if that differs.

    Raises IssueError, if it cannot be written.
    """
    if (
        all(
            (folder / name).is_file() and (folder / name).read_bytes() == content
            for name, content in files.items()
        )
        and (folder / REPORT).is_file()
    ):
        return
    try:
        new = Path(tempfile.mkdtemp(prefix=".build-", dir=folder.parent))
        old = new.with_name(new.name.replace(".build-", ".old-"))
        try:
            for name, content in files.items():
                (new / name).write_bytes(content)
            (new / REPORT).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
            new.chmod(0o755)
            if folder.exists():
                os.rename(folder, old)
            os.rename(new, folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            if not folder.exists() and old.exists():
                os.rename(old, folder)
            shutil.rmtree(new, ignore_errors=True)
            raise
    except OSError as error:
        raise IssueError(f"cannot be written: {error.strerror}", where=str(folder)) from error
