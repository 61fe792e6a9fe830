"""A word on `received("...")` in a segment, where no issue of that name was ever sent: most likely it is misspelt.

It is a note on stderr and never an error: such a segment has an answer, nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from newsletter.cli.say import say
from newsletter.issues.ids import issue_ids
from newsletter.publication import Publication

if TYPE_CHECKING:
    from newsletter.subscribers.segment_terms import Condition


def note_unknown(publication: Publication, *segments: str) -> None:
    """Say of each issue in `segments` that was never sent and has no folder that it is unknown."""
    asked = dict.fromkeys(
        name for text in segments for name in _issues(publication.subscribers.segment(text).condition)
    )
    if not asked:
        return
    from newsletter.store.glance import glance

    with glance(publication.database_place) as ask:
        sent = {row[0] for row in ask("SELECT DISTINCT issue_id FROM campaign", [])}
    there = issue_ids(publication.issues)
    for name in asked:
        if name not in sent and name not in there:
            say(f'note: no issue "{name}" was ever sent')


def _issues(condition: Condition) -> Iterator[str]:
    from newsletter.subscribers.segment_terms import All, AnyOf, Not, Received

    match condition:
        case Received(issue_id):
            yield issue_id
        case Not(part):
            yield from _issues(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _issues(part)
