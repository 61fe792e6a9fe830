"""The command line as a user meets it: whole processes, exit codes, stdout and stderr."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.cli import COMMANDS, newsletter
from newsletter.publication import Publication
from newsletter.sample import SAMPLE_READERS


def run(*arguments: str, cwd: Path, paste: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m newsletter ARGUMENTS` in `cwd`, with nothing on its standard input but `paste`."""
    clean = {key: value for key, value in os.environ.items() if key != "SMTP_URL"}
    command = [sys.executable, "-m", "newsletter", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        input=paste,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_from_nothing_to_a_test_message(tmp_path: Path) -> None:
    assert run("init", "x", cwd=tmp_path).returncode == 0
    root = tmp_path / "x"
    drafted = run("draft", cwd=root)
    assert (drafted.returncode, drafted.stdout.startswith(str(root / "issues"))) == (0, True), drafted.stderr
    built = run("build", cwd=root)
    assert built.returncode == 0
    assert Path(built.stdout.strip()).is_file()
    sent = run("send", "--test", "me@example.com", cwd=root)
    assert sent.returncode == 0
    assert Path(sent.stdout.strip()).is_file()
    again = run("draft", cwd=root)
    assert (again.returncode, again.stdout, again.stderr.count("\n")) == (1, "", 1)
    assert again.stderr.startswith("nothing new: 4 posts read")


def test_the_themes_are_listed_and_their_settings_with_the_publications_values(tmp_path: Path) -> None:
    listed = run("themes", cwd=tmp_path)
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["bulletin", "digest", "essay"]
    assert run("init", "x", "--theme", "essay", cwd=tmp_path).returncode == 0
    config = tmp_path / "x" / "newsletter.toml"
    assert 'theme = "essay"' in config.read_text()
    config.write_text(config.read_text() + '\n[themes.essay]\naccent = "#123456"\n')
    settings = run("themes", "essay", cwd=tmp_path / "x").stdout
    assert "accent         '#123456' (default " in settings
    wrong = run("themes", "esay", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr.splitlines()[0]) == (
        2,
        "there is no theme 'esay', did you mean 'essay'?",
    )


def test_the_demo_shows_where_to_look(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    result = run("demo", str(folder), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"{folder}\n"), result.stderr
    (eml,) = folder.glob("issues/*/build/email.eml")
    assert str(eml.parent) in result.stderr
    assert "checked           0 errors, 0 warnings\n" in result.stderr
    assert f"sent              3 of 3 into {folder / 'outbox' / 'new'}\n" in result.stderr
    status = json.loads(run("status", "--json", cwd=folder).stdout)
    assert [(one["state"], one["accepted"]) for one in status] == [("finished", 3)]


def test_the_demo_sends_nothing_and_leaves_every_list_alone(tmp_path: Path) -> None:
    secrets = {
        "SMTP_URL": "smtp://192.0.2.1:25",
        "DATABASE_URL": "postgresql://192.0.2.1/list",
        "SECRET_KEY": "x",
    }
    result = run("demo", str(tmp_path / "demo"), cwd=tmp_path, **secrets)
    assert result.returncode == 0, result.stderr
    messages = [path.read_text() for path in (tmp_path / "demo" / "outbox" / "new").iterdir()]
    to = sorted(re.findall(r"^To: (.*)$", "".join(messages), re.M))
    assert to == [f"{name} <{address}>" for name, address in sorted(SAMPLE_READERS.items())]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "newsletter.db").write_bytes((tmp_path / "demo" / "newsletter.db").read_bytes())
    refused = run("demo", "other", cwd=tmp_path)
    assert (refused.returncode, "there is a subscriber list" in refused.stderr) == (2, True)


def test_a_pasted_text_becomes_an_issue(sample: Publication) -> None:
    text = "A title\n\nBy The editors | Nov 20, 2026\n\nSome words that make up a paragraph.\n"
    result = run("draft", "-", "--id", "pasted", cwd=sample.root, paste=text)
    assert result.returncode == 0, result.stderr
    assert (
        "Some words that make up a paragraph."
        in (sample.issues / "pasted" / "articles" / "01-a-title.html").read_text()
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["bild"], 2, "build"),
        (["build", "nothing"], 2, "no issue"),
        (["build"], 2, "newsletter draft"),
        (["draft", "no-such-file.xml"], 2, "no such file"),
        (["draft", "--max", "0"], 2, "--max"),
        (["draft", "--since", "tomorrow"], 2, "--since"),
        (["draft", "--id", "../x"], 2, "cannot be an issue's id"),
        (["draft", "-"], 2, "nothing was pasted"),
        (["draft", "http://127.0.0.1:9/feed"], 2, "allow_hosts"),
        (["send"], 2, "newsletter draft"),
        (["send", "--test"], 2, "--test"),
        (["init", "."], 2, "is there already"),
        (["init", "new", "--theme", "digset"], 2, "did you mean 'digest'"),
    ],
)
def test_a_mistake_says_what_to_do_and_shows_no_traceback(
    sample: Publication, arguments: list[str], code: int, message: str
) -> None:
    before = sorted(sample.root.rglob("*"))
    result = run(*arguments, cwd=sample.root)
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path for path in sample.root.rglob("*") if ".cache" not in path.parts) == before


def test_outside_a_publication_the_way_in_is_named(tmp_path: Path) -> None:
    result = run("draft", cwd=tmp_path)
    assert result.returncode == 2
    assert "newsletter init" in result.stderr


def test_a_server_that_is_not_there_is_try_again_later_without_its_password(sample: Publication) -> None:
    sample.draft()
    result = run(
        "send", "--test", "me@example.com", cwd=sample.root, SMTP_URL="smtps://me:CANARY-6f1c@127.0.0.1:9"
    )
    assert result.returncode == 75, result.stderr
    assert "127.0.0.1:9" in result.stderr
    assert "CANARY" not in result.stderr + result.stdout


def test_a_missing_secret_in_a_source_is_named_with_the_missing_env_file(sample: Publication) -> None:
    path = sample.root / "newsletter.toml"
    path.write_text(path.read_text() + '\n[[source]]\nurl = "https://${FEED_USER}:x@example.com/feed"\n')
    result = run("draft", cwd=sample.root)
    assert result.returncode == 2
    assert "FEED_USER is not set, and there is no .env" in result.stderr


def test_a_folder_can_be_named_in_front(sample: Publication, tmp_path: Path) -> None:
    assert run("-C", str(sample.root), "draft", cwd=tmp_path).returncode == 0


def test_help_is_there_for_every_command_with_an_example(tmp_path: Path) -> None:
    overview = run("--help", cwd=tmp_path)
    assert overview.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in overview.stdout
        text = run(name, "--help", cwd=tmp_path).stdout
        assert f"newsletter {name}" in text.split("Options:")[0].split("\n", 2)[2], (
            f"{name} --help has no example"
        )
        assert line in text


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["jinja2", "premailer", "lxml", "feedparser", "trafilatura", "nh3", "yaml", "babel", "mjml"]
    code = f"import sys; from newsletter.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_every_command_is_what_its_module_says() -> None:
    import click

    context = click.Context(newsletter)
    for name, (_, line) in COMMANDS.items():
        command = newsletter.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert (command.help or "").splitlines()[0] == line


def test_the_example_of_env_names_each_secret_once(sample: Publication) -> None:
    lines = (sample.root / ".env.example").read_text().splitlines()
    names = [line.removeprefix("# ").partition("=")[0] for line in lines if re.match(r"# [A-Z_]+=", line)]
    assert len(names) == len(set(names)) > 4
