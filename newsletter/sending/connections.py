"""Connections to a relay: opened beside the loop, then read and written without ever waiting.

`open_connection` says hello, encrypts and signs in in a thread of its own, so that a slow server stalls nobody; from then on
a Connection does what its Transaction says.  Only bytes that the kernel took count as written: with TLS no more than one
record is written at a time, because of a record that is not whole the server can read nothing.

A server that is silent for longer than RFC 5321, section 4.5.3.2 allows (10 minutes after the end of a message) is given up.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from newsletter.errors import DeliveryError, DeliveryLater, NewsletterError
from newsletter.sending.delivery import Outcome, Stage
from newsletter.sending.relays import Relay
from newsletter.sending.smtp import Session
from newsletter.sending.transaction import Transaction

_PATIENCE_SECONDS = {
    Stage.EHLO: 300.0,
    Stage.MAIL: 300.0,
    Stage.RCPT: 300.0,
    Stage.DATA: 120.0,
    Stage.DOT: 600.0,
}
_BLOCK_SECONDS = 180.0
_GOODBYE_SECONDS = 10.0  # a server that said 421 hangs up
_READ = 65536
_RECORD = 16384  # RFC 8446, section 5.1
_PIECES = 512  # the kernel takes 1024 at a time


class Connection:
    """A signed-in connection in the loop."""

    def __init__(
        self, relay: Relay, connection: socket.socket, transaction: Transaction, now: float, patience: float
    ) -> None:
        self.relay = relay
        self.transaction = transaction
        self.connection = connection
        self.is_blocked = False  # wants to write more than the kernel takes
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._record = b""
        self._progress = now
        self._patience = patience
        connection.setblocking(False)

    def write(self, now: float) -> list[Outcome]:
        """Write what the kernel takes; the outcomes, if that ended the connection."""
        transaction = self.transaction
        self.is_blocked = False
        try:
            while transaction.pieces:
                count = (
                    self._write_record()
                    if self._is_tls
                    else self.connection.sendmsg(transaction.pieces[:_PIECES])
                )
                self._progress = now
                transaction.wrote(count)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            self.is_blocked = True
        except OSError as error:
            # What it said before it hung up may still be there to read.
            return [*self.read(now), *transaction.lost(_cause(error))]
        return []

    def _write_record(self) -> int:
        record = self._record or self._next_record()
        self._record = record  # TLS wants the same bytes again, if they could not be written at once
        count = self.connection.send(record)
        self._record = record[count:]
        return count

    def _next_record(self) -> bytes:
        taken: list[bytes | memoryview] = []
        room = _RECORD
        for piece in self.transaction.pieces:
            taken.append(piece if len(piece) <= room else memoryview(piece)[:room])
            room -= len(taken[-1])
            if not room:
                break
        return b"".join(taken)

    def read(self, now: float) -> list[Outcome]:
        """What the server said, and what that decides."""
        transaction = self.transaction
        outcomes: list[Outcome] = []
        try:
            while not transaction.finished:
                data = self.connection.recv(_READ)
                if not data:
                    return [*outcomes, *transaction.lost("the server closed the connection")]
                self._progress = now
                outcomes += transaction.receive(data)
                if len(data) < _READ and not self._has_decrypted():
                    break
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            outcomes += transaction.lost(_cause(error))
        return outcomes

    def _has_decrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket) and self.connection.pending() > 0

    def expire(self, now: float) -> list[Outcome]:
        """The outcomes, if the server has been silent for too long."""
        transaction = self.transaction
        if transaction.finished:
            return []
        if transaction.leaving:
            patience = _GOODBYE_SECONDS
        elif transaction.pieces:
            patience = _BLOCK_SECONDS
        elif stage := transaction.stage:
            patience = _PATIENCE_SECONDS[stage]
        else:
            return []
        if now - self._progress < min(patience, self._patience):
            return []
        return transaction.lost("no answer in time", hung_up=False)

    def begin(self, now: float) -> None:
        """Count the server's silence from now: it was not asked anything before."""
        self._progress = now

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self.connection.close()


def _cause(error: OSError) -> str:
    return f"connection lost: {error.strerror or error}"


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of opening a connection: a Session that is signed in, or the stage and words of what went wrong."""

    relay: Relay
    session: Session
    stage: Stage = Stage.CONNECT
    reply: str = ""
    is_final: bool = False

    def close(self) -> None:
        """Take leave of a server that is not needed any more."""
        self.session.__exit__(None, None, None)

    def released(self, now: float, patience: float) -> Connection:
        """The connection for the loop.  Raises DeliveryError, if the server said more than was asked."""
        connection, features, name = self.session.release()
        if not isinstance(connection, ssl.SSLSocket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        relay = self.relay
        transaction = Transaction(features, hello=name.encode(), relay=relay.name, window=relay.window)
        return Connection(relay, connection, transaction, now, patience)


def open_connection(relay: Relay, timeout_seconds: float, opened: Callable[[Opened], None]) -> None:
    """Open a connection to `relay` in a thread of its own, and give `opened` what came of it."""
    session = Session(relay.server, timeout_seconds=timeout_seconds)

    def connect() -> None:
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(session)
                stack.pop_all()  # it stays open
        except NewsletterError as error:
            is_final = not isinstance(error, DeliveryLater)
            reply = (
                error.message.removeprefix(f"{session.stage}: ")
                if isinstance(error, DeliveryError)
                else str(error)
            )
            opened(Opened(relay, session, session.stage, reply, is_final))
        else:
            opened(Opened(relay, session))

    threading.Thread(target=connect, name=f"connect to {relay.name}", daemon=True).start()
