"""How fast: the limits of a relay and of a recipients' domain, and what a server's "too fast" makes of them.

- per second: evenly, one message after another (GCRA); a loop that comes late catches up a twentieth of a second
- per minute, hour, day: in any such span, never more than that (60 slices of it are counted)
- warm-up: a day's limit for a relay that nobody knows yet, larger from day to day
- adaptive: 421, 450 4.7.x and the like halve the rate, once in ten seconds at most; it comes back slowly, by a twentieth of
  what it was every half minute

The counts survive a restart: `rows` are written in the transaction that opens the messages, `restore` reads them back.
Which limit binds, and how long so many messages take, says `explain`.

Pure: the time comes in, in seconds since 1970 that never go back.
Source: ITU-T I.371 for GCRA; docs.sendgrid.com for the warm-up's steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

SPANS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
#: What a relay that nobody knows may be given on its first, second ... day; from then on without limit.
WARM_UP = (
    50, 100, 500, 1_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 250_000, 400_000, 600_000, 1_000_000,
)  # fmt: skip
_SLICES = 60
_CATCH_UP_SECONDS = 0.05
_HALVE_AGAIN_SECONDS = 10.0
_RESTORE_SECONDS = 30.0
_RESTORE_SHARE = 1 / 20
_SLOWEST = 1 / 60  # a message a minute
#: What "no limit" counts as.
UNLIMITED = 1 << 40
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Limit:
    """So many messages per `second`, `minute`, `hour` or `day`."""

    count: int
    span: str

    @property
    def seconds(self) -> int:
        """The length of the span."""
        return SPANS[self.span]

    def __str__(self) -> str:
        return f"{self.count:,} per {self.span}"


@dataclass(frozen=True, slots=True)
class Bound:
    """What holds a number of messages back: `limit` of `name`, and for how many seconds; no limit: ("", "", 0)."""

    name: str
    limit: str
    seconds: float


@dataclass(slots=True)
class _Window:
    """The messages of the last span, counted in slices."""

    limit: Limit
    slices: dict[int, int] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    @property
    def slice_seconds(self) -> int:
        return self.limit.seconds // _SLICES

    def used(self, now: float) -> int:
        """How many went within the last span."""
        oldest = int(now - self.limit.seconds) // self.slice_seconds
        for gone in [number for number in self.slices if number < oldest]:
            del self.slices[gone]
        return sum(self.slices.values())

    def take(self, now: float, count: int) -> None:
        number = int(now) // self.slice_seconds
        self.slices[number] = self.slices.get(number, 0) + count
        self.changed.add(number)

    def wait(self, now: float, allowed: int) -> float:
        """Seconds until one more may go, if `allowed` may go in the span."""
        excess = self.used(now) - allowed
        for number in sorted(self.slices):
            if excess < 0:
                break
            excess -= self.slices[number]
            if excess < 0:
                return max(0.0, (number + 1) * self.slice_seconds + self.limit.seconds - now)
        return 0.0 if excess < 0 else float(self.limit.seconds)


class Throttle:
    """The limits of one relay, or of one domain."""

    def __init__(self, name: str, limits: Iterable[Limit] = (), *, warm_up: date | None = None) -> None:
        """`warm_up` is the first day of a relay that nobody knows yet."""
        limits = tuple(limits)
        self.name = name
        self.per_second = min((limit.count for limit in limits if limit.span == "second"), default=0)
        self._windows = [_Window(limit) for limit in limits if limit.span != "second"]
        self._warm_up = warm_up
        if warm_up:
            self._windows.append(_Window(Limit(UNLIMITED, "day")))
        self._next = 0.0  # GCRA: the theoretical time of the next message
        self._rate = 0.0  # what a server's "too fast" left; 0: all
        self._full_rate = 0.0
        self._changed_at = -math.inf
        self._held_until = 0.0
        self._recent: list[tuple[float, int]] = []

    @property
    def rate(self) -> float:
        """Messages per second, evenly; 0: as fast as can be."""
        return min((rate for rate in (self.per_second, self._rate) if rate), default=0.0)

    @property
    def is_slowed(self) -> bool:
        """Whether a server said "too fast", and it is not over."""
        return bool(self._rate)

    def room(self, now: float) -> int:
        """How many messages may go now."""
        if now < self._held_until:
            return 0
        self._restore_rate(now)
        room = UNLIMITED
        if rate := self.rate:
            early = now + _CATCH_UP_SECONDS - max(self._next, now)
            room = max(0, math.floor(early * rate + 1e-3) + 1) if early > -1e-6 else 0
        for window in self._windows:
            room = min(room, max(0, self._allowed(window, now) - window.used(now)))
        return room

    def wait(self, now: float) -> float:
        """Seconds until a message may go; 0: now."""
        waits = [self._held_until - now, 0.0]
        if self.rate:
            waits.append(self._next - _CATCH_UP_SECONDS - now)
        waits += [window.wait(now, self._allowed(window, now)) for window in self._windows]
        return max(waits)

    def take(self, now: float, count: int = 1) -> None:
        """`count` messages go now."""
        if self.rate:
            self._next = max(self._next, now) + count / self.rate
        for window in self._windows:
            window.take(now, count)
        self._recent.append((now, count))
        if len(self._recent) > 64:
            del self._recent[:32]

    def slow_down(self, now: float) -> None:
        """A server said "too fast": half of the rate that is, once in ten seconds at most."""
        if now - self._changed_at < _HALVE_AGAIN_SECONDS and self._rate:
            return
        current = self.rate or self._measured(now)
        self._full_rate = max(self._full_rate, current)
        self._rate = max(_SLOWEST, current / 2)
        self._changed_at = now
        self._next = max(self._next, now) + 1 / self._rate

    def hold(self, until: float) -> None:
        """Nothing goes before `until`."""
        self._held_until = max(self._held_until, until)

    def rows(self) -> Iterator[tuple[str, int, int, int]]:
        """What changed since the last call: name, span in seconds, begin, count; a row of a slice."""
        for window in self._windows:
            for number in sorted(window.changed):
                name = f"{self.name}#{number % (_SLICES + 1)}"
                yield name, window.limit.seconds, number * window.slice_seconds, window.slices.get(number, 0)
            window.changed.clear()

    def restore(self, rows: Iterable[tuple[str, int, int, int]], now: float) -> None:
        """Take up the counts that an earlier run wrote; those of another time are passed over."""
        for name, seconds, begins_at, count in rows:
            for window in self._windows:
                if (
                    name.rpartition("#")[0] == self.name
                    and seconds == window.limit.seconds
                    and begins_at <= now
                ):
                    number = begins_at // window.slice_seconds
                    window.slices[number] = max(window.slices.get(number, 0), count)

    def capacity(self, now: float, seconds: float) -> tuple[float, str]:
        """How many messages can go within the next `seconds`, and which limit says so (empty: none does)."""
        best, label = float(UNLIMITED), ""
        for limit, count in self._capacities(now, seconds):
            if count < best:
                best, label = count, limit
        return best, label

    def _capacities(self, now: float, seconds: float) -> Iterator[tuple[str, float]]:
        if self._rate and self._rate <= (self.per_second or self._rate):
            yield "slowed down by the server", self._rate * seconds + 1
        elif self.per_second:
            yield f"{self.per_second:,} per second", self.per_second * seconds + 1
        for window in self._windows:
            if self._warm_up and window.limit.count == UNLIMITED:
                days = range(1, int(seconds // _DAY) + 1)
                count = self._allowed(window, now) - window.used(now)
                count += sum(self._allowed(window, now + day * _DAY) for day in days)
                yield "warm-up", count
            else:
                spans = int(seconds // window.limit.seconds)
                yield str(window.limit), max(0, window.limit.count * (spans + 1) - window.used(now))

    def _allowed(self, window: _Window, now: float) -> int:
        if window.limit.count != UNLIMITED or not self._warm_up:
            return window.limit.count
        day = (datetime.fromtimestamp(now, tz=UTC).date() - self._warm_up).days
        return WARM_UP[max(day, 0)] if day < len(WARM_UP) else UNLIMITED

    def _measured(self, now: float) -> float:
        recent = [(at, count) for at, count in self._recent if at > now - _HALVE_AGAIN_SECONDS]
        if not recent:
            return 1.0
        return max(1.0, sum(count for _, count in recent) / max(1.0, now - recent[0][0]))

    def _restore_rate(self, now: float) -> None:
        while self._rate and now - self._changed_at >= _RESTORE_SECONDS:
            self._changed_at += _RESTORE_SECONDS
            self._rate += self._full_rate * _RESTORE_SHARE
            if self._rate >= self._full_rate:
                self._rate = self._full_rate = 0.0


class Pace:
    """The limits of all relays and domains."""

    def __init__(self, relays: Iterable[Throttle], domains: Mapping[str, Limit]) -> None:
        """`domains` are limits by domain; `*` is that of every other one."""
        self.relays = {throttle.name: throttle for throttle in relays}
        self._limits = dict(domains)
        self._domains: dict[str, Throttle] = {}
        self._restored: list[tuple[str, int, int, int]] = []

    @property
    def has_domains(self) -> bool:
        """Whether any domain has a limit."""
        return bool(self._limits or self._domains)

    def room(self, now: float) -> int:
        """How many messages may go now, by all relays together."""
        return min(UNLIMITED, sum(throttle.room(now) for throttle in self.relays.values()))

    def wait(self, now: float) -> float:
        """Seconds until a relay may be given a message."""
        return min((throttle.wait(now) for throttle in self.relays.values()), default=0.0)

    def domain(self, name: str, now: float) -> Throttle | None:
        """The limits of a recipients' domain; None, if it has none."""
        throttle = self._domains.get(name)
        if throttle is None and (limit := self._limits.get(name) or self._limits.get("*")):
            throttle = self._domains[name] = Throttle(f"@{name}", [limit])
            throttle.restore(self._restored, now)
        return throttle

    def hold_domain(self, name: str, until: float, now: float) -> None:
        """Nothing goes to a domain before `until`."""
        throttle = self.domain(name, now) or self._domains.setdefault(name, Throttle(f"@{name}"))
        throttle.hold(until)

    def restore(self, rows: Iterable[tuple[str, int, int, int]], now: float) -> None:
        """Take up the counts that an earlier run wrote."""
        self._restored = list(rows)
        for throttle in self.relays.values():
            throttle.restore(self._restored, now)

    def rows(self) -> list[tuple[str, int, int, int]]:
        """The counts that changed since the last call, to be written."""
        return [
            row for throttle in (*self.relays.values(), *self._domains.values()) for row in throttle.rows()
        ]

    def explain(self, now: float, count: int, domains: Mapping[str, int]) -> Bound:
        """Which limit holds `count` messages back the longest, `domains` of them by domain, and for how many seconds."""
        bounds = [_bound(list(self.relays.values()), now, count)]
        for name, number in domains.items():
            if throttle := self.domain(name, now):
                bounds.append(_bound([throttle], now, number))
        return max(bounds, key=lambda bound: bound.seconds)


def _bound(throttles: list[Throttle], now: float, count: int) -> Bound:
    """How long `count` messages take with all of `throttles` at work."""

    def together(seconds: float) -> float:
        return sum(throttle.capacity(now, seconds)[0] for throttle in throttles)

    if not throttles or together(0.0) >= count:
        return Bound("", "", 0.0)
    long = 1.0
    while together(long) < count and long < 1e10:
        long *= 2
    short = 0.0
    while long - short > max(0.01, long * 1e-6):
        middle = (short + long) / 2
        short, long = (short, middle) if together(middle) >= count else (middle, long)
    slowest = min(throttles, key=lambda throttle: throttle.capacity(now, short)[0])
    return Bound(slowest.name, slowest.capacity(now, short)[1], long)


def parse_limit(text: str) -> Limit | None:
    """The limit that `20/second` or `1000/hour` is, or None, if it is none."""
    number, slash, span = text.replace("_", "").partition("/")
    if not slash or span.strip() not in SPANS or not number.strip().isascii() or not number.strip().isdigit():
        return None
    return Limit(int(number), span.strip()) if int(number) else None
