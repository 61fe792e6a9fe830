"""Segments: what the language means, on both databases, and that no text becomes SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.errors import WriterError
from newsletter.sending.delivery import State
from newsletter.store import tables
from newsletter.store.database import Database
from newsletter.subscribers import segment_sql
from newsletter.subscribers.segment import FIELDS, WORDS, Segment, parse_segment
from newsletter.subscribers.segment_terms import (
    All,
    AnyOf,
    Compared,
    Condition,
    IsSet,
    Not,
    OneOf,
    Operator,
    Received,
    Tagged,
    Value,
)
from newsletter.subscribers.subscriber import Standing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMED = {"swiss": 'country = "CH"', "loyal": "@swiss and joined > 1w", "a": "@b", "b": "not @a"}
PEOPLE: list[dict[str, Any]] = [
    {
        "email": "Ann@Gmail.com",
        "name": "Ann",
        "language": "de-CH",
        "tags": ["pro", "two words"],
        "attributes": {"country": "CH", "age": 30, "vip": True, "city": "Zürich"},
        "joined": NOW - timedelta(days=3),
        "received": ["autumn"],
    },
    {
        "email": "bob@example.org",
        "name": "Bob O'Neil 100%",
        "language": "en",
        "standing": Standing.LEFT,
        "attributes": {"country": "AT", "age": 30.5, "vip": False, "city": ""},
        "joined": datetime(2026, 10, 1, tzinfo=UTC),
    },
    {
        "email": "eve@xn--bcher-kva.example",
        "attributes": {
            "country": 41,
            "age": "30",
            "vip": "true",
            'odd "name"': "yes",
            "renews": "2027-01-01",
        },
        "tags": ["free"],
        "joined": datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC),
        "received": ["spring"],
    },
    {
        "email": "zoë@example.org",
        "name": "Zoë",
        "time_zone": "Europe/Zurich",
        "joined": NOW - timedelta(days=900),
    },
]
#: Segments, and the numbers of the people above who are in them.
MEANING = {
    "": "0123",
    "everybody": "0123",
    "tag:pro": "0",
    'tag:"two words"': "0",
    "tags contains 'free'": "2",
    "tag:nobody": "",
    "not tag:pro": "123",
    "tags is set": "02",
    "tags is not set": "13",
    'country = "CH"': "0",
    'country in ("CH", "AT")': "01",
    'country not in ("CH", "AT")': "23",
    'country != "CH"': "123",
    "country in ('CH', 41)": "02",
    "age = 30": "0",
    "age >= 30 and age < 31": "01",
    "age > 30": "1",
    'age = "30"': "2",
    "vip = true": "0",
    "vip != true": "123",
    "vip = false": "1",
    "city is set": "0",
    "city is not set": "123",
    'city starts "Zü"': "0",
    'city contains "ric"': "0",
    "renews < 2027-06-01": "2",
    "renews < 2026-06-01": "",
    "attribute:'odd \"name\"' = 'yes'": "2",
    "attribute:age = 30": "0",
    'attribute:name = "Ann"': "",
    'name contains "100%"': "1",
    'name contains "%"': "1",
    "name contains '\\'Neil'": "1",
    "name is set": "013",
    'name > "Ann" and name < "Zo"': "1",
    'name >= "Zoë"': "3",
    'email = "ann@gmail.com"': "0",
    'email starts "ANN"': "0",
    'domain = "gmail.com"': "0",
    'domain = "GMAIL.com"': "0",
    'domain = "bücher.example"': "2",
    'domain in ("gmail.com", "bücher.example")': "02",
    'domain != "gmail.com"': "123",
    'language = "de-CH"': "0",
    'language starts "de"': "0",
    'language != "de-CH"': "123",
    "time_zone is set": "3",
    'standing = "confirmed"': "023",
    'standing != "Confirmed"': "1",
    'standing in ("left", "bounced")': "1",
    "joined < 30d": "0",
    "joined > 30d": "123",
    "joined < 72h": "",
    "joined <= 72h": "0",
    "joined > 100w": "3",
    "joined = 2026-10-01": "12",
    "joined != 2026-10-01": "03",
    "joined < 2026-10-01": "3",
    "joined <= 2026-10-01": "123",
    "joined > 2026-10-01": "0",
    "joined >= 2026-10-01": "012",
    'received("autumn")': "0",
    'not received("autumn")': "123",
    'received("spring")': "",  # planned, and not accepted
    "tag:pro or tag:free and not tag:free": "0",
    "(tag:pro or tag:free) and not tag:free": "0",
    "NOT tag:pro AND (TAG:x or name is not set)".replace("TAG", "tag"): "2",
    "not not tag:pro": "0",
    "@swiss": "0",
    "segment:loyal": "",
    "@swiss or domain = 'example.org'": "013",
    'tag:pro and country in ("CH", "AT") and joined < 30d and not received("2026-10-01-…") and domain = "gmail.com"': "0",
}
#: What is no segment: the column of the caret, and words of the message.
REFUSED = {
    "tag:": (4, "the name of a tag is missing before the end"),
    "tag:pro and": (11, "a condition is missing before the end"),
    "tag:pro tag:free": (8, "'and' or 'or' is missing before 'tag:'"),
    "(tag:pro": (8, "')' is missing before the end"),
    "tag:pro)": (7, "closes nothing"),
    "country": (7, "after 'country' comes one of"),
    "country = CH": (10, "'CH' is no value"),
    "country == 'CH'": (9, "a value is missing before '='"),
    "country = 'CH": (10, "the text is not closed"),
    "country in 'CH'": (11, "'(' is missing"),
    "country in ()": (12, "a value is missing before ')'"),
    "standing = 'confirmd'": (11, "did you mean 'confirmed'?"),
    "standing < 'left'": (11, "a standing is compared with"),
    "domain = 3": (9, "domain is compared with a text"),
    "joined = 30d": (9, "a duration is compared with < <= > >="),
    "joined < 'monday'": (9, "joined is compared with a date or a duration"),
    "joined in (2026-10-01)": (11, "not compared with a list"),
    "joined < 2026-02-30": (9, "there is no day 2026-02-30"),
    "joined < 9999999d": (9, "longer than a hundred years"),
    "joined < 99999999999999999999w": (9, "longer than a hundred years"),
    "joined < 30m": (9, "'30m' is no number, date or duration"),
    "age > 99999999999999999999": (6, "too large"),
    "age < 30d": (6, "only joined is compared with a duration"),
    "vip < true": (6, "true and false are compared with = and !="),
    "name contains 3": (14, "contains looks for a text"),
    "tags = 'pro'": (7, "tags are asked for with contains"),
    "tags in ('pro', 'free')": (9, "tags are asked for with contains|not compared with a list"),
    "received(autumn)": (9, "the id of an issue is missing"),
    "receivd('x')": (7, "did you mean 'received'"),
    "tag:pro; drop table subscriber": (7, "';' means nothing here"),
    "name = 'a' -- b": (11, "'-' means nothing here"),
    "status:active": (6, "':' means nothing here"),
    "tag:pro && tag:free": (8, "'&' means nothing here"),
    "name = 'a\0b'": (9, "U+0000 cannot stand in a segment"),
    "@swis": (1, "there is no segment 'swis', did you mean 'swiss'?"),
    "@a": (5, "the segment 'a' is made of itself: a -> b -> a"),
    "(" * 50 + "tag:a": (30, "more than 30 parentheses"),
    " or ".join(["tag:a"] * 201): (1800, "more than 200 conditions"),
    "\N{CJK UNIFIED IDEOGRAPH-4E2D} = 'x' x": (9, "'and' or 'or' is missing"),
    "tag:a\nand\nname == 'x'": (6, "a value is missing"),
}


def add_people(database: Database, people: list[dict[str, Any]]) -> None:
    """The people, numbered from 0; each `received` is an issue, and all but "spring" were accepted."""
    with database.write() as connection:
        tags: dict[str, int] = {}
        for number, name in enumerate(["autumn", "spring"], 1):
            row = {"id": number, "issue_id": name, "digest": "", "subject": "", "segment": "", "state": 0}
            connection.execute(insert(tables.campaign), {**row, "planned_at": 0})
        for number, person in enumerate(people):
            local, _, domain = person["email"].partition("@")
            row = {
                "id": number,
                "email": person["email"],
                "email_key": f"{local.lower()}@{domain.lower()}",
                "domain": domain.lower(),
                "name": person.get("name", ""),
                "language": person.get("language", ""),
                "time_zone": person.get("time_zone", ""),
                "attributes": json.dumps(person.get("attributes", {})),
                "standing": person.get("standing", Standing.CONFIRMED),
                "joined_at": int(person["joined"].timestamp()),
                "changed_at": 0,
            }
            connection.execute(insert(tables.subscriber), row)
            for name in person.get("tags", []):
                if name not in tags:
                    tags[name] = len(tags) + 1
                    connection.execute(insert(tables.tag), {"id": tags[name], "name": name})
                connection.execute(
                    insert(tables.subscriber_tag), {"tag_id": tags[name], "subscriber_id": number}
                )
            for issue in person.get("received", []):
                campaign, state = (1, State.ACCEPTED) if issue == "autumn" else (2, State.PLANNED)
                row = {"campaign_id": campaign, "subscriber_id": number, "state": state}
                connection.execute(insert(tables.delivery), row)


def members(database: Database, segment: Segment) -> str:
    dialect = "postgresql" if database.is_postgres else "sqlite"
    with database.read() as connection:
        asked = (
            select(tables.subscriber.c.id).where(segment.sql(dialect, NOW)).order_by(tables.subscriber.c.id)
        )
        return "".join(str(number) for (number,) in connection.execute(asked))


def holds(condition: Condition, person: dict[str, Any]) -> bool:
    """What a condition means, said a second time, in Python."""
    match condition:
        case All(parts):
            return all(holds(part, person) for part in parts)
        case AnyOf(parts):
            return any(holds(part, person) for part in parts)
        case Not(part):
            return not holds(part, person)
        case Tagged(name):
            return name in person.get("tags", [])
        case Received(issue):
            return issue == "autumn" and issue in person.get("received", [])
        case IsSet(field):
            if field.name == "tags" and not field.is_attribute:
                return bool(person.get("tags"))
            return value_of(field, person) not in (None, "")
        case OneOf(field, values):
            return any(holds(Compared(field, Operator.EQUAL, value), person) for value in values)
        case Compared(field, operator, value):
            return compares(value_of(field, person), operator, value)


def value_of(field: Any, person: dict[str, Any]) -> Any:
    if field.is_attribute:
        return person.get("attributes", {}).get(field.name)
    domain = person["email"].partition("@")[2]
    if field.name == "standing":
        return Standing(person.get("standing", Standing.CONFIRMED)).name.lower()
    known = {"email": person["email"].lower(), "domain": domain.lower(), "joined": person["joined"]}
    return known.get(field.name, person.get(field.name, ""))


def compares(have: Any, operator: Operator, value: Value) -> bool:
    if isinstance(have, datetime):
        have = have.replace(microsecond=0)
        if isinstance(value, timedelta):
            have, value = NOW - have, value
        else:
            assert isinstance(value, date)
            begin = datetime.combine(value, time(), UTC)
            have = 0 if begin <= have < begin + timedelta(days=1) else (have - begin).total_seconds()
            value = 0
    elif type(have) is not type(value) and not (
        isinstance(have, int | float)
        and isinstance(value, int | float)
        and not isinstance(have, bool)
        and not isinstance(value, bool)
    ):
        return False
    outcomes: dict[str, Callable[[], bool]] = {
        "=": lambda: have == value,
        "<": lambda: have < value,
        "<=": lambda: have <= value,
        ">": lambda: have > value,
        ">=": lambda: have >= value,
        "contains": lambda: value in have,
        "starts": lambda: have.startswith(value),
    }
    return outcomes[operator]()


def test_every_segment_means_what_it_says_on_both_databases(database: Database) -> None:
    add_people(database, PEOPLE)
    found = {text: members(database, parse_segment(text, named=NAMED)) for text in MEANING}
    assert found == {text: wanted.replace("…", "") for text, wanted in MEANING.items()}


@pytest.mark.parametrize("text", MEANING)
def test_the_meaning_in_python_is_the_same(text: str) -> None:
    condition = parse_segment(text, named=NAMED).condition
    if "bücher" not in text:  # IDNA is the database's side
        assert "".join(str(n) for n, person in enumerate(PEOPLE) if holds(condition, person)) == MEANING[text]


@pytest.mark.parametrize(("text", "wanted"), REFUSED.items())
def test_what_is_no_segment_is_refused_with_a_caret_below_the_place(
    text: str, wanted: tuple[int, str]
) -> None:
    with pytest.raises(WriterError) as caught:
        parse_segment(text, named=NAMED)
    assert re.search("|".join(map(re.escape, wanted[1].split("|"))), caught.value.message)
    assert caught.value.excerpt.split("\n")[1].index("^") == wanted[0]


def test_an_error_in_a_named_segment_says_which(database: Database) -> None:
    with pytest.raises(WriterError) as caught:
        parse_segment("@outer", named={"outer": "@inner", "inner": "tag:a and"}, where="newsletter.toml")
    assert caught.value.where == "newsletter.toml, segment 'inner' in segment 'outer'"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(WriterError, match="4,001 characters"):
        parse_segment(" " * 4001)


def test_accepted_is_the_number_that_the_ledger_stores() -> None:
    assert segment_sql.ACCEPTED == State.ACCEPTED


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NASTY = st.sampled_from(["'", '"', "--", ";", "/*", "%", "\\", "') or 1=1 --", "DROP TABLE subscriber", "\0"])
PIECES = st.lists(
    st.sampled_from([*FIELDS, *WORDS, "tag:", "attribute:", "@", "(", ")", ",", "=", "!=", "<", "30d", "1.5"])
    | NASTY
    | TEXTS
    | TEXTS.map(lambda text: f'"{text}"'),
    max_size=14,
).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(PIECES | TEXTS)
def test_whatever_the_text_it_is_refused_or_no_letter_of_it_becomes_sql(text: str) -> None:
    try:
        segment = parse_segment(text, named=NAMED)
    except WriterError:
        return
    same_shape = shape(segment.condition)
    for dialect, compiler in (("sqlite", sqlite.dialect()), ("postgresql", postgresql.dialect())):  # type: ignore[no-untyped-call]
        sql = str(segment.sql(dialect, NOW).compile(dialect=compiler))
        assert sql == str(segment_sql.compile_condition(same_shape, dialect, NOW).compile(dialect=compiler))


def shape(condition: Condition) -> Condition:
    """The condition with every name and value replaced by one that we chose."""
    match condition:
        case All(parts):
            return All(tuple(map(shape, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(shape, parts)))
        case Not(part):
            return Not(shape(part))
        case Tagged():
            return Tagged("x")
        case Received():
            return Received("x")
        case IsSet(field):
            return IsSet(ours(field))
        case OneOf(field, values):
            return OneOf(ours(field), tuple(blank(field, value) for value in values))
        case Compared(field, operator, value):
            return Compared(ours(field), operator, blank(field, value))


def ours(field: Any) -> Any:
    return type(field)("x", True) if field.is_attribute else field


def blank(field: Any, value: Value) -> Value:
    return (
        "left"
        if field.name == "standing" and not field.is_attribute
        else "x"
        if isinstance(value, str)
        else value
    )


NAMES = st.sampled_from(["country", "age", "x y", 'q"uote', "ä", "$.a", "name"])
TEXT_VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=5
) | NASTY.filter(lambda text: text != "\0")
NUMBERS = st.integers(-(2**53), 2**53) | st.decimals(-1000, 1000, places=2).map(lambda number: float(number))
VALUES = TEXT_VALUES | NUMBERS | st.booleans()


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value:.2f}" if isinstance(value, float) else str(value)


ATTRIBUTE = NAMES.map(lambda name: f"attribute:{written(name)}")
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
CONDITIONS = st.one_of(
    st.tuples(ATTRIBUTE, SIGNS, (TEXT_VALUES | NUMBERS).map(written)).map(" ".join),
    st.tuples(ATTRIBUTE, st.sampled_from(["=", "!="]), st.booleans().map(written)).map(" ".join),
    st.tuples(
        ATTRIBUTE | st.sampled_from(["name", "email"]),
        st.sampled_from(["contains", "starts"]),
        TEXT_VALUES.map(written),
    ).map(" ".join),
    st.tuples(st.sampled_from(["name", "time_zone", "language"]), SIGNS, TEXT_VALUES.map(written)).map(
        " ".join
    ),
    st.tuples(ATTRIBUTE, st.lists(VALUES.map(written), min_size=1, max_size=3).map(", ".join)).map(
        lambda pair: f"{pair[0]} in ({pair[1]})"
    ),
    (ATTRIBUTE | st.sampled_from(["name", "tags"])).map(lambda field: f"{field} is set"),
    TEXT_VALUES.map(lambda tag: f"tag:{written(tag)}"),
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 900)).map(
        lambda p: f"joined {p[0]} {p[1]}d"
    ),
    st.tuples(SIGNS, st.dates(date(2024, 1, 1), date(2027, 1, 1))).map(lambda p: f"joined {p[0]} {p[1]}"),
    st.sampled_from(['received("autumn")', 'received("spring")']),
)
SEGMENTS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({' '.join(p)})"),
    ),
    max_leaves=5,
)
PERSON = st.fixed_dictionaries(
    {"joined": st.datetimes(datetime(2024, 1, 1), datetime(2026, 11, 23), timezones=st.just(UTC))},
    optional={
        "name": TEXT_VALUES,
        "language": TEXT_VALUES,
        "attributes": st.dictionaries(NAMES, VALUES, max_size=3),
        "tags": st.lists(TEXT_VALUES, unique=True, max_size=2),
        "standing": st.sampled_from(Standing),
        "received": st.lists(st.sampled_from(["autumn", "spring"]), unique=True),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(PERSON, min_size=1, max_size=5), texts=st.lists(SEGMENTS, min_size=1, max_size=8))
def test_both_databases_and_python_agree_on_every_segment(
    database: Database, people: list[dict[str, Any]], texts: list[str]
) -> None:
    with database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name not in ("meta", "schema_revision"):
                connection.execute(table.delete())
    people = [{**person, "email": f"p{number}@example.org"} for number, person in enumerate(people)]
    add_people(database, people)
    for text in texts:
        segment = parse_segment(text)
        wanted = "".join(
            str(number) for number, person in enumerate(people) if holds(segment.condition, person)
        )
        assert members(database, segment) == wanted, text
