"""The header lines of a message: folded, encoded where people's words need it, and nothing that breaks out.

A line here is `Name: value`, folded with CRLF and a space, without the last CRLF.  No line is longer than 78 where
it can be folded, none longer than 998 (`check_lengths`); all is ASCII but for an address that needs SMTPUTF8.

The lines are folded here and not by the standard library, whose `EmailMessage` writes a long List-Unsubscribe as
encoded words, which no mail program understands (cpython issue 85725).  Here only the text of unstructured headers
and display names is ever encoded, and lists of addresses are folded at ", ".

Raises WriterError, if a value has a control character or cannot be that header; nothing is ever dropped from one.
Source: RFC 5322 (headers), 2047 (encoded words), 2369, 2919 and 8058 (lists).  Pure.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from newsletter.articles.article import one_line
from newsletter.errors import WriterError
from newsletter.subscribers.address import Address, Mailbox, require_line

MAX_LINE = 998
_FOLD_AT = 78
_MAX_ENCODED_LINE = 76  # a line with an encoded word; such a word is one shorter at most
_ENCODED_WORD_FRAME = len("=?utf-8?q??=")

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
#: The addresses that nearly all subscribers have, and that nothing has to be done about, if they are not long.
_PLAIN_ADDRESS = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*"
)
_LONGEST_PLAIN = 64  # so neither the local part nor a label of the domain can be too long
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: What an octet is in an encoded word that may stand anywhere.  RFC 2047, section 5 (3).
_Q_ENCODED = [
    "_" if octet == 32 else chr(octet) if re.match(rb"[A-Za-z0-9!*+/-]", bytes((octet,))) else f"={octet:02X}"
    for octet in range(256)
]

#: What a reader would decode.
_LOOKS_ENCODED = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)

#: Not longer, so that there is room for an encoded character on the first line.
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
#: Headers that a message writes itself, or that are structured or harmful and so are nobody's extra.
_RESERVED = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version"}
    | {"list-id", "list-unsubscribe", "list-unsubscribe-post", "return-path", "received", "dkim-signature"}
)
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[A-Za-z0-9.-]+>")
_LIST_ID = re.compile(r"(?:(?P<name>.*?) *<(?P<id>[^<>]*)>|(?P<bare>[^<>]*))")
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")
_UNSUBSCRIBE_URI = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+", re.IGNORECASE)


def text_line(name: str, value: str) -> str:
    """An unstructured header that people read: whatever it says arrives, also spaces in a row and `=?`."""
    is_plain = _PLAIN.fullmatch(value) and "=?" not in value
    if is_plain and len(name) + len(value) + 2 < _FOLD_AT:
        return f"{name}: {value}"
    require_line(value, f"the {name.lower()}")
    if not value:
        return f"{name}:"
    words = value.split(" ")
    if is_plain and max(map(len, words)) < _FOLD_AT - 1 and len(name) + 2 + len(words[0]) <= _FOLD_AT:
        return _folded(name, words, separator=" ")
    return "\r\n ".join(_encoded_lines(f"{name}: ", value))


def mailbox_line(name: str, mailbox: Mailbox) -> str:
    """A header with one mailbox: From, Reply-To, To."""
    address = str(mailbox.address)
    if not mailbox.name:
        return f"{name}: {address}"
    return _phrase_line(name, mailbox.name, f"<{address}>")


def recipient_line(name: str, address: str) -> str:
    """The header To, of a name and an address as they are stored: what no header can have is no part of the name.

    Raises WriterError, if `address` is none.
    """
    if len(address) <= _LONGEST_PLAIN and _PLAIN_ADDRESS.fullmatch(address):
        if not name:
            return f"To: {address}"
        if len(name) + len(address) + len("To:  <>") <= _FOLD_AT and _ATOMS.fullmatch(name):
            return f"To: {name} <{address}>"
    else:
        local, _, domain = address.rpartition("@")
        address = str(Address(local, domain))
    return _phrase_line("To", _cleaned(name), f"<{address}>") if name else f"To: {address}"


@lru_cache(maxsize=4096)
def _cleaned(name: str) -> str:
    """`name` without what no header can have."""
    try:
        require_line(name, "a name")
    except WriterError:
        return one_line(name)
    return name


def date_line(date: datetime) -> str:
    """The header Date, to the second; `date` is aware."""
    offset = date.utcoffset()
    if offset is None:
        raise ValueError("the date of a message has a time zone")
    return _date_line(date.replace(microsecond=0) if date.microsecond else date, offset)


# The messages of one second have one date; formatting it is dearer than all that is the recipient's own.  Two dates
# are equal if they are the same instant, so the zone has to be asked for as well.
@lru_cache(maxsize=16)
def _date_line(date: datetime, offset: timedelta) -> str:
    if offset % timedelta(minutes=1):  # as before 1900; RFC 5322 has no seconds there
        date = date.astimezone(UTC)
    return f"Date: {format_datetime(date)}"


def message_id_line(message_id: str) -> str:
    """The header Message-ID; `message_id` is `<...@domain>`."""
    return f"Message-ID: {checked(message_id, _MESSAGE_ID, 'a message-id')}"


def list_id_line(list_id: str) -> str:
    """The header List-Id; `list_id` is `Name <id.domain>` or `id.domain`."""
    require_line(list_id, "the list-id")
    match = _LIST_ID.fullmatch(list_id.strip(" "))
    identifier = (match["id"] or match["bare"] or "") if match else ""
    if not match or not _DOT_ATOM.fullmatch(identifier) or len(identifier) > 255:
        raise WriterError(f"not a list-id: {list_id!a}", hint="write it as: Name <news.example.org>")
    return _phrase_line("List-Id", (match["name"] or "").strip(" "), f"<{identifier}>")


def unsubscribe_line(uris: Sequence[str]) -> str:
    """The header List-Unsubscribe: https and mailto URIs, the first preferred."""
    line = f"List-Unsubscribe: <{_unsubscribe_uri(uris[0])}>" if uris else "List-Unsubscribe:"
    for uri in uris[1:]:
        item = f"<{_unsubscribe_uri(uri)}>"
        fits = len(line) - line.rfind("\n") + len(item) + 2 <= _FOLD_AT
        line += f", {item}" if fits else f",\r\n {item}"
    return line


def extra_lines(headers: Mapping[str, str], *, taken: Collection[str] = ()) -> list[str]:
    """Unstructured headers of somebody's own; the names `taken`, in lower case, are in the message already."""
    lines = []
    for name, value in headers.items():
        if (
            not _HEADER_NAME.fullmatch(name)
            or name.lower() in _RESERVED
            or name.lower().startswith("content-")
        ):
            raise WriterError(f"not the name of an extra header: {name!a}")
        if name.lower() in taken:
            raise WriterError(f"the header {name} is in the message twice")
        require_line(value, f"the header {name}")
        if not value.isascii() or _LOOKS_ENCODED.search(value):
            lines.append(text_line(name, value))
        else:  # for machines (Feedback-ID, Precedence): folded at spaces, which stay, and never encoded
            pieces = [piece[1:] for piece in re.findall(" +[^ ]+", f" {value.strip(' ')}")]
            lines.append(_folded(name, pieces, separator=" "))
    return lines


