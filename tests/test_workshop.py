"""An issue built in a process of its own: the same as here, with the same errors, and ended with whoever asked."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsletter.errors import IssueError, RefusedIssue
from newsletter.publication import Publication
from newsletter.workshop import Workshop

ISSUE = "2026-11-23-first"
Make = Callable[..., Publication]

#: A process that has a workshop at work, says its number, and waits to be killed.
ASKING = """
import sys, time
from pathlib import Path
from newsletter.workshop import Workshop
workshop = Workshop(Path(sys.argv[1]))
workshop.issue("")
print(workshop.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def letter(make_letter: Make) -> Publication:
    """A publication with one issue."""
    publication = make_letter({"a.md": "---\ntitle: A bench\ndate: 2026-11-01\n---\nUnder a cherry tree.\n"})
    publication.draft(issue_id=ISSUE)
    return publication


@pytest.fixture
def workshop(letter: Publication) -> Iterator[Workshop]:
    """A workshop, closed in the end."""
    workshop = Workshop(letter.root)
    yield workshop
    workshop.close()


def test_issue_and_email_are_those_that_are_built_here(letter: Publication, workshop: Workshop) -> None:
    assert workshop.issue("") == letter.read_issue(ISSUE)
    email = workshop.email(ISSUE, frozenset())
    assert email == letter.variant(ISSUE).email
    assert email.digest


def test_it_sees_the_files_as_they_are_now(letter: Publication, workshop: Workshop) -> None:
    before = workshop.issue(ISSUE).subject
    path = letter.issues / ISSUE / "issue.md"
    path.write_text(path.read_text("utf-8").replace(before, "Another bench", 1), "utf-8")
    assert workshop.issue(ISSUE).subject == "Another bench"


def test_an_error_is_raised_here_as_it_was_there_and_the_next_call_is_answered(workshop: Workshop) -> None:
    with pytest.raises(
        IssueError, match="there is no issue '2026-11-23-fist', did you mean '2026-11-23-first'"
    ) as raised:
        workshop.issue("2026-11-23-fist")
    assert raised.value.hint == "issues: 2026-11-23-first"
    assert raised.value.where
    assert workshop.issue(ISSUE).id == ISSUE


def test_an_issue_with_errors_is_refused_unless_they_are_named(
    letter: Publication, workshop: Workshop
) -> None:
    path = letter.issues / ISSUE / "issue.md"
    path.write_text(path.read_text("utf-8") + "\nLorem ipsum dolor sit amet, consectetur.\n", "utf-8")
    with pytest.raises(RefusedIssue) as raised:
        workshop.refuse_errors(ISSUE, (), {})
    codes = {word for word in raised.value.hint.split() if word[:1] in "EW" and word[1:4].isdigit()}
    assert codes
    warnings = workshop.refuse_errors(ISSUE, sorted(codes), {"example.org": 3})
    checked = letter.check(ISSUE, domains={"example.org": 3})
    assert warnings == len(checked.findings) - len(checked.errors)


def test_a_workshop_that_was_killed_is_a_bug_and_no_answer(workshop: Workshop) -> None:
    workshop.issue(ISSUE)
    workshop.process.kill()
    with pytest.raises(ChildProcessError, match="-9"):
        workshop.issue(ISSUE)


def test_it_ends_when_it_is_closed_and_when_it_is_forgotten(letter: Publication) -> None:
    closed, forgotten = Workshop(letter.root), Workshop(letter.root)
    processes = [closed.process, forgotten.process]
    closed.close()
    del forgotten
    gc.collect()
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_it_ends_with_a_process_that_is_killed(letter: Publication) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASKING, str(letter.root)], stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout is not None
        number = int(asking.stdout.readline())
        assert _lives(number)
        asking.kill()
    until = time.monotonic() + 20
    while _lives(number) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _lives(number)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
