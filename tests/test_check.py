"""All checks together: what a publication and an issue say of them, and the command."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import set_key
from test_cli import run

from newsletter.checks.check import CODES, Checked
from newsletter.checks.finding import Finding, Level
from newsletter.errors import ConfigError, IssueError
from newsletter.publication import Publication
from newsletter.render.theme import PACKAGE_THEMES, theme_names
from newsletter.sample import make_publication
from newsletter.subscribers.subscriber import Consent

DAY = date(2026, 11, 23)
GOLDEN = Path(__file__).parent / "golden"
MakeLetter = Callable[..., Publication]
POST = """---
title: A post about harbours
permalink: https://example.com/1
date: 2026-11-20
---

Words about harbours, and a [link](http://localhost:8000/x) that leads nowhere.

TODO: write more.
"""


def drafted(letter: Publication) -> Path:
    """An issue of a letter whose only post has two faults."""
    return letter.draft(today=DAY).folder


def codes(checked: Checked) -> set[str]:
    return {finding.code for finding in checked.findings}


@pytest.mark.parametrize("theme", theme_names(Path("nowhere")))
def test_the_sample_has_no_finding_in_any_theme(tmp_path: Path, theme: str) -> None:
    make_publication(tmp_path / "letter", theme)
    letter = Publication.open(tmp_path / "letter")
    letter.draft(today=DAY)
    assert letter.check(today=DAY).findings == ()


def test_every_finding_names_a_source_with_its_line(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": POST}, 'postal_address = "1 High Street"')
    folder = drafted(letter)
    checked = letter.check(today=DAY)
    article = f"issues/{folder.name}/articles/01-a-post-about-harbours.html"
    wrong = {f.code: f for f in checked.findings if f.where.startswith(article)}
    assert {f.where.rpartition(":")[0] for f in wrong.values()} == {article}
    lines = (letter.root / article).read_text().splitlines()
    for finding in wrong.values():
        line = int(finding.where.rpartition(":")[2])
        assert finding.excerpt == lines[line - 1].strip()
    assert any("localhost" in f.message or "localhost" in f.excerpt for f in checked.errors)
    assert any("TODO" in f.message for f in checked.findings)
    for finding in checked.findings:
        path = finding.where.rpartition(":")[0] or finding.where
        assert (letter.root / path).is_file() or Path(path).is_file(), finding


def test_a_publication_sets_the_level_of_a_code(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": POST})
    drafted(letter)
    before = letter.check(today=DAY)
    error, warning = before.errors[0].code, next(f.code for f in before.findings if f.level is Level.WARNING)
    config = letter.root / "newsletter.toml"
    config.write_text(
        config.read_text() + f'\n[check]\nlevels = {{ {error} = "off", {warning} = "error" }}\n'
    )
    after = Publication.open(letter.root).check(today=DAY)
    assert error not in codes(after)
    assert warning in {f.code for f in after.errors}
    config.write_text(config.read_text().replace(error, "E999"))
    with pytest.raises(ConfigError, match="there is no check E999"):
        Publication.open(letter.root).check(today=DAY)


@pytest.mark.parametrize("in_article", [False, True])
def test_an_issue_or_an_article_waives_a_finding_with_the_reason(
    make_letter: MakeLetter, in_article: bool
) -> None:
    letter = make_letter({"a.md": POST})
    folder = drafted(letter)
    error = letter.check(today=DAY).errors[0].code
    file = "articles/01-a-post-about-harbours.html" if in_article else "issue.md"
    set_key(folder, f"waive:\n  {error}: the reader knows", file=file)
    checked = letter.check(today=DAY)
    assert error not in codes(checked)
    assert {(f.code, why) for f, why in checked.waived} == {(error, "the reader knows")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("waive:\n  E999: because", "there is no check E999"),
        ("waive: E131", "waive names codes with reasons"),
        ("waive:\n  E131:", "waive names codes with reasons"),
    ],
)
def test_a_wrong_waiver_is_named(make_letter: MakeLetter, line: str, message: str) -> None:
    letter = make_letter({"a.md": POST})
    set_key(drafted(letter), line)
    with pytest.raises(IssueError, match=message) as caught:
        letter.check(today=DAY)
    assert "issue.md:" in caught.value.where


def test_codes_are_unique_and_say_what_they_mean() -> None:
    for code, meaning in CODES.items():
        assert code[0] in "EW"
        assert code[1] == ("1" if code[0] == "E" else "2")
        assert len(code) == 4
        assert meaning[0].isupper() or not meaning[0].isalpha(), (code, meaning)
    assert Finding("E131", "a", "b").level is Level.ERROR
    assert Finding("W231", "a", "b").level is Level.WARNING


def test_an_article_of_an_earlier_issue_is_found(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": POST})
    first = drafted(letter)
    second = first.with_name("2026-11-24-again")
    (second / "articles").mkdir(parents=True)
    for name in ("issue.md", "articles/01-a-post-about-harbours.html"):
        (second / name).write_text((first / name).read_text())
    assert any(first.name in f.message for f in letter.check(second.name, today=DAY).findings)
    assert not any(first.name in f.message for f in letter.check(first.name, today=DAY).findings)


def test_the_command_exits_with_1_for_an_error_and_writes_every_format(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": POST})
    drafted(letter)
    text = run("check", cwd=letter.root)
    assert text.returncode == 1
    assert "localhost" in text.stdout
    assert text.stderr.splitlines()[-1].startswith(f"{len(letter.check(today=DAY).errors)} error")
    found = json.loads(run("check", "--format", "json", cwd=letter.root).stdout)
    assert {"code", "level", "where", "message", "hint"} <= found[0].keys()
    sarif = json.loads(run("check", "--format", "sarif", cwd=letter.root).stdout)
    assert (sarif["version"], len(sarif["runs"][0]["results"])) == ("2.1.0", len(found))
    junit = ElementTree.fromstring(run("check", "--format", "junit", cwd=letter.root).stdout)
    assert len(list(junit.iter("failure"))) == len(found)


def test_warnings_fail_only_when_that_is_asked(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": POST.replace("http://localhost:8000/x", "https://example.com/x")})
    drafted(letter)
    assert not letter.check(today=DAY).errors
    assert run("check", cwd=letter.root).returncode == 0
    assert run("check", "--strict", cwd=letter.root).returncode == 1


def test_without_online_nothing_leaves_the_machine(
    make_letter: MakeLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = make_letter({"a.md": POST.replace("http://localhost:8000/x", "https://example.com/x")})
    drafted(letter)

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("a check without --online asks the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, nobody)
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert letter.check(today=DAY, domains={"gmail.com": 3}).findings


def flexible(make_letter: MakeLetter) -> Publication:
    """A letter with an issue whose theme uses something that Outlook for Windows lacks."""
    letter = make_letter({"a.md": POST.replace("http://localhost:8000/x", "https://example.com/x")})
    drafted(letter)
    css = letter.root / "templates" / "digest" / "inline.css"
    css.parent.mkdir(parents=True)
    css.write_text((PACKAGE_THEMES / "digest" / "inline.css").read_text() + "\np { display: flex; }\n")
    return letter


def unsupported(letter: Publication) -> str:
    """What W280 says of the letter."""
    (found,) = [f.message for f in letter.check(today=DAY).findings if f.code == "W280"]
    return found


def test_the_list_says_which_clients_readers_use_unless_the_settings_do(make_letter: MakeLetter) -> None:
    letter = flexible(make_letter)
    assert "%" not in unsupported(letter)
    assert not (letter.root / "newsletter.db").exists()
    for number in range(4):
        host = "gmail.com" if number == 0 else "example.com"
        letter.subscribers.add(f"reader{number}@{host}", Consent("form", "a test"))
    assert f"({0.25 * 2 + 0.75 * 18:.3g} % of your readers)" in unsupported(letter)
    letter.database.close()
    config = letter.root / "newsletter.toml"
    config.write_text(config.read_text() + "\n[check]\nclients = { outlook.windows = 12.4 }\n")
    (letter.root / "newsletter.db").write_text("no database, and nobody looks")
    checked = Publication.open(letter.root).check(today=DAY)
    assert checked.notes == ()
    assert any("(12.4 % of your readers)" in finding.message for finding in checked.findings)


@pytest.mark.parametrize("place", ["", "postgresql://127.0.0.1:9/nobody?password=CANARY-6f1c"])
def test_a_list_that_cannot_be_read_is_a_note(make_letter: MakeLetter, place: str) -> None:
    letter = flexible(make_letter)
    expected = letter.check(today=DAY).findings
    (letter.root / "newsletter.db").write_text("no database")
    environment = {"DATABASE_URL": place} if place else {}
    result = run("check", "--format", "json", cwd=letter.root, **environment)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)) == len(expected)
    note = next(line for line in result.stderr.splitlines() if line.startswith("note: "))
    assert "which email clients your readers use is not estimated" in note
    assert ("127.0.0.1:9" if place else "newsletter.db: not a database") in note
    assert "CANARY" not in result.stderr + result.stdout
