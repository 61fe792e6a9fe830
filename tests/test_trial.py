"""A test of an email says that it is one, and nothing else differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from newsletter.publication import Publication
from newsletter.render.build import Email
from newsletter.render.merge import Template
from newsletter.sending.trial import trial
from newsletter.subscribers.address import parse_mailbox


@pytest.fixture
def email(sample: Publication) -> Email:
    sample.draft()
    return sample.variant().email


def test_the_line_is_on_top_of_both_parts_and_a_name_is_text(email: Email) -> None:
    test = trial(email, parse_mailbox('"Ada <script>" <ada@example.com>'))
    html, text = test.html.fill({}), test.text.fill({})
    assert text.startswith(f"Test of {email.issue_id}: as Ada <script> <ada@example.com> would get it\n\n")
    banner = html.split("<body")[1].split(">", 1)[1]
    assert banner.startswith("<div style=")
    assert "as Ada &lt;script&gt; &lt;ada@example.com&gt; would get it</div>" in banner[:600]
    assert "<script>" not in html


def test_all_else_is_the_same_but_the_digest(email: Email) -> None:
    test = trial(email, parse_mailbox("ada@example.com"))
    assert test.digest != email.digest
    assert (test.subject, test.web, test.pictures) == (email.subject, email.web, email.pictures)
    assert test.html.slots == email.html.slots
    line = next(part for part in test.html.parts if isinstance(part, str) and "Test of" in part)
    start = line.index("<div style=", line.index("<body"))
    end = line.index("</div>", start) + len("</div>")
    assert "".join(map(str, test.html.parts)).replace(line[start:end], "", 1) == "".join(
        map(str, email.html.parts)
    )


def test_an_email_without_a_body_has_it_in_front(email: Email) -> None:
    bare = replace(email, html=Template(("<p>Hi</p>",)))
    assert trial(bare, parse_mailbox("ada@example.com")).html.fill({}).endswith("</div><p>Hi</p>")


def test_a_test_has_another_message_id_than_the_issue_itself(sample: Publication) -> None:
    sample.draft()
    build = sample.build()
    reader = parse_mailbox("me@example.com")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    real = sample.message(build.email, reader, written=now)
    sample.send_test(build, ["me@example.com"], now=now)
    (sent,) = (sample.root / "outbox" / "new").iterdir()

    def message_id(content: bytes) -> bytes:
        return content.split(b"Message-ID: ")[1].split(b"\n")[0].strip()

    assert message_id(sent.read_bytes()) != message_id(real)
