"""Visits to links and pictures, against a real server on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from test_checks_links import footer, post, subject_of
from test_fetch import Site as TlsSite
from test_fetch import answer
from test_fetch import secure_site as secure_site

from newsletter.articles.fetch import Fetcher
from newsletter.articles.visit import Answer, visit
from newsletter.checks.finding import Finding
from newsletter.checks.online import AT_ONCE, AT_ONCE_OF_A_HOST, CODES, check_online, visit_all
from newsletter.render.build import Masthead

NO_SITE = Masthead("Harbour Notes", "en")


class Site:
    """A web server that answers by path: a status, a status with a Location, or different ones for HEAD and GET."""

    def __init__(self) -> None:
        self.statuses: dict[str, int | tuple[int, int]] = {}
        self.locations: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.wait_seconds = 0.0
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                with site._lock:
                    site.requests.append((self.command, self.path))
                    site._now += 1
                    site.most = max(site.most, site._now)
                time.sleep(site.wait_seconds)
                with site._lock:
                    site._now -= 1
                status = site.statuses.get(self.path, 200)
                self.send_response(status if isinstance(status, int) else status[self.command == "GET"])
                if self.path in site.locations:
                    self.send_header("Location", site.locations[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


def fetcher(resolve: Callable[[str, int], list[str]] = lambda host, port: ["127.0.0.1"]) -> Fetcher:
    return Fetcher(None, allow_hosts=frozenset({"127.0.0.0/8", "127.0.0.1"}), resolve=resolve)


def visited(*markup: str, seconds: float = 10.0, using: Fetcher | None = None) -> list[Finding]:
    """What is found of an article without an address that has these links and pictures."""
    subject = subject_of("Hello.", post("\n\n".join(markup), url=""), masthead=NO_SITE)
    return list(check_online(subject, using or fetcher(), seconds=seconds))


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, []), (204, []), (404, ["E138"]), (410, ["E138"]), (401, []), (403, []), (429, []), (999, []),
        (500, ["W238"]), (503, ["W238"]), (400, ["W238"]),
        ((405, 200), []), ((404, 200), []), ((403, 200), []), ((500, 200), []), ((501, 404), ["E138"]), ((200, 500), []),
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_what_a_reader_would_get(
    site: Site, status: int | tuple[int, int], expected: list[str]
) -> None:
    site.statuses["/a"] = status
    findings = visited(f"[the page]({site.url('/a')})", f"[another]({site.url('/b')})")
    assert codes(findings) == expected
    assert all(finding.where == "issues/x/articles/post.md:7" for finding in findings)


def test_get_is_only_for_what_head_does_not_tell(site: Site) -> None:
    site.statuses["/b"] = (405, 200)
    visited(f"[one]({site.url('/a')}) [two]({site.url('/b')}) [three]({site.url('/a')}#part)")
    assert Counter(site.requests) == {("HEAD", "/a"): 1, ("HEAD", "/b"): 1, ("GET", "/b"): 1}


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (301, "/new", ["W239"]), (308, "/new", ["W239"]), (302, "/new", []), (307, "/new", []), (303, "/new", []),
        (301, "/a/", []), (301, "/gone", ["E138"]), (301, "/a", []), (301, "", ["W238"]),
    ],
)  # fmt: skip
def test_a_page_that_moved_for_good_is_named(
    site: Site, status: int, location: str, expected: list[str]
) -> None:
    site.statuses |= {"/a": status, "/gone": 404}
    site.locations |= {"/a": location} if location else {}
    findings = visited(f"[the page]({site.url('/a')}) [other]({site.url('/c')})")
    assert codes(findings) == expected
    if expected == ["W239"]:
        assert site.url("/new") in findings[0].message


def test_only_the_permanent_part_of_a_way_is_the_new_address(site: Site) -> None:
    site.statuses |= {"/a": 301, "/b": 308, "/c": 302}
    site.locations |= {"/a": "/b", "/b": "/c", "/c": "/d"}
    found = visit(fetcher(), site.url("/a"), seconds=5)
    assert (found.answer, found.moved_to) == (Answer.THERE, site.url("/c"))


def test_a_page_that_was_given_up_for_the_front_page_is_said_to_be(site: Site) -> None:
    site.statuses["/a"] = 301
    site.locations["/a"] = "/"
    (finding,) = visited(f"[the page]({site.url('/a')})")
    assert "front page" in finding.hint


def test_a_picture_is_visited_and_may_move(site: Site) -> None:
    site.statuses |= {"/gone.png": 404, "/moved.png": 301}
    site.locations["/moved.png"] = "/there.png"
    findings = visited(
        *(f'<img src="{site.url(f"/{name}.png")}" alt="A bench">' for name in ("gone", "moved", "fine"))
    )
    assert codes(findings) == ["E138"]
    assert "picture" in findings[0].message


def test_what_is_filled_in_for_a_recipient_is_never_visited(site: Site) -> None:
    words = f"[leave]({{{{ unsubscribe_url }}}}) [yours]({site.url('/?e=')}{{{{ subscriber.email }}}})"
    mjml = '<p><a href="{{ unsubscribe_url }}">Leave</a> <a href="mailto:a@example.com">Write</a></p>'
    subject = subject_of(words, post("Words.", url=""), own_theme=footer(mjml), masthead=NO_SITE)
    assert list(check_online(subject, fetcher(), seconds=5)) == []
    assert site.requests == [("HEAD", "/?e=")]


def test_no_host_is_asked_by_more_than_two_at_once_and_no_more_than_eight_together(site: Site) -> None:
    site.wait_seconds = 0.05
    visit_all([site.url(f"/{n}") for n in range(8)], fetcher(), seconds=10)
    assert site.most == AT_ONCE_OF_A_HOST
    site.most = 0
    visit_all([site.url(f"/{n}", host=f"127.0.0.{n % 12 + 1}") for n in range(36)], fetcher(), seconds=10)
    assert AT_ONCE_OF_A_HOST < site.most <= AT_ONCE


def test_a_busy_host_does_not_hold_up_the_others(site: Site) -> None:
    urls = [site.url(f"/{n}") for n in range(5)] + [site.url("/x", host="127.0.0.2")]
    assert list(visit_all(urls, fetcher(), seconds=10)) == urls


def test_when_the_time_is_over_what_is_left_is_counted(site: Site) -> None:
    site.wait_seconds = 0.3
    started = time.monotonic()
    findings = visited(" ".join(f"[page {n}]({site.url(f'/{n}')})" for n in range(20)), seconds=0.5)
    assert time.monotonic() - started < 3
    assert findings[-1].code == "W238"
    assert "of 20 links and pictures were not visited in 0.5 seconds" in findings[-1].message


def test_a_site_that_does_not_exist_is_an_error_and_no_network_a_single_warning(site: Site) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == "127.0.0.1":
            return [host]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    pages = ["[one](https://one.example.org/)", "[two](https://two.example.org/)"]
    (error,) = visited(pages[0], f"[there]({site.url('/')})", using=fetcher(resolve))
    assert error.code == "E138"
    assert "no such host" in error.message
    (warning,) = visited(*pages, using=fetcher(resolve))
    assert (warning.code, warning.where) == ("W238", "issues/x/issue.md")


def test_an_address_within_a_private_network_is_not_asked(site: Site) -> None:
    closed = Fetcher(None, resolve=lambda host, port: ["127.0.0.1"])
    assert codes(visited(f"[x]({site.url('/a', host='public.example.org')})", using=closed)) == ["W238"]
    assert site.requests == []


def test_a_certificate_of_another_name_is_an_error(secure_site: TlsSite) -> None:
    secure_site.replies["/feed"] = answer(b"yes")
    pages = [secure_site.url(host=host) for host in ("feeds.example", "other.example")]
    (finding,) = visited(*(f"[page {n}]({url})" for n, url in enumerate(pages)))
    assert (finding.code, finding.where) == ("E139", "issues/x/articles/post.md:9")
    assert "certificate is not valid" in finding.message


def test_a_server_that_says_nothing_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert visit(fetcher(), f"http://127.0.0.1:{port}/", seconds=0.3).answer is Answer.NOT_NOW
    assert visit(fetcher(), f"http://127.0.0.1:{port}/", seconds=2).answer is Answer.NOT_NOW


def test_an_issue_without_links_asks_nobody() -> None:
    assert visited("Words.") == []


def test_the_codes_are_declared() -> None:
    assert set(CODES) == {"E138", "E139", "W238", "W239"}
