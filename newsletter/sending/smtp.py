"""Messages to a mail server over SMTP: one connection, many messages, and no doubt about what became of each.

    connecting -> greeting -> EHLO -> (STARTTLS -> EHLO) -> (AUTH) -> for each message:
        MAIL FROM -> RCPT TO ... -> DATA -> end of the message

`send` returns when the server has taken the message for all its recipients, which only a complete 2yz reply
to the final dot says.  Otherwise it raises, and says where in the dialogue and with which reply:

- DeliveryLater: nothing was sent, and it may go later (4yz, a lost connection, a server that is not reached)
- DeliveryError: nothing was sent, and the same again would fail the same way (5yz, a certificate, a password)
- DeliveryError, "may have been accepted": the connection was lost after the final dot.  The server has the
  message or has it not (RFC 1047); it is for a person to decide whether to send again.

A connection on which anything was out of order is closed, and the next message opens a new one: a reply too
many would otherwise be taken for the next message's.  A password goes only through TLS or to this machine,
is tried once (servers lock accounts), and is never part of an error.  Where STARTTLS was asked for, nothing
goes without it.

Source: RFC 5321, 3207 (STARTTLS), 4954 (AUTH), 6531 (SMTPUTF8), 8314 (TLS).  Not smtplib, which cannot tell
at which stage a connection was lost, and tries a wrong password once for each of its ways.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, unquote

from newsletter.errors import ConfigError, DeliveryError, DeliveryLater, NewsletterError
from newsletter.sending.delivery import Stage
from newsletter.sending.dialogue import Dialogue, Reply
from newsletter.sending.replies import Disorder
from newsletter.subscribers.address import Address

_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})"
_URL = re.compile(
    r"(?P<scheme>[A-Za-z+]+)://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    rf"(?P<host>\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?(?:\?(?P<query>[^#]*))?"
)
_URL_FORM = "smtp+starttls://USER:PASSWORD@HOST:PORT"
_CONNECT_SECONDS = 30.0
_REPLY_SECONDS = 300.0
_LAST_REPLY_SECONDS = 600.0  # a server may scan for long after the dot; RFC 5321, section 4.5.3.2.6
_QUIT_SECONDS = 5.0


class Security(StrEnum):
    """How a connection is protected; the value is the scheme of the URL."""

    NONE = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


_DEFAULT_PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}


#: A message is begun: RSET forgets it and keeps the connection.
_IN_TRANSACTION = frozenset((Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT))
#: What to do when the server says no for good.
_HINTS = {
    Stage.GREETING: "the server refuses this machine: is it the right host and port?",
    Stage.AUTH: "check the user and the password in SMTP_URL",
    Stage.MAIL: "may this user send from this address?",
    Stage.RCPT: "check the address of the recipient",
}
_TLS_HINT = "smtps:// speaks TLS at once (port 465), smtp+starttls:// after a greeting (port 587)"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to sign in to it."""

    security: Security
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_server(url: str, *, where: str = "SMTP_URL") -> Server:
    """The server that `url` names: smtp://, smtp+starttls:// or smtps://, `?ca_file=` for an own authority.

    smtp:// is never encrypted, and so has a user only on this machine.  Raises ConfigError (at `where`), if
    `url` is none; the error does not quote it.
    """
    match = _URL.fullmatch(url.strip())
    if not match:
        raise ConfigError(
            f"not the URL of a mail server, which is: {_URL_FORM}",
            where=where,
            hint='in user and password write ":" as %3A, "/" as %2F, "?" as %3F, "#" as %23, "%" as %25',
        )
    try:
        security = Security(match["scheme"].lower())
    except ValueError:
        known = ", ".join(f"{one}://" for one in Security)
        raise ConfigError("unknown kind of mail server", where=where, hint=f"write one of {known}") from None
    host = match["host"].strip("[]")
    port = int(match["port"] or _DEFAULT_PORTS[security])
    if not 0 < port < 65536 or ("[" in match["host"] and not _is_ipv6(host)):
        raise ConfigError("no such host or port of a mail server", where=where, hint=_URL_FORM)
    try:
        user, password = (unquote(match[part] or "", errors="strict") for part in ("user", "password"))
    except UnicodeDecodeError:
        raise ConfigError("user or password: percent-encode them as UTF-8", where=where) from None
    if "\0" in user + password or bool(user) != bool(password):
        raise ConfigError("user and password of the mail server: both or none", where=where, hint=_URL_FORM)
    if user and security is Security.NONE and not _is_this_machine(host):
        raise ConfigError(
            f"smtp:// would send the password to {host} in clear",
            where=where,
            hint="write smtp+starttls:// (port 587) or smtps:// (port 465)",
        )
    return Server(security, host, port, user, password, _ca_file(match["query"] or "", where))


