"""Mail servers to measure against: our fast sink (in C where there is a compiler, else in Python) and Postfix's smtp-sink."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

import postfix  # noqa: E402

has_compiler = sys.platform == "linux" and shutil.which("cc") is not None
#: Why nothing is compared with Postfix's tools here, or nothing.
no_postfix = "" if postfix.tool("smtp-source") and postfix.tool("smtp-sink") else postfix.reason


@dataclass
class Sink:
    """A running server; `messages` is known when it has stopped."""

    name: str
    port: int
    pid: int
    messages: int = 0

    def cpu_seconds(self) -> float:
        """The processor time it has used so far (Linux; else 0)."""
        try:
            words = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def fast_sink(*options: str, in_c: bool = has_compiler) -> Iterator[Sink]:
    """The fast sink, with the options of fast_sink.c."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "fast_sink"
        if in_c:
            compiler = shutil.which("cc") or "cc"
            subprocess.run([compiler, "-O2", "-o", program, HERE / "fast_sink.c"], check=True)
            command, name = [str(program), *options], "fast sink (C)"
        else:
            command, name = [sys.executable, str(HERE / "fast_sink.py"), *options], "fast sink (Python)"
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            sink = Sink(name, int(process.stdout.readline()), process.pid)
            try:
                yield sink
            finally:
                process.terminate()
                sink.messages = int(process.communicate(timeout=10)[0].split()[0])


@contextlib.contextmanager
def postfix_sink() -> Iterator[Sink]:
    """Postfix's smtp-sink; it offers PIPELINING and no CHUNKING."""
    with postfix.sink() as (port, pid):
        yield Sink("smtp-sink", port, pid)


def smtp_source(sink: Sink, sessions: int, messages: int, size: int) -> None:
    """Have Postfix's smtp-source send so many messages over kept connections."""
    path = postfix.tool("smtp-source")
    assert path, no_postfix
    counts = ["-d", "-s", str(sessions), "-m", str(messages), "-l", str(size)]
    ends = ["-f", "news@example.org", "-t", "reader@example.com", f"127.0.0.1:{sink.port}"]
    subprocess.run([path, *counts, *ends], check=True, env=postfix.environment())
