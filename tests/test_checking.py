"""An issue with errors is refused before it is sent, and what was looked at is the reader with the longest data."""

from __future__ import annotations

import pytest

from newsletter.checking import longest_reader, refuse_errors
from newsletter.checks.check import Checked
from newsletter.checks.finding import Finding, Level
from newsletter.errors import RefusedIssue, UsageError

LINK = Finding("E130", "issues/x/articles/01.html:4", "a link has no address", "give it one", "<a>x</a>")
MORE = Finding("E140", "issues/x/articles/02.html:9", "a picture has no alt attribute")
WARNING = Finding("W230", "issues/x/issue.md:3", "a link leads to http://")


@pytest.mark.parametrize(
    ("findings", "despite"),
    [
        ((), ()),
        ((WARNING,), ()),
        ((LINK.at(Level.WARNING), WARNING), ()),
        ((LINK, LINK, WARNING), ("E130",)),
        ((LINK, MORE), ("E140", "E130", "E171")),
    ],
)
def test_an_issue_without_errors_or_with_errors_that_are_accepted_is_sent(
    findings: tuple[Finding, ...], despite: tuple[str, ...]
) -> None:
    refuse_errors(Checked(findings), despite)


def test_what_is_waived_is_no_error() -> None:
    refuse_errors(Checked((WARNING,), ((LINK, "the reader knows"),)))


def test_other_errors_are_named_with_their_places_and_the_way_out() -> None:
    with pytest.raises(RefusedIssue) as caught:
        refuse_errors(Checked((LINK, MORE, WARNING)), ["E140"])
    text = str(caught.value)
    assert caught.value.exit_code == 1
    assert text.startswith("the issue has 1 error\n")
    assert "issues/x/articles/01.html:4: E130 a link has no address" in text
    assert "give it one" in text
    assert "--despite E130" in text
    assert "E140" not in text
    assert "W230" not in text


def test_a_warning_that_the_publication_made_an_error_is_one() -> None:
    with pytest.raises(RefusedIssue, match="1 error"):
        refuse_errors(Checked((WARNING.at(Level.ERROR),)))
    refuse_errors(Checked((WARNING.at(Level.ERROR),)), ["W230"])


def test_two_errors_of_one_code_are_counted_and_the_code_is_named_once() -> None:
    with pytest.raises(RefusedIssue, match="2 errors") as caught:
        refuse_errors(Checked((LINK, LINK)))
    assert caught.value.hint.count("--despite E130") == 1


def test_a_code_that_there_is_not_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no check E13O, did you mean E1"):
        refuse_errors(Checked((LINK,)), ["E13O"])


def test_the_reader_with_the_longest_data_has_more_than_most() -> None:
    reader = longest_reader()
    assert len(reader.name) > 40
    assert len(str(reader.address)) > 60
