"""The letter that `send.py` sends: one publication, and the same email for the peers.

    FOLDER/letter/              our publication: the digest, 28 posts, one issue, an email of about 60 kB
    FOLDER/letter.html, .txt    the same email as templates of Jinja2 and Django
    FOLDER/letter.go.html, .txt and of Go
    FOLDER/mailmerge.txt        and of mailmerge, both parts in one
    FOLDER/letter.eml           one message of it, as we compose it
    FOLDER/people.csv           everybody: id, email, first_name
    FOLDER/mailmerge.csv        the first few with their links, as mailmerge's templates know no HMAC

What the peers render is what our build made, so the sizes are the same; the links are as long as ours.
"""

from __future__ import annotations

import csv
import email
import email.policy
import html
import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count, islice
from pathlib import Path

from links import read_people
from message import paragraph

from newsletter.publication import Publication
from newsletter.render.merge import Context, Slot, Template
from newsletter.sample import make_publication
from newsletter.sending.message import prepare
from newsletter.subscribers.address import parse_mailbox

POSTS = 28
TODAY = date(2026, 11, 30)
NAMES = "O'Brien&Söhne Anna Jürgen Søren Zoë Łukasz Мария 李小龙 José Günther-Peter Amélie <b>Bo</b>".split()
GREETING = '\n\nGuten Morgen, {{ subscriber.first_name | fallback("du") }}: das steht heute im Brief.\n'


def make_letter(folder: Path, people: int, mailmerge: int) -> int:
    """Fill `folder`, with `people` subscribers in the CSV file; the result is the size of a message, in bytes."""
    root = folder / "letter"
    make_publication(root, "digest")
    shutil.rmtree(root / "posts")
    (root / "posts").mkdir()
    for number in range(POSTS):
        (root / "posts" / f"{number:02}.md").write_text(_post(number), "utf-8")
    config = root / "newsletter.toml"
    config.write_text(config.read_text("utf-8").replace('language = "en"', 'language = "de"'), "utf-8")
    publication = Publication.open(root)
    issue = publication.draft(most=POSTS, today=TODAY).folder / "issue.md"
    issue.write_text(issue.read_text("utf-8").rstrip() + GREETING, "utf-8")
    built = publication.build().email

    _write_people(folder / "people.csv", people)
    for suffix, template in ((".html", built.html), (".txt", built.text)):
        (folder / f"letter{suffix}").write_text(_jinja(template, "{{ %s }}"), "utf-8")
        (folder / f"letter.go{suffix}").write_text(_jinja(template, "{{ .%s }}"), "utf-8")
    _write_mailmerge(folder, built.html, built.text, mailmerge)

    letter = prepare(
        sender=publication.sender,
        subject=built.subject,
        text=built.text,
        html=built.html,
        boundary=built.issue_id,
        one_click=True,
    )
    address, values = next(read_people(folder, 1))
    message = letter.compose(
        parse_mailbox(address),
        {_name_in_letter(name): value for name, value in values.items()},
        date=datetime(2026, 3, 1, 12, tzinfo=UTC),
        message_id="<1@example.com>",
        list_unsubscribe=[values["unsubscribe_url"]],
    )
    (folder / "letter.eml").write_bytes(message)
    return len(message)


def people() -> Iterator[tuple[int, str, str]]:
    """Id, address and first name of one after the other, without end."""
    for number in count(1):
        yield number, f"reader{number}@list{number % 97}.example.org", NAMES[(number - 1) % len(NAMES)]


def parts_of(message: bytes) -> list[str]:
    """What a message says: its text, and its HTML without comments, both without white space and addresses of pages.

    Go's templates drop comments, every peer spells an apostrophe in its own way, and our links are our own.
    """
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    found = []
    for part in parsed.walk():
        if part.get_content_maintype() == "text":
            said = re.sub(r"<!--.*?-->", "", part.get_content(), flags=re.S)
            found.append(re.sub(r"(?:https?://|mailto:)[^\s\"<>)]+|\s+", "", html.unescape(said)))
    return found


def _post(number: int) -> str:
    """A post of which the email shows a summary of about 300 characters."""
    dice = random.Random(number)
    head = f"---\ntitle: {paragraph(dice, 40)}\nauthor: Die Redaktion\ndate: 2026-11-{number + 1:02}\npermalink: /{number}/\n---\n\n"
    return head + "\n\n".join(paragraph(dice, 420) for _ in range(2)) + "\n"


def _write_people(path: Path, most: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "email", "first_name"])
        writer.writerows(islice(people(), most))


def _name_in_letter(name: str) -> str:
    return "subscriber.first_name" if name == "first_name" else name


def _jinja(template: Template, form: str) -> str:
    """`template` in a language in which `form` stands for a merge field; escaping is the language's own."""
    constants = "".join(part for part in template.parts if isinstance(part, str))
    if any(mark in constants for mark in ("{{", "{%", "{#")):
        raise AssertionError("the email holds something that is template language to a peer")
    return "".join(
        form % part.field.name.removeprefix("subscriber.") if isinstance(part, Slot) else part
        for part in template.parts
    )


def _write_mailmerge(folder: Path, page: Template, words: Template, most: int) -> None:
    """The template and the table of mailmerge, which knows neither escaping by itself nor more than one part."""
    escaped = "".join(
        f"{{{{ {part.field.name.removeprefix('subscriber.')}{'|e' if part.context is not Context.TEXT else ''} }}}}"
        if isinstance(part, Slot)
        else part
        for part in page.parts
    )
    (folder / "mailmerge.txt").write_text(
        "TO: {{ email }}\nSUBJECT: The tide table\nFROM: Tidewater <letter@example.com>\n"
        "LIST-UNSUBSCRIBE: <{{ unsubscribe_url }}>\nLIST-UNSUBSCRIBE-POST: List-Unsubscribe=One-Click\n"
        'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="=_letter"\n\n'
        "--=_letter\nContent-Type: text/plain; charset=utf-8\n\n"
        f"{_jinja(words, '{{ %s }}')}\n--=_letter\nContent-Type: text/html; charset=utf-8\n\n{escaped}\n--=_letter--\n",
        "utf-8",
    )
    with (folder / "mailmerge.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, ["email", "first_name", "unsubscribe_url", "preferences_url", "web_url"]
        )
        writer.writeheader()
        for address, values in read_people(folder, most):
            writer.writerow({"email": address, **values})
