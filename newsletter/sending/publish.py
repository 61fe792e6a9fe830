"""How an email becomes deliveries: the whole way, from top to bottom.

    plan -> freeze -> deliver (again = resume)

`plan` looks: which variants of the email the audience needs, who gets it and who not.  `freeze` writes it all down in one
transaction.  `deliver` goes round in one loop; messages are composed by a second thread while the first waits for the disk:

    outcomes = carrier.poll()                        what became of messages on the wire
    opened = ledger.turn(outcomes, want)             durable: settles those, opens the next
    carrier.give(letters.parcel(one) for opened)     only now the next may go

At most `in_doubt` deliveries are open at any moment, so a crash leaves no more than that in doubt, each by name.  The first
Ctrl-C (or SIGTERM, SIGHUP) lets what is on the wire end and puts back what is not: 0 in doubt; the second hangs up at
once.  When the database or a rule says no, nothing more is opened, and what comes back is still written down if it can be.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement

from newsletter.errors import NewsletterError, StoreError, UsageError, WriterError
from newsletter.render.build import Email
from newsletter.sending import campaigns
from newsletter.sending.campaign import Campaign, CampaignState
from newsletter.sending.frozen import Letterhead
from newsletter.sending.frozen import freeze as freeze_email
from newsletter.sending.lease import end_session
from newsletter.sending.ledger import LeaseLost, Ledger
from newsletter.sending.planning import MOST_SEGMENTS, Audience, Order, freeze_campaign, look, plan_hash
from newsletter.sending.run import Means, Run
from newsletter.store.database import Database

#: How late a campaign may begin after its time, in seconds.
OVERDUE_SECONDS = 6 * 3600


# --- plan ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent: the emails by variant, to whom, and the hash that stands for all of it."""

    order: Order
    audience: Audience
    emails: Mapping[int, Email] = field(repr=False)
    hash: str = ""


def plan(
    database: Database,
    order: Order,
    *,
    build: Callable[[frozenset[str]], Email],
    condition: Callable[[str], ColumnElement[bool]],
) -> Plan:
    """What `order` would send now; nothing is written.

    `build` makes the email for those in all of some segments, `condition` is what a segment asks.  A variant is built only
    if somebody in the audience is to get it.
    """
    asked: tuple[str, ...] = build(frozenset()).segments
    while True:
        if len(asked) > MOST_SEGMENTS:
            raise UsageError(f"the theme asks for {len(asked)} segments; {MOST_SEGMENTS} are possible")
        order = replace(order, asked={name: condition(name) for name in asked})
        audience = look(database, order)
        emails = {
            variant: build(frozenset(name for bit, name in enumerate(asked) if variant >> bit & 1))
            for variant in audience.variants or {0: 0}
        }
        found = dict.fromkeys(
            name for email in emails.values() for name in email.segments if name not in asked
        )
        if not found:
            digests = {variant: email.digest for variant, email in emails.items()}
            return Plan(order, audience, emails, plan_hash(order, audience, digests))
        asked += tuple(found)  # asked only within another answer


# --- freeze -------------------------------------------------------------------------------------------------


def freeze(database: Database, planned: Plan, letterhead: Letterhead, *, now: int) -> int:
    """The number of the campaign that now holds email and audience of `planned`.

    Raises PlanChanged, if the audience is another by now.
    """
    emails = {
        variant: (email.digest, email.segments, freeze_email(email, letterhead))
        for variant, email in planned.emails.items()
    }
    return freeze_campaign(database, planned.order, planned.audience, emails, now=now)


# --- deliver ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to; `reason` says why it ended before the end."""

    campaign: Campaign
    reason: str
    exit_code: int


def deliver(database: Database, campaign_id: int, means: Means) -> Result:
    """Send what is left of a campaign; back when all is settled, or something ended it sooner.

    Raises SenderBusy, if another process sends it, LeaseLost, StoreError.
    """
    try:
        return _deliver(database, campaign_id, means)
    finally:
        end_session(means.session)


def _deliver(database: Database, campaign_id: int, means: Means) -> Result:
    """One run: see `deliver`."""
    now = int(means.clock())
    if means.witness:
        means.witness.require(campaigns.count_settled(database))
    _require_in_time(campaigns.read_campaign(database, campaign_id, now=now), now, means)
    claimed = campaigns.claim(database, campaign_id, means.session, now=now)
    run: Run | None = None
    try:
        letters = means.letters(claimed, campaigns.read_emails(database, campaign_id))
        means.pace.restore(campaigns.read_pace(database), now)
        run = Run(database, claimed, letters, means)
        with _signals(run.interrupt):
            state, reason, exit_code = run.loop()
    except LeaseLost:
        means.post.abandon()
        raise
    except (StoreError, WriterError, OSError):  # the database, the outbox, a pipe that is closed
        if run:
            run.save()
        raise
    except KeyboardInterrupt:
        if run:
            run.save(at_once=True)
        state, reason, exit_code = CampaignState.SENDING, "interrupted", 130
    except BaseException:
        means.post.abandon()
        if run is None:
            _release(database, campaign_id, means, claimed)
        raise
    finally:
        if means.witness and run:
            means.witness.write(run.ledger.settled)
    assert run is not None
    run.ledger.finish(state, reason if state is CampaignState.STOPPED else "")
    ended = campaigns.read_campaign(database, campaign_id, now=int(means.clock()))
    if state is CampaignState.FINISHED and ended.counts.in_doubt:
        exit_code = 1
    return Result(ended, reason, exit_code)


def _release(database: Database, campaign_id: int, means: Means, claimed: Campaign) -> None:
    """Give a campaign back that could not be begun."""
    ledger = Ledger(
        database, campaign_id, means.session, clock=means.clock, jitter=means.jitter, pace=means.pace,
    )  # fmt: skip
    with suppress(NewsletterError):
        ledger.finish(claimed.state)


def _require_in_time(campaign: Campaign, now: int, means: Means) -> None:
    late = now - campaign.not_before
    if (
        campaign.not_before
        and not campaign.started_at
        and late > OVERDUE_SECONDS
        and not means.is_late_allowed
    ):
        raise UsageError(
            f"this was to go {late // 3600} hours ago; nothing is sent",
            where=campaign.issue_id,
            hint="if it is to go now all the same: newsletter send --late",
        )


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `interrupt` within the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: interrupt()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
