"""sending.smtp against servers in this process: aiosmtpd for what works, a scripted one for what does not."""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as PeerSession
from certificates import Authority, make_authority

from newsletter.errors import ConfigError, DeliveryError, DeliveryLater
from newsletter.sending.smtp import Security, Server, Session, parse_server, send
from newsletter.subscribers.address import parse_address

SENDER = parse_address("news@example.org")
READER = parse_address("reader@example.com")
OTHER = parse_address("other@example.com")
MESSAGE = b"Subject: Spring\r\n\r\nHello\r\n"
CANARY = "CANARY-6f1c/@:%ü"
CANARY_ENCODED = "CANARY-6f1c%2F%40%3A%25%C3%BC"


# --- URLs ---------------------------------------------------------------------------------------------------

URLS = {
    "smtp://mail.example.org": Server(Security.NONE, "mail.example.org", 25),
    "smtp://localhost:1025/": Server(Security.NONE, "localhost", 1025),
    "SMTP+STARTTLS://mail.example.org": Server(Security.STARTTLS, "mail.example.org", 587),
    "smtps://[::1]": Server(Security.TLS, "::1", 465),
    "smtps://u:p@[2001:db8::1]:2465": Server(Security.TLS, "2001:db8::1", 2465, "u", "p"),
    "smtps://me%40example.org:a%3Ab%2F%20@mail.example.org": Server(
        Security.TLS, "mail.example.org", 465, "me@example.org", "a:b/ "
    ),
    "smtps://me@example.org:pass@word@mail.example.org": Server(
        Security.TLS, "mail.example.org", 465, "me@example.org", "pass@word"
    ),
    "smtp://u:p@127.0.0.1": Server(Security.NONE, "127.0.0.1", 25, "u", "p"),
    "smtp://u:p@localhost": Server(Security.NONE, "localhost", 25, "u", "p"),
}


@pytest.mark.parametrize(("url", "server"), URLS.items())
def test_a_server_is_read_from_its_url(url: str, server: Server) -> None:
    assert parse_server(url) == server


NO_URLS = [
    "",
    "mail.example.org",
    "http://mail.example.org",
    "smtp://",
    "smtp:///",
    "smtp://mail.example.org:0",
    "smtp://mail.example.org:99999",
    "smtp://mail.example.org:x",
    "smtp://mail..example.org",
    "smtp://mail example.org",
    "smtp://mail.example.org\r\nX",
    "smtp://mail.example.org/path",
    "smtp://mail.example.org#x",
    "smtps://[::x]",
    "smtps://[1.2.3]",
    f"smtps://user:{CANARY}@mail.example.org",
    f"smtps://user:{CANARY}#x@mail.example.org",
    f"smtps://user:{CANARY_ENCODED}@mail.example.org:port",
    f"smtps://user:{CANARY_ENCODED}@mail.example.org?tls=no",
    f"smtps://user:{CANARY_ENCODED}@mail.example.org?ca_file=/nowhere.pem",
    f"smtps://:{CANARY_ENCODED}@mail.example.org",
    f"smtps://user:{CANARY_ENCODED}%FF@mail.example.org",
    f"smtps://user:{CANARY_ENCODED}%00@mail.example.org",
    f"smtp://user:{CANARY_ENCODED}@mail.example.org",
    "smtps://user@mail.example.org",
]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_not_a_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_server(url)
    assert caught.value.where == "SMTP_URL"
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))


def test_a_password_in_clear_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"in clear\n.*smtp\+starttls://"):
        parse_server("smtp://user:x@mail.example.org")


def test_a_server_shows_its_place_and_not_its_password() -> None:
    server = parse_server(f"smtps://user:{CANARY_ENCODED}@mail.example.org")
    assert server.password == CANARY
    assert str(server) == "mail.example.org:465"
    assert "CANARY" not in repr(server) + str(server)
    assert str(parse_server("smtps://[::1]")) == "[::1]:465"


# --- a server that works ------------------------------------------------------------------------------------


