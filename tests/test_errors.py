"""Errors: place first, remedy last, an exit code for scripts, and nothing that drives a terminal."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import errors
from newsletter.errors import ConfigError, NewsletterError, ThemeError, printable


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NewsletterError("it broke"), "it broke"),
        (NewsletterError("it broke", where="a.md:3"), "a.md:3: it broke"),
        (NewsletterError("it broke", hint="mend it"), "it broke\n    hint: mend it"),
        (
            ConfigError("unknown", where="a.toml:2", excerpt="x = 1\ny = 2", hint="write z"),
            "a.toml:2: unknown\n    x = 1\n    y = 2\n    hint: write z",
        ),
    ],
)
def test_an_error_says_place_message_excerpt_and_hint_in_this_order(
    error: NewsletterError, expected: str
) -> None:
    assert str(error) == expected


CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, NewsletterError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_has_an_exit_code_that_its_name_promises(cls: type[NewsletterError]) -> None:
    assert cls.exit_code in (1, 2, 75)
    assert (cls.exit_code == 75) == cls.__name__.endswith("Later")


def test_every_error_is_in_the_tree_that_is_drawn() -> None:
    for cls in CLASSES:
        line = next(
            line
            for line in str(errors.__doc__).splitlines()
            if f" {cls.__name__} " in f" {line.lstrip(' |`-')} "
        )
        numbers = [word for word in line.split() if word.isdigit()]
        assert numbers in ([], [str(cls.exit_code)]), line


def test_a_theme_error_keeps_the_text_that_is_at_fault() -> None:
    error = ThemeError("unknown", source_text="<mj-foo>")
    assert error.source_text == "<mj-foo>"
    assert "<mj-foo>" not in str(error)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("a\rb", "a\ufffdb"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("a\u2028b", "a\ufffdb"),
        ("a\nb\tc", "a\nb\tc"),
        ("Zoë 日本 🎉 نرگس\u200cها", "Zoë 日本 🎉 نرگس\u200cها"),
    ],
)
def test_what_drives_a_terminal_is_not_printed_and_letters_are(before: str, after: str) -> None:
    assert printable(before) == after
    assert str(NewsletterError(before, where="x")) == f"x: {after}"


@given(st.text(), st.text(), st.text(), st.text())
def test_no_part_of_an_error_drives_a_terminal(message: str, where: str, hint: str, excerpt: str) -> None:
    shown = str(NewsletterError(message, where=where, hint=hint, excerpt=excerpt))
    assert not any((c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" for c in shown)
