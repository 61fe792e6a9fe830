"""The system's clock jumps by hours, forward and back, while a real `newsletter send` runs: by the library libfaketime.

It stands between the process and the system, and reads the offset from a file at every look at the clock; what counts the
time since the start (CLOCK_MONOTONIC, CLOCK_BOOTTIME) stays true, as it does when somebody sets a clock.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from campaigns import add_people, states
from proofs.crash import ISSUE, make_letter, read_log, start_send, start_sink

from newsletter.dispatch import Dispatch
from newsletter.publication import Publication
from newsletter.sending.campaign import Campaign, CampaignState
from newsletter.sending.campaigns import troubles
from newsletter.sending.delivery import State

READERS = 240
BOUND = 16


class Letter:
    """A publication that is sent to a slow sink, by processes whose clock can be set while they run."""

    def __init__(self, folder: Path, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.log, self._clock = folder / "letter", folder / "sink.log", folder / "clock"
        self._monkeypatch = monkeypatch
        self._fake = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.set_clock("+0")
        publication = make_letter(self.root, in_doubt=BOUND, connections=2, window=8)
        add_people(publication.database, READERS)
        publication.database.close()
        self._sink, self._port = start_sink(self.log, "--chunking", "--delay", "0.02")
        self._sends: list[subprocess.Popen[bytes]] = []

    def set_clock(self, offset: str) -> None:
        """Set the clock of all that are sending: `+5h` is five hours fast."""
        beside = self._clock.with_suffix(".new")
        beside.write_text(offset, "ascii")
        os.replace(beside, self._clock)

    def send(self) -> subprocess.Popen[bytes]:
        """A `newsletter send` that goes by the clock as it was set."""
        with self._monkeypatch.context() as environment:
            for name, value in self._fake.items():
                environment.setenv(name, value)
            self._sends.append(start_send(self.root, self._port))
        return self._sends[-1]

    def wait_for(self, count: int, process: subprocess.Popen[bytes]) -> None:
        """Wait until the sink has taken `count` messages; `process` is sending meanwhile."""
        deadline = time.monotonic() + 60
        while read_log(self.log).total() < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def campaign(self) -> Campaign:
        """How it stands."""
        dispatch = Dispatch(Publication.open(self.root))
        (campaign,) = dispatch.campaigns(ISSUE)
        dispatch.database.close()
        return campaign

    def require_all(self) -> list[str]:
        """Everybody has it once, or is in doubt and has it once at most; the addresses of those in doubt."""
        dispatch = Dispatch(Publication.open(self.root))
        (campaign,) = dispatch.campaigns(ISSUE)
        assert campaign.state is CampaignState.FINISHED
        taken = read_log(self.log)
        for number, state in states(dispatch.database, campaign.id).items():
            count = taken[f"reader{number}@example.org"]
            assert state in (State.ACCEPTED, State.IN_DOUBT)
            assert count == 1 or count == 0 and state is State.IN_DOUBT, (
                f"reader{number} {state.label}: {count}"
            )
        named = [
            one.email or ""
            for one in troubles(dispatch.database, campaign.id, [State.IN_DOUBT], now=dispatch.now())
        ]
        assert len(named) == campaign.counts.in_doubt
        dispatch.database.close()
        return named

    def close(self) -> None:
        """End what still runs."""
        begun: list[subprocess.Popen[Any]] = [*self._sends, self._sink]
        for process in begun:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Letter]:
    """A publication with a clock of its own."""
    if sys.platform != "linux" or not shutil.which("faketime"):
        pytest.skip("faketime is not here")
    library = subprocess.run(
        ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    made = Letter(tmp_path, library, monkeypatch)
    yield made
    made.close()


def test_a_clock_that_jumps_by_hours_forward_and_back_moves_nothing(letter: Letter) -> None:
    sender = letter.send()
    letter.wait_for(40, sender)
    letter.set_clock("+5h")
    letter.wait_for(110, sender)
    letter.set_clock("-5h")
    _, said = sender.communicate(timeout=60)
    assert sender.returncode == 0, said
    assert letter.require_all() == []
    campaign = letter.campaign()
    assert campaign.started_at is not None
    assert campaign.finished_at is not None
    assert 0 <= campaign.finished_at - campaign.started_at < 600, "by the clock as it was when it began"


@pytest.mark.parametrize("offset", ["+5h", "-5h"])
def test_a_send_that_was_interrupted_in_another_hour_is_finished_by_the_next(
    letter: Letter, offset: str
) -> None:
    sender = letter.send()
    letter.wait_for(40, sender)
    letter.set_clock(offset)
    letter.wait_for(80, sender)
    sender.send_signal(signal.SIGINT)
    _, said = sender.communicate(timeout=60)
    assert sender.returncode == 130, said
    if offset == "-5h":
        refused = letter.send()
        _, said = refused.communicate(timeout=60)
        assert refused.returncode == 2
        assert b"the clock is wrong: it shows a time before this issue was planned\n" in said
        assert b"Traceback" not in said
        letter.set_clock("+0")
    sender = letter.send()
    _, said = sender.communicate(timeout=60)
    assert sender.returncode == 0, said
    assert letter.require_all() == []


def test_a_sender_whose_lease_is_over_by_the_new_clock_gives_way_to_the_next(letter: Letter) -> None:
    """The first one's clock goes on; the second finds its lease ended hours ago, and takes over what is left."""
    first = letter.send()
    letter.wait_for(40, first)
    letter.set_clock("+5h")
    second = letter.send()
    _, said = first.communicate(timeout=60)
    assert first.returncode == 75, said
    (line,) = [line for line in said.splitlines() if b"stopped" in line]
    assert b"another sender has taken this campaign over" in line
    assert b"Traceback" not in said
    _, said = second.communicate(timeout=60)
    named = letter.require_all()
    assert second.returncode == bool(named), said
    assert 0 < len(named) <= BOUND


def test_the_lease_of_a_killed_sender_is_over_though_it_ends_hours_ahead(letter: Letter) -> None:
    planner = letter.send()
    letter.wait_for(20, planner)
    planner.send_signal(signal.SIGINT)
    planner.communicate(timeout=60)
    letter.set_clock("+5h")
    killed = letter.send()
    letter.wait_for(80, killed)
    killed.kill()
    killed.communicate()
    letter.set_clock("+0")
    last = letter.send()
    _, said = last.communicate(timeout=60)
    named = letter.require_all()
    assert last.returncode == bool(named), said
    assert len(named) <= BOUND
