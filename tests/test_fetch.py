"""Fetching, against real servers on this machine: what comes back, what is refused, and what never leaves."""

from __future__ import annotations

import gzip
import ipaddress
import json
import os
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.fetch import Fetched, Fetcher, display_url
from newsletter.articles.target import is_public, parse_target
from newsletter.errors import FetchError, FetchLater

HERE = frozenset({"127.0.0.1"})
Reply = bytes | Callable[[socket.socket], None]

_connects: list[Any] = []
sys.addaudithook(
    lambda event, arguments: _connects.append(arguments[1]) if event == "socket.connect" else None
)


class Site:
    """A server that answers each path with the bytes, or the dialogue, that a test wrote down."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.replies: dict[str, Reply] = {}
        self.requests: list[str] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/feed", *, user: str = "", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{user and user + '@'}{host}:{self.port}{path}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                stream, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(stream,), daemon=True).start()

    def _answer(self, stream: socket.socket) -> None:
        try:
            if self._tls:
                stream = self._tls.wrap_socket(stream, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := stream.recv(65536)):
                    return
                head += piece
            self.requests.append(head.decode("latin-1"))
            reply = self.replies.get(head.split()[1].decode(), answer(b"", status="404 Not Found"))
            if callable(reply):
                reply(stream)
            else:
                stream.sendall(reply)
        except OSError:
            pass
        finally:
            stream.close()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(b"", f"Location: {location}", status=f"{status} Found")


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


def fetch(url: str, cache: Path | None = None, **options: Any) -> Fetched:
    arguments: dict[str, Any] = {"allow_hosts": HERE, "seconds": 5.0} | options
    return Fetcher(cache, **arguments).fetch(url)


def test_the_body_comes_back_with_its_type_charset_and_address(site: Site) -> None:
    site.replies["/feed?a=b"] = answer(b"<rss/>", 'Content-Type: Application/RSS+XML; Charset="UTF-8"')
    assert fetch(site.url("/feed?a=b#top")) == Fetched(
        site.url("/feed?a=b"), b"<rss/>", "application/rss+xml", "utf-8", unchanged=False
    )


def test_a_body_without_a_type_or_a_length_is_a_body_too(site: Site) -> None:
    site.replies["/feed"] = b"HTTP/1.0 200 OK\r\n\r\n<rss/>"
    assert fetch(site.url()) == Fetched(site.url(), b"<rss/>")


def test_spaces_and_letters_of_any_language_in_a_path_are_encoded_once(site: Site) -> None:
    site.replies["/%C3%BCber%20uns?q=%E6%97%A5"] = answer(b"yes")
    assert fetch(site.url("/über uns?q=日")).body == b"yes"
    assert fetch(site.url("/%C3%BCber%20uns?q=%E6%97%A5")).body == b"yes"


TEXT = b"<rss>" + b"words " * 1000 + b"</rss>"


def _bare_deflate(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(content) + deflate.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-Gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _bare_deflate(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0\0"),
        ("gzip", TEXT),  # named, and not done
        ("", gzip.compress(TEXT)),  # done, and not named: feed.xml.gz
    ],
)
def test_one_layer_of_compression_is_undone(site: Site, encoding: str, sent: bytes) -> None:
    site.replies["/feed"] = answer(sent, f"Content-Encoding: {encoding}")
    assert fetch(site.url()).body == TEXT


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("br", TEXT),
        ("zstd", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
        ("gzip", gzip.compress(gzip.compress(TEXT))),
    ],
)
def test_other_encodings_and_second_layers_are_refused(site: Site, encoding: str, sent: bytes) -> None:
    site.replies["/feed"] = answer(sent, f"Content-Encoding: {encoding}")
    with pytest.raises(FetchError) as refused:
        fetch(site.url())
    assert not isinstance(refused.value, FetchLater)


def _endless_chunks(stream: socket.socket) -> None:
    stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        stream.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")


def _endless_nothing(stream: socket.socket) -> None:
    """Deflate blocks that unpack to nothing, for ever."""
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c")
    while True:
        stream.sendall(b"\x00\x00\x00\xff\xff" * 5000)


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"x" * 2_000_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        answer(gzip.compress(b"\0" * 50_000_000, 6), "Content-Encoding: gzip"),
        _endless_chunks,
        _endless_nothing,
    ],
    ids=["plain", "announced", "bomb", "chunks", "nothing"],
)
def test_what_is_too_large_is_refused_however_it_is_wrapped(site: Site, reply: Reply) -> None:
    site.replies["/feed"] = reply
    with pytest.raises(FetchError, match="larger than 1 MB"):
        fetch(site.url(), max_bytes=1024 * 1024)


def test_what_is_just_not_too_large_is_kept(site: Site) -> None:
    site.replies["/feed"] = answer(gzip.compress(b"x" * 1024 * 1024), "Content-Encoding: gzip")
    assert len(fetch(site.url(), max_bytes=1024 * 1024).body) == 1024 * 1024


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<rss>\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<rss>",
        answer(gzip.compress(TEXT)[:-10], "Content-Encoding: gzip"),
        answer(gzip.compress(TEXT)[:20] + b"????" + gzip.compress(TEXT)[24:], "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nConte",
        b"",
    ],
    ids=["short", "last chunk missing", "chunk cut", "gzip cut", "gzip damaged", "head cut", "nothing"],
)
def test_half_an_answer_is_never_taken_for_a_whole_one(site: Site, reply: bytes) -> None:
    site.replies["/feed"] = reply
    with pytest.raises(FetchError):
        fetch(site.url())


@pytest.mark.parametrize("cut", [1, 100, len(TEXT) - 1])
def test_a_body_that_ends_too_soon_may_be_whole_the_next_time(site: Site, cut: int) -> None:
    site.replies["/feed"] = answer(TEXT)[: -len(TEXT) + cut]
    with pytest.raises(FetchLater):
        fetch(site.url())


def _drip(start: bytes) -> Reply:
    def reply(stream: socket.socket) -> None:
        stream.sendall(start)
        while True:
            time.sleep(0.05)
            stream.sendall(b"x")

    return reply


@pytest.mark.parametrize(
    "reply",
    [
        _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        _drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        _drip(b""),
        lambda _stream: time.sleep(3),
    ],
    ids=["body", "head", "status", "silence"],
)
def test_a_byte_now_and_then_does_not_stretch_the_time(site: Site, reply: Reply) -> None:
    site.replies["/feed"] = reply
    started = time.monotonic()
    with pytest.raises(FetchLater, match=r"within 0\.4 seconds"):
        fetch(site.url(), seconds=0.4)
    assert time.monotonic() - started < 1.5


def test_a_resolver_that_hangs_does_not_stretch_the_time() -> None:
    def hangs(_host: str, _port: int) -> list[str]:
        time.sleep(3)
        return []

    started = time.monotonic()
    with pytest.raises(FetchLater, match=r"within 0\.3 seconds"):
        fetch("http://feeds.example/", seconds=0.3, resolve=hangs)
    assert time.monotonic() - started < 1.5


def test_redirects_share_one_time(site: Site) -> None:
    def slowly(stream: socket.socket) -> None:
        time.sleep(0.25)
        stream.sendall(redirect("/feed"))

    site.replies["/feed"] = slowly
    with pytest.raises(FetchLater):
        fetch(site.url(), seconds=0.6)
    assert len(site.requests) <= 3


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "①②⑦.⓪.⓪.①", "localhost", "LOCALHOST.", "0.0.0.0", "0",
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.8", "192.0.2.1", "198.18.0.1",
        "224.0.0.1", "255.255.255.255", "168.63.129.16",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
        "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fec0::1]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[2001:db8::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_gets_no_connection(site: Site, host: str) -> None:
    site.replies["/feed"] = answer(b"secret")
    _connects.clear()
    with pytest.raises(FetchError, match="not a public address"):
        Fetcher(None, seconds=5).fetch(f"http://{host}:{site.port}/feed")
    assert _connects == []
    assert site.requests == []


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["2606:4700::1", "10.0.0.1"]]
)
def test_one_private_address_among_public_ones_is_enough_to_refuse(answers: list[str]) -> None:
    _connects.clear()
    with pytest.raises(FetchError, match="not a public address"):
        Fetcher(None, resolve=lambda _host, _port: answers).fetch("http://feeds.example/")
    assert _connects == []


def test_a_redirect_into_the_network_gets_no_connection(site: Site, other: Site) -> None:
    other.replies["/feed"] = answer(b"secret")
    site.replies["/feed"] = redirect(other.url(host="127.1"))
    with pytest.raises(FetchError, match="not a public address"):
        fetch(site.url(), allow_hosts=frozenset({f"127.0.0.1:{site.port}"}))
    assert len(site.requests) == 1
    assert other.requests == []


def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    site.replies["/feed"] = answer(b"yes")
    asked: list[str] = []

    def once(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    assert fetch(site.url(host="feeds.example"), resolve=once).body == b"yes"
    assert asked == ["feeds.example"]
    assert f"Host: feeds.example:{site.port}\r\n" in site.requests[0]


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("feeds.example", "feeds.example"),
        ("Feeds.Example.", "feeds.example"),
        ("feeds.example:PORT", "feeds.example"),
        ("127.0.0.1", "feeds.example"),
        ("127.0.0.0/8", "feeds.example"),
        ("127.0.0.1:PORT", "127.0.0.1"),
    ],
)
def test_a_host_that_a_person_listed_may_be_asked(site: Site, allowed: str, host: str) -> None:
    site.replies["/feed"] = answer(b"yes")
    hosts = frozenset({allowed.replace("PORT", str(site.port))})
    assert (
        fetch(site.url(host=host), allow_hosts=hosts, resolve=lambda _host, _port: ["127.0.0.1"]).body
        == b"yes"
    )


@pytest.mark.parametrize(
    "allowed", ["example", "feeds.example:1", "evil.feeds.example", "10.0.0.0/8", "", "*"]
)
def test_a_host_that_only_resembles_a_listed_one_may_not(site: Site, allowed: str) -> None:
    with pytest.raises(FetchError, match="not a public address"):
        fetch(
            site.url(host="feeds.example"),
            allow_hosts=frozenset({allowed}),
            resolve=lambda _host, _port: ["127.0.0.1"],
        )


@pytest.mark.parametrize("url", ["http://feeds.example:25/", "https://feeds.example:22/"])
def test_ports_of_other_services_are_not_asked(url: str) -> None:
    _connects.clear()
    with pytest.raises(FetchError, match="not a web server's"):
        Fetcher(None, resolve=lambda _host, _port: ["93.184.215.14"]).fetch(url)
    assert _connects == []


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_otherwise(address: ipaddress.IPv4Address) -> None:
    if (
        is_public(str(address))
        and not getattr(address, "ipv4_mapped", None)
        and address not in ipaddress.ip_network("64:ff9b::/96")
    ):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/",
        "javascript:alert(1)",
        "//host/feed",
        "host/feed",
        "http://",
        "http:///x",
        "http://[::1",
        "http://h:99999999/",
        "http://h:0/",
        "",
        "http://exa mple.org/",
        "http://a%00b/",
    ],
)
def test_other_addresses_than_http_are_refused(url: str) -> None:
    _connects.clear()
    with pytest.raises(FetchError):
        Fetcher(None).fetch(url)
    assert _connects == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_the_last_address_is_told(site: Site, other: Site, status: int) -> None:
    site.replies["/feed"] = redirect("a/b?c", status)
    site.replies["/a/b?c"] = redirect(other.url("/there"), status)
    other.replies["/there"] = answer(b"yes")
    assert fetch(site.url()) == Fetched(other.url("/there"), b"yes")


def test_redirects_in_a_circle_end(site: Site) -> None:
    site.replies["/feed"] = redirect("/feed")
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetch(site.url())
    assert len(site.requests) == 6


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://[", "javascript:x"]
)
def test_redirects_to_other_schemes_are_refused(site: Site, location: str) -> None:
    site.replies["/feed"] = redirect(location)
    with pytest.raises(FetchError, match="not an http"):
        fetch(site.url())


CANARY = "canary-6f1c"


def test_user_and_password_go_to_their_origin(site: Site) -> None:
    site.replies["/feed"] = redirect("/private")
    site.replies["/private"] = answer(b"yes")
    fetched = fetch(site.url(user="me%40home:p%2Fw:%C3%A9"))
    assert fetched.url == site.url("/private")
    # base64 of me@home:p/w:é
    assert [
        line for request in site.requests for line in request.split("\r\n") if line.startswith("Auth")
    ] == ["Authorization: Basic bWVAaG9tZTpwL3c6w6k="] * 2


def test_user_and_password_go_nowhere_else_and_do_not_come_back(site: Site, other: Site) -> None:
    site.replies["/feed"] = redirect(other.url("/there"))
    other.replies["/there"] = redirect(site.url("/back", user="evil:one"))
    site.replies["/back"] = answer(b"yes")
    assert fetch(site.url(user=f"me:{CANARY}")).url == site.url("/back")
    assert "Authorization" in site.requests[0]
    assert "Authorization" not in other.requests[0] + site.requests[1]


def _raw(status: str, *headers: str) -> bytes:
    return answer(b"", *headers, status=status)


@pytest.mark.parametrize(
    "reply",
    [
        _raw("401 No"),
        _raw("500 No"),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        redirect("http://10.0.0.1/"),
        redirect("x:y"),
        b"SSH-2.0-x\r\n",
    ],
)
def test_a_password_is_in_no_error(site: Site, reply: bytes, tmp_path: Path) -> None:
    site.replies["/feed?access_token=" + CANARY] = reply
    with pytest.raises(FetchError) as refused:
        fetch(site.url("/feed?access_token=" + CANARY, user=f"me:{CANARY}"), tmp_path)
    seen: BaseException | None = refused.value
    while seen is not None:
        assert CANARY not in f"{seen} {seen!r}"
        seen = seen.__cause__


def test_a_password_is_in_no_file_and_no_repr(site: Site, tmp_path: Path) -> None:
    site.replies["/feed"] = answer(b"yes", 'ETag: "1"')
    fetched = fetch(site.url(user=f"me:{CANARY}"), tmp_path)
    assert CANARY not in repr(fetched)
    assert CANARY not in repr(parse_target(site.url(user=f"me:{CANARY}"), where=""))
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    assert all(CANARY not in file.name and CANARY.encode() not in file.read_bytes() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@host/feed", "https://host/feed"),
        ("https://me@host:8443/feed?a=b", "https://host:8443/feed?a=b"),
        ("https://me:p@w@host/feed", "https://host/feed"),
        ("https://me:p/w?x#y@host/feed", "https://host/feed"),
        ("https://me:p/w@x@host/@someone", "https://host/@someone"),
        ("https://me:[p]w@host/feed", "https://host/feed"),
        ("https://[::1]:8000/feed", "https://[::1]:8000/feed"),
        ("https://me:pw@[::1]/feed", "https://[::1]/feed"),
        ("https://host/@someone/feed", "https://host/@someone/feed"),
        ("https://host:8000/@someone", "https://host:8000/@someone"),
        ("https://host/feed?mail=a@b.example", "https://host/feed?mail=a@b.example"),
        ("https://host/feed?token=abc&x=1#a", "https://host/feed?token=***&x=1#a"),
        ("https://host/feed?x=1&access_token=abc", "https://host/feed?x=1&access_token=***"),
        ("https://host/feed?monkey=1&keyword=x", "https://host/feed?monkey=1&keyword=x"),
        ("ftp://me:pw@host/feed", "ftp://host/feed"),
        ("https://me:pw@", "https://"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert display_url(url) == shown


@given(
    st.text(min_size=1, max_size=30).filter(lambda s: "@" not in s),
    st.sampled_from(["/feed", "/@x", "", "?q=@"]),
)
@settings(max_examples=200)
def test_no_password_is_shown_whatever_it_is_made_of(password: str, rest: str) -> None:
    password = f"x{CANARY}{password}{CANARY}"
    assert CANARY not in display_url(f"https://me:{password}@host.example{rest}")


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=300)
def test_any_text_is_an_address_or_a_fetch_error(text: str) -> None:
    display_url(text)
    for url in (text, f"http://{text}", f"https://me:{text}@host/"):
        try:
            target = parse_target(url, where="")
        except FetchError:
            continue
        assert target.path.startswith("/")
        assert target.url.isascii()
        assert not any(c in target.path + target.host for c in "\r\n\0 \t")


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        ("401 Unauthorized", FetchError, "${FEED_USER}:${FEED_PASSWORD}@"),
        ("403 Forbidden", FetchError, "save the feed as a file"),
        ("404 Not Found", FetchError, "check the address"),
        ("410 Gone", FetchError, "remove the source"),
        ("418 I'm a teapot", FetchError, "check the address"),
        ("302 Found", FetchError, ""),
        ("304 Not Modified", FetchError, ""),
        ("206 Partial", FetchError, ""),
        ("408 Timeout", FetchLater, "later"),
        ("429 Too Many Requests", FetchLater, "later"),
        ("500 Internal", FetchLater, "later"),
        ("503 Unavailable", FetchLater, "later"),
    ],
)
def test_each_status_says_whose_move_it_is(
    site: Site, status: str, kind: type[FetchError], hint: str
) -> None:
    site.replies["/feed"] = answer(b"<html>error page</html>", status=status)
    with pytest.raises(FetchError) as refused:
        fetch(site.url())
    assert type(refused.value) is kind
    assert refused.value.exit_code == (75 if kind is FetchLater else 2)
    assert status.split()[0] in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.where == site.url()


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("120", "wait 120 seconds"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "until Wed, 21 Oct 2026 07:28:00 GMT"),
        ("\x1b[2J", "try again later"),
    ],
)
def test_the_wait_that_a_server_asks_for_is_told(site: Site, header: str, hint: str) -> None:
    site.replies["/feed"] = answer(b"", f"Retry-After: {header}", status="429 Slow down")
    with pytest.raises(FetchLater) as refused:
        fetch(site.url())
    assert hint in refused.value.hint


def test_a_wrong_password_and_one_left_behind_by_a_redirect_are_told_apart(site: Site, other: Site) -> None:
    site.replies["/feed"] = other.replies["/feed"] = _raw("401 No")
    site.replies["/moved"] = redirect(other.url())
    with pytest.raises(FetchError) as wrong:
        fetch(site.url(user="me:pw"))
    with pytest.raises(FetchError) as left_behind:
        fetch(site.url("/moved", user="me:pw"))
    assert "not accepted" in wrong.value.hint
    assert "where the redirect leads" in left_behind.value.hint


def test_nobody_listening_is_a_matter_of_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchLater):
        fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(("code", "kind"), [(socket.EAI_NONAME, FetchError), (socket.EAI_AGAIN, FetchLater)])
def test_a_host_that_does_not_exist_is_told_from_a_resolver_that_does_not_answer(
    code: int, kind: type[FetchError]
) -> None:
    def fails(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(code, "as the system says")

    with pytest.raises(FetchError, match=r"no such host: feeds\.example") as refused:
        fetch("https://feeds.example/", resolve=fails)
    assert type(refused.value) is kind


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "-.-"])
def test_a_host_name_that_cannot_be_is_no_traceback(host: str) -> None:
    with pytest.raises(FetchError):
        Fetcher(None, seconds=5).fetch(f"http://{host}/")


def test_the_next_address_is_tried_when_one_does_not_answer(site: Site) -> None:
    site.replies["/feed"] = answer(b"yes")
    assert (
        fetch(
            site.url(host="feeds.example"),
            allow_hosts=frozenset({"127.0.0.0/8"}),
            resolve=lambda _h, _p: ["127.0.0.9", "127.0.0.1"],
        ).body
        == b"yes"
    )


def test_another_protocol_is_no_traceback(site: Site) -> None:
    site.replies["/feed"] = b"SSH-2.0-OpenSSH_9.2\r\n"
    with pytest.raises(FetchError, match="does not speak HTTP"):
        fetch(site.url())


def test_the_proxy_of_the_environment_is_not_asked(
    site: Site, other: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url(""))
    site.replies["/feed"] = answer(b"yes")
    assert fetch(site.url()).body == b"yes"
    assert other.requests == []


def _certificate(folder: Path, name: str) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            subject, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secure_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    path = _certificate(tmp_path, "feeds.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = Site(tls=context)
    yield server
    server.close()


def test_tls_is_checked_by_the_name_of_the_host(secure_site: Site) -> None:
    secure_site.replies["/feed"] = answer(b"yes")
    here: dict[str, Any] = {"resolve": lambda _host, _port: ["127.0.0.1"]}
    assert fetch(secure_site.url(host="feeds.example"), **here).body == b"yes"
    with pytest.raises(FetchError, match="certificate is not valid") as refused:
        fetch(secure_site.url(host="other.example"), **here)
    assert not isinstance(refused.value, FetchLater)
    assert len(secure_site.requests) == 1


def test_a_redirect_from_https_to_http_goes_without_the_password(secure_site: Site, site: Site) -> None:
    secure_site.replies["/feed"] = redirect(site.url(host="feeds.example"))
    site.replies["/feed"] = answer(b"yes")
    fetched = fetch(
        secure_site.url(host="feeds.example", user="me:pw"), resolve=lambda _host, _port: ["127.0.0.1"]
    )
    assert fetched.body == b"yes"
    assert "Authorization" in secure_site.requests[0]
    assert "Authorization" not in site.requests[0]


def test_https_spoken_to_an_http_server_is_no_traceback(site: Site) -> None:
    with pytest.raises(FetchError):
        fetch(site.url().replace("http:", "https:"), seconds=0.5)


ETAG = 'ETag: "abc"'
DATED = "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT"
FEED = answer(b"<rss/>", ETAG, DATED, "Content-Type: text/xml; charset=koi8-r")


def test_an_unchanged_body_comes_from_the_cache(site: Site, tmp_path: Path) -> None:
    site.replies["/feed"] = FEED
    first = fetch(site.url(), tmp_path)
    site.replies["/feed"] = _raw("304 Not Modified")
    second = fetch(site.url(), tmp_path)
    assert (first.unchanged, second.unchanged) == (False, True)
    assert second == Fetched(site.url(), b"<rss/>", "text/xml", "koi8-r", unchanged=True)
    assert "If-None-Match" not in site.requests[0]
    assert 'If-None-Match: "abc"\r\n' in site.requests[1]
    assert "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n" in site.requests[1]


def test_a_changed_body_replaces_the_remembered_one(site: Site, tmp_path: Path) -> None:
    for body in (b"one", b"two"):
        site.replies["/feed"] = answer(body, f'ETag: "{body.decode()}"')
        assert fetch(site.url(), tmp_path).body == body
    site.replies["/feed"] = _raw("304 Not Modified")
    assert fetch(site.url(), tmp_path).body == b"two"
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_remembered_that_could_not_be_asked_about(site: Site, tmp_path: Path) -> None:
    site.replies["/feed"] = answer(b"<rss/>")
    fetch(site.url(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def _garble(path: Path) -> None:
    path.write_bytes(b"\xff{")


def _other_body(path: Path) -> None:
    if path.suffix == ".body":
        path.write_bytes(b"another body")


def _injection(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"etag": "x\r\nEvil: 1"}))


def _wrong_types(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"etag": 7}))


def _too_much(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"more": 7}))


@pytest.mark.parametrize("harm", [_garble, _other_body, _injection, _wrong_types, _too_much, Path.unlink])
def test_a_damaged_cache_is_no_cache(site: Site, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    site.replies["/feed"] = FEED
    fetch(site.url(), tmp_path)
    for path in list(tmp_path.iterdir()):
        harm(path)
    assert fetch(site.url(), tmp_path) == Fetched(site.url(), b"<rss/>", "text/xml", "koi8-r")
    assert "If-None-Match" not in site.requests[1]


def test_a_cache_that_cannot_be_written_costs_only_traffic(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    site.replies["/feed"] = FEED
    assert fetch(site.url(), tmp_path / "file").body == b"<rss/>"


def test_what_one_user_may_read_is_not_remembered_for_another(site: Site, tmp_path: Path) -> None:
    site.replies["/feed"] = FEED
    fetch(site.url(user="me:pw"), tmp_path)
    fetch(site.url(), tmp_path)
    assert "If-None-Match" not in site.requests[1]


def test_a_validator_is_sent_only_to_the_address_that_gave_it(
    site: Site, other: Site, tmp_path: Path
) -> None:
    site.replies["/feed"] = redirect(other.url())
    other.replies["/feed"] = FEED
    fetch(site.url(), tmp_path)
    other.replies["/feed"] = _raw("304 Not Modified")
    assert fetch(site.url(), tmp_path).unchanged
    assert "If-None-Match" not in site.requests[1]
    assert "If-None-Match" in other.requests[1]
    site.replies["/feed"] = answer(b"here now")
    assert fetch(site.url(), tmp_path).body == b"here now"
    assert "If-None-Match" not in site.requests[2]


def test_no_trace_is_left_in_the_cache_folder_but_the_pairs(site: Site, tmp_path: Path) -> None:
    site.replies["/feed"] = FEED
    fetch(site.url(), tmp_path / "deep" / "cache")
    assert sorted(os.path.splitext(path)[1] for path in os.listdir(tmp_path / "deep" / "cache")) == [
        ".body",
        ".json",
    ]
