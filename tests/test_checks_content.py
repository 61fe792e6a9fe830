"""What an issue says: every code with a text that has it and one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.article import Article
from newsletter.articles.markdown import render_markdown
from newsletter.articles.sanitize import sanitize
from newsletter.checks.content import CODES, characters, check
from newsletter.checks.finding import Finding
from newsletter.checks.subject import SourceFile, Sources, Subject
from newsletter.issues.folder import read_issue
from newsletter.issues.issue import Issue
from newsletter.issues.words import words_html
from newsletter.publication import Publication
from newsletter.render.build import Email, Masthead, build_email
from newsletter.render.settings import ThemeFile
from newsletter.render.theme import Theme, read_theme
from newsletter.sending.message import prepare
from newsletter.subscribers.address import parse_mailbox

GOLDEN = Path(__file__).parent / "golden"
TODAY = date(2026, 11, 23)
MASTHEAD = Masthead(
    "Harbour Notes", "en", "https://example.com", "1 Harbour Wall, Anytown", "editors@example.com"
)
SENDER = "Harbour Notes <letter@example.com>"
SUBJECT = "What the water brings"
PREHEADER = "A lamp, six words for rain, and a small sign on the quay"
VALUES = {
    "unsubscribe_url": "mailto:letter@example.com?subject=unsubscribe",
    "preferences_url": "mailto:letter@example.com?subject=preferences",
    "web_url": "https://example.com/issues/2026-11-23-x/",
    "subscriber.email": "reader@example.com",
    "subscriber.first_name": "Wilhelmina",
}


@cache
def theme(name: str) -> Theme:
    return read_theme(name, Path("nowhere"))


def post(markdown: str, number: int = 1, **more: str) -> Article:
    html = sanitize(render_markdown(markdown))
    fields = {"title": f"Post {number}", "url": f"https://example.com/{number}"} | more
    return Article(f"post-{number}", html=html, **fields)  # type: ignore[arg-type]


def subject_of(
    words: str = "Good morning.",
    closing: str = "",
    *articles: Article,
    subject: str = SUBJECT,
    preheader: str = PREHEADER,
    title: str = "",
    text: str = "",
    own_theme: Theme | None = None,
    masthead: Masthead = MASTHEAD,
    sender: str = SENDER,
    reply_to: str = "editors@example.com",
    list_unsubscribe: tuple[str, ...] = ("mailto:letter@example.com?subject=unsubscribe",),
    one_click: bool = False,
    earlier: Mapping[str, str] = {},
    bodies: Mapping[str, str] = {},
) -> Subject:
    """A subject as it comes of an issue.md with these fields and words."""
    articles = articles or (post("The lamp is lit at dusk."),)
    front = f"---\nsubject: {subject}\npreheader: {preheader}\n---\n"
    issue = Issue(
        "2026-11-23-x",
        subject,
        articles,
        TODAY,
        title=title or subject,
        preheader=preheader,
        opening=words_html(words),
        closing=words_html(closing),
        text=text,
    )
    return subject_from(
        issue,
        own_theme or theme("digest"),
        masthead,
        SourceFile("issues/x/issue.md", f"{front}\n{words}\n\n<!-- articles -->\n\n{closing}\n"),
        [
            SourceFile(
                f"issues/x/articles/{a.id}.md",
                bodies.get(a.id, f"---\ntitle: {a.title}\n---\n{a.html}"),
                a.id,
            )
            for a in articles
        ],
        sender=sender,
        reply_to=reply_to,
        list_unsubscribe=list_unsubscribe,
        one_click=one_click,
        earlier=earlier,
    )


def subject_from(
    issue: Issue,
    chosen: Theme,
    masthead: Masthead,
    issue_file: SourceFile,
    article_files: list[SourceFile],
    *,
    sender: str = SENDER,
    reply_to: str = "",
    list_unsubscribe: tuple[str, ...] = ("mailto:letter@example.com?subject=unsubscribe",),
    one_click: bool = False,
    earlier: Mapping[str, str] = {},
) -> Subject:
    email: Email = build_email(issue, masthead, chosen, {})
    letter = prepare(
        sender=parse_mailbox(sender or SENDER),
        subject=email.subject,
        text=email.text,
        html=email.html,
        boundary="boundary",
        reply_to=parse_mailbox(reply_to) if reply_to else None,
        list_id="Harbour Notes <newsletter.example.com>",
        one_click=one_click,
    )
    message = letter.compose(
        parse_mailbox("Reader <reader@example.com>"),
        VALUES,
        date=datetime(2026, 11, 23, 12, tzinfo=UTC),
        message_id="<1@example.com>",
        list_unsubscribe=list_unsubscribe,
    )
    config = f'name = "Harbour Notes"\nfrom = "{sender}"\nreply_to = "{reply_to}"\npostal_address = "{masthead.postal_address}"\n'
    theme_files = [SourceFile(f"templates/{chosen.name}/{f.name}", f.text) for f in chosen.files]
    return Subject(
        issue=issue,
        theme=chosen,
        masthead=masthead,
        email=email,
        html=email.html.fill(VALUES),
        text=email.text.fill(VALUES),
        subject=email.subject.fill(VALUES),
        message=message,
        sources=Sources((issue_file, *article_files, *theme_files, SourceFile("newsletter.toml", config))),
        today=TODAY,
        earlier=earlier,
        sender=sender,
        reply_to=reply_to,
    )


def golden(name: str) -> Subject:
    """The subject of a golden email, from its folder."""
    letter = Publication.open(GOLDEN / name)
    (folder,) = (GOLDEN / name / "issues").iterdir()
    issue = read_issue(folder)
    files = [
        SourceFile(str(path), path.read_text("utf-8"), article.id)
        for path, article in zip(sorted((folder / "articles").glob("*.md")), issue.articles, strict=True)
    ]
    return subject_from(
        issue,
        letter.theme(issue.theme),
        letter.masthead,
        SourceFile("issue.md", (folder / "issue.md").read_text("utf-8")),
        files,
        sender=letter.config.sender,
    )


def with_file(base: str, name: str, old: str, new: str) -> Theme:
    """A theme of the package with something changed in one of its files."""
    files = tuple(
        ThemeFile(f.name, f.path, f.text.replace(old, new)) if f.name == name else f
        for f in theme(base).files
    )
    assert files != theme(base).files
    return replace(theme(base), files=files)


def footer(words: str) -> Theme:
    return with_file(
        "digest", "footer.mjml", "<!-- email only --><p>", f"<p>{words}</p><!-- email only --><p>"
    )


def found(subject: Subject) -> list[Finding]:
    return list(check(subject))


def codes(subject: Subject) -> set[str]:
    return {finding.code for finding in check(subject)}


def test_an_issue_as_it_should_be_has_no_finding() -> None:
    assert (
        found(subject_of("Good morning {{ subscriber.first_name | fallback('reader') }}.", "Until next week"))
        == []
    )


EXAMPLES: list[tuple[str, Subject, Subject]] = [
    ("E150", subject_of("Lorem ipsum dolor"), subject_of("Lorem is a word, ipsum another")),
    ("E150", subject_of("Dear {{ subcriber.first_name }},"), subject_of("Dear {{ subscriber.first_name | fallback('you') }},")),
    ("E150", subject_of("Dear {{ subscriber.first_name | upper }},"), subject_of("Write `{{ name }}` in code")),
    ("E150", subject_of("Dear *|FNAME|*,"), subject_of("Dear *reader*, | one | two |")),
    ("E150", subject_of("Dear %%first_name%%,"), subject_of("20 % of 30 %% of it")),
    ("E150", subject_of("See \\[INSERT LINK\\]."), subject_of("Insert a coin \\[or two\\].")),
    ("E150", subject_of("[here]({{ unsubscribe }})"), subject_of("[here]({{ unsubscribe_url }})")),
    ("E150", subject_of(subject="TKTK on the water"), subject_of(subject="TK-421 on the water")),
    ("E150", subject_of(preheader=PREHEADER + " {% if x %}"), subject_of(preheader=PREHEADER + " {if} 5%")),
    ("E150", subject_of(own_theme=footer("*|LIST:ADDRESS|*")), subject_of(own_theme=footer("<!-- *|LIST|* -->"))),
    ("E150", subject_of(own_theme=footer("{% raw %}{{ name }}{% endraw %}")), subject_of(own_theme=footer("{# lorem ipsum #}"))),
    ("E150", subject_of(text="Hello {{ name }}\n{{ unsubscribe_url }}"), subject_of(text="Hello\n{{ unsubscribe_url }}")),
    ("E151", replace(subject_of(), text="\n"), subject_of()),
    ("E152", replace(subject_of(), issue=replace(subject_of().issue, articles=(), opening="<p> </p>")), subject_of()),
    ("E153", subject_of(subject=""), subject_of()),
    ("W250", subject_of("The lamp TK is lit."), subject_of("The lamp TKs is lit, tk, ATK.")),
    ("W250", subject_of("TODO: WRITE THIS"), subject_of("TODO ES POSIBLE")),
    ("W250", subject_of("x", "", post("A lamp. FIXME more")), subject_of("x", "", post("`FIXME` is a word"))),
    ("W250", subject_of("x", "", post("Write {{ name }} there.")), subject_of("x", "", post("Write `{{ name }}` there."))),
    ("W250", subject_of("x", "", post("Lorem ipsum")), subject_of("x", "", post("    Lorem ipsum\n    {{ x }}"))),
    ("W250", subject_of("x", "", post("A", title="XXX")), subject_of("x", "", post("A", title="XXXI"))),
    ("W251", subject_of(own_theme=footer("© 2019 Harbour Notes")), subject_of(own_theme=footer("© 2026 Harbour Notes"))),
    ("W251", subject_of(own_theme=footer("&copy; Harbour Notes 2015-2024")), subject_of(own_theme=footer("&copy; 2015-2026 Harbour"))),
    ("W251", subject_of("x", "Copyright 2025"), subject_of("x", "The copyright law of 1976, and © 2019-present")),
    ("W252", subject_of("Please find attached the plan."), subject_of("No strings attached.")),
    ("W252", subject_of("Den Plan finden Sie im Anhang."), subject_of("Das steht im Anhang des Buches.")),
    ("W252", subject_of("Le plan est ci-joint."), subject_of("Le plan est joint au mur.")),
    ("W252", subject_of("計画は添付ファイルをご覧ください。"), subject_of("計画はこちらです。")),
    ("W252", subject_of("The plan is attached."), subject_of("The boat is attached to the wall.")),
    ("W252", subject_of("The attached file says more."), subject_of("x", "", post("Please find attached the plan."))),
    ("W253", subject_of(earlier={"post-1": "2026-11-16-y"}), subject_of(earlier={"post-2": "2026-11-16-y"})),
    ("W254", subject_of("x", "", post("A"), post("B", 2, url="https://www.example.com/1/?utm_source=x")), subject_of("x", "", post("A"), post("B", 2))),
    ("W254", subject_of("x", "", post("Same", title="T"), post("Same", 2, title="T")), subject_of("x", "", post("", title="T", url=""), post("", 2, title="T", url=""))),
    ("W255", subject_of(preheader=SUBJECT + ", and what it takes away again"), subject_of()),
    ("W255", subject_of(subject="Autumn notes: Autumn notes"), subject_of(subject="Bora Bora, Bora Bora Bora")),
    ("W256", subject_of("Dear {{ subscriber.first_name }},"), subject_of("You are {{ subscriber.email }}.")),
    ("W256", subject_of(subject="For {{ subscriber.first_name }} alone"), subject_of(subject="For {{ subscriber.first_name | fallback('you') }} alone")),
    ("W257", subject_of(subject="Nine char"), subject_of(subject="Ten chars.")),
    ("W257", subject_of(subject="x" * 79), subject_of(subject="x" * 78)),
    ("W257", subject_of(subject="Hi {{ subscriber.first_name | fallback('you') }}"), subject_of(subject="水が運んでくるもの")),
    ("W258", subject_of(preheader=""), subject_of()),
    ("W258", subject_of(preheader="x" * 39), subject_of(preheader="x" * 40)),
    ("W258", subject_of(preheader="x" * 131), subject_of(preheader="x" * 130)),
    ("W259", subject_of(subject="THE WATER IS COMING"), subject_of(subject="NASA and ESA at sea")),
    ("W259", subject_of(subject="The water is coming!!"), subject_of(subject="The water is coming! ¡Hola!")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "wrong", "right"), EXAMPLES, ids=[f"{code}-{i}" for i, (code, *_) in enumerate(EXAMPLES)]
)
def test_a_code_is_found_where_it_is_and_not_where_it_is_not(
    code: str, wrong: Subject, right: Subject
) -> None:
    assert code in codes(wrong)
    assert code not in codes(right)
    for finding in check(wrong):
        path = finding.where.rpartition(":")[0] or finding.where
        assert path in {file.path for file in wrong.sources.files}
        assert finding.hint


def test_every_code_has_an_example() -> None:
    assert {code for code, *_ in EXAMPLES} == set(CODES)


@pytest.mark.parametrize(
    ("subject", "code", "where"),
    [
        (subject_of("Good morning.\n\nLorem ipsum here."), "E150", "issues/x/issue.md:8"),
        (subject_of("TKTK"), "E150", "issues/x/issue.md:6"),
        (subject_of(subject="TKTK on the water"), "E150", "issues/x/issue.md:2"),
        (subject_of("Dear {{ subscriber.first_name }},"), "W256", "issues/x/issue.md:6"),
        (subject_of("x", "", post("One\n\nFIXME"), bodies={"post-1": "---\n---\nOne\n\nFIXME\n"}), "W250", "issues/x/articles/post-1.md:5"),
        (subject_of(own_theme=footer("© 2019 Harbour Notes")), "W251", "templates/digest/footer.mjml:2"),
        (subject_of(preheader="short"), "W258", "issues/x/issue.md:3"),
    ],
)  # fmt: skip
def test_a_finding_names_the_line_in_which_it_can_be_mended(subject: Subject, code: str, where: str) -> None:
    assert where in [finding.where for finding in check(subject) if finding.code == code]


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("abc", 3), ("né", 2), ("ne\u0301", 2), ("👨‍👩‍👧", 1), ("🇩🇪", 1), ("❤️", 1), ("👍🏽", 1), ("水が", 4), ("한국", 4), ("कि", 1), ("ما", 2)],
)  # fmt: skip
def test_a_character_is_what_a_reader_takes_for_one(text: str, number: int) -> None:
    assert characters(text) == number


@pytest.mark.parametrize(
    "name", sorted(path.name for path in GOLDEN.iterdir() if (path / "newsletter.toml").is_file())
)
def test_a_golden_email_has_only_what_is_truly_there(name: str) -> None:
    subject = golden(name)
    assert codes(subject) == (set() if subject.issue.preheader else {"W258"})


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(["{{", "}}", "{%", "TK ", "TODO", "[INSERT", "*|A|*", "%%", "\n", "© 2019", "ipsum", "attached"]) | st.text(max_size=8), max_size=20).map("".join))  # fmt: skip
def test_no_text_makes_a_check_fail(text: str) -> None:
    base = SAMPLE
    line = " ".join(text.split())
    issue = replace(base.issue, subject=line, preheader=line, opening=words_html(text), text=text)
    issue = replace(issue, articles=(replace(base.issue.articles[0], title=line, html=sanitize(text)),))
    for finding in check(replace(base, issue=issue)):
        assert finding.code in CODES


SAMPLE = subject_of()


def test_a_hostile_text_is_checked_in_the_time_of_its_length() -> None:
    for piece in ("TODO ", "{{", "© ", "[INSERT ", "%%a", "attached ", "<code>"):
        issue = replace(SAMPLE.issue, opening=piece * 20_000, text=piece * 20_000)
        started = perf_counter()
        list(check(replace(SAMPLE, issue=issue)))
        assert perf_counter() - started < 2, piece
