"""Everything that can go wrong, as one tree: the place, what is wrong in the user's words, the remedy.

    NewsletterError                 exit code 1
    |-- UsageError                2   a wrong argument
    |-- WriterError               2   the writer's move
    |   |-- ConfigError               newsletter.toml, .env
    |   |-- SourceError               a feed, a folder, a page, a text
    |   |-- IssueError                issues/ID: front matter, articles
    |   `-- ThemeError                templates: Jinja2, MJML, CSS
    |-- ListError                 1   somebody who is not on the list, has said no, or whose standing does not allow it
    |-- NothingNew                1   a draft that found no new article
    |-- RefusedIssue              1   an issue with errors is not sent
    |-- FetchError                2   the network: an address that is refused or does not answer
    |   `-- FetchLater           75   the same may work later (time-out, 5xx, 429)
    |-- StoreError                2   the database: damaged, refused, not ours
    |   |-- StoreNewer            2   made by a newer version
    |   `-- StoreLater           75   locked, unreachable, the disk full
    `-- DeliveryError             1   a mail server's final no, its reply verbatim
        `-- DeliveryLater        75   a mail server's "not now", or none reached

Bugs stay bare exceptions and show their traceback.  What is wrong with an email is a finding, not an exception.
Text that came from outside is stripped of control characters before it is printed, and no secret is ever part of a message.
"""

from __future__ import annotations

import re

#: C0 and C1 controls, line and paragraph separators, bidirectional overrides: what could move a terminal's cursor.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """`text` without the characters that could drive a terminal; line feeds and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class NewsletterError(Exception):
    """Something a person can mend.

    `where` is a place a person can open (`issues/x/issue.md:3`, a URL without its password), `message` says what is
    wrong there, `hint` what to type or change, `excerpt` the lines around the place.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "", excerpt: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.excerpt = excerpt

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        lines += [f"    {line}" for line in self.excerpt.splitlines()]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return printable("\n".join(lines))


class UsageError(NewsletterError):
    """A wrong argument."""

    exit_code = 2


class WriterError(NewsletterError):
    """A file of the publication or a source is not as it must be; the writer can mend it."""

    exit_code = 2


class ConfigError(WriterError):
    """newsletter.toml or .env."""


class SourceError(WriterError):
    """A feed, folder, page or text that cannot be read as what it is said to be."""


class IssueError(WriterError):
    """An issue's folder: its front matter, its articles."""


class ThemeError(WriterError):
    """A theme: a Jinja2, MJML or CSS error in one of its files.

    `source_text` is the piece of MJML that is at fault, where there is one: the same text is looked for in the theme's
    files, because the line of the rendered MJML means little to its author.
    """

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", excerpt: str = "", source_text: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint, excerpt=excerpt)
        self.source_text = source_text


class NothingNew(NewsletterError):
    """A draft found no article that is not already in an issue."""


class ListError(NewsletterError):
    """What the subscriber list refuses: somebody is not on it, has said no, or has a standing that does not allow it."""


class RefusedIssue(NewsletterError):
    """What the checks found keeps an issue from being sent."""


class FetchError(NewsletterError):
    """An address on the network that is refused, or answers with something that cannot be used."""

    exit_code = 2


class FetchLater(FetchError):
    """The same request may work later: a time-out, a lost connection, 429 or 5xx."""

    exit_code = 75


class StoreError(NewsletterError):
    """The database cannot be used: it is damaged, it refuses us, or it is not ours."""

    exit_code = 2


class StoreNewer(StoreError):
    """The database was made by a newer version of this program."""


class StoreLater(StoreError):
    """The same may work later: the database is locked, does not answer, or its disk is full."""

    exit_code = 75


class DeliveryError(NewsletterError):
    """A mail server's final refusal; `message` holds its reply verbatim."""


class DeliveryLater(DeliveryError):
    """A mail server's temporary refusal, or no mail server reached."""

    exit_code = 75
