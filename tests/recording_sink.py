"""A mail server that writes down every message for which it takes responsibility, before it says so.

    python recording_sink.py FILE [--chunking] [--drop 0.001] [--seed 1] [--delay 0.002] [--later 0.1] [--refuse DOMAIN]

Prints its port.  A line of FILE is `recipient message-id`.  With `--drop` it takes some messages and hangs up instead of
answering; with `--later` it puts recipients off at their first try; `--delay` is before each answer to a message.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
from pathlib import Path

_RCPT = re.compile(rb"RCPT TO:<([^>]*)>", re.I)
_ID = re.compile(rb"^message-id:\s*(<[^>]*>)", re.I | re.M)


class Sink(asyncio.Protocol):
    """One connection."""

    options: argparse.Namespace
    log: int
    put_off: set[bytes] = set()  # noqa: RUF012  of all connections
    randomness = random.Random()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        self.recipient = b""
        self.is_data = False
        self.chunk = -1
        self.is_gone = self.is_thinking = False
        self.say(b"220 sink")

    def say(self, line: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(line + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.go_on()

    def go_on(self) -> None:
        """Take what is whole in the buffer, in order: no answer overtakes another."""
        while not self.is_gone and not self.is_thinking and self.step():
            pass

    def answer(self) -> None:
        """Say that a message was taken, after the delay."""
        self.is_thinking = False
        self.say(b"250 2.0.0 taken")
        self.go_on()

    def step(self) -> bool:
        """Take one command or message from the buffer; whether there was a whole one."""
        if self.is_data:
            end = self.buffer.find(b"\r\n.\r\n")
            if end < 0:
                return False
            content = bytes(self.buffer[: end + 2])
            del self.buffer[: end + 5]
            self.is_data = False
            self.take(content)
            return True
        if self.chunk >= 0:
            if len(self.buffer) < self.chunk:
                return False
            content = bytes(self.buffer[: self.chunk])
            del self.buffer[: self.chunk]
            self.chunk = -1
            if self.recipient:
                self.take(content)
            else:
                self.say(b"503 5.5.1 no recipient")
            return True
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        self.command(line)
        return True

    def command(self, line: bytes) -> None:
        """Answer one command."""
        verb = line[:4].upper()
        if verb == b"EHLO":
            chunking = b"250-CHUNKING\r\n" if self.options.chunking else b""
            self.say(b"250-sink\r\n250-PIPELINING\r\n" + chunking + b"250 ENHANCEDSTATUSCODES")
        elif verb == b"RCPT":
            found = _RCPT.match(line)
            recipient = found[1] if found else b""
            domain = recipient.rpartition(b"@")[2].decode()
            if domain == self.options.refuse:
                self.say(b"550 5.1.1 no such user here")
            elif self.options.later and recipient not in self.put_off and self.chance(self.options.later):
                self.put_off.add(recipient)
                self.say(b"450 4.2.0 greylisted, come again")
            else:
                self.recipient = recipient
                self.say(b"250 2.1.5 ok")
        elif verb == b"DATA":
            if self.recipient:
                self.is_data = True
                self.say(b"354 go ahead")
            else:
                self.say(b"554 5.5.1 no valid recipients")
        elif verb == b"BDAT":
            self.chunk = int(line.split()[1])
        elif verb == b"QUIT":
            self.say(b"221 bye")
            self.transport.close()
        else:
            if verb in (b"MAIL", b"RSET"):
                self.recipient = b""
            self.say(b"250 2.0.0 ok")

    def chance(self, share: float) -> bool:
        return self.randomness.random() < share

    def take(self, content: bytes) -> None:
        """Take responsibility, then say so, or not."""
        found = _ID.search(content)
        os.write(self.log, self.recipient + b" " + (found[1] if found else b"?") + b"\n")
        self.recipient = b""
        if self.options.drop and self.chance(self.options.drop):
            self.is_gone = True
            self.transport.abort()
        elif self.options.delay:
            self.is_thinking = True
            asyncio.get_running_loop().call_later(self.options.delay, self.answer)
        else:
            self.say(b"250 2.0.0 taken")


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--chunking", action="store_true")
    parser.add_argument("--drop", type=float, default=0.0)
    parser.add_argument("--later", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--refuse", default="")
    parser.add_argument("--seed", type=int, default=1)
    Sink.options = parser.parse_args()
    Sink.randomness.seed(Sink.options.seed)
    Sink.log = os.open(Sink.options.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
