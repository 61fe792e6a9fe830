"""What one row of somebody's table says of one subscriber.

Two rows with one address are one person: of names, attributes and the like the last that is not empty stands, tags are
put together, the earliest day of joining counts, and of two standings the one that asks for less mail: who left in one row
has left.  (Confirmed beats pending: somebody once did agree.)  The outcome is the same however the rows are spread.

A row that cannot be trusted raises `BadEntry` with the reason.  Pure: the clock is an argument.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from newsletter.errors import WriterError
from newsletter.subscribers.address import parse_address, split_plain
from newsletter.subscribers.cells import unguard
from newsletter.subscribers.columns import Layout, Target
from newsletter.subscribers.subscriber import (
    Act,
    Standing,
    parse_attributes,
    parse_language,
    parse_tag,
    parse_time_zone,
)

#: Of two standings the later one in this list holds; the same as their acts one after the other, in any order (MOVES).
SEVERITY = (
    Standing.PENDING,
    Standing.CONFIRMED,
    Standing.BOUNCED,
    Standing.LEFT,
    Standing.COMPLAINED,
)
#: Who is not to be mailed, whatever else is wrong with the row.
REFUSALS = frozenset(SEVERITY[2:])
#: The words for a standing in exports, without regard to case.
STANDING_WORDS: Mapping[str, Standing] = {
    **dict.fromkeys("pending unconfirmed unactivated unverified".split(), Standing.PENDING),
    **dict.fromkeys("confirmed subscribed active enabled verified".split(), Standing.CONFIRMED),
    **dict.fromkeys(
        "left unsubscribed inactive cancelled canceled removed deleted disabled blocklisted blocked".split(),
        Standing.LEFT,
    ),
    **dict.fromkeys("bounced cleaned undeliverable invalid bouncing".split(), Standing.BOUNCED),
    **dict.fromkeys("complained complaint complaints spam junk".split(), Standing.COMPLAINED),
    "opted out": Standing.LEFT,
    "hard bounced": Standing.BOUNCED,
    "marked as spam": Standing.COMPLAINED,
}
MAX_NAME = 300
MAX_TAGS = 200

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: What neither database can keep.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_YES = frozenset("yes y true t 1 on x".split())
_NO = frozenset("no n false f 0 off".split()) | {""}
_DAY_MONTH = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(?:[ ,]+(\d{1,2}:\d\d(?::\d\d)?))?")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


class BadEntry(ValueError):
    """A row that is not imported; its text is the reason."""


@dataclass(slots=True)
class Entry:
    """One person as a table has them: what is empty is not said.  Times are seconds since 1970."""

    key: str
    email: str
    domain: str
    name: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    standing: Standing | None = None
    joined_at: int | None = None
    suppressed: bool = False
    consent: dict[str, Any] | None = None  # as an export of ours writes it
    history: list[dict[str, Any]] | None = None

    def merge(self, later: Entry) -> None:
        """Take in what a later row says of the same person."""
        self.name = later.name or self.name
        self.language = later.language or self.language
        self.time_zone = later.time_zone or self.time_zone
        self.attributes.update(later.attributes)
        self.tags.update(later.tags)
        self.standing = worse(self.standing, later.standing)
        if later.joined_at is not None:
            self.joined_at = min(later.joined_at, self.joined_at or later.joined_at)
        self.suppressed = self.suppressed or later.suppressed
        self.consent = later.consent or self.consent
        self.history = later.history or self.history


def worse(one: Standing | None, other: Standing | None) -> Standing | None:
    """Of two standings the one that asks for less mail; None says nothing."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=SEVERITY.index)


