"""The database opened: a SQLite file, or PostgreSQL, behind one door.

    with database.write() as connection:    one transaction, durable when the block ends, undone when it raises
    with database.read() as connection:     one unchanging view, however long it is read

A write transaction on SQLite is BEGIN IMMEDIATE: it waits for the other writer at its first line, 30 seconds at most, and
cannot fail half-way because it began as a reader.  Durable means synchronous=FULL there, and synchronous_commit on
PostgreSQL; a server that has switched it off is refused, because a power loss would make it forget who was mailed and
who has left.

A database is made when it is first opened, and led to this version's schema when it is older; both in one transaction,
and two processes that do it at once do it once.  What the database complains of becomes a StoreError with the place
(never with a password) and the remedy; what is wrong with a statement of ours stays the bare exception of a bug.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from newsletter.errors import StoreError, StoreNewer
from newsletter.store import WAIT_SECONDS, Ask, faults, tables

_BEGIN = "newsletter_begin"
_asked = count()  # names of cursors
_PRAGMAS = (
    f"busy_timeout = {WAIT_SECONDS * 1000}",  # the first, as the next one may have to wait already
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",  # what is erased is overwritten, not only forgotten
    "cache_size = -4000",  # sending goes through its tables in order; `bulk` takes more
)


class Database:
    """A database that is open, at this version's schema; `close` it, or use it in a `with`."""

    def __init__(self, engine: Engine, where: str, *, file: Path | None = None) -> None:
        self.where = where  # for messages: a path, or a URL without user and password
        self.is_postgres = engine.dialect.name == "postgresql"
        self._engine = engine
        self._file = file
        self._inode = _inode(file) if file else None
        driver = engine.dialect.loaded_dbapi
        self._errors: tuple[type[Exception], ...] = (DBAPIError, driver.Error)
        self._reader, self._writer = engine, engine
        self._kept: Connection | None = None
        if self.is_postgres:
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        else:
            self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.where!r})"

    def close(self) -> None:
        """Let go of every connection; the database opens new ones if it is used again."""
        if self._kept:
            self._kept.close()
            self._kept = None
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the database as it is at its first statement, until the block ends.

        Raises StoreError, if the database cannot be read.
        """
        self._require_same_file()  # SQLite would make an empty one in its place
        with self._translated(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction: durable when the block ends, undone if it raises.

        Raises StoreLater, if another process holds the database for 30 seconds, StoreError, if it cannot be written.
        """
        self._require_same_file()
        with self._translated(), self._writer.connect() as connection, connection.begin():
            yield connection
            self._require_same_file()  # before the commit: into a file that is gone, it would succeed

    @contextmanager
    def write_raw(self, *, meanwhile: Callable[[], object] = lambda: None) -> Iterator[Any]:
        """As `write`, with the driver's own connection, which is kept from call to call: for loops of short transactions.

        What SQLAlchemy does around a transaction takes as long as to settle ten deliveries.  `meanwhile` is called last
        before the commit, which lets other threads run: it may begin what another one does while this one waits.
        """
        with self._translated():
            if self._kept is None:
                self._require_same_file()
                self._kept = self._writer.connect()
            driver = raw(self._kept)
            try:
                if not self.is_postgres:
                    driver.execute("BEGIN IMMEDIATE")
                yield driver
                self._require_same_file()
                meanwhile()
                driver.commit()
            except BaseException:
                kept, self._kept = self._kept, None
                with suppress(*self._errors):  # PostgreSQL may be gone
                    driver.rollback()
                kept.invalidate()
                kept.close()
                raise

    def forget(self) -> None:
        """Take what was deleted out of SQLite's log too.

        If a reader holds the log just now, that happens when the log is next reset, at the latest when the last
        process closes the database.  PostgreSQL does it by itself (autovacuum).
        """
        if not self.is_postgres:
            with self._translated(), self._engine.connect() as connection:
                driver = raw(connection)
                driver.execute("PRAGMA busy_timeout = 500")  # while it waits for readers, nobody can write
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                driver.execute(f"PRAGMA {_PRAGMAS[0]}")

    def prepare(self) -> None:
        """Make the schema, if there is none, or lead it to this version's.  Raises StoreNewer, if it is newer."""
        with self._translated():
            if self._revision() == tables.REVISION:
                return
            with self._alone() as connection:
                if not inspect(connection).has_table("schema_revision"):
                    self._create(connection)
                elif (stored := _stored_revision(connection)) != tables.REVISION:
                    self._upgrade(connection, stored)

    def has_schema(self) -> bool:
        """Whether there are tables of ours in it."""
        with self._translated():
            return self._revision() is not None

    def _revision(self) -> str | None:
        """The revision of the schema, None if there is none; refuses a server that may forget what it confirmed."""
        asked = select(tables.schema_revision.c.version_num)
        try:
            with self._reader.connect() as connection:
                if self.is_postgres:
                    self._require_durable(connection)
                return connection.execute(asked).scalar()
        except DBAPIError as error:
            if faults.is_missing_table(error.orig):
                return None
            raise

    def _require_durable(self, connection: Connection) -> None:
        if connection.execute(text("SHOW synchronous_commit")).scalar() == "off":
            raise StoreError(
                "synchronous_commit is off: after a power loss this server forgets what it confirmed",
                where=self.where,
                hint="ALTER DATABASE ... SET synchronous_commit = on",
            )

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A write transaction that no other process makes or migrates the schema in, without foreign keys.

        To change a table SQLite copies it and drops the old one, which foreign keys would forbid.
        """
        with self._writer.connect() as connection:
            if not self.is_postgres:
                raw(connection).execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.begin():
                    hold(connection, "schema")
                    yield connection
                    self._require_whole(connection)
            finally:
                connection.invalidate()  # the next one has its foreign keys again

    def _require_whole(self, connection: Connection) -> None:
        if not self.is_postgres:
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            assert not broken, f"the migration lost what rows refer to: {broken[:3]}"

    def _create(self, connection: Connection) -> None:
        ours = set(tables.metadata.tables)
        if taken := sorted(ours & set(inspect(connection).get_table_names())):
            raise StoreError(
                f"it holds tables of another program ({', '.join(taken)})",
                where=self.where,
                hint="give the newsletter a database of its own",
            )
        tables.metadata.create_all(connection)
        connection.execute(insert(tables.schema_revision), {"version_num": tables.REVISION})
        facts = {"uuid": str(uuid.uuid4()), "created_at": str(int(time.time()))}
        connection.execute(
            insert(tables.meta), [{"key": key, "value": value} for key, value in facts.items()]
        )

    def _upgrade(self, connection: Connection, stored: str) -> None:
        from newsletter.store import migrations  # 0.3 s, once a version

        if stored not in migrations.revisions():
            raise StoreNewer(
                f"a newer version of newsletter made this database (its schema is {stored}, "
                f"this version knows {tables.REVISION})",
                where=self.where,
                hint="pip install --upgrade newsletter-publisher",
            )
        migrations.upgrade(connection)

    def _require_same_file(self) -> None:
        if self._file and _inode(self._file) != self._inode:
            raise StoreError(
                "the file was deleted or replaced while it was in use; nothing more is written",
                where=self.where,
                hint="put the file back and run the command again",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What the database complains of as a StoreError; all other exceptions as they are."""
        try:
            yield
        except self._errors as error:
            if fault := faults.explain(error.orig if isinstance(error, DBAPIError) else error, self.where):
                raise fault from error
            raise


