"""Who is never to be mailed, kept as keyed hashes: an address, or a whole domain.

A suppression outlives the person's row: after erasure the list does not know the address any more and still refuses it,
however often it is imported again.  Of the address nothing is kept but HMAC-SHA256 under the publication's SECRET_KEY, so
whoever has the database alone cannot even try addresses out.

SECRET_KEY may hold several keys, the newest first: it makes the new hashes, and all are looked for.  A publication without
one gets a key of its own, in its database; that keeps the promise of forgetting, but not against whoever holds the file.  A
key that hashes were made with and that is no longer there would let suppressed people in again: the list is refused then.

Every insertion of a subscriber asks `among` first, in its own transaction; suppressing and inserting exclude each other (an
advisory lock on PostgreSQL), so no order of events leaves a suppressed subscriber unmarked.

Source: RFC 2104.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select, update

from newsletter.errors import ConfigError, UsageError, WriterError
from newsletter.store.database import Database, hold, insert_new
from newsletter.store.tables import history, meta, subscriber, suppression
from newsletter.subscribers.address import Address, parse_address
from newsletter.subscribers.subscriber import Act

_LOCK = "suppression"
_OWN_KEY, _PRINTS = "suppression_key", "suppression_prints"
_MIN_KEY_LENGTH = 16
_HINT = "write SECRET_KEY=... into .env; make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


@dataclass(frozen=True, slots=True)
class Domain:
    """All addresses at one domain, its subdomains not among them."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Why an address is never mailed, since when, and whether for its domain's sake."""

    reason: str
    at: datetime
    is_domain: bool


def parse_target(text: str) -> Address | Domain:
    """The address or, written `example.org` or `@example.org`, the domain.  Raises UsageError, if it is neither."""
    local, _, domain = text.strip().rpartition("@")
    try:
        if local:
            return parse_address(text)
        return Domain(parse_address(f"postmaster@{domain}").domain)
    except WriterError as error:
        raise UsageError(f"neither an address nor a domain: {error.message}") from error


