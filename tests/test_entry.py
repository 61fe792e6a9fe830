"""What one row says of one subscriber."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import WriterError
from newsletter.subscribers.address import parse_address
from newsletter.subscribers.columns import FIELDS, guess_layout
from newsletter.subscribers.entry import (
    SEVERITY,
    BadEntry,
    Entry,
    EntryReader,
    seconds,
    split_tags,
    worse,
)
from newsletter.subscribers.subscriber import MOVES, Act, Standing

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ACTS = {
    Standing.CONFIRMED: Act.ADD,
    Standing.LEFT: Act.LEAVE,
    Standing.BOUNCED: Act.BOUNCE,
    Standing.COMPLAINED: Act.COMPLAIN,
}


def entry(headers: str, cells: str, *maps: str, file_name: str = "") -> Entry:
    reader = EntryReader(guess_layout(headers.split(","), maps=maps, file_name=file_name), NOW)
    return reader.from_cells(cells.split(","))


@pytest.mark.parametrize(
    ("cell", "email", "key"),
    [
        (" Ann.B@Example.ORG ", "Ann.B@example.org", "ann.b@example.org"),
        ("x+y@sub.example.co", "x+y@sub.example.co", "x+y@sub.example.co"),
        ("zoë@bücher.ch", "zoë@xn--bcher-kva.ch", "zoë@xn--bcher-kva.ch"),
    ],
)
def test_an_address_is_read(cell: str, email: str, key: str) -> None:
    found = entry("email", cell)
    assert (found.email, found.key, found.domain) == (email, key, email.partition("@")[2])


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "ann",
        "ann@",
        "a@b",
        "a b@x.org",
        "a@x..org",
        "a@-x.org",
        ".a@x.org",
        "a@x.test",
        f"{'a' * 65}@x.org",
        "a\0@x.org",
    ],
)
def test_a_row_without_an_address_is_bad(cell: str) -> None:
    with pytest.raises(BadEntry):
        entry("email", cell)


@pytest.mark.parametrize(
    ("headers", "cells", "maps", "wanted"),
    [
        ("email,name", "a@x.org,Ann", (), {"name": "Ann"}),
        ("email,name", "a@x.org,Ann\n B", (), {"name": "Ann B"}),
        (
            "email,First name,Last name",
            "a@x.org,Ann,Lee",
            (),
            {"name": "Ann Lee", "attributes": {"first_name": "Ann", "last_name": "Lee"}},
        ),
        ("email,lang", "a@x.org,de_ch", (), {"language": "de-CH"}),
        ("email,City", "a@x.org,Bern", (), {"attributes": {"city": "Bern"}}),
        ("email,Zip", "a@x.org,08001", (), {"attributes": {"zip": "08001"}}),
        ("email,Age", "a@x.org,30", ("Age=number:age",), {"attributes": {"age": 30}}),
        ("email,Vip", "a@x.org,Yes", ("Vip=boolean:vip",), {"attributes": {"vip": True}}),
        ("email,status", "a@x.org,Subscribed", (), {"standing": Standing.CONFIRMED}),
        ("email,status", "a@x.org,unsubscribed", (), {"standing": Standing.LEFT}),
        ("email,status", "a@x.org,cleaned", (), {"standing": Standing.BOUNCED}),
        ("email,subscribed", "a@x.org,no", (), {"standing": Standing.LEFT}),
        ("email,subscribed", "a@x.org,TRUE", (), {"standing": Standing.CONFIRMED}),
        ("email,unsubscribed", "a@x.org,2024-01-01", (), {"standing": Standing.LEFT}),
        ("email,unsubscribed", "a@x.org,false", (), {"standing": None}),
        ("email,status,left", "a@x.org,active,yes", (), {"standing": Standing.LEFT}),
        ("email,joined", "a@x.org,2026-10-01", (), {"joined_at": 1790812800}),
        ("email,joined", "a@x.org,2999-10-01", (), {"joined_at": int(NOW.timestamp())}),
    ],
)
def test_a_cell_becomes_what_its_column_is(
    headers: str, cells: str, maps: tuple[str, ...], wanted: dict[str, Any]
) -> None:
    found = entry(headers, cells, *maps)
    assert {name: getattr(found, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("program", "word", "standing"),
    [
        ("uuid,email,name,attributes,status", "enabled", Standing.CONFIRMED),
        ("uuid,email,name,attributes,status", "blocklisted", Standing.LEFT),
        ("email,creation_date,type", "premium", Standing.CONFIRMED),
        ("email,creation_date,type", "unactivated", Standing.PENDING),
        ("email,creation_date,type", "undeliverable", Standing.BOUNCED),
        ("email,status,utm_source,acquisition_source", "inactive", Standing.LEFT),
        ("first_name,email,created_at,status", "inactive", Standing.PENDING),
        ("first_name,email,created_at,status", "cancelled", Standing.LEFT),
        ("subscriber,subscribed,status", "junk", Standing.COMPLAINED),
    ],
)
def test_a_programs_words_mean_what_that_program_means(program: str, word: str, standing: Standing) -> None:
    cells = {"email": "a@x.org", "subscriber": "a@x.org", "status": word, "type": word}
    cells |= {"created_at": "2024-01-01", "creation_date": "2024-01-01", "subscribed": "2024-01-01"}
    found = entry(program, ",".join(cells.get(header, "") for header in program.split(",")))
    assert found.standing is standing


@pytest.mark.parametrize(
    ("headers", "cells", "maps", "reason"),
    [
        ("email,status", "a@x.org,married", (), "'married' is no standing that we know"),
        ("email,joined", "a@x.org,4/3/2021", (), "may be the"),
        ("email,joined", "a@x.org,yesterday", (), "'yesterday' is no day"),
        ("email,Age", "a@x.org,thirty", ("Age=number:age",), "'thirty' is no number (age)"),
        ("email,subscribed", "a@x.org,maybe", (), "'maybe' is neither yes nor no"),
        ("email,language", "a@x.org,???", (), "not a language"),
        ("email,timezone", "a@x.org,Mars/North", (), "not a time zone"),
        ("email,name", "a@x.org,A\0B", (), "the name has a control character"),
        ("email,name", "a@x.org," + "A" * 301, (), "longer than 300"),
        ("email,city", "a@x.org,A\0B", (), "U+0000"),
        ("email,attributes", "a@x.org,{", (), "not JSON"),
    ],
)
def test_a_cell_that_means_nothing_makes_its_row_bad(
    headers: str, cells: str, maps: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(BadEntry) as caught:
        entry(headers, cells, *maps)
    assert reason in str(caught.value)


def test_a_no_is_never_lost_to_a_bad_cell_beside_it() -> None:
    found = entry("email,language,joined,status,city", "a@x.org,???,yesterday,unsubscribed,Bern")
    assert (found.standing, found.language, found.attributes) == (Standing.LEFT, "", {"city": "Bern"})
    found = entry("email,city,status", "a@x.org,A\0B,complained")
    assert (found.standing, found.attributes) == (Standing.COMPLAINED, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-10-01", "2026-10-01T00:00:00+00:00"),
        ("2026-10-01 12:30:00", "2026-10-01T12:30:00+00:00"),
        ("2026-10-01T12:30:00.123Z", "2026-10-01T12:30:00+00:00"),
        ("2026-10-01T12:30:00+02:00", "2026-10-01T10:30:00+00:00"),
        ("2026-10-01 12:30:00 UTC", "2026-10-01T12:30:00+00:00"),
        ("2026/10/01 12:30", "2026-10-01T12:30:00+00:00"),
        ("1.10.2026", "2026-10-01T00:00:00+00:00"),
        ("25/10/2026", "2026-10-25T00:00:00+00:00"),
        ("10/25/2026 8:05", "2026-10-25T08:05:00+00:00"),
        ("5/5/2026", "2026-05-05T00:00:00+00:00"),
        ("Oct 1, 2026", "2026-10-01T00:00:00+00:00"),
        ("October 1, 2026", "2026-10-01T00:00:00+00:00"),
    ],
)
def test_a_day_is_read_however_it_is_written(text: str, wanted: str) -> None:
    assert datetime.fromtimestamp(seconds(text), UTC).isoformat() == wanted


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("pro", ["pro"]),
        ("pro, free ;x|y", ["pro", "free", "x", "y"]),
        ('"VIP","Spring, 2026"', ["VIP", "Spring, 2026"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ('[{"id": 1, "name": "VIP"}]', ["VIP"]),
        ("[x]", ["[x]"]),
        (" , ", []),
    ],
)
def test_tags_are_split_as_programs_write_them(cell: str, tags: list[str]) -> None:
    assert split_tags(cell) == tags


def test_an_object_says_what_a_row_says_and_more() -> None:
    reader = EntryReader(guess_layout(["email", "age", "fields", "tags"]), NOW)
    found = reader.from_object(
        {
            "email": "a@x.org",
            "age": 30,
            "vip": True,
            "late": "seen after the first hundred rows",
            "fields": {"city": "Bern", "list": [1, 2], "none": None},
            "tags": [{"name": "pro"}, "free"],
            "empty": None,
        }
    )
    assert found.attributes == {
        "age": 30,
        "vip": True,
        "late": "seen after the first hundred rows",
        "city": "Bern",
        "list": "[1, 2]",
    }
    assert list(found.tags) == ["pro", "free"]
    for email in (None, 3, ["a@x.org"]):
        with pytest.raises(BadEntry, match="has no email"):
            reader.from_object({"email": email})


def test_of_two_rows_the_last_that_says_something_stands() -> None:
    one = Entry(
        "k", "k", "d", name="A", language="de", attributes={"a": 1, "b": 1}, tags={"x": None}, joined_at=20
    )
    one.merge(Entry("k", "k", "d", name="B", attributes={"b": 2}, tags={"y": None}, joined_at=10))
    assert (one.name, one.language, one.attributes, list(one.tags), one.joined_at) == (
        "B",
        "de",
        {"a": 1, "b": 2},
        ["x", "y"],
        10,
    )


@pytest.mark.parametrize("one", SEVERITY)
@pytest.mark.parametrize("other", SEVERITY)
def test_two_standings_are_one_as_their_acts_would_make_it_in_either_order(
    one: Standing, other: Standing
) -> None:
    both = worse(one, other)
    assert both is worse(other, one)
    for first, second in ((one, other), (other, one)):
        if second is not Standing.PENDING:
            assert MOVES[ACTS[second]].get(first, first) is both


STANDINGS = st.none() | st.sampled_from(SEVERITY)


@given(STANDINGS, STANDINGS, STANDINGS)
def test_standings_come_to_the_same_however_rows_are_spread(a: Any, b: Any, c: Any) -> None:
    assert worse(worse(a, b), c) is worse(a, worse(b, c))


ADDRESSES = st.from_regex(
    r"[a-zA-Z0-9._+'-]{1,8}@([a-zA-Z0-9-]{1,6}\.){1,3}(com|org|ch|test|localhost|xn--p1ai|c|c0m)",
    fullmatch=True,
)


@given(ADDRESSES | st.text(max_size=12) | st.tuples(st.text(max_size=5), st.text(max_size=5)).map("@".join))
def test_the_short_way_to_an_address_is_the_long_one(text: str) -> None:
    assert by_entry(text) == by_parsing(text)


def by_entry(text: str) -> tuple[str, str, str] | None:
    try:
        found = EntryReader(guess_layout(["email"]), NOW).from_cells([text])
    except BadEntry:
        return None
    return found.email, found.key, found.domain


def by_parsing(text: str) -> tuple[str, str, str] | None:
    try:
        address = parse_address(text.strip())
    except WriterError:
        return None
    return str(address), address.key, address.domain


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=2)
    ),
    max_leaves=5,
)
FIELD_NAMES = [name for name in FIELDS if name not in ("email", "-")]


@given(st.dictionaries(st.sampled_from(FIELD_NAMES) | st.text(max_size=4), JSON, max_size=5))
def test_whatever_an_object_holds_it_is_an_entry_that_can_be_stored_or_bad(values: dict[str, Any]) -> None:
    layout = guess_layout(["email", *FIELD_NAMES], maps=[f"{name}={name}" for name in FIELD_NAMES])
    try:
        found = EntryReader(layout, NOW).from_object({**values, "email": "a@x.org"})
    except BadEntry:
        return
    assert_storable(found)


@given(st.lists(st.text(st.characters(), max_size=8), min_size=len(FIELD_NAMES), max_size=len(FIELD_NAMES)))
def test_whatever_cells_hold_they_are_an_entry_that_can_be_stored_or_bad(cells: list[str]) -> None:
    layout = guess_layout(["email", *FIELD_NAMES], maps=[f"{name}={name}" for name in FIELD_NAMES])
    try:
        found = EntryReader(layout, NOW).from_cells(["a@x.org", *cells])
    except BadEntry:
        return
    assert_storable(found)


def assert_storable(found: Entry) -> None:
    texts = [found.name, found.language, found.time_zone, *found.tags, *found.attributes]
    texts += [value for value in found.attributes.values() if isinstance(value, str)]
    for text in texts:
        assert "\0" not in text
        text.encode()
