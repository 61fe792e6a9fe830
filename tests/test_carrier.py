"""sending.carrier against servers that do one thing wrong: 22 faults at 8 stages, in each of the three ways of sending."""

from __future__ import annotations

import socket
import time

import postfix
import pytest
from certificates import Authority, make_authority
from scripted_server import FAULTS, FEATURES, STAGES, ScriptedServer, running
from test_smtp import CANARY_ENCODED, Inbox
from test_smtp import running as aiosmtpd_running

from newsletter.sending.carrier import Carrier
from newsletter.sending.delivery import Outcome, Parcel, Stage, State
from newsletter.sending.relays import Event, Relay
from newsletter.sending.smtp import parse_server
from newsletter.sending.verdict import Move

CONTENT = (b"Subject: Spring\r\n", b"\r\n", b"Hello\r\n" * 3)
ACCEPTED, REFUSED, PLANNED, IN_DOUBT = State.ACCEPTED, State.REFUSED, State.PLANNED, State.IN_DOUBT


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def parcel(number: int, recipient: bytes = b"") -> Parcel:
    recipient = recipient or b"reader%d@example.com" % number
    return Parcel(number, b"news@example.org", recipient, CONTENT)


def relay(server: ScriptedServer, name: str = "main", **options: int) -> Relay:
    return Relay(name, parse_server(f"smtp://127.0.0.1:{server.port}"), **options)


def outcomes_of(carrier: Carrier, polls: int = 400) -> dict[int, Outcome]:
    """What becomes of everything given, by subscriber: exactly one outcome for each."""
    found: dict[int, Outcome] = {}
    for _ in range(polls):
        for outcome in carrier.poll(0.05):
            assert outcome.subscriber_id not in found
            found[outcome.subscriber_id] = outcome
        if carrier.is_empty:
            return found
    raise AssertionError("the carrier keeps something")


#: What a fault does to the message that meets it, before its content is sent.  All that is not here: disorder, or no reply.
REFUSALS = {
    "mail": dict.fromkeys(
        ("421", "450", "451", "452", "454", "500", "535", "550", "552", "553", "554"), PLANNED
    ),
    "rcpt": {
        **dict.fromkeys(("421", "450", "451", "454"), PLANNED),
        "452": ACCEPTED,  # too many recipients: in a new transaction, at once
        **dict.fromkeys(("500", "535", "550", "552", "553", "554"), REFUSED),
    },
    "data": {
        **dict.fromkeys(("421", "450", "451", "452", "454"), PLANNED),
        **dict.fromkeys(("500", "535", "550", "552", "553", "554"), REFUSED),
    },
    "dot": {
        **dict.fromkeys(("421", "450", "451", "452", "454"), PLANNED),
        **dict.fromkeys(("500", "535", "550", "552", "553", "554"), REFUSED),
    },
}
HARMLESS = {
    "connect": ("multi", "251"),
    "ehlo": ("multi", "251"),
    "mail": ("multi", "251"),
    "rcpt": ("multi", "251"),
    "data": ("354",),
    "dot": ("multi", "251"),
    "rset": ("multi", "251"),
    "quit": FAULTS,
}


def expected(mode: str, stage: str, fault: str) -> set[State]:
    """What may become of the first message."""
    if fault in HARMLESS[stage]:
        return {ACCEPTED}
    if fault in REFUSALS.get(stage, {}):
        return {REFUSALS[stage][fault]}
    if stage in ("connect", "ehlo"):
        # A reply too many after the greeting or EHLO is seen before anything is sent.
        return {PLANNED}
    if stage == "dot":
        # A reply too many comes when the message is decided: it is not taken for the next one's.
        return {ACCEPTED, IN_DOUBT} if fault == "double" else {IN_DOUBT}
    if mode == "window":
        return {ACCEPTED, IN_DOUBT} if fault == "double" else {IN_DOUBT}
    return {PLANNED}


