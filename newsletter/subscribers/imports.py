"""A file of subscribers comes in: read once, in batches, in flat memory; bad rows go to a file of their own.

    plan = plan_import("export.csv")              what its columns are taken for; nothing is written
    import_file(database, ..., plan, source=...)  rows -> entries -> batches, each durable when the next begins

An import may be killed at any instant and is finished by running it again: what is stored already is found as it is, so
nobody is on the list twice and nobody is lost.  Rows that cannot be taken land in `rejected.csv` with the reason; it has
the file's own columns, so that it can be mended and imported in turn.
"""

from __future__ import annotations

import csv
import gc
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from newsletter.errors import SourceError, UsageError
from newsletter.store.database import Database
from newsletter.subscribers.batch import BatchWriter
from newsletter.subscribers.cells import guard
from newsletter.subscribers.columns import REJECTED_HEADERS, Layout, guess_layout
from newsletter.subscribers.entry import REFUSALS, BadEntry, Entry, EntryReader
from newsletter.subscribers.subscriber import Consent
from newsletter.subscribers.suppression import Suppression
from newsletter.subscribers.table_file import BadRow, FilePath, Row, Rows, TableFile, open_table

#: Rows in one transaction: enough that its fsync does not count, few enough that others do not wait.
BATCH_SIZE = 20_000
REJECTED = "rejected.csv"
_PREVIEWED = 5


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What a file is taken for, to be shown before anything is written."""

    table: TableFile
    layout: Layout

    def first_rows(self) -> list[tuple[str, ...]]:
        """The first rows as they stand, in the order of the columns."""
        rows = itertools.islice(Rows(self.table), _PREVIEWED)
        return [_cells(self.layout, content) for _, content in rows]


@dataclass(slots=True)
class Imported:
    """What became of a file's rows: added + changed + unchanged + repeated + rejected = rows."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0  # of an address that a row just before had
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rejected_file: Path | None = None


def plan_import(path: FilePath, *, maps: Iterable[str] = ()) -> ImportPlan:
    """What the file at `path` is taken for; `maps` are COLUMN=FIELD.

    Raises SourceError, if it is no table, UsageError, if no column holds the address or a map is wrong.
    """
    path = Path(path)
    table = open_table(path)
    try:
        layout = guess_layout(table.headers, file_name=path.name, maps=maps)
    except UsageError as error:
        raise UsageError(error.message, where=str(path), hint=error.hint) from error
    return ImportPlan(table, layout)


def check_file(
    plan: ImportPlan, now: datetime, *, progress: Callable[[int, int], None] | None = None
) -> Imported:
    """What an import would take and reject, without a look at the list and without a word written."""
    found = Imported()
    reader = EntryReader(plan.layout, now)
    rows = Rows(plan.table)
    for _, content in _counted(rows, found, progress):
        if isinstance(reason := _entry(reader, content), str):
            _count_reason(found, reason)
    return found


