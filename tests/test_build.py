"""The whole build under fuzz: any article and any reader's data keep merge fields, structure and words intact."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import lxml.html
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, one_line, text_of
from newsletter.articles.sanitize import sanitize
from newsletter.errors import ThemeError
from newsletter.issues.issue import Issue, Show
from newsletter.render.build import Email, Masthead, build_email
from newsletter.render.merge import Slot
from newsletter.render.theme import Theme, read_theme

MASTHEAD = Masthead("Letter", "en", "https://example.com", "1 High Street", "editors@example.com")
THEMES = ("digest", "essay", "bulletin")
PIECES = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<b>",
        "<table><tr><td>",
        "</table>",
        "<ul><li>",
        "<!-- email only -->",
        "<!--[if mso]>",
        "<pre>",
    ]
    + [
        "{{ unsubscribe_url }}",
        "{% if %}",
        "NLM00000000z0Q",
        "NLB00000000z1Q",
        "</body>",
        "</style>",
        "<mj-raw>",
        "]]>",
    ]
    + [
        '<a href="https://example.com/?a=1&b=2">',
        "</a>",
        '<img src="https://example.com/a.png" alt="x">',
        "&amp;",
        "=\n",
    ]
    + [
        "\u05d0\u05d1",
        "日本",
        "\u202e",
        "é",
        "👨‍👩‍👧",
        "\\",
        '"',
        "'",
        "`",
        "${x}",
        "%s",
        "<h1>",
        "</div>",
        "<hr>",
    ]
)
BODIES = st.lists(PIECES | st.text(max_size=12), max_size=14).map("".join)
LINES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]) | st.sampled_from("<>&\"'{}%=\\"), max_size=20
).map(lambda text: " ".join(text.split()))


@cache
def theme(name: str) -> Theme:
    return read_theme(name, Path("nowhere"))


def email_of(theme_name: str, *articles: Article, **more: object) -> Email:
    issue = Issue(
        "2026-11-23-x",
        "Hello {{ subscriber.first_name | fallback('reader') }}",
        articles,
        date(2026, 11, 23),
        title="A title of its own",
        opening="<p>Dear {{ subscriber.first_name }}, {{ subscriber.city }}.</p>",
        show=Show.FULL,
    )
    return build_email(issue, MASTHEAD, theme(theme_name), {}, **more)  # type: ignore[arg-type]


def fields_of(email: Email) -> list[Counter[tuple[str, str]]]:
    """The merge fields of the subject, the HTML and the text, with their contexts."""
    return [
        Counter((slot.field.name, str(slot.context)) for slot in template.slots)
        for template in (email.subject, email.html, email.text)
    ]


def frame_of(html: str) -> Counter[str]:
    """The tags of an email outside of its posts."""
    page = lxml.html.document_fromstring(html)
    for post in page.find_class("post"):
        post.drop_tree()
    return Counter(str(element.tag) for element in page.iter() if isinstance(element.tag, str))


def squeezed(text: str) -> str:
    """`text` without white space and what a text part marks links and pictures with."""
    return re.sub(r"\s|\[\d+\]|\[Image(?:: |\])|[\]>|*=~_-]", "", text)


@pytest.mark.parametrize("name", THEMES)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES, title=LINES)
def test_any_article_keeps_fields_structure_and_words(name: str, body: str, title: str) -> None:
    html = sanitize(body, base="https://example.com/")
    url = "https://example.com/1"
    made = email_of(name, Article("1", title or "T", url, html=html or "<p>x</p>"))
    plain = email_of(name, Article("1", "T", url, html="<p>x</p>"))
    assert fields_of(made) == fields_of(plain)
    filled = made.html.fill({"unsubscribe_url": "https://example.com/u"})
    assert frame_of(filled) == frame_of(plain.html.fill({"unsubscribe_url": "https://example.com/u"}))
    assert not re.search(
        r"NL[MB]\d{8}z\d+Q", filled.replace("NLM00000000z0Q", "").replace("NLB00000000z1Q", "")
    )
    shown = re.sub(r"\s", "", one_line(lxml.html.document_fromstring(filled).text_content()))
    for word in text_of(html).split():
        assert word in shown, word
    words = squeezed(made.text.fill({}))
    for word in text_of(re.sub(r"<(sup|sub|pre|del|s|q)\b.*?</\1>", "", html, flags=re.S)).split():
        if word.isalpha() and word.isascii():
            assert word in words, word


@pytest.mark.parametrize("name", THEMES)
@settings(deadline=None, max_examples=60)
@given(first=LINES, city=LINES)
def test_any_data_of_a_reader_is_text_where_it_stands(name: str, first: str, city: str) -> None:
    made = email_of(name, Article("1", "T", "https://example.com/1", html="<p>x</p>"))
    values = {
        "subscriber.first_name": first,
        "subscriber.city": city,
        "unsubscribe_url": "https://example.com/u?a=1&b=2",
    }
    page = lxml.html.document_fromstring(made.html.fill(values))
    blank = lxml.html.document_fromstring(
        made.html.fill(values | {"subscriber.first_name": "A", "subscriber.city": "B"})
    )
    assert [e.tag for e in page.iter()] == [e.tag for e in blank.iter()]
    said = one_line(page.text_content())
    assert one_line(f"Dear {one_line(first)}, {one_line(city)}.") in said
    assert f"Hello {one_line(first) or 'reader'}" == made.subject.fill(values)
    assert "https://example.com/u?a=1&b=2" in [link.get("href") for link in page.iter("a")]


def test_a_field_that_a_template_does_arithmetic_with_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "digest").mkdir()
    for file, line in (
        ("{% if subscriber.first_name == 'x' %}a{% endif %}", "cannot"),
        ("{% if subscriber.is_pro %}a{% endif %}", ""),
        ("{{ subscriber.first_name | upper }}", ""),
    ):
        (tmp_path / "digest" / "footer.mjml").write_text(f"\n{file}")
        issue = Issue("1", "S", (), date(2026, 11, 23))
        with pytest.raises(ThemeError) as caught:
            build_email(issue, MASTHEAD, read_theme("digest", tmp_path), {})
        assert line in str(caught.value) or caught.value.where
        assert caught.value.hint


def test_the_styles_of_an_mj_style_are_checked_like_those_of_inline_css(tmp_path: Path) -> None:
    (tmp_path / "digest").mkdir()
    head = '<mj-style inline="inline">a[href*=","] { color: red }</mj-style>'
    (tmp_path / "digest" / "head.mjml").write_text(head)
    with pytest.raises(ThemeError, match="premailer cannot use the selector") as caught:
        build_email(Issue("1", "S", (), date(2026, 11, 23)), MASTHEAD, read_theme("digest", tmp_path), {})
    assert "issue.mjml" in caught.value.where


def test_an_email_is_in_one_main_landmark_and_its_preview_in_no_colour_of_its_own() -> None:
    made = email_of("digest", Article("1", "T", "https://example.com/1", html="<p>x</p>"))
    page = lxml.html.document_fromstring(made.html.fill({}))
    (main,) = page.xpath("//*[@role='main']")
    assert main.xpath("./*[@role='article']")
    assert "color:#ffffff;line-height:1px" not in made.html.fill({})


def test_the_slots_of_a_template_are_slots() -> None:
    made = email_of("digest", Article("1", "T", "https://example.com/1", html="<p>x</p>"))
    assert all(isinstance(slot, Slot) for slot in made.html.slots)
    assert {slot.field.name for slot in made.html.slots} >= {"unsubscribe_url", "preferences_url", "web_url"}
