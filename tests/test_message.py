"""sending.message: what goes over the wire, octet by octet, and what two readers make of it.

The readers are the standard library's two: `email.policy.default`, and the older `compat32` with `decode_header`.
"""

from __future__ import annotations

import email
import email.header
import email.policy
import quopri
import re
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import WriterError
from newsletter.render.merge import Context, Field, Slot, Template, escape
from newsletter.sending.headers import mailbox_line, recipient_line
from newsletter.sending.message import FormLetter, deterministic_id, prepare
from newsletter.subscribers.address import Address, Mailbox, parse_address, parse_mailbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


READER = parse_mailbox("reader@example.com")


def prepared(**changes: Any) -> FormLetter:
    """A form letter; a text for one of its templates is that text and nothing else."""
    defaults: dict[str, Any] = {
        "sender": parse_mailbox("The editors <news@example.org>"),
        "subject": "Spring",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "boundary": "b",
    }
    given = {**defaults, **changes}
    for name in ("subject", "text", "html"):
        if isinstance(given[name], str):
            given[name] = Template((given[name],))
    return prepare(**given)


def composed(**changes: Any) -> bytes:
    """A message, from the arguments of `prepare` and `FormLetter.compose`."""
    recipient, values = changes.pop("recipient", READER), changes.pop("values", {})
    own: dict[str, Any] = {"date": NOON, "message_id": "<1@example.org>"}
    own |= {name: changes.pop(name) for name in ("date", "message_id", "list_unsubscribe") if name in changes}
    return prepared(**changes).compose(recipient, values, **own)


def header_lines(message: bytes, name: str) -> list[bytes]:
    """The lines of the header `name`, as they are on the wire."""
    head = message.partition(b"\r\n\r\n")[0]
    found = re.search(rb"^%s:[^\r]*(?:\r\n [^\r]*)*" % name.encode(), head, re.MULTILINE)
    assert found
    return found[0].split(b"\r\n")


def read(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def old_header(message: bytes, name: str) -> str:
    """The header `name` in the eyes of the older reader."""
    value = email.message_from_bytes(message)[name].replace("\r\n", "")
    return str(email.header.make_header(email.header.decode_header(value)))


def bodies(message: bytes) -> tuple[str, str]:
    parts = [part for part in read(message).walk() if part.get_content_maintype() == "text"]
    text, html = (part.get_content().replace("\r\n", "\n") for part in parts)
    return text, html


def assert_fit_for_the_wire(message: bytes) -> None:
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message)
    assert message.isascii()
    assert b"\0" not in message
    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    body = lines[lines.index(b"") :]
    assert max(map(len, body)) <= 76
    assert not [line for line in body if line.startswith((b".", b"From "))]
    assert not [line for line in lines if line.endswith((b" ", b"\t"))]


# --- the whole ----------------------------------------------------------------------------------------------


def test_a_message_is_these_bytes() -> None:
    message = composed(
        sender=parse_mailbox("Die Größe <news@example.org>"),
        recipient=parse_mailbox('"Reader, A" <reader@example.com>'),
        reply_to=parse_mailbox("office@example.org"),
        subject="Grüße",
        text="Größe = 1\n",
        html="<p>Größe</p>",
        list_id="News <news.example.org>",
        list_unsubscribe=["https://example.org/u/1", "mailto:u@example.org"],
        one_click=True,
        headers={"Precedence": "bulk"},
    )
    assert message == (
        b"From: =?utf-8?b?RGllIEdyw7bDn2U=?= <news@example.org>\r\n"
        b"Reply-To: office@example.org\r\n"
        b'To: "Reader, A" <reader@example.com>\r\n'
        b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
        b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\n"
        b"Message-ID: <1@example.org>\r\n"
        b"List-Id: News <news.example.org>\r\n"
        b"List-Unsubscribe: <https://example.org/u/1>, <mailto:u@example.org>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        b"Precedence: bulk\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative;\r\n"
        b' boundary="=_a_b"\r\n'
        b"\r\n"
        b"--=_a_b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Gr=C3=B6=C3=9Fe =3D 1\r\n"
        b"\r\n"
        b"--=_a_b\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"<p>Gr=C3=B6=C3=9Fe</p>\r\n"
        b"--=_a_b--\r\n"
    )


