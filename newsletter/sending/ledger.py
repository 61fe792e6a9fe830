"""The ledger of one campaign while it is sent: what is opened, what came back, in one durable transaction after another.

    turn = close what came back + renew the lease + open the next        (one commit for a whole group)

A message may go on the wire only when `turn` has returned it: then a row in `attempt` says, durably, that it is under way.
Another turn takes that row away when the outcome is known.  So what a crash leaves in `attempt` is exactly what is in doubt,
and starting again needs no more than leaving it there:

    crash                            is left
    before the commit of a turn      the turn before; nothing of this one went out
    after it, before the wire        its deliveries in doubt, though nothing was sent
    on the wire                      in doubt: the server has them or has not (RFC 1047)
    after the reply, before a turn   in doubt, though the outcome was known

The transaction that opens a delivery reads its subscriber again: who has left, or is suppressed, is WITHHELD.  The campaign's
counts move in the same transaction.  When the database says no (disk full, locked, read-only, file gone), the turn is
undone and StoreError raised: nothing is opened then.  If PostgreSQL is lost at a commit, the rows under way tell whether it
took place.

Raises LeaseLost, if another sender has the campaign, or this one slept longer than its lease.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from newsletter.errors import NewsletterError, StoreLater
from newsletter.sending.campaign import CampaignState, Counts, Opened
from newsletter.sending.delivery import Outcome, State
from newsletter.sending.lease import LEASE_SECONDS, Session
from newsletter.sending.ledger_sql import Candidate, PostgresStatements, SqliteStatements, Statements
from newsletter.sending.pace import Pace
from newsletter.sending.retry import retry_at
from newsletter.store.database import Database, raw

#: How many deliveries whose domain is at its limit wait in memory; while there are more, no others are looked for.
_MOST_WAITING = 10_000
#: How often deliveries are looked for that another command put off or gave free, in seconds.
_LOOK_AGAIN_SECONDS = 2.0
#: How long PostgreSQL is waited for when it was lost, in seconds.
_RECONNECT_SECONDS = 30.0
_LONGEST_REPLY = 2000
_NO_COUNTS = Counts(0, 0, 0, 0, 0, 0, 0)


class LeaseLost(NewsletterError):
    """This sender must not go on: another one has the campaign, or may have it."""

    exit_code = 75


@dataclass(slots=True)
class _Changes:
    """What one turn does."""

    settled: dict[tuple[int, int, int, int], list[int]] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    put_off: list[tuple[int, int]] = field(default_factory=list)
    taken_up: list[tuple[int, int]] = field(default_factory=list)
    replies: list[tuple[int, int, int, str, str, str]] = field(default_factory=list)
    waiting: list[tuple[float, int]] = field(default_factory=list)  # for memory
    popped: list[tuple[float, int]] = field(default_factory=list)  # from there
    opened: list[Opened] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    withheld: int = 0
    deferred: int = 0
    cursor: int = 0
    exhausted: bool = False
    next_look: float = 0.0
    lease_until: float = 0.0

    def settle(self, subscriber: int, state: State, tries: int, relay: int, at: int) -> None:
        """Write what becomes of one delivery."""
        self.settled.setdefault((int(state), tries, relay, at), []).append(subscriber)


class Ledger:
    """The ledger of the campaign `campaign_id`, held by `session`; see `claim` for how it comes to be held."""

    def __init__(
        self,
        database: Database,
        campaign_id: int,
        session: Session,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        pace: Pace,
        relays: Sequence[str] = (),
        local_time: bool = False,
        settled: int = 0,
        counts: Counts = _NO_COUNTS,
    ) -> None:
        """`relays` are the names whose places the ledger keeps, `settled` all that was settled in this database.

        `counts` are those of the campaign as it was claimed.
        """
        self.database = database
        self.campaign_id = campaign_id
        self.session = session
        self.under_way: dict[int, Opened] = {}
        self.settled = settled
        self._counts = counts
        self.lease_until = clock() + LEASE_SECONDS
        self._clock, self._jitter, self._pace = clock, jitter, pace
        self._relays = {name: number for number, name in enumerate(relays, 1)}
        self._statements: Statements = PostgresStatements() if database.is_postgres else SqliteStatements()
        self._waiting: list[tuple[float, int]] = []  # a heap: due, subscriber
        self._is_local_time = local_time  # then nobody is planned who is not put off
        self._cursor = -1
        self._exhausted = local_time
        self._next_look = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to open in this run but what was put off."""
        return self._exhausted and not self._waiting

    @property
    def counts(self) -> Counts:
        """How the campaign stands after the last turn."""
        return replace(self._counts, under_way=len(self.under_way))

    def may_open(self, now: float) -> bool:
        """Whether there may be something to open but what was put off."""
        if self._waiting and self._waiting[0][0] <= now:
            return True
        return not self._exhausted and len(self._waiting) < _MOST_WAITING

    def turn(
        self,
        outcomes: Sequence[Outcome],
        want: int,
        *,
        meanwhile: Callable[[Sequence[Opened]], object] = lambda opened: None,
    ) -> list[Opened]:
        """Settle `outcomes` and open up to `want` deliveries, in one transaction that is durable when this returns.

        `meanwhile` is told before the commit what will be opened if it succeeds; if it must be tried again, so once more.
        Raises StoreError, if the database says no, and LeaseLost; the outcomes are then not settled.
        """
        before = set(self.under_way)
        deadline = time.monotonic() + _RECONNECT_SECONDS
        while True:
            changes = _Changes(cursor=self._cursor, exhausted=self._exhausted, next_look=self._next_look)
            try:
                with self.database.write_raw(meanwhile=partial(meanwhile, changes.opened)) as connection:
                    self._write(connection, changes, outcomes, want)
                break
            except StoreLater:
                if self.database.is_postgres and time.monotonic() < deadline:
                    if self._took_place(before, changes, deadline):
                        break
                    self._undo(changes)
                    continue
                self._undo(changes)
                raise
            except BaseException:
                self._undo(changes)
                raise
        self._remember(changes)
        return changes.opened

    def next_due(self) -> float | None:
        """The second at which something that was put off is due; None, if nothing was."""
        due = [self._waiting[0][0]] if self._waiting else []
        with self.database.read() as connection:
            mark = "%s" if self.database.is_postgres else "?"
            sql = f"SELECT min(not_before) FROM retry WHERE campaign_id = {mark}"  # noqa: S608  a parameter
            first = raw(connection).execute(sql, (self.campaign_id,)).fetchone()[0]
        return min([*due, *([first] if first is not None else [])], default=None)

    def finish(self, state: CampaignState, reason: str = "") -> None:
        """Give the campaign up, in `state`; the lease ends.  Raises LeaseLost."""
        ended = int(self._clock()) if state is CampaignState.FINISHED else None
        with self.database.write() as connection:
            self._update(
                raw(connection).cursor(),
                "state = ?, stopped = ?, finished_at = ?, lease_until = 0, session = '', owner = ''",
                (int(state), reason, ended),
            )

    def _write(self, connection: Any, changes: _Changes, outcomes: Sequence[Outcome], want: int) -> None:
        now = self._clock()
        if now > self.lease_until:
            raise self._lost("this process slept longer than its lease")
        cursor = connection.cursor()
        self._close(cursor, changes, outcomes, now)
        if want > 0:
            self._open(cursor, changes, want, now)
        if rows := self._pace.rows():
            self._statements.pace(cursor, rows)
        self._update(
            cursor,
            "lease_until = ?, accepted = accepted + ?, refused = refused + ?, withheld = withheld + ?,"
            " deferred = deferred + ?",
            (
                int(now) + LEASE_SECONDS,
                changes.accepted,
                changes.refused,
                changes.withheld,
                changes.deferred,
            ),
        )
        changes.lease_until = now + LEASE_SECONDS

    def _update(self, cursor: Any, assignments: str, values: tuple[object, ...]) -> None:
        sql = f"UPDATE campaign SET {assignments} WHERE id = ? AND session = ?"  # noqa: S608  constants
        if self.database.is_postgres:
            sql = sql.replace("?", "%s")
        cursor.execute(sql, (*values, self.campaign_id, self.session.stored))
        if cursor.rowcount != 1:
            raise self._lost("another sender has taken this campaign over")

    def _lost(self, why: str) -> LeaseLost:
        hint = "see what is in doubt with: newsletter status; then: newsletter send"
        return LeaseLost(f"stopped: {why}", where=self.session.owner, hint=hint)

    # What came back.

    def _close(self, cursor: Any, changes: _Changes, outcomes: Sequence[Outcome], now: float) -> None:
        under_way, accepted = self.under_way, defaultdict[tuple[int, str], list[int]](list)
        for outcome in outcomes:
            opened = under_way[outcome.subscriber_id]
            if outcome.state is State.ACCEPTED:  # nearly all
                accepted[opened.tries + 1, outcome.relay].append(outcome.subscriber_id)
            else:
                self._settle(changes, outcome, opened, int(now))
        for (tries, relay), ids in accepted.items():
            key = (int(State.ACCEPTED), tries, self._relays.get(relay, 0), int(now))
            changes.settled.setdefault(key, []).extend(ids)
            changes.released += ids
            changes.accepted += len(ids)
        statements, campaign = self._statements, self.campaign_id
        if changes.settled:
            statements.close(cursor, campaign, changes.settled)
        if changes.released and statements.release(cursor, campaign, changes.released) != len(
            changes.released
        ):
            raise self._lost("what it had opened was settled by somebody else")
        if changes.doubtful:
            statements.doubt(cursor, campaign, changes.doubtful)
        if changes.put_off:
            statements.put_off(cursor, campaign, changes.put_off)
            changes.put_off = []
        if changes.replies:
            statements.reply(cursor, changes.replies)

    def _settle(self, changes: _Changes, outcome: Outcome, opened: Opened, now: int) -> None:
        subscriber, state, relay = opened.subscriber_id, outcome.state, self._relays.get(outcome.relay, 0)
        if not outcome.untouched:
            text = outcome.reply[:_LONGEST_REPLY]
            changes.replies.append(
                (self.campaign_id, subscriber, now, outcome.relay, str(outcome.stage), text)
            )
        if state is State.IN_DOUBT:
            changes.doubtful.append(subscriber)
            return
        changes.released.append(subscriber)
        if state is State.PLANNED and outcome.untouched:
            self._put_back(changes, opened, float(now), now)
            return
        tries, first_at = opened.tries + 1, opened.first_at or now
        if state is State.PLANNED:
            soon = not outcome.reply.startswith("4") or outcome.reply.startswith("421")
            later = retry_at(tries, first_at=first_at, now=now, jitter=self._jitter(), soon=soon)
            if later is not None:
                changes.settle(subscriber, State.PLANNED, tries, relay, first_at)
                changes.put_off.append((later, subscriber))
                changes.deferred += 1
                return
            state = State.REFUSED
        changes.settle(subscriber, state, tries, relay, now)
        changes.refused += 1

    def _put_back(self, changes: _Changes, delivery: Opened, due: float, now: int) -> None:
        """Plan a delivery again, of which nothing was sent.

        One that was never tried is found again by itself after a restart; the others are kept in `retry`.
        """
        if delivery.tries or self._is_local_time:
            changes.put_off.append((max(now, int(due)), delivery.subscriber_id))
            changes.deferred += delivery.tries > 0
        else:
            changes.waiting.append((due, delivery.subscriber_id))

    # What goes next.

    def _open(self, cursor: Any, changes: _Changes, want: int, now: float) -> None:
        statements, campaign = self._statements, self.campaign_id
        found = self._found(cursor, changes, want, now)
        if not found:
            return
        has_domains = self._pace.has_domains
        withheld: dict[tuple[int, int, int, int], list[int]] = {}
        for opened, _, may_be_mailed in found:
            changes.deferred -= opened.tries > 0
            if not may_be_mailed:
                withheld.setdefault((int(State.WITHHELD), opened.tries, 0, int(now)), []).append(
                    opened.subscriber_id
                )
                changes.withheld += 1
            elif has_domains and (wait := self._wait(opened.email, now)):
                self._put_back(changes, opened, now + wait, int(now) + 1)
            else:
                changes.opened.append(opened)
        if changes.taken_up:
            statements.take_up(cursor, campaign, changes.taken_up)
        if withheld:
            statements.close(cursor, campaign, withheld)
        if changes.put_off:
            statements.put_off(cursor, campaign, changes.put_off)
        if changes.opened:
            ids = [opened[0] for opened in changes.opened]
            statements.open(cursor, campaign, ids, int(now), self.session.token)

    def _found(self, cursor: Any, changes: _Changes, want: int, now: float) -> list[Candidate]:
        """Up to `want` deliveries that can go: first those put off and due, then those that wait, then the next."""
        statements, campaign = self._statements, self.campaign_id
        found: list[Candidate] = []
        if now >= self._next_look:
            due = statements.due(cursor, campaign, int(now), want)
            changes.taken_up += [(not_before, opened.subscriber_id) for opened, not_before, _ in due]
            found += [one for one in due if one[0].variant >= 0]
            if len(due) < want:
                changes.next_look = now + _LOOK_AGAIN_SECONDS
        ids: list[int] = []
        while self._waiting and self._waiting[0][0] <= now and len(found) + len(ids) < want:
            changes.popped.append(heapq.heappop(self._waiting))
            ids.append(changes.popped[-1][1])
        if ids:
            _add(found, statements.again(cursor, campaign, ids))
        room = want - len(found)
        if room > 0 and not self._exhausted and len(self._waiting) < _MOST_WAITING:
            next_ones = statements.planned(cursor, campaign, self._cursor, room)
            changes.exhausted = len(next_ones) < room
            if next_ones:
                changes.cursor = next_ones[-1][0].subscriber_id
            _add(found, next_ones)
        return found

    def _wait(self, email: str, now: float) -> float:
        """Seconds for which the limit of the address's domain holds a message back; it is counted, if it may go."""
        throttle = self._pace.domain(email.rpartition("@")[2].lower(), now)
        if throttle is None:
            return 0.0
        if throttle.room(now) < 1:
            return max(throttle.wait(now), 0.001)
        throttle.take(now)
        return 0.0

    # What is known only when the transaction is durable.

    def _remember(self, changes: _Changes) -> None:
        for subscriber in changes.released + changes.doubtful:
            del self.under_way[subscriber]
        self.under_way |= {opened.subscriber_id: opened for opened in changes.opened}
        for entry in changes.waiting:
            heapq.heappush(self._waiting, entry)
        self.lease_until = changes.lease_until
        self._cursor, self._exhausted = changes.cursor, changes.exhausted
        self._next_look = changes.next_look
        self.settled += changes.accepted + changes.refused + changes.withheld
        counts = self._counts
        self._counts = replace(
            counts,
            accepted=counts.accepted + changes.accepted,
            refused=counts.refused + changes.refused,
            withheld=counts.withheld + changes.withheld,
            deferred=counts.deferred + changes.deferred,
            in_doubt=counts.in_doubt + len(changes.doubtful),
        )

    def _undo(self, changes: _Changes) -> None:
        for entry in changes.popped:
            heapq.heappush(self._waiting, entry)

    def _took_place(self, before: set[int], changes: _Changes, deadline: float) -> bool:
        """Whether a transaction whose commit was not confirmed took place: the rows under way tell.

        Raises StoreLater, if the database does not come back in time, and LeaseLost.
        """
        ids = {opened.subscriber_id for opened in changes.opened}
        after = (before - set(changes.released) - set(changes.doubtful)) | ids
        while True:
            try:
                with self.database.write() as connection:
                    cursor = raw(connection).cursor()
                    self._update(cursor, "lease_until = lease_until", ())
                    cursor.execute(
                        "SELECT subscriber_id FROM attempt WHERE campaign_id = %s AND session = %s",
                        (self.campaign_id, self.session.token),
                    )
                    there = {int(row[0]) for row in cursor.fetchall()}
                break
            except StoreLater:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        return there == after and there != before


def _add(found: list[Candidate], more: list[Candidate]) -> None:
    """Add those of `more` that are not among `found`."""
    known = {opened.subscriber_id for opened, _, _ in found}
    found += [one for one in more if one[0].subscriber_id not in known] if known else more
