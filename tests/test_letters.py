"""A campaign's messages: each is its reader's own, whichever way it was written."""

from __future__ import annotations

import email
import email.policy
import json
from dataclasses import replace
from email.message import EmailMessage

import pytest
from campaigns import NOW
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.build import Email
from newsletter.render.merge import Context, Field, Slot, Template
from newsletter.sending.campaign import Campaign, CampaignState, Counts, Opened
from newsletter.sending.frozen import Letterhead, freeze
from newsletter.sending.letters import Letters
from newsletter.subscribers.tokens import Purpose, Tokens

HEAD = Letterhead(
    "Letter <letter@example.com>", "", "Letter <newsletter.example.com>", "https://example.com/1/"
)
TOKENS = Tokens("a-key-that-nobody-guesses", list_id="newsletter.example.com")
LINKS = ("unsubscribe_url", "preferences_url", "web_url")


def email_of(*attributes: str) -> Email:
    """An email that shows a reader's name, some attributes and all links, in text and in HTML."""
    names = ["first_name", *attributes]
    text: list[str | Slot] = []
    html: list[str | Slot] = ["<p>"]
    for name in names:
        text += [Slot(Field(f"subscriber.{name}", "reader"), Context.TEXT), "\n"]
        html += [Slot(Field(f"subscriber.{name}", "reader"), Context.HTML), "</p><p>"]
    for link in LINKS:
        text += [f"{link}: ", Slot(Field(link), Context.TEXT), " .\n"]
        html += ['<a href="', Slot(Field(link), Context.LINK), f'">{link}</a>']
    return Email(
        "1", "en", Template(("Autumn",)), Template((*html, "</p>")), Template(tuple(text)), "", (), "d" * 64
    )


def letters_of(made: Email, *, url: str = "https://example.com/u/{token}") -> Letters:
    campaign = Campaign(
        1, "1", made.digest, "Autumn", "", "", CampaignState.DUE, "", NOW, 0, 0, False, False, None, None, "", 0,
        Counts(1, 0, 0, 0, 0, 0, 0),
    )  # fmt: skip
    return Letters(campaign, {0: freeze(made, HEAD)}, tokens=TOKENS, unsubscribe_url=url)


def opened(address: str, name: str = "", **attributes: object) -> Opened:
    return Opened(
        7, 0, 0, 0, address, name, "", json.dumps(attributes, ensure_ascii=False, separators=(",", ":")), 0
    )


def parsed(letters: Letters, reader: Opened) -> tuple[dict[str, str], str, str]:
    """Headers, text and HTML of the message for `reader`."""
    parcel = letters.parcel(reader, float(NOW))
    whole = b"".join(parcel.content)
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    assert max(map(len, whole.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    message = email.message_from_bytes(whole, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return dict(message.items()), text.get_content(), html.get_content()


ADDRESSES = st.from_regex(r"[a-zA-Z0-9_.+'=-]{1,30}@[a-z0-9-]{1,20}\.[a-z]{2,6}", fullmatch=True).filter(
    lambda address: ".." not in address and not address.startswith(".") and ".@" not in address
    and "@-" not in address and "-." not in address
)  # fmt: skip


@given(
    ADDRESSES, st.sampled_from(["", "Ada Lovelace", "Łukasz", "O'Brien & Söhne", '"x" <b>', "=?utf-8?q?x?="])
)
def test_a_plain_address_gets_the_same_message_as_by_the_long_way(address: str, name: str) -> None:
    short, long = letters_of(email_of()), letters_of(email_of())
    assert short._is_plain
    long._is_plain = False
    assert parsed(short, opened(address, name)) == parsed(long, opened(address, name))


READERS = st.builds(
    Opened,
    st.integers(1, 9),
    st.just(0),
    st.just(0),
    st.just(0),
    ADDRESSES | st.just("ü@example.org"),
    st.sampled_from(["", "Ada", "Ada Lovelace", "Ada King", "Łukasz"]),
    st.sampled_from(["", "en", "pl"]),
    st.dictionaries(
        st.sampled_from(["first_name", "pet_name", "town"]), st.sampled_from(["Ada", "Turin"])
    ).map(lambda attributes: json.dumps(attributes, separators=(",", ":"))),
    st.integers(0, 2),
)


@given(
    st.lists(READERS, min_size=2, max_size=6),
    st.sets(st.sampled_from(["name", "last_name", "language", "email", "town"])),
    st.booleans(),
)
def test_a_message_depends_on_no_other(readers: list[Opened], fields: set[str], is_greeted: bool) -> None:
    made = email_of(*sorted(fields))
    if is_greeted:
        greeting = Slot(Field("subscriber.first_name", "reader"), Context.HEADER)
        made = replace(made, subject=Template(("Good morning, ", greeting)))
    together = letters_of(made)
    for reader in readers:
        alone = letters_of(made)
        alone._is_plain = False
        assert parsed(together, reader) == parsed(alone, reader)


@given(ADDRESSES)
def test_the_links_are_the_readers_own(address: str) -> None:
    headers, text, _ = parsed(letters_of(email_of()), opened(address))
    token = TOKENS.sign(Purpose.UNSUBSCRIBE, 7)
    url = f"https://example.com/u/{token}"
    assert headers["List-Unsubscribe"].split(", ")[0] == f"<{url}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"unsubscribe_url: {url} ." in text
    assert "web_url: https://example.com/1/ ." in text


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/u?t={token}",
        "https://example.com/u/{token}?list=1&x=y",
        f"https://example.com/{'long/' * 20}{{token}}",
        "https://e.org/{token}",
    ],
)
def test_any_address_for_leaving_arrives_whole(url: str) -> None:
    headers, text, html = parsed(letters_of(email_of(), url=url), opened("ada@example.org"))
    wanted = url.replace("{token}", TOKENS.sign(Purpose.UNSUBSCRIBE, 7))
    assert f"<{wanted}>" in headers["List-Unsubscribe"]
    assert f"unsubscribe_url: {wanted} ." in text
    assert f'href="{wanted.replace("&", "&amp;")}"' in html


@pytest.mark.parametrize(
    ("name", "attributes", "first"),
    [
        ("Ada Lovelace", {}, "Ada"),
        ("", {}, "reader"),
        ("Ada Lovelace", {"first_name": "Ada"}, "Ada"),
        ("Countess Lovelace", {"first_name": "Ada"}, "Ada"),
        ("Countess", {"pet_name": "x"}, "Countess"),
        ("Łucja", {"first_name": "Łucja Maria"}, "Łucja Maria"),
    ],
)
def test_a_first_name_that_was_given_stands_before_one_that_is_guessed(
    name: str, attributes: dict[str, object], first: str
) -> None:
    _, text, html = parsed(letters_of(email_of()), opened("ada@example.org", name, **attributes))
    assert text.splitlines()[0] == first
    assert f"<p>{first}</p>" in html


def test_an_attribute_named_like_what_everybody_has_is_not_taken_for_it() -> None:
    reader = opened("ada@example.org", "Ada", email="eve@example.org", town="Turin", vip=True)
    _, text, _ = parsed(letters_of(email_of("email", "town", "vip")), reader)
    assert text.splitlines()[:4] == ["Ada", "ada@example.org", "Turin", "yes"]
