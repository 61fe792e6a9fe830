"""The whole list goes out and comes back in: nothing is lost, nothing runs, nothing is half there."""

from __future__ import annotations

import csv
import io
import json
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import SourceError, UsageError
from newsletter.store import tables
from newsletter.store.database import Database, open_database
from newsletter.subscribers.exports import COLUMNS, FORMATS, export, export_to_file
from newsletter.subscribers.subscriber import Act, Consent, Standing
from newsletter.subscribers.subscriber_list import SubscriberList

FORM = Consent("form", "https://example.org/join", 'Send me "the letter", every Monday')


@pytest.fixture
def people(database: Database) -> SubscriberList:
    return SubscriberList(database)


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[], SubscriberList]]:
    """A new, empty list in a file."""
    opened: list[Database] = []

    def make() -> SubscriberList:
        opened.append(open_database(tmp_path / f"other{len(opened)}.db"))
        return SubscriberList(opened[-1])

    yield make
    for database in opened:
        database.close()


def test_the_csv_has_a_person_in_a_row_and_no_cell_that_runs(people: SubscriberList) -> None:
    people.add(
        "=a@x.org",
        FORM,
        name="+41 Ann",
        attributes={"city": "Bern", "age": 30},
        tags=["b", "a"],
        language="de",
    )
    people.add("b@x.org", FORM)
    people.remove("b@x.org")
    out = io.BytesIO()
    assert export(people.database, out, "csv") == 2
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    first = rows[0]
    assert (first["email"], first["name"], first["standing"]) == ("'=a@x.org", "'+41 Ann", "confirmed")
    assert (json.loads(first["attributes"]), json.loads(first["tags"])) == (
        {"age": 30, "city": "Bern"},
        ["a", "b"],
    )
    assert {key: json.loads(first["consent"])[key] for key in ("how", "source", "words")} == {
        "how": FORM.how,
        "source": FORM.source,
        "words": FORM.words,
    }
    assert (rows[1]["standing"], rows[1]["tags"], rows[1]["attributes"]) == ("left", "", "")
    assert all(line.startswith(b'"') for line in out.getvalue().splitlines())


def test_json_lines_have_the_whole_history(people: SubscriberList) -> None:
    people.add("a@x.org", FORM)
    people.remove("a@x.org", note="by telephone")
    out = io.BytesIO()
    export(people.database, out, "jsonl")
    (person,) = map(json.loads, out.getvalue().splitlines())
    assert set(person) == {*COLUMNS, "history"} - {"consent"}
    assert [(event["act"], event.get("words"), event.get("note")) for event in person["history"]] == [
        ("add", FORM.words, None),
        ("leave", None, "by telephone"),
    ]


def test_who_was_erased_is_not_exported(people: SubscriberList) -> None:
    people.add("a@x.org", FORM)
    people.erase("a@x.org")
    for form in FORMATS:
        out = io.BytesIO()
        assert export(people.database, out, form) == 0


def test_the_file_is_whole_or_not_there_and_for_its_owner_alone(
    people: SubscriberList, tmp_path: Path
) -> None:
    people.add("a@x.org", FORM)
    (tmp_path / "list.csv").write_text("the former one")

    def fail(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_to_file(people.database, tmp_path / "list.csv", progress=fail)
    assert (tmp_path / "list.csv").read_text() == "the former one"
    assert people.export_file(tmp_path / "list.csv") == 1
    assert [path.name for path in tmp_path.iterdir() if "list" in path.name] == ["list.csv"]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "list.csv").stat().st_mode) == 0o600


def test_a_name_that_says_no_format_is_refused(people: SubscriberList, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"how to write 'list\.xlsx'"):
        people.export_file(tmp_path / "list.xlsx")
    with pytest.raises(SourceError, match="cannot be written"):
        people.export_file(tmp_path / "none" / "list.csv")


LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8
).filter(lambda text: text.strip() == text)
STORED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = (
    STORED
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)
PERSON = st.fixed_dictionaries(
    {
        "name": LINE | st.sampled_from(["", "=1+1", "'x", "@SUM", "-", '"q"', "a,b;c"]),
        "language": st.sampled_from(["", "de-CH", "en"]),
        "time_zone": st.sampled_from(["", "Europe/Zurich"]),
        "attributes": st.dictionaries(LINE, VALUES, max_size=3),
        "tags": st.lists(LINE, max_size=3),
        "standing": st.sampled_from([one for one in Standing if one is not Standing.ERASED]),
        "suppressed": st.booleans(),
    }
)


def put(people: SubscriberList, address: str, person: dict[str, Any]) -> None:
    known = {name: person[name] for name in ("name", "language", "time_zone", "attributes", "tags")}
    standing = person["standing"]
    (people.ask if standing is Standing.PENDING else people.add)(address, FORM, **known)
    if standing is Standing.LEFT:
        people.remove(address, note="=by telephone")
    elif standing is Standing.BOUNCED:
        people.bounce(address, note="550 5.1.1 <x>: no such user")
    elif standing is Standing.COMPLAINED:
        people.complain(address, note="abuse")
    if person["suppressed"]:
        people.suppress(address, "asked by letter")


def everything(people: SubscriberList) -> list[Any]:
    with people.database.read() as connection:
        rows = connection.execute(tables.subscriber.select().order_by(tables.subscriber.c.email_key))
        emails = [row.email for row in rows]
    found = []
    for email in emails:
        dossier = people.show(email)
        one = dossier.subscriber
        assert one is not None
        found.append(
            (str(one.address), one.profile, one.standing, one.suppressed, one.joined_at, dossier.history)
        )
    return found


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(persons=st.lists(PERSON, min_size=1, max_size=4))
def test_an_export_brings_everything_into_another_list(
    people: SubscriberList,
    another: Callable[[], SubscriberList],
    tmp_path: Path,
    form: str,
    persons: list[dict[str, Any]],
) -> None:
    with people.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name not in ("meta", "schema_revision"):
                connection.execute(table.delete())
    for number, person in enumerate(persons):
        put(people, f"P{number}@x.org", person)
    people.export_file(tmp_path / f"list.{form}")
    other = another()
    found = other.import_file(tmp_path / f"list.{form}", source="our own list, moved", rejected=tmp_path)
    assert (found.added, found.rejected) == (len(persons), 0)
    for old, new in zip(everything(people), everything(other), strict=True):
        assert new[:5] == old[:5]
        if form == "jsonl":
            # The line that says where they came from is the last.
            assert new[5][:-1] == old[5]
        else:
            agreed = [event.consent for event in old[5] if event.consent]
            assert new[5][0].consent == agreed[-1]
        assert new[5][-1].act is Act.CHANGE
        assert new[5][-1].consent.words == "our own list, moved"
    again = other.import_file(tmp_path / f"list.{form}", source="our own list, moved", rejected=tmp_path)
    assert (again.added, again.changed, again.rejected) == (0, 0, 0)


def test_an_export_shows_one_instant(people: SubscriberList) -> None:
    for number in range(2500):
        if number % 500 == 0 or number < 3:
            people.add(f"p{number}@x.org", FORM)
    seen = io.BytesIO()

    def leave(count: int) -> None:
        people.add("late@x.org", FORM)

    export(people.database, seen, "jsonl", progress=leave)
    assert b"late@x.org" not in seen.getvalue()
    assert people.find("late@x.org") is not None


def test_joining_days_survive(
    people: SubscriberList, another: Callable[[], SubscriberList], tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("email,joined\na@x.org,2019-02-03T04:05:06Z\n")
    people.import_file(tmp_path / "in.csv", source="form", rejected=tmp_path)
    people.export_file(tmp_path / "out.csv")
    other = another()
    other.import_file(tmp_path / "out.csv", source="moved", rejected=tmp_path)
    found = other.find("a@x.org")
    assert found is not None
    assert found.joined_at == datetime(2019, 2, 3, 4, 5, 6, tzinfo=UTC)
