"""A campaign's messages: its frozen emails, ready for every subscriber that the ledger opens.

    thawed emails, tokens, signers --Letters--> parcel(opened, now) -> Parcel

With `unsubscribe_url` a message can be left by one click (RFC 8058): `{token}` in it is the subscriber's own, signed.
Without, unsubscribing is a mail to the publication.  The Message-ID is made of campaign and subscriber, so that a message
sent twice is recognisable as one; a campaign that goes to people `again` has another.

Raises WriterError, if a subscriber's data can be no message; that is then the outcome of this one delivery.  Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from newsletter.errors import StoreError
from newsletter.render.build import Email
from newsletter.sending import message
from newsletter.sending.campaign import Campaign, Opened
from newsletter.sending.delivery import Parcel
from newsletter.sending.dkim import Signer
from newsletter.sending.frozen import Letterhead, thaw
from newsletter.sending.headers import date_line, recipient_line, unsubscribe_line
from newsletter.sending.message import is_plain_link
from newsletter.sending.quoted_printable import encode_value
from newsletter.subscribers.address import parse_mailbox
from newsletter.subscribers.subscriber import attribute_fields
from newsletter.subscribers.tokens import TOKEN_LENGTH, Purpose, Tokens

_LINKS = frozenset({"unsubscribe_url", "preferences_url"})
#: For how many names it is kept what is the same in all their messages.
_MOST_STENCILS = 2048
#: An address in which nothing has to be quoted but its @; with this length its line stays short.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*@[A-Za-z0-9.-]+")
_LONGEST_PLAIN = 64
_KNOWN = frozenset(
    {
        "unsubscribe_url",
        "preferences_url",
        "web_url",
        *(f"subscriber.{name}" for name in ("email", "name", "first_name", "language")),
    }
)


def campaign_key(campaign: Campaign) -> str:
    """What a campaign's Message-IDs are made of, next to the subscriber."""
    return f"{campaign.digest} {campaign.id}" if campaign.again else campaign.digest


def message_id(campaign: Campaign, email: str, sender_domain: str) -> str:
    """The Message-ID of the message of `campaign` to the address `email`."""
    return message.deterministic_id(campaign_key(campaign), email, sender_domain)


class _Form(NamedTuple):
    """The form letter of one variant, and what its messages depend on."""

    letter: message.FormLetter
    asks_more: bool  # for attributes
    asks_name: bool  # for more of the name than the first
    guesses: bool  # a first name: one that was given is an attribute, all others are a guess
    asks_address: bool
    leave: tuple[int, ...]  # the places of the links in the content
    prefer: tuple[int, ...]


class _Stencil(NamedTuple):
    """What is the same in all messages to people of one name: the line of the subject, and the content without its head
    and without their own links."""

    subject: str
    content: list[bytes]


