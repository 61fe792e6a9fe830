"""How long the bytes of one message take: ours, and what most scripts do, in the same run.

    python3 dev.py run python benchmarks/message.py            prints the table, writes benchmarks/message.json
    python3 dev.py run python benchmarks/message.py --readme   also puts the table into README.md

One issue of 60 kB in German with five merge fields, for readers whose names are not all ASCII; every message has its
own To, Message-ID and List-Unsubscribe, and in it a token that is signed for it.  The peer signs the same token, renders
the same text with Jinja2 and builds an `EmailMessage` of the standard library.  Signatures are compared with dkimpy's, and
with the operation of the key alone.  Before anything is timed, both messages of every reader are parsed and their parts
compared, and dkimpy verifies our signatures.  Processor time, best and median of short rounds in which all take turns: a
machine with other work to do is slower, and no fairer to one than to the other.
"""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import json
import platform
import random
import re
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from time import process_time

import dkim
import jinja2
from build import put_into_readme
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.dkim import SIGNED, Signer, parse_signer
from newsletter.sending.message import FormLetter, deterministic_id, prepare
from newsletter.subscribers.address import Mailbox, parse_mailbox
from newsletter.subscribers.tokens import Purpose, Tokens

HERE = Path(__file__).parent
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = parse_mailbox("Der Gartenbrief <brief@example.org>")
SUBJECT = "Frühling im Garten: was jetzt zu tun ist"
TOKENS = Tokens("of-no-importance", list_id="brief.example.org")
SIZE = 60_000
ROUNDS = 100
NAMES = [
    "Anna",
    "Jürgen",
    "Zoë",
    "Łukasz",
    "O'Brien & Söhne",
    "Мария",
    "李小龙",
    "José María",
    "<b>Bo</b>",
    "Kim",
]
WORDS = (
    "der Frühling kommt|ein kurzer Überblick|was in diesem Monat zu tun ist|Beete, Töpfe und Kübel|die ersten Blüten|"
    "für alle, die früh säen|mehr als 300 Gäste|12 € im Jahr|und wie es weitergeht|am Rand der Wiese|mit Geduld"
).split("|")
#: The merge fields, and what they are in Jinja2's template.
FIELDS = {"first_name": "subscriber.first_name", "unsubscribe_url": "unsubscribe_url"}

Reader = tuple[int, Mailbox, str, str]  # number, mailbox, first name, Message-ID


def paragraph(dice: random.Random, length: int) -> str:
    """Words, about `length` characters of them."""
    words = ""
    while len(words) < length:
        words += dice.choice(WORDS) + " "
    return words.strip()


def page() -> str:
    """The HTML as a template of Jinja2."""
    dice = random.Random(1)
    head = (
        '<!DOCTYPE html><html lang="de"><head><title>Gartenbrief</title></head><body style="margin:0">\n'
        '<div style="display:none">Guten Tag, {{ first_name }}</div><h1>Guten Tag, {{ first_name }}!</h1>\n'
    )
    foot = '<p style="font-size:12px"><a href="{{ unsubscribe_url }}" style="color:#666">Abmelden</a></p></body></html>\n'
    rows: list[str] = []
    while len(head) + len(foot) + sum(len(row.encode()) for row in rows) < SIZE * 0.76:
        rows.append(
            f'<table role="presentation" width="100%" cellpadding="0"><tr><td style="padding:16px 24px;color:#333333">\n'
            f'<h2 style="margin:0 0 8px;font-size:18px"><a href="https://example.org/{len(rows)}/" style="color:#111111">'
            f"{paragraph(dice, 40)}</a></h2>\n"
            f'<p style="margin:8px 0;font-size:14px;line-height:1.5">{paragraph(dice, 300)}</p></td></tr></table>\n'
        )
    return head + "".join(rows) + foot


def words() -> str:
    """The text part as a template of Jinja2."""
    dice = random.Random(2)
    lines = "\n".join(paragraph(dice, 60) for _ in range(80))
    return f"Guten Tag, {{{{ first_name }}}}!\n\n{lines}\n\nAbmelden: {{{{ unsubscribe_url }}}}\n"


def template(source: str, contexts: dict[str, Context]) -> Template:
    """The same for us: in HTML a name stands in text, and the address is a whole link."""
    pieces = re.split(r"{{ (\w+) }}", source)
    return Template(
        tuple(
            Slot(Field(FIELDS[piece]), contexts[piece]) if position % 2 else piece
            for position, piece in enumerate(pieces)
        )
    )


