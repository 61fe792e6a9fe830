"""Readers leave, or are suppressed, while an issue is sent to them: no message is opened after the commit.

    python tests/proofs/race.py --trials 100000

One process opens deliveries as a sender does; another takes readers off the list, each at a random moment near their turn.
For every reader who left, the number of the first turn that began after the commit is known; a delivery that was opened in
it or later is a failure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from campaigns import accepted, add_people, hold, plan  # noqa: E402
from sqlalchemy import update  # noqa: E402

from newsletter.store.database import open_database  # noqa: E402
from newsletter.store.tables import subscriber  # noqa: E402
from newsletter.subscribers.subscriber import Standing  # noqa: E402

GROUP = 16


def _leave(place: str, trials: int, turn: Synchronized[int], left: Any, seed: int) -> None:
    """Take readers off the list, near where the sender is; write down in which turn the commit was done."""
    randomness = random.Random(seed)
    with open_database(place) as database:
        while (begun := turn.value) >= 0 and begun * GROUP < trials:
            near = range(begun * GROUP + 1, min(trials, (begun + 4) * GROUP) + 1)
            some = [one for one in randomness.sample(near, min(len(near), GROUP)) if not left[one]]
            change = {"standing": int(Standing.LEFT)} if randomness.random() < 0.5 else {"suppressed": 1}
            with database.write() as connection:
                connection.execute(update(subscriber).where(subscriber.c.id.in_(some)).values(**change))
            committed = turn.value  # a turn with a higher number began after the commit
            if committed < 0:  # the sender has ended
                return
            for one in some:
                left[one] = committed


def race(place: str, trials: int, *, seed: int = 1) -> dict[str, int]:
    """How many left, how many of them were withheld, and how many were opened after the commit (none)."""
    with open_database(place) as database:
        add_people(database, trials)
        campaign_id = plan(database)
    turn = multiprocessing.Value("q", 1)
    left = multiprocessing.Array("q", trials + 1, lock=False)
    leaver = multiprocessing.get_context("fork").Process(
        target=_leave, args=(place, trials, turn, left, seed)
    )
    leaver.start()
    opened_in: dict[int, int] = {}
    with open_database(place) as database:
        ledger = hold(database, campaign_id)
        opened = ledger.turn([], 0)
        while not ledger.is_done:
            turn.value += 1
            number = turn.value
            opened = ledger.turn([accepted(one.subscriber_id) for one in opened], GROUP)
            time.sleep(0.001)  # the other one's turn
            for one in opened:
                opened_in[one.subscriber_id] = number
        turn.value = -1
        leaver.join()
        withheld = ledger.counts.withheld
    late = sum(1 for reader, number in opened_in.items() if left[reader] and number > left[reader])
    return {
        "trials": sum(1 for one in left if one),
        "withheld": withheld,
        "opened_before": sum(1 for reader in opened_in if left[reader]),
        "opened_after_the_commit": late,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    total: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        rounds = 0
        while total.get("trials", 0) < given.trials:
            rounds += 1
            found = race(f"{folder}/{rounds}.db", 5000, seed=given.seed + rounds)
            total = {name: total.get(name, 0) + number for name, number in found.items()}
    print(json.dumps(total))
    sys.exit(bool(total["opened_after_the_commit"]))
