"""When a campaign is not to go on: the server's objections are to us, or the list is not what it should be.

    at once                   the sender is refused, sign-in or TLS fails, the message is too big (see `verdict`)
    SPF, DKIM, DMARC          once for a domain: nothing more goes there for hours; for three domains: stop
    blocked, not allowed      more than 1 % of what was tried, and 5 at least
    the message itself        3 in a row after the end of the message, or more than 1 % of 200
    no such mailbox           more than 5 % of the last 500, or more than 2 % at 5,000
    in doubt                  more than 20, and more than two full windows for each connection

Complaints are no replies and come by another way.  Stopping keeps what is planned: `send` goes on when the cause is mended.

Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from newsletter.sending.delivery import Outcome, Stage, State
from newsletter.sending.verdict import Fault, Standing, judge

POLICY_SHARE, POLICY_LEAST = 0.01, 5
CONTENT_IN_A_ROW, CONTENT_SHARE, CONTENT_AFTER = 3, 0.01, 200
HARD_LAST, HARD_LAST_SHARE = 500, 0.05
HARD_AFTER, HARD_SHARE = 5_000, 0.02
IDENTITY_DOMAINS = 3
IN_DOUBT_LEAST, IN_DOUBT_WINDOWS = 20, 2
#: For how long nothing goes to a domain that objects to who we are, in seconds.
HOLD_SECONDS = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Ruling:
    """`stop` says why the campaign is to stop (empty: it is not), `hold_seconds` how long the domain is left alone."""

    stop: str = ""
    hold_seconds: float = 0.0


_GO_ON = Ruling()


class StopRules:
    """The tally of one run in which at most `window` messages are on the wire at once, over all connections."""

    def __init__(self, window: int) -> None:
        self._most_in_doubt = max(IN_DOUBT_LEAST, IN_DOUBT_WINDOWS * window)
        self._tried = self._policy = self._content = self._content_row = self._hard = self._in_doubt = 0
        self._last_hard: deque[bool] = deque(maxlen=HARD_LAST)
        self._last_hard_count = 0
        self._objecting: set[str] = set()

    def accepted(self, count: int) -> None:
        """So many messages were accepted."""
        self._tried += count
        self._content_row = 0
        if self._last_hard_count or len(self._last_hard) < HARD_LAST:
            for _ in range(min(count, HARD_LAST)):
                self._count_hard(is_hard=False)

    def saw(self, outcome: Outcome, domain: str) -> Ruling:
        """What follows from one outcome for an address at `domain`."""
        if outcome.state is State.ACCEPTED:
            self.accepted(1)
            return _GO_ON
        if outcome.untouched:
            return _GO_ON
        if outcome.state is State.IN_DOUBT:
            self._in_doubt += 1
            if self._in_doubt > self._most_in_doubt:
                return Ruling(f"{self._in_doubt} messages in doubt: the server's replies do not arrive")
            return _GO_ON
        verdict, said = judge(outcome.stage, outcome.reply), f"{outcome.relay} said: {outcome.reply}"
        self._tried += 1
        self._count_hard(is_hard=verdict.standing is Standing.HARD)
        if verdict.stops:
            return Ruling(f"the {_OBJECTION.get(verdict.fault, 'campaign')} is refused; {said}")
        if verdict.fault is Fault.IDENTITY:
            self._objecting.add(domain)
            if len(self._objecting) >= IDENTITY_DOMAINS:
                return Ruling(
                    f"{len(self._objecting)} domains do not believe who we are (SPF, DKIM, DMARC); {said}"
                )
            return Ruling(hold_seconds=HOLD_SECONDS)
        if verdict.fault is Fault.POLICY:
            self._policy += 1
            if self._policy >= POLICY_LEAST and self._policy > POLICY_SHARE * self._tried:
                return Ruling(f"{self._policy} of {self._tried:,} refused us, not the reader; {said}")
        if stop := self._content_rule(outcome, verdict.fault, said) or self._hard_rule():
            return Ruling(stop)
        return Ruling(hold_seconds=verdict.pause.total_seconds() if verdict.pause else 0.0)

    def _content_rule(self, outcome: Outcome, fault: Fault, said: str) -> str:
        if fault is not Fault.CONTENT or outcome.stage not in (Stage.DATA, Stage.DOT):
            self._content_row = 0
            return ""
        self._content += 1
        self._content_row += 1
        if self._content_row >= CONTENT_IN_A_ROW:
            return f"{self._content_row} in a row refused the message itself; {said}"
        if self._tried >= CONTENT_AFTER and self._content > CONTENT_SHARE * self._tried:
            return f"{self._content} of {self._tried:,} refused the message itself; {said}"
        return ""

    def _hard_rule(self) -> str:
        if len(self._last_hard) == HARD_LAST and self._last_hard_count > HARD_LAST_SHARE * HARD_LAST:
            return f"{self._last_hard_count} of the last {HARD_LAST} mailboxes are not there: is the list an old one?"
        if self._tried >= HARD_AFTER and self._hard > HARD_SHARE * self._tried:
            return f"{self._hard} of {self._tried:,} mailboxes are not there: is the list an old one?"
        return ""

    def _count_hard(self, *, is_hard: bool) -> None:
        self._hard += is_hard
        if len(self._last_hard) == HARD_LAST:
            self._last_hard_count -= self._last_hard[0]
        self._last_hard.append(is_hard)
        self._last_hard_count += is_hard


_OBJECTION = {
    Fault.SENDER: "sender",
    Fault.SIZE: "size of the message",
    Fault.IDENTITY: "sender's domain",
    Fault.SIGN_IN: "sign-in",
    Fault.TLS: "encryption",
    Fault.POLICY: "connection",
}
