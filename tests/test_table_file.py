"""Tables from anywhere: encodings, delimiters, and that a bad row costs itself alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import SourceError
from newsletter.subscribers.table_file import BadRow, Rows, open_table

TABLE = "email,name\nann@example.org,Zoë Müller\nbob@example.org,Bob\n"


def rows_of(path: Path) -> list[tuple[int, Any]]:
    return list(Rows(open_table(path)))


def written(tmp_path: Path, content: bytes, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "bom", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("cp1252", b"", "cp1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_encoding_is_recognised(tmp_path: Path, encoding: str, bom: bytes, found: str, end: str) -> None:
    path = written(tmp_path, bom + TABLE.replace("\n", end).encode(encoding))
    assert open_table(path).encoding == found
    assert open_table(path).headers == ("email", "name")
    assert rows_of(path) == [(2, ["ann@example.org", "Zoë Müller"]), (3, ["bob@example.org", "Bob"])]


def test_a_letter_far_down_decides_the_encoding_too(tmp_path: Path) -> None:
    filler = "x@example.org,Name\n" * 100_000
    path = written(tmp_path, f"email,name\n{filler}z@example.org,Zoë\n".encode("cp1252"))
    assert open_table(path).encoding == "cp1252"
    assert rows_of(path)[-1] == (100_002, ["z@example.org", "Zoë"])


def test_one_row_in_another_encoding_costs_that_row_alone(tmp_path: Path) -> None:
    lines = [f"p{n}@example.org,Zoë".encode() for n in range(5)]
    path = written(
        tmp_path, b"\n".join([b"email,name", *lines, "x@example.org,Zoë".encode("cp1252"), lines[0]])
    )
    rows = rows_of(path)
    assert [type(content) for _, content in rows] == [list] * 5 + [BadRow] + [list]
    assert rows[5][1].reason == "has bytes that are not in the file's encoding"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_recognised(tmp_path: Path, delimiter: str) -> None:
    table = io.StringIO()
    names = ["Doe, Jane", "a;b", "x|y", "plain", "O'Neil"]
    csv.writer(table, delimiter=delimiter).writerows(
        [["name", "email", "note"], *([name, "a@example.org", "1,5"] for name in names)]
    )
    path = written(tmp_path, table.getvalue().encode())
    assert open_table(path).delimiter == delimiter
    assert [content[0] for _, content in rows_of(path)] == names


@pytest.mark.parametrize(
    ("text", "headers", "rows"),
    [
        ("email\na@example.org\n", ("email",), [["a@example.org"]]),
        ("a@example.org\nb@example.org\n", ("email",), [["a@example.org"], ["b@example.org"]]),
        ("Ann,a@example.org\n", ("column 1", "email"), [["Ann", "a@example.org"]]),
        ("sep=;\nemail;name\na@x.org;A\n", ("email", "name"), [["a@x.org", "A"]]),
        ('"sep=;"\r\nemail;name\r\na@x.org;A\r\n', ("email", "name"), [["a@x.org", "A"]]),
        ("email,name\n\n\na@x.org,A\n   \n", ("email", "name"), [["a@x.org", "A"]]),
        (
            'email,name\na@x.org,5" disk\nb@x.org,B\n',
            ("email", "name"),
            [["a@x.org", '5" disk'], ["b@x.org", "B"]],
        ),
        ("email,name\na@x.org,A,,\n", ("email", "name"), [["a@x.org", "A"]]),
        ('email,name\na@x.org,"A\nB"\n', ("email", "name"), [["a@x.org", "A\nB"]]),
        ('email,name\na@x.org,"A ""B"""', ("email", "name"), [["a@x.org", 'A "B"']]),
        ('"email","name"\r\n"a@x.org","A"\r\n', ("email", "name"), [["a@x.org", "A"]]),
    ],
)
def test_tables_as_people_write_them_are_read(
    tmp_path: Path, text: str, headers: tuple[str, ...], rows: list[list[str]]
) -> None:
    path = written(tmp_path, text.encode())
    assert open_table(path).headers == headers
    assert [content for _, content in rows_of(path)] == rows


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(tmp_path: Path) -> None:
    good = [f"p{n}@example.org,Name" for n in range(300)]
    lines = [*good[:100], 'x@example.org,"Open', *good[100:200], '"y@example.org,z', *good[200:]]
    rows = rows_of(written(tmp_path, "\n".join(["email,name", *lines]).encode()))
    bad = [(line, content.reason) for line, content in rows if isinstance(content, BadRow)]
    assert bad == [(102, "a quote is not closed"), (203, "a quote is not closed")]
    assert [",".join(content) for _, content in rows if isinstance(content, list)] == good


