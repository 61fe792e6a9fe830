"""The replies in a stream of bytes, however it was cut into pieces.

A reply is complete or there is none: a line without a code, lines of different codes, and a line or a reply without an end
are `Disorder`, after which nothing that the server says can be matched to a command any more.  Lines that end in a bare LF
are taken, because some servers write them.

Source: RFC 5321, section 4.2.  Pure.
"""

from __future__ import annotations

import re

MAX_LINE = 8192
_MAX_LINES = 200
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?", re.DOTALL)


class Disorder(Exception):
    """What the server said is no reply, or none to what was asked."""


class Replies:
    """What is left of the stream between two pieces of it."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []

    @property
    def is_amid(self) -> bool:
        """Whether the last line was one of a reply of several, and not its last."""
        return bool(self._lines)

    @property
    def half(self) -> str:
        """What was heard of a reply that has no end yet."""
        return shown(b" ".join([*self._lines, self._rest]))

    def lines(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their LF."""
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        return lines

    def take(self, line: bytes) -> tuple[int, str] | None:
        """Code and words of the reply that `line` completes, its lines joined by spaces; None, if more lines follow."""
        match = _LINE.fullmatch(line)
        lines = self._lines
        if not match or len(line) > MAX_LINE or (lines and lines[0][:3] != match[1]):
            raise Disorder(f"not a reply: {shown(line)}")
        if match[2] != b"-" and not lines:
            return int(match[1]), line.decode("utf-8", "backslashreplace").rstrip()
        lines.append(line.removesuffix(b"\r"))
        if match[2] == b"-":
            if len(lines) >= _MAX_LINES:
                raise Disorder(f"a reply of more than {_MAX_LINES} lines")
            return None
        self._lines = []
        words = b" ".join([match[1], *(one[4:] for one in lines)])
        return int(match[1]), words.decode("utf-8", "backslashreplace").rstrip()

    def check_rest(self) -> None:
        """Raise Disorder, if the line that has no end yet is too long for one."""
        if len(self._rest) > MAX_LINE:
            raise Disorder(f"a line without an end: {shown(self._rest)}")


def shown(said: bytes) -> str:
    """The beginning of `said`, for people."""
    return said[:200].decode("utf-8", "backslashreplace").strip()
