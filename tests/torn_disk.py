"""A folder on a disk whose power may go: what is there for certain, and what may be.

    disk = Disk({"letter.db": before})
    disk.write("letter.db", 4096, page)
    disk.sync("letter.db")              what fsync and fdatasync have returned for is there for certain
    disk.torn(random.Random(1))         what a disk may hold when the power goes now

Of what was written since, each sector of 512 bytes has or has not come as far as any of the writes to it, the size of a file
is any that it has had since, with zeros where nothing came, and each name was or was not made, taken away or given to
another file.  A sector is written whole, with all that was written to it before.  A name is certain when its folder is
synced, though most file systems do that sooner.

Source: sqlite.org/atomiccommit.html, section 2
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

SECTOR = 512


@dataclass
class _File:
    """One file: what is certain of it, and what was done since, in order; (size, None) sets its size."""

    certain: bytes = b""
    now: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def torn(self, randomness: random.Random, share: float) -> bytes:
        """What may be of it; `share` is how likely a sector is to have come as far as its last write."""
        size, sizes = len(self.certain), [len(self.certain)]
        sectors: dict[int, list[tuple[int, bytes]]] = {}
        for place, content in self.since:
            begin, end = (place, place + len(content)) if content is not None else (place, size)
            size = max(size, end) if content is not None else place
            sizes.append(size)
            while begin < end:
                stop = min(end, begin - begin % SECTOR + SECTOR)
                piece = bytes(stop - begin) if content is None else content[begin - place : stop - place]
                sectors.setdefault(begin // SECTOR, []).append((begin, piece))
                begin = stop
        held = bytearray(max(sizes))
        held[: len(self.certain)] = self.certain
        for pieces in sectors.values():
            came = len(pieces) if randomness.random() < share else randomness.randrange(len(pieces))
            for begin, piece in pieces[:came]:
                held[begin : begin + len(piece)] = piece
        return bytes(held[: size if randomness.random() < share else randomness.choice(sizes)])


class Disk:
    """One folder; see the module."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """`files` are there for certain."""
        self._names = {name: _File(content, bytearray(content)) for name, content in files.items()}
        self._certain = dict(self._names)
        self._since: list[dict[str, _File | None]] = []  # names made (a file) and taken away (None)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def make(self, name: str) -> None:
        """A new, empty file."""
        self._name({name: _File()})

    def write(self, name: str, place: int, content: bytes) -> None:
        """Write into a file."""
        file = self._names[name]
        if len(file.now) < place:
            file.now.extend(bytes(place - len(file.now)))
        file.now[place : place + len(content)] = content
        file.since.append((place, content))

    def resize(self, name: str, size: int) -> None:
        """Make a file shorter, or longer by zeros."""
        file = self._names[name]
        del file.now[size:]
        file.now.extend(bytes(size - len(file.now)))
        file.since.append((size, None))

    def unlink(self, name: str) -> None:
        """Take a name away."""
        self._name({name: None})

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, at which nothing, or another file, was: at once, or not at all."""
        self._name({old: None, new: self._names[old]})

    def sync(self, name: str) -> None:
        """A file's content and size are there for certain."""
        file = self._names[name]
        file.certain, file.since = bytes(file.now), []

    def sync_names(self) -> None:
        """The folder is there for certain, as it is now."""
        self._certain, self._since = dict(self._names), []

    def certain(self) -> dict[str, bytes]:
        """The files, if nothing came that was not certain to."""
        return {name: file.certain for name, file in self._certain.items()}

    def now(self) -> dict[str, bytes]:
        """The files, if everything came."""
        return {name: bytes(file.now) for name, file in self._names.items()}

    def torn(self, randomness: random.Random) -> dict[str, bytes]:
        """The files, if some of it came."""
        names, share = dict(self._certain), randomness.random()
        for change in self._since:
            if randomness.random() < share:
                _apply(change, names)
        return {name: file.torn(randomness, share) for name, file in names.items()}

    def _name(self, change: dict[str, _File | None]) -> None:
        _apply(change, self._names)
        self._since.append(change)


def _apply(change: Mapping[str, _File | None], names: dict[str, _File]) -> None:
    for name, file in change.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
