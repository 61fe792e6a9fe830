"""What a subscriber is: values that are checked, and the table of moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ListError, WriterError
from newsletter.subscribers.subscriber import (
    MOVES,
    Act,
    Consent,
    Profile,
    Standing,
    move,
    parse_attributes,
    parse_language,
    parse_profile,
    parse_tag,
    parse_time_zone,
    write_attributes,
)

P, C, L, B, X, E = Standing
#: What every act makes of nobody and of each standing; a dash: refused.
TABLE = {
    #                 nobody  P  C  L  B  X  E
    Act.ASK: [P, P, C, P, P, P, None],
    Act.CONFIRM: [None, C, C, None, None, None, None],
    Act.ADD: [C, C, C, None, None, None, None],
    Act.LEAVE: [None, L, L, L, L, X, None],
    Act.BOUNCE: [None, B, B, L, B, X, None],
    Act.COMPLAIN: [None, X, X, X, X, X, None],
    Act.RESUBSCRIBE: [None, None, None, C, C, None, None],
    Act.CHANGE: [None, P, C, L, B, X, None],
    Act.SUPPRESS: [None, P, C, L, B, X, None],
    Act.LIFT: [None, P, C, L, B, X, None],
    Act.ERASE: [None, E, E, E, E, E, E],
}


@pytest.mark.parametrize("act", Act)
def test_an_act_moves_a_standing_as_the_table_says_and_is_refused_elsewhere(act: Act) -> None:
    for before, after in zip((None, *Standing), TABLE[act], strict=True):
        if after is None:
            with pytest.raises(ListError) as caught:
                move(before, act, who="ada@example.org")
            assert caught.value.where == "ada@example.org"
            assert caught.value.exit_code == 1
        else:
            assert move(before, act, who="ada@example.org") is after


def test_nothing_but_asking_and_confirming_brings_back_who_complained_and_nothing_who_was_erased() -> None:
    assert [act for act in Act if MOVES[act].get(X, X) not in (X, E)] == [Act.ASK]
    assert [act for act in Act if E in MOVES[act]] == [Act.ERASE]


def test_no_act_of_ours_alone_mails_who_has_said_no() -> None:
    assert {act for act in Act if MOVES[act].get(L) is C} == {Act.RESUBSCRIBE}


def test_the_numbers_that_are_stored_never_change() -> None:
    assert {s.name: int(s) for s in Standing} == {
        "PENDING": 0, "CONFIRMED": 1, "LEFT": 2, "BOUNCED": 3, "COMPLAINED": 4, "ERASED": 5,
    }  # fmt: skip
    assert [act.label for act in sorted(Act)] == (
        "ask confirm add leave bounce complain resubscribe change suppress lift erase".split()
    )


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("", ""), ("en", "en"), ("EN", "en"), ("de-ch", "de-CH"), ("de_CH", "de-CH"), ("zh-hant-tw", "zh-Hant-TW"),
        ("sl-rozaj-biske", "sl-rozaj-biske"), ("en-a-bbb-x-A-CCC", "en-a-bbb-x-a-ccc"), ("es-419", "es-419"),
        (" fr ", "fr"),
    ],
)  # fmt: skip
def test_a_language_is_a_tag_in_its_usual_case(text: str, tag: str) -> None:
    assert parse_language(text) == tag


@pytest.mark.parametrize(
    "text", ["e", "de--CH", "de-", "-de", "German!", "de CH", "x" * 9, "dé", "en-123456789", "\x00"]
)
def test_what_is_no_language_is_refused(text: str) -> None:
    with pytest.raises(WriterError, match="not a language"):
        parse_language(text)


@pytest.mark.parametrize(
    "text", ["", "UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", " Asia/Kolkata "]
)
def test_a_time_zone_is_a_name_of_the_iana_database(text: str) -> None:
    assert parse_time_zone(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Europe/Atlantis",
        "CET+1",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "a\x00b",
        "x" * 300,
        "\ud800",
    ],
)
def test_what_is_no_time_zone_is_refused(text: str) -> None:
    with pytest.raises(WriterError, match="not a time zone"):
        parse_time_zone(text)


@pytest.mark.parametrize("value", ["", "CH", "=1+1", "a\nb", "ß🎉", 0, -1, 2**53 - 1, 1.5, True, False])
def test_a_text_a_number_and_a_boolean_are_attributes(value: object) -> None:
    assert parse_attributes({"country": value}) == {"country": value}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        b"",
        2**53,
        float("nan"),
        float("inf"),
        "a\x00b",
        "\ud800",
        "x" * 10_001,
        datetime.now(UTC),
    ],
)
def test_what_a_database_could_not_give_back_is_no_attribute(value: object) -> None:
    with pytest.raises(WriterError):
        parse_attributes({"country": value})


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, "a\x00"])
def test_the_name_of_an_attribute_is_one_line(name: str) -> None:
    with pytest.raises(WriterError):
        parse_attributes({name: "x"})


@pytest.mark.parametrize("text", ["", " ", "a\nb", "x" * 101, "\ud800"])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(WriterError):
        parse_tag(text)


@pytest.mark.parametrize("name", ["Ada\r\nBcc: eve@example.com", "Ada\x00", "\u2028"])
def test_a_name_cannot_break_a_header(name: str) -> None:
    with pytest.raises(WriterError):
        parse_profile(name)


@pytest.mark.parametrize(("how", "source"), [("", "x"), ("form", ""), ("form", " "), ("form", "a\x00")])
def test_a_consent_says_how_and_where_from(how: str, source: str) -> None:
    with pytest.raises(WriterError):
        Consent(how, source)


def test_a_consents_time_has_a_zone() -> None:
    with pytest.raises(WriterError, match="time zone"):
        Consent("form", "https://example.org", at=datetime(2026, 11, 30))
    assert Consent("form", "https://example.org", at=datetime(2026, 11, 30, tzinfo=UTC)).at


def test_a_profile_has_its_values_in_their_usual_form() -> None:
    assert parse_profile(
        " Ada ", "DE_ch", " Europe/Zurich", {" country ": "CH"}, [" pro ", "pro"]
    ) == Profile("Ada", "de-CH", "Europe/Zurich", {"country": "CH"}, frozenset({"pro"}))


def test_what_is_learnt_is_added_to_what_is_known() -> None:
    known = Profile("Ada", "en", "", {"country": "CH", "age": 36}, frozenset({"pro"}))
    news = Profile("", "de", "Europe/Zurich", {"age": 37}, frozenset({"autumn"}))
    assert known.merged(news) == Profile(
        "Ada", "de", "Europe/Zurich", {"country": "CH", "age": 37}, frozenset({"pro", "autumn"})
    )
    assert known.merged(Profile()) == known


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
                       | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)))  # fmt: skip
def test_attributes_come_back_from_the_database_as_they_were(
    attributes: dict[str, str | int | float | bool],
) -> None:
    import json

    written = write_attributes(parse_attributes(attributes))
    back = json.loads(written)
    assert back == attributes
    assert {key: type(value) for key, value in back.items()} == {
        key: type(v) for key, v in attributes.items()
    }
    assert written == write_attributes(dict(reversed(list(attributes.items()))))
