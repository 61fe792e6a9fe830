"""An issue read, built and checked in a process of its own, which ends when the campaign is planned.

Sending goes on for hours and needs none of the libraries that build an email, and these take more memory than all of it:
so the process that sends never imports them.  The other one is this program again; it answers calls on a pipe, one after
the other, and ends with the pipe, however that comes about.

An error that a person can mend is raised here as it was there; a bug shows its traceback, and ends both.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from newsletter.errors import NewsletterError
from newsletter.publication import Publication

if TYPE_CHECKING:
    from newsletter.issues.issue import Issue
    from newsletter.render.build import Email

_SERVE = "import sys; sys.path[:] = {path!r}; from newsletter.workshop import serve; serve()"


class Workshop:
    """The issues of the publication in the folder `root`, as its files are now."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.process = subprocess.Popen(  # noqa: S603  constants
            [sys.executable, "-c", _SERVE.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.close = weakref.finalize(self, _end, self.process)

    def issue(self, name: str) -> Issue:
        """The issue that `name` means.  Raises what `Publication.read_issue` raises."""
        return self._ask("issue", name)  # type: ignore[no-any-return]

    def email(self, issue_id: str, audience: frozenset[str]) -> Email:
        """The issue as those in all of `audience` see it.  Raises what `Publication.variant` raises."""
        return self._ask("email", issue_id, audience)  # type: ignore[no-any-return]

    def refuse_errors(self, name: str, despite: Collection[str], domains: Mapping[str, int]) -> int:
        """How many warnings the issue has; see `checking.refuse_errors` for what it raises."""
        return self._ask("refuse_errors", name, despite, domains)  # type: ignore[no-any-return]

    def _ask(self, what: str, *arguments: object) -> Any:
        calls, answers = self.process.stdin, self.process.stdout
        assert calls is not None
        assert answers is not None
        try:
            pickle.dump((self._root, what, arguments), calls)
            calls.flush()
            answer = pickle.load(answers)  # noqa: S301  our own
        except (BrokenPipeError, EOFError) as error:
            raise ChildProcessError(f"what builds the issue has ended ({self.process.wait()})") from error
        if isinstance(answer, NewsletterError):
            raise answer
        return answer


def serve() -> None:
    """Answer calls on stdin until it ends: what the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for who asks, and ends this one by the pipe
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    import newsletter.checking
    import newsletter.variant  # both while who asks is still busy  # noqa: F401

    while True:
        try:
            root, what, arguments = pickle.load(calls)  # noqa: S301
        except EOFError:
            return
        _answer(answers, root, what, arguments)


def _answer(answers: BinaryIO, root: Path, what: str, arguments: tuple[Any, ...]) -> None:
    answer: object
    try:
        answer = _CALLS[what](Publication.open(root), *arguments)
    except NewsletterError as error:
        answer = error
    pickle.dump(answer, answers)
    answers.flush()


def _issue(publication: Publication, name: str) -> Issue:
    return publication.read_issue(name)


def _email(publication: Publication, issue_id: str, audience: frozenset[str]) -> Email:
    return publication.variant(issue_id, audience=audience).email


def _refuse_errors(
    publication: Publication, name: str, despite: Collection[str], domains: Mapping[str, int]
) -> int:
    from newsletter.checking import refuse_errors

    checked = publication.check(name, domains=domains)
    refuse_errors(checked, despite)
    return len(checked.findings) - len(checked.errors)


_CALLS: Mapping[str, Any] = {"issue": _issue, "email": _email, "refuse_errors": _refuse_errors}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it has nothing to lose, and may still be importing
    process.communicate()
