"""A publication's issues on their way to its list: planned, sent, and what became of them.

    dispatch = Dispatch(Publication.open("my-letter"))
    planned = dispatch.plan("2026-11-23-autumn", segment="tag:pro")
    result = dispatch.deliver(dispatch.freeze(planned))

Everything that is decided about sending is in `sending.publish`; here a publication's files, settings and secrets come
together with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import ColumnElement

from newsletter.errors import UsageError
from newsletter.issues.issue import Issue
from newsletter.publication import Publication
from newsletter.render.build import Email
from newsletter.sending import campaigns, publish
from newsletter.sending.campaign import Campaign, CampaignState
from newsletter.sending.carrier import Carrier
from newsletter.sending.delivery import State
from newsletter.sending.dkim_keys import read_signers
from newsletter.sending.frozen import Letterhead
from newsletter.sending.lease import new_session, start_clock
from newsletter.sending.letters import Letters, message_id
from newsletter.sending.maillog import read_taken
from newsletter.sending.outbox_carrier import Form, OutboxCarrier
from newsletter.sending.pace import Bound
from newsletter.sending.planning import Order
from newsletter.sending.publish import Plan, Result
from newsletter.sending.run import Means, Post, Progress
from newsletter.sending.settings import SendSettings, read_send_settings
from newsletter.sending.witness import Witness
from newsletter.store.database import Database
from newsletter.subscribers.address import Address
from newsletter.subscribers.tokens import Tokens
from newsletter.workshop import Workshop


@dataclass(frozen=True, slots=True)
class When:
    """When a campaign goes: not before and not after, in seconds since 1970 (0: no such limit).

    With `local_time` it goes at that hour on the wall where each subscriber lives.
    """

    not_before: int = 0
    not_after: int = 0
    local_time: datetime | None = None


_NOW = When()


class Dispatch:
    """The sending of one publication."""

    def __init__(self, publication: Publication, workshop: Workshop | None = None) -> None:
        self.publication = publication
        self._workshop = workshop

    @property
    def database(self) -> Database:
        """The publication's database."""
        return self.publication.database

    @cached_property
    def settings(self) -> SendSettings:
        """`[[relay]]` and `[send]`.  Raises ConfigError."""
        return read_send_settings(self.publication.config, self.publication.secrets)

    def plan(
        self, name: str = "", *, segment: str = "", again: str = "", when: When = _NOW, outbox: bool = False
    ) -> Plan:
        """What would be sent of the issue that `name` means; nothing is written.

        `segment` is the issue's own if left out; it goes into the outbox where that is said, or no relay is set.  Raises
        WriterError, if `segment` is not in the language, StoreError, if the database is an older copy.
        """
        workshop = self._at_work()
        if witness := self._witness():
            witness.require(campaigns.count_settled(self.database))
        issue = workshop.issue(name)
        segment = segment or issue.segment
        order = Order(
            issue.id,
            issue.subject,
            segment,
            self._condition(segment),
            again=again,
            not_before=when.not_before,
            not_after=when.not_after,
            local_time=when.local_time,
            outbox=outbox or not self.settings.relays,
        )
        built: dict[frozenset[str], Email] = {}

        def build(audience: frozenset[str]) -> Email:
            if audience not in built:
                built[audience] = workshop.email(issue.id, audience)
            return built[audience]

        return publish.plan(self.database, order, build=build, condition=self._condition)

    def refuse_errors(self, name: str, despite: Collection[str], domains: Mapping[str, int]) -> int:
        """How many warnings the issue has.  Raises RefusedIssue, if it has errors of other codes than `despite`."""
        return self._at_work().refuse_errors(name, despite, domains)

    def issue(self, name: str) -> Issue:
        """The issue that `name` means."""
        return self._at_work().issue(name)

    def freeze(self, planned: Plan) -> int:
        """The number of the campaign that now holds the plan's email and audience.  Raises PlanChanged."""
        config = self.publication.config
        head = Letterhead(
            config.sender,
            config.reply_to,
            f"{config.name} <newsletter.{self.publication.sender.address.domain}>",
            self.publication.masthead.web_address(planned.order.issue_id),
        )
        if self._workshop:
            self._workshop.close()
            self._workshop = None
        return publish.freeze(self.database, planned, head, now=self.now())

    def deliver(
        self,
        campaign_id: int,
        *,
        report: Callable[[Progress], None] = lambda progress: None,
        waits: bool = True,
        outbox: Form | None = None,
        is_late_allowed: bool = False,
    ) -> Result:
        """Send what is left of a campaign the way it was planned to go; an `outbox` that is said is for this run.

        Raises UsageError, if that is not the way that it would go now.
        """
        settings, clock = self.settings, start_clock()
        campaign = campaigns.read_campaign(self.database, campaign_id, now=int(clock()))
        self.require_way(campaign, outbox)
        pace = settings.pace()
        post: Post
        relays: Sequence[str] = [relay.name for relay in settings.relays]
        if outbox or not settings.relays:
            post, relays = OutboxCarrier(self.outbox, outbox or Form.MAILDIR, campaign.issue_id), ["outbox"]
        else:
            post = Carrier(settings.relays, clock=clock, throttles=pace.relays)
        means = Means(
            post,
            pace,
            self._letters,
            clock,
            random.random,
            new_session(),
            relays=relays,
            in_doubt=settings.in_doubt,
            window=settings.window,
            witness=self._witness(),
            report=report,
            waits=waits,
            is_late_allowed=is_late_allowed,
        )
        return publish.deliver(self.database, campaign_id, means)

    def require_way(self, campaign: Campaign, outbox: Form | None) -> None:
        """Raise UsageError, if `campaign` would go another way than planned, and nobody said so with `outbox`."""
        if outbox or campaign.outbox is not bool(self.settings.relays):
            return
        if campaign.outbox:
            raise UsageError(
                "it was planned into the outbox, and would now go through mail servers; nothing is sent",
                where=campaign.issue_id,
                hint="to write it out as planned: newsletter send --outbox maildir",
            )
        raise UsageError(
            "it was planned to go through mail servers, and none is set any more; nothing is sent",
            where=campaign.issue_id,
            hint="set SMTP_URL in .env, or write the rest out: newsletter send --outbox maildir",
        )

    def call_off(self, issue_id: str) -> int:
        """How many messages do not go: what is planned of an issue and not begun is forgotten.

        Raises NothingToCallOff, if there is nothing such.
        """
        return campaigns.call_off(self.database, issue_id, now=self.now())

    @property
    def outbox(self) -> Path:
        """Where messages go while no mail server is set."""
        return self.publication.root / "outbox"

    def campaigns(self, issue_id: str = "") -> list[Campaign]:
        """The campaigns of an issue, or all, the oldest first."""
        return campaigns.read_campaigns(self.database, issue_id, now=self.now())

    def due(self) -> list[Campaign]:
        """The campaigns that are to be sent now and that nobody sends."""
        now = self.now()
        return [
            one
            for one in self.campaigns()
            if one.state in (CampaignState.DUE, CampaignState.SENDING)
            and one.not_before <= now
            and not one.owner
        ]

    def bound(self, planned: Plan) -> Bound:
        """Which limit holds the plan back the longest, and for how many seconds."""
        now = self.now()
        pace = self.settings.pace()
        pace.restore(campaigns.read_pace(self.database), now)
        return pace.explain(now, planned.audience.count, planned.audience.domains)

    def reconcile(self, issue_id: str, maillog: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Settle what is in doubt by a mail server's log: the addresses that it took, and how many stay in doubt."""
        taken, now, domain = read_taken(maillog), self.now(), self.publication.sender.address.domain
        settled: list[str] = []
        left = 0
        for campaign in self.campaigns(issue_id):
            found = []
            for trouble in campaigns.troubles(self.database, campaign.id, [State.IN_DOUBT], now=now):
                if trouble.email and message_id(campaign, trouble.email, domain) in taken:
                    found.append(Address(*trouble.email.rsplit("@", 1)).key)
                else:
                    left += 1
            # A message of another campaign to the same person is another message.
            settled += campaigns.settle(
                self.database, issue_id, found, campaigns.Word.ACCEPTED, now=now, campaign_id=campaign.id
            ).settled
        return tuple(settled), left

    def now(self) -> int:
        """The second that the clock shows."""
        return int(datetime.now(UTC).timestamp())

    def _at_work(self) -> Workshop:
        self._workshop = self._workshop or Workshop(self.publication.root)
        return self._workshop

    def _letters(self, campaign: Campaign, emails: Mapping[int, bytes]) -> Letters:
        publication, url = self.publication, self.settings.unsubscribe_url
        domain = publication.sender.address.domain
        tokens = (
            Tokens(publication.secrets.get("SECRET_KEY"), list_id=f"newsletter.{domain}") if url else None
        )
        signers = read_signers(
            publication.root, publication.config, publication.secrets, sender_domain=domain
        )
        return Letters(campaign, emails, tokens=tokens, unsubscribe_url=url, signers=signers)

    def _witness(self) -> Witness | None:
        database = self.database
        if database.is_postgres:
            return None
        return Witness(Path(database.where), campaigns.database_uuid(database))

    def _condition(self, segment: str) -> ColumnElement[bool]:
        dialect = "postgresql" if self.database.is_postgres else "sqlite"
        parsed = self.publication.subscribers.segment(segment)
        return parsed.sql(dialect, datetime.now(UTC))


def parse_time(text: str) -> datetime:
    """The time that `text` is: 2026-12-01T09:00, with a zone or in that of this machine.  Raises UsageError."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise UsageError(
            f"not a time: {text!r}", hint="write 2026-12-01T09:00 or 2026-12-01T09:00+01:00"
        ) from error
