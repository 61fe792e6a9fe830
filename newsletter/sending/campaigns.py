"""The campaigns in the database: how each stands, who is in doubt or refused, who may send it, what a person settles.

`claim` gives a campaign to one sender; `call_off` takes back what nobody began to send.  A person's word on deliveries in
doubt (`settle`) is final: accepted, or to be sent once more, which may give somebody the issue twice.  A delivery that a
living sender has under way is not in doubt, and nobody settles it.

Reads and writes the store; the counts of a campaign move in the transaction that moves its deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from newsletter.errors import NewsletterError, StoreError, UsageError
from newsletter.sending.campaign import Campaign, CampaignState
from newsletter.sending.delivery import State
from newsletter.sending.lease import LEASE_SECONDS, Session
from newsletter.sending.overview import Trouble, campaigns_in, is_held, troubles_in
from newsletter.store.database import Database, asking
from newsletter.store.tables import (
    attempt,
    campaign,
    campaign_email,
    delivery,
    meta,
    pace,
    retry,
    subscriber,
)

#: How far the clock may be behind the time at which a campaign was planned.
_CLOCK_SLACK_SECONDS = 300


class SenderBusy(NewsletterError):
    """Another process sends this campaign."""

    exit_code = 75


class NothingToCallOff(NewsletterError):
    """No campaign of an issue is planned, or it was begun."""


class Word(StrEnum):
    """What a person says of a delivery in doubt."""

    ACCEPTED = "accepted"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Settling:
    """What `settle` did: the addresses that it settled, and those that were not in doubt."""

    settled: tuple[str, ...]
    others: tuple[str, ...]


def read_campaigns(database: Database, issue_id: str = "", *, now: int) -> list[Campaign]:
    """The campaigns of an issue, or all, the oldest first."""
    with database.read() as connection:
        return campaigns_in(asking(connection), issue_id, now=now)


def read_campaign(database: Database, campaign_id: int, *, now: int) -> Campaign:
    """The campaign with this number.  Raises UsageError, if it was called off."""
    with database.read() as connection:
        found = campaigns_in(asking(connection), campaign_id=campaign_id, now=now)
    if not found:
        raise _called_off()
    return found[0]


def count_settled(database: Database) -> int:
    """How many deliveries were ever settled in this database."""
    with database.read() as connection:
        total = func.coalesce(func.sum(campaign.c.accepted + campaign.c.refused + campaign.c.withheld), 0)
        return int(connection.execute(select(total)).scalar_one())


def database_uuid(database: Database) -> str:
    """The database's own number."""
    with database.read() as connection:
        return str(connection.execute(select(meta.c.value).where(meta.c.key == "uuid")).scalar_one())


def read_emails(database: Database, campaign_id: int) -> dict[int, bytes]:
    """The frozen emails of a campaign by variant; see `frozen.thaw`."""
    with database.read() as connection:
        asked = select(campaign_email.c.variant, campaign_email.c.content)
        rows = connection.execute(asked.where(campaign_email.c.campaign_id == campaign_id))
        return {int(variant): bytes(content) for variant, content in rows}


def read_pace(database: Database) -> list[tuple[str, int, int, int]]:
    """What relays and domains were given: see `pace.Throttle.restore`."""
    with database.read() as connection:
        rows = connection.execute(select(pace.c.name, pace.c.span_seconds, pace.c.begins_at, pace.c.count))
        return [(str(name), int(span), int(begin), int(count)) for name, span, begin, count in rows]


def claim(database: Database, campaign_id: int, session: Session, *, now: int) -> Campaign:
    """The campaign, from now on held by `session`.

    What an earlier sender left under way is in doubt from now on.  Raises SenderBusy, if a living one holds it, StoreError,
    if the clock is wrong, UsageError, if it was called off.
    """
    with database.write() as connection:
        asked = select(campaign).where(campaign.c.id == campaign_id).with_for_update()
        row = connection.execute(asked).one_or_none()
        if row is None:
            raise _called_off()
        if is_held(row.session, row.lease_until, now):
            raise SenderBusy(
                f"{row.owner} is sending this issue",
                where=row.issue_id,
                hint=f"wait for it, or end it; if it is gone, this works again in {row.lease_until - now} seconds",
            )
        if now < row.planned_at - _CLOCK_SLACK_SECONDS:
            raise StoreError(
                "the clock is wrong: it shows a time before this issue was planned",
                where=row.issue_id,
                hint="set the clock of this machine; retries and limits go by it",
            )
        connection.execute(
            update(campaign)
            .where(campaign.c.id == campaign_id)
            .values(
                session=session.stored,
                owner=session.owner,
                lease_until=now + LEASE_SECONDS,
                state=int(CampaignState.SENDING),
                stopped="",
                started_at=func.coalesce(campaign.c.started_at, now),
                finished_at=None,
            )
        )
        return campaigns_in(asking(connection), campaign_id=campaign_id, now=now)[0]


