"""A batch of entries becomes subscribers, in one transaction: all of it durable, or nothing of it.

Storing the same batch again changes nothing, so an import that was killed is finished by running it again.  Who is on the
list keeps what the entry does not say; standings move by the table MOVES alone, so nobody who left, bounced or complained
is mailed again by an import (with `resubscribe`, a reason, those who left or bounced are).  Who is suppressed and not on
the list stays off it.  While a batch is stored nobody else writes subscribers, so two imports at once are safe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, select, update

from newsletter.store.bulk import hold_writers, insert_rows, is_among, reserve_ids
from newsletter.store.database import Database, insert_new
from newsletter.store.tables import history, subscriber, subscriber_tag, tag
from newsletter.subscribers.address import Address
from newsletter.subscribers.entry import Entry, seconds
from newsletter.subscribers.rows import consent_id
from newsletter.subscribers.subscriber import MOVES, Act, Consent, Standing, write_attributes
from newsletter.subscribers.suppression import Suppression

#: The act by which an import brings somebody to a standing.
ACTS: Mapping[Standing, Act] = {
    Standing.PENDING: Act.ASK,
    Standing.CONFIRMED: Act.ADD,
    Standing.LEFT: Act.LEAVE,
    Standing.BOUNCED: Act.BOUNCE,
    Standing.COMPLAINED: Act.COMPLAIN,
}
_BY_LABEL = {act.label: act for act in Act}
_PERSON = (
    "id email email_key domain name language time_zone attributes standing suppressed joined_at changed_at"
).split()
_LINE = "subscriber_id number at act consent_id note".split()


@dataclass(slots=True)
class Stored:
    """What became of entries: they add up to all that were given."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_out: list[str] = field(
        default_factory=list
    )  # the keys of those who are suppressed and not on the list


@dataclass(slots=True)
class _Rows:
    """What a transaction will write."""

    people: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    tagged: list[tuple[int, int]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)


