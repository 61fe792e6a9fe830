"""sending.dkim: what we sign, another implementation (dkimpy) verifies, and whatever is changed it refuses."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.dkim import SIGNED, Signer, parse_signer
from newsletter.sending.message import FormLetter, prepare
from newsletter.subscribers.address import parse_mailbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Key = Any  # a private key of any kind


def pem(key: Key, password: bytes = b"") -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    octets: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return octets


def record(key: Key) -> bytes:
    """What the DNS says of a key."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        octets = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kind = b"rsa"
    else:
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind = b"ed25519"
    return b"v=DKIM1; k=" + kind + b"; p=" + base64.b64encode(octets)


RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
ZONE = {b"rsa._domainkey.example.org.": record(RSA), b"ed._domainkey.example.org.": record(ED25519)}
SIGNERS = [
    parse_signer(pem(RSA), domain="example.org", selector="rsa", where="rsa.pem"),
    parse_signer(pem(ED25519), domain="example.org", selector="ed", where="ed.pem"),
]
READER = parse_mailbox("reader@example.com")
LIST_UNSUBSCRIBE = ["https://example.org/u/" + "t" * 40, "mailto:leave@example.org"]


def verified(message: bytes, count: int = 1) -> bool:
    """Whether all of the `count` signatures hold, in the eyes of dkimpy."""
    try:
        return all(
            dkim.DKIM(message).verify(idx=number, dnsfunc=lambda name, timeout=5: ZONE.get(name))
            for number in range(count)
        )
    except dkim.DKIMException:
        return False


def letter(**changes: Any) -> FormLetter:
    defaults: dict[str, Any] = {
        "sender": parse_mailbox("Die Größe <news@example.org>"),
        "reply_to": parse_mailbox("office@example.org"),
        "subject": "Grüße aus dem Garten, und zwar in einer Zeile, die man gar nicht mehr überblicken kann",
        "text": "Hello  there\n\n.\n \n\n",
        "html": "<p>  Größe =  1</p>\n\t<br>\t \n",
        "boundary": "b",
        "list_id": "News <news.example.org>",
        "one_click": True,
    }
    given = {**defaults, **changes}
    for name in ("subject", "text", "html"):
        if isinstance(given[name], str):
            given[name] = Template((given[name],))
    return prepare(**given)


def signed(
    signers: list[Signer], *, values: dict[str, str] | None = None, name: str = "", **changes: Any
) -> bytes:
    parts = letter(**changes).compose_parts(
        name,
        str(READER.address),
        values or {},
        date=NOON,
        message_id="<1@example.org>",
        list_unsubscribe=LIST_UNSUBSCRIBE,
        signers=signers,
    )
    return b"".join(parts)


BOTH = pytest.mark.parametrize("signer", SIGNERS, ids=["rsa", "ed25519"])


@BOTH
def test_another_implementation_verifies_a_signature(signer: Signer) -> None:
    assert verified(signed([signer]))


def test_a_message_can_have_a_signature_of_each_kind() -> None:
    message = signed(SIGNERS)
    assert message.count(b"DKIM-Signature:") == 2
    assert verified(message, 2)


def test_a_signature_stands_before_what_it_signs_and_changes_none_of_it() -> None:
    plain, message = signed([]), signed(SIGNERS)
    assert message.endswith(plain)
    head = message[: -len(plain)]
    assert re.fullmatch(rb"(?:DKIM-Signature: [^\r\n]*(?:\r\n [^\r\n]+)*\r\n){2}", head)
    assert max(map(len, head.split(b"\r\n"))) <= 78


def test_a_signature_says_what_it_covers() -> None:
    head = signed(SIGNERS[:1]).partition(b"\r\nFrom:")[0].replace(b"\r\n ", b"").decode()
    tags = dict(
        tag.split("=", 1) for tag in head.removeprefix("DKIM-Signature: ").split(";") for tag in [tag.strip()]
    )
    assert {name: tags[name] for name in "vacdst"} == {
        "v": "1",
        "a": "rsa-sha256",
        "c": "relaxed/relaxed",
        "d": "example.org",
        "s": "rsa",
        "t": str(int(NOON.timestamp())),
    }
    assert sorted(tags["h"].split(":")) == sorted([name.lower() for name in SIGNED] * 2)
    for name in ("from", "list-unsubscribe", "list-unsubscribe-post"):
        assert tags["h"].split(":").count(name) == 2
    assert "l" not in tags


