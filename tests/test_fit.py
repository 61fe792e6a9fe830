"""How much of each article is shown, and less of it where the email would be too large."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.article import Article
from newsletter.issues.issue import Issue, Show
from newsletter.render.fit import Shows, fitted, shown

FULL, EXCERPT, TITLE = Show.FULL, Show.EXCERPT, Show.TITLE
DIGEST = {"lead": "excerpt", "show": "excerpt", "listed_from": 4}


def issue(number: int, *, show: Show | None = None, nowhere: int = -1, **shows: Show) -> Issue:
    """An issue of articles named a, b, c ...; that with the index `nowhere` has no address."""
    articles = [
        Article(name, name, "" if n == nowhere else f"https://example.com/{name}")
        for n, name in enumerate("abcdefghij"[:number])
    ]
    return Issue("1", "Subject", tuple(articles), date(2026, 11, 23), show=show, shows=shows)


@pytest.mark.parametrize(
    ("made", "settings", "expected"),
    [
        (issue(1), DIGEST, [FULL]),
        (issue(5), DIGEST, [EXCERPT, EXCERPT, EXCERPT, TITLE, TITLE]),
        (issue(3), {}, [FULL, FULL, FULL]),
        (issue(3), {"lead": "full", "show": "title"}, [FULL, TITLE, TITLE]),
        (issue(3), {**DIGEST, "listed_from": 0}, [EXCERPT, EXCERPT, EXCERPT]),
        (issue(3, show=FULL), DIGEST, [FULL, FULL, FULL]),
        (issue(1, show=EXCERPT), DIGEST, [EXCERPT]),
        (issue(3, nowhere=1), DIGEST, [EXCERPT, FULL, EXCERPT]),
        (issue(3, nowhere=1, show=TITLE), DIGEST, [TITLE, FULL, TITLE]),
        (issue(3, nowhere=1, b=TITLE), DIGEST, [EXCERPT, TITLE, EXCERPT]),
        (issue(2, b=FULL), DIGEST, [EXCERPT, FULL]),
        (issue(0), DIGEST, []),
    ],
)
def test_the_editor_comes_before_the_theme(
    made: Issue, settings: dict[str, str | int], expected: list[Show]
) -> None:
    assert list(shown(made, settings)) == expected


SIZES = {FULL: 50, EXCERPT: 10, TITLE: 2}


def size(shows: Shows) -> int:
    return sum(SIZES[show] for show in shows)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1000, [FULL, FULL, FULL]),
        (150, [FULL, FULL, EXCERPT]),
        (110, [FULL, EXCERPT, EXCERPT]),
        (70, [EXCERPT, EXCERPT, EXCERPT]),
        (30, [EXCERPT, EXCERPT, TITLE]),
        (20, [EXCERPT, TITLE, TITLE]),
        (1, [EXCERPT, TITLE, TITLE]),
    ],
)
def test_an_issue_is_shortened_from_its_end_and_no_more_than_needed(limit: int, expected: list[Show]) -> None:
    made, shows = fitted(issue(3), (FULL, FULL, FULL), lambda shows: shows, size, limit)
    assert list(shows) == expected
    assert made == shows


def test_what_the_editor_decided_or_has_no_address_is_not_shortened() -> None:
    made = issue(4, nowhere=1, c=FULL)
    _, shows = fitted(made, shown(made, {}), lambda shows: shows, size, 1)
    assert list(shows) == [EXCERPT, FULL, FULL, TITLE]


@given(st.integers(0, 10), st.integers(0, 600))
def test_nothing_longer_would_have_fitted(number: int, limit: int) -> None:
    made = issue(number)
    steps: list[Shows] = []

    def make(shows: Shows) -> Shows:
        steps.append(shows)
        return shows

    _, shows = fitted(made, shown(made, {}), make, size, limit)
    shortest = (EXCERPT, *[TITLE] * (number - 1))[:number]
    assert size(shows) < limit or shows == shortest or not number
    longer = [step for step in steps if size(step) > size(shows)]
    assert all(size(step) >= limit for step in longer)
