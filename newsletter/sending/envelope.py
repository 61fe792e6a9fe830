"""What MAIL and RCPT say of a parcel, as far as the server wants to know it.

Guarantee: no address breaks out of its line, and nothing is asked of a server that it does not offer.  A parcel that this
server cannot be given is not begun; `unfit` says why, in words for people.

Raises ValueError for a parcel that could not be written as it is: that is a defect of ours and no server's affair.
Source: RFC 1870 (SIZE), 3461 (DSN), 6531 (SMTPUTF8).  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from newsletter.sending.delivery import Parcel

_UNSAFE = re.compile(rb"[\x00-\x20\x7f<>]")


class Envelope:
    """Envelopes for a server that offers `features`, by keyword."""

    def __init__(self, features: Mapping[str, str]) -> None:
        self._features = set(features)
        limit = features.get("SIZE", "").strip()
        self._limit = int(limit) if re.fullmatch("[0-9]{1,18}", limit) else 0

    def unfit(self, parcel: Parcel, size: int) -> str:
        """Why this server cannot be given `parcel`, whose content has `size` octets, or nothing."""
        if _UNSAFE.search(parcel.sender + parcel.recipient):
            raise ValueError("an envelope that breaks out of its line")
        if parcel.smtputf8 and "SMTPUTF8" not in self._features:
            recipient = parcel.recipient.decode("utf-8", "backslashreplace")
            return f"the server offers no SMTPUTF8, without which {recipient} has no mail"
        if self._limit and size > self._limit:
            return f"the message has {size} octets, the server takes {self._limit}"
        return ""

    def lines(self, parcel: Parcel, size: int) -> tuple[bytes, bytes]:
        """MAIL and RCPT for `parcel`, whose content has `size` octets, each with its CRLF."""
        features = self._features
        mail = b"MAIL FROM:<%b>" % parcel.sender
        if "SIZE" in features:
            mail += b" SIZE=%d" % size
        if parcel.smtputf8:
            mail += b" BODY=8BITMIME SMTPUTF8"
        if parcel.envelope_id and "DSN" in features:
            mail += b" RET=HDRS ENVID=%b" % parcel.envelope_id
            return mail + b"\r\n", b"RCPT TO:<%b> NOTIFY=FAILURE\r\n" % parcel.recipient
        return mail + b"\r\n", b"RCPT TO:<%b>\r\n" % parcel.recipient

    def drop_parameters(self) -> None:
        """Say no more than must be: the server does not know what it offered.  RFC 5321, section 4.1.1.11: 555."""
        self._features -= {"SIZE", "DSN"}
