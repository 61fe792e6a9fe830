"""The preview in headless Chromium: what a person does with it, and what an email in it cannot do."""

from __future__ import annotations

import email
import email.policy
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from browser import browser
from campaigns import Clock, accepted, hold
from preview_server import email_of, eventually, make_letter, opened, previewed, stage_of
from readership import ask_who_reads, join
from test_cli import run

from newsletter.dispatch import Dispatch
from newsletter.publication import Publication
from newsletter.sample import make_publication
from newsletter.sending.campaign import CampaignState


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_letter(tmp_path / "letter")


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with previewed(folder.parents[1]) as address:
        yield address


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a preview whose files nobody edits."""
    folder = make_letter(tmp_path_factory.mktemp("still") / "letter")
    with previewed(folder.parents[1]) as address:
        yield address


def words(tab: Any, card: int = 0) -> str:
    return str(email_of(tab, card).locator("body").inner_text())


def test_it_opens_with_the_newest_issue_its_findings_and_its_size(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        assert "How to read a tide table" in words(tab)
        assert tab.locator("#issues [aria-current]").inner_text().count("4 articles · built") == 1
        assert tab.locator("#inbox .subject").inner_text().startswith("How to read a tide table")
        assert tab.locator("#findings .code").all_inner_texts() == ["E131"]
        assert tab.locator("#size tbody tr").count() == 5
        assert email_of(tab).locator("img").first.evaluate("image => image.naturalWidth") > 0


def test_width_light_pictures_part_and_lens_are_switched(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        for key, width in (("1", 320), ("2", 375), ("4", 800), ("3", 600)):
            tab.keyboard.press(key)
            eventually(tab, lambda width=width: email_of(tab).evaluate("innerWidth") == width)
        ground = "getComputedStyle(document.body).backgroundColor"
        assert email_of(tab).evaluate(ground) == "rgb(255, 253, 249)"
        tab.get_by_role("button", name="Dark", exact=True).click()
        eventually(tab, lambda: email_of(tab).evaluate(ground) == "rgb(22, 21, 19)")
        tab.get_by_role("button", name="Forced").click()
        eventually(
            tab, lambda: email_of(tab).evaluate(ground) not in ("rgb(22, 21, 19)", "rgb(255, 253, 249)")
        )
        tab.get_by_role("button", name="Light", exact=True).click()
        eventually(tab, lambda: email_of(tab).evaluate(ground) == "rgb(255, 253, 249)")
        tab.keyboard.press("i")
        loaded = "[...document.images].filter(image => image.naturalWidth).length"
        eventually(tab, lambda: email_of(tab).evaluate(loaded) == 0)
        tab.keyboard.press("i")
        eventually(tab, lambda: email_of(tab).evaluate(loaded) > 0)
        tab.select_option("#lens", "outlook-windows")
        eventually(tab, lambda: "Outlook (Windows)" in stage_of(tab).locator("figcaption").inner_text())
        assert "changes" in stage_of(tab).locator("figcaption").inner_text()
        tab.select_option("#lens", "")
        tab.keyboard.press("t")
        eventually(tab, lambda: words(tab).startswith("Tidewater - 23 November 2026"))
        tab.keyboard.press("r")
        eventually(tab, lambda: "List-Unsubscribe: <mailto:" in words(tab))
        assert "lines of base64]" in words(tab)
        tab.keyboard.press("w")
        eventually(tab, lambda: "tide table" in words(tab) and "Unsubscribe" not in words(tab))


def test_what_was_chosen_is_in_the_address_and_there_again_after_a_reload(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        tab.keyboard.press("2")
        tab.keyboard.press("d")
        eventually(tab, lambda: email_of(tab).evaluate("innerWidth") == 375)
        tab.reload()
        tab.wait_for_selector("body[data-painted]")
        eventually(tab, lambda: email_of(tab).evaluate("innerWidth") == 375)
        assert tab.locator("[data-set='scheme=dark']").get_attribute("aria-pressed") == "true"


def test_a_finding_is_outlined_in_the_email_and_names_its_line(chromium: Any, url: str, folder: Path) -> None:
    with opened(chromium, url) as tab:
        tab.locator("#findings button").click()
        (article,) = (folder / "articles").glob("03*")
        line = article.read_text("utf-8").split("the minutes")[0].count("\n") + 1
        where = tab.locator("#findings .where").inner_text()
        assert where == f"issues/{folder.name}/articles/{article.name}:{line}"
        eventually(tab, lambda: email_of(tab).locator("[data-outlined]").count() == 1)
        place = email_of(tab).locator("[data-outlined]")
        assert place.inner_text() == "the minutes"
        assert place.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        assert stage_of(tab).evaluate("scrollY") > 300
        box = place.bounding_box()
        stage = tab.locator("#stage").bounding_box()
        assert stage["y"] < box["y"] < stage["y"] + stage["height"]


def test_a_saved_file_is_seen_without_a_reload_and_the_scroll_position_stays(
    chromium: Any, url: str, folder: Path
) -> None:
    with opened(chromium, url) as tab:
        tab.evaluate("window.here = true")
        stage_of(tab).evaluate("scrollTo(0, 500)")
        (article,) = (folder / "articles").glob("03*")
        article.write_text(
            article.read_text("utf-8").replace("http://localhost/draft", "https://example.com/m"), "utf-8"
        )
        eventually(tab, lambda: email_of(tab).locator("a[href='https://example.com/m']").count() == 1)
        assert stage_of(tab).evaluate("scrollY") == 500
        eventually(tab, lambda: tab.locator("#findings").inner_text() == "Nothing to mend.")
        assert tab.evaluate("window.here")


def test_a_broken_template_is_told_over_the_email_until_it_is_mended(
    chromium: Any, url: str, folder: Path
) -> None:
    with opened(chromium, url) as tab:
        template = folder.parents[1] / "templates" / "digest" / "issue.mjml"
        good = template.read_text("utf-8")
        stage_of(tab).evaluate("scrollTo(0, 400)")
        template.write_text(good.replace("{% if articles %}", "{% iff articles %}", 1), "utf-8")
        tab.wait_for_selector("#problem .where")
        line = good.split("{% if articles %}")[0].count("\n") + 1
        assert tab.locator("#problem .where").inner_text() == f"templates/digest/issue.mjml:{line}"
        assert "{% iff articles %}" in tab.locator("#problem pre").inner_text()
        assert "How to read a tide table" in words(tab)
        template.write_text(good.replace('class="headline"', 'class="headline" title="mended"'), "utf-8")
        eventually(tab, lambda: tab.locator("#problem .where").count() == 0)
        assert stage_of(tab).evaluate("scrollY") == 400


def test_a_new_issue_appears_in_the_list_and_is_shown(chromium: Any, url: str, folder: Path) -> None:
    with opened(chromium, url) as tab:
        new = folder.with_name("2026-12-01-second")
        new.mkdir()
        (new / "issue.md").write_text(
            '---\nsubject: "The second one"\narticles: []\n---\nWords alone.\n', "utf-8"
        )
        tab.get_by_text("The second one").click()
        eventually(tab, lambda: "Words alone." in words(tab))
        tab.keyboard.press("j")
        eventually(tab, lambda: "How to read a tide table" in words(tab))


def test_a_reader_who_is_made_up_fills_the_merge_fields(chromium: Any, url: str, folder: Path) -> None:
    issue = folder / "issue.md"
    field = 'Dear {{ subscriber.first_name | fallback("friend") }} of {{ subscriber.city | fallback("nowhere") }},\n'
    issue.write_text(issue.read_text("utf-8") + field, "utf-8")
    with opened(chromium, url) as tab:
        eventually(tab, lambda: "Dear friend of nowhere" in words(tab))
        tab.fill("#reader [name=reader]", "Ada <b>Byron <ada@example.com>")
        tab.locator("#reader summary").click()
        tab.fill("#reader [name=attributes]", "city = <i>Oslo")
        tab.get_by_role("button", name="Show").click()
        tab.wait_for_selector("#problem .error")
        assert "Ada" in tab.locator("#problem").inner_text()
        tab.fill("#reader [name=reader]", "Ada Byron <ada@example.com>")
        tab.get_by_role("button", name="Show").click()
        eventually(tab, lambda: "Dear Ada of <i>Oslo," in words(tab))
        assert "Ada Byron <ada@example.com>" in tab.locator("#inbox").inner_text()


def test_the_contact_sheet_shows_several_programs_and_widths_side_by_side(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        tab.keyboard.press("s")
        eventually(tab, lambda: stage_of(tab).locator("figure iframe:not(.next)").count() == 8)
        tab.locator("details.sheet summary").click()
        tab.get_by_role("checkbox", name="Thunderbird").check()
        eventually(tab, lambda: stage_of(tab).locator("figure iframe:not(.next)").count() == 10)
        titles = stage_of(tab).locator("figcaption strong").all_inner_texts()
        assert titles[:2] == ["As it is, 375", "As it is, 600"]
        assert "Thunderbird, 600" in titles


def test_what_differs_from_the_last_build_and_from_another_issue_is_marked(
    chromium: Any, url: str, folder: Path
) -> None:
    other = folder.with_name("2026-11-01-earlier")
    other.mkdir()
    (other / "issue.md").write_text(
        '---\nsubject: "An earlier one"\narticles: []\n---\nWords alone.\n', "utf-8"
    )
    with opened(chromium, url) as tab:
        tab.keyboard.press("c")
        eventually(tab, lambda: stage_of(tab).locator("figure iframe:not(.next)").count() == 2)
        assert email_of(tab, 0).locator("[data-changed]").count() == 0
        assert email_of(tab, 1).locator("[data-changed]").all_inner_texts() == ["Read the minutes first."]
        tab.select_option("#against", other.name)
        eventually(
            tab, lambda: "Words alone." in email_of(tab, 0).locator("[data-changed]").all_inner_texts()
        )
        eventually(tab, lambda: email_of(tab, 1).locator("[data-changed]").count() > 5)


class Sink:
    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 OK"


def test_a_test_is_sent_and_says_whose_message_it_is(chromium: Any, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=port)
    server.start()
    root = folder.parents[1]
    (root / ".env").write_text(f"SMTP_URL=smtp://127.0.0.1:{port}\n")
    try:
        with previewed(root) as url, opened(chromium, url) as tab:
            tab.fill("#reader [name=reader]", "Ada Byron <ada@example.com>")
            tab.get_by_role("button", name="Show").click()
            tab.fill("#test [name=addresses]", "one@example.com\nTwo <two@example.com>")
            tab.get_by_role("button", name="Send test").click()
            tab.get_by_text("Sent: one@example.com by").wait_for()
            tab.reload()
            assert tab.input_value("#test [name=addresses]") == "one@example.com\nTwo <two@example.com>"
    finally:
        server.stop()
    assert [envelope.rcpt_tos for envelope in sink.taken] == [["one@example.com"], ["two@example.com"]]
    content = sink.taken[0].content
    assert isinstance(content, bytes)
    message = email.message_from_bytes(content, policy=email.policy.default)
    line = f"Test of {folder.name}: as Ada Byron <ada@example.com> would get it"
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().startswith(line)
    assert line.replace("<", "&lt;").replace(">", "&gt;") in html.get_content()
    assert str(message["Subject"]).startswith("[Test] ")
    assert "one%40example.com" in str(message["List-Unsubscribe"])


def test_a_subscriber_is_seen_by_address_and_the_issues_say_how_far_they_are(
    chromium: Any, folder: Path
) -> None:
    root = folder.parents[1]
    letter = Publication.open(root)
    ask_who_reads(letter)
    join(letter)
    with previewed(root) as url, opened(chromium, url) as tab:
        assert tab.locator("#issues [aria-current]").inner_text().endswith("4 articles · built")
        assert "Dear reader of somewhere." in words(tab)
        tab.fill("#reader [name=reader]", "ada@example.org")
        tab.get_by_role("button", name="Show").click()
        eventually(tab, lambda: "Dear Ada of Bern." in words(tab))
        assert "For supporters." in words(tab)
        tab.get_by_text('On the list, confirmed; seen as country = "CH" and tag:pro').wait_for()
        assert tab.locator("#inbox").inner_text().count("Ada Byron <Ada@example.org>") == 1
        dispatch = Dispatch(letter)
        campaign_id = dispatch.freeze(dispatch.plan(folder.name))
        dispatch.deliver(campaign_id)
        tab.fill("#reader [name=reader]", "eve@example.org")
        tab.get_by_role("button", name="Show").click()
        tab.get_by_text("Not on the list: made up").wait_for()
        eventually(tab, lambda: "Dear reader of somewhere." in words(tab))
        assert tab.locator("#issues [aria-current]").inner_text().endswith("sent 2 of 2")


def test_the_counts_of_an_issue_on_its_way_move_by_themselves(chromium: Any, folder: Path) -> None:
    root = folder.parents[1]
    letter = Publication.open(root)
    join(letter)
    dispatch = Dispatch(letter)
    campaign_id = dispatch.freeze(dispatch.plan(folder.name))
    ledger = hold(letter.database, campaign_id, clock=Clock(float(dispatch.now())))
    with previewed(root) as url, opened(chromium, url) as tab:
        state = tab.locator("#issues [aria-current]")
        eventually(tab, lambda: state.inner_text().endswith("sending 0 of 2"))
        first, second = ledger.turn([], 2)
        ledger.turn([accepted(first.subscriber_id)], 0)
        eventually(tab, lambda: state.inner_text().endswith("sending 1 of 2"))
        ledger.turn([accepted(second.subscriber_id)], 0)
        ledger.finish(CampaignState.FINISHED)
        eventually(tab, lambda: state.inner_text().endswith("sent 2 of 2"))


def test_a_test_to_no_address_or_a_wrong_one_says_so(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        tab.fill("#test [name=addresses]", "one@@example.com")
        tab.get_by_role("button", name="Send test").click()
        tab.locator("#test-told.bad").wait_for()
        assert "one@@example.com" in tab.locator("#test-told").inner_text()


ATTACKS = (
    "<script>top.postMessage('run','*');document.title='run'</script>"
    '<img src="HERE/picture" onerror="document.title=\'run\'">'
    "<p onclick=\"document.title='run'\">click me</p>"
    '<a href="javascript:document.title=\'run\'">address</a><a href="HERE/top" target="_top">upwards</a>'
    '<form action="HERE/form"><input name="x"><button>send</button></form><link rel="stylesheet" href="HERE/link">'
    '<iframe src="HERE/frame"></iframe><meta http-equiv="refresh" content="0;url=HERE/refresh">'
    "<object data='HERE/object'></object><video src='HERE/video' autoplay></video><style>@import 'HERE/import';</style>"
)


@pytest.fixture
def outside() -> Iterator[tuple[str, list[str]]]:
    """A web server, and the paths for which it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_an_email_cannot_run_leave_ask_or_reach_the_app(
    chromium: Any, folder: Path, outside: tuple[str, list[str]]
) -> None:
    here, asked = outside
    root = folder.parents[1]
    template = root / "templates" / "digest" / "issue.mjml"
    good = template.read_text("utf-8")
    hostile = f"<mj-raw>{ATTACKS.replace('HERE', here)}</mj-raw>{{% if articles %}}"
    template.write_text(good.replace("{% if articles %}", hostile, 1), "utf-8")
    with previewed(root) as url:
        tab = chromium.new_page()
        try:
            tab.goto(url)
            tab.wait_for_selector("body[data-painted]")
            frame = email_of(tab)
            for name in ("click me", "address", "upwards", "send"):
                frame.get_by_text(name, exact=True).click()
            tab.wait_for_timeout(300)
            assert tab.url.startswith(url)
            assert "run" not in (tab.title(), email_of(tab).evaluate("document.title"))
            # Its origin is the mail's, which is not the app's.
            app = url.split("/")[2]
            assert email_of(tab).url.split("/")[2] == app.replace("127.0.0.1", "localhost")
            with pytest.raises(Exception, match="Blocked a frame"):
                stage_of(tab).evaluate("parent.document.title")
            tab.goto(email_of(tab).url)  # by itself it is as inert
            tab.get_by_text("click me", exact=True).click()
            tab.wait_for_timeout(300)
            assert "run" not in tab.title()
        finally:
            tab.close()
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Any, still: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    with opened(chromium, still, scheme=scheme) as tab:
        for prepare in ("n", "s", "c", "?"):
            tab.keyboard.press(prepare)
            tab.wait_for_timeout(300)
            found = axe.run(tab, options={"iframes": False}).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_every_shortcut_is_listed_and_the_page_is_small(chromium: Any, still: str) -> None:
    with opened(chromium, still) as tab:
        tab.keyboard.press("?")
        listed = set(tab.locator("#keys kbd").all_inner_texts())
        assert set(tab.evaluate("Object.keys(KEYS)")) - {"2", "3", "4"} == listed
        tab.keyboard.press("Escape")
        sizes = "performance.getEntries().filter(e => 'transferSize' in e && !e.name.includes('/email/')).map(e => e.transferSize)"
        assert sum(tab.evaluate(sizes)) <= 100_000


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(chromium: Any, still: str, width: int) -> None:
    with opened(chromium, still, width=width, height=844) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_wrong_at_the_start_is_one_line_with_the_remedy(tmp_path: Path, folder: Path) -> None:
    nowhere = run("preview", "--no-open", cwd=tmp_path)
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "newsletter.toml" in nowhere.stderr
    unknown = run("preview", "2026-01-01-nothing", "--no-open", cwd=folder.parents[1])
    assert (unknown.returncode, "there is no issue '2026-01-01-nothing'" in unknown.stderr) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = run("preview", "--no-open", "--port", port, cwd=folder.parents[1])
    assert (busy.returncode, f"port {port} cannot be used" in busy.stderr) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_it_ends_at_once_at_ctrl_c_though_a_page_listens(folder: Path) -> None:
    command = [sys.executable, "-m", "newsletter", "preview", "--no-open"]
    with subprocess.Popen(
        command, cwd=folder.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}events?issue={folder.name}", timeout=10) as stream:
            assert stream.readline().startswith(b"retry:")
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=10)
        assert (server.returncode, said) == (0, "Ctrl-C ends the preview\n")


def test_a_publication_without_an_issue_says_how_to_make_one(chromium: Any, tmp_path: Path) -> None:
    make_publication(tmp_path / "new", "digest")
    with previewed(tmp_path / "new") as url:
        tab = chromium.new_page()
        try:
            tab.goto(url)
            assert "newsletter draft" in tab.locator("#issues").inner_text()
        finally:
            tab.close()
