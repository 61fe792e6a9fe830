"""`newsletter subscribers import`, `export`, `count`: what a person sees, and that nothing is written unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from newsletter.cli import newsletter
from newsletter.publication import Publication

HEAD = 'name = "Letter"\nfrom = "Letter <letter@example.com>"\n[segments]\nswiss = \'country = "CH"\'\n'
TABLE = "E-Mail;Vorname;Land;Tags\nann@x.org;Ann;CH;pro\nbob@x.org;Bob;AT;\nnobody;N;CH;\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "newsletter.toml").write_text(HEAD)
    (tmp_path / "list.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(newsletter, ["subscribers", *arguments], obj=Path(), catch_exceptions=False)


BRING = ("import", "list.csv", "--source", "paper form", "--map", "Land=attribute:country")


def test_without_yes_and_a_terminal_the_mapping_is_shown_and_nothing_is_imported(folder: Path) -> None:
    result = run(*BRING)
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines[0] == "list.csv: a table, utf-8, ;"
    assert lines[1].split() == ["E-Mail", "->", "email", "ann@x.org", "|", "bob@x.org", "|", "nobody"]
    assert lines[3].split() == ["Land", "->", "attribute:country", "CH", "|", "AT", "|", "CH"]
    assert "3 rows; 1 row would be rejected" in lines
    assert lines[-1] == "nothing was imported; the same command with --yes does it"
    assert not (folder / "newsletter.db").exists()
    assert not (folder / "rejected.csv").exists()


def test_with_yes_people_are_imported_and_the_rest_is_rejected_with_the_reason(folder: Path) -> None:
    result = run(*BRING, "--yes", "--json")
    assert result.exit_code == 0
    assert "3 rows: 2 added, 0 changed, 0 known already, 0 repeated, 1 rejected" in result.stderr
    numbers = json.loads(result.stdout)
    assert (numbers["imported"], numbers["added"], numbers["rejected_file"]) == (True, 2, "rejected.csv")
    assert (
        (folder / "rejected.csv").read_text("utf-8").splitlines()[1].startswith('"4","not an email address')
    )


def test_a_count_says_who_they_are(folder: Path) -> None:
    run(*BRING, "--yes")
    assert run("count").stdout.splitlines() == [
        "2 subscribers, 2 of them mailed",
        f"{'standing':<10}{'confirmed':<30} {2:>12}",
        f"{'domain':<10}{'x.org':<30} {2:>12}",
        f"{'language':<10}{'(none)':<30} {2:>12}",
    ]
    assert json.loads(run("count", "@swiss and tag:pro", "--json").stdout) == {
        "total": 1,
        "mailed": 1,
        "standings": {"confirmed": 1},
        "domains": {"x.org": 1},
        "other_domains": 0,
        "languages": {"": 1},
        "other_languages": 0,
    }


def test_an_export_goes_to_a_file_or_down_a_pipe(folder: Path) -> None:
    run(*BRING, "--yes")
    result = run("export", "out.csv")
    assert (result.stdout, result.stderr) == ("out.csv\n", "2 subscribers exported\n")
    assert (folder / "out.csv").read_text("utf-8").count("\n") == 3
    assert [json.loads(line)["email"] for line in run("export", "-").stdout.splitlines()] == [
        "ann@x.org",
        "bob@x.org",
    ]
    assert run("export", "-", "--format", "csv").stdout.startswith('"email","name"')


def test_numbers_add_up_when_there_are_more_domains_than_are_shown(folder: Path) -> None:
    rows = [f"p{number}@d{number % 25}.org" for number in range(100)]
    (folder / "many.csv").write_text("\n".join(["email", *rows]))
    run("import", "many.csv", "--source", "form", "--yes")
    census = Publication.open(folder).subscribers.census()
    assert (census.total, len(census.domains), census.other_domains) == (100, 10, 60)
    assert sum(census.domains.values()) + census.other_domains == census.total


def test_the_source_must_be_said(folder: Path) -> None:
    result = run("import", "list.csv", "--yes")
    assert result.exit_code == 2
    assert "--source" in result.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_it_asks(folder: Path) -> None:
    import pty
    import subprocess
    import sys

    for answer, imported in (("n\n", 0), ("y\n", 2)):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "newsletter", "subscribers", *BRING],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
        )
        os.close(slave)
        os.write(master, answer.encode())
        shown = b""
        while True:
            try:
                if not (block := os.read(master, 4096)):
                    break
            except OSError:  # the other end is closed
                break
            shown += block
        os.close(master)
        assert process.wait() == (0 if imported else 130), shown.decode()
        assert "import them, with the consent 'paper form'?" in shown.decode()
        publication = Publication.open(folder)
        assert publication.subscribers.count() == imported
        publication.database.close()
