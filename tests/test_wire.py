"""Ten thousand messages with the worst names, subjects and values, as they go over the wire.

Every one is held against the standards octet by octet, and read by programs that are not ours and not all of one
language: Python's `email`, Go's net/mail and Perl's MIME modules have to see the same names, headers and bodies.
"""

from __future__ import annotations

import base64
import email
import email.header
import email.policy
import email.utils
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from newsletter.articles.article import one_line
from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.dkim import parse_signer
from newsletter.sending.message import FormLetter, prepare
from newsletter.subscribers.address import Mailbox, parse_address
from newsletter.subscribers.tokens import Purpose, Tokens

HERE = Path(__file__).parent
LETTERS, READERS = 1000, 10

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = parse_signer(
    KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    domain="example.org",
    selector="news",
    where="dkim.pem",
)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
TOKENS = Tokens("k" * 32, list_id="news.example.org")

CLEAN = [
    "",
    "Kim",
    "Zoë",
    "O'Brien & Söhne",
    'The "good" \\ news',
    "a, b; c: d <e@example.org> (f)",
    "a@example.org",
    "é" * 300,
    "日本語の件名" * 20,
    "李小龙",
    "السلام عليكم ورحمة الله",
    "👨\u200d👩\u200d👧" * 12,
    "🏳\ufe0f\u200d🌈 und 日本語 und é",
    "e\u0301" * 40,
    "two  spaces   and more",
    "=?utf-8?q?=0D=0ABcc:_e@example.org?=",
    "a =? b ?= c",
    "x" * 70,
    "word " * 60 + "end",
    "From me",
    ".",
    "..",
    "--=_a_b--",
    "<b>bold</b>",
    "{{ unsubscribe_url }}",
    "%s %(x)s {0}",
    "=20=3D=",
    "https://example.org/" + "x" * 900,
    "x" * 900,
    "100% &amp; more",
]
DIRTY = [
    *CLEAN,
    "x\r\nBcc: e@example.org",
    "x\n\n.\r\nMAIL FROM:<e@example.org>\r\n",
    "x\r.\ry",
    "\0\x1b[31m\x7f\x85",
    "line\u2028and\u2029paragraph",
    "half \udce9 character",
    " \t ",
    "\ufeffmark \u202eesrever",
    "trailing \t",
]
LINKS = [
    "https://example.org/u/1",
    "https://example.org/?a=1&b=ü#c",
    "https://example.org/" + "x" * 900,
    "javascript:alert(1)",
    "mailto:news@example.org?subject=a%20b",
    "",
    "https://example.org/\r\nX: y",
]
TEXTS = [
    "",
    "\n",
    "Dear ",
    ".\n..\n. \n",
    "From here\n>From there\n",
    "trailing \nspaces\t\n",
    "x" * 75 + " \n",
    "." + "x" * 76,
    "é" * 120,
    "日本語" * 40 + "\n",
    "=\n=3D\n=_a_b",
    "--=_a_b--\r\n",
    "a\rb\r\nc\n",
    "\x0b\x0c\x1b\x7f\x85\u2028",
    "\n\n\n",
    "  indented  twice\n",
]
ADDRESSES = [
    "reader@example.com",
    "reader+tag.x@mail.example.com",
    "o'brien@example.com",
    "x" * 64 + "@example.com",
    "a@" + ".".join(["y" * 60] * 4),
    "a@xn--fa-hia.de",
    "ü@example.com",
    "!#$%&*/=?^_`{|}~-@example.com",
]
NAMES = [Field("subscriber.name", "there"), Field("subscriber.town"), Field("subscriber.name")]
LINK = Field("unsubscribe_url", "https://example.org/leave")


@dataclass(frozen=True)
class Sent:
    """A message, and what its readers have to find in it."""

    message: bytes
    fields: tuple[str, ...]  # in the order of readers/read.go, but for the number of headers
    picture: bytes


def body(dice: random.Random, contexts: list[Context]) -> Template:
    parts: list[str | Slot] = []
    for _ in range(dice.randrange(8)):
        parts.append(dice.choice(TEXTS))
        context = dice.choice(contexts)
        parts.append(Slot(LINK if context is Context.LINK else dice.choice([*NAMES, LINK]), context))
    return Template((*parts, dice.choice(TEXTS)))


def arrived(text: str) -> str:
    """A text as a reader has it: half a character is none, and every line end is one."""
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")


def shown(name: str) -> str:
    """The name that stands in To."""
    if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", name):
        return one_line(name)
    return name