def test_the_text_comes_before_the_html() -> None:
    parsed = read(composed())
    assert parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


def test_what_is_not_asked_for_is_not_in_the_message() -> None:
    names = [name.lower() for name in read(composed()).keys()]  # noqa: SIM118 - also names that come twice
    assert names == ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"]


# --- bodies -------------------------------------------------------------------------------------------------

DANGEROUS_BODIES = [
    "",
    "\n",
    ".",
    ".\n..\n.x\n",
    "\r\n.\r\nMAIL FROM:<e@example.org>\r\n",
    "From me\n>From you\n",
    " \n\t\n x \n",
    "x" * 75 + " \n",
    "x" * 76 + "\n",
    "." + "x" * 75 + "\n",
    "From " + "x" * 71 + "\n",
    "." + "x" * 73 + "é" * 40,
    "x" * 75 + "." + "y" * 74 + "..",
    "." * 400,
    "=" * 100,
    "-- \nsignature",
    "--=_a_b\n--=_a_b--\n",
    "\0\x0b\x0c\x1b\x7f\x85\u2028\u2029",
    "日本語" * 50,
    "👨\u200d👩\u200d👧" * 30,
    "no line end",
]


@pytest.mark.parametrize("body", DANGEROUS_BODIES)
def test_a_dangerous_body_arrives_as_it_was(body: str) -> None:
    message = composed(text=body, html=body)
    assert_fit_for_the_wire(message)
    assert bodies(message) == (body.replace("\r\n", "\n"),) * 2


@pytest.mark.parametrize(
    "end",
    ["\n.\n", "\n.\r\n", "\r.\n", "\r.\r", "\n.\r", "\r.\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n\0.\r\n"],
)
def test_no_body_can_end_the_message_early(end: str) -> None:
    message = composed(text=f"before{end}MAIL FROM:<e@example.org>", html=f"<p>before{end}after</p>")
    assert_fit_for_the_wire(message)
    assert "MAIL FROM" in bodies(message)[0]


def test_half_a_character_is_replaced() -> None:
    assert bodies(composed(text="a\udce9b")) == ("a?b", "<p>Hello</p>\n")


_TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
_LINES = st.lists(
    st.sampled_from([" ", "\t", "\n", ".", "From ", "=", "é", "x", "x" * 37, "日"]), max_size=60
)


@settings(max_examples=250, deadline=None)
@given(_TEXT | _LINES.map("".join))
@example("." + "x" * 72 + "=")
@example("x" * 74 + " ")
@example("." + "x" * 73 + " ")
@example("x" * 73 + "é ")
def test_any_body_arrives_in_both_readers(body: str) -> None:
    message = composed(text=body, html=body)
    assert_fit_for_the_wire(message)
    sent = body.replace("\r\n", "\n").replace("\r", "\n")
    assert bodies(message) == (sent, sent)
    for part in email.message_from_bytes(message).walk():
        if not part.is_multipart():
            payload = quopri.decodestring(str(part.get_payload()).replace("\r\n", "\n").encode())
            assert payload.decode() == sent


def test_pictures_stand_beside_the_html_that_shows_them() -> None:
    content = bytes(range(256)) * 3
    message = composed(pictures=[("p1@example.org", "image/png", "Bär in the woods.png", content)])
    assert_fit_for_the_wire(message)
    text, related = read(message).iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, picture = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert picture["Content-ID"] == "<p1@example.org>"
    assert picture.get_filename() == "B_r_in_the_woods.png"
    assert picture.get_content() == content


# --- text in headers ----------------------------------------------------------------------------------------

