"""The outbox in the place of a mail server: a campaign's messages written out for sending.

    maildir   outbox/                 one file for each message, as mail programs keep them
    mbox      outbox/ISSUE.mbox       one file for all (mboxrd: a line that begins with From gets a >)
    eml       outbox/ISSUE/17-reader@example.org.eml    one file for each recipient

A message is ACCEPTED when it is on the disk, and only then.  Raises WriterError, if the disk is full or the folder may not
be written; those that were written by then are ACCEPTED, the others untouched.  Source: RFC 4155, and qmail's mbox(5) for mboxrd.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from newsletter.errors import WriterError
from newsletter.sending.delivery import Outcome, Parcel, Stage, State
from newsletter.sending.outbox import write_message
from newsletter.sending.relays import Event

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9@._+-]")
_FROM = re.compile(rb"^(>*From )", re.M)


class Form(StrEnum):
    """How the outbox keeps messages."""

    MAILDIR = "maildir"
    MBOX = "mbox"
    EML = "eml"


class OutboxCarrier:
    """What a `Carrier` does, with a folder for all relays."""

    def __init__(self, outbox: Path, form: Form, name: str) -> None:
        """`name` goes into the names of files: the issue's."""
        self._outbox, self._form, self._name = outbox, form, name
        self._parcels: list[Parcel] = []
        self._is_draining = False
        self.place = {
            Form.MAILDIR: outbox,
            Form.MBOX: outbox / f"{name}.mbox",
            Form.EML: outbox / name,
        }[form]

    @property
    def is_empty(self) -> bool:
        """Whether all outcomes of what was given have been handed out."""
        return not self._parcels

    def room(self) -> int:
        """How many more parcels are taken now."""
        return 0 if self._is_draining else max(0, 256 - len(self._parcels))

    def paused_until(self) -> float | None:
        """A folder is never paused."""
        return None

    def events(self) -> list[Event]:
        """A folder has none."""
        return []

    def give(self, parcels: Iterable[Parcel]) -> None:
        """Take `parcels`; `poll` writes them."""
        self._parcels += parcels

    def poll(self, timeout_seconds: float, *, until: float = math.inf) -> list[Outcome]:
        """Write what was given; where nothing was, wait."""
        if not self._parcels:
            time.sleep(min(timeout_seconds, 0.2))
            return []
        written: list[Parcel] = []
        try:
            while self._parcels:
                group = self._parcels if self._form is Form.MBOX else self._parcels[:1]
                self._write(group)
                written += group
                self._parcels = self._parcels[len(group) :]
        except (OSError, WriterError) as error:
            if not written:  # or else the next call says so
                if isinstance(error, WriterError):
                    raise
                raise WriterError(
                    f"the message cannot be written: {error.strerror or error}",
                    where=str(self.place),
                    hint="the outbox is a folder that must have room and be yours to write in",
                ) from error
        self._sync()
        return [
            Outcome(parcel.subscriber_id, State.ACCEPTED, Stage.DOT, "written", "outbox")
            for parcel in written
        ]

    def drain(self) -> None:
        """Take nothing more."""
        self._is_draining = True

    def close(self) -> list[Outcome]:
        """Nothing is left to close; what was given and not written comes back untouched."""
        parcels, self._parcels = self._parcels, []
        return [
            Outcome(parcel.subscriber_id, State.PLANNED, Stage.CONNECT, "", "outbox", untouched=True)
            for parcel in parcels
        ]

    def abandon(self) -> None:
        """Write nothing more."""
        self._parcels = []

    def _write(self, parcels: list[Parcel]) -> None:
        """Write all of `parcels`, or none."""
        if self._form is Form.MAILDIR:
            for parcel in parcels:
                write_message(self._outbox, b"".join(parcel.content), name=self._name)
            return
        self.place.parent.mkdir(parents=True, exist_ok=True)
        if self._form is Form.MBOX:
            _append(self.place, b"".join(map(_mbox_entry, parcels)))
            return
        self.place.mkdir(exist_ok=True)
        for parcel in parcels:
            recipient = _NOT_IN_A_NAME.sub("_", parcel.recipient.decode("utf-8", "replace"))[:120]
            path = self.place / f"{parcel.subscriber_id}-{recipient}.eml"
            beside = path.with_suffix(".part")
            with open(beside, "wb") as file:
                file.write(b"".join(parcel.content))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)

    def _sync(self) -> None:
        """Make the new names last: that of each message, or that of the one file."""
        if self._form is not Form.MAILDIR:
            folder = self.place if self._form is Form.EML else self.place.parent
            with contextlib.suppress(OSError):  # not every system can
                descriptor = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)


def _append(path: Path, content: bytes) -> None:
    """Write `content` at the end of the file, whole or not at all."""
    with open(path, "ab", buffering=0) as file:
        end = file.tell()
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def _mbox_entry(parcel: Parcel) -> bytes:
    content = b"".join(parcel.content).replace(b"\r\n", b"\n")
    when = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime()).encode()
    return b"From %b %b\n%b\n" % (parcel.sender, when, _FROM.sub(rb">\1", content))