def test_an_extra_header_is_signed_however_its_name_is_written() -> None:
    message = signed(SIGNERS[:1], headers={"feedback-id": "1:list:news:sender"})
    assert verified(message)
    assert not verified(message.replace(b"1:list:", b"2:list:"))


def test_the_same_arguments_give_the_same_signature() -> None:
    assert signed(SIGNERS) == signed(SIGNERS)


# --- any message --------------------------------------------------------------------------------------------

FIELD = Field("subscriber.name", "you  there")
_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
_ROUGH = st.lists(
    st.sampled_from(
        [" ", "  ", "\t", "\n", ".", "From ", "=", "é", "x", "x" * 37, "日", "\r\n", "👧", " \n"]
    ),
    max_size=40,
).map("".join)
_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), max_size=90)


def cut(pieces: list[str], context: Context) -> Template:
    """`pieces` with a merge field between any two."""
    parts: list[str | Slot] = []
    for piece in pieces:
        parts += [piece, Slot(FIELD, context)]
    return Template(tuple(parts[:-1]))


@BOTH
@settings(max_examples=1000, deadline=None)
@given(
    text=st.lists(_TEXT | _ROUGH, max_size=4),
    html=st.lists(_TEXT | _ROUGH, max_size=4),
    subject=_LINE,
    value=_TEXT | _ROUGH | _LINE,
    picture=st.binary(max_size=200),
)
@example([], [], "", "", b"")
@example(["\n\n", "\n\n"], [" ", " "], " x  y ", "  a  ", b"")
@example(["x" * 74 + " ", " y"], ["\t\t"], "  ", "\t \t", b"\0" * 100)
def test_any_message_verifies(
    signer: Signer, text: list[str], html: list[str], subject: str, value: str, picture: bytes
) -> None:
    message = signed(
        [signer],
        text=cut(text, Context.TEXT),
        html=cut(html, Context.HTML),
        subject=subject,
        headers={"X-Note": "a   b"},
        pictures=[("p", "image/png", "p.png", picture)] if picture else [],
        values={FIELD.name: value},
        name=value,
    )
    assert verified(message)


def test_an_address_that_needs_smtputf8_is_signed_as_it_is_sent() -> None:
    message = letter().compose(
        parse_mailbox("ü@exämple.org"),
        {},
        date=NOON,
        message_id="<1@example.org>",
        list_unsubscribe=LIST_UNSUBSCRIBE,
        signers=SIGNERS,
    )
    assert verified(message, 2)


# --- mutations ----------------------------------------------------------------------------------------------


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(message: bytes) -> bytes:
        assert message.count(old) == 1, old
        return message.replace(old, new)

    return change


def added(name: str, *, first: bool) -> Callable[[bytes], bytes]:
    line = f"{name}: x\r\n".encode()
    if first:
        return lambda message: line + message
    return lambda message: message.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)


