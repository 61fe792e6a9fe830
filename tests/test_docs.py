"""The README cannot be wrong: every command, option, setting and key is in it, and its examples run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from newsletter.checks.check import CODES
from newsletter.cli import COMMANDS, newsletter
from newsletter.config import KINDS, SETTINGS
from newsletter.issues.folder import KEYS
from newsletter.publication import OUTPUTS
from newsletter.render.theme import PACKAGE_THEMES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_every_command_and_option_is_in_the_readme() -> None:
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `newsletter (\w+).*$", README, re.M)}
    assert set(rows) == set(COMMANDS)
    context = click.Context(newsletter)
    for name in COMMANDS:
        command = newsletter.get_command(context, name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[0] in rows[name], f"newsletter {name} {option.opts[0]}"


def test_every_setting_is_in_the_readme() -> None:
    table = README.split("## Settings")[1].split("\n## ")[0]
    for name, keys in SETTINGS.items():
        for key in keys:
            if key not in SETTINGS:
                assert f"`{key}`" in table or (key == "themes" and "[themes." in table), f"[{name}] {key}"
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
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "my-letter").glob("issues/*/build/email.html"))
    assert len(list((tmp_path / "my-letter" / "outbox" / "new").iterdir())) == 1


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
