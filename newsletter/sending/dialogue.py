"""One SMTP dialogue: command lines out, whole replies in, and nothing in between.

A reply is complete or there is none: half a line, a line without a code, and a reply that nothing asked for
are `Disorder`, after which nothing that the server says can be matched to a command any more, and the
connection is to be closed.  (smtplib takes `25` and the end of the connection for reply 25, and a reply too
many for the next one's.)

Raises Disorder, or OSError for what the network does; meaning is given to both by `sending.smtp`.
Source: RFC 5321, section 4.2; RFC 3207, section 6, on what was said before TLS.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass

from newsletter.sending.replies import Disorder

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?\r?\n")
_MAX_LINE = 8192
_MAX_LINES = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply: its code and the words of each line."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {' '.join(self.lines)}".rstrip()


class Dialogue:
    """A connection and what the server offers on it: `features`, by keyword in capitals, with parameters."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._replies = connection.makefile("rb")
        self._seconds = connection.gettimeout()
        self.features: dict[str, str] = {}

    def close(self) -> None:
        """Hang up."""
        self._replies.close()
        self._connection.close()

    def release(self) -> socket.socket:
        """The bare connection, for whoever goes on with it.  Raises Disorder, if the server said more than was asked."""
        if self._has_unread():
            raise Disorder("a reply that nothing asked for")
        self._replies.close()  # the connection itself stays open
        return self._connection

    def wait_at_most(self, seconds: float) -> None:
        """Give up with TimeoutError, if the server is silent for `seconds`."""
        self._seconds = seconds
        self._connection.settimeout(seconds)

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS with the server whose certificate is for `host`; what it offered before is void."""
        if self._has_unread():
            raise Disorder("the server went on talking before TLS")
        self._replies.close()
        self._connection = context.wrap_socket(self._connection, server_hostname=host)
        self._replies = self._connection.makefile("rb")
        self.features = {}

    def greet(self) -> Reply:
        """Say EHLO, and keep what the server offers."""
        reply = self.command(f"EHLO {self.own_name}")
        for line in reply.lines[1:]:
            # "AUTH=LOGIN PLAIN" is how it was said before the standard.
            keyword, _, parameters = line.replace("AUTH=", "AUTH ", 1).strip().partition(" ")
            self.features[keyword.upper()] = f"{self.features.get(keyword.upper(), '')} {parameters}".strip()
        return reply

    @property
    def own_name(self) -> str:
        """What EHLO calls us: by address, as the name of this machine may be slow to find and is nobody's business."""
        address = self._connection.getsockname()[0].partition("%")[0]
        return f"[{'IPv6:' if ':' in address else ''}{address}]"

    def command(self, line: str) -> Reply:
        """The reply to `line`, or the 421 with which the server had already left."""
        if self._has_unread():
            reply = self.reply()
            if reply.code == 421:
                return reply
            raise Disorder(f"a reply that nothing asked for: {reply}")
        self.write(f"{line}\r\n".encode())
        return self.reply()

    def write(self, content: bytes) -> None:
        """Send `content` as it is."""
        self._connection.sendall(content)

    def reply(self) -> Reply:
        """The next reply.  Raises ConnectionError, if the server hung up before it."""
        code = 0
        lines: list[str] = []
        while len(lines) < _MAX_LINES:
            line = self._replies.readline(_MAX_LINE)
            if not line:
                raise ConnectionError("the server closed the connection")
            match = _REPLY_LINE.fullmatch(line)
            if not match or (code and code != int(match[1])):
                raise Disorder(f"not a reply: {_decoded(line[:200])}")
            code = int(match[1])
            lines.append(_decoded(match[3] or b""))
            if match[2] != b"-":
                return Reply(code, tuple(lines))
        raise Disorder(f"a reply of more than {_MAX_LINES} lines")

    def last_words(self) -> str:
        """What the server had said before it hung up, or nothing."""
        try:
            return str(self.reply()) if self._has_unread() else ""
        except (OSError, Disorder, ValueError):
            return ""

    def _has_unread(self) -> bool:
        self._connection.settimeout(0)
        try:
            return bool(self._replies.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self._connection.settimeout(self._seconds)


def _decoded(words: bytes) -> str:
    return words.decode("utf-8", "backslashreplace").strip()
