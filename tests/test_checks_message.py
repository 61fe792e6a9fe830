"""The message on the wire: every code with octets that have it and octets that do not; and what SpamAssassin says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks_content import SAMPLE, golden, subject_of

from newsletter.checks import spam
from newsletter.checks.message import CODES, check, decoded, header_values, parse

GOOD = """From: Letter <letter@example.com>
To: Reader <reader@example.com>
Subject: What the water brings
Date: Mon, 23 Nov 2026 12:00:00 +0000
Message-ID: <1@example.com>
List-Unsubscribe: <mailto:letter@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_a"

--=_a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Caf=C3=A9 at the harbour.
--=_a
Content-Type: multipart/related;
 boundary="=_r"

--=_r
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<p>Caf=C3=A9 <img src=3D"cid:one@example.com"> in prose: cid:none</p>
--=_r
Content-Type: image/png
Content-Transfer-Encoding: base64
Content-ID: <one@example.com>

aGVsbG8=
--=_r--

--=_a--
"""


def wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def changed(old: str, new: str) -> bytes:
    assert GOOD.count(old) >= 1, old
    return wire(GOOD.replace(old, new, 1))


def codes(message: bytes) -> set[str]:
    return {finding.code for finding in check(replace(SAMPLE, message=message))}


SUBJECT = "What the water brings"
TEXT_PART = GOOD[GOOD.index("--=_a\nContent-Type: text/plain") : GOOD.index("--=_a\nContent-Type: multipart")]
HTML_PART = GOOD[GOOD.index("--=_a\nContent-Type: multipart") : GOOD.index("--=_a--")]
REVERSED = wire(GOOD.replace(TEXT_PART + HTML_PART, HTML_PART + TEXT_PART))

EXAMPLES: list[tuple[str, bytes, bytes]] = [
    ("E100", changed(SUBJECT, "x" * 990), changed(SUBJECT, "x" * 989)),
    ("E100", changed("Caf=C3=A9 at", "a b " * 250), changed("Caf=C3=A9 at", "a b" * 300)),
    ("E101", wire(GOOD).replace(b"harbour.\r\n", b"harbour.\n"), wire(GOOD)),
    ("E101", wire(GOOD).replace(b"harbour.\r\n", b"harbour.\r"), changed("harbour.", "harbour\t.")),
    ("E101", wire(GOOD).replace(b"harbour", b"har\0bour"), changed("harbour", "=00")),
    ("E102", changed(SUBJECT, "Café"), changed(SUBJECT, "=?utf-8?q?Caf=C3=A9?=")),
    ("E102", changed(SUBJECT, "a\x07b"), changed(SUBJECT, "a\tb")),
    ("E102", changed("<1@example.com>", "<é@example.com>"), changed("To: Reader", "To: R")),
    ("E103", changed(SUBJECT, f"=?utf-8?q?{'a' * 64}?="), changed(SUBJECT, f"=?utf-8?q?{'a' * 63}?=")),
    ("E103", changed(SUBJECT, "=?utf-8?x?abc?="), changed(SUBJECT, "=?utf-8?b?YWJj?=")),
    ("E103", changed(SUBJECT, "=?utf-8?q?a=4?="), changed(SUBJECT, "what =? what ?= that")),
    ("E103", changed("<mailto:letter@example.com>", "=?utf-8?q?=3Cmailto:letter?="), changed("Letter <", "=?utf-8?q?L?= <")),
    ("E103", changed(SUBJECT, "=?iso-8859-1?q?=E9?="), changed(SUBJECT, "=?UTF-8?Q?=C3=A9?=")),
    ("E104", changed("Date: ", "X-Date: "), changed("Date: ", "DATE: ")),
    ("E104", changed("To: ", "To: a@example.com\nTo: "), changed("To: ", "X-To: a\nX-To: b\nTo: ")),
    ("E104", changed("Subject: ", "subject: a\nSubject: "), changed("From: ", "Received: a\nReceived: b\nFrom: ")),
    ("E104", changed("From: Letter <letter@example.com>", "From:"), wire(GOOD)),
    ("E105", changed("Date: ", "no header\nDate: "), changed(SUBJECT, f"{SUBJECT}\n and more")),
    ("E105", changed("charset=utf-8", "charset=utf-8\nx y"), changed("charset=utf-8", "\n charset=utf-8")),
    ("E106", changed("utf-8", "iso-8859-1"), changed("utf-8", '"utf-8"')),
    ("E106", changed("; charset=utf-8", ""), wire(GOOD.replace("; charset=utf-8", "").replace("Caf=C3=A9 at", "At"))),
    ("E106", changed("=C3=A9 at", "=E9 at"), changed("=C3=A9 at", "=0A at")),
    ("E106", changed("=C3=A9 at", "é at"), changed("=C3=A9 at", "=\ne at")),
    ("E106", changed("=C3=A9 at", "=zz at"), changed("=C3=A9 at", "=3D at")),
    ("E106", changed("aGVsbG8=", "aGVs bG8="), changed("aGVsbG8=", "aGVs\nbG8=")),
    ("E106", changed("quoted-printable", "x-uuencode"), changed("quoted-printable", "Quoted-Printable")),
    ("E107", REVERSED, wire(GOOD)),
    ("E107", changed("--=_a--", ""), changed("--=_a--", "--=_a--\nepilogue")),
    ("E107", changed("--=_r--", ""), changed("--=_r\n", "preamble\n--=_r\n")),
    ("E107", changed("harbour.", "harbour.\n--=_a--"), changed("harbour.", "harbour.\n--=3D_a--")),
    ("E107", changed('; boundary="=_a"', ""), changed('boundary="=_a"', "boundary==_a")),
    ("E107", changed("harbour.", "harbour.\n--=_ab"), changed("harbour.", "harbour.\n--=3D_ab")),
    ("E108", changed("cid:one", "cid:two"), changed("cid:one@example.com", "cid:one%40example.com")),
    ("E108", changed("--=_r--", "--=_r\nContent-ID: <one@example.com>\n\n--=_r--"), changed("--=_r--", "--=_r\nContent-ID: <b@example.com>\n\n--=_r--")),
    ("W200", changed(SUBJECT, "a b " * 30), changed(SUBJECT, "a" * 100)),
    ("W200", changed("Caf=C3=A9 at", "a b " * 30), changed("Caf=C3=A9 at", "a b " * 10)),
    ("W201", changed("letter@", "brief-übersee@"), wire(GOOD)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "wrong", "right"), EXAMPLES, ids=[f"{code}-{i}" for i, (code, *_) in enumerate(EXAMPLES)]
)
def test_a_code_is_found_where_it_is_and_nothing_where_it_is_not(
    code: str, wrong: bytes, right: bytes
) -> None:
    assert code in codes(wrong)
    assert codes(right) <= ({"W200"} if code == "E100" else set())


def test_every_code_has_an_example() -> None:
    assert {code for code, *_ in EXAMPLES} == set(CODES)


@pytest.mark.parametrize(
    ("message", "code", "where"),
    [
        (changed(SUBJECT, "Café"), "E102", "issues/x/issue.md:2"),
        (changed("letter@", "übersee@"), "W201", "newsletter.toml"),
        (changed("utf-8", "iso-8859-1"), "E106", "templates/digest/text.txt"),
        (changed('charset="UTF-8"', "charset=latin1"), "E106", "templates/digest/issue.mjml"),
    ],
)
def test_a_finding_names_the_file_of_which_the_piece_is_made(message: bytes, code: str, where: str) -> None:
    found = [finding.where for finding in check(replace(SAMPLE, message=message)) if finding.code == code]
    assert [place.removesuffix(":1") for place in found] == [where]


def test_our_own_messages_have_no_finding() -> None:
    long = "Über das Wasser und was es bringt, wenn die Nacht lang ist und der Wind dreht 🌊 so it goes"
    for subject in (
        subject_of(),
        subject_of(subject=long, sender="Die Zeitung für Übersee <letter@example.com>"),
        subject_of(subject="=?utf-8?q?a?= is not encoded"),
        *map(golden, ("010-digest-four", "150-essay-japanese", "240-bulletin-right-to-left")),
    ):
        assert list(check(subject)) == []


def test_a_header_is_read_unfolded_and_in_any_case() -> None:
    message = wire(
        GOOD.replace("<mailto:letter@example.com>", "<https://example.com/u>,\n <mailto:a@b.example>")
    )
    assert header_values(message, "list-unsubscribe") == ["<https://example.com/u>, <mailto:a@b.example>"]
    assert header_values(b"", "From") == []


def test_a_part_is_decoded_to_what_was_encoded() -> None:
    _, text, _, html, picture = parse(wire(GOOD)).walk()
    assert decoded(text).decode() == "Café at the harbour."
    assert b'src="cid:one@example.com"' in decoded(html)
    assert decoded(picture) == b"hello"


PIECES = st.sampled_from(
    [line.encode() + b"\r\n" for line in GOOD.splitlines()]
    + [b"\n", b"\r", b"\0", b"=?", b"?=", b"--=_a", b"\xff", b": ", b" ", b"\r\n\r\n", b'boundary="', b"%"]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES | st.binary(max_size=12), max_size=40).map(b"".join))
def test_no_octets_make_a_check_fail(message: bytes) -> None:
    for finding in check(replace(SAMPLE, message=message)):
        assert finding.code in CODES


def test_parts_nested_without_end_are_read_to_a_depth() -> None:
    head = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(3000)
    )
    started = perf_counter()
    list(check(replace(SAMPLE, message=head)))
    assert sum(1 for _ in parse(head).walk()) <= 21
    many = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\nx: y\r\n\r\n" * 20_000
    assert sum(1 for _ in parse(many).walk()) <= 500
    list(check(replace(SAMPLE, message=many)))
    assert perf_counter() - started < 5


# --- SpamAssassin -------------------------------------------------------------------------------------------

REPORT = """X-Spam-Checker-Version: SpamAssassin 4.0.1
X-Spam-Status: Yes, score={score} required=5.0 tests=DRUGS,
\tSUBJ_ALL_CAPS autolearn=no version=4.0.1
Subject: 9.9 IN_THE_MESSAGE          is none

