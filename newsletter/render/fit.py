"""How much of each article an issue shows, and less of it where the email would be too large.

What the editor says comes first: an article's `show`, then the issue's.  Where neither says anything, an issue of one
article shows it in full and any other is laid out by the theme's settings: `lead` for the first article, `show` for the
others, titles alone from the one numbered `listed_from`.  An article that has no address is shown in full, because its
readers could read the rest nowhere.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from newsletter.issues.issue import Issue, Show

#: Gmail shows the first 102 kB of an email's HTML and hides the rest behind "[Message clipped]", the unsubscribe link too.
LIMIT = 100_000

_Made = TypeVar("_Made")
Shows = tuple[Show, ...]


def shown(issue: Issue, settings: Mapping[str, str | int]) -> Shows:
    """How much of each article of `issue` is shown; `settings` are its theme's."""
    listed_from = int(settings.get("listed_from", 0))
    shows: list[Show] = []
    for number, article in enumerate(issue.articles, start=1):
        if article.id in issue.shows:
            shows.append(issue.shows[article.id])
        elif not article.url or (len(issue.articles) == 1 and not issue.show):
            shows.append(Show.FULL)
        elif issue.show:
            shows.append(issue.show)
        elif listed_from and number >= listed_from:
            shows.append(Show.TITLE)
        else:
            shows.append(Show(str(settings.get("lead" if number == 1 else "show", Show.FULL))))
    return tuple(shows)


def fitted(
    issue: Issue,
    shows: Shows,
    make: Callable[[Shows], _Made],
    size: Callable[[_Made], int],
    limit: int = LIMIT,
) -> tuple[_Made, Shows]:
    """What `make` makes of the longest of the shorter and shorter `shows` whose `size` is under `limit`, and these.

    Shortened are, from the end of the list, full articles to excerpts and then excerpts to titles; never the first one
    to its title, and never one for which the editor said how much is to be shown, or that has no address.  If nothing
    fits, what comes back is the shortest.
    """
    steps = [shows]
    may = [i for i, article in enumerate(issue.articles) if article.url and article.id not in issue.shows]
    for less, more in ((Show.EXCERPT, {Show.FULL}), (Show.TITLE, {Show.FULL, Show.EXCERPT})):
        for i in reversed(may):
            if steps[-1][i] in more and (less is Show.EXCERPT or i > 0):
                steps.append((*steps[-1][:i], less, *steps[-1][i + 1 :]))
    made = make(shows)
    if size(made) < limit:
        return made, shows
    low, high = 1, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if size(make(steps[middle])) < limit:
            high = middle
        else:
            low = middle + 1
    shortest = steps[min(low, high)]
    return make(shortest), shortest
