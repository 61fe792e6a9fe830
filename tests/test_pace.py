"""How fast: limits per second, minute, hour and day, those of domains, warm-up, and what "too fast" makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.pace import SPANS, UNLIMITED, WARM_UP, Limit, Pace, Throttle, parse_limit

NOW = 1_795_000_000.0


def run(throttle: Throttle, seconds: float, *, step: float = 0.01, start: float = NOW) -> list[float]:
    """When messages went, by a loop that looks every `step` seconds and sends what it may."""
    sent: list[float] = []
    for tick in range(round(seconds / step)):
        now = start + tick * step
        room = throttle.room(now)
        if 0 < room < UNLIMITED:
            throttle.take(now, room)
            sent += [now] * room
    return sent


@pytest.mark.parametrize("rate", [1, 5, 50, 500])
def test_per_second_is_even_and_exact(rate: int) -> None:
    sent = run(Throttle("r", [Limit(rate, "second")]), 20, step=0.001)
    assert abs(len(sent) / 20 - rate) <= max(1, rate * 0.01)
    most_in_a_tenth = max(sum(1 for at in sent if begin <= at < begin + 0.1) for begin in sent[:200])
    assert most_in_a_tenth <= rate * 0.15 + 2


def test_a_loop_that_was_late_catches_up_a_twentieth_of_a_second_and_no_more() -> None:
    throttle = Throttle("r", [Limit(100, "second")])
    throttle.take(NOW)
    assert throttle.room(NOW + 60) == 6


@given(
    st.sampled_from(["minute", "hour", "day"]),
    st.integers(1, 500),
    st.lists(st.floats(0, 200_000), min_size=1, max_size=60),
)
def test_no_span_ever_sees_more_than_its_limit(span: str, count: int, looks: list[float]) -> None:
    throttle = Throttle("r", [Limit(count, span)])
    sent: list[tuple[float, int]] = []
    for look in sorted(looks):
        if room := throttle.room(NOW + look):
            throttle.take(NOW + look, room)
            sent.append((look, room))
    for begin, _ in sent:
        assert sum(number for at, number in sent if begin <= at < begin + SPANS[span]) <= count


@pytest.mark.parametrize("span", ["minute", "hour", "day"])
def test_after_the_wait_that_is_named_a_message_may_go(span: str) -> None:
    throttle = Throttle("r", [Limit(10, span)])
    throttle.take(NOW, 10)
    assert throttle.room(NOW) == 0
    wait = throttle.wait(NOW)
    assert SPANS[span] <= wait <= SPANS[span] * 62 / 60
    assert throttle.room(NOW + wait - 1) == 0
    assert throttle.room(NOW + wait) > 0


def test_counts_survive_a_restart() -> None:
    first = Throttle("main", [Limit(100, "hour"), Limit(150, "day")])
    first.take(NOW, 100)
    rows = list(first.rows())
    assert list(first.rows()) == []
    second = Throttle("main", [Limit(100, "hour"), Limit(150, "day")])
    second.restore([*rows, ("other#1", 3600, int(NOW), 99)], NOW + 10)
    assert second.room(NOW + 10) == 0
    assert second.room(NOW + 3700) == 50


def test_counts_of_a_time_to_come_are_passed_over() -> None:
    throttle = Throttle("main", [Limit(1, "hour")])
    throttle.restore([("main#3", 3600, int(NOW) + 86400, 1)], NOW)
    assert throttle.room(NOW) == 1


def test_too_fast_halves_once_in_ten_seconds_and_comes_back_slowly() -> None:
    throttle = Throttle("r", [Limit(100, "second")])
    throttle.slow_down(NOW)
    throttle.slow_down(NOW + 1)
    assert throttle.rate == 50
    throttle.slow_down(NOW + 11)
    assert throttle.rate == 25
    assert throttle.room(NOW + 42) > 0
    assert throttle.rate == 30
    throttle.room(NOW + 11 + 30 * 15)
    assert throttle.rate == 100
    assert not throttle.is_slowed


def test_without_a_limit_half_of_what_was_measured_is_left() -> None:
    throttle = Throttle("r")
    for tenth in range(100):
        throttle.take(NOW + tenth / 10, 20)
    throttle.slow_down(NOW + 10)
    assert throttle.rate == pytest.approx(100, rel=0.15)


def test_a_hold_is_a_hold() -> None:
    throttle = Throttle("r")
    throttle.hold(NOW + 14400)
    assert throttle.room(NOW + 14399) == 0
    assert throttle.wait(NOW) == 14400
    assert throttle.room(NOW + 14400) == UNLIMITED


def test_warm_up_gives_each_day_its_own_limit() -> None:
    first = date(2026, 12, 1)
    begin = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
    for day, allowed in enumerate(WARM_UP):
        throttle = Throttle("new", warm_up=first)
        assert throttle.room(begin + day * 86400) == allowed
    assert Throttle("new", warm_up=first).room(begin + len(WARM_UP) * 86400) == UNLIMITED
    throttle = Throttle("new", warm_up=first)
    throttle.take(begin, 50)
    assert throttle.room(begin) == 0
    assert throttle.room(begin + 86400) == 100 - 50  # a day is the last 24 hours


def test_a_domains_limit_is_its_own_and_the_star_is_for_all_others() -> None:
    pace = Pace([Throttle("r")], {"slow.example": Limit(1, "second"), "*": Limit(2, "hour")})
    slow, other = pace.domain("slow.example", NOW), pace.domain("else.example", NOW)
    assert slow is not None
    assert other is not None
    slow.take(NOW)
    assert (slow.room(NOW), other.room(NOW)) == (0, 2)
    assert pace.domain("slow.example", NOW) is slow
    assert Pace([], {}).domain("x", NOW) is None


def test_the_rate_of_several_relays_is_their_sum() -> None:
    pace = Pace([Throttle("a", [Limit(10, "hour")]), Throttle("b", [Limit(5, "hour")])], {})
    assert pace.room(NOW) == 15
    pace.relays["a"].take(NOW, 10)
    assert pace.room(NOW) == 5
    assert pace.wait(NOW) == 0


@pytest.mark.parametrize(
    ("limits", "count", "label", "seconds"),
    [
        ([], 10**6, "", 0),
        ([Limit(100, "second")], 1000, "100 per second", 10),
        ([Limit(100, "second"), Limit(1000, "hour")], 900, "100 per second", 9),
        ([Limit(100, "second"), Limit(1000, "hour")], 5000, "1,000 per hour", 4 * 3600),
        ([Limit(1000, "day")], 1000, "", 0),
        ([Limit(1000, "day")], 1001, "1,000 per day", 86400),
    ],
)
def test_explain_says_which_limit_binds_and_for_how_long(
    limits: list[Limit], count: int, label: str, seconds: float
) -> None:
    bound = Pace([Throttle("main", limits)], {}).explain(NOW, count, {})
    assert bound.limit == label
    assert bound.seconds == pytest.approx(seconds, rel=0.01, abs=0.02)


def test_explain_names_the_domain_whose_limit_binds() -> None:
    pace = Pace([Throttle("main", [Limit(100, "second")])], {"slow.example": Limit(1, "second")})
    bound = pace.explain(NOW, 1000, {"fast.example": 400, "slow.example": 600})
    assert (bound.name, bound.limit) == ("@slow.example", "1 per second")
    assert bound.seconds == pytest.approx(600, rel=0.01)


def test_explain_adds_up_the_days_of_a_warm_up() -> None:
    begin = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
    bound = Pace([Throttle("new", warm_up=date(2026, 12, 1))], {}).explain(begin, 650, {})
    assert (bound.limit, round(bound.seconds / 86400)) == ("warm-up", 2)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20/second", Limit(20, "second")),
        ("1_000 / hour", Limit(1000, "hour")),
        ("5000/day", Limit(5000, "day")),
        ("0/day", None),
        ("-1/day", None),
        ("20", None),
        ("20/week", None),
        ("/day", None),
        ("\u0663/day", None),
    ],
)
def test_a_limit_is_read_from_a_text(text: str, limit: Limit | None) -> None:
    assert parse_limit(text) == limit
