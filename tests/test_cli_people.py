"""`newsletter subscribers`: arguments in, lines out, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.cli import main
from newsletter.publication import Publication

Run = Callable[..., tuple[int, str, str]]
ADD = ["add", "ada@example.org", "--source", "paper form"]


@pytest.fixture
def run(sample: Publication, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `newsletter subscribers` in a new publication; its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            main(["-C", str(sample.root), "subscribers", *arguments])
        except SystemExit as ended:
            code = ended.code
        else:
            code = 0
        out, err = capfd.readouterr()
        return int(code or 0), out, err

    return run


def test_a_person_is_added_shown_and_removed(run: Run) -> None:
    more = ["--name", "Ada L", "--language", "de-ch", "--time-zone", "Europe/Zurich", "--words", "Yes"]
    assert run(*ADD, *more, "--tag", "pro", "--tag", "new", "--set", "country=CH") == (
        0, "ada@example.org confirmed\n", "",
    )  # fmt: skip
    assert run("remove", "Ada@example.org", "--note", "by\ntelephone")[:2] == (0, "ada@example.org left\n")
    code, out, _ = run("show", "ada@example.org")
    assert code == 0
    lines = out.splitlines()
    for line in (
        "address: ada@example.org", "standing: left", "mailed: no", "name: Ada L", "language: de-CH",
        "time_zone: Europe/Zurich", "tags: new, pro", "attributes.country: CH",
    ):  # fmt: skip
        assert line in lines
    assert [line.split("  ", 2)[2] for line in lines if line.startswith("history")] == [
        "add  by hand  paper form  Yes",
        "leave  by telephone",
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("CH", "CH"), ("36", 36), ("3.5", 3.5), ("true", True), ('"01234"', "01234"), ("01234", "01234"), ("", ""),
        ("null", "null"), ("[1]", "[1]"), ("NaN", "NaN"), ("12345678901234567890", "12345678901234567890"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_a_value_is_a_number_or_true_or_false_where_it_reads_as_one(
    run: Run, written: str, value: object
) -> None:
    run(*ADD, "--set", f"x={written}")
    shown = json.loads(run("show", "ada@example.org", "--json")[1])["attributes"]["x"]
    assert shown == value
    assert type(shown) is type(value)


def test_all_that_is_known_is_json_for_machines(run: Run) -> None:
    run(*ADD, "--tag", "pro")
    run("suppress", "@example.org", "--reason", "their wish")
    shown = json.loads(run("show", "ada@example.org", "--json")[1])
    assert (shown["standing"], shown["mailed"], shown["tags"], shown["deliveries"]) == (
        "confirmed",
        False,
        ["pro"],
        [],
    )
    assert (shown["suppressed"]["reason"], shown["suppressed"]["domain"]) == ("their wish", True)
    assert [event["act"] for event in shown["history"]] == ["add", "suppress"]


def test_who_said_no_is_refused_with_the_remedy(run: Run) -> None:
    run(*ADD)
    run("remove", "ada@example.org")
    code, out, err = run(*ADD)
    assert (code, out) == (1, "")
    assert err.startswith("ada@example.org: has left\n    hint: only with a reason: --resubscribe")
    assert run(*ADD, "--resubscribe", " ")[0] == 1, "a blank is no reason"
    assert run(*ADD, "--resubscribe", "her letter")[0] == 0


def test_a_suppression_is_said_and_lifted(run: Run) -> None:
    run(*ADD)
    assert run("suppress", "ada@example.org", "--reason", "x") == (
        0, "", "ada@example.org is never mailed again; on the list: 1 subscriber\n",
    )  # fmt: skip
    assert run(*ADD)[0] == 1
    assert run("suppress", "ada@example.org", "--lift", "a mistake")[0] == 0
    assert run("suppress", "ada@example.org", "--lift", "again") == (
        1,
        "",
        "ada@example.org was not suppressed\n",
    )
    assert run(*ADD)[0] == 0


def test_a_person_is_forgotten_only_on_an_explicit_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*ADD)
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    code, _, err = run("erase", "ada@example.org")
    assert code == 2
    assert "--yes" in err
    assert run("show", "ada@example.org")[0] == 0
    assert run("erase", "ada@example.org", "--yes")[0] == 0
    assert "suppressed.reason: erased" in run("show", "ada@example.org")[1]
    sys.stdin.close()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "ada@example.org"], 2, "--source"),
        (["add", "ada@", "--source", "x"], 2, "not an email address"),
        (["add", "ada@example.org", "--source", " "], 2, "a consent without a source"),
        ([*ADD, "--set", "country"], 2, "NAME=VALUE"),
        ([*ADD, "--language", "German!"], 2, "not a language"),
        (["show", "ada@example.org"], 1, "not on the list"),
        (["remove", "ada@example.org"], 1, "not on the list"),
        (["suppress", "ada@example.org"], 2, "--reason"),
        (["suppress", "ada@example.org", "--reason", "x", "--lift", "y"], 2, "--reason"),
        (["suppress", "nobody", "--reason", "x"], 2, "neither an address nor a domain"),
        (["shw", "x"], 2, "did you mean 'show'"),
    ],
)
def test_what_is_wrong_is_said_in_a_persons_words(
    run: Run, arguments: list[str], code: int, said: str
) -> None:
    assert (run(*arguments)[0], said in run(*arguments)[2]) == (code, True)


def test_an_escape_sequence_that_was_stored_cannot_drive_the_terminal(run: Run) -> None:
    run("add", "ada@example.org", "--source", "\x1b]0;owned\x07", "--set", "x=\x1b[2J")
    assert "\x1b" not in run("show", "ada@example.org")[1]


def test_a_password_is_not_said_when_the_server_is_not_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:correct-horse@127.0.0.1:1/list")
    code, out, err = run("show", "ada@example.org")
    assert code == 75
    assert "postgresql://127.0.0.1:1/list: no server answers" in err
    assert "correct-horse" not in out + err


def test_the_help_of_the_group_imports_no_database() -> None:
    program = (
        "import sys, newsletter.cli\n"
        "try: newsletter.cli.main(['subscribers', '--help'])\n"
        "except SystemExit: pass\n"
        "print('sqlalchemy' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "erase     Forget a person for good." in ran.stdout
    assert ran.stdout.endswith("False\n")
