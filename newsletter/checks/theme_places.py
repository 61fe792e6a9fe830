"""Where in a theme's files a piece of the built email is written, though templates and settings have changed it since.

A line of a template can have become a line of the result, if the result is what remains when each `{{ ... }}` is taken for
anything.  Of several such lines the one with the most of its own letters is meant.  Whatever is not found stands in the
theme's issue.mjml.

Does not fail.  Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

from newsletter.checks.cascade import Color, written
from newsletter.checks.subject import SourceFile, Subject
from newsletter.render.theme import ISSUE_TEMPLATE, locate

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_LETTER = re.compile(r"[\w#-]")
_ENOUGH = 4


def issue_template(subject: Subject) -> str:
    """The path of the theme's issue.mjml."""
    return subject.sources.find(suffix=ISSUE_TEMPLATE)


def place_of_css(subject: Subject, line: str) -> str:
    """`file:line` of the theme in which `line` of a style sheet is written."""
    wanted = _squeezed(line)
    best, most = issue_template(subject), _ENOUGH - 1
    for suffix in (".css", ".mjml"):
        for file in subject.sources.files:
            if file.path.endswith(suffix):
                for number, letters, parts in _lines(file):
                    if letters > most and _could_become(parts, wanted):
                        best, most = f"{file.path}:{number}", letters
        if most >= _ENOUGH:
            break
    return best


def place_of_tag(subject: Subject, element: Any) -> str:
    """`file:line` of the theme in which the start tag of `element` is written, if that is certain."""
    for names in (("style",), ("style", "class")):
        attributes = (
            f' {name}="{escape(value)}"' for name, value in element.attrib.items() if name not in names
        )
        if place := locate(subject.theme, f"<{element.tag}{''.join(attributes)}>"):
            path = _path_in_sources(subject, place[0])
            return f"{path}:{place[1]}" if path else issue_template(subject)
    return issue_template(subject)


def place_of_color(subject: Subject, *colors: Color | None) -> str:
    """`file:line` in which one of `colors` is set: newsletter.toml before the theme's files, the first colour before others."""
    own = [file for file in subject.sources.files if file.path.endswith("newsletter.toml")]
    theme = [file for file in subject.sources.files if file.path.endswith((".css", ".mjml", "theme.toml"))]
    for files in (own, theme):
        for color in colors:
            pattern = color and _spellings(color)
            for file in files if pattern else ():
                if found := pattern.search(file.text):  # type: ignore[union-attr]
                    return f"{file.path}:{file.text.count(chr(10), 0, found.start()) + 1}"
    return issue_template(subject)


def _path_in_sources(subject: Subject, path: str) -> str:
    """How the file of the theme at `path` is named among the sources."""
    files = subject.sources.files
    return next((file.path for file in files if path == file.path or path.endswith(f"/{file.path}")), "")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=128)
def _lines(file: SourceFile) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Each line that can be told from others: its number, how many letters are its own, its text around the braces."""
    found = []
    for number, line in enumerate(file.text.split("\n"), start=1):
        parts = tuple(_JINJA.split(_squeezed(line)))
        letters = sum(len(_LETTER.findall(part)) for part in parts)
        if letters >= _ENOUGH:
            found.append((number, letters, parts))
    return tuple(found)


def _could_become(parts: tuple[str, ...], text: str) -> bool:
    """Whether `text` is made of `parts` with anything between them."""
    first, *others = parts
    if not others or not text.startswith(first):
        return text == first
    at = len(first)
    for part in others[:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(text) - at >= len(others[-1]) and text.endswith(others[-1])


@lru_cache(maxsize=128)
def _spellings(color: Color) -> re.Pattern[str]:
    """Every way in which a colour is usually written."""
    long = written(color)
    ways = [long]
    if all(long[i] == long[i + 1] for i in (1, 3, 5)):
        ways.append(f"#{long[1]}{long[3]}{long[5]}")
    if long in ("#000000", "#ffffff"):
        ways.append("black" if long == "#000000" else "white")
    red, green, blue = (int(long[i : i + 2], 16) for i in (1, 3, 5))
    comma = rf"rgba?\(\s*{red}\s*[,\s]\s*{green}\s*[,\s]\s*{blue}\b"
    return re.compile(rf"(?<![\w#-])(?:{'|'.join(map(re.escape, ways))})(?![\w-])|{comma}", re.I)
