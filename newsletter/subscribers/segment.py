"""A segment: a question asked of the subscriber list, in a small language that is not SQL.

    tag:pro and country in ("CH", "AT") and joined < 30d and not received("2026-10-01-autumn") and domain = "gmail.com"

    segment    = and-part {"or" and-part}
    and-part   = not-part {"and" not-part}
    not-part   = "not" not-part | "(" segment ")" | condition
    condition  = "tag:" NAME | "@" NAME | "segment:" NAME | "received(" TEXT ")" | "everybody"
               | field ("=" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "starts") value
               | field ["not"] "in" "(" value {"," value} ")" | field "is" ["not"] "set"
    field      = email name domain language time_zone standing joined tags, or an attribute: NAME | "attribute:" NAME
    value      = "text" | 12.5 | true | false | 2026-10-01 | 30d 12h 6w

Whatever the text is, the outcome is a `Segment` or a `WriterError` with a caret below the place, never SQL made of it:
a segment's SQL holds its values as parameters alone.  Segments by name come from `[segments]` in newsletter.toml.

Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from newsletter.config import nearest
from newsletter.errors import WriterError
from newsletter.subscribers.segment_terms import (
    All,
    AnyOf,
    Compared,
    Condition,
    Field,
    IsSet,
    Not,
    OneOf,
    Operator,
    Received,
    Tagged,
    Value,
)
from newsletter.subscribers.subscriber import Standing

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

#: The fields that every subscriber has, and what each is compared with.
FIELDS: Mapping[str, str] = {
    "email": "a text",
    "name": "a text",
    "domain": "a text",
    "language": "a text",
    "time_zone": "a text",
    "standing": "a standing",
    "joined": "a date or a duration",
    "tags": "a tag",
}
STANDINGS: Mapping[str, Standing] = {standing.name.lower(): standing for standing in Standing}
#: Words that mean something by themselves and so are no attributes, unless `attribute:` stands before them.
WORDS = frozenset("and or not in is set contains starts true false received everybody".split())
MAX_LENGTH = 4000
MAX_DEPTH = 30
MAX_CONDITIONS = 200

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<prefix>tag:|segment:|attribute:|@)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<date>\d{4}-\d\d-\d\d(?![\w-]))
    | (?P<duration>\d+[hdw](?!\w))
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[^\W\d]\w*)
    | (?P<operator>!=|<=|>=|=|<|>)
    | (?P<mark>[(),])""",
    re.X | re.S,
)
_NAME = re.compile(r"""[^\s()"',;&|=<>!]+""")
#: What no column holds and a database would choke on.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=36500)
_OPERATORS = {"=", "!=", "<", "<=", ">", ">=", "contains", "starts"}
_ORDERED = {Operator.LESS, Operator.LESS_OR_EQUAL, Operator.MORE, Operator.MORE_OR_EQUAL}


@dataclass(frozen=True, slots=True)
class Segment:
    """A question that was understood: its text and what it asks."""

    text: str
    condition: Condition

    def sql(self, dialect: str, now: datetime) -> ColumnElement[bool]:
        """The condition on `tables.subscriber` for "sqlite" or "postgresql"; `joined < 30d` counts back from `now`."""
        from newsletter.subscribers.segment_sql import (
            compile_condition,
        )  # 160 ms, and parsing needs none of it

        return compile_condition(self.condition, dialect, now)


