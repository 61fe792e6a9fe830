"""When a campaign is not to go on: each rule stops at its constant, and not one reply sooner."""

from __future__ import annotations

import pytest

from newsletter.sending.delivery import Outcome, Stage, State
from newsletter.sending.stop_rules import HOLD_SECONDS, StopRules


def outcome(reply: str, stage: Stage = Stage.RCPT, state: State = State.REFUSED) -> Outcome:
    return Outcome(1, state, stage, reply, "main")


HARD = outcome("550 5.1.1 no such user")
POLICY = outcome("550 5.7.1 blocked")
CONTENT = outcome("554 5.6.0 we do not like this message", Stage.DOT)
IDENTITY = outcome("550 5.7.26 unauthenticated", Stage.DOT)
DOUBT = outcome("", Stage.DOT, State.IN_DOUBT)


def stopped_after(rules: StopRules, one: Outcome, most: int = 1000) -> int:
    """How many of `one` it takes."""
    for number in range(1, most + 1):
        if rules.saw(one, f"d{number}.example").stop:
            return number
    return 0


@pytest.mark.parametrize(
    ("reply", "stage"),
    [
        ("535 5.7.8 wrong password", Stage.AUTH),
        ("550 5.7.1 you may not send as this", Stage.MAIL),
        ("552 5.3.4 too big", Stage.MAIL),
    ],
)
def test_what_is_about_us_stops_at_once(reply: str, stage: Stage) -> None:
    ruling = StopRules(1).saw(outcome(reply, stage, State.PLANNED), "a.example")
    assert reply in ruling.stop


@pytest.mark.parametrize(
    "harmless",
    [
        outcome("450 4.2.0 greylisted", Stage.RCPT, State.PLANNED),
        outcome("552 5.2.2 mailbox full"),
        outcome("250 ok", Stage.DOT, State.ACCEPTED),
        Outcome(1, State.PLANNED, Stage.CONNECT, "no relay", "", untouched=True),
    ],
)
def test_what_is_usual_never_stops(harmless: Outcome) -> None:
    assert stopped_after(StopRules(1), harmless, 3000) == 0


def test_three_refusals_of_the_message_itself_in_a_row_stop() -> None:
    assert stopped_after(StopRules(1), CONTENT) == 3
    rules = StopRules(1)
    for _ in range(60):
        assert not rules.saw(CONTENT, "a").stop or rules._tried > 200
        rules.accepted(1)
        if rules._tried >= 190:
            break


def test_more_than_one_in_a_hundred_refusals_of_the_message_stop_after_two_hundred() -> None:
    rules = StopRules(1)
    rules.accepted(196)
    for _ in range(2):
        assert not rules.saw(CONTENT, "a").stop
        rules.accepted(1)
    assert "itself" in rules.saw(CONTENT, "a").stop


def test_refusals_for_what_we_are_stop_at_one_in_a_hundred_and_five_at_least() -> None:
    assert stopped_after(StopRules(1), POLICY) == 5
    rules = StopRules(1)
    rules.accepted(1000)
    assert stopped_after(rules, POLICY) == 11


def test_an_objection_to_our_identity_holds_the_domain_and_three_domains_stop() -> None:
    rules = StopRules(1)
    assert rules.saw(IDENTITY, "a").hold_seconds == HOLD_SECONDS
    assert rules.saw(IDENTITY, "a").hold_seconds == HOLD_SECONDS
    assert not rules.saw(IDENTITY, "b").stop
    assert "SPF" in rules.saw(IDENTITY, "c").stop


def test_a_provider_that_names_a_wait_is_left_alone_for_it() -> None:
    ruling = StopRules(1).saw(
        outcome("421 4.7.0 [TSS04] messages deferred", Stage.MAIL, State.PLANNED), "yahoo.com"
    )
    assert ruling.hold_seconds == 4 * 3600
    assert not ruling.stop


def test_dead_mailboxes_stop_at_five_in_a_hundred_of_the_last_five_hundred() -> None:
    rules = StopRules(1)
    rules.accepted(474)
    assert stopped_after(rules, HARD) == 26
    fresh = StopRules(1)
    assert stopped_after(fresh, HARD, 499) == 0, "not before there are five hundred"


def test_dead_mailboxes_stop_at_two_in_a_hundred_after_five_thousand() -> None:
    rules = StopRules(1)
    for _ in range(100):
        assert not rules.saw(HARD, "a").stop
        rules.accepted(48)
    assert not rules.saw(HARD, "a").stop
    rules.accepted(100)
    assert "old one" in rules.saw(HARD, "a").stop


@pytest.mark.parametrize(("window", "stops_at"), [(1, 21), (10, 21), (30, 61)])
def test_too_many_in_doubt_stop(window: int, stops_at: int) -> None:
    assert stopped_after(StopRules(window), DOUBT) == stops_at
