"""How many subscribers a segment has, and who they are: by standing, domain and language.

Those who were erased are not counted: nothing is known of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from newsletter.store.database import Database
from newsletter.store.tables import subscriber
from newsletter.subscribers.segment import Segment
from newsletter.subscribers.subscriber import Standing

_SHOWN = 10
#: So many tell as much of the shares as all do, and are counted in 10 ms however long the list is.
_SAMPLED = 20_000


@dataclass(frozen=True, slots=True)
class Census:
    """The numbers of one segment at one instant.

    `mailed` are confirmed and not suppressed: an issue goes to them.  `standings` has every standing that occurs,
    `domains` and `languages` the most frequent; `other_domains` and `other_languages` are all the rest, so each adds up
    to `total`.
    """

    total: int
    mailed: int
    standings: Mapping[str, int]
    domains: Mapping[str, int]
    other_domains: int
    languages: Mapping[str, int]
    other_languages: int


def count_members(database: Database, segment: Segment, now: datetime) -> int:
    """How many subscribers are in `segment`."""
    with database.read() as connection:
        asked = select(func.count()).select_from(subscriber).where(_members(connection, segment, now))
        return connection.execute(asked).scalar_one()


def take_census(database: Database, segment: Segment, now: datetime) -> Census:
    """Who is in `segment`, all numbers of one instant."""
    with database.read() as connection:
        members = _members(connection, segment, now)
        standing = subscriber.c.standing
        rows = connection.execute(
            select(standing, subscriber.c.suppressed, func.count())
            .where(members)
            .group_by(standing, subscriber.c.suppressed)
        ).fetchall()
        standings: dict[str, int] = {}
        for number, _, people in sorted(tuple(row) for row in rows):
            label = Standing(number).label
            standings[label] = standings.get(label, 0) + people
        total = sum(standings.values())
        mailed = sum(
            people for number, suppressed, people in rows if number == Standing.CONFIRMED and not suppressed
        )
        domains = _most(connection, subscriber.c.domain, members)
        languages = _most(connection, subscriber.c.language, members)
        return Census(
            total,
            mailed,
            standings,
            domains,
            total - sum(domains.values()),
            languages,
            total - sum(languages.values()),
        )


def sample_domains(database: Database) -> dict[str, int]:
    """How many of the confirmed subscribers who joined the list last have their mailbox at which domain."""
    newest = (
        select(subscriber.c.domain)
        .where(subscriber.c.standing == Standing.CONFIRMED)
        .order_by(subscriber.c.id.desc())
        .limit(_SAMPLED)
        .subquery()
    )
    asked = select(newest.c.domain, func.count()).group_by(newest.c.domain).order_by(newest.c.domain)
    with database.read() as connection:
        return {domain: number for domain, number in connection.execute(asked)}  # noqa: C416


def read_segments(
    database: Database, subscriber_id: int, segments: Mapping[str, Segment], now: datetime
) -> frozenset[str]:
    """The names of those `segments` in which the subscriber is."""
    if not segments:
        return frozenset()
    with database.read() as connection:
        dialect = connection.dialect.name
        answers = [case((segment.sql(dialect, now), 1), else_=0) for segment in segments.values()]
        row = connection.execute(select(*answers).where(subscriber.c.id == subscriber_id)).one_or_none()
    return frozenset(name for name, is_in in zip(segments, row or (), strict=False) if is_in)


def _members(connection: Connection, segment: Segment, now: datetime) -> ColumnElement[bool]:
    return and_(subscriber.c.standing != Standing.ERASED, segment.sql(connection.dialect.name, now))


def _most(connection: Connection, column: ColumnElement[str], members: ColumnElement[bool]) -> dict[str, int]:
    people = func.count()
    asked = select(column, people).where(members).group_by(column).order_by(people.desc(), column)
    return {value: number for value, number in connection.execute(asked.limit(_SHOWN))}  # noqa: C416
