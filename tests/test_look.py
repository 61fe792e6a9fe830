"""Ways of looking at an email."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.lens import LENSES, Seen
from newsletter.errors import UsageError
from newsletter.web.look import Look, Scheme, framed, message_page, parse_look, seen_page, text_page

HTML = (
    '<!DOCTYPE html><html><head><meta name="color-scheme" content="light dark"><style>:root{color-scheme:light dark}'
    "p{color:#111111}@media (prefers-color-scheme: dark){p{color:#eeeeee}}</style></head>"
    '<body style="background-color:#ffffff"><p>Hello <a href="https://example.com" target="_top">you</a>'
    '<img src="cid:abc" alt="A boat"></p></body></html>'
)


@pytest.mark.parametrize(
    ("words", "look"),
    [
        ({}, Look()),
        ({"lens": "gmail", "scheme": "dark", "images": "off"}, Look("gmail", Scheme.DARK, False)),
        ({"scheme": "", "part": ""}, Look()),
    ],
)
def test_a_look_is_read_from_its_words(words: dict[str, str], look: Look) -> None:
    assert parse_look(words) == look


@pytest.mark.parametrize("words", [{"lens": "pine"}, {"scheme": "dusk"}, {"part": "../x"}])
def test_a_look_that_there_is_not_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        parse_look(words)


def test_the_dark_rules_hold_in_the_dark_whatever_the_machine_prefers() -> None:
    light, dark, forced = (seen_page(HTML, "", Look(scheme=scheme)).html for scheme in Scheme)
    assert "#eeeeee" not in light
    assert "prefers-color-scheme" not in light + dark + forced
    assert dark.index("#eeeeee") > dark.index("#111111")
    assert "#eeeeee" not in forced
    assert "background-color:#ffffff" not in forced
    page = framed(dark, Seen(dark, (), ()), [], "/p", dark=True)
    assert "color-scheme:dark" in page
    assert "light dark" not in page


@pytest.mark.parametrize("dark", [False, True])
def test_as_it_is_an_email_is_the_same_to_the_letter_but_for_its_dark_rules(dark: bool) -> None:
    html = HTML.replace("@media (prefers-color-scheme: dark){p{color:#eeeeee}}", "p{margin:0}")
    html = html.replace("light dark", "light")
    assert seen_page(html, "", Look(scheme=Scheme.DARK if dark else Scheme.LIGHT)).html == html


def test_a_picture_for_the_dark_is_chosen_as_well() -> None:
    sources = '<picture><source srcset="night.png" media="(prefers-color-scheme: dark)"><img src="day.png" alt=""></picture>'
    light, dark = (
        seen_page(HTML.replace("<p>", f"{sources}<p>"), "", Look(scheme=scheme)).html
        for scheme in (Scheme.LIGHT, Scheme.DARK)
    )
    assert "night.png" not in light
    assert "night.png" in dark
    assert "prefers-color-scheme" not in light + dark


def test_every_lens_shows_every_scheme_and_tells_what_it_changed() -> None:
    for lens in LENSES:
        for scheme in Scheme:
            assert "Hello" in seen_page(HTML, "Hello", Look(lens, scheme)).html
    assert seen_page(HTML, "Hello", Look("outlook-windows")).limits
    assert not seen_page(HTML, "Hello", Look()).changes


def test_in_a_frame_links_lead_nowhere_and_pictures_come_from_here() -> None:
    page = framed(HTML, Seen("", ('one "change"',), ("a limit",)), ["abc"], "/token/picture/x", dark=False)
    assert 'src="/token/picture/x/abc"' in page
    assert "_top" not in page
    assert '<base target="_blank">' in page
    assert '<meta name="preview-change" content="one &quot;change&quot;">' in page


def test_a_message_is_shown_as_text_its_pictures_counted() -> None:
    picture = b"\r\n".join([b"A" * 76] * 20)
    shown = message_page(
        b"Subject: <b>x</b>\r\nX-A: 1\r\n\r\n<script>x</script>\r\n" + picture + b"\r\n--end\r\n"
    )
    assert "<b>Subject:</b> &lt;b&gt;x&lt;/b&gt;" in shown
    assert "&lt;script&gt;" in shown
    assert "[20 lines of base64]" in shown
    assert "AAAA" not in shown
    assert "--end" in shown


@given(st.text())
def test_any_text_is_shown_and_stays_text(text: str) -> None:
    page = text_page(text)
    body = page.split("<pre>")[1].rsplit("</pre>", 1)[0]
    assert "<" not in body
    message_page(text.encode("utf-8", "surrogatepass"))
