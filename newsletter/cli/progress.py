"""How a run is shown: a bar on a terminal, lines elsewhere, JSON for machines, a text file for Prometheus."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.say import count, say
from newsletter.errors import printable
from newsletter.sending.campaign import Counts

if TYPE_CHECKING:
    from newsletter.sending.publish import Result
    from newsletter.sending.run import Progress

_LINE_SECONDS = 5.0
_MOST_LINES = 20  # of the same report: a server that refuses thousands floods no terminal


class Reporter:
    """Where reports go."""

    def __init__(self, *, as_json: bool, metrics: Path | None) -> None:
        self.as_json = as_json
        self._metrics = metrics
        self._bar: Any = None
        self._task: Any = None
        self._said = 0.0

    def __enter__(self) -> Reporter:
        if not self.as_json and sys.stderr.isatty():
            from rich.console import Console  # draws only here
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self._task = self._bar.add_task("sending", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """One line of JSON on stdout."""
        click.echo(json.dumps({"event": name, **facts}, ensure_ascii=False))

    def progress(self, progress: Progress) -> None:
        """Show how it stands."""
        counts = progress.counts
        rate = progress.sent / progress.seconds if progress.seconds else 0.0
        if self._metrics:
            self._write_metrics(self._metrics, counts, rate)
        if self.as_json:
            self.event(
                "progress", {**facts_of(counts), "per_second": round(rate, 1), "lines": progress.lines}
            )
            return
        hidden = len(progress.lines) - _MOST_LINES
        lines = [*progress.lines[:_MOST_LINES], *([f"and {hidden} more such lines"] if hidden > 0 else [])]
        words = f"{rate:,.0f}/s, {counts.planned:,} left" + _exceptions(counts)
        if self._bar:
            for line in lines:
                self._bar.console.print(printable(line), markup=False, highlight=False)
            done = counts.accepted + counts.refused + counts.withheld + counts.in_doubt
            self._bar.update(self._task, completed=done, total=counts.audience, description=words)
            return
        for line in lines:
            say(line)
        if time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            say(f"{counts.accepted:,} of {counts.audience:,} accepted, {words}")

    def _write_metrics(self, path: Path, counts: Counts, rate: float) -> None:
        """Write the file; where it cannot be, say so once: no message waits for it."""
        try:
            write_metrics(path, counts, rate)
        except OSError as error:
            self._metrics = None
            say(f"{path}: no metrics any more: {error.strerror}")

    def end(self, result: Result) -> None:
        """Say what the run came to."""
        counts, campaign = result.campaign.counts, result.campaign
        if self.as_json:
            self.event("end", {**facts_of(counts), "state": campaign.state.label, "reason": result.reason})
            return
        state = f"{campaign.state.label}: {result.reason}" if result.reason else campaign.state.label
        say(f"{campaign.issue_id} {state}: {summary(counts)}")
        if counts.in_doubt:
            say(
                f"    hint: see {count(counts.in_doubt, 'message')} in doubt with: newsletter status {campaign.issue_id}"
            )
        elif counts.planned:
            say(f"    hint: go on with: newsletter send {campaign.issue_id}")


def facts_of(counts: Counts) -> dict[str, int]:
    """The counts for machines."""
    return {
        "audience": counts.audience,
        "accepted": counts.accepted,
        "refused": counts.refused,
        "withheld": counts.withheld,
        "in_doubt": counts.in_doubt,
        "under_way": counts.under_way,
        "planned": counts.planned,
        "deferred": counts.deferred,
    }


def summary(counts: Counts) -> str:
    """The counts for people; they add up."""
    facts = {name.replace("_", " "): number for name, number in facts_of(counts).items()}
    parts = [f"{facts.pop('accepted'):,} accepted"]
    audience, deferred = facts.pop("audience"), facts.pop("deferred")
    parts += [f"{number:,} {name}" for name, number in facts.items() if number]
    put_off = f" ({deferred:,} put off)" if deferred else ""
    return f"{', '.join(parts)}{put_off}, of {audience:,}"


def write_metrics(path: Path, counts: Counts, rate: float) -> None:
    """The counts as Prometheus's text format, whole or not at all."""
    lines = [
        "# HELP newsletter_deliveries Deliveries of the campaign that is sent, by state.",
        "# TYPE newsletter_deliveries gauge",
        *(f'newsletter_deliveries{{state="{name}"}} {number}' for name, number in facts_of(counts).items()),
        "# HELP newsletter_rate Messages accepted per second in this run.",
        "# TYPE newsletter_rate gauge",
        f"newsletter_rate {rate:.3f}",
    ]
    beside = path.with_name(f"{path.name}.new")
    beside.write_text("\n".join(lines) + "\n", "utf-8")
    os.replace(beside, path)


def _exceptions(counts: Counts) -> str:
    named = {"put off": counts.deferred, "refused": counts.refused, "in doubt": counts.in_doubt}
    return "".join(f", {number:,} {name}" for name, number in named.items() if number)
