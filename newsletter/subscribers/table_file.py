"""Somebody's table of subscribers as rows: CSV, TSV or JSON Lines, in whatever encoding and with whatever delimiter.

The encoding is told by the byte order mark, by zero bytes (UTF-16), else it is UTF-8; a file with more letters that are
not UTF-8 than letters that are is Windows-1252.  The delimiter is the one that cuts the first lines into most columns of
the same number.  A row that cannot be read (undecodable bytes, a quote that is never closed, no JSON) is a `BadRow`: it
costs itself and no other.  Memory does not grow with the file.

Raises SourceError, if the file cannot be opened or holds no table.  Source: RFC 4180, jsonlines.org.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from newsletter.errors import SourceError

#: A path as a caller has it.
FilePath = str | PathLike[str]
_CHUNK = 1 << 20
_SAMPLE = 64 * 1024
_DELIMITERS = (",", ";", "\t", "|")
#: A cell may hold line breaks; a quote that was never closed looks the same, for longer.
_MOST_LINES = 40
_LONGEST_LINE = 1_000_000
_NOT_DECODED = re.compile("[\udc80-\udcff]")
_ADDRESS_LIKE = re.compile(r"\s*[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+\s*")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table on disk: how it is written, and its columns' names."""

    path: Path
    encoding: str
    delimiter: str  # "" for JSON Lines
    headers: tuple[str, ...]
    first_line: int  # where the rows begin
    size_bytes: int

    @property
    def is_json(self) -> bool:
        """Whether the rows are objects (JSON Lines), not lists of cells."""
        return not self.delimiter


#: The line a row begins at, and its cells, its object, or what is wrong with it.
Row = tuple[int, "list[str] | dict[str, Any] | BadRow"]


def open_table(path: Path) -> TableFile:
    """What the file at `path` is, by its name and its first lines."""
    try:
        with path.open("rb") as file:
            encoding = _encoding(file)
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            with _decoded(file, encoding) as text:
                sample = text.read(_SAMPLE)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if not sample.strip():
        raise SourceError("is empty", where=str(path))
    if "\0" in sample:
        raise SourceError("is no text", where=str(path), hint="export the table as CSV, TSV or JSON Lines")
    begin = sample.lstrip()[:1]
    if begin == "[" and path.suffix.lower() == ".json":
        hint = "JSON Lines has one object a line: jq -c '.[]' FILE > subscribers.jsonl"
        raise SourceError("is one JSON document, not JSON Lines", where=str(path), hint=hint)
    if begin == "{":
        return TableFile(path, encoding, "", _keys(sample), 1, size)
    if sample.startswith("PK"):
        raise SourceError("is a zip or a spreadsheet file", where=str(path), hint="unpack it, or save as CSV")
    lines = sample.splitlines()
    first, delimiter = 1, ""
    if said := re.fullmatch(r'("?)sep=(.)\1', lines[0], re.I):  # what spreadsheets write for each other
        first, delimiter = 2, said[2]
    head = sample.split("\n", first - 1)[-1]
    delimiter = delimiter or _delimiter(head, "\t" if path.suffix.lower() in (".tsv", ".tab") else "")
    headers = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    if any(_ADDRESS_LIKE.fullmatch(cell) for cell in headers):  # no headers: the first row is somebody
        names = [
            "email" if _ADDRESS_LIKE.fullmatch(cell) else f"column {at}" for at, cell in enumerate(headers, 1)
        ]
        return TableFile(path, encoding, delimiter, tuple(names), first, size)
    return TableFile(path, encoding, delimiter, tuple(cell.strip() for cell in headers), first + 1, size)


class Rows:
    """Every row below the headers of a table, once, in order; `position` is how far in the file we are, in bytes."""

    def __init__(self, table: TableFile) -> None:
        self.table = table
        self._file: BinaryIO | None = None

    @property
    def position(self) -> int:
        """The bytes that were read; a little more than those of the rows that were given out."""
        return self._file.tell() if self._file and not self._file.closed else self.table.size_bytes

    def __iter__(self) -> Iterator[Row]:
        try:
            with self.table.path.open("rb") as self._file, _decoded(self._file, self.table.encoding) as text:
                yield from _objects(text) if self.table.is_json else _Records(text, self.table)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", where=str(self.table.path)) from error


