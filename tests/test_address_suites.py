"""Addresses against the suites of isemail and email-validator: what RFC 5321 allows on the wire is accepted or refused as
they say, but for the departures that are listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import email_validator
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.errors import WriterError
from newsletter.subscribers.address import Address, parse_address, split_plain

SUITES = Path(__file__).parent / "data"


def cases(name: str) -> Iterator[tuple[str, str, str]]:
    """The lines of a suite: the verdict, the address, what goes on the wire (if the suite says so)."""
    for line in (SUITES / name).read_text("ascii").splitlines():
        if not line.startswith("#"):
            verdict, address, *wire = line.split("\t")
            yield verdict, ast.literal_eval(address), ast.literal_eval(wire[0]) if wire else ""


ISEMAIL = list(cases("isemail.tsv"))
VALIDATOR = list(cases("email-validator.tsv"))

#: What isemail says is allowed on the wire (RFC5321), or is an address with something around it (CFWS), and what we do.
DEPARTURES = {
    "RFC5321_QUOTEDSTRING": "refused: mail programs disagree on where such a message goes, and nobody has one",
    "RFC5321_ADDRESSLITERAL": "refused: a subscriber's mailbox has a domain; a literal is for a test on one machine",
    "RFC5321_IPV6DEPRECATED": "refused: an address literal",
    "RFC5321_TLD": "refused: a domain without a dot reaches a host of the local network",
    "RFC5321_TLDNUMERIC": "refused: there is no such top-level domain, and it may be taken for an IP address",
}
#: Spaces around an address come from copying it; they are taken off, and nothing else is.
SPACES = {" test@iana.org", "test@iana.org "}


@pytest.mark.parametrize(("verdict", "address", "_"), ISEMAIL)
def test_isemails_cases(verdict: str, address: str, _: str) -> None:
    if verdict.startswith(("VALID", "DNSWARN")) or address in SPACES:  # DNSWARN: we do not ask the DNS
        assert str(parse_address(address)) == address.strip(" ")
    else:
        assert verdict.startswith(("ERR_", "RFC5322_", "CFWS_", "DEPREC_")) or verdict in DEPARTURES
        with pytest.raises(WriterError):
            parse_address(address)


def test_the_suites_are_whole_and_every_departure_occurs_in_them() -> None:
    assert len(ISEMAIL) == 164
    assert len({address for _, address, _ in ISEMAIL}) == 163  # one stands there twice
    assert sum(verdict.startswith("ERR_") for verdict, _, _ in ISEMAIL) == 66
    assert {verdict for verdict, _, _ in ISEMAIL if verdict.startswith("RFC5321_")} == set(DEPARTURES)
    assert len(VALIDATOR) == 111


@pytest.mark.parametrize(("verdict", "address", "wire"), VALIDATOR)
def test_email_validators_cases(verdict: str, address: str, wire: str) -> None:
    if verdict == "valid":
        parsed = parse_address(address)
        assert str(parsed) == wire
        assert parsed.needs_smtputf8 == (not wire.isascii())
    else:  # "quoted" and "literal" are valid there only when they are asked for: the same departures as above
        assert verdict in ("invalid", "reserved", "unsafe", "quoted", "literal")
        with pytest.raises(WriterError):
            parse_address(address)


def slow(text: str) -> tuple[str, str] | None:
    """What email-validator alone says."""
    try:
        valid = validate_email(text, strict=True, check_deliverability=False)
    except EmailNotValidError:
        return None
    return valid.local_part, valid.ascii_domain or ""


WORD = st.from_regex(r"[A-Za-z0-9_+'.!#-]{1,12}", fullmatch=True)
LABEL = st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True) | st.sampled_from(
    ["xn--fa-hia", "XN--0", "a--b", "-a", "x" * 64]
)
TOP = st.sampled_from(
    [
        "org",
        "ORG",
        "c",
        "co-uk",
        "123",
        "x1",
        "test",
        "Local",
        "ARPA",
        "xn--p1ai",
        "onion",
        "localhost",
        "museum",
    ]
)


@given(
    st.builds(
        lambda local, labels, top: f"{local}@{'.'.join([*labels, top])}",
        WORD,
        st.lists(LABEL, max_size=9),
        TOP,
    )
)
@example("a" * 64 + "@example.org")
@example("a" * 65 + "@example.org")
@example("a@" + "x" * 59 + ".org")
@example("a@" + "x" * 60 + ".org")
@example("a@example.org\n")
@example("A.b+c'd-e_f@Sub.Example-Host.ORG")
def test_the_fast_way_is_never_of_another_opinion(text: str) -> None:
    if (fast := split_plain(text)) is not None:
        assert fast == slow(text)
        assert Address(*fast) == parse_address(text)


@given(st.text(max_size=30) | st.text("ab.@-_+' \n\r\0é", max_size=20))
def test_no_text_at_all_makes_the_fast_way_err(text: str) -> None:
    if (fast := split_plain(text)) is not None:
        assert fast == slow(text)


@pytest.mark.parametrize(
    "text", ["reader@example.org", "Ada.Lovelace+news@mail.example.co.uk", "o'neil@gmail.com", "a_b-c@x1.de"]
)
def test_the_usual_address_goes_the_fast_way(text: str) -> None:
    assert split_plain(text)


def test_the_reserved_names_are_those_of_email_validator() -> None:
    from newsletter.subscribers.address import _RESERVED

    assert set(_RESERVED.split("|")) == set(email_validator.SPECIAL_USE_DOMAIN_NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a@" + "a." * 100_000,
        "a@" + "a-" * 100_000 + "@",
        "." * 100_000,
        "a@" + "9" * 200_000 + "!",
    ],
)
def test_a_hostile_text_is_refused_at_once(text: str) -> None:
    assert split_plain(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@Example.org", "ada@example.ORG", True),
        ("a@faß.de", "A@xn--fa-hia.de", True),
        ("a@faß.de", "a@fass.de", False),
        ("É@example.org", "é@example.org", True),
        ("E\u0301@example.org", "é@example.org", True),
        ("a.b@gmail.com", "ab@gmail.com", False),  # only Gmail could say that these are one
        ("a+x@example.org", "a@example.org", False),
        ("ß@example.org", "ss@example.org", False),
    ],
)  # fmt: skip
def test_two_addresses_are_one_subscribers_if_their_keys_are_equal(one: str, other: str, same: bool) -> None:
    assert (parse_address(one).key == parse_address(other).key) is same
