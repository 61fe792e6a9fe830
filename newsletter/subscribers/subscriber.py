"""A subscriber: who it is, what is known, and where the agreement stands.

    nobody --ask--> PENDING --confirm--> CONFIRMED --bounce--> BOUNCED
       |               ^                  ^ |  |
       +-----add-------|------------------+ |  +--complain--> COMPLAINED
                       +------ask------ LEFT <--leave
    LEFT, BOUNCED --resubscribe (with a reason)--> CONFIRMED          any --erase--> ERASED

Only CONFIRMED is mailed, and only while neither the address nor its domain is suppressed.  A standing changes by an act
of the table MOVES and by nothing else; whoever complained comes back by asking and confirming alone, and whoever was
erased not at all.

Attributes are texts, numbers and booleans; a day is a text, "2026-11-30", which sorts as it should.  A language is a tag
of BCP 47 in its usual case, a time zone a name of the IANA database.

Raises WriterError with what is wrong with a value.  Source: RFC 5646, section 2.1.1.  Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from newsletter.errors import ListError, WriterError, printable
from newsletter.subscribers.address import Address, require_line

#: The value of an attribute.
Attribute = str | int | float | bool
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_LONGEST_NAME = 100
_LONGEST_TEXT = 10_000
#: What a subscriber has beside attributes; an attribute of the same name is not it.
_OWN_FIELDS = frozenset({"email", "name", "language"})
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")


class Standing(IntEnum):
    """Where the agreement stands; the number is what the database stores."""

    PENDING = 0  # asked to join; has not confirmed that it was the person
    CONFIRMED = 1  # agreed, and is mailed
    LEFT = 2  # said no
    BOUNCED = 3  # the mailbox is not there
    COMPLAINED = 4  # called an issue spam
    ERASED = 5  # asked to be forgotten; nothing else is known

    @property
    def label(self) -> str:
        """The word for people: "pending"."""
        return self.name.lower()


class Act(IntEnum):
    """What happens to a subscriber; the number is what the history stores."""

    ASK = 0  # a form was filled in with the address
    CONFIRM = 1  # the link in the mail to the address was followed
    ADD = 2  # somebody who declares the consent put the person on the list: import, API, by hand
    LEAVE = 3
    BOUNCE = 4
    COMPLAIN = 5
    RESUBSCRIBE = 6  # put on again after leaving, with a reason
    CHANGE = 7  # what is known was changed
    SUPPRESS = 8
    LIFT = 9  # is no longer suppressed
    ERASE = 10

    @property
    def label(self) -> str:
        """The word for people: "ask"."""
        return self.name.lower()


_NOT_ERASED = tuple(Standing)[:-1]
#: What an act makes of a standing (None: not on the list).  What is not here is refused; the same standing again is
#: no change, so that a second click does no harm.
MOVES: Mapping[Act, Mapping[Standing | None, Standing]] = {
    Act.ASK: {
        None: Standing.PENDING,
        Standing.PENDING: Standing.PENDING,
        Standing.CONFIRMED: Standing.CONFIRMED,
        Standing.LEFT: Standing.PENDING,
        Standing.BOUNCED: Standing.PENDING,
        Standing.COMPLAINED: Standing.PENDING,
    },
    Act.CONFIRM: {Standing.PENDING: Standing.CONFIRMED, Standing.CONFIRMED: Standing.CONFIRMED},
    Act.ADD: {
        None: Standing.CONFIRMED,
        Standing.PENDING: Standing.CONFIRMED,
        Standing.CONFIRMED: Standing.CONFIRMED,
    },
    Act.LEAVE: {
        Standing.PENDING: Standing.LEFT,
        Standing.CONFIRMED: Standing.LEFT,
        Standing.LEFT: Standing.LEFT,
        Standing.BOUNCED: Standing.LEFT,
        Standing.COMPLAINED: Standing.COMPLAINED,
    },
    Act.BOUNCE: {
        Standing.PENDING: Standing.BOUNCED,
        Standing.CONFIRMED: Standing.BOUNCED,
        Standing.LEFT: Standing.LEFT,
        Standing.BOUNCED: Standing.BOUNCED,
        Standing.COMPLAINED: Standing.COMPLAINED,
    },
    Act.COMPLAIN: {
        Standing.PENDING: Standing.COMPLAINED,
        Standing.CONFIRMED: Standing.COMPLAINED,
        Standing.LEFT: Standing.COMPLAINED,
        Standing.BOUNCED: Standing.COMPLAINED,
        Standing.COMPLAINED: Standing.COMPLAINED,
    },
    Act.RESUBSCRIBE: {Standing.LEFT: Standing.CONFIRMED, Standing.BOUNCED: Standing.CONFIRMED},
    Act.CHANGE: {standing: standing for standing in _NOT_ERASED},
    Act.SUPPRESS: {standing: standing for standing in _NOT_ERASED},
    Act.LIFT: {standing: standing for standing in _NOT_ERASED},
    Act.ERASE: dict.fromkeys(Standing, Standing.ERASED),
}

#: Why an act is refused, and what to do instead, by the standing that forbids it.
_REFUSALS: Mapping[Standing | None, tuple[str, str]] = {
    None: ("is not on the list", "newsletter subscribers add ADDRESS --source WORDS"),
    Standing.PENDING: ("has not confirmed yet", "wait for the confirmation"),
    Standing.CONFIRMED: ("is confirmed already", ""),
    Standing.LEFT: ("has left", 'only with a reason: --resubscribe "asked by telephone to be put on again"'),
    Standing.BOUNCED: ("has bounced", 'only with a reason: --resubscribe "the mailbox is there again"'),
    Standing.COMPLAINED: (
        "has complained",
        "only the person's own subscription and confirmation brings it back",
    ),
    Standing.ERASED: ("was erased", ""),
}


def move(standing: Standing | None, act: Act, *, who: str) -> Standing:
    """The standing after `act`.  Raises ListError, if `who` has a standing that does not allow it."""
    try:
        return MOVES[act][standing]
    except KeyError:
        cause, hint = _REFUSALS[standing]
        raise ListError(cause, where=who, hint=hint) from None


@dataclass(frozen=True, slots=True)
class Consent:
    """How a person agreed: `how` (form, import, api, by hand), where from, with which words shown, and when.

    Without `at`, when it is written down.
    """

    how: str
    source: str
    words: str = ""
    at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.how.strip() or not self.source.strip():
            raise WriterError(
                "a consent without a source",
                hint='say how the person agreed: --source "paper form, summer fair 2026"',
            )
        for text in (self.how, self.source, self.words):
            _require_stored(text, "the consent")
        if self.at and self.at.tzinfo is None:
            raise WriterError("the time of a consent has no time zone", hint="2026-11-30T12:00:00+01:00")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a person apart from the address; `parse_profile` makes one of what comes from outside.

    What is stored was checked when it came in: what was a time zone then need not be one now.
    """

    name: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict, hash=False)
    tags: frozenset[str] = frozenset()

    def merged(self, news: Profile) -> Profile:
        """This profile with what `news` knows: a text that is not empty replaces, attributes and tags are added."""
        return Profile(
            news.name or self.name,
            news.language or self.language,
            news.time_zone or self.time_zone,
            {**self.attributes, **news.attributes},
            self.tags | news.tags,
        )


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One person on the list.  Of one who was erased the address is None and the profile empty."""

    id: int
    address: Address | None
    profile: Profile
    standing: Standing
    suppressed: bool
    generation: int
    joined_at: datetime
    changed_at: datetime

    @property
    def is_mailed(self) -> bool:
        """Whether issues go to this person."""
        return self.standing is Standing.CONFIRMED and not self.suppressed


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a subscriber's history."""

    number: int
    at: datetime
    act: Act
    consent: Consent | None = None
    note: str = ""


