"""Servers that take messages and forget them, and the way to them.

- `smtp-sink` of Postfix with its load generator `smtp-source`: from the PATH, from /usr/sbin, from a Debian package
  unpacked in the folder NEWSLETTER_POSTFIX, or unpacked here with apt-get and dpkg (nothing is installed).
- a sink in C that is fast enough to show the sender's limit rather than its own, compiled here.
- a link with a delay between two private networks (`delay_link.c`).

What cannot be had raises Missing with the reason; nothing is left behind when a `with` block ends.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

HERE = Path(__file__).parent


class Missing(Exception):
    """Something that a part of the benchmark needs is not here; the message says what."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A server that runs: where it listens, and in which network one is to start its clients."""

    host: str
    port: int
    network: Sequence[str] = ()  # the words before a client's command
    process: subprocess.Popen[bytes] | None = None
    report: Path | None = None  # where the fast sink writes its counts when it gets SIGUSR1

    def taken(self) -> int:
        """How many messages the fast sink has taken so far."""
        assert self.process
        assert self.report
        size = self.report.stat().st_size
        self.process.send_signal(signal.SIGUSR1)
        deadline = monotonic() + 10
        while monotonic() < deadline:
            if (said := self.report.read_text()[size:]).endswith("\n"):
                return int(said.split()[0])
            sleep(0.01)
        raise Missing("the sink does not say how many messages it has taken")


@dataclass(frozen=True, slots=True)
class Postfix:
    """Postfix's two tools for load tests, and what their libraries need in the environment."""

    sink: str
    source: str
    environment: dict[str, str] = field(default_factory=dict, hash=False)


def find_postfix(scratch: Path) -> Postfix:
    """The two tools; a package is unpacked into `scratch`, if there is no other way.  Raises Missing."""
    unpacked = os.environ.get("NEWSLETTER_POSTFIX")
    places = [Path(unpacked)] if unpacked else []
    for place in [*places, *(Path(path) for path in os.get_exec_path()), Path("/usr/sbin")]:
        for folder in (place, place / "usr/sbin"):
            if (folder / "smtp-sink").is_file() and (folder / "smtp-source").is_file():
                return _tools(folder, [place] if place in places else [])
    root = scratch / "postfix"
    root.mkdir(exist_ok=True)
    _unpack("postfix", root)
    try:
        return _tools(root / "usr/sbin", [root])
    except Missing:  # a library that this machine does not have
        depends = output(["apt-cache", "depends", "postfix"])
        for package in re.findall(r"Depends: (lib[\w.+-]+)", depends):
            _unpack(package, root)
        return _tools(root / "usr/sbin", [root])


def _tools(folder: Path, roots: Sequence[Path]) -> Postfix:
    """The tools in `folder`, with the folders below `roots` that hold libraries.  Raises Missing, if one is not there."""
    folders = sorted({str(path.parent) for root in roots for path in root.rglob("*.so*")})
    environment = {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}
    sink = folder / "smtp-sink"
    absent = re.findall(r"(\S+) => not found", output(["ldd", str(sink)], environment))
    if absent:
        raise Missing(f"{sink} needs {', '.join(absent)}")
    return Postfix(str(sink), str(folder / "smtp-source"), environment)


def _unpack(package: str, root: Path) -> None:
    output(["apt-get", "download", package], folder=root)
    for archive in root.glob("*.deb"):
        output(["dpkg", "-x", str(archive), str(root)])
        archive.unlink()


def output(
    words: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> str:
    """What a command says.  Raises Missing with the last line of its errors, if it is not there or fails."""
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise Missing(f"{words[0]}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"code {error.returncode}"]
        raise Missing(f"{' '.join(words)}: {lines[-1]}") from error
    return done.stdout


def compile_c(source: Path, scratch: Path, *flags: str) -> Path:
    """The program of a C file.  Raises Missing, if there is no compiler or it refuses."""
    program = scratch / source.stem
    output(["cc", "-O3", "-o", str(program), str(source), *flags])
    return program


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def smtp_sink(postfix: Postfix) -> Iterator[Sink]:
    """Postfix's sink on this machine."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    words = [postfix.sink, *user, "-h", "localhost", f"127.0.0.1:{port}", "1000"]
    process = subprocess.Popen(words, env={**os.environ, **postfix.environment}, stderr=subprocess.DEVNULL)
    with _ended(process):
        _wait_for_listener(process, port)
        yield Sink("127.0.0.1", port)


@contextmanager
def fast_sink(program: Path, *flags: str, link: Link | None = None, port: int = 0) -> Iterator[Sink]:
    """The sink in C on this machine, or at the far end of `link`; `-b` makes it offer no CHUNKING."""
    port = port or free_port()
    host, before, network = ("10.99.0.2", link.server, link.client) if link else ("127.0.0.1", (), ())
    with tempfile.NamedTemporaryFile() as report:
        words = [*before, str(program), "-p", str(port), *(("-a",) if link else ()), *flags]
        process = subprocess.Popen(words, stdout=report.fileno())
        with _ended(process):
            _wait_for_listener(process, port)
            yield Sink(host, port, network, process, Path(report.name))


@dataclass(frozen=True, slots=True)
class Link:
    """The words that start a command at either end of a slow link."""

    client: Sequence[str]
    server: Sequence[str]


@contextmanager
def delay_link(program: Path, round_trip_ms: int) -> Iterator[Link]:
    """A link between two private networks on which the way there and back takes so long.  Raises Missing."""
    if not shutil.which("nsenter"):
        raise Missing("there is no nsenter (util-linux)")
    words = [str(program), str(round_trip_ms * 500)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with _ended(process):
        assert process.stdout is not None
        assert process.stderr is not None
        pids = process.stdout.readline().split()
        if len(pids) != 2:
            raise Missing(f"no slow link: {process.stderr.read().strip()}")
        client, server = (("nsenter", "-t", pid, "-n") for pid in pids)
        yield Link(client, server)


@contextmanager
def _ended(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens, `process` does not stay."""
    with process:
        try:
            yield
        finally:
            process.kill()


def _wait_for_listener(process: subprocess.Popen[bytes], port: int) -> None:
    """Until the process's network has a listener on `port`: it need not be ours.  Raises Missing, if none comes."""
    listener = re.compile(rf":{port:04X} \S+ 0A ")
    for _ in range(500):
        if process.poll() is not None:
            break
        if listener.search(Path(f"/proc/{process.pid}/net/tcp").read_text()):
            return
        sleep(0.01)
    raise Missing(f"{process.args!r} does not listen")