Content analysis details:   (0.1 points, 5.0 required)
 9.9 IN_THE_BODY            of the message
Content analysis details:   ({score} points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
 0.5 SUBJ_ALL_CAPS          Subject is all capitals
 0.2 NORMAL_HTTP_TO_IP      URI: URI host has a public dotted-decimal IPv4
                            address
 1.8 DRUGS                  Refers to a drug\x1b[2J
"""


def test_a_report_is_read_with_its_rules_the_dearest_first() -> None:
    report = spam.parse_report(REPORT.format(score=2.5))
    assert report is not None
    assert report.score == 2.5
    assert [(rule.points, rule.name) for rule in report.rules] == [
        (1.8, "DRUGS"),
        (0.5, "SUBJ_ALL_CAPS"),
        (0.2, "NORMAL_HTTP_TO_IP"),
    ]
    assert report.rules[2].description == "URI: URI host has a public dotted-decimal IPv4 address"
    assert "\x1b" not in report.rules[0].description


@pytest.mark.parametrize(
    ("score", "code"),
    [("-1.0", ""), ("1.9", ""), ("2.0", "W209"), ("4.9", "W209"), ("5.0", "E109"), ("12", "E109")],
)
def test_two_points_warn_and_five_are_an_error(score: str, code: str) -> None:
    report = spam.parse_report(REPORT.format(score=score))
    assert report is not None
    found = list(spam.findings(report, SAMPLE.sources))
    assert [finding.code for finding in found] == ([code] if code else [])
    assert all("1.8 DRUGS (Refers to a drug" in finding.message for finding in found)
    assert code in spam.CODES or not code


@pytest.mark.parametrize(
    "output", ["", "X-Spam-Status: nonsense", "Subject: x\n\nX-Spam-Status: Yes, score=9.0", "\0" * 9]
)
def test_what_is_no_report_is_none(output: str) -> None:
    assert spam.parse_report(output) is None


def test_without_the_program_there_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert spam.spam_score(SAMPLE.message) is None
    assert list(spam.check(SAMPLE)) == []


@pytest.mark.skipif(not shutil.which("spamassassin"), reason="SpamAssassin is not installed")
def test_the_program_finds_our_sample_harmless_and_an_advertisement_not() -> None:
    assert list(spam.check(SAMPLE)) == []
    advertisement = changed(SUBJECT, "BUY VIAGRA NOW").replace(
        b"at the harbour", b"viagra cheap http://192.0.2.1/"
    )
    report = spam.spam_score(advertisement)
    assert report is not None
    assert report.score > 0.5
    assert "SUBJ_ALL_CAPS" in {rule.name for rule in report.rules}


@pytest.mark.skipif(not shutil.which("spamassassin"), reason="SpamAssassin is not installed")
def test_a_program_that_takes_too_long_is_stopped() -> None:
    started = perf_counter()
    assert spam.spam_score(SAMPLE.message, time_limit=timedelta(seconds=0.05)) is None
    assert perf_counter() - started < 5
