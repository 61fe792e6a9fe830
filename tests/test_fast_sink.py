"""The servers that the benchmarks measure against take what they are given, once, in either language."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from newsletter.sending.carrier import Carrier
from newsletter.sending.delivery import Parcel, State
from newsletter.sending.relays import Relay
from newsletter.sending.smtp import parse_server

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import sinks

CONTENT = (b"Subject: x\r\n\r\n", b"x" * 74 + b"\r\n", b"y" * 70_000 + b"\r\n")


@pytest.mark.parametrize("options", [(), ("-b",), ("-b", "-n")], ids=["window", "pipelined", "stepwise"])
@pytest.mark.parametrize("in_c", [True, False], ids=["c", "python"])
def test_a_sink_takes_every_message_once(in_c: bool, options: tuple[str, ...], tmp_path: Path) -> None:
    if in_c and not sinks.has_compiler:
        pytest.skip("needs a C compiler on Linux")
    record = tmp_path / "taken"
    with sinks.fast_sink(*options, "-r", str(record), in_c=in_c) as sink:
        server = parse_server(f"smtp://127.0.0.1:{sink.port}")
        carrier = Carrier([Relay("sink", server, connections=3)])
        parcels = [Parcel(n, b"n@example.org", b"r%d@example.com" % n, CONTENT) for n in range(200)]
        carrier.give(parcels)
        taken = 0
        for _ in range(1000):
            outcomes = carrier.poll(0.1)
            assert {one.state for one in outcomes} <= {State.ACCEPTED}
            taken += len(outcomes)
            if carrier.is_empty:
                break
        carrier.close()
    assert taken == sink.messages == 200
    assert Counter(record.read_bytes().split()) == dict.fromkeys((one.recipient for one in parcels), 1)