def _decoded(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def _encoding(file: BinaryIO) -> str:
    head = file.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    zeros = head[0::2].count(0), head[1::2].count(0)
    if max(zeros) > len(head) // 4 and min(zeros) < max(zeros) // 4:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    good = bad = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    file.seek(0)
    while chunk := file.read(_CHUNK):
        if chunk.isascii():
            decoder.reset()
            continue
        text = decoder.decode(chunk)
        missed = len(_NOT_DECODED.findall(text))
        bad += missed
        good += len(re.findall("[^\x00-\x7f]", text)) - missed
    return "cp1252" if bad > good else "utf-8"


def _delimiter(sample: str, said: str) -> str:
    if said:
        return said
    best, chosen = (0.0, 1), ","
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter))[:50]
        except csv.Error:
            continue
        columns = len(rows[0]) if rows else 1
        rest = rows[1:-1] or rows[1:] or rows
        same = sum(len(row) == columns for row in rest if row) / max(1, len(rest))
        if columns > 1 and (round(same, 1), columns) > best:
            best, chosen = (round(same, 1), columns), delimiter
    return chosen


def _keys(sample: str) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for line in sample.splitlines()[:100]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            keys.update(dict.fromkeys(entry))
    return tuple(keys)


def _objects(text: io.TextIOWrapper) -> Iterator[Row]:
    number = 0
    while line := text.readline(_LONGEST_LINE):
        number += 1
        if not line.isspace():
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | BadRow:
    if not line.isascii() and _NOT_DECODED.search(line):
        return BadRow(line, "has bytes that are not in the file's encoding")
    try:
        entry = _DECODER.decode(line.strip())
    except RecursionError:
        return BadRow(line, "is not JSON: too deep")
    except ValueError as error:
        return BadRow(line, f"is not JSON: {error}")
    return entry if isinstance(entry, dict) else BadRow(line, "is not a JSON object")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


class _Records:
    """The records of a CSV text, each with its line; the lines of a record that is none are read one by one."""

    def __init__(self, text: io.TextIOWrapper, table: TableFile) -> None:
        self.text, self.table = text, table
        self.again: list[str] = []  # lines that a broken record had swallowed
        self.taken: list[str] = []  # lines of the record that is being read

    def lines(self) -> Iterator[str]:
        again, taken, readline = self.again, self.taken, self.text.readline
        while True:
            line = again.pop(0) if again else readline(_LONGEST_LINE)
            if not line or len(taken) >= _MOST_LINES:
                if line:
                    again.insert(0, line)
                return
            taken.append(line)
            yield line

    def __iter__(self) -> Iterator[Row]:
        for _ in range(self.table.first_line - 1):
            self.text.readline(_LONGEST_LINE)
        number, width, taken = self.table.first_line, len(self.table.headers), self.taken
        while True:
            reader = csv.reader(self.lines(), delimiter=self.table.delimiter)
            for cells in self.parsed(reader):
                at, count = number, len(taken)
                if self.is_open(cells) or count > 1 and (cells is None or len(cells) != width):
                    # A quote that never closes, or closes in somebody else's row: this line alone is lost.
                    self.again[:0] = taken[1:]
                    number += 1
                    bad = BadRow(taken[0], "a quote is not closed")
                    taken.clear()
                    yield at, bad
                    break  # the reader is at its end, or in the middle of something
                number += count
                if cells is None:
                    yield at, BadRow("".join(taken), "is no row of a table")
                elif cells and (len(cells) > 1 or width == 1 or cells[0].strip()):
                    yield at, self.checked(cells, width)
                taken.clear()
            else:
                return

    def is_open(self, cells: list[str] | None) -> bool:
        """Whether the record ends inside quotes: at the end of the file, or because we gave up."""
        first = self.taken[0]
        if len(self.taken) > 1:
            return sum(line.count('"') for line in self.taken) % 2 == 1
        # In one line a lone quote may be an inch; a cell that holds the line's end is open.
        ended = first[-1:] in ("\n", "\r") and not (cells and cells[-1][-1:] in ("\n", "\r"))
        return not ended and first.count('"') % 2 == 1

    def parsed(self, reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield None
            else:
                yield cells

    def checked(self, cells: list[str], width: int) -> list[str] | BadRow:
        text = self.taken[0] if len(self.taken) == 1 else "".join(self.taken)
        if not text.isascii() and _NOT_DECODED.search(text):
            return BadRow(text, "has bytes that are not in the file's encoding")
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        # Never filled up: a row that was cut short may have said at its end that somebody left.
        if len(cells) != width:
            return BadRow(text, f"has {len(cells)} cells, the table has {width} columns")
        return cells
