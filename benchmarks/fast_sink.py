"""A mail server that takes everything and keeps nothing: fast_sink.c for machines without a C compiler.

    python fast_sink.py [-p PORT] [-n] [-b] [-r FILE]      -n: without PIPELINING  -b: without CHUNKING
                                                           -r: append the recipient of every message taken to FILE

Prints its port, and at SIGTERM or SIGINT how many messages, bytes and connections it has had.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path
from typing import IO, cast


class Sink(asyncio.Protocol):
    """One client."""

    messages = connections = octets = 0
    pipelining = chunking = True
    record: IO[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.heard = bytearray()
        self.is_data = self.is_last = False
        self.left = 0  # of a chunk
        self.recipient = b""
        Sink.connections += 1
        self.transport.write(b"220 fast-sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        Sink.octets += len(data)
        if self.left >= len(data) and not self.heard:
            self.left -= len(data)
            if not self.left:
                self.transport.write(self.end_chunk())
            return
        self.heard += data
        said: list[bytes] = []
        while (reply := self.step()) is not None:
            said.append(reply)
        if said:
            self.transport.write(b"".join(said))

    def step(self) -> bytes | None:
        """The reply to the next thing that is heard in full, or None."""
        heard = self.heard
        if self.left:
            taken = min(self.left, len(heard))
            del heard[:taken]
            self.left -= taken
            return None if self.left else self.end_chunk()
        if self.is_data:
            end = heard.find(b"\r\n.\r\n")
            if end < 0:
                del heard[: max(0, len(heard) - 4)]  # a dot may be cut in two
                return None
            del heard[: end + 5]
            self.is_data = False
            return self.take()
        end = heard.find(b"\n")
        if end < 0:
            return None
        line = bytes(heard[:end])
        del heard[: end + 1]
        return self.obey(line)

    def obey(self, line: bytes) -> bytes:
        """The reply to a command."""
        verb = line[:4].upper()
        if verb == b"RCPT":
            self.recipient = line.partition(b"<")[2].partition(b">")[0]
            return b"250 2.1.5 Ok\r\n"
        if verb == b"BDAT":
            words = line.split()
            self.left, self.is_last = int(words[1]), words[2:] == [b"LAST"]
            return b"" if self.left else self.end_chunk()
        if verb == b"DATA":
            self.is_data = bool(self.recipient)
            return b"354 go on\r\n" if self.is_data else b"554 5.5.1 no valid recipients\r\n"
        if verb == b"QUIT":
            self.transport.write(b"221 2.0.0 Bye\r\n")
            self.transport.close()
            return b""
        if verb == b"EHLO":
            extras = b"250-PIPELINING\r\n" * self.pipelining + b"250-CHUNKING\r\n" * self.chunking
            return b"250-fast-sink\r\n250-8BITMIME\r\n%b250 SIZE 52428800\r\n" % extras
        if verb in (b"MAIL", b"RSET", b"NOOP", b"HELO"):
            self.recipient = b""
            return b"250 2.1.0 Ok\r\n"
        return b"500 5.5.2 what?\r\n"

    def end_chunk(self) -> bytes:
        """The reply to a whole chunk."""
        if not self.recipient:
            return b"503 5.5.1 no valid recipients\r\n"
        return self.take() if self.is_last else b"250 2.0.0 Ok\r\n"

    def take(self) -> bytes:
        """The reply to a whole message."""
        Sink.messages += 1
        if self.record:
            self.record.write(self.recipient + b"\n")
        self.recipient = b""
        return b"250 2.0.0 Ok\r\n"


async def serve(port: int) -> None:
    """Until a signal says stop."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = await loop.create_server(Sink, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stopping.wait()
    server.close()


def main() -> None:
    """Read the arguments, serve, print the counts."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("-p", "--port", type=int, default=0)
    words.add_argument("-n", "--no-pipelining", action="store_true")
    words.add_argument("-b", "--no-chunking", action="store_true")
    words.add_argument("-r", "--record", type=Path)
    asked = words.parse_args()
    Sink.pipelining, Sink.chunking = not asked.no_pipelining, not asked.no_chunking
    with contextlib.ExitStack() as stack:
        if asked.record:
            Sink.record = stack.enter_context(asked.record.open("ab"))
        asyncio.run(serve(asked.port))
    print(Sink.messages, Sink.octets, Sink.connections, flush=True)


if __name__ == "__main__":
    main()