def readers() -> list[Reader]:
    """A hundred of them."""
    found = []
    for number in range(100):
        mailbox = parse_mailbox(f"reader{number}@example.com")
        message_id = deterministic_id("garden-1", str(mailbox.address), "example.org")
        found.append((number, mailbox, NAMES[number % len(NAMES)], message_id))
    return found


def link(number: int) -> str:
    """The link by which a reader unsubscribes, newly signed."""
    return f"https://example.org/u/{TOKENS.sign(Purpose.UNSUBSCRIBE, number, 1)}"


def letter_of(html: str, text: str) -> FormLetter:
    """Our form letter."""
    as_text = {"first_name": Context.TEXT, "unsubscribe_url": Context.TEXT}
    as_html = {"first_name": Context.HTML, "unsubscribe_url": Context.LINK}
    return prepare(
        sender=SENDER,
        subject=Template((SUBJECT,)),
        text=template(text, as_text),
        html=template(html, as_html),
        boundary="garden-1",
        list_id="Gartenbrief <brief.example.org>",
        one_click=True,
    )


def ours(letter: FormLetter, reader: Reader, *signers: Signer) -> list[bytes]:
    """One message, in the parts that a socket gathers."""
    number, mailbox, name, message_id = reader
    leave = link(number)
    return letter.compose_parts(
        mailbox.name,
        str(mailbox.address),
        {"subscriber.first_name": name, "unsubscribe_url": leave},
        date=NOON,
        message_id=message_id,
        list_unsubscribe=[leave],
        signers=signers,
    )


def theirs(html: jinja2.Template, text: jinja2.Template, reader: Reader) -> bytes:
    """The same message with Jinja2 and the standard library."""
    number, mailbox, name, message_id = reader
    values = {"first_name": name, "unsubscribe_url": link(number)}
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = str(SENDER)
    message["To"] = str(mailbox)
    message["Subject"] = SUBJECT
    message["Date"] = format_datetime(NOON)
    message["Message-ID"] = message_id
    message["List-Id"] = "Gartenbrief <brief.example.org>"
    message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text.render(values))
    message.add_alternative(html.render(values), subtype="html")
    return message.as_bytes()


