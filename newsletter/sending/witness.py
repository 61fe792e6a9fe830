"""The witness: a small file beside a SQLite database that knows how many deliveries were settled in it.

A database restored from an older copy does not know of the last messages, and would send them again.  The witness does: it
holds the database's own number (uuid) and the count, and a database with the same number and a smaller count is refused.
Written without waiting for the disk, after what it tells of; so it may lag behind, and never runs ahead.
"""

from __future__ import annotations

import os
from pathlib import Path

from newsletter.errors import StoreError

SUFFIX = ".last"


class Witness:
    """The witness of the database in `file` with the number `uuid`."""

    def __init__(self, file: Path, uuid: str) -> None:
        self.path = file.with_name(file.name + SUFFIX)
        self._uuid = uuid
        self._written = -1

    def require(self, settled: int) -> None:
        """Raises StoreError, if more than `settled` deliveries were once settled in this database."""
        try:
            uuid, _, count = self.path.read_text("ascii").strip().partition(" ")
            known = int(count)
        except (OSError, ValueError):
            return
        if uuid == self._uuid and known > settled:
            raise StoreError(
                f"this is an older copy: {settled:,} deliveries are settled in it, and there were {known:,}; "
                "those sent since would be sent again",
                where=str(self.path).removesuffix(SUFFIX),
                hint=f"put the newer file back; to send from this copy all the same, delete {self.path}",
            )

    def write(self, settled: int) -> None:
        """Remember that `settled` deliveries are settled.  A disk that is full is no reason to stop here."""
        if settled == self._written:
            return
        beside = self.path.with_name(self.path.name + ".new")
        try:
            beside.write_text(f"{self._uuid} {settled}\n", "ascii")
            os.replace(beside, self.path)
        except OSError:
            return
        self._written = settled
