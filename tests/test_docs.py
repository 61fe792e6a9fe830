"""The README cannot be wrong: every command, option, setting and key is in it, and its examples run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from newsletter.checks.check import CODES
from newsletter.cli import newsletter
from newsletter.config import KINDS, SETTINGS
from newsletter.errors import WriterError
from newsletter.issues.folder import KEYS
from newsletter.publication import OUTPUTS
from newsletter.render.theme import PACKAGE_THEMES
from newsletter.sample import make_publication
from newsletter.subscribers.columns import FIELDS, FORMATS
from newsletter.subscribers.columns import KINDS as TARGET_KINDS
from newsletter.subscribers.segment import FIELDS as SEGMENT_FIELDS
from newsletter.subscribers.segment import WORDS as SEGMENT_WORDS
from newsletter.subscribers.segment import parse_segment
from newsletter.subscribers.segment_terms import Operator
from newsletter.subscribers.subscriber import Standing
from newsletter.subscribers.subscriber_list import SubscriberList

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_every_command_and_option_is_in_the_readme() -> None:
    rows = {
        match[1]: match[0] for match in re.finditer(r"^\| `newsletter ((?:\w+ )?[a-z]+)\b.*$", README, re.M)
    }
    commands = dict(all_commands(newsletter))
    assert set(rows) == set(commands)
    for name, command in commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[0] in rows[name], f"newsletter {name} {option.opts[0]}"


def all_commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its words, those of groups among them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_standing_is_in_the_readme() -> None:
    for standing in Standing:
        assert f"| {standing.label} |" in README


def test_every_field_of_an_import_is_in_the_readme_with_its_meaning() -> None:
    for field, meaning in FIELDS.items():
        assert f"| `{field}` | {meaning} |".replace("or |,", "or \\|,") in README
    for kind in TARGET_KINDS:
        assert f"`{kind}:NAME`" in README
    for one in FORMATS:
        assert one.name in README


def test_every_segment_in_the_readme_is_one() -> None:
    section = README.split("### Segments")[1].split("\n## ")[0]
    (block,) = re.findall(r"```segments\n(.*?)```", section, re.S)
    cells = re.findall(r"^\| (`.*?) \|", section, re.M)
    examples = [*block.splitlines(), *(text for cell in cells for text in re.findall(r"`([^`]+)`", cell))]
    assert len(examples) > 15
    named = {"swiss": 'country = "CH"'}
    for text in examples:
        parse_segment(text, named=named)
    for word in {*SEGMENT_FIELDS, *SEGMENT_WORDS, *map(str, Operator)}:
        assert re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", section), word


def test_the_error_in_a_segment_is_shown_as_the_readme_shows_it() -> None:
    (command, shown) = re.findall(r"```\nnewsletter subscribers count '(.*?)'\n(.*?)\n```", README, re.S)[0]
    with pytest.raises(WriterError) as caught:
        parse_segment(command)
    assert [line.rstrip() for line in str(caught.value).splitlines()] == shown.splitlines()


def test_every_setting_is_in_the_readme() -> None:
    table = README.split("## Settings")[1].split("\n## ")[0]
    for name, keys in SETTINGS.items():
        for key in keys:
            if key not in SETTINGS:
                assert f"`{key}`" in table or f"`[{key}" in table, f"[{name}] {key}"
    for kind in KINDS:
        assert f"| {kind} |" in README


def test_every_key_of_an_issue_and_every_file_of_a_build_is_in_the_readme() -> None:
    for key in KEYS:
        assert f"`{key}`" in README
    for name in OUTPUTS:
        assert name in README


def test_every_code_of_a_check_is_in_the_readme_with_its_meaning() -> None:
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in README, f"{code}: python3 dev.py run python docs/codes.py"


def test_the_sample_settings_and_the_repositorys_own_are_valid() -> None:
    for path in (ROOT / "newsletter.toml", ROOT / "newsletter" / "data" / "sample" / "newsletter.toml"):
        assert set(tomllib.loads(path.read_text())) <= set(SETTINGS[""])
    assert (ROOT / ".env.example").read_text() == (
        ROOT / "newsletter" / "data" / "sample" / "env.example"
    ).read_text()


def test_every_setting_of_a_theme_says_what_it_is() -> None:
    for path in PACKAGE_THEMES.glob("*/theme.toml"):
        theme = tomllib.loads(path.read_text())
        assert theme["title"]
        assert theme["description"]
        for key, setting in theme["settings"].items():
            assert setting["what"], f"{path}: {key}"


def test_the_readmes_pictures_and_files_are_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(sys.platform == "win32", reason="the example is for a POSIX shell")
def test_the_readmes_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"<!-- example -->\n```\n(.*?)```", README, re.S)
    folder = Path(sys.executable).parent
    if not shutil.which("newsletter", path=str(folder)):
        pytest.skip("the command newsletter is not installed beside this Python")
    result = subprocess.run(
        ["sh", "-ec", example],
        cwd=tmp_path,
        env={"PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)},  # this code, whatever is installed
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "my-letter").glob("issues/*/build/email.html"))
    assert len(list((tmp_path / "my-letter" / "outbox" / "new").iterdir())) == 2


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_publication(tmp_path / "my-letter", "digest")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.S):
        exec(block, names)
    publication = names["publication"]
    assert publication.subscribers.standings() == {Standing.LEFT: 1}
    assert publication.subscribers.find("ada@example.org").profile.attributes == {"country": "DE"}
    publication.database.close()
    listed = set(re.findall(r"`(\w+)`", README.split("`add`, `ask`")[1].split("are the acts")[0])) | {
        "add",
        "ask",
    }
    assert listed == {
        name for name, value in vars(SubscriberList).items() if callable(value) and not name.startswith("_")
    }


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    forbidden = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|/root/|/work/")
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if files.returncode:
        pytest.skip("not a git checkout")
    for name in files.stdout.split("\n"):
        path = ROOT / name
        if (
            path.is_file()
            and path.suffix in {".py", ".md", ".toml", ".lock", ".txt", ".css", ".mjml", ".json", ""}
            and name != "tests/test_docs.py"
        ):
            assert not forbidden.search(path.read_text("utf-8", "replace")), name
