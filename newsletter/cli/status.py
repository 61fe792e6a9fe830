"""`status`, `settle` and `reconcile`: what became of an issue, and a person's word on what is in doubt."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.say import count, say
from newsletter.errors import UsageError, printable
from newsletter.publication import Publication
from newsletter.sending.delivery import State
from newsletter.sending.overview import campaigns_in, troubles_in
from newsletter.store import Ask
from newsletter.store.glance import glance

if TYPE_CHECKING:
    from newsletter.sending.campaign import Campaign

_MOST_NAMED = 1000


@click.command()
@click.argument("issue", default="")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option(
    "--failed", type=click.Path(path_type=Path), help="Write those refused, in doubt or withheld as CSV."
)
@click.pass_obj
def status(folder: Path, issue: str, *, as_json: bool, failed: Path | None) -> None:
    """What became of an issue, and who is in doubt.

    \b
    newsletter status
    newsletter status 2026-11-23-autumn --failed failed.csv
    """
    from newsletter.cli.progress import facts_of, summary

    publication = Publication.open(folder)
    issue_id = publication.issue_id(issue)
    rows = 0
    with glance(publication.database_place) as ask:
        now = int(time.time())
        found = campaigns_in(ask, issue_id, now=now)
        doubtful_of = {one.id: _doubtful(ask, one, now) for one in found}
        if failed:
            rows = _write_failed(ask, found, failed, now)
    if not found and not as_json:
        say(f"{issue_id} was not sent yet")
    facts: list[dict[str, Any]] = []
    for campaign in found:
        doubtful = doubtful_of[campaign.id]
        facts.append({**_campaign_facts(campaign), **facts_of(campaign.counts), "in_doubt_are": doubtful})
        if not as_json:
            click.echo(printable(_line(campaign, summary(campaign.counts))))
            for name in doubtful:
                click.echo(printable(f"    in doubt: {name}"))
            if doubtful:
                say(
                    f"    hint: newsletter settle {issue_id} --accepted|--resend ADDRESS..., or newsletter reconcile"
                )
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    if failed:
        say(f"{count(rows, 'row')} in {failed}")


@click.command()
@click.argument("issue")
@click.argument("addresses", nargs=-1, required=True)
@click.option("--accepted", "word", flag_value="accepted", help="They have it: nothing more is sent to them.")
@click.option("--resend", "word", flag_value="resend", help="Send it to them once more; it may arrive twice.")
@click.pass_obj
def settle(folder: Path, issue: str, addresses: tuple[str, ...], word: str | None) -> None:
    """Say what became of deliveries in doubt.

    \b
    newsletter settle 2026-11-23-autumn --accepted ada@example.org
    newsletter settle 2026-11-23-autumn --resend ada@example.org bob@example.org
    """
    from newsletter.dispatch import Dispatch
    from newsletter.sending.campaigns import Word
    from newsletter.sending.campaigns import settle as settle_deliveries
    from newsletter.subscribers.address import parse_address

    if word is None:
        raise UsageError("say what is so", hint="--accepted: they have it; --resend: send it once more")
    publication = Publication.open(folder)
    dispatch = Dispatch(publication)
    issue_id = publication.issue_id(issue)
    keys = [parse_address(address).key for address in addresses]
    done = settle_deliveries(dispatch.database, issue_id, keys, Word(word), now=dispatch.now())
    say(f"{count(len(done.settled), 'message')} settled")
    if word == "resend" and done.settled:
        say(f"    hint: they go with: newsletter send {issue_id}")
    if done.others:
        say(f"not in doubt: {', '.join(done.others)}")
        sys.exit(1)


@click.command()
@click.argument("issue")
@click.option(
    "--maillog",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The log of Postfix or Exim on the server that took the messages.",
)
@click.pass_obj
def reconcile(folder: Path, issue: str, *, maillog: Path) -> None:
    """Settle deliveries in doubt by the mail server's log.

    \b
    newsletter reconcile 2026-11-23-autumn --maillog /var/log/mail.log

    A message in doubt whose Message-ID the server took is accepted; the others stay in doubt, because a log may be cut.
    """
    from newsletter.dispatch import Dispatch

    publication = Publication.open(folder)
    dispatch = Dispatch(publication)
    issue_id = publication.issue_id(issue)
    with maillog.open(encoding="utf-8", errors="replace") as lines:
        done, left = dispatch.reconcile(issue_id, lines)
    say(f"{count(len(done), 'message')} settled: the server took them")
    if left:
        say(f"{left:,} still in doubt: not in this log")
        sys.exit(1)


def _doubtful(ask: Ask, campaign: Campaign, now: int) -> list[str]:
    """Who is in doubt; the first of them, if there are very many."""
    if not campaign.counts.in_doubt:
        return []
    troubles = troubles_in(ask, campaign.id, [State.IN_DOUBT], now=now)
    return [one.email or f"subscriber {one.subscriber_id} (erased)" for one in islice(troubles, _MOST_NAMED)]


def _campaign_facts(campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign": campaign.id,
        "issue": campaign.issue_id,
        "subject": campaign.subject,
        "segment": campaign.segment or "everybody",
        "again": campaign.again,
        "state": campaign.state.label,
        "stopped": campaign.stopped,
        "sender": campaign.owner,
        "planned_at": _time(campaign.planned_at),
        "started_at": _time(campaign.started_at),
        "finished_at": _time(campaign.finished_at),
    }


def _line(campaign: Campaign, counts: str) -> str:
    state = campaign.state.label
    if campaign.owner:
        state += f" by {campaign.owner}"
    elif state == "sending":
        state = "interrupted"
    stopped = f" ({campaign.stopped})" if campaign.stopped else ""
    return f"{campaign.issue_id} to {campaign.segment or 'everybody'}: {state}{stopped}: {counts}"


def _time(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""


def _write_failed(ask: Ask, campaigns: list[Campaign], path: Path, now: int) -> int:
    import csv

    rows = 0
    states = [State.REFUSED, State.IN_DOUBT, State.WITHHELD]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL)
        table.writerow(["email", "state", "at", "tries", "relay", "stage", "reply"])
        for campaign in campaigns:
            for one in troubles_in(ask, campaign.id, states, now=now):
                cells = [
                    one.email,
                    one.state.label,
                    _time(one.at),
                    one.tries,
                    one.relay,
                    one.stage,
                    one.reply,
                ]
                table.writerow([_inert(str(cell)) for cell in cells])
                rows += 1
    return rows


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r\n\uff1d" and cell else cell
