"""What templates see: dates and directions of many languages, bodies and their placeholders, pictures."""

from __future__ import annotations

from datetime import UTC, date, datetime

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from newsletter.articles.article import Article
from newsletter.errors import ThemeError
from newsletter.render.view import (
    ArticleView,
    Bodies,
    IssueView,
    PublicationView,
    direction,
    long_date,
    under,
)

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "23 November 2026"),
        ("en-GB", "23 November 2026"),
        ("en-US", "November 23, 2026"),
        ("de", "23. November 2026"),
        ("de-CH", "23. November 2026"),
        ("DE-ch", "23. November 2026"),
        ("fr", "23 novembre 2026"),
        ("es-419", "23 de noviembre de 2026"),
        ("pt-BR", "23 de novembro de 2026"),
        ("it", "23 novembre 2026"),
        ("nl", "23 november 2026"),
        ("nb", "23. november 2026"),
        ("no", "23. november 2026"),
        ("pl", "23 listopada 2026"),
        ("cs", "23. listopadu 2026"),
        ("ru", "23 ноября 2026\u202fг."),
        ("ar", "23 نوفمبر 2026"),
        ("he", "23 בנובמבר 2026"),
        ("iw", "23 בנובמבר 2026"),
        ("fa", "23 نوامبر 2026"),
        ("hi", "23 नवंबर 2026"),
        ("ja", "2026年11月23日"),
        ("zh-Hant-TW", "2026年11月23日"),
        ("sr-Latn", "23. novembar 2026."),
        ("de-u-co-phonebk", "23. November 2026"),
        ("de-DE-x-own", "23. November 2026"),
        ("en-029", "23 November 2026"),
        ("tlh", "23 November 2026"),
        ("x-own", "23 November 2026"),
        ("", "23 November 2026"),
        ("../../etc", "23 November 2026"),
    ],
)
def test_a_date_is_written_as_the_language_writes_it(language: str, expected: str) -> None:
    assert long_date(DAY, language).replace("\xa0", "\u202f") == expected


@given(st.dates(), st.text(max_size=12))
def test_any_day_has_a_date_in_any_language(day: date, language: str) -> None:
    assert long_date(day, language)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "ltr"),
        ("de-CH", "ltr"),
        ("ja", "ltr"),
        ("arn", "ltr"),
        ("ar", "rtl"),
        ("AR-eg", "rtl"),
        ("he", "rtl"),
        ("iw", "rtl"),
        ("fa-IR", "rtl"),
        ("ur", "rtl"),
        ("ckb", "rtl"),
        ("yi", "rtl"),
        ("dv", "rtl"),
        ("ku", "ltr"),
        ("ku-Arab", "rtl"),
        ("az-Arab-IR", "rtl"),
        ("pa-arab", "rtl"),
        ("ff-Adlm", "rtl"),
        ("ar-Latn", "ltr"),
        ("ks-Deva", "ltr"),
        ("", "ltr"),
        ("-", "ltr"),
    ],
)
def test_the_direction_is_that_of_the_script(language: str, expected: str) -> None:
    assert direction(language) == expected


BODY = '<h2 lang="de">A</h2><p>x</p><h3>B</h3><h6>C</h6><header>no</header><hr><h2>D</h2>'


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (1, '<h1 lang="de">A</h1><p>x</p><h2>B</h2><h5>C</h5><header>no</header><hr><h1>D</h1>'),
        (2, BODY),
        (3, '<h3 lang="de">A</h3><p>x</p><h4>B</h4><h6>C</h6><header>no</header><hr><h3>D</h3>'),
        (6, '<h6 lang="de">A</h6><p>x</p><h6>B</h6><h6>C</h6><header>no</header><hr><h6>D</h6>'),
    ],
)
def test_headings_begin_at_the_level_asked_for(level: int, expected: str) -> None:
    assert under(BODY, level) == expected


# Bodies.