SUBJECTS = [
    "Spring",
    "Grüße aus dem Garten",
    "é" * 300,
    "日本語の件名" * 30,
    "👨\u200d👩\u200d👧 und 日本語 " * 12,
    "السلام عليكم " * 10,
    "a plain subject that is quite a lot longer than what would fit on one line of seventy-eight",
    "x" * 800,
    "A =?UTF-8?Q?=0A?=Bcc: e@example.org",
    "=?utf-8?q?=41?=",
    "two  spaces,  and more    of them",
    " at the start and at the end ",
    "ends with é ",
    "?=_ =3D",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_arrives_as_it_was_in_words_that_stand_alone(subject: str) -> None:
    message = composed(subject=subject)
    assert_fit_for_the_wire(message)
    assert read(message)["Subject"] == subject
    assert old_header(message, "Subject") == subject
    lines = header_lines(message, "Subject")
    assert all(len(line) <= 78 for line in lines)
    for line in lines:
        for word in re.findall(rb"=\?.*?\?=(?= |\Z)", line):
            assert len(word) <= 75
            assert len(line) <= 76
            ((octets, charset),) = email.header.decode_header(word.decode())
            octets.decode(charset)


@pytest.mark.parametrize("character", ["é", "日", "👧", "?"])
def test_a_line_with_an_encoded_word_has_at_most_76_characters(character: str) -> None:
    for length in range(10, 130):
        for subject in (character * length, "=?" + "x" * length + character, "日" + "x" * length):
            message = composed(subject=subject)
            assert old_header(message, "Subject") == subject
            lines = header_lines(message, "Subject")
            assert max(map(len, lines)) <= (76 if b"=?" in lines[0] else 78)


def test_a_plain_subject_is_not_encoded() -> None:
    assert header_lines(composed(subject="Spring: 50% off?"), "Subject") == [b"Subject: Spring: 50% off?"]
    assert header_lines(composed(subject=""), "Subject") == [b"Subject:"]


_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), max_size=120)


@settings(max_examples=250, deadline=None)
@given(_LINE)
def test_any_subject_arrives_in_both_readers(subject: str) -> None:
    message = composed(subject=subject)
    assert_fit_for_the_wire(message)
    assert read(message)["Subject"] == subject
    assert old_header(message, "Subject") == subject


