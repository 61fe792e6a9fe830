"""What law and providers ask of mail to many: every code with an issue that has it and one that does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks_content import GOLDEN, MASTHEAD, SAMPLE, golden, subject_of, with_file

from newsletter.checks.compliance import CODES, check
from newsletter.checks.subject import Subject

WEB = ("https://example.com/u/1", "mailto:letter@example.com")
MAIL = ("mailto:letter@example.com",)
LINK = '<a href="{{ unsubscribe_url }}">{{ words.unsubscribe }}</a>'
TEXT = "{{ words.unsubscribe }}: {{ unsubscribe_url }}"
POST = "{% if publication.postal_address %}"


def codes(subject: Subject) -> set[str]:
    return {finding.code for finding in check(subject)}


def at(address: str) -> Subject:
    return subject_of(masthead=replace(MASTHEAD, postal_address=address))


def from_(sender: str, reply_to: str = "") -> Subject:
    return subject_of(sender=sender, reply_to=reply_to)


def without(file: str, words: str, instead: str = "") -> Subject:
    return subject_of(own_theme=with_file("digest", file, words, instead))


EXAMPLES: list[tuple[str, Subject, Subject]] = [
    ("E170", without("footer.mjml", LINK), subject_of()),
    ("E170", without("footer.mjml", LINK, "{{ unsubscribe_url }}"), without("footer.mjml", LINK, '<a class="x" href="{{ unsubscribe_url }}">out</a>')),
    ("E171", without("footer.txt", TEXT), subject_of()),
    ("E171", subject_of(text="My own text part."), subject_of(text="My own text part: {{ unsubscribe_url }}")),
    ("E172", subject_of(list_unsubscribe=()), subject_of(list_unsubscribe=MAIL)),
    ("W270", subject_of(list_unsubscribe=WEB), subject_of(list_unsubscribe=WEB, one_click=True)),
    ("W270", subject_of(list_unsubscribe=WEB), subject_of(list_unsubscribe=MAIL)),
    ("W271", at(""), at("1 Harbour Wall, Anytown")),
    ("W271", without("footer.mjml", POST, "{% if false %}"), at("Hafen & Söhne,\n1 Kai")),
    ("W271", without("footer.txt", POST, "{% if false %}"), at("An address so long that it is wrapped in the text part: 1 Harbour Wall, 12345 Anytown, Far Country")),
    ("W272", at("Your Company, 123 Main St"), at("Main Street Books, 12 High Street")),
    ("W272", at("Musterstraße 1, 12345 Musterstadt"), at("Adresse: Uferweg 1, 20095 Hamburg")),
    ("W272", at("[street address]"), at("Street 1, Anytown")),
    ("W272", at("TODO"), at("Todor Books, Sofia 1000")),
    ("W273", from_("a@example.com", "b@example.org"), from_("a@news.example.com", "b@example.com")),
    ("W274", from_("Letter <letter@gmail.com>"), from_("Letter <gmail.com@example.com>", "letter@gmail.com")),
    ("W275", from_("noreply@example.com"), from_("noreply@example.com", "editors@example.com")),
    ("W275", from_("do-not-reply@example.com"), from_("replay@example.com")),
    ("W275", from_("a@example.com", "no-reply@example.com"), from_("a@example.com", "norep@example.com")),
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
        assert (finding.where.rpartition(":")[0] or finding.where) in {f.path for f in wrong.sources.files}
        assert finding.hint


def test_every_code_has_an_example() -> None:
    assert {code for code, *_ in EXAMPLES} == set(CODES)


def test_an_issue_as_it_should_be_has_no_finding() -> None:
    assert list(check(subject_of())) == []


@pytest.mark.parametrize(
    ("subject", "code", "where"),
    [
        (at(""), "W271", "newsletter.toml:4"),
        (from_("letter@gmail.com"), "W274", "newsletter.toml:2"),
        (from_("a@example.com", "b@example.org"), "W273", "newsletter.toml:3"),
        (from_("a@example.com", "noreply@example.com"), "W275", "newsletter.toml:3"),
    ],
)
def test_a_finding_names_the_line_of_the_setting(subject: Subject, code: str, where: str) -> None:
    assert [finding.where for finding in check(subject) if finding.code == code] == [where]


@pytest.mark.parametrize(
    "name", sorted(path.name for path in GOLDEN.iterdir() if Path(path / "newsletter.toml").is_file())
)
def test_a_golden_email_has_no_finding(name: str) -> None:
    assert list(check(golden(name))) == []


@settings(deadline=None, max_examples=200)
@given(sender=st.text(max_size=30), reply_to=st.text(max_size=30), address=st.text(max_size=40))
def test_no_setting_makes_a_check_fail(sender: str, reply_to: str, address: str) -> None:
    masthead = replace(MASTHEAD, postal_address=address)
    for finding in check(replace(SAMPLE, sender=sender, reply_to=reply_to, masthead=masthead)):
        assert finding.code in CODES
