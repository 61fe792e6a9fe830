"""Who sends: one process for a campaign, by a lease that it renews, and a clock that never goes back.

A sender writes its token, its name and the end of its lease into the campaign, and renews the lease in every transaction
of its own.  Another one is refused until the lease has ended, or until the former is known to be dead: on the same machine,
since the same boot and among the same processes, there is no such process any more.  A sender that finds its lease ended
(it was stopped, or the machine slept) ends without another write.

The clock is the system's when it is started and goes on by itself: setting the system's clock moves no retry, no pace and
no lease.  It counts the time for which the machine slept, where the system says so (CLOCK_BOOTTIME).
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: How long a sender that does not answer is waited for.
LEASE_SECONDS = 120
#: How often a sender that has nothing else to write renews its lease.
RENEW_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a sender: its token, its name for people, and what tells whether it is alive."""

    token: str
    owner: str
    proof: str

    @property
    def stored(self) -> str:
        """What the campaign keeps of it."""
        return f"{self.token} {self.proof}"


#: Sessions of this process that have ended, though the process lives.
_ended: set[str] = set()


def end_session(session: Session) -> None:
    """Say that `session` writes nothing more, whether or not the database could be told."""
    _ended.add(session.token)


def new_session() -> Session:
    """A session of this process."""
    pid = os.getpid()
    return Session(secrets.token_hex(8), f"pid {pid} on {socket.gethostname()}", _proof(pid))


def is_dead(stored: str) -> bool:
    """Whether the process of a `Session.stored` is known to have ended; False, if that cannot be known here."""
    token, _, proof = stored.partition(" ")
    if token in _ended:
        return True
    parts = proof.split(" ")
    if len(parts) != 4 or not parts[0]:
        return False
    boot, processes, pid, _ = parts
    here = _proof(os.getpid()).split(" ")
    if [boot, processes] != here[:2] or not pid.isdigit():
        return False
    return _proof(int(pid)) != proof


def start_clock() -> Callable[[], float]:
    """A clock that says the seconds since 1970 and never goes back."""
    ticks = getattr(time, "CLOCK_BOOTTIME", None)

    def elapsed() -> float:
        return time.monotonic() if ticks is None else time.clock_gettime(ticks)

    began = time.time() - elapsed()
    return lambda: began + elapsed()


def _proof(pid: int) -> str:
    """Boot, process namespace, pid and start of a process; without what the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return f"{boot} {processes} {pid} gone"
    state, *fields = status.rpartition(")")[2].split()
    return f"{boot} {processes} {pid} {'gone' if state == 'Z' else fields[18]}"
