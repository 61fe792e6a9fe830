"""How campaigns stand, asked without SQLAlchemy where that can be; on both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from campaigns import ISSUE, NOW, Clock, accepted, add_people, hold, lost, order, plan, refused
from sqlalchemy import update

from newsletter.errors import StoreError
from newsletter.sending.campaigns import troubles
from newsletter.sending.delivery import State
from newsletter.sending.overview import campaigns_in, troubles_in
from newsletter.store import tables
from newsletter.store.database import Database, asking, open_database
from newsletter.store.glance import glance

LATER = NOW + 10_000  # every lease has ended

#: `newsletter status` in a process of its own, which then says what it imported.
STATUS = """
import sys
from newsletter.cli import newsletter
newsletter.main(["-C", sys.argv[1], "status"], standalone_mode=False)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {
    "sqlalchemy",
    "lxml",
    "feedparser",
    "jinja2",
    "mjml",
    "nh3",
    "asyncio",
    "ssl",
    "psycopg",
    "yaml",
    "rich",
}


def test_counts_and_troubles_are_those_of_the_ledger(database: Database) -> None:
    add_people(database, 9)
    ledger = hold(database, plan(database), clock=Clock())
    ledger.turn([], 6)
    ledger.turn([accepted(1), refused(2), lost(3)], 0)  # 4, 5 and 6 are under way
    with database.read() as connection:
        ask = asking(connection)
        (held,) = campaigns_in(ask, ISSUE, now=NOW)
        counts = held.counts
        assert (counts.accepted, counts.refused, counts.in_doubt, counts.under_way) == (1, 1, 1, 3)
        assert [one.subscriber_id for one in troubles_in(ask, held.id, [State.IN_DOUBT], now=NOW)] == [3]
        (left,) = campaigns_in(ask, campaign_id=held.id, now=LATER)
        assert (left.owner, left.counts.in_doubt, left.counts.under_way) == ("", 4, 0)
        both = list(troubles_in(ask, held.id, [State.REFUSED, State.IN_DOUBT], now=LATER))
        assert [(one.subscriber_id, one.state) for one in both] == [
            (2, State.REFUSED), *((number, State.IN_DOUBT) for number in (3, 4, 5, 6)),
        ]  # fmt: skip
        assert [one.email for one in both] == [f"reader{number}@example.org" for number in (2, 3, 4, 5, 6)]
        assert both[0].reply
        assert campaigns_in(ask, "another", now=NOW) == []
    assert list(troubles(database, held.id, [State.REFUSED, State.IN_DOUBT], now=LATER)) == both


def test_who_is_in_doubt_is_found_without_a_scan_of_the_deliveries(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database:
        add_people(database, 2000)
        ledger = hold(database, plan(database))
        ledger.turn([], 2)
        with database.read() as connection:
            steps: list[str] = []
            ask = asking(connection)

            def watched(sql: str, values: object) -> object:
                if "FROM attempt" in sql and "delivery" in sql:
                    steps.extend(row[3] for row in ask(f"EXPLAIN QUERY PLAN {sql}", values))  # type: ignore[arg-type]
                return ask(sql, values)  # type: ignore[arg-type]

            found = list(troubles_in(watched, ledger.campaign_id, [State.IN_DOUBT], now=LATER))  # type: ignore[arg-type]
    assert [one.subscriber_id for one in found] == [1, 2]
    assert steps[0] == "SEARCH a USING PRIMARY KEY (campaign_id=?)"
    assert "SEARCH d USING PRIMARY KEY (campaign_id=? AND subscriber_id=?)" in steps
    assert not any("SCAN" in step or "TEMP" in step for step in steps)


def test_a_glance_sees_what_the_door_sees(place: Path | str) -> None:
    with open_database(place) as database:
        add_people(database, 3)
        plan(database, order())
        with database.read() as connection:
            expected = campaigns_in(asking(connection), now=NOW)
    with glance(place) as ask:
        assert campaigns_in(ask, now=NOW) == expected
        assert expected


def test_a_glance_writes_nothing(tmp_path: Path) -> None:
    open_database(tmp_path / "newsletter.db").close()
    with pytest.raises(StoreError, match="read-only"), glance(tmp_path / "newsletter.db") as ask:
        ask("DELETE FROM meta", [])


def test_a_database_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    with glance(tmp_path / "newsletter.db") as ask:
        assert campaigns_in(ask, now=NOW) == []
    with glance(tmp_path / "newsletter.db") as ask:
        assert list(ask("SELECT count(*) FROM campaign", [])) == [(0,)]


def test_a_newer_database_and_a_file_that_is_none_are_refused_as_by_every_command(tmp_path: Path) -> None:
    file = tmp_path / "newsletter.db"
    with open_database(file) as database, database.write() as connection:
        connection.execute(update(tables.schema_revision).values(version_num="9999"))
    with pytest.raises(StoreError, match="newer version"), glance(file):
        pass
    file.with_name("other.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"), glance(file.with_name("other.db")):
        pass


def test_status_waits_for_no_library_that_it_does_not_need(tmp_path: Path) -> None:
    root = tmp_path / "letter"
    made = subprocess.run(
        [sys.executable, "-m", "newsletter", "init", str(root)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    issue = root / "issues" / ISSUE
    issue.mkdir(parents=True)
    (issue / "issue.md").write_text("---\nsubject: Autumn\n---\n", "utf-8")
    with open_database(root / "newsletter.db") as database:
        add_people(database, 2)
        plan(database)
    done = subprocess.run(
        [sys.executable, "-c", STATUS, str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    line, *_, imported = done.stdout.splitlines()
    assert line == f"{ISSUE} to everybody: due: 0 accepted, 2 planned, of 2"
    assert not HEAVY & set(imported.split())
