"""Forgetting a person: what is left is a number, that it was erased, and the hash that keeps the address away.

The number stays because deliveries name it, and the counts of past campaigns must still add up.  Everything else that
could name the person goes: address, name, attributes, tags, history with its notes and consents, the words of mail servers.
On SQLite deleted bytes are overwritten (`secure_delete`), and the log is emptied; PostgreSQL overwrites them when it next
vacuums the tables.  Backups are beyond our reach.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, exists, select, update

from newsletter.store import tables
from newsletter.subscribers import rows
from newsletter.subscribers.subscriber import Act, Standing, Subscriber
from newsletter.subscribers.suppression import Suppression

#: Why the address of somebody who was erased is suppressed.
REASON = "erased"


def erase(connection: Connection, suppression: Suppression, subscriber: Subscriber, at: datetime) -> None:
    """Forget a subscriber, found for update."""
    if subscriber.address is not None:
        suppression.suppress(connection, subscriber.address, REASON, at)
    blank = {"email": None, "email_key": None, "domain": "", "name": "", "language": "", "time_zone": ""}
    person = update(tables.subscriber).where(tables.subscriber.c.id == subscriber.id)
    connection.execute(person.values(**blank, attributes="{}", suppressed=1))
    tagged = tables.subscriber_tag
    connection.execute(delete(tagged).where(tagged.c.subscriber_id == subscriber.id))
    _forget_history(connection, subscriber.id)
    _forget_replies(connection, subscriber.id)
    rows.set_standing(connection, subscriber.id, Standing.ERASED, at)
    rows.record(connection, subscriber.id, Act.ERASE, at)


def _forget_history(connection: Connection, subscriber_id: int) -> None:
    """The history, and the words of consents that nobody else gave: they may name the person.

    Their rows stay, empty, because an import that is under way may know them by number.
    """
    line, agreed = tables.history.c, tables.consent.c
    own = select(line.consent_id).where(line.subscriber_id == subscriber_id, line.consent_id.is_not(None))
    consents = connection.execute(own.distinct()).scalars().all()
    connection.execute(delete(tables.history).where(line.subscriber_id == subscriber_id))
    others = exists().where(line.consent_id == agreed.id)
    for number in consents:
        blank = {"how": "", "source": "", "words": "", "digest": b"erased %d" % number}
        connection.execute(update(tables.consent).where(agreed.id == number, ~others).values(blank))


def _forget_replies(connection: Connection, subscriber_id: int) -> None:
    reply = tables.reply.c
    campaigns = select(tables.campaign.c.id)  # the index is by campaign and subscriber
    named = reply.campaign_id.in_(campaigns) & (reply.subscriber_id == subscriber_id)
    connection.execute(update(tables.reply).where(named).values(text=""))
