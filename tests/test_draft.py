"""What a draft takes, and what it leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.article import Article
from newsletter.issues.draft import NEWEST, choose, compose
from newsletter.issues.ids import is_id
from newsletter.issues.issue import dated, new_id, slug

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def posts(number: int, *, start: int = 0) -> list[Article]:
    return [
        Article(id=str(n), title=f"Post {n}", published=DAY + timedelta(days=n), html=f"<p>{n}</p>")
        for n in range(start, start + number)
    ]


def ids(articles: tuple[Article, ...]) -> list[str]:
    return [article.id for article in articles]


def test_a_draft_takes_new_posts_newest_first() -> None:
    assert ids(choose(posts(3), [], first=True).taken) == ["2", "1", "0"]


def test_a_post_in_an_earlier_issue_is_not_new() -> None:
    assert ids(choose(posts(3), posts(2), first=False).taken) == ["2"]


def test_a_first_draft_takes_the_newest_ten_and_remembers_where_the_archive_begins() -> None:
    choice = choose(posts(25), [], first=True)
    assert ids(choice.taken) == [str(n) for n in range(24, 14, -1)]
    assert (choice.left, choice.older) == (0, 15)
    assert choice.not_before == DAY + timedelta(days=15)


def test_after_a_first_draft_the_archive_stays_out_and_what_is_newer_comes_in() -> None:
    first = choose(posts(25), [], first=True)
    second = choose(posts(27), first.taken, first=False, not_before=first.not_before)
    assert ids(second.taken) == ["26", "25"]
    assert second.older == 15


def test_a_number_asked_for_leaves_the_rest_for_the_next_draft() -> None:
    first = choose(posts(5), [], first=True, most=2)
    assert (ids(first.taken), first.left, first.not_before) == (["4", "3"], 3, None)
    assert ids(choose(posts(5), first.taken, first=False).taken) == ["2", "1", "0"]


def test_since_takes_posts_from_that_day_on_and_reaches_into_the_archive() -> None:
    choice = choose(
        posts(25), [], first=False, since=DAY + timedelta(days=20), not_before=DAY + timedelta(days=24)
    )
    assert ids(choice.taken) == ["24", "23", "22", "21", "20"]


def test_a_post_without_a_date_is_never_too_old_and_comes_last() -> None:
    undated = Article(id="u", html="<p>undated</p>")
    assert ids(choose([undated, *posts(2)], [], first=True, since=DAY + timedelta(days=1)).taken) == [
        "1",
        "u",
    ]


def test_the_same_post_from_two_sources_is_taken_once() -> None:
    twin = Article(id="other", title="Post 0", html="<p>0</p>")
    assert len(choose([*posts(1), twin], [], first=True).taken) == 1


@given(
    st.lists(st.integers(0, 40), max_size=40),
    st.lists(st.integers(0, 40), max_size=20),
    st.one_of(st.none(), st.integers(1, 15)),
)
def test_every_post_is_taken_left_older_or_known(read: list[int], used: list[int], most: int | None) -> None:
    articles = [posts(1, start=n)[0] for n in read]
    known = [posts(1, start=n)[0] for n in used]
    choice = choose(articles, known, first=not used, most=most)
    assert len(choice.taken) + choice.left + choice.older == len(set(read) - set(used))
    assert not set(ids(choice.taken)) & {str(n) for n in used}
    assert len(choice.taken) <= (most or NEWEST)


def test_the_subject_is_the_lead_and_the_preheader_the_others() -> None:
    issue = compose(choose(posts(3), [], first=True), name="Letter", day=date(2026, 11, 23), taken_ids=[])
    assert (issue.id, issue.subject, issue.preheader) == ("2026-11-23-post-2", "Post 2", "Post 1; Post 0")


def test_a_post_without_a_title_still_gives_a_subject() -> None:
    post = Article(id="1", html=f"<p>{'A sentence that goes on. ' * 9}</p>")
    issue = compose(choose([post], [], first=True), name="Letter", day=date(2026, 11, 23), taken_ids=[])
    assert issue.subject == "A sentence that goes on. A sentence that goes on. A…"
    nothing = compose(
        choose([Article(id="1")], [], first=True), name="Letter", day=date(2026, 11, 23), taken_ids=[]
    )
    assert nothing.subject == "Letter"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Grüße aus Zürich!", "grusse-aus-zurich"),
        ("It’s a test", "its-a-test"),
        ("日本語", ""),
        ("../../etc/passwd", "etc-passwd"),
        ("a" * 200, "a" * 48),
        (
            "one two three four five six seven eight nine ten eleven",
            "one-two-three-four-five-six-seven-eight-nine-ten",
        ),
    ],
)
def test_a_slug_is_ascii_and_short(title: str, expected: str) -> None:
    assert slug(title) == expected


@given(st.text(), st.lists(st.sampled_from(["2026-11-23-issue", "2026-11-23-issue-2"])))
def test_every_title_gives_an_id_that_is_free(title: str, taken: list[str]) -> None:
    made = new_id(date(2026, 11, 23), title, taken)
    assert is_id(made)
    assert made not in taken
    assert dated(made) == date(2026, 11, 23)


@pytest.mark.parametrize("text", ["", "..", "../x", "A", "a/b", "-a", "a" * 81, "con", "nul", "a\n", "é"])
def test_what_is_unsafe_as_a_file_name_is_no_id(text: str) -> None:
    assert not is_id(text)
