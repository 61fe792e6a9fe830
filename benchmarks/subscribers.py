"""How long a million subscribers take to come in, to be counted and to go out, beside each database's own loader.

    python3 dev.py run python benchmarks/subscribers.py               prints the table, writes benchmarks/subscribers.json
    python3 dev.py run python benchmarks/subscribers.py --readme      also puts the table into README.md
    python3 dev.py run python benchmarks/subscribers.py --rows 100000

The limit is what the database does without us: the very rows that our import wrote (subscribers, history, tags), from files
that hold them ready, into the same tables with the same indexes: `.import` of SQLite's own shell, in one transaction, and
PostgreSQL's COPY.  Each run is a process of its own: wall-clock time, its processor time, its peak memory.  PostgreSQL's
work is done in the server, so there only wall-clock time counts.  SQLite runs as we open it (WAL, synchronous=FULL); the
PostgreSQL is that of the tests (fsync off, for both sides).
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

import psycopg  # noqa: E402
from build import put_into_readme  # noqa: E402
from postgres import running_server  # noqa: E402

from newsletter.store.database import open_database, raw  # noqa: E402
from newsletter.subscribers.census import count_members  # noqa: E402
from newsletter.subscribers.segment import parse_segment  # noqa: E402

#: Of so many runs of each import and its limit the fastest counts; the JSON has all.
RUNS = 3
LOADED = ("subscriber", "history", "subscriber_tag")
#: The peak is that of the process itself: what wait4 tells has that of the process it was started from in it.
PEAK = """
for line in open("/proc/self/status") if sys.platform == "linux" else ():
    if line.startswith("VmHWM"):
        open(sys.argv[-1], "w").write(line.split()[1])
"""
IMPORT = """
import sys
from newsletter.store.database import open_database
from newsletter.subscribers.subscriber_list import SubscriberList
with open_database(sys.argv[1]) as database:
    found = SubscriberList(database).import_file(sys.argv[2], source="benchmark", rejected=sys.argv[3])
    assert found.rejected == 0, found
"""
EXPORT = """
import sys
from newsletter.store.database import open_database
from newsletter.subscribers.subscriber_list import SubscriberList
with open_database(sys.argv[1]) as database:
    SubscriberList(database).export_file(sys.argv[2])
"""
#: Segments whose conditions an index answers, and some that look at every row.
INDEXED = [
    'domain = "gmail.com"',
    'domain = "d7.example.org"',
    'language = "fr"',
    "joined < 30d",
    "joined >= 2026-06-01 and joined < 2026-07-01",
    "tag:beta",
    'tag:beta and language = "de"',
    "",
]
SCANNED = ['name contains "Name12"', 'attribute:country in ("CH", "AT")']


def write_people(path: Path, rows: int) -> None:
    """`rows` people, most of them at a few large providers, in no order."""
    dice = random.Random(7)
    large = ["gmail.com", "outlook.com", "yahoo.com", "gmx.de", "bluewin.ch"]
    with path.open("w") as file:
        file.write("email,name,language,country,tags,joined\n")
        for number in range(rows):
            domain = dice.choice(large) if dice.random() < 0.8 else f"d{dice.randrange(2000)}.example.org"
            tags = dice.choice(["", "pro", "free", "pro;beta"]) if number % 2 else ""
            day = f"{dice.choice([2024, 2025, 2026])}-{dice.randrange(1, 12):02d}-{dice.randrange(1, 29):02d}"
            file.write(
                f"u{dice.randrange(10**9)}.{number}@{domain},Name{number % 5000},{dice.choice(['de', 'en', 'fr'])},"
                f"{dice.choice(['CH', 'AT', 'DE'])},{tags},{day}\n"
            )


def process(*command: str) -> dict[str, float]:
    """A process of its own: seconds by the clock and by the processor."""
    began = perf_counter()
    child = os.posix_spawn(command[0], command, {**os.environ, "PYTHONPATH": str(HERE.parent)})
    _, status, usage = os.wait4(child, 0)
    wall = perf_counter() - began
    assert status == 0, command
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime}


def program(source: str, folder: Path, *arguments: str) -> dict[str, float]:
    """A Python program in a process of its own; also megabytes at its peak, where Linux tells."""
    peak = folder / "peak"
    peak.unlink(missing_ok=True)
    found = process(sys.executable, "-c", source + PEAK, *arguments, str(peak))
    return found | ({"peak_mb": int(peak.read_text()) / 1024} if peak.exists() else {})


def counts(place: str) -> dict[str, float]:
    """Milliseconds of the count of each segment, the median of five after one to warm up."""
    now = datetime.now(UTC)
    found = {}
    with open_database(place) as database:
        for text in [*INDEXED, *SCANNED]:
            segment = parse_segment(text)
            times = []
            for _ in range(6):
                began = perf_counter()
                count_members(database, segment, now)
                times.append((perf_counter() - began) * 1000)
            found[text] = statistics.median(times[1:])
    return found


def sqlite_limit(database: Path, folder: Path) -> dict[str, float] | None:
    """SQLite's own shell with the same rows; None where it is not installed."""
    shell = shutil.which("sqlite3")
    if not shell:
        return None
    ready = [f".once {folder}/{name}.csv\nSELECT * FROM {name};" for name in LOADED]
    subprocess.run([shell, str(database)], input="\n".join([".mode csv", *ready]), text=True, check=True)
    open_database(folder / "limit.db").close()
    script = folder / "limit.sql"
    steps = [f".import {folder}/{name}.csv {name}" for name in LOADED]
    pragmas = ["PRAGMA journal_mode=WAL;", "PRAGMA synchronous=FULL;", "PRAGMA cache_size=-32000;"]
    script.write_text("\n".join([*pragmas, "BEGIN;", ".mode csv", *steps, "COMMIT;"]))
    found = process(shell, str(folder / "limit.db"), f".read {script}")
    return {
        name: value for name, value in found.items() if name != "peak_mb"
    }  # that of the process it began as


