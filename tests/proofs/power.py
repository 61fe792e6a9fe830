"""Power loss, replayed at every moment of a send: nobody lost, nobody twice, the doubtful named.

    python tests/proofs/power.py --recipients 48 --seed 1 --subsets 4

kill -9 leaves the kernel alive, with all that was written; a power loss takes what no fsync has returned for.  So one real send
runs under strace, which writes down every byte of every write to the database and its log, of every message given to the
wire and of every reply, in order.  Then, for every call in that order, the power goes: the files are made as a disk may hold
them (see `torn_disk`): with nothing that was not synced, with all of it, and with random sectors of it, `--subsets` times.
The product opens each, and

- the database is whole, its counts add up, and its witness does not take it for an older copy;
- whose message was begun on the wire is settled, or in doubt by name;
- who is settled is so by a reply that was read before, and as it says;
- no more are in doubt than the bound says.

For some moments (`--resumes`) the send really goes on from there, to a sink that has what the wire had been given; the
doubtful are settled by name with the sink's record, and then everybody has it exactly once.

At the end the replayed files are compared with those on the disk: the trace has told everything.  SQLite's shared memory
(-shm) is made anew after a crash, and holds nothing that lasts.

Source: sqlite.org/atomiccommit.html, sqlite.org/wal.html
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from campaigns import add_people, states  # noqa: E402
from sqlalchemy import select, text, update  # noqa: E402
from system_calls import Call, trace  # noqa: E402
from torn_disk import Disk  # noqa: E402

from newsletter.dispatch import Dispatch  # noqa: E402
from newsletter.errors import NewsletterError  # noqa: E402
from newsletter.publication import Publication  # noqa: E402
from newsletter.sending import campaigns  # noqa: E402
from newsletter.sending.campaigns import Word, count_settled, database_uuid, read_campaigns, troubles  # noqa: E402
from newsletter.sending.delivery import State  # noqa: E402
from newsletter.sending.witness import Witness  # noqa: E402
from newsletter.store.database import Database, open_database  # noqa: E402
from newsletter.store.tables import retry  # noqa: E402
from proofs.crash import ISSUE, make_letter, read_log, start_sink  # noqa: E402

DATABASE = "newsletter.db"
_SHARED_MEMORY = "-shm"
_FILES = ("write", "pwrite64", "ftruncate", "writev", "pwritev", "pwritev2", "fallocate", "sync_file_range")
_REFUSE = "gone.example"
_SAYS = {b"2": State.ACCEPTED, b"4": State.PLANNED, b"5": State.REFUSED}


@dataclass
class Proof:
    """What was counted."""

    recipients: int
    bound: int
    moments: int = 0  # calls on the files and on the wire, after each of which the power may go
    syncs: int = 0
    states: int = 0  # of the disk, looked at
    different: int = 0
    most_in_doubt: int = 0
    resumes: int = 0
    lost: int = 0
    twice: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)  # the first of them
    seconds: float = 0.0

    def fail(self, what: str) -> None:
        """Count a failure."""
        self.failed += 1
        if len(self.failures) < 10:
            self.failures.append(what)


# --- what went over the wire ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the wire: to whom, what became of it, and the calls that began it, ended it and read its reply."""

    recipient: str
    state: State
    begun: int
    given: int
    replied: int


def read_wire(calls: Sequence[Call], port: int) -> list[Message]:
    """The messages that were given to the server at `port`, with the replies."""
    sent: dict[str, list[tuple[int, bytes]]] = {}
    heard: dict[str, list[tuple[int, bytes]]] = {}
    for index, call in enumerate(calls):
        if call.place.endswith(f":{port}]"):
            kept = {"s": sent, "w": sent, "r": heard}[call.name[0]]
            kept.setdefault(call.place, []).append((index, b"".join(call.strings)[: call.result]))
    return [
        message for connection, pieces in sent.items() for message in _messages(pieces, heard[connection])
    ]


