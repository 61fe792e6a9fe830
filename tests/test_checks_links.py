"""Links: every code with a link that has it and one that does not, and where each is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article, Image
from newsletter.articles.markdown import render_markdown
from newsletter.articles.sanitize import sanitize
from newsletter.checks.finding import Finding
from newsletter.checks.links import CODES, check, why_private
from newsletter.checks.subject import SourceFile, Sources, Subject
from newsletter.issues.folder import read_article, read_issue
from newsletter.issues.issue import Issue
from newsletter.issues.words import words_html
from newsletter.publication import Publication
from newsletter.render.build import Masthead, build_email
from newsletter.render.images import Picture, read_pictures
from newsletter.render.settings import ThemeFile
from newsletter.render.theme import Theme, read_theme

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_NAMES = sorted(path.parent.name for path in GOLDEN.glob("*/newsletter.toml"))
MASTHEAD = Masthead("Harbour Notes", "en", "https://example.com", "1 Harbour Wall", "editors@example.com")
SENDER = "Harbour Notes <letter@example.com>"
VALUES = {
    "unsubscribe_url": "mailto:letter@example.com?subject=unsubscribe%20me",
    "preferences_url": "mailto:letter@example.com?subject=preferences",
    "web_url": "https://example.com/issues/x/",
}


@cache
def theme() -> Theme:
    return read_theme("digest", Path("nowhere"))


def footer(mjml: str) -> Theme:
    """The digest theme with something more in its footer."""
    files = tuple(
        ThemeFile(
            f.name, f.path, f.text.replace("<!-- email only --><p>", f"{mjml}\n<!-- email only --><p>", 1)
        )
        if f.name == "footer.mjml"
        else f
        for f in theme().files
    )
    assert files != theme().files
    return replace(theme(), files=files)


def post(
    source: str,
    *,
    url: str = "https://example.com/1",
    image: Image | None = None,
    local: tuple[str, ...] = (),
    name: str = "post.md",
) -> tuple[Article, SourceFile]:
    """An article and its file, as they are in an issue's folder."""
    raw = source if name.endswith(".html") else render_markdown(source)
    html = sanitize(raw, base=url, local_images=frozenset(local))
    front = f"---\ntitle: A post\nurl: {url}\n{'image: x' if image else 'author: The editors'}\n---\n\n"
    article = Article(name, "A post", url, image=image, html=html)
    return article, SourceFile(f"issues/x/articles/{name}", f"{front}{source}\n", name)


def subject_of(
    words: str = "Good morning.",
    *posts: tuple[Article, SourceFile],
    own_theme: Theme | None = None,
    masthead: Masthead = MASTHEAD,
    text: str = "",
    pictures: Mapping[str, Picture] | None = None,
) -> Subject:
    """The subject of an issue with the editor's `words` and `posts`."""
    posts = posts or (post("The lamp is lit at dusk."),)
    articles = tuple(article for article, _ in posts)
    issue = Issue("x", "What the water brings", articles, date(2026, 11, 23), title="The harbour", opening=words_html(words), text=text)  # fmt: skip
    files = [SourceFile("issues/x/issue.md", f"---\nsubject: What the water brings\n---\n\n{words}\n")]
    return subject_from(
        issue, [*files, *(file for _, file in posts)], own_theme or theme(), masthead, pictures or {}
    )


def subject_from(
    issue: Issue, files: list[SourceFile], chosen: Theme, masthead: Masthead, pictures: Mapping[str, Picture]
) -> Subject:
    email = build_email(issue, masthead, chosen, pictures)
    files += [SourceFile(f"templates/{f.name}", f.text) for f in chosen.files]
    files.append(SourceFile("newsletter.toml", f'name = "Harbour Notes"\nbase_url = "{masthead.url}"\n'))
    return Subject(
        issue=issue,
        theme=chosen,
        masthead=masthead,
        email=email,
        html=email.html.fill(VALUES),
        text=email.text.fill(VALUES),
        subject=email.subject.fill(VALUES),
        message=b"",
        sources=Sources(tuple(files)),
        today=date(2026, 11, 23),
        pictures=pictures,
        sender=SENDER,
    )


