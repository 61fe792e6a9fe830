"""An address from a post is absolute, of a known scheme and in one form, or it is nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.articles.link import LINKS
from newsletter.articles.sanitize import absolute_url, is_safe_url

BASE = "https://blog.example/2024/post/"


ADDRESSES = {
    "https://e.org/a": "https://e.org/a",
    " HTTPS://E.ORG/A ": "https://e.org/A",
    "//e.org/a": "https://e.org/a",
    "https://e.org/a b?c=ü&d=%zz#ö#": "https://e.org/a%20b?c=%C3%BC&d=%25zz#%C3%B6%23",
    "https://e.org/%20": "https://e.org/%20",
    "http://пример.рф/": "http://xn--e1afmkfd.xn--p1ai/",
    "https://e.org:443/": "https://e.org/",
    "https://e.org:8080/": "https://e.org:8080/",
    "https://user:secret@e.org/": "https://e.org/",
    "https:\\\\e.org\\a": "https://e.org/a",
    "https:/e.org": "https://e.org",
    "https://e.\norg/\ta": "https://e.org/a",
    "http://[::1]/": "http://[::1]/",
    "mailto:a@e.org?subject=x y": "mailto:a@e.org?subject=x%20y",
    "tel:+49 30 1": "tel:+49301",
    '"https://e.org/"': "",
    "": "",
    "#x": "",
    "a/b": "",
    "https:": "",
    "https://": "",
    "https:e.org": "",
    "https://e org/": "",
    "https://e.org:99999/": "",
    "https://e.org:x/": "",
    "https://a..b/": "",
    "https://[::1/": "",
    "https://[x]/": "",
    "https://%65.org/": "",
    "http://e.org\u2100/": "",
    "ftp://e.org/": "",
    "data:text/html,x": "",
    "mailto:": "",
    "tel:<b>": "",
    "cid:x": "",
}


@pytest.mark.parametrize(("url", "expected"), ADDRESSES.items())
def test_addresses_are_absolute_and_in_one_form_or_nothing(url: str, expected: str) -> None:
    assert absolute_url(url) == expected
    assert absolute_url(expected) == expected


RELATIVE = {
    "a": "https://blog.example/2024/post/a",
    "/a": "https://blog.example/a",
    "../a": "https://blog.example/2024/a",
    "?a": "https://blog.example/2024/post/?a",
    "#a": "https://blog.example/2024/post/#a",
    "//e.org": "https://e.org",
    "/\\e.org": "https://e.org",
    "https://e.org": "https://e.org",
    "": "",
}


@pytest.mark.parametrize(("url", "expected"), RELATIVE.items())
def test_relative_addresses_start_from_the_base(url: str, expected: str) -> None:
    assert absolute_url(url, BASE) == expected


@pytest.mark.parametrize("base", ["", "file:///etc/", "posts/", "javascript:x", "https://"])
def test_a_base_that_is_no_web_address_carries_nothing(base: str) -> None:
    assert absolute_url("a", base) == ""


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://e.org/", True),
        ("mailto:a@e.org", True),
        ("//e.org/", False),
        ("a", False),
        ("javascript:x", False),
        ("", False),
    ],
)
def test_an_address_is_safe_if_it_is_absolute_and_of_a_known_scheme(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe


def test_only_the_schemes_asked_for_are_safe() -> None:
    assert not is_safe_url("mailto:a@e.org", {"https"})
    assert absolute_url("http://e.org/", schemes={"https"}) == ""


@settings(max_examples=200)
@given(st.text(max_size=60), st.sampled_from(["", BASE]))
@example("\x00javascript:x", BASE)
def test_any_text_gives_a_usable_address_or_nothing(text: str, base: str) -> None:
    url = absolute_url(text, base)
    assert absolute_url(url, base) == url
    assert url == "" or (url.isascii() and " " not in url and urlsplit(url).scheme in LINKS)
