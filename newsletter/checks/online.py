"""Whether the pages and pictures that an issue leads to are there: the one check that asks the network.

Eight addresses at a time, two at most of one host, each once; what is filled in for a recipient (the way to unsubscribe)
is never visited.  When the time is over, what was not visited is counted, not forgotten.  A site that lets no programs in
(401, 403, 429) is no finding: readers may well get in.

An answer is as good as its day: an error here is one now.  Nothing raises; without a network there is one warning, not one
for each link.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from newsletter.articles.article import canonical_url
from newsletter.articles.fetch import Fetcher
from newsletter.articles.link import WEB, absolute_url, host_of
from newsletter.articles.target import display_url
from newsletter.articles.visit import Answer, Visit, visit
from newsletter.articles.wire import Deadline
from newsletter.checks.finding import Finding
from newsletter.checks.references import Origin, links_for_all, parts_of_address, pictures, place, shortened
from newsletter.checks.subject import Subject

CODES: Mapping[str, str] = {
    "E138": "A page or picture is not there (404, 410), or there is no such site",
    "E139": "The certificate of a site is not valid: browsers warn of it, or open nothing",
    "W238": "A page or picture could not be visited: an error of the server, no answer in time",
    "W239": "A page has moved for good (301, 308)",
}

AT_ONCE = 8
AT_ONCE_OF_A_HOST = 2
#: For one address: no reader waits longer.
_SECONDS_EACH = 15.0


@dataclass(frozen=True, slots=True)
class _Address:
    """An address to visit, what it is called in a message, and where it is written."""

    url: str
    name: str
    origin: Origin
    article_id: str
    words: str


def check_online(subject: Subject, fetcher: Fetcher, *, seconds: float) -> Iterator[Finding]:
    """What visits to the links and pictures of `subject` find, within `seconds` for all of them together."""
    addresses = _addresses(subject)
    visits = visit_all(list(addresses), fetcher, seconds=seconds)
    if len(visits) > 1 and all(_is_unreached(found) for found in visits.values()):
        message = f"none of {len(addresses)} links and pictures could be visited: {next(iter(visits.values())).said}"
        yield Finding("W238", subject.sources.issue, message, "is this machine connected to the internet?")
        return
    for url, found in visits.items():
        yield from _findings(subject, addresses[url], found)
    if missing := len(addresses) - len(visits):
        message = f"{missing} of {len(addresses)} links and pictures were not visited in {seconds:g} seconds"
        yield Finding("W238", subject.sources.issue, message, "check again: sites may be slow today")


def _addresses(subject: Subject) -> dict[str, _Address]:
    """Every distinct web address that all readers get, without its fragment."""
    found = [
        _Address(link.address, "the link", link.origin, link.article_id, link.words)
        for link in links_for_all(subject)
    ]
    found += [
        _Address(shown.src, "the picture", shown.origin, shown.article_id, shown.alt or "")
        for shown in pictures(subject)
        if not shown.file
    ]
    addresses: dict[str, _Address] = {}
    for address in found:
        if url := absolute_url(address.url, schemes=WEB) if ":" in address.url else "":
            addresses.setdefault(url.partition("#")[0], address)
    return addresses


def _is_unreached(found: Visit) -> bool:
    return found.answer in (Answer.GONE, Answer.NOT_NOW) and found.said.startswith(
        ("no such host", "the connection failed")
    )


def _findings(subject: Subject, address: _Address, found: Visit) -> Iterator[Finding]:
    def finding(code: str, message: str, hint: str) -> Finding:
        where = place(subject, address.origin, address.article_id, address.url, address.words)
        return Finding(code, where, message, hint)

    shown = f"{address.name} {shortened(display_url(address.url))}"
    match found.answer:
        case Answer.GONE:
            hint = "look for where it went, or take it out: readers would find nothing"
            yield finding("E138", f"{shown} is not there: {found.said}", hint)
        case Answer.UNSAFE:
            yield finding(
                "E139",
                f"{shown}: {found.said}",
                "browsers stop readers there: ask the site, or link elsewhere",
            )
        case Answer.NOT_NOW:
            yield finding(
                "W238", f"{shown} could not be visited: {found.said}", "open it in a browser, or check again"
            )
        case Answer.THERE if address.name == "the link" and _has_moved(address.url, found.moved_to):
            to = shortened(display_url(found.moved_to))
            if _is_front_page(found.moved_to) and not _is_front_page(address.url):
                hint = "a site that sends everybody to its front page has often given the page up: look for it there"
            else:
                hint = "write the new address"
            yield finding("W239", f"{shown} has moved for good to {to}", hint)


def _has_moved(url: str, moved_to: str) -> bool:
    """Whether a redirect leads to another page: https, `www.` and a slash at the end make no other one."""
    return bool(moved_to) and canonical_url(moved_to) != canonical_url(url)


def _is_front_page(url: str) -> bool:
    return parts_of_address(url)[1] in ("", "/")


# --- many at once -------------------------------------------------------------------------------------------


def visit_all(urls: list[str], fetcher: Fetcher, *, seconds: float) -> dict[str, Visit]:
    """The visits to `urls`, in their order, as far as they could be begun within `seconds`."""
    round_ = _Round(urls, seconds)

    def work() -> None:
        while url := round_.begin():
            try:
                round_.found[url] = visit(fetcher, url, seconds=min(_SECONDS_EACH, round_.seconds_left()))
            except TimeoutError:
                return
            finally:
                round_.end(url)

    workers = min(AT_ONCE, len(urls))
    if workers:
        with ThreadPoolExecutor(workers, thread_name_prefix="visit") as pool:
            for done in [pool.submit(work) for _ in range(workers)]:
                done.result()
    return {url: round_.found[url] for url in urls if url in round_.found}


class _Round:
    """Who is visited next: the first address whose host is not busy."""

    def __init__(self, urls: list[str], seconds: float) -> None:
        self.found: dict[str, Visit] = {}
        self._waiting = list(urls)
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._deadline = Deadline(seconds)

    def seconds_left(self) -> float:
        """The seconds that remain.  Raises TimeoutError, if there are none."""
        return self._deadline.left()

    def begin(self) -> str:
        """The next address; empty when all are done or begun, or the time is over."""
        with self._changed:
            while self._waiting:
                try:
                    left = self._deadline.left()
                except TimeoutError:
                    return ""
                for url in self._waiting:
                    if self._busy[host_of(url)] < AT_ONCE_OF_A_HOST:
                        self._waiting.remove(url)
                        self._busy[host_of(url)] += 1
                        return url
                self._changed.wait(left)
            return ""

    def end(self, url: str) -> None:
        """The visit to `url` is over."""
        with self._changed:
            self._busy[host_of(url)] -= 1
            self._changed.notify_all()
