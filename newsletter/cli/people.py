"""`subscribers`: the group of commands on people, and those on one person: add, remove, show, suppress, erase."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.group import LazyGroup
from newsletter.cli.say import count, say
from newsletter.errors import UsageError, printable
from newsletter.publication import Publication

if TYPE_CHECKING:
    from newsletter.subscribers.dossier import Dossier
    from newsletter.subscribers.subscriber import Attribute

#: Every command of `newsletter subscribers`: the module that holds it and its line in the list.
COMMANDS = {
    "import": ("transfer", "People come in from a file."),
    "export": ("transfer", "Everybody, to a file."),
    "count": ("transfer", "How many there are, or are in a segment."),
    "add": ("people", "Put a person on the list, with the consent."),
    "remove": ("people", "A person leaves."),
    "show": ("people", "All that is known of a person."),
    "suppress": ("people", "Never mail an address or a domain again."),
    "erase": ("people", "Forget a person for good."),
}


class _Commands(LazyGroup):
    """The commands on people."""

    commands_by_name = COMMANDS


@click.group(cls=_Commands)
def subscribers() -> None:
    """The people: who is on the list, who joins and leaves.

    \b
    newsletter subscribers add ada@example.org --name "Ada Lovelace" --source "paper form, summer fair 2026"
    newsletter subscribers show ada@example.org
    newsletter subscribers remove ada@example.org
    """


@click.command()
@click.argument("address")
@click.option("--source", required=True, help="How and where the person agreed; it is kept as the consent.")
@click.option("--words", default="", help="The words that the person was shown.")
@click.option("--name", default="", help="The person's name.")
@click.option("--language", default="", help='A language tag, "de-CH".')
@click.option("--time-zone", default="", help='A time zone, "Europe/Zurich".')
@click.option("--tag", "tags", multiple=True, help="A tag or topic; as often as there are any.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An attribute; as often as there are any."
)
@click.option("--resubscribe", default="", metavar="WHY", help="Put somebody who left on again, and why.")
@click.pass_obj
def add(
    folder: Path,
    address: str,
    source: str,
    words: str,
    name: str,
    language: str,
    time_zone: str,
    tags: tuple[str, ...],
    pairs: tuple[str, ...],
    resubscribe: str,
) -> None:
    """Put a person on the list, with the consent that you declare.

    \b
    newsletter subscribers add ada@example.org --source "paper form, summer fair 2026"
    newsletter subscribers add ada@example.org --source "her letter" --tag pro --set country=CH --set age=36

    Of somebody who is on the list already, what you give is added to what is known.  A value of --set is a number or
    true or false where it reads as one, and a text in quotes: --set 'zip="01234"'.  Who has left comes back only with
    --resubscribe and a reason; who complained, or is suppressed, not at all (exit code 1).
    """
    from newsletter.subscribers.subscriber import Consent

    people = Publication.open(folder).subscribers
    with people.database:
        added = people.add(
            address,
            Consent("by hand", source, words),
            name=name,
            language=language,
            time_zone=time_zone,
            attributes=_attributes(pairs),
            tags=tags,
            resubscribe=resubscribe,
        )
    click.echo(f"{added.address} {added.standing.label}")


@click.command()
@click.argument("address")
@click.option("--note", default="", help="How you know; it is kept in the history.")
@click.pass_obj
def remove(folder: Path, address: str, note: str) -> None:
    """A person leaves: is mailed no more, and kept as somebody who said no.

    \b
    newsletter subscribers remove ada@example.org --note "by telephone"

    To forget the person: newsletter subscribers erase.
    """
    people = Publication.open(folder).subscribers
    with people.database:
        left = people.remove(address, note=note)
    click.echo(f"{left.address} {left.standing.label}")


@click.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def show(folder: Path, address: str, as_json: bool) -> None:
    """All that is known of a person: profile, consent, history, what was sent.

    \b
    newsletter subscribers show ada@example.org
    newsletter subscribers show ada@example.org --json > for-ada.json
    """
    people = Publication.open(folder).subscribers
    with people.database:
        known = _told(people.show(address))
    if as_json:
        click.echo(json.dumps(known, ensure_ascii=False, indent=2))
        return
    history, deliveries = known.pop("history"), known.pop("deliveries")
    for line in _lines(known):
        click.echo(line)
    for title, entries in (("history", history), ("delivery", deliveries)):
        for entry in entries:
            click.echo(_one_line(f"{title}  {'  '.join(_word(part) for part in entry.values() if part)}"))


@click.command()
@click.argument("target", metavar="ADDRESS|@DOMAIN")
@click.option("--reason", default="", help="Why; it is kept.")
@click.option("--lift", default="", metavar="WHY", help="Allow mail again, and why.")
@click.pass_obj
def suppress(folder: Path, target: str, reason: str, lift: str) -> None:
    """Never mail an address, or anybody at a domain, again.

    \b
    newsletter subscribers suppress ada@example.org --reason "letter of 30 November"
    newsletter subscribers suppress @example.org --reason "their postmaster's wish"
    newsletter subscribers suppress @example.org --lift "was a mistake"

    It lasts however often the address is imported again, and after the person was erased.  What is kept is a keyed
    hash, not the address.
    """
    if bool(reason.strip()) == bool(lift.strip()):
        raise UsageError(
            "say why", hint='--reason "letter of 30 November", or --lift WHY to allow mail again'
        )
    people = Publication.open(folder).subscribers
    with people.database:
        if not lift:
            number = people.suppress(target, reason)
            say(f"{target} is never mailed again; on the list: {count(number, 'subscriber')}")
        elif people.lift(target, lift):
            say(f"{target} may be mailed again")
        else:
            say(f"{target} was not suppressed")
            sys.exit(1)


@click.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(folder: Path, address: str, yes: bool) -> None:
    """Forget a person for good: all but a number, and the hash that keeps the address from being mailed again.

    \b
    newsletter subscribers erase ada@example.org

    Backups are beyond our reach; so is the log of the mail server.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("this cannot be undone", hint="without a terminal it needs --yes")
        click.confirm(f"Forget {address} for good?", abort=True, err=True)
    people = Publication.open(folder).subscribers
    with people.database:
        number = people.erase(address)
    say(f"forgotten; what is left is subscriber {number}, and a hash")


