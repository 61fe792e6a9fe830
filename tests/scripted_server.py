"""A mail server on 127.0.0.1 that does one thing wrong, once, and keeps a true record of what it took.

It is real: a socket, a thread for each connection, SMTP with or without PIPELINING and CHUNKING, and TLS where asked for.
`faults` say what happens the first time that a stage is reached; after that it behaves.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot", "rset", "quit")
REPLIES = {
    "421": b"421 4.3.2 closing\r\n",
    "450": b"450 4.2.1 try later\r\n",
    "451": b"451 4.7.1 greylisted\r\n",
    "452": b"452 4.5.3 too many\r\n",
    "454": b"454 4.7.0 not now\r\n",
    "500": b"500 5.5.2 bad\r\n",
    "535": b"535 5.7.8 who are you?\r\n",
    "550": b"550 5.1.1 no such user\r\n",
    "552": b"552 5.2.2 full\r\n",
    "553": b"553 5.1.3 syntax\r\n",
    "554": b"554 5.7.1 rejected\r\n",
    "garbage": b"hello\r\n",
    "empty": b"\r\n",
    "multi": b"250-a\r\n250 b\r\n",
    "halfline": b"25",
    "long": b"250 " + b"x" * 9000 + b"\r\n",
    "double": b"250 ok\r\n250 ok\r\n",
    "251": b"251 will forward\r\n",
    "354": b"354 go\r\n",
}
FAULTS = (*REPLIES, "drop", "rst", "stall")
FEATURES = {
    "window": (b"PIPELINING", b"CHUNKING"),
    "pipelined": (b"PIPELINING",),
    "stepwise": (),
}


class _Gone(Exception):
    pass


@dataclass
class ScriptedServer:
    """What it is to do, and what it has done: `accepted` recipients, `heard` lines, `connections`."""

    features: tuple[bytes, ...] = ()
    faults: Mapping[str, str | bytes] = field(default_factory=dict)
    refused: tuple[bytes, ...] = ()
    refused_always: Mapping[bytes, bytes] = field(default_factory=dict)
    hang_up_after: int = 0
    tls: ssl.SSLContext | None = None
    port: int = 0
    accepted: list[bytes] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    _used: set[str] = field(default_factory=set)

    def answer(self, peer: socket.socket, stage: str, usual: bytes) -> int:
        """Say `usual`, or what the script has for `stage`; the first digit that it amounts to."""
        fault = self.faults.get(stage)
        if fault is None or stage in self._used:
            peer.sendall(usual)
            return usual[0] - 48
        self._used.add(stage)
        if fault == "stall":
            self.done.wait(5)
            raise _Gone
        if fault == "rst":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Gone
        if fault == "drop":
            raise _Gone
        said = fault if isinstance(fault, bytes) else REPLIES[fault]
        peer.sendall(said)
        if fault in ("halfline", "421") or said.startswith(b"421"):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_WR)
            raise _Gone
        if fault == "double" and stage == "data":
            return 2
        return said[0] - 48 if said[:1].isdigit() else usual[0] - 48

    def talk(self, peer: socket.socket) -> None:
        """One connection."""
        self.answer(peer, "connect", b"220 scripted ESMTP\r\n")
        with peer.makefile("rb") as lines:
            self._obey(peer, lines)

    def _obey(self, peer: socket.socket, lines: BinaryIO) -> None:
        sender = recipient = b""
        while line := lines.readline():
            self.heard.append(line)
            verb = line[:4].upper()
            if verb == b"EHLO":
                features = [b"scripted", *self.features, *self._starttls(peer)]
                hello = b"".join(b"250-%b\r\n" % one for one in features) + b"250 8BITMIME\r\n"
                self.answer(peer, "ehlo", hello)
                sender = recipient = b""
            elif verb == b"STAR" and self.tls:
                peer.sendall(b"220 go\r\n")
                lines.close()
                with self.tls.wrap_socket(peer, server_side=True) as safe, safe.makefile("rb") as lines:
                    self._obey(safe, lines)
                return
            elif verb == b"MAIL":
                is_nested = bool(sender)
                reply = b"503 5.5.1 nested\r\n" if is_nested else b"250 2.1.0 ok\r\n"
                if self.answer(peer, "mail", reply) == 2:
                    sender = line
            elif verb == b"RCPT":
                address = line[line.index(b"<") + 1 : line.index(b">")]
                if always := self.refused_always.get(address):
                    peer.sendall(always)
                elif not sender:
                    peer.sendall(b"503 5.5.1 need MAIL\r\n")
                elif address in self.refused:
                    peer.sendall(b"550 5.1.1 nobody\r\n")
                elif self.answer(peer, "rcpt", b"250 2.1.5 ok\r\n") == 2:
                    recipient = address
            elif verb == b"DATA":
                if not recipient:
                    peer.sendall(b"554 5.5.1 no valid recipients\r\n")
                elif self.answer(peer, "data", b"354 go\r\n") == 3:
                    self._take(peer, recipient, _until_dot(lines))
                    sender = recipient = b""
            elif verb == b"BDAT":
                size = int(line.split()[1])
                content = lines.read(size)
                if len(content) < size:
                    return
                if recipient:
                    self._take(peer, recipient, content)
                    sender = recipient = b""
                else:
                    peer.sendall(b"503 5.5.1 need RCPT\r\n")
            elif verb == b"RSET":
                self.answer(peer, "rset", b"250 2.0.0 ok\r\n")
                sender = recipient = b""
            elif verb == b"QUIT":
                self.answer(peer, "quit", b"221 2.0.0 bye\r\n")
                return
            else:
                peer.sendall(b"500 5.5.2 what?\r\n")

    def _starttls(self, peer: socket.socket) -> list[bytes]:
        return [b"STARTTLS"] if self.tls and not isinstance(peer, ssl.SSLSocket) else []

    def _take(self, peer: socket.socket, recipient: bytes, content: bytes | None) -> None:
        if content is None:
            raise _Gone
        fault = "" if "dot" in self._used else self.faults.get("dot", "")
        said = fault if isinstance(fault, bytes) else REPLIES.get(fault, b"")
        if said[:1] not in (b"4", b"5"):
            self.accepted.append(recipient)
            self.contents.append(content)
        self.answer(peer, "dot", b"250 2.0.0 taken\r\n")
        if self.hang_up_after and len(self.accepted) % self.hang_up_after == 0:
            raise _Gone


def _until_dot(lines: BinaryIO) -> bytes | None:
    content = b""
    while line := lines.readline():
        if line == b".\r\n":
            return content
        content += line
    return None


@contextlib.contextmanager
def running(server: ScriptedServer) -> Iterator[ScriptedServer]:
    """`server`, at its `port`, as long as the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def serve(peer: socket.socket) -> None:
        peer.settimeout(10)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer, contextlib.suppress(OSError, _Gone):
            server.talk(peer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                server.connections += 1
                threads.append(threading.Thread(target=serve, args=(peer,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        server.done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(10)
        for thread in threads:
            thread.join(10)
