"""What several test files need: a publication, a database of each kind, and a guard on the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgres import Server, running_server

from newsletter.publication import Publication
from newsletter.sample import make_publication
from newsletter.store.database import Database, open_database

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


_SERVER = pytest.StashKey[Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-pg",
        action="store_true",
        default=bool(os.environ.get("NEWSLETTER_NO_PG")),
        help="leave out the tests on PostgreSQL; without this, they fail where there is none",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if server := config.stash.get(_SERVER, None):
        line = f"PostgreSQL: {server.tests} tests ran on {server.version} from {server.source}"
        terminalreporter.write_line(line, green=True)
    elif config.getoption("--no-pg"):
        terminalreporter.write_line("PostgreSQL: LEFT OUT on request (--no-pg)", yellow=True, bold=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A real PostgreSQL; where there is none, what needs it fails."""
    if request.config.getoption("--no-pg"):
        pytest.skip("--no-pg")
    with running_server() as server:
        request.config.stash[_SERVER] = server
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    postgres_server.tests += 1
    with postgres_server.new_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database may be made, once a file and once on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "newsletter.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Server) -> Iterator[str]:
    """A database with our tables, to be copied: faster than to make them for every test."""
    with postgres_server.new_database() as url:
        open_database(url).close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database, once a file and once on PostgreSQL."""
    if request.param == "sqlite":
        with open_database(tmp_path / "newsletter.db") as database:
            yield database
        return
    server: Server = request.getfixturevalue("postgres_server")
    server.tests += 1
    with (
        server.new_database(request.getfixturevalue("postgres_template")) as url,
        open_database(url) as database,
    ):
        yield database


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
