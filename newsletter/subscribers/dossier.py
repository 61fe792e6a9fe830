"""All that is known of one person, in one place: for the person who asks, and for whoever must answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from newsletter.errors import ListError
from newsletter.store.tables import attempt, campaign, delivery, reply
from newsletter.subscribers import rows
from newsletter.subscribers.address import Address
from newsletter.subscribers.subscriber import Event, Subscriber
from newsletter.subscribers.suppression import Suppressed, Suppression


@dataclass(frozen=True, slots=True)
class Received:
    """One issue that was planned for the person, and what the servers said."""

    issue_id: str
    subject: str
    state: int  # `sending.delivery.State`
    tries: int
    at: datetime | None  # None: not attempted yet
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of an address.  Without a subscriber it is known only as suppressed."""

    address: Address
    subscriber: Subscriber | None
    suppressed: Suppressed | None
    history: tuple[Event, ...] = ()
    deliveries: tuple[Received, ...] = ()


def read_dossier(connection: Connection, suppression: Suppression, address: Address) -> Dossier:
    """All that is known of `address`.  Raises ListError, if that is nothing."""
    subscriber = rows.find(connection, address)
    suppressed = suppression.known(connection, [address]).get(address.key)
    if subscriber is None and suppressed is None:
        raise ListError("is not on the list, and never asked to be left alone", where=str(address))
    if subscriber is None:
        return Dossier(address, None, suppressed)
    return Dossier(
        address,
        subscriber,
        suppressed,
        rows.read_history(connection, subscriber.id),
        _deliveries(connection, subscriber.id),
    )


#: `sending.delivery.State.IN_DOUBT`, which the ledger stores as a row in `attempt`.
_IN_DOUBT = 4


def _deliveries(connection: Connection, subscriber_id: int) -> tuple[Received, ...]:
    part = campaign.join(
        delivery, (delivery.c.campaign_id == campaign.c.id) & (delivery.c.subscriber_id == subscriber_id)
    ).outerjoin(
        attempt, (attempt.c.campaign_id == campaign.c.id) & (attempt.c.subscriber_id == subscriber_id)
    )
    asked = select(
        campaign.c.id,
        campaign.c.issue_id,
        campaign.c.subject,
        delivery.c.state,
        delivery.c.tries,
        delivery.c.at,
        attempt.c.at.label("opened_at"),
    )
    return tuple(
        Received(
            row.issue_id,
            row.subject,
            row.state if row.opened_at is None else _IN_DOUBT,
            row.tries,
            rows.moment(row.opened_at or row.at) if row.opened_at or row.state or row.tries else None,
            _replies(connection, row.id, subscriber_id),
        )
        for row in connection.execute(asked.select_from(part).order_by(campaign.c.id)).all()
    )


def _replies(connection: Connection, campaign_id: int, subscriber_id: int) -> tuple[str, ...]:
    mine = (reply.c.campaign_id == campaign_id) & (reply.c.subscriber_id == subscriber_id)
    return tuple(connection.execute(select(reply.c.text).where(mine).order_by(reply.c.id)).scalars())
