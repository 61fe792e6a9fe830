"""What SpamAssassin makes of the message, where it is installed: its score, and the rules that fired.

It runs on this machine and asks nobody (`-L`), so it knows neither the sender's reputation nor what others report: a low
score is no promise, a high one a warning that costs a second.  Where it is not installed, does not answer in time or
says something else than a score, there is no report and no finding.

    score < 2      nothing
    score >= 2     W209   many filters add points of their own
    score >= 5     E109   SpamAssassin itself takes it for spam, as it is set up nearly everywhere

Source: spamassassin-run(1), version 4.0.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from newsletter.checks.finding import Finding
from newsletter.checks.subject import Sources, Subject
from newsletter.errors import printable

CODES: Mapping[str, str] = {
    "E109": "SpamAssassin takes the message for spam: 5 points or more",
    "W209": "SpamAssassin gives the message 2 points or more",
}

WARNING_SCORE = 2.0
ERROR_SCORE = 5.0
_TIME_LIMIT = timedelta(seconds=30)

_SCORE = re.compile(r"^X-Spam-Status:[^\n]*?\bscore=(-?\d+(?:\.\d+)?)", re.M)
_RULE = re.compile(r"^[ *]?(-?\d+(?:\.\d+)?) ([A-Z][A-Z0-9_]+) +(.*(?:\n {10,}.*)*)", re.M)


@dataclass(frozen=True, slots=True)
class SpamRule:
    """A rule that fired: its points, its name, and what it says."""

    points: float
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class SpamReport:
    """The score of a message, and the rules that fired, the dearest first."""

    score: float
    rules: tuple[SpamRule, ...] = ()


def check(subject: Subject) -> Iterator[Finding]:
    """What SpamAssassin finds in the message; nothing where it is not installed."""
    if report := spam_score(subject.message):
        yield from findings(report, subject.sources)


def spam_score(message: bytes, *, time_limit: timedelta = _TIME_LIMIT) -> SpamReport | None:
    """What SpamAssassin says of `message`; None where it is not installed or gives no score in time."""
    program = shutil.which("spamassassin")
    if not program:
        return None
    try:
        done = subprocess.run(  # noqa: S603  the message goes in as octets, never as an argument
            [program, "-t", "-L"],
            input=message,
            capture_output=True,
            check=False,
            timeout=time_limit.total_seconds(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_report(done.stdout.decode("utf-8", "replace"))


def parse_report(output: str) -> SpamReport | None:
    """The report in what `spamassassin -t` prints, which is the message with its header before and its report behind.

    The first status counts: a message can bring its own, but SpamAssassin takes that out and writes its own before it.
    """
    output = output.replace("\r\n", "\n")
    status = _SCORE.search(re.sub(r"\n[ \t]+", " ", output.partition("\n\n")[0]))
    if not status:
        return None
    table = output.rpartition("\nContent analysis details:")[2]
    rules = [
        SpamRule(float(points), name, printable(" ".join(said.split())))
        for points, name, said in _RULE.findall(table)
        if float(points)
    ]
    return SpamReport(float(status[1]), tuple(sorted(rules, key=lambda rule: (-rule.points, rule.name))))


def findings(report: SpamReport, sources: Sources) -> Iterator[Finding]:
    """W209 or E109, with the rules that cost points."""
    if report.score < WARNING_SCORE:
        return
    said = "; ".join(
        f"{rule.points:g} {rule.name} ({rule.description})" for rule in report.rules if rule.points > 0
    )
    message = (
        f"SpamAssassin gives the message {report.score:g} points (5 are spam): {said or 'no rule named'}"
    )
    hint = "change what the first of these rules speaks of"
    yield Finding("E109" if report.score >= ERROR_SCORE else "W209", sources.issue, message, hint)
