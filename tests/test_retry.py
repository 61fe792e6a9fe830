"""Messages that were put off: the times at which they are tried again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.retry import DELAYS, GIVE_UP_SECONDS, retry_at

MINUTE = 60


def schedule(jitter: float, *, start: int = 1_000_000) -> list[int]:
    """The seconds after the first try at which the others are, until it is given up."""
    times, tries, now = [], 1, start
    while (after := retry_at(tries, first_at=start, now=now, jitter=jitter)) is not None:
        times.append(after - start)
        tries, now = tries + 1, after
    return times


def test_the_times_are_those_of_the_table_and_end_after_three_days() -> None:
    times = schedule(0.5)
    assert [time // MINUTE for time in times[:7]] == [5, 20, 50, 110, 230, 470, 710]
    assert times[-1] == GIVE_UP_SECONDS
    assert len(times) == 23


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (99, 240)]
)
def test_the_delay_after_so_many_tries(tries: int, minutes: int) -> None:
    assert retry_at(tries, first_at=0, now=0, jitter=0.5) == minutes * MINUTE


@given(st.floats(0, 1))
def test_every_try_is_later_than_the_one_before_and_none_after_the_last(jitter: float) -> None:
    times = schedule(jitter)
    assert all(a < b for a, b in itertools.pairwise(times))
    assert times[-1] == GIVE_UP_SECONDS


@given(st.integers(1, 30), st.floats(0, 1))
def test_jitter_moves_a_delay_by_a_tenth_at_most(tries: int, jitter: float) -> None:
    delay = DELAYS[min(tries, len(DELAYS)) - 1]
    after = retry_at(tries, first_at=0, now=0, jitter=jitter)
    assert after is not None
    assert delay * 0.9 - 1 <= after <= delay * 1.1 + 1


@given(st.integers(1, 6))
def test_no_two_delays_overlap_whatever_the_jitter(tries: int) -> None:
    longest = retry_at(tries, first_at=0, now=0, jitter=1)
    shortest = retry_at(tries + 1, first_at=0, now=0, jitter=0)
    assert longest is not None
    assert shortest is not None
    assert shortest > longest or tries == len(DELAYS)


def test_a_sender_that_rested_for_days_tries_no_more() -> None:
    assert retry_at(1, first_at=0, now=GIVE_UP_SECONDS, jitter=0.5) is None
    assert retry_at(1, first_at=0, now=GIVE_UP_SECONDS - 1, jitter=0.5) == GIVE_UP_SECONDS


@pytest.mark.parametrize(("tries", "seconds"), [(1, 5), (2, 60), (3, 30 * MINUTE)])
def test_what_no_reply_ended_is_tried_again_soon_but_only_twice(tries: int, seconds: int) -> None:
    assert retry_at(tries, first_at=0, now=0, jitter=0.5, soon=True) == seconds
