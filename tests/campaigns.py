"""What the tests of the ledger share: a list of subscribers, a planned campaign, a ledger that holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, insert, select, true, update

from newsletter.sending.campaigns import claim, count_settled
from newsletter.sending.delivery import Outcome, Stage, State
from newsletter.sending.lease import Session
from newsletter.sending.ledger import Ledger
from newsletter.sending.pace import Pace, Throttle
from newsletter.sending.planning import Order, freeze_campaign, look
from newsletter.store.database import Database
from newsletter.store.tables import attempt, delivery, subscriber
from newsletter.subscribers.subscriber import Standing

NOW = 1_795_000_000
ISSUE = "2026-11-23-autumn"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = float(NOW)

    def __call__(self) -> float:
        return self.now


def add_people(
    database: Database,
    count: int,
    *,
    first: int = 1,
    domain: Callable[[int], str] = lambda number: "example.org",
    standing: Callable[[int], Standing] = lambda number: Standing.CONFIRMED,
    time_zone: Callable[[int], str] = lambda number: "",
    suppressed: Sequence[int] = (),
) -> None:
    """Subscribers with the numbers from `first` on: `reader17@example.org`."""
    rows = [
        {
            "id": number,
            "email": f"reader{number}@{domain(number)}",
            "email_key": f"reader{number}@{domain(number)}",
            "domain": domain(number),
            "name": f"Reader {number}",
            "time_zone": time_zone(number),
            "standing": int(standing(number)),
            "suppressed": int(number in suppressed),
            "joined_at": NOW - 1000,
            "changed_at": NOW - 1000,
        }
        for number in range(first, first + count)
    ]
    with database.write() as connection:
        for start in range(0, count, 10_000):
            connection.execute(insert(subscriber), rows[start : start + 10_000])


def order(issue_id: str = ISSUE, audience: ColumnElement[bool] | None = None, **changes: object) -> Order:
    """An order for an issue, to everybody if no `audience` is given."""
    everybody = subscriber.c.id > 0 if audience is None else audience
    return Order(issue_id, "Autumn", "", everybody, **changes)  # type: ignore[arg-type]


def plan(database: Database, ordered: Order | None = None, *, now: int = NOW) -> int:
    """A campaign whose email is the four octets "mail" in every variant."""
    ordered = ordered or order()
    seen = look(database, ordered)
    emails: dict[int, tuple[str, list[str], bytes]] = {
        variant: ("digest", [], b"mail") for variant in seen.variants or {0: 0}
    }
    return freeze_campaign(database, ordered, seen, emails, now=now)


@dataclass
class Held:
    """A campaign and the ledger that holds it."""

    ledger: Ledger
    clock: Clock
    pace: Pace = field(default_factory=lambda: Pace([Throttle("relay")], {}))


def hold(
    database: Database,
    campaign_id: int,
    *,
    clock: Clock | None = None,
    token: str = "one",
    pace: Pace | None = None,
    local_time: bool = False,
) -> Ledger:
    """The ledger of a campaign, claimed by a session named `token`."""
    clock = clock or Clock()
    session = Session(token, f"pid 1 ({token})", "")
    claimed = claim(database, campaign_id, session, now=int(clock.now))
    return Ledger(
        database,
        campaign_id,
        session,
        clock=clock,
        jitter=lambda: 0.5,
        pace=pace or Pace([Throttle("relay")], {}),
        relays=["relay"],
        local_time=claimed.local_time,
        settled=count_settled(database),
    )


def accepted(subscriber_id: int) -> Outcome:
    """The server took the message."""
    return Outcome(subscriber_id, State.ACCEPTED, Stage.DOT, "250 2.0.0 ok", "relay")


def refused(subscriber_id: int, reply: str = "550 5.1.1 no such user") -> Outcome:
    """The server will never take it."""
    return Outcome(subscriber_id, State.REFUSED, Stage.RCPT, reply, "relay")


def later(subscriber_id: int, reply: str = "450 4.2.0 greylisted") -> Outcome:
    """The server may take it later."""
    return Outcome(subscriber_id, State.PLANNED, Stage.RCPT, reply, "relay")


def lost(subscriber_id: int) -> Outcome:
    """The connection was lost after the dot."""
    return Outcome(subscriber_id, State.IN_DOUBT, Stage.DOT, "", "relay")


def untouched(subscriber_id: int) -> Outcome:
    """No byte of it was written."""
    return Outcome(subscriber_id, State.PLANNED, Stage.CONNECT, "", "relay", untouched=True)


def states(database: Database, campaign_id: int) -> dict[int, State]:
    """The state of every delivery; what is under way or in doubt is IN_DOUBT."""
    with database.read() as connection:
        rows = connection.execute(
            select(delivery.c.subscriber_id, delivery.c.state).where(delivery.c.campaign_id == campaign_id)
        ).all()
        opened = set(
            connection.execute(
                select(attempt.c.subscriber_id).where(attempt.c.campaign_id == campaign_id)
            ).scalars()
        )
    return {row[0]: State.IN_DOUBT if row[0] in opened else State(row[1]) for row in rows}


def leave(database: Database, subscriber_id: int) -> None:
    """The subscriber leaves."""
    with database.write() as connection:
        connection.execute(
            update(subscriber).where(subscriber.c.id == subscriber_id).values(standing=int(Standing.LEFT))
        )


EVERYBODY = true()
