"""Tokens: what stands in a link of a message and proves that its bearer is the subscriber.

    AAAAAAAAAQIAAAADZ1kG…   base64url of   subscriber, generation, the first 18 octets of an HMAC-SHA256

The HMAC is over purpose, list, subscriber and generation, so nobody can make a token of one's own, and one for leaving
opens no preferences, nor anything of another list.  It is 40 letters, digits, `-` and `_` long, and no letter is left
to chance: another spelling of the same token is refused, one in capitals too.  Whoever raises a subscriber's generation
makes all former links of that subscriber void; the comparison with the stored one is the caller's.

Several keys make a change of keys possible: the first signs, all are accepted.  A token says who the subscriber is by a
number and nothing else; that number is no secret.

Raises ConfigError, if there is no key or one that could be guessed.  Source: RFC 2104 (HMAC), RFC 8058, section 3.1
("hard-to-forge component").  Pure.
"""

from __future__ import annotations

import binascii
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.errors import ConfigError

_HINT = (
    "write SECRET_KEY=... into .env; make one with: "
    "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
)
_MIN_KEY_LENGTH = 16
#: 12 octets; with those of the HMAC a multiple of three, so that base64 has no bits to spare.
_SUBJECT = struct.Struct(">QI")
_MAC_SIZE = 18
#: All tokens have as many characters.
TOKEN_LENGTH = 40
_TOKEN = re.compile(f"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}", re.ASCII)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class Purpose(StrEnum):
    """What a token is good for."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token names: the subscriber, and the generation in which it was signed."""

    subscriber: int
    generation: int


class Tokens:
    """The tokens of one list."""

    def __init__(self, secret_key: str, *, list_id: str) -> None:
        """`secret_key` is SECRET_KEY: one key or several, spaces between them, the newest first."""
        keys = secret_key.split()
        if not keys:
            raise ConfigError("there is no SECRET_KEY, and without one links could be forged", hint=_HINT)
        if min(map(len, keys)) < _MIN_KEY_LENGTH:
            raise ConfigError(f"a SECRET_KEY has at least {_MIN_KEY_LENGTH} characters", hint=_HINT)
        # Keyed and fed with what all tokens of a purpose have in common: a copy is cheaper than a new one.
        self._hashes: Mapping[Purpose, list[hmac.HMAC]] = {
            purpose: [_prepared(key, purpose, list_id) for key in keys] for purpose in Purpose
        }

    def __repr__(self) -> str:
        return "Tokens()"

    def sign(self, purpose: Purpose, subscriber: int, generation: int = 0) -> str:
        """The token of `subscriber` for `purpose`."""
        subject = _SUBJECT.pack(subscriber, generation)
        token = binascii.b2a_base64(subject + _mac(self._hashes[purpose][0], subject), newline=False)
        return token.translate(_TO_URL).decode()

    def unsign(self, purpose: Purpose, token: str) -> Bearer | None:
        """The bearer of `token`, or None, if it was not signed here for `purpose`."""
        if not _TOKEN.fullmatch(token):
            return None
        octets = binascii.a2b_base64(token.encode().translate(_FROM_URL))
        subject, mac = octets[: _SUBJECT.size], octets[_SUBJECT.size :]
        genuine = [hmac.compare_digest(mac, _mac(keyed, subject)) for keyed in self._hashes[purpose]]
        return Bearer(*_SUBJECT.unpack(subject)) if any(genuine) else None


def _prepared(key: str, purpose: Purpose, list_id: str) -> hmac.HMAC:
    common = f"{purpose} {len(list_id.encode())} {list_id} ".encode()
    return hmac.new(key.encode(), common, "sha256")


def _mac(keyed: hmac.HMAC, subject: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(subject)
    return mac.digest()[:_MAC_SIZE]