def _messages(sent: Sequence[tuple[int, bytes]], heard: Sequence[tuple[int, bytes]]) -> Iterator[Message]:
    stream = b"".join(piece for _, piece in sent)
    replies = re.finditer(rb"(?m)^(\d)\d\d .*\n", b"".join(piece for _, piece in heard))
    next(replies)  # the greeting
    begin, begun, recipient, state, replied = 0, 0, "", State.PLANNED, 0
    while begin < len(stream):
        end = stream.index(b"\r\n", begin) + 2
        line, reply = stream[begin:end].split(), next(replies)
        if line[0] == b"BDAT":
            end += int(line[1])
        elif line[0] == b"DATA" and reply[1] == b"3":
            end, reply = stream.index(b"\r\n.\r\n", end - 2) + 5, next(replies)
        if line[0] == b"MAIL":
            begun = _call_at(sent, begin + 1)
        elif line[0] == b"RCPT":
            recipient = line[1].partition(b"<")[2].rstrip(b">").decode()
            state, replied = _SAYS[reply[1]], _call_at(heard, reply.end())
        elif line[0] == b"DATA" or line[-1] == b"LAST":
            if state is State.ACCEPTED:
                state, replied = _SAYS[reply[1]], _call_at(heard, reply.end())
            yield Message(recipient, state, begun, _call_at(sent, end), replied)
        begin = end


def _call_at(pieces: Sequence[tuple[int, bytes]], count: int) -> int:
    """The call with which `count` bytes were on their way."""
    return pieces[bisect_left(list(accumulate(len(piece) for _, piece in pieces)), count)][0]


# --- what went to the disk ------------------------------------------------------------------------------------


class Replay:
    """The calls of a process on the database's files, done again on a disk that is only thought."""

    def __init__(self, root: Path, files: Mapping[str, bytes]) -> None:
        self.disk = Disk(files)
        self.syncs = 0
        self._root = str(root)
        self._places: dict[int, int] = {}  # of the next `write`, by descriptor

    def apply(self, call: Call) -> bool:
        """Do a call again; whether it changed what the disk may hold.

        Raises AssertionError, if it is one of which this does not know what it does.
        """
        name = self._name(call.place)
        if call.name in ("fdatasync", "fsync"):
            return self._sync(call, name)
        if call.name in ("unlink", "unlinkat", "rename", "renameat", "renameat2"):
            return self._rename([self._name(os.fsdecode(path)) for path in call.strings])
        if not name:
            return False
        if call.name in ("open", "openat", "creat"):
            return self._open(call, name)
        if call.name == "mmap":
            assert "MAP_SHARED" not in call.arguments[3] or "PROT_WRITE" not in call.arguments[2], (
                "a file is written through memory"
            )
            return False
        if call.name == "write":
            self.disk.write(name, self._places[call.descriptor], call.strings[0][: call.result])
            self._places[call.descriptor] += call.result
        elif call.name == "pwrite64":
            self.disk.write(name, int(call.arguments[-1]), call.strings[0][: call.result])
        elif call.name == "ftruncate":
            self.disk.resize(name, int(call.arguments[1]))
        else:
            assert call.name not in _FILES, f"what {call.name} does is not known here"
            return False
        return True

    def _name(self, path: str) -> str:
        """The name of a file that is followed; empty, if it is none."""
        name = path.removeprefix(self._root + "/")
        return name if name.startswith(DATABASE) and not name.endswith(_SHARED_MEMORY) else ""

    def _sync(self, call: Call, name: str) -> bool:
        if call.place == self._root:
            self.disk.sync_names()
        elif name:
            self.disk.sync(name)
        else:
            return False
        self.syncs += 1
        return True

    def _rename(self, names: Sequence[str]) -> bool:
        if not any(names):
            return False
        if len(names) == 1:
            self.disk.unlink(names[0])
        else:
            self.disk.rename(*names)
        return True

    def _open(self, call: Call, name: str) -> bool:
        self._places[call.descriptor] = 0
        flags = next((part for part in call.arguments if part.startswith("O_")), "")
        assert "O_APPEND" not in flags
        if name not in self.disk:
            self.disk.make(name)
            return True
        if "O_TRUNC" in flags:
            self.disk.resize(name, 0)
        return "O_TRUNC" in flags


# --- what the product makes of what is left -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """What is in a database that is left; `wrong` says what is wrong with it whenever the power went."""

    wrong: tuple[str, ...] = ()
    is_planned: bool = False
    states: Mapping[str, State] = field(default_factory=dict)
    put_off: frozenset[str] = frozenset()

    def complaints(self, messages: Sequence[Message], *, first: int, last: int, bound: int) -> Iterator[str]:
        """What must not be, if the power went after any of the calls from `first` to `last`."""
        yield from self.wrong
        said = {(message.recipient, message.state) for message in messages if message.replied <= first}
        for message in messages:
            if message.begun <= last and not self.is_planned:
                yield f"{message.recipient} was begun, and nothing is planned"
            elif message.begun <= last and self._is_untouched(message.recipient):
                yield f"{message.recipient} was begun, and is as if it were not"
        for recipient, state in self.states.items():
            if state is State.IN_DOUBT or self._is_untouched(recipient):
                continue
            if (recipient, state) not in said:
                yield f"{recipient} is {state.label}, and no reply that was read says so"
        if self.in_doubt > bound:
            yield f"{self.in_doubt} in doubt"

    def _is_untouched(self, recipient: str) -> bool:
        return self.states[recipient] is State.PLANNED and recipient not in self.put_off

    @property
    def in_doubt(self) -> int:
        """How many are in doubt."""
        return sum(state is State.IN_DOUBT for state in self.states.values())


