"""New posts become an issue: the sources are read, what is new is chosen, and a folder is written.

The folder appears whole or not at all.  Reads sources on disk and on the web; what cannot be read is a SourceError or a
FetchError, and then nothing was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from newsletter.articles.fetch import Fetcher
from newsletter.articles.remote_pictures import learn_sizes
from newsletter.articles.source import is_url, local_folder, read_paste, read_source
from newsletter.config import CONFIG_NAME, Config, SourceConfig
from newsletter.env import Secrets
from newsletter.errors import ConfigError, NothingNew, SourceError, UsageError
from newsletter.issues.draft import choose, compose
from newsletter.issues.folder import add_articles, read_used, write_issue
from newsletter.issues.ids import is_id, issue_ids


@dataclass(frozen=True, slots=True)
class Draft:
    """What `Publication.draft` did: the issue, how many articles it took, what stayed out and why."""

    issue_id: str
    folder: Path
    articles: int
    left: int = 0
    older: int = 0
    notes: tuple[str, ...] = ()


def draft(
    root: Path,
    config: Config,
    secrets: Secrets,
    sources: Sequence[str],
    *,
    paste: str,
    since: datetime | None,
    most: int | None,
    issue_id: str,
    today: date,
) -> Draft:
    """New posts of `sources`, or of the publication's own, as an issue: see `Publication.draft`."""
    if issue_id and not is_id(issue_id):
        raise UsageError(
            f"{issue_id!r} cannot be an issue's id",
            hint="use a-z, 0-9 and -, at most 80: 2026-11-23-autumn",
        )
    issues = root / "issues"
    fetcher = Fetcher(root / ".cache" / "fetch", allow_hosts=config.allow_hosts)
    places = [] if paste else _places(root, config, secrets, sources)
    readings = [read_paste(paste)] if paste else []
    for location, kind in places:
        base_url = config.base_url
        readings.append(read_source(location, kind=kind, root=root, base_url=base_url, fetcher=fetcher))
    articles = [article for reading in readings for article in reading.articles]
    notes = [note for reading in readings for note in reading.notes]
    ids = issue_ids(issues)
    used = list(read_used(issues))
    archive = max((not_before for _, not_before in used if not_before), default=None)
    choice = choose(
        articles,
        (article for article, _ in used),
        first=not ids,
        since=since,
        not_before=archive,
        most=most,
    )
    if notes and not articles:
        raise SourceError(f"no post could be read ({_count(len(notes), 'reason')})", hint=notes[0])
    if not choice.taken:
        older = f" ({choice.older} older ones: --since takes them)" if choice.older else ""
        raise NothingNew(
            f"nothing new: {_count(len(articles), 'post')} read, all already in an issue or too old{older}"
            if articles
            else "nothing new: no posts found"
        )
    if config.picture_sizes:
        taken, unknown = learn_sizes(choice.taken, fetcher)
        choice = replace(choice, taken=taken)
        notes += unknown
    folders = [local_folder(location, root=root) for location, _ in places]
    elsewhere = [folder for folder in folders if folder]
    if issue_id in ids:
        written = add_articles(issues / issue_id, choice.taken, root=root, elsewhere=elsewhere)
    else:
        issue = compose(
            choice,
            name=config.name,
            day=today,
            taken_ids=[entry.name for entry in issues.iterdir()] if issues.is_dir() else [],
            issue_id=issue_id,
        )
        written = write_issue(issues, issue, root=root, elsewhere=elsewhere)
    folder, notes = written.folder, [*notes, *written.notes]
    return Draft(folder.name, folder, len(choice.taken), choice.left, choice.older, tuple(notes))


def _places(root: Path, config: Config, secrets: Secrets, sources: Sequence[str]) -> list[tuple[str, str]]:
    """Where to read, with the secrets filled in, and the kinds: `sources`, or else the publication's own."""
    configs = [SourceConfig(source) for source in sources] or list(config.sources)
    if not configs:
        raise ConfigError(
            "there is no source",
            where=str(root / CONFIG_NAME),
            hint='add [[source]] with path = "posts" or url = "https://...", or name one: newsletter draft SOURCE',
        )
    places = []
    for source in configs:
        location = source.location
        if "${" in location:
            location = secrets.fill(location, where=source.where)
        near = Path.cwd() / Path(location).expanduser()
        is_named = bool(sources) and not is_url(location) and near.exists()
        places.append((str(near) if is_named else location, source.kind))
    return places


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
