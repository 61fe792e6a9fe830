"""A publication opened: the Python API, and all that the command line and the pages hold.

    from newsletter import Publication
    publication = Publication.open(".")
    issue_id = publication.draft().issue_id
    publication.build(issue_id)

Each act is whole or leaves nothing: a draft is a folder that appears at once, a build replaces the previous one only
when it succeeded, a message is in the outbox or is not.  Errors are `newsletter.errors`, with place and remedy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

from newsletter.articles.article import Article
from newsletter.articles.fetch import Fetcher
from newsletter.articles.source import is_url, read_paste, read_source
from newsletter.config import (
    CONFIG_NAME,
    Config,
    Secrets,
    SourceConfig,
    find_root,
    nearest,
    read_config,
    read_secrets,
)
from newsletter.errors import ConfigError, IssueError, NewsletterError, NothingNew, SourceError, UsageError
from newsletter.issues.draft import choose, compose
from newsletter.issues.folder import add_articles, issue_ids, read_issue, read_used, write_issue
from newsletter.issues.issue import Issue, is_id
from newsletter.render.build import Email, Masthead, build_email
from newsletter.render.images import read_pictures
from newsletter.render.theme import Theme, read_theme
from newsletter.sending import message
from newsletter.sending.outbox import write_message
from newsletter.sending.smtp import Session, parse_server
from newsletter.subscribers.address import Mailbox, parse_mailbox

#: Who reads `build/email.html` and `build/email.eml`: somebody of whom nothing is known (RFC 2606, section 3).
SAMPLE_READER = "reader@example.com"
OUTPUTS = ("email.html", "email.txt", "email.eml", "web.html", "report.json")


@dataclass(frozen=True, slots=True)
class Draft:
    """What `Publication.draft` did: the issue, how many articles it took, what stayed out and why."""

    issue_id: str
    folder: Path
    articles: int
    left: int = 0
    older: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """What `Publication.build` made."""

    issue_id: str
    folder: Path
    email: Email
    report: Mapping[str, object] = field(repr=False)


class Publication:
    """One newsletter: its folder, its settings, its issues."""

    def __init__(self, root: Path, config: Config, secrets: Secrets) -> None:
        self.root = root
        self.config = config
        self.secrets = secrets

    @classmethod
    def open(cls, folder: str | os.PathLike[str] = ".") -> Publication:
        """The publication in `folder` or the nearest folder above it.

        Raises ConfigError, if there is none, or its newsletter.toml or .env has an error.
        """
        root = find_root(Path(folder))
        return cls(root, read_config(root), read_secrets(root))

    @property
    def issues(self) -> Path:
        """The folder of issues."""
        return self.root / "issues"

    @cached_property
    def sender(self) -> Mailbox:
        """The mailbox in `from`.  Raises ConfigError, if it is not one."""
        return self._mailbox("from", self.config.sender)

    @cached_property
    def reply_to(self) -> Mailbox | None:
        """The mailbox in `reply_to`, if there is one."""
        return self._mailbox("reply_to", self.config.reply_to) if self.config.reply_to else None

    def issue_id(self, name: str = "") -> str:
        """The id that `name` (an id, a path to an issue's folder, or nothing for the newest issue) means.

        Raises IssueError, if there is none.
        """
        ids = issue_ids(self.issues)
        if not name:
            if not ids:
                raise IssueError(
                    "there is no issue yet", where=str(self.issues), hint="make one with: newsletter draft"
                )
            return ids[-1]
        path = Path(name)
        folder = path.parent if path.name == "issue.md" else path
        for candidate in (name, folder.name):
            if candidate in ids:
                return candidate
        near = nearest(folder.name, ids)
        raise IssueError(
            f"there is no issue {name!r}{f', did you mean {near!r}?' if near else ''}",
            where=str(self.issues),
            hint=f"issues: {', '.join(ids[-5:]) or 'none'}",
        )

    def read_issue(self, name: str = "") -> Issue:
        """The issue that `name` means, as its files are now."""
        return read_issue(self.issues / self.issue_id(name))

    def theme(self, name: str = "") -> Theme:
        """The theme `name`, or the publication's own choice."""
        name = name or self.config.theme
        overrides = self.config.theme_settings.get(name, {})
        where = self.config.theme_places.get(name, str(self.root / CONFIG_NAME))
        return read_theme(name, self.root / "templates", overrides, where=where)

    def draft(
        self,
        sources: Sequence[str] = (),
        *,
        paste: str = "",
        since: datetime | None = None,
        most: int | None = None,
        issue_id: str = "",
        today: date | None = None,
    ) -> Draft:
        """New posts of `sources` (the publication's own, if none are given) become an issue.

        With the id of an issue that exists, they are added behind its articles.  Raises NothingNew, if there are none,
        SourceError or FetchError, if a source cannot be read; then nothing was written.
        """
        if issue_id and not is_id(issue_id):
            raise UsageError(
                f"{issue_id!r} cannot be an issue's id",
                hint="use a-z, 0-9 and -, at most 80: 2026-11-23-autumn",
            )
        articles, notes = self._read_sources(sources, paste)
        ids = issue_ids(self.issues)
        used = list(read_used(self.issues))
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
        if issue_id in ids:
            folder = self.issues / issue_id
            add_articles(folder, choice.taken, media=self.root)
        else:
            issue = compose(
                choice,
                name=self.config.name,
                day=today or date.today(),
                taken_ids=self._names(),
                issue_id=issue_id,
            )
            folder = write_issue(self.issues, issue, media=self.root)
        return Draft(folder.name, folder, len(choice.taken), choice.left, choice.older, tuple(notes))

    def build(self, name: str = "") -> Build:
        """The issue that `name` means, built into its `build` folder.

        Raises ThemeError or IssueError, if it cannot be built; the previous build is still there then.  When every
        file but the report comes out as it was, nothing is touched: the report keeps the timings of the first time.
        """
        issue_id = self.issue_id(name)
        folder = self.issues / issue_id
        timings: dict[str, float] = {}
        started = last = perf_counter()

        def lap(step: str) -> None:
            nonlocal last
            now = perf_counter()
            timings[step] = round((now - last) * 1000, 1)
            last = now

        issue = read_issue(folder)
        theme = self.theme(issue.theme)
        pictures = read_pictures(folder / "articles", issue.articles)
        lap("read")
        email = build_email(issue, self.masthead, theme, pictures, lap=lap)
        files = self._outputs(issue, email)
        lap("write out")
        timings["total"] = round((perf_counter() - started) * 1000, 1)
        report: dict[str, object] = {
            "issue": issue_id,
            "theme": theme.name,
            "digest": email.digest,
            "articles": len(issue.articles),
            "merge_fields": sorted(
                {
                    slot.field.name
                    for template in (email.subject, email.html, email.text)
                    for slot in template.slots
                }
            ),
            "size_bytes": {name: len(content) for name, content in files.items()},
            "pictures_bytes": sum(len(picture.content) for picture in email.pictures),
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            "timings_ms": timings,
        }
        _replace_build(folder / "build", files, report)
        return Build(issue_id, folder / "build", email, report)

    @property
    def masthead(self) -> Masthead:
        """What an issue's pages say of the publication."""
        config = self.config
        return Masthead(config.name, config.language, config.base_url, config.postal_address, config.reply_to)

    def values(self, issue_id: str, reader: Mailbox) -> dict[str, str]:
        """The values of the merge fields for `reader`, of whom no more than the mailbox is known."""
        back = (self.reply_to or self.sender).address
        web = f"{self.config.base_url}/issues/{issue_id}/" if self.config.base_url else ""
        words = reader.name.split()
        return {
            "unsubscribe_url": f"mailto:{back}?subject={quote(f'unsubscribe {reader.address}')}",
            "preferences_url": f"mailto:{back}?subject={quote(f'preferences {reader.address}')}",
            "web_url": web,
            "subscriber.email": str(reader.address),
            "subscriber.name": reader.name,
            "subscriber.first_name": words[0] if words else "",
            "subscriber.last_name": words[-1] if len(words) > 1 else "",
        }

    def message(self, email: Email, reader: Mailbox, *, written: datetime, note: str = "") -> bytes:
        """The bytes of `email` for `reader`, dated `written`; `note` goes before the subject in brackets."""
        values = self.values(email.issue_id, reader)
        subject = email.subject.fill(values)
        key = f"{email.digest} {reader.address}"
        return message.compose(
            sender=self.sender,
            recipient=reader,
            subject=f"[{note}] {subject}" if note else subject,
            text=email.text.fill(values),
            html=email.html.fill(values),
            pictures=[(p.cid, p.content_type, Path(p.path).name, p.content) for p in email.pictures],
            date=written,
            message_id=message.deterministic_id(
                email.digest, str(reader.address), self.sender.address.domain
            ),
            boundary=hashlib.sha256(key.encode()).hexdigest()[:24],
            reply_to=self.reply_to,
            list_id=f"{self.config.name} <{email.issue_id and self._list_id()}>",
            list_unsubscribe=[values["unsubscribe_url"]],
        )

    def send_test(self, build: Build, readers: Iterable[str], *, now: datetime | None = None) -> list[str]:
        """One message of `build` to each of `readers`: through SMTP_URL, or into the outbox where none is set.

        What comes back says for each where it went.  Raises UsageError, if an address is none (nothing was sent then),
        DeliveryError, if the server refuses.
        """
        mailboxes = [parse_mailbox(reader) for reader in readers]
        written = now or datetime.now(UTC)
        messages = [
            (reader, self.message(build.email, reader, written=written, note="Test")) for reader in mailboxes
        ]
        url = self.secrets.get("SMTP_URL")
        if not url:
            return [
                str(write_message(self.root / "outbox", content, name=f"{build.issue_id}-test"))
                for _, content in messages
            ]
        server = parse_server(url)
        with Session(server) as session:
            for reader, content in messages:
                session.send(content, sender=self.sender.address, recipients=[reader.address])
        return [f"{reader.address} by {server}" for reader, _ in messages]

    def _outputs(self, issue: Issue, email: Email) -> dict[str, bytes]:
        """The files of a build but its report; the same inputs give the same bytes."""
        reader = parse_mailbox(SAMPLE_READER)
        values = self.values(email.issue_id, reader)
        written = datetime.combine(issue.date, time(12), tzinfo=UTC)
        html, web = email.html.fill(values), email.web
        for picture in email.pictures:
            beside = quote(f"../articles/{picture.path}")
            html, web = html.replace(f"cid:{picture.cid}", beside), web.replace(f"cid:{picture.cid}", beside)
        return {
            "email.html": html.encode(),
            "email.txt": email.text.fill(values).encode(),
            "email.eml": self.message(email, reader, written=written),
            "web.html": web.encode(),
        }

    def _read_sources(self, sources: Sequence[str], paste: str) -> tuple[list[Article], list[str]]:
        if paste:
            reading = read_paste(paste)
            return list(reading.articles), list(reading.notes)
        configs = [SourceConfig(source) for source in sources] or list(self.config.sources)
        if not configs:
            raise ConfigError(
                "there is no source",
                where=str(self.root / CONFIG_NAME),
                hint='add [[source]] with path = "posts" or url = "https://...", or name one: newsletter draft SOURCE',
            )
        fetcher = Fetcher(self.root / ".cache" / "fetch", allow_hosts=self.config.allow_hosts)
        articles: list[Article] = []
        notes: list[str] = []
        for config in configs:
            location = (
                self.secrets.fill(config.location, where=config.where)
                if "${" in config.location
                else config.location
            )
            here = (
                Path.cwd()
                if sources and not is_url(location) and (Path.cwd() / location).exists()
                else self.root
            )
            reading = read_source(
                location, kind=config.kind, root=here, base_url=self.config.base_url, fetcher=fetcher
            )
            articles += reading.articles
            notes += reading.notes
        return articles, notes

    def _names(self) -> list[str]:
        return [entry.name for entry in self.issues.iterdir()] if self.issues.is_dir() else []

    def _list_id(self) -> str:
        return f"newsletter.{self.sender.address.domain}"

    def _mailbox(self, key: str, text: str) -> Mailbox:
        try:
            return parse_mailbox(text)
        except NewsletterError as error:
            raise ConfigError(
                f"{key} = {text!r} is not a mailbox: {error.message}",
                where=str(self.root / CONFIG_NAME),
                hint=f'{key} = "My Newsletter <news@example.com>"',
            ) from error


def _replace_build(folder: Path, files: Mapping[str, bytes], report: Mapping[str, object]) -> None:
    """`folder` with `files` and their report instead of what it held, if that differs; whole or not at all."""
    if (
        all(
            (folder / name).is_file() and (folder / name).read_bytes() == content
            for name, content in files.items()
        )
        and (folder / "report.json").is_file()
    ):
        return
    try:
        new = Path(tempfile.mkdtemp(prefix=".build-", dir=folder.parent))
        old = new.with_name(new.name.replace(".build-", ".old-"))
        try:
            for name, content in files.items():
                (new / name).write_bytes(content)
            (new / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
            new.chmod(0o755)
            if folder.exists():
                os.rename(folder, old)
            os.rename(new, folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            if not folder.exists() and old.exists():
                os.rename(old, folder)
            shutil.rmtree(new, ignore_errors=True)
            raise
    except OSError as error:
        raise IssueError(f"cannot be written: {error.strerror}", where=str(folder)) from error


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