INJECTIONS = [
    "x\r\nBcc: e@example.org",
    "x\n y",
    "x\0",
    "x\t",
    "x\x1b",
    "x\x7f",
    "x\x85",
    "x\u2028",
    "x\u2029",
    "x\udce9",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_header_value_has_a_line_break_or_a_control_character(text: str) -> None:
    changes: list[dict[str, Any]] = [
        {"subject": text},
        {"headers": {"X-Note": text}},
        {"headers": {f"X-{text}": "x"}},
        {"list_id": f"{text} <news.example.org>"},
        {"list_id": f"News <news.{text}.org>"},
        {"list_unsubscribe": [f"https://example.org/{text}"]},
        {"message_id": f"<{text}@example.org>"},
        {"boundary": text},
        {"pictures": [(text, "image/png", "x", b"")]},
        {"pictures": [("x", f"image/{text}", "x", b"")]},
    ]
    for change in changes:
        with pytest.raises(WriterError) as caught:
            composed(**change)
        str(caught.value).encode()


def test_the_name_of_a_picture_cannot_break_a_header() -> None:
    assert_fit_for_the_wire(composed(pictures=[("x", "image/png", 'a"\r\nBcc: e', b"x")]))


# --- mailboxes ----------------------------------------------------------------------------------------------

NAMES = {
    "": b"From: news@example.org",
    "The editors": b"From: The editors <news@example.org>",
    "A. Writer": b'From: "A. Writer" <news@example.org>',
    'The "good" \\ news': b'From: "The \\"good\\" \\\\ news" <news@example.org>',
    "Größe": b"From: =?utf-8?b?R3LDtsOfZQ==?= <news@example.org>",
    "News from the café": b"From: =?utf-8?q?News_from_the_caf=C3=A9?= <news@example.org>",
}


@pytest.mark.parametrize(("name", "line"), NAMES.items())
def test_a_display_name_is_atoms_or_quoted_or_encoded(name: str, line: bytes) -> None:
    sender = Mailbox(name, parse_address("news@example.org"))
    assert header_lines(composed(sender=sender), "From") == [line]


@settings(max_examples=250, deadline=None)
@given(_LINE.map(str.strip))
@example("A =?UTF-8?Q?=0A?=Bcc: e@example.org")
@example("x" * 300)
@example("name " * 40)
@example("日本 " * 40)
def test_any_display_name_arrives_in_both_readers(name: str) -> None:
    mailbox = Mailbox(name, parse_address("news@example.org"))
    message = composed(sender=mailbox, recipient=mailbox, reply_to=mailbox)
    assert_fit_for_the_wire(message)
    for header in ("From", "To", "Reply-To"):
        assert all(len(line) <= 78 for line in header_lines(message, header))
        (address,) = read(message)[header].addresses
        # This reader adds a space where a name is in several encoded words (cpython issue 35547).
        assert "".join(address.display_name.split()) == "".join(name.split())
        assert address.addr_spec == "news@example.org"
        unfolded = str(email.message_from_bytes(message)[header]).replace("\r\n", "")
        old_name, old_address = email.utils.parseaddr(unfolded)
        assert str(email.header.make_header(email.header.decode_header(old_name))) == name
        assert old_address == "news@example.org"


def test_a_long_address_stands_on_a_line_of_its_own() -> None:
    address = f"{'x' * 60}@{'y' * 60}.org"
    lines = header_lines(composed(recipient=parse_mailbox(f"Reader <{address}>")), "To")
    assert lines == [b"To: Reader", f" <{address}>".encode()]


def test_an_address_that_needs_smtputf8_is_the_only_thing_not_in_ascii() -> None:
    message = composed(recipient=parse_mailbox("ü@exämple.org"), subject="ü", text="ü")
    assert header_lines(message, "To") == ["To: ü@xn--exmple-cua.org".encode()]
    assert message.replace("ü@".encode(), b"").isascii()


# --- lists --------------------------------------------------------------------------------------------------


def test_a_long_list_unsubscribe_is_folded_between_its_addresses_and_never_encoded() -> None:
    uris = [
        f"https://example.org/u/{'t' * 900}",
        "mailto:u@example.org?subject=x,y",
        "https://example.org/é",
    ]
    lines = header_lines(composed(list_unsubscribe=uris), "List-Unsubscribe")
    assert lines == [
        f"List-Unsubscribe: <{uris[0]}>,".encode(),
        b" <mailto:u@example.org?subject=x,y>, <https://example.org/%C3%A9>",
    ]


def test_one_click_is_both_headers_once() -> None:
    message = composed(list_unsubscribe=["https://example.org/u/" + "t" * 60], one_click=True)
    assert header_lines(message, "List-Unsubscribe-Post") == [
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    ]
    assert len(re.findall(rb"^List-Unsubscribe", message, re.MULTILINE)) == 2


@pytest.mark.parametrize("uris", [[], ["mailto:u@example.org"], ["http://example.org/u"]])
def test_one_click_needs_an_https_address(uris: list[str]) -> None:
    with pytest.raises(WriterError, match="https"):
        composed(list_unsubscribe=uris, one_click=True)


@pytest.mark.parametrize(
    "uri", ["", "example.org", "ftp://example.org", "javascript:x", "https://example.org/>x", "https://"]
)
def test_an_unsubscribe_address_is_a_web_or_mail_address(uri: str) -> None:
    with pytest.raises(WriterError):
        composed(list_unsubscribe=[uri])


def test_an_unsubscribe_address_that_no_line_can_hold_is_refused() -> None:
    with pytest.raises(WriterError, match=r"List-Unsubscribe: .*998"):
        composed(list_unsubscribe=["https://example.org/" + "x" * 1000])


LIST_IDS = {
    "news.example.org": b"List-Id: <news.example.org>",
    "News <news.example.org>": b"List-Id: News <news.example.org>",
    "News, weekly <news.example.org>": b'List-Id: "News, weekly" <news.example.org>',
    "Größe <news.example.org>": b"List-Id: =?utf-8?b?R3LDtsOfZQ==?= <news.example.org>",
}


@pytest.mark.parametrize(("list_id", "line"), LIST_IDS.items())
def test_a_list_id_has_a_name_and_an_identifier(list_id: str, line: bytes) -> None:
    assert header_lines(composed(list_id=list_id), "List-Id") == [line]


@pytest.mark.parametrize("list_id", ["news", "News <>", "News <news example.org>", "News <ü.example.org>"])
def test_what_is_not_a_list_id_is_refused(list_id: str) -> None:
    with pytest.raises(WriterError):
        composed(list_id=list_id)


# --- the form letter ----------------------------------------------------------------------------------------

FIRST_NAME = Field("subscriber.first_name", "there")
LEAVE = Field("unsubscribe_url", "https://example.org/leave")
LETTER = {
    "subject": Template(("News for ", Slot(FIRST_NAME, Context.HEADER))),
    "text": Template(
        ("Dear ", Slot(FIRST_NAME, Context.TEXT), ",\n\nhello.\n\n", Slot(LEAVE, Context.TEXT), "\n")
    ),
    "html": Template(
        (
            "<p>Dear ",
            Slot(FIRST_NAME, Context.HTML),
            '</p>\n<a href="',
            Slot(LEAVE, Context.LINK),
            '">Leave</a>\n<a href="https://example.org/?n=',
            Slot(FIRST_NAME, Context.URL),
            '">',
            Slot(LEAVE, Context.HTML),
            "</a>",
        )
    ),
}

VALUES = [
    {},
    {"subscriber.first_name": "Zoe", "unsubscribe_url": "https://example.org/u/1234567890abcdef"},
    {"subscriber.first_name": "Zoë", "unsubscribe_url": "https://example.org/u?t=1&x=%C3%A9"},
    {
        "subscriber.first_name": "O'Brien & Söhne",
        "unsubscribe_url": "mailto:news@example.org?subject=a%20b&x=y",
    },
    {"subscriber.first_name": "<b>B</b>", "unsubscribe_url": "javascript:alert(1)"},
    {"subscriber.first_name": "x\r\nBcc: e@example.org", "unsubscribe_url": "https://example.org/\r\nBcc: e"},
    {"subscriber.first_name": "\0\x1b\u2028\udce9", "unsubscribe_url": "http://[::1/"},
    {"subscriber.first_name": "=?utf-8?q?=0A?=", "unsubscribe_url": "https://a..b/x"},
    {"subscriber.first_name": ".", "unsubscribe_url": "https://example.org:99999/x"},
    {"subscriber.first_name": "From x", "unsubscribe_url": "https://-/"},
    {"subscriber.first_name": "{{ unsubscribe_url }}", "unsubscribe_url": "//example.org/x"},
    {"subscriber.first_name": "日本語" * 100, "unsubscribe_url": "https://example.org/" + "x" * 900},
    {"subscriber.first_name": " \t", "unsubscribe_url": "tel:+49"},
    {"subscriber.first_name": "٣²x", "unsubscribe_url": "HTTPS://EXAMPLE.ORG/"},
]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: ascii(values.get("subscriber.first_name"))[:20])
def test_a_message_says_what_its_templates_say_for_the_recipient(values: dict[str, str]) -> None:
    message = composed(**LETTER, values=values)
    assert_fit_for_the_wire(message)
    assert bodies(message) == (LETTER["text"].fill(values), LETTER["html"].fill(values))
    assert read(message)["Subject"] == LETTER["subject"].fill(values)
    names = [name.lower() for name in read(message).keys()]  # noqa: SIM118 - also names that come twice
    assert names == ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"]


