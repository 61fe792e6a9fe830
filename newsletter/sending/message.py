"""The bytes of one message for one recipient: MIME, as it goes over the wire.

An email is prepared once (`prepare`): headers, text, HTML and pictures encoded, cut where a merge field stands.  That
is a form letter, and a message (`FormLetter.compose`) is a join of its constant octets and of what is the recipient's
own: To, Subject if it has merge fields, Date, Message-ID, List-Unsubscribe, the values, and signatures (`dkim`).  A
sender that gathers the parts itself (`compose_parts`) never copies the constant ones.

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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from newsletter.articles.sanitize import is_safe_url
from newsletter.errors import WriterError
from newsletter.render.merge import Context, Slot, Template, escape
from newsletter.sending.dkim import RelaxedBody, Signer, signatures
from newsletter.sending.headers import (
    check_lengths,
    checked,
    date_line,
    extra_lines,
    list_id_line,
    mailbox_line,
    message_id_line,
    recipient_line,
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
#: A merge field in one context, and its places in the pieces of a form letter.
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
    pieces: tuple[bytes, ...] = field(repr=False)  # of the body, empty where a value goes
    blanks: tuple[tuple[str, tuple[Blank, ...]], ...]  # by the name of the merge field
    relaxed: RelaxedBody = field(repr=False, compare=False)
    #: What values became, by field: most first names come again, and some links are the same for all.
    written: tuple[dict[str, tuple[bytes, ...]], ...] = field(repr=False, compare=False)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the merge fields: the values that `compose_parts` looks at."""
        in_subject = () if isinstance(self.subject, str) else self.subject.slots
        return frozenset([slot.field.name for slot in in_subject] + [name for name, _ in self.blanks])

    def compose(
        self,
        recipient: Mailbox,
        values: Mapping[str, str],
        *,
        date: datetime,
        message_id: str,
        list_unsubscribe: Sequence[str] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        signers: Sequence[Signer] = (),
    ) -> bytes:
        """The message for `recipient`: what `compose_parts` makes, in one piece."""
        return b"".join(
            self.compose_parts(
                recipient.name,
                str(recipient.address),
                values,
                date=date,
                message_id=message_id,
                list_unsubscribe=list_unsubscribe,
                headers=headers,
                signers=signers,
            )
        )

    def compose_parts(
        self,
        name: str,
        address: str,
        values: Mapping[str, str],
        *,
        date: datetime,
        message_id: str,
        list_unsubscribe: Sequence[str] | str = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        signers: Sequence[Signer] = (),
    ) -> list[bytes]:
        """The message for the recipient `name` at `address`, in pieces; the first is the head, others may be empty.

        `name` and `values`, which maps names of merge fields to raw values, are taken as they are stored.  `date` is
        aware, and that of the signatures, too; `message_id` is `<...@domain>`; `list_unsubscribe` are https and mailto
        URIs, the first preferred, or the line that `unsubscribe_line` makes of them; `headers` are unstructured ones that
        only this message has.  Raises WriterError, if one of these cannot be a header, or `address` is none.
        """
        unsubscribe = ""
        if list_unsubscribe:
            is_line = isinstance(list_unsubscribe, str)
            unsubscribe = str(list_unsubscribe) if is_line else unsubscribe_line(list_unsubscribe)
        head = self.head(
            recipient_line(name, address),
            self.subject_line(values),
            date_line(date),
            message_id_line(message_id),
            unsubscribe,
            *extra_lines(headers, taken=self.taken),
        )
        return self.signed([head, *self.fill(values)], date, signers)

    def subject_line(self, values: Mapping[str, str]) -> str:
        """The header Subject."""
        subject = self.subject
        return subject if isinstance(subject, str) else text_line("Subject", subject.fill(values))

    def head(self, to: str, subject: str, date: str, message_id: str, unsubscribe: str, *extra: str) -> bytes:
        """The head of a message whose own lines these are; without `unsubscribe` it has no such line.

        Raises WriterError, if one of them is too long, or there is no https address for one click.
        """
        if self.one_click and "<https://" not in unsubscribe.lower():
            raise WriterError("one-click unsubscribing needs an https address (RFC 8058)")
        own = (
            to,
            subject,
            date,
            message_id,
            *self.list_id_lines,
            *([unsubscribe] if unsubscribe else ()),
            *extra,
        )
        check_lengths(own)
        return "\r\n".join((*self.first_lines, *own, *self.last_lines, "", "")).encode()

    def fill(self, values: Mapping[str, str], *, leaving: Collection[str] = ()) -> list[bytes]:
        """The pieces of the body with `values` in their places; those of the fields `leaving` stay empty."""
        pieces = list(self.pieces)
        for (field_name, blanks), written in zip(self.blanks, self.written, strict=True):
            if field_name in leaving:
                continue
            value = values.get(field_name, "")
            filled = written.get(value)
            if filled is None:
                filled = _filled(blanks, value)
                if len(written) < _MOST_KEPT:
                    written[value] = filled
            for (_, places), octets in zip(blanks, filled, strict=True):
                for place in places:
                    pieces[place] = octets
        return pieces

    def signed(self, content: list[bytes], date: datetime, signers: Sequence[Signer]) -> list[bytes]:
        """`content`, the head and the pieces of the body, with a signature of each of `signers` in the head."""
        if signers:
            head, *pieces = content
            digest = self.relaxed.digest(pieces)
            content[0] = signatures(signers, head, digest, int(date.timestamp())) + head
        return content


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
    content_type, *body = _multipart("alternative", f"=_a_{boundary}", [read, shown])
    assert isinstance(content_type, bytes)
    last_lines.append(content_type.decode().rstrip())
    pieces, blanks = _cut(body)
    return FormLetter(
        tuple(first_lines),
        constant_subject or subject,
        tuple(list_id_lines),
        tuple(last_lines),
        frozenset(map(str.lower, headers)),
        one_click,
        pieces,
        blanks,
        RelaxedBody(pieces),
        tuple({} for _ in blanks),
    )


