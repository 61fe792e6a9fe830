"""Postfix's own tools, where they are: `smtp-sink` and `smtp-source`, installed or only unpacked.

Looked for in PATH, in /usr/sbin, and in the folder that NEWSLETTER_POSTFIX names (`dpkg -x postfix_*.deb FOLDER`; nothing
is set up and no daemon runs).  `reason` says why a test is skipped without them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

reason = "needs Postfix's smtp-sink: install postfix, or unpack it and set NEWSLETTER_POSTFIX"


def tool(name: str) -> str | None:
    """The path of `smtp-sink` or another of Postfix's tools."""
    folder = Path(os.environ.get("NEWSLETTER_POSTFIX", "/nowhere"))
    for place in (shutil.which(name), f"/usr/sbin/{name}", folder / "usr/sbin" / name):
        if place and Path(place).is_file():
            return str(place)
    return None


def environment() -> dict[str, str]:
    """What an unpacked tool needs to find its libraries."""
    folder = os.environ.get("NEWSLETTER_POSTFIX")
    return {**os.environ, "LD_LIBRARY_PATH": f"{folder}/usr/lib/postfix"} if folder else dict(os.environ)


@contextlib.contextmanager
def sink(*options: str) -> Iterator[tuple[int, int]]:
    """Port and process of an `smtp-sink` with `options`."""
    path = tool("smtp-sink")
    assert path, reason
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # It will not run as root without being told whom to be.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [path, *user, *options, f"127.0.0.1:{port}", "100"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not answer")