def page_of(bodies: Bodies, template: str, **values: object) -> str:
    """What becomes of `template`, bodies put in their places."""
    page = jinja2.Environment(autoescape=True).from_string(template).render(values)
    return bodies.put(page, bodies.places(page, where="t"))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<td>{{ body }}</td>", "<td><p>A &amp; {{ 7*7 }}</p></td>"),
        ("<!--[if mso]><td><![endif]-->{{ body }}", "<!--[if mso]><td><![endif]--><p>A &amp; {{ 7*7 }}</p>"),
        ("<td>{% if body %}{{ body }}{% endif %}</td>", "<td><p>A &amp; {{ 7*7 }}</p></td>"),
        ("<td>{{ '<b>' ~ body }}</td>", "<td>&lt;b&gt;<p>A &amp; {{ 7*7 }}</p></td>"),
        (
            "<td>{{ body }}</td><td>{{ body }}</td>",
            "<td><p>A &amp; {{ 7*7 }}</p></td><td><p>A &amp; {{ 7*7 }}</p></td>",
        ),
        ("<td>{{ empty }}</td>", "<td></td>"),
        ("<td>{% if empty %}no{% else %}nothing{% endif %}</td>", "<td>nothing</td>"),
        ("{% set unused = body %}<td></td>", "<td></td>"),
        ("<td></td>", "<td></td>"),
    ],
)
def test_a_body_stands_where_it_was_printed_as_it_is(template: str, expected: str) -> None:
    bodies = Bodies([template])
    body, empty = bodies.placeholder("<p>A &amp; {{ 7*7 }}</p>"), bodies.placeholder("")
    assert page_of(bodies, template, body=body, empty=empty) == expected


def test_more_bodies_than_ten_do_not_get_mixed_up() -> None:
    bodies = Bodies([])
    words = [f"<p>{number}</p>" for number in range(123)]
    placeholders = [bodies.placeholder(word) for word in words]
    assert page_of(
        bodies, "{% for p in placeholders %}{{ p }}{% endfor %}", placeholders=placeholders
    ) == "".join(words)


@pytest.mark.parametrize(
    "template",
    [
        "{{ body | upper }}",
        "{{ body | lower }}",
        "{{ body | title }}",
        "{{ body | string | truncate(5, True) }}",
        "{{ body | replace('Q', '') }}",
        "{{ body | replace('z0', 'z00') }}",
        "{{ body | replace('z0', 'z7') }}",
        "{{ body | string | reverse }}",
        "{{ body | string | first }}",
        "{% set dropped = body | string %}",
        "{% set dropped %}{{ body }}{% endset %}",
    ],
)
def test_a_body_that_a_filter_changed_or_dropped_fails_the_build(template: str) -> None:
    bodies = Bodies([template])
    with pytest.raises(ThemeError, match="a body was changed or dropped") as caught:
        page_of(bodies, template, body=bodies.placeholder("<p>A</p>"))
    assert caught.value.where == "t"
    assert "without a filter" in caught.value.hint


@pytest.mark.parametrize(
    "template",
    [
        "{{ body | truncate(3) }}",
        "{{ body | length }}",
        "{{ body | first }}",
        "{{ body | list }}",
        "{{ body[:10] }}",
        "{{ body + 'x' }}",
        "{{ 'x' + body }}",
        "{% if 'x' in body %}{% endif %}",
        "{% for c in body %}{% endfor %}",
    ],
)
def test_a_body_is_no_text_to_cut(template: str) -> None:
    bodies = Bodies([template])
    with pytest.raises(ThemeError, match="a body can be printed whole"):
        page_of(bodies, template, body=bodies.placeholder("<p>A</p>"))


def test_a_body_that_is_lost_after_the_template_fails_the_build() -> None:
    bodies = Bodies([])
    page = f"<td>{escape(bodies.placeholder('<p>A</p>'))}</td>"
    assert bodies.put(page, bodies.places(page, where="t")) == "<td><p>A</p></td>"
    with pytest.raises(ThemeError, match="changed or dropped"):
        bodies.places("<td></td>", where="t")