def look(files: Mapping[str, bytes], folder: Path, recipients: Mapping[int, str]) -> Left:
    """What the product finds in a database of which `files` are left; they are put into `folder`."""
    _put(files, folder)
    try:
        with open_database(folder / DATABASE) as database:
            return _look(database, recipients)
    except NewsletterError as error:
        return Left((f"{error.where}: {error.message}",))


def _look(database: Database, recipients: Mapping[int, str]) -> Left:
    wrong = []
    with database.read() as connection:
        found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
        late = frozenset(
            recipients[one] for one in connection.execute(select(retry.c.subscriber_id)).scalars()
        )
    if found != ["ok"]:
        wrong.append(f"not whole: {found}")
    Witness(Path(database.where), database_uuid(database)).require(count_settled(database))
    now = int(time.time())
    planned = read_campaigns(database, ISSUE, now=now)
    if not planned:
        return Left(tuple(wrong))
    (campaign,) = planned
    stand = {recipients[one]: state for one, state in states(database, campaign.id).items()}
    if stand.keys() != set(recipients.values()):
        wrong.append(f"planned for {len(stand)}")
    named = {one.email for one in troubles(database, campaign.id, [State.IN_DOUBT], now=now)}
    if named != {one for one, state in stand.items() if state is State.IN_DOUBT}:
        wrong.append(f"in doubt by name: {named}")
    counted, counts = Counter(stand.values()), campaign.counts
    if (counts.accepted, counts.refused) != (counted[State.ACCEPTED], counted[State.REFUSED]):
        wrong.append("the counts are not those of the deliveries")
    if counts.deferred != len(late) or any(stand[one] is not State.PLANNED for one in late):
        wrong.append("those put off are not those planned")
    return Left(tuple(wrong), True, stand, late)


