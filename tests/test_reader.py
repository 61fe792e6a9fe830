"""Who looks at an issue: a made-up recipient, or a subscriber with all that the list knows."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from readership import ask_who_reads, join

from newsletter.errors import StoreError, WriterError
from newsletter.publication import Publication
from newsletter.reader import Reader, listed_reader, segments_for
from newsletter.sample import SAMPLE_DAY
from newsletter.subscribers.address import parse_mailbox

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def letter(sample: Publication) -> Publication:
    """The sample, drafted, with a theme that asks who reads."""
    ask_who_reads(sample)
    sample.draft(today=SAMPLE_DAY)
    return sample


def text_of(path: str) -> str:
    message = email.message_from_bytes(Path(path).read_bytes(), policy=email.policy.default)
    html = message.get_body(("html",))
    assert html is not None
    return str(html.get_content())


def test_a_subscriber_is_known_by_name_language_and_attributes(letter: Publication) -> None:
    join(letter)
    found = listed_reader(letter.subscribers, parse_mailbox("Somebody <ADA@example.org>"))
    assert found is not None
    assert str(found) == "Ada Byron <Ada@example.org>"
    assert found.attributes == {
        "subscriber.language": "",
        "subscriber.city": "Bern",
        "subscriber.country": "CH",
    }
    assert found.standing == "confirmed"
    letter.subscribers.remove("ben@example.org")
    without_name = listed_reader(letter.subscribers, parse_mailbox("Ben <ben@example.org>"))
    assert without_name is not None
    assert (str(without_name), without_name.standing) == ("Ben <ben@example.org>", "left")
    letter.subscribers.suppress("@example.org", "they asked")
    suppressed = listed_reader(letter.subscribers, parse_mailbox("ada@example.org"))
    assert suppressed is not None
    assert suppressed.standing == "suppressed"


def test_who_is_not_on_the_list_or_was_erased_is_nobody(letter: Publication) -> None:
    join(letter)
    letter.subscribers.erase("ben@example.org")
    for address in ("ben@example.org", "eve@example.org"):
        assert listed_reader(letter.subscribers, parse_mailbox(address)) is None


def test_a_segment_within_the_answer_to_another_is_asked_too(letter: Publication) -> None:
    join(letter)
    people = letter.subscribers
    asked: list[frozenset[str]] = []

    def segments(inside: frozenset[str]) -> tuple[str, ...]:
        asked.append(inside)
        return letter.variant(audience=inside).email.segments

    def found(address: str) -> frozenset[str]:
        subscriber = people.find(address)
        assert subscriber is not None
        return segments_for(people, subscriber.id, segments)

    assert found("ada@example.org") == {"tag:pro", 'country = "CH"'}
    assert asked == [frozenset(), {"tag:pro"}, {"tag:pro", 'country = "CH"'}]
    assert found("ben@example.org") == frozenset()


def test_what_a_theme_asks_and_is_no_segment_is_said_with_a_caret(letter: Publication) -> None:
    join(letter)
    with pytest.raises(WriterError, match="there is no standing 'confirmd'"):
        segments_for(letter.subscribers, 1, lambda inside: ['standing = "confirmd"'])


def test_a_test_is_what_the_reader_would_get(letter: Publication) -> None:
    join(letter)
    readers = ["ada@example.org", "ben@example.org", "Eve <eve@example.org>"]
    ada, ben, eve = map(text_of, letter.send_test(letter.build(), readers, now=NOW))
    assert "Dear Ada of Bern." in ada
    assert "For supporters." in ada
    assert "Grüezi." in ada
    assert "as Ada Byron &lt;Ada@example.org&gt; would get it" in ada
    assert "Dear reader of somewhere." in ben
    assert "Dear Eve of somewhere." in eve
    for other in (ben, eve):
        assert "For supporters." not in other
        assert "Ada" not in other


def test_a_test_of_a_chosen_variant_or_as_another_stays_that(letter: Publication) -> None:
    join(letter)
    (chosen,) = letter.send_test(letter.build(audience=["tag:pro"]), ["ben@example.org"], now=NOW)
    assert "For supporters." in text_of(chosen)
    seen_by = parse_mailbox("Eve <eve@example.org>")
    (other,) = letter.send_test(letter.build(), ["ada@example.org"], seen_by=seen_by, now=NOW)
    assert "Dear Eve of somewhere." in text_of(other)
    assert "Bern" not in text_of(other)


def test_a_test_makes_no_list_and_is_not_sent_when_the_list_cannot_be_read(letter: Publication) -> None:
    letter.send_test(letter.build(), ["me@example.com"], now=NOW)
    file = letter.root / "newsletter.db"
    assert not file.exists()
    file.write_text("no database")
    before = list((letter.root / "outbox" / "new").iterdir())
    with pytest.raises(StoreError, match="not a database"):
        letter.send_test(letter.build(), ["me@example.com"], now=NOW)
    assert list((letter.root / "outbox" / "new").iterdir()) == before


def test_a_reader_is_shown_as_in_a_header() -> None:
    assert str(Reader(parse_mailbox("Ada <ada@example.org>"))) == "Ada <ada@example.org>"
    assert str(Reader(parse_mailbox("ada@example.org"))) == "ada@example.org"
