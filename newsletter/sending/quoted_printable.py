"""Quoted-printable in pieces that may be joined: a text is encoded once, and its merge fields are put in later.

A piece begins at column 0.  Where a value follows, it ends in a line break, a soft one (`=` and CRLF, which decodes to
nothing) if the text has none there; and where a value went before, it begins with one:

    Dear {{ first_name }}, welcome   ->   `Dear=20=CRLF`  `Zo=C3=AB`  `=CRLF, welcome`   ->   Dear Zoë, welcome

So no piece and no value depends on its neighbours, and joined they decode to exactly the text with the values in it.
In what is joined no line is longer than 76 or begins with a dot or `From ` (nothing on the way has a reason to change
it: no dot-stuffing, the same octets for DATA and BDAT), no line ends in white space, and all is ASCII.

Every text can be encoded: half a surrogate pair becomes `?`, and a CR, an LF and a CRLF are all one line break.
Source: RFC 2045, section 6.7; RFC 5321, section 4.5.2.  Pure.
"""

from __future__ import annotations

import binascii
import re

from newsletter.render.merge import Slot, Template

_SOFT_BREAK = b"=\r\n"
#: A line that a server or a mailbox file would change, or that is too long.
_AT_RISK = re.compile(rb"\n(?:(?:\.|From )[^\r]*|[^\r]{77,})")
_MAX_LINE = 76
#: What is itself in quoted-printable, with room for a soft break behind it.
_ITSELF = re.compile(r"(?!\.|From )[ -<>-~]{0,74}[!-<>-~]")


def encode(text: str) -> bytes:
    """`text`, nothing to be joined to it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    # A line break before and behind: the C function ends its own lines as the first one that it finds.  It
    # leaves to us a line that begins with a dot, and one that `=20` for its last space makes too long.
    encoded = binascii.b2a_qp(f"\r\n{text}\r\n".encode("utf-8", "replace"), istext=True)
    return _AT_RISK.sub(_mended, encoded)[2:-2]


def encode_value(text: str) -> bytes:
    """`text` as the value of a merge field: to stand between two pieces of `encode_template`."""
    if _ITSELF.fullmatch(text):
        return text.encode()
    if "=" in text and len(text) < _MAX_LINE and _ITSELF.fullmatch(text.replace("=", "_")):  # a link, say
        encoded = text.replace("=", "=3D").encode()
        return encoded if len(encoded) < _MAX_LINE else _with_room(encode(text))
    if text.isalnum() and len(encoded := binascii.b2a_qp(text.encode())) < _MAX_LINE:  # a name, say
        return encoded
    return _with_room(encode(text))


def encode_template(template: Template) -> list[bytes | Slot]:
    """`template` with its constant pieces encoded; a join of them and of each slot's `encode_value` is the text."""
    pieces: list[bytes | Slot] = []
    for part in _constants_joined(template):
        if isinstance(part, Slot):
            if pieces:
                last = pieces[-1]
                if isinstance(last, Slot):
                    pieces.append(_SOFT_BREAK)
                elif not last.endswith(b"\r\n"):
                    pieces[-1] = _with_room(last) + _SOFT_BREAK
            pieces.append(part)
        else:
            piece = encode(part)
            pieces.append(_SOFT_BREAK + piece if pieces and not piece.startswith(b"\r\n") else piece)
    return pieces


def _constants_joined(template: Template) -> list[str | Slot]:
    """The parts of `template`, none of them empty, with a slot between any two texts."""
    parts: list[str | Slot] = []
    for part in template.parts:
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part:
            parts.append(part)
    return parts


def _with_room(encoded: bytes) -> bytes:
    """`encoded` with room for the `=` of a soft break on its last line."""
    start = encoded.rfind(b"\n") + 1
    last = encoded[start:]
    return encoded if len(last) < _MAX_LINE else encoded[:start] + _in_two(last)


def _mended(match: re.Match[bytes]) -> bytes:
    """The line with a dot or F at its start encoded, as two lines if it is too long."""
    line = match[0][1:]
    if line.startswith((b".", b"From ")):
        line = b"=%02X" % line[0] + line[1:]
    return b"\n" + (line if len(line) <= _MAX_LINE else _in_two(line))


def _in_two(line: bytes) -> bytes:
    """`line`, which is a few octets too long, as two, the second one without a dot at its start."""
    cut = _MAX_LINE - 1
    if b"=" in line[cut - 2 : cut]:  # not inside an =XX
        cut = line.index(b"=", cut - 2)
    rest = line[cut:]
    return line[:cut] + _SOFT_BREAK + (b"=2E" + rest[1:] if rest.startswith(b".") else rest)
