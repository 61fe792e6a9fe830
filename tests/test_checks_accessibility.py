"""The checks of what can be read: each code fails and passes, names its source, and leaves our themes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from styled import GOLDEN, PLAIN, codes, golden_subject, own_theme, places_are_real, plain_theme, subject_of

from newsletter.articles.article import Article
from newsletter.articles.sanitize import sanitize
from newsletter.checks.accessibility import CODES, check
from newsletter.checks.link_words import GENERIC, is_generic
from newsletter.checks.subject import Subject
from newsletter.render.theme import read_theme

ISSUE, HEAD = PLAIN["issue.mjml"], PLAIN["head.css"]
PICTURE = '<img src="https://example.com/a.png" alt="{}">'
LINK = '<p>Words <a href="https://example.com/far">{}</a> words.</p>'
TABLE_OF = "<table><tr>{0}</tr><tr><td>3</td><td>4</td></tr></table>"


def with_issue(old: str, new: str, body: str = "<p>Words.</p>", **files: str) -> Subject:
    assert old in ISSUE
    return subject_of(body, theme=plain_theme(issue_mjml=ISSUE.replace(old, new, 1), **files))


def with_dark(css: str) -> Subject:
    return subject_of(theme=plain_theme(head_css=HEAD + f"@media (prefers-color-scheme: dark) {{ {css} }}"))


TABLE: list[tuple[str, Subject, Subject]] = [
    ("E160", with_issue(' lang="{{ language }}"', ""), subject_of()),
    ("E161", with_issue("<mj-title>{{ issue.title }}</mj-title>", ""), subject_of()),
    (
        "E162",
        subject_of(f'<p>a <a href="https://example.com/far">{PICTURE.format("")}</a></p>'),
        subject_of(f'<p>a <a href="https://example.com/far">{PICTURE.format("The harbour")}</a></p>'),
    ),
    (
        "E162",
        with_issue("<h1>", '<a href="https://example.com/far"></a><h1>'),
        with_issue("<h1>", '<a href="https://example.com/far" aria-label="Home" style="color:#333"></a><h1>'),
    ),
    ("E163", with_issue("#222222", "#fafafa"), with_issue("#222222", "#333333")),
    (
        "E163",
        with_dark(".page h1 { color: #222 !important }"),
        with_dark(".page h1 { color: #ddd !important }"),
    ),
    ("W260", with_issue("<h1>{{ issue.title }}</h1>", "<p>{{ issue.title }}</p>"), subject_of()),
    (
        "W260",
        with_issue("{{ issue.opening }}", "<h1>Another</h1>"),
        with_issue("{{ issue.opening }}", "<h2>Another</h2>"),
    ),
    ("W261", with_issue("<h2>{{ article.title }}</h2>", "<h4>{{ article.title }}</h4>"), subject_of()),
    ("W262", with_issue("#222222", "#8a8a8a"), with_issue("#222222", "#666666")),
    (
        "W263",
        with_dark(".page h1, .page p { color: #5a5a5a !important }"),
        with_dark(".page p { color: #999 !important }"),
    ),
    (
        "W264",
        with_issue("<h1>", "<table><tr><td>A</td><td>B</td></tr></table><h1>"),
        with_issue("<h1>", '<table role="presentation"><tr><td>A</td><td>B</td></tr></table><h1>'),
    ),
    (
        "W265",
        subject_of(TABLE_OF.format("<td>1</td><td>2</td>")),
        subject_of(TABLE_OF.format("<th>1</th><th>2</th>")),
    ),
    ("W266", subject_of(LINK.format("here")), subject_of(LINK.format("here is the harbour"))),
    ("W266", subject_of(LINK.format("Click&nbsp;here »")), subject_of(LINK.format("a chart"))),
    ("W267", with_issue("16px", "12px"), with_issue("16px", "14px")),
]


@pytest.mark.parametrize(("code", "wrong", "right"), TABLE)
def test_each_code_is_found_where_it_is_and_nowhere_else(code: str, wrong: Subject, right: Subject) -> None:
    found = list(check(wrong))
    assert set(codes(found)) == {code}, found
    assert places_are_real(wrong, found)
    assert all(finding.message and finding.hint for finding in found)
    assert codes(check(right)) == []


def test_every_code_has_an_example() -> None:
    assert {code for code, _, _ in TABLE} == set(CODES)


@pytest.mark.parametrize(
    "name",
    ["010-digest-four", "060-digest-right-to-left", "070-digest-japanese", "090-digest-missing-picture"]
    + ["110-essay-one", "130-essay-twenty-five", "220-bulletin-four", "250-bulletin-japanese"],
)
def test_our_own_themes_have_no_finding(tmp_path: Path, name: str) -> None:
    assert (GOLDEN / name).is_dir()
    found = [finding for finding in check(golden_subject(name, tmp_path)) if '"link"' not in finding.message]
    assert found == []


def test_a_golden_post_that_links_the_word_link_is_told_so_at_its_line(tmp_path: Path) -> None:
    subject = golden_subject("020-digest-one-long", tmp_path)
    (found,) = check(subject)
    path, _, line = found.where.rpartition(":")
    text = next(file.text for file in subject.sources.files if file.path == path)
    assert (found.code, "[link](" in text.split("\n")[int(line) - 1]) == ("W266", True)


@pytest.mark.parametrize("language", sorted(GENERIC))
@pytest.mark.parametrize("theme", ["digest", "essay", "bulletin"])
def test_the_way_on_in_our_themes_is_no_dumb_link_in_any_language(theme: str, language: str) -> None:
    made = [
        Article(
            str(n), title, f"https://example.com/{n}", html="<p>Words. " + "More words of it. " * 60 + "</p>"
        )
        for n, title in enumerate(("First", "", "Third"))
    ]
    subject = subject_of(articles=made, theme=own_theme(theme), language=language)
    assert [finding for finding in check(subject) if finding.code == "W266"] == []


@pytest.mark.parametrize(
    ("text", "languages", "generic"),
    [
        ("here", ["en"], True),
        ("HERE.", ["en"], True),
        ("[here]", ["en"], True),
        ("Read more →", ["en"], True),
        ("Here and there", ["en"], False),
        ("her", ["en"], False),
        ("her", ["da", "en"], True),
        ("mehr lesen", ["de"], True),
        ("mehr lesen", ["fr"], False),
        ("En savoir plus…", ["fr"], True),
        ("続きを読む", ["ja"], True),
        ("こちら", ["ja"], True),
        ("les mer", ["no"], True),
        ("اقرأ المزيد", ["ar"], True),
        ("→", ["en"], False),
        ("", ["en"], False),
    ],
)
def test_a_link_is_generic_in_a_language(text: str, languages: list[str], generic: bool) -> None:
    assert is_generic(text, languages) is generic


def test_every_language_of_the_themes_has_its_generic_words() -> None:
    assert {language for language, _ in read_theme("digest", Path("nowhere")).words} <= set(GENERIC)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        # The same address with words of its own beside it: a reader of links hears those.
        (LINK.format("the harbour") + LINK.format("here"), []),
        (LINK.format("here") + LINK.format("more"), ["W266", "W266"]),
        (LINK.format("<b>here</b>"), ["W266"]),
        (f'<p><a href="https://example.com/far">{PICTURE.format("")} The harbour</a></p>', []),
        (f'<p><a href="https://example.com/far">{PICTURE.format("here")}</a></p>', ["W266"]),
        (f"<p>{PICTURE.format('')}</p>", []),  # a picture that is no link may be mere decoration
        ("<h2>One</h2><p>a</p><h3>Two</h3><p>b</p>", []),
        ("<p>Words<sup>1</sup></p>", []),
    ],
)
def test_articles_are_read_as_a_reader_of_the_screen_does(body: str, found: list[str]) -> None:
    assert codes(check(subject_of(body))) == found


@pytest.mark.parametrize(
    ("subject", "where"),
    [
        (subject_of(f"<p>a</p>{LINK.format('here')}"), "issues/x/articles/one.html:4"),
        (subject_of(opening=LINK.format("here")), "issues/x/issue.md:6"),
        (with_issue("#222222", "#fafafa"), "templates/plain/issue.mjml:7"),
        (with_issue("16px", "12px"), "templates/plain/issue.mjml:8"),
        (with_dark(".page h1 { color: #123123 !important }"), "templates/plain/head.css:6"),
        (with_issue("<h1>", "<table><tr><td>A</td></tr></table><h1>"), "templates/plain/issue.mjml:9"),
        (subject_of("<p>a</p>" + TABLE_OF.format("<td>1</td><td>2</td>")), "issues/x/articles/one.html:4"),
    ],
)
def test_a_finding_names_the_line_in_which_it_can_be_mended(subject: Subject, where: str) -> None:
    assert [finding.where for finding in check(subject)] == [where]


def test_a_color_of_the_publication_is_found_in_its_settings() -> None:
    config = 'name = "Letter"\n[themes.digest]\naccent = "#FC9"\n'
    made = [
        Article(
            "1", "First", "https://example.com/1", html="<p>a <a href='https://example.com/b'>harbour</a></p>"
        )
    ]
    subject = subject_of(articles=made, theme=own_theme(accent="#ffcc99"), config=config)
    found = list(check(subject))
    assert {finding.where for finding in found} == {"newsletter.toml:3"}
    assert all("#ffcc99" in finding.message for finding in found)


@pytest.mark.parametrize("theme", ["digest", "essay", "bulletin"])
def test_large_text_needs_less_contrast(theme: str) -> None:
    plain: dict[str, Any] = {
        "issue_mjml": ISSUE.replace("#222222", "#8a8a8a").replace('font-size="16px"', 'font-size="24px"')
    }
    assert codes(check(subject_of("<p>Words</p>", theme=plain_theme(**plain)))) == []
    assert codes(check(subject_of("<p>Words</p>", theme=own_theme(theme, ink="#aaaaaa")))) != []


PIECES = st.lists(
    st.sampled_from(
        [
            "<p>",
            "<h2>",
            "<h4>",
            "<table><tr><td>",
            "</table>",
            '<a href="https://example.com/x">',
            "</a>",
            "here",
            "\x00",
            "&#0;",
        ]
        + ['<img src="https://example.com/a.png">', "<b>", "<td>", "日本", "\u202e", "&", "<", "(", "[", "*"]
    )
    | st.text(max_size=8),
    max_size=14,
).map("".join)


@settings(deadline=None, max_examples=60)
@given(body=PIECES)
def test_any_article_is_checked_without_failing(body: str) -> None:
    subject = subject_of(
        articles=[
            Article("one", "T", "https://example.com/1", html=sanitize(body, base="https://example.com/"))
        ]
    )
    assert places_are_real(subject, list(check(subject)))
