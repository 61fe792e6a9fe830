"""The whole list goes out: CSV for a spreadsheet, JSON Lines for a program, both for an import into another publication.

Everything about everybody but those who were erased, as it was at one instant, in flat memory.  CSV has a person in a row,
with the last consent as JSON in a cell, tags and attributes too, and cells that no spreadsheet runs (`cells`); JSON Lines has
the whole history besides.  An import of either brings all of that back.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, select

from newsletter.errors import SourceError, UsageError
from newsletter.store.bulk import is_among
from newsletter.store.database import Database
from newsletter.store.tables import consent, history, subscriber, subscriber_tag, tag
from newsletter.subscribers.cells import guard
from newsletter.subscribers.subscriber import Act, Standing
from newsletter.subscribers.table_file import FilePath

FORMATS = ("csv", "jsonl")
#: The columns of the CSV; the objects of JSON Lines have `history` besides, in which every consent stands.
COLUMNS = (
    "email",
    "name",
    "standing",
    "joined",
    "language",
    "time_zone",
    "tags",
    "attributes",
    "suppressed",
    "consent",
)
_PAGE = 2000


def export_to_file(
    database: Database, path: FilePath, *, form: str = "", progress: Callable[[int], None] | None = None
) -> int:
    """Write everybody into the file at `path`; how many that are.  The file is there when it is whole, for nobody else.

    `form` is one of FORMATS; without it the file's name says it.  Raises UsageError, if neither does.
    """
    path = Path(path)
    form = form or path.suffix.lstrip(".").lower()
    if form not in FORMATS:
        raise UsageError(f"nothing says how to write {path.name!r}", hint="name it FILE.csv or FILE.jsonl")
    try:
        # mkstemp: readable by its owner alone.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise SourceError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        with open(handle, "wb") as file:
            count = export(database, file, form, progress=progress)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SourceError(f"cannot be written: {error.strerror}", where=str(path)) from error
        raise
    return count


def export(
    database: Database, file: BinaryIO, form: str, *, progress: Callable[[int], None] | None = None
) -> int:
    """Write everybody to `file` in the format `form`; how many that are."""
    count = 0
    if form == "csv":
        file.write((",".join(f'"{name}"' for name in COLUMNS) + "\r\n").encode())
    with database.read() as connection:
        for page in _pages(connection):
            file.write(_csv(page) if form == "csv" else _json_lines(page))
            count += len(page)
            if progress:
                progress(count)
    return count


def _csv(page: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for person in page:
        last = next((event for event in reversed(person["history"]) if "how" in event), None)
        cells = {
            **person,
            "tags": _json(person["tags"]) if person["tags"] else "",
            "attributes": _json(person["attributes"]) if person["attributes"] else "",
            "suppressed": "yes" if person["suppressed"] else "",
            "consent": _json({key: last[key] for key in ("at", "how", "source", "words")}) if last else "",
        }
        writer.writerow([guard(cells[name]) for name in COLUMNS])
    return text.getvalue().encode()


def _json_lines(page: list[dict[str, Any]]) -> bytes:
    return "".join(f"{_json(person)}\n" for person in page).encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pages(connection: Connection) -> Iterator[list[dict[str, Any]]]:
    """Everybody, some at a time, in the order in which they came."""
    asked = select(subscriber).where(subscriber.c.standing != Standing.ERASED).order_by(subscriber.c.id)
    last = -1
    while rows := connection.execute(asked.where(subscriber.c.id > last).limit(_PAGE)).fetchall():
        last = rows[-1].id
        ids = [row.id for row in rows]
        tags, past = _tags(connection, ids), _history(connection, ids)
        yield [
            {
                "email": row.email,
                "name": row.name,
                "standing": Standing(row.standing).label,
                "joined": _written(row.joined_at),
                "language": row.language,
                "time_zone": row.time_zone,
                "tags": tags.get(row.id, []),
                "attributes": json.loads(row.attributes),
                "suppressed": bool(row.suppressed),
                "history": past.get(row.id, []),
            }
            for row in rows
        ]


def _tags(connection: Connection, ids: list[int]) -> dict[int, list[str]]:
    tags: dict[int, list[str]] = {}
    joined = subscriber_tag.join(tag, tag.c.id == subscriber_tag.c.tag_id)
    asked = select(subscriber_tag.c.subscriber_id, tag.c.name).select_from(joined).order_by(tag.c.name)
    for person, name in connection.execute(
        asked.where(is_among(connection, subscriber_tag.c.subscriber_id, ids))
    ):
        tags.setdefault(person, []).append(name)
    return tags


def _history(connection: Connection, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    past: dict[int, list[dict[str, Any]]] = {}
    joined = history.outerjoin(consent, consent.c.id == history.c.consent_id)
    line, agreed = history.c, consent.c
    asked = select(
        line.subscriber_id, line.at, line.act, line.note, agreed.how, agreed.source, agreed.words
    ).select_from(joined)
    for row in connection.execute(
        asked.where(is_among(connection, line.subscriber_id, ids)).order_by(line.subscriber_id, line.number)
    ):
        event = {"at": _written(row.at), "act": Act(row.act).label}
        if row.how is not None:
            event |= {"how": row.how, "source": row.source, "words": row.words}
        if row.note:
            event["note"] = row.note
        past.setdefault(row.subscriber_id, []).append(event)
    return past


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
