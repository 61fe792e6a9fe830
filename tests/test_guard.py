"""Who may ask the preview what: every request that a page elsewhere could make is refused, on the wire."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from preview_server import make_letter

from newsletter.errors import UsageError
from newsletter.web.guard import APP_HOST
from newsletter.web.preview import Preview, listen

TOKEN = "a-token-of-the-test"


class Served:
    """A preview on a port of this machine, and plain requests to it."""

    def __init__(self, preview: Preview, port: int, issue_id: str) -> None:
        self.preview = preview
        self.port = port
        self.issue_id = issue_id

    def ask(
        self,
        path: str,
        *,
        host: str = APP_HOST,
        method: str = "GET",
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, body; `host` without a port gets the server's."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host if ":" in host else f"{host}:{self.port}")
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Type", "application/x-www-form-urlencoded")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode())
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = make_letter(tmp_path_factory.mktemp("guard") / "letter")
    (folder.parents[1] / ".env").write_text(
        "SMTP_URL=smtp://user:CANARY-6f1c@127.0.0.1:1\nSECRET_KEY=CANARY-6f1c\n"
    )
    with listen(0) as listening:
        port = listening[0].getsockname()[1]
        preview = Preview(folder.parents[1], port=port, token=TOKEN)
        server = uvicorn.Server(uvicorn.Config(preview.guard, log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": listening}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield Served(preview, port, folder.name)
        server.should_exit = True
        thread.join(10)


def test_it_listens_on_this_machine_alone_by_both_of_its_addresses() -> None:
    with listen(0) as listening:
        names = [one.getsockname()[:2] for one in listening]
    port = names[0][1]
    assert names in ([("127.0.0.1", port), ("::1", port)], [("127.0.0.1", port)])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("[::1]", 421),
        ("evil.test", 421),
        ("evil.test:80", 421),
        ("127.0.0.1:1", 421),
        ("127.0.0.1.evil.test", 421),
        ("localhost.evil.test", 421),
        ("LOCALHOST:1", 421),
        ("", 421),
    ],
)
def test_another_host_is_misdirected(served: Served, host: str, status: int) -> None:
    port = f"{host}:{served.port}" if host == "[::1]" else host
    expected = 200 if host == "[::1]" else status  # the same machine, by its other address
    assert served.ask(f"/{TOKEN}/", host=port)[0] == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/x/", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", f"/{TOKEN.upper()}/", "//", "/static/preview.js", "/%00/"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_without_the_token_nothing_is_there(served: Served, path: str, host: str) -> None:
    status, _, body = served.ask(path, host=host)
    assert status == 404
    assert TOKEN.encode() not in body


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.test", "http://localhost:{}", "https://127.0.0.1:{}", "http://127.0.0.1"],
)
def test_a_post_from_another_origin_is_refused(served: Served, origin: str | None) -> None:
    headers = {"Origin": origin.format(served.port)} if origin else {}
    body = f"issue={served.issue_id}&addresses=me%40example.com"
    assert served.ask(f"/{TOKEN}/test", method="POST", body=body, headers=headers)[0] == 403
    assert not (served.preview.desk.root / "outbox").exists()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_a_post_sends(served: Served, method: str) -> None:
    headers = {"Origin": f"http://127.0.0.1:{served.port}"}
    assert served.ask(f"/{TOKEN}/test?addresses=me%40example.com", method=method, headers=headers)[0] in (
        405,
        403,
    )


def test_no_other_origin_may_read_an_answer(served: Served) -> None:
    for path in ("", "panel", "static/preview.js", f"email/{served.issue_id}"):
        for host in ("127.0.0.1", "localhost"):
            _, headers, _ = served.ask(f"/{TOKEN}/{path}", host=host, headers={"Origin": "http://evil.test"})
            assert not [name for name in headers if name.startswith("access-control-")]
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-content-type-options"] == "nosniff"


def test_the_emails_are_not_in_the_apps_origin_and_the_app_is_not_in_theirs(served: Served) -> None:
    email, app_only = f"/{TOKEN}/email/{served.issue_id}", ("panel", "events", "test")
    assert served.ask(email)[0] == 404
    for path in app_only:
        assert served.ask(f"/{TOKEN}/{path}", host="localhost")[0] == 404
    status, headers, _ = served.ask(f"/{TOKEN}/", host="localhost")
    assert (status, headers["location"]) == (307, f"http://127.0.0.1:{served.port}/{TOKEN}/")


@pytest.mark.parametrize("part", ["email", "text", "raw", "web"])
def test_an_email_is_inert_even_if_it_is_opened_by_itself(served: Served, part: str) -> None:
    status, headers, _ = served.ask(f"/{TOKEN}/email/{served.issue_id}?part={part}", host="localhost")
    policy = {line.split()[0]: line.split()[1:] for line in headers["content-security-policy"].split(";")}
    assert status == 200
    assert policy["sandbox"] == ["allow-same-origin"]  # no scripts, forms, windows, no way up
    assert policy["default-src"] == ["'none'"]
    assert policy["img-src"] == ["https:", "data:", "'self'"]
    assert policy["frame-ancestors"] == ["'self'", f"http://127.0.0.1:{served.port}"]
    assert "script-src" not in policy


def test_the_page_runs_its_own_script_alone_and_is_in_nobodys_frame(served: Served) -> None:
    _, headers, body = served.ask(f"/{TOKEN}/")
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert b"<script>" not in body
    assert b"style=" not in body


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../.env",
        "..%2f..%2f.env",
        "%2e%2e",
        "/etc/passwd",
        "nothing",
        "2026-11-23-x/../../.env",
        "%00",
    ],
)
def test_no_address_becomes_a_path(served: Served, name: str) -> None:
    for path in (
        f"email/{name}",
        f"picture/{served.issue_id}/{name}",
        f"picture/{name}/x",
        f"static/{name}",
        f"panel?issue={name}",
    ):
        for host in ("127.0.0.1", "localhost"):
            _, _, body = served.ask(f"/{TOKEN}/{path}", host=host)
            assert b"CANARY" not in body
            assert b"root:" not in body
    assert served.ask(f"/{TOKEN}/email/{served.issue_id}?against={name}", host="localhost")[0] == 200


def test_no_secret_is_ever_shown(served: Served) -> None:
    paths = ["", f"panel?issue={served.issue_id}", f"panel?issue={served.issue_id}&attributes=x"]
    bodies = [served.ask(f"/{TOKEN}/{path}")[2] for path in paths]
    bodies += [
        served.ask(f"/{TOKEN}/email/{served.issue_id}?part={part}", host="localhost")[2]
        for part in ("email", "text", "raw", "web")
    ]
    origin = {"Origin": f"http://127.0.0.1:{served.port}"}
    body = f"issue={served.issue_id}&addresses=me%40example.com"
    status, _, told = served.ask(f"/{TOKEN}/test", method="POST", body=body, headers=origin)
    assert (status, b"127.0.0.1:1" in told) == (422, True)  # nobody listens there, and that is said
    assert not [found for found in (*bodies, told) if b"CANARY" in found]


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_a_port_that_somebody_has_says_so(family: str) -> None:
    address = "127.0.0.1" if family == "AF_INET" else "::1"
    with socket.socket(getattr(socket, family)) as taken:
        try:
            taken.bind((address, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        taken.listen()
        with pytest.raises(UsageError, match="cannot be used") as caught, listen(taken.getsockname()[1]):
            pass
    assert "--port" in caught.value.hint


def test_the_files_of_the_page_are_small_and_ask_nobody_else(served: Served) -> None:
    files = Path(__file__).parent.parent / "newsletter" / "web" / "data"
    assert sum(path.stat().st_size for path in files.iterdir()) < 100_000
    for path in files.iterdir():
        assert "https://" not in path.read_text("utf-8"), path
