"""What became of one message to one subscriber.

A server takes a message by its reply to the final dot (or to the last BDAT), or refuses it there or sooner.  Between that
and the moment we store the reply lies a window in which a crash leaves us unable to tell, so an attempt is written down
before its first byte is sent, and only a stored reply moves it on.  Nothing ever guesses.  (RFC 1047 describes the window
and the duplicates it makes.)

    PLANNED --attempt--> IN_DOUBT --2yz--> ACCEPTED
       ^                     |-----5yz--> REFUSED
       +---------4yz---------+            (not before, tries)
    PLANNED --left or suppressed meanwhile--> WITHHELD

Pure: no clock, no socket, no disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple


class State(IntEnum):
    """Where a delivery is; the number is what the ledger stores.  IN_DOUBT is a row in `attempt`, never a number there.

    The most frequent are 0 and 1, which take no room in a row of SQLite's: to settle a delivery moves no other row.
    """

    PLANNED = 0  # chosen as a recipient; no byte sent since the last 4yz
    ACCEPTED = 1  # the server took responsibility for the message
    REFUSED = 2  # the server will never take this message for this recipient
    WITHHELD = 3  # left or suppressed before it left
    IN_DOUBT = 4  # an attempt began; its reply is not stored

    @property
    def label(self) -> str:
        """The word for people: "in doubt"."""
        return self.name.lower().replace("_", " ")


class Stage(StrEnum):
    """Where in the dialogue with a server."""

    CONNECT = "connecting"
    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "signing in"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    DOT = "end of the message"  # or the last BDAT

    @property
    def is_before_messages(self) -> bool:
        """Whether no message has been begun: what goes wrong here is the relay's affair and no recipient's."""
        return self in _BEFORE_MESSAGES


_BEFORE_MESSAGES = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})


class Parcel(NamedTuple):
    """One opened delivery, ready for the wire.

    `content` is the message in pieces (CRLF lines, no line begins with a dot, ends in CRLF); the envelope is ASCII but for
    an address that needs SMTPUTF8.  `envelope_id` (xtext, RFC 3461) asks for reports of failure that name it, where the
    server offers DSN.
    """

    subscriber_id: int
    sender: bytes
    recipient: bytes
    content: Sequence[bytes]
    smtputf8: bool = False
    envelope_id: bytes = b""


class Outcome(NamedTuple):
    """What one attempt came to.

    `state` is ACCEPTED, REFUSED, PLANNED (to be tried again: nothing was accepted) or IN_DOUBT; `stage` and `reply` say
    where and with which words (the reply verbatim, empty where there was none); `relay` names the server; `untouched` says
    that no byte of this delivery was written, so that it does not count as a try.
    """

    subscriber_id: int
    state: State
    stage: Stage
    reply: str
    relay: str
    untouched: bool = False
