"""A server that only waits for the first message: how long a sender takes until then, and what it says."""

from __future__ import annotations

import socketserver
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from threading import Event, Thread
from time import perf_counter

from race import Command, start
from servers import Missing

#: Longer than any sender may take.
PATIENCE_SECONDS = 120


class _Stepwise(socketserver.StreamRequestHandler):
    """An SMTP server that offers no extension and says yes to everything."""

    def handle(self) -> None:
        self.wfile.write(b"220 localhost\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            self.wfile.write(b"354 go on\r\n" if verb == b"DATA" else b"250 ok\r\n")
            if verb == b"QUIT":
                return
            if verb == b"DATA":
                lines = list(takewhile(lambda line: line != b".\r\n", self.rfile))
                assert isinstance(self.server, _Server)
                self.server.take(b"".join(lines))
                self.wfile.write(b"250 ok\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Stepwise)
        self.first = Event()
        self.message = b""

    def take(self, message: bytes) -> None:
        """One message, still with dots doubled."""
        self.message = self.message or message.replace(b"\r\n..", b"\r\n.")
        self.first.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed is no error."""


@contextmanager
def _serving(port: int) -> Iterator[_Server]:
    server = _Server(port)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def first_message(command: Command, port: int) -> tuple[float, bytes]:
    """The seconds from the start of the process to the end of the first message it sends to `port`, and that message.

    Then the process is killed (-9).  Raises Missing with the last line of its errors, if it ends without a message.
    """
    with tempfile.TemporaryFile() as errors, _serving(port) as server:
        begin = perf_counter()
        process = start(command, errors.fileno())
        try:
            while not server.first.wait(0.005) and process.poll() is None:
                if perf_counter() - begin > PATIENCE_SECONDS:
                    raise Missing(f"no message after {PATIENCE_SECONDS} s")
            seconds = perf_counter() - begin
        finally:
            process.kill()
            process.wait()
        if not server.first.is_set():
            errors.seek(0)
            raise Missing(f"it ended with code {process.returncode}: {errors.read().decode()[-500:]}")
        return seconds, server.message


def run_and_kill(command: Command, seconds: float) -> None:
    """Let it work for so long, then kill it (-9).  Raises Missing, if it ends before."""
    with tempfile.TemporaryFile() as errors:
        process = start(command, errors.fileno())
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        raise Missing(f"it ended after less than {seconds} s: {errors.read().decode()[-500:]}")
