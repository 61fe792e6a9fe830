"""What a server's reply means: for the recipient, for the connection, for the relay, for the campaign.

One table, read from the top, of which the first line that fits decides.  The first digit alone would be wrong most of
the time: of the 5yz replies to newsletters more say "you are blocked" or "the mailbox is full" than "no such person", and
whoever takes them all for dead addresses loses living readers, while who goes on against a block makes it longer.

- the recipient: is the delivery done, refused, to be tried again, in doubt; and is the address to be blamed for it
- the connection: is it to be closed
- the relay: go on, go slower, pause, stop
- the campaign: stop now, or count a `Fault` of ours towards the rule that stops it

A reply that is none (a lost line, half a line, words without a code) leaves the message IN_DOUBT after its end was sent,
and to be tried again before that.

Source: RFC 5321, section 4.2; RFC 3463 and its registry; what large providers say of their own codes.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from newsletter.sending.delivery import Stage, State


class Standing(StrEnum):
    """What the reply says of the address."""

    UNTOUCHED = "untouched"
    SOFT = "soft"  # counts towards a bounce
    HARD = "hard"  # is one: there is no such address


class Retry(StrEnum):
    """When the same message may go again."""

    NEVER = "never"
    LATER = "later"
    AT_ONCE = "at once"  # in a new transaction, once


class Move(StrEnum):
    """What becomes of the relay."""

    KEEP = "keep"
    SLOW = "slow"
    PAUSE = "pause"
    STOP = "stop"


class Fault(StrEnum):
    """What of ours the server objects to."""

    NONE = "none"
    POLICY = "policy"  # blocked, listed, not allowed
    CONTENT = "content"  # this message
    IDENTITY = "identity"  # SPF, DKIM, DMARC, reverse DNS
    SENDER = "sender"  # this address may not send here
    SIZE = "size"
    SIGN_IN = "sign-in"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means; see the module.

    `stops` ends the campaign at once; any other fault is counted.  `tries` is how many pauses in a row become a stop
    (0: never); `pause` is a wait that the provider itself has named.
    """

    state: State
    standing: Standing = Standing.UNTOUCHED
    retry: Retry = Retry.NEVER
    closes: bool = False
    relay: Move = Move.KEEP
    fault: Fault = Fault.NONE
    stops: bool = False
    tries: int = 0
    pause: timedelta | None = None


_LATER = Verdict(State.PLANNED, retry=Retry.LATER)
_SLOW = replace(_LATER, relay=Move.SLOW)
_LEAVES = replace(_LATER, closes=True)
_AT_ONCE = replace(_LATER, retry=Retry.AT_ONCE)
_FULL_FOR_NOW = replace(_LATER, standing=Standing.SOFT)
_PAUSE = replace(_LATER, closes=True, relay=Move.PAUSE)
_BLOCKED_FOR_HOURS = replace(_SLOW, pause=timedelta(hours=4))
_ACCEPTED = Verdict(State.ACCEPTED)
_HARD = Verdict(State.REFUSED, Standing.HARD)
_SOFT = Verdict(State.REFUSED, Standing.SOFT)
_POLICY = Verdict(State.REFUSED, fault=Fault.POLICY)
_CONTENT = Verdict(State.REFUSED, fault=Fault.CONTENT)
_IDENTITY = Verdict(State.REFUSED, fault=Fault.IDENTITY)
#: The recipient is not to blame for what we are: the delivery stays planned for when the cause is mended.
_SENDER = Verdict(State.PLANNED, retry=Retry.LATER, fault=Fault.SENDER, stops=True)
_SIZE = Verdict(State.PLANNED, retry=Retry.LATER, fault=Fault.SIZE, stops=True)
_CLUMSY = Verdict(State.PLANNED, retry=Retry.LATER, fault=Fault.POLICY)
_STOP = Verdict(State.PLANNED, retry=Retry.LATER, closes=True, relay=Move.STOP, stops=True)
_IN_DOUBT = Verdict(State.IN_DOUBT, closes=True)

_ANYWHERE = frozenset(Stage)
_OPENING = frozenset({Stage.CONNECT, Stage.GREETING})
_MAIL, _RCPT, _DATA, _DOT = ({stage} for stage in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT))
_OURS = r"5\.7\.(?:2[5-9]|3[0-2]|515)"
_NOBODY = r"5\.1\.(?:1|2|3|6|10)|5\.4\.4"

