"""sending.replies: whole replies out of a stream, however it was cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.replies import Disorder, Replies


def all_of(pieces: list[bytes]) -> list[tuple[int, str]]:
    replies = Replies()
    found = []
    for piece in pieces:
        found += [reply for line in replies.lines(piece) if (reply := replies.take(line))]
        replies.check_rest()
    return found


@pytest.mark.parametrize(
    ("said", "replies"),
    [
        (b"250 ok\r\n", [(250, "250 ok")]),
        (b"250\r\n", [(250, "250")]),
        (b"250 2.1.0 ok\n", [(250, "250 2.1.0 ok")]),
        (b"250-one\r\n250-two\r\n250 three\r\n", [(250, "250 one two three")]),
        (b"250-one\r\n250\r\n", [(250, "250 one")]),
        (b"250 ok\r\n354 go\r\n25", [(250, "250 ok"), (354, "354 go")]),
        ("550 kein Empf\xe4nger\r\n".encode("latin-1"), [(550, "550 kein Empf\\xe4nger")]),
        ("550 kein Empfänger\r\n".encode(), [(550, "550 kein Empfänger")]),
    ],
)
def test_a_reply_is_its_code_and_the_words_of_all_its_lines(
    said: bytes, replies: list[tuple[int, str]]
) -> None:
    assert all_of([said]) == replies


@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n",
        b"\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\nb\r\n",
    ]
    + [b"250 " + b"x" * 9000 + b"\r\n", b"x" * 9000, b"250-a\r\n" * 201],
)
def test_what_is_no_reply_is_disorder(said: bytes) -> None:
    with pytest.raises(Disorder):
        all_of([said])


@given(
    said=st.lists(
        st.sampled_from([b"250 ok\r\n", b"250-a\r\n250-b\r\n250 c\r\n", b"550 no\n", b"354\r\n"]), max_size=8
    ),
    cuts=st.lists(st.integers(0, 80), max_size=10),
)
def test_however_the_stream_is_cut_the_replies_are_the_same(said: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(said)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert all_of(pieces) == all_of([stream])
    assert len(all_of(pieces)) == len(said)


def test_half_a_reply_is_told() -> None:
    replies = Replies()
    for line in replies.lines(b"250-one\r\n250 tw"):
        replies.take(line)
    assert replies.is_amid
    assert replies.half == "250-one 250 tw"
