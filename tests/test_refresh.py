"""The compact copy of caniemail's data, made anew from what the site publishes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from newsletter.checks import refresh
from newsletter.checks.caniemail import COMPACT_FILE
from newsletter.checks.refresh import compact, main
from newsletter.errors import SourceError

DATA = Path(__file__).parents[2] / "shared" / "data" / "caniemail.json"
PUBLISHED: dict[str, Any] = {
    "api_version": "1.0.4",
    "last_update_date": "2026-06-29 08:00:00 +0000",
    "nicenames": {"family": {"gmail": "Gmail"}},
    "data": [
        {
            "slug": "html-x",
            "title": "<x> element ",
            "category": "html",
            "stats": {
                "gmail": {"ios": {"2019-06": "n", "2024-01": "a #2", "2023-01": "y"}, "android": {}},
                "outlook": {"macos": {"2016": "n", "16.80": "Y #1"}},
            },
            "notes_by_num": {"1": "Buggy.", "2": "Partial.", "3": "Of an old version."},
        },
        {
            "slug": "css-x",
            "title": "x",
            "category": "css",
            "stats": {"hey": {"desktop-webmail": {"1": "u"}}},
            "notes_by_num": None,
        },
    ],
}


def read(compacted: bytes) -> Any:
    return json.loads(gzip.decompress(compacted))


def test_of_each_client_the_newest_value_is_kept_with_its_notes() -> None:
    made = read(compact(json.dumps(PUBLISHED).encode(), where="x"))
    assert made["date"] == "2026-06-29"
    assert "MIT" in made["licence"]
    assert list(made["features"]) == ["css-x", "html-x"]
    assert made["features"]["html-x"] == {
        "title": "<x> element",
        "category": "html",
        "support": {"gmail.ios": "a 2", "outlook.macos": "y 1"},
        "notes": {"1": "Buggy.", "2": "Partial."},
    }
    assert made["features"]["css-x"] == {
        "title": "x",
        "category": "css",
        "support": {"hey.desktop-webmail": "u"},
    }


def test_the_same_data_gives_the_same_bytes() -> None:
    published = json.dumps(PUBLISHED).encode()
    assert compact(published, where="x") == compact(published, where="y")


@pytest.mark.parametrize(
    "published",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"last_update_date": "2026", "data": []}',
        json.dumps(PUBLISHED).replace("a #2", "perhaps").encode(),
        json.dumps(PUBLISHED).replace('"stats"', '"statistics"').encode(),
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_anything_else_is_an_error_and_the_copy_stays(
    published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError):
        compact(published, where="x")
    copy, source = tmp_path / "copy.gz", tmp_path / "data.json"
    copy.write_bytes(b"before")
    source.write_bytes(published)
    monkeypatch.setattr(refresh, "COMPACT_FILE", copy)
    assert main([str(source)]) == 2
    assert copy.read_bytes() == b"before"
    assert str(source) in capsys.readouterr().err


def test_a_file_becomes_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, source = tmp_path / "copy.gz", tmp_path / "data.json"
    source.write_text(json.dumps(PUBLISHED))
    monkeypatch.setattr(refresh, "COMPACT_FILE", copy)
    assert main([str(source)]) == 0
    assert len(read(copy.read_bytes())["features"]) == 2
    assert main([str(tmp_path / "none.json")]) == 2


def test_the_copy_of_the_package_has_a_date_and_its_licence_beside_it() -> None:
    made = read(COMPACT_FILE.read_bytes())
    assert made["date"] >= "2026-06-29"
    licence = COMPACT_FILE.with_name("caniemail.LICENSE").read_text("utf-8")
    assert "MIT" in licence
    assert "Rémi Parmentier" in licence


@pytest.mark.skipif(not DATA.is_file(), reason=f"caniemail's whole data is not here: {DATA}")
def test_the_copy_of_the_package_is_made_of_the_whole_data() -> None:
    assert read(compact(DATA.read_bytes(), where="x")) == read(COMPACT_FILE.read_bytes())
