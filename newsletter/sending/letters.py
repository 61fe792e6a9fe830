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
from newsletter.sending.headers import unsubscribe_line
from newsletter.sending.message import is_plain_link
from newsletter.sending.quoted_printable import encode_value
from newsletter.subscribers.address import parse_mailbox
from newsletter.subscribers.subscriber import attribute_fields
from newsletter.subscribers.tokens import TOKEN_LENGTH, Purpose, Tokens

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


class _Links(NamedTuple):
    """The links of one message, the header List-Unsubscribe, and the octets of those that are plain."""

    unsubscribe: str
    preferences: str
    header: str
    encoded: Mapping[str, bytes]


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
        self._written = (0, datetime.fromtimestamp(0, UTC))

    def _prepared(self, email: Email, head: Letterhead) -> tuple[message.FormLetter, bool, bool]:
        """The form letter of one variant, and whether it asks for attributes, and for a first name: one that was given
        is an attribute, all others are a guess."""
        form = message.prepare(
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
        return form, not form.fields <= _KNOWN, "subscriber.first_name" in form.fields

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
        form, asks_more, guesses = self._forms[opened.variant]
        email = opened.email
        links = self._links(opened)
        first, _, _ = opened.name.partition(" ")
        values = {
            "unsubscribe_url": links.unsubscribe,
            "preferences_url": links.preferences,
            "web_url": self._web_url,
            "subscriber.email": email,
            "subscriber.name": opened.name,
            "subscriber.first_name": first,
            "subscriber.last_name": opened.name.rpartition(" ")[2] if " " in opened.name else "",
            "subscriber.language": opened.language,
        }
        if asks_more or (
            guesses and '_name"' in opened.attributes and f'"first_name":"{first}"' not in opened.attributes
        ):
            values |= attribute_fields(json.loads(opened.attributes or "{}"))
        if self._written[0] != int(now):
            self._written = (int(now), datetime.fromtimestamp(int(now), UTC))
        content = form.compose_parts(
            opened.name,
            email,
            values,
            date=self._written[1],
            message_id=message.deterministic_id(self._key, email, self.sender_domain),
            list_unsubscribe=links.header,
            signers=self._signers,
            encoded=links.encoded,
        )
        return Parcel(
            opened.subscriber_id,
            self._sender,
            email.encode(),
            tuple(content),
            sum(map(len, content)),
            smtputf8=not email.isascii(),
            envelope_id=b"%d.%d" % (self._campaign_id, opened.subscriber_id),
        )

    def _links(self, opened: Opened) -> _Links:
        """The ways to leave and to the preferences; of a plain address nothing has to be looked at twice."""
        email = opened.email
        token = (
            self._tokens.sign(Purpose.UNSUBSCRIBE, opened.subscriber_id, opened.generation)
            if self._tokens
            else ""
        )
        before, behind = self._one_click
        if self._is_plain and len(email) <= _LONGEST_PLAIN and _PLAIN.fullmatch(email):
            quoted = email.replace("@", "%40")
            mail = f"{self._leave}{quoted}"
            url = f"{before}{token}{behind}"
            return _Links(
                url,
                f"{self._prefer}{quoted}",
                f"List-Unsubscribe: <{url}>,\r\n <{mail}>",
                {
                    "unsubscribe_url": url.encode(),
                    "preferences_url": b"%b=\r\n%b" % (self._prefer_octets, quoted.encode()),
                },
            )
        quoted = quote(email, safe="")
        mail = f"{self._leave}{quoted}"
        ways = [f"{before}{token}{behind}", mail] if token else [mail]
        return _Links(ways[0], f"{self._prefer}{quoted}", unsubscribe_line(ways), {})
