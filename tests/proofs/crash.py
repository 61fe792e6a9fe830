"""Kill a send with SIGKILL at random moments, go on, and count: nobody lost, nobody twice, the doubtful named.

    python tests/proofs/crash.py --recipients 60000 --kills 500 --connections 10

The sink writes down every message before it answers, and sometimes hangs up instead of answering.  After every kill the
deliveries in doubt are no more than the bound says, and each has a name.  At the end, for every recipient: ACCEPTED means
exactly once in the sink, in doubt means once or not at all, and nobody is there twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from campaigns import add_people, states  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

from newsletter.dispatch import Dispatch  # noqa: E402
from newsletter.publication import Publication  # noqa: E402
from newsletter.sending.campaign import CampaignState  # noqa: E402
from newsletter.sending.campaigns import troubles  # noqa: E402
from newsletter.sending.delivery import State  # noqa: E402
from newsletter.store.tables import attempt  # noqa: E402

SINK = HERE.parent / "recording_sink.py"
ISSUE = "2026-11-23-autumn"


@dataclass
class Proof:
    """What was counted."""

    recipients: int
    kills: int = 0
    runs: int = 0
    accepted: int = 0
    in_doubt: int = 0
    in_doubt_and_taken: int = 0
    most_in_doubt_after_a_kill: int = 0
    bound: int = 0
    lost: int = 0
    twice: int = 0
    unfinished: int = 0
    seconds: float = 0.0


def make_letter(root: Path, *, in_doubt: int, connections: int, window: int) -> Publication:
    """A publication with one small issue."""
    folder = root / "issues" / ISSUE
    folder.mkdir(parents=True)
    (root / "newsletter.toml").write_text(
        'name = "Letter"\nfrom = "Letter <letter@example.com>"\npostal_address = "1 High Street, Anytown"\n'
        f"[send]\nin_doubt = {in_doubt}\nconnections = {connections}\nwindow = {window}\n",
        "utf-8",
    )
    (folder / "issue.md").write_text(
        "---\nsubject: The leaves are turning, and so are we\npreheader: A walk through the wood behind the mill, with a map\n"
        'date: 2026-11-23\narticles: []\n---\nDear {{ subscriber.first_name | fallback("reader") }}, it is autumn.\n',
        "utf-8",
    )
    return Publication.open(root)


def start_sink(log: Path, *options: str) -> tuple[subprocess.Popen[str], int]:
    """A recording sink, and its port."""
    sink = subprocess.Popen(
        [sys.executable, str(SINK), str(log), *options], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    return sink, int(sink.stdout.readline())


def start_send(root: Path, port: int) -> subprocess.Popen[bytes]:
    """`newsletter send --yes` on the publication."""
    environment = {
        **os.environ,
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "PYTHONPATH": str(HERE.parent.parent),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(root), "send", "--yes", "--despite", "E171"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def open_rows(dispatch: Dispatch) -> int:
    """How many deliveries were on their way when their sender was killed."""
    with dispatch.database.read() as connection:
        counted = select(func.count()).select_from(attempt).where(attempt.c.session != "")
        return int(connection.execute(counted).scalar_one())


def read_log(log: Path) -> Counter[str]:
    """How often the sink took a message for each recipient."""
    return (
        Counter(line.split()[0] for line in log.read_text("utf-8").splitlines())
        if log.exists()
        else Counter()
    )


def prove(
    root: Path,
    *,
    recipients: int,
    kills: int,
    connections: int = 10,
    window: int = 16,
    in_doubt: int = 64,
    chunking: bool = True,
    drop: float = 0.001,
    most_seconds: float = 0.5,
    seed: int = 1,
) -> Proof:
    """Kill `kills` times, then let it end."""
    randomness = random.Random(seed)
    proof = Proof(recipients, bound=min(in_doubt, connections * window))
    publication = make_letter(root, in_doubt=in_doubt, connections=connections, window=window)
    add_people(publication.database, recipients)
    log = root / "sink.log"
    options = [
        *(["--chunking"] if chunking else []),
        "--drop",
        str(drop),
        "--delay",
        "0.002",
        "--seed",
        str(seed),
    ]
    sink, port = start_sink(log, *options)
    began = time.monotonic()
    dispatch = Dispatch(publication)
    doubtful = 0
    try:
        while True:
            before = log.stat().st_size if log.exists() else 0
            process = start_send(root, port)
            proof.runs += 1
            if proof.kills < kills:
                while process.poll() is None and (not log.exists() or log.stat().st_size == before):
                    time.sleep(0.002)
                time.sleep(randomness.random() * most_seconds)
                process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
            if process.returncode == -signal.SIGKILL:
                proof.kills += 1
            elif process.returncode not in (0, 1):
                raise SystemExit(said.decode())
            (campaign,) = dispatch.campaigns(ISSUE)
            named = sum(
                1 for _ in troubles(dispatch.database, campaign.id, [State.IN_DOUBT], now=dispatch.now())
            )
            assert named == campaign.counts.in_doubt, "everyone in doubt has a name"
            left = open_rows(dispatch)  # by this kill: not those of which the sink said nothing
            proof.most_in_doubt_after_a_kill = max(proof.most_in_doubt_after_a_kill, left - doubtful)
            doubtful = left
            if campaign.state is CampaignState.FINISHED:
                break
    finally:
        time.sleep(0.3)
        sink.kill()
        sink.communicate()
    proof.seconds = round(time.monotonic() - began, 1)
    taken = read_log(log)
    for subscriber, state in states(dispatch.database, campaign.id).items():
        count = taken.get(f"reader{subscriber}@example.org", 0)
        proof.twice += count > 1
        proof.lost += state is State.ACCEPTED and not count
        proof.accepted += state is State.ACCEPTED
        proof.in_doubt += state is State.IN_DOUBT
        proof.in_doubt_and_taken += state is State.IN_DOUBT and bool(count)
        proof.unfinished += state is State.PLANNED
    publication.database.close()
    return proof


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipients", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--in-doubt", type=int, default=64)
    parser.add_argument("--no-chunking", action="store_true")
    parser.add_argument(
        "--seconds", type=float, default=0.1, help="a kill comes so long after the first message at most"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = prove(
            Path(folder) / "letter",
            recipients=given.recipients,
            kills=given.kills,
            connections=given.connections,
            window=given.window,
            in_doubt=given.in_doubt,
            chunking=not given.no_chunking,
            most_seconds=given.seconds,
            seed=given.seed,
        )
    print(json.dumps(asdict(done), indent=2))
    sys.exit(bool(done.lost or done.twice or done.unfinished or done.most_in_doubt_after_a_kill > done.bound))