def parse_profile(
    name: str = "",
    language: str = "",
    time_zone: str = "",
    attributes: Mapping[str, object] | None = None,
    tags: Iterable[str] = (),
) -> Profile:
    """The profile with these values, each in its usual form.  Raises WriterError with the first that is wrong."""
    require_line(name, "a name")
    return Profile(
        name.strip(),
        parse_language(language),
        parse_time_zone(time_zone),
        parse_attributes(attributes or {}),
        frozenset(map(parse_tag, tags)),
    )


def parse_tag(text: str) -> str:
    """The tag that `text` is, without spaces around it.  Raises WriterError, if it is none."""
    tag = text.strip(" ")
    require_line(tag, "a tag")
    if not tag or len(tag) > _LONGEST_NAME:
        raise WriterError(f"a tag has 1 to {_LONGEST_NAME} characters: {printable(tag[:40])!r}")
    return tag


@lru_cache(maxsize=1024)
def parse_language(text: str) -> str:
    """The language tag that `text` is, in its usual case (`de-CH`, `zh-Hant`).  Raises WriterError, if it is none."""
    tag = text.strip(" ").replace("_", "-")
    if not tag:
        return ""
    if not _LANGUAGE.fullmatch(tag):
        raise WriterError(
            f"not a language: {printable(text[:40])!r}", hint='a tag such as "en", "de-CH", "zh-Hant"'
        )
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *_cased(rest)])