@dataclass
class Inbox:
    """An aiosmtpd handler that keeps what it is given."""

    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)

    async def handle_RCPT(
        self, server: SMTP, session: PeerSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: PeerSession, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.connections.add(session.peer)
        return "250 taken"

    def authenticate(
        self, server: SMTP, session: PeerSession, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login, login.password))
        return AuthResult(success=(login.login, login.password) == (b"user", CANARY.encode()), handled=False)


class FreePort(Controller):
    """A controller on a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def running(inbox: Inbox, **options: Any) -> Iterator[int]:
    """The port of a server for `inbox`."""
    controller = FreePort(inbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def test_a_message_arrives_as_it_is() -> None:
    inbox = Inbox()
    content = b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\nend"
    with running(inbox, enable_SMTPUTF8=False) as port:
        send(
            content,
            sender=SENDER,
            recipients=[READER, OTHER],
            server=parse_server(f"smtp://127.0.0.1:{port}"),
        )
    (envelope,) = inbox.envelopes
    assert envelope.mail_from == "news@example.org"
    assert envelope.rcpt_tos == ["reader@example.com", "other@example.com"]
    assert envelope.original_content == content + b"\r\n"


ENDS = [
    *(b"\n.\n", b"\n.\r\n", b"\r.\n", b"\r.\r", b"\n.\r", b"\r.\r\n", b"\r\n.\r\n"),
    *(b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n\0.\r\n"),
]


def test_no_content_ends_the_message_early() -> None:
    inbox = Inbox()
    with running(inbox) as port, Session(parse_server(f"smtp://127.0.0.1:{port}")) as session:
        for end in ENDS:
            content = b"Subject: x\r\n\r\nbefore" + end + b"MAIL FROM:<e@example.org>\r\nafter\r\n"
            session.send(content, sender=SENDER, recipients=[READER])
    assert len(inbox.envelopes) == len(ENDS)
    for envelope in inbox.envelopes:
        taken = envelope.original_content or b""
        assert taken.endswith(b"MAIL FROM:<e@example.org>\r\nafter\r\n")
        assert not set(b"\r\n") & set(taken.replace(b"\r\n", b""))


def test_many_messages_go_over_one_connection_and_a_refused_one_does_not_end_it() -> None:
    inbox = Inbox()
    with running(inbox) as port, Session(parse_server(f"smtp://127.0.0.1:{port}")) as session:
        session.send(MESSAGE, sender=SENDER, recipients=[READER])
        with pytest.raises(DeliveryError) as caught:
            session.send(MESSAGE, sender=SENDER, recipients=[READER, parse_address("nobody@example.com")])
        session.send(MESSAGE, sender=SENDER, recipients=[OTHER])
    assert str(caught.value).startswith(
        f"127.0.0.1:{port}: RCPT TO <nobody@example.com>: 550 5.1.1 no such user here\n    hint: "
    )
    assert not isinstance(caught.value, DeliveryLater)
    assert [envelope.rcpt_tos for envelope in inbox.envelopes] == [
        ["reader@example.com"],
        ["other@example.com"],
    ]
    assert len(inbox.connections) == 1


def test_starttls_with_a_checked_certificate_and_a_password(authority: Authority) -> None:
    inbox = Inbox()
    options = {
        "tls_context": authority.context,
        "require_starttls": True,
        "authenticator": inbox.authenticate,
        "auth_required": True,
    }
    with running(inbox, **options) as port:
        url = f"smtp+starttls://user:{CANARY_ENCODED}@localhost:{port}?ca_file={authority.file}"
        send(MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(url))
    assert len(inbox.envelopes) == 1
    assert inbox.logins == [(b"user", CANARY.encode())]


def test_smtps_with_a_checked_certificate_and_a_password(authority: Authority) -> None:
    inbox = Inbox()
    options = {"authenticator": inbox.authenticate, "auth_require_tls": False}
    with running(inbox, ssl_context=authority.context, **options) as port:
        url = f"smtps://user:{CANARY_ENCODED}@localhost:{port}?ca_file={authority.file}"
        send(MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(url))
    assert len(inbox.envelopes) == 1
    assert inbox.logins == [(b"user", CANARY.encode())]


def test_auth_login_where_plain_is_not_offered() -> None:
    inbox = Inbox()
    options = {
        "authenticator": inbox.authenticate,
        "auth_require_tls": False,
        "auth_exclude_mechanism": ["PLAIN"],
    }
    with running(inbox, **options) as port:
        url = f"smtp://user:{CANARY_ENCODED}@127.0.0.1:{port}"
        send(MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(url))
    assert inbox.logins == [(b"user", CANARY.encode())]


def test_a_wrong_password_is_tried_once_and_not_told(
    authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    inbox = Inbox()
    options = {"tls_context": authority.context, "authenticator": inbox.authenticate}
    with running(inbox, **options) as port:
        url = f"smtp+starttls://user:{CANARY_ENCODED}-wrong@localhost:{port}?ca_file={authority.file}"
        with pytest.raises(DeliveryError, match=r"signing in: 535 5.7.8 .*\n.*SMTP_URL") as caught:
            send(MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(url))
    assert len(inbox.logins) == 1
    assert inbox.envelopes == []
    assert "CANARY" not in "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_an_unknown_certificate_is_refused_before_the_password(authority: Authority, scheme: str) -> None:
    inbox = Inbox()
    options = {"ssl_context" if scheme == "smtps" else "tls_context": authority.context}
    with running(inbox, authenticator=inbox.authenticate, **options) as port:
        server = parse_server(f"{scheme}://user:x@localhost:{port}")
        with pytest.raises(
            DeliveryError, match=r"its certificate is not valid: self.signed.*\n.*ca_file"
        ) as caught:
            send(MESSAGE, sender=SENDER, recipients=[READER], server=server)
    assert not isinstance(caught.value, DeliveryLater)
    assert inbox.logins == []


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    with running(Inbox(), tls_context=authority.context) as port:
        server = Server(Security.STARTTLS, "127.0.0.1", port, ca_file=authority.file)
        with pytest.raises(DeliveryError, match=r"STARTTLS: its certificate is not valid: .*127\.0\.0\.1"):
            send(MESSAGE, sender=SENDER, recipients=[READER], server=server)


def test_smtputf8_is_used_only_where_it_is_needed_and_offered() -> None:
    foreign = parse_address("ü@example.com")
    inbox = Inbox()
    with running(inbox) as port, Session(parse_server(f"smtp://127.0.0.1:{port}")) as session:
        session.send("To: ü@example.com\r\n\r\nx\r\n".encode(), sender=SENDER, recipients=[foreign])
        session.send(MESSAGE, sender=SENDER, recipients=[READER])
    assert [envelope.smtp_utf8 for envelope in inbox.envelopes] == [True, False]
    assert inbox.envelopes[0].rcpt_tos == ["ü@example.com"]

    inbox = Inbox()
    with (
        running(inbox, enable_SMTPUTF8=False) as port,
        Session(parse_server(f"smtp://127.0.0.1:{port}")) as session,
    ):
        with pytest.raises(DeliveryError, match="SMTPUTF8"):
            session.send(MESSAGE, sender=SENDER, recipients=[foreign])
        session.send(MESSAGE, sender=SENDER, recipients=[READER])
    assert len(inbox.envelopes) == 1


def test_a_message_that_is_too_large_is_not_begun() -> None:
    inbox = Inbox()
    with running(inbox, data_size_limit=1000) as port:
        server = parse_server(f"smtp://127.0.0.1:{port}")
        with pytest.raises(DeliveryError, match=r"the message has \d+ octets, the server takes 1000"):
            send(MESSAGE + b"x" * 1000, sender=SENDER, recipients=[READER], server=server)
    assert inbox.envelopes == []


# --- a server that does not work ----------------------------------------------------------------------------

HANG_UP = "hang up"
SILENCE = "silence"
HELLO = "250-peer.example\r\n250 SIZE 1000000\r\n"
OK = "250 OK\r\n"


@dataclass
class Peer:
    """A server that answers each command with the next line of a script, and keeps what it heard."""

    script: list[str]
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def scripted(*script: str) -> Iterator[Peer]:
    """A peer whose script begins with the greeting; after the script it hangs up."""
    peer = Peer(list(script))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.01)
    peer.port = listener.getsockname()[1]
    done = threading.Event()

    def serve() -> None:
        while peer.script and not done.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            peer.connections += 1
            connection.settimeout(5)
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
                talk(connection, lines)

    def talk(connection: socket.socket, lines: Any) -> None:
        is_data = False
        while peer.script:
            reply = peer.script.pop(0)
            if reply == HANG_UP:
                return
            if reply == SILENCE:
                done.wait(5)
                return
            connection.sendall(reply.encode())
            if not reply.endswith("\n"):
                return  # half a line, and no more
            line = lines.readline()
            while is_data and line and line != b".\r\n":
                line = lines.readline()
            is_data = (
                line.upper().startswith(b"DATA")
                and peer.script[:1] != []
                and peer.script[0].startswith("354")
            )
            if line:
                peer.heard.append(line)
            else:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield peer
    finally:
        done.set()
        thread.join(10)
        listener.close()


def failure(peer: Peer, url: str = "smtp://127.0.0.1") -> DeliveryError:
    """What sending one message to `peer` raises."""
    server = parse_server(f"{url}:{peer.port}")
    with pytest.raises(DeliveryError) as caught, Session(server, timeout_seconds=0.2) as session:
        session.send(MESSAGE, sender=SENDER, recipients=[READER])
    return caught.value


GREETING = "220 peer.example\r\n"
STAGES = {
    "greeting": [],
    "EHLO": [GREETING],
    "MAIL FROM": [GREETING, HELLO],
    "RCPT TO <reader@example.com>": [GREETING, HELLO, OK],
    "DATA": [GREETING, HELLO, OK, OK],
    "end of the message": [GREETING, HELLO, OK, OK, "354 go\r\n"],
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("reply", ["421 4.3.2 shutting down", "451 4.7.1 greylisted", "550 5.7.1 go away"])
def test_a_refusal_at_any_stage_is_told_with_its_reply(stage: str, reply: str) -> None:
    with scripted(*STAGES[stage], f"{reply}\r\n", OK) as peer:
        error = failure(peer)
    assert str(error).split("\n")[0] == f"127.0.0.1:{peer.port}: {stage}: {reply}"
    assert isinstance(error, DeliveryLater) is reply.startswith("4")
    assert error.exit_code == (75 if reply.startswith("4") else 1)


FAULTS = [
    HANG_UP,
    SILENCE,
    "25",
    "250 half a line",
    "nonsense\r\n",
    "999 x\r\n",
    "250-a\r\n251 b\r\n",
    "250-a\r\n",
]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "end of the message"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_dialogue_before_the_final_dot_may_be_tried_again(stage: str, fault: str) -> None:
    with scripted(*STAGES[stage], fault, HANG_UP) as peer:
        error = failure(peer)
    assert isinstance(error, DeliveryLater)
    assert "may have been accepted" not in str(error)
    assert str(error).startswith(f"127.0.0.1:{peer.port}: {stage.split(' <')[0]}")


@pytest.mark.parametrize("fault", [*FAULTS, "354 go on\r\n", "x" * 9000 + "\r\n"])
def test_a_lost_dialogue_after_the_final_dot_says_that_the_message_may_have_been_accepted(fault: str) -> None:
    with scripted(*STAGES["end of the message"], fault, HANG_UP) as peer:
        error = failure(peer)
    assert "end of the message: the message may have been accepted" in str(error)
    assert not isinstance(error, DeliveryLater)
    assert peer.connections == 1


@pytest.mark.parametrize(
    "reply",
    ["250 2.0.0 queued\r\n", "250\r\n", "251 forwarded\r\n", "250-taken\r\n250 queued\r\n", "250 ok\n"],
)
def test_any_complete_2yz_after_the_final_dot_means_sent(reply: str) -> None:
    with scripted(*STAGES["end of the message"], reply, "221 bye\r\n") as peer:
        send(
            MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(f"smtp://127.0.0.1:{peer.port}")
        )
    assert peer.heard[-2:] == [b".\r\n", b"QUIT\r\n"]


def test_a_server_that_quits_badly_has_still_taken_the_message() -> None:
    with scripted(*STAGES["end of the message"], OK, "nonsense\r\n") as peer:
        send(
            MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(f"smtp://127.0.0.1:{peer.port}")
        )


def test_a_reply_too_many_is_not_taken_for_the_next_message() -> None:
    double = [*STAGES["end of the message"], f"{OK}550 of whom?\r\n"]
    with (
        scripted(*double, HANG_UP) as peer,
        Session(parse_server(f"smtp://127.0.0.1:{peer.port}")) as session,
    ):
        session.send(MESSAGE, sender=SENDER, recipients=[READER])
        with pytest.raises(DeliveryLater, match=r"a reply that nothing asked for: 550 of whom\?"):
            session.send(MESSAGE, sender=SENDER, recipients=[OTHER])
    assert not [line for line in peer.heard if b"other@" in line]


def test_a_connection_that_the_server_ended_is_opened_again_for_the_next_message() -> None:
    begin = STAGES["end of the message"]
    with scripted(*begin, f"{OK}421 idle\r\n", *begin, OK, "221 bye\r\n") as peer:
        server = parse_server(f"smtp://127.0.0.1:{peer.port}")
        with Session(server, timeout_seconds=2) as session:
            session.send(MESSAGE, sender=SENDER, recipients=[READER])
            with pytest.raises(DeliveryLater, match="MAIL FROM: 421 idle"):
                session.send(MESSAGE, sender=SENDER, recipients=[OTHER])
            session.send(MESSAGE, sender=SENDER, recipients=[OTHER])
    assert peer.connections == 2


@pytest.mark.parametrize("refusal", ["500 what?\r\n", "454 not now\r\n", "502 no\r\n"])
def test_without_starttls_nothing_goes_in_clear(refusal: str) -> None:
    with scripted(GREETING, "250-peer\r\n250 STARTTLS\r\n", refusal, OK) as peer:
        error = failure(peer, url="smtp+starttls://user:secret@127.0.0.1")
    assert "STARTTLS: " in str(error)
    with scripted(GREETING, "250-peer\r\n250 AUTH PLAIN\r\n", OK, OK) as stripped:
        error = failure(stripped, url="smtp+starttls://user:secret@127.0.0.1")
    assert "the server offers no STARTTLS" in str(error)
    assert not [
        line for line in peer.heard + stripped.heard if not line.startswith((b"EHLO", b"STARTTLS", b"QUIT"))
    ]


def test_words_put_in_before_tls_are_not_believed() -> None:
    with scripted(
        GREETING, "250-peer\r\n250 STARTTLS\r\n", "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", OK
    ) as peer:
        error = failure(peer, url="smtp+starttls://user:secret@127.0.0.1")
    assert "the server went on talking before TLS" in str(error)
    assert len(peer.heard) == 2


def test_a_server_without_tls_behind_smtps_is_explained() -> None:
    with scripted(GREETING) as peer:
        error = failure(peer, url="smtps://127.0.0.1")
    assert not isinstance(error, DeliveryLater)
    assert "port 465" in error.hint


def test_a_password_that_the_server_repeats_is_not_repeated() -> None:
    replies = [f"535 not {CANARY}\r\n", f"nonsense {CANARY}\r\n", f"354 {CANARY}\r\n"]
    for reply in replies:
        with scripted(GREETING, "250-peer\r\n250 AUTH PLAIN\r\n", reply) as peer:
            error = failure(peer, url=f"smtp://user:{CANARY_ENCODED}@127.0.0.1")
        assert "signing in" in str(error)
        assert "CANARY" not in "".join(traceback.format_exception(error))


def test_a_server_without_a_known_way_to_sign_in_is_not_sent_a_password() -> None:
    with scripted(GREETING, "250-peer\r\n250 AUTH CRAM-MD5 GSSAPI\r\n", OK) as peer:
        error = failure(peer, url="smtp://user:secret@127.0.0.1")
    assert "neither AUTH PLAIN nor AUTH LOGIN" in str(error)
    assert len(peer.heard) == 1


def test_no_server_at_all_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeliveryLater, match=f"127.0.0.1:{port}: connecting: Connection refused"):
        send(MESSAGE, sender=SENDER, recipients=[READER], server=parse_server(f"smtp://127.0.0.1:{port}"))
