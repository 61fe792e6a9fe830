"""Parcels in, outcomes out: all connections to all relays, in one loop and one thread.

    carrier.give(parcels)          up to `room()` of them go at once, the others wait here
    carrier.poll(0.5)              outcomes, one for each parcel given, sooner or later
    carrier.drain(); carrier.poll ... until carrier.is_empty; carrier.close()

Connections are opened as they are needed, up to what each relay allows, and parcels go where there is room, by the relays'
weights.  A parcel of which nothing was written goes to another connection when its own is lost; a relay that fails is
paused or stopped (`sending.relays`), and when none is left, what waits here comes back untouched.

Guarantee: every parcel given comes back as exactly one Outcome, unless the process ends; and no outcome is ever made up
from silence: see `sending.transaction`.
"""

from __future__ import annotations

import contextlib
import math
import queue
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from newsletter.errors import DeliveryError
from newsletter.sending.connections import Connection, Opened, open_connection
from newsletter.sending.delivery import Outcome, Parcel, Stage, State
from newsletter.sending.pace import Throttle
from newsletter.sending.relays import Event, Health, Relay
from newsletter.sending.transaction import Transaction
from newsletter.sending.verdict import Move, judge

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_EXPIRE_SECONDS = 1.0
_QUIT_SECONDS = 2.0
_NO_THROTTLES: Mapping[str, Throttle] = {}


class _Post:
    """One relay with its connections."""

    def __init__(self, relay: Relay, throttle: Throttle) -> None:
        self.relay = relay
        self.throttle = throttle
        self.health = Health(relay)
        self.connections: list[Connection] = []
        self.opening = 0
        self.window = relay.window
        self.given = 0.0  # by weight
        self.ready: dict[Connection, None] = {}  # those that may have room, the longest waiting first

    def spare(self) -> Connection | None:
        """A connection with room, if there is one."""
        for connection in list(self.ready):
            if connection.transaction.room:
                return connection
            del self.ready[connection]
        return None


