"""The list on both databases: acts that are whole, suppression that lasts, people who are forgotten."""

from __future__ import annotations

import hmac
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, sleep

import pytest
from sqlalchemy import func, insert, select, update

from newsletter.errors import ConfigError, ListError, StoreLater, UsageError, WriterError
from newsletter.publication import Publication
from newsletter.sending.delivery import State
from newsletter.store import tables
from newsletter.store.database import Database, open_database
from newsletter.subscribers import census, rows, suppression
from newsletter.subscribers.address import parse_address
from newsletter.subscribers.subscriber import Act, Consent, Profile, Standing, Subscriber
from newsletter.subscribers.subscriber_list import SubscriberList
from newsletter.subscribers.suppression import open_suppression

ADA = "ada@example.org"
FORM = Consent("form", "https://example.org/join", "Send me the letter, every Monday")
START = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = "one-key-of-more-than-sixteen-letters"


class Clock:
    """A clock that moves a minute whenever it is read."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def people(database: Database) -> SubscriberList:
    return SubscriberList(database, secret_key=KEY, now=Clock())


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.execute(
            select(func.count()).select_from(tables.metadata.tables[table])
        ).scalar_one()


def facts(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {row.key: row.value for row in connection.execute(select(tables.meta))}


def known(people: SubscriberList, who: str | int = ADA) -> Subscriber:
    """A subscriber who is on the list."""
    found = people.find(who)
    assert found
    return found


def acts(people: SubscriberList, address: str = ADA) -> list[str]:
    return [event.act.label for event in people.show(address).history]


# Joining and leaving.


def test_somebody_added_is_found_with_all_that_is_known(people: SubscriberList) -> None:
    added = people.add(
        "Ada@Example.org",
        FORM,
        name="Ada Lovelace",
        language="de_ch",
        time_zone="Europe/Zurich",
        attributes={"country": "CH", "age": 36, "rate": 0.5, "vip": True},
        tags=["pro", "autumn"],
    )
    assert added == people.find("ada@EXAMPLE.ORG") == people.find(added.id)
    assert str(added.address) == "Ada@example.org"
    assert added.standing is Standing.CONFIRMED
    assert added.is_mailed
    assert added.profile == Profile(
        "Ada Lovelace", "de-CH", "Europe/Zurich",
        {"age": 36, "country": "CH", "rate": 0.5, "vip": True}, frozenset({"pro", "autumn"}),
    )  # fmt: skip
    assert added.joined_at == added.changed_at == START + timedelta(minutes=1)


def test_the_history_says_when_how_from_where_and_with_which_words(people: SubscriberList) -> None:
    when = datetime(2024, 2, 29, 23, 59, tzinfo=UTC)
    people.add(ADA, Consent("import", "shop.csv", "I agree", at=when))
    (event,) = people.show(ADA).history
    assert (event.number, event.act, event.at) == (1, Act.ADD, when)
    assert event.consent == Consent("import", "shop.csv", "I agree", at=when)


def test_the_same_words_at_the_same_place_are_kept_once(people: SubscriberList) -> None:
    for number in range(5):
        people.add(f"reader{number}@example.org", FORM)
    assert count(people.database, "consent") == 1
    people.add(ADA, Consent("form", "https://example.org/join", "Send me the letter, every day"))
    assert count(people.database, "consent") == 2


def test_adding_again_adds_what_is_new_and_keeps_the_rest(people: SubscriberList) -> None:
    people.add(ADA, FORM, name="Ada", attributes={"country": "CH"}, tags=["pro"])
    again = people.add(ADA.upper(), FORM, language="en", attributes={"age": 36}, tags=["autumn"])
    assert again.profile == Profile(
        "Ada", "en", "", {"age": 36, "country": "CH"}, frozenset({"pro", "autumn"})
    )
    assert str(again.address) == ADA
    assert acts(people) == ["add", "change"]
    people.add(ADA, FORM, name="Ada")
    assert acts(people) == ["add", "change"]
    assert count(people.database, "subscriber") == 1


def test_a_form_makes_somebody_pending_and_only_the_confirmation_mails_them(people: SubscriberList) -> None:
    asked = people.ask(ADA, FORM, name="Ada")
    assert asked.standing is Standing.PENDING
    assert not asked.is_mailed
    assert people.confirm(asked.id).is_mailed
    assert people.confirm(asked.id).is_mailed
    assert acts(people) == ["ask", "confirm"]


def test_a_form_changes_nothing_that_is_known(people: SubscriberList) -> None:
    ada = people.add(ADA, FORM, name="Ada", tags=["pro"])
    assert people.ask(ADA, FORM, name="Eve", tags=["spam"]) == ada
    assert acts(people) == ["add"]


def test_who_leaves_stays_away_until_there_is_a_reason(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    assert people.remove(ADA, note="by telephone").standing is Standing.LEFT
    people.remove(ADA)
    with pytest.raises(ListError, match="has left") as caught:
        people.add(ADA, FORM, name="Somebody")
    assert "--resubscribe" in caught.value.hint
    assert acts(people) == ["add", "leave"]
    assert known(people, ADA).profile.name == ""
    assert people.add(ADA, FORM, resubscribe="asked by letter").is_mailed
    assert [event.note for event in people.show(ADA).history] == ["", "by telephone", "asked by letter"]


def test_a_reason_does_not_bring_back_who_complained(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    people.complain(ADA, note="feedback loop")
    with pytest.raises(ListError, match="has complained"):
        people.add(ADA, FORM, resubscribe="we would like to")
    assert people.ask(ADA, FORM).standing is Standing.PENDING


def test_a_reason_that_is_not_needed_does_no_harm(people: SubscriberList) -> None:
    assert people.add(ADA, FORM, resubscribe="just in case").is_mailed
    assert acts(people) == ["add"]


def test_a_link_made_void_lets_nobody_leave(people: SubscriberList) -> None:
    ada = people.add(ADA, FORM)
    with pytest.raises(ListError, match="no longer valid"):
        people.leave(ada.id, generation=ada.generation + 1)
    assert people.leave(ada.id, generation=ada.generation).standing is Standing.LEFT


def test_a_mailbox_that_is_not_there_is_mailed_no_more(people: SubscriberList) -> None:
    ada = people.add(ADA, FORM)
    assert people.bounce(ada.id, note="550 5.1.1 no such user").standing is Standing.BOUNCED
    assert people.show(ADA).history[-1].note == "550 5.1.1 no such user"


@pytest.mark.parametrize("act", ["remove", "erase", "show", "bounce", "change"])
def test_who_is_not_on_the_list_is_named(people: SubscriberList, act: str) -> None:
    with pytest.raises(ListError, match="not on the list") as caught:
        getattr(people, act)(ADA, **({"note": "x"} if act == "bounce" else {}))
    assert caught.value.where == ADA
    assert caught.value.exit_code == 1


def test_what_is_known_is_changed_and_taken_out(people: SubscriberList) -> None:
    people.add(ADA, FORM, name="Ada", attributes={"country": "CH", "age": 36}, tags=["pro", "autumn"])
    changed = people.change(
        ADA, name="", attributes={"age": None, "city": "Bern"}, add_tags=["new"], remove_tags=["pro"]
    )
    assert changed.profile == Profile(
        "", "", "", {"city": "Bern", "country": "CH"}, frozenset({"autumn", "new"})
    )
    assert people.find(ADA) == changed
    people.change(ADA)
    assert [event.note for event in people.show(ADA).history] == ["", "name, attributes, tags"]


def test_a_time_zone_that_is_abolished_hinders_nothing(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    with people.database.write() as connection:
        connection.execute(update(tables.subscriber).values(time_zone="Europe/Atlantis"))
    assert people.add(ADA, FORM, name="Ada").profile.time_zone == "Europe/Atlantis"
    assert people.change(ADA, language="en").profile.time_zone == "Europe/Atlantis"
    with pytest.raises(WriterError, match="not a time zone"):
        people.change(ADA, time_zone="Europe/Atlantis")


def test_what_is_wrong_changes_nothing(people: SubscriberList) -> None:
    people.add(ADA, FORM, name="Ada")
    with pytest.raises(WriterError, match="not a time zone"):
        people.change(ADA, name="Eve", time_zone="Mars/Olympus")
    with pytest.raises(WriterError, match="not an email address"):
        people.add("ada@", FORM)
    assert known(people, ADA).profile.name == "Ada"
    assert count(people.database, "subscriber") == 1


def test_a_foreign_address_is_kept_as_it_is_mailed(people: SubscriberList) -> None:
    added = people.add("пётр@faß.de", FORM, name="Пётр")
    assert str(added.address) == "пётр@xn--fa-hia.de"
    assert people.find("ПЁТР@FAß.de") == added
    assert people.find("пётр@fass.de") is None


def test_the_standings_are_counted(people: SubscriberList) -> None:
    for number in range(3):
        people.add(f"reader{number}@example.org", FORM)
    people.ask(ADA, FORM)
    people.remove("reader0@example.org")
    assert people.standings() == {Standing.PENDING: 1, Standing.CONFIRMED: 2, Standing.LEFT: 1}


# Suppression.


def test_a_suppressed_address_is_marked_and_refused_ever_after(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    people.add("bob@example.org", FORM)
    assert people.suppress("Ada@Example.org", "asked by letter") == 1
    ada = people.show(ADA)
    assert ada.subscriber
    assert not ada.subscriber.is_mailed
    assert ada.subscriber.standing is Standing.CONFIRMED
    assert ada.suppressed
    assert ada.suppressed.reason == "asked by letter"
    assert acts(people) == ["add", "suppress"]
    for refused in (people.add, people.ask):
        with pytest.raises(ListError, match=r"never to be mailed.*asked by letter"):
            refused(ADA.upper(), FORM)
    assert known(people, "bob@example.org").is_mailed


def test_a_suppressed_domain_is_all_its_addresses_and_no_others(people: SubscriberList) -> None:
    for address in (ADA, "bob@EXAMPLE.org", "eve@mail.example.org", "eve@notexample.org"):
        people.add(address, FORM)
    assert people.suppress("@example.org", "their own wish") == 2
    mailed = [
        known(people, a).is_mailed
        for a in (ADA, "bob@example.org", "eve@mail.example.org", "eve@notexample.org")
    ]
    assert mailed == [False, False, True, True]
    with pytest.raises(ListError, match=r"all of example\.org was suppressed"):
        people.add("new@example.org", FORM)
    assert people.suppress("example.org", "again") == 0


def test_an_address_suppressed_before_it_came_stays_out(people: SubscriberList) -> None:
    assert people.suppress(ADA, "asked by letter") == 0
    with pytest.raises(ListError, match="never to be mailed"):
        people.add(ADA, FORM)
    dossier = people.show(ADA)
    assert dossier.subscriber is None
    assert dossier.suppressed


def test_a_suppression_is_lifted_but_for_those_who_have_another(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    people.add("bob@example.org", FORM)
    people.suppress(ADA, "hers")
    people.suppress("@example.org", "all")
    assert people.lift("@example.org", "a mistake")
    assert not known(people, ADA).is_mailed
    assert known(people, "bob@example.org").is_mailed
    assert acts(people, "bob@example.org") == ["add", "suppress", "lift"]
    assert people.lift(ADA, "she wrote")
    assert known(people, ADA).is_mailed
    assert not people.lift(ADA, "again")


@pytest.mark.parametrize("target", ["", "@", "nobody", "a b@example.org", "@-x.org", "a@b@c.org"])
def test_what_is_neither_address_nor_domain_is_not_suppressed(people: SubscriberList, target: str) -> None:
    with pytest.raises(UsageError, match="neither an address nor a domain"):
        people.suppress(target, "x")


def test_the_database_holds_no_suppressed_address_but_its_hash(people: SubscriberList) -> None:
    people.suppress(ADA, "asked")
    with people.database.read() as connection:
        (row,) = connection.execute(select(tables.suppression)).all()
    digest = hmac.digest(KEY.encode(), b"address ada@example.org", "sha256")
    assert (bytes(row.hash), row.is_domain, row.reason) == (digest, 0, "asked")
    assert KEY not in str(facts(people.database))


def test_a_new_key_in_front_keeps_the_old_suppressions(database: Database) -> None:
    SubscriberList(database, secret_key=KEY).suppress(ADA, "asked")
    newer = SubscriberList(database, secret_key=f"a-newer-key-of-more-letters {KEY}")
    newer.suppress("bob@example.org", "asked too")
    for address in (ADA, "bob@example.org"):
        with pytest.raises(ListError, match="never to be mailed"):
            newer.add(address, FORM)
    newer.suppress(ADA, "asked again")
    assert count(database, "suppression") == 2


@pytest.mark.parametrize("other", ["", "a-newer-key-of-more-letters"])
def test_a_key_that_is_gone_is_refused_before_it_lets_anybody_in(database: Database, other: str) -> None:
    SubscriberList(database, secret_key=KEY).suppress(ADA, "asked")
    with pytest.raises(ConfigError, match="SECRET_KEY has changed") as caught:
        SubscriberList(database, secret_key=other).add(ADA, FORM)
    assert KEY not in str(caught.value)


def test_a_key_may_change_as_long_as_nobody_is_suppressed(database: Database) -> None:
    SubscriberList(database, secret_key=KEY).add(ADA, FORM)
    newer = SubscriberList(database, secret_key="a-newer-key-of-more-letters")
    newer.suppress(ADA, "asked")
    with pytest.raises(ConfigError, match="SECRET_KEY has changed"):
        open_suppression(database, KEY)


def test_without_a_key_the_database_has_its_own_and_keeps_it(database: Database) -> None:
    SubscriberList(database).suppress(ADA, "asked")
    for key in ("", KEY):
        with pytest.raises(ListError, match="never to be mailed"):
            SubscriberList(database, secret_key=key).add(ADA, FORM)


def test_a_key_that_could_be_guessed_is_refused(database: Database) -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        SubscriberList(database, secret_key="hunter2").suppress(ADA, "asked")


def test_thousands_are_looked_up_at_once(database: Database) -> None:
    hashed = open_suppression(database, KEY)
    addresses = [parse_address(f"reader{number}@host{number % 7}.example.org") for number in range(1500)]
    with database.write() as connection:
        hashed.suppress(connection, addresses[700], "hers", START)
        hashed.suppress(connection, suppression.Domain("host3.example.org"), "all", START)
        found = hashed.among(connection, addresses)
    assert {key for key, why in found.items() if not why.is_domain} == {addresses[700].key}
    assert set(found) == {a.key for n, a in enumerate(addresses) if n % 7 == 3 or n == 700}


# Forgetting.

PERSONAL = ("Quixotrine", "Zanzibarine", "kwyjibo", "gallimaufry", "xylograph", "mumpsimus", "boustrophedon")


def add_known(people: SubscriberList) -> int:
    """A person of whom everything is known in words that occur nowhere else."""
    source = Consent("form", "https://example.org/mumpsimus", "Words: boustrophedon")
    ada = people.add(
        "kwyjibo@Zanzibarine.example.org", source, name="Quixotrine", attributes={"gallimaufry": "xylograph"}, tags=["pro"]
    )  # fmt: skip
    people.bounce(ada.id, note="550 no kwyjibo here")
    people.add(str(ada.address), source, resubscribe="Quixotrine wrote")
    with people.database.write() as connection:
        campaign = {
            "id": 7,
            "issue_id": "2026-11-30-first",
            "digest": "d",
            "subject": "First",
            "segment": "",
            "state": 3,
            "planned_at": 5,
        }
        connection.execute(insert(tables.campaign), campaign)
        connection.execute(
            insert(tables.delivery),
            {"campaign_id": 7, "subscriber_id": ada.id, "state": State.REFUSED, "tries": 1, "at": 1790000000},
        )
        reply = {
            "campaign_id": 7,
            "subscriber_id": ada.id,
            "at": 9,
            "relay": "r",
            "stage": "RCPT TO",
            "text": "550 <kwyjibo@Zanzibarine.example.org> unknown",
        }
        connection.execute(insert(tables.reply), reply)
    return ada.id


def test_all_that_is_known_is_shown(people: SubscriberList) -> None:
    add_known(people)
    dossier = people.show("kwyjibo@zanzibarine.example.org")
    assert dossier.subscriber
    assert [event.act for event in dossier.history] == [Act.ADD, Act.BOUNCE, Act.RESUBSCRIBE]
    (received,) = dossier.deliveries
    assert (received.issue_id, received.state, received.tries) == ("2026-11-30-first", State.REFUSED, 1)
    assert received.replies == ("550 <kwyjibo@Zanzibarine.example.org> unknown",)


def test_an_attempt_that_is_open_is_shown_as_in_doubt(people: SubscriberList) -> None:
    ada = add_known(people)
    with people.database.write() as connection:
        connection.execute(update(tables.delivery).values(state=0))
        connection.execute(
            insert(tables.attempt), {"campaign_id": 7, "subscriber_id": ada, "at": 11, "session": "s"}
        )
    (received,) = people.show("kwyjibo@zanzibarine.example.org").deliveries
    assert received.state == State.IN_DOUBT


def test_who_is_erased_is_forgotten_but_for_a_number_and_a_hash(people: SubscriberList) -> None:
    ada = add_known(people)
    people.add("bob@example.org", FORM, tags=["pro"])
    assert people.erase("Kwyjibo@zanzibarine.example.org") == ada
    erased = people.find(ada)
    assert erased
    assert (erased.address, erased.profile, erased.standing) == (None, Profile(), Standing.ERASED)
    assert not erased.is_mailed
    with people.database.read() as connection:
        everything = "\n".join(
            repr(row) for table in tables.metadata.sorted_tables for row in connection.execute(select(table))
        )
        assert connection.execute(select(tables.delivery.c.state)).scalars().all() == [State.REFUSED]
    assert not [word for word in PERSONAL if word.lower() in everything.lower()]
    assert known(people, "bob@example.org").profile.tags == {"pro"}
    with pytest.raises(ListError, match="erased"):
        people.add("kwyjibo@zanzibarine.example.org", FORM)


def test_a_consent_that_others_gave_too_survives_an_erasure(people: SubscriberList) -> None:
    people.add(ADA, FORM)
    people.add("bob@example.org", FORM)
    people.erase(ADA)
    people.add("eve@example.org", FORM)
    assert count(people.database, "consent") == 1
    consent = people.show("bob@example.org").history[0].consent
    assert consent
    assert consent.words == FORM.words


def test_no_byte_of_an_erased_person_is_left_in_the_files(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database:
        people = SubscriberList(database, secret_key=KEY)
        for number in range(300):  # so that pages split, and rows move from page to page
            people.add(
                f"reader{number * 7919 % 1000:03}@example.org", FORM, name=f"Reader {number}", tags=["pro"]
            )
        add_known(people)
        for number in range(300, 330):
            people.add(f"reader{number * 7919 % 1000:03}@example.org", FORM, name=f"Reader {number}")
        people.change("kwyjibo@zanzibarine.example.org", attributes={"gallimaufry": "xylograph" * 900})
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()
        assert not [word for word in PERSONAL if word.lower().encode() not in held]
        people.erase("kwyjibo@zanzibarine.example.org")
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()
        assert not [word for word in PERSONAL if word.lower().encode() in held]


def test_erasing_does_not_wait_for_a_long_reader_and_is_complete_after_it(tmp_path: Path) -> None:
    def held() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    with open_database(tmp_path / "newsletter.db") as database:
        people = SubscriberList(database, secret_key=KEY)
        people.add("kwyjibo@example.org", FORM)
        with database.read() as reader:
            reader.execute(select(tables.subscriber)).all()
            began = perf_counter()
            people.erase("kwyjibo@example.org")
            assert perf_counter() - began < 10  # and not the 30 seconds for which a writer waits
            assert b"kwyjibo" in held()
        with database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    assert b"kwyjibo" not in held()


# Many at once.


def in_threads(*works: object) -> list[BaseException]:
    """Run all of `works` at once; what they raised."""
    raised: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: object) -> None:
        barrier.wait()
        try:
            work()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_the_same_address_added_by_many_at_once_is_one_subscriber(people: SubscriberList) -> None:
    assert people.suppression
    for round_ in range(10):
        address = f"reader{round_}@example.org"
        assert not in_threads(
            *(lambda n=n: people.add(address, FORM, tags=[f"t{n}", "all"]) for n in range(4))
        )
        assert known(people, address).profile.tags == {"t0", "t1", "t2", "t3", "all"}
        assert acts(people, address)[0] == "add"
        assert [event.number for event in people.show(address).history] == [1, 2, 3, 4]
    assert count(people.database, "subscriber") == 10


def test_what_many_change_at_once_is_all_kept(people: SubscriberList) -> None:
    people.add(ADA, FORM)

    def change(mine: int) -> None:
        for number in range(8):
            people.change(ADA, attributes={f"a{mine}": number})

    assert not in_threads(*(lambda n=n: change(n) for n in range(4)))
    assert known(people).profile.attributes == {f"a{n}": 7 for n in range(4)}
    assert acts(people) == ["add", *["change"] * 32]


@pytest.mark.parametrize("domain", [False, True])
def test_suppressing_while_adding_leaves_nobody_unmarked(people: SubscriberList, domain: bool) -> None:
    assert people.suppression
    for round_ in range(15):
        host = f"host{round_}.example.org"
        addresses = [f"reader{n}@{host}" for n in range(3)]
        target = f"@{host}" if domain else addresses[0]
        raised = in_threads(
            *(lambda a=a: people.add(a, FORM) for a in addresses),
            lambda: people.suppress(target, "asked"),
        )
        assert all(isinstance(error, ListError) for error in raised), raised
        for address in addresses if domain else addresses[:1]:
            there = people.find(address)
            assert there is None or not there.is_mailed


def test_erasing_while_others_write_ends_and_forgets(people: SubscriberList) -> None:
    assert people.suppression
    for round_ in range(10):
        address = f"reader{round_}@example.org"
        ada = people.add(address, FORM)
        raised = in_threads(
            lambda: people.erase(address),
            lambda: people.add(address, FORM, name="Ada"),
            lambda: people.suppress("@example.org", "x") and people.lift("@example.org", "y"),
            lambda: people.remove(address),
        )
        assert all(isinstance(error, ListError) for error in raised), raised
        assert people.find(address) is None
        assert known(people, ada.id).standing is Standing.ERASED
        people.lift("@example.org", "y")


def test_whoever_left_is_seen_to_have_left_by_every_transaction_that_begins_later(
    people: SubscriberList,
) -> None:
    """A sender in another thread opens a subscriber by re-reading the standing: none is opened after the commit."""
    left: set[int] = set()
    opened_after_leaving: list[int] = []
    ids = [people.add(f"reader{n}@example.org", FORM).id for n in range(40)]
    done = threading.Event()
    opened = 0

    def read() -> None:
        nonlocal opened
        mailed = (tables.subscriber.c.standing == int(Standing.CONFIRMED)) & (
            tables.subscriber.c.suppressed == 0
        )
        while not done.is_set():
            gone = set(left)
            with people.database.write() as connection:
                chosen = connection.execute(select(tables.subscriber.c.id).where(mailed)).scalars().all()
            opened += 1
            opened_after_leaving.extend(gone & set(chosen))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number, subscriber_id in enumerate(ids):
            if number % 2:
                people.leave(subscriber_id, generation=0)
            else:
                people.suppress(f"reader{number}@example.org", "asked")
            left.add(subscriber_id)
            seen = opened
            while number % 8 == 7 and opened == seen and reader.is_alive():
                sleep(0.001)  # whoever writes without a pause leaves SQLite's other writers no turn
    finally:
        done.set()
        reader.join()
    assert not opened_after_leaving
    assert opened > 4


WRITER = """
import sys
from newsletter.store.database import open_database
from newsletter.subscribers.subscriber import Consent
from newsletter.subscribers.subscriber_list import SubscriberList
people = SubscriberList(open_database(sys.argv[1]), secret_key=sys.argv[2])
for number in range(10_000):
    people.add(f"reader{number}@example.org", Consent("api", "test"), tags=["pro"])
    people.remove(f"reader{number}@example.org")
    print(number, flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_whole_acts_and_all_it_confirmed(place: str) -> None:
    for kill_after in (1, 4, 9):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, place, KEY], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        for _ in range(kill_after):
            confirmed = int(process.stdout.readline())
        process.kill()
        confirmed = max([confirmed, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
        process.wait()
        process.stdout.close()
        with open_database(place) as database:
            people = SubscriberList(database, secret_key=KEY)
            with database.read() as connection:
                ids = connection.execute(select(tables.subscriber.c.id)).scalars().all()
            assert len(ids) >= confirmed + 1
            for number in range(len(ids)):
                dossier = people.show(f"reader{number}@example.org")
                assert dossier.subscriber
                last = MOVED[dossier.history[-1].act]
                assert dossier.subscriber.standing is last
                assert number > confirmed or last is Standing.LEFT
                assert dossier.subscriber.profile.tags == {"pro"}
            with database.write() as connection:
                for table in ("history", "subscriber_tag", "subscriber"):
                    connection.execute(tables.metadata.tables[table].delete())


MOVED = {Act.ADD: Standing.CONFIRMED, Act.LEAVE: Standing.LEFT}


def test_a_failure_in_the_middle_of_an_act_leaves_nothing_of_it(
    people: SubscriberList, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add(ADA, FORM)

    def fail(*args: object, **kwargs: object) -> None:
        raise StoreLater("the disk is full")

    monkeypatch.setattr(rows, "record", fail)
    for act in (
        lambda: people.add("bob@example.org", FORM, tags=["new"]),
        lambda: people.remove(ADA),
        lambda: people.erase(ADA),
    ):
        with pytest.raises(StoreLater):
            act()
    assert people.find("bob@example.org") is None
    assert known(people, ADA).is_mailed
    assert count(people.database, "tag") == 0
    assert count(people.database, "suppression") == 0


# The Python API.


@pytest.fixture
def publication(sample: Publication) -> Iterator[Publication]:
    yield sample
    sample.database.close()


def test_a_publication_has_its_list_in_its_folder(publication: Publication) -> None:
    publication.subscribers.add(ADA, FORM)
    assert (publication.root / "newsletter.db").exists()
    assert Publication.open(publication.root).subscribers.find(ADA)


def test_a_publications_database_may_be_a_server(
    sample: Publication, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    publication = Publication.open(sample.root)
    publication.subscribers.add(ADA, FORM)
    assert publication.database.is_postgres
    assert not (publication.root / "newsletter.db").exists()
    publication.database.close()


def test_mailboxes_are_counted_by_domain_of_those_who_confirmed(people: SubscriberList) -> None:
    assert people.domains() == {}
    for address in ("a@example.org", "b@example.org", "c@example.net", "d@example.com"):
        people.add(address, FORM)
    people.remove("d@example.com")
    people.ask("e@example.com", FORM)
    assert people.domains() == {"example.net": 1, "example.org": 2}


def test_the_mailboxes_of_a_long_list_are_counted_over_the_newest(
    people: SubscriberList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "_SAMPLED", 2)
    for address in ("a@example.org", "b@example.net", "c@example.com"):
        people.add(address, FORM)
    assert people.domains() == {"example.com": 1, "example.net": 1}


def test_the_segments_of_one_person_are_those_that_a_count_finds_it_in(people: SubscriberList) -> None:
    ada = people.add(ADA, FORM, attributes={"country": "CH"}, tags=["pro"])
    people.add("ben@example.org", FORM, tags=["new"])
    names = ["tag:pro", "tag:new", 'country = "CH"', 'not received("x") and joined < 30d', "everybody"]
    inside = {"tag:pro", 'country = "CH"', 'not received("x") and joined < 30d', "everybody"}
    assert people.segments_of(ada.id, names) == people.segments_of(ADA, names) == inside
    assert people.segments_of("ben@example.org", names) == {"tag:new", *names[3:]}
    assert people.segments_of("eve@example.org", names) == people.segments_of(ADA, []) == frozenset()
    with pytest.raises(WriterError, match="and"):
        people.segments_of(ADA, ["tag:pro and"])