class BatchWriter:
    """Stores batches of one import: its consent, its instant, its reason to resubscribe."""

    def __init__(
        self,
        database: Database,
        suppressions: Suppression,
        consent: Consent,
        now: datetime,
        resubscribe: str = "",
        left_in_file: Callable[[str], bool] = lambda key: False,
    ) -> None:
        """`left_in_file` says of a key whether the file itself says no: then no reason helps."""
        self.database, self.suppressions = database, suppressions
        self.now, self.at = now, int(now.timestamp())
        self.resubscribe, self.left_in_file = resubscribe, left_in_file
        self.tags: dict[str, int] = {}
        self.consents: dict[tuple[str, str, str], int] = {}
        self.consent = self._consent_ids([(consent.how, consent.source, consent.words)])[0]

    def store(self, entries: Mapping[str, Entry]) -> Stored:
        """Store the entries, by their keys."""
        self._prepare(entries.values())
        with self.database.write() as connection:
            self.suppressions.among(connection, ())  # its lock comes first, as everywhere
            hold_writers(connection, subscriber)
            known = {row.email_key: row for row in self._known(connection, list(entries))}
            tags = self._tags(connection, [row.id for row in known.values()])
            new = [entry for key, entry in entries.items() if key not in known]
            kept_out = self._suppressed(connection, new)
            stored, rows = Stored(kept_out=sorted(kept_out)), _Rows()
            new = [entry for entry in new if entry.key not in kept_out]
            stored.added = len(new)
            for number, entry in zip(reserve_ids(connection, subscriber, len(new)), new, strict=True):
                self._add(rows, number, entry)
            for key, row in known.items():
                if self._change(rows, row, tags.get(row.id, set()), entries[key]):
                    stored.changed += 1
                else:
                    stored.unchanged += 1
            insert_rows(connection, subscriber, _PERSON, rows.people)
            insert_rows(connection, history, _LINE, rows.lines)
            rows.tagged.sort()  # the order they are stored in
            insert_rows(connection, subscriber_tag, ("tag_id", "subscriber_id"), rows.tagged)
            if rows.changes:
                names = [name for name in rows.changes[0] if name != "this"]
                changed = update(subscriber).where(subscriber.c.id == bindparam("this"))
                connection.execute(changed.values({name: bindparam(name) for name in names}), rows.changes)
        return stored

    def _prepare(self, entries: Iterable[Entry]) -> None:
        """What entries refer to, in transactions of their own: no writer waits for another's tag while it holds rows."""
        wanted: dict[str, None] = {}
        consents = []
        flagged = []
        for entry in entries:
            if entry.tags:
                wanted.update(entry.tags)
            if entry.suppressed:
                flagged.append(entry)
            if entry.consent or entry.history:
                consents += [_agreed(event) for event in [*(entry.history or []), entry.consent or {}]]
        if missing := sorted(name for name in wanted if name not in self.tags):
            with self.database.write() as connection:
                connection.execute(insert_new(connection, tag), [{"name": name} for name in missing])
                found = select(tag.c.name, tag.c.id).where(is_among(connection, tag.c.name, missing))
                self.tags.update((row.name, row.id) for row in connection.execute(found))
        self._consent_ids([agreed for agreed in consents if agreed])
        if flagged:
            with self.database.write() as connection:
                for entry in flagged:
                    target = Address(*entry.email.rsplit("@", 1))
                    self.suppressions.suppress(connection, target, "imported as suppressed", self.now)

    def _consent_ids(self, agreed: Sequence[tuple[str, str, str]]) -> list[int]:
        if missing := sorted(set(agreed) - set(self.consents)):
            with self.database.write() as connection:
                for how, source, words in missing:
                    self.consents[how, source, words] = consent_id(connection, Consent(how, source, words))
        return [self.consents[each] for each in agreed]

    def _known(self, connection: Connection, keys: list[str]) -> Sequence[Row[Any]]:
        last = select(func.max(history.c.number)).where(history.c.subscriber_id == subscriber.c.id)
        agreed = exists().where(
            history.c.subscriber_id == subscriber.c.id, history.c.consent_id == self.consent
        )
        asked = select(subscriber, last.scalar_subquery().label("last"), agreed.label("agreed"))
        return connection.execute(asked.where(is_among(connection, subscriber.c.email_key, keys))).fetchall()

    def _tags(self, connection: Connection, ids: list[int]) -> dict[int, set[int]]:
        tags: dict[int, set[int]] = {}
        if ids:
            asked = select(subscriber_tag.c.subscriber_id, subscriber_tag.c.tag_id)
            for person, number in connection.execute(
                asked.where(is_among(connection, subscriber_tag.c.subscriber_id, ids))
            ):
                tags.setdefault(person, set()).add(number)
        return tags

    def _suppressed(self, connection: Connection, new: list[Entry]) -> set[str]:
        """Those who are not on the list and are never to be; who comes marked as suppressed is kept, marked."""
        # Made when they are asked for: where nobody is suppressed, none is.
        addresses = (Address(*entry.email.rsplit("@", 1)) for entry in new if not entry.suppressed)
        return set(self.suppressions.known(connection, addresses))

    def _add(self, rows: _Rows, number: int, entry: Entry) -> None:
        standing = Standing.CONFIRMED if entry.standing is None else entry.standing
        joined = self.at if entry.joined_at is None else entry.joined_at
        rows.people.append(
            (
                number,
                entry.email,
                entry.key,
                entry.domain,
                entry.name,
                entry.language,
                entry.time_zone,
                write_attributes(entry.attributes),
                int(standing),
                int(entry.suppressed),
                joined,
                self.at,
            )
        )
        if entry.tags:
            rows.tagged += [(self.tags[name], number) for name in entry.tags]
        last = 0
        for event in entry.history or ([entry.consent] if entry.consent else []):
            last += 1
            agreed = _agreed(event)
            act = _BY_LABEL[event.get("act", Act.ADD.label)]
            words = self.consents[agreed] if agreed else None
            rows.lines.append((number, last, seconds(event["at"]), int(act), words, event.get("note", "")))
        if last:  # the way to the standing is told already
            rows.lines.append((number, last + 1, self.at, int(Act.CHANGE), self.consent, "imported"))
            return
        first = Act.ASK if standing is Standing.PENDING else Act.ADD
        rows.lines.append((number, 1, self.at, int(first), self.consent, ""))
        if standing not in (Standing.PENDING, Standing.CONFIRMED):
            rows.lines.append((number, 2, self.at, int(ACTS[standing]), None, "as imported"))

    def _change(self, rows: _Rows, row: Row[Any], tags: set[int], entry: Entry) -> bool:
        """Whether the entry says something of somebody on the list that is not known already."""
        before = Standing(row.standing)
        act, after = self._move(before, entry)
        attributes = row.attributes
        if entry.attributes:
            attributes = write_attributes(json.loads(attributes) | entry.attributes)
        values = {
            "name": entry.name or row.name,
            "language": entry.language or row.language,
            "time_zone": entry.time_zone or row.time_zone,
            "attributes": attributes,
            "joined_at": row.joined_at if entry.joined_at is None else min(row.joined_at, entry.joined_at),
            "standing": int(after),
        }
        new_tags = [(self.tags[name], row.id) for name in entry.tags if self.tags[name] not in tags]
        rows.tagged += new_tags
        is_changed = any(getattr(row, name) != value for name, value in values.items())
        if is_changed:
            rows.changes.append({"this": row.id, **values, "changed_at": self.at})
        last = row.last or 0
        if act is not None:
            agreed = self.consent if act in (Act.ADD, Act.RESUBSCRIBE) else None
            note = self.resubscribe if act is Act.RESUBSCRIBE else "" if agreed else "as imported"
            rows.lines.append((row.id, last + 1, self.at, int(act), agreed, note))
        elif (is_changed or new_tags) and not row.agreed:
            rows.lines.append((row.id, last + 1, self.at, int(Act.CHANGE), self.consent, "imported"))
        return is_changed or bool(new_tags)

    def _move(self, before: Standing, entry: Entry) -> tuple[Act | None, Standing]:
        """The act by which the entry moves a standing, and where to; None and the same, if it does not."""
        wanted = Standing.CONFIRMED if entry.standing is None else entry.standing
        if wanted is Standing.PENDING:
            return None, before
        act = ACTS[wanted]
        comes_back = wanted is Standing.CONFIRMED and before in MOVES[Act.RESUBSCRIBE]
        if comes_back and self.resubscribe and not self.left_in_file(entry.key):
            act = Act.RESUBSCRIBE
        after = MOVES[act].get(before, before)
        return (act, after) if after is not before else (None, before)


def _agreed(event: Mapping[str, Any]) -> tuple[str, str, str] | None:
    how, source = event.get("how", ""), event.get("source", "")
    return (how, source, event.get("words", "")) if how.strip() and source.strip() else None