_ANY_VALUE = (
    st.text(max_size=100)
    | st.sampled_from(sorted({value for values in VALUES for value in values.values()}))
    | st.from_regex(r"https?://[A-Za-z0-9.-]{1,20}(:[0-9]{1,6})?/[A-Za-z0-9_./~?=%&-]{0,90}", fullmatch=True)
    | st.text("aZ09é日²_- ", max_size=90)
)
_FIELD = st.builds(
    Field, st.sampled_from(["a", "b"]), st.sampled_from(["", "there", "https://example.org/f"])
)
_LITERAL = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60) | st.sampled_from(
    ["\n", ".", "\n.", "From ", "\nFrom ", "=", " ", "x" * 75, "é" * 25, "--=_a_b", "\n--=_a_b--\n"]
)


def templates(*contexts: Context) -> st.SearchStrategy[Template]:
    slot = st.builds(Slot, _FIELD, st.sampled_from(contexts))
    return st.lists(_LITERAL | slot, max_size=9).map(lambda parts: Template(tuple(parts)))


@settings(max_examples=300, deadline=None)
@given(
    templates(Context.TEXT),
    templates(Context.HTML, Context.ATTRIBUTE, Context.LINK, Context.URL),
    st.lists(st.builds(Slot, _FIELD, st.just(Context.HEADER)) | _LINE, max_size=4),
    _ANY_VALUE,
    _ANY_VALUE,
)
def test_any_value_in_any_template_arrives(
    text: Template, html: Template, subject: list[str | Slot], a: str, b: str
) -> None:
    values, line = {"a": a, "b": b}, Template(tuple(subject))
    message = composed(text=text, html=html, subject=line, values=values)
    assert_fit_for_the_wire(message)
    assert bodies(message) == (text.fill(values), html.fill(values))
    assert read(message)["Subject"] == old_header(message, "Subject") == line.fill(values)
    assert len(list(read(message).keys())) == 7