def messages() -> list[Sent]:
    dice = random.Random(7)
    made: list[Sent] = []
    for number in range(LETTERS):
        sender = Mailbox(dice.choice(CLEAN).strip(), parse_address("news@example.org"))
        reply_to = Mailbox(dice.choice(CLEAN).strip(), parse_address("office@example.org"))
        pieces: list[str | Slot] = [dice.choice(CLEAN)]
        if number % 2:
            pieces += [Slot(dice.choice(NAMES), Context.HEADER), dice.choice(CLEAN)]
        subject = Template(tuple(pieces))
        text = body(dice, [Context.TEXT])
        html = body(dice, [Context.HTML, Context.ATTRIBUTE, Context.LINK, Context.URL])
        note = dice.choice([entry for entry in CLEAN if len(entry) < 900]).strip()
        picture = dice.randbytes(dice.randrange(1, 200)) if number % 3 == 0 else b""
        letter = prepare(
            sender=sender,
            reply_to=reply_to,
            subject=subject,
            text=text,
            html=html,
            boundary="b",
            list_id="News, weekly <news.example.org>",
            one_click=True,
            headers={"Feedback-ID": f"{number}:list:news:sender"},
            pictures=[("p", "image/png", "p.png", picture)] if picture else [],
        )
        made += [
            one(dice, letter, number * READERS + reader, sender, reply_to, subject, text, html, note, picture)
            for reader in range(READERS)
        ]
    return made


def one(
    dice: random.Random,
    letter: FormLetter,
    number: int,
    sender: Mailbox,
    reply_to: Mailbox,
    subject: Template,
    text: Template,
    html: Template,
    note: str,
    picture: bytes,
) -> Sent:
    name, address = dice.choice(DIRTY).strip(" "), dice.choice(ADDRESSES)
    token = TOKENS.sign(Purpose.UNSUBSCRIBE, number, 1)
    uris = [
        f"https://example.org/u/{token}{'t' * dice.choice([0, 0, 0, 900])}",
        "mailto:leave@example.org?subject=x,y",
    ]
    values = {field.name: dice.choice(DIRTY) for field in NAMES} | {LINK.name: dice.choice([*LINKS, uris[0]])}
    date = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number)
    parts = letter.compose_parts(
        name,
        address,
        values,
        date=date,
        message_id=f"<{number}@example.org>",
        list_unsubscribe=uris,
        headers={"X-Note": note},
        signers=[SIGNER],
    )
    fields = (
        sender.name,
        str(sender.address),
        shown(name),
        address,
        reply_to.name,
        str(reply_to.address),
        arrived(subject.fill(values)),
        note,
        email.utils.format_datetime(date),
        f"<{number}@example.org>",
        f"<{uris[0]}>, <{uris[1]}>",
        "List-Unsubscribe=One-Click",
        f"{number // READERS}:list:news:sender",
        arrived(text.fill(values)),
        arrived(html.fill(values)),
    )
    return Sent(b"".join(parts), fields, picture)


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    found = messages()
    assert len(found) == 10_000
    return found


# --- octet by octet -----------------------------------------------------------------------------------------

ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")
STRUCTURED = (
    b"date message-id list-unsubscribe list-unsubscribe-post mime-version content-type dkim-signature".split()
)


def header_lines(message: bytes) -> list[bytes]:
    """The header lines, each with its folds."""
    return re.findall(rb"[^\r\n]+(?:\r\n [^\r\n]+)*", message.partition(b"\r\n\r\n")[0])


def test_line_ends_are_crlf_and_no_line_is_too_long(sent: list[Sent]) -> None:
    for one in sent:
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", one.message)
        assert max(map(len, one.message.split(b"\r\n"))) <= 998
        assert one.message.endswith(b"\r\n")
        head, _, rest = one.message.partition(b"\r\n\r\n")
        assert rest.isascii()
        assert head.replace("ü@".encode(), b"").isascii()
        assert not re.search(rb"(?:^|\n)(?:\.|From )|[ \t]\r", rest)
        assert max(map(len, rest.split(b"\r\n"))) <= 76


def test_every_encoded_word_is_short_and_decodes_alone(sent: list[Sent]) -> None:
    count = 0
    for one in sent:
        for line in header_lines(one.message):
            for physical in line.split(b"\r\n"):
                for word in ENCODED_WORD.findall(physical):
                    count += 1
                    assert len(word) <= 75
                    assert len(physical) <= 76
                    ((octets, charset),) = email.header.decode_header(word.decode())
                    assert charset == "utf-8"
                    octets.decode(charset)
    assert count > 10_000


