"""Files of subscribers come in, on both databases: what stands afterwards, and who is never turned on again."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter.errors import UsageError
from newsletter.store import tables
from newsletter.store.database import Database, open_database
from newsletter.subscribers import imports
from newsletter.subscribers.address import parse_address
from newsletter.subscribers.imports import Imported
from newsletter.subscribers.subscriber import Act, Consent, Standing
from newsletter.subscribers.subscriber_list import SubscriberList

FORM = Consent("form", "https://example.org/join", "Every Monday")


@pytest.fixture
def people(database: Database) -> SubscriberList:
    return SubscriberList(database, secret_key="a-key-of-sixteen-letters-or-more")


@pytest.fixture
def bring_in(people: SubscriberList, tmp_path: Path) -> Callable[..., Imported]:
    """Write a text into a file and import it."""

    def bring(text: str, name: str = "list.csv", **options: Any) -> Imported:
        (tmp_path / name).write_text(text, "utf-8")
        return people.import_file(
            tmp_path / name, **{"source": "sign-up form, 2024", "rejected": tmp_path, **options}
        )

    return bring


def acts(people: SubscriberList, address: str) -> list[str]:
    return [event.act.label for event in people.show(address).history]


def counted(database: Database, *names: str) -> list[int]:
    with database.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()
            for name in names
        ]


def test_a_row_becomes_a_subscriber_with_the_consent_that_was_declared(
    people: SubscriberList, bring_in: Callable[..., Imported]
) -> None:
    found = bring_in(
        "Email,First name,Last name,Language,Tags,Joined,City\nAnn@Example.org,Ann,Lee,de-ch,pro;free,2024-05-01,Zürich\n"
    )
    assert (found.rows, found.added, found.rejected, found.rejected_file) == (1, 1, 0, None)
    ann = people.find("ann@example.org")
    assert ann is not None
    assert str(ann.address) == "Ann@example.org"
    assert ann.profile.name == "Ann Lee"
    assert ann.profile.language == "de-CH"
    assert ann.profile.tags == {"pro", "free"}
    assert ann.profile.attributes == {"first_name": "Ann", "last_name": "Lee", "city": "Zürich"}
    assert (ann.standing, ann.joined_at.isoformat()) == (Standing.CONFIRMED, "2024-05-01T00:00:00+00:00")
    (event,) = people.show("ann@example.org").history
    assert event.act is Act.ADD
    assert event.consent is not None
    assert (event.consent.how, event.consent.source, event.consent.words) == (
        "import",
        "list.csv",
        "sign-up form, 2024",
    )


def test_the_same_file_again_changes_nothing(
    people: SubscriberList, bring_in: Callable[..., Imported], database: Database
) -> None:
    text = "email,name,tags,status\na@x.org,A,pro,active\nb@x.org,B,,unsubscribed\na@x.org,A2,free,active\nbad,,,\n"
    first = bring_in(text)
    before = counted(database, "subscriber", "history", "subscriber_tag", "tag", "consent")
    again = bring_in(text)
    assert (first.rows, first.added, first.repeated, first.rejected) == (4, 2, 1, 1)
    assert (again.added, again.changed, again.unchanged, again.repeated, again.rejected) == (0, 0, 2, 1, 1)
    assert (
        counted(database, "subscriber", "history", "subscriber_tag", "tag", "consent")
        == before
        == [2, 3, 2, 2, 1]
    )


def test_a_source_is_asked_for(bring_in: Callable[..., Imported]) -> None:
    with pytest.raises(UsageError, match="how the people agreed"):
        bring_in("email\na@x.org\n", source=" ")


@pytest.mark.parametrize(
    ("before", "word", "after", "act"),
    [
        (Standing.CONFIRMED, "active", Standing.CONFIRMED, None),
        (Standing.CONFIRMED, "pending", Standing.CONFIRMED, None),
        (Standing.CONFIRMED, "unsubscribed", Standing.LEFT, "leave"),
        (Standing.CONFIRMED, "cleaned", Standing.BOUNCED, "bounce"),
        (Standing.CONFIRMED, "complained", Standing.COMPLAINED, "complain"),
        (Standing.PENDING, "active", Standing.CONFIRMED, "add"),
        (Standing.PENDING, "unsubscribed", Standing.LEFT, "leave"),
        (Standing.LEFT, "active", Standing.LEFT, None),
        (Standing.LEFT, "pending", Standing.LEFT, None),
        (Standing.LEFT, "complained", Standing.COMPLAINED, "complain"),
        (Standing.BOUNCED, "active", Standing.BOUNCED, None),
        (Standing.BOUNCED, "unsubscribed", Standing.LEFT, "leave"),
        (Standing.COMPLAINED, "active", Standing.COMPLAINED, None),
        (Standing.COMPLAINED, "unsubscribed", Standing.COMPLAINED, None),
    ],
)
def test_what_is_on_the_list_is_moved_towards_no_alone(
    people: SubscriberList,
    bring_in: Callable[..., Imported],
    before: Standing,
    word: str,
    after: Standing,
    act: str | None,
) -> None:
    put(people, "a@x.org", before)
    told = acts(people, "a@x.org")
    bring_in(f"email,status\na@x.org,{word}\n")
    found = people.show("a@x.org").subscriber
    assert found is not None
    assert found.standing is after
    assert acts(people, "a@x.org") == [*told, *([act] if act else [])]


def put(people: SubscriberList, address: str, standing: Standing) -> None:
    people.ask(address, FORM) if standing is Standing.PENDING else people.add(address, FORM)
    if standing is Standing.LEFT:
        people.remove(address)
    elif standing is Standing.BOUNCED:
        people.bounce(address, note="550 no such user")
    elif standing is Standing.COMPLAINED:
        people.complain(address, note="abuse report")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Standing.LEFT, Standing.CONFIRMED),
        (Standing.BOUNCED, Standing.CONFIRMED),
        (Standing.COMPLAINED, Standing.COMPLAINED),
    ],
)
def test_with_a_reason_those_who_left_are_put_on_again_and_never_who_complained(
    people: SubscriberList, bring_in: Callable[..., Imported], before: Standing, after: Standing
) -> None:
    put(people, "a@x.org", before)
    bring_in("email\na@x.org\n", resubscribe="they signed the new form")
    found = people.show("a@x.org")
    assert found.subscriber is not None
    assert found.subscriber.standing is after
    if after is Standing.CONFIRMED:
        assert (found.history[-1].act, found.history[-1].note) == (
            Act.RESUBSCRIBE,
            "they signed the new form",
        )
        assert found.history[-1].consent is not None


def test_whom_the_file_itself_says_no_of_no_reason_puts_on_again(
    people: SubscriberList, bring_in: Callable[..., Imported], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH_SIZE", 1)
    bring_in("email,status\na@x.org,unsubscribed\nb@x.org,active\na@x.org,active\n", resubscribe="a new form")
    found = people.find("a@x.org")
    assert found is not None
    assert found.standing is Standing.LEFT


@pytest.mark.parametrize("size", [1, 2, 100])
def test_repeated_rows_come_to_the_same_however_they_are_spread(
    people: SubscriberList, bring_in: Callable[..., Imported], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(imports, "BATCH_SIZE", size)
    rows = [
        "a@x.org,A,unsubscribed,pro,2024-05-01,Bern",
        "b@x.org,B,active,,2024-01-01,",
        "A@X.org,,active,free,2023-01-01,",
        "a@x.org,Ann,pending,pro,,Basel",
    ]
    bring_in("\n".join(["email,name,status,tags,joined,city", *rows]))
    ann = people.find("a@x.org")
    assert ann is not None
    assert (ann.standing, ann.profile.name, set(ann.profile.tags)) == (Standing.LEFT, "Ann", {"pro", "free"})
    assert (ann.profile.attributes["city"], ann.joined_at.year) == ("Basel", 2023)
    assert people.count() == 2


def test_bad_rows_land_in_rejected_csv_and_can_be_mended_there(
    people: SubscriberList, bring_in: Callable[..., Imported], tmp_path: Path
) -> None:
    found = bring_in('email,name,status\nnone,=A,active\na@x.org,A,active\nb@x.org,B,married\nc@x.org,"C,D\n')
    assert found.rejected_file == tmp_path / "rejected.csv"
    rows = list(csv.reader((tmp_path / "rejected.csv").read_text("utf-8").splitlines()))
    assert rows[0] == ["line", "reason", "email", "name", "status"]
    assert [row[0] for row in rows[1:]] == ["2", "4", "5"]
    assert rows[1][2:] == ["none", "'=A", "active"]
    assert rows[2][1] == "''married' is no standing that we know"
    assert sorted(found.reasons.values()) == [1, 1, 1]
    mended = (
        (tmp_path / "rejected.csv").read_text("utf-8").replace("married", "active").replace("none", "n@x.org")
    )
    again = bring_in(mended, "rejected.csv")
    assert (again.added, again.rejected) == (2, 1)
    mr_n = people.find("n@x.org")
    assert mr_n is not None
    assert (mr_n.profile.name, mr_n.profile.attributes) == ("=A", {})


def test_rejected_rows_keep_the_standing_that_their_files_name_said(
    people: SubscriberList, bring_in: Callable[..., Imported], tmp_path: Path
) -> None:
    bring_in("Email Address,LEID,EUID\nbad,1,1\n", "nonsubscribed_members_export.csv")
    mended = (tmp_path / "rejected.csv").read_text("utf-8").replace("bad", "a@x.org")
    bring_in(mended, "mended.csv")
    found = people.find("a@x.org")
    assert found is not None
    assert found.standing is Standing.PENDING


def test_who_is_suppressed_stays_off_the_list_and_who_was_erased_too(
    people: SubscriberList, bring_in: Callable[..., Imported]
) -> None:
    people.suppress("a@x.org", "asked by letter")
    people.suppress("@y.org", "a competitor's")
    people.add("gone@x.org", FORM)
    people.erase("gone@x.org")
    people.add("kept@x.org", FORM)
    people.suppress("kept@x.org", "asked by letter")
    found = bring_in("email,name\na@x.org,A\nb@y.org,B\ngone@x.org,G\nkept@x.org,K\nok@x.org,O\n")
    assert (found.added, found.changed, found.rejected) == (1, 1, 3)
    assert found.reasons == {"is suppressed: never to be mailed": 3}
    assert [people.find(f"{who}") for who in ("a@x.org", "b@y.org", "gone@x.org")] == [None] * 3
    kept = people.find("kept@x.org")
    assert kept is not None
    assert kept.suppressed


def test_letters_that_are_none_land_in_rejected_csv_too(
    bring_in: Callable[..., Imported], tmp_path: Path
) -> None:
    text = '{"email": "a@x.org", "name": "\\ud800"}\n{"email": "b@x.org", "k\\udfff": "\\u0000"}\n{"email": "\\ud800@x.org"}\n'
    assert bring_in(text, "list.jsonl").rejected == 3
    assert "\\ud800" in (tmp_path / "rejected.csv").read_text("utf-8")


def test_an_imported_suppression_holds(people: SubscriberList, bring_in: Callable[..., Imported]) -> None:
    bring_in("email,suppressed\na@x.org,yes\nb@x.org,\n")
    one = people.find("a@x.org")
    assert one is not None
    assert one.suppressed
    assert not one.is_mailed
    people.erase("a@x.org")
    assert bring_in("email\na@x.org\n", "other.csv").rejected == 1


def test_json_lines_bring_typed_attributes(people: SubscriberList, bring_in: Callable[..., Imported]) -> None:
    lines = [
        {"email": "a@x.org", "age": 30, "vip": True, "tags": ["pro"]},
        {"email": "b@x.org", "city": "Bern"},
    ]
    bring_in("\n".join(map(json.dumps, lines)), "list.jsonl")
    first, second = people.find("a@x.org"), people.find("b@x.org")
    assert first is not None
    assert second is not None
    assert first.profile.attributes == {"age": 30, "vip": True}
    assert second.profile.attributes == {"city": "Bern"}


def test_a_program_that_forms_feed_at_once_loses_nobody(
    people: SubscriberList, bring_in: Callable[..., Imported], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH_SIZE", 50)
    stop, errors = threading.Event(), []

    def join() -> None:
        number = 0
        try:
            while not stop.is_set() and number < 2000:
                people.ask(f"form{number}@x.org", FORM, tags=[f"t{number % 7}"])
                people.suppress(f"import{number * 7 % 500}@x.org", "asked by letter")
                number += 1
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=join)
    thread.start()
    try:
        rows = [f"import{n}@x.org,t{n % 9}" for n in range(500)]
        found = bring_in("\n".join(["email,tags", *rows]))
    finally:
        stop.set()
        thread.join()
    assert not errors
    assert found.added + found.rejected == 500
    with people.database.read() as connection:
        asked = select(tables.subscriber.c.email).where(tables.subscriber.c.suppressed == 0)
        unmarked = [parse_address(email) for email in connection.execute(asked).scalars()]
        assert not people.suppression.known(connection, unmarked)
        wanted = {f"import{n}@x.org" for n in range(500)}
        off = wanted - {address.key for address in unmarked}
        assert off == set(people.suppression.known(connection, map(parse_address, wanted)))


WORKER = """
import sys
from pathlib import Path
from newsletter.store.database import open_database
from newsletter.subscribers import imports
from newsletter.subscribers.address import parse_address
from newsletter.subscribers.subscriber_list import SubscriberList
imports.BATCH_SIZE = 100
with open_database(sys.argv[1]) as database:
    found = SubscriberList(database).import_file(sys.argv[2], source="test", rejected=sys.argv[3])
    print(found.added, found.changed, found.unchanged, found.repeated, found.rejected)
