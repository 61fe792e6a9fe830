"""Whether an address answers: asked politely, with as little traffic as tells.

HEAD first; GET where a server does not know HEAD, or says with it that there is nothing, because many say so of every
HEAD.  Of the answer to GET nothing but its head is read.  Redirects are followed, and a permanent one is told.  What
`Fetcher` refuses to ask (private addresses, other schemes) is refused here.

    THERE       a page
    GONE        404, 410, or no host of that name
    UNSAFE      the certificate is not valid
    NOT_NOW     a server's error, a time-out, a lost connection: it may be there tomorrow
    UNKNOWN     the server lets no program in (401, 403, 429 ...): nobody can tell

Nothing raises.  Sources: RFC 9110, sections 9.3.2 and 15.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum

from newsletter.articles.fetch import MAX_REDIRECTS, Fetcher
from newsletter.articles.target import Target, parse_target, redirected
from newsletter.articles.wire import Deadline
from newsletter.errors import FetchError, FetchLater

#: How long HEAD may take, in seconds; then GET is tried.
_HEAD_SECONDS = 5.0
_GET_SECONDS = 8.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_GONE = frozenset({404, 410})
#: Answers to programs, not to readers; 999 is LinkedIn's, 406 and 451 depend on who asks from where.
_NO_ENTRY = frozenset({401, 402, 403, 405, 406, 407, 418, 429, 451, 999})


class Answer(StrEnum):
    """What became of a visit."""

    THERE = "there"
    GONE = "gone"
    UNSAFE = "unsafe"
    NOT_NOW = "not now"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Visit:
    """An answer, what was said, and the address to which a permanent redirect leads, if one does."""

    answer: Answer
    said: str = ""
    moved_to: str = ""


def visit(fetcher: Fetcher, url: str, *, seconds: float) -> Visit:
    """Whether `url` answers, within `seconds`."""
    deadline = Deadline(seconds)
    found = Visit(Answer.NOT_NOW, "no answer in time")
    for method, most in (("HEAD", _HEAD_SECONDS), ("GET", _GET_SECONDS)):
        try:
            limit = min(most, deadline.left())
        except TimeoutError:
            return found
        found = _visited(fetcher, url, method, limit)
        if found.answer in (Answer.THERE, Answer.UNSAFE) or found.said.startswith("no such host"):
            return found
    return found


def _visited(fetcher: Fetcher, url: str, method: str, seconds: float) -> Visit:
    """What one request finds, with those to which it is sent on."""
    deadline, moved_to, permanent = Deadline(seconds), "", True
    try:
        target = parse_target(url, where=url)
        for _ in range(MAX_REDIRECTS + 1):
            status, reason, location = _head(fetcher, target, method, deadline)
            if status not in _REDIRECTS or not location:
                return Visit(_answer(status), f"{status} {reason}".rstrip(), moved_to)
            target = redirected(target, location, where=url)
            permanent = permanent and status in _PERMANENT
            moved_to = target.url if permanent else moved_to
    except FetchError as error:
        return _failed(error)
    # Sites that want a cookie first send a program round in circles.
    return Visit(Answer.UNKNOWN, "redirects without end")


def _head(fetcher: Fetcher, target: Target, method: str, deadline: Deadline) -> tuple[int, str, str]:
    """Status, reason and Location of the answer."""
    where = target.url
    with fetcher.told(where, target), contextlib.ExitStack() as sockets:
        response = fetcher.ask(target, None, "*/*", deadline, where, sockets, method=method)
        return response.status, response.reason, response.getheader("Location", "")


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer.THERE
    if status in _GONE:
        return Answer.GONE
    return Answer.UNKNOWN if status in _NO_ENTRY else Answer.NOT_NOW


def _failed(error: FetchError) -> Visit:
    if getattr(error.__cause__, "verify_message", ""):
        return Visit(Answer.UNSAFE, error.message)
    if not isinstance(error, FetchLater) and error.message.startswith("no such host"):
        return Visit(Answer.GONE, error.message)
    if isinstance(error.__cause__, TimeoutError):
        return Visit(Answer.NOT_NOW, "no answer in time")
    return Visit(Answer.NOT_NOW, error.message)
