"""A campaign is planned: who gets it, who does not and why, and everything frozen in one transaction.

The audience are the subscribers of a segment who confirmed, are not suppressed, and do not have the issue yet: in no
campaign of this issue is there a delivery for them that was accepted, is in doubt, or is still to go.  An issue goes to a
person once, ever, unless `again` says why.

`look` counts in one pass, `freeze_campaign` counts what it has written before it commits, and refuses if that is not what
was seen.  Where the theme asks for segments, the variant of a delivery is a number with a bit for each segment.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)

from newsletter.errors import NewsletterError
from newsletter.sending.campaign import CampaignState
from newsletter.sending.delivery import State
from newsletter.store.database import Database, hold
from newsletter.store.tables import campaign, campaign_email, delivery, retry, subscriber
from newsletter.subscribers.subscriber import Standing

#: Two to this power is more variants than a smallint has room for.
MOST_SEGMENTS = 14
_DOMAINS_SHOWN = 100


class PlanChanged(NewsletterError):
    """What would be sent now is not what was planned."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent to whom, and when.

    `audience` is the condition on `tables.subscriber` that `segment` asks, `asked` the conditions by segment for which the
    theme makes a difference; times are seconds since 1970, 0: none.  With `local_time`, `at` is the hour on the wall that it
    is to be where the subscriber lives; with `outbox` the messages are written out instead of sent.
    """

    issue_id: str
    subject: str
    segment: str
    audience: ColumnElement[bool]
    asked: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)
    again: str = ""
    not_before: int = 0
    not_after: int = 0
    local_time: datetime | None = None
    outbox: bool = False


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is in a segment: how many get the issue, by domain and by variant, and how many do not, by reason."""

    count: int
    variants: Mapping[int, int]
    domains: Mapping[str, int]
    excluded: Mapping[str, int]
    mark: str  # of exactly these subscribers


def look(database: Database, order: Order) -> Audience:
    """The audience as it is now; nothing is written."""
    with database.read() as connection:
        return _audience(connection, order)


