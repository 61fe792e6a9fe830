"""Who looks at an issue before it is sent: a made-up recipient, or a subscriber of whom the list knows more.

What a reader has fills the merge fields, and decides which variant of the issue it is; so a preview, or a test to oneself,
is what an issue to the list would be.

Raises StoreError, if the list cannot be read, WriterError, if a theme asks for something that is no segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from newsletter.errors import StoreError
from newsletter.subscribers.address import Mailbox
from newsletter.subscribers.subscriber import attribute_fields

if TYPE_CHECKING:
    from newsletter.subscribers.subscriber_list import SubscriberList  # SQLAlchemy takes its time


@dataclass(frozen=True, slots=True)
class Reader:
    """A mailbox, what else fills merge fields, the segments that count.

    If it is on the list, `subscriber_id` is its number, and `standing` the word for where the agreement stands.
    """

    mailbox: Mailbox
    attributes: Mapping[str, str] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    subscriber_id: int | None = None
    standing: str = ""

    def __str__(self) -> str:
        name, address = self.mailbox.name, self.mailbox.address
        return f"{name} <{address}>" if name else str(address)


def listed_reader(people: SubscriberList, mailbox: Mailbox) -> Reader | None:
    """The subscriber at the address of `mailbox`, as yet in no segment; None, if there is none."""
    found = people.find(mailbox.address)
    if found is None or found.address is None:
        return None
    profile = found.profile
    fields = {"subscriber.language": profile.language} | attribute_fields(profile.attributes)
    standing = "suppressed" if found.suppressed else found.standing.label
    known = Mailbox(profile.name or mailbox.name, found.address)
    return Reader(known, fields, subscriber_id=found.id, standing=standing)


def known_reader(
    people: SubscriberList | None,
    mailbox: Mailbox,
    asked: Callable[[frozenset[str]], Iterable[str]] | None,
) -> Reader:
    """What the list, if there is one, knows of `mailbox`; the mailbox alone, if that is nothing.

    `asked` is as in `segments_for`; None: segments do not count.
    """
    found = listed_reader(people, mailbox) if people else None
    if people is None or found is None or found.subscriber_id is None:
        return Reader(mailbox)
    return replace(found, segments=segments_for(people, found.subscriber_id, asked)) if asked else found


def segments_for(
    people: SubscriberList, subscriber_id: int, asked: Callable[[frozenset[str]], Iterable[str]]
) -> frozenset[str]:
    """The segments by which the variant for a subscriber is built.

    `asked` are those that the variant for some segments asks for: one may stand within the answer to another.
    """
    known: set[str] = set()
    inside: frozenset[str] = frozenset()
    while new := [name for name in asked(inside) if name not in known]:
        known.update(new)
        inside |= people.segments_of(subscriber_id, new)
    return inside


def mailbox_domains(
    people: Callable[[], SubscriberList | None],
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """How many mailboxes of the list, if there is one, are at which domain; a note why, where that cannot be said."""
    try:
        found = people()
        return (found.domains() if found else {}), ()
    except StoreError as error:
        why = f"{error.where}: {error.message}"
        return {}, (f"which email clients your readers use is not estimated: {why}",)
