"""A real Postfix for tests: Debian's package, unpacked and not installed, on a port of this machine.

    with running_postfix(folder, addresses=["ada@example.org"]) as server:
        server.port, server.maildir("ada@example.org"), server.log

It takes mail only after STARTTLS and AUTH, for `addresses`, each of which has a Maildir.  Passwords are asked of a
small server that speaks Dovecot's authentication protocol; the certificate is for `localhost`, signed by `server.ca_file`.
Needs root (Postfix gives its rights up by itself) and the package: installed, or unpacked where NEWSLETTER_POSTFIX says.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from postfix import environment

if TYPE_CHECKING:
    from cryptography import x509

USER, PASSWORD = "letter", "correct horse battery"
#: Who Postfix is when it needs no rights: accounts that every Debian has.
OWNER, GROUP, PRIVILEGES = "list", "irc", "nobody"

_SERVICES = """\
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_SETTINGS = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = {commands}
sendmail_path = {commands}/sendmail
mail_owner = {owner}
setgid_group = {group}
default_privs = {privileges}
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mynetworks =
mydestination =
local_transport = error:no local mail
alias_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/conf/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {folder}/conf/server.pem
smtpd_tls_key_file = {folder}/conf/server.key
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth_port}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""


def postfix_folder() -> Path | None:
    """Where the package is unpacked: NEWSLETTER_POSTFIX, or the root of this machine; None if nowhere."""
    folders = [Path(folder) for folder in (os.environ.get("NEWSLETTER_POSTFIX"), "/") if folder]
    return next((folder for folder in folders if (folder / "usr/lib/postfix/sbin/master").is_file()), None)


@dataclass(frozen=True, slots=True)
class PostfixServer:
    """A Postfix that runs."""

    folder: Path
    port: int
    ca_file: Path

    @property
    def log(self) -> Path:
        """Its log."""
        return self.folder / "log"

    @property
    def url(self) -> str:
        """The SMTP_URL with which it takes mail."""
        password = PASSWORD.replace(" ", "%20")
        return f"smtp+starttls://{USER}:{password}@localhost:{self.port}?ca_file={self.ca_file}"

    def maildir(self, address: str) -> list[Path]:
        """The messages that were delivered to `address`."""
        new = self.folder / "mail" / _folder(address) / "new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def delivered(self) -> dict[str, int]:
        """How many messages each address has."""
        return {
            folder.name.replace("_at_", "@"): len(list((folder / "new").iterdir()))
            for folder in (self.folder / "mail").iterdir()
        }


@contextlib.contextmanager
def running_postfix(folder: Path, *, addresses: Collection[str]) -> Iterator[PostfixServer]:
    """A Postfix that keeps everything below `folder`, which must be short and open to all; see the module."""
    import grp
    import pwd

    package = postfix_folder()
    assert package, "no Postfix"
    owner = pwd.getpwnam(OWNER)
    with running_auth_server() as auth_port:
        port = _free_port()
        for name in ("conf", "queue", "data", "mail"):
            (folder / name).mkdir(parents=True)
        ca_file = _write_certificates(folder / "conf")
        shutil.chown(folder / "data", OWNER)
        shutil.chown(folder / "mail", OWNER)
        queues = "active bounce corrupt defer deferred flush hold incoming saved trace private".split()
        for name in queues:
            (folder / "queue" / name).mkdir(mode=0o700)
            shutil.chown(folder / "queue" / name, OWNER)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (folder / "queue" / name).mkdir()
            os.chown(folder / "queue" / name, owner.pw_uid, grp.getgrnam(GROUP).gr_gid)
            (folder / "queue" / name).chmod(mode)
        (folder / "queue" / "pid").mkdir()
        settings = _SETTINGS.format(
            folder=folder,
            daemons=package / "usr/lib/postfix/sbin",
            commands=package / "usr/sbin",
            owner=OWNER,
            group=GROUP,
            privileges=PRIVILEGES,
            domains=" ".join({address.rpartition("@")[2] for address in addresses}),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            auth_port=auth_port,
        )
        (folder / "conf" / "main.cf").write_text(settings)
        (folder / "conf" / "master.cf").write_text(_SERVICES.format(port=f"127.0.0.1:{port}"))
        (folder / "conf" / "mailboxes").write_text(
            "".join(f"{address} {_folder(address)}/\n" for address in addresses)
        )
        master = subprocess.Popen(
            [package / "usr/lib/postfix/sbin/master", "-c", folder / "conf", "-d"],
            env={**environment(), "MAIL_CONFIG": str(folder / "conf")},
            start_new_session=True,
        )
        try:
            _wait_for(port, master, folder / "log")
            yield PostfixServer(folder, port, ca_file)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGTERM)
            master.wait(20)


def _folder(address: str) -> str:
    """The name of its Maildir."""
    return address.replace("@", "_at_")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, master: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if master.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as probe:
            if probe.recv(100).startswith(b"220"):
                return
        time.sleep(0.05)
    raise AssertionError(f"Postfix did not start: {log.read_text() if log.exists() else 'no log'}")


# --- passwords ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running_auth_server() -> Iterator[int]:
    """The port of a server that knows USER's password.  Source: Dovecot's authentication protocol, version 1.1."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=_answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _answer(connection: socket.socket) -> None:
    right = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    with connection, connection.makefile("rwb") as lines:
        lines.write(
            b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n"
        )
        lines.flush()
        for line in lines:
            word, *fields = line.decode().rstrip("\n").split("\t")
            if word == "AUTH":
                given = next((field[5:] for field in fields if field.startswith("resp=")), "")
                verdict = f"OK\t{fields[0]}\tuser={USER}" if given == right else f"FAIL\t{fields[0]}"
                lines.write(f"{verdict}\n".encode())
                lines.flush()


# --- certificates -------------------------------------------------------------------------------------------


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """What a key is for: Python 3.13 takes no authority that does not say it."""
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write_certificates(folder: Path) -> Path:
    """server.pem, server.key and, what comes back, ca.pem in `folder`."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        is_authority = name == issuer
        named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(named[0])
            .issuer_name(named[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=is_authority), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        return builder.sign(signer, hashes.SHA256())

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(
        certificate("Test authority", authority, "Test authority", authority).public_bytes(pem)
    )
    (folder / "server.pem").write_bytes(
        certificate("localhost", server, "Test authority", authority).public_bytes(pem)
    )
    (folder / "server.key").write_bytes(
        server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "ca.pem"