@settings(max_examples=100, deadline=None)
@given(templates(*Context), _ANY_VALUE)
def test_it_says_the_same_as_a_message_without_merge_fields(text: Template, value: str) -> None:
    values = {"a": value, "b": value}
    plain = composed(text=text.fill(values), html="")
    assert bodies(composed(text=text, html="", values=values)) == bodies(plain)


def test_one_letter_makes_the_messages_of_all_recipients_and_keeps_nothing_of_any() -> None:
    letter = prepared(**LETTER, list_id="news.example.org", headers={"Precedence": "bulk"})

    def message(recipient: str, values: dict[str, str]) -> bytes:
        uri = f"https://example.org/u/{recipient}"
        return letter.compose(
            parse_mailbox(recipient),
            values,
            date=NOON,
            message_id=f"<{recipient[0]}@example.org>",
            list_unsubscribe=[uri],
            headers={"X-Reader": recipient},
        )

    first = message("a@example.com", VALUES[1])
    second = message("b@example.com", {})
    assert message("a@example.com", VALUES[1]) == first
    assert header_lines(second, "To") == [b"To: b@example.com"]
    assert header_lines(second, "Message-ID") == [b"Message-ID: <b@example.org>"]
    assert header_lines(second, "List-Unsubscribe") == [
        b"List-Unsubscribe: <https://example.org/u/b@example.com>"
    ]
    assert header_lines(second, "X-Reader") == [b"X-Reader: b@example.com"]
    assert bodies(second)[0].startswith("Dear there,")
    assert b"a@example.com" not in second
    assert b"Zoe" not in second
    assert [header_lines(one, "Precedence") for one in (first, second)] == [[b"Precedence: bulk"]] * 2


def test_what_has_no_merge_fields_is_one_piece_behind_the_head() -> None:
    letter = prepared(pictures=[("p", "image/png", "p.png", b"x" * 100)])
    assert letter.blanks == ()
    assert len([piece for piece in letter.pieces if piece]) == 1
    assert letter.subject == "Subject: Spring"


def test_a_value_is_encoded_once_for_each_context_in_which_it_stands() -> None:
    link, name = Slot(LEAVE, Context.LINK), Slot(FIRST_NAME, Context.HTML)
    letter = prepared(
        text=Template((Slot(LEAVE, Context.TEXT),)), html=Template((link, "a", link, name, link))
    )
    places = {slot: len(places) for _, blanks in letter.blanks for slot, places in blanks}
    assert places == {Slot(LEAVE, Context.TEXT): 1, link: 3, name: 1}
    assert letter.fields == {"unsubscribe_url", "subscriber.first_name"}


def test_the_same_boundary_serves_any_values() -> None:
    value = "x\r\n--=_a_b\r\nContent-Type: text/html\r\n\r\n<script>"
    message = composed(text=Template(("\n", Slot(Field("a"), Context.TEXT), "\n")), values={"a": value})
    assert len(list(read(message).walk())) == 3
    assert message.count(b"\r\n--=_a_b") == 3


def test_what_is_wrong_in_every_message_is_said_before_the_first() -> None:
    for change in ({"boundary": ""}, {"list_id": "x"}, {"headers": {"To": "x"}}, {"subject": "x\ny"}):
        with pytest.raises(WriterError):
            prepared(**change)
    with pytest.raises(WriterError, match=r"X-Token: .*998"):
        prepared(headers={"X-Token": "x" * 1000})


# --- parts --------------------------------------------------------------------------------------------------


def in_parts(name: str, address: str, values: dict[str, str] | None = None) -> list[bytes]:
    letter = prepared(**LETTER)
    return letter.compose_parts(name, address, values or {}, date=NOON, message_id="<1@example.org>")


