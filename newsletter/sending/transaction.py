"""Messages over one signed-in SMTP connection: bytes out, replies in, and what became of each message.

Three ways, by what the server offers:

    WINDOW      RSET MAIL RCPT BDAT-LAST content, whole, up to `window` of them before the first reply (CHUNKING, PIPELINING)
    PIPELINED   [the last content and its dot] MAIL RCPT DATA in one go, and their replies together (PIPELINING)
    STEPWISE    every command waits for its reply

    >>> one = Transaction({"PIPELINING": "", "CHUNKING": ""}, hello=b"[127.0.0.1]", relay="main")
    >>> one.give(parcel)                  # one.pieces are to be written; tell with one.wrote(n) what the kernel took
    >>> one.receive(b"250 ok\\r\\n" * 4)    # [Outcome(...)]

Only a complete 2yz to its end makes a message ACCEPTED, a complete 4yz or 5yz says that it was not taken, and all else
leaves it IN_DOUBT if its last byte was written, or PLANNED if not: bytes that still wait in `pieces` are no bytes written.

Replies are matched to commands by counting, so a reply too many would shift all that follow, and one reader would be taken
for another.  Three things hold against that:
- a reply that comes before its command was written, or whose first digit is impossible at its place, is disorder
- what was decided while more replies were under way is held until those of a message accepted after it, the 354 of the
  next one, or the reply to a marker (EHLO again, or QUIT, whose replies look like no other) show that the count is right
  (a surplus refusal amid a message's own replies, or a 250 after its 354, cannot be told from a true one if it is heard
  when that could come; it stays this message's own)
- after disorder nothing is believed any more: what is held or fully written is IN_DOUBT, and the connection is to be closed

A 421 is the last thing a server says, and so is a refusal of what cannot be refused (RSET, EHLO again).  Messages behind
it are PLANNED if it then hangs up, as it must; else IN_DOUBT.
RSET stands before each message of a window because a server is in no known state after a BDAT that failed (RFC 3030).

Source: RFC 5321, 2920 (PIPELINING), 3030 (CHUNKING), 1870 (SIZE), 6531 (SMTPUTF8), 3461 (DSN).  Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum

from newsletter.sending.delivery import Outcome, Parcel, Stage, State
from newsletter.sending.envelope import Envelope
from newsletter.sending.flight import NEVER, Flight
from newsletter.sending.replies import MAX_LINE, Disorder, Replies
from newsletter.sending.verdict import Retry, judge

_RSET, _MAIL, _RCPT, _DATA, _DOT = range(5)
_STAGES = (Stage.MAIL, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
#: Servers hang up after so many commands that brought no mail (Exim: 10): after half of these as markers messages go by
#: DATA, which needs none; after all, refusals included, the connection is left for another.
_FRUITLESS = 8


class Mode(StrEnum):
    """How messages go over a connection."""

    WINDOW = "BDAT in a window"
    PIPELINED = "DATA, pipelined"
    STEPWISE = "step by step"


class Transaction:
    """The messages of one connection; see the module.

    `features` are what the server offers by keyword, `hello` is the name that EHLO was given, `relay` names the server in
    outcomes.  `finished` says that the connection is to be closed, `leaving` that nothing more is to be written.
    """

    def __init__(self, features: Mapping[str, str], *, hello: bytes, relay: str, window: int = 16) -> None:
        self.pieces: list[bytes | memoryview] = []
        self.finished = False
        self.leaving = False
        self.disorder = ""
        self.settled = 0
        self.again: list[Outcome] = []
        pipelining = "PIPELINING" in features
        if pipelining and "CHUNKING" in features and window > 1:
            self._set_mode(Mode.WINDOW, window)
        elif pipelining:
            self._set_mode(Mode.PIPELINED, 3)
        else:
            self._set_mode(Mode.STEPWISE, 1)
        self._hello = hello
        self._relay = relay
        self._envelope = Envelope(features)
        self._queued = 0
        self._written = 0
        self._flights: deque[Flight] = deque()
        self._step = _MAIL
        self._needs_reset = False
        self._held: list[Outcome] = []
        self._at_once: set[int] = set()
        self._out: list[Outcome] = []
        self._replies = Replies()
        self._marker = b""
        self._fruitless = _FRUITLESS
        self._goodbye = ""

    def _set_mode(self, mode: Mode, window: int) -> None:
        self.mode = mode
        self.window = window
        self._is_window = mode is Mode.WINDOW

    # What goes out.

    @property
    def room(self) -> int:
        """How many messages `give` takes now."""
        if self._marker or self.leaving or self._fruitless < 1:
            return 0
        return max(0, self.window - len(self._flights) - len(self._held))

    @property
    def is_idle(self) -> bool:
        """Whether no reply is waited for and nothing is held."""
        return not (self._flights or self._held or self._marker)

    @property
    def wants_mark(self) -> bool:
        """Whether no reply is under way, and something is held or the connection is to be left."""
        return (bool(self._held) or self._fruitless < 1) and not (
            self._flights or self._marker or self.leaving
        )

    @property
    def stage(self) -> Stage | None:
        """What is waited for, or None."""
        if self._flights:
            return _STAGES[self._step]
        return Stage.EHLO if self._marker else None

    def give(self, parcel: Parcel) -> Outcome | None:
        """Begin to send `parcel`; an Outcome, if this server cannot be given it.

        Raises ValueError, if there is no room for it or its envelope would break out of its line.
        """
        if self.room < 1:
            raise ValueError("no room")
        flight = Flight(parcel)
        if unfit := self._envelope.unfit(parcel, flight.size):
            return self._outcome(flight, State.REFUSED, Stage.MAIL, unfit, untouched=True)
        before = self._flights[-1] if self._flights else None
        self._flights.append(flight)
        if before is None or self._is_window or before.end != NEVER:
            self._begin(flight)
        return None

    def wrote(self, count: int) -> None:
        """The kernel took the first `count` bytes of `pieces`."""
        self._written += count
        if self._written == self._queued:
            self.pieces.clear()
            return
        index = 0
        for piece in self.pieces:
            if count < len(piece):
                break
            count -= len(piece)
            index += 1
        del self.pieces[:index]
        if count:
            self.pieces[0] = memoryview(self.pieces[0])[count:]

    def mark(self) -> None:
        """Ask for a reply that tells whether the count is right, where something is held and nothing else is to come."""
        if not self.wants_mark:
            return
        self._mark(b"EHLO" if self._fruitless > 0 else b"QUIT")
        self._fruitless -= 1
        if self._is_window and self._fruitless <= _FRUITLESS // 2:
            self._set_mode(Mode.PIPELINED, 3)

    def quit(self) -> None:
        """Take leave.  Raises ValueError while messages are on their way."""
        if self._flights or self._marker:
            raise ValueError("messages are on their way")
        if not self.leaving:
            self._mark(b"QUIT")

    def _mark(self, marker: bytes) -> None:
        self._marker = marker
        self._queue(b"EHLO %b\r\n" % self._hello if marker == b"EHLO" else b"QUIT\r\n")

    def _begin(self, flight: Flight) -> None:
        """Queue the commands of `flight`, and in a window its content."""
        flight.start = self._queued
        flight.asked = flight.start + 1
        parcel = flight.parcel
        mail, rcpt = self._envelope.lines(parcel, flight.size)
        if self._is_window:
            flight.first = _RSET
            head = b"RSET\r\n%b%bBDAT %d LAST\r\n" % (mail, rcpt, flight.size)
            self.pieces.append(head)
            self.pieces.extend(parcel.content)
            self._queued = flight.end = flight.start + len(head) + flight.size
        else:
            flight.first = _RSET if self._needs_reset else _MAIL
            if self.mode is Mode.PIPELINED:
                self._queue(b"%b%b%bDATA\r\n" % (b"RSET\r\n" if self._needs_reset else b"", mail, rcpt))
            else:
                self._queue(b"RSET\r\n" if self._needs_reset else mail)
                flight.asked = self._queued
            self._needs_reset = False
        if self._flights[0] is flight:
            self._step = flight.first

    def _queue(self, text: bytes) -> None:
        self.pieces.append(text)
        self._queued += len(text)

    # What comes in.

    def receive(self, data: bytes) -> list[Outcome]:
        """What `data` from the server decides.  What is to go again at once is left in `again`."""
        if self.finished:
            return []
        try:
            lines = self._replies.lines(data)
            if self.mode is not Mode.STEPWISE and not (self._replies.is_amid or self.leaving):
                self._receive_plain(lines)
            else:
                for line in lines:
                    self._receive_line(line)
            self._replies.check_rest()
        except Disorder as disorder:
            self._disordered(str(disorder))
        out, self._out = self._out, []
        return out

    def _receive_plain(self, lines: list[bytes]) -> None:
        """The same as `_receive_line` for each, and the usual case of a pipeline, one line `250 words`, in place."""
        flights = self._flights
        is_window = self._is_window
        step = self._step
        is_plain = True
        for line in lines:
            code = line[:4]
            if is_plain and flights and (code == b"250 " or code == b"354 ") and len(line) <= MAX_LINE:
                flight = flights[0]
                if (
                    flight.refusal is None
                    and self._written >= flight.asked
                    and (step == _DATA) is (code == b"354 ")
                ):
                    if step < _RCPT:
                        step += 1
                    elif step == _RCPT:
                        step = _DOT if is_window else _DATA
                        if is_window:
                            flight.asked = flight.end
                    elif step == _DATA:
                        self._send_content(flight)
                        step = _DOT
                    else:
                        self._step = step
                        reply = line.decode("utf-8", "backslashreplace").rstrip()
                        self._settle(flight, reply, is_at_end=True)
                        step = self._step
                    continue
            self._step = step
            self._receive_line(line)
            step = self._step
            is_plain = not (self._replies.is_amid or self.leaving) and self._is_window is is_window
        self._step = step

    def _receive_line(self, line: bytes) -> None:
        if not self.finished and (reply := self._replies.take(line)):
            self._receive_reply(*reply)

    def _receive_reply(self, code: int, text: str) -> None:
        if self._goodbye:
            raise Disorder(f"a reply after the server's last: {text}")
        if self._marker:
            self._receive_marker(code, text)
        elif code == 421:
            self._leave(text)
        elif not self._flights:
            raise Disorder(f"a reply that nothing asked for: {text}")
        elif self._step == _RSET and code >= 400 and self._written >= self._flights[0].asked:
            self._give_up(text)
        elif self._written < self._flights[0].asked:
            raise Disorder(f"a reply before its command: {text}")
        elif not self._is_possible(code):
            raise Disorder(f"a reply out of order: {text}")
        else:
            self._advance(code // 100, text)

    def _receive_marker(self, code: int, text: str) -> None:
        is_right = code == 221 if self._marker == b"QUIT" else code == 250 and "PIPELINING" in text.upper()
        if code == 421:
            self._marker = b""
            self._leave(text)
        elif code >= 400 and self._marker == b"EHLO" and self._written == self._queued:
            self._give_up(text)
        elif self._held and (not is_right or self._written < self._queued):
            raise Disorder(f"a reply out of order: {text}")
        else:
            self._release()
            if self._marker == b"QUIT" or not is_right:
                self._finish()
            self._marker = b""

    def _is_possible(self, code: int) -> bool:
        """Whether a reply of `code` can stand where we are."""
        digit, step, is_refused = code // 100, self._step, self._flights[0].refusal is not None
        if step == _RSET:
            return digit == 2
        if step == _DATA:
            return code == 354 or digit > 3
        if digit == 3:
            return False
        # After a refusal only the lone dot may be taken: it is a message without a recipient.
        return not is_refused or digit > 3 or (step == _DOT and not self._is_window)

    def _advance(self, digit: int, text: str) -> None:
        """Go on after a possible reply."""
        flight, step = self._flights[0], self._step
        if digit > 3 and flight.refusal is None:
            flight.refusal = (_STAGES[step], text)
        if step == _DOT or (digit > 3 and (step == _DATA or self.mode is Mode.STEPWISE)):
            self._settle(flight, text, is_at_end=step == _DOT)
            return
        if step == _DATA:
            self._send_content(flight)
        elif self.mode is Mode.STEPWISE:
            self._queue((*self._envelope.lines(flight.parcel, flight.size), b"DATA\r\n")[step])
            flight.asked = self._queued
        self._step = step + 1
        if step == _RCPT and self._is_window:
            self._step = _DOT
            flight.asked = flight.start + 1 if flight.refusal else flight.end

    def _send_content(self, flight: Flight) -> None:
        """After the 354: the content, or after a refusal a dot alone, and with it the commands of the next message."""
        if self._held:
            self._release()  # no other reply is a 354: the count is right
        if flight.refusal:
            self._queue(b".\r\n")
        else:
            self.pieces.extend(flight.parcel.content)
            self.pieces.append(b".\r\n")
            self._queued += flight.size + 3
            flight.end = self._queued
        flight.asked = self._queued
        if len(self._flights) > 1:
            self._begin(self._flights[1])

    def _settle(self, flight: Flight, text: str, *, is_at_end: bool) -> None:
        """All replies of the first message are in."""
        flights, held = self._flights, self._held
        flights.popleft()
        self.settled += 1
        follower = flights[0] if flights else None
        if follower:
            self._step = follower.first
        if flight.refusal is None:
            if self._is_window and held:
                self._release()
            decided = Outcome(flight.parcel.subscriber_id, State.ACCEPTED, Stage.DOT, text, self._relay)
        else:
            decided = self._refused(flight, *flight.refusal)
            self._fruitless -= 1
            self._needs_reset = not is_at_end and not self._is_window
        if self._is_window or held or (follower and follower.start != NEVER):
            held.append(decided)
        elif decided.subscriber_id in self._at_once:
            held.append(decided)
            self._release()
        else:
            self._out.append(decided)
        if follower and follower.start == NEVER:
            self._begin(follower)

    def _refused(self, flight: Flight, stage: Stage, text: str) -> Outcome:
        verdict = judge(stage, text)
        if text.startswith("555") and stage is Stage.MAIL:
            self._envelope.drop_parameters()
        if verdict.retry is Retry.AT_ONCE:
            self._at_once.add(flight.parcel.subscriber_id)
        return self._outcome(flight, verdict.state, stage, text)

    def _release(self) -> None:
        if self._at_once:
            for decided in self._held:
                (self.again if decided.subscriber_id in self._at_once else self._out).append(decided)
            self._at_once.clear()
        else:
            self._out += self._held
        self._held.clear()

    # The end.

    def lost(self, why: str, *, hung_up: bool = True) -> list[Outcome]:
        """What the end of the connection makes of all that is open; `hung_up`: by the server, and not for a time-out."""
        if self._goodbye and not (hung_up or self.finished):
            self._disordered(self._goodbye)  # it was not the last word, and so not meant for what it answered
        elif not self.finished:
            self._release()
            if half := self._replies.half:
                why = f"{why}; half a reply: {half}"
            self._close_flights(why, goodbye=self._goodbye)
        out, self._out = self._out, []
        return out

    def _leave(self, text: str) -> None:
        """The server said 421."""
        self._release()
        if self._flights and self._written > self._flights[0].start:
            flight = self._flights.popleft()
            stage, words = flight.refusal or (_STAGES[self._step], text)
            self._out.append(self._outcome(flight, judge(stage, words).state, stage, words))
            self._step = _MAIL
        self._give_up(text)
        if not any(self._written >= flight.end for flight in self._flights):
            self._close_flights(text, goodbye=text)

    def _give_up(self, text: str) -> None:
        """The server refuses what cannot be refused: its last word if it hangs up now, else a reply too many."""
        self._goodbye = text
        self.leaving = True
        self.pieces.clear()

    def _disordered(self, what: str) -> None:
        """Nothing that was heard can be matched to a message any more."""
        self.disorder = what
        for decided in self._held:
            self._out.append(decided._replace(state=State.IN_DOUBT, stage=Stage.DOT, reply=what))
        self._held.clear()
        for flight in self._flights:
            flight.refusal = None
        self._close_flights(what, goodbye="")

    def _close_flights(self, why: str, *, goodbye: str) -> None:
        for index, flight in enumerate(self._flights):
            state, stage, words = State.PLANNED, Stage.MAIL if index else _STAGES[self._step], goodbye or why
            untouched = self._written <= flight.start
            if flight.refusal:
                stage, words = flight.refusal
                state = judge(stage, words).state
            elif self._written >= flight.end and not goodbye:
                state, stage = State.IN_DOUBT, Stage.DOT
            self._out.append(self._outcome(flight, state, stage, words, untouched=untouched))
        self._flights.clear()
        self._finish()

    def _outcome(
        self, flight: Flight, state: State, stage: Stage, reply: str, *, untouched: bool = False
    ) -> Outcome:
        return Outcome(flight.parcel.subscriber_id, state, stage, reply, self._relay, untouched)

    def _finish(self) -> None:
        self.finished = self.leaving = True
        self.pieces.clear()
