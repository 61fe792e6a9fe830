"""What is checked: an issue, the email that was built of it, and the files in which its pieces are written.

The email is looked at as the reader with the longest data gets it, and a finding names the source: `Sources.find` gives
the file and line in which a piece of HTML, CSS or text is written.

Pure: whatever it takes comes in as values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import escape, unescape

from newsletter.issues.issue import Issue
from newsletter.render.build import Email, Masthead
from newsletter.render.images import Picture
from newsletter.render.theme import Theme


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a person can mend: its path, its text, and the id of the article that it holds, if it does."""

    path: str
    text: str
    article_id: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of an issue: `issue.md` first, then its articles, then those of the theme, then newsletter.toml."""

    files: tuple[SourceFile, ...]

    @property
    def issue(self) -> str:
        """The path of issue.md."""
        return self.files[0].path

    def article(self, article_id: str) -> str:
        """The path of the file of an article; that of issue.md, if there is none."""
        return next((file.path for file in self.files if file.article_id == article_id), self.issue)

    def key(self, name: str, *, article_id: str = "") -> str:
        """`file:line` of a field in the front matter of issue.md, or of an article; line 1 if it is not there."""
        wanted = self.article(article_id) if article_id else self.issue
        file = next(file for file in self.files if file.path == wanted)
        found = re.search(rf"^{re.escape(name)}[ \t]*:", file.text, re.M)
        return f"{wanted}:{file.text.count(chr(10), 0, found.start()) + 1 if found else 1}"

    def find(self, *pieces: str, article_id: str = "", suffix: str = "") -> str:
        """`file:line` where the first of `pieces` that can be found is written; only the file, or issue.md, if none is.

        Looked for are the pieces as they are, with entities and without; in the file of `article_id` alone, if one is
        given, or only in files whose names end with `suffix`.
        """
        files = [
            file
            for file in self.files
            if (not article_id or file.article_id == article_id) and file.path.endswith(suffix)
        ]
        for piece in pieces:
            for form in dict.fromkeys((piece, escape(piece), escape(piece, quote=False), unescape(piece))):
                for file in files:
                    at = file.text.find(form) if form.strip() else -1
                    if at >= 0:
                        return f"{file.path}:{file.text.count(chr(10), 0, at) + 1}"
        return files[0].path if files and (article_id or suffix) else self.issue


@dataclass(frozen=True, slots=True)
class Limits:
    """What a publication asks of its emails: `[check]` in newsletter.toml.

    Sizes are in kB (1,000 bytes).
    """

    html_warning: int = 90
    html_error: int = 102
    images_warning: int = 1000


@dataclass(frozen=True, slots=True)
class Subject:
    """What the checks look at.

    `html`, `text` and `subject` are as the reader with the longest data gets them, `message` is the whole message to
    that reader; `pictures` are the issue's own, by path; `earlier` says in which earlier issue an article was, by the
    article's id; `shares` are the readers by email client, in per cent, empty where nothing is known of them; `sender` and
    `reply_to` are addresses as they go into the headers.
    """

    issue: Issue
    theme: Theme
    masthead: Masthead
    email: Email
    html: str
    text: str
    subject: str
    message: bytes
    sources: Sources
    today: date
    pictures: Mapping[str, Picture] = field(default_factory=dict, hash=False)
    earlier: Mapping[str, str] = field(default_factory=dict, hash=False)
    limits: Limits = field(default_factory=Limits)
    shares: Mapping[str, float] = field(default_factory=dict, hash=False)
    sender: str = ""
    reply_to: str = ""


def excerpt_at(sources: Sources, where: str) -> str:
    """The line of the source at `where` (`file:line`); empty for a file alone."""
    path, _, line = where.rpartition(":")
    text = next((file.text for file in sources.files if file.path == path), "") if line.isdigit() else ""
    lines = text.split("\n")
    return lines[int(line) - 1].strip() if text and 0 < int(line) <= len(lines) else ""


def article_bodies(subject: Subject) -> Iterable[tuple[str, str]]:
    """The id and the HTML of each article that has words."""
    return ((article.id, article.html) for article in subject.issue.articles if article.html)
