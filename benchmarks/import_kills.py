"""Kill an import at 50 random instants, run it again, and see whether everybody is on the list exactly once.

    python3 dev.py run python benchmarks/import_kills.py            SQLite
    python3 dev.py run python benchmarks/import_kills.py --pg       PostgreSQL

Each kill is a SIGKILL of a new process at a random instant of an import of 30,000 rows with repeated, bad and "unsubscribed"
rows; every tenth time a run is left to finish, and the list is held against one that nobody disturbed.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from postgres import running_server  # noqa: E402
from test_imports import many_rows, picture, start  # noqa: E402

KILLS = 50
ROWS = 30_000


def main() -> None:
    """Kill, run again, compare."""
    dice = random.Random(50)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        table = folder / "list.csv"
        many_rows(table, ROWS)
        if "--pg" in sys.argv:
            server = stack.enter_context(running_server())
            whole = stack.enter_context(server.new_database())
        else:
            whole = str(folder / "whole.db")
        began = time.monotonic()
        assert start(whole, table, folder).wait() == 0
        lasted = time.monotonic() - began
        wanted = picture(whole)
        killed = finished = 0
        while killed < KILLS:
            with ExitStack() as one:
                if "--pg" in sys.argv:
                    place = one.enter_context(server.new_database())
                else:
                    place = str(folder / f"killed{killed}.db")
                for _ in range(10):
                    process = start(place, table, folder)
                    time.sleep(dice.uniform(0.2, 1) * lasted)
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    killed += process.returncode == -signal.SIGKILL
                process = start(place, table, folder)
                shown = process.communicate()[0]
                assert process.returncode == 0
                assert picture(place) == wanted
                finished += 1
                print(
                    f"{killed} kills; added, changed, known, repeated, rejected in the last run: {shown.strip()}"
                )
        print(f"{killed} kills, {finished} lists, each with all {ROWS:,} people once")


if __name__ == "__main__":
    main()
