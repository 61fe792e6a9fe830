"""Programs against one another: each one is a process, and what counts is what more messages cost it.

A program is run for few messages and for many, and the difference is measured: neither an interpreter's start nor a
template's compilation is counted for or against anybody.  Processor time is that of the process and its children,
memory the largest resident size of the process itself.  In a round everyone runs once, so a machine that is slow for a
while is slow for all, and the ratios are of medians over rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

#: How often few and many are run, before a machine on which many take no longer than few is given up.
_TRIALS = 5


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: the words, what is added to the environment, and where."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One process, from its start to its end."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What more messages cost, and what the smaller run took in all."""

    per_second: float
    processor_us: float
    few_seconds: float
    peak_bytes: int


def start(command: Command, errors: int) -> subprocess.Popen[bytes]:
    """The process of `command`; what it says goes nowhere, its errors to the file with that descriptor."""
    return subprocess.Popen(
        command.words,
        env={**os.environ, **command.environment},
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def run(command: Command) -> Run:
    """Run it to its end.  Leaves the program with the last lines of its errors, if it fails."""
    with tempfile.TemporaryFile() as errors:
        begin = perf_counter()
        process = start(command, errors.fileno())
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen itself waits no more
        peak.stop()
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            sys.exit(f"{' '.join(command.words)}\nended with code {process.returncode}:\n{said}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak.octets)


class _Peak:
    """The largest resident size of a process, read from Linux ten times a second.

    Not `ru_maxrss`: that starts with the size of the process that forked.
    """

    def __init__(self, pid: int) -> None:
        self.octets = 0
        self._path = Path(f"/proc/{pid}/status")
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            try:
                lines = self._path.read_text().splitlines()
            except OSError:
                return
            for line in lines:
                if line.startswith("VmHWM:"):
                    self.octets = int(line.split()[1]) * 1024


@dataclass(frozen=True, slots=True)
class Sender:
    """One way to send: its name, how many messages are few and many to it, and the command for so many."""

    name: str
    few: int
    many: int
    command: Callable[[int], Command]

    def pace(self, taken: Callable[[], int] | None = None) -> Pace:
        """Run it twice.  `taken` counts what the sink has taken so far: leaves the program, if that is not `many`."""
        for _ in range(_TRIALS):
            few = run(self.command(self.few))
            command = self.command(self.many)  # prepares; not timed
            before = taken() if taken else 0
            many = run(command)
            if taken and (came := taken() - before) != self.many:
                sys.exit(f"{self.name} ended with success, but {came} of {self.many} messages have come")
            if many.seconds > few.seconds and many.processor_seconds > few.processor_seconds:
                break
        else:
            sys.exit(
                f"{self.name}: {self.many} messages take no longer than {self.few}; is the machine busy?"
            )
        more = self.many - self.few
        return Pace(
            per_second=more / (many.seconds - few.seconds),
            processor_us=(many.processor_seconds - few.processor_seconds) / more * 1e6,
            few_seconds=few.seconds,
            peak_bytes=many.peak_bytes,
        )


def race(
    senders: Iterable[Sender], rounds: int, taken: Callable[[], int] | None = None
) -> dict[str, list[Pace]]:
    """So many rounds in which everyone runs once; what each made of it, by name."""
    senders = list(senders)
    paces: dict[str, list[Pace]] = {sender.name: [] for sender in senders}
    for number in range(rounds):
        for sender in senders:
            pace = sender.pace(taken)
            paces[sender.name].append(pace)
            print(
                f"  round {number + 1}: {sender.name}: {pace.per_second:,.0f} messages/s, {pace.processor_us:,.0f} us",
                file=sys.stderr,
                flush=True,
            )
    return paces


def median(paces: Iterable[Mapping[str, float]], what: str) -> float:
    """The median of one field of them all."""
    return statistics.median(pace[what] for pace in paces)