class EntryReader:
    """Rows of one layout -> entries."""

    def __init__(self, layout: Layout, now: datetime) -> None:
        self.now = int(now.timestamp())
        self.is_guarded = layout.is_guarded
        self.standings = layout.standings
        self.standing = Standing[layout.standing.upper()] if layout.standing else None
        self.headers = layout.headers
        targets = list(zip(layout.headers, layout.targets, strict=True))
        self.email_at = next(at for at, (_, target) in enumerate(targets) if target.field == "email")
        self.plan = [
            (at, _SETTERS[target.field], target.name or target.field)
            for at, (_, target) in enumerate(targets)
            if target.field not in ("-", "email")
        ]
        self.by_header = {header: target for header, target in targets if target.field != "email"}
        # Cells of these kinds are the same again and again.
        self.word = lru_cache(maxsize=1000)(self._standing)
        self.tags = lru_cache(maxsize=10_000)(self._tags)
        self.language = lru_cache(maxsize=1000)(lambda text: parse_language(_line(text, "the language", 60)))
        self.zone = lru_cache(maxsize=1000)(lambda text: parse_time_zone(_line(text, "the time zone", 60)))

    def from_cells(self, cells: Sequence[str]) -> Entry:
        """The entry of a row of cells.  Raises BadEntry with the reason, if there is none."""
        if self.is_guarded:
            cells = [unguard(cell) for cell in cells]
        entry = self._start(cells[self.email_at])
        try:
            for at, set_field, name in self.plan:
                if cell := cells[at] if self.is_guarded else cells[at].strip():
                    set_field(self, entry, name, cell)
            return self._finish(entry)
        except (BadEntry, WriterError):
            return self._salvaged(cells[self.email_at], [(f, name, cells[at]) for at, f, name in self.plan])

    def from_object(self, values: Mapping[str, Any]) -> Entry:
        """The entry of a JSON object; what the layout does not know of becomes an attribute."""
        header = self.headers[self.email_at]
        email = values.get(header)
        if not isinstance(email, str):
            raise BadEntry(f"has no {header}")
        said = []
        for key, value in values.items():
            if key != header and value is not None and value != "":
                target = self.by_header.get(key) or Target("attribute", key)
                said.append((_SETTERS[target.field], target.name or target.field, value))
        entry = self._start(email)
        try:
            for set_field, name, value in said:
                set_field(self, entry, name, value)
            return self._finish(entry)
        except (BadEntry, WriterError):
            return self._salvaged(email, said)

    def _salvaged(self, email: str, said: list[tuple[_Setter, str, Any]]) -> Entry:
        """The entry without what is wrong in it, if it says "no", which is never lost to a bad cell beside it.

        Raises BadEntry for every other.
        """
        entry, cause = self._start(email), ""
        for set_field, name, value in said:
            try:
                if value:
                    set_field(self, entry, name, value)
            except (BadEntry, WriterError) as error:
                cause = cause or (error.message if isinstance(error, WriterError) else str(error))
        try:
            self._finish(entry)
        except WriterError as error:
            cause = cause or error.message
            entry.attributes = {}
        if entry.standing not in REFUSALS:
            raise BadEntry(cause)
        return entry

    def _start(self, email: str) -> Entry:
        email = email.strip()
        if plain := split_plain(email):
            local, domain = plain
            return Entry(f"{local.lower()}@{domain}", f"{local}@{domain}", domain, standing=self.standing)
        if not email:
            raise BadEntry("has no address")
        try:
            address = parse_address(email)
        except WriterError as error:
            raise BadEntry(error.message) from error
        return Entry(address.key, str(address), address.domain, standing=self.standing)

    def _finish(self, entry: Entry) -> Entry:
        attributes = entry.attributes
        if attributes:
            if not entry.name:
                names = (attributes.get("first_name"), attributes.get("last_name"))
                entry.name = " ".join(str(name) for name in names if name)[:MAX_NAME]
            entry.attributes = dict(parse_attributes(attributes))
        return entry

    def _set_name(self, entry: Entry, name: str, value: Any) -> None:
        entry.name = _line(value, "the name", MAX_NAME).strip()

    def _set_part(self, entry: Entry, name: str, value: Any) -> None:
        entry.attributes[name] = _line(value, "the name", MAX_NAME)

    def _set_language(self, entry: Entry, name: str, value: Any) -> None:
        entry.language = self.language(_text(value, "the language"))

    def _set_zone(self, entry: Entry, name: str, value: Any) -> None:
        entry.time_zone = self.zone(_text(value, "the time zone"))

    def _standing(self, word: str) -> Standing:
        lower = word.strip().lower()
        if name := self.standings.get(lower):
            return Standing[name.upper()]
        if lower in STANDING_WORDS:
            return STANDING_WORDS[lower]  # PENDING is 0
        raise BadEntry(f"{word[:40]!r} is no standing that we know")

    def _set_standing(self, entry: Entry, name: str, value: Any) -> None:
        entry.standing = worse(entry.standing, self.word(str(value)))

    def _set_subscribed(self, entry: Entry, name: str, value: Any) -> None:
        standing = Standing.CONFIRMED if _boolean(value, name) else Standing.LEFT
        entry.standing = worse(entry.standing, standing)

    def _set_gone(self, entry: Entry, name: str, value: Any) -> None:
        if str(value).strip().lower() not in _NO:
            entry.standing = worse(entry.standing, Standing[name.upper()])

    def _set_joined(self, entry: Entry, name: str, value: Any) -> None:
        at = min(seconds(str(value)), self.now)
        entry.joined_at = at if entry.joined_at is None else min(at, entry.joined_at)

    def _tags(self, text: str) -> tuple[str, ...]:
        return tuple(parse_tag(_line(tag, "a tag", MAX_NAME)) for tag in split_tags(text))

    def _set_tags(self, entry: Entry, name: str, value: Any) -> None:
        written = value if isinstance(value, str) else json.dumps(value)
        entry.tags.update(dict.fromkeys(self.tags(written)))
        if len(entry.tags) > MAX_TAGS:
            raise BadEntry(f"has more than {MAX_TAGS} tags")

    def _set_attributes(self, entry: Entry, name: str, value: Any) -> None:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise BadEntry("its attributes are not JSON") from error
        if not isinstance(value, dict):
            raise BadEntry("its attributes are not a JSON object")
        for key, one in value.items():
            if one is not None:
                entry.attributes[key] = _flat(one)

    def _set_attribute(self, entry: Entry, name: str, value: Any) -> None:
        entry.attributes[name] = _flat(value)

    def _set_number(self, entry: Entry, name: str, value: Any) -> None:
        text = str(value).strip()
        if isinstance(value, bool) or not _NUMBER.fullmatch(text):
            raise BadEntry(f"{text[:40]!r} is no number ({name})")
        entry.attributes[name] = float(text) if "." in text else int(text)

    def _set_boolean(self, entry: Entry, name: str, value: Any) -> None:
        entry.attributes[name] = _boolean(value, name)

    def _set_suppressed(self, entry: Entry, name: str, value: Any) -> None:
        entry.suppressed = _boolean(value, name)

    def _set_consent(self, entry: Entry, name: str, value: Any) -> None:
        entry.consent = _past(value, dict, "consent")

    def _set_history(self, entry: Entry, name: str, value: Any) -> None:
        entry.history = _past(value, list, "history")


