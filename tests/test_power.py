"""Power loss: a disk of which only what was synced is certain, and a send that loses nobody on one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from proofs.power import prove
from system_calls import parse
from torn_disk import Disk


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
def test_when_the_power_goes_nobody_is_lost_and_nobody_gets_it_twice(tmp_path: Path) -> None:
    """A short form of `tests/proofs/power.py`: the power goes at every call of a small send."""
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    try:
        proof = prove(tmp_path.resolve(), recipients=14, subsets=2, resumes=4)
    except subprocess.CalledProcessError as error:
        if b"ptrace" in error.stderr:
            pytest.skip("this system does not let itself be traced")
        raise
    assert (proof.failures, proof.lost, proof.twice) == ([], 0, 0)
    assert proof.syncs > 5, "each opening is synced"
    assert 0 < proof.most_in_doubt <= proof.bound
    assert proof.different > proof.moments, "the disk was torn"
    assert proof.resumes == 4


def test_what_was_synced_is_there_and_what_was_not_may_be() -> None:
    disk = Disk({"a": bytes(1024)})
    disk.write("a", 0, b"1" * 1024)
    disk.sync("a")
    disk.write("a", 512, b"2" * 1024)
    assert disk.certain() == {"a": b"1" * 1024}
    assert disk.now() == {"a": b"1" * 512 + b"2" * 1024}
    seen = {disk.torn(random.Random(seed))["a"] for seed in range(200)}
    assert seen == {
        b"1" * 512 + middle + rest
        for middle in (b"1" * 512, b"2" * 512)
        for rest in (b"", bytes(512), b"2" * 512)
    }


def test_a_sector_is_torn_between_writes_and_never_within_one() -> None:
    disk = Disk({"a": bytes(512)})
    disk.write("a", 0, b"head")
    disk.write("a", 4, b"body")
    disk.write("a", 0, b"HEAD")
    seen = {disk.torn(random.Random(seed))["a"].rstrip(b"\0") for seed in range(200)}
    assert seen == {b"", b"head", b"headbody", b"HEADbody"}


def test_a_file_that_is_made_shorter_keeps_its_end_or_has_lost_it() -> None:
    disk = Disk({"a": b"1" * 1024})
    disk.resize("a", 512)
    disk.write("a", 512, b"2" * 512)
    assert disk.now() == {"a": b"1" * 512 + b"2" * 512}
    ends = {disk.torn(random.Random(seed))["a"][512:] for seed in range(200)}
    assert ends == {b"1" * 512, bytes(512), b"2" * 512, b""}


def test_names_are_certain_when_their_folder_is_synced() -> None:
    disk = Disk({"a": b"a"})
    disk.make("b")
    disk.write("b", 0, b"b")
    disk.sync("b")
    assert disk.certain() == {"a": b"a"}, "a file whose folder was not synced"
    disk.sync_names()
    disk.rename("b", "a")
    disk.make("b")
    assert disk.certain() == {"a": b"a", "b": b"b"}
    assert disk.now() == {"a": b"b", "b": b""}
    seen = {tuple(sorted(disk.torn(random.Random(seed)).items())) for seed in range(200)}
    assert seen == {
        (("a", b"a"), ("b", b"b")),
        (("a", b"b"),),
        (("a", b"a"), ("b", b"")),
        (("a", b"b"), ("b", b"")),
    }
    disk.unlink("a")
    disk.sync_names()
    assert disk.certain() == {"b": b""}


def test_calls_are_read_as_strace_writes_them() -> None:
    path = "".join(f"\\x{octet:02x}" for octet in b"/a b/c")
    lines = [
        f'7 openat(AT_FDCWD<\\x2f>, "{path}", O_RDWR|O_CREAT, 0600) = 3<{path}>\n',
        f'7 openat(AT_FDCWD<\\x2f>, "{path}", O_RDONLY) = -1 ENOENT (No such file or directory)\n',
        "8 sendmsg(4<TCP:[127.0.0.1:5->127.0.0.1:6]>, {msg_name=NULL, msg_namelen=0, "
        'msg_iov=[{iov_base="\\x61\\x62", iov_len=2}, {iov_base="\\x63", iov_len=1}], msg_iovlen=2, msg_controllen=0, '
        "msg_flags=0}, 0 <unfinished ...>\n",
        f"7 fdatasync(3<{path}> <unfinished ...>\n",
        f'7 <... fdatasync resumed>) = 0\n9 pwrite64(3<{path}>, "\\x00\\x0a", 2, 512) = 2\n',
        "8 <... sendmsg resumed>)            = 3\n",
        "7 +++ exited with 0 +++\n",
    ]
    calls = parse("".join(lines).splitlines())
    assert [(call.name, call.place, call.strings, call.result) for call in calls] == [
        ("openat", "/a b/c", (b"/a b/c",), 3),
        ("sendmsg", "TCP:[127.0.0.1:5->127.0.0.1:6]", (b"ab", b"c"), 3),
        ("fdatasync", "/a b/c", (), 0),
        ("pwrite64", "/a b/c", (b"\0\n",), 2),
    ]
    assert (calls[0].descriptor, calls[3].arguments[-1]) == (3, "512")
