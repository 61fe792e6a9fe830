"""What the ledger takes: room and time for a delivery, and how long `status` looks at ten million of them.

    python3 dev.py run python benchmarks/ledger.py            prints the table, writes benchmarks/ledger.json
    python3 dev.py run python benchmarks/ledger.py --readme   also puts the table into README.md
    python3 dev.py run python benchmarks/ledger.py --quick    a tenth of everything, and writes no file

On SQLite.  A million subscribers are planned and all of them accepted, by the turns that `send` makes, each a durable
transaction: it settles a group and opens the next.  The room is what the whole database has grown by, once its log is
written back.  The ten million deliveries, and 64 more that a sender left in doubt, are put in by SQL.
"""

from __future__ import annotations

import json
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, time

from build import put_into_readme
from sqlalchemy import literal

from newsletter.sample import make_publication
from newsletter.sending.campaign import CampaignState
from newsletter.sending.campaigns import claim
from newsletter.sending.delivery import Outcome, Stage, State
from newsletter.sending.lease import Session
from newsletter.sending.ledger import Ledger
from newsletter.sending.overview import campaigns_in, troubles_in
from newsletter.sending.pace import Pace, Throttle
from newsletter.sending.planning import Order, freeze_campaign, look
from newsletter.store.database import Database, open_database
from newsletter.store.glance import glance

HERE = Path(__file__).parent
ISSUE = "2026-11-23-autumn"
IN_DOUBT = 64
NOW = int(time())

PEOPLE = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO subscriber (id, email, email_key, domain, name, standing, joined_at, changed_at)
SELECT i, 'reader' || i || '@d' || (i % 97) || '.example', 'reader' || i || '@d' || (i % 97) || '.example',
    'd' || (i % 97) || '.example', 'Reader ' || i, 1, 1, 1 FROM n"""
CAMPAIGN = """
INSERT INTO campaign (id, issue_id, digest, subject, segment, state, planned_at, audience, accepted)
VALUES (1, :issue, '', 'Autumn', '', 1, 1, :count + :doubt, :count)"""
DELIVERIES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count + :doubt)
INSERT INTO delivery (campaign_id, subscriber_id, state, tries, relay, at)
SELECT 1, i, iif(i <= :count, :accepted, 0), i <= :count, 1, 1795000000 + i / 1000 FROM n"""
ATTEMPTS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :doubt)
INSERT INTO attempt (campaign_id, subscriber_id, at, session) SELECT 1, :count + i, 1, 'gone' FROM n"""


def main() -> None:
    """Measure, print, write the JSON."""
    scale = 10 if "--quick" in sys.argv else 1
    with tempfile.TemporaryDirectory(prefix="newsletter-ledger-") as folder:
        per_delivery, rates = sending(Path(folder), 1_000_000 // scale)
        query_ms, over_ms = looking(Path(folder), 10_000_000 // scale)
    rows = {
        f"a finished delivery, of {1_000_000 // scale:,}": f"{per_delivery:.1f} bytes",
        **{
            f"deliveries settled and opened, durably, in groups of {group}": f"{rate:,.0f}/s"
            for group, rate in rates.items()
        },
        f"counts of {10_000_000 // scale:,} deliveries, and the {IN_DOUBT} in doubt by name": (
            f"{statistics.median(query_ms):.1f} ms"
        ),
        "the same by `newsletter status`, more than `python -c pass`": f"{statistics.median(over_ms):.0f} ms",
    }
    table = "\n".join(
        ["| ledger, SQLite | |", "|---|---:|", *(f"| {what} | {much} |" for what, much in rows.items())]
    )
    print(table)
    if scale > 1:
        return
    found = {
        "machine": {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "sqlite": sqlite3.sqlite_version,
        },
        "bytes_per_delivery": per_delivery,
        "deliveries_per_second": rates,
        "status_query_ms": query_ms,
        "status_over_python_ms": over_ms,
    }
    (HERE / "ledger.json").write_text(json.dumps(found) + "\n")
    if "--readme" in sys.argv:
        put_into_readme("ledger", table)


def sending(folder: Path, count: int) -> tuple[float, dict[int, float]]:
    """The bytes that a finished delivery takes, and the deliveries a second by the size of a group."""
    file = folder / "sending.db"
    rates = {}
    with open_database(file) as database:
        by_sql(file, [PEOPLE], count=count)
        empty = file.stat().st_size
        for group in (64, 256):
            rates[group] = send(database, group, count)
        by_sql(file, [])
        grown = file.stat().st_size - empty
    return grown / (count * len(rates)), rates


def send(database: Database, group: int, count: int) -> float:
    """Plan an issue for all and have all of it accepted: the deliveries a second."""
    order = Order(f"{ISSUE}-{group}", "Autumn", "", literal(1) == 1)
    campaign_id = freeze_campaign(
        database, order, look(database, order), {0: ("digest", [], b"mail")}, now=NOW
    )
    session = Session(f"{group:016x}", "the benchmark", "")
    claim(database, campaign_id, session, now=NOW)
    ledger = Ledger(
        database,
        campaign_id,
        session,
        clock=lambda: float(NOW),
        jitter=lambda: 0.5,
        pace=Pace([Throttle("main")], {}),
        relays=["main"],
    )
    begin = perf_counter()
    opened = ledger.turn([], group)
    while opened:
        took = [Outcome(one.subscriber_id, State.ACCEPTED, Stage.DOT, "250 ok", "main") for one in opened]
        opened = ledger.turn(took, group)
    seconds = perf_counter() - begin
    assert ledger.counts.accepted == count
    ledger.finish(CampaignState.FINISHED)
    return count / seconds


def looking(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """How many ms the question takes and, beyond a bare Python, the whole command: with `count` deliveries."""
    root = folder / "letter"
    make_publication(root, "digest")
    (root / "issues" / ISSUE).mkdir(parents=True)
    (root / "issues" / ISSUE / "issue.md").write_text("---\nsubject: Autumn\n---\n", "utf-8")
    file = root / "newsletter.db"
    open_database(file).close()
    values = {"count": count, "doubt": IN_DOUBT, "issue": ISSUE, "accepted": int(State.ACCEPTED)}
    by_sql(file, [CAMPAIGN, DELIVERIES, ATTEMPTS], **values)
    queries, overs = [], []
    command = [sys.executable, "-m", "newsletter", "-C", str(root), "status"]
    for _ in range(20):
        begin = perf_counter()
        with glance(file) as ask:
            (campaign,) = campaigns_in(ask, ISSUE, now=NOW)
            doubtful = list(troubles_in(ask, campaign.id, [State.IN_DOUBT], now=NOW))
        queries.append((perf_counter() - begin) * 1000)
        assert (campaign.counts.accepted, len(doubtful)) == (count, IN_DOUBT)
        overs.append(milliseconds(command) - milliseconds([sys.executable, "-c", "pass"]))
    return queries, overs


def milliseconds(command: list[str]) -> float:
    """How long a process takes."""
    begin = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (perf_counter() - begin) * 1000


def by_sql(file: Path, statements: list[str], **values: object) -> None:
    """Run statements, and write the log back into the file."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in statements:
        connection.execute(statement, values)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


if __name__ == "__main__":
    main()
