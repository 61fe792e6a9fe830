"""What clients lack: the findings about an issue, and the reading of whole emails beneath them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from email_corpus import GOLDEN, from_feeds, of_features, pieces
from plain_reading import read_plainly, what_to_look_for
from styled import DAY, PLAIN, golden_subject, plain_theme, subject_of

from newsletter.articles.article import Article
from newsletter.checks.caniemail import CLIENTS, client_name, client_names, features, unsupported
from newsletter.checks.clients import MAIN, check, lacking
from newsletter.checks.features import uses
from newsletter.checks.finding import Finding
from newsletter.checks.shares import estimated_shares
from newsletter.checks.subject import Subject
from newsletter.errors import ConfigError
from newsletter.publication import Publication
from newsletter.render.theme import Theme

DATA = Path(__file__).parents[2] / "shared" / "data" / "caniemail.json"
MakeLetter = Callable[..., Publication]
#: Readers of whom half have no Outlook for Windows.
HALF = {"outlook.windows": 50.0, "apple-mail.ios": 50.0}


def found(
    theme: Theme | None = None, shares: Mapping[str, float] | None = None, body: str = "<p>x</p>"
) -> list[Finding]:
    return list(check(replace(subject_of(body, theme=theme), shares=shares or {})))


# --- findings ------------------------------------------------------------------------------------------------


def with_inline(css: str) -> Theme:
    return plain_theme(inline_css=PLAIN["inline.css"] + css)


@pytest.mark.parametrize(
    ("theme", "where", "message"),
    [
        (
            with_inline(".post p { display: flex; }\n"),
            "inline.css:3",
            "display:flex does not work in Outlook Windows",
        ),
        (
            with_inline("\n.post p { background-image: url(a.png); }\n"),
            "inline.css:4",
            "background-image is not shown in",
        ),
        (
            with_inline(".post p { background: red url(a.png); }\n"),
            "inline.css:3",
            "background-image is not shown in",
        ),
        (with_inline(".post p { width: calc(100% - 4px); }\n"), "inline.css:3", "CSS calc() function"),
        (
            plain_theme(head_css=PLAIN["head.css"] + ".post { position: absolute; }\n"),
            "head.css:6",
            "position",
        ),
        (
            plain_theme(
                issue_mjml=PLAIN["issue.mjml"].replace(
                    '<div class="post">', '<div class="post" style="float:left">'
                )
            ),
            "issue.mjml:13",
            "float does not work in",
        ),
    ],
)
def test_what_a_theme_uses_that_clients_lack_is_found_where_it_is_written(
    theme: Theme, where: str, message: str
) -> None:
    (finding,) = [one for one in found(theme) if message in one.message]
    assert finding.code == "W280"
    assert finding.where.endswith(where)
    assert "caniemail.com/features/" in finding.hint
    assert not [one for one in found(plain_theme()) if message in one.message]


def test_what_an_article_uses_is_found_in_its_file() -> None:
    html = '<p>One.</p>\n<p style="float: left">Two.</p>'
    article = Article("one", "A post about harbours", "https://example.com/1", html=html)
    (finding,) = check(subject_of(articles=(article,)))
    assert finding.code == "W280"
    assert "float" in finding.message
    assert finding.where == "issues/x/articles/one.html:5"


def test_what_is_left_of_an_article_that_was_made_safe_is_lacking_nowhere() -> None:
    everything = "".join(pieces().values())
    for client in CLIENTS:
        assert found(body=everything, shares={client: 100.0}) == [], client


@pytest.mark.parametrize(
    "theme",
    [
        plain_theme(),
        with_inline(".post p { -webkit-hyphens: auto; }\n"),
        with_inline(".post p { border-radius: 3px; }\n"),
        plain_theme(head_css=PLAIN["head.css"] + "@media (min-width:600px) { .post { display: flex; } }\n"),
        plain_theme(head_css=PLAIN["head.css"] + "@supports (display:grid) { .post { display: grid; } }\n"),
        plain_theme(head_css=PLAIN["head.css"] + "/* display: flex; */\n"),
    ],
)
def test_what_everybody_has_an_extra_or_only_asked_for_is_no_finding(theme: Theme) -> None:
    assert found(theme) == []
    assert found(theme, HALF) == []


def test_with_shares_a_finding_says_how_many_readers_lack_it() -> None:
    theme = with_inline(".post p { display: flex; }\n")
    (finding,) = found(theme, {"outlook.windows": 12.4, "apple-mail.ios": 80})
    assert "display:flex does not work in Outlook Windows (12.4 % of your readers)" in finding.message
    assert found(theme, {"apple-mail.ios": 99.9, "outlook.windows": 0.1}) == []
    (small,) = found(theme)
    assert "%" not in small.message


def test_what_most_readers_lack_comes_first() -> None:
    theme = with_inline(".post p { display: flex; clip-path: circle(); }\n")
    shares = {"outlook.windows": 20.0, "apple-mail.ios": 50.0, "gmail.android": 30.0}
    first, second = found(theme, shares)
    assert "clip-path" in first.message
    assert "display:flex" in second.message
    lost = [float(one.message.partition("(")[2].partition(" %")[0]) for one in (first, second)]
    assert lost == sorted(lost, reverse=True)


def test_what_many_readers_have_in_part_is_told_with_shares_alone() -> None:
    theme = with_inline(".post p { display: inline-block; position: relative; }\n")
    partly = dict.fromkeys(("apple-mail.ios", "yahoo.desktop-webmail"), 50.0)
    codes = {one.code for one in found(theme, partly)}
    assert codes == {"W281"}
    (finding,) = found(theme, partly)
    assert "works only in part in Apple Mail iOS, Yahoo (web) (100 % of your readers)" in finding.message
    assert "W281" not in {one.code for one in found(theme)}
    assert found(theme, {"apple-mail.ios": 9.0, "protonmail.ios": 0.5}) == []
    assert found(plain_theme(), partly) == []


def test_a_publication_says_which_clients_its_readers_have(make_letter: MakeLetter) -> None:
    letter = make_letter({"a.md": "---\ntitle: A post\ndate: 2026-11-20\n---\nWords about harbours.\n"})
    letter.draft(today=DAY)
    (letter.root / "templates" / "digest").mkdir(parents=True)
    from newsletter.render.theme import PACKAGE_THEMES

    for path in (PACKAGE_THEMES / "digest").glob("*.*"):
        (letter.root / "templates" / "digest" / path.name).write_bytes(path.read_bytes())
    css = letter.root / "templates" / "digest" / "inline.css"
    css.write_text(css.read_text() + "\np { display: flex; }\n")

    def messages(**domains: int) -> list[str]:
        named = {name.replace("_", "."): count for name, count in domains.items()}
        checked = Publication.open(letter.root).check(today=DAY, domains=named)
        return [one.message for one in checked.findings if one.code == "W280"]

    (without,) = messages()
    assert "%" not in without
    (estimated,) = messages(gmail_com=1, example_com=3)
    assert f"({0.25 * 2 + 0.75 * 18:.3g} % of your readers)" in estimated
    config = letter.root / "newsletter.toml"
    config.write_text(config.read_text() + "\n[check]\nclients = { outlook.windows = 12.4 }\n")
    (said,) = messages(gmail_com=1)
    assert "(12.4 % of your readers)" in said
    config.write_text(config.read_text().replace("outlook.windows", "outlok.windows"))
    with pytest.raises(
        ConfigError, match=r"no email client 'outlok.windows', did you mean 'outlook.windows'\?"
    ) as caught:
        messages()
    assert caught.value.where == str(config)


# --- readings ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus() -> dict[str, str]:
    return GOLDEN | from_feeds()


def test_the_corpus_is_large_enough() -> None:
    assert len(GOLDEN) + len(of_features()) > 200
    assert len(GOLDEN) > 20


def test_the_second_reading_knows_most_features() -> None:
    assert len(what_to_look_for(features())) > 150


def test_two_readings_of_every_email_find_the_same(corpus: dict[str, str]) -> None:
    known = set(what_to_look_for(features()))
    for name, html in corpus.items():
        assert set(uses(html)) & known == read_plainly(html, features()), name


@pytest.mark.parametrize(
    "client", sorted(MAIN | {"thunderbird.macos", "gmx.desktop-webmail", "orange.desktop-webmail"})
)
def test_what_a_client_lacks_is_what_is_used_and_has_an_n_in_the_data(
    client: str, corpus: dict[str, str]
) -> None:
    table = features()
    known = set(what_to_look_for(table))
    for name, html in corpus.items():
        if client != "outlook.windows":
            plainly = read_plainly(html, table)
            wanted = {slug for slug in plainly if table[slug].support.get(client, None) is not None}
            wanted = {slug for slug in wanted if table[slug].support[client].value == "n"}
            assert set(lacking(html, client)) & known == wanted, name


def test_every_sample_is_lacking_where_the_data_says_no() -> None:
    table = features()
    for name, html in of_features().items():
        slug = name.partition(":")[0].removesuffix(" in the head")
        for client in MAIN if not name.startswith("not ") else ():
            if client != "outlook.windows" or slug not in ("css-comments",):
                says_no = client in table[slug].support and table[slug].support[client].value == "n"
                is_word = client == "outlook.windows" and "[if" in html
                assert (slug in lacking(html, client)) is says_no or is_word, (name, client)


def latest(values: Mapping[str, str]) -> str:
    """The value of the newest version: by date where all are dates, else the last that is listed."""
    versions = list(values)
    newest = (
        max(versions)
        if all(version.startswith("20") and "-" in version for version in versions)
        else versions[-1]
    )
    return values[newest][0].lower()


@pytest.mark.skipif(not DATA.is_file(), reason=f"caniemail's whole data is not here: {DATA}")
def test_the_compact_copy_says_what_the_whole_data_says() -> None:
    whole: dict[str, Any] = {one["slug"]: one for one in json.loads(DATA.read_text("utf-8"))["data"]}
    table = features()
    assert set(whole) == set(table)
    for slug, one in whole.items():
        said = {
            f"{client}.{platform}": latest(values)
            for client, platforms in one["stats"].items()
            for platform, values in platforms.items()
            if values
        }
        assert {client: support.value for client, support in table[slug].support.items()} == said, slug


# --- names ---------------------------------------------------------------------------------------------------


def test_every_client_of_the_data_has_a_name_and_no_other() -> None:
    in_data = {client for feature in features().values() for client in feature.support}
    assert in_data == set(CLIENTS)
    assert in_data >= MAIN
    assert len(set(CLIENTS.values())) == len(CLIENTS)


def test_names_are_joined_where_it_is_all_of_a_family() -> None:
    assert client_names(["outlook.windows", "apple-mail.ios", "apple-mail.macos"]) == [
        "Apple Mail",
        "Outlook Windows",
    ]
    assert client_name("new-one.desktop-webmail") == "New One"
    assert client_name("new-one.ios") == "New One iOS"


def test_what_is_not_in_the_data_is_not_unsupported() -> None:
    assert not unsupported("css-none-such", "outlook.windows")
    assert not unsupported("css-display-flex", "none.such")
    assert unsupported("css-display-flex", "outlook.windows")


# --- shares --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domains", "most"),
    [
        ({"gmail.com": 5}, "gmail.android"),
        ({"GoogleMail.com.": 5}, "gmail.android"),
        ({"icloud.com": 1}, "apple-mail.ios"),
        ({"hotmail.co.uk": 1}, "outlook.outlook-com"),
        ({"yahoo.co.jp": 3, "gmail.com": 1}, "apple-mail.ios"),
        ({"web.de": 9}, "apple-mail.ios"),
        ({"example.com": 1}, "apple-mail.ios"),
    ],
)
def test_shares_are_estimated_from_the_domains_of_mailboxes(domains: dict[str, int], most: str) -> None:
    shares = estimated_shares(domains)
    assert next(iter(shares)) == most
    assert sum(shares.values()) == pytest.approx(100, abs=0.2)
    assert set(shares) <= set(CLIENTS)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_without_mailboxes_there_are_no_shares() -> None:
    assert estimated_shares({}) == {}
    assert estimated_shares({"gmail.com": 0, "example.com": -1}) == {}


def test_every_provider_has_programs_that_the_data_knows() -> None:
    domains = "aol.com gmx.de web.de t-online.de online.de mail.ru orange.fr sfr.fr free.fr laposte.net proton.me fastmail.com hey.com wp.pl"
    for domain in domains.split():
        shares = estimated_shares({domain: 1})
        assert set(shares) <= set(CLIENTS), domain
        assert any(not client.startswith(("apple", "outlook", "gmail")) for client in shares), domain


# --- our own themes ------------------------------------------------------------------------------------------

#: Readers at one provider each, and everywhere.
READERS = [
    {domain: 1}
    for domain in "gmail.com icloud.com outlook.com yahoo.com aol.com gmx.net web.de t-online.de mail.ru orange.fr sfr.fr free.fr laposte.net proton.me fastmail.com hey.com wp.pl example.com".split()
]


def own_words(subject: Subject) -> Subject:
    """A subject whose articles say nothing, so that what is found is the theme's."""
    articles = tuple(replace(article, html="") for article in subject.issue.articles)
    return replace(subject, issue=replace(subject.issue, articles=articles))


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_our_own_themes_use_nothing_that_readers_miss(name: str, tmp_path: Path) -> None:
    subject = own_words(golden_subject(name, tmp_path))
    assert list(check(subject)) == []
    assert list(check(replace(subject, shares=estimated_shares({"gmail.com": 3, "example.com": 2})))) == []
    if name.endswith("-four"):  # each theme once with each client and provider
        everybody = [estimated_shares(domains) for domains in READERS]
        for shares in (*everybody, *({client: 100.0} for client in CLIENTS)):
            assert list(check(replace(subject, shares=shares))) == [], shares
