"""sending.outbox: a Maildir in which a message is whole or not at all."""

from __future__ import annotations

import mailbox
import os
import resource
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsletter.errors import WriterError
from newsletter.sending.outbox import write_message

MESSAGE = b"Subject: Spring\r\nMIME-Version: 1.0\r\n\r\nHello\r\n.\r\n"


def files(outbox: Path) -> list[str]:
    return sorted(str(path.relative_to(outbox).parent) for path in outbox.rglob("*") if path.is_file())


def test_a_mail_program_opens_the_outbox(tmp_path: Path) -> None:
    path = write_message(tmp_path / "deep" / "outbox", MESSAGE, name="spring-test")
    assert path.parent == tmp_path / "deep" / "outbox" / "new"
    box = mailbox.Maildir(tmp_path / "deep" / "outbox", create=False)
    (message,) = box
    assert message["Subject"] == "Spring"
    assert message.get_payload() == "Hello\n.\n"


def test_the_file_has_the_lines_of_a_maildir_and_loses_nothing_else(tmp_path: Path) -> None:
    content = write_message(tmp_path, MESSAGE, name="x").read_bytes()
    assert content.replace(b"\n", b"\r\n") == MESSAGE


def test_the_same_name_twice_is_two_messages(tmp_path: Path) -> None:
    first = write_message(tmp_path, b"a", name="x")
    second = write_message(tmp_path, b"b", name="x")
    assert (first.read_bytes(), second.read_bytes()) == (b"a", b"b")
    assert first != second


def test_many_at_once_are_many_messages(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda n: write_message(tmp_path, b"%d" % n, name="x"), range(100)))
    assert sorted(int(path.read_bytes()) for path in paths) == list(range(100))
    assert files(tmp_path) == ["new"] * 100


@pytest.mark.parametrize("name", ["", "..", "../../x", "a/b:2,S", "ü ß", "\0\n", "x" * 500, "CON", ".hidden"])
def test_no_name_leads_out_of_the_outbox(tmp_path: Path, name: str) -> None:
    path = write_message(tmp_path / "outbox", MESSAGE, name=name)
    assert path.parent == tmp_path / "outbox" / "new"
    assert path.name.isascii()
    assert not set(path.name) & set('/\\:*?"<>| \n\0')
    assert len(path.name) < 200
    assert len(mailbox.Maildir(tmp_path / "outbox", create=False)) == 1


def test_only_the_owner_reads_a_message(tmp_path: Path) -> None:
    assert write_message(tmp_path, MESSAGE, name="x").stat().st_mode & 0o077 == 0


def test_a_file_in_the_place_of_the_outbox_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("")
    with pytest.raises(WriterError, match=r"outbox: the message cannot be written: Not a directory"):
        write_message(tmp_path / "outbox", MESSAGE, name="x")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriterError, match="Permission denied"):
        write_message(tmp_path / "outbox", MESSAGE, name="x")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """The limit on a file's size stops the write in its middle, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(WriterError, match="File too large"):
            write_message(tmp_path, b"x" * 100_000, name="x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert files(tmp_path) == []
    write_message(tmp_path, MESSAGE, name="x")
    assert files(tmp_path) == ["new"]


def test_a_crash_while_writing_leaves_nothing_in_new(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from newsletter.sending.outbox import write_message
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        write_message(Path(sys.argv[1]), b"Subject: x\\r\\n\\r\\nhalf", name="x")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert files(tmp_path) == ["tmp"]
    assert len(mailbox.Maildir(tmp_path, create=False)) == 0
