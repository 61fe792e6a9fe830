"""Fields as YAML, TOML and JSON write them, all read alike: as text, lists and fields, with the line of each.

Types are not guessed: `no`, `1984`, `1.10` and `2024-01-02` come back as they were written, and nothing but
text, lists and fields is ever made (YAML's tags are read over).  A key that stands twice is an error.  Depth
and the number of values (an alias counts as often as it is used) are limited.

What cannot be read raises the page's error with file and line, the lines there with a caret, and what to
type.

Sources: YAML 1.1 (PyYAML, libyaml), TOML 1.0 (tomllib), RFC 8259 (json).  Pure.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

import yaml

from newsletter.errors import SourceError, WriterError

#: What a field can be; None is a key with nothing after it.
Value: TypeAlias = "str | tuple[Value, ...] | dict[str, Value] | None"
#: The way to a value: ("articles", 2) is the third of the articles.
Way = tuple[str | int, ...]

_DEEPEST = 20
_MOST_VALUES = 10_000
_EXCERPT_WIDTH = 100
_EXCERPT_REACH = 400_000


class _Mark(Protocol):
    """A place in a text, of libyaml or of PyYAML itself."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Fields:
    """The values, the line of each, and what was read but is probably not what was meant (line, words)."""

    values: dict[str, Value]
    lines: dict[Way, int] = field(default_factory=dict)
    notes: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole text, and how to complain about a place in it."""

    text: str
    file: str
    error: type[WriterError] = SourceError

    def line_of(self, offset: int) -> int:
        """The number of the line that `offset` is in."""
        return self.text.count("\n", 0, offset) + 1

    def wrong(self, message: str, line: int, column: int = 0, hint: str = "") -> WriterError:
        """The error that says what is wrong in `line`, with the line and a caret under `column` (from 1)."""
        excerpt = excerpt_at(self.text[:_EXCERPT_REACH].split("\n"), line, column)
        return self.error(message, where=f"{self.file}:{line}", hint=hint, excerpt=excerpt)


# ---- reading YAML


def read_yaml(page: Page, content: str, first_line: int) -> Fields | None:
    """The fields of `content`, which begins in `first_line` of the page; None if it holds something else."""
    composer = _Composer(page, content, first_line)
    try:
        value = composer.document()
    except yaml.MarkedYAMLError as error:
        message, hint, row, column = _explained(error, content.split("\n"))
        raise page.wrong(message, first_line + row, column + 1, hint) from error
    except yaml.YAMLError as error:  # a forbidden character: libyaml does not say where
        row = next((n for n, line in enumerate(content.split("\n")) if _FORBIDDEN.search(line)), 0)
        message = "a character that YAML does not allow"
        raise page.wrong(message, first_line + row, hint="delete the invisible character") from error
    if isinstance(value, dict):
        return Fields(value, composer.lines, tuple(composer.notes))
    return None if content.strip() else Fields({})


_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


_DROPPED = "{} is not part of the value in YAML, unless in quotes"


class _Composer:
    """YAML's events made into values, all scalars as text.

    Not PyYAML's composer and constructor: they guess types, take the last of two equal keys, follow a million
    aliases, and fall off the C stack in a deep document.
    """

    def __init__(self, page: Page, content: str, first_line: int) -> None:
        self.lines: dict[Way, int] = {}
        self.notes: list[tuple[int, str]] = []
        self._page = page
        self._rows = content.split("\n")
        self._first_line = first_line
        self._events: Iterator[yaml.Event] = iter(yaml.parse(content, Loader=_LOADER))
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._unused: dict[str, int] = {}
        self._count = 0

    def document(self) -> Value:
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                value = self._value(event, (), 0)
                for _ in self._events:  # what follows may be an error
                    pass
                self.notes += [(line, _DROPPED.format(f"&{name}")) for name, line in self._unused.items()]
                return value
        return None

    def _value(self, event: yaml.Event, way: Way, depth: int) -> Value:
        before = self._count
        self._count += 1
        if depth > _DEEPEST:
            raise self._wrong(event, f"more than {_DEEPEST} levels deep")
        value: Value
        match event:
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in self._anchors:
                    raise self._wrong(
                        event, "a value cannot begin with * in YAML, unless in quotes", quote=True
                    )
                value, size = self._anchors[anchor]
                self._unused.pop(anchor, None)
                self._count += size
            case yaml.SequenceStartEvent():
                value = self._items(way, depth)
            case yaml.MappingStartEvent():
                value = self._fields(way, depth)
            case yaml.ScalarEvent():
                value = self._scalar(event)
        if self._count > _MOST_VALUES:
            raise self._wrong(event, f"more than {_MOST_VALUES} values")
        if isinstance(event, yaml.NodeEvent) and event.anchor and not isinstance(event, yaml.AliasEvent):
            self._anchors[event.anchor] = (value, self._count - before)
            self._unused[event.anchor] = self._line(event)
        return value

    def _items(self, way: Way, depth: int) -> tuple[Value, ...]:
        items: list[Value] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            self.lines[*way, len(items)] = self._line(event)
            items.append(self._value(event, (*way, len(items)), depth + 1))
        return tuple(items)

    def _fields(self, way: Way, depth: int) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                message = "a name is expected here; a value with brackets or braces needs quotes"
                raise self._wrong(event, message, quote=True)
            key = event.value
            value = self._value(next(self._events), (*way, key), depth + 1)
            if key == "<<" and event.implicit[0]:
                for source in value if isinstance(value, tuple) else (value,):
                    merged = {**source, **merged} if isinstance(source, dict) else merged
            elif key in fields:
                first = self.lines[*way, key]
                raise self._wrong(event, f"{shortened(key)} is written twice, first in line {first}")
            else:
                fields[key] = value
                self.lines[*way, key] = self._line(event)
        return {**merged, **fields} if merged else fields

    def _scalar(self, event: yaml.ScalarEvent) -> str | None:
        plain, (row, column) = event.implicit[0], _place(event.end_mark)
        after = self._rows[row][column:] if row < len(self._rows) else ""
        comment = re.match(r"\s+(#[^\s#].*)", after) if plain else None
        if comment:
            self.notes.append((self._first_line + row, _DROPPED.format(shortened(comment[1]))))
        if event.tag and event.tag.startswith("!"):
            self.notes.append((self._line(event), _DROPPED.format(shortened(event.tag))))
        return None if plain and event.value in _NULLS else event.value

    def _line(self, event: yaml.Event) -> int:
        return self._first_line + _place(event.start_mark)[0]

    def _wrong(self, event: yaml.Event, message: str, *, quote: bool = False) -> WriterError:
        row, column = _place(event.start_mark)
        hint = _quoting_hint("".join(self._rows[row : row + 1])) if quote else ""
        return self._page.wrong(message, self._first_line + row, column + 1, hint)


def _place(mark: _Mark | None) -> tuple[int, int]:
    """Row and column, from 0."""
    return (mark.line, mark.column) if mark else (0, 0)


def _explained(error: yaml.MarkedYAMLError, rows: list[str]) -> tuple[str, str, int, int]:
    """libyaml's complaint in a writer's words: message, hint, row and column (from 0) to look at."""
    problem, context, mark = error.problem or "", error.context or "", error.problem_mark
    if any(words in f"{context} {problem}" for words in ("flow", "simple key", "quoted scalar")):
        mark = (
            error.context_mark or mark
        )  # where the bracket, name or quote begins, not where the text ran out
    row, column = _place(mark)
    line = rows[row] if row < len(rows) else ""
    hint = _quoting_hint(line)
    if problem == "mapping values are not allowed in this context":
        if ":" not in line[:column]:
            hint = "take the spaces at the head of the line away"
            return "a field within the value of the field above", hint, row, column
        return "a colon with a space ends a name in YAML; within a value it needs quotes", hint, row, column
    if "'\\t'" in problem or "\t" in line[: column + 1]:
        return "a tab; YAML is indented with spaces only", "put two spaces in its place", row, column
    if "cannot start any token" in problem or "alphabetic or numeric" in problem:
        return "a value cannot begin with this character, unless in quotes", hint, row, column
    if problem == "could not find expected ':'":
        missing = re.match(r"\s*([\w.-]+):(\S.*)", line)
        hint = f"put a space after the colon: {missing[1]}: {missing[2]}" if missing else "write name: value"
        return "neither a field (name: value) nor part of one", hint, row, column
    if "quoted scalar" in context:
        return "the quote that begins here is not closed, or holds a \\ that means nothing", hint, row, column
    if "flow" in context:
        return "the bracket that begins here is not closed, or does not hold a list", hint, row, column
    if problem == "did not find expected key":
        return (
            "not in line with the fields above: indentation, or text after a closing quote",
            hint,
            row,
            column,
        )
    return f"this is not YAML: {problem}", hint, row, column


def _quoting_hint(line: str) -> str:
    """What to type so that the value in `line` is text, if there is one."""
    match = re.match(r"\s*(?:- )?([\w.-]+)\s*:\s+(\S.*?)\s*$", line)
    if not match:
        return ""
    value = match[2]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].replace("''", "'") if value[0] == "'" else value[1:-1].replace('\\"', '"')
    return f"put the value in quotes: {match[1]}: {json.dumps(value, ensure_ascii=False)}"


# ---- reading TOML and JSON


def read_toml(page: Page, content: str, first_line: int) -> Fields:
    """The fields of `content`, which begins in `first_line` of the page."""
    try:
        read = tomllib.loads(content, parse_float=str)
        values = {key: _as_written(value, 1) for key, value in read.items()}
    except (ValueError, RecursionError) as error:
        message = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        row, column = (int(place[1]), int(place[2])) if place else (content.count("\n") or 1, 0)
        message = re.sub(r" \(at [^()]*\)$", "", message)
        hint = 'text stands in quotes, a list in brackets: tags = ["a", "b"]' if "value" in message else ""
        raise page.wrong(f"this is not TOML: {message}", first_line + row - 1, column, hint) from error
    lines: dict[Way, int] = {}
    name = re.compile(r"""\s*\[{0,2}\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*[=.\]]""")
    for number, line in enumerate(content.split("\n"), first_line):
        if (match := name.match(line)) and (key := match[1] or match[2] or match[3]) in values:
            lines.setdefault((key,), number)
    return Fields(values, lines)


def read_json(page: Page, content: str, first_line: int) -> Fields | None:
    """The fields of the object at the head of `content`; None if there is something else."""
    try:
        read, _end = _DECODER.raw_decode(content, len(content) - len(content.lstrip()))
        value = _as_written(read, 0)
    except json.JSONDecodeError as error:
        hint = "names and texts stand in double quotes, with a comma after each value but the last"
        message = f"this is not JSON: {error.msg}"
        raise page.wrong(message, first_line + error.lineno - 1, error.colno, hint) from error
    except (ValueError, RecursionError) as error:
        message = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise page.wrong(f"this is not usable JSON: {message}", first_line) from error
    if not isinstance(value, dict):
        return None
    lines: dict[Way, int] = {}
    for key in value:
        place = re.search(rf"{re.escape(json.dumps(key, ensure_ascii=False))}\s*:", content)
        lines[key,] = first_line + (content.count("\n", 0, place.start()) if place else 0)
    return Fields(value, lines)


def json_end(text: str, start: int) -> int | None:
    """The offset after the JSON value that begins at `start`; None if it is broken."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if key in fields:
            raise ValueError(f"{shortened(key)} is written twice")
        fields[key] = value
    return fields


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_float=str, parse_int=str, parse_constant=str, strict=False
)
_TOO_DEEP = f"more than {_DEEPEST} levels deep"
_SURROGATES = re.compile("[\ud800-\udfff]")


def _as_written(value: object, depth: int) -> Value:
    """A value of TOML or JSON as text, list or fields."""
    if depth > _DEEPEST:
        raise ValueError(_TOO_DEEP)
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case dict():
            return {str(key): _as_written(item, depth + 1) for key, item in value.items()}
        case list():
            return tuple(_as_written(item, depth + 1) for item in value)
        case datetime():
            return value.isoformat()
        case _:  # JSON can name half a character (\ud83d), which no file can hold
            return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", str(value))


# ---- for messages


def excerpt_at(rows: Sequence[str], line: int, column: int = 0) -> str:
    """The line before `line` and the line itself with their numbers, and a caret under `column` (from 1)."""
    first = max(1, line - 1)
    shown = [
        f"{number:>4} | {row[:_EXCERPT_WIDTH].replace(chr(9), ' ')}"
        for number, row in enumerate(rows[first - 1 : line], first)
    ]
    if 0 < column <= _EXCERPT_WIDTH:
        shown.append(f"     | {' ' * (column - 1)}^")
    return "\n".join(shown)


def shortened(text: str) -> str:
    """`text` on one line, cut to what fits into a message."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
