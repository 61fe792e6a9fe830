"""Joining, confirming, leaving: the acts that move a subscriber's standing, each with its line in the history.

Every act finds its subscriber, asks the table of moves, changes the standing and writes the history in the caller's one
transaction: all of it is there afterwards, or nothing.  An act that changes nothing (leaving twice) leaves no trace.

Raises ListError, if somebody is not on the list, is suppressed, or has a standing that does not allow the act.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from newsletter.errors import ListError
from newsletter.subscribers import rows
from newsletter.subscribers.address import Address
from newsletter.subscribers.subscriber import MOVES, Act, Consent, Profile, Subscriber, move
from newsletter.subscribers.suppression import Suppression


def ask(
    connection: Connection,
    suppression: Suppression,
    address: Address,
    profile: Profile,
    consent: Consent,
    at: datetime,
) -> Subscriber:
    """The subscriber who filled in a form: pending until the link in a mail to `address` is followed.

    Of somebody who is on the list already nothing that is known is changed: whoever fills in a form may be anybody.
    """
    return _join(connection, suppression, Act.ASK, address, profile, consent, at)


def add(
    connection: Connection,
    suppression: Suppression,
    address: Address,
    profile: Profile,
    consent: Consent,
    at: datetime,
    *,
    resubscribe: str = "",
) -> Subscriber:
    """The subscriber with a declared consent: confirmed, and with what `profile` knows in addition.

    Who has left or bounced comes back only with a reason in `resubscribe`.
    """
    return _join(connection, suppression, Act.ADD, address, profile, consent, at, resubscribe=resubscribe)


def confirm(connection: Connection, subscriber_id: int, at: datetime, *, note: str = "") -> Subscriber:
    """The subscriber who followed the link in the confirmation mail: confirmed."""
    return _act(connection, subscriber_id, Act.CONFIRM, at, note)


def leave(
    connection: Connection,
    who: Address | int,
    at: datetime,
    *,
    note: str = "",
    generation: int | None = None,
) -> Subscriber:
    """The subscriber who said no.  A `generation` that is not the subscriber's is that of a link made void."""
    subscriber = found(connection, who)
    if generation is not None and generation != subscriber.generation:
        raise ListError("the link is no longer valid", hint="use the link in the newest issue")
    return _moved(connection, subscriber, Act.LEAVE, at, note=note)


def bounce(connection: Connection, who: Address | int, at: datetime, *, note: str) -> Subscriber:
    """The subscriber whose mailbox is not there; `note` holds the server's words."""
    return _act(connection, who, Act.BOUNCE, at, note)


def complain(connection: Connection, who: Address | int, at: datetime, *, note: str) -> Subscriber:
    """The subscriber who called an issue spam; `note` says who reported it."""
    return _act(connection, who, Act.COMPLAIN, at, note)


def change(connection: Connection, subscriber: Subscriber, profile: Profile, at: datetime) -> None:
    """Replace what is known of a subscriber, found for update; the history says which parts."""
    if parts := _differences(subscriber.profile, profile):
        move(subscriber.standing, Act.CHANGE, who=_name(subscriber))
        rows.change_profile(connection, subscriber, profile, at)
        rows.record(connection, subscriber.id, Act.CHANGE, at, note=", ".join(parts))


def _join(
    connection: Connection,
    suppression: Suppression,
    act: Act,
    address: Address,
    profile: Profile,
    consent: Consent,
    at: datetime,
    *,
    resubscribe: str = "",
) -> Subscriber:
    if why := suppression.among(connection, [address]).get(address.key):
        whose = f"all of {address.domain}" if why.is_domain else "the address"
        raise ListError(
            f"is never to be mailed: {whose} was suppressed on {why.at:%Y-%m-%d} ({why.reason})",
            where=str(address),
            hint='if that was a mistake: newsletter subscribers suppress ADDRESS --lift "WHY"',
        )
    subscriber = rows.find(connection, address, for_update=True)
    if subscriber is None:
        standing = move(None, act, who=str(address))
        new = rows.insert_subscriber(connection, address, profile, standing, at)
        if new is not None:
            rows.record(connection, new, act, at, consent=consent)
            return found(connection, new)
        subscriber = found(connection, address)  # somebody else put it there just now
    if resubscribe.strip() and act is Act.ADD and subscriber.standing not in _ADDED:
        act = Act.RESUBSCRIBE
    moved = _moved(connection, subscriber, act, at, consent=consent, note=resubscribe)
    if act is not Act.ASK:
        change(connection, moved, subscriber.profile.merged(profile), at)
    return found(connection, subscriber.id)


#: The standings that `add` moves without a reason.
_ADDED = {standing for standing in MOVES[Act.ADD] if standing is not None}


def _act(connection: Connection, who: Address | int, act: Act, at: datetime, note: str) -> Subscriber:
    return _moved(connection, found(connection, who), act, at, note=note)


def found(connection: Connection, who: Address | int) -> Subscriber:
    """The subscriber with an address or an id, whom nobody else changes until the transaction ends."""
    subscriber = rows.find(connection, who, for_update=True)
    if subscriber is None:
        raise ListError(
            "is not on the list", where=str(who) if isinstance(who, Address) else f"subscriber {who}"
        )
    return subscriber


def _moved(
    connection: Connection,
    subscriber: Subscriber,
    act: Act,
    at: datetime,
    *,
    consent: Consent | None = None,
    note: str = "",
) -> Subscriber:
    standing = move(subscriber.standing, act, who=_name(subscriber))
    if standing is subscriber.standing:
        return subscriber
    rows.set_standing(connection, subscriber.id, standing, at)
    rows.record(connection, subscriber.id, act, at, consent=consent, note=note)
    return replace(subscriber, standing=standing, changed_at=at)


def _name(subscriber: Subscriber) -> str:
    return str(subscriber.address or f"subscriber {subscriber.id}")


def _differences(before: Profile, after: Profile) -> list[str]:
    """The parts of a profile that differ, for the history: names alone, as it must be able to forget the values."""
    parts = ("name", "language", "time_zone", "attributes", "tags")
    return [part for part in parts if getattr(before, part) != getattr(after, part)]
