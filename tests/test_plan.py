"""A campaign is planned: who gets it, who does not and why, in which variant, and all of it frozen; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaigns import ISSUE, NOW, Clock, accepted, add_people, hold, leave, lost, order, plan, refused
from sqlalchemy import ColumnElement, Engine, event, literal, select

from newsletter.errors import UsageError
from newsletter.render.build import Email
from newsletter.render.merge import Template
from newsletter.sending import publish
from newsletter.sending.campaign import CampaignState
from newsletter.sending.campaigns import NothingToCallOff, call_off, claim, read_campaign, read_campaigns
from newsletter.sending.frozen import Letterhead
from newsletter.sending.lease import Session
from newsletter.sending.planning import PlanChanged, freeze_campaign, look
from newsletter.store.database import Database, open_database, raw
from newsletter.store.tables import campaign, campaign_email, delivery, retry, subscriber
from newsletter.subscribers.subscriber import Standing

HEAD = Letterhead("L <l@example.com>", "", "", "")


def email(*segments: str, digest: str = "digest") -> Email:
    """An email whose theme asked for `segments`."""
    return Email(
        "issue", "en", Template(("s",)), Template(("h",)), Template(("t",)), "", (), digest, segments
    )


def even(name: str) -> ColumnElement[bool]:
    """A segment: those whose number is divisible by the last digit of its name."""
    return subscriber.c.id % int(name[-1]) == 0


def test_only_who_confirmed_is_not_suppressed_and_is_in_the_segment_gets_it(database: Database) -> None:
    standings = {2: Standing.PENDING, 3: Standing.LEFT, 4: Standing.BOUNCED, 5: Standing.COMPLAINED}
    add_people(
        database, 9, standing=lambda number: standings.get(number, Standing.CONFIRMED), suppressed=[6, 3],
        domain=lambda number: "a.example" if number < 8 else "b.example",
    )  # fmt: skip
    seen = look(database, order(audience=subscriber.c.id <= 8))
    assert seen.count == 3
    assert seen.domains == {"a.example": 2, "b.example": 1}
    assert seen.excluded == {"pending": 1, "bounced": 1, "complained": 1, "suppressed": 2}
    campaign_id = plan(database, order(audience=subscriber.c.id <= 8))
    with database.read() as connection:
        rows = connection.execute(
            select(delivery.c.subscriber_id)
            .where(delivery.c.campaign_id == campaign_id)
            .order_by("subscriber_id")
        ).scalars()
        assert list(rows) == [1, 7, 8]


def test_an_issue_goes_to_a_person_once_whatever_became_of_the_first_time(database: Database) -> None:
    add_people(database, 5)
    first = hold(database, plan(database, order(audience=subscriber.c.id <= 4)))
    first.turn([], 3)
    first.turn([accepted(1), refused(2), lost(3)], 0)  # 4 is planned
    seen = look(database, order())
    assert seen.count == 2, "who was refused, and who was not in the first audience"
    assert seen.excluded == {"already has this issue": 3}
    assert look(database, order("another")).count == 5


def test_again_says_why_and_goes_to_all(database: Database) -> None:
    add_people(database, 2)
    ledger = hold(database, plan(database))
    ledger.turn([], 2)
    ledger.turn([accepted(1), accepted(2)], 0)
    assert look(database, order()).count == 0
    plan(database, order(again="the links were wrong"))
    stored = read_campaigns(database, now=NOW)
    assert [(one.again, one.counts.audience) for one in stored] == [("", 2), ("the links were wrong", 2)]


def test_an_audience_that_changed_meanwhile_is_refused_and_nothing_is_written(database: Database) -> None:
    add_people(database, 3)
    seen = look(database, order())
    leave(database, 2)
    add_people(database, 1, first=4)  # as many as before, but not the same
    with pytest.raises(PlanChanged, match="changed"):
        freeze_campaign(database, order(), seen, {0: ("digest", [], b"mail")}, now=NOW)
    with database.read() as connection:
        assert connection.execute(select(campaign.c.id)).first() is None
        assert connection.execute(select(delivery.c.subscriber_id)).first() is None


def test_the_audience_is_that_of_the_plan_and_not_of_later(database: Database) -> None:
    add_people(database, 2)
    campaign_id = plan(database)
    add_people(database, 1, first=3)
    ledger = hold(database, campaign_id)
    assert [one.subscriber_id for one in ledger.turn([], 9)] == [1, 2]


def test_a_variant_is_built_for_every_combination_that_occurs_and_for_no_other(database: Database) -> None:
    add_people(database, 6)
    built: list[frozenset[str]] = []

    def build(audience: frozenset[str]) -> Email:
        built.append(audience)
        return email("by2", "by3", digest="+".join(sorted(audience)) or "none")

    planned = publish.plan(database, order(audience=subscriber.c.id != 6), build=build, condition=even)
    assert planned.audience.variants == {0: 2, 1: 2, 2: 1}
    assert {variant: one.digest for variant, one in planned.emails.items()} == {0: "none", 1: "by2", 2: "by3"}
    assert frozenset({"by2", "by3"}) not in built
    campaign_id = publish.freeze(database, planned, HEAD, now=NOW)
    ledger = hold(database, campaign_id)
    assert {one.subscriber_id: one.variant for one in ledger.turn([], 9)} == {1: 0, 2: 1, 3: 2, 4: 1, 5: 0}
    with database.read() as connection:
        kept = connection.execute(select(campaign_email.c.variant).order_by("variant")).scalars()
        assert list(kept) == [0, 1, 2]


def test_a_segment_that_is_asked_only_within_another_is_found(database: Database) -> None:
    add_people(database, 6)

    def build(audience: frozenset[str]) -> Email:
        return email(*(["by2", "by3"] if "by2" in audience else ["by2"]), digest="+".join(sorted(audience)))

    planned = publish.plan(database, order(), build=build, condition=even)
    assert list(planned.order.asked) == ["by2", "by3"]
    assert planned.audience.variants == {0: 2, 1: 2, 2: 1, 3: 1}
    assert planned.emails[3].digest == "by2+by3"


def test_more_segments_than_there_is_room_for_are_refused(database: Database) -> None:
    add_people(database, 1)
    with pytest.raises(UsageError, match="15 segments"):
        publish.plan(
            database, order(), build=lambda audience: email(*(f"{n}by2" for n in range(15))), condition=even
        )


def test_the_hash_stands_for_email_audience_and_time(database: Database) -> None:
    add_people(database, 4)

    def hash_of(digest: str = "digest", **changes: object) -> str:
        asked = order(**changes)  # type: ignore[arg-type]
        return publish.plan(database, asked, build=lambda audience: email(digest=digest), condition=even).hash

    first = hash_of()
    assert hash_of() == first
    others = [hash_of("other"), hash_of(not_before=NOW), hash_of(not_after=NOW), hash_of(again="x")]
    others.append(hash_of(outbox=True))
    others.append(hash_of(audience=subscriber.c.id < 4))
    leave(database, 1)
    others.append(hash_of())
    assert len({first, *others}) == len(others) + 1


def test_a_plan_for_everybody_reads_an_index_once_and_sorts_nothing(tmp_path: Path) -> None:
    asked: list[str] = []

    def keep(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        with open_database(tmp_path / "newsletter.db") as database:
            look(database, order(audience=literal(1) == 1))
            (scan,) = (statement for statement in asked if "FROM subscriber" in statement)
            with database.read() as connection:
                values = [1] * scan.count("?")
                steps = [row[3] for row in raw(connection).execute(f"EXPLAIN QUERY PLAN {scan}", values)]
    finally:
        event.remove(Engine, "before_cursor_execute", keep)
    assert steps == ["SCAN subscriber USING COVERING INDEX subscriber_by_domain"]


def test_subscribers_with_the_highest_numbers_there_are_are_counted(database: Database) -> None:
    add_people(database, 3, first=2**31 - 3)
    seen = look(database, order())
    assert seen.count == 3
    assert plan(database)


def test_the_largest_domains_are_shown_however_many_there_are(database: Database) -> None:
    add_people(database, 5000, domain=lambda number: f"d{number % 2500 if number % 4 else 9999:04}.example")
    domains = look(database, order()).domains
    assert len(domains) == 100
    assert list(domains.items())[:3] == [("d9999.example", 1250), ("d0001.example", 2), ("d0002.example", 2)]


def test_an_empty_audience_is_a_plan_too(database: Database) -> None:
    planned = publish.plan(database, order(), build=lambda audience: email(), condition=even)
    assert planned.audience.count == 0
    assert list(planned.emails) == [0]
    campaign_id = publish.freeze(database, planned, HEAD, now=NOW)
    ledger = hold(database, campaign_id, clock=Clock())
    assert ledger.turn([], 5) == []
    ledger.finish(CampaignState.FINISHED)


def test_what_nobody_began_is_called_off_without_a_trace_and_nothing_else(database: Database) -> None:
    add_people(database, 4)
    begun = plan(database, order(audience=subscriber.c.id <= 2))
    hold(database, begun).finish(CampaignState.SENDING)
    other = plan(database, order("another"))
    fresh = plan(database, order(local_time=datetime(2026, 12, 1, 9, tzinfo=UTC)))
    assert call_off(database, ISSUE, now=NOW) == 2
    assert [one.id for one in read_campaigns(database, now=NOW)] == [begun, other]
    with database.read() as connection:
        for table in (delivery, campaign_email, retry):
            named = set(connection.execute(select(table.c.campaign_id)).scalars())
            assert named == ({begun, other} if table is not retry else set())
    with pytest.raises(NothingToCallOff, match="begun"):
        call_off(database, ISSUE, now=NOW)
    assert look(database, order()).count == 2, "it can be planned anew"
    with pytest.raises(UsageError, match="called off"):
        claim(database, fresh, Session("two", "pid 2", ""), now=NOW)
    with pytest.raises(UsageError, match="called off"):
        read_campaign(database, fresh, now=NOW)


def test_what_a_sender_holds_is_not_called_off(database: Database) -> None:
    add_people(database, 1)
    hold(database, plan(database))
    with pytest.raises(NothingToCallOff, match="begun"):
        call_off(database, ISSUE, now=NOW)
    assert read_campaigns(database, now=NOW)[0].counts.audience == 1
