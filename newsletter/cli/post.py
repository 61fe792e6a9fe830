"""`send`: an issue leaves."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.say import count, say
from newsletter.publication import Publication


@click.command()
@click.argument("words", nargs=-1, metavar="[ISSUE]")
@click.option("--test", "test", is_flag=True, help="The addresses that follow get a test message each.")
@click.pass_obj
def send(folder: Path, words: tuple[str, ...], test: bool) -> None:
    """Send a test of an issue.

    \b
    newsletter send --test me@example.com
    newsletter send 2026-11-23-autumn --test me@example.com you@example.com

    The issue (the newest, if none is named) is built and sent to each ADDRESS, through the server in SMTP_URL
    (.env or environment): smtp://, smtp+starttls:// or smtps://USER:PASSWORD@HOST:PORT, user and password
    percent-encoded.  Without SMTP_URL the messages are written into outbox/, a Maildir.
    """
    addresses = [word for word in words if "@" in word]
    others = [word for word in words if "@" not in word]
    if not test or not addresses:
        raise click.UsageError("say to whom: newsletter send [ISSUE] --test ADDRESS...")
    if len(others) > 1:
        raise click.UsageError(f"one issue at a time, and an address has an @: {' '.join(others)}")
    publication = Publication.open(folder)
    made = publication.build(others[0] if others else "")
    sent = publication.send_test(made, addresses)
    say(f"{count(len(sent), 'test message')} of {made.issue_id}")
    for line in sent:
        click.echo(line)
