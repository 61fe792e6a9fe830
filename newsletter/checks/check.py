"""All checks of one issue, in one list: what each module finds, at the level and without what the publication says.

An error keeps an issue from being sent, a warning does not.  `[check]` in newsletter.toml changes the level of a code for
the publication; `waive` in the front matter of issue.md, or of an article, takes a finding out of one issue, with the
reason why.

Pure, but for the data of clients that comes with the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from newsletter.checks import (
    accessibility,
    clients,
    compliance,
    content,
    css,
    images,
    links,
    message,
    online,
    size,
    spam,
)
from newsletter.checks.finding import Finding, Level
from newsletter.checks.subject import Subject, excerpt_at
from newsletter.config import nearest
from newsletter.errors import ConfigError, IssueError

_OFFLINE = (message, css, size, links, images, content, accessibility, compliance, clients)

#: Every code and what it means.
CODES: Mapping[str, str] = {
    code: meaning[:1].upper() + meaning[1:]
    for module in (*_OFFLINE, online, spam)
    for code, meaning in sorted(module.CODES.items())
}
_ORDER = {Level.ERROR: 0, Level.WARNING: 1}


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks found, errors first; what was waived, with the reasons; `notes` on what they could not know."""

    findings: tuple[Finding, ...]
    waived: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the issue from being sent."""
        return tuple(finding for finding in self.findings if finding.level is Level.ERROR)


def check(subject: Subject) -> Iterator[Finding]:
    """What the checks that need no network find."""
    for module in _OFFLINE:
        yield from module.check(subject)


def settled(
    findings: Iterable[Finding], subject: Subject, levels: Mapping[str, str], *, where: str = ""
) -> Checked:
    """`findings` at the levels that the publication gives them, without what the issue waives.

    `levels` are "error", "warning" or "off" by code, and `where` is their place.  Raises ConfigError or IssueError, if
    there is no such code.
    """
    for code in levels:
        if code not in CODES:
            raise ConfigError(f"there is no check {code}{meant(code)}", where=where)
    for article_id, code in subject.issue.waived:
        if code not in CODES:
            place = subject.sources.key("waive", article_id=article_id)
            raise IssueError(f"there is no check {code}{meant(code)}", where=place)
    kept: list[Finding] = []
    waived: list[tuple[Finding, str]] = []
    for finding in dict.fromkeys(findings):
        level = Level(levels[finding.code]) if finding.code in levels else finding.level
        if level is None or level is Level.OFF:
            continue
        finding = replace(
            finding, level=level, excerpt=finding.excerpt or excerpt_at(subject.sources, finding.where)
        )
        reason = _reason(finding, subject)
        if reason:
            waived.append((finding, reason))
        else:
            kept.append(finding)
    kept.sort(key=lambda finding: _ORDER[finding.level or Level.ERROR])
    return Checked(tuple(kept), tuple(waived))


def _reason(finding: Finding, subject: Subject) -> str:
    """Why the issue, or the article in whose file it is, waives `finding`; empty if it does not."""
    for (article_id, code), reason in subject.issue.waived.items():
        is_there = not article_id or finding.where.rpartition(":")[0] == subject.sources.article(article_id)
        if code == finding.code and (is_there or finding.where == subject.sources.article(article_id)):
            return reason
    return ""


def meant(code: str) -> str:
    """ ", did you mean E131?" for a code that there is not; empty if none is near."""
    near = nearest(code, [known.lower() for known in CODES])
    return f", did you mean {near.upper()}?" if near else ""
