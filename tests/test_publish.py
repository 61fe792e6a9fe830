"""An email becomes deliveries: the loop against real servers in other processes, and everything that ends it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from campaigns import add_people, leave, states
from proofs.crash import ISSUE, make_letter, prove, read_log, start_send, start_sink
from proofs.exhaustive import kill_at
from proofs.race import race
from sqlalchemy import update

from newsletter.dispatch import Dispatch, When
from newsletter.errors import StoreLater, UsageError, WriterError
from newsletter.publication import Publication
from newsletter.sending.campaign import CampaignState
from newsletter.sending.campaigns import claim, troubles
from newsletter.sending.delivery import Parcel, State
from newsletter.sending.frozen import Letterhead, freeze, thaw
from newsletter.sending.lease import Session
from newsletter.sending.outbox_carrier import Form, OutboxCarrier
from newsletter.sending.publish import Result
from newsletter.store.tables import retry

ROOT = Path(__file__).parent.parent


@pytest.fixture
def letter(tmp_path: Path) -> Publication:
    """A publication with one small issue."""
    return make_letter(tmp_path / "letter", in_doubt=16, connections=2, window=8)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function that starts a recording sink, sets SMTP_URL, and gives its log."""
    sinks = []

    def start(*options: str) -> Path:
        log = tmp_path / "sink.log"
        process, port = start_sink(log, *options)
        sinks.append(process)
        os.environ["SMTP_URL"] = f"smtp://127.0.0.1:{port}"
        return log

    yield start
    os.environ.pop("SMTP_URL", None)
    for process in sinks:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def dispatch_of(letter: Publication) -> Dispatch:
    """A new look at the publication, with the secrets as they are now."""
    letter.database.close()
    return Dispatch(Publication.open(letter.root))


def send(letter: Publication, **options: object) -> Result:
    """Plan and deliver."""
    dispatch = dispatch_of(letter)
    return dispatch.deliver(dispatch.freeze(dispatch.plan()), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [(), ("--chunking",)])
def test_everybody_gets_it_once(
    letter: Publication, sink: Callable[..., Path], options: Sequence[str]
) -> None:
    add_people(letter.database, 300)
    log = sink(*options)
    result = send(letter)
    assert (result.campaign.state, result.exit_code) == (CampaignState.FINISHED, 0)
    assert result.campaign.counts.accepted == 300
    taken = read_log(log)
    assert set(taken.values()) == {1}
    assert len(taken) == 300


