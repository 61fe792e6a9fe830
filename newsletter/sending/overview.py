"""How campaigns stand, and whom there is trouble with: what `status` asks, in plain SQL.

    campaigns_in(ask, issue_id, now=...)    their counts, which the ledger keeps: as fast at ten million as at ten
    troubles_in(ask, campaign_id, [...])    who is in doubt, found from `attempt`; who was refused, by a scan

A delivery that a living sender has under way is not in doubt.

Reads the store by a `store.Ask`, and imports nothing of SQLAlchemy.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from newsletter.sending.campaign import Campaign, CampaignState, Counts
from newsletter.sending.delivery import State
from newsletter.store import Ask

_CAMPAIGNS = """
SELECT id, issue_id, digest, subject, segment, again, state, stopped, planned_at, not_before, not_after, local_time,
    outbox, started_at, finished_at, owner, lease_until, session, audience, accepted, refused, withheld, deferred
FROM campaign {which} ORDER BY id"""
_OPENED = "SELECT session, count(*) FROM attempt WHERE campaign_id = ? GROUP BY session"
_LAST = """(SELECT {what} FROM reply
    WHERE reply.campaign_id = d.campaign_id AND reply.subscriber_id = d.subscriber_id ORDER BY reply.id DESC LIMIT 1)"""
_TROUBLES = f"""
SELECT d.subscriber_id, s.email, d.state, {{at}}, d.tries,
    {_LAST.format(what="relay")}, {_LAST.format(what="stage")}, {_LAST.format(what="text")}
FROM {{start}} LEFT JOIN subscriber s ON s.id = d.subscriber_id
WHERE {{of}}.campaign_id = ? AND {{which}} ORDER BY {{of}}.subscriber_id"""  # noqa: S608  constants
# CROSS JOIN: SQLite begins with the few in `attempt`, not with the millions in `delivery`.
_IN_DOUBT = _TROUBLES.format(
    of="a",
    at="a.at",
    start="attempt a CROSS JOIN delivery d",
    which="a.campaign_id = d.campaign_id AND a.subscriber_id = d.subscriber_id AND a.session <> ?",
)
#: No sender's token: theirs are hexadecimal, and empty where the outcome will not be known.
_NOBODY = "-"
_SETTLED = _TROUBLES.format(of="d", at="d.at", start="delivery d", which="d.state IN ({states})")


class Trouble(NamedTuple):
    """A delivery that is in doubt, refused or withheld: the subscriber, and the last that a server said."""

    subscriber_id: int
    email: str  # empty after erasure
    state: State
    at: int
    tries: int
    relay: str
    stage: str
    reply: str


def campaigns_in(ask: Ask, issue_id: str = "", *, campaign_id: int = 0, now: int) -> list[Campaign]:
    """The campaigns of an issue, or the one with this number, or all; the oldest first."""
    values: list[object] = [campaign_id or issue_id] if campaign_id or issue_id else []
    which = "WHERE id = ?" if campaign_id else "WHERE issue_id = ?" if issue_id else ""
    found = []
    for row in list(ask(_CAMPAIGNS.format(which=which), values)):
        (
            id_, issue, digest, subject, segment, again, state, stopped, planned_at, not_before, not_after, local_time,
            outbox, started_at, finished_at, owner, lease_until, session, audience, accepted, refused, withheld, deferred,
        ) = row  # fmt: skip
        held = is_held(session, lease_until, now)
        opened = dict(ask(_OPENED, [id_]))
        under_way = opened.pop(_token(session), 0) if held else 0
        counts = Counts(audience, accepted, refused, withheld, sum(opened.values()), under_way, deferred)
        found.append(
            Campaign(
                id_, issue, digest, subject, segment, again, CampaignState(state), stopped, planned_at, not_before,
                not_after, bool(local_time), bool(outbox), started_at, finished_at, owner if held else "",
                lease_until if held else 0, counts,
            )
        )  # fmt: skip
    return found


def unfinished(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """Those of `campaigns` that a sender goes on with."""
    return [one for one in campaigns if one.state is not CampaignState.FINISHED]


def troubles_in(ask: Ask, campaign_id: int, states: Sequence[State], *, now: int) -> Iterator[Trouble]:
    """The deliveries of a campaign in one of `states` (in doubt, refused, withheld), by subscriber."""
    parts = []
    if State.IN_DOUBT in states:
        ((session, lease_until),) = ask(
            "SELECT session, lease_until FROM campaign WHERE id = ?", [campaign_id]
        )
        active = _token(session) if is_held(session, lease_until, now) else _NOBODY
        rows = ask(_IN_DOUBT, [campaign_id, active])
        parts.append(_trouble(row, State.IN_DOUBT) for row in rows)
    if others := [int(one) for one in states if one is not State.IN_DOUBT]:
        rows = ask(_SETTLED.format(states=", ".join("?" * len(others))), [campaign_id, *others])
        parts.append(_trouble(row, State(row[2])) for row in rows)
    return heapq.merge(*parts, key=attrgetter("subscriber_id"))


def is_held(session: str, lease_until: int, now: int) -> bool:
    """Whether a living sender has the campaign in which these stand."""
    if not session or lease_until <= now:
        return False
    from newsletter.sending.lease import is_dead  # seldom needed

    return not is_dead(session)


def _token(session: str) -> str:
    """What the deliveries say that a sender has under way, of its `lease.Session.stored`."""
    return session.partition(" ")[0]


def _trouble(row: Sequence[object], state: State) -> Trouble:
    number, email, _, at, tries, relay, stage, reply = row
    return Trouble(number, email or "", state, at, tries, relay or "", stage or "", reply or "")  # type: ignore[arg-type]
