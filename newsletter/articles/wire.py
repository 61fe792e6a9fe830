"""The bytes of an answer: connected, received and unpacked before one deadline.

Every wait (name, connection, each read) ends when the deadline does, so a server that sends a byte a second
is no different from one that sends none.  A body is unpacked in pieces of at most 64 kB, so that whoever
counts them can stop a decompression bomb.

Raises TimeoutError when the time is over, EOFError when a body ends before its end, OSError as the system
says it.
"""

from __future__ import annotations

import contextlib
import io
import queue
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import chain

#: The most bytes that are read or unpacked at once.
CHUNK = 64 * 1024
GZIP_MAGIC = b"\x1f\x8b"

_GZIP_FORMAT, _ZLIB_FORMAT, _BARE_FORMAT = 31, 15, -15
_ENCODINGS = ("gzip", "x-gzip", "deflate")
#: How long one address may be silent while there are others to try.
_PATIENCE_SECONDS = 3.0


class Deadline:
    """A moment until which everything must be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds until then.  Raises TimeoutError, if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def resolve_in_time(
    resolve: Callable[[str, int], list[str]], host: str, port: int, *, deadline: Deadline
) -> list[str]:
    """What `resolve` answers, at least one address.  In a thread: the system's knows no time limit."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(resolve(host, port))
        except Exception as error:  # noqa: BLE001 - it is raised below, in the thread that asked
            answers.put(error)

    threading.Thread(target=work, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, UnicodeError):  # a label of more than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name")
    if isinstance(answer, Exception):
        raise answer
    if not answer:
        raise socket.gaierror(socket.EAI_NONAME, "it has no address")
    return answer


@contextlib.contextmanager
def connected(addresses: list[str], port: int, deadline: Deadline) -> Iterator[socket.socket]:
    """A connection to the first of the IP addresses that takes it.  Raises the last failure, if none does."""
    failure: OSError = TimeoutError()
    for address in addresses:
        stream = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        with stream:
            left = deadline.left()
            stream.settimeout(left if address == addresses[-1] else min(left, _PATIENCE_SECONDS))
            try:
                stream.connect((address, port))
            except OSError as error:
                failure = error
                continue
            stream.settimeout(deadline.left())
            yield stream
            return
    raise failure


class Wire:
    """As much of a socket as http.client uses, with every wait under the deadline."""

    def __init__(self, stream: socket.socket, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        """Send all of `content`."""
        self._stream.settimeout(self._deadline.left())
        self._stream.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What arrives, as a file."""
        return io.BufferedReader(_Incoming(self._stream, self._deadline), CHUNK)

    def close(self) -> None:
        """Nothing: http.client closes before the body is read; who opened the socket closes it."""


class _Incoming(io.RawIOBase):
    def __init__(self, stream: socket.socket, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._stream.settimeout(self._deadline.left())
        return self._stream.recv_into(buffer)


def unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """`pieces` with one layer of gzip or deflate undone, at most 64 kB at a time.

    What the body is counts, not only what the header calls it: servers name gzip for what is plain, and send
    .gz files without naming it.  Raises EOFError, if the end is missing; zlib.error, if it is damaged;
    ValueError, if `encoding` is one that we never ask for.
    """
    layers = [name for name in re.split(r"[\s,]+", encoding.lower()) if name not in ("", "identity")]
    if len(layers) > 1 or not set(layers) <= set(_ENCODINGS):
        raise ValueError(encoding)
    content = next(pieces, b"")
    if content.startswith(GZIP_MAGIC):
        return _inflated(content, pieces, _GZIP_FORMAT)
    if layers == ["deflate"] and content:  # RFC 9110 means zlib's format, some servers send the bare one
        has_header = content[0] & 0x0F == 8 and int.from_bytes(content[:2], "big") % 31 == 0
        return _inflated(content, pieces, _ZLIB_FORMAT if has_header else _BARE_FORMAT)
    return chain((content,), pieces)


def _inflated(content: bytes, pieces: Iterator[bytes], window_bits: int) -> Iterator[bytes]:
    inflate = zlib.decompressobj(window_bits)
    while True:
        while content and not inflate.eof:
            yield inflate.decompress(content, CHUNK)
            content = inflate.unconsumed_tail
        if inflate.eof and window_bits == _GZIP_FORMAT and inflate.unused_data.startswith(GZIP_MAGIC):
            content, inflate = (
                inflate.unused_data,
                zlib.decompressobj(window_bits),
            )  # a file of several members
            continue
        if inflate.eof or not (content := next(pieces, b"")):
            break
    yield inflate.flush()
    if not inflate.eof:
        raise EOFError