def _cased(subtags: Iterable[str]) -> Iterable[str]:
    single = False  # what follows a single letter is an extension, in lower case
    for subtag in subtags:
        single = single or len(subtag) == 1
        if single or not subtag.isalpha() or len(subtag) not in (2, 4):
            yield subtag.lower()
        else:
            yield subtag.upper() if len(subtag) == 2 else subtag.title()


@lru_cache(maxsize=1024)
def parse_time_zone(text: str) -> str:
    """The name of the time zone that `text` is: `Europe/Zurich`.  Raises WriterError, if there is none."""
    name = text.strip(" ")
    if not name:
        return ""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:  # no such zone, or not a name that a zone could have
        raise WriterError(
            f"not a time zone: {printable(text[:40])!r}", hint='a name such as "Europe/Zurich"'
        ) from error
    return name


def parse_attributes(attributes: Mapping[str, object]) -> Mapping[str, Attribute]:
    """The attributes, every name one line of text, every value a text, a number or a boolean.

    Raises WriterError, if one is not.
    """
    return {_attribute_name(name): _attribute(name, value) for name, value in attributes.items()}


@lru_cache(maxsize=1024)
def _attribute_name(name: str) -> str:
    require_line(name, "the name of an attribute")
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise WriterError(
            f"the name of an attribute has 1 to {_LONGEST_NAME} characters: {printable(name[:40])!r}"
        )
    return name.strip()


def _attribute(name: str, value: object) -> Attribute:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > 100 or not value.isprintable():  # the others need no second look
            _require_stored(value, f"the attribute {name}")
        return value
    # A number that both databases and every reader of JSON take for the same: RFC 8259, section 6.
    if isinstance(value, int) and abs(value) < 2**53 or isinstance(value, float) and math.isfinite(value):
        return value
    raise WriterError(
        f"the attribute {printable(name)} is neither a text nor a number nor true or false: {printable(str(value)[:40])}",
        hint='write lists and very large numbers as text: "red, green"',
    )


def _require_stored(text: str, what: str) -> None:
    if match := _NOT_STORED.search(text):
        raise WriterError(
            f"{printable(what)} has the character U+{ord(match[0]):04X}, which no database keeps"
        )
    if len(text) > _LONGEST_TEXT:
        raise WriterError(f"{printable(what)} is longer than {_LONGEST_TEXT:,} characters")


def write_attributes(attributes: Mapping[str, Attribute]) -> str:
    """The attributes as the database stores them: JSON, the names in order, so that the same are the same text."""
    return _ENCODER.encode(attributes) if attributes else "{}"


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def attribute_fields(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    """Attributes as the merge fields that they fill; what every subscriber has is not among them."""
    return {
        f"subscriber.{name}": ("yes" if value else "no") if isinstance(value, bool) else str(value)
        for name, value in attributes.items()
        if name not in _OWN_FIELDS
    }
