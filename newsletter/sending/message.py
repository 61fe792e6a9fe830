"""The bytes of one message for one recipient: MIME, as it goes over the wire.

multipart/alternative with the text first; pictures that the HTML shows stand beside it in a
multipart/related.  Lines end in CRLF, all is 7-bit ASCII (but for an address that needs SMTPUTF8), no line
of a body is longer than 76 or begins with a dot, no header line is longer than 78 where it can be folded,
none longer than 998.  The same arguments give the same bytes: date, message-id and boundary are among them.

The header lines are folded here and not by the standard library, whose `EmailMessage` writes a long
List-Unsubscribe as encoded words, which no mail program understands (cpython issue 85725).  Here only the
text of unstructured headers and display names is ever encoded, and lists of addresses are folded at ", ".

Raises WriterError, if a value has a control character or cannot be a header; nothing is ever dropped from
one.  Source: RFC 2045 and 2046 (MIME), 2047 (encoded words), 2369, 2919 and 8058 (lists), 5322
(headers).  Pure.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

from newsletter.errors import WriterError
from newsletter.subscribers.address import Mailbox, require_line

_MAX_LINE = 998
_FOLD_AT = 78
_MAX_ENCODED_LINE = 76  # a line with an encoded word; such a word is one shorter at most
_ENCODED_WORD_FRAME = len("=?utf-8?q??=")

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: What an octet is in an encoded word that may stand anywhere.  RFC 2047, section 5 (3).
_Q_ENCODED = [
    "_" if octet == 32 else chr(octet) if re.match(rb"[A-Za-z0-9!*+/-]", bytes((octet,))) else f"={octet:02X}"
    for octet in range(256)
]

#: Not longer, so that there is room for an encoded character on the first line.
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
#: Headers that `compose` writes itself, or that are structured or harmful and so are nobody's extra.
_RESERVED = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version"}
    | {"list-id", "list-unsubscribe", "list-unsubscribe-post", "return-path", "received", "dkim-signature"}
)
_MESSAGE_ID = re.compile(r"<[^\s<>@\x00-\x20\x7f-\uffff]+@[A-Za-z0-9.-]+>")
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,60}")
_LIST_ID = re.compile(r"(?:(?P<name>.*?) *<(?P<id>[^<>]*)>|(?P<bare>[^<>]*))")
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")
_UNSUBSCRIBE_URI = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+", re.IGNORECASE)
_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
#: A line of quoted-printable that a server or a mailbox file would change, or that is too long.
_AT_RISK = re.compile(rb"\n(?:(?:\.|From )[^\r]*|[^\r]{77,})")

#: Content-ID (without <>), media type, file name, content.
Picture = tuple[str, str, str, bytes]
_NO_HEADERS: Mapping[str, str] = {}


def compose(
    *,
    sender: Mailbox,
    recipient: Mailbox,
    subject: str,
    text: str,
    html: str,
    date: datetime,
    message_id: str,
    boundary: str,
    reply_to: Mailbox | None = None,
    list_id: str = "",
    list_unsubscribe: Sequence[str] = (),
    one_click: bool = False,
    headers: Mapping[str, str] = _NO_HEADERS,
    pictures: Sequence[Picture] = (),
) -> bytes:
    """The message.

    `date` is aware; `message_id` is `<...@domain>`; `list_id` is `Name <id.domain>` or `id.domain`;
    `list_unsubscribe` are https and mailto URIs, the first preferred; `one_click` says that a POST to the
    https one acts; `headers` are extra unstructured ones; in `html`, `cid:X` shows the picture that has the
    Content-ID X.
    """
    if one_click and not any(uri.lower().startswith("https://") for uri in list_unsubscribe):
        raise WriterError("one-click unsubscribing needs an https address (RFC 8058)")
    lines = [_mailbox_line("From", sender)]
    if reply_to:
        lines.append(_mailbox_line("Reply-To", reply_to))
    lines.append(_mailbox_line("To", recipient))
    lines.append(_text_line("Subject", subject))
    lines.append(f"Date: {_date(date)}")
    lines.append(f"Message-ID: {_checked(message_id, _MESSAGE_ID, 'a message-id')}")
    if list_id:
        lines.append(_list_id_line(list_id))
    if list_unsubscribe:
        lines.append(_folded("List-Unsubscribe", [f"<{_unsubscribe_uri(uri)}>" for uri in list_unsubscribe]))
    if one_click:
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    lines += _extra_lines(headers)
    lines.append("MIME-Version: 1.0")
    head = "\r\n".join(lines)
    if any(len(line) > _MAX_LINE for line in head.encode().split(b"\r\n")):
        raise WriterError(
            f"a header line is longer than {_MAX_LINE} octets", where=_longest(lines).partition(":")[0]
        )

    # "=_" cannot stand in quoted-printable nor in base64, so neither boundary can stand in a part.
    boundary = _checked(boundary, _BOUNDARY, "a boundary")
    shown = _leaf("text/html; charset=utf-8", "quoted-printable", _quoted_printable(html))
    if pictures:
        shown = _multipart(
            "related", f"=_r_{boundary}", [shown, *map(_picture, pictures)], 'type="text/html"'
        )
    read = _leaf("text/plain; charset=utf-8", "quoted-printable", _quoted_printable(text))
    return head.encode() + b"\r\n" + _multipart("alternative", f"=_a_{boundary}", [read, shown])


def deterministic_id(campaign: str, recipient: str, domain: str) -> str:
    """The Message-ID of the one message of `campaign` to the address with the key `recipient`.

    Sent again, it is recognisable as the same: several mail stores suppress a duplicate by it.
    """
    digest = hashlib.sha256(f"{len(campaign)} {campaign} {recipient}".encode("utf-8", "surrogatepass"))
    return f"<{digest.hexdigest()[:32]}@{domain}>"


# --- headers ------------------------------------------------------------------------------------------------


def _text_line(name: str, value: str) -> str:
    """An unstructured header that people read: whatever it says arrives, also spaces in a row and `=?`."""
    require_line(value, f"the {name.lower()}")
    if not value:
        return f"{name}:"
    words = value.split(" ")
    fits = max(map(len, words)) < _FOLD_AT - 1 and len(name) + 2 + len(words[0]) <= _FOLD_AT
    if fits and _PLAIN.fullmatch(value) and "=?" not in value:
        return _folded(name, words, separator=" ")
    return "\r\n ".join(_encoded_lines(f"{name}: ", value))


def _extra_lines(headers: Mapping[str, str]) -> list[str]:
    lines = []
    for name, value in headers.items():
        if (
            not _HEADER_NAME.fullmatch(name)
            or name.lower() in _RESERVED
            or name.lower().startswith("content-")
        ):
            raise WriterError(f"not the name of an extra header: {name!a}")
        require_line(value, f"the header {name}")
        # ASCII is for machines (Feedback-ID, Precedence): folded at spaces, which stay, and never encoded.
        pieces = [piece[1:] for piece in re.findall(" +[^ ]+", f" {value.strip(' ')}")]
        lines.append(_folded(name, pieces, separator=" ") if value.isascii() else _text_line(name, value))
    return lines


def _mailbox_line(name: str, mailbox: Mailbox) -> str:
    address = str(mailbox.address)
    if not mailbox.name:
        return f"{name}: {address}"
    return _phrase_line(name, mailbox.name, f"<{address}>")


def _list_id_line(list_id: str) -> str:
    require_line(list_id, "the list-id")
    match = _LIST_ID.fullmatch(list_id.strip(" "))
    identifier = (match["id"] or match["bare"] or "") if match else ""
    if not match or not _DOT_ATOM.fullmatch(identifier) or len(identifier) > 255:
        raise WriterError(f"not a list-id: {list_id!a}", hint="write it as: Name <news.example.org>")
    return _phrase_line("List-Id", (match["name"] or "").strip(" "), f"<{identifier}>")


def _phrase_line(name: str, phrase: str, target: str) -> str:
    """`name: phrase target`, the phrase in atoms, quoted, or in encoded words; folded before the target."""
    if not phrase:
        return f"{name}: {target}"
    written = phrase
    if not _ATOMS.fullmatch(phrase):
        written = '"' + re.sub(r'(["\\])', r"\\\1", phrase) + '"'
    lines, limit = [f"{name}: {written}"], _FOLD_AT
    # "=?" in quotes is no encoded word, but some programs decode it, line breaks in it included.
    if not phrase.isascii() or "=?" in phrase or "  " in phrase or len(lines[0]) > _FOLD_AT:
        lines = _encoded_lines(f"{name}: ", phrase)
        limit = _MAX_ENCODED_LINE
    if len(lines[-1]) + 1 + len(target) <= limit - (len(lines) > 1):
        lines[-1] += f" {target}"
    else:
        lines.append(target)
    return "\r\n ".join(lines)


def _folded(name: str, items: Iterable[str], *, separator: str = ", ") -> str:
    """`name: items`, a new line before an item that would pass column 78."""
    lines = [f"{name}:"]
    for item in items:
        first = lines == [f"{name}:"]
        comma = "" if first else separator.rstrip(" ")
        if not first and len(lines[-1]) + len(comma) + 1 + len(item) + 1 > _FOLD_AT:
            lines[-1] += comma
            lines.append(f" {item}")
        else:
            lines[-1] += f"{comma} {item}"
    return "\r\n".join(lines)


def _encoded_lines(prefix: str, text: str) -> list[str]:
    """`prefix` and `text` in encoded words of whole characters, one a line, the lines not yet indented."""
    per_character = [_q_encoded(character.encode()) for character in text]
    is_q = sum(map(len, per_character)) <= (len(text.encode()) + 2) // 3 * 4
    room = _MAX_ENCODED_LINE - len(prefix) - _ENCODED_WORD_FRAME
    words: list[str] = []
    start = size = 0
    for position, (character, encoded) in enumerate(zip(text, per_character, strict=True)):
        more = len(encoded) if is_q else len(character.encode())
        if position > start and (size + more if is_q else (size + more + 2) // 3 * 4) > room:
            words.append(_encoded_word(text[start:position], is_q=is_q))
            start, size = position, 0
            room = _MAX_ENCODED_LINE - 1 - _ENCODED_WORD_FRAME
        size += more
    words.append(_encoded_word(text[start:], is_q=is_q))
    return [prefix + words[0], *words[1:]]


def _encoded_word(text: str, *, is_q: bool) -> str:
    if is_q:
        return f"=?utf-8?q?{_q_encoded(text.encode())}?="
    return f"=?utf-8?b?{binascii.b2a_base64(text.encode(), newline=False).decode()}?="


def _q_encoded(octets: bytes) -> str:
    return "".join(_Q_ENCODED[octet] for octet in octets)


def _unsubscribe_uri(uri: str) -> str:
    require_line(uri, "the address for unsubscribing")
    ascii_uri = quote(uri, safe="".join(map(chr, range(0x21, 0x7F))))
    return _checked(ascii_uri, _UNSUBSCRIBE_URI, "an https or mailto address for unsubscribing")


def _date(date: datetime) -> str:
    offset = date.utcoffset()
    if offset is None:
        raise ValueError("the date of a message has a time zone")
    if offset % timedelta(minutes=1):  # as before 1900; RFC 5322 has no seconds there
        date = date.astimezone(UTC)
    return format_datetime(date)


def _checked(value: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(value):
        raise WriterError(f"not {what}: {value!a}")
    return value


def _longest(lines: list[str]) -> str:
    return max(lines, key=lambda line: max(map(len, line.split("\r\n"))))


# --- bodies -------------------------------------------------------------------------------------------------


def _leaf(content_type: str, encoding: str, content: bytes, *headers: str) -> bytes:
    head = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


def _multipart(kind: str, boundary: str, parts: list[bytes], *parameters: str) -> bytes:
    head = ";\r\n ".join((f"Content-Type: multipart/{kind}", f'boundary="{boundary}"', *parameters)).encode()
    line = b"\r\n--" + boundary.encode()
    return head + b"\r\n" + b"".join(line + b"\r\n" + part for part in parts) + line + b"--\r\n"


def _picture(picture: Picture) -> bytes:
    content_id, content_type, name, content = picture
    safe_name = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-60:]
    encoded = binascii.b2a_base64(content, newline=False)
    return _leaf(
        _checked(content_type, _CONTENT_TYPE, "the media type of a picture"),
        "base64",
        b"\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76)),
        f"Content-ID: <{_checked(content_id, _CONTENT_ID, 'a Content-ID')}>",
        f'Content-Disposition: inline; filename="{safe_name}"',
    )


def _quoted_printable(text: str) -> bytes:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    # A line break before and behind: the C function ends its own lines as the first one that it finds.  It
    # leaves to us a line that begins with a dot, and one that `=20` for its last space makes too long.
    encoded = binascii.b2a_qp(f"\r\n{text}\r\n".encode("utf-8", "replace"), istext=True)
    return _AT_RISK.sub(_mended, encoded)[2:-2]


def _mended(match: re.Match[bytes]) -> bytes:
    """The line with a dot or F at its start encoded, as two lines if it is too long."""
    line = match[0][1:]
    if line.startswith((b".", b"From ")):
        line = b"=%02X" % line[0] + line[1:]
    if len(line) <= 76:
        return b"\n" + line
    cut = 75
    if b"=" in line[cut - 2 : cut]:  # not inside an =XX
        cut = line.index(b"=", cut - 2)
    rest = line[cut:]
    return b"\n" + line[:cut] + b"=\r\n" + (b"=2E" + rest[1:] if rest.startswith(b".") else rest)