def raw(connection: Connection) -> Any:
    """The driver's own connection (sqlite3, psycopg) in the transaction of `connection`: for COPY and hot loops."""
    return connection.connection.driver_connection


def asking(connection: Connection) -> Ask:
    """What asks by plain SQL in the transaction of `connection`: see `glance`."""
    driver = raw(connection)
    if connection.dialect.name != "postgresql":
        return lambda sql, values: driver.execute(sql, values)

    def ask(sql: str, values: Sequence[object]) -> Iterator[Any]:
        # a cursor of the server's: the rows may be millions
        with driver.cursor(name=f"ask{next(_asked)}") as cursor:
            yield from cursor.execute(sql.replace("?", "%s"), values)

    return ask


def hold(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Hold the lock `name` until the transaction of `connection` ends: alone, or with others that share it.

    On SQLite a write transaction has the whole database to itself, and nothing is left to do.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(lock(crc32(f"newsletter {name}".encode()))))


def insert_new(connection: Connection, table: Table) -> Any:
    """An INSERT into `table` that leaves a row with the same key as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def open_database(place: str | Path) -> Database:
    """The database at `place`, a path or a `postgresql://` URL: made, or led to this version's schema, if need be.

    Raises StoreError, if it cannot be opened, StoreNewer, if a newer version made it, StoreLater, if it is locked or
    does not answer.
    """
    is_url = isinstance(place, str) and "://" in place
    database = _open_postgres(str(place)) if is_url else _open_sqlite(Path(place))
    try:
        database.prepare()
    except BaseException:
        database.close()
        raise
    return database


def open_existing(place: str | Path) -> Database | None:
    """The database at `place`, None if there is none yet: neither a file nor a table is made.

    Raises StoreError as `open_database` does.
    """
    is_url = isinstance(place, str) and "://" in place
    if not is_url and not (Path(place).exists() and Path(place).stat().st_size):
        return None  # SQLite would write a page even into an empty file
    database = _open_postgres(str(place)) if is_url else _open_sqlite(Path(place))
    try:
        is_there = database.has_schema()
        if is_there:
            database.prepare()
    except BaseException:
        database.close()
        raise
    if not is_there:
        database.close()
        return None
    return database


def _open_sqlite(path: Path) -> Database:
    try:
        # People's addresses: for nobody else on this machine.  SQLite gives its log the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"cannot be opened: {error.strerror}",
            where=str(path),
            hint="the folder and the file must be there for you to write",
        ) from error
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": WAIT_SECONDS, "isolation_level": None},
        hide_parameters=True,  # people's data, in a message
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return Database(engine, str(path), file=path)


def _set_pragmas(connection: sqlite3.Connection, record: object) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    for pragma in _PRAGMAS:
        while not _is_set(connection, pragma, deadline):
            time.sleep(0.01)


def _is_set(connection: sqlite3.Connection, pragma: str, deadline: float) -> bool:
    """False, if the file is busy: where two turn on its log at once, SQLite does not wait, whatever busy_timeout says."""
    try:
        connection.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _open_postgres(place: str) -> Database:
    try:
        url = make_url(re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", place))
    except (ArgumentError, ValueError):  # its message may hold the password
        url = None
    if url is None or url.drivername != "postgresql+psycopg":
        raise StoreError(
            "not the address of a database",
            where="DATABASE_URL",
            hint="DATABASE_URL=postgresql://USER:PASSWORD@HOST/DATABASE, user and password percent-encoded",
        ) from None
    host = url.query.get("host", "") or url.host or ""
    where = f"postgresql://{host}{f':{url.port}' if url.port else ''}/{url.database or ''}"
    try:
        engine = create_engine(
            url,
            connect_args={"connect_timeout": 10, "application_name": "newsletter"},
            hide_parameters=True,
            pool_pre_ping=True,
        )
    except ImportError as error:
        raise StoreError(
            "PostgreSQL needs the library psycopg",
            where=where,
            hint='pip install "newsletter-publisher[postgres]"',
        ) from error
    event.listen(engine, "connect", _set_wait)
    return Database(engine, where)


def _set_wait(connection: Any, record: object) -> None:
    connection.autocommit = True
    connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.autocommit = False


def _stored_revision(connection: Connection) -> str:
    return str(connection.execute(select(tables.schema_revision.c.version_num)).scalar())


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
