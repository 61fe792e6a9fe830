"""sending.quoted_printable: pieces that may be joined, whatever the values between them."""

from __future__ import annotations

import binascii
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.quoted_printable import encode, encode_template, encode_value

NAME = Slot(Field("subscriber.first_name"), Context.TEXT)


def joined(template: Template, value: str) -> bytes:
    """`template` encoded, and `value` in all its slots."""
    pieces = encode_template(template)
    return b"".join(encode_value(value) if isinstance(piece, Slot) else piece for piece in pieces)


def filled(template: Template, value: str) -> str:
    """What `joined` has to decode to."""
    return lines_of("".join(value if isinstance(part, Slot) else part for part in template.parts))


def lines_of(text: str) -> str:
    """`text` with the line ends of the wire, and without half characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return text.encode("utf-8", "replace").decode()


def decoded(encoded: bytes) -> str:
    """What two readers make of it: the C one that Python's own use, and the grammar of RFC 2045 taken literally."""
    text = binascii.a2b_qp(encoded)
    literally = re.sub(
        rb"=([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), encoded.replace(b"=\r\n", b"")
    )
    assert literally == text
    return text.decode()


def assert_fit_for_the_wire(encoded: bytes) -> None:
    assert encoded.isascii()
    assert b"\n" not in encoded.replace(b"\r\n", b"")
    assert b"\r" not in encoded.replace(b"\r\n", b"")
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert re.fullmatch(rb"(?:[ -<>-~\t]|=[0-9A-F]{2})*=?", line)
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))


PIECES = {
    "a name on its line": (("Dear ", NAME, ", welcome"), b"Dear=20=\r\nZoe=\r\n, welcome"),
    "at the end of a line": (("Dear ", NAME, "\nwelcome"), b"Dear=20=\r\nZoe\r\nwelcome"),
    "at the start of a line": (("Hello\n", NAME, "!"), b"Hello\r\nZoe=\r\n!"),
    "at both ends of a text": ((NAME, " and ", NAME), b"Zoe=\r\n and=20=\r\nZoe"),
    "next to itself": ((NAME, NAME), b"Zoe=\r\nZoe"),
    "in a text in two parts": (("a", "b", NAME, "", "c"), b"ab=\r\nZoe=\r\nc"),
    "before a dot": (("", NAME, ". And more"), b"Zoe=\r\n=2E And more"),
    "nowhere": (("Hello.\n",), b"Hello.\r\n"),
}


@pytest.mark.parametrize(("parts", "encoded"), PIECES.values(), ids=PIECES)
def test_a_text_is_cut_where_a_merge_field_stands(parts: tuple[str | Slot, ...], encoded: bytes) -> None:
    assert joined(Template(parts), "Zoe") == encoded


VALUES = {
    "Zoë": b"Zo=C3=AB",
    "": b"",
    ".": b"=2E",
    ".x": b"=2Ex",
    "x.": b"x.",
    "From here": b"=46rom here",
    "Fromage": b"Fromage",
    "a=b": b"a=3Db",
    "ends in a space ": b"ends in a space=20",
    " begins with one": b" begins with one",
    "a\tb": b"a\tb",
    "x" * 75: b"x" * 75,
    "x" * 76: b"x" * 75 + b"=\r\nx",
    "x" * 75 + ".": b"x" * 75 + b"=\r\n=2E",
    "two\nlines": b"two\r\nlines",
    "three\rlines\r\n": b"three\r\nlines\r\n",
    "half a \udce9": b"half a ?",
}


@pytest.mark.parametrize(("value", "encoded"), VALUES.items(), ids=map(ascii, VALUES))
def test_a_value_is_encoded_where_it_must_be_and_left_alone_elsewhere(value: str, encoded: bytes) -> None:
    assert encode_value(value) == encoded


@pytest.mark.parametrize("length", range(70, 82))
@pytest.mark.parametrize("last", ["x", ".", " ", "=", "é", "日", "\t", "From ", "\n", "\r", "👧"])
def test_a_line_that_is_nearly_full_has_room_for_the_soft_break(length: int, last: str) -> None:
    edge = "x" * (length - len(last)) + last
    for parts in ((edge, NAME, edge), (NAME, edge, NAME), (edge, NAME, NAME, edge), (edge,)):
        template = Template(parts)
        for value in ("Zoë", edge, ""):
            encoded = joined(template, value)
            assert_fit_for_the_wire(encoded)
            assert decoded(encoded) == filled(template, value)


_ODD = st.lists(
    st.sampled_from(
        [
            " ",
            "\t",
            "\n",
            "\r\n",
            ".",
            "From ",
            "=",
            "=2E",
            "-",
            "é",
            "x",
            "x" * 37,
            "x" * 74,
            "日",
            "\0",
            "\ud83d",
        ]
    ),
    max_size=12,
).map("".join)
_TEXT = _ODD | st.text(max_size=120)
#: A line end is in one piece: CR at the end of this and LF at the start of that are two.
_VALUE = _TEXT.map(lambda text: text.replace("\r\n", "\n").replace("\r", ""))
_PARTS = st.lists(_VALUE | st.just(NAME), max_size=8).map(tuple)


@settings(max_examples=600, deadline=None)
@given(_PARTS, _VALUE)
@example(("Dear ", NAME, "\n"), " ")
@example(("x" * 76, NAME), "." * 76)
@example((NAME, "\n.\n", NAME), ".")
@example(("a\n", NAME, "b"), "\n")
def test_what_is_joined_says_what_the_whole_says(parts: tuple[str | Slot, ...], value: str) -> None:
    template = Template(parts)
    encoded, whole = joined(template, value), encode(filled(template, value))
    assert_fit_for_the_wire(encoded)
    assert_fit_for_the_wire(whole)
    assert decoded(encoded) == decoded(whole) == filled(template, value)
