"""DKIM: the signature by which a receiver knows that a message is its domain's, and unchanged.

    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=news; t=...; h=...; bh=...; b=...

Signed are the body and the headers in `SIGNED`, each named once more often than it is in a message: a second From, or
another List-Unsubscribe, breaks the signature, and so does one of them that was not there.  One-click unsubscribing
counts only if both of its headers are signed (RFC 8058, section 4).

The body of a form letter is canonicalised once (`RelaxedBody`): in quoted-printable as we write it (`quoted_printable`)
no line ends in white space, no run of spaces crosses from a piece into a value, and a message does not end in an empty
line.  What is left of "relaxed" is to make one space of a run of them, which can be done to each piece alone.

Signing takes hardly longer than the operation with the key.  Raises ConfigError, if a key is none that can sign.
Source: RFC 6376; RFC 8463 (Ed25519); RFC 8301 (no key below 1024 bits).  Pure: the key files are read in `dkim_keys`.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from newsletter.errors import ConfigError

SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Feedback-ID",
)
_LOWEST_BITS, _EXPECTED_BITS = 1024, 2048
_SIGNED_NAMES = [name.lower().encode() for name in SIGNED]
#: `h=`: every name twice, two names a line.
_H = b":\r\n ".join(b":".join([name] * 2) for name in _SIGNED_NAMES)
_WHITE_SPACE = re.compile(rb"[ \t]+")
_LINE = 72


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs for a domain; `note` is what a person should know of it, if anything."""

    domain: str
    selector: str
    algorithm: str
    octets_signed: Callable[[bytes], bytes] = field(repr=False)
    note: str = ""

    def signature(self, headers: bytes, body_hash: bytes, timestamp: int) -> bytes:
        """The header DKIM-Signature, as it stands before the `headers`, which are canonical already."""
        unsigned = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain};\r\n s={self.selector}; t={timestamp};\r\n"
        ).encode() + b" h=%b;\r\n bh=%b;\r\n b=" % (_H, body_hash)
        canonical = b"%bdkim-signature:%b" % (headers, unsigned.replace(b"\r\n ", b" "))
        signed = binascii.b2a_base64(self.octets_signed(canonical), newline=False)
        lines = [signed[start : start + _LINE] for start in range(0, len(signed), _LINE)]
        return b"DKIM-Signature: %b%b\r\n" % (unsigned, b"\r\n ".join(lines))


class RelaxedBody:
    """The body of a form letter in canonical form: its pieces, empty where a value goes."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        first, *rest = map(relaxed, pieces)
        self._first = hashlib.sha256(first)
        self._rest = rest
        self._places = [place for place, piece in enumerate(rest) if not piece]

    def digest(self, pieces: Sequence[bytes]) -> bytes:
        """The SHA-256 of the body that is made of `pieces`, the same ones with the values in their places."""
        whole, rest = self._first.copy(), self._rest.copy()
        for place in self._places:
            rest[place] = relaxed(pieces[place + 1])
        # Joined: every update of more than 2 kB lets other threads run, which takes longer than to join.
        whole.update(b"".join(rest))
        return whole.digest()


def relaxed(piece: bytes) -> bytes:
    """A piece of a body, whose lines do not end in white space, in the canonical form "relaxed"."""
    return _WHITE_SPACE.sub(b" ", piece) if b"  " in piece or b"\t" in piece else piece


def signatures(signers: Sequence[Signer], head: bytes, body_digest: bytes, timestamp: int) -> bytes:
    """The headers that go before `head`: one DKIM-Signature of each of `signers`.

    `head` are whole header lines, folded by CRLF and a space, no name in them twice; `body_digest` is the SHA-256 of
    the canonical body; `timestamp` (Unix time) says when it was signed.
    """
    headers = _relaxed_headers(head)
    body_hash = binascii.b2a_base64(body_digest, newline=False)
    return b"".join([signer.signature(headers, body_hash, timestamp) for signer in signers])


def _relaxed_headers(head: bytes) -> bytes:
    """The signed headers in canonical form, in the order of `SIGNED`.  RFC 6376, section 3.4.2."""
    found = dict(map(_named, relaxed(head.replace(b"\r\n ", b" ")).split(b"\r\n")))
    return b"".join([found[name] for name in _SIGNED_NAMES if name in found])


@lru_cache(maxsize=256)  # most are the same in all messages
def _named(line: bytes) -> tuple[bytes, bytes]:
    """The name of an unfolded header, in lower case, and the line in canonical form."""
    name, _, value = line.partition(b":")
    name = name.lower()
    return name, b"%b:%b\r\n" % (name, value.strip(b" "))


def parse_signer(pem: bytes, *, domain: str, selector: str, where: str, wanted: str = "") -> Signer:
    """The signer with the private key in `pem`, for the key published at `selector`._domainkey.`domain`.

    `where` is the key's file; `wanted` is `ed25519`, if it can be no other.  Raises ConfigError, if it holds no RSA or
    Ed25519 key, or one that receivers do not accept.
    """
    # 40 ms, and most commands sign nothing.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def refused(message: str, hint: str) -> ConfigError:
        return ConfigError(message, where=where, hint=hint)

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise refused(
            "this key has a password", "take it off: openssl pkey -in FILE -out NEW, chmod 600"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"PRIVATE KEY" in pem:
            raise refused(f"not a private key that can be read: {error}", _NEW_KEY["rsa"]) from error
        hint = "the private key begins with -----BEGIN PRIVATE KEY-----; the public one belongs into the DNS"
        raise refused("not a private key in PEM form", hint) from error
    match key:
        case Ed25519PrivateKey():
            return Signer(
                domain, selector, "ed25519-sha256", lambda octets: key.sign(hashlib.sha256(octets).digest())
            )
        case RSAPrivateKey() if wanted != "ed25519":
            if key.key_size < _LOWEST_BITS:
                raise refused(
                    f"an RSA key of {key.key_size} bits is accepted by nobody (RFC 8301)", _NEW_KEY["rsa"]
                )
            note = f"{where}: an RSA key of {key.key_size} bits is weak, {_EXPECTED_BITS} are expected"
            scheme, digest = PKCS1v15(), SHA256()
            return Signer(
                domain,
                selector,
                "rsa-sha256",
                lambda octets: key.sign(octets, scheme, digest),
                note if key.key_size < _EXPECTED_BITS else "",
            )
    kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
    expected = "not Ed25519" if wanted else "and DKIM knows RSA and Ed25519"
    raise refused(f"a key of the wrong type: {kind}, {expected}", _NEW_KEY[wanted or "rsa"])


_NEW_KEY = {
    "rsa": "make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out FILE",
    "ed25519": "make one with: openssl genpkey -algorithm ED25519 -out FILE",
}
