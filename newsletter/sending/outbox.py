"""The outbox: a Maildir, where messages go while no mail server is set.

A message is in `new/` whole or not at all: it is written and synced in `tmp/` and then renamed, so a crash
leaves at most a file in `tmp/`, which every mail program ignores.  No message takes the place of another.
Any program that reads Maildir opens the outbox, and any mail program one of its files.

Raises WriterError, if the disk is full or the folder may not be written; what was begun is then taken away
again.  Source: cr.yp.to/proto/maildir.html.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time
from pathlib import Path

from newsletter.errors import WriterError

_FOLDERS = ("tmp", "new", "cur")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_NAME = 80


def write_message(outbox: Path, message: bytes, *, name: str) -> Path:
    """The file in `outbox` that now holds `message`; `name` is part of its name, for a person who looks.

    Its lines end in LF, as those of a Maildir do; on the way to a server they get their CRLF back.
    """
    # Names sort by time, and the random part stands for the host, process and counter of the original scheme.
    # No ":" (which begins the flags) and no "/" can get into one.
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    label = _NOT_IN_A_NAME.sub("-", name)[:_MAX_NAME].strip("-") or "message"
    unique = f"{seconds}.M{nanoseconds // 1000:06}R{secrets.token_hex(8)}.{label}.eml"
    written, final = outbox / "tmp" / unique, outbox / "new" / unique
    try:
        for folder in _FOLDERS:
            (outbox / folder).mkdir(parents=True, exist_ok=True)
        try:
            _write_synced(written, message.replace(b"\r\n", b"\n"))
            written.rename(final)
        except BaseException:
            with contextlib.suppress(OSError):
                written.unlink()
            raise
        _sync_folder(final.parent)
    except OSError as error:
        raise WriterError(
            f"the message cannot be written: {error.strerror or error}",
            where=str(outbox),
            hint="the outbox is a folder that must have room and be yours to write in",
        ) from error
    return final


def _write_synced(path: Path, content: bytes) -> None:
    """Write a new file; it is on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last, where the system knows how."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(descriptor)
