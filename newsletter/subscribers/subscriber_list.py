"""The subscriber list: the acts on one publication's people, for a program as for the command line.

    people = Publication.open("my-letter").subscribers
    consent = Consent("form", "https://example.org/join", "Send me the letter, every Monday")
    people.add("ada@example.org", consent, name="Ada", attributes={"country": "CH"}, tags=["pro"])
    people.remove("ada@example.org")

Every method is one transaction: it is done, durably, or nothing is.  Any number of threads and processes may use the
list at once; who leaves, or is suppressed, is mailed no more from the commit on.

Raises WriterError, if a value is wrong, ListError, if the list refuses, StoreError, if the database cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import func, select

from newsletter.store.database import Database
from newsletter.store.tables import subscriber as subscriber_table
from newsletter.subscribers import imports, membership, rows
from newsletter.subscribers.address import Address, parse_address
from newsletter.subscribers.census import (
    Census,
    count_members,
    read_segments,
    sample_domains,
    take_census,
)
from newsletter.subscribers.dossier import Dossier, read_dossier
from newsletter.subscribers.erasure import erase
from newsletter.subscribers.exports import export_to_file
from newsletter.subscribers.imports import Imported, plan_import
from newsletter.subscribers.segment import Segment, parse_segment
from newsletter.subscribers.subscriber import Attribute, Consent, Profile, Standing, Subscriber, parse_profile
from newsletter.subscribers.suppression import Suppression, open_suppression, parse_target
from newsletter.subscribers.table_file import FilePath


def _now() -> datetime:
    return datetime.now(UTC)


class SubscriberList:
    """The people of one publication."""

    def __init__(
        self,
        database: Database,
        *,
        secret_key: str = "",
        now: Callable[[], datetime] = _now,
        segments: Mapping[str, str] | None = None,
    ) -> None:
        """`secret_key` is SECRET_KEY, under which suppressions are hashed; without one the database has its own.

        `segments` are those with a name.
        """
        self.database = database
        self._secret_key = secret_key
        self._now = now
        self._segments = segments or {}

    @cached_property
    def suppression(self) -> Suppression:
        """The suppressions, under the publication's keys.  Raises ConfigError, if a key is missing."""
        return open_suppression(self.database, self._secret_key)

    def add(
        self,
        address: str | Address,
        consent: Consent,
        *,
        name: str = "",
        language: str = "",
        time_zone: str = "",
        attributes: Mapping[str, Attribute] | None = None,
        tags: Iterable[str] = (),
        resubscribe: str = "",
    ) -> Subscriber:
        """The subscriber at `address`, confirmed by the consent you declare; what you know is added to what is known.

        Who is on the list already keeps what you leave out.  Who has left or bounced comes back only with a reason in
        `resubscribe`; who complained, or is suppressed, is refused.
        """
        profile = parse_profile(name, language, time_zone, attributes, tags)
        suppression = self.suppression
        with self.database.write() as connection:
            return membership.add(
                connection,
                suppression,
                _address(address),
                profile,
                consent,
                self._now(),
                resubscribe=resubscribe,
            )

    def ask(
        self,
        address: str | Address,
        consent: Consent,
        *,
        name: str = "",
        language: str = "",
        time_zone: str = "",
        attributes: Mapping[str, Attribute] | None = None,
        tags: Iterable[str] = (),
    ) -> Subscriber:
        """The subscriber who filled in a form: pending, and mailed nothing, until `confirm`.

        Whoever is on the list already keeps all that is known.
        """
        profile = parse_profile(name, language, time_zone, attributes, tags)
        suppression = self.suppression
        with self.database.write() as connection:
            return membership.ask(connection, suppression, _address(address), profile, consent, self._now())

    def confirm(self, subscriber_id: int) -> Subscriber:
        """The subscriber who asked and followed the link in the confirmation mail: confirmed."""
        with self.database.write() as connection:
            return membership.confirm(connection, subscriber_id, self._now())

    def remove(self, address: str | Address, *, note: str = "") -> Subscriber:
        """The subscriber at `address`, who has left: mailed no more, and kept as somebody who said no."""
        with self.database.write() as connection:
            return membership.leave(connection, _address(address), self._now(), note=note)

    def leave(self, subscriber_id: int, *, generation: int, note: str = "") -> Subscriber:
        """The subscriber who followed the link in an issue; `generation` is that of the link's token."""
        with self.database.write() as connection:
            return membership.leave(connection, subscriber_id, self._now(), note=note, generation=generation)

    def bounce(self, who: str | Address | int, *, note: str) -> Subscriber:
        """The subscriber (an address or an id) whose mailbox is not there; `note` holds the server's words."""
        with self.database.write() as connection:
            return membership.bounce(connection, _who(who), self._now(), note=note)

    def complain(self, who: str | Address | int, *, note: str) -> Subscriber:
        """The subscriber (an address or an id) who called an issue spam; `note` says who reported it."""
        with self.database.write() as connection:
            return membership.complain(connection, _who(who), self._now(), note=note)

    def change(
        self,
        address: str | Address,
        *,
        name: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
        attributes: Mapping[str, Attribute | None] | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
    ) -> Subscriber:
        """The subscriber at `address` with these values instead; None leaves a value alone, in `attributes` takes it out."""
        values = {key: value for key, value in (attributes or {}).items() if value is not None}
        given = parse_profile(name or "", language or "", time_zone or "", values, add_tags)
        with self.database.write() as connection:
            before = membership.found(connection, _address(address))
            known = before.profile
            mixed = {**known.attributes, **given.attributes}
            profile = Profile(
                known.name if name is None else given.name,
                known.language if language is None else given.language,
                known.time_zone if time_zone is None else given.time_zone,
                {
                    key: value
                    for key, value in mixed.items()
                    if key in values or key not in (attributes or {})
                },
                (known.tags | given.tags) - frozenset(remove_tags),
            )
            membership.change(connection, before, profile, self._now())
            return membership.found(connection, before.id)

    def find(self, who: str | Address | int) -> Subscriber | None:
        """The subscriber with an address or an id, None if there is none."""
        with self.database.read() as connection:
            return rows.find(connection, _who(who))

    def show(self, address: str | Address) -> Dossier:
        """All that is known of an address: the person, the history, the deliveries, why it is suppressed."""
        suppression = self.suppression
        with self.database.read() as connection:
            return read_dossier(connection, suppression, _address(address))

    def erase(self, address: str | Address) -> int:
        """Forget the person at `address` for good; the id that is left.  Only the hash that keeps the address away stays."""
        suppression = self.suppression
        with self.database.write() as connection:
            suppression.exclude(connection)
            subscriber = membership.found(connection, _address(address))
            erase(connection, suppression, subscriber, self._now())
        self.database.forget()
        return subscriber.id

    def suppress(self, target: str, reason: str) -> int:
        """Never mail an address or, written `@example.org`, a domain again; how many subscribers were mailed until now."""
        suppression = self.suppression
        with self.database.write() as connection:
            return suppression.suppress(connection, parse_target(target), reason, self._now())

    def lift(self, target: str, reason: str) -> bool:
        """Allow a suppressed address or domain to be mailed again; whether it was suppressed."""
        suppression = self.suppression
        with self.database.write() as connection:
            return suppression.lift(connection, parse_target(target), reason, self._now())

    def standings(self) -> dict[Standing, int]:
        """How many subscribers have which standing, those with none left out."""
        standing = subscriber_table.c.standing
        with self.database.read() as connection:
            counted = connection.execute(select(standing, func.count()).group_by(standing).order_by(standing))
            return {Standing(number): count for number, count in counted}

    def segment(self, text: str) -> Segment:
        """The segment that `text` asks for.  Raises WriterError, if it is not in the language."""
        return parse_segment(text, named=self._segments)

    def count(self, segment: str = "") -> int:
        """How many people are in a segment; without one, how many there are."""
        return count_members(self.database, self.segment(segment), self._now())

    def census(self, segment: str = "") -> Census:
        """Who is in a segment: how many by standing, domain and language, and how many of them are mailed."""
        return take_census(self.database, self.segment(segment), self._now())

    def domains(self) -> dict[str, int]:
        """How many mailboxes of confirmed subscribers are at which domain, counted over the newest 20,000."""
        return sample_domains(self.database)

    def segments_of(self, who: str | Address | int, names: Iterable[str]) -> frozenset[str]:
        """Those of the segments `names` in which the subscriber (an address or an id) is."""
        found = self.find(who)
        if found is None:
            return frozenset()
        segments = {name: self.segment(name) for name in names}
        return read_segments(self.database, found.id, segments, self._now())

    def import_file(
        self,
        path: FilePath,
        *,
        source: str,
        maps: Iterable[str] = (),
        resubscribe: str = "",
        rejected: FilePath = ".",
        progress: Callable[[int, int], None] | None = None,
    ) -> Imported:
        """What became of the rows of a file of subscribers; `source` says how they agreed.

        `maps` are COLUMN=FIELD; `rejected` is the folder for rejected.csv.  It is many transactions: killed, it is
        finished by calling it again.
        """
        plan = plan_import(path, maps=maps)
        return imports.import_file(
            self.database,
            self.suppression,
            plan,
            source=source,
            now=self._now(),
            resubscribe=resubscribe,
            folder=rejected,
            progress=progress,
        )

    def export_file(self, path: FilePath, *, progress: Callable[[int], None] | None = None) -> int:
        """Write everybody into FILE.csv or FILE.jsonl; how many that are."""
        return export_to_file(self.database, path, progress=progress)


def _address(address: str | Address) -> Address:
    return address if isinstance(address, Address) else parse_address(address)


def _who(who: str | Address | int) -> Address | int:
    return who if isinstance(who, int) else _address(who)