class Suppression:
    """The suppressions of one list, under its keys: the first makes hashes, all find them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]
        self._of_domain: dict[str, tuple[bytes, ...]] = {}

    def __repr__(self) -> str:
        return "Suppression()"

    def hashes(self, target: Address | Domain) -> tuple[bytes, ...]:
        """The hashes of `target` itself, one for each key, the newest first."""
        if isinstance(target, Address):
            return self._hashes(f"address {target.key}")
        known = self._of_domain.get(target.name)
        if known is None:
            known = self._of_domain[target.name] = self._hashes(f"domain {target.name}")
        return known

    def among(self, connection: Connection, addresses: Iterable[Address]) -> Mapping[str, Suppressed]:
        """Those of `addresses` that are never to be mailed, by their keys; it stays so until the transaction ends."""
        hold(connection, _LOCK, shared=True)
        return self.known(connection, addresses)

    def known(self, connection: Connection, addresses: Iterable[Address]) -> Mapping[str, Suppressed]:
        """Those of `addresses` that are never to be mailed, by their keys, as it is now."""
        if connection.execute(select(suppression.c.hash).limit(1)).first() is None:
            return {}
        asked: dict[bytes, list[str]] = {}
        for address in addresses:
            for digest in (*self.hashes(address), *self.hashes(Domain(address.domain))):
                asked.setdefault(digest, []).append(address.key)
        found: dict[str, Suppressed] = {}
        digests = list(asked)
        for start in range(0, len(digests), 500):
            wanted = suppression.c.hash.in_(digests[start : start + 500])
            for row in connection.execute(
                select(suppression).where(wanted).order_by(suppression.c.is_domain)
            ):
                why = Suppressed(row.reason, datetime.fromtimestamp(row.at, UTC), bool(row.is_domain))
                for key in asked[bytes(row.hash)]:
                    found.setdefault(key, why)
        return found

    def exclude(self, connection: Connection) -> None:
        """Keep everybody else from inserting and suppressing until the transaction ends.

        Who is going to suppress a subscriber takes this lock before the subscriber's row: in the other order two
        transactions could wait for each other.
        """
        hold(connection, _LOCK)

    def suppress(self, connection: Connection, target: Address | Domain, reason: str, at: datetime) -> int:
        """Never mail `target` again; how many subscribers that is who were mailed until now."""
        self.exclude(connection)
        seconds = int(at.timestamp())
        row = {"is_domain": int(isinstance(target, Domain)), "reason": reason, "at": seconds}
        known = select(suppression.c.hash).where(suppression.c.hash.in_(self.hashes(target)))
        if connection.execute(known).first() is None:
            connection.execute(insert_new(connection, suppression), {"hash": self.hashes(target)[0], **row})
        return self._mark(connection, _who(target), 1, Act.SUPPRESS, reason, seconds)

    def lift(self, connection: Connection, target: Address | Domain, reason: str, at: datetime) -> bool:
        """Allow `target` to be mailed again; whether it was suppressed.

        Whoever is suppressed for another reason too (an address at a suppressed domain) stays so.
        """
        self.exclude(connection)
        wanted = suppression.c.hash.in_(self.hashes(target))
        if not connection.execute(delete(suppression).where(wanted)).rowcount:
            return False
        marked = select(subscriber.c.email).where(_who(target), subscriber.c.suppressed == 1)
        addresses = [Address(*email.rsplit("@", 1)) for email in connection.execute(marked).scalars()]
        still = self.known(connection, addresses)
        for address in addresses:
            if address.key not in still:
                self._mark(connection, _who(address), 0, Act.LIFT, reason, int(at.timestamp()))
        return True

    def _mark(
        self, connection: Connection, who: ColumnElement[bool], value: int, act: Act, note: str, at: int
    ) -> int:
        """Set the mark on those it is not yet on, and write it into their histories."""
        number = select(func.coalesce(func.max(history.c.number), 0) + 1)
        number = number.where(history.c.subscriber_id == subscriber.c.id)
        events = select(
            subscriber.c.id, number.scalar_subquery(), literal(at), literal(int(act)), literal(note)
        ).where(who, subscriber.c.suppressed != value)
        # Locked in the order of their ids, as every other act locks one: two acts never wait for each other.
        connection.execute(select(subscriber.c.id).where(who).order_by(subscriber.c.id).with_for_update())
        connection.execute(
            insert(history).from_select(["subscriber_id", "number", "at", "act", "note"], events)
        )
        marked = update(subscriber).where(who, subscriber.c.suppressed != value)
        return connection.execute(marked.values(suppressed=value, changed_at=at)).rowcount

    def _hashes(self, text: str) -> tuple[bytes, ...]:
        return tuple(hmac.digest(key, text.encode(), "sha256") for key in self._keys)


def _who(target: Address | Domain) -> ColumnElement[bool]:
    if isinstance(target, Address):
        return subscriber.c.email_key == target.key
    return subscriber.c.domain == target.name


def open_suppression(database: Database, secret_key: str) -> Suppression:
    """The suppressions in `database`, under the keys in SECRET_KEY (newest first, spaces between) and its own.

    Raises ConfigError, if a key is too short, or one is missing that suppressions were made with.
    """
    keys = secret_key.split()
    if keys and min(map(len, keys)) < _MIN_KEY_LENGTH:
        raise ConfigError(f"a SECRET_KEY has at least {_MIN_KEY_LENGTH} characters", hint=_HINT)
    with database.read() as connection:
        facts = _facts(connection)
    if not keys and _OWN_KEY not in facts:
        facts = _remember(database, _OWN_KEY, secrets.token_urlsafe(32))
    keys += [facts[_OWN_KEY]] if _OWN_KEY in facts else []
    prints = {_print(key) for key in keys}
    known = set(json.loads(facts.get(_PRINTS, "[]")))
    if _print(keys[0]) not in known or known - prints:
        with database.write() as connection:
            hold(connection, _LOCK)
            known = set(json.loads(_facts(connection).get(_PRINTS, "[]")))
            if known - prints and connection.execute(select(suppression.c.hash).limit(1)).first():
                raise ConfigError(
                    "SECRET_KEY has changed: nobody could tell any more who must never be mailed",
                    where=".env",
                    hint="put the former key back, behind the new one: SECRET_KEY='NEW FORMER'",
                )
            known = (known & prints) | {_print(keys[0])}
            connection.execute(delete(meta).where(meta.c.key == _PRINTS))
            connection.execute(insert(meta), {"key": _PRINTS, "value": json.dumps(sorted(known))})
    return Suppression(keys)


def _print(key: str) -> str:
    """By what a key is known again, and from which it cannot be found."""
    return hmac.digest(key.encode(), b"which key this is", "sha256").hex()[:16]


def _facts(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(meta).where(meta.c.key.in_([_OWN_KEY, _PRINTS])))
    return {row.key: row.value for row in rows}


def _remember(database: Database, key: str, value: str) -> dict[str, str]:
    """Write a fact down, unless another process was faster; the facts as they are then."""
    with database.write() as connection:
        connection.execute(insert_new(connection, meta), {"key": key, "value": value})
        return _facts(connection)