class Letters:
    """The messages of one campaign."""

    def __init__(
        self,
        campaign: Campaign,
        emails: Mapping[int, bytes],
        *,
        tokens: Tokens | None = None,
        unsubscribe_url: str = "",
        signers: Sequence[Signer] = (),
    ) -> None:
        """`emails` are the frozen emails by variant; with `unsubscribe_url` there are `tokens`."""
        if not emails:
            raise StoreError("the campaign has no email", where=campaign.issue_id)
        thawed = {variant: thaw(content) for variant, content in emails.items()}
        _, head = thawed[min(thawed)]
        self._key = campaign_key(campaign)
        self._campaign_id = campaign.id
        self._tokens = tokens if unsubscribe_url else None
        self._signers = signers
        self._web_url = head.web_url
        sender = parse_mailbox(head.sender)
        self.sender_domain = sender.address.domain
        self._sender = str(sender.address).encode()
        back = str(parse_mailbox(head.reply_to).address if head.reply_to else sender.address)
        self._leave = f"mailto:{back}?subject=unsubscribe%20"
        self._prefer = f"mailto:{back}?subject=preferences%20"
        self._prefer_octets = encode_value(self._prefer)
        before, _, behind = unsubscribe_url.partition("{token}")
        self._one_click = (before, behind)
        self._is_plain = self._tokens is not None and self._is_plainly_written()
        self._forms = {variant: self._prepared(email, head) for variant, (email, head) in thawed.items()}
        self._stencils: dict[tuple[int, str, str, str], _Stencil] = {}
        self._second = -1

    def _prepared(self, email: Email, head: Letterhead) -> _Form:
        letter = message.prepare(
            sender=parse_mailbox(head.sender),
            subject=email.subject,
            text=email.text,
            html=email.html,
            pictures=[(p.cid, p.content_type, PurePosixPath(p.path).name, p.content) for p in email.pictures],
            boundary=email.digest[:24],
            reply_to=parse_mailbox(head.reply_to) if head.reply_to else None,
            list_id=head.list_id,
            one_click=self._tokens is not None,
        )
        places = {
            name: tuple([place + 1 for _, places in blanks for place in places])
            for name, blanks in letter.blanks
        }
        in_subject = () if isinstance(letter.subject, str) else letter.subject.slots
        fields = letter.fields
        return _Form(
            letter,
            not fields <= _KNOWN,
            not fields.isdisjoint(("subscriber.name", "subscriber.last_name")),
            "subscriber.first_name" in fields,
            "subscriber.email" in fields or any(slot.field.name in _LINKS for slot in in_subject),
            places.get("unsubscribe_url", ()),
            places.get("preferences_url", ()),
        )

    def _is_plainly_written(self) -> bool:
        """Whether the links of a plain address are written as they are, those to leave in two lines."""
        before, behind = self._one_click
        url = f"{before}{'x' * TOKEN_LENGTH}{behind}"
        ways = [url, f"{self._leave}a%40b"]
        return (
            encode_value(url) == url.encode()
            and is_plain_link(url)
            and is_plain_link(f"{self._prefer}a%40b")
            and unsubscribe_line(ways) == f"List-Unsubscribe: <{url}>,\r\n <{ways[1]}>"
        )

    def parcel(self, opened: Opened, now: float) -> Parcel:
        """The message for `opened`, dated `now`.  Raises WriterError, if it cannot be written."""
        if self._second != int(now):
            self._second = int(now)
            self._date = datetime.fromtimestamp(self._second, UTC)
            self._date_line = date_line(self._date)
        email = opened.email
        form = self._forms[opened.variant]
        is_plain = self._is_plain and len(email) <= _LONGEST_PLAIN and _PLAIN.fullmatch(email)
        content = (self._plain if is_plain and not form.asks_address else self._any)(form, opened)
        return Parcel(
            opened.subscriber_id,
            self._sender,
            email.encode(),
            form.letter.signed(content, self._date, self._signers),
            smtputf8=not email.isascii(),
            envelope_id=b"%d.%d" % (self._campaign_id, opened.subscriber_id),
        )

    def _any(self, form: _Form, opened: Opened) -> list[bytes]:
        """The content of any message."""
        email, letter = opened.email, form.letter
        quoted = quote(email, safe="")
        ways = [f"{self._leave}{quoted}"]
        if token := self._token(opened):
            ways.insert(0, token.join(self._one_click))
        values = self._values(form, opened) | {
            "unsubscribe_url": ways[0],
            "preferences_url": f"{self._prefer}{quoted}",
            "subscriber.email": email,
        }
        head = letter.head(
            recipient_line(opened.name, email),
            letter.subject_line(values),
            self._date_line,
            f"Message-ID: {message.deterministic_id(self._key, email, self.sender_domain)}",
            unsubscribe_line(ways),
        )
        return [head, *letter.fill(values)]

    def _plain(self, form: _Form, opened: Opened) -> list[bytes]:
        """The same for a plain address, in whose links nothing has to be looked at twice."""
        email = opened.email
        quoted = email.replace("@", "%40")
        url = self._token(opened).join(self._one_click)
        stencil = self._stencil(form, opened)
        content = stencil.content.copy()
        content[0] = form.letter.head(
            recipient_line(opened.name, email),
            stencil.subject,
            self._date_line,
            f"Message-ID: {message.deterministic_id(self._key, email, self.sender_domain)}",
            f"List-Unsubscribe: <{url}>,\r\n <{self._leave}{quoted}>",
        )
        octets = url.encode()
        for place in form.leave:
            content[place] = octets
        octets = b"%b=\r\n%b" % (self._prefer_octets, quoted.encode())
        for place in form.prefer:
            content[place] = octets
        return content

    def _token(self, opened: Opened) -> str:
        if not self._tokens:
            return ""
        return self._tokens.sign(Purpose.UNSUBSCRIBE, opened.subscriber_id, opened.generation)

    def _stencil(self, form: _Form, opened: Opened) -> _Stencil:
        """The stencil for the name of `opened`, and for its attributes, if they are asked for."""
        name, attributes = opened.name, opened.attributes
        first, _, _ = name.partition(" ")
        if not form.asks_more and (
            not form.guesses or '_name"' not in attributes or f'"first_name":"{first}"' in attributes
        ):
            attributes = ""
        key = (opened.variant, name if form.asks_name or attributes else first, opened.language, attributes)
        stencil = self._stencils.get(key)
        if stencil is None:
            if len(self._stencils) >= _MOST_STENCILS:
                self._stencils.clear()
            values, letter = self._values(form, opened), form.letter
            content = [b"", *letter.fill(values, leaving=_LINKS)]
            stencil = self._stencils[key] = _Stencil(letter.subject_line(values), content)
        return stencil

    def _values(self, form: _Form, opened: Opened) -> dict[str, str]:
        """The merge fields of the message for `opened`, without its links and address."""
        name = opened.name
        first, _, _ = name.partition(" ")
        values = {
            "web_url": self._web_url,
            "subscriber.name": name,
            "subscriber.first_name": first,
            "subscriber.last_name": name.rpartition(" ")[2] if " " in name else "",
            "subscriber.language": opened.language,
        }
        if form.asks_more or form.guesses:
            values |= attribute_fields(json.loads(opened.attributes or "{}"))
        return values
