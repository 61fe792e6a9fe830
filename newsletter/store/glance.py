"""A look at the database by plain SQL, without SQLAlchemy, whose import takes longer than all that `status` does.

    with glance(place) as ask:
        rows = ask("SELECT subject FROM campaign WHERE id = ?", [7])

What it sees does not change until the block ends, and it writes nothing.  Where SQLite's file is not there yet or its
schema is not this version's, and on PostgreSQL, the database is opened by its door, `database`, which sees to that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from newsletter.store import REVISION, WAIT_SECONDS, Ask, faults


@contextmanager
def glance(place: str | Path) -> Iterator[Ask]:
    """What asks the database at `place`, a path or a `postgresql://` URL.

    Raises StoreError, if it cannot be read, and what `open_database` raises.
    """
    light = _open(Path(place)) if isinstance(place, Path) or "://" not in place else None
    if light is None:
        from newsletter.store.database import asking, open_database

        with open_database(place) as database, database.read() as connection:
            yield asking(connection)
        return
    with closing(light):
        try:
            yield lambda sql, values: light.execute(sql, values)
        except sqlite3.Error as error:
            if fault := faults.explain(error, str(place)):
                raise fault from error
            raise


def _open(path: Path) -> sqlite3.Connection | None:
    """SQLite's own connection in a transaction, if the file is there and its schema is this version's."""
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw", uri=True, timeout=WAIT_SECONDS, isolation_level=None
        )
    except sqlite3.Error:
        return None
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        if connection.execute("SELECT version_num FROM schema_revision").fetchall() == [(REVISION,)]:
            return connection
    except sqlite3.Error:
        pass  # the door says what is wrong
    connection.close()
    return None
