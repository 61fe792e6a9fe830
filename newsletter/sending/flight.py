"""A message on its way over one connection: where in the stream of bytes it starts and ends.

Pure.
"""

from __future__ import annotations

from newsletter.sending.delivery import Parcel, Stage

#: A place in the stream that is never reached.
NEVER = 1 << 62


class Flight:
    """`parcel`, of `size` octets, from byte `start` to byte `end`; its next reply may come from byte `asked` on.

    `first` is the step in the dialogue with which it begins, `refusal` the stage and words of the first refusal.
    """

    __slots__ = ("asked", "end", "first", "parcel", "refusal", "size", "start")

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.size = sum(map(len, parcel.content))
        self.start = NEVER
        self.asked = NEVER
        self.end = NEVER
        self.first = 0
        self.refusal: tuple[Stage, str] | None = None
