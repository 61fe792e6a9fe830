"""Subscribers as rows of the database: found, inserted, changed, and what happened to them written down.

Everything here happens in the caller's transaction.  Who changes a subscriber finds it with `for_update`, so that on
PostgreSQL too only one act at a time looks at a standing and moves it.  History is only ever added to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from newsletter.store import tables
from newsletter.store.database import insert_new
from newsletter.subscribers.address import Address
from newsletter.subscribers.subscriber import (
    Act,
    Consent,
    Event,
    Profile,
    Standing,
    Subscriber,
    write_attributes,
)

_person, _tag, _tagged = tables.subscriber.c, tables.tag.c, tables.subscriber_tag.c


def find(connection: Connection, who: Address | int, *, for_update: bool = False) -> Subscriber | None:
    """The subscriber with an address or an id, None if there is none.

    With `for_update` nobody else changes it until the transaction ends.
    """
    wanted = _person.id == who if isinstance(who, int) else _person.email_key == who.key
    asked = select(tables.subscriber).where(wanted)
    row = connection.execute(asked.with_for_update() if for_update else asked).first()
    return _subscriber(row, _tags(connection, row.id)) if row else None


def insert_subscriber(
    connection: Connection,
    address: Address,
    profile: Profile,
    standing: Standing,
    at: datetime,
) -> int | None:
    """The id of a new subscriber, None if there is one with the address (put there by somebody else just now)."""
    row = {
        "email": str(address),
        "email_key": address.key,
        "domain": address.domain,
        "standing": standing,
        "joined_at": int(at.timestamp()),
        **_columns(profile, at),
    }
    inserted = insert_new(connection, tables.subscriber).values(row).returning(_person.id)
    subscriber_id: int | None = connection.execute(inserted).scalar()
    if subscriber_id is not None:
        _add_tags(connection, subscriber_id, profile.tags)
    return subscriber_id


def change_profile(connection: Connection, before: Subscriber, profile: Profile, at: datetime) -> None:
    """Replace what is known of a subscriber."""
    connection.execute(update(tables.subscriber).where(_person.id == before.id).values(_columns(profile, at)))
    _add_tags(connection, before.id, profile.tags - before.profile.tags)
    if gone := before.profile.tags - profile.tags:
        ids = select(_tag.id).where(_tag.name.in_(gone))
        connection.execute(
            delete(tables.subscriber_tag).where(_tagged.subscriber_id == before.id, _tagged.tag_id.in_(ids))
        )


def set_standing(connection: Connection, subscriber_id: int, standing: Standing, at: datetime) -> None:
    """Move a subscriber to `standing`."""
    changed = {"standing": int(standing), "changed_at": int(at.timestamp())}
    connection.execute(update(tables.subscriber).where(_person.id == subscriber_id).values(changed))


def record(
    connection: Connection,
    subscriber_id: int,
    act: Act,
    at: datetime,
    *,
    consent: Consent | None = None,
    note: str = "",
) -> None:
    """Add a line to a subscriber's history.  A consent that tells its own time has the line's."""
    line = tables.history.c
    last = select(func.coalesce(func.max(line.number), 0)).where(line.subscriber_id == subscriber_id)
    event = {
        "subscriber_id": subscriber_id,
        "number": connection.execute(last).scalar_one() + 1,
        "at": int(((consent and consent.at) or at).timestamp()),
        "act": int(act),
        "consent_id": consent_id(connection, consent) if consent else None,
        "note": note,
    }
    connection.execute(insert(tables.history), event)


def consent_id(connection: Connection, consent: Consent) -> int:
    """The row of these words; the same words at the same place are one row."""
    row = {"how": consent.how, "source": consent.source, "words": consent.words}
    digest = hashlib.sha256(json.dumps(list(row.values())).encode()).digest()
    asked = select(tables.consent.c.id).where(tables.consent.c.digest == digest)
    known = connection.execute(asked).scalar()
    if known is None:
        connection.execute(insert_new(connection, tables.consent), {**row, "digest": digest})
        known = connection.execute(asked).scalar_one()
    return int(known)


def read_history(connection: Connection, subscriber_id: int) -> tuple[Event, ...]:
    """What happened to a subscriber, the oldest first."""
    line, agreed = tables.history.c, tables.consent.c
    joined = tables.history.outerjoin(tables.consent, line.consent_id == agreed.id)
    asked = select(line.number, line.at, line.act, line.note, agreed.how, agreed.source, agreed.words)
    rows = connection.execute(
        asked.select_from(joined).where(line.subscriber_id == subscriber_id).order_by(line.number)
    )
    return tuple(
        Event(
            row.number,
            moment(row.at),
            Act(row.act),
            Consent(row.how, row.source, row.words, moment(row.at)) if row.how is not None else None,
            row.note,
        )
        for row in rows
    )


def moment(seconds: int) -> datetime:
    """A time as the database stores it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _columns(profile: Profile, at: datetime) -> dict[str, Any]:
    return {
        "name": profile.name,
        "language": profile.language,
        "time_zone": profile.time_zone,
        "attributes": write_attributes(profile.attributes),
        "changed_at": int(at.timestamp()),
    }


def _add_tags(connection: Connection, subscriber_id: int, names: Iterable[str]) -> None:
    if not (wanted := sorted(names)):  # in their order: two who add the same ones never wait for each other
        return
    connection.execute(insert_new(connection, tables.tag), [{"name": name} for name in wanted])
    ids = connection.execute(select(_tag.id).where(_tag.name.in_(wanted))).scalars()
    rows = [{"tag_id": tag_id, "subscriber_id": subscriber_id} for tag_id in ids]
    connection.execute(insert_new(connection, tables.subscriber_tag), rows)


def _tags(connection: Connection, subscriber_id: int) -> frozenset[str]:
    joined = tables.subscriber_tag.join(tables.tag, _tagged.tag_id == _tag.id)
    asked = select(_tag.name).select_from(joined).where(_tagged.subscriber_id == subscriber_id)
    return frozenset(connection.execute(asked).scalars())


def _subscriber(row: Row[Any], tags: frozenset[str]) -> Subscriber:
    address = Address(*row.email.rsplit("@", 1)) if row.email is not None else None
    profile = Profile(row.name, row.language, row.time_zone, json.loads(row.attributes), tags)
    return Subscriber(
        row.id,
        address,
        profile,
        Standing(row.standing),
        bool(row.suppressed),
        row.generation,
        moment(row.joined_at),
        moment(row.changed_at),
    )
