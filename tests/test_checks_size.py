"""The checks of weight: each code fails and passes, and the articles that are named are the heavy ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import png
from styled import GOLDEN, codes, golden_subject, own_theme, places_are_real, subject_of

from newsletter.articles.article import Article
from newsletter.checks.size import CODES, check, weights
from newsletter.checks.subject import Limits, Subject
from newsletter.issues.issue import Show
from newsletter.render.images import Picture


def words(size: int, name: str = "word") -> str:
    """Paragraphs of about `size` bytes when they are styled, each like no other."""
    return "".join(f"<p>{name} number {number:06d} of the harbour</p>" for number in range(size // 68))


def of(size: int, *, message: int = 0, picture: int = 0, text: str = "") -> Subject:
    """A subject whose HTML, message and picture have about so many bytes."""
    pictures = {"a.png": Picture("a.png", "image/png", png(10, 10) + b"x" * picture)} if picture else {}
    subject = subject_of(
        words(size), pictures=pictures, message=b"x" * message, limits=Limits(20, 30, 1000), text=text
    )
    assert not size or abs(len(subject.html) - size) < size / 5 + 5000
    return subject


TABLE = [
    ("E120", of(60_000), of(3_000)),
    ("W220", of(20_000), of(3_000)),
    ("E121", of(0, message=10_300_000), of(0, message=10_200_000)),
    ("W221", of(0, picture=1_100_000), of(0, picture=900_000)),
    ("W222", of(9_000, text="See the web version."), of(9_000)),
    ("W222", of(0, text="Much more. " * 400), of(0, text="Not much more. " * 5)),
]


@pytest.mark.parametrize(("code", "wrong", "right"), TABLE)
def test_each_code_is_found_where_it_is_and_nowhere_else(code: str, wrong: Subject, right: Subject) -> None:
    found = list(check(wrong))
    assert codes(found) == [code]
    assert places_are_real(wrong, found)
    assert found[0].hint
    assert codes(check(right)) == []


def test_every_code_has_an_example() -> None:
    assert {code for code, _, _ in TABLE} == set(CODES)


@pytest.mark.parametrize("name", ["030-digest-twenty-five", "110-essay-one", "250-bulletin-japanese"])
def test_our_own_themes_have_no_finding(tmp_path: Path, name: str) -> None:
    assert (GOLDEN / name).is_dir()
    assert list(check(golden_subject(name, tmp_path))) == []


def articles(*sizes: int) -> list[Article]:
    return [
        Article(f"a{n}", f"Title of post {n}", f"https://example.com/{n}", html=words(size, f"post{n}"))
        for n, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("theme", ["digest", "essay", "bulletin"])
def test_the_heaviest_articles_are_named_with_what_they_weigh(theme: str) -> None:
    made = articles(4_000, 30_000, 1_000, 14_000, 9_000)
    subject = subject_of(articles=made, theme=own_theme(theme), show=Show.FULL, limits=Limits(20, 30, 1000))
    measured = weights(subject)
    assert list(measured)[:3] == ["a1", "a3", "a4"]
    assert sum(measured.values()) < len(subject.html.encode())
    message = next(finding.message for finding in check(subject) if finding.code == "E120")
    assert (
        message.index("Title of post 1") < message.index("Title of post 3") < message.index("Title of post 4")
    )
    assert "Title of post 0" not in message


@pytest.mark.parametrize("theme", ["digest", "essay", "bulletin"])
def test_an_article_weighs_what_the_html_loses_without_it(theme: str) -> None:
    def html(*chosen: Article) -> Subject:
        return subject_of(articles=chosen, theme=own_theme(theme), show=Show.FULL)

    one, two, three = articles(3_000, 20_000, 5_000)
    whole = html(one, two, three)
    lost = len(whole.html.encode()) - len(html(one, three).html.encode())
    assert abs(weights(whole)["a1"] - lost) < 2_500


def test_what_two_articles_have_in_common_counts_for_neither() -> None:
    same = words(9_000)
    twins = [
        Article("a", "One", "https://example.com/1", html=same),
        Article("b", "Two", "https://example.com/2", html=same),
    ]
    assert all(weight < 1_000 for weight in weights(subject_of(articles=twins)).values())


def test_bytes_count_and_not_characters() -> None:
    subject = of(0)
    html = subject.html.replace("</body>", "日" * 6_000 + "</body>")
    assert "W220" in codes(check(replace(subject, html=html)))
    assert "W220" not in codes(check(replace(subject, html=html.replace("日", "a"))))


@settings(deadline=None, max_examples=30)
@given(bodies=st.lists(st.text(st.sampled_from("ab <>&é日\n"), max_size=60), max_size=4))
def test_any_articles_can_be_weighed(bodies: list[str]) -> None:
    from newsletter.articles.sanitize import sanitize

    made = [
        Article(str(n), f"T{n}", f"https://example.com/{n}", html=sanitize(body))
        for n, body in enumerate(bodies)
    ]
    subject = subject_of(articles=made)
    measured = weights(subject)
    assert set(measured) <= {article.id for article in made}
    assert sum(measured.values()) <= len(subject.html.encode())
