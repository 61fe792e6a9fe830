"""How fast messages go over the wire, without ledger and composition: ours, Postfix's smtp-source, and smtplib.

    python3 dev.py run python benchmarks/transport.py            prints the tables, writes benchmarks/transport.json
    python3 dev.py run python benchmarks/transport.py --readme   also puts the tables into README.md

The same 63 kB to the same server in the same run; all take turns, and medians of the rounds are compared with those of
smtp-source, a C program that sends one and the same message.  smtp-source is left out where Postfix is not (see tests/postfix.py).
"""

from __future__ import annotations

import json
import os
import platform
import smtplib
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import sinks
from build import put_into_readme
from sinks import Sink

from newsletter.sending.carrier import Carrier
from newsletter.sending.delivery import Parcel, State
from newsletter.sending.relays import Relay
from newsletter.sending.smtp import parse_server

HERE = Path(__file__).parent
LINE = b"x" * 74 + b"\r\n"
CONTENT = (b"Subject: Spring\r\n\r\n", *(LINE * 75 for _ in range(11)))
SIZE = sum(map(len, CONTENT))
ROUNDS = 5
OPEN = 256  # messages that the carrier has at a time


@dataclass(frozen=True)
class Run:
    """Messages per second, and processor time of the sender per message."""

    rate: float
    cpu_us: float


def measured(work: Callable[[], None], messages: int) -> Run:
    """What `work` took; its own time and that of processes which it waited for."""
    before, start = os.times(), perf_counter()
    work()
    seconds, after = perf_counter() - start, os.times()
    return Run(
        messages / seconds, sum(after[number] - before[number] for number in range(4)) / messages * 1e6
    )


def ours(sink: Sink, connections: int, window: int, messages: int) -> None:
    """Through the carrier: every message has its own envelope, and every reply is matched to it."""
    server = parse_server(f"smtp://127.0.0.1:{sink.port}")
    carrier = Carrier([Relay("sink", server, connections=connections, window=window)])
    given = done = 0
    while done < messages:
        count = min(OPEN - (given - done), messages - given)
        carrier.give(
            [
                Parcel(number, b"bounce+%d@example.org" % number, b"reader%d@example.com" % number, CONTENT)
                for number in range(given, given + count)
            ]
        )
        given += count
        outcomes = carrier.poll(1)
        assert all(outcome.state is State.ACCEPTED for outcome in outcomes)
        done += len(outcomes)
    carrier.close()


def library(sink: Sink, messages: int) -> None:
    """One connection of smtplib, kept."""
    content = b"".join(CONTENT)
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="localhost") as client:
        for number in range(messages):
            client.sendmail(f"bounce+{number}@example.org", [f"reader{number}@example.com"], content)


def compare(sink: Sink, connections: int, messages: int) -> tuple[str, dict[str, list[Run]]]:
    """The table for one server, and all runs."""
    works: dict[str, tuple[Callable[[], None], int]] = {}
    if not sinks.no_postfix:
        source = f"smtp-source, {connections} sessions"
        works[source] = (lambda: sinks.smtp_source(sink, connections, messages, SIZE), messages)
    works[f"ours, {connections} connections"] = (lambda: ours(sink, connections, 16, messages), messages)
    if sink.name.startswith("fast"):
        works["ours, 2 connections"] = (lambda: ours(sink, 2, 16, messages), messages)
        works[f"ours, DATA, {connections} connections"] = (
            lambda: ours(sink, connections, 1, messages),
            messages,
        )
    works["smtplib, 1 connection"] = (lambda: library(sink, messages // 10), messages // 10)
    runs: dict[str, list[Run]] = {label: [] for label in works}
    for _ in range(ROUNDS):
        for label, (work, count) in works.items():
            runs[label].append(measured(work, count))
    first = statistics.median(run.rate for run in next(iter(runs.values())))
    rows = []
    for label, times in runs.items():
        rates = [run.rate for run in times]
        rate, cpu = statistics.median(rates), statistics.median(run.cpu_us for run in times)
        rows.append(
            f"| {label} | {rate:,.0f} | {min(rates):,.0f} - {max(rates):,.0f} | {cpu:.1f} µs | {rate / first:.2f} |"
        )
    head = [
        f"Messages of {SIZE / 1000:.0f} kB to {sink.name}:",
        "",
        "| sender | messages/s | range | processor time each | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    return "\n".join([*head, *rows]), runs


def main() -> None:
    """Measure, print, write."""
    tables: list[str] = []
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with sinks.fast_sink() as sink:
        table, runs = compare(sink, 16, 20_000)
        tables.append(table)
        found[sink.name] = {label: [(run.rate, run.cpu_us) for run in times] for label, times in runs.items()}
    if sinks.no_postfix:
        print(sinks.no_postfix, file=sys.stderr)
    else:
        with sinks.postfix_sink() as sink:
            table, runs = compare(sink, 16, 5_000)
            tables.append(table)
            found[sink.name] = {
                label: [(run.rate, run.cpu_us) for run in times] for label, times in runs.items()
            }
    text = "\n\n".join(tables)
    print(text)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "message_bytes": SIZE}
    (HERE / "transport.json").write_text(
        json.dumps({"machine": machine, "rate_and_cpu_us": found}, indent=1) + "\n"
    )
    if "--readme" in sys.argv:
        put_into_readme("transport", text)


if __name__ == "__main__":
    main()