CELLS = [
    (mode, stage, fault)
    for mode in FEATURES
    for stage in STAGES
    for fault in FAULTS
    if not (mode == "window" and stage == "data")
]


@pytest.mark.parametrize(("mode", "stage", "fault"), CELLS)
def test_a_fault_ends_as_the_matrix_says_and_touches_no_other_reader(
    mode: str, stage: str, fault: str
) -> None:
    refused = (b"nobody@example.com",)
    with running(ScriptedServer(FEATURES[mode], {stage: fault}, refused)) as server:
        carrier = Carrier([relay(server, connections=1, window=4)], timeout_seconds=0.3)
        # RSET follows a refusal.
        parcels = [parcel(1, b"nobody@example.com" if stage == "rset" else b""), parcel(2), parcel(3)]
        carrier.give(parcels)
        found = outcomes_of(carrier)
        assert not carrier.close()
    assert found.keys() == {1, 2, 3}
    for one in parcels:
        outcome = found[one.subscriber_id]
        copies = server.accepted.count(one.recipient)
        assert copies < 2
        if copies:
            assert outcome.state in (ACCEPTED, IN_DOUBT)
        elif outcome.state is ACCEPTED:
            raise AssertionError(f"credited with what the server never took: {outcome}")
        if one.subscriber_id > 1:
            assert outcome.state is not REFUSED
    if stage == "rset":
        # In a window RSET stands before the first message; else it comes after one that was refused.
        is_first = mode == "window" and fault not in HARMLESS[stage]
        assert found[1].state in ({PLANNED, IN_DOUBT, REFUSED} if is_first else {REFUSED})
    else:
        assert found[1].state in expected(mode, stage, fault), found[1]
    if fault in HARMLESS[stage]:
        assert [found[number].state for number in (2, 3)] == [ACCEPTED, ACCEPTED]


# --- relays -------------------------------------------------------------------------------------------------


