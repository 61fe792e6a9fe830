"""How long the bytes of one message take: ours, and what most scripts do, in the same run.

    python3 dev.py run python benchmarks/message.py            prints the table, writes benchmarks/message.json
    python3 dev.py run python benchmarks/message.py --readme   also puts the table into README.md

One issue of 60 kB in German with five merge fields, for readers whose names are not all ASCII; every message has its
own To, Message-ID and List-Unsubscribe.  The peer renders the same text with Jinja2 and builds an `EmailMessage` of the
standard library.  Before anything is timed, both messages of every reader are parsed and their parts compared.
Medians of rounds, in which the two take turns.
"""

from __future__ import annotations

import email
import email.policy
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
from time import perf_counter

import jinja2
from build import put_into_readme

from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.message import FormLetter, deterministic_id, prepare
from newsletter.subscribers.address import Mailbox, parse_mailbox

HERE = Path(__file__).parent
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = parse_mailbox("Der Gartenbrief <brief@example.org>")
SUBJECT = "Frühling im Garten: was jetzt zu tun ist"
SIZE = 60_000
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

Reader = tuple[Mailbox, dict[str, str], str]  # mailbox, values by the names in Jinja2's template, Message-ID


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
        token = random.Random(number).randbytes(16).hex()
        values = {
            "first_name": NAMES[number % len(NAMES)],
            "unsubscribe_url": f"https://example.org/u/{token}",
        }
        found.append((mailbox, values, deterministic_id("garden-1", str(mailbox.address), "example.org")))
    return found


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


def ours(letter: FormLetter, reader: Reader) -> bytes:
    """One message."""
    mailbox, values, message_id = reader
    return letter.compose(
        mailbox,
        {FIELDS[name]: value for name, value in values.items()},
        date=NOON,
        message_id=message_id,
        list_unsubscribe=[values["unsubscribe_url"]],
    )


def theirs(html: jinja2.Template, text: jinja2.Template, reader: Reader) -> bytes:
    """The same message with Jinja2 and the standard library."""
    mailbox, values, message_id = reader
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
    """How long `work` takes for one of `whom`."""
    start = perf_counter()
    for reader in whom:
        work(reader)
    return (perf_counter() - start) / len(whom) * 1e6


def main() -> None:
    """Compare, measure, print, write."""
    html, text, whom = page(), words(), readers()
    letter = letter_of(html, text)
    jinja_html = jinja2.Environment(autoescape=True, keep_trailing_newline=True).from_string(html)
    jinja_text = jinja2.Environment(keep_trailing_newline=True).from_string(text)

    def we(reader: Reader) -> bytes:
        return ours(letter, reader)

    def they(reader: Reader) -> bytes:
        return theirs(jinja_html, jinja_text, reader)

    def jinja_alone(reader: Reader) -> None:
        jinja_html.render(reader[1])
        jinja_text.render(reader[1])

    for reader in whom[:20]:
        assert parts(we(reader)) == parts(they(reader))
    runs: dict[str, list[float]] = {
        "ours": [],
        "EmailMessage and Jinja2": [],
        "Jinja2 alone": [],
        "prepare, once": [],
    }
    for _ in range(9):
        runs["ours"].append(microseconds(we, whom * 10))
        runs["EmailMessage and Jinja2"].append(microseconds(they, whom[:20]))
        runs["Jinja2 alone"].append(microseconds(jinja_alone, whom))
        runs["prepare, once"].append(microseconds(lambda _: letter_of(html, text), whom[:3]))
    medians = {label: statistics.median(times) for label, times in runs.items()}
    size = statistics.mean(len(we(reader)) for reader in whom)
    rows = [
        f"| {label} | {medians[label]:,.1f} µs | {min(times):,.1f} - {max(times):,.1f} | {medians[label] / medians['ours']:,.1f} |"
        for label, times in runs.items()
    ]
    table = "\n".join(
        [
            f"One message of {size / 1000:.0f} kB with five merge fields:",
            "",
            "| work | median | range | times ours |",
            "|---|---:|---:|---:|",
            *rows,
        ]
    )
    print(table)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "message_bytes": size}
    (HERE / "message.json").write_text(
        json.dumps({"machine": machine, "median_us": medians, "runs_us": runs}, indent=1) + "\n"
    )
    if "--readme" in sys.argv:
        put_into_readme("message", table)


if __name__ == "__main__":
    main()
