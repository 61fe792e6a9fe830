"""A whole campaign into a real Postfix: after STARTTLS and AUTH, and from there into a Maildir for each recipient."""

from __future__ import annotations

import email
import email.policy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from campaigns import add_people, states
from postfix_server import PASSWORD, PostfixServer, postfix_folder, running_postfix
from proofs.crash import ISSUE, make_letter

from newsletter.publication import Publication
from newsletter.sending.delivery import State

ROOT = Path(__file__).parent.parent
COUNT = 5000
READERS = [f"reader{number}@example.org" for number in range(1, COUNT + 1)]
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or postfix_folder() is None,
    reason="a real Postfix needs root and Debian's postfix, installed or unpacked where NEWSLETTER_POSTFIX says",
)


@pytest.fixture
def server() -> Iterator[PostfixServer]:
    """A Postfix that has a Maildir for each of READERS."""
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))  # a short path, which Postfix's own user can enter
    folder.chmod(0o755)
    try:
        with running_postfix(folder, addresses=READERS) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def run(letter: Publication, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One command of ours."""
    environment = {**os.environ, "SMTP_URL": url, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "newsletter", "-C", str(letter.root), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def wait_until_delivered(server: PostfixServer, count: int) -> dict[str, int]:
    """How many messages each recipient has, when there are `count`, or a minute has passed."""
    for _ in range(300):
        delivered = server.delivered()
        if sum(delivered.values()) >= count:
            break
        time.sleep(0.2)
    return delivered


def test_a_real_postfix_delivers_a_campaign_to_each_recipient_once(
    server: PostfixServer, tmp_path: Path
) -> None:
    letter = make_letter(tmp_path / "letter", in_doubt=64, connections=4, window=16)
    add_people(letter.database, COUNT)
    sent = run(letter, server.url, "send", "--yes", "--despite", "E171")
    assert sent.returncode == 0, sent.stderr
    assert f"{COUNT:,} accepted, of {COUNT:,}" in sent.stderr
    assert wait_until_delivered(server, COUNT) == dict.fromkeys(READERS, 1)
    assert set(states(letter.database, 1).values()) == {State.ACCEPTED}
    assert "sasl_username=letter" in server.log.read_text()
    assert PASSWORD not in sent.stdout + sent.stderr

    (message,) = server.maildir(READERS[41])
    parsed = email.message_from_bytes(message.read_bytes(), policy=email.policy.default)
    assert parsed["To"] == f"Reader 42 <{READERS[41]}>"
    text = parsed.get_body(("plain",))
    assert text is not None
    assert "Dear Reader, it is autumn." in text.get_content()

    again = run(letter, server.url, "send", "--yes", "--despite", "E171")
    assert again.returncode == 1, again.stderr
    assert sum(server.delivered().values()) == COUNT


def test_postfixs_log_settles_what_is_in_doubt(server: PostfixServer, tmp_path: Path) -> None:
    letter = make_letter(tmp_path / "letter", in_doubt=64, connections=4, window=16)
    add_people(letter.database, COUNT)
    environment = {**os.environ, "SMTP_URL": server.url, "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "newsletter",
        "-C",
        str(letter.root),
        "send",
        "--yes",
        "--despite",
        "E171",
    ]
    sending = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while len(list((server.folder / "mail").iterdir())) < 200:
        assert sending.poll() is None
        time.sleep(0.02)
    sending.kill()
    sending.wait()
    time.sleep(1)  # Postfix takes what it has whole

    settled = run(letter, server.url, "reconcile", ISSUE, "--maillog", str(server.log))
    assert settled.returncode in (0, 1), settled.stderr
    finished = run(letter, server.url, "send", "--yes", "--despite", "E171")
    assert finished.returncode in (0, 1), finished.stderr
    found = states(letter.database, 1)
    doubtful = {f"reader{number}@example.org" for number, state in found.items() if state is State.IN_DOUBT}
    assert len(doubtful) <= 64
    delivered = wait_until_delivered(server, COUNT - len(doubtful))
    assert set(delivered.values()) == {1}, "nobody twice"
    assert set(READERS) - set(delivered) <= doubtful, "nobody forgotten"
    assert not set(delivered) & doubtful, "the log knew of all that Postfix took"
