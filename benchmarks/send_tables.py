"""The tables of `send.py`, from its JSON: who sent how fast, and what ours is to the others, with what was wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Paces = Mapping[str, Sequence[Mapping[str, float]]]  # by sender, round after round

SOURCE = "Postfix's smtp-source, 16 connections"
GO = "Go, listmonk's smtppool, 10 connections"
THREADS = ("smtplib, 4 threads", "smtplib, 16 threads")
OURS_16, OURS_10 = "ours, 16 connections", "ours, 10 connections"
OURS_256 = "ours, 16 connections, 256 in doubt"
PIPELINING, CHUNKING = "ours, PIPELINING", "ours, CHUNKING"
POOL = "smtplib, 10 threads"
BOUND, NO_BOUND = "ours, in doubt at most: 64", "ours, in doubt at most: any"


@dataclass(frozen=True, slots=True)
class Aim:
    """What ours is to be, as a multiple of the best of the peers; of processor time: theirs, of ours."""

    part: str
    place: str
    ours: str
    peers: tuple[str, ...]
    wanted: float
    what: str = "per_second"


AIMS = (
    Aim("wire", "smtp-sink", OURS_16, (SOURCE,), 1.0),
    Aim("wire", "fast sink", OURS_16, (SOURCE,), 1.1),
    Aim("wire", "fast sink", OURS_256, (SOURCE,), 1.1),
    Aim("wire", "smtp-sink", OURS_16, ("Django, batches of 100",), 12),
    Aim("wire", "smtp-sink", OURS_16, ("mailmerge",), 60),
    Aim("wire", "smtp-sink", OURS_16, THREADS, 2.5),
    Aim("wire", "fast sink", OURS_16, THREADS, 8),
    Aim("wire", "smtp-sink", OURS_10, (GO,), 2.5),
    Aim("wire", "fast sink", OURS_10, (GO,), 6),
    Aim("wire", "smtp-sink", OURS_10, (GO,), 8, "processor_us"),
    Aim("wire", "fast sink", OURS_10, (GO,), 8, "processor_us"),
    Aim("latency", "40 ms", PIPELINING, (POOL,), 3),
    Aim("latency", "40 ms", CHUNKING, (POOL,), 50),
    Aim("latency", "40 ms", PIPELINING, (GO,), 3.3),
    Aim("latency", "40 ms", CHUNKING, (GO,), 50),
    Aim("doubt", "fast sink", BOUND, (NO_BOUND,), 0.6),
)


def tables(results: Mapping[str, Any]) -> str:
    """All that was measured, in Markdown."""
    parts = results["parts"]
    size = results["machine"]["message_bytes"]
    blocks = [f"Personalised messages of {size / 1000:.0f} kB, each to one recipient; medians of rounds."]
    for part in ("wire", "latency", "doubt"):
        blocks += [
            _pace_table(place, senders) for place, senders in parts.get(part, {}).get("paces", {}).items()
        ]
    if rows := [row for aim in AIMS if (row := _ratio_row(parts, aim))]:
        blocks.append("\n".join(["| ours to | where | ratio | wanted |", "|---|---|---:|---:|", *rows]))
    if memory := parts.get("memory", {}).get("campaigns"):
        blocks.append(_memory(memory, parts["memory"]))
    for part in parts.values():
        blocks += [f"Left out: {name}: {reason}." for name, reason in part["left_out"].items()]
    if any(part["quick"] for part in parts.values()):
        blocks.append("Measured with `--quick`: this says that it works, not how fast.")
    return "\n\n".join(blocks)


def _pace_table(place: str, senders: Paces) -> str:
    rows = [
        f"| {name} | {_median(found, 'per_second'):,.0f} "
        f"| {min(pace['per_second'] for pace in found):,.0f} - {max(pace['per_second'] for pace in found):,.0f} "
        f"| {_median(found, 'processor_us'):,.0f} µs |"
        for name, found in senders.items()
    ]
    where = f"a round trip of {place}" if place.endswith("ms") else place
    head = [f"| {where} | messages/s | range | processor time per message |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *rows])


def ratio(parts: Mapping[str, Any], aim: Aim) -> float | None:
    """What ours is to the best of the peers; None, if one of the two was not measured."""
    senders: Paces = parts.get(aim.part, {}).get("paces", {}).get(aim.place, {})
    theirs = [_median(senders[peer], aim.what) for peer in aim.peers if peer in senders]
    if aim.ours not in senders or not theirs:
        return None
    ours = _median(senders[aim.ours], aim.what)
    return min(theirs) / ours if aim.what == "processor_us" else ours / max(theirs)


def _ratio_row(parts: Mapping[str, Any], aim: Aim) -> str:
    found = ratio(parts, aim)
    if found is None:
        return ""
    peers = " or ".join(aim.peers)
    what = f"processor time of {peers}, theirs to ours" if aim.what == "processor_us" else peers
    how = f", {aim.ours.removeprefix('ours, ')}" if aim.part == "latency" or aim.ours == OURS_256 else ""
    met = "" if found >= aim.wanted else " **(missed)**"
    return f"| {what} | {aim.place}{how} | {found:,.{1 if found >= 10 else 2}f}{met} | {aim.wanted:g} |"


def _memory(campaigns: Mapping[str, Mapping[str, float]], memory: Mapping[str, float]) -> str:
    rows = [
        f"| {int(count):,} | {campaign['peak_bytes'] / 1e6:.0f} MB | {campaign['per_second']:,.0f} |"
        for count, campaign in campaigns.items()
    ]
    largest = max(map(int, campaigns))
    return "\n".join(
        [
            "| recipients | memory at most | messages/s, start and plan included |",
            "|---:|---:|---:|",
            *rows,
            "",
            f"To {largest:,} the first message is out after {memory['first_message_seconds']:.1f} s, and after a "
            f"`kill -9` at {memory['sent_before_resume']:,} messages the next one {memory['resume_seconds']:.1f} s after "
            "the restart (wanted: 3 s; memory at most 80 MB).",
        ]
    )


def _median(found: Sequence[Mapping[str, float]], what: str) -> float:
    return median(pace[what] for pace in found)