#: Stages, code, enhanced code (an empty one: none was given), verdict.  The first that fits decides.
_TABLE: list[tuple[set[Stage] | frozenset[Stage], str, str, Verdict]] = [
    # A relay that will not have us.
    (_OPENING, "4..", "", _PAUSE),
    (_OPENING, "5..", "", replace(_PAUSE, tries=3, fault=Fault.POLICY)),
    ({Stage.EHLO}, "4..", "", _PAUSE),
    ({Stage.EHLO}, "5..", "", replace(_STOP, fault=Fault.POLICY)),
    ({Stage.STARTTLS}, "4..", "", _PAUSE),
    ({Stage.STARTTLS}, "5..", "", replace(_STOP, fault=Fault.TLS)),
    ({Stage.AUTH}, "421", "", _PAUSE),
    ({Stage.AUTH}, "4..", "", replace(_PAUSE, tries=5, fault=Fault.SIGN_IN)),
    ({Stage.AUTH}, "5..", "", replace(_STOP, fault=Fault.SIGN_IN)),
    # It leaves.
    (_ANYWHERE, "421", r"4\.7\..*", replace(_LEAVES, relay=Move.SLOW)),
    (_ANYWHERE, "421", "", _LEAVES),
    # The sender.
    (_MAIL, "45[12]", "", _SLOW),
    (_MAIL, "4..", r"4\.7\..*", _SLOW),
    (_MAIL, "4..", "", _LATER),
    (_MAIL, "555", "", _AT_ONCE),
    (_MAIL, "...", r"5\.3\.4", _SIZE),
    (_MAIL, "552", "", _SIZE),
    (_MAIL, "...", _OURS, replace(_SENDER, fault=Fault.IDENTITY)),
    (_MAIL, "5[35].", "", _SENDER),
    (_MAIL, "5..", "", _CLUMSY),
    # The recipient.
    (_RCPT, "45.", r"4\.5\.3", _AT_ONCE),
    (_RCPT, "4..", r"4\.2\.2", _FULL_FOR_NOW),
    (_RCPT, "4..", r"4\.7\..*", _SLOW),
    (_RCPT, "4..", "", _LATER),
    # The message.
    (_DATA, "4..", r"4\.7\..*", _SLOW),
    (_DATA, "4..", "", _LATER),
    (_DOT, "2..", "", _ACCEPTED),
    (_DOT, "4..", r"4\.2\.2", _FULL_FOR_NOW),
    (_DOT, "4..", r"4\.7\..*", _SLOW),
    (_DOT, "4..", "", _LATER),
    # What is wrong for good, with either.
    (_RCPT | _DATA | _DOT, "5..", _NOBODY, _HARD),
    (_RCPT | _DATA | _DOT, "5..", r"5\.2\.[12]", _SOFT),
    (_RCPT | _DATA | _DOT, "5..", _OURS, _IDENTITY),
    (_RCPT, "5..", r"5\.7\..*", _POLICY),
    (_RCPT, "553", r"5\.1\..*", _HARD),
    (_DATA | _DOT, "5..", r"5\.[67]\..*", _CONTENT),
    (_DATA | _DOT, "5..", r"5\.3\.4", replace(_CONTENT, fault=Fault.SIZE)),
    (_DATA | _DOT, "552", "", _SOFT),
    (_RCPT, "552", "", _SOFT),
]
#: Where the codes say no more than "no": words, the first that occur decide.
_WORDS: list[tuple[str, Verdict]] = [
    (
        r"user unknown|unknown (user|recipient|mailbox|address)"
        r"|(user|recipient|mailbox|address|account) (is )?(not (found|exist)|does ?n[o']t exist|unknown|invalid|unavailable)"
        r"|no such (user|recipient|mailbox|address|person|account)|no mailbox"
        r"|invalid (recipient|mailbox|address|user)|not a (valid|known) (user|recipient|mailbox|address)"
        r"|nobody (here )?by that name",
        _HARD,
    ),
    (
        r"quota|mailbox (is )?(full|over)|full mailbox|(disk|storage) (is )?full|inactive|disabled|suspended",
        _SOFT,
    ),
    (r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|not authenticated|reverse dns|\bptr\b|\brdns\b", _IDENTITY),
    (
        r"block|spam|blacklist|listed|denied|polic|reputation|not (authori[sz]ed|allowed|permitted)|relay|reject|prohibit",
        _POLICY,
    ),
]
_REPLY = re.compile(r"([2-5][0-9]{2})(?:[ -](?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.]))?(.*))?", re.DOTALL)
_LINES = [(stages, re.compile(code), re.compile(enhanced), one) for stages, code, enhanced, one in _TABLE]
_SAYINGS = [(re.compile(words, re.IGNORECASE), one) for words, one in _WORDS]


def judge(stage: Stage, reply: str) -> Verdict:
    """What `reply`, in full and as the server wrote it, means at `stage`; "" and what is no reply: none came."""
    match = _REPLY.fullmatch(reply)
    if not match or match[1][0] == "3" or (match[1][0] == "2" and stage is not Stage.DOT):
        if stage is Stage.DOT:
            return _IN_DOUBT
        return _PAUSE if stage.is_before_messages else _LEAVES
    code, enhanced, words = match[1], match[2] or "", match[3] or ""
    if code[0] == "4" and "[TSS04]" in words:  # Yahoo: nothing from this address for four hours
        return replace(_BLOCKED_FOR_HOURS, closes=code == "421")
    for stages, codes, subcodes, verdict in _LINES:
        if (
            stage in stages
            and codes.fullmatch(code)
            and (not subcodes.pattern or subcodes.fullmatch(enhanced))
        ):
            return verdict
    return _by_words(stage, enhanced, words)


def _by_words(stage: Stage, enhanced: str, words: str) -> Verdict:
    otherwise = _SOFT if stage is Stage.RCPT else _CONTENT
    if enhanced and not re.fullmatch(r"5\.[0-4]\.[01]", enhanced):
        return otherwise  # its code says that it is about something else than the address
    found = next((verdict for saying, verdict in _SAYINGS if saying.search(words)), otherwise)
    if found is _POLICY and stage is not Stage.RCPT:
        return _CONTENT
    if stage is Stage.DATA and "no valid recipients" in words.lower():
        return _SOFT
    return found
