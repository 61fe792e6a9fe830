"""The ledger: what a turn opens and settles, what a crash leaves, and who may go on; on both databases."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaigns import (
    NOW,
    Clock,
    accepted,
    add_people,
    hold,
    later,
    leave,
    lost,
    order,
    plan,
    refused,
    states,
    untouched,
)
from sqlalchemy import insert, select, text, update

from newsletter.errors import StoreError, StoreLater
from newsletter.sending.campaign import CampaignState
from newsletter.sending.campaigns import (
    SenderBusy,
    Word,
    claim,
    count_settled,
    database_uuid,
    read_campaign,
    settle,
    troubles,
)
from newsletter.sending.delivery import State
from newsletter.sending.lease import LEASE_SECONDS, Session, is_dead, new_session
from newsletter.sending.ledger import LeaseLost
from newsletter.sending.pace import Limit, Pace, Throttle
from newsletter.sending.retry import GIVE_UP_SECONDS
from newsletter.sending.witness import Witness
from newsletter.store.database import Database, open_database
from newsletter.store.tables import campaign, delivery, pace, reply, retry, subscriber
from newsletter.subscribers.subscriber import Standing


def test_a_turn_opens_the_next_deliveries_in_order_with_all_that_a_message_needs(database: Database) -> None:
    add_people(database, 5)
    ledger = hold(database, plan(database))
    opened = ledger.turn([], 2)
    assert [(one.subscriber_id, one.email, one.name) for one in opened] == [
        (1, "reader1@example.org", "Reader 1"),
        (2, "reader2@example.org", "Reader 2"),
    ]
    assert [one.subscriber_id for one in ledger.turn([], 9)] == [3, 4, 5]
    assert ledger.turn([], 9) == []
    assert ledger.is_done


def test_every_outcome_is_written_and_the_counts_add_up(database: Database) -> None:
    add_people(database, 6)
    campaign_id = plan(database)
    ledger = hold(database, campaign_id)
    ledger.turn([], 6)
    ledger.turn([accepted(1), refused(2), later(3), lost(4), untouched(5)], 0)
    assert states(database, campaign_id) == {
        1: State.ACCEPTED,
        2: State.REFUSED,
        3: State.PLANNED,
        4: State.IN_DOUBT,
        5: State.PLANNED,
        6: State.IN_DOUBT,
    }
    counts = read_campaign(database, campaign_id, now=NOW).counts
    assert (counts.accepted, counts.refused, counts.in_doubt, counts.under_way) == (1, 1, 1, 1)
    assert (counts.planned, counts.deferred) == (2, 1)
    with database.read() as connection:
        said = connection.execute(select(reply.c.subscriber_id, reply.c.text).order_by(reply.c.id)).all()
    assert [tuple(row) for row in said] == [
        (2, "550 5.1.1 no such user"),
        (3, "450 4.2.0 greylisted"),
        (4, ""),
    ]


def test_what_was_put_off_comes_again_when_it_is_due_and_not_before(database: Database) -> None:
    add_people(database, 1)
    clock = Clock()
    ledger = hold(database, plan(database), clock=clock)
    ledger.turn([], 1)
    assert ledger.turn([later(1)], 1) == []
    assert ledger.next_due() == NOW + 300
    for _ in range(3):
        clock.now += 99
        assert ledger.turn([], 1) == []
    clock.now += 4
    (again,) = ledger.turn([], 1)
    assert (again.tries, again.first_at) == (1, NOW)
    ledger.turn([accepted(1)], 1)
    assert ledger.next_due() is None


def test_after_three_days_it_is_given_up_with_the_last_reply_kept(database: Database) -> None:
    add_people(database, 1)
    campaign_id, clock = plan(database), Clock()
    ledger = hold(database, campaign_id, clock=clock)
    ledger.turn([], 1)
    ledger.turn([later(1)], 0)
    clock.now = NOW + GIVE_UP_SECONDS + 1
    ledger.lease_until = clock.now + 1
    ledger.turn([], 1)
    ledger.turn([later(1, "451 4.3.0 try later")], 0)
    assert states(database, campaign_id) == {1: State.REFUSED}
    (trouble,) = troubles(database, campaign_id, [State.REFUSED], now=NOW)
    assert (trouble.reply, trouble.tries) == ("451 4.3.0 try later", 2)
    counts = read_campaign(database, campaign_id, now=NOW).counts
    assert (counts.refused, counts.deferred, counts.planned) == (1, 0, 0)


@pytest.mark.parametrize("first", [untouched, later])
def test_what_was_never_written_counts_as_no_try_and_goes_again(database: Database, first: object) -> None:
    add_people(database, 1)
    campaign_id, clock = plan(database), Clock()
    ledger = hold(database, campaign_id, clock=clock)
    ledger.turn([], 1)
    if first is later:
        ledger.turn([later(1)], 0)
        clock.now += 400
        ledger.lease_until = clock.now + 1
        ledger.turn([], 1)
    ledger.turn([untouched(1)], 0)
    clock.now += 3
    (again,) = ledger.turn([], 1)
    assert again.tries == (first is later)


def test_after_a_crash_what_was_opened_is_in_doubt_and_all_else_goes_on(database: Database) -> None:
    add_people(database, 10)
    campaign_id = plan(database)
    first = hold(database, campaign_id)
    first.turn([], 4)
    first.turn([accepted(1), later(2), untouched(3)], 2)  # 4, 5, 6 stay open; then the process dies
    clock = Clock(NOW + LEASE_SECONDS + 1)
    second = hold(database, campaign_id, clock=clock, token="two")
    opened = [one.subscriber_id for one in second.turn([], 99)]
    assert 4 not in opened
    assert set(opened) == {3, 7, 8, 9, 10} - set(first.under_way) | ({3} - set(first.under_way))
    doubtful = {
        one.subscriber_id for one in troubles(database, campaign_id, [State.IN_DOUBT], now=int(clock.now))
    }
    assert doubtful == set(first.under_way)
    counts = read_campaign(database, campaign_id, now=int(clock.now)).counts
    assert counts.in_doubt == len(first.under_way)
    assert counts.audience == 10


@pytest.mark.parametrize("reason", ["left", "suppressed", "erased", "gone", "bounced"])
def test_who_has_left_or_is_suppressed_before_the_opening_is_withheld(
    database: Database, reason: str
) -> None:
    add_people(database, 3)
    campaign_id = plan(database)
    ledger = hold(database, campaign_id)
    changes: dict[str, dict[str, object]] = {
        "left": {"standing": int(Standing.LEFT)},
        "suppressed": {"suppressed": 1},
        "erased": {"email": None, "email_key": None},
        "bounced": {"standing": int(Standing.BOUNCED)},
    }
    with database.write() as connection:
        if reason == "gone":
            connection.execute(subscriber.delete().where(subscriber.c.id == 2))
        else:
            connection.execute(update(subscriber).where(subscriber.c.id == 2).values(**changes[reason]))
    assert [one.subscriber_id for one in ledger.turn([], 9)] == [1, 3]
    assert states(database, campaign_id)[2] is State.WITHHELD
    assert read_campaign(database, campaign_id, now=NOW).counts.withheld == 1


def test_who_leaves_while_put_off_gets_nothing_more(database: Database) -> None:
    add_people(database, 1)
    campaign_id, clock = plan(database), Clock()
    ledger = hold(database, campaign_id, clock=clock)
    ledger.turn([], 1)
    ledger.turn([later(1)], 0)
    leave(database, 1)
    clock.now += 110
    ledger.turn([], 0)
    clock.now += 110
    ledger.turn([], 0)
    clock.now += 110
    assert ledger.turn([], 1) == []
    counts = read_campaign(database, campaign_id, now=NOW).counts
    assert (counts.withheld, counts.deferred, counts.planned) == (1, 0, 0)


def test_a_second_sender_is_refused_and_told_who_sends(database: Database) -> None:
    add_people(database, 1)
    campaign_id = plan(database)
    hold(database, campaign_id, token="one")
    with pytest.raises(SenderBusy, match=r"pid 1 \(one\) is sending") as refusal:
        hold(database, campaign_id, token="two")
    assert refusal.value.exit_code == 75


def test_a_sender_whose_lease_ended_writes_nothing_more(database: Database) -> None:
    add_people(database, 2)
    campaign_id, clock = plan(database), Clock()
    ledger = hold(database, campaign_id, clock=clock)
    ledger.turn([], 1)
    clock.now += LEASE_SECONDS + 1
    with pytest.raises(LeaseLost, match="slept"):
        ledger.turn([accepted(1)], 1)
    assert states(database, campaign_id) == {1: State.IN_DOUBT, 2: State.PLANNED}


def test_a_sender_that_was_taken_over_is_fenced_off(database: Database) -> None:
    add_people(database, 2)
    campaign_id = plan(database)
    first = hold(database, campaign_id, token="one")
    first.turn([], 1)
    hold(database, campaign_id, token="two", clock=Clock(NOW + LEASE_SECONDS + 1))
    with pytest.raises(LeaseLost, match="taken this campaign over"):
        first.turn([accepted(1)], 1)
    with pytest.raises(LeaseLost):
        first.finish(CampaignState.FINISHED)
    assert states(database, campaign_id) == {1: State.IN_DOUBT, 2: State.PLANNED}


def test_a_dead_process_of_this_machine_is_not_waited_for(database: Database) -> None:
    if not os.path.exists("/proc/self/ns/pid"):
        pytest.skip("this system does not tell which processes there are")
    add_people(database, 1)
    campaign_id = plan(database)
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    alive = new_session()
    assert not is_dead(alive.stored)
    dead = Session("dead", "pid 0", " ".join([*alive.proof.split(" ")[:2], str(pid), "12345"]))
    assert is_dead(dead.stored)
    claim(database, campaign_id, dead, now=NOW)
    assert claim(database, campaign_id, alive, now=NOW + 1).state is CampaignState.SENDING
    elsewhere = Session("far", "pid 1 on far", " ".join(["another-boot", *alive.proof.split(" ")[1:]]))
    assert not is_dead(elsewhere.stored)


def test_a_clock_that_runs_behind_is_noticed_at_the_start(database: Database) -> None:
    add_people(database, 1)
    campaign_id = plan(database)
    with pytest.raises(StoreError, match="clock"):
        hold(database, campaign_id, clock=Clock(NOW - 86400))


def test_a_domain_at_its_limit_waits_and_the_others_go_on(database: Database) -> None:
    add_people(database, 8, domain=lambda number: "slow.example" if number <= 4 else "fast.example")
    clock = Clock()
    limits = Pace([Throttle("relay")], {"slow.example": Limit(1, "second")})
    ledger = hold(database, plan(database), clock=clock, pace=limits)
    assert [one.subscriber_id for one in ledger.turn([], 8)] == [1, 5, 6, 7, 8]
    assert not ledger.is_done
    found = []
    for _ in range(4):
        clock.now += 1
        found += [one.subscriber_id for one in ledger.turn([], 8)]
    assert sorted(found) == [2, 3, 4]
    assert ledger.is_done


def test_counts_of_the_pace_are_written_with_what_was_opened(database: Database) -> None:
    add_people(database, 3)
    throttle = Throttle("relay", [Limit(2, "hour")])
    ledger = hold(database, plan(database), pace=Pace([throttle], {}))
    throttle.take(NOW, 2)
    ledger.turn([], 2)
    with database.read() as connection:
        rows = [tuple(row) for row in connection.execute(select(pace))]
    again = Throttle("relay", [Limit(2, "hour")])
    again.restore(rows, NOW + 1)
    assert again.room(NOW + 1) == 0
    assert 3500 < again.wait(NOW + 1) <= 3660


def test_a_turn_that_fails_opens_nothing_and_settles_nothing(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database:
        add_people(database, 200)
        campaign_id = plan(database)
        ledger = hold(database, campaign_id)
        ledger.turn([], 2)
        before = states(database, campaign_id)
        with database.write_raw() as kept:
            kept.execute("PRAGMA busy_timeout = 50")
        holder = sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLater, match="another process"):
            ledger.turn([accepted(1)], 5)
        holder.execute("ROLLBACK")
        holder.close()
        assert states(database, campaign_id) == before
        assert [one.subscriber_id for one in ledger.turn([accepted(1)], 2)] == [3, 4]


def test_a_full_disk_stops_before_the_next_opening(tmp_path: Path) -> None:
    with open_database(tmp_path / "newsletter.db") as database:
        add_people(database, 3000)
        campaign_id = plan(database)
        ledger = hold(database, campaign_id)
        ledger.turn([], 10)
        with database.write_raw() as kept:
            (pages,) = kept.execute("PRAGMA page_count").fetchone()
            kept.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreLater, match="disk is full"):
            while ledger.turn([], 500):
                pass
        opened = set(ledger.under_way)
        assert {
            one for one, state in states(database, campaign_id).items() if state is State.IN_DOUBT
        } == opened
        with database.read() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert ledger.turn([accepted(one) for one in opened], 1)


@pytest.mark.parametrize("act", ["unlink", "replace"])
def test_a_file_that_is_gone_or_another_stops_the_sender(tmp_path: Path, act: str) -> None:
    file = tmp_path / "newsletter.db"
    with open_database(file) as database:
        add_people(database, 10)
        ledger = hold(database, plan(database))
        ledger.turn([], 2)
        if act == "replace":
            shutil.copy(file, tmp_path / "other.db")
            os.replace(tmp_path / "other.db", file)
        else:
            file.unlink()
        with pytest.raises(StoreError, match="deleted or replaced"):
            ledger.turn([], 2)
        assert set(ledger.under_way) == {1, 2}


def test_an_older_copy_of_the_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "newsletter.db"
    with open_database(file) as database:
        add_people(database, 10)
        campaign_id = plan(database)
        uuid = database_uuid(database)
    shutil.copy(file, tmp_path / "backup.db")
    with open_database(file) as database:
        ledger = hold(database, campaign_id)
        ledger.turn([], 4)
        ledger.turn([accepted(1), accepted(2), refused(3)], 0)
        assert ledger.settled == count_settled(database) == 3
        Witness(file, uuid).write(ledger.settled)
        Witness(file, uuid).require(count_settled(database))
    shutil.copy(tmp_path / "backup.db", file)
    for rest in ("-wal", "-shm"):
        (tmp_path / f"newsletter.db{rest}").unlink(missing_ok=True)
    with open_database(file) as database:
        with pytest.raises(StoreError, match="older copy: 0 deliveries are settled in it, and there were 3"):
            Witness(file, uuid).require(count_settled(database))
        Witness(file, "another database").require(count_settled(database))


@pytest.mark.parametrize("word", list(Word))
def test_a_person_settles_what_is_in_doubt(database: Database, word: Word) -> None:
    add_people(database, 3)
    campaign_id, clock = plan(database), Clock()
    ledger = hold(database, campaign_id, clock=clock)
    ledger.turn([], 3)
    ledger.turn([accepted(1), lost(2)], 0)
    done = settle(
        database, order().issue_id, ["reader2@example.org", "reader3@example.org", "x@y.z"], word, now=NOW
    )
    assert done.settled == ("reader2@example.org",)
    assert done.others == ("reader3@example.org", "x@y.z"), (
        "what a living sender has under way is not in doubt"
    )
    clock.now += 3
    again = ledger.turn([accepted(3)], 9)
    assert [one.subscriber_id for one in again] == ([2] if word is Word.RESEND else [])
    counts = read_campaign(database, campaign_id, now=NOW).counts
    assert counts.accepted == (2 if word is Word.RESEND else 3)
    assert counts.in_doubt == 0
    assert counts.planned == 0


def test_a_finished_campaign_goes_on_when_a_person_resends(database: Database) -> None:
    add_people(database, 1)
    campaign_id = plan(database)
    ledger = hold(database, campaign_id)
    ledger.turn([], 1)
    ledger.turn([lost(1)], 1)
    ledger.finish(CampaignState.FINISHED)
    assert read_campaign(database, campaign_id, now=NOW).state is CampaignState.FINISHED
    settle(database, order().issue_id, ["reader1@example.org"], Word.RESEND, now=NOW)
    assert read_campaign(database, campaign_id, now=NOW).state is CampaignState.DUE
    clock = Clock(NOW + 1)
    (again,) = hold(database, campaign_id, clock=clock, token="two").turn([], 1)
    assert again.tries == 1


def test_deliveries_by_local_time_wait_for_their_hour(database: Database) -> None:
    zones = {1: "Europe/Zurich", 2: "America/New_York", 3: ""}
    add_people(database, 3, time_zone=zones.__getitem__)
    wall = datetime.fromtimestamp(NOW + 86400, tz=UTC).replace(microsecond=0)
    campaign_id = plan(database, order(local_time=wall))
    stored = read_campaign(database, campaign_id, now=NOW)
    assert stored.local_time
    assert stored.not_before == int(wall.timestamp()) - 3600
    with database.read() as connection:
        due = dict(connection.execute(select(retry.c.subscriber_id, retry.c.not_before)).all())
    at = int(wall.timestamp())
    assert due == {1: at - 3600, 2: at + 5 * 3600, 3: at}
    clock = Clock(at - 3600)
    ledger = hold(database, campaign_id, clock=clock, local_time=True)
    assert [one.subscriber_id for one in ledger.turn([], 9)] == [1]
    ledger.turn([untouched(1)], 0)
    ledger.lease_until = clock.now = float(at)
    assert sorted(one.subscriber_id for one in ledger.turn([], 9)) == [1, 3]


def test_a_lost_postgresql_is_waited_for_and_the_commit_found_out(postgres_url: str) -> None:
    """The server ends our connection between two turns, and in the middle of one."""
    with open_database(postgres_url) as database, open_database(postgres_url) as other:
        add_people(database, 6)
        campaign_id = plan(database)
        ledger = hold(database, campaign_id)
        ledger.turn([], 2)

        def cut() -> None:
            with other.write() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

        cut()
        assert [one.subscriber_id for one in ledger.turn([accepted(1)], 1)] == [3]

        original, cuts = ledger._statements.open, [cut]

        def open_and_cut(*arguments: object) -> None:
            original(*arguments)  # type: ignore[arg-type]
            if cuts:
                cuts.pop()()

        ledger._statements.open = open_and_cut  # type: ignore[method-assign,assignment]
        assert [one.subscriber_id for one in ledger.turn([accepted(2)], 2)] == [4, 5]
        assert states(database, campaign_id) == {
            1: State.ACCEPTED,
            2: State.ACCEPTED,
            3: State.IN_DOUBT,
            4: State.IN_DOUBT,
            5: State.IN_DOUBT,
            6: State.PLANNED,
        }


def test_a_commit_that_took_place_though_nobody_said_so_is_not_done_again(postgres_url: str) -> None:
    """The connection is lost after the commit: the rows under way tell that it took place."""
    with open_database(postgres_url) as database:
        add_people(database, 4)
        campaign_id = plan(database)
        ledger = hold(database, campaign_id)
        ledger.turn([], 1)
        write, losses = database.write, [1]

        @contextmanager
        def write_and_lose():  # type: ignore[no-untyped-def]
            with write() as connection:
                yield connection
            if losses:
                losses.pop()
                raise StoreLater("the connection was lost")

        database.write = write_and_lose  # type: ignore[method-assign]
        assert [one.subscriber_id for one in ledger.turn([accepted(1)], 2)] == [2, 3]
        counts = read_campaign(database, campaign_id, now=NOW).counts
        assert (counts.accepted, counts.under_way, counts.planned) == (1, 2, 1)


def test_a_finished_delivery_takes_no_more_than_forty_bytes(tmp_path: Path) -> None:
    count = 50_000
    with open_database(tmp_path / "newsletter.db") as database:
        add_people(database, count)
        with database.write() as connection:
            before = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
        campaign_id = plan(database)
        ledger = hold(database, campaign_id)
        opened = ledger.turn([], 256)
        while opened:
            opened = ledger.turn([accepted(one.subscriber_id) for one in opened], 256)
        assert read_campaign(database, campaign_id, now=NOW).counts.accepted == count
        with database.write() as connection:
            after = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
            free_after = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
    assert ((after - free_after) - (before - free)) * 4096 / count <= 40


def test_the_places_of_relays_are_kept_with_the_delivery(database: Database) -> None:
    add_people(database, 1)
    campaign_id = plan(database)
    ledger = hold(database, campaign_id)
    ledger.turn([], 1)
    ledger.turn([accepted(1)], 0)
    with database.read() as connection:
        row = connection.execute(select(delivery.c.tries, delivery.c.relay, delivery.c.at)).one()
    assert tuple(row) == (1, 1, NOW)


def test_another_commands_campaigns_are_left_alone(database: Database) -> None:
    add_people(database, 2)
    first, second = plan(database, order("one")), plan(database, order("two"))
    ledger = hold(database, first)
    ledger.turn([], 2)
    ledger.turn([accepted(1), refused(2)], 1)
    assert set(states(database, second).values()) == {State.PLANNED}
    with database.write() as connection:
        connection.execute(insert(retry), {"campaign_id": second, "not_before": NOW - 5, "subscriber_id": 1})
        assert connection.execute(select(campaign.c.accepted).where(campaign.c.id == second)).scalar() == 0
