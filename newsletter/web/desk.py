"""A publication on the desk: kept open and warm, so that after an edit only what the edit changed is built again.

What was built is kept until a file changes (`refresh`); the caches of the build itself survive that, and are what makes
the next one quick.  An error is kept as well: it is the same until it is mended.  One build at a time, from any thread.

The subscriber list, where there is one, says who a reader is and how far an issue is; it is asked anew each time, because
no file says that it changed.  One that cannot be read costs a note, and is left alone for a minute.

Reads the publication's files and its database; writes nothing but the addresses of those who get tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote

from newsletter.checking import longest_reader, weigh_variant
from newsletter.checks.check import Checked
from newsletter.config import CONFIG_NAME
from newsletter.env import ENV_NAME
from newsletter.errors import NewsletterError, StoreError, UsageError
from newsletter.issues.folder import article_paths, read_issue
from newsletter.issues.ids import issue_ids
from newsletter.publication import SAMPLE_READER, Publication
from newsletter.reader import Reader, listed_reader, segments_for
from newsletter.subscribers.address import parse_mailbox
from newsletter.variant import Variant
from newsletter.web.states import told_state

if TYPE_CHECKING:
    from newsletter.sending.campaign import Campaign
    from newsletter.subscribers.subscriber_list import (
        SubscriberList,
    )  # with SQLAlchemy, for those with a list

T = TypeVar("T")
_REST_SECONDS = 60
_ADDRESSES = Path(".cache") / "preview" / "test-addresses.txt"


@dataclass(frozen=True, slots=True)
class IssueLine:
    """An issue in the list: what it is called, and how far it is; `problem` is why it cannot be read."""

    id: str
    subject: str
    day: date | None
    articles: int
    built: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What is said of an issue beside the email: findings, notes, sizes in octets of the HTML, by article too."""

    checked: Checked
    notes: tuple[str, ...]
    html_size: int
    weights: tuple[tuple[str, int], ...]


def parse_reader(words: Mapping[str, str]) -> Reader:
    """The reader that `words` (reader, attributes, segments) describe; nobody in particular without them.

    `attributes` are lines `name = value`.  Raises UsageError or WriterError, if they cannot be read.
    """
    attributes = {}
    for line in words.get("attributes", "").splitlines():
        name, equals, value = line.partition("=")
        if line.strip():
            if not equals or not name.strip():
                raise UsageError(f"{line.strip()!r} is not NAME = VALUE", hint="city = Oslo")
            attributes[f"subscriber.{name.strip().removeprefix('subscriber.')}"] = value.strip()
    segments = frozenset(words.get("segments", "").replace(",", " ").split())
    return Reader(parse_mailbox(words.get("reader") or SAMPLE_READER), attributes, segments)


