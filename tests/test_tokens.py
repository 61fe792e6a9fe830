"""subscribers.tokens: what was signed is recognised, and whatever else comes back is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.subscribers.tokens import Bearer, Purpose, Tokens

OLD, NEW = "k" * 32, "n" * 32
TOKENS = Tokens(OLD, list_id="newsletter.example.org")
TOKEN = TOKENS.sign(Purpose.UNSUBSCRIBE, 258, 3)


@given(st.sampled_from(Purpose), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_what_was_signed_is_recognised(purpose: Purpose, subscriber: int, generation: int) -> None:
    token = TOKENS.sign(purpose, subscriber, generation)
    assert TOKENS.unsign(purpose, token) == Bearer(subscriber, generation)
    assert len(token) == 40
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_token_is_a_plain_hmac_that_another_program_can_check() -> None:
    octets = base64.urlsafe_b64decode(TOKEN)
    assert octets[:12] == (258).to_bytes(8, "big") + (3).to_bytes(4, "big")
    message = b"unsubscribe 22 newsletter.example.org " + octets[:12]
    assert octets[12:] == hmac.new(OLD.encode(), message, hashlib.sha256).digest()[:18]


def test_no_bit_of_a_token_can_be_flipped() -> None:
    octets = base64.urlsafe_b64decode(TOKEN)
    for bit in range(len(octets) * 8):
        flipped = bytearray(octets)
        flipped[bit // 8] ^= 1 << bit % 8
        token = base64.urlsafe_b64encode(flipped).decode()
        assert TOKENS.unsign(Purpose.UNSUBSCRIBE, token) is None


def test_no_character_of_a_token_can_be_another() -> None:
    for place in range(len(TOKEN)):
        for character in "Aa0-_+/=. é٣\n":
            token = TOKEN[:place] + character + TOKEN[place + 1 :]
            assert token == TOKEN or TOKENS.unsign(Purpose.UNSUBSCRIBE, token) is None


MUTATIONS = {
    "nothing": "",
    "its first half": TOKEN[:20],
    "one character less": TOKEN[:-1],
    "one character less at the start": TOKEN[1:],
    "one group less": TOKEN[:-4],
    "one character more": TOKEN + "A",
    "padding": TOKEN + "=",
    "a line end": TOKEN + "\n",
    "a space before": " " + TOKEN,
    "twice": TOKEN * 2,
    "capitals": TOKEN.upper(),
    "small letters": TOKEN.lower(),
    "turned round": TOKEN[::-1],
    "no octets but NUL": "A" * 40,
    "half a character": TOKEN[:-1] + "\udce9",
}


@pytest.mark.parametrize("token", MUTATIONS.values(), ids=MUTATIONS)
def test_a_changed_token_is_refused(token: str) -> None:
    assert TOKENS.unsign(Purpose.UNSUBSCRIBE, token) is None


def test_a_token_is_good_for_its_purpose_its_list_and_its_key_alone() -> None:
    assert TOKENS.unsign(Purpose.UNSUBSCRIBE, TOKEN) == Bearer(258, 3)
    assert TOKENS.unsign(Purpose.PREFERENCES, TOKEN) is None
    assert Tokens(OLD, list_id="other.example.org").unsign(Purpose.UNSUBSCRIBE, TOKEN) is None
    assert Tokens(NEW, list_id="newsletter.example.org").unsign(Purpose.UNSUBSCRIBE, TOKEN) is None


def test_what_is_signed_cannot_be_read_as_another_purpose_or_list() -> None:
    first, second = Tokens(OLD, list_id="a 1 b"), Tokens(OLD, list_id="b")
    assert second.unsign(Purpose.UNSUBSCRIBE, first.sign(Purpose.UNSUBSCRIBE, 1)) is None


def test_the_first_key_signs_and_all_are_accepted() -> None:
    both = Tokens(f"{NEW} {OLD}", list_id="newsletter.example.org")
    new = both.sign(Purpose.UNSUBSCRIBE, 258, 3)
    assert both.unsign(Purpose.UNSUBSCRIBE, TOKEN) == Bearer(258, 3)
    assert both.unsign(Purpose.UNSUBSCRIBE, new) == Bearer(258, 3)
    assert new == Tokens(NEW, list_id="newsletter.example.org").sign(Purpose.UNSUBSCRIBE, 258, 3)
    assert TOKENS.unsign(Purpose.UNSUBSCRIBE, new) is None


@pytest.mark.parametrize(
    ("key", "cause"),
    [("", "no SECRET_KEY"), (" ", "no SECRET_KEY"), ("x" * 15, "at least 16"), (f"{NEW} x", "at least 16")],
)
def test_without_a_key_that_is_hard_to_guess_there_are_no_tokens(key: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause) as caught:
        Tokens(key, list_id="newsletter.example.org")
    assert "token_urlsafe" in caught.value.hint
    assert "x" * 15 not in str(caught.value)


def test_a_key_is_never_shown() -> None:
    assert OLD not in repr(TOKENS)