@pytest.mark.parametrize("values", VALUES, ids=lambda values: ascii(values.get("subscriber.first_name"))[:20])
def test_the_parts_joined_are_the_message(values: dict[str, str]) -> None:
    parts = in_parts("Zoë", "reader@example.com", values)
    assert b"".join(parts) == composed(
        **LETTER, recipient=parse_mailbox("Zoë <reader@example.com>"), values=values
    )
    assert parts[0].endswith(b"\r\n\r\n")
    assert parts[0].count(b"\r\n\r\n") == 1


def test_the_constant_parts_are_the_same_octets_in_all_messages() -> None:
    letter = prepared(**LETTER)
    one, two = (
        letter.compose_parts("", f"{name}@example.com", {}, date=NOON, message_id=f"<{name}@example.org>")
        for name in "ab"
    )
    constant = [part for part, piece in zip(one[1:], letter.pieces, strict=True) if piece]
    assert len(constant) > 3
    assert all(any(part is other for other in two) for part in constant)


STORED_NAMES = {
    "x\r\nBcc: e@example.org": "x Bcc: e@example.org",
    "\0a\x1bb\x85": "a b",
    "a\u2028b": "a b",
    "a\udce9b\n": "a b",
    " \r\n ": "",
}


@pytest.mark.parametrize(("name", "shown"), STORED_NAMES.items())
def test_what_no_header_can_have_is_no_part_of_a_stored_name(name: str, shown: str) -> None:
    message = b"".join(in_parts(name, "reader@example.com"))
    assert_fit_for_the_wire(message)
    (address,) = read(message)["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "reader@example.com")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "reader",
            "@example.com",
            "reader@",
            "a@b@example.com",
            "a b@example.com",
            "reader@example.com\n",
        ),
        *("b@x>\r\nRCPT TO:<z@x", "b@x> NOTIFY=NEVER", "a@example.com,b@example.com", '"a b"@example.com'),
        *(
            "x" * 65 + "@example.com",
            "a@" + "y" * 64,
            "a@-x.org",
            "a@x-.org",
            "a@x..org",
            ".a@x.org",
            "a..b@x.org",
        ),
        *("a@exämple.org", "<a@x.org>", "a@x.org\udce9", "a@[127.0.0.1]", "a\0@x.org"),
    ],
)
def test_what_is_no_address_is_never_composed(address: str) -> None:
    with pytest.raises(WriterError):
        in_parts("", address)


@settings(max_examples=500, deadline=None)
@given(
    st.text("aZ é.,", max_size=20) | st.text("ab ", min_size=50, max_size=75),
    st.text("aZ09._+-é@<\r\n ", max_size=70) | st.from_regex(r"[a-z.]{1,66}@[a-z.-]{1,66}\Z"),
)
def test_the_short_way_for_plain_addresses_leads_where_the_long_one_does(name: str, address: str) -> None:
    local, _, domain = address.rpartition("@")
    try:
        expected = Address(local, domain)
    except WriterError:
        with pytest.raises(WriterError):
            recipient_line(name, address)
    else:
        shown = "".join(character for character in name if character not in "\r\n")
        assert recipient_line(shown, address) == mailbox_line("To", Mailbox(shown, expected))


# --- other headers ------------------------------------------------------------------------------------------


def test_an_extra_header_in_ascii_is_folded_at_its_spaces_and_never_encoded() -> None:
    value = "x" * 100 + "  y=?z " + "w" * 60
    message = composed(headers={"X-Token": value, "Feedback-ID": "1:2:3:4", "List-Post": "NO"})
    lines = header_lines(message, "X-Token")
    assert b"".join(lines) == f"X-Token: {value}".encode()
    assert header_lines(message, "Feedback-ID") == [b"Feedback-ID: 1:2:3:4"]
    assert header_lines(message, "List-Post") == [b"List-Post: NO"]


def test_an_extra_header_not_in_ascii_is_encoded() -> None:
    message = composed(headers={"X-Note": "Größe"})
    assert message.isascii()
    assert read(message)["X-Note"] == "Größe"


def test_an_extra_header_that_would_be_decoded_arrives_as_it_was() -> None:
    value = "=?utf-8?q?=0D=0ABcc:_e@example.org?="
    message = composed(headers={"X-Note": value})
    assert read(message)["X-Note"] == old_header(message, "X-Note") == value