def check_lengths(lines: Iterable[str]) -> None:
    """Raises WriterError, if a line of these headers is longer than RFC 5322, section 2.1.1 allows."""
    for line in lines:
        if len(line) * 4 > MAX_LINE and max(map(len, line.encode().split(b"\r\n"))) > MAX_LINE:
            raise WriterError(f"a header line is longer than {MAX_LINE} octets", where=line.partition(":")[0])


def checked(value: str, pattern: re.Pattern[str], what: str) -> str:
    """`value`.  Raises WriterError, if it is not `what`, which `pattern` describes whole."""
    if not pattern.fullmatch(value):
        raise WriterError(f"not {what}: {value!a}")
    return value


def _phrase_line(name: str, phrase: str, target: str) -> str:
    """`name: phrase target`, the phrase in atoms, quoted, or in encoded words; folded before the target."""
    if not phrase:
        return f"{name}: {target}"
    before, last, limit = _phrase(name, phrase)
    separator = " " if len(last) + 1 + len(target) <= limit else "\r\n "
    return f"{before}{last}{separator}{target}"


@lru_cache(maxsize=4096)  # names come again
def _phrase(name: str, phrase: str) -> tuple[str, str, int]:
    """`name: phrase`, its last line apart, and how long this may become."""
    written = phrase
    if not _ATOMS.fullmatch(phrase):
        written = '"' + re.sub(r'(["\\])', r"\\\1", phrase) + '"'
    lines, limit = [f"{name}: {written}"], _FOLD_AT
    # "=?" in quotes is no encoded word, but some programs decode it, line breaks in it included.
    if not phrase.isascii() or "=?" in phrase or "  " in phrase or len(lines[0]) > _FOLD_AT:
        lines = _encoded_lines(f"{name}: ", phrase)
        limit = _MAX_ENCODED_LINE
    *others, last = lines
    return "".join([f"{line}\r\n " for line in others]), last, limit - (len(lines) > 1)


def _folded(name: str, items: Iterable[str], *, separator: str = ", ") -> str:
    """`name: items`, a new line before an item that would pass column 78."""
    comma = separator.rstrip(" ")
    lines: list[str] = []
    for item in items:
        if not lines:
            lines.append(f"{name}: {item}")
        elif len(lines[-1]) + len(comma) + 1 + len(item) + 1 > _FOLD_AT:
            lines[-1] += comma
            lines.append(f" {item}")
        else:
            lines[-1] += f"{comma} {item}"
    return "\r\n".join(lines) or f"{name}:"


def _encoded_lines(prefix: str, text: str) -> list[str]:
    """`prefix` and `text` in encoded words of whole characters, one a line, the lines not yet indented."""
    octets = text.encode()
    q, b_size = _q_encoded(octets), (len(octets) + 2) // 3 * 4
    is_q = len(q) <= b_size
    room = _MAX_ENCODED_LINE - len(prefix) - _ENCODED_WORD_FRAME
    if min(len(q), b_size) <= room:
        return [prefix + _encoded_word(text, is_q=is_q)]
    words: list[str] = []
    start = size = 0
    for position, character in enumerate(text):
        more = len(_q_encoded(character.encode())) if is_q else len(character.encode())
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
    return "".join([_Q_ENCODED[octet] for octet in octets])


def _unsubscribe_uri(uri: str) -> str:
    if _UNSUBSCRIBE_URI.fullmatch(uri):
        return uri
    require_line(uri, "the address for unsubscribing")
    ascii_uri = quote(uri, safe="".join(map(chr, range(0x21, 0x7F))))
    return checked(ascii_uri, _UNSUBSCRIBE_URI, "an https or mailto address for unsubscribing")
