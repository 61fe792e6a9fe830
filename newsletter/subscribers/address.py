"""Email addresses, and mailboxes: an address with the name of its owner.

An `Address` that exists may be put on the wire: its constructor lets nothing through that could end an SMTP
command or a header line, and its domain is in the ASCII form of IDNA 2008 (faß.de is xn--fa-hia.de; the older
rules of the standard library would mail fass.de, which is somebody else's).  Quoted local parts, source
routes, comments and address literals are refused: mail programs disagree on where such a message goes.

Raises WriterError with what is wrong with the text; the text is quoted without the characters that make it
wrong.  Source: RFC 5321, section 4.1.2, RFC 6531, RFC 5891; the grammar is email-validator's.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from newsletter.errors import WriterError, printable

_ATOM = r'[^\s\x00-\x20\x7f-\x9f\ud800-\udfff()<>\[\]:;@\\,".]+'
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_LOCAL_OCTETS = 64
_MAX_DOMAIN_OCTETS = 253
_MAX_PLAIN_DOMAIN = 63  # then no label is longer than that either

#: Controls, line and paragraph separators, halves of surrogate pairs.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME_AND_ADDRESS = re.compile(r"(?P<name>[^<>]*|\"(?:[^\"\\]|\\.)*\" *)<(?P<address>[^<>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Address:
    """`local@domain`: the local part as it was typed, the domain in lower case and ASCII.

    Two addresses are equal if they are so letter by letter.  Whether two belong to one subscriber says `key`.
    """

    local: str
    domain: str
    original: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", self.domain.lower())
        # Octets: email-validator counts characters.
        if not _LOCAL.fullmatch(self.local) or len(self.local.encode()) > _MAX_LOCAL_OCTETS:
            raise WriterError(f"{_quoted(self.local)} cannot stand before the @ of an email address")
        if not _DOMAIN.fullmatch(self.domain) or len(self.domain) > _MAX_DOMAIN_OCTETS:
            raise WriterError(f"{_quoted(self.domain)} cannot stand after the @ of an email address")

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The address in lower case: the same for the same subscriber.

        RFC 5321 leaves it to each server whether A@ and a@ are one mailbox; all that matter say yes, and
        nobody wants an issue twice.
        """
        return f"{self.local.lower()}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server that offers SMTPUTF8 (RFC 6531) can be given this address."""
        return not self.local.isascii()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with a display name, which may be empty and is one line of text."""

    name: str
    address: Address

    def __post_init__(self) -> None:
        require_line(self.name, "the name of a mailbox")

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else str(self.address)


#: An address of which nothing needs a second look: ASCII, no label with two hyphens in a row (IDNA's), none of the
#: names that RFC 6761 and its like reserve.  What is not here may be an address all the same.
_WORD = "[A-Za-z0-9_+'-]+"
_NAME = "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_RESERVED = "arpa|invalid|local|localhost|onion|test"
_PLAIN = re.compile(
    rf"({_WORD}(?:\.{_WORD})*)@((?:{_NAME}\.)+(?!(?i:{_RESERVED})\Z)[A-Za-z]{{2,}})", re.ASCII
)


def split_plain(text: str) -> tuple[str, str] | None:
    """Local part and domain, as in `Address`, of the kind of address that nearly all are; None: ask `parse_address`.

    Much faster, for imports, and never of another opinion.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    local, domain = match.groups()
    if len(local) > _MAX_LOCAL_OCTETS or len(domain) > _MAX_PLAIN_DOMAIN:
        return None
    return local, domain.lower()


def parse_address(text: str, *, where: str = "") -> Address:
    """The address that `text` is; spaces around it are ignored.

    Raises WriterError (at `where`), if it is none, or one that cannot be mailed safely.
    """
    text = text.strip(" ")
    if plain := split_plain(text):
        return Address(*plain, text)
    # 50 ms, and most addresses are plain.
    from email_validator import EmailNotValidError, validate_email

    try:
        # strict: without it a local part of 65 octets passes.
        valid = validate_email(text, strict=True, check_deliverability=False)
        return Address(valid.local_part, valid.ascii_domain or "", text)
    except (EmailNotValidError, WriterError) as error:
        cause = f"not an email address: {_quoted(text)}: {_shown(str(error))}"
        raise WriterError(cause, where=where) from error


def parse_mailbox(text: str, *, where: str = "") -> Mailbox:
    """The mailbox that `text` is: `a@example.org`, `Name <a@example.org>` or `"Name" <a@example.org>`.

    Raises WriterError (at `where`), if it is none or more than one.
    """
    require_line(text, "a mailbox", where=where)
    text = text.strip(" ")
    match = _NAME_AND_ADDRESS.fullmatch(text)
    if not match:
        return Mailbox("", parse_address(text, where=where))
    name = match["name"].strip(" ")
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1]).strip(" ")
    elif "@" in name:
        raise WriterError(
            f"not one mailbox: {_quoted(text)}",
            where=where,
            hint='a name with "@" stands in quotes: "Name @ Place" <address@example.org>',
        )
    return Mailbox(name, parse_address(match["address"], where=where))


def require_line(text: str, what: str, *, where: str = "") -> None:
    """Raises WriterError, if `text` has a character that no header can have: a control, a line separator."""
    if match := _NOT_IN_A_LINE.search(text):
        raise WriterError(
            f"{what} has the character U+{ord(match[0]):04X}, which no header can have: {_quoted(text)}",
            where=where,
            hint="take out line breaks and control characters",
        )


def _quoted(text: str) -> str:
    return f'"{_shown(text if len(text) <= 80 else text[:79] + "…")}"'


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "replace").decode()).replace("\n", "\N{REPLACEMENT CHARACTER}")
