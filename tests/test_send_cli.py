"""`send`, `run`, `status`, `settle` and `reconcile` on the command line: what they say, and with which exit code."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from campaigns import Clock, accepted, add_people, hold, lost, refused, states
from click.testing import CliRunner, Result
from proofs.crash import ISSUE, make_letter, open_rows

from newsletter.cli import main, newsletter
from newsletter.dispatch import Dispatch
from newsletter.errors import UsageError
from newsletter.publication import Publication
from newsletter.sending.campaign import CampaignState
from newsletter.sending.campaigns import read_campaign
from newsletter.sending.delivery import State
from newsletter.sending.letters import message_id
from newsletter.sending.maillog import read_taken

ROOT = Path(__file__).parent.parent


@pytest.fixture
def letter(tmp_path: Path) -> Publication:
    """A publication with one small issue and three subscribers."""
    made = make_letter(tmp_path / "letter", in_doubt=16, connections=2, window=8)
    add_people(made.database, 3)
    made.database.close()
    return made


def call(letter: Publication, *arguments: str, code: int = 0) -> Result:
    """The result of one command in this process; it ends with `code`."""
    runner = CliRunner()
    result = runner.invoke(newsletter, ["-C", str(letter.root), *arguments])
    got = result.exit_code
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        got = getattr(result.exception, "exit_code", -1)
        assert got != -1, result.exception
    assert got == code, (result.stdout, result.stderr, result.exception)
    return result


def dispatch_of(letter: Publication) -> Dispatch:
    return Dispatch(Publication.open(letter.root))


def test_send_says_what_it_would_do_and_does_it_only_with_a_yes(letter: Publication) -> None:
    asked = call(letter, "send", code=2)
    assert "to 3 subscribers (everybody), into" in asked.stderr
    assert "3 at example.org" in asked.stderr
    assert "nobody is here to ask" in str(asked.exception)
    assert not (letter.root / "outbox").exists()
    done = call(letter, "send", "--yes")
    assert f"{ISSUE} finished: 3 accepted, of 3" in done.stderr
    assert len(list((letter.root / "outbox" / "new").iterdir())) == 3


def test_the_plans_hash_is_a_yes_as_long_as_nothing_changed(letter: Publication) -> None:
    hash_ = re.search(r"plan ([0-9a-f]{12})", call(letter, "send", code=2).stderr)
    assert hash_
    issue = letter.root / "issues" / ISSUE / "issue.md"
    before = issue.read_text()
    issue.write_text(before.replace("it is autumn", "it is autumn again"))
    refused_ = call(letter, "send", "--plan", hash_[1], code=1)
    assert "the plan is another by now" in str(refused_.exception)
    issue.write_text(before)
    call(letter, "send", "--plan", hash_[1])


def test_an_issue_with_errors_is_not_sent_unless_it_is_said(letter: Publication) -> None:
    issue = letter.root / "issues" / ISSUE / "issue.md"
    issue.write_text(issue.read_text().replace("it is autumn.", "[here](http://localhost/x)"))
    stopped = call(letter, "send", "--yes", code=1)
    assert "E131" in str(stopped.exception)
    assert not (letter.root / "outbox").exists()
    call(letter, "send", "--yes", "--despite", "E131")


def test_what_is_refused_says_how_many_of_the_audience_it_concerns(letter: Publication) -> None:
    css = letter.root / "templates" / "digest" / "inline.css"
    css.parent.mkdir(parents=True)
    css.write_text("p { display: flex; }\n")
    config = letter.root / "newsletter.toml"
    config.write_text(config.read_text() + '[check]\nlevels = { W280 = "error" }\n')
    stopped = call(letter, "send", "--yes", code=1)
    assert re.search(r"W280 .*Outlook.*\(18 % of your readers\)", str(stopped.exception))


def test_nobody_left_is_an_exit_code_of_its_own(letter: Publication) -> None:
    call(letter, "send", "--yes")
    again = call(letter, "send", "--yes", code=1)
    assert "not to 3: already has this issue" in again.stderr
    assert "nobody to send it to" in str(again.exception)
    call(letter, "send", "--yes", "--again", "the map was missing")
    rows = json.loads(call(letter, "status", "--json").stdout)
    assert [(row["again"], row["accepted"]) for row in rows] == [("", 3), ("the map was missing", 3)]
    ids = [
        re.search(r"^Message-ID: (.*)$", path.read_text(), re.M | re.I)[1]  # type: ignore[index]
        for path in (letter.root / "outbox" / "new").iterdir()
    ]
    assert len(set(ids)) == 6, "a message sent again is no duplicate of the first"


def test_events_are_lines_of_json(letter: Publication, tmp_path: Path) -> None:
    lines = call(letter, "send", "--yes", "--json", "--metrics", str(tmp_path / "m.prom")).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["plan", "progress", "end"]
    assert events[0]["recipients"] == events[-1]["accepted"] == 3
    assert events[-1]["state"] == "finished"
    assert 'newsletter_deliveries{state="accepted"} 3' in (tmp_path / "m.prom").read_text()


def test_explain_rate_names_the_limit_and_sends_nothing(letter: Publication) -> None:
    config = letter.root / "newsletter.toml"
    relay = '[[relay]]\nname = "slow"\nurl = "smtp://127.0.0.1:9"\nper_hour = 2\n'
    config.write_text(config.read_text() + relay)
    said = call(letter, "send", "--explain-rate").stderr
    assert "2 per hour (slow) binds: it takes 1:00:00" in said
    assert dispatch_of(letter).campaigns() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--local-time"], "--at"),
        (["--at", "tomorrow"], "not a time"),
        (["--to", "tag:"], "a tag is missing"),
        (["someone@example.org"], "--test"),
        (["--test", "me@example.com", "--to", "everybody"], "--test stands alone: --to would say nothing"),
        (["--test", "me@example.com", "--at", "2099-01-01", "--plan", "abc"], "--plan, --at would"),
        (["--test", "me@example.com", "--again", "x"], "--again would"),
        (["--test", "me@example.com", "--outbox", "mbox", "--json"], "--outbox, --json would"),
        (["--test", "me@example.com", "--cancel"], "--cancel would"),
        (["--cancel", "--at", "2099-01-01"], "--cancel stands alone: --at would say nothing"),
        (["--cancel", ISSUE, "another"], "one issue at a time"),
        (["--test", "nope"], "an address has an @, and nope has none"),
        (["--despite", "E999", "--yes"], "E999"),
        (["--again", "", "--yes"], "--again needs a reason"),
        (["--again", " ", "--yes"], "--again needs a reason"),
    ],
)
def test_what_cannot_be_meant_is_refused(letter: Publication, arguments: list[str], words: str) -> None:
    result = call(letter, "send", *arguments, code=2)
    assert words in str(result.exception) + result.stderr + repr(getattr(result.exception, "hint", ""))
    assert dispatch_of(letter).campaigns() == []


def test_with_a_time_it_is_planned_and_run_sends_it_when_it_has_come(letter: Publication) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 5))
    assert "goes when its time has come" in call(letter, "send", "--yes", "--at", at).stderr
    assert "and goes in" in call(letter, "send", "--yes").stderr
    assert "and goes in" in call(letter, "send", "--yes", "--at", at).stderr
    for other in (["--at", "2099-01-01"], ["--not-after", "2099-01-01"]):
        assert "planned already" in str(call(letter, "send", "--yes", *other, code=2).exception)
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(letter.root), "run"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    dispatch = dispatch_of(letter)
    deadline = time.monotonic() + 60
    while dispatch.campaigns(ISSUE)[0].state is not CampaignState.FINISHED:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "finished: 3 accepted, of 3" in said
    (campaign,) = dispatch.campaigns(ISSUE)
    assert campaign.started_at is not None
    assert campaign.started_at >= campaign.not_before


def interrupted(letter: Publication, again: str = "") -> int:
    """A campaign of which 1 is accepted, 2 in doubt, 3 refused, and its sender gone."""
    dispatch = dispatch_of(letter)
    dispatch.freeze(dispatch.plan(again=again))
    campaign = dispatch.campaigns(ISSUE)[-1]
    ledger = hold(dispatch.database, campaign.id, clock=Clock(float(dispatch.now())))
    ledger.turn([], 3)
    ledger.turn([accepted(1), lost(2), refused(3, "550 5.1.1 =cmd|no such user")], 0)
    ledger.finish(CampaignState.FINISHED)
    dispatch.database.close()
    return campaign.id


def test_status_names_who_is_in_doubt_and_why_others_failed(letter: Publication, tmp_path: Path) -> None:
    assert "was not sent yet" in call(letter, "status").stderr
    interrupted(letter)
    said = call(letter, "status", "--failed", str(tmp_path / "failed.csv"))
    assert "1 accepted, 1 refused, 1 in doubt, of 3" in said.stdout
    assert "in doubt: reader2@example.org" in said.stdout
    rows = list(csv.DictReader((tmp_path / "failed.csv").read_text().splitlines()))
    assert [(row["email"], row["state"]) for row in rows] == [
        ("reader2@example.org", "in doubt"),
        ("reader3@example.org", "refused"),
    ]
    assert rows[1]["reply"] == "550 5.1.1 =cmd|no such user"


def test_settle_puts_a_persons_word_on_it(letter: Publication) -> None:
    campaign_id = interrupted(letter)
    assert "say what is so" in str(call(letter, "settle", ISSUE, "reader2@example.org", code=2).exception)
    said = call(letter, "settle", ISSUE, "--accepted", "reader2@example.org", "reader1@example.org", code=1)
    assert "1 message settled" in said.stderr
    assert "not in doubt: reader1@example.org" in said.stderr
    dispatch = dispatch_of(letter)
    assert states(dispatch.database, campaign_id)[2] is State.ACCEPTED


def test_resend_sends_it_once_more(letter: Publication) -> None:
    interrupted(letter)
    call(letter, "settle", ISSUE, "--resend", "reader2@example.org")
    done = call(letter, "send")
    assert "2 accepted, 1 refused, of 3" in done.stderr
    (message,) = (letter.root / "outbox" / "new").iterdir()
    assert "reader2@example.org" in message.read_text()


def test_reconcile_settles_by_the_servers_log(letter: Publication, tmp_path: Path) -> None:
    campaign_id = interrupted(letter)
    dispatch = dispatch_of(letter)
    campaign = read_campaign(dispatch.database, campaign_id, now=0)
    log = tmp_path / "mail.log"
    log.write_text("Nov 30 12:00:00 mx postfix/cleanup[9]: AB12: message-id=<other@x>\n")
    assert "1 still in doubt" in call(letter, "reconcile", ISSUE, "--maillog", str(log), code=1).stderr
    own = message_id(campaign, "reader2@example.org", "example.com")
    log.write_text(
        f"Nov 30 12:00:00 mx postfix/cleanup[9]: AB12: message-id={own}\n"
        "Nov 30 12:00:00 mx postfix/qmgr[2]: AB12: from=<letter@example.com>, size=9, nrcpt=1 (queue active)\n"
    )
    assert "1 message settled" in call(letter, "reconcile", ISSUE, "--maillog", str(log)).stderr
    assert open_rows(dispatch_of(letter)) == 0
    assert states(dispatch_of(letter).database, campaign_id)[2] is State.ACCEPTED


def test_the_log_of_one_message_settles_no_other_to_the_same_person(
    letter: Publication, tmp_path: Path
) -> None:
    first, second = interrupted(letter), interrupted(letter, again="the map was missing")
    campaign = read_campaign(dispatch_of(letter).database, second, now=0)
    own = message_id(campaign, "reader2@example.org", "example.com")
    log = tmp_path / "mail.log"
    log.write_text(
        f"mx postfix/cleanup[9]: AB12: message-id={own}\n"
        "mx postfix/qmgr[2]: AB12: from=<letter@example.com>, size=9, nrcpt=1 (queue active)\n"
    )
    assert "1 still in doubt" in call(letter, "reconcile", ISSUE, "--maillog", str(log), code=1).stderr
    database = dispatch_of(letter).database
    assert states(database, first)[2] is State.IN_DOUBT
    assert states(database, second)[2] is State.ACCEPTED


@pytest.mark.parametrize(
    ("log", "taken"),
    [
        ("mx postfix/cleanup[9]: AB12: message-id=<a@b>", set()),
        (
            "mx postfix/cleanup[9]: AB12: message-id=<a@b>\n"
            "mx postfix/qmgr[2]: AB12: from=<x@y>, size=9, nrcpt=1 (queue active)",
            {"<a@b>"},
        ),
        (
            "mx postfix-out/submission/cleanup[9]: 4XyZabc: message-id=<a@b>\n"
            "mx postfix-out/smtp[2]: 4XyZabc: to=<x@y>, relay=none, status=deferred",
            {"<a@b>"},
        ),
        ("mx postfix/qmgr[2]: AB12: from=<x@y>, size=9, nrcpt=1 (queue active)", set()),
        ("2026-11-30 12:00:00 1tAbCd-00000000ABC-1xyz <= x@y H=h P=esmtp S=9 id=a@b for c@d", {"<a@b>"}),
        ("2026-11-30 12:00:00 1tAbCd-0001XY-2z <= x@y H=h P=esmtp S=9 id=a@b", {"<a@b>"}),
        ("2026-11-30 12:00:00 1tAbCd-0001XY-2z => c@d R=r T=t", set()),
    ],
)
def test_a_servers_log_tells_what_it_took(log: str, taken: set[str]) -> None:
    assert read_taken(log.splitlines()) == taken


def test_an_older_copy_of_the_database_sends_nothing(letter: Publication) -> None:
    database = letter.root / "newsletter.db"
    backup = database.read_bytes()
    send = [sys.executable, "-m", "newsletter", "-C", str(letter.root), "send", "--yes"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(send, env=environment, check=True, capture_output=True)
    for rest in ("-wal", "-shm"):
        (letter.root / f"newsletter.db{rest}").unlink(missing_ok=True)
    database.write_bytes(backup)
    refusal = subprocess.run(send, env=environment, check=False, capture_output=True, text=True)
    assert refusal.returncode == 2
    assert "older copy: 0 deliveries are settled in it, and there were 3" in refusal.stderr
    assert dispatch_of(letter).campaigns() == [], "nothing was planned either"
    assert len(list((letter.root / "outbox" / "new").iterdir())) == 3


def test_a_message_in_doubt_of_an_erased_subscriber_is_still_listed(letter: Publication) -> None:
    interrupted(letter)
    database = Publication.open(letter.root).database
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE subscriber SET email = NULL, email_key = NULL WHERE id = 2")
    database.close()
    assert "in doubt: subscriber 2 (erased)" in call(letter, "status").stdout


def test_the_exit_code_reaches_the_shell(letter: Publication) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(letter.root), "send"])
    assert ended.value.code == 2


def test_a_metrics_file_that_cannot_be_written_is_named_and_stops_nothing(letter: Publication) -> None:
    said = call(letter, "send", "--yes", "--metrics", str(letter.root / "nowhere" / "m.prom")).stderr
    assert said.count("no metrics any more: No such file or directory") == 1
    assert "finished: 3 accepted, of 3" in said


def test_a_reader_of_the_events_who_hangs_up_leaves_nobody_in_doubt(letter: Publication) -> None:
    add_people(letter.database, 400, first=100)
    letter.database.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(letter.root), "send", "--yes", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert b'"plan"' in process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) != 0
    assert b"Traceback" not in said
    counts = dispatch_of(letter).campaigns(ISSUE)[0].counts
    assert counts.in_doubt == counts.under_way == 0
    call(letter, "send")
    assert len(list((letter.root / "outbox" / "new").iterdir())) == 403


def test_a_file_that_cannot_be_written_is_named_without_a_traceback(
    letter: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    call(letter, "send", "--yes")
    nowhere = letter.root / "nowhere" / "failed.csv"
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(letter.root), "status", "--failed", str(nowhere)])
    assert ended.value.code == 2
    assert f"{nowhere}: No such file or directory" in capsys.readouterr().err


def test_a_lost_env_file_writes_nothing_out_unless_it_is_said(letter: Publication) -> None:
    env = letter.root / ".env"
    env.write_text("SMTP_URL=smtp://127.0.0.1:1\n")
    call(letter, "send", "--yes", "--no-wait", code=75)
    assert "going on, 3 messages to go, through SMTP_URL" in call(letter, "send", "--no-wait", code=75).stderr
    env.unlink()
    stopped = call(letter, "send", code=2)
    assert f"{ISSUE}: it was planned to go through mail servers, and none is set" in str(stopped.exception)
    assert "SMTP_URL" in str(stopped.exception)
    assert "going on" not in stopped.stderr
    assert not (letter.root / "outbox").exists()
    dispatch = dispatch_of(letter)
    (campaign,) = dispatch.campaigns(ISSUE)
    with pytest.raises(UsageError, match="none is set any more"):
        dispatch.deliver(campaign.id)
    assert dispatch.campaigns(ISSUE)[0].counts.planned == 3
    dispatch.database.close()
    said = call(letter, "send", "--outbox", "maildir").stderr
    assert f"3 messages to go, into {letter.root / 'outbox'} (maildir)" in said
    assert "3 accepted" in said


def test_what_was_planned_into_the_outbox_does_not_go_through_a_server(letter: Publication) -> None:
    dispatch = dispatch_of(letter)
    dispatch.freeze(dispatch.plan())
    dispatch.database.close()
    (letter.root / ".env").write_text("SMTP_URL=smtp://127.0.0.1:1\n")
    stopped = call(letter, "send", code=2)
    assert "planned into the outbox, and would now go through mail servers" in str(stopped.exception)
    assert "--outbox maildir" in str(stopped.exception)
    assert "3 accepted" in call(letter, "send", "--outbox", "maildir").stderr


def test_the_plans_hash_stands_for_the_way_too(letter: Publication) -> None:
    (letter.root / ".env").write_text("SMTP_URL=smtp://127.0.0.1:1\n")
    out = re.search(r"plan ([0-9a-f]{12})", call(letter, "send", "--outbox", "mbox", code=2).stderr)
    assert out
    assert "another by now" in str(call(letter, "send", "--plan", out[1], code=1).exception)
    assert "3 accepted" in call(letter, "send", "--plan", out[1], "--outbox", "mbox").stderr


def test_run_says_once_that_the_way_is_lost_and_leaves_the_campaign_alone(letter: Publication) -> None:
    env = letter.root / ".env"
    env.write_text("SMTP_URL=smtp://127.0.0.1:1\n")
    dispatch = dispatch_of(letter)
    dispatch.freeze(dispatch.plan())
    env.unlink()
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "-C", str(letter.root), "run"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    lines = [process.stderr.readline(), process.stderr.readline()]
    time.sleep(2.5)  # it looks every second
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert "none is set any more" in "".join(lines)
    assert "none is set any more" not in rest
    assert dispatch.campaigns(ISSUE)[0].state is CampaignState.DUE
    assert not (letter.root / "outbox").exists()


def test_a_planned_campaign_is_called_off_and_the_issue_planned_anew(letter: Publication) -> None:
    call(letter, "send", "--yes", "--at", "2099-01-01")
    said = call(letter, "send", ISSUE, "--cancel").stderr
    assert f"{ISSUE}: called off, 3 messages will not go" in said
    assert dispatch_of(letter).campaigns() == []
    nothing = call(letter, "send", "--cancel", code=1)
    assert f"{ISSUE}: nothing of it is planned" in str(nothing.exception)
    call(letter, "send", "--yes", "--at", "2098-01-01")
    call(letter, "send", "--cancel")
    assert "3 accepted" in call(letter, "send", "--yes").stderr
    assert "nothing of it is planned" in str(call(letter, "send", "--cancel", code=1).exception)


def test_what_is_planned_is_called_off_without_the_issues_folder(letter: Publication) -> None:
    call(letter, "send", "--yes", "--at", "2099-01-01")
    (letter.root / "issues").rename(letter.root / "elsewhere")
    assert "called off" in call(letter, "send", ISSUE, "--cancel").stderr


def test_what_was_begun_is_not_called_off(letter: Publication) -> None:
    (letter.root / ".env").write_text("SMTP_URL=smtp://127.0.0.1:1\n")
    call(letter, "send", "--yes", "--no-wait", code=75)
    refused_ = call(letter, "send", "--cancel", code=1)
    assert f"{ISSUE}: it was begun" in str(refused_.exception)
    assert dispatch_of(letter).campaigns(ISSUE)[0].counts.planned == 3


def test_a_segment_that_asks_for_an_issue_never_sent_is_noted(letter: Publication) -> None:
    asked = call(letter, "send", "--to", 'not received("2026-11-23-autum")', code=2)
    assert 'note: no issue "2026-11-23-autum" was ever sent' in asked.stderr
    assert "to 3 subscribers" in asked.stderr
    counted = call(letter, "subscribers", "count", 'tag:pro or not (received("typo") and name is set)')
    assert 'no issue "typo" was ever sent' in counted.stderr
    assert "3" in counted.stdout


def test_an_issue_that_was_sent_or_has_a_folder_is_no_typo(letter: Publication) -> None:
    question = f'not received("{ISSUE}")'
    assert "note" not in call(letter, "subscribers", "count", question).stderr
    call(letter, "send", "--yes")
    (letter.root / "issues" / ISSUE).rename(letter.root / "issues" / "2027-01-01-moved")
    assert "note" not in call(letter, "subscribers", "count", question).stderr