def plan_hash(order: Order, audience: Audience, emails: Mapping[int, str]) -> str:
    """What stands for all that would be sent, to whom and when: `emails` are digests by variant."""
    parts = [
        order.issue_id, order.segment, order.again, order.not_before, order.not_after,
        str(order.local_time or ""), order.outbox, audience.mark, sorted(emails.items()), sorted(audience.variants.items()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def freeze_campaign(
    database: Database,
    order: Order,
    seen: Audience,
    emails: Mapping[int, tuple[str, Sequence[str], bytes]],
    *,
    now: int,
) -> int:
    """The number of the new campaign: `emails` are digest, segments and content by variant.

    Raises PlanChanged, if the audience is not the one that was `seen`; nothing was written then.
    """
    with database.write() as connection:
        hold(connection, f"plan {order.issue_id}")
        goes = _goes(connection, order)  # before the new campaign is there
        campaign_id = connection.execute(
            insert(campaign).returning(campaign.c.id),
            {
                "issue_id": order.issue_id,
                "digest": emails[min(emails)][0],
                "subject": order.subject,
                "segment": order.segment,
                "again": order.again,
                "state": int(CampaignState.DUE),
                "planned_at": now,
                "not_before": order.not_before,
                "not_after": order.not_after,
                "local_time": int(order.local_time is not None),
                "outbox": int(order.outbox),
                "audience": seen.count,
            },
        ).scalar_one()
        for variant, (_, segments, content) in emails.items():
            connection.execute(
                insert(campaign_email),
                {
                    "campaign_id": campaign_id,
                    "variant": variant,
                    "segments": json.dumps(list(segments)),
                    "content": content,
                },
            )
        rows = select(literal(campaign_id), subscriber.c.id, _variant(order), literal(now)).where(goes)
        connection.execute(
            insert(delivery).from_select(
                ["campaign_id", "subscriber_id", "variant", "at"], rows.order_by(subscriber.c.id)
            )
        )
        written = _Tally()
        of_variant = delivery.c.variant if order.asked else literal(0)
        counted = select(of_variant, *_sums(delivery.c.subscriber_id)).where(
            delivery.c.campaign_id == campaign_id
        )
        for row in connection.execute(counted.group_by(of_variant) if order.asked else counted):
            written.add(*row)
        if written.mark() != seen.mark:
            raise PlanChanged(
                f"the audience has changed meanwhile: {seen.count:,} then, {written.count:,} now",
                hint="look at the plan again: newsletter send",
            )
        if database.is_postgres:  # or the first groups are planned as if the tables were empty
            connection.execute(text("ANALYZE delivery, subscriber, attempt, retry"))
        if order.local_time:
            first = _put_off_by_zone(connection, campaign_id, order.local_time)
            connection.execute(campaign.update().where(campaign.c.id == campaign_id).values(not_before=first))
    return int(campaign_id)


def asked_combinations(database: Database, order: Order) -> dict[int, frozenset[str]]:
    """The variants that occur in the audience, and the segments of each."""
    names = list(order.asked)
    return {
        variant: frozenset(name for bit, name in enumerate(names) if variant >> bit & 1)
        for variant in look(database, order).variants
    }


def _audience(connection: Connection, order: Order) -> Audience:
    """All of it in one pass, which reads nothing but an index where everybody is asked for.

    Only what differs within the audience is grouped by, because SQLite sorts for what its index does not hold.
    """
    place = (subscriber.c.domain, subscriber.c.standing, subscriber.c.suppressed)
    has, variant = _has_issue(connection, order), _variant(order).label("of_variant")
    has_issue = (literal(0) if has is None else case((has, 1), else_=0)).label("has_issue")
    counted = select(*place, has_issue, variant, *_sums(subscriber.c.id)).where(order.audience)
    counted = counted.group_by(*place).order_by(*place)
    if has is not None:
        counted = counted.group_by(has_issue)
    if order.asked:
        counted = counted.group_by(variant)
    tally, excluded, domains = _Tally(), Counter[str](), _Most()
    rows = connection.execute(counted.execution_options(yield_per=1000))
    for domain, standing, suppressed, has_it, number, count, *sums in rows:
        if suppressed:
            excluded["suppressed"] += count
        elif standing != Standing.CONFIRMED:
            excluded[Standing(standing).name.lower()] += count
        elif has_it:
            excluded["already has this issue"] += count
        else:
            tally.add(number, count, *sums)
            domains.add(domain, count)
    return Audience(tally.count, tally.variants(), domains.counts(), excluded, tally.mark())


def _goes(connection: Connection, order: Order) -> ColumnElement[bool]:
    """The condition on a subscriber for getting the issue.

    Whoever confirmed has an address: erasure takes both.  To ask for it would take every row from the table.
    """
    conditions = [
        order.audience,
        subscriber.c.standing == int(Standing.CONFIRMED),
        subscriber.c.suppressed == 0,
    ]
    has = _has_issue(connection, order)
    return and_(*conditions, *([] if has is None else [~has]))


def _has_issue(connection: Connection, order: Order) -> ColumnElement[bool] | None:
    """The condition on a subscriber for having the issue already; None, if nobody has it or that does not matter."""
    earlier = list(
        connection.execute(select(campaign.c.id).where(campaign.c.issue_id == order.issue_id)).scalars()
    )
    if not earlier or order.again:
        return None
    return or_(
        *(
            exists().where(
                delivery.c.campaign_id == one,
                delivery.c.subscriber_id == subscriber.c.id,
                delivery.c.state.in_([int(State.PLANNED), int(State.ACCEPTED)]),  # in doubt is PLANNED there
            )
            for one in earlier
        )
    )


def _sums(number: ColumnElement[int]) -> list[ColumnElement[int]]:
    """How many subscribers, and two sums of their numbers: hardly another set of them has both."""
    wide = cast(number, BigInteger)
    return [func.count(), func.sum(wide), func.sum(wide * (wide % 999_983) % 999_979)]


class _Tally:
    """Subscribers counted by variant, and what stands for exactly these."""

    def __init__(self) -> None:
        self._sums: dict[int, list[int]] = {}

    def add(self, variant: int, *sums: int | Decimal | None) -> None:
        """Count a group of them: see `_sums`."""
        before = self._sums.get(variant, [0, 0, 0])
        self._sums[variant] = [old + int(new or 0) for old, new in zip(before, sums, strict=True)]

    @property
    def count(self) -> int:
        return sum(self.variants().values())

    def variants(self) -> dict[int, int]:
        return {variant: sums[0] for variant, sums in sorted(self._sums.items()) if sums[0]}

    def mark(self) -> str:
        kept = sorted((variant, *sums) for variant, sums in self._sums.items() if sums[0])
        return hashlib.sha256(repr(kept).encode()).hexdigest()


class _Most:
    """The largest of many groups that come one after the other; the others are forgotten on the way."""

    _ROOM = 10 * _DOMAINS_SHOWN

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, name: str, count: int) -> None:
        """Count more of a group: of the last one, or of a new one."""
        if name not in self._counts and len(self._counts) == self._ROOM:
            self._counts = self.counts()
        self._counts[name] = self._counts.get(name, 0) + count

    def counts(self) -> dict[str, int]:
        largest = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return dict(largest[:_DOMAINS_SHOWN])


def _variant(order: Order) -> ColumnElement[int]:
    bits: ColumnElement[int] = literal(0)
    for bit, condition in enumerate(order.asked.values()):
        bits = bits + case((condition, 1 << bit), else_=0)
    return bits


def _put_off_by_zone(connection: Connection, campaign_id: int, wall: datetime) -> int:
    """Put every delivery off until it is `wall` where the subscriber lives; the first second of all."""
    of_campaign = and_(delivery.c.campaign_id == campaign_id, subscriber.c.id == delivery.c.subscriber_id)
    zones = connection.execute(select(subscriber.c.time_zone).where(of_campaign).distinct()).scalars().all()
    first: list[int] = []
    for name in zones:
        due = _local(wall, name)
        first.append(due)
        rows = select(literal(campaign_id), literal(due), subscriber.c.id)
        rows = rows.where(of_campaign, subscriber.c.time_zone == name)
        connection.execute(insert(retry).from_select(["campaign_id", "not_before", "subscriber_id"], rows))
    return min(first, default=int(wall.timestamp()))


def _local(wall: datetime, zone: str) -> int:
    """The second at which the clocks of `zone` show what `wall` shows; of its own zone, if there is none such."""
    try:
        return int(wall.replace(tzinfo=ZoneInfo(zone)).timestamp()) if zone else int(wall.timestamp())
    except (KeyError, ValueError, OSError):
        return int(wall.timestamp())