def parse_segment(text: str, *, named: Mapping[str, str] | None = None, where: str = "") -> Segment:
    """The segment that `text` asks for; `named` are the segments that may stand in it as `@name`.

    An empty text asks for everybody.  Raises WriterError (at `where`), if it is not in the language.
    """
    return Segment(text, _Parser(text, named or {}, where, ()).segment())


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class _Parser:
    """One text on its way to a condition; `inside` are the names of the segments that lead to it."""

    def __init__(self, text: str, named: Mapping[str, str], where: str, inside: tuple[str, ...]) -> None:
        self.text, self.named, self.where, self.inside = text, named, where, inside
        self.depth = len(inside)
        self.conditions = 0
        if len(text) > MAX_LENGTH:
            raise WriterError(
                f"a segment of {len(text):,} characters; {MAX_LENGTH:,} are allowed", where=where
            )
        if found := _CONTROL.search(text):
            self.fail(found.start(), f"the character U+{ord(found[0]):04X} cannot stand in a segment")
        self.tokens = list(self._tokens())
        self.at = 0

    def _tokens(self) -> Iterator[_Token]:
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if not found:
                self.unreadable(at)
            kind = found.lastgroup or ""
            if kind != "space":
                yield _Token(kind, found[0], at)
            at = found.end()
            if kind == "prefix" and (name := _NAME.match(self.text, at)):
                yield _Token("name", name[0], at)
                at = name.end()
        yield _Token("end", "", len(self.text.rstrip()))

    def unreadable(self, at: int) -> NoReturn:
        rest = self.text[at:]
        if rest[0] in "\"'":
            self.fail(at, "the text is not closed", f"end it with {rest[0]}")
        if digits := re.match(r"-?\d[\w.-]*", rest):
            hint = "30d, 12h and 6w are durations, 2026-10-01 is a date, texts stand in quotes"
            self.fail(at, f"{digits[0]!r} is no number, date or duration", hint)
        hints = {
            ":": "known before a colon: tag:, segment:, attribute:",
            "&": "write and",
            "|": "write or",
            "!": "write not",
            ";": "a segment is one question",
        }
        self.fail(at, f"{rest[0]!r} means nothing here", hints.get(rest[0], ""))

    # What stands next.

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str, kind: str = "") -> _Token | None:
        """The next token, gone past, if it is one of `texts` or of a kind; words in any case."""
        token = self.next
        if token.kind == kind or (token.kind in ("word", "operator", "mark") and token.text.lower() in texts):
            self.at += 1
            return token
        return None

    def need(self, text: str, hint: str = "") -> None:
        if not self.take(text):
            self.fail(self.next.start, f"{text!r} is missing before {self.found()}", hint)

    def found(self) -> str:
        return repr(self.next.text) if self.next.kind != "end" else "the end"

    def fail(self, at: int, message: str, hint: str = "") -> NoReturn:
        begin = self.text.rfind("\n", 0, at) + 1
        line = self.text[begin:].split("\n")[0].replace("\t", " ")
        width = sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in line[: at - begin])
        place = " in ".join(f"segment {name!r}" for name in reversed(self.inside))
        where = ", ".join(part for part in (self.where, place) if part)
        raise WriterError(message, where=where or "segment", excerpt=f"{line}\n{' ' * width}^", hint=hint)

    # The grammar, one method a rule.

    def segment(self) -> Condition:
        if self.next.kind == "end":
            return All(())
        condition = self.any_of()
        if self.next.kind != "end":
            if self.next.text == ")":
                self.fail(self.next.start, "this parenthesis closes nothing")
            self.fail(self.next.start, f"'and' or 'or' is missing before {self.found()}")
        return condition

    def any_of(self) -> Condition:
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]

    def all_of(self) -> Condition:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return All(tuple(parts)) if len(parts) > 1 else parts[0]

    def negation(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(self.next.start, f"more than {MAX_DEPTH} parentheses and nots inside each other")
        if self.take("not"):
            condition: Condition = Not(self.negation())
        elif self.take("("):
            condition = self.any_of()
            self.need(")")
        else:
            condition = self.condition()
        self.depth -= 1
        return condition

    def condition(self) -> Condition:
        self.conditions += 1
        start = self.next.start
        if self.conditions > MAX_CONDITIONS:
            self.fail(start, f"more than {MAX_CONDITIONS} conditions")
        if self.take("everybody"):
            return All(())
        if self.take("received"):
            self.need("(", 'received("2026-10-01-autumn")')
            issue_id = self.quoted("the id of an issue")
            self.need(")")
            return Received(issue_id)
        if prefix := self.take(kind="prefix"):
            if prefix.text == "tag:":
                return Tagged(self.name("a tag"))
            if prefix.text != "attribute:":
                return self.reference()
            return self.compared(Field(self.name("an attribute"), is_attribute=True))
        word = self.take(kind="word")
        if not word or word.text.lower() in WORDS:
            self.fail(start, f"a condition is missing before {self.found() if not word else repr(word.text)}")
        return self.compared(self.field(word))

    def name(self, what: str) -> str:
        if token := self.take(kind="name"):
            return token.text
        return self.quoted(f"the name of {what}")

    def quoted(self, what: str) -> str:
        token = self.take(kind="text")
        if not token:
            self.fail(self.next.start, f"{what} is missing before {self.found()}", "texts stand in quotes")
        return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.S)

    def field(self, word: _Token) -> Field:
        if word.text.lower() in FIELDS:
            return Field(word.text.lower())
        return Field(word.text, is_attribute=True)

    def reference(self) -> Condition:
        start = self.next.start
        name = self.name("a segment")
        if name in self.inside:
            way = " -> ".join((*self.inside, name))
            self.fail(start, f"the segment {name!r} is made of itself: {way}")
        if name not in self.named:
            near = nearest(name, self.named)
            known = ", ".join(sorted(self.named)) or "none"
            message = f"there is no segment {name!r}" + (f", did you mean {near!r}?" if near else "")
            self.fail(start, message, f"known in [segments] of newsletter.toml: {known}")
        inner = _Parser(self.named[name], self.named, self.where, (*self.inside, name))
        inner.conditions = self.conditions
        condition = inner.segment()
        self.conditions = inner.conditions
        return condition

    def compared(self, field: Field) -> Condition:
        start = self.next.start
        if self.take("is"):
            negative = self.take("not")
            self.need("set", "name is set, name is not set")
            return Not(IsSet(field)) if negative else IsSet(field)
        if self.take("not"):
            self.need("in", 'country not in ("CH", "AT")')
            return Not(self.one_of(field))
        if self.take("in"):
            return self.one_of(field)
        token = self.take(*_OPERATORS)
        if not token:
            self.no_operator(field, start)
        sign = token.text.lower()
        operator = Operator.EQUAL if sign == "!=" else Operator(sign)
        condition = self.checked(field, operator, self.next.start, self.value())
        return Not(condition) if sign == "!=" else condition

    def no_operator(self, field: Field, start: int) -> NoReturn:
        known = [*FIELDS, *WORDS]
        near = nearest(field.name, known) if field.is_attribute else ""
        meant = f"; did you mean {near!r} instead of {field.name!r}?" if near and near != field.name else ""
        signs = "= != < <= > >= contains starts in is"
        self.fail(start, f"after {field.name!r} comes one of {signs}, not {self.found()}{meant}")

    def one_of(self, field: Field) -> Condition:
        self.need("(", 'country in ("CH", "AT")')
        values = []
        while True:
            start = self.next.start
            part = self.checked(field, Operator.EQUAL, start, self.value())
            if isinstance(part, Tagged) or isinstance(part.value, date | timedelta):
                self.fail(start, f"{field.name!r} is not compared with a list", "join conditions with or")
            values.append(part.value)
            if not self.take(","):
                break
        self.need(")")
        if len(values) > MAX_CONDITIONS:
            self.fail(self.next.start, f"more than {MAX_CONDITIONS} values in a list")
        return OneOf(field, tuple(values))

    def value(self) -> Value:
        token = self.next
        if token.kind == "text":
            return self.quoted("")
        if token.kind not in ("number", "date", "duration", "word"):
            self.fail(token.start, f"a value is missing before {self.found()}")
        self.at += 1
        if token.kind == "number":
            number = float(token.text) if "." in token.text else int(token.text)
            if abs(number) > 2**53:
                self.fail(token.start, f"the number {token.text} is too large")
            return number
        if token.kind == "date":
            try:
                return date.fromisoformat(token.text)
            except ValueError:
                self.fail(token.start, f"there is no day {token.text}")
        if token.kind == "duration":
            count = int(token.text[:-1]) if len(token.text) < 9 else 10**9
            if count * _UNITS[token.text[-1]].total_seconds() > _LONGEST.total_seconds():
                self.fail(token.start, f"the duration {token.text} is longer than a hundred years")
            return count * _UNITS[token.text[-1]]
        if token.text.lower() not in ("true", "false"):
            self.fail(token.start, f"{token.text!r} is no value", f'texts stand in quotes: "{token.text}"')
        return token.text.lower() == "true"

    def checked(self, field: Field, operator: Operator, start: int, value: Value) -> Compared | Tagged:
        """The condition, if its value fits its field."""
        searched = operator in (Operator.CONTAINS, Operator.STARTS)
        if searched and not isinstance(value, str):
            self.fail(start, f"{operator} looks for a text", 'texts stand in quotes: name contains "Ann"')
        if field.is_attribute:
            if isinstance(value, timedelta):
                self.fail(start, f"only joined is compared with a duration, not {field.name!r}")
            if isinstance(value, bool) and operator in _ORDERED:
                self.fail(start, "true and false are compared with = and !=")
            # Dates are kept as texts (2026-10-01), which sort as they should.
            return Compared(field, operator, value.isoformat() if isinstance(value, date) else value)
        if field.name == "joined":
            if not isinstance(value, date | timedelta):
                hint = "joined < 30d: in the last 30 days; joined >= 2026-10-01: on that day or later"
                self.fail(start, "joined is compared with a date or a duration", hint)
            if isinstance(value, timedelta) and operator not in _ORDERED:
                self.fail(start, "a duration is compared with < <= > >=", "joined < 30d: in the last 30 days")
            return Compared(field, operator, value)
        if not isinstance(value, str):
            self.fail(start, f"{field.name} is compared with {FIELDS[field.name]}", "texts stand in quotes")
        if field.name == "tags":
            if operator is not Operator.CONTAINS:
                self.fail(
                    start, "tags are asked for with contains", f"tag:{value} or tags contains {value!r}"
                )
            return Tagged(value)
        if field.name == "standing":
            if operator is not Operator.EQUAL:
                self.fail(start, "a standing is compared with = != in", f"standings: {', '.join(STANDINGS)}")
            if value.lower() not in STANDINGS:
                near = nearest(value, STANDINGS)
                meant = f", did you mean {near!r}?" if near else ""
                hint = f"standings: {', '.join(STANDINGS)}"
                self.fail(start, f"there is no standing {value!r}{meant}", hint)
            return Compared(field, operator, value.lower())
        return Compared(field, operator, value.lower() if field.name in ("email", "domain") else value)
