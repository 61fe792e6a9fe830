"""A publication opened: the Python API, and all that the command line and the pages hold.

    from newsletter import Publication
    publication = Publication.open(".")
    issue_id = publication.draft().issue_id
    publication.build(issue_id)

Each act is whole or leaves nothing: a draft is a folder that appears at once, a build replaces the previous one only
when it succeeded, a message is in the outbox or is not.  Errors are `newsletter.errors`, with place and remedy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.config import CONFIG_NAME, Config, find_root, nearest, read_config
from newsletter.env import Secrets, read_secrets
from newsletter.errors import ConfigError, IssueError, NewsletterError
from newsletter.issues.ids import issue_ids

if TYPE_CHECKING:  # and imported where it is used: `newsletter status` does without all of them
    from newsletter.checks.check import Checked
    from newsletter.drafting import Draft
    from newsletter.issues.issue import Issue
    from newsletter.reader import Reader
    from newsletter.render.build import Email, Masthead
    from newsletter.render.theme import Theme
    from newsletter.sending.dkim import Signer
    from newsletter.store.database import Database
    from newsletter.subscribers.address import Mailbox
    from newsletter.subscribers.subscriber_list import SubscriberList
    from newsletter.variant import Variant

#: Who reads `build/email.html` and `build/email.eml`: somebody of whom nothing is known (RFC 2606, section 3).
SAMPLE_READER = "reader@example.com"
OUTPUTS = ("email.html", "email.txt", "email.eml", "web.html", "report.json")


@dataclass(frozen=True, slots=True)
class Build:
    """What `Publication.build` made, and what the editor should know of it."""

    issue_id: str
    folder: Path
    email: Email
    report: Mapping[str, object] = field(repr=False)
    notes: tuple[str, ...] = ()
    audience: frozenset[str] = frozenset()


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

    @cached_property
    def database(self) -> Database:
        """What the machine remembers: at DATABASE_URL, or else newsletter.db.  Raises StoreError, if it cannot be used."""
        from newsletter.store.database import open_database  # SQLAlchemy takes longer than most commands

        return open_database(self.database_place)

    @property
    def database_place(self) -> str | Path:
        """Where the database is: DATABASE_URL, or else newsletter.db."""
        return self.secrets.get("DATABASE_URL") or self.root / "newsletter.db"

    @cached_property
    def subscribers(self) -> SubscriberList:
        """The people; see `newsletter.subscribers.subscriber_list`.  Raises StoreError, if the database cannot be used."""
        from newsletter.subscribers.subscriber_list import SubscriberList

        key = self.secrets.get("SECRET_KEY")
        return SubscriberList(self.database, secret_key=key, segments=self.config.segments)

    @property
    def known_subscribers(self) -> SubscriberList | None:
        """The people, None as long as there is no list: to look at it makes no database.  Raises StoreError."""
        if "database" not in self.__dict__:
            from newsletter.store.database import open_existing

            found = open_existing(self.database_place)
            if found is None:
                return None
            self.database = found
        return self.subscribers

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
        from newsletter.issues.folder import read_issue

        return read_issue(self.issues / self.issue_id(name))

    def theme(self, name: str = "") -> Theme:
        """The theme `name`, or the publication's own choice."""
        from newsletter.render.theme import read_theme, theme_names

        self.config.check_themes(theme_names(self.root / "templates"))
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
        from newsletter.drafting import draft

        return draft(
            self.root,
            self.config,
            self.secrets,
            sources,
            paste=paste,
            since=since,
            most=most,
            issue_id=issue_id,
            today=today or date.today(),
        )

    def build(self, name: str = "", *, audience: Iterable[str] = ()) -> Build:
        """The issue that `name` means, built into its `build` folder: the variant for those in all of `audience`.

        Raises ThemeError or IssueError, if it cannot be built; the previous build is still there then.  When every
        file but the report comes out as it was, nothing is touched: the report keeps the timings of the first time.
        """
        from newsletter.issues.built import replace_build
        from newsletter.render.images import copy_pictures

        issue_id = self.issue_id(name)
        folder = self.issues / issue_id
        timings: dict[str, float] = {}
        started = last = perf_counter()

        def lap(step: str) -> None:
            nonlocal last
            now = perf_counter()
            timings[step] = round(timings.get(step, 0) + (now - last) * 1000, 1)
            last = now

        variant = self.variant(issue_id, audience=audience, lap=lap)
        if self.config.media_dir:
            copy_pictures(variant.pictures.values(), self.root / self.config.media_dir)
        files = self._outputs(variant)
        lap("write out")
        timings["total"] = round((perf_counter() - started) * 1000, 1)
        report = variant.report(files, timings)
        replace_build(folder / "build", files, report)
        notes = variant.notes(self.html_size(variant.email))
        return Build(issue_id, folder / "build", variant.email, report, tuple(notes), frozenset(audience))

    def variant(
        self,
        name: str = "",
        *,
        audience: Iterable[str] = (),
        lap: Callable[[str], None] = lambda step: None,
    ) -> Variant:
        """The issue that `name` means as those in all of `audience` see it; nothing is written.

        Raises ThemeError or IssueError, if it cannot be built.
        """
        from newsletter.variant import build_variant

        issue = self.read_issue(name)
        folder = self.issues / issue.id
        theme = self.theme(issue.theme)
        lap("read")
        return build_variant(
            issue,
            theme,
            self.masthead,
            articles=folder / "articles",
            media_url=self.config.media_url,
            fit=issue.fit or self.config.fit,
            audience=frozenset(audience),
            html_size=self.html_size,
            lap=lap,
        )

    def check(
        self,
        name: str = "",
        *,
        online: bool = False,
        spam: bool = False,
        today: date | None = None,
        domains: Mapping[str, int] | None = None,
    ) -> Checked:
        """What is wrong with the issue that `name` means; nothing is written.

        `online` visits its links and pictures, `spam` asks SpamAssassin; `domains` says how many readers have their mailbox
        where, from which their email clients are estimated: those on the list, if it is left out; that a list cannot be
        read is a note.  Raises ThemeError or IssueError, if it cannot be built, ConfigError, if a level is given to a check
        that there is not.
        """
        from newsletter.articles.fetch import Fetcher
        from newsletter.checking import check_variant, longest_reader
        from newsletter.reader import mailbox_domains

        variant = self.variant(name)
        reader = longest_reader()
        written = datetime.combine(variant.issue.date, time(12), tzinfo=UTC)
        fetcher = Fetcher(self.root / ".cache" / "fetch", allow_hosts=self.config.allow_hosts)
        notes: tuple[str, ...] = ()
        if domains is None and not self.config.clients:
            domains, notes = mailbox_domains(lambda: self.known_subscribers)
        checked = check_variant(
            variant,
            self.masthead,
            self.config,
            root=self.root,
            values=self.values(variant.issue.id, reader),
            message=self.message(variant.email, reader, written=written),
            today=today or date.today(),
            domains=domains or {},
            fetcher=fetcher if online else None,
            spam=spam,
        )
        return replace(checked, notes=notes)

    @property
    def masthead(self) -> Masthead:
        """What an issue's pages say of the publication."""
        from newsletter.render.build import Masthead

        config = self.config
        return Masthead(config.name, config.language, config.base_url, config.postal_address, config.reply_to)

    def values(self, issue_id: str, reader: Mailbox) -> dict[str, str]:
        """The values of the merge fields for `reader`, of whom no more than the mailbox is known."""
        back = (self.reply_to or self.sender).address
        words = reader.name.split()
        return {
            "unsubscribe_url": f"mailto:{back}?subject={quote(f'unsubscribe {reader.address}')}",
            "preferences_url": f"mailto:{back}?subject={quote(f'preferences {reader.address}')}",
            "web_url": self.masthead.web_address(issue_id),
            "subscriber.email": str(reader.address),
            "subscriber.name": reader.name,
            "subscriber.first_name": words[0] if words else "",
            "subscriber.last_name": words[-1] if len(words) > 1 else "",
        }

    def message(
        self,
        email: Email,
        reader: Mailbox,
        *,
        written: datetime,
        note: str = "",
        attributes: Mapping[str, str] = MappingProxyType({}),
        signers: Sequence[Signer] = (),
    ) -> bytes:
        """The bytes of `email` for `reader`, dated `written`, whose merge fields are first those in `attributes`.

        `note` goes before the subject in brackets.
        """
        from newsletter.sending.letter import letter_of
        from newsletter.sending.message import deterministic_id

        values = {**self.values(email.issue_id, reader), **attributes}
        list_id = f"{self.config.name} <newsletter.{self.sender.address.domain}>"
        letter = letter_of(email, self.sender, self.reply_to, list_id, note)
        return letter.compose(
            reader,
            values,
            date=written,
            message_id=deterministic_id(email.digest, str(reader.address), self.sender.address.domain),
            list_unsubscribe=[values["unsubscribe_url"]],
            signers=signers,
        )

    def send_test(
        self,
        build: Build,
        readers: Iterable[str],
        *,
        seen_by: Mailbox | None = None,
        attributes: Mapping[str, str] = MappingProxyType({}),
        now: datetime | None = None,
    ) -> list[str]:
        """One message of `build` to each of `readers`: through SMTP_URL, or into the outbox where none is set.

        Each says that it is what `seen_by` with `attributes` would get, or its reader, whose the links to leave are.  A
        reader on the list gets what the list says: name, attributes, and its own variant, unless `build` is one for an
        audience.  What comes back says where each went.  Raises UsageError, if an address is none, StoreError, if the list
        cannot be read (nothing was sent then), ConfigError, if a key cannot sign, DeliveryError.
        """
        from newsletter.reader import Reader
        from newsletter.sending.dkim_keys import read_signers
        from newsletter.sending.outbox import write_message
        from newsletter.sending.smtp import Session, parse_server
        from newsletter.sending.trial import trial
        from newsletter.subscribers.address import parse_mailbox

        mailboxes = [parse_mailbox(reader) for reader in readers]
        written = now or datetime.now(UTC)
        signers = read_signers(self.root, self.config, self.secrets, sender_domain=self.sender.address.domain)

        def test_for(reader: Mailbox) -> bytes:
            seen = Reader(seen_by) if seen_by else self._reader(build, reader)
            values = {**self.values(build.issue_id, seen.mailbox), **seen.attributes, **attributes}
            values = {name: value for name, value in values.items() if name.startswith("subscriber.")}
            is_own = seen.segments and not build.audience
            email = self.variant(build.issue_id, audience=seen.segments).email if is_own else build.email
            made = trial(email, seen.mailbox)
            return self.message(
                made, reader, written=written, note="Test", attributes=values, signers=signers
            )

        messages = [(reader, test_for(reader)) for reader in mailboxes]
        url = self.secrets.get("SMTP_URL")
        if not url:
            outbox, name = self.root / "outbox", f"{build.issue_id}-test"
            return [str(write_message(outbox, content, name=name)) for _, content in messages]
        server = parse_server(url)
        with Session(server) as session:
            for reader, content in messages:
                session.send(content, sender=self.sender.address, recipients=[reader.address])
        return [f"{reader.address} by {server}" for reader, _ in messages]

    def _reader(self, build: Build, mailbox: Mailbox) -> Reader:
        """What the list, if there is one, knows of `mailbox`; the mailbox alone, if that is nothing."""
        from newsletter.reader import known_reader

        def asked(inside: frozenset[str]) -> tuple[str, ...]:
            email = self.variant(build.issue_id, audience=inside).email if inside else build.email
            return email.segments

        return known_reader(self.known_subscribers, mailbox, None if build.audience else asked)

    def html_size(self, email: Email) -> int:
        """How many octets the HTML has as it goes over the wire to the sample reader."""
        from newsletter.sending import quoted_printable

        values = self.values(email.issue_id, _sample_reader())
        return len(quoted_printable.encode(email.html.fill(values)))

    def _outputs(self, variant: Variant) -> dict[str, bytes]:
        """The files of a build but its report; the same inputs give the same bytes."""
        email, reader = variant.email, _sample_reader()
        values = self.values(email.issue_id, reader)
        written = datetime.combine(variant.issue.date, time(12), tzinfo=UTC)
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

    def _mailbox(self, key: str, text: str) -> Mailbox:
        from newsletter.subscribers.address import parse_mailbox

        try:
            return parse_mailbox(text)
        except NewsletterError as error:
            raise ConfigError(
                f"{key} = {text!r} is not a mailbox: {error.message}",
                where=str(self.root / CONFIG_NAME),
                hint=f'{key} = "My Newsletter <news@example.com>"',
            ) from error


def _sample_reader() -> Mailbox:
    from newsletter.subscribers.address import parse_mailbox

    return parse_mailbox(SAMPLE_READER)