_Setter = Callable[[EntryReader, Entry, str, Any], None]
_ACTS = frozenset(act.label for act in Act)
_SETTERS: Mapping[str, _Setter] = {
    "name": EntryReader._set_name,
    "first_name": EntryReader._set_part,
    "last_name": EntryReader._set_part,
    "language": EntryReader._set_language,
    "time_zone": EntryReader._set_zone,
    "standing": EntryReader._set_standing,
    "subscribed": EntryReader._set_subscribed,
    "left": EntryReader._set_gone,
    "bounced": EntryReader._set_gone,
    "complained": EntryReader._set_gone,
    "joined": EntryReader._set_joined,
    "tags": EntryReader._set_tags,
    "attributes": EntryReader._set_attributes,
    "suppressed": EntryReader._set_suppressed,
    "consent": EntryReader._set_consent,
    "history": EntryReader._set_history,
    "attribute": EntryReader._set_attribute,
    "number": EntryReader._set_number,
    "boolean": EntryReader._set_boolean,
    "-": lambda *_: None,
}


def _text(value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    raise BadEntry(f"{what} is no text")


def _line(value: Any, what: str, longest: int) -> str:
    text = _text(value, what)
    if len(text) > longest:
        raise BadEntry(f"{what} is longer than {longest} characters")
    if text.isprintable() or not _CONTROL.search(text):
        return text
    text = " ".join(text.split())
    if _CONTROL.search(text):
        raise BadEntry(f"{what} has a control character")
    return text


def _flat(value: Any) -> Any:
    """An attribute's value; what is more than a text, a number or a boolean is kept as its JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _boolean(value: Any, name: str) -> bool:
    word = str(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadEntry(f"{word[:40]!r} is neither yes nor no ({name})")


def split_tags(text: str) -> list[str]:
    """The tags in a cell: a JSON list, or names with , ; or | between them, in quotes where they hold one of these."""
    if text.startswith("["):
        try:
            # Kit and Ghost write objects: {"id": 1, "name": "VIP"}
            found = [tag.get("name", "") if isinstance(tag, dict) else tag for tag in json.loads(text)]
            return [str(tag) for tag in found if tag]
        except (ValueError, RecursionError):
            pass
    if '"' in text:  # Mailchimp: "VIP","Spring, 2026"
        return [tag.strip() for tag in next(csv.reader([text], skipinitialspace=True), []) if tag.strip()]
    return [tag.strip() for tag in re.split(r"[,;|]", text) if tag.strip()]


@lru_cache(maxsize=4096)
def seconds(text: str) -> int:
    """The instant that `text` is, in seconds since 1970; without a time zone it is in UTC.

    Raises BadEntry, if it is none, or one of two days.
    """
    text = text.strip()
    try:
        at = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace("/", "-"))
    except ValueError:
        at = _written(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at.year < 1971 or at.year > 9000:
        raise BadEntry(f"joined in {at.year}")
    return int(at.timestamp())


def _written(text: str) -> datetime:
    if found := _DAY_MONTH.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if found[2] == "/" and first <= 12 and second <= 12 and first != second:
            raise BadEntry(f"{text!r} may be the {first}th of a month or the {second}th: write 2026-10-01")
        day, month = (first, second) if found[2] == "." or first > 12 else (second, first)
        try:
            day_text = date(year, month, day).isoformat()
            return datetime.fromisoformat(f"{day_text} {(found[5] or '00:00').zfill(5)}")
        except ValueError as error:
            raise BadEntry(f"there is no day {text!r}") from error
    for form in ("%b %d, %Y", "%B %d, %Y", "%b %d, %Y %I:%M %p", "%Y-%m-%d %H:%M:%S %z"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise BadEntry(f"{text[:40]!r} is no day: write 2026-10-01")


def _past(value: Any, kind: type, what: str) -> Any:
    """What an export of ours says of the past, checked as far as it is used."""
    try:
        known = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise BadEntry(f"its {what} is not JSON") from error
    for act in known if isinstance(known, list) else [known]:
        if not isinstance(known, kind) or not isinstance(act, dict):
            raise BadEntry(f"its {what} is not as an export writes it")
        texts = [act.get(name, "") for name in ("how", "source", "words", "act", "note")]
        if not isinstance(act.get("at"), str) or not all(isinstance(text, str) for text in texts):
            raise BadEntry(f"its {what} is not as an export writes it")
        if any(_UNKEPT.search(text) for text in texts):
            raise BadEntry(f"its {what} has characters that cannot be kept")
        if "act" in act and act["act"] not in _ACTS:
            raise BadEntry(f"its {what} has an act that we do not know: {act['act'][:40]!r}")
        seconds(act["at"])
    return known
