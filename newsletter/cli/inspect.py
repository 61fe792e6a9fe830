"""`check`: what is wrong with an issue."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from newsletter.checks import formats
from newsletter.checks.finding import Level
from newsletter.cli.say import count, say
from newsletter.publication import Publication


@click.command()
@click.argument("issue", default="", metavar="[ISSUE]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="How findings are written.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--online", is_flag=True, help="Visit the links and the pictures on the web.")
@click.option("--spam", is_flag=True, help="Ask SpamAssassin, if it is installed.")
@click.pass_obj
def check(folder: Path, issue: str, form: str, strict: bool, online: bool, spam: bool) -> None:
    """What is wrong with an issue, and where to mend it.

    ISSUE is an id or a path; the newest issue when left out.  Nothing is written, and nothing leaves the machine without
    --online.  Exit code 1, if there is an error.  The README lists the codes; [check] in newsletter.toml changes their
    levels, and "waive" in the front matter of an issue or an article takes one out, with the reason.  How many of your
    readers a finding concerns is estimated from the mailboxes on the list, unless [check] clients says it.

    \b
    newsletter check
    newsletter check 2026-11-23-autumn --online --strict
    newsletter check --format sarif > findings.sarif
    """
    publication = Publication.open(folder)
    checked = publication.check(issue, online=online, spam=spam)
    findings = [finding.at(Level.ERROR) if strict else finding for finding in checked.findings]
    click.echo(formats.WRITERS[form](findings), nl=False)
    errors = sum(finding.level is Level.ERROR for finding in findings)
    for note in checked.notes:
        say(f"note: {note}")
    for finding, reason in checked.waived:
        say(f"waived: {finding.code} {finding.where}: {reason}")
    say(f"{count(errors, 'error')}, {count(len(findings) - errors, 'warning')}")
    sys.exit(1 if errors else 0)
