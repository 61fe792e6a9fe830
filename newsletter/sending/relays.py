"""The relays of a campaign: what each takes, and for how long one that fails is left alone.

A relay that cannot be reached, or hangs up before it took anything, is paused for 1, 5, 15 and then 30 minutes, while the
others take over; one that took a message is in order again.  What would fail the same way again (a password, a
certificate) stops a relay at once: servers lock the account of whoever keeps trying.

The time is an argument (seconds that only grow).  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.sending.delivery import Stage
from newsletter.sending.smtp import Server
from newsletter.sending.verdict import Move, judge

PAUSES_SECONDS = (60.0, 300.0, 900.0, 1800.0)


@dataclass(frozen=True, slots=True)
class Relay:
    """A server that takes messages: its share by `weight`, at most so many `connections`, each with a `window`."""

    name: str
    server: Server
    weight: float = 1
    connections: int = 4
    window: int = 16


@dataclass(frozen=True, slots=True)
class Event:
    """Something befell a relay: it is to go slower, is paused (until then, by the clock), or is stopped; and the words."""

    relay: str
    move: Move
    stage: Stage
    reply: str
    until: float = 0.0


class Health:
    """Whether a relay is to be used now."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.paused_until = 0.0
        self.stopped = ""
        self._failures = 0

    def is_open(self, now: float) -> bool:
        """Whether messages may go there."""
        return not self.stopped and now >= self.paused_until

    def worked(self) -> None:
        """It took a message."""
        self._failures = 0

    def failed(self, stage: Stage, reply: str, now: float, *, is_final: bool = False) -> Event:
        """Pause it or, if that was final or too often, stop it."""
        verdict = judge(stage, reply)
        self._failures += 1
        if is_final or verdict.relay is Move.STOP or 0 < verdict.tries <= self._failures:
            self.stopped = f"{stage}: {reply}"
            return Event(self.relay.name, Move.STOP, stage, reply)
        seconds = PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS)) - 1]
        if verdict.pause:
            seconds = verdict.pause.total_seconds()
        self.paused_until = now + seconds
        return Event(self.relay.name, Move.PAUSE, stage, reply, self.paused_until)