class Clock:
    """Seconds that grow when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_relays_share_by_weight() -> None:
    with (
        running(ScriptedServer(FEATURES["window"])) as one,
        running(ScriptedServer(FEATURES["window"])) as two,
    ):
        relays = [
            relay(one, "one", connections=1, window=4, weight=3),
            relay(two, "two", connections=1, window=4),
        ]
        carrier = Carrier(relays)
        # Both are open before the shares are counted; a relay that has no room leaves its turn to the other.
        for number in range(1, 90):
            carrier.give([parcel(number)])
            outcomes_of(carrier)
            if one.accepted and two.accepted:
                break
        before = len(one.accepted), len(two.accepted)
        for number in range(100, 160, 4):
            carrier.give([parcel(number + more) for more in range(4)])
            outcomes_of(carrier)
        carrier.close()
    assert len(two.accepted) > before[1]
    assert 36 <= len(one.accepted) - before[0] <= 54  # three in four, but for turns that a full relay left


def test_a_relay_that_hangs_stalls_nobody_and_another_that_fails_is_relieved() -> None:
    slow = ScriptedServer(faults={"connect": "stall"})
    with running(slow), running(ScriptedServer(FEATURES["window"])) as good:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        dead = Relay("dead", parse_server(f"smtp://127.0.0.1:{port}"))
        carrier = Carrier([relay(slow, "slow"), dead, relay(good, "good")], timeout_seconds=3)
        began = time.monotonic()
        carrier.give([parcel(number) for number in range(1, 51)])
        found = outcomes_of(carrier)
        assert time.monotonic() - began < 2
        assert {one.state for one in found.values()} == {ACCEPTED}
        assert {one.relay for one in found.values()} == {"good"}
        events = carrier.events()
        carrier.close()
    assert [(one.relay, one.move, one.stage) for one in events] == [("dead", Move.PAUSE, Stage.CONNECT)]


def test_a_wrong_password_stops_the_relay_after_one_try() -> None:
    inbox = Inbox()
    options = {"authenticator": inbox.authenticate, "auth_require_tls": False}
    with aiosmtpd_running(inbox, **options) as port:
        carrier = Carrier([Relay("main", parse_server(f"smtp://user:wrong@127.0.0.1:{port}"))])
        carrier.give([parcel(1), parcel(2)])
        found = outcomes_of(carrier)
        (event,) = carrier.events()
        assert carrier.paused_until() == float("inf")
        assert carrier.room() == 0
        carrier.give([parcel(3)])
        found |= outcomes_of(carrier)
        carrier.close()
    assert len(inbox.logins) == 1
    assert (event.move, event.stage, event.reply[:3]) == (Move.STOP, Stage.AUTH, "535")
    assert {(one.state, one.untouched) for one in found.values()} == {(PLANNED, True)}
    assert found.keys() == {1, 2, 3}


def test_a_relay_that_fails_is_left_alone_for_longer_each_time_and_is_forgiven() -> None:
    clock = Clock()
    pauses = []
    with running(ScriptedServer(FEATURES["window"])) as server:
        carrier = Carrier([relay(server)], clock=clock)
        for _ in range(5):
            server.faults, server._used = {"connect": "421"}, set()
            carrier.give([parcel(1)])
            (outcome,) = outcomes_of(carrier).values()
            assert (outcome.state, outcome.untouched) == (PLANNED, True)
            (event,) = carrier.events()
            assert carrier.paused_until() == event.until
            pauses.append(event.until - clock.now)
            clock.now = event.until
            assert carrier.paused_until() is None
        carrier.give([parcel(1)])
        assert outcomes_of(carrier)[1].state is ACCEPTED
        carrier.close()
    assert pauses == [60, 300, 900, 1800, 1800]


def test_a_greeting_that_refuses_us_stops_the_relay_the_third_time() -> None:
    clock = Clock()
    with running(ScriptedServer()) as server:
        carrier = Carrier([relay(server)], clock=clock)
        moves = []
        for _ in range(3):
            server.faults, server._used = {"connect": "554"}, set()
            carrier.give([parcel(1)])
            outcomes_of(carrier)
            moves += [event.move for event in carrier.events()]
            clock.now += 3600
        carrier.close()
    assert moves == [Move.PAUSE, Move.PAUSE, Move.STOP]


def test_a_rate_limit_is_told() -> None:
    with running(ScriptedServer(FEATURES["pipelined"], {"rcpt": "451"})) as server:
        carrier = Carrier([relay(server, connections=1)])
        carrier.give([parcel(1), parcel(2)])
        found = outcomes_of(carrier)
        assert carrier.events() == [Event("main", Move.SLOW, Stage.RCPT, "451 4.7.1 greylisted")]
        carrier.close()
    assert [found[number].state for number in (1, 2)] == [PLANNED, ACCEPTED]


def test_too_many_recipients_twice_are_left_for_later() -> None:
    with running(ScriptedServer(FEATURES["stepwise"])) as server:
        server.refused_always = {b"reader1@example.com": b"452 4.5.3 too many\r\n"}
        carrier = Carrier([relay(server, connections=1)])
        carrier.give([parcel(1), parcel(2)])
        found = outcomes_of(carrier)
        carrier.close()
    assert (found[1].state, found[1].reply) == (PLANNED, "452 4.5.3 too many")
    assert found[2].state is ACCEPTED
    assert sum(line.startswith(b"RCPT TO:<reader1") for line in server.heard) == 2


# --- connections --------------------------------------------------------------------------------------------


def test_connections_are_opened_as_they_are_needed_and_no_more_than_allowed() -> None:
    with running(ScriptedServer(FEATURES["window"])) as server:
        carrier = Carrier([relay(server, connections=3, window=2)])
        carrier.give([parcel(1)])
        outcomes_of(carrier)
        assert server.connections == 1
        carrier.give([parcel(number) for number in range(2, 202)])
        found = outcomes_of(carrier)
        assert 1 < server.connections <= 3
        carrier.close()
    assert {one.state for one in found.values()} == {ACCEPTED}
    assert sorted(server.accepted) == sorted(parcel(number).recipient for number in range(1, 202))


def test_a_connection_that_the_server_ended_is_opened_again() -> None:
    with running(ScriptedServer(FEATURES["pipelined"], hang_up_after=2)) as server:
        carrier = Carrier([relay(server, connections=1)])
        found: dict[int, Outcome] = {}
        for number in range(1, 8):
            carrier.give([parcel(number)])
            found |= outcomes_of(carrier)
            time.sleep(0.01)
        carrier.close()
    assert {one.state for one in found.values()} <= {ACCEPTED, PLANNED}
    assert sorted(server.accepted) == sorted(
        parcel(number).recipient for number, one in found.items() if one.state is ACCEPTED
    )
    assert len(server.accepted) >= 5
    assert server.connections > 2


@pytest.mark.parametrize("mode", FEATURES)
def test_large_messages_arrive_as_they_are_through_tls_and_without(mode: str, authority: Authority) -> None:
    lines = tuple(b"%04d " % number + b"x" * 70 + b"\r\n" for number in range(6000))
    for tls in (None, authority.context):
        with running(ScriptedServer(FEATURES[mode], tls=tls)) as server:
            scheme = "smtp+starttls" if tls else "smtp"
            url = f"{scheme}://localhost:{server.port}?ca_file={authority.file}"
            carrier = Carrier([Relay("main", parse_server(url), connections=2)])
            carrier.give(
                [Parcel(number, b"n@example.org", b"r%d@example.com" % number, lines) for number in range(12)]
            )
            found = outcomes_of(carrier)
            carrier.close()
        assert [one.state for one in found.values()] == [ACCEPTED] * 12
        assert server.contents == [b"".join(lines)] * 12
        assert (b"STARTTLS\r\n" in server.heard) is bool(tls)


def test_a_foreign_server_with_tls_and_a_password_takes_all(authority: Authority) -> None:
    inbox = Inbox()
    options = {
        "tls_context": authority.context,
        "require_starttls": True,
        "authenticator": inbox.authenticate,
        "auth_required": True,
    }
    with aiosmtpd_running(inbox, **options) as port:
        url = f"smtp+starttls://user:{CANARY_ENCODED}@localhost:{port}?ca_file={authority.file}"
        carrier = Carrier([Relay("main", parse_server(url), connections=2)])
        carrier.give([*(parcel(number) for number in range(20)), parcel(20, b"nobody@example.com")])
        found = outcomes_of(carrier)
        carrier.close()
    assert [found[number].state for number in range(20)] == [ACCEPTED] * 20
    assert (found[20].state, found[20].reply) == (REFUSED, "550 5.1.1 no such user here")
    assert len(inbox.envelopes) == 20
    assert {envelope.original_content for envelope in inbox.envelopes} == {b"".join(CONTENT)}


@pytest.mark.parametrize(("stage", "seconds", "state"), [("dot", 600, IN_DOUBT), ("rcpt", 300, PLANNED)])
def test_a_silent_server_is_waited_for_as_long_as_the_standard_says(
    stage: str, seconds: float, state: State
) -> None:
    clock = Clock()
    with running(ScriptedServer(FEATURES["stepwise"], {stage: "stall"})) as server:
        carrier = Carrier([relay(server, connections=1)], clock=clock)
        carrier.give([parcel(1)])
        for _ in range(20):
            assert carrier.poll(0.02) == []
        clock.now += seconds - 1
        assert carrier.poll(0) == []
        clock.now += 2
        (outcome,) = carrier.poll(0)
        carrier.close()
    assert (outcome.state, outcome.reply) == (state, "no answer in time")


# --- the end ------------------------------------------------------------------------------------------------


def test_an_interruption_finishes_what_is_on_its_way_and_hands_back_the_rest() -> None:
    with running(ScriptedServer(FEATURES["window"])) as server:
        carrier = Carrier([relay(server, connections=1, window=4)])
        carrier.give([parcel(number) for number in range(1, 101)])
        found: dict[int, Outcome] = {}
        while len(found) < 10:
            found |= {one.subscriber_id: one for one in carrier.poll(0.05)}
        carrier.drain()
        found |= outcomes_of(carrier)
        assert carrier.room() == 0
        assert carrier.close() == []
        quits = server.heard.count(b"QUIT\r\n")
    assert len(found) == 100
    accepted = {number for number, one in found.items() if one.state is ACCEPTED}
    assert {parcel(number).recipient for number in accepted} == set(server.accepted)
    assert {(one.state, one.untouched) for number, one in found.items() if number not in accepted} == {
        (PLANNED, True)
    }
    assert quits == 1


def test_closing_at_once_leaves_what_is_fully_written_in_doubt() -> None:
    with running(ScriptedServer(FEATURES["window"], {"dot": "stall"})) as server:
        carrier = Carrier([relay(server, connections=1, window=2)])
        carrier.give([parcel(1), parcel(2), parcel(3)])
        for _ in range(5):
            assert carrier.poll(0.02) == []
        found = {one.subscriber_id: one for one in carrier.close()}
    assert [found[number].state for number in (1, 2, 3)] == [IN_DOUBT, IN_DOUBT, PLANNED]
    assert found[3].untouched


def test_a_connection_that_opens_after_the_end_is_closed() -> None:
    with running(ScriptedServer(FEATURES["window"])) as server:
        carrier = Carrier([relay(server)])
        carrier.give([parcel(1)])
        (outcome,) = carrier.close()
        for _ in range(100):
            if b"QUIT\r\n" in server.heard:
                break
            time.sleep(0.02)
        assert server.heard[-1] == b"QUIT\r\n"
    assert outcome.untouched


# --- Postfix ------------------------------------------------------------------------------------------------

postfix_sink = pytest.mark.skipif(postfix.tool("smtp-sink") is None, reason=postfix.reason)


@postfix_sink
@pytest.mark.parametrize("pipelining", [True, False])
def test_postfix_takes_all(pipelining: bool) -> None:
    with postfix.sink(*([] if pipelining else ["-p"])) as (port, _):
        carrier = Carrier([Relay("sink", parse_server(f"smtp://127.0.0.1:{port}"))])
        carrier.give([parcel(number) for number in range(200)])
        found = outcomes_of(carrier)
        carrier.close()
    assert {one.state for one in found.values()} == {ACCEPTED}
    assert len(found) == 200


POSTFIX_FAULTS = {
    "-f": {"mail": PLANNED, "rcpt": REFUSED, "data": REFUSED, ".": REFUSED},  # 500
    "-r": {"mail": PLANNED, "rcpt": PLANNED, "data": PLANNED, ".": PLANNED},  # 450
    "-Q": {"mail": PLANNED, "rcpt": PLANNED, "data": PLANNED, ".": PLANNED},  # 421 and the end
    "-q": {"mail": PLANNED, "rcpt": PLANNED, "data": PLANNED, ".": IN_DOUBT},  # the end
}


@postfix_sink
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("option", "command", "state"),
    [
        (option, command, state)
        for option, cells in POSTFIX_FAULTS.items()
        for command, state in cells.items()
    ],
)
def test_what_postfix_does_wrong_ends_as_the_matrix_says(
    option: str, command: str, state: State, pipelining: bool
) -> None:
    with postfix.sink(option, command, *([] if pipelining else ["-p"])) as (port, _):
        carrier = Carrier([Relay("sink", parse_server(f"smtp://127.0.0.1:{port}"), connections=1)])
        carrier.give([parcel(1)])
        (outcome,) = outcomes_of(carrier).values()
        carrier.close()
    assert outcome.state is state