def _ca_file(query: str, where: str) -> Path | None:
    options = dict(parse_qsl(query, keep_blank_values=True))
    path = options.pop("ca_file", "")
    if options:
        raise ConfigError(
            f"unknown option of the mail server: {next(iter(options))}", where=where, hint="?ca_file=PATH"
        )
    if path and not Path(path).is_file():
        raise ConfigError(f"no such ca_file: {path}", where=where)
    return Path(path) if path else None


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def send(message: bytes, *, sender: Address, recipients: Sequence[Address], server: Server) -> None:
    """Send one message over a connection of its own; see `Session.send`."""
    with Session(server) as session:
        session.send(message, sender=sender, recipients=recipients)


class Session:
    """A connection to `server`, opened on entering the `with`, and again when a message needs it.

    `timeout_seconds` shortens how long any reply is waited for.
    """

    def __init__(self, server: Server, *, timeout_seconds: float = _LAST_REPLY_SECONDS) -> None:
        self._server = server
        self._patience = timeout_seconds
        self._dialogue: Dialogue | None = None
        self._stage = Stage.CONNECT

    def __enter__(self) -> Session:
        self._connected()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._dialogue and kind is None:
            # What was to be said has been said: how the server takes its leave changes nothing.
            with contextlib.suppress(OSError, Disorder):
                self._wait(_QUIT_SECONDS)
                self._dialogue.command("QUIT")
        self._close()

    @property
    def stage(self) -> Stage:
        """Where in the dialogue we are, or were when it failed."""
        return self._stage

    def release(self) -> tuple[socket.socket, dict[str, str], str]:
        """The signed-in connection for another to go on with, what its server offers, and the name that it knows us by."""
        dialogue = self._connected()
        with self._failures():
            name = dialogue.own_name
            connection = dialogue.release()
        self._dialogue = None
        return connection, dialogue.features, name

    def send(self, message: bytes, *, sender: Address, recipients: Sequence[Address]) -> None:
        """Give `message` to the server for all `recipients`: when one is refused, none gets it.

        Raises DeliveryError or DeliveryLater, as the module says.
        """
        dialogue = self._connected()
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        with self._failures():
            self._stage = Stage.MAIL
            parameters = self._parameters(dialogue, content, [sender, *recipients])
            self._expect(2, dialogue.command(f"MAIL FROM:<{sender}>{parameters}"))
            self._stage = Stage.RCPT
            for recipient in recipients:
                self._expect(2, dialogue.command(f"RCPT TO:<{recipient}>"), about=f" <{recipient}>")
            self._stage = Stage.DATA
            self._expect(3, dialogue.command("DATA"))
            dialogue.write(re.sub(rb"^\.", b"..", content, flags=re.MULTILINE))
            # Only now: as long as the dot is not written, the server cannot have accepted.
            self._stage = Stage.DOT
            self._wait(_LAST_REPLY_SECONDS)
            dialogue.write(b".\r\n")
            self._expect(2, dialogue.reply())
            self._wait(_REPLY_SECONDS)

    def _parameters(self, dialogue: Dialogue, content: bytes, addresses: Sequence[Address]) -> str:
        """What MAIL FROM says of the message, as far as the server wants to know it."""
        offered = dialogue.features
        foreign = next((address for address in addresses if address.needs_smtputf8), None)
        if foreign and "SMTPUTF8" not in offered:
            raise self._error(
                DeliveryError, f"the server offers no SMTPUTF8, without which {foreign} has no mail"
            )
        if not content.isascii() and "8BITMIME" not in offered:
            raise self._error(DeliveryError, "the message is not in ASCII, and the server offers no 8BITMIME")
        limit = offered.get("SIZE", "")
        if re.fullmatch("[0-9]{1,18}", limit) and 0 < int(limit) < len(content):
            raise self._error(
                DeliveryError, f"the message has {len(content)} octets, the server takes {limit}"
            )
        parameters = f" SIZE={len(content)}" if "SIZE" in offered else ""
        if not content.isascii():
            parameters += " BODY=8BITMIME"
        return parameters + " SMTPUTF8" if foreign else parameters

    # Connecting.

    def _connected(self) -> Dialogue:
        """The connection, protected and signed in as `server` says."""
        if self._dialogue:
            return self._dialogue
        self._stage = Stage.CONNECT
        server = self._server
        context = _tls_context(server)
        with self._failures():
            address = (server.host, server.port)
            connection = socket.create_connection(address, min(self._patience, _CONNECT_SECONDS))
            if context and server.security is Security.TLS:
                connection = context.wrap_socket(connection, server_hostname=server.host)
            self._dialogue = dialogue = Dialogue(connection)
            self._wait(_REPLY_SECONDS)
            self._stage = Stage.GREETING
            self._expect(2, dialogue.reply())
            self._stage = Stage.EHLO
            self._expect(2, dialogue.greet())
            if context and server.security is Security.STARTTLS:
                self._stage = Stage.STARTTLS
                if "STARTTLS" not in dialogue.features:
                    raise self._error(DeliveryError, "the server offers no STARTTLS", hint=_TLS_HINT)
                self._expect(2, dialogue.command("STARTTLS"))
                dialogue.encrypt(context, server.host)
                self._stage = Stage.EHLO
                self._expect(2, dialogue.greet())
            if server.user:
                self._stage = Stage.AUTH
                self._sign_in(dialogue)
        return dialogue

    def _sign_in(self, dialogue: Dialogue) -> None:
        """One try, by the first of PLAIN and LOGIN that is offered: a second could lock the account."""
        offered = dialogue.features.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            self._expect(2, dialogue.command(f"AUTH PLAIN {_plain_token(self._server)}"))
        elif "LOGIN" in offered:
            self._expect(3, dialogue.command("AUTH LOGIN"))
            self._expect(3, dialogue.command(_base64(self._server.user)))
            self._expect(2, dialogue.command(_base64(self._server.password)))
        else:
            raise self._error(DeliveryError, "the server offers neither AUTH PLAIN nor AUTH LOGIN")

    def _wait(self, seconds: float) -> None:
        if self._dialogue:
            self._dialogue.wait_at_most(min(self._patience, seconds))

    def _close(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue:
            dialogue.close()

    # What goes wrong.

    def _expect(self, first_digit: int, reply: Reply, *, about: str = "") -> None:
        """Raises what `reply` means, if it is another than `first_digit`yz."""
        digit = reply.code // 100
        if digit == first_digit:
            return
        if digit not in (4, 5):
            raise Disorder(f"a reply out of order: {reply}")
        if self._stage in _IN_TRANSACTION and (reply.code == 421 or not self._is_reset()):
            self._close()
        kind, hint = (DeliveryLater, "") if digit == 4 else (DeliveryError, _HINTS.get(self._stage, ""))
        raise self._error(kind, str(reply), about=about, hint=hint)

    def _is_reset(self) -> bool:
        """Whether the server forgot the message it refused, and can be given the next one."""
        try:
            return self._dialogue is not None and self._dialogue.command("RSET").code == 250
        except (OSError, Disorder):
            return False

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Give what the network and the server do wrong its meaning; close what cannot be used any more."""
        try:
            yield
        except NewsletterError:
            if self._stage not in _IN_TRANSACTION:
                self._close()
            raise
        except (OSError, Disorder) as error:
            last_words = self._dialogue.last_words() if self._dialogue else ""
            self._close()
            # A server may repeat what it was told: the cause of a failed AUTH is not kept.
            raise self._meaning(error, last_words) from (None if self._stage is Stage.AUTH else error)
        except BaseException:  # Ctrl-C: what the server thinks of the message is unknown
            self._close()
            raise

    def _meaning(self, error: OSError | Disorder, last_words: str) -> DeliveryError:
        cause = str(error)
        if isinstance(error, TimeoutError):
            cause = "no answer in time"
        elif isinstance(error, OSError) and error.strerror:
            cause = error.strerror
        if last_words:
            cause += f"; the last it said: {last_words}"
        if self._stage is Stage.DOT:
            return self._error(
                DeliveryError,
                f"the message may have been accepted, its reply is lost: {cause}",
                hint="look whether it arrived before you send it again",
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "for a server with a certificate of your own authority: ?ca_file=/path/to/authority.pem"
            return self._error(
                DeliveryError, f"its certificate is not valid: {error.verify_message}", hint=hint
            )
        if isinstance(error, ssl.SSLError):
            return self._error(DeliveryError, f"no TLS: {cause}", hint=_TLS_HINT)
        hint = "check the host and the port in SMTP_URL" if self._stage is Stage.CONNECT else ""
        return self._error(DeliveryLater, cause, hint=hint)

    def _error(
        self, kind: type[DeliveryError], text: str, *, about: str = "", hint: str = ""
    ) -> DeliveryError:
        if password := self._server.password:
            for secret in (_plain_token(self._server), _base64(password), password):
                text = text.replace(secret, "***")
        return kind(f"{self._stage}{about}: {text}", where=str(self._server), hint=hint)


def _tls_context(server: Server) -> ssl.SSLContext | None:
    if server.security is Security.NONE:
        return None
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise ConfigError(f"ca_file cannot be read: {server.ca_file}: {error.strerror or error}") from error


def _plain_token(server: Server) -> str:
    return _base64(f"\0{server.user}\0{server.password}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
