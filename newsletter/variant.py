"""The issue as one audience sees it: its pictures read, its articles shown as far as they fit, built.

What is wrong with issue, theme or pictures is an IssueError or ThemeError with its place.  Reads pictures; writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.articles.source import is_url
from newsletter.issues.issue import Issue
from newsletter.render.build import Email, Masthead, build_email
from newsletter.render.fit import LIMIT, Shows, fitted, shown
from newsletter.render.images import FROM_ROOT, Picture, read_picture, read_pictures
from newsletter.render.theme import Theme


@dataclass(frozen=True, slots=True)
class Variant:
    """An issue, its theme and its pictures by path, and the email that they became.

    `wanted` says how much of each article was to be shown, `shows` how much is; `fit` whether it could be less.
    """

    issue: Issue
    theme: Theme
    pictures: Mapping[str, Picture]
    email: Email
    wanted: Shows
    shows: Shows
    fit: bool

    def notes(self, html_size: int) -> list[str]:
        """What the editor should know of an email whose HTML has `html_size` octets on the wire."""
        notes = [
            f"{article.title or article.id}: {show} instead of {wanted}, so that Gmail does not clip the email"
            for article, wanted, show in zip(self.issue.articles, self.wanted, self.shows, strict=True)
            if show is not wanted
        ]
        if html_size >= LIMIT:
            shorten = 'write "fit: true" into issue.md to shorten the last articles'
            remedy = "even with titles alone" if self.fit else shorten
            notes.append(
                f"the HTML is {html_size / 1000:.0f} kB, and Gmail hides what is behind 102 kB: {remedy}"
            )
        return notes

    def report(self, files: Mapping[str, bytes], timings: Mapping[str, float]) -> dict[str, object]:
        """What report.json says: what was built of what, sizes in bytes, times in milliseconds."""
        email, articles = self.email, self.issue.articles
        slots = (slot for template in (email.subject, email.html, email.text) for slot in template.slots)
        return {
            "issue": self.issue.id,
            "theme": self.theme.name,
            "digest": email.digest,
            "articles": len(articles),
            "shows": {article.id: show for article, show in zip(articles, self.shows, strict=True)},
            "segments": list(email.segments),
            "merge_fields": sorted({slot.field.name for slot in slots}),
            "size_bytes": {name: len(content) for name, content in files.items()},
            "pictures_bytes": sum(len(picture.content) for picture in email.pictures),
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            "timings_ms": timings,
        }


def build_variant(
    issue: Issue,
    theme: Theme,
    masthead: Masthead,
    *,
    articles: Path,
    media_url: str,
    fit: bool,
    audience: frozenset[str],
    html_size: Callable[[Email], int],
    lap: Callable[[str], None],
) -> Variant:
    """The variant of `issue` for those in all segments of `audience`.

    `articles` is the issue's folder of articles; with `fit` articles are shortened until `html_size`, the octets of the
    HTML on the wire, is below what Gmail clips; `lap` is called with each step's name when it is done.
    """
    pictures = _read_pictures(articles, issue, theme)
    lap("pictures")

    def make(shows: Shows) -> Email:
        return build_email(
            issue, masthead, theme, pictures, media_url=media_url, shows=shows, audience=audience, lap=lap
        )

    wanted = shown(issue, dict(theme.settings))
    email, shows = fitted(issue, wanted, make, html_size) if fit else (make(wanted), wanted)
    return Variant(issue, theme, pictures, email, wanted, shows, fit)


def _read_pictures(articles: Path, issue: Issue, theme: Theme) -> dict[str, Picture]:
    """The files among the pictures of `issue` and `theme`, by their paths from the issue's articles."""
    pictures = dict(read_pictures(articles, issue.articles))
    settings = dict(theme.settings)
    for value in {str(settings[name]) for name in theme.pictures}:
        if value and not is_url(value):
            pictures[f"{FROM_ROOT}{value}"] = read_picture(articles, f"{FROM_ROOT}{value}")
    return pictures
