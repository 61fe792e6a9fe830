"""The store: transactions that last, a schema that is led on, faults in a person's words; on both databases."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from postgres import NoPostgres, find_programs
from sqlalchemy import Connection, func, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from newsletter.errors import StoreError, StoreLater, StoreNewer
from newsletter.store import migrations, tables
from newsletter.store.database import Database, hold, open_database, open_existing, raw

ROOT = Path(__file__).parent.parent
FACT = {"key": "answer", "value": "42"}


def facts(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {row.key: row.value for row in connection.execute(select(tables.meta))}


def test_what_was_written_is_there_when_the_database_is_opened_again(place: str) -> None:
    with open_database(place) as database, database.write() as connection:
        connection.execute(insert(tables.meta), FACT)
    with open_database(place) as database:
        assert facts(database)["answer"] == "42"
        assert len(facts(database)["uuid"]) == 36


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(tables.meta), FACT)
        _ = 1 // 0
    assert "answer" not in facts(database)


def test_a_raw_transaction_that_raises_holds_nothing(database: Database) -> None:
    with database.write_raw() as kept:
        kept.execute("INSERT INTO meta (key, value) VALUES ('before', '1')")
    with pytest.raises(ZeroDivisionError), database.write_raw() as kept:
        _cursor = kept.execute("INSERT INTO meta (key, value) VALUES ('answer', '42') RETURNING key")
        _ = 1 // 0
    began = time.monotonic()
    with database.write_raw() as kept:
        kept.execute("INSERT INTO meta (key, value) VALUES ('after', '1')")
    assert time.monotonic() - began < 10, "it had to wait for a lock"
    assert facts(database).keys() & {"before", "answer", "after"} == {"before", "after"}


def test_a_statement_that_is_wrong_stays_a_bug(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.execute(insert(tables.meta), [FACT, FACT])
    assert "answer" not in facts(database)


def test_a_reader_sees_one_unchanging_view(database: Database) -> None:
    with database.read() as reader:
        before = reader.execute(select(func.count()).select_from(tables.meta)).scalar()
        with database.write() as connection:
            connection.execute(insert(tables.meta), FACT)
        assert reader.execute(select(func.count()).select_from(tables.meta)).scalar() == before
    assert len(facts(database)) == (before or 0) + 1


def test_what_refers_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(tables.subscriber_tag), {"tag_id": 1, "subscriber_id": 1})


def test_the_drivers_connection_is_in_the_same_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        raw(connection).execute("INSERT INTO meta (key, value) VALUES ('answer', '42')")
        _ = 1 // 0
    assert "answer" not in facts(database)


def test_sqlite_is_durable_and_overwrites_what_is_deleted(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database, database.write() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked] == [
            "wal", 2, 1, 1, 30000,
        ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="the mode of a file is a POSIX matter")
def test_the_file_and_its_log_are_for_nobody_else(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database, database.read() as connection:
        connection.execute(select(tables.meta))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_two_writers_wait_for_each_other(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(tables.meta), {"key": "count", "value": "0"})
    count = tables.meta.c.key == "count"

    def add() -> None:
        for _ in range(25):
            with database.write() as connection:
                hold(connection, "count")
                value = connection.execute(select(tables.meta.c.value).where(count)).scalar()
                connection.execute(update(tables.meta).where(count).values(value=str(int(value or 0) + 1)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert facts(database)["count"] == "100"


def test_processes_that_make_the_database_at_once_make_it_once(place: str) -> None:
    program = f"from newsletter.store.database import open_database; open_database({place!r}).close()"
    started = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [(child.communicate()[1], child.returncode) for child in started] == [("", 0)] * 4
    with open_database(place) as database, database.read() as connection:
        assert connection.execute(select(tables.schema_revision.c.version_num)).scalars().all() == [
            tables.REVISION
        ]


def test_a_file_whose_log_another_process_turns_on_just_now_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # as it has it for a moment
        threading.Timer(0.3, other.execute, ["COMMIT"]).start()
        open_database(path).close()


# The schema is led on.


def shape(connection: Connection) -> dict[str, object]:
    """Tables with their columns, keys and indexes as the database tells them."""
    seen = inspect(connection)
    return {
        name: (
            [
                (c["name"], str(c["type"]), c["nullable"], str(c["default"]), bool(c.get("autoincrement")))
                for c in seen.get_columns(name)
            ],
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (k["constrained_columns"], k["referred_table"], k["referred_columns"])
                for k in seen.get_foreign_keys(name)
            ),
            sorted((i["column_names"], bool(i["unique"])) for i in seen.get_indexes(name)),
            sorted(u["column_names"] for u in seen.get_unique_constraints(name)),
            seen.get_table_options(name),
        )
        for name in sorted(seen.get_table_names())
    }


def test_a_migrated_schema_is_the_fresh_one(database: Database) -> None:
    with database.read() as connection:
        fresh = shape(connection)
    assert len(fresh) > 10
    with database.write() as connection:
        tables.metadata.drop_all(connection)
        migrations.upgrade(connection)
    with database.read() as connection:
        assert shape(connection) == fresh
        assert connection.execute(select(tables.schema_revision.c.version_num)).scalar() == tables.REVISION


def test_every_revision_of_this_version_is_known() -> None:
    assert tables.REVISION in migrations.revisions()


LATER = '''"""A later schema, as one would be written: a new column, and one whose kind changes."""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "%s"

def upgrade():
    op.add_column("subscriber", sa.Column("nickname", sa.Text(), nullable=False, server_default="friend"))
    with op.batch_alter_table("subscriber") as table:
        table.alter_column("time_zone", type_=sa.String(100), existing_server_default="")
'''


def add_person(connection: Connection) -> None:
    connection.execute(
        insert(tables.subscriber),
        {
            "email": "ada@example.org",
            "email_key": "ada@example.org",
            "standing": 1,
            "joined_at": 5,
            "changed_at": 5,
        },
    )
    connection.execute(insert(tables.tag), {"id": 1, "name": "pro"})
    connection.execute(insert(tables.subscriber_tag), {"tag_id": 1, "subscriber_id": 1})


def test_a_later_revision_keeps_what_is_there(database: Database, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "9999_later.py").write_text(LATER % tables.REVISION)
    with database.write() as connection:
        add_person(connection)
    with database._alone() as connection:
        migrations.upgrade(connection, tmp_path / "later")
    with database.read() as connection:
        assert connection.execute(text("SELECT email, nickname FROM subscriber")).all() == [
            ("ada@example.org", "friend")
        ]
        assert connection.execute(select(tables.subscriber_tag)).all() == [(1, 1)]
        kinds = {
            column["name"]: str(column["type"]) for column in inspect(connection).get_columns("subscriber")
        }
        assert kinds["time_zone"] == "VARCHAR(100)"
    if not database.is_postgres:
        with database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_revision_that_fails_leaves_the_schema_as_it_was(database: Database, tmp_path: Path) -> None:
    broken = LATER % tables.REVISION + '    op.execute("SELECT * FROM nothing_of_that_name")\n'
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "9999_later.py").write_text(broken)
    with database.read() as connection:
        before = shape(connection)
    with pytest.raises(Exception, match="nothing_of_that_name"), database._alone() as connection:
        migrations.upgrade(connection, tmp_path / "later")
    with database.read() as connection:
        assert shape(connection) == before


def test_a_newer_database_is_not_touched(place: str) -> None:
    with open_database(place) as database, database.write() as connection:
        connection.execute(update(tables.schema_revision).values(version_num="9999"))
    with pytest.raises(StoreNewer, match=r"schema is 9999.*knows 0001") as caught:
        open_database(place)
    assert caught.value.exit_code == 2
    assert "pip install --upgrade" in caught.value.hint


def test_an_older_database_is_led_on_when_it_is_opened(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_database(place) as database, database.write() as connection:
        add_person(connection)
    led: list[str] = []
    monkeypatch.setattr(tables, "REVISION", "next")
    monkeypatch.setattr(migrations, "upgrade", lambda connection: led.append(connection.dialect.name))
    open_database(place).close()
    assert len(led) == 1


def test_a_database_of_another_program_is_left_alone(place: str) -> None:
    with open_database(place) as database, database.write() as connection:
        connection.exec_driver_sql("DROP TABLE schema_revision")
    with pytest.raises(StoreError, match="tables of another program"):
        open_database(place)


def test_opening_imports_the_migrations_only_when_they_are_needed(tmp_path: Path) -> None:
    program = (
        "import sys; from newsletter.store.database import open_database; open_database('n.db').close();"
        "open_database('n.db').close(); print('alembic' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["themes"]])
def test_a_command_without_a_database_does_not_wait_for_sqlalchemy(arguments: list[str]) -> None:
    program = (
        "import sys, newsletter.cli\n"
        f"try: newsletter.cli.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('sqlalchemy', 'psycopg'))], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stderr == "[]\n"


# What goes wrong, in a person's words.


def test_a_lock_that_is_held_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "newsletter.db"
    with open_database(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with database.read() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout = 50")  # of the one connection in the pool
            with pytest.raises(StoreLater, match="another process is writing") as caught, database.write():
                pass
        finally:
            other.close()
        assert caught.value.exit_code == 75
        assert str(path) in str(caught.value)


def test_a_lock_on_postgresql_that_is_held_too_long_is_named(postgres_url: str) -> None:
    with open_database(postgres_url) as database, database.write() as holder:
        hold(holder, "list")
        with pytest.raises(StoreLater, match="another process holds"), database.write() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            hold(connection, "list")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"Dear reader, this is a letter and no database." * 100, "not a database")],
)
def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "newsletter.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=message) as caught:
        open_database(path)
    assert caught.value.where == str(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "newsletter.db").touch()  # what is left when the first command is killed at once
    with open_database(tmp_path / "newsletter.db") as database:
        assert "uuid" in facts(database)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    with open_database(path) as database, database.write() as connection:
        connection.execute(insert(tables.meta), [{"key": f"k{n}", "value": "v" * 500} for n in range(500)])
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xa5" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), open_database(path) as database:
        facts(database)


@pytest.mark.parametrize("place", ["nowhere/newsletter.db", "."])
def test_a_place_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_database(place)


def test_a_read_only_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    open_database(path).close()
    with open_database(path) as database:
        with database.read() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="read-only"), database.write() as connection:
            connection.execute(insert(tables.meta), FACT)


def test_a_full_disk_is_named_and_nothing_is_half_done(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database:
        with database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL, as on a full disk
        with pytest.raises(StoreLater, match="disk is full") as caught, database.write() as connection:
            connection.execute(
                insert(tables.meta), [{"key": f"k{n}", "value": "v" * 500} for n in range(500)]
            )
        assert caught.value.exit_code == 75
        assert len(facts(database)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_vanished_while_it_was_open_is_not_written_into(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "newsletter.db"
    with open_database(path) as database:
        with pytest.raises(StoreError, match="deleted or replaced"), database.write() as connection:
            connection.execute(insert(tables.meta), FACT)
            path.rename(tmp_path / "elsewhere.db")  # in the middle, and it stays so
            if replaced:
                path.touch()
        with pytest.raises(StoreError, match="deleted or replaced"):
            facts(database)
        assert path.exists() == replaced


def test_a_server_that_may_forget_is_refused(postgres_url: str) -> None:
    name = postgres_url.split("/")[3].split("?")[0]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(StoreError, match="synchronous_commit is off"):
        open_database(postgres_url)


PASSWORD = "correct-horse-battery"


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("postgresql://ada:{password}@127.0.0.1:1/list", StoreLater, "no server answers"),
        ("postgresql://ada@/list?host=/nowhere&password={password}", StoreLater, "no server answers"),
        ("mysql://ada:{password}@127.0.0.1/list", StoreError, "not the address of a database"),
        ("postgresql://ada:{password}@[::1/list", StoreError, "not the address of a database"),
        ("postgresql://ada:{password}@127.0.0.1:port/list", StoreError, "not the address of a database"),
    ],
)
def test_an_address_of_no_database_is_named_without_its_password(
    url: str, kind: type[StoreError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        open_database(url.format(password=PASSWORD))
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"username": "nobody_of_that_name"}, "refuses the user"),
        ({"database": "no_such"}, "no such database"),
    ],
)
def test_what_a_server_refuses_is_named(postgres_url: str, change: dict[str, str], message: str) -> None:
    changed = make_url(postgres_url).set(**change)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=message) as caught:
        open_database(changed.render_as_string(hide_password=False))
    assert caught.value.exit_code == 2


def test_a_connection_that_the_server_ended_is_named_and_the_next_one_works(postgres_url: str) -> None:
    with open_database(postgres_url) as database:
        with (
            pytest.raises(StoreLater, match=r"ended the connection|connection was lost"),
            database.write() as connection,
        ):
            with psycopg.connect(postgres_url, autocommit=True) as other:
                own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                other.execute("SELECT pg_terminate_backend(%s)", [own])
            connection.execute(insert(tables.meta), FACT)
        assert "answer" not in facts(database)


# The tests' own PostgreSQL.


def test_no_postgresql_is_an_error_with_what_was_tried_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoPostgres, match=r"tried the system \(.*pip install.*NEWSLETTER_TEST_PG.*--no-pg"):
        find_programs([("the system", tmp_path)])


def test_leaving_postgresql_out_is_said_aloud() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", __file__, "--no-pg", "-k", "raises_leaves_nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "PostgreSQL: LEFT OUT on request (--no-pg)" in ran.stdout
    assert "1 passed, 1 skipped" in ran.stdout


def test_to_look_for_a_database_makes_none(place: str) -> None:
    assert open_existing(place) is None
    if "://" not in place:
        assert not Path(place).exists()
        Path(place).touch()
        assert open_existing(place) is None
        assert Path(place).stat().st_size == 0
    else:
        assert open_existing(place) is None, "a first look at a server left tables"
    open_database(place).close()
    found = open_existing(place)
    assert found is not None
    with found:
        assert len(facts(found)["uuid"]) == 36


def test_a_database_that_is_none_is_refused_when_it_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    path.write_text("no database")
    with pytest.raises(StoreError, match="not a database"):
        open_existing(path)
    assert path.read_text() == "no database"
