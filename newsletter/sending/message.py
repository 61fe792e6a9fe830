"""The bytes of one message for one recipient: MIME, as it goes over the wire.

An email is prepared once (`prepare`): headers, text, HTML and pictures encoded, cut where a merge field stands.  That
is a form letter, and a message (`FormLetter.compose`) is a join of its constant octets and of what is the recipient's
own: To, Subject if it has merge fields, Date, Message-ID, List-Unsubscribe and the values.

    FormLetter   [head] [text, encoded] (first_name) [HTML, encoded] (first_name) [HTML] (unsubscribe_url) [pictures]

multipart/alternative with the text first; pictures that the HTML shows stand beside it in a multipart/related.  Lines
end in CRLF, all is 7-bit ASCII (but for an address that needs SMTPUTF8), no line of a body is longer than 76 or begins
with a dot.  The parts decode to exactly what `Template.fill` makes of the templates.  The same arguments give the same
bytes: date, message-id and boundary are among them.

Raises WriterError, if a value has a control character or cannot be a header; nothing is ever dropped from one.
Source: RFC 2045 and 2046 (MIME); for the rest see `headers` and `quoted_printable`.  Pure.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from newsletter.articles.sanitize import is_safe_url
from newsletter.errors import WriterError
from newsletter.render.merge import Context, Slot, Template, escape
from newsletter.sending.headers import (
    check_lengths,
    checked,
    date_line,
    extra_lines,
    list_id_line,
    mailbox_line,
    message_id_line,
    text_line,
    unsubscribe_line,
)
from newsletter.sending.quoted_printable import encode_template, encode_value
from newsletter.subscribers.address import Mailbox

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,60}")
_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")

#: Content-ID (without <>), media type, file name, content.
Picture = tuple[str, str, str, bytes]
#: A merge field in one context, and its places in the pieces of a form letter: it is escaped and encoded once.
Blank = tuple[Slot, tuple[int, ...]]
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class FormLetter:
    """An email ready for any recipient: everything is encoded but what only the recipient fills."""

    first_lines: tuple[str, ...]  # before To
    subject: Template | str  # a template, or the whole header line
    list_id_lines: tuple[str, ...]
    last_lines: tuple[str, ...]  # after List-Unsubscribe
    taken: frozenset[str]  # the names of extra headers in `last_lines`, in lower case
    one_click: bool
    pieces: tuple[bytes, ...] = field(repr=False)  # empty where a value goes, and the first, for the head
    blanks: tuple[Blank, ...]

    def compose(
        self,
        recipient: Mailbox,
        values: Mapping[str, str],
        *,
        date: datetime,
        message_id: str,
        list_unsubscribe: Sequence[str] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> bytes:
        """The message for `recipient`; `values` maps names of merge fields to raw values.

        `date` is aware; `message_id` is `<...@domain>`; `list_unsubscribe` are https and mailto URIs, the first
        preferred; `headers` are unstructured ones that only this message has.  Raises WriterError, if one of these
        cannot be a header.
        """
        subject = self.subject
        own = [
            mailbox_line("To", recipient),
            subject if isinstance(subject, str) else text_line("Subject", subject.fill(values)),
            date_line(date),
            message_id_line(message_id),
            *self.list_id_lines,
        ]
        if list_unsubscribe:
            own.append(unsubscribe_line(list_unsubscribe))
        if self.one_click and not (list_unsubscribe and "<https://" in own[-1].lower()):
            raise WriterError("one-click unsubscribing needs an https address (RFC 8058)")
        if headers:
            own += extra_lines(headers, taken=self.taken)
        check_lengths(own)

        pieces = list(self.pieces)
        pieces[0] = "\r\n".join((*self.first_lines, *own, *self.last_lines, "")).encode()
        encoded: dict[str, bytes] = {}  # most values are the same in all contexts
        for slot, places in self.blanks:
            written = _written(slot, values)
            octets = encoded.get(written) or encoded.setdefault(written, encode_value(written))
            for place in places:
                pieces[place] = octets
        return b"".join(pieces)


def prepare(
    *,
    sender: Mailbox,
    subject: Template,
    text: Template,
    html: Template,
    boundary: str,
    reply_to: Mailbox | None = None,
    list_id: str = "",
    one_click: bool = False,
    headers: Mapping[str, str] = _NO_HEADERS,
    pictures: Sequence[Picture] = (),
) -> FormLetter:
    """The form letter of an email: what is the same in all its messages.

    `list_id` is `Name <id.domain>` or `id.domain`; `one_click` says that a POST to the https address for unsubscribing
    acts; `headers` are extra unstructured ones; in `html`, `cid:X` shows the picture that has the Content-ID X.
    `boundary` can be the same in all messages: no part, whatever the values, can hold it.
    """
    first_lines = [mailbox_line("From", sender)]
    if reply_to:
        first_lines.append(mailbox_line("Reply-To", reply_to))
    constant_subject = "" if subject.slots else text_line("Subject", subject.fill({}))
    list_id_lines = [list_id_line(list_id)] if list_id else []
    last_lines = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click"] if one_click else []
    last_lines += [*extra_lines(headers), "MIME-Version: 1.0"]
    check_lengths([*first_lines, constant_subject, *list_id_lines, *last_lines])

    # "=_" cannot stand in quoted-printable nor in base64, so neither boundary can stand in a part.
    boundary = checked(boundary, _BOUNDARY, "a boundary")
    read, shown = (
        _leaf(f"text/{kind}; charset=utf-8", "quoted-printable", encode_template(template))
        for kind, template in (("plain", text), ("html", html))
    )
    if pictures:
        shown = _multipart(
            "related", f"=_r_{boundary}", [shown, *map(_picture, pictures)], 'type="text/html"'
        )
    pieces, blanks = _cut(_multipart("alternative", f"=_a_{boundary}", [read, shown]))
    return FormLetter(
        tuple(first_lines),
        constant_subject or subject,
        tuple(list_id_lines),
        tuple(last_lines),
        frozenset(map(str.lower, headers)),
        one_click,
        pieces,
        blanks,
    )


def deterministic_id(campaign: str, recipient: str, domain: str) -> str:
    """The Message-ID of the one message of `campaign` to the address with the key `recipient`.

    Sent again, it is recognisable as the same: several mail stores suppress a duplicate by it.
    """
    digest = hashlib.sha256(f"{len(campaign)} {campaign} {recipient}".encode("utf-8", "surrogatepass"))
    return f"<{digest.hexdigest()[:32]}@{domain}>"


# --- values -------------------------------------------------------------------------------------------------

#: A link of letters, digits and harmless marks: nothing in it is escaped, and behind its host nothing decides whether
#: it is safe.
_PLAIN_LINK = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]+)?/)[A-Za-z0-9_./~?=%-]*")
_is_safe_beginning = lru_cache(maxsize=64)(is_safe_url)  # the links of a campaign have one or two


def _written(slot: Slot, values: Mapping[str, str]) -> str:
    """What `merge.escape` makes of the value in its place.

    Names of one word and plain links, which nearly all values are, it leaves as they are, and takes ten times as long
    to find that out.
    """
    value = values.get(slot.field.name, "")
    match slot.context:
        case Context.TEXT | Context.HEADER | Context.HTML | Context.ATTRIBUTE:
            if value.isalnum() or _PLAIN_LINK.fullmatch(value):
                return value
        case Context.URL:
            if value.isalnum() and value.isascii():
                return value
        case Context.LINK:
            if (link := _PLAIN_LINK.fullmatch(value)) and _is_safe_beginning(link[1]):
                return value
    return escape(slot, values)


# --- bodies -------------------------------------------------------------------------------------------------

#: Encoded octets, and slots between them.
_Body = list[bytes | Slot]


def _cut(body: _Body) -> tuple[tuple[bytes, ...], tuple[Blank, ...]]:
    """`body` as the pieces and blanks of a form letter, its constant octets in as few pieces as can be."""
    pieces = [b"", b""]  # the head, the first octets
    places: dict[Slot, list[int]] = {}
    for part in body:
        if isinstance(part, Slot):
            places.setdefault(part, []).append(len(pieces))
            pieces += [b"", b""]
        else:
            pieces[-1] += part
    return tuple(pieces), tuple((slot, tuple(where)) for slot, where in places.items())


def _leaf(content_type: str, encoding: str, content: _Body, *headers: str) -> _Body:
    head = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *headers]
    return ["\r\n".join(head).encode() + b"\r\n\r\n", *content]


def _multipart(kind: str, boundary: str, parts: list[_Body], *parameters: str) -> _Body:
    head = ";\r\n ".join((f"Content-Type: multipart/{kind}", f'boundary="{boundary}"', *parameters)).encode()
    line = b"\r\n--" + boundary.encode()
    body: _Body = [head + b"\r\n"]
    for part in parts:
        body += [line + b"\r\n", *part]
    return [*body, line + b"--\r\n"]


def _picture(picture: Picture) -> _Body:
    content_id, content_type, name, content = picture
    safe_name = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-60:]
    encoded = binascii.b2a_base64(content, newline=False)
    return _leaf(
        checked(content_type, _CONTENT_TYPE, "the media type of a picture"),
        "base64",
        [b"\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))],
        f"Content-ID: <{checked(content_id, _CONTENT_ID, 'a Content-ID')}>",
        f'Content-Disposition: inline; filename="{safe_name}"',
    )
