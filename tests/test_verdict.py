"""sending.verdict: the matrix of replies, line by line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.delivery import Stage, State
from newsletter.sending.verdict import Fault, Move, Retry, Standing, judge

ACCEPTED, REFUSED, PLANNED, IN_DOUBT = State.ACCEPTED, State.REFUSED, State.PLANNED, State.IN_DOUBT
BEFORE = (Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH)
DURING = (Stage.MAIL, Stage.RCPT, Stage.DATA)

#: Stage, reply -> state, standing of the address, what becomes of the relay, our fault.
MATRIX: list[tuple[Stage, str, State, Standing, Move, Fault]] = [
    (Stage.MAIL, "450 4.1.8 later", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.MAIL, "451 4.3.0 later", PLANNED, Standing.UNTOUCHED, Move.SLOW, Fault.NONE),
    (Stage.MAIL, "452 4.3.1 disk", PLANNED, Standing.UNTOUCHED, Move.SLOW, Fault.NONE),
    (Stage.MAIL, "550 5.7.1 sender not allowed", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.SENDER),
    (Stage.MAIL, "553 5.7.1 not owned by user", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.SENDER),
    (Stage.MAIL, "554 go away", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.SENDER),
    (Stage.MAIL, "550 5.7.26 unauthenticated", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.IDENTITY),
    (Stage.MAIL, "552 5.3.4 too big", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.SIZE),
    (Stage.MAIL, "500 5.5.2 what", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.POLICY),
    (Stage.RCPT, "450 4.2.0 greylisted", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "451 later", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "450 4.7.28 rate", PLANNED, Standing.UNTOUCHED, Move.SLOW, Fault.NONE),
    (Stage.RCPT, "452 4.2.2 mailbox full", PLANNED, Standing.SOFT, Move.KEEP, Fault.NONE),
    *[
        (Stage.RCPT, f"550 {code} no such person", REFUSED, Standing.HARD, Move.KEEP, Fault.NONE)
        for code in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4")
    ],
    (Stage.RCPT, "552 5.2.2 over quota", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "552 over quota", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 5.2.1 disabled", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "553 5.1.8 syntax", REFUSED, Standing.HARD, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 5.7.1 blocked", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.POLICY),
    (Stage.RCPT, "554 5.7.1 listed", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.POLICY),
    *[
        (Stage.RCPT, f"550 {code} alignment", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.IDENTITY)
        for code in ("5.7.25", "5.7.26", "5.7.27", "5.7.30", "5.7.32", "5.7.515")
    ],
    # Words, where the code says nothing.
    (Stage.RCPT, "550 User unknown in virtual mailbox table", REFUSED, Standing.HARD, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 No such user here", REFUSED, Standing.HARD, Move.KEEP, Fault.NONE),
    (
        Stage.RCPT,
        "550 Recipient address rejected: user not found",
        REFUSED,
        Standing.HARD,
        Move.KEEP,
        Fault.NONE,
    ),
    (Stage.RCPT, "550 mailbox is full", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 account disabled", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 blocked using a list", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.POLICY),
    (Stage.RCPT, "554 Relay access denied", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.POLICY),
    (Stage.RCPT, "550 SPF check failed", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.IDENTITY),
    (Stage.RCPT, "550 no", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.RCPT, "550 5.3.2 user unknown, says the footer", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.DATA, "451 later", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.DATA, "554 5.5.1 no valid recipients", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.CONTENT),
    (Stage.DATA, "554 no valid recipients", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.DATA, "554 no", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.CONTENT),
    (Stage.DOT, "250 2.0.0 queued as 4XyZ", ACCEPTED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.DOT, "250", ACCEPTED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.DOT, "251 will forward", ACCEPTED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.DOT, "451 4.3.0 later", PLANNED, Standing.UNTOUCHED, Move.KEEP, Fault.NONE),
    (Stage.DOT, "451 4.7.1 rate", PLANNED, Standing.UNTOUCHED, Move.SLOW, Fault.NONE),
    (Stage.DOT, "452 4.2.2 full", PLANNED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.DOT, "550 5.1.1 nobody", REFUSED, Standing.HARD, Move.KEEP, Fault.NONE),
    (Stage.DOT, "552 5.2.2 full", REFUSED, Standing.SOFT, Move.KEEP, Fault.NONE),
    (Stage.DOT, "550 5.7.1 looks like spam", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.CONTENT),
    (Stage.DOT, "554 5.6.0 bad MIME", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.CONTENT),
    (Stage.DOT, "550 5.7.26 unauthenticated", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.IDENTITY),
    (Stage.DOT, "554 message refused", REFUSED, Standing.UNTOUCHED, Move.KEEP, Fault.CONTENT),
    (Stage.GREETING, "450 busy", PLANNED, Standing.UNTOUCHED, Move.PAUSE, Fault.NONE),
    (Stage.GREETING, "554 no", PLANNED, Standing.UNTOUCHED, Move.PAUSE, Fault.POLICY),
    (Stage.EHLO, "451 later", PLANNED, Standing.UNTOUCHED, Move.PAUSE, Fault.NONE),
    (Stage.EHLO, "550 no", PLANNED, Standing.UNTOUCHED, Move.STOP, Fault.POLICY),
    (Stage.STARTTLS, "454 not now", PLANNED, Standing.UNTOUCHED, Move.PAUSE, Fault.NONE),
    (Stage.STARTTLS, "502 no", PLANNED, Standing.UNTOUCHED, Move.STOP, Fault.TLS),
    (Stage.AUTH, "454 4.7.0 later", PLANNED, Standing.UNTOUCHED, Move.PAUSE, Fault.SIGN_IN),
    (Stage.AUTH, "535 5.7.8 no", PLANNED, Standing.UNTOUCHED, Move.STOP, Fault.SIGN_IN),
    (Stage.AUTH, "534 5.7.9 no", PLANNED, Standing.UNTOUCHED, Move.STOP, Fault.SIGN_IN),
]


@pytest.mark.parametrize(("stage", "reply", "state", "standing", "relay", "fault"), MATRIX)
def test_a_reply_means_what_the_matrix_says(
    stage: Stage, reply: str, state: State, standing: Standing, relay: Move, fault: Fault
) -> None:
    verdict = judge(stage, reply)
    assert (verdict.state, verdict.standing, verdict.relay, verdict.fault) == (state, standing, relay, fault)


@pytest.mark.parametrize("stage", [*DURING, Stage.DOT])
def test_a_421_is_not_taken_and_closes(stage: Stage) -> None:
    verdict = judge(stage, "421 4.3.2 closing")
    assert (verdict.state, verdict.retry, verdict.closes) == (PLANNED, Retry.LATER, True)
    assert judge(stage, "421 4.7.28 rate").relay is Move.SLOW


@pytest.mark.parametrize("said", ["", "25", "hello", "2500 x", "354 go on", "999 x", "199 x"])
def test_what_is_no_reply_is_in_doubt_after_the_end_and_to_be_tried_again_before(said: str) -> None:
    assert judge(Stage.DOT, said).state is IN_DOUBT
    for stage in DURING:
        assert (judge(stage, said).state, judge(stage, said).closes) == (PLANNED, True)
    for stage in BEFORE:
        assert judge(stage, said).relay is Move.PAUSE


def test_what_goes_again_at_once_is_named() -> None:
    assert judge(Stage.RCPT, "452 4.5.3 too many recipients").retry is Retry.AT_ONCE
    assert judge(Stage.MAIL, "555 unknown parameter").retry is Retry.AT_ONCE
    assert judge(Stage.RCPT, "452 4.2.2 full").retry is Retry.LATER
    assert judge(Stage.RCPT, "550 5.1.1 nobody").retry is Retry.NEVER


def test_what_would_fail_for_everybody_stops_the_campaign_at_once() -> None:
    stopping = {(stage, reply) for stage, reply, *_ in MATRIX if judge(stage, reply).stops}
    assert {stage for stage, _ in stopping} == {Stage.MAIL, Stage.EHLO, Stage.STARTTLS, Stage.AUTH}
    assert not judge(Stage.RCPT, "550 5.7.1 blocked").stops


def test_a_provider_that_names_its_wait_is_believed() -> None:
    assert judge(Stage.MAIL, "421 4.7.0 [TSS04] Messages temporarily deferred").pause == timedelta(hours=4)


def test_a_block_at_the_greeting_and_a_failing_sign_in_are_tried_a_few_times() -> None:
    assert judge(Stage.GREETING, "554 no").tries == 3
    assert judge(Stage.AUTH, "454 4.7.0 x").tries == 5
    assert judge(Stage.GREETING, "421 busy").tries == 0


@given(
    stage=st.sampled_from(Stage),
    reply=st.one_of(st.text(), st.from_regex(r"[0-9]{3}[ -]([245]\.\d\.\d )?.*")),
)
def test_nothing_but_a_2yz_to_the_end_is_accepted_and_only_a_5yz_is_refused(stage: Stage, reply: str) -> None:
    state = judge(stage, reply).state
    if state is ACCEPTED:
        assert stage is Stage.DOT
        assert reply.startswith("2")
    if state is REFUSED:
        assert reply.startswith("5")
    if state is IN_DOUBT:
        assert stage is Stage.DOT
