"""An issue: the editor's choice of articles, its subject and the words around them.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from newsletter.articles.article import Article

_DATED = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:-|\Z)")


class Show(StrEnum):
    """How much of an article an issue shows."""

    FULL = "full"  # all of it
    EXCERPT = "excerpt"  # its beginning, and a link to the rest
    TITLE = "title"  # title and byline


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue, as read from its folder.

    `title` is its headline (the subject, if the editor gave no other); `opening` and `closing` are the editor's words
    as safe HTML; `theme`, `segment` and `language` are empty where the publication's own apply; `not_before` is set
    where a first draft left older posts out.  `show` says how much of its articles is shown and `shows` how much of
    single ones, by their ids; where neither does, the theme decides.  `fit` asks for an email that Gmail does not clip.
    `text` is the editor's own text part, instead of what the theme would make.  `waived` says why a check's code does
    not matter here, by the id of the article that says so (empty for the issue) and the code.
    """

    id: str
    subject: str
    articles: tuple[Article, ...]
    date: date
    title: str = ""
    preheader: str = ""
    opening: str = ""
    closing: str = ""
    theme: str = ""
    segment: str = ""
    language: str = ""
    not_before: datetime | None = None
    show: Show | None = None
    shows: Mapping[str, Show] = field(default_factory=dict, hash=False)
    fit: bool = False
    text: str = ""
    waived: Mapping[tuple[str, str], str] = field(default_factory=dict, hash=False)


def dated(issue_id: str) -> date | None:
    """The date with which an id begins, if it does."""
    if match := _DATED.match(issue_id):
        try:
            return date(*map(int, match.groups()))
        except ValueError:
            return None
    return None


def slug(text: str, *, longest: int = 48) -> str:
    """`text` as part of an id: ASCII letters where they can be had, cut at a word; "" if nothing is left."""
    plain = unicodedata.normalize(
        "NFKD", text.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("æ", "ae")
    )
    plain = plain.encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", plain))
    result = ""
    for word in words:
        longer = f"{result}-{word}" if result else word
        if len(longer) > longest:
            break
        result = longer
    return result or "".join(words)[:longest]


def new_id(day: date, title: str, taken: Iterable[str]) -> str:
    """An id that is not in `taken`: `2026-11-23-title-of-the-lead`, with `-2`, `-3`... behind it if need be."""
    name = f"{day.isoformat()}-{slug(title) or 'issue'}"
    known, number, result = set(taken), 1, name
    while result in known:
        number += 1
        result = f"{name}-{number}"
    return result