"""


def start(place: str, file: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, place, str(file), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def many_rows(path: Path, count: int) -> None:
    rows = [
        f"P{n}@x.org,Name {n},{'unsubscribed' if n % 10 == 3 else 'active'},t{n % 5}" for n in range(count)
    ]
    rows[count // 2 : count // 2] = ["bad row", "p1@x.org,Again,active,again"]
    path.write_text("\n".join(["email,name,status,tags", *rows]) + "\n", "utf-8")


def picture(place: str) -> list[tuple[Any, ...]]:
    """Everybody, with tags and the acts of the history, in the order of the addresses."""
    with open_database(place) as database, database.read() as connection:
        person = tables.subscriber.c
        found = []
        tagged = tables.subscriber_tag.join(tables.tag, tables.tag.c.id == tables.subscriber_tag.c.tag_id)
        tags: dict[int, list[str]] = {}
        for number, name in connection.execute(
            select(tables.subscriber_tag.c.subscriber_id, tables.tag.c.name).select_from(tagged)
        ):
            tags.setdefault(number, []).append(name)
        events: dict[int, list[int]] = {}
        line = tables.history.c
        for number, act in connection.execute(
            select(line.subscriber_id, line.act).order_by(line.subscriber_id, line.number)
        ):
            events.setdefault(number, []).append(act)
        for row in connection.execute(select(tables.subscriber).order_by(person.email_key)):
            told = [act for act in events.get(row.id, []) if act != Act.CHANGE]
            found.append((row.email_key, row.name, row.standing, sorted(tags.get(row.id, [])), told))
        return found


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_killed_at_any_instant_it_is_finished_by_the_next_run(
    place: str, postgres_or_file: Callable[[], str], tmp_path: Path
) -> None:
    many_rows(tmp_path / "list.csv", 4000)
    whole = postgres_or_file()
    process = start(whole, tmp_path / "list.csv", tmp_path)
    began = time.monotonic()
    assert process.communicate()[0] == "4000 1 0 0 1\n"
    lasted = time.monotonic() - began
    for kill in range(5):
        process = start(place, tmp_path / "list.csv", tmp_path)
        time.sleep(lasted * (0.45 + kill * 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(place, tmp_path / "list.csv", tmp_path)
    added, *_, rejected = process.communicate()[0].split()
    assert process.returncode == 0
    assert (int(added) < 4000, rejected) == (True, "1")
    assert picture(place) == picture(whole)


@pytest.fixture
def postgres_or_file(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """A second database of the same kind as `place`."""

    def make() -> str:
        if "://" not in place:
            return str(tmp_path / "second.db")
        server = request.getfixturevalue("postgres_server")
        context = server.new_database()
        url = context.__enter__()
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        return str(url)

    return make


def test_two_imports_at_once_put_everybody_on_the_list_once(place: str, tmp_path: Path) -> None:
    open_database(place).close()
    many_rows(tmp_path / "list.csv", 3000)
    rows = (tmp_path / "list.csv").read_text("utf-8").split("\n")
    (tmp_path / "turned.csv").write_text("\n".join([rows[0], *reversed(rows[1:-1])]), "utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    processes = [
        start(place, tmp_path / "list.csv", tmp_path / "a"),
        start(place, tmp_path / "turned.csv", tmp_path / "b"),
    ]
    outcomes = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(outcome[0]) for outcome in outcomes) == 3000
    with open_database(place) as database:
        assert counted(database, "subscriber", "subscriber_tag") == [3000, 3001]
        assert SubscriberList(database).standings() == {Standing.CONFIRMED: 2700, Standing.LEFT: 300}


def test_checking_a_file_says_what_importing_it_would_reject(
    bring_in: Callable[..., Imported], tmp_path: Path
) -> None:
    text = "email,status\na@x.org,active\nbad,active\nb@x.org,married\n"
    (tmp_path / "list.csv").write_text(text)
    checked = imports.check_file(imports.plan_import(tmp_path / "list.csv"), datetime.now(UTC))
    found = bring_in(text)
    assert (checked.rows, checked.rejected, checked.reasons) == (3, found.rejected, found.reasons)
