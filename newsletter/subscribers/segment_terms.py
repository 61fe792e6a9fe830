"""What a segment is made of, once its text is read: conditions on one subscriber, joined by and, or, not.

Every condition is true or false of every subscriber, never unknown: one who has no attribute `country` is not
`country = "CH"` and not `country in ("CH", "AT")`, and is `country != "CH"`.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

#: What stands in a segment as a value.  A date is a day in UTC, a duration is how long ago.
Value = str | int | float | bool | date | timedelta


class Operator(StrEnum):
    """How a field and a value are compared; all others are made of these with `not`."""

    EQUAL = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    MORE = ">"
    MORE_OR_EQUAL = ">="
    CONTAINS = "contains"
    STARTS = "starts"


@dataclass(frozen=True, slots=True)
class Field:
    """Something known of a subscriber: a column of ours by its name, or an attribute by its own."""

    name: str
    is_attribute: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A field beside a value."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field whose value is one of several."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IsSet:
    """A field that is not empty."""

    field: Field


@dataclass(frozen=True, slots=True)
class Tagged:
    """A subscriber who has a tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class Received:
    """A subscriber for whom a server accepted an issue."""

    issue_id: str


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every one of several conditions; of none: everybody."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of several conditions."""

    parts: tuple[Condition, ...]


Condition = Compared | OneOf | IsSet | Tagged | Received | Not | All | AnyOf
