"""Many rows at once, as fast as each database takes them: executemany on SQLite, COPY on PostgreSQL.

All of it happens in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Table, Text, any_, func, literal, select
from sqlalchemy.types import Integer

from newsletter.store.database import raw

#: PostgreSQL, "COPY", File Formats, Text Format.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


#: Pages in SQLite's log before they are copied into the database, 80 MB: a page that many batches touch is copied once.
_LOG_PAGES = 20000
#: Memory for SQLite's pages while many rows go in at once, in kB: several indexes grow in no order.
_CACHE_KB = 32000


def hold_writers(connection: Connection, table: Table) -> None:
    """Keep every other writer from `table` until the transaction ends; readers are not kept from it.

    A write transaction on SQLite does so by itself, and here takes more memory and a longer log than usual.  It stands at the
    transaction's beginning, so that nobody waits for somebody who waits.
    """
    if _is_postgres(connection):
        raw(connection).execute(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")
    else:
        raw(connection).execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        raw(connection).execute(f"PRAGMA cache_size = -{_CACHE_KB}")


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """`count` numbers for the column `id` of `table` that nobody else will use."""
    if not _is_postgres(connection):
        (last,) = raw(connection).execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").fetchone()  # noqa: S608
        return range(last + 1, last + 1 + count)
    asked = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return [number for (number,) in raw(connection).execute(asked, (table.name, count)).fetchall()]


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows of whole numbers, texts and None into `columns` of `table`."""
    names = ", ".join(table.c[name].name for name in columns)
    if not _is_postgres(connection):
        places = ", ".join("?" * len(columns))
        raw(connection).executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", rows)  # noqa: S608
        return
    lines = ["\t".join([_cell(value) for value in row]) for row in rows]
    if lines:
        with (
            raw(connection).cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
        ):
            copy.write("\n".join(lines) + "\n")


def is_among(
    connection: Connection, column: ColumnElement[Any], values: Sequence[str] | Sequence[int]
) -> ColumnElement[bool]:
    """Whether `column` is one of many values, which travel as one parameter."""
    if _is_postgres(connection):
        kind = Text if values and isinstance(values[0], str) else Integer
        return column == any_(literal(list(values), ARRAY(kind)))
    each = func.json_each(json.dumps(values, ensure_ascii=False)).table_valued("value")
    return column.in_(select(each.c.value))


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
