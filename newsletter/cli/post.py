"""`send` and `run`: an issue leaves."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from newsletter.cli.received import note_unknown
from newsletter.cli.say import count, say, size
from newsletter.errors import UsageError
from newsletter.publication import Publication

if TYPE_CHECKING:  # SQLAlchemy, which a test message does without
    from newsletter.cli.progress import Reporter
    from newsletter.dispatch import Dispatch, When
    from newsletter.sending.campaign import Campaign
    from newsletter.sending.outbox_carrier import Form
    from newsletter.sending.publish import Plan, Result

_FORMS = ("maildir", "mbox", "eml")


@click.command()
@click.argument("words", nargs=-1, metavar="[ISSUE]")
@click.option("--test", is_flag=True, help="The addresses that follow get a test message each.")
@click.option(
    "--to", "segment", default="", help="A segment of the list: tag:pro, @swiss.  Default: the issue's."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--plan", "hash_", default="", metavar="HASH", help="Send only what the plan with this hash said."
)
@click.option("--at", default="", metavar="TIME", help="Not before this time: newsletter run sends it then.")
@click.option("--not-after", default="", metavar="TIME", help="What is not sent by then is not sent.")
@click.option("--local-time", is_flag=True, help="--at is the time where each subscriber lives.")
@click.option("--again", metavar="WHY", help="Also to those who have the issue, and why.")
@click.option("--despite", multiple=True, metavar="CODE", help="Send although a check found this error.")
@click.option("--no-wait", is_flag=True, help="Leave what servers put off to the next run.")
@click.option("--cancel", is_flag=True, help="Call off what is planned and nobody began to send.")
@click.option("--late", is_flag=True, help="Send although its time is long past.")
@click.option(
    "--explain-rate", is_flag=True, help="Say which limit binds and how long it takes; send nothing."
)
@click.option("--outbox", type=click.Choice(_FORMS), help="Write the messages out instead of sending them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: plan, progress, end.")
@click.option(
    "--metrics", type=click.Path(path_type=Path), help="A file for Prometheus's textfile collector."
)
@click.pass_obj
def send(
    folder: Path,
    words: tuple[str, ...],
    *,
    test: bool,
    segment: str,
    yes: bool,
    hash_: str,
    at: str,
    not_after: str,
    local_time: bool,
    again: str | None,
    despite: tuple[str, ...],
    no_wait: bool,
    cancel: bool,
    late: bool,
    explain_rate: bool,
    outbox: str | None,
    as_json: bool,
    metrics: Path | None,
) -> None:
    """Send an issue to the list, or a test of it.

    \b
    newsletter send --test me@example.com
    newsletter send                               the newest issue, to its segment or everybody
    newsletter send 2026-11-23-autumn --to tag:pro --yes
    newsletter send --at 2026-12-01T09:00 --local-time
    newsletter send --cancel                      call off what is planned and not begun

    A test to an address on the list is what it would get: its name, its attributes, its variant.  Without --test it says
    what it would do and asks.  An issue goes to a person once, ever.  Interrupted or stopped, the same command
    goes on where it was.  Messages go through [[relay]] or SMTP_URL; without one they are written into outbox/, a Maildir.
    """
    if test or cancel:
        _refuse_beside("--test" if test else "--cancel")
    if test:
        _send_test(folder, words)
        return
    if len(words) > 1 or any("@" in word for word in words):
        raise UsageError("one issue at a time", hint="for a test message: newsletter send --test ADDRESS")
    if again is not None and not again.strip():
        raise UsageError("--again needs a reason", hint='--again "the map was missing"')
    if cancel:
        _call_off(folder, words)
        return
    from newsletter.cli.progress import Reporter
    from newsletter.sending.overview import campaigns_in, unfinished
    from newsletter.store.glance import glance
    from newsletter.workshop import Workshop

    publication = Publication.open(folder)
    issue_id = publication.issue_id(words[0] if words else "")
    with glance(publication.database_place) as ask:
        begun = unfinished(campaigns_in(ask, issue_id, now=int(time.time())))
    goes_on = bool(begun) and not again and not explain_rate
    workshop = None if goes_on else Workshop(publication.root)  # while this process imports what sends
    from newsletter.dispatch import Dispatch
    from newsletter.sending.outbox_carrier import Form

    dispatch = Dispatch(publication, workshop)
    reporter = Reporter(as_json=as_json, metrics=metrics)
    when = _when(at, not_after, local_time=local_time)
    form = Form(outbox) if outbox else None
    if goes_on:
        _refuse_other(begun[0], segment, hash_, when)
        if (wait := begun[0].not_before - dispatch.now()) > 0 and not begun[0].started_at:
            say(f"{issue_id} is planned, and goes in {timedelta(seconds=wait)}: newsletter run")
            return
        dispatch.require_way(begun[0], form)
        to_go = count(begun[0].counts.planned, "message")
        say(f"{issue_id}: going on, {to_go} to go, {_way(dispatch, outbox)}")
        campaign_id = begun[0].id
    else:
        planned = dispatch.plan(
            issue_id, segment=segment, again=again or "", when=when, outbox=form is not None
        )
        if explain_rate:
            say(_rate(dispatch, planned))
            return
        warnings = dispatch.refuse_errors(issue_id, despite, planned.audience.domains)
        note_unknown(publication, planned.order.segment, *planned.order.asked)
        _show(dispatch, planned, warnings, reporter, outbox)
        _require(planned, hash_)
        _ask(planned, yes=yes or bool(hash_))
        campaign_id = dispatch.freeze(planned)
        if planned.order.not_before > dispatch.now():
            say("planned; it goes when its time has come: newsletter run")
            return
    _deliver(dispatch, campaign_id, reporter, waits=not no_wait, outbox=form, late=late)


@click.command()
@click.option(
    "--metrics", type=click.Path(path_type=Path), help="A file for Prometheus's textfile collector."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def run(folder: Path, *, metrics: Path | None, as_json: bool) -> None:
    """Send what is due, in the foreground.

    \b
    newsletter run

    Until it is interrupted, for a service manager (systemd, runit, a container).  It sends campaigns whose time has come
    (send --at), goes on with those that were interrupted, and tries again what servers put off.
    """
    from newsletter.cli.progress import Reporter
    from newsletter.dispatch import Dispatch
    from newsletter.sending.campaigns import SenderBusy

    dispatch = Dispatch(Publication.open(folder))
    reporter = Reporter(as_json=as_json, metrics=metrics)
    rests: dict[int, int] = {}
    told: dict[int, str] = {}
    say("waiting for what is due; Ctrl-C ends")
    while True:
        for campaign in dispatch.due():
            if rests.get(campaign.id, 0) > dispatch.now():
                continue
            try:
                result = dispatch.deliver(campaign.id, report=reporter.progress, waits=False)
            except (SenderBusy, UsageError) as error:
                if told.get(campaign.id) != error.message:
                    say(str(error))
                told[campaign.id] = error.message
                rests[campaign.id] = dispatch.now() + 300
                continue
            reporter.end(result)
            if result.exit_code == 130:
                sys.exit(130)
            rests[campaign.id] = dispatch.now() + 60
        time.sleep(1)


def _refuse_beside(asked: str) -> None:
    """Refuse options that say nothing beside `asked`; --yes is one that does no harm."""
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if isinstance(parameter, click.Option)
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        and parameter.opts[0] not in (asked, "--yes")
    ]
    if given:
        raise UsageError(f"{asked} stands alone: {', '.join(given)} would say nothing")


def _call_off(folder: Path, words: tuple[str, ...]) -> None:
    from newsletter.dispatch import Dispatch

    publication = Publication.open(folder)
    dispatch = Dispatch(publication)
    name = words[0] if words else ""
    is_planned = name and dispatch.campaigns(name)  # whatever became of its folder
    issue_id = name if is_planned else publication.issue_id(name)
    called_off = dispatch.call_off(issue_id)
    say(f"{issue_id}: called off, {count(called_off, 'message')} will not go")


def _send_test(folder: Path, words: tuple[str, ...]) -> None:
    addresses = [word for word in words if "@" in word]
    others = [word for word in words if "@" not in word]
    if others and not addresses:
        raise click.UsageError(
            f"say to whom: an address has an @, and {' '.join(others)} has none: "
            "newsletter send [ISSUE] --test ADDRESS..."
        )
    if not addresses:
        raise click.UsageError("say to whom: newsletter send [ISSUE] --test ADDRESS...")
    if len(others) > 1:
        raise click.UsageError(f"one issue at a time, and an address has an @: {' '.join(others)}")
    publication = Publication.open(folder)
    made = publication.build(others[0] if others else "")
    sent = publication.send_test(made, addresses)
    say(f"{count(len(sent), 'test message')} of {made.issue_id}")
    for line in sent:
        click.echo(line)


def _refuse_other(campaign: Campaign, segment: str, hash_: str, when: When) -> None:
    if segment and segment != campaign.segment:
        raise UsageError(
            f"this issue is on its way to {campaign.segment or 'everybody'} and not finished",
            where=campaign.issue_id,
            hint="finish that first: newsletter send",
        )
    times = (when.not_before, campaign.not_before), (when.not_after, campaign.not_after)
    if hash_ or any(asked and asked != planned for asked, planned in times):
        raise UsageError(
            "this issue is planned already, and not finished",
            where=campaign.issue_id,
            hint="go on with it: newsletter send",
        )


def _when(at: str, not_after: str, *, local_time: bool) -> When:
    from newsletter.dispatch import When, parse_time

    if local_time and not at:
        raise UsageError("--local-time says how --at is meant", hint="--at 2026-12-01T09:00 --local-time")
    begin, end = (parse_time(text) if text else None for text in (at, not_after))
    return When(
        int(begin.timestamp()) if begin else 0,
        int(end.timestamp()) if end else 0,
        begin if local_time else None,
    )


def _show(dispatch: Dispatch, planned: Plan, warnings: int, reporter: Reporter, outbox: str | None) -> None:
    """Print the plan."""
    order, audience = planned.order, planned.audience
    issue = dispatch.issue(order.issue_id)
    octets = max(
        len(dispatch.publication.message(email, dispatch.publication.sender, written=datetime.now(UTC)))
        for email in planned.emails.values()
    )
    rate = _rate(dispatch, planned)
    facts: Mapping[str, object] = {
        "issue": order.issue_id,
        "subject": order.subject,
        "theme": issue.theme or dispatch.publication.config.theme,
        "segment": order.segment or "everybody",
        "recipients": audience.count,
        "variants": len(planned.emails),
        "domains": dict(list(audience.domains.items())[:10]),
        "excluded": dict(audience.excluded),
        "warnings": warnings,
        "size_bytes": octets,
        "relays": [relay.name for relay in dispatch.settings.relays],
        "rate": rate,
        "plan": planned.hash,
    }
    if reporter.as_json:
        reporter.event("plan", facts)
        return
    say(f"{order.issue_id}: {order.subject}")
    say(f"  theme {facts['theme']}, {size(octets)} a message, {count(warnings, 'warning')}")
    variants = f", {len(planned.emails)} variants" if len(planned.emails) > 1 else ""
    say(
        f"  to {count(audience.count, 'subscriber')} ({facts['segment']}){variants}, {_way(dispatch, outbox)}"
    )
    for name, number in list(audience.domains.items())[:5]:
        say(f"      {number:>9,} at {name}")
    for name, number in audience.excluded.items():
        say(f"  not to {number:,}: {name}")
    if order.again:
        say(f"  also to those who have it: {order.again}")
    if order.not_before:
        when = datetime.fromtimestamp(order.not_before).astimezone().isoformat(" ", "minutes")
        say(f"  not before {when}{', where each of them lives' if order.local_time else ''}")
    say(f"  {rate}")
    say(f"  plan {planned.hash}")


def _way(dispatch: Dispatch, outbox: str | None) -> str:
    """The way that the messages go: a publication that has lost its .env sends nothing, and is to be seen to."""
    relays = [relay.name for relay in dispatch.settings.relays]
    if relays and not outbox:
        return f"through {', '.join(relays)}"
    return f"into {dispatch.outbox} ({outbox or 'maildir'})"


def _rate(dispatch: Dispatch, planned: Plan) -> str:
    bound = dispatch.bound(planned)
    if bound.seconds < 1:
        return "no limit binds: as fast as the servers take it"
    took = timedelta(seconds=round(bound.seconds))
    return f"{bound.limit} ({bound.name}) binds: it takes {took}"


def _require(planned: Plan, hash_: str) -> None:
    from newsletter.sending.planning import PlanChanged

    if hash_ and hash_ != planned.hash:
        raise PlanChanged(
            f"the plan is another by now: {planned.hash}, not {hash_}",
            hint="look at it again: newsletter send",
        )
    if not planned.audience.count:
        raise PlanChanged(
            "there is nobody to send it to",
            where=planned.order.issue_id,
            hint="newsletter status shows who has it",
        )


def _ask(planned: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to ask", hint=f"newsletter send --plan {planned.hash}, or --yes")
    if not click.confirm(f"Send it to {count(planned.audience.count, 'subscriber')}?", err=True):
        raise click.Abort


def _deliver(
    dispatch: Dispatch, campaign_id: int, reporter: Reporter, *, waits: bool, outbox: Form | None, late: bool
) -> None:
    with reporter:
        result: Result = dispatch.deliver(
            campaign_id,
            report=reporter.progress,
            waits=waits,
            outbox=outbox,
            is_late_allowed=late,
        )
    reporter.end(result)
    if result.exit_code:
        sys.exit(result.exit_code)