MUTATIONS = {
    "another sender": replaced(b"<news@example.org>", b"<news@example.com>"),
    "another reader": replaced(b"To: reader@", b"To: other@"),
    "another subject": replaced(b"Subject: ", b"Subject: Re: "),
    "another date": replaced(b"12:00:00", b"12:00:01"),
    "another message-id": replaced(b"<1@example.org>", b"<2@example.org>"),
    "another address for answers": replaced(b"Reply-To: office@", b"Reply-To: others@"),
    "another list": replaced(b"<news.example.org>", b"<olds.example.org>"),
    "another link to leave": replaced(b"/tttt", b"/TTTT"),
    "no one-click": replaced(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
    "another version of MIME": replaced(b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
    "another boundary in the head": replaced(b'boundary="=_a_b"', b'boundary="=_a_c"'),
    "another word in the text": replaced(b"Hello there", b"Hullo there"),
    "another word in the HTML": replaced(b"Gr=C3=B6=C3=9Fe =3D", b"Gr=C3=B6=C3=9Fe =3E"),
    "a line more at the start": replaced(
        b"\r\n\r\n--=_a_b\r\nContent-Type: text/plain", b"\r\n\r\n\r\n--=_a_b\r\nContent-Type: text/plain"
    ),
    "a word more at the end": lambda message: message + b"x\r\n",
    "an older signature": replaced(b"; t=17", b"; t=16"),
    "another signer": replaced(b"d=example.org", b"d=example.net"),
    **{f"a second {name} before": added(name, first=True) for name in SIGNED},
    **{f"a second {name} behind": added(name, first=False) for name in SIGNED},
}


def single_spaced(signers: list[Signer]) -> bytes:
    return signed(signers, text="Hello there\n", html="<p>Größe = 1</p>\n")


@BOTH
@pytest.mark.parametrize("change", MUTATIONS.values(), ids=MUTATIONS)
def test_whatever_is_changed_breaks_the_signature(signer: Signer, change: Callable[[bytes], bytes]) -> None:
    message = single_spaced([signer])
    assert verified(message)
    assert not verified(change(message))


def test_a_header_that_the_message_does_not_have_cannot_be_added() -> None:
    message = signed(SIGNERS[1:], reply_to=None, list_id="")
    assert verified(message)
    assert not verified(b"Reply-To: thief@example.com\r\n" + message)
    assert not verified(b"List-Id: <other.example.com>\r\n" + message)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_letter_of_the_body_can_be_another(data: st.DataObject) -> None:
    message = single_spaced(SIGNERS[1:])
    start = message.index(b"\r\n\r\n") + 4
    place = data.draw(st.integers(start, len(message) - 1))
    octet = data.draw(st.integers(33, 126).filter(lambda octet: octet != message[place]))
    assert not verified(message[:place] + bytes((octet,)) + message[place + 1 :])


HARMLESS = {
    "spaces more": replaced(b"Hello there", b"Hello   there  "),
    "empty lines at the end": lambda message: message + b"\r\n\r\n",
    "a header folded elsewhere": replaced(b"List-Id: News <", b"List-Id: News\r\n\t <"),
    "a header of the way": lambda message: b"Received: from x by y\r\n" + message,
}


@BOTH
@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_mail_servers_do_on_the_way_leaves_the_signature_alone(
    signer: Signer, change: Callable[[bytes], bytes]
) -> None:
    assert verified(change(single_spaced([signer])))


# --- keys ---------------------------------------------------------------------------------------------------

GOOD = pem(ED25519)
KEYS = {
    "empty": (b"", "not a private key in PEM form"),
    "not a key": (b"hello", "not a private key in PEM form"),
    "the public key": (
        ED25519.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "not a private key in PEM form",
    ),
    "half a key": (GOOD.replace(GOOD.split(b"\n")[1][10:], b""), "not a private key that can be read"),
    "a key with a password": (pem(ED25519, b"secret"), "has a password"),
    "an elliptic curve": (pem(ec.generate_private_key(ec.SECP256R1())), "wrong type: EC"),
}


@pytest.mark.parametrize(("content", "cause"), KEYS.values(), ids=KEYS)
def test_what_cannot_sign_is_refused_with_its_place_and_a_remedy(content: bytes, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause) as caught:
        parse_signer(content, domain="example.org", selector="x", where="dkim.pem")
    assert caught.value.where == "dkim.pem"
    assert caught.value.hint
    assert caught.value.exit_code == 2


def short_key() -> rsa.RSAPrivateKey:
    """A key of 768 bits, of given primes: the library makes none so short."""
    p = 0xEF725CDF066959BEE6B5538715235A3B3885EAB562FA69EA0B6034FE2CB9F585DB4FAB25CF678F8B6A4940F31F155E6F
    q = 0xC946783E43F26AFEF9978F164B5BF56F6A89CF570792DC0D01679B6B406C7497567672A6201E0D99A3C1AB35E723D175
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    exponents = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()


def test_an_rsa_key_that_nobody_accepts_is_refused() -> None:
    with pytest.raises(ConfigError, match="768 bits is accepted by nobody") as caught:
        parse_signer(pem(short_key()), domain="example.org", selector="x", where="dkim.pem")
    assert "rsa_keygen_bits:2048" in caught.value.hint


def test_a_short_rsa_key_signs_and_says_that_it_is_weak() -> None:
    key = rsa.generate_private_key(65537, 1024)
    signer = parse_signer(pem(key), domain="example.org", selector="weak", where="dkim.pem")
    assert "dkim.pem" in signer.note
    assert "1024" in signer.note
    assert not SIGNERS[0].note
    message = signed([signer])
    ZONE[b"weak._domainkey.example.org."] = record(key)
    assert verified(message)


def test_where_ed25519_is_asked_for_rsa_is_refused() -> None:
    with pytest.raises(ConfigError, match="RSA, not Ed25519"):
        parse_signer(pem(RSA), domain="example.org", selector="x", where="ed.pem", wanted="ed25519")


def test_a_key_is_never_shown() -> None:
    assert "key" not in repr(SIGNERS[0]).lower()
