"""What a mail server's log says of messages that it took: Postfix's and Exim's.

    postfix/cleanup[1]: 4F1A2: message-id=<a@b>        the message has come as far as its headers
    postfix/qmgr[2]: 4F1A2: from=<...>, ... (queue active)          it is in the queue: taken
    1tAbCd-0001-XY <= news@example.org H=... id=a@b for ...          Exim took it

A Message-ID alone is no proof: Postfix logs it before the end of the message, and forgets the message if the connection is
lost there.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CLEANUP = re.compile(r"postfix[\w/-]*/cleanup\[\d+\]: ([0-9A-Za-z]+): message-id=(<[^>\s]*>)")
_QUEUED = re.compile(
    r"postfix[\w/-]*/(?:qmgr|smtp|lmtp|local|virtual|pipe|error|bounce)\[\d+\]: ([0-9A-Za-z]+): "
    r"(?:from=<[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)|to=<)"
)
_EXIM = re.compile(r"(?:^|\s)[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} <= .*\sid=([^\s>]+)")


def read_taken(lines: Iterable[str]) -> set[str]:
    """The Message-IDs, in angle brackets, of the messages that the server took."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for line in lines:
        if found := _CLEANUP.search(line):
            ids[found[1]] = found[2]
        elif (found := _QUEUED.search(line)) and found[1] in ids:
            taken.add(ids[found[1]])
        elif found := _EXIM.search(line):
            taken.add(f"<{found[1]}>")
    return taken