def deterministic_id(campaign: str, recipient: str, domain: str) -> str:
    """The Message-ID of the one message of `campaign` to the address with the key `recipient`.

    Sent again, it is recognisable as the same: several mail stores suppress a duplicate by it.
    """
    digest = hashlib.sha256(f"{len(campaign)} {campaign} {recipient}".encode("utf-8", "surrogatepass"))
    return f"<{digest.hexdigest()[:32]}@{domain}>"


# --- values -------------------------------------------------------------------------------------------------

#: For how many values of a field it is kept what they became.
_MOST_KEPT = 2048


def _filled(blanks: tuple[Blank, ...], value: str) -> tuple[bytes, ...]:
    """The octets of one field's `value` at each of its blanks."""
    plain = _contexts_unchanged(value)
    as_it_is = encode_value(value) if plain else b""
    return tuple(
        [
            as_it_is if slot.context in plain else encode_value(escape(slot, {slot.field.name: value}))
            for slot, _ in blanks
        ]
    )


#: A link of letters, digits and harmless marks: nothing in it is escaped, and behind its host nothing decides whether
#: it is safe.
_PLAIN_LINK = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]+)?/)[A-Za-z0-9_./~?=%-]*")
_PLAIN_MAIL_LINK = re.compile(r"mailto:[A-Za-z0-9._-]+@[A-Za-z0-9.-]+(?:\?subject=[A-Za-z0-9_.%-]*)?")
_is_safe_beginning = lru_cache(maxsize=64)(is_safe_url)  # the links of a campaign have one or two
_PLAIN_WORDS = re.compile(r"\w+(?:[ -]\w+)*")
_IN_TEXT = (Context.TEXT, Context.HTML, Context.ATTRIBUTE, Context.HEADER)
_IN_TEXT_AND_URL, _IN_TEXT_AND_LINK = (*_IN_TEXT, Context.URL), (*_IN_TEXT, Context.LINK)


def _contexts_unchanged(value: str) -> tuple[Context, ...]:
    """Contexts in which `merge.escape` leaves `value` as it is: known of plain words and links, which nearly all are.

    Escaping takes ten times as long to find that out.
    """
    if value.isalnum():
        return _IN_TEXT_AND_URL if value.isascii() else _IN_TEXT
    if value.startswith("http") and (link := _PLAIN_LINK.fullmatch(value)):
        return _IN_TEXT_AND_LINK if _is_safe_beginning(link[1]) else _IN_TEXT
    if value.startswith("mailto:") and _PLAIN_MAIL_LINK.fullmatch(value):
        return _IN_TEXT_AND_LINK
    return _IN_TEXT if _PLAIN_WORDS.fullmatch(value) else ()


def is_plain_link(value: str) -> bool:
    """Whether `value` is a link that no context of a body changes, so that its octets can be given as `encoded`."""
    return Context.LINK in _contexts_unchanged(value)


# --- bodies -------------------------------------------------------------------------------------------------

#: Encoded octets, and slots between them.
_Body = list[bytes | Slot]


def _cut(body: _Body) -> tuple[tuple[bytes, ...], tuple[tuple[str, tuple[Blank, ...]], ...]]:
    """`body` as the pieces and blanks of a form letter, its constant octets in as few pieces as can be."""
    pieces = [b""]
    fields: dict[str, dict[Slot, list[int]]] = {}
    for part in body:
        if isinstance(part, Slot):
            fields.setdefault(part.field.name, {}).setdefault(part, []).append(len(pieces))
            pieces += [b"", b""]
        else:
            pieces[-1] += part
    blanks = {
        name: tuple((slot, tuple(places)) for slot, places in slots.items()) for name, slots in fields.items()
    }
    return tuple(pieces), tuple(blanks.items())


def _leaf(content_type: str, encoding: str, content: _Body, *headers: str) -> _Body:
    head = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *headers]
    return ["\r\n".join(head).encode() + b"\r\n\r\n", *content]


def _multipart(kind: str, boundary: str, parts: list[_Body], *parameters: str) -> _Body:
    head = ";\r\n ".join((f"Content-Type: multipart/{kind}", f'boundary="{boundary}"', *parameters)).encode()
    line = b"--" + boundary.encode()
    body: _Body = [head + b"\r\n\r\n"]
    for part in parts:
        body += [line + b"\r\n", *part, b"\r\n"]
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