def _digest(files: Mapping[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.digest()


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def resume(
    files: Mapping[str, bytes], root: Path, log: Path, port: int, before: Sequence[str]
) -> Counter[str]:
    """How often everybody has it, when the send went on in `root` from what is left, and the doubtful were settled.

    `before` are those for whom the sink, whose record is `log`, had taken a message when the power went.
    """
    _put(files, root)
    make_letter(root, in_doubt=4, connections=2, window=4).database.close()
    (root / ".env").write_text(f"SMTP_URL=smtp://127.0.0.1:{port}\n")
    earlier = read_log(log)
    dispatch = Dispatch(Publication.open(root))
    begun = dispatch.campaigns(ISSUE)
    campaign_id = begun[0].id if begun else dispatch.freeze(dispatch.plan())
    for _ in range(2):
        with dispatch.database.write() as connection:
            connection.execute(update(retry).values(not_before=1))  # as if the time had come
        dispatch.deliver(campaign_id)
        taken = read_log(log) - earlier + Counter(before)
        doubtful = {
            one.email or ""
            for one in troubles(dispatch.database, campaign_id, [State.IN_DOUBT], now=dispatch.now())
        }
        for word, some in ((Word.ACCEPTED, doubtful & taken.keys()), (Word.RESEND, doubtful - taken.keys())):
            done = campaigns.settle(dispatch.database, ISSUE, sorted(some), word, now=dispatch.now())
            assert set(done.settled) == some
    dispatch.database.close()
    return taken


# --- the whole ------------------------------------------------------------------------------------------------


def prove(
    folder: Path,
    *,
    recipients: int,
    subsets: int = 4,
    resumes: int = 20,
    in_doubt: int = 4,
    chunking: bool = True,
    seed: int = 1,
) -> Proof:
    """Send once, and let the power go at every call."""
    began = time.monotonic()
    proof = Proof(recipients, in_doubt)
    randomness = random.Random(seed)
    root = folder / "letter"
    publication = make_letter(root, in_doubt=in_doubt, connections=2, window=4)
    people = {
        number: f"reader{number}@{_REFUSE if number % 7 == 0 and number < 50 else 'example.org'}"
        for number in range(1, recipients + 1)
    }
    add_people(publication.database, recipients, domain=lambda number: people[number].partition("@")[2])
    publication.database.close()
    before = {DATABASE: (root / DATABASE).read_bytes()}
    calls, messages = _send(folder, root, seed, chunking=chunking)
    thought = Replay(root, before)
    changes = [index for index, call in enumerate(calls) if thought.apply(call)]
    there = {path.name: path.read_bytes() for path in root.glob(f"{DATABASE}*")}
    assert thought.disk.now() == there, "the trace has not told everything"
    proof.syncs = thought.syncs
    proof.moments = len(changes) + sum(call.place.startswith("TCP") for call in calls)

    known: dict[bytes, Left] = {}
    replay = Replay(root, before)
    resumed = {changes[number * len(changes) // resumes] for number in range(resumes)}
    log = folder / "resumed.log"
    sink, port = start_sink(log, "--chunking", "--refuse", _REFUSE)
    try:
        for first, after in zip([-1, *changes], [*changes, len(calls)], strict=True):
            if first >= 0:
                replay.apply(calls[first])
            disk = replay.disk
            torn = [disk.torn(randomness) for _ in range(subsets)]
            for kind, files in [
                ("nothing", disk.certain()),
                ("all", disk.now()),
                *[("some", one) for one in torn],
            ]:
                key = _digest(files)
                if key not in known:
                    known[key] = look(files, folder / "left", people)
                left = known[key]
                proof.states += 1
                proof.most_in_doubt = max(proof.most_in_doubt, left.in_doubt)
                for what in left.complaints(messages, first=first, last=after - 1, bound=in_doubt):
                    proof.fail(f"after call {first}, with {kind} of what was not synced: {what}")
            if first in resumed:
                taken = [
                    message.recipient
                    for message in messages
                    if message.given < after and message.state is State.ACCEPTED
                ]
                proof.resumes += 1
                files = randomness.choice([disk.certain(), disk.now(), *torn])
                try:
                    has = resume(files, folder / "on", log, port, taken)
                except NewsletterError as error:
                    proof.fail(f"after call {first} it does not go on: {error.message}")
                    continue
                due = [one for one in people.values() if not one.endswith(_REFUSE)]
                proof.lost += sum(has[one] == 0 for one in due)
                proof.twice += sum(count > 1 for count in has.values())
    finally:
        sink.kill()
        sink.communicate()
    proof.different = len(known)
    proof.seconds = round(time.monotonic() - began, 1)
    return proof


def _send(folder: Path, root: Path, seed: int, *, chunking: bool) -> tuple[list[Call], list[Message]]:
    """The one real send: its calls, and its messages."""
    log = folder / "sink.log"
    options = [
        "--refuse",
        _REFUSE,
        "--later",
        "0.1",
        "--seed",
        str(seed),
        *(["--chunking"] if chunking else []),
    ]
    sink, port = start_sink(log, *options)
    command = [
        sys.executable,
        "-m",
        "newsletter",
        "-C",
        str(root),
        "send",
        "--yes",
        "--no-wait",
        "--despite",
        "E171",
    ]
    environment = {
        **os.environ,
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "PYTHONPATH": str(HERE.parent.parent),
    }
    try:
        calls = trace(command, folder / "trace", environment, ends=(0, 75))  # 75: some are put off
    finally:
        sink.kill()
        sink.communicate()
    messages = read_wire(calls, port)
    accepted = Counter(message.recipient for message in messages if message.state is State.ACCEPTED)
    assert accepted == read_log(log), "the wire has not told everything"
    return calls, messages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipients", type=int, default=48)
    parser.add_argument("--subsets", type=int, default=4, help="random states of the disk at every moment")
    parser.add_argument("--resumes", type=int, default=40, help="moments from which the send really goes on")
    parser.add_argument("--in-doubt", type=int, default=4)
    parser.add_argument("--no-chunking", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        done = prove(
            Path(temporary).resolve(),
            recipients=given.recipients,
            subsets=given.subsets,
            resumes=given.resumes,
            in_doubt=given.in_doubt,
            chunking=not given.no_chunking,
            seed=given.seed,
        )
    print(json.dumps(asdict(done), indent=2))
    sys.exit(bool(done.failed or done.lost or done.twice))