class Carrier:
    """Everything that is on its way; see the module.

    `clock` gives seconds that only grow, `throttles` are the limits of relays by name; `timeout_seconds` shortens how long
    any reply is waited for.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        clock: Callable[[], float] = time.monotonic,
        throttles: Mapping[str, Throttle] = _NO_THROTTLES,
        timeout_seconds: float = 600.0,
    ) -> None:
        self._clock = clock
        self._patience = timeout_seconds
        self._posts = [_Post(relay, throttles.get(relay.name) or Throttle(relay.name)) for relay in relays]
        self._post_of = {post.relay.name: post for post in self._posts}
        self._waiting: deque[Parcel] = deque()
        self._under_way: dict[int, Parcel] = {}
        self._again: set[int] = set()
        self._done: list[Outcome] = []
        self._events: list[Event] = []
        self._unmarked: dict[Connection, None] = {}
        self._is_draining = False
        self._held_back = False  # what waits, waits for a limit
        self._is_closed = False
        self._expired = clock()
        self._selector = selectors.DefaultSelector()
        self._opened: queue.SimpleQueue[Opened] = queue.SimpleQueue()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._selector.register(self._bell, _READ)

    # For the ledger's loop.

    @property
    def is_empty(self) -> bool:
        """Whether all outcomes of what was given have been handed out."""
        return not (self._waiting or self._under_way or self._done)

    def room(self) -> int:
        """How many more parcels are taken now: as many as there is room for on the wire, and once more, to follow those."""
        if self._is_draining:
            return 0
        now = self._clock()
        usable = [post for post in self._posts if post.health.is_open(now)]
        could = 2 * sum(post.relay.connections * post.window for post in usable) - len(self._under_way)
        may = sum(post.throttle.room(now) for post in usable)
        return max(0, min(could, may) - len(self._waiting))

    def paused_until(self) -> float | None:
        """When a relay may be tried again, by the clock, if none is to be used now; inf, if all are stopped."""
        now = self._clock()
        if any(post.health.is_open(now) for post in self._posts):
            return None
        return min(
            (post.health.paused_until for post in self._posts if not post.health.stopped),
            default=float("inf"),
        )

    def events(self) -> list[Event]:
        """What befell the relays since this was last asked."""
        events, self._events = self._events, []
        return events

    def give(self, parcels: Iterable[Parcel]) -> None:
        """Take `parcels`, and begin to send them."""
        self._waiting.extend(parcels)
        self._fill(self._clock())

    def poll(self, timeout_seconds: float, *, until: float = math.inf) -> list[Outcome]:
        """What was decided, after waiting for `timeout_seconds` at most for something to happen.

        If the clock is past `until`, nothing is written or read: this process may have slept, and not be the sender any
        more.
        """
        now = self._clock()
        if now > until:
            return []
        if self._held_back:
            self._fill(now)
            limits = (post.throttle.wait(now) for post in self._posts if post.health.is_open(now))
            timeout_seconds = min(timeout_seconds, max(0.001, min(limits, default=1.0)))
        self._mark(now)
        events = self._selector.select(0 if self._done else min(timeout_seconds, _EXPIRE_SECONDS))
        now = self._clock()
        if now > until:
            return []
        for key, mask in events:
            if key.data is None:
                self._take_opened(now)
            else:
                self._serve(key.data, mask, now)
        if now - self._expired >= _EXPIRE_SECONDS or self._patience < _EXPIRE_SECONDS:
            self._expired = now
            for post in self._posts:
                for connection in post.connections[:]:
                    self._settle(connection, connection.expire(now))
        self._fill(now)
        done, self._done = self._done, []
        return done

    def drain(self) -> None:
        """Begin nothing more: what is not begun comes back untouched, what is on its way is waited for by `poll`."""
        self._is_draining = True
        self._hand_back("the campaign was interrupted")

    def abandon(self) -> None:
        """Hang up on all servers without another word."""
        for post in self._posts:
            for connection in post.connections:
                connection.close()
        self._is_closed = True
        self._close_opened()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def close(self) -> list[Outcome]:
        """Take leave of all servers; the outcomes of what was still on its way."""
        self.drain()
        for post in self._posts:
            for connection in post.connections[:]:
                transaction = connection.transaction
                if transaction.is_idle:
                    transaction.quit()
                    connection.write(self._clock())
                    with contextlib.suppress(OSError):
                        connection.connection.settimeout(_QUIT_SECONDS)
                        connection.connection.recv(512)
                self._settle(connection, transaction.lost("we hung up"), is_ours=True)
        self.abandon()
        done, self._done = self._done, []
        return done

    # Connections.

    def _fill(self, now: float) -> None:
        """Give what waits to connections with room, and open more where that is not enough."""
        self._held_back = False
        while self._waiting:
            healthy = [post for post in self._posts if post.health.is_open(now)]
            if not healthy:
                self._hand_back("no relay is to be used now")
                return
            rooms = {post: room for post in healthy if (room := post.throttle.room(now)) > 0}
            if not rooms:
                self._held_back = True
                return
            for post in rooms:
                if not post.connections:
                    self._open_more(post)
            spare = [(post.given, connection, post) for post in rooms if (connection := post.spare())]
            if not spare:
                for post in rooms:
                    self._open_more(post)
                return
            _, connection, post = min(spare, key=lambda one: one[0])
            if len(rooms) > 1:  # relays share: one at a time
                self._load(post, connection, 1, now)
            else:
                self._load_all(post, rooms[post], now)

    def _load_all(self, post: _Post, room: int, now: float) -> None:
        """Give what waits to all connections of `post` that have room, `room` messages at most."""
        for connection in list(post.ready):
            if count := min(connection.transaction.room, len(self._waiting), room):
                self._load(post, connection, count, now)
                room -= count
            if not (room and self._waiting and post.health.is_open(now)):
                return

    def _load(self, post: _Post, connection: Connection, count: int, now: float) -> None:
        waiting, under_way, transaction = self._waiting, self._under_way, connection.transaction
        post.throttle.take(now, count)
        post.given += count / post.relay.weight
        if transaction.is_idle:
            connection.begin(now)
        for _ in range(count):
            parcel = waiting.popleft()
            if refused := transaction.give(parcel):
                self._done.append(refused)
            else:
                under_way[parcel.subscriber_id] = parcel
        if not transaction.room:
            post.ready.pop(connection, None)
        if transaction.pieces and not connection.is_blocked:
            self._write(connection, now)

    def _open_more(self, post: _Post) -> None:
        """One at a time: a password that is wrong is tried once."""
        if not post.opening and len(post.connections) < post.relay.connections:
            post.opening += 1
            open_connection(post.relay, self._patience, self._ring)

    def _ring(self, opened: Opened) -> None:
        """From the thread that opened a connection."""
        self._opened.put(opened)
        if self._is_closed:
            self._close_opened()
        else:
            with contextlib.suppress(OSError):  # closed meanwhile
                self._rope.send(b"!")

    def _close_opened(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._opened.get_nowait().close()

    def _take_opened(self, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(512)
        while not self._opened.empty():
            opened = self._opened.get()
            post = self._post_of[opened.relay.name]
            post.opening -= 1
            if opened.reply:
                self._fail(post, opened.stage, opened.reply, now, is_final=opened.is_final)
                continue
            try:
                connection = opened.released(now, self._patience)
            except DeliveryError as error:
                self._fail(post, opened.session.stage, error.message, now)
                continue
            post.connections.append(connection)
            post.ready[connection] = None
            post.window = connection.transaction.window
            post.given = min(other.given for other in self._posts if other.connections)  # no arrears
            self._selector.register(connection.connection, _READ, connection)

    def _fail(self, post: _Post, stage: Stage, reply: str, now: float, *, is_final: bool = False) -> None:
        # A greeting with 5yz may be a mood of the server's: the table says how often that is tried.
        is_final = is_final and stage is not Stage.GREETING
        self._events.append(post.health.failed(stage, reply, now, is_final=is_final))

    def _serve(self, connection: Connection, mask: int, now: float) -> None:
        if connection.transaction.finished:
            return
        transaction = connection.transaction
        if mask & _READ:
            outcomes = connection.read(now)
            if outcomes or transaction.finished or transaction.again:
                self._settle(connection, outcomes)
            if transaction.finished:
                return
            self._post_of[connection.relay.name].ready[connection] = None
            if transaction.wants_mark:
                self._unmarked[connection] = None
        if transaction.pieces:
            self._write(connection, now)

    def _write(self, connection: Connection, now: float) -> None:
        was_blocked = connection.is_blocked
        outcomes = connection.write(now)
        if connection.transaction.finished:
            self._settle(connection, outcomes)
        elif connection.is_blocked is not was_blocked:
            events = _READ | _WRITE if connection.is_blocked else _READ
            self._selector.modify(connection.connection, events, connection)

    def _mark(self, now: float) -> None:
        """Have those that hold something and wait for nothing find out whether the count is right."""
        for connection in list(self._unmarked):
            transaction = connection.transaction
            if self._waiting and transaction.room:
                continue
            del self._unmarked[connection]
            if transaction.wants_mark:
                transaction.mark()
                connection.begin(now)
                self._write(connection, now)

    # Outcomes.

    def _settle(self, connection: Connection, outcomes: list[Outcome], *, is_ours: bool = False) -> None:
        """Take what became of messages on `connection`, and the connection out of the loop if that was all."""
        transaction, under_way = connection.transaction, self._under_way
        post = self._post_of[connection.relay.name]
        for outcome in outcomes:
            parcel = under_way.pop(outcome.subscriber_id)
            if outcome.untouched and outcome.state is State.PLANNED and not self._is_draining:
                self._waiting.appendleft(parcel)
                continue
            self._again.discard(outcome.subscriber_id)
            self._done.append(outcome)
            if outcome.state is not State.ACCEPTED and judge(outcome.stage, outcome.reply).relay is Move.SLOW:
                self._events.append(Event(post.relay.name, Move.SLOW, outcome.stage, outcome.reply))
        if transaction.again:
            self._take_again(transaction)
        if transaction.settled:
            post.health.worked()
        if transaction.finished and connection in post.connections:
            post.connections.remove(connection)
            post.ready.pop(connection, None)
            self._unmarked.pop(connection, None)
            self._selector.unregister(connection.connection)
            connection.close()
            if not (transaction.settled or is_ours):
                words = transaction.disorder or next((one.reply for one in outcomes), "the server hung up")
                self._fail(post, Stage.GREETING, words, self._clock())

    def _take_again(self, transaction: Transaction) -> None:
        """Messages that the server will take in a new transaction, at once: but only once."""
        for outcome in transaction.again:
            subscriber = outcome.subscriber_id
            parcel = self._under_way.pop(subscriber)
            if subscriber in self._again or self._is_draining:
                self._again.discard(subscriber)
                self._done.append(outcome)
            else:
                self._again.add(subscriber)
                self._waiting.appendleft(parcel)
        transaction.again.clear()

    def _hand_back(self, why: str) -> None:
        for parcel in self._waiting:
            subscriber = parcel.subscriber_id
            self._again.discard(subscriber)
            self._done.append(Outcome(subscriber, State.PLANNED, Stage.CONNECT, why, "", untouched=True))
        self._waiting.clear()
