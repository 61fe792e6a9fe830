"""subscribers.address: what may be put on the wire as an address, and what is one mailbox."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import WriterError
from newsletter.subscribers.address import Address, Mailbox, parse_address, parse_mailbox

ADDRESSES = {
    "reader@example.org": "reader@example.org",
    " reader@example.org ": "reader@example.org",
    "Reader.One+tag@EXAMPLE.org": "Reader.One+tag@example.org",
    "o'neil@example.org": "o'neil@example.org",
    "a@faß.de": "a@xn--fa-hia.de",  # not fass.de, which is another owner's
    "a@xn--fa-hia.de": "a@xn--fa-hia.de",
    "a@例え.jp": "a@xn--r8jz45g.jp",
    "a@ｅxample.org": "a@example.org",
    "ü@example.org": "ü@example.org",
    "e\u0301@example.org": "é@example.org",
    "x" * 64 + "@example.org": "x" * 64 + "@example.org",
}


@pytest.mark.parametrize(("text", "wire"), ADDRESSES.items())
def test_an_address_is_read(text: str, wire: str) -> None:
    address = parse_address(text)
    assert str(address) == wire
    assert address.original == text.strip()
    assert address.domain.isascii()


REFUSED = [
    "",
    "reader",
    "@example.org",
    "reader@",
    "reader@localhost",
    "reader@example..org",
    ".reader@example.org",
    "reader@example.org.",
    "a b@example.org",
    "x" * 65 + "@example.org",
    "é" * 33 + "@example.org",
    "a@" + "x" * 64 + ".org",
    '"a b"@example.org',
    '"a@evil.org x"@example.org',
    "a@[192.0.2.1]",
    "a(comment)@example.org",
    "<@relay.org:a@example.org>",
    "@relay.org:a@example.org",
    "<a@example.org>",
    "a@example.org,b@example.org",
    "a@example.org)b@example.org",
    "a@example.org> NOTIFY=NEVER",
    "b@example.org>\r\nRCPT TO:<z@example.org",
    "a@example.org\n",
    "a@example.org\r",
    "a\x00@example.org",
    "a\u2028@example.org",
    "\ud800@example.org",
    "a@ex\u00adample.org ",
    "a@xn--zzzz.de",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_an_address_is_refused_with_the_cause(text: str) -> None:
    with pytest.raises(WriterError) as caught:
        parse_address(text, where="newsletter.toml:4")
    said = str(caught.value)
    assert said.startswith("newsletter.toml:4: not an email address: ")
    assert "\n" not in said
    said.encode()


def test_addresses_that_differ_in_the_case_of_the_domain_are_equal() -> None:
    assert parse_address("a@Example.ORG") == parse_address("a@example.org")
    assert parse_address("a@faß.de") == parse_address("a@xn--fa-hia.de")


def test_addresses_that_differ_in_the_local_part_are_not_equal_but_one_subscriber() -> None:
    one, other = parse_address("Reader@example.org"), parse_address("reader@example.org")
    assert one != other
    assert one.key == other.key == "reader@example.org"
    assert parse_address("straße@example.org").key != parse_address("strasse@example.org").key


@pytest.mark.parametrize(("text", "needs"), [("ü@example.org", True), ("u@exämple.org", False)])
def test_only_the_local_part_can_need_smtputf8(text: str, needs: bool) -> None:
    assert parse_address(text).needs_smtputf8 is needs


@pytest.mark.parametrize(
    "local", ["", "a b", "a>", "a\r\nb", "a\x85", "a,b", '"a"', "a..b", "x" * 65, "\udce9"]
)
def test_no_address_that_could_break_a_command_can_be_made_by_hand(local: str) -> None:
    with pytest.raises(WriterError):
        Address(local, "example.org")


@pytest.mark.parametrize(
    "domain", ["", "-a.org", "a.org\r\n", "a>b", "[192.0.2.1]", "faß.de", "a..b", "x" * 64]
)
def test_no_domain_but_an_ascii_one_can_be_made_by_hand(domain: str) -> None:
    with pytest.raises(WriterError):
        Address("a", domain)


MAILBOXES = {
    "a@example.org": ("", "a@example.org"),
    "<a@example.org>": ("", "a@example.org"),
    "The editors <a@example.org>": ("The editors", "a@example.org"),
    " The editors<a@example.org> ": ("The editors", "a@example.org"),
    '"Editors, The" <a@example.org>': ("Editors, The", "a@example.org"),
    "Editors, The <a@example.org>": ("Editors, The", "a@example.org"),
    r'"The \"good\" \\ editors" <a@example.org>': (r'The "good" \ editors', "a@example.org"),
    '"a@b <c>" <a@example.org>': ("a@b <c>", "a@example.org"),
    "Die Größe 日本 <a@example.org>": ("Die Größe 日本", "a@example.org"),
    "A =?UTF-8?Q?=0A?=Bcc: e <a@example.org>": ("A =?UTF-8?Q?=0A?=Bcc: e", "a@example.org"),
}


@pytest.mark.parametrize(("text", "parts"), MAILBOXES.items())
def test_a_mailbox_is_read(text: str, parts: tuple[str, str]) -> None:
    mailbox = parse_mailbox(text)
    assert (mailbox.name, str(mailbox.address)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name",
        "Name <>",
        "Name <a@example.org",
        "Name <a@example.org> x",
        "a@example.org, b@example.org",
        "a@example.org, B <b@example.org>",
        "A <a@example.org>, B <b@example.org>",
        "a@example.org <b@example.org>",
        "x\r\nBcc: e@example.org <a@example.org>",
        "x\n y <a@example.org>",
        "x\0 <a@example.org>",
        "x\x85 <a@example.org>",
        "x\x1b[2J <a@example.org>",
        "x\u2028 <a@example.org>",
        "x\udce9 <a@example.org>",
    ],
)
def test_what_is_not_one_mailbox_is_refused(text: str) -> None:
    with pytest.raises(WriterError) as caught:
        parse_mailbox(text, where=".env")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\ud800-\udfff]", str(caught.value))


@pytest.mark.parametrize("name", ["x\r\nBcc: e@example.org", "x\0", "x\x85", "x\u2029", "x\ud800", "x\t"])
def test_no_name_that_could_break_a_header_can_be_made_by_hand(name: str) -> None:
    with pytest.raises(WriterError):
        Mailbox(name, parse_address("a@example.org"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[^@]{0,9}@[^@]{0,9}\.org", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        mailbox = parse_mailbox(text)
    except WriterError:
        return
    wire = str(mailbox.address)
    assert not re.search(r"[\s<>,;\x00-\x20\x7f]", wire)
    assert parse_address(wire) == mailbox.address


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), max_size=40))
def test_any_name_in_quotes_is_read_back(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_mailbox(f'"{quoted}" <a@example.org>').name == name.strip(" ")
