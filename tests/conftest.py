"""What several test files need: a publication, and a guard on the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from newsletter.publication import Publication
from newsletter.sample import make_publication

SHARED_FEEDS = Path(__file__).parent.parent.parent / "shared" / "real" / "feeds"


@pytest.fixture(autouse=True)
def no_secrets_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sends through a server that the developer has set."""
    for name in ("SMTP_URL", "DATABASE_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that connects to anything but this machine fails."""
    connect = socket.socket.connect

    def guarded_connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else str(address)
        local = str(host).startswith(("127.", "/")) or host in ("::1", "localhost")
        assert local, f"a test connects to {host}"
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)


@pytest.fixture
def sample(tmp_path: Path) -> Publication:
    """A new publication from the sample."""
    make_publication(tmp_path / "letter", "digest")
    return Publication.open(tmp_path / "letter")


@pytest.fixture
def make_letter(tmp_path: Path) -> Callable[..., Publication]:
    """A function that makes a publication whose posts are the files given: `make_letter({"a.md": "..."})`.

    It asks the web for nothing, the sizes of pictures included.
    """

    def make(posts: dict[str, str], config: str = "") -> Publication:
        root = tmp_path / "letter"
        for name, text in posts.items():
            (root / "posts" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "posts" / name).write_text(text, "utf-8")
        (root / "posts").mkdir(parents=True, exist_ok=True)
        head = 'name = "Letter"\nfrom = "Letter <letter@example.com>"\npicture_sizes = false\n'
        (root / "newsletter.toml").write_text(f'{head}{config}\n[[source]]\npath = "posts"\n', "utf-8")
        return Publication.open(root)

    return make


def set_key(folder: Path, line: str, *, file: str = "issue.md") -> None:
    """Put `line` into the front matter of an issue's `issue.md`, or of another of its files."""
    path = folder / file
    path.write_text(path.read_text("utf-8").replace("---\n", f"---\n{line}\n", 1), "utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` by its relative path, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The same examples in every run of CI: what fuzzing finds elsewhere becomes a test of its own, not a red build.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