def golden(name: str) -> Subject:
    """The subject of a golden email, with its pictures."""
    letter = Publication.open(GOLDEN / name)
    (folder,) = (GOLDEN / name / "issues").iterdir()
    issue = read_issue(folder)
    files = [SourceFile("issue.md", (folder / "issue.md").read_text("utf-8"))]
    articles = sorted((folder / "articles").glob("*.md"))
    files += [SourceFile(path.name, path.read_text("utf-8"), read_article(path).id) for path in articles]
    pictures = read_pictures(folder / "articles", issue.articles)
    return subject_from(issue, files, letter.theme(issue.theme), letter.masthead, pictures)


def codes(subject: Subject) -> set[str]:
    return {finding.code for finding in check(subject)}


def found(subject: Subject, code: str) -> list[Finding]:
    return [finding for finding in check(subject) if finding.code == code]


LONG = "https://example.com/?q=" + "a" * 2000
#: A code, Markdown that has it, Markdown that does not.
EXAMPLES = [
    ("E130", "[here]()", "[here](https://example.com/a)"),
    ("E130", "[here](#)", "[here](https://example.com/a#)"),
    ("E130", '<a href="  ">here</a>', '<a name="here">here</a>'),
    ("E131", "[here](http://localhost:8000/a)", "[here](https://localhost.example.com/a)"),
    ("E131", "[here](https://192.168.1.20/a)", "[here](https://9.9.9.9/a)"),
    ("E131", "[here](https://[::1]/a)", "[here](https://[2606:4700::1111]/a)"),
    ("E131", "[here](https://127.1/a)", "[here](https://127.example.com/a)"),
    ("E131", "[here](https://printer.local/)", "[here](https://local.example.com/)"),
    ("E131", "[here](https://wiki/page)", "[here](https://wiki.example.com/page)"),
    ("E131", "[here](https://shop.test/)", "[here](https://test.example.org/)"),
    ("E132", "[here](/about)", "[here](https://example.com/about)"),
    ("E132", "[here](about.html)", "[here](https://example.com/about.html)"),
    ("E132", "[here](example.com/about)", "Write `[here](example.com/about)`"),
    ("E133", "<a href=\"javascript:alert(1)\">here</a>", "[javascript: what is it?](https://example.com/)"),
    ("E133", "[here](file:///srv/report.pdf)", "[file](https://example.com/file:a)"),
    ("E133", '<a href="C:\\Users\\me\\a.pdf">here</a>', "[here](https://example.com/C:/a.pdf)"),
    ("E133", "[here](</Users/me/a.pdf>)", "[here](https://example.com/Users/me/a.pdf)"),
    ("E134", "[here](#part-two)", "[here](https://example.com/a#part-two)"),
    ("E135", "[us](mailto:letter.example.com)", "[us](mailto:letter@example.com)"),
    ("E135", "[us](mailto:a@example.com&subject=x)", "[us](mailto:a@example.com?subject=Hello%20there)"),
    ("E135", "[us](mailto:)", "[tell a friend](mailto:?subject=Read%20this)"),
    ("E135", "[us](tel:call-us)", "[us](tel:+49-30-123456)"),
    ("E136", "[here](https://https://example.com/a)", "[here](https://web.archive.org/web/https://example.com/a)"),
    ("E136", "[here](https://example.com:99999/)", "[here](https://example.com:8443/)"),
    ("W230", "[here](http://example.com/a)", "[here](https://example.com/?from=http://example.com)"),
    ("W231", "[here](https://example.com/?utm_source=a&utm_source=b)", "[here](https://example.com/?tag=a&tag=b&utm_source=c)"),
    ("W231", "[here](https://example.com/?a=b?utm_source=c)", "[here](https://example.com/?to=https://example.org/?a=b)"),
    ("W231", '<a href="https://example.com/?a=b&amp;amp;c=d">here</a>', "[here](https://example.com/?a=b&amp;c=d)"),
    ("W232", f"[here]({LONG})", f"[here]({LONG[:1990]})"),
    ("W233", "[the whole report](https://example.com/a), [the whole report](https://example.com/b)", "[the whole report](https://example.com/a), [the whole report](http://www.example.com/a/)"),
    ("W233", "[the whole report](https://example.com/a), [The whole Report](https://example.com/b)", " ".join(f"[read the review](https://example.com/{n})" for n in range(3))),
    ("W234", "[here](https://bit.ly/3xyz)", "[here](https://rabbit.ly/3xyz)"),
    ("W235", "[here](https://staging.example.org/a)", "[here](https://example.org/staging/a)"),
    ("W235", "[here](https://dev.example.com/a)", "[here](https://dev.example.org/a)"),
    ("W235", "[here](https://example.com/?p=3&preview=true)", "[here](https://example.com/?preview=1)"),
    ("W235", "[here](https://ab12.ngrok.io/)", "[here](https://ngrok.io/)"),
    ("W236", "[here](https://example.com/a b)", "Write `[here](https://example.com/a b)`"),
    ("W236", "[here](https://example.com/a%20)", "[here](https://example.com/a%20b)"),
    ("W237", "[https://harbour.org/a](https://example.com/a)", "[https://example.com/a](https://www.example.com/a)"),
    ("W237", "[www.harbour.org](https://example.com/)", "[harbour.org, a site](https://example.com/)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "wrong", "right"), EXAMPLES)
def test_a_code_is_for_what_it_says_and_not_for_what_looks_like_it(code: str, wrong: str, right: str) -> None:
    before, after = subject_of(f"Good morning.\n\n{wrong}"), subject_of(f"Good morning.\n\n{right}")
    assert code in codes(before)
    assert code not in codes(after)
    assert {finding.where for finding in found(before, code)} == {"issues/x/issue.md:7"}


@pytest.mark.parametrize(("code", "wrong", "right"), EXAMPLES)
def test_an_article_is_looked_at_like_the_editors_words(code: str, wrong: str, right: str) -> None:
    assert code in codes(subject_of("Hello.", post(f"Words.\n\n{wrong}", url="")))
    assert code not in codes(subject_of("Hello.", post(f"Words.\n\n{right}", url="")))


def test_every_code_has_an_example() -> None:
    assert {code for code, _, _ in EXAMPLES} == set(CODES)


@pytest.mark.parametrize("name", ["post.md", "post.html"])
def test_a_finding_names_the_line_of_the_article(name: str) -> None:
    pieces = [
        "One <a href='https://example.com/ab'>fine</a>.",
        "",
        "Two <a href='http://example.com/a'>wrong</a>.",
    ]
    subject = subject_of("Hello.", post("\n".join(pieces), name=name))
    (finding,) = found(subject, "W230")
    assert finding.where == f"issues/x/articles/{name}:9"
    assert "http://example.com/a" in finding.message


def test_a_relative_link_of_an_article_with_an_address_leads_to_its_site() -> None:
    assert codes(subject_of("Hello.", post("See [the rest](/rest)."))) == set()
    assert codes(subject_of("Hello.", post("See [the rest](/rest).", url=""))) == {"E132"}


def test_what_the_email_does_not_show_is_not_found() -> None:
    long = "The tide comes in and goes out again. " * 60
    (article, file), other = (
        post(f"{long}\n\n{long}\n\n[late](http://example.com/late)"),
        post("Short.", name="b.md"),
    )
    assert "W230" not in codes(subject_of("Hello.", other, (article, file)))
    assert "W230" in codes(subject_of("Hello.", (replace(article, html=article.html[-60:]), file)))


def test_the_address_of_an_article_is_found_in_its_front_matter() -> None:
    (finding,) = found(subject_of("Hello.", post("Words.", url="http://example.com/1")), "W230")
    assert finding.where == "issues/x/articles/post.md:3"


THEME_EXAMPLES = [
    ("E130", '<p><a href="">About us</a></p>'),
    ("E130", '<p><a href="#">About us</a></p>'),
    ("E131", '<p><a href="http://localhost/about">About us</a></p>'),
    ("E132", '<p><a href="/about">About us</a></p>'),
    ("E133", '<p><a href="javascript:void(0)">About us</a></p>'),
    ("E134", '<p><a href="#about">About us</a></p>'),
    ("E135", '<p><a href="mailto:us">About us</a></p>'),
    ("W230", '<p><a href="http://example.com/about">About us</a></p>'),
    ("W234", '<p><a href="https://bit.ly/about">About us</a></p>'),
]


@pytest.mark.parametrize(("code", "mjml"), THEME_EXAMPLES)
def test_a_link_of_the_theme_is_found_in_its_template(code: str, mjml: str) -> None:
    subject = subject_of(own_theme=footer(mjml))
    line = next(n for n, line in enumerate(footer(mjml).text("footer.mjml").split("\n"), 1) if mjml in line)
    (finding,) = found(subject, code)
    assert finding.where == f"templates/footer.mjml:{line}"


def test_an_anchor_that_is_there_is_no_finding() -> None:
    assert codes(subject_of(own_theme=footer('<p id="about"><a href="#about">About us</a></p>'))) == set()


def test_the_address_of_the_publication_is_found_in_newsletter_toml() -> None:
    subject = subject_of(masthead=replace(MASTHEAD, url="http://localhost:8000"))
    assert {finding.where for finding in found(subject, "E131")} == {"newsletter.toml:2"}


def test_the_editors_own_text_part_is_looked_at() -> None:
    assert codes(subject_of(text="See http://localhost:8000/x and {{ unsubscribe_url }}")) == {"E131"}
    assert codes(subject_of(text="See https://example.com/x and {{ unsubscribe_url }}")) == set()


def test_merge_fields_are_no_finding() -> None:
    words = "[leave]({{ unsubscribe_url }}), [yours](https://example.com/?e={{ subscriber.email }})"
    assert codes(subject_of(words)) == set()
    (finding,) = found(subject_of(words.replace("https://ex", "http://ex")), "W230")
    assert finding.where == "issues/x/issue.md:5"


@pytest.mark.parametrize(
    ("host", "is_private"),
    [
        ("localhost", True), ("a.localhost", True), ("10.1.2.3", True), ("2130706433", True), ("0x7f.1", True),
        ("169.254.169.254", True), ("::1", True), ("fe80::1", True), ("nas.lan", True), ("a.home.arpa", True),
        ("intranet", True), ("example.com", False), ("localhost.com", False), ("9.9.9.9", False), ("2606:4700::1111", False),
    ],
)  # fmt: skip
def test_a_private_host_is_known_in_whatever_form(host: str, is_private: bool) -> None:
    assert bool(why_private(host)) is is_private


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_our_own_themes_have_no_finding(name: str) -> None:
    assert [(f.code, f.where, f.message) for f in check(golden(name))] == []


BASE = subject_of(
    "Hello.", post("Words. " + " ".join(f"[link {n}](https://example.com/{n})" for n in range(30)))
)
PIECES = ["http://", "https://", "mailto:", "tel:", "#", "?", "&", "%", "[", "]", "(", ")", "@", ":", "//", "\\", "utm_source=a", "localhost", "1.2", "{{", "}}", "\x00", " "]  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join))
def test_no_address_makes_a_check_fail(address: str) -> None:
    from html import escape

    quoted = escape(address)
    html = BASE.html.replace("https://example.com/7", quoted)
    files = (
        replace(BASE.sources.files[0], text=f"[x](<{address}>) <a href='{quoted}'>Hello.</a>"),
        *BASE.sources.files[1:],
    )
    for finding in check(replace(BASE, html=html, sources=Sources(files))):
        assert finding.code in CODES
        assert finding.where


@settings(deadline=None, max_examples=60)
@given(st.from_regex(r"https://[a-z]{3,9}\.(?:com|org|net|de)/[a-z0-9/-]{0,20}", fullmatch=True))
def test_an_ordinary_address_is_never_a_finding(address: str) -> None:
    if (urlsplit(address).hostname or "") not in ("tinyurl.com",):
        found = list(check(replace(BASE, html=BASE.html.replace("https://example.com/7", address))))
        assert [f for f in found if f.code not in ("W234", "W235")] == []


def test_many_links_are_checked_in_the_time_of_their_number() -> None:
    many = " ".join(f'<a href="http://example.com/{n}">link {n}</a>' for n in range(800))
    started = perf_counter()
    list(check(replace(BASE, html=f"<html><body>{many}</body></html>")))
    assert perf_counter() - started < 3