@pytest.mark.parametrize(
    "template",
    [
        '<img alt="{{ body }}">',
        "<style>{{ body }}</style>",
        "<!-- {{ body }} -->",
        "<p {{ body }}>",
        '<a href="{{ body }}">',
        "<{{ body }}>",
    ],
)
def test_a_body_cannot_stand_in_a_tag_a_style_or_a_comment(template: str) -> None:
    bodies = Bodies([template])
    with pytest.raises(ThemeError, match="a body stands in an attribute, a style or a comment"):
        page_of(bodies, template, body=bodies.placeholder("<p>A</p>"))


def test_a_body_in_the_text_part_is_refused_with_what_to_print_instead() -> None:
    bodies = Bodies([])
    bodies.check_text("a text", where="text.txt")
    with pytest.raises(ThemeError, match="a body is HTML") as caught:
        bodies.check_text(f"a {bodies.placeholder('<p>A</p>')}", where="text.txt")
    assert "article.text" in caught.value.hint


@given(st.lists(st.text(alphabet="NLBz0123456789Q <b>", max_size=30), max_size=4))
def test_no_text_is_taken_for_a_placeholder(texts: list[str]) -> None:
    first = str(Bodies([]).placeholder("x"))
    texts = [first, first.lower(), *texts]
    page = escape(" ".join(texts))
    bodies = Bodies(texts)
    assert str(bodies.placeholder("<p>secret</p>")) not in page
    bodies = Bodies(texts)
    assert bodies.put(page, bodies.places(page, where="t")) == page


# Views.


def view(article: Article, language: str = "en") -> ArticleView:
    return ArticleView(article, article.html, Bodies([]), language, None)


ARTICLE = Article(
    "1",
    "Title",
    "https://example.com/a",
    "A. Writer",
    datetime(2026, 11, 23, 23, 30, tzinfo=UTC),
    "Summary",
    tags=("tides",),
    language="de",
    html="<h2>A</h2><p>One two.</p>",
)


def test_an_article_shows_what_it_is() -> None:
    shown = view(ARTICLE, "fr")
    assert (shown.id, shown.title, shown.url, shown.author, shown.summary) == (
        "1",
        "Title",
        "https://example.com/a",
        "A. Writer",
        "Summary",
    )
    assert (shown.date, shown.tags, shown.minutes, shown.has_body) == (
        "23 novembre 2026",
        ("tides",),
        1,
        True,
    )
    assert "One two." in shown.text
    assert "<" not in shown.text


def test_an_article_without_anything_shows_nothing() -> None:
    shown = view(Article("1"))
    assert (shown.title, shown.date, shown.language, shown.text, shown.has_body) == ("", "", "", "", False)
    assert not shown.body(3)


@pytest.mark.parametrize(
    ("article", "issue", "language", "way"),
    [
        ("de", "en", "de", "ltr"),
        ("de", "de-CH", "", "ltr"),
        ("DE", "de", "", "ltr"),
        ("", "ar", "", "rtl"),
        ("he", "en", "he", "rtl"),
        ("", "en", "", "ltr"),
    ],
)
def test_an_article_says_its_language_where_it_is_not_the_issues(
    article: str, issue: str, language: str, way: str
) -> None:
    shown = view(Article("1", language=article), issue)
    assert (shown.language, shown.direction) == (language, way)


@pytest.mark.parametrize("level", [0, 7, -1, "3", None, 2.5])
def test_a_body_has_headings_of_levels_that_exist(level: object) -> None:
    with pytest.raises(ThemeError, match="there are no headings of level"):
        view(ARTICLE).body(level)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (view(ARTICLE), "{{ article.title }}"),
        (IssueView("id", "Title", "", "", "", "", ""), "{{ issue.title }}"),
        (PublicationView("Letter", "", "", ""), "{{ publication.name }}"),
    ],
)
def test_what_has_no_text_of_its_own_says_what_to_print(value: object, hint: str) -> None:
    for print_it in (str, escape, "{}".format):
        with pytest.raises(ThemeError, match="has no text of its own") as caught:
            print_it(value)
        assert hint in caught.value.hint
