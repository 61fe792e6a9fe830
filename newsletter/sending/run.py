"""One run of a campaign: the loop between the ledger and what carries parcels, and everything that ends it.

    outcomes = post.poll()                           what became of messages on the wire
    opened = ledger.turn(outcomes, want)             durable: settles those, opens the next
    post.give(letters.parcel(one) for opened)        only now the next may go

The parcels are made while the transaction waits for the disk, and thrown away if it fails: nothing of them is written before.
Results are gathered for some milliseconds, so that one transaction serves many messages; none waits for longer.  When the
lease is over, nothing is written on any connection any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from newsletter.errors import NewsletterError, WriterError
from newsletter.sending import campaigns
from newsletter.sending.campaign import Campaign, CampaignState, Counts, Opened
from newsletter.sending.delivery import Outcome, Parcel, Stage, State
from newsletter.sending.lease import RENEW_SECONDS, Session
from newsletter.sending.ledger import LeaseLost, Ledger
from newsletter.sending.letters import Letters
from newsletter.sending.pace import Pace
from newsletter.sending.relays import Event
from newsletter.sending.stop_rules import StopRules
from newsletter.sending.verdict import Move
from newsletter.sending.witness import Witness
from newsletter.store.database import Database

#: How many deliveries may be open at once, where nothing else is said.
IN_DOUBT = 64
#: How long results are gathered before they are written, in seconds.
_GATHER_SECONDS = 0.005
#: Or until so much of all that may be open is settled or to be opened: the rest keeps the wire busy meanwhile.
_ENOUGH = 0.8
#: How many deliveries one transaction opens at most: with more the wire would wait for them.
_MOST_AT_ONCE = 256
_REPORT_SECONDS = 0.25
_LOOK_SECONDS = 2.0
#: What is due so soon is waited for by a run that does not wait, too: limits, lost connections.
_SHORT_SECONDS = 60.0
#: How long no relay answers before the campaign stops, in seconds.
_UNREACHED_SECONDS = 900.0
#: How long what is on the wire is waited for when the database fails, in seconds.
_SAVE_SECONDS = 30.0


class Post(Protocol):
    """What carries parcels: relays (`carrier`), or a folder (`outbox_carrier`)."""

    @property
    def is_empty(self) -> bool:
        """Whether all outcomes of what was given have been handed out."""

    def room(self) -> int:
        """How many more parcels are taken now."""

    def paused_until(self) -> float | None:
        """When a relay may be tried again, if none is to be used now; inf, if all are stopped."""

    def events(self) -> list[Event]:
        """What befell the relays."""

    def give(self, parcels: Sequence[Parcel]) -> None:
        """Take parcels."""

    def poll(self, timeout_seconds: float, *, until: float) -> list[Outcome]:
        """What was decided."""

    def drain(self) -> None:
        """Begin nothing more."""

    def close(self) -> list[Outcome]:
        """Take leave; the outcomes of what was still on its way."""

    def abandon(self) -> None:
        """Hang up without another word."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a run stands; `lines` are what happened since the last one, in words."""

    counts: Counts
    seconds: float
    sent: int  # accepted in this run
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What a run works with."""

    post: Post
    pace: Pace
    letters: Callable[[Campaign, Mapping[int, bytes]], Letters]
    clock: Callable[[], float]
    jitter: Callable[[], float]
    session: Session
    relays: Sequence[str] = ()
    in_doubt: int = IN_DOUBT
    window: int = 1  # how many messages can be on the wire at once
    witness: Witness | None = None
    report: Callable[[Progress], None] = lambda progress: None
    waits: bool = True
    is_late_allowed: bool = False


class Run:
    """One run of the loop."""

    def __init__(self, database: Database, campaign: Campaign, letters: Letters, means: Means) -> None:
        self._campaign, self._letters, self._means = campaign, letters, means
        self._post, self._pace, self._clock = means.post, means.pace, means.clock
        self.ledger = Ledger(
            database,
            campaign.id,
            means.session,
            clock=means.clock,
            jitter=means.jitter,
            pace=means.pace,
            relays=means.relays,
            local_time=campaign.local_time,
            settled=campaigns.count_settled(database),
            counts=campaign.counts,
        )
        self._rules = StopRules(means.window)
        self._composer = ThreadPoolExecutor(1, "composer")
        self._pending: list[Outcome] = []
        self._began = self._turned = self._reported = self._worked = self._clock()
        self._looked = -1e9
        self._due: float | None = None
        self._is_draining = False
        self._end: tuple[CampaignState, str, int] | None = None
        self._lines: list[str] = []
        self._signals = 0

    def interrupt(self) -> None:
        """A signal: the first ends cleanly, the second at once."""
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt

    def loop(self) -> tuple[CampaignState, str, int]:
        """Go round until all is settled or something ends it: the state that is left, why, and the exit code."""
        with self._composer:
            return self._loop()

    def _loop(self) -> tuple[CampaignState, str, int]:
        post, ledger = self._post, self.ledger
        while True:
            outcomes = post.poll(self._timeout(), until=ledger.lease_until)
            now = self._clock()
            if now > ledger.lease_until:
                raise LeaseLost("stopped: this process slept longer than its lease", hint="newsletter send")
            self._judge(outcomes, now)
            self._pending += outcomes
            self._see_ends(now)
            want = self._want(now)
            if self._is_time(want, now):
                self._turn(want, now)
            if ending := self._ending():
                self._report(now, last=True)
                self._pending += post.close()
                ledger.turn(self._pending, 0)
                return ending
            self._report(now)

    def _turn(self, want: int, now: float) -> None:
        """One transaction; its messages are composed by another thread while this one waits for the disk."""
        composing: list[Future[tuple[list[Parcel], list[Outcome]]]] = []
        self.ledger.turn(
            self._pending,
            want,
            meanwhile=lambda opened: composing.append(self._composer.submit(self._compose, opened, now)),
        )
        self._turned = now
        parcels, self._pending = composing[-1].result()
        if parcels and self._clock() <= self.ledger.lease_until:
            self._post.give(parcels)

    def _compose(self, opened: Sequence[Opened], now: float) -> tuple[list[Parcel], list[Outcome]]:
        """The messages, and what becomes of those that can be none."""
        parcels, outcomes = [], []
        for one in opened:
            try:
                parcels.append(self._letters.parcel(one, now))
            except WriterError as error:
                reply = f"not sent: {error.message}"
                outcomes.append(Outcome(one.subscriber_id, State.REFUSED, Stage.CONNECT, reply, ""))
        return parcels, outcomes

    def _want(self, now: float) -> int:
        """How many more deliveries may be opened now."""
        if self._is_draining or not self._has_more(now):
            return 0
        open_ones = len(self.ledger.under_way) - len(self._pending)
        return max(0, min(self._post.room(), self._means.in_doubt - open_ones, _MOST_AT_ONCE))

    def _has_more(self, now: float) -> bool:
        if self.ledger.may_open(now):
            return True
        if now - self._looked >= _LOOK_SECONDS:
            self._looked, self._due = now, self.ledger.next_due()
        return self._due is not None and self._due <= now

    def _is_time(self, want: int, now: float) -> bool:
        """Whether it is time for a transaction: one for many messages, but none waits for long."""
        amount = len(self._pending) + want
        if not amount:
            return now - self._turned >= RENEW_SECONDS
        could_be_open = len(self.ledger.under_way) - len(self._pending) + want
        return (
            amount >= min(_MOST_AT_ONCE, _ENOUGH * could_be_open)
            or now - self._turned >= _GATHER_SECONDS
            or self._post.is_empty
            or self._is_draining
        )

    def _timeout(self) -> float:
        if self._pending:
            return _GATHER_SECONDS
        if self._is_draining or not self.ledger.may_open(self._clock()):
            return 0.5
        return min(1.0, max(0.001, self._pace.wait(self._clock())))

    # What ends it.

    def _judge(self, outcomes: Sequence[Outcome], now: float) -> None:
        """What outcomes and events mean for the campaign, for the pace, for a domain."""
        for outcome in outcomes:
            if outcome.state is State.ACCEPTED:
                self._worked = now
                self._rules.accepted(1)
                continue
            opened = self.ledger.under_way[outcome.subscriber_id]
            ruling = self._rules.saw(outcome, opened.domain)
            if ruling.stop:
                self._stop(CampaignState.STOPPED, ruling.stop, 1)
            if ruling.hold_seconds:
                self._pace.hold_domain(opened.domain.lower(), now + ruling.hold_seconds, now)
                self._lines.append(
                    f"nothing more to {opened.domain} for {ruling.hold_seconds / 3600:.0f} hours: {outcome.reply}"
                )
            self._note(outcome, opened)
        for event in self._post.events():
            if event.move is Move.SLOW and event.relay in self._pace.relays:
                self._pace.relays[event.relay].slow_down(now)
            words = {
                Move.SLOW: "asks to go slower",
                Move.PAUSE: "is left alone for a while",
                Move.STOP: "is used no more",
            }
            self._lines.append(f"{event.relay} {words.get(event.move, '')}: {event.stage}: {event.reply}")

    def _note(self, outcome: Outcome, opened: Opened) -> None:
        if outcome.state in (State.REFUSED, State.IN_DOUBT):
            self._lines.append(f"{opened.email} {outcome.state.label}: {outcome.reply or outcome.stage}")

    def _see_ends(self, now: float) -> None:
        if self._signals:
            self._stop(CampaignState.SENDING, "interrupted", 130)
        if self._campaign.not_after and now > self._campaign.not_after:
            self._stop(CampaignState.STOPPED, "it was not to go after this time", 1)
        paused = self._post.paused_until()
        if paused is None:
            return
        if paused == float("inf"):
            self._stop(CampaignState.STOPPED, "no mail server is left to use", 1)
        elif not self._means.waits or now - self._worked > _UNREACHED_SECONDS:
            self._stop(CampaignState.SENDING, "no mail server can be reached", 75)

    def _stop(self, state: CampaignState, reason: str, exit_code: int) -> None:
        """Open nothing more; the first reason counts."""
        if not self._end:
            self._end = (state, reason, exit_code)
        if not self._is_draining:
            self._is_draining = True
            self._post.drain()

    def _ending(self) -> tuple[CampaignState, str, int] | None:
        """How it ends, if nothing is left to do now."""
        if self.ledger.under_way or self._pending:
            return None
        if self._end:
            return self._end
        now = self._clock()
        if self._has_more(now):
            return None
        self._looked, self._due = now, self.ledger.next_due()
        if self._due is None:
            return CampaignState.FINISHED, "", 0
        if self._means.waits or self._due <= now + _SHORT_SECONDS:
            return None
        return CampaignState.SENDING, "the rest was put off; it goes with the next newsletter send", 75

    def save(self, *, at_once: bool = False) -> None:
        """After a fault: write down what comes back, as far as it can be; what cannot stays in doubt."""
        until = self._clock() + (0.0 if at_once else _SAVE_SECONDS)
        with suppress(NewsletterError, OSError):
            if not self._is_draining:
                self._post.drain()
            with suppress(WriterError):  # an outbox that is full
                while not at_once and not self._post.is_empty and self._clock() < until:
                    self._pending += self._post.poll(0.5, until=self.ledger.lease_until)
            self._pending += self._post.close()
            self.ledger.turn(self._pending, 0)
            self._pending = []
            if not at_once:
                self.ledger.finish(CampaignState.SENDING)

    def _report(self, now: float, *, last: bool = False) -> None:
        if not last and now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        if self._means.witness:
            self._means.witness.write(self.ledger.settled)
        counts = self.ledger.counts
        sent = counts.accepted - self._campaign.counts.accepted
        self._means.report(Progress(counts, now - self._began, sent, tuple(self._lines)))
        self._lines.clear()