@pytest.mark.parametrize(
    "name", ["", "From", "bcc", "Content-Type", "X Y", "X:Y", "Ü", "X" * 80, "List-Unsubscribe"]
)
def test_the_headers_of_the_message_itself_cannot_be_replaced(name: str) -> None:
    with pytest.raises(WriterError):
        composed(headers={name: "x"})


DATES = {
    NOON: b"Date: Sun, 01 Mar 2026 12:00:00 +0000",
    datetime(
        2026, 3, 1, 12, tzinfo=timezone(-timedelta(hours=3, minutes=30))
    ): b"Date: Sun, 01 Mar 2026 12:00:00 -0330",
    datetime(
        1890, 1, 1, tzinfo=timezone(timedelta(minutes=53, seconds=28))
    ): b"Date: Tue, 31 Dec 1889 23:06:32 +0000",
}


@pytest.mark.parametrize(("date", "line"), DATES.items())
def test_a_date_has_a_numeric_zone_of_whole_minutes(date: datetime, line: bytes) -> None:
    assert header_lines(composed(date=date), "Date") == [line]


def test_a_message_id_is_the_same_for_the_same_message_and_different_for_any_other() -> None:
    ids = [
        deterministic_id(campaign, recipient, "example.org")
        for campaign, recipient in [
            ("a", "b@example.com"),
            ("a", "c@example.com"),
            ("a b", "c"),
            ("a", "b c"),
        ]
    ]
    assert len(set(ids)) == 4
    assert ids[0] == deterministic_id("a", "b@example.com", "example.org")
    assert all(re.fullmatch(r"<[0-9a-f]{32}@example\.org>", one) for one in ids)
    assert header_lines(composed(message_id=ids[0]), "Message-ID") == [f"Message-ID: {ids[0]}".encode()]


def test_one_instant_in_two_time_zones_is_two_dates() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    assert there == NOON
    dates = [header_lines(composed(date=date), "Date") for date in (NOON, there, NOON)]
    assert dates[0] == dates[2] == [b"Date: Sun, 01 Mar 2026 12:00:00 +0000"]
    assert dates[1] == [b"Date: Sun, 01 Mar 2026 14:00:00 +0200"]


def test_a_date_is_to_the_second_and_has_a_time_zone() -> None:
    assert composed(date=NOON.replace(microsecond=999_999)) == composed()
    with pytest.raises(ValueError, match="time zone"):
        composed(date=NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    "message_id",
    [
        "",
        "1@example.org",
        "<1>",
        "<@example.org>",
        "<1@>",
        "<a b@example.org>",
        "<é@example.org>",
        "<👧@example.org>",
        "<1@2@example.org>",
        "<1@example.org> x",
    ],
)
def test_what_is_not_a_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(WriterError, match="not a message-id"):
        composed(message_id=message_id)


def test_a_header_of_one_message_is_like_one_of_all_and_not_in_the_message_twice() -> None:
    letter = prepared(headers={"Feedback-ID": "1:2"})

    def message(name: str, value: str) -> bytes:
        return letter.compose(READER, {}, date=NOON, message_id="<1@example.org>", headers={name: value})

    assert header_lines(message("X-Note", "Größe"), "X-Note") == [b"X-Note: =?utf-8?b?R3LDtsOfZQ==?="]
    for name, value in (("feedback-id", "x"), ("To", "x"), ("X-Note", "a\r\nb"), ("X-Note", "x" * 1000)):
        with pytest.raises(WriterError):
            message(name, value)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert composed() == composed()
    assert composed(**LETTER, values=VALUES[3]) == composed(**LETTER, values=VALUES[3])


@pytest.mark.parametrize(
    "context", [Context.TEXT, Context.HEADER, Context.HTML, Context.ATTRIBUTE, Context.LINK]
)
def test_a_plain_mail_link_is_what_escaping_makes_of_it(context: Context) -> None:
    value = "mailto:editors@example.com?subject=unsubscribe%20ada.l-1_x%40example.org"
    assert escape(Slot(Field("unsubscribe_url"), context), {"unsubscribe_url": value}) == value