def test_no_header_is_there_twice_and_no_structured_one_is_encoded(sent: list[Sent]) -> None:
    for one in sent:
        lines = header_lines(one.message)
        names = [line.partition(b":")[0].lower() for line in lines]
        assert len(set(names)) == len(names) == 14
        for name, line in zip(names, lines, strict=True):
            assert name not in STRUCTURED or b"=?" not in line
            assert re.fullmatch(rb"[A-Za-z-]+:(?: .*)?", line, re.DOTALL)


def test_the_one_click_headers_are_exact_and_signed(sent: list[Sent]) -> None:
    for one in sent:
        lines = {line.partition(b":")[0]: line for line in header_lines(one.message)}
        assert lines[b"List-Unsubscribe-Post"] == b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"
        unsubscribe = lines[b"List-Unsubscribe"].replace(b"\r\n", b"")
        assert re.fullmatch(rb"List-Unsubscribe: <https://[!-;=?-~]+>, <mailto:[!-;=?-~]+>", unsubscribe)
        assert max(map(len, lines[b"List-Unsubscribe"].split(b"\r\n"))) <= 998
        tags = lines[b"DKIM-Signature"].replace(b"\r\n ", b"")
        covered = tags.partition(b"h=")[2].partition(b";")[0].split(b":")
        for name in (b"from", b"list-unsubscribe", b"list-unsubscribe-post"):
            assert covered.count(name) == 2


def test_another_implementation_verifies_the_signatures(sent: list[Sent]) -> None:
    for one in sent[::7]:
        assert dkim.verify(one.message, dnsfunc=lambda name, timeout=5: b"v=DKIM1; k=ed25519; p=" + PUBLIC)


# --- other readers ------------------------------------------------------------------------------------------


def decoded(value: str) -> str:
    return str(email.header.make_header(email.header.decode_header(value)))


def test_pythons_older_reader_sees_what_was_written(sent: list[Sent]) -> None:
    for one in sent:
        parsed = email.message_from_bytes(one.message)
        raw = dict(re.split(rb": ?", line, maxsplit=1) for line in header_lines(one.message))
        found: list[str] = []
        for name in (b"From", b"To", b"Reply-To"):
            unfolded = raw[name].replace(b"\r\n", b"").decode()
            phrase, address = email.utils.parseaddr(unfolded)
            found += [decoded(phrase), address]
        found += [decoded(raw[name].replace(b"\r\n", b"").decode()) for name in (b"Subject", b"X-Note")]
        found += [
            parsed[name].replace("\r\n", "")
            for name in ("Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")
        ]
        leaves = {part.get_content_type(): part.get_payload(decode=True) for part in parsed.walk()}
        for kind in ("text/plain", "text/html"):
            octets = leaves[kind]
            assert isinstance(octets, bytes)
            found.append(octets.decode().replace("\r\n", "\n"))
        assert tuple(found) == one.fields
        assert leaves.get("image/png", b"") == one.picture


def test_pythons_newer_reader_sees_what_was_written(sent: list[Sent]) -> None:
    for one in sent[::5]:
        parsed = email.message_from_bytes(one.message, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        assert not parsed.defects
        assert [parsed["Subject"], parsed["X-Note"]] == list(one.fields[6:8])
        assert parsed["List-Unsubscribe"] == one.fields[10]
        texts = [part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text"]
        assert tuple(text.replace("\r\n", "\n") for text in texts) == one.fields[13:]


def go() -> list[str]:
    """The command that reads with Go."""
    command = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if not command:
        pytest.skip("Go is not installed (Debian: golang-go)")
    return [command, "run", str(HERE / "readers" / "read.go")]


def perl() -> list[str]:
    """The command that reads with Perl."""
    command = shutil.which("perl")
    if not command:
        pytest.skip("Perl is not installed (Debian: perl)")
    if subprocess.run([command, "-MMIME::QuotedPrint", "-MEncode", "-e1"], check=False).returncode:
        pytest.skip("Perl has no MIME::QuotedPrint or no Encode (Debian: perl)")
    return [command, str(HERE / "readers" / "read.pl")]


@pytest.mark.parametrize("command", [go, perl], ids=["go", "perl"])
def test_a_reader_in_another_language_sees_what_was_written(
    command: Callable[[], list[str]], sent: list[Sent]
) -> None:
    octets = b"".join(b"%d\n%b" % (len(one.message), one.message) for one in sent)
    result = subprocess.run(command(), input=octets, capture_output=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr.decode()[-2000:]
    lines = result.stdout.decode().splitlines()
    assert len(lines) == len(sent)
    for line, one in zip(lines, sent, strict=True):
        *fields, picture, count = (base64.b64decode(field) for field in line.split(" "))
        assert tuple(field.decode().replace("\r\n", "\n") for field in fields) == one.fields
        assert picture == one.picture
        assert count == b"14"