def test_a_row_with_too_many_cells_is_bad_and_says_so(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, b"email,name\na@x.org,Doe, Jane\nb@x.org,B\n"))
    assert rows[0] == (2, BadRow("a@x.org,Doe, Jane\n", "has 3 cells, the table has 2 columns"))
    assert rows[1] == (3, ["b@x.org", "B"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("email,name,status\na@x.org,A\n", "has 2 cells, the table has 3 columns"),
        ("email,name,status\na@x.org,A,active\nb@x.org", "has 1 cells, the table has 3 columns"),
        ('email,name,status\na@x.org,"A,left\n', "a quote is not closed"),
        ('email,name,status\na@x.org,A,"left', "a quote is not closed"),
    ],
)
def test_a_row_that_was_cut_short_is_bad_for_its_end_may_have_said_no(
    tmp_path: Path, text: str, reason: str
) -> None:
    content = rows_of(written(tmp_path, text.encode()))[-1][1]
    assert isinstance(content, BadRow)
    assert content.reason == reason


def test_json_lines_are_read_one_by_one(tmp_path: Path) -> None:
    text = '{"email": "a@x.org", "n": 1}\n\n{"email": \n[1]\nNaN\n{"n": NaN}\n{"email": "b@x.org", "tags": ["t"]}'
    path = written(tmp_path, text.encode(), "list.jsonl")
    table = open_table(path)
    assert (table.is_json, table.headers) == (True, ("email", "n", "tags"))
    rows = rows_of(path)
    assert [line for line, _ in rows] == [1, 3, 4, 5, 6, 7]
    assert [isinstance(content, BadRow) for _, content in rows] == [False, True, True, True, True, False]
    assert rows[-1][1] == {"email": "b@x.org", "tags": ["t"]}
    assert rows[2][1].reason == "is not a JSON object"


def test_json_that_is_nested_without_end_costs_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"email": "a@x.org"}\n' + b'{"a":' * 100_000 + b"\n", "list.jsonl")
    assert [type(content) for _, content in rows_of(path)] == [dict, BadRow]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "is empty"),
        (b"\xef\xbb\xbf\n \n", "a.csv", "is empty"),
        (b"PK\x03\x04abc", "a.csv", "zip or a spreadsheet"),
        (b"PK\x03\x04\0\0\x08", "a.xlsx", "is no text"),
        (b'[{"email": "a@x.org"}]', "a.json", "one JSON document"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_table(written(tmp_path, content, name))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        open_table(tmp_path / "none.csv")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text('ab@.,;"\n\r\t{}[]é\0', max_size=80).map(str.encode))
def test_whatever_the_bytes_they_are_rows_or_refused(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    try:
        table = open_table(path)
    except SourceError:
        return
    for _, row in Rows(table):
        assert isinstance(row, BadRow | dict) or len(row) == len(table.headers)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_every_table_that_is_written_well_is_read_as_it_is(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("email", "name", "note"), *rows])
    found = [content for _, content in rows_of(written(tmp_path, text.getvalue().encode()))]
    assert found == [list(row) for row in rows]