def import_file(
    database: Database,
    suppressions: Suppression,
    plan: ImportPlan,
    *,
    source: str,
    now: datetime,
    resubscribe: str = "",
    folder: FilePath = ".",
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Put the people of a file on the list; `source` says how they agreed, in words that are kept with each.

    `resubscribe` is the reason why those who left or bounced are mailed again.  `rejected.csv` is written into
    `folder`.  `progress` is told the bytes and the rows that are done.
    """
    if not source.strip():
        raise UsageError("an import needs to say how the people agreed", hint='--source "sign-up form, 2024"')
    left = _left_in_file(plan, now) if resubscribe.strip() else frozenset()
    consent = Consent("import", plan.table.path.name, source)
    writer = BatchWriter(database, suppressions, consent, now, resubscribe.strip(), left.__contains__)
    found, reader, rows = Imported(), EntryReader(plan.layout, now), Rows(plan.table)
    with _Rejects(Path(folder), plan) as rejects, _without_collecting():
        entries: dict[str, Entry] = {}
        places: dict[str, Row] = {}

        def store() -> None:
            stored = writer.store(entries)
            found.added += stored.added
            found.changed += stored.changed
            found.unchanged += stored.unchanged
            for key in stored.kept_out:
                reason = "is suppressed: never to be mailed"
                rejects.write(*places[key], reason)
                _count_reason(found, reason)
            entries.clear()
            places.clear()
            gc.collect(1)  # what the statements of the batch left behind

        for row in _counted(rows, found, progress):
            entry = _entry(reader, row[1])
            if isinstance(entry, str):
                rejects.write(*row, entry)
                _count_reason(found, entry)
            elif known := entries.get(entry.key):
                known.merge(entry)
                found.repeated += 1
            else:
                entries[entry.key] = entry
                places[entry.key] = row
                if len(entries) >= BATCH_SIZE:
                    store()
        if entries:
            store()
        found.rejected_file = rejects.finish()
    return found


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Without the search for cycles among entries, which have none: it takes a sixth of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _counted(rows: Rows, found: Imported, progress: Callable[[int, int], None] | None) -> Iterator[Row]:
    for row in rows:
        found.rows += 1
        if progress and found.rows % 1000 == 0:
            progress(rows.position, found.rows)
        yield row


def _entry(reader: EntryReader, content: list[str] | dict[str, Any] | BadRow) -> Entry | str:
    """The entry of a row, or the reason why there is none."""
    if isinstance(content, BadRow):
        return content.reason
    try:
        return reader.from_cells(content) if isinstance(content, list) else reader.from_object(content)
    except BadEntry as error:
        return str(error)


def _left_in_file(plan: ImportPlan, now: datetime) -> frozenset[str]:
    """The keys of all whom the file itself says not to mail, in whichever of their rows."""
    reader = EntryReader(plan.layout, now)
    entries = (_entry(reader, content) for _, content in Rows(plan.table))
    return frozenset(e.key for e in entries if isinstance(e, Entry) and e.standing in REFUSALS)


def _count_reason(found: Imported, reason: str) -> None:
    found.rejected += 1
    if reason in found.reasons or len(found.reasons) < 1000:
        found.reasons[reason] = found.reasons.get(reason, 0) + 1


def _cells(layout: Layout, content: list[str] | dict[str, Any] | BadRow) -> tuple[str, ...]:
    if isinstance(content, BadRow):
        return (content.text.rstrip("\r\n"),)
    if isinstance(content, list):
        return tuple(content)
    values = (content.get(header) for header in layout.headers)
    return tuple(
        value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        for value in values
    )


def _writable(cell: str) -> str:
    """The cell with bytes that could not be decoded as they were, and halves of letters (JSON: "\\ud800") as digits."""
    try:
        cell.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return cell.encode("utf-8", "backslashreplace").decode()
    return cell


class _Rejects:
    """rejected.csv: line, reason and the columns of the file; there when the import is done, and not before."""

    def __init__(self, folder: Path, plan: ImportPlan) -> None:
        self.folder, self.layout = folder, plan.layout
        self.file: IO[str] | None = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.file:
            self.file.close()
            Path(self.file.name).unlink(missing_ok=True)

    def write(self, line: int, content: list[str] | dict[str, Any] | BadRow, reason: str) -> None:
        if not self.file:
            try:
                # Not rejected.csv itself: it may be the file that is read.
                self.file = tempfile.NamedTemporaryFile(  # noqa: SIM115
                    "w", encoding="utf-8", errors="surrogateescape", newline="",
                    dir=self.folder, prefix=".rejected-", delete=False,
                )  # fmt: skip
            except OSError as error:
                raise SourceError(
                    f"cannot be written: {error.strerror}", where=str(self.folder / REJECTED)
                ) from error
            self.csv = csv.writer(self.file, quoting=csv.QUOTE_ALL)
            standing = ["standing"] if self.layout.standing else []  # the file's name said it
            headers = [*REJECTED_HEADERS, *map(guard, self.layout.headers), *standing]
            self.csv.writerow(map(_writable, headers))
        cells = list(map(guard, _cells(self.layout, content)))
        if self.layout.standing:
            cells += [""] * (len(self.layout.headers) - len(cells)) + [self.layout.standing]
        self.csv.writerow([line, *map(_writable, [guard(reason), *cells])])

    def finish(self) -> Path | None:
        """Where the file is, None if no row was rejected."""
        if not self.file:
            return None
        self.file.close()
        path = self.folder / REJECTED
        os.replace(self.file.name, path)
        self.file = None
        return path