def test_on_postgresql_everybody_gets_it_once_and_who_left_does_not(
    letter: Publication, sink: Callable[..., Path], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    log = sink("--chunking", "--refuse", "gone.example")
    dispatch = dispatch_of(letter)
    add_people(dispatch.database, 200, domain=lambda number: "gone.example" if number == 9 else "example.org")
    campaign_id = dispatch.freeze(dispatch.plan())
    leave(dispatch.database, 200)
    counts = dispatch.deliver(campaign_id).campaign.counts
    assert (counts.accepted, counts.refused, counts.withheld) == (198, 1, 1)
    assert set(read_log(log).values()) == {1}
    assert "reader200@example.org" not in read_log(log)
    dispatch.database.close()


def test_a_second_send_finds_nobody_left(letter: Publication, sink: Callable[..., Path]) -> None:
    add_people(letter.database, 5)
    log = sink()
    send(letter)
    add_people(letter.database, 1, first=6)
    again = dispatch_of(letter).plan()
    assert (again.audience.count, again.audience.excluded) == (1, {"already has this issue": 5})
    send(letter)
    assert read_log(log) == {f"reader{number}@example.org": 1 for number in range(1, 7)}


def test_refused_recipients_are_named_with_the_servers_words(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    add_people(letter.database, 100, domain=lambda number: "gone.example" if number == 7 else "example.org")
    sink("--refuse", "gone.example", "--chunking")
    result = send(letter)
    counts = result.campaign.counts
    assert (counts.accepted, counts.refused, result.exit_code) == (99, 1, 0)
    (trouble,) = troubles(dispatch_of(letter).database, result.campaign.id, [State.REFUSED], now=0)
    assert (trouble.email, trouble.reply) == ("reader7@gone.example", "550 5.1.1 no such user here")


def test_a_run_that_does_not_wait_ends_though_a_domain_is_held_for_hours(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    config = letter.root / "newsletter.toml"
    config.write_text(config.read_text() + 'per_domain = { "slow.example" = "2/hour" }\n')
    add_people(letter.database, 40, domain=lambda number: "slow.example" if number > 30 else "example.org")
    sink("--chunking")
    result = send(letter, waits=False)
    assert (result.campaign.counts.accepted, result.campaign.counts.planned) == (32, 8)
    assert result.exit_code == 75


def test_what_was_put_off_goes_in_a_later_run(letter: Publication, sink: Callable[..., Path]) -> None:
    add_people(letter.database, 60)
    log = sink("--later", "0.3")
    result = send(letter, waits=False)
    counts = result.campaign.counts
    assert result.exit_code == 75
    assert counts.deferred == counts.planned > 0
    dispatch = dispatch_of(letter)
    with dispatch.database.write() as connection:
        connection.execute(update(retry).values(not_before=1))
    result = dispatch.deliver(result.campaign.id)
    assert (result.campaign.counts.accepted, result.exit_code) == (60, 0)
    assert set(read_log(log).values()) == {1}


def test_a_server_that_hangs_up_after_the_dot_leaves_in_doubt_by_name(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    add_people(letter.database, 200)
    log = sink("--drop", "0.02", "--seed", "3")
    result = send(letter)
    dispatch = dispatch_of(letter)
    doubtful = list(troubles(dispatch.database, result.campaign.id, [State.IN_DOUBT], now=0))
    assert result.campaign.counts.in_doubt == len(doubtful) > 0
    assert result.exit_code == 1
    taken = read_log(log)
    assert set(taken.values()) == {1}
    assert all(one.email for one in doubtful)
    assert result.campaign.counts.accepted + len(doubtful) == 200


def test_no_server_is_try_again_later_and_nobody_is_lost(letter: Publication) -> None:
    add_people(letter.database, 10)
    os.environ["SMTP_URL"] = "smtp://127.0.0.1:9"
    try:
        result = send(letter, waits=False)
    finally:
        del os.environ["SMTP_URL"]
    assert (result.exit_code, result.campaign.counts.planned) == (75, 10)
    assert result.campaign.counts.in_doubt == 0


@pytest.mark.parametrize("form", list(Form))
def test_without_a_server_the_messages_are_written_out(letter: Publication, form: Form) -> None:
    add_people(letter.database, 4)
    result = send(letter, outbox=form)
    assert result.campaign.counts.accepted == 4
    outbox = letter.root / "outbox"
    if form is Form.MAILDIR:
        messages = [path.read_text() for path in (outbox / "new").iterdir()]
    elif form is Form.EML:
        names = sorted(path.name for path in (outbox / ISSUE).iterdir())
        assert names == [f"{number}-reader{number}@example.org.eml" for number in range(1, 5)]
        messages = [path.read_text() for path in (outbox / ISSUE).iterdir()]
    else:
        import mailbox

        box = mailbox.mbox(outbox / f"{ISSUE}.mbox")
        messages = [message.as_string() for message in box]
        box.close()
    assert sorted(
        line for message in messages for line in message.splitlines() if line.startswith("To:")
    ) == [f"To: Reader {number} <reader{number}@example.org>" for number in range(1, 5)]


def test_an_outbox_that_cannot_be_written_leaves_nobody_in_doubt(letter: Publication) -> None:
    add_people(letter.database, 40)
    (letter.root / "outbox").mkdir()
    (letter.root / "outbox" / "new").write_text("in the way")
    with pytest.raises(WriterError, match="the message cannot be written"):
        send(letter)
    (letter.root / "outbox" / "new").unlink()
    dispatch = dispatch_of(letter)
    (begun,) = dispatch.campaigns(ISSUE)
    assert (begun.counts.planned, begun.counts.in_doubt, begun.counts.under_way) == (40, 0, 0)
    assert dispatch.deliver(begun.id).campaign.counts.accepted == 40


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("form", list(Form))
def test_what_was_written_before_a_disk_was_full_is_accepted_and_the_rest_untouched(
    tmp_path: Path, form: Form
) -> None:
    import resource

    carrier = OutboxCarrier(tmp_path / "outbox", form, "autumn")
    small, large = b"Subject: a\r\n\r\na\r\n", b"Subject: b\r\n\r\n" + b"b\r\n" * 20_000
    parcels = [
        Parcel(number, b"a@example.com", b"b@example.org", (content,))
        for number, content in enumerate((small, small, large, small), start=1)
    ]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        carrier.give(parcels)
        written = [] if form is Form.MBOX else [outcome.subscriber_id for outcome in carrier.poll(0)]
        with pytest.raises(WriterError, match="too large"):
            carrier.poll(0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert written == ([] if form is Form.MBOX else [1, 2])
    left = carrier.close()
    assert [outcome.subscriber_id for outcome in left] == [1, 2, 3, 4][len(written) :]
    assert all(outcome.untouched for outcome in left)
    if form is Form.MBOX:
        assert carrier.place.read_bytes() == b""


def test_what_is_sent_is_what_was_planned_whatever_becomes_of_the_files(letter: Publication) -> None:
    add_people(letter.database, 1)
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan())
    shutil.rmtree(letter.root / "issues")
    dispatch.deliver(campaign_id)
    (message,) = (letter.root / "outbox" / "new").iterdir()
    assert "The leaves are turning" in message.read_text()


def test_an_email_comes_back_from_the_ledger_as_it_was(sample: Publication) -> None:
    sample.draft()
    email = sample.variant().email
    head = Letterhead("L <a@example.com>", "", "L <l.example.com>", "https://example.com/")
    thawed, thawed_head = thaw(freeze(email, head))
    assert thawed_head == head
    assert (thawed.subject, thawed.html, thawed.text) == (email.subject, email.html, email.text)
    assert [picture.cid for picture in thawed.pictures] == [picture.cid for picture in email.pictures]
    assert thawed.digest == email.digest


def test_a_campaign_overdue_is_not_begun_unless_it_is_said(letter: Publication) -> None:
    add_people(letter.database, 1)
    dispatch = dispatch_of(letter)
    planned = dispatch.plan(when=When(not_before=dispatch.now() - 8 * 3600))
    campaign_id = dispatch.freeze(planned)
    with pytest.raises(UsageError, match="8 hours ago"):
        dispatch.deliver(campaign_id)
    assert dispatch.deliver(campaign_id, is_late_allowed=True).campaign.counts.accepted == 1


def test_what_was_not_to_go_after_a_time_does_not(letter: Publication) -> None:
    add_people(letter.database, 3)
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan(when=When(not_after=dispatch.now() - 5)))
    result = dispatch.deliver(campaign_id)
    assert (result.campaign.state, result.exit_code) == (CampaignState.STOPPED, 1)
    assert result.campaign.counts.planned == 3


def test_a_rule_stops_the_campaign_and_what_is_planned_stays(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    add_people(letter.database, 900, domain=lambda number: "gone.example" if number > 400 else "example.org")
    sink("--refuse", "gone.example", "--chunking")
    result = send(letter)
    assert result.campaign.state is CampaignState.STOPPED
    assert "mailboxes are not there" in result.reason
    assert result.campaign.counts.planned > 300
    assert result.campaign.stopped == result.reason


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_cleanly_with_nobody_in_doubt(
    letter: Publication, sink: Callable[..., Path], name: str
) -> None:
    add_people(letter.database, 3000)
    log = sink("--delay", "0.02")
    letter.database.close()
    process = start_send(letter.root, int(os.environ["SMTP_URL"].rpartition(":")[2]))
    wait_for(lambda: log.exists() and log.stat().st_size > 500, process)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    (campaign,) = dispatch_of(letter).campaigns(ISSUE)
    assert campaign.counts.in_doubt == campaign.counts.under_way == 0
    assert 0 < campaign.counts.accepted < 3000
    assert read_log(log).total() == campaign.counts.accepted


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until `condition` holds, while `process` runs."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_sender_is_refused_naming_the_first(letter: Publication, sink: Callable[..., Path]) -> None:
    add_people(letter.database, 2000)
    log = sink("--delay", "0.05")
    letter.database.close()
    port = int(os.environ["SMTP_URL"].rpartition(":")[2])
    first = start_send(letter.root, port)
    wait_for(lambda: log.exists() and log.stat().st_size > 100, first)
    second = start_send(letter.root, port)
    _, said = second.communicate(timeout=60)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert second.returncode == 75
    assert f"pid {first.pid} on ".encode() in said
    assert set(read_log(log).values()) == {1}


def stop_between_transactions(process: subprocess.Popen[bytes], database: Path) -> None:
    """SIGSTOP, when nobody else would have to wait for the database."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as other:
        while True:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.02)
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
            else:
                other.execute("ROLLBACK")
                return


def test_a_sender_stopped_for_longer_than_its_lease_writes_nothing_more(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    """SIGSTOP; another takes over; SIGCONT: the first ends without a byte on its old connections."""
    add_people(letter.database, 2000)
    log = sink("--delay", "0.03")
    letter.database.close()
    process = start_send(letter.root, int(os.environ["SMTP_URL"].rpartition(":")[2]))
    wait_for(lambda: log.exists() and log.stat().st_size > 500, process)
    stop_between_transactions(process, letter.root / "newsletter.db")
    time.sleep(0.3)  # what the kernel has goes out
    dispatch = dispatch_of(letter)
    (campaign,) = dispatch.campaigns(ISSUE)
    later = dispatch.now() + 200  # its lease is over by then
    claim(dispatch.database, campaign.id, Session("other", "pid 2 on elsewhere", ""), now=later)
    before = log.read_bytes()
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert b"taken this campaign over" in said
    # What was on the wire when it was stopped may still be taken; nothing was opened after that.
    opened = {
        one for one, state in states(dispatch.database, campaign.id).items() if state is not State.PLANNED
    }
    taken = {int(line.split(b"@")[0].removeprefix(b"reader")) for line in log.read_bytes().splitlines()}
    assert taken <= opened
    assert len(log.read_bytes().splitlines()) - len(before.splitlines()) <= 16
    assert set(read_log(log).values()) == {1}


def test_a_database_that_stays_locked_ends_the_send_and_loses_nobody(
    letter: Publication, sink: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(letter.database, 400)
    log = sink("--chunking")
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan())
    from newsletter.sending.ledger import Ledger

    turn, turns = Ledger.turn, [0]

    def locked(self: Ledger, outcomes: object, want: int, **more: object) -> object:
        turns[0] += 1
        if turns[0] == 5:
            raise StoreLater("another process is writing to it and did not finish in 30 seconds")
        return turn(self, outcomes, want, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "turn", locked)
    with pytest.raises(StoreLater):
        dispatch.deliver(campaign_id)
    (campaign,) = dispatch.campaigns(ISSUE)
    assert campaign.counts.in_doubt == 0, "what came back after the fault is written down"
    result = dispatch.deliver(campaign_id)
    assert result.campaign.counts.accepted == 400
    assert set(read_log(log).values()) == {1}


def test_a_full_disk_ends_the_send_before_the_next_opening(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    add_people(letter.database, 4000)
    log = sink("--chunking")
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan())
    with closing(sqlite3.connect(letter.root / "newsletter.db", isolation_level=None)) as other:
        other.execute("UPDATE delivery SET at = 0")  # so that rows grow when they are settled,
        other.execute("VACUUM")  # and no page has room for it
    with dispatch.database.write_raw() as kept:
        (pages,) = kept.execute("PRAGMA page_count").fetchone()
        kept.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreLater, match="disk is full"):
        dispatch.deliver(campaign_id)
    dispatch.database.close()
    taken = read_log(log)
    dispatch = dispatch_of(letter)
    (campaign,) = dispatch.campaigns(ISSUE)
    assert campaign.counts.in_doubt <= 16
    assert taken.total() <= campaign.counts.accepted + campaign.counts.in_doubt
    result = dispatch.deliver(campaign_id)
    assert result.campaign.counts.planned == 0
    assert set(read_log(log).values()) == {1}


def test_who_leaves_during_the_send_gets_nothing_after_the_commit(
    letter: Publication, sink: Callable[..., Path]
) -> None:
    """Readers leave, from the end of the list, while it is sent: none of them whose leaving was committed is opened."""
    add_people(letter.database, 1500)
    log = sink("--chunking")
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan())
    left: dict[int, int] = {}
    other = Publication.open(letter.root).database

    def walk_out() -> None:
        for number in range(1500, 0, -1):
            leave(other, number)
            left[number] = len(log.read_bytes().splitlines()) if log.exists() else 0
            if states(other, campaign_id)[number] is not State.PLANNED:
                return

    leaver = threading.Thread(target=walk_out)
    leaver.start()
    result = dispatch.deliver(campaign_id)
    leaver.join()
    other.close()
    order = [int(line.split("@")[0].removeprefix("reader")) for line in log.read_text().splitlines()]
    assert result.campaign.counts.withheld >= len(left) - 1 > 0
    for number, already in left.items():
        if (
            number in order
        ):  # it was opened before the commit, so it is among the last few that were on the wire
            assert order.index(number) <= already + 16


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
def test_every_message_is_durable_before_its_first_byte_leaves(
    letter: Publication, sink: Callable[..., Path], tmp_path: Path
) -> None:
    """The order of system calls: fdatasync of the log of the database, then the message that it opened."""
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    add_people(letter.database, 40)
    log = sink()
    letter.database.close()
    trace = tmp_path / "trace"
    command = [
        "strace", "-f", "-s", "400", "-e", "trace=fdatasync,fsync,pwrite64,sendto,sendmsg,write", "-y", "-o", str(trace),
        sys.executable, "-m", "newsletter", "-C", str(letter.root), "send", "--yes", "--despite", "E171",
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    if b"ptrace" in done.stderr and done.returncode:
        pytest.skip("this system does not let itself be traced")
    assert done.returncode == 0, done.stderr
    assert read_log(log).total() == 40
    dirty, messages = False, 0
    for line in trace.read_text(errors="replace").splitlines():
        if "pwrite64(" in line and "newsletter.db-wal>" in line:
            dirty = True
        elif ("fdatasync(" in line or "fsync(" in line) and "newsletter.db-wal>" in line:
            dirty = False
        elif "RCPT TO:<" in line and ("sendmsg(" in line or "sendto(" in line or "write(" in line):
            messages += 1
            assert not dirty, "a message left before what it depends on was on the disk"
    assert messages >= 2


@pytest.mark.parametrize("chunking", [False, True])
def test_killed_at_random_nobody_is_lost_and_nobody_gets_it_twice(tmp_path: Path, *, chunking: bool) -> None:
    proof = prove(
        tmp_path / "crash",
        recipients=2000,
        kills=3,
        connections=4,
        in_doubt=32,
        chunking=chunking,
        most_seconds=0.3,
    )
    assert proof.kills == 3
    assert (proof.lost, proof.twice, proof.unfinished) == (0, 0, 0)
    assert proof.most_in_doubt_after_a_kill <= 32


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
@pytest.mark.parametrize(
    ("call", "number"), [("fdatasync", 4), ("pwrite64", 30), ("sendmsg", 3), ("recvfrom", 5)]
)
def test_killed_at_a_system_call_nobody_is_lost_and_nobody_gets_it_twice(
    tmp_path: Path, call: str, number: int
) -> None:
    """A sample; `tests/proofs/exhaustive.py` goes through all of them."""
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    assert kill_at(tmp_path, call, number, recipients=12)


def test_nobody_who_left_is_opened_after_the_commit(tmp_path: Path) -> None:
    """A short form of `tests/proofs/race.py`."""
    found = race(str(tmp_path / "race.db"), 1000)
    assert found["opened_after_the_commit"] == 0
    assert found["withheld"] > 10


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
def test_a_disk_that_fails_is_never_taken_for_a_commit(
    letter: Publication, sink: Callable[..., Path], tmp_path: Path
) -> None:
    """fdatasync says EIO from the twelfth time on: the send ends, and what was sent is known or in doubt."""
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    add_people(letter.database, 300)
    log = sink("--chunking")
    dispatch = dispatch_of(letter)
    campaign_id = dispatch.freeze(dispatch.plan())
    letter.database.close()
    dispatch.database.close()
    command = [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=12+",
        sys.executable, "-m", "newsletter", "-C", str(letter.root), "send", "--yes",
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert b"the disk could not be read or written" in done.stderr
    dispatch = dispatch_of(letter)
    now = states(dispatch.database, campaign_id)
    taken = read_log(log)
    for number, state in now.items():
        count = taken.get(f"reader{number}@example.org", 0)
        assert count <= 1
        assert count == 0 if state is State.PLANNED else count == 1 or state is State.IN_DOUBT
    assert sum(state is State.IN_DOUBT for state in now.values()) <= 16
    assert dispatch.deliver(campaign_id).campaign.counts.planned == 0
    assert set(read_log(log).values()) == {1}
