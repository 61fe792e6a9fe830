"""What a process does to files and sockets, in order, as strace writes it down: every byte of it.

    calls = trace([sys.executable, "-m", "newsletter", ...], log, environment)

Where two threads are in a call at once, what gives something away (write, send) counts from its beginning, anything else from
its end.  A call that strace was not told of is not seen, so what is made of a trace must be compared with what is there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_CALLS = (
    "open openat creat write writev pwrite64 pwritev pwritev2 fdatasync fsync sync_file_range ftruncate fallocate unlink "
    "unlinkat rename renameat renameat2 mmap sendto sendmsg sendmmsg recvfrom recvmsg"
).split()
_GIVING = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"(\d+)<((?:TCP|TCPv6):\[[^]]*\]|[^>]*)>")


class Call(NamedTuple):
    """One call that succeeded.

    `place` is the path or the connection that its descriptor stands for, `strings` are the strings among its arguments as
    bytes, `arguments` are as strace writes them, split at commas.
    """

    name: str
    descriptor: int
    place: str
    strings: tuple[bytes, ...]
    arguments: tuple[str, ...]
    result: int


def trace(
    command: Sequence[str], log: Path, environment: Mapping[str, str], *, ends: Collection[int] = (0,)
) -> list[Call]:
    """The calls of `command` and its threads; the log is left in `log`.

    Raises CalledProcessError, if it ends with a code that is not in `ends`, as it does where nothing can be traced.
    """
    which = ",".join(f"?{call}" for call in _CALLS)  # "?": not every machine has every one
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-yy", "-v", "-xx", "-s", "100000000", "-o", str(log)]
    done = subprocess.run(
        [*strace, "-e", f"trace={which}", "-e", "signal=none", *command],
        env=dict(environment), capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode not in ends:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    with log.open(encoding="ascii") as lines:
        return parse(lines)


def parse(lines: Iterable[str]) -> list[Call]:
    """The calls in the lines of a log."""
    calls: list[Call | None] = []
    begun: dict[str, tuple[str, int]] = {}  # by thread: the line so far, its place among the calls
    for line in lines:
        text = line.rstrip("\n")
        if text.endswith("<unfinished ...>"):
            begun[text.split(" ", 1)[0]] = text.removesuffix(" <unfinished ...>"), len(calls)
            calls.append(None)
            continue
        place = -1
        if resumed := _RESUMED.match(text):
            text, place = begun.pop(resumed[1])
            text += resumed[2]
        call = _parse_line(text)
        if call and place >= 0 and call.name in _GIVING:
            calls[place] = call
        else:
            calls.append(call)
    return [call for call in calls if call]


def _parse_line(line: str) -> Call | None:
    """The call in one line; None, if it failed, or the line is of something else."""
    found = _LINE.match(line)
    if not found or found[3] == "-1":
        return None
    name, inside, result = found[1], found[2], int(found[3], 0)
    strings = []
    for string, cut in _STRING.findall(inside):
        assert not cut, f"strace cut a string of {name}"
        strings.append(_bytes(string))
    arguments = tuple(inside.split(", "))
    if name in ("open", "openat", "creat"):
        descriptor = _DESCRIPTOR.match(found[3] + found[4])
    else:
        descriptor = _DESCRIPTOR.match(arguments[4 if name == "mmap" else 0])
    place = (
        _HEX.sub(lambda part: _bytes(part[0]).decode("utf-8", "replace"), descriptor[2]) if descriptor else ""
    )
    return Call(name, int(descriptor[1]) if descriptor else -1, place, tuple(strings), arguments, result)


def _bytes(string: str) -> bytes:
    return bytes.fromhex(string.replace("\\x", ""))