def call_off(database: Database, issue_id: str, *, now: int) -> int:
    """How many messages of an issue do not go: of it, what is planned and nobody began to send is forgotten.

    Raises NothingToCallOff, if there is no such campaign; nothing was written then.
    """
    with database.write() as connection:
        of_issue = select(campaign).where(campaign.c.issue_id == issue_id).order_by(campaign.c.id)
        rows = connection.execute(of_issue.with_for_update()).all()
        fresh = {
            row.id: row.audience
            for row in rows
            if row.started_at is None
            and row.state == int(CampaignState.DUE)
            and not is_held(row.session, row.lease_until, now)
        }
        if not fresh:
            raise _not_fresh(issue_id, [CampaignState(row.state) for row in rows])
        for table in (retry, delivery, campaign_email):  # what names a campaign, before the campaign
            connection.execute(delete(table).where(table.c.campaign_id.in_(list(fresh))))
        connection.execute(delete(campaign).where(campaign.c.id.in_(list(fresh))))
    return sum(fresh.values())


def _not_fresh(issue_id: str, states: Sequence[CampaignState]) -> NothingToCallOff:
    if any(state is not CampaignState.FINISHED for state in states):
        return NothingToCallOff(
            "it was begun, and what was begun is not called off",
            where=issue_id,
            hint="Ctrl-C ends a send; how far it came: newsletter status",
        )
    return NothingToCallOff("nothing of it is planned", where=issue_id, hint="newsletter status")


def _called_off() -> UsageError:
    return UsageError("this was called off meanwhile", hint="to plan it anew: newsletter send")


def troubles(database: Database, campaign_id: int, states: Sequence[State], *, now: int) -> Iterator[Trouble]:
    """The deliveries of a campaign in one of `states` (in doubt, refused, withheld), by subscriber."""
    with database.read() as connection:
        yield from troubles_in(asking(connection), campaign_id, states, now=now)


def settle(
    database: Database, issue_id: str, keys: Iterable[str], word: Word, *, now: int, campaign_id: int = 0
) -> Settling:
    """Put a person's `word` on the deliveries of an issue that are in doubt, by the keys of their addresses.

    With `campaign_id`, on those of this campaign alone.
    """
    settled: list[str] = []
    others: list[str] = []
    with database.write() as connection:
        asked = [campaign.c.id == campaign_id] if campaign_id else []
        held = connection.execute(select(campaign).where(campaign.c.issue_id == issue_id, *asked)).all()
        active = {
            row.id: row.session.partition(" ")[0]
            for row in held
            if is_held(row.session, row.lease_until, now)
        }
        for key in keys:
            found = connection.execute(
                select(attempt.c.campaign_id, attempt.c.subscriber_id, attempt.c.session)
                .join(subscriber, subscriber.c.id == attempt.c.subscriber_id)
                .where(subscriber.c.email_key == key, attempt.c.campaign_id.in_([row.id for row in held]))
            ).all()
            doubtful = [one for one in found if one.session != active.get(one.campaign_id)]
            done = [_settle(connection, one.campaign_id, one.subscriber_id, word, now) for one in doubtful]
            (settled if any(done) else others).append(key)
    return Settling(tuple(settled), tuple(others))


def _settle(connection: Connection, campaign_id: int, subscriber_id: int, word: Word, now: int) -> bool:
    """Move one delivery out of doubt; whether it was still in doubt: somebody else may have settled it meanwhile."""
    taken = connection.execute(
        delete(attempt).where(attempt.c.campaign_id == campaign_id, attempt.c.subscriber_id == subscriber_id)
    )
    if not taken.rowcount:
        return False
    of_delivery = and_(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id == subscriber_id)
    of_campaign = update(campaign).where(campaign.c.id == campaign_id)
    if word is Word.ACCEPTED:
        connection.execute(
            update(delivery)
            .where(of_delivery)
            .values(state=int(State.ACCEPTED), tries=delivery.c.tries + 1, at=now)
        )
        connection.execute(of_campaign.values(accepted=campaign.c.accepted + 1))
        return True
    connection.execute(update(delivery).where(of_delivery).values(tries=delivery.c.tries + 1, at=now))
    connection.execute(
        insert(retry), {"campaign_id": campaign_id, "not_before": now, "subscriber_id": subscriber_id}
    )
    connection.execute(of_campaign.values(deferred=campaign.c.deferred + 1))
    finished = campaign.c.state == int(CampaignState.FINISHED)
    connection.execute(of_campaign.where(finished).values(state=int(CampaignState.DUE), finished_at=None))
    return True
