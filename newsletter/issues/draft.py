"""Which articles are new, and the issue that a draft makes of them.

New is what no earlier issue holds, by id, canonical URL or content.  A first draft takes the newest ten and leaves the
rest of the blog's archive out: the issue says so in its front matter (`not_before`), and later drafts keep to it until
a person deletes the line or asks with --since.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from newsletter.articles.article import Article, Known, one_line, text_of
from newsletter.issues.issue import Issue, new_id

#: How many articles a draft takes unless asked for more.
NEWEST = 10
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a draft takes, newest first, and why the others are not in it."""

    taken: tuple[Article, ...]
    left: int = 0  # new, but over the number asked for: the next draft takes them
    older: int = 0  # not in an issue, but older than --since or not_before
    not_before: datetime | None = None  # set where a first draft left out what is older


def choose(
    articles: Iterable[Article],
    used: Iterable[Article],
    *,
    first: bool,
    since: datetime | None = None,
    not_before: datetime | None = None,
    most: int | None = None,
) -> Choice:
    """The new ones among `articles`.

    `since` is what the user asked for, `not_before` what the first issue remembers; posts without a date are never
    too old.  `first` says that there is no issue yet.
    """
    known = Known(used)
    fresh: list[Article] = []
    for article in articles:
        if article not in known:
            known.add(article)
            fresh.append(article)
    oldest = since or not_before
    recent = [a for a in fresh if not (oldest and a.published and a.published < oldest)]
    recent.sort(key=lambda a: a.published or _LONG_AGO, reverse=True)
    number = NEWEST if most is None else most
    taken, rest = recent[:number], recent[number:]
    choice = Choice(tuple(taken), left=len(rest), older=len(fresh) - len(recent))
    dates = [a.published for a in taken if a.published]
    if first and rest and most is None and since is None and dates:
        archive = sum(1 for a in rest if a.published and a.published < min(dates))
        return Choice(
            choice.taken, left=len(rest) - archive, older=choice.older + archive, not_before=min(dates)
        )
    return choice


def compose(choice: Choice, *, name: str, day: date, taken_ids: Iterable[str], issue_id: str = "") -> Issue:
    """The issue for `choice`: subject and preheader are a first proposal from the lead and the others."""
    lead = choice.taken[0]
    headline = lead.title or _beginning(lead.summary or text_of(lead.html), 60) or name
    others = [article.title for article in choice.taken[1:] if article.title]
    preheader = (
        _beginning("; ".join(others), 120) if others else _beginning(lead.summary or text_of(lead.html), 120)
    )
    return Issue(
        id=issue_id or new_id(day, headline, taken_ids),
        subject=_beginning(one_line(headline), 90),
        preheader=preheader,
        date=day,
        articles=choice.taken,
        not_before=choice.not_before,
    )


def _beginning(text: str, longest: int) -> str:
    """The first words of `text`, `longest` characters at most."""
    text = one_line(text)
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    return (cut[: cut.rfind(" ")] if " " in cut[longest // 2 :] else cut).rstrip(" ,;:.-–—") + "…"
