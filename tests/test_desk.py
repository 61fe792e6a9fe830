"""A publication on the desk: what is kept, what an edit changes, who reads."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
from preview_server import make_letter
from readership import ask_who_reads, join

from newsletter.dispatch import Dispatch
from newsletter.errors import ConfigError, NewsletterError, UsageError
from newsletter.publication import Publication
from newsletter.web.desk import Desk, parse_reader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_letter(tmp_path / "letter")


def test_nothing_is_built_twice_until_a_file_changes(folder: Path) -> None:
    desk = Desk(folder.parents[1])
    first = desk.variant(folder.name)
    assert desk.variant(folder.name) is first
    assert desk.refresh() == 1
    assert desk.variant(folder.name) is not first
    assert desk.variant(folder.name).email == first.email


def test_an_error_is_kept_until_it_is_mended(folder: Path) -> None:
    desk = Desk(folder.parents[1])
    config = folder.parents[1] / "newsletter.toml"
    good = config.read_text()
    config.write_text(f'{good}\nnmae = "x"\n')
    with pytest.raises(ConfigError):
        desk.variant(folder.name)
    assert isinstance(desk.problem(folder.name), ConfigError)
    assert len(desk.issues()) == 1
    config.write_text(good)
    assert desk.problem(folder.name) is not None
    desk.refresh()
    assert desk.problem(folder.name) is None


def test_an_issue_that_cannot_be_read_is_in_the_list_with_the_reason(folder: Path) -> None:
    (folder / "issue.md").write_text("---\nsubjekt: x\n---\n")
    (line,) = Desk(folder.parents[1]).issues()
    assert (line.id, line.built) == (folder.name, True)
    assert "unknown key 'subjekt'" in line.problem


def test_a_review_says_what_is_wrong_and_what_each_article_weighs(folder: Path) -> None:
    review = Desk(folder.parents[1]).review(folder.name)
    assert [finding.code for finding in review.checked.findings] == ["E131"]
    assert len(review.weights) == 4
    assert 0 < sum(weight for _, weight in review.weights) < review.html_size


def test_the_last_build_shows_its_pictures_as_the_email_does(folder: Path) -> None:
    desk = Desk(folder.parents[1])
    built = desk.last_build(folder.name)
    assert built is not None
    assert "../articles/" not in built
    assert built.count("cid:") == desk.variant(folder.name).email.html.fill({}).count("cid:")
    (folder / "build" / "email.html").unlink()
    assert desk.last_build(folder.name) is None


@pytest.mark.parametrize(
    ("words", "shown", "attributes", "segments"),
    [
        ({}, "reader@example.com", {}, set()),
        ({"reader": "Ada Byron <ada@example.com>"}, "Ada Byron <ada@example.com>", {}, set()),
        (
            {"attributes": "city = Oslo\n\nplan=pro"},
            "reader@example.com",
            {"subscriber.city": "Oslo", "subscriber.plan": "pro"},
            set(),
        ),
        ({"attributes": "subscriber.city=a=b"}, "reader@example.com", {"subscriber.city": "a=b"}, set()),
        ({"segments": "tag:pro, tag:new"}, "reader@example.com", {}, {"tag:pro", "tag:new"}),
    ],
)
def test_a_reader_is_made_up_of_words(
    words: dict[str, str], shown: str, attributes: dict[str, str], segments: set[str]
) -> None:
    reader = parse_reader(words)
    assert (str(reader), dict(reader.attributes), set(reader.segments)) == (shown, attributes, segments)


@pytest.mark.parametrize("words", [{"reader": "ada"}, {"attributes": "city"}, {"attributes": "=x"}])
def test_a_reader_who_cannot_be_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(NewsletterError):
        parse_reader(words)


def test_the_addresses_of_a_test_are_kept_only_when_it_was_sent(folder: Path) -> None:
    desk = Desk(folder.parents[1])
    with pytest.raises(NewsletterError):
        desk.send_test(folder.name, ["me@@example.com"], parse_reader({}))
    assert desk.addresses() == []
    (sent,) = desk.send_test(
        folder.name, ["me@example.com"], parse_reader({"reader": "Ada <ada@example.com>"})
    )
    assert desk.addresses() == ["me@example.com"]
    message = email.message_from_bytes(Path(sent).read_bytes(), policy=email.policy.default)
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().startswith(f"Test of {folder.name}: as Ada <ada@example.com> would get it")
    assert message["To"] == "me@example.com"


def test_an_attribute_is_no_way_to_another_merge_field() -> None:
    with pytest.raises(UsageError):
        parse_reader({"attributes": "unsubscribe_url"})
    assert set(parse_reader({"attributes": "unsubscribe_url = https://evil.test"}).attributes) == {
        "subscriber.unsubscribe_url"
    }


def test_a_subscriber_is_seen_with_what_the_list_knows(folder: Path) -> None:
    root = folder.parents[1]
    ask_who_reads(Publication.open(root))
    desk = Desk(root)
    ada = {"reader": "ada@example.org"}
    assert desk.reader(folder.name, ada) == parse_reader(ada)
    assert not (root / "newsletter.db").exists()
    join(Publication.open(root))
    found = desk.reader(folder.name, ada)
    assert str(found) == "Ada Byron <Ada@example.org>"
    assert found.segments == {"tag:pro", 'country = "CH"'}
    values = desk.values(folder.name, found)
    assert (values["subscriber.first_name"], values["subscriber.city"]) == ("Ada", "Bern")
    typed = desk.reader(folder.name, {**ada, "attributes": "city = Oslo", "segments": "tag:pro"})
    assert typed.segments == {"tag:pro"}
    assert (typed.attributes["subscriber.city"], typed.attributes["subscriber.country"]) == ("Oslo", "CH")
    assert desk.reader(folder.name, {}) == parse_reader({})
    assert desk.reader(folder.name, {"reader": "eve@example.org"}).subscriber_id is None


def test_a_test_without_a_reader_is_what_each_address_would_get(folder: Path) -> None:
    root = folder.parents[1]
    ask_who_reads(Publication.open(root))
    join(Publication.open(root))
    desk = Desk(root)
    (sent,) = desk.send_test(folder.name, ["ada@example.org"], desk.reader(folder.name, {}))
    assert "as Ada Byron <Ada@example.org> would get it" in "".join(Path(sent).read_text().split("=\n"))


def test_the_states_are_those_of_the_ledger_and_nothing_is_made_for_them(folder: Path) -> None:
    root = folder.parents[1]
    desk = Desk(root)
    assert desk.states() == {}
    assert not (root / "newsletter.db").exists()
    letter = Publication.open(root)
    join(letter)
    assert desk.states() == {}
    dispatch = Dispatch(letter)
    campaign_id = dispatch.freeze(dispatch.plan(folder.name))
    assert desk.states() == {folder.name: "planned"}
    dispatch.deliver(campaign_id)
    assert desk.states() == {folder.name: "sent 2 of 2"}


def test_a_list_that_cannot_be_read_costs_a_note_and_is_left_alone_for_a_while(folder: Path) -> None:
    root = folder.parents[1]
    (root / "newsletter.db").write_text("no database")
    desk = Desk(root)
    ada = {"reader": "ada@example.org"}
    assert desk.reader(folder.name, ada) == parse_reader(ada)
    assert desk.list_problem.endswith("newsletter.db: not a database")
    assert desk.review(folder.name).checked.findings
    (root / "newsletter.db").unlink()
    join(Publication.open(root))
    assert desk.reader(folder.name, ada) == parse_reader(ada), "it was asked again at once"
    (root / ".env").write_text("# another place for the list\n")
    desk.refresh()
    assert desk.reader(folder.name, ada).subscriber_id
    assert desk.list_problem == ""


def test_the_database_stays_open_from_one_edit_to_the_next(folder: Path) -> None:
    root = folder.parents[1]
    join(Publication.open(root))
    desk = Desk(root)
    desk.states()
    opened = desk.publication.database
    desk.refresh()
    desk.states()
    assert desk.publication.database is opened
