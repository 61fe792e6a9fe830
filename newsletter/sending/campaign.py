"""A campaign: one email to one audience, and where it stands.

    DUE --send--> SENDING --all settled or in doubt--> FINISHED
                    |  ^
    a rule, a fault,|  |send again
    not after       v  |
                  STOPPED

The counts add up: `audience` is `accepted + refused + withheld + in_doubt + under_way + planned`, and `deferred` are those
of the planned that were put off at least once.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class CampaignState(IntEnum):
    """Where a campaign is; the number is what the ledger stores."""

    DUE = 0  # planned; nobody has begun to send it
    SENDING = 1  # begun; interrupted, if no sender holds it
    FINISHED = 2  # every delivery is settled, or in doubt
    STOPPED = 3  # a rule stopped it: see `stopped`

    @property
    def label(self) -> str:
        """The word for people."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries of a campaign are where."""

    audience: int
    accepted: int
    refused: int
    withheld: int
    in_doubt: int
    under_way: int
    deferred: int

    @property
    def planned(self) -> int:
        """Those still to go, put off or not."""
        return self.audience - self.accepted - self.refused - self.withheld - self.in_doubt - self.under_way


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as the ledger has it."""

    id: int
    issue_id: str
    digest: str
    subject: str
    segment: str
    again: str
    state: CampaignState
    stopped: str
    planned_at: int
    not_before: int
    not_after: int
    local_time: bool
    outbox: bool  # planned to be written out, not to go through relays
    started_at: int | None
    finished_at: int | None
    owner: str
    lease_until: int
    counts: Counts


class Opened(NamedTuple):
    """A delivery that was opened, with all of the subscriber that its message needs."""

    subscriber_id: int
    variant: int
    tries: int  # before this one
    first_at: int  # when it was first tried; 0 if never
    email: str
    name: str
    language: str
    attributes: str  # a JSON object
    generation: int

    @property
    def domain(self) -> str:
        """Where the mailbox is."""
        return self.email.rpartition("@")[2]