def parts(message: bytes) -> list[str]:
    """Text and HTML, as a mail program shows them: an apostrophe has more than one entity."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    found = [part.get_content() for part in parsed.iter_parts()]
    return [
        re.sub("&#(?:39|x27);", "'", part).replace("&#34;", "&quot;").replace("\r\n", "\n") for part in found
    ]


def microseconds(work: Callable[[Reader], object], whom: list[Reader]) -> float:
    """The processor time that `work` takes for one of `whom`, once it has done it: a sender does nothing else."""
    for reader in whom:
        work(reader)
    start = process_time()
    for reader in whom:
        work(reader)
    return (process_time() - start) / len(whom) * 1e6


def check_signature(message: bytes, *keys: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
    """dkimpy verifies the signatures of `keys`, in their order."""
    for place, key in enumerate(keys):
        kind, encoding, form = "rsa", Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        if isinstance(key, ed25519.Ed25519PrivateKey):
            kind, encoding, form = "ed25519", Encoding.Raw, PublicFormat.Raw
        public = base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()
        record = f"v=DKIM1; k={kind}; p={public}".encode()
        assert dkim.DKIM(message).verify(idx=place, dnsfunc=lambda name, timeout=5, record=record: record)


def main() -> None:
    """Compare, measure, print, write."""
    html, text, whom = page(), words(), readers()
    letter = letter_of(html, text)
    jinja_html = jinja2.Environment(autoescape=True, keep_trailing_newline=True).from_string(html)
    jinja_text = jinja2.Environment(keep_trailing_newline=True).from_string(text)
    rsa_key, ed_key = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    rsa_pem, ed_pem = (
        key.private_bytes(
            Encoding.PEM,
            PrivateFormat.TraditionalOpenSSL if key is rsa_key else PrivateFormat.PKCS8,
            NoEncryption(),
        )
        for key in (rsa_key, ed_key)
    )
    by_rsa = parse_signer(rsa_pem, domain="example.org", selector="rsa", where="rsa.pem")
    by_ed = parse_signer(ed_pem, domain="example.org", selector="ed", where="ed.pem")
    ed_seed = base64.b64encode(ed_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    names = [name.lower().encode() for name in SIGNED]
    scheme, digest = PKCS1v15(), SHA256()

    def we(reader: Reader, *signers: Signer) -> bytes:
        return b"".join(ours(letter, reader, *signers))

    def they(reader: Reader) -> bytes:
        return theirs(jinja_html, jinja_text, reader)

    def jinja_alone(reader: Reader) -> None:
        values = {"first_name": reader[2], "unsubscribe_url": "https://example.org/u/"}
        jinja_html.render(values)
        jinja_text.render(values)

    for reader in whom[:20]:
        assert parts(we(reader)) == parts(they(reader))
        check_signature(we(reader, by_rsa, by_ed), rsa_key, ed_key)
    whole = we(whom[0])

    def dkimpy(selector: bytes, key: bytes, algorithm: bytes) -> Callable[[Reader], object]:
        def sign(_: Reader) -> object:
            return dkim.sign(
                whole,
                selector,
                b"example.org",
                key,
                canonicalize=(b"relaxed", b"relaxed"),
                signature_algorithm=algorithm,
                include_headers=names,
            )

        return sign

    #: The work, and for how many readers: about a millisecond.
    works: dict[str, tuple[Callable[[Reader], object], int]] = {
        "a message": (we, 100),
        "the same in parts, not joined": (lambda reader: ours(letter, reader), 100),
        "of this, the token": (lambda reader: link(reader[0]), 100),
        "EmailMessage and Jinja2": (they, 1),
        "of this, Jinja2": (jinja_alone, 20),
        "form letter, once an issue": (lambda _: letter_of(html, text), 1),
        "a message with Ed25519": (lambda reader: we(reader, by_ed), 10),
        "Ed25519 alone": (lambda _: ed_key.sign(b"x" * 32), 20),
        "a message with RSA-2048": (lambda reader: we(reader, by_rsa), 4),
        "RSA-2048 alone": (lambda _: rsa_key.sign(b"x" * 1000, scheme, digest), 4),
        "a message with both": (lambda reader: we(reader, by_rsa, by_ed), 4),
        "SHA-256 of a message": (lambda _: hashlib.sha256(whole).digest(), 20),
        "dkimpy, Ed25519": (dkimpy(b"ed", ed_seed, b"ed25519-sha256"), 1),
        "dkimpy, RSA-2048": (dkimpy(b"rsa", rsa_pem, b"rsa-sha256"), 1),
    }
    runs: dict[str, list[float]] = {label: [] for label in works}
    for _ in range(ROUNDS):
        for label, (work, count) in works.items():
            runs[label].append(microseconds(work, whom[:count]))
    medians = {label: statistics.median(times) for label, times in runs.items()}
    rows = [f"| {label} | {min(times):,.1f} µs | {medians[label]:,.1f} µs |" for label, times in runs.items()]

    def times(slow: str, fast: str) -> float:
        return medians[slow] / medians[fast]

    ratios = {
        "EmailMessage and Jinja2 / a message": times("EmailMessage and Jinja2", "a message"),
        "dkimpy, Ed25519 / a message with Ed25519": times("dkimpy, Ed25519", "a message with Ed25519"),
        "dkimpy, RSA-2048 / a message with RSA-2048": times("dkimpy, RSA-2048", "a message with RSA-2048"),
        "a message with RSA-2048 / RSA-2048 alone": times("a message with RSA-2048", "RSA-2048 alone"),
    }
    table = "\n".join(
        [
            f"One message of {len(whole) / 1000:.0f} kB with five merge fields and a token:",
            "",
            "| work | best | median |",
            "|---|---:|---:|",
            *rows,
            "",
            f"`EmailMessage` and Jinja2 take {ratios['EmailMessage and Jinja2 / a message']:.0f} times as long. Composed and "
            f"signed, a message takes {ratios['a message with RSA-2048 / RSA-2048 alone']:.2f} times as long as the "
            f"operation of the RSA key alone; dkimpy takes {ratios['dkimpy, RSA-2048 / a message with RSA-2048']:.0f} times "
            f"as long to sign one that is there (Ed25519: {ratios['dkimpy, Ed25519 / a message with Ed25519']:.0f} times).",
        ]
    )
    print(table)
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "message_bytes": len(whole),
    }
    found = {
        "machine": machine,
        "best_us": {label: min(times) for label, times in runs.items()},
        "median_us": medians,
        "ratios": ratios,
        "runs_us": {label: [round(one, 1) for one in times] for label, times in runs.items()},
    }
    (HERE / "message.json").write_text(json.dumps(found) + "\n")
    if "--readme" in sys.argv:
        put_into_readme("message", table)


if __name__ == "__main__":
    main()
