"""How fast messages go out: ours, Postfix's load generator, and what people send newsletters with, in the same run.

    python3 dev.py run python benchmarks/send.py                 measures all parts, prints, writes benchmarks/send.json
    python3 dev.py run python benchmarks/send.py --part wire     one of: wire, latency, doubt, memory; repeatable
    python3 dev.py run python benchmarks/send.py --quick         short rounds: whether it works, not how fast
    python3 dev.py run python benchmarks/send.py --readme        also puts the tables into README.md

One personalised message of 60 kB, each to one recipient.  Ours is the command `newsletter send`, with its ledger on disk.

- wire: on this machine, into Postfix's smtp-sink and into a sink in C that is no limit to anybody
- latency: ten connections to a server at a round trip of 40 ms (needs root and /dev/net/tun)
- doubt: what it costs that no more than 64 messages can be in doubt after a crash
- memory: at 10,000, 100,000 and 1,000,000 recipients, and the time to the first message of a million, also after a kill

The peers' programs are in `peers/`; they are installed into a folder that is removed afterwards.  A peer or a part that
cannot be had is left out, and the reason stands below the table.  What was not measured keeps its figures in the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from build import put_into_readme
from entrants import Entrants, settings
from first import first_message, run_and_kill
from letter import make_letter, parts_of
from race import Pace, Sender, race, run
from send_tables import tables
from servers import (
    Missing,
    Postfix,
    Sink,
    compile_c,
    delay_link,
    fast_sink,
    find_postfix,
    free_port,
    smtp_sink,
)

HERE = Path(__file__).parent
RESULTS = HERE / "send.json"
PARTS = ("wire", "latency", "doubt", "memory")
ROUND_TRIP_MS = 40

Part = dict[str, Any]  # as it goes into the JSON


class Benchmark:
    """The parts, over one folder that is filled and goes when all is done."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.entrants = Entrants(folder)
        self.rounds = 1 if quick else 5
        self.shrink = 10 if quick else 1  # divides how many messages are many
        self.million = 1_000_000 // self.shrink
        self.message_bytes = make_letter(folder, people=self.million, mailmerge=1000)
        self.reasons: dict[str, str] = {}

    def measure(self, name: str) -> Part:
        """One part; what could not be had of it is in `left_out`, with the reason."""
        print(f"{name}:", file=sys.stderr)
        self.reasons = {}
        found: Part = {}
        try:
            found = getattr(self, name)()
        except Missing as error:
            self._leave_out(f"the part {name!r}", error)
        return {"rounds": self.rounds, **found, "left_out": self.reasons}

    def wire(self) -> Part:
        """Into both sinks of this machine; everyone sends for a few seconds in a round."""
        self._check_messages()
        paces = {}
        postfix = self._postfix()
        if postfix:
            with smtp_sink(postfix) as sink:
                senders = [self._source(postfix, sink, 20_000), *self._everybody(sink, 20_000)]
                paces["smtp-sink"] = race(senders, self.rounds)
        try:
            with fast_sink(self._fast_sink) as sink:
                senders = [self._source(postfix, sink, 100_000)] if postfix else []
                senders += self._everybody(sink, 100_000)
                paces["fast sink"] = race(senders, self.rounds, sink.taken)
        except Missing as error:
            self._leave_out("the fast sink", error)
        return {"paces": _plain(paces)}

    def latency(self) -> Part:
        """Over the slow link, ten connections each."""
        program = compile_c(HERE / "delay_link.c", self.folder)
        with (
            delay_link(program, ROUND_TRIP_MS) as link,
            fast_sink(self._fast_sink, link=link) as sink,
            fast_sink(self._fast_sink, "-b", link=link) as without_chunking,
        ):
            senders = [
                self.entrants.smtplib(sink, 50, 50 + self._many(500), 10),
                self._ours(without_chunking, 250, 2000, "PIPELINING", connections=10),
                self._ours(sink, 1000, 30_000, "CHUNKING", connections=10, window=16, in_doubt=320),
                *self._if_there("Go", lambda: self.entrants.smtppool(sink, 50, 50 + self._many(400), 10)),
            ]
            paces = race(senders, min(self.rounds, 3))
        congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
        return {
            "paces": _plain({f"{ROUND_TRIP_MS} ms": paces}),
            "congestion_control": congestion,
        }

    def doubt(self) -> Part:
        """Our default bound against one that is never reached."""
        with fast_sink(self._fast_sink) as sink:
            senders = [
                self._ours(sink, 1000, 100_000, "in doubt at most: 64"),
                self._ours(sink, 1000, 100_000, "in doubt at most: any", window=256, in_doubt=4096),
            ]
            return {"paces": _plain({"fast sink": race(senders, self.rounds, sink.taken)})}

    def memory(self) -> Part:
        """Whole campaigns of three sizes, then a large one that is killed twice."""
        peaks = {}
        with fast_sink(self._fast_sink) as sink:
            for count in (self.million // 100, self.million // 10, self.million):
                sender = self.entrants.ours(sink, 0, count, name="ours", settings=settings(16))
                done = run(sender.command(count))
                peaks[str(count)] = {
                    "peak_bytes": done.peak_bytes,
                    "per_second": count / done.seconds,
                }
                print(f"  {count:,} recipients: {peaks[str(count)]}", file=sys.stderr)
            port = sink.port
            command = sender.command(self.million)  # a fresh copy
        first, _ = first_message(command, port)
        with fast_sink(self._fast_sink, port=port) as sink:
            run_and_kill(command, first + 10 / self.shrink)
            sent_before = sink.taken()
        resumed, _ = first_message(command, port)
        print(f"  first message after {first:.2f} s, resumed after {resumed:.2f} s", file=sys.stderr)
        return {
            "campaigns": peaks,
            "first_message_seconds": first,
            "resume_seconds": resumed,
            "sent_before_resume": sent_before,
        }

    @cached_property
    def _fast_sink(self) -> Path:
        """The program.  Raises Missing."""
        return compile_c(HERE / "fast_sink.c", self.folder)

    def _everybody(self, sink: Sink, ours: int) -> list[Sender]:
        entrants = self.entrants
        return [
            self._ours(sink, 1000, ours, "16 connections"),
            self._ours(sink, 1000, ours, "16 connections, 256 in doubt", in_doubt=256),
            self._ours(sink, 1000, ours, "10 connections", connections=10),
            entrants.smtplib(sink, 200, 200 + self._many(6000), 4),
            entrants.smtplib(sink, 200, 200 + self._many(6000), 16),
            *self._if_there("Go", lambda: entrants.smtppool(sink, 200, 200 + self._many(6000), 10)),
            *self._if_there("Django", lambda: entrants.django(sink, 100, 100 + self._many(1500))),
            *self._if_there("mailmerge", lambda: entrants.mailmerge(sink, 20, 20 + self._many(300))),
        ]

    def _check_messages(self) -> None:
        """Leaves the program, unless everyone's message to the first recipient says the same."""
        sink = Sink("127.0.0.1", free_port())
        wanted = parts_of((self.folder / "letter.eml").read_bytes())
        for sender in self._everybody(sink, 1):
            _, message = first_message(sender.command(1), sink.port)
            if parts_of(message) != wanted:
                sys.exit(f"{sender.name} sends something else")

    def _source(self, postfix: Postfix, sink: Sink, count: int) -> Sender:
        return self.entrants.smtp_source(postfix, sink, 1000, 1000 + self._many(count), 16)

    def _ours(
        self,
        sink: Sink,
        few: int,
        more: int,
        name: str,
        *,
        connections: int = 16,
        window: int = 0,
        in_doubt: int = 0,
    ) -> Sender:
        added = settings(connections, window, in_doubt)
        return self.entrants.ours(sink, few, few + self._many(more), name=f"ours, {name}", settings=added)

    def _many(self, count: int) -> int:
        return count // self.shrink

    def _postfix(self) -> Postfix | None:
        try:
            return find_postfix(self.folder)
        except Missing as error:
            self._leave_out("Postfix's smtp-sink and smtp-source", error)
            return None

    def _if_there(self, name: str, make: Callable[[], Sender]) -> list[Sender]:
        try:
            return [make()]
        except Missing as error:
            self._leave_out(name, error)
            return []

    def _leave_out(self, name: str, error: Missing) -> None:
        self.reasons[name] = str(error)
        print(f"  {name} is left out: {error}", file=sys.stderr)


def _plain(paces: dict[str, dict[str, list[Pace]]]) -> dict[str, dict[str, list[dict[str, float]]]]:
    """As it stands in JSON."""
    return {
        place: {name: [asdict(pace) for pace in found] for name, found in senders.items()}
        for place, senders in paces.items()
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this one; repeatable")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server stays behind
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory(prefix="newsletter-send-", dir=chosen.folder) as name:
        benchmark = Benchmark(Path(name), quick=chosen.quick)
        for part in chosen.part or PARTS:
            results["parts"][part] = {"quick": chosen.quick, **benchmark.measure(part)}
        results["machine"] = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "message_bytes": benchmark.message_bytes,
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    found = tables(results)
    print(found)
    if chosen.readme:
        put_into_readme("send", found)


if __name__ == "__main__":
    main()