def _lines(known: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What is known, one thing a line; what is not known is left out."""
    for key, value in known.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{key}.")
        elif value not in ("", None, []):
            yield _one_line(f"{prefix}{key}: {_word(value)}")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _one_line(text: str) -> str:
    return printable(text.replace("\n", " "))


def _told(dossier: Dossier) -> dict[str, Any]:
    """A dossier in plain values, as `--json` prints it."""
    from newsletter.sending.delivery import State

    person, why = dossier.subscriber, dossier.suppressed
    told: dict[str, Any] = {"address": str(dossier.address)}
    if person:
        profile = person.profile
        told |= {
            "id": person.id,
            "address": str(person.address),
            "standing": person.standing.label,
            "mailed": person.is_mailed,
            "name": profile.name,
            "language": profile.language,
            "time_zone": profile.time_zone,
            "tags": sorted(profile.tags),
            "attributes": dict(profile.attributes),
            "joined": person.joined_at.isoformat(),
            "changed": person.changed_at.isoformat(),
        }
    told["suppressed"] = (
        {"since": why.at.isoformat(), "reason": why.reason, "domain": why.is_domain} if why else None
    )
    told["history"] = [
        {
            "at": event.at.isoformat(),
            "act": event.act.label,
            "how": event.consent.how if event.consent else "",
            "source": event.consent.source if event.consent else "",
            "words": event.consent.words if event.consent else "",
            "note": event.note,
        }
        for event in dossier.history
    ]
    told["deliveries"] = [
        {
            "at": part.at.isoformat() if part.at else "",
            "issue": part.issue_id,
            "subject": part.subject,
            "state": State(part.state).label,
            "tries": part.tries,
            "replies": list(part.replies),
        }
        for part in dossier.deliveries
    ]
    return told


def _attributes(pairs: tuple[str, ...]) -> Mapping[str, Attribute]:
    """The attributes that `--set` gives."""
    attributes: dict[str, Attribute] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"not NAME=VALUE: {pair}", hint="--set country=CH")
        attributes[name] = _value(text)
    return attributes


def _value(text: str) -> Attribute:
    """A number, true or false, where `text` reads as one that every database keeps, or else the text."""
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    is_kept = isinstance(value, str | float) or isinstance(value, int) and abs(value) < 2**53
    return value if is_kept else text