class Desk:
    """The publication in `root`, opened once, and what was built of it since a file last changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.generation = 0
        #: Why the list could not be read; empty if it could, or there is none.
        self.list_problem = ""
        self._list_rests_until = 0.0
        self._settings: tuple[bytes, ...] = ()
        self._publication: Publication | None = None
        self._lock = RLock()
        self._kept: dict[tuple[object, ...], object] = {}

    def refresh(self) -> int:
        """Files have changed: forgets what was built of them.  The number of changes so far."""
        with self._lock:
            self._kept.clear()
            self.generation += 1
            return self.generation

    @property
    def publication(self) -> Publication:
        """The publication as its settings are now.  Raises ConfigError, if they have an error."""
        return self._keep(("publication",), self._opened)

    def issues(self) -> list[IssueLine]:
        """Every issue, the newest first."""
        return self._keep(
            ("issues",), lambda: [self._line(id_) for id_ in reversed(issue_ids(self.root / "issues"))]
        )

    def states(self) -> dict[str, str]:
        """How far each issue is that is planned, on its way or sent: "sending 120 of 1,000"."""

        def ask(people: SubscriberList) -> dict[str, str]:
            from newsletter.sending.campaigns import read_campaigns

            by_issue: dict[str, list[Campaign]] = {}
            for campaign in read_campaigns(people.database, now=int(datetime.now(UTC).timestamp())):
                by_issue.setdefault(campaign.issue_id, []).append(campaign)
            return {issue_id: told_state(campaigns) for issue_id, campaigns in by_issue.items()}

        return self._ask_list(ask, {})

    def reader(self, issue_id: str, words: Mapping[str, str]) -> Reader:
        """The reader of the issue that `words` describe: with all that the list knows, if the address is on it.

        What `words` themselves say of attributes and segments counts more.  Raises NewsletterError, if they cannot be
        read, or the theme asks for a segment that is none.
        """
        made_up = parse_reader(words)
        if not words.get("reader"):
            return made_up

        def ask(people: SubscriberList) -> Reader:
            found = listed_reader(people, made_up.mailbox)
            if found is None or found.subscriber_id is None:
                return made_up
            inside = made_up.segments or segments_for(
                people,
                found.subscriber_id,
                lambda segments: self.variant(issue_id, segments).email.segments,
            )
            return replace(found, attributes={**found.attributes, **made_up.attributes}, segments=inside)

        return self._ask_list(ask, made_up)

    def variant(self, issue_id: str, segments: frozenset[str] = frozenset()) -> Variant:
        """The issue as it is now, built.  Raises NewsletterError, if it cannot be."""
        make = lambda: self.publication.variant(issue_id, audience=segments)  # noqa: E731
        return self._keep(("variant", issue_id, segments), make)

    def review(self, issue_id: str) -> Review:
        """What the checks say of the issue, and what it weighs.  Raises NewsletterError, if it cannot be built."""
        return self._keep(("review", issue_id), lambda: self._review(issue_id))

    def problem(self, issue_id: str, segments: frozenset[str] = frozenset()) -> NewsletterError | None:
        """Why the issue cannot be built; None if it can."""
        try:
            self.variant(issue_id, segments)
        except NewsletterError as error:
            return error
        return None

    def articles(self, issue_id: str) -> dict[str, tuple[str, str]]:
        """The title and the address of each article by the path of its file, in the order of the issue."""
        paths = article_paths(self.root / "issues" / issue_id)
        return {
            str(paths[article.id].relative_to(self.root)): (article.title, article.url)
            for article in self.variant(issue_id).issue.articles
            if article.id in paths
        }

    def values(self, issue_id: str, reader: Reader) -> dict[str, str]:
        """The values of the merge fields for `reader`."""
        return {**self.publication.values(issue_id, reader.mailbox), **reader.attributes}

    def message(self, issue_id: str, reader: Reader) -> bytes:
        """The message that `reader` would get, dated as the issue."""
        variant = self.variant(issue_id, reader.segments)
        written = datetime.combine(variant.issue.date, time(12), tzinfo=UTC)
        return self.publication.message(
            variant.email, reader.mailbox, written=written, attributes=reader.attributes
        )

    def last_build(self, issue_id: str) -> str | None:
        """The HTML that `newsletter build` wrote last, its pictures as `cid:` again; None if there is none."""
        path = self.root / "issues" / issue_id / "build" / "email.html"
        if not path.is_file():
            return None
        html = path.read_text("utf-8")
        for picture in self.variant(issue_id).pictures.values():
            html = html.replace(quote(f"../articles/{picture.path}"), f"cid:{picture.cid}")
        return html

    def addresses(self) -> list[str]:
        """Who got the last tests."""
        path = self.root / _ADDRESSES
        return path.read_text("utf-8").splitlines() if path.is_file() else []

    def send_test(self, issue_id: str, addresses: list[str], reader: Reader) -> list[str]:
        """A test of the issue as `reader` would get it to `addresses`, which are kept; where each went.

        Where no reader is named, each address gets what it would get itself.

        Raises NewsletterError, if it cannot be built or sent.
        """
        with self._lock:
            made = self.publication.build(issue_id, audience=reader.segments)
            seen_by = None if str(reader) == SAMPLE_READER else reader.mailbox
            sent = self.publication.send_test(made, addresses, seen_by=seen_by, attributes=reader.attributes)
            path = self.root / _ADDRESSES
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{address}\n" for address in addresses), "utf-8")
            return sent

    def _review(self, issue_id: str) -> Review:
        variant, publication = self.variant(issue_id), self.publication
        reader = longest_reader()
        written = datetime.combine(variant.issue.date, time(12), tzinfo=UTC)
        weights = weigh_variant(
            variant,
            publication.masthead,
            publication.config,
            root=publication.root,
            values=publication.values(issue_id, reader),
            message=publication.message(variant.email, reader, written=written),
            today=date.today(),
        )
        size = publication.html_size(variant.email)
        clients = publication.config.clients
        domains: dict[str, int] = {} if clients else self._ask_list(lambda people: people.domains(), {})
        checked = publication.check(issue_id, domains=domains)
        return Review(checked, tuple(variant.notes(size)), size, tuple(weights.items()))

    def _opened(self) -> Publication:
        """The publication: the same, with its database open, as long as its settings are the same."""
        paths = [self.root / name for name in (CONFIG_NAME, ENV_NAME)]
        settings = tuple(path.read_bytes() if path.is_file() else b"" for path in paths)
        if self._publication is None or settings != self._settings:
            self._publication, self._settings = Publication.open(self.root), settings
            self._list_rests_until = 0.0
        return self._publication

    def _ask_list(self, question: Callable[[SubscriberList], T], without: T) -> T:
        """The list's answer to `question`; `without`, if there is no list or it cannot be read."""
        publication = self.publication
        if monotonic() < self._list_rests_until:  # each try may take ten seconds
            return without
        try:
            people = publication.known_subscribers
            answer = question(people) if people else without
        except StoreError as error:
            self._list_rests_until = monotonic() + _REST_SECONDS
            self.list_problem = f"The subscriber list cannot be read. {error.where}: {error.message}"
            return without
        self.list_problem = ""
        return answer

    def _line(self, issue_id: str) -> IssueLine:
        folder = self.root / "issues" / issue_id
        built = (folder / "build" / "email.html").is_file()
        try:
            issue = read_issue(folder)
        except NewsletterError as error:
            return IssueLine(issue_id, issue_id, None, 0, built, f"{error.where}: {error.message}")
        return IssueLine(issue_id, issue.subject, issue.date, len(issue.articles), built)

    def _keep(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` made, or raised, since the last change."""
        with self._lock:
            if key not in self._kept:
                try:
                    self._kept[key] = make()
                except NewsletterError as error:
                    self._kept[key] = error
            found = self._kept[key]
        if isinstance(found, NewsletterError):
            raise found
        return cast(T, found)