def postgres_limit(url: str, limit_url: str) -> dict[str, float]:
    """PostgreSQL's COPY of the same rows into the same tables."""
    with open_database(url) as ours, open_database(limit_url) as limit:
        held = {}
        with ours.read() as connection, limit.write() as other:
            for name in ("tag", "consent", *LOADED):
                with raw(connection).cursor() as cursor, cursor.copy(f"COPY {name} TO STDOUT") as copy:
                    held[name] = b"".join(bytes(block) for block in copy)
            for name in ("tag", "consent"):
                with raw(other).cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
                    copy.write(held[name])
        began = perf_counter()
        with limit.write() as connection:
            for name in LOADED:
                with raw(connection).cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
                    copy.write(held[name])
        return {"wall_s": perf_counter() - began}


def main() -> None:
    """Measure, print, write."""
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 1_000_000
    results: dict[str, dict[str, float]] = {}
    runs: dict[str, list[dict[str, float]]] = {}
    counted: dict[str, dict[str, float]] = {}

    def measure(label: str, work: Callable[[], dict[str, float] | None]) -> None:
        if (found := work()) is not None:
            runs.setdefault(label, []).append(found)
            results[label] = min(runs[label], key=lambda run: run["wall_s"])
            print(label, {name: round(value, 1) for name, value in found.items()}, file=sys.stderr)

    with tempfile.TemporaryDirectory() as name, running_server() as server:
        folder = Path(name)
        people, place = folder / "people.csv", str(folder / "newsletter.db")
        write_people(people, rows)

        def bring(place: str) -> dict[str, float]:
            return program(IMPORT, folder, place, str(people), name)

        for _ in range(RUNS):  # in turn, so that a busy minute of the machine meets both
            for left in folder.glob("*.db*"):
                left.unlink()
            measure("SQLite: import", lambda: bring(place))
            measure("SQLite: the shell's .import", lambda: sqlite_limit(Path(place), folder))
        measure("SQLite: the same file again", lambda: bring(place))
        for kind in ("csv", "jsonl"):
            out = str(folder / f"out.{kind}")
            measure(f"SQLite: export {kind}", lambda out=out: program(EXPORT, folder, place, out))  # type: ignore[misc]
        counted["SQLite"] = counts(place)
        for run in range(RUNS):
            with server.new_database() as url, server.new_database() as other:
                measure("PostgreSQL: import", lambda url=url: bring(url))  # type: ignore[misc]
                measure("PostgreSQL: COPY", lambda url=url, other=other: postgres_limit(url, other))  # type: ignore[misc]
                if run == RUNS - 1:
                    with psycopg.connect(url, autocommit=True) as connection:
                        connection.execute("VACUUM ANALYZE")  # as autovacuum does, a minute later
                    counted["PostgreSQL"] = counts(url)
    shown = report(rows, results, counted)
    print(shown)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "rows": rows}
    content = {"machine": machine, "best": results, "runs": runs, "count_ms": counted}
    (HERE / "subscribers.json").write_text(json.dumps(content, indent=1) + "\n")
    if "--readme" in sys.argv:
        put_into_readme("subscribers", shown)


def report(rows: int, results: dict[str, dict[str, float]], counted: dict[str, dict[str, float]]) -> str:
    """The table for the README."""
    limits = {"SQLite: import": "SQLite: the shell's .import", "PostgreSQL: import": "PostgreSQL: COPY"}
    lines = [f"{rows:,} subscribers:", "", "| work | time | processor | peak memory | of the limit |"]
    lines.append("|---|---:|---:|---:|---:|")
    for label, found in results.items():
        cpu = f"{found['cpu_s']:.1f} s" if "cpu_s" in found else ""
        peak = f"{found['peak_mb']:.0f} MB" if "peak_mb" in found else ""
        ratio = ""
        if (limit := results.get(limits.get(label, ""))) is not None:
            ratio = f"{found['wall_s'] / limit['wall_s']:.1f}x"
            if "cpu_s" in limit:
                ratio += f" (processor {found['cpu_s'] / limit['cpu_s']:.1f}x)"
        lines.append(f"| {label} | {found['wall_s']:.1f} s | {cpu} | {peak} | {ratio} |")
    lines += ["", "| count of | SQLite | PostgreSQL |", "|---|---:|---:|"]
    for text in [*INDEXED, *SCANNED]:
        shown = f"`{text}`" if text else "everybody"
        cells = " | ".join(f"{counted[kind][text]:.0f} ms" for kind in ("SQLite", "PostgreSQL"))
        lines.append(f"| {shown} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
