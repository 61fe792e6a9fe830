"""What an issue leads to and shows: its links and pictures, each with the source in which it is written.

The built HTML says what readers get; the sources say more.  A link to an address that cannot stand in an email is taken
out on the way, and its words stay, so nobody sees in the HTML that there was one: `lost_links` and `written_images` read
the files that people write.

Whatever the sources hold, nothing fails; what cannot be placed is at home in the theme.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import lxml.html
from lxml import etree

from newsletter.articles.article import Article, one_line, text_of
from newsletter.articles.link import absolute_url
from newsletter.articles.markdown import render_markdown
from newsletter.articles.wording import find_links
from newsletter.checks.parsed import document
from newsletter.checks.subject import SourceFile, Subject
from newsletter.render.images import Picture
from newsletter.render.theme import ISSUE_TEMPLATE

_FRONT = re.compile(r"\A\s*(---|\+\+\+)[ \t]*\r?\n.*?^\1[ \t]*\r?$", re.S | re.M)
#: In sanitised HTML.
_CODE = re.compile(r"<(pre|code|kbd|samp)\b.*?</\1>", re.S)
_BRACKETS = re.compile(
    r"\]\(\s*(?:https?:|www\.|mailto:|file:|javascript:|vbscript:|data:)[^()\n]{0,200}\)", re.I
)


class Origin(StrEnum):
    """Who wrote it, and so where it can be mended."""

    BODY = "an article's text"
    URL = "an article's url"
    IMAGE = "an article's image"
    WORDS = "the editor's words"
    TEXT = "the editor's own text part"
    THEME = "the theme"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the email; `words` are what readers see of it."""

    address: str
    words: str
    origin: Origin
    article_id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the email; `alt` is None where there is none, `file` what it shows if that is a file of the issue."""

    src: str
    alt: str | None
    width: int | None
    origin: Origin
    article_id: str = ""
    file: Picture | None = None

    @property
    def name(self) -> str:
        """What a person calls it."""
        path = self.file.path if self.file else unquote(parts_of_address(self.src)[1])
        return path.rstrip("/").rpartition("/")[2] or shortened(self.src) or "a picture"


def parts_of_address(address: str) -> tuple[str, str]:
    """The host of an address, in lower case and without a last dot, and its path; empty where there is none."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").rstrip(".").lower(), parts.path
    except ValueError:
        return "", ""


def shortened(address: str) -> str:
    """`address` for a message: its beginning, if it is long."""
    return address if len(address) <= 100 else f"{address[:97]}..."


# --- what readers get ---------------------------------------------------------------------------------------


def links(subject: Subject) -> list[Link]:
    """Every link of the email, in the order of the sources: articles, the editor's words, the theme."""
    return list(_links(subject.html, subject))


def links_for_all(subject: Subject) -> list[Link]:
    """The same without what is filled in for a recipient: whoever visits one of these confirms and leaves nothing."""
    return list(_links(subject.email.html.fill({}), subject))


def _links(html: str, subject: Subject) -> Iterator[Link]:
    anchors = [anchor for anchor in document(html).iter("a") if anchor.get("href") is not None]
    built = {_key(anchor.get("href")): anchor.get("href") for anchor in anchors}
    placed: set[str] = set()
    for link in _written_links(subject):
        for key in _filled(_key(link.address), built):
            placed.add(key)
            yield replace(link, address=link.address if key == _key(link.address) else built[key])
    for anchor in anchors:
        if _key(anchor.get("href")) not in placed:
            yield Link(anchor.get("href"), words_in(anchor), Origin.THEME)


def _written_links(subject: Subject) -> Iterator[Link]:
    issue = subject.issue
    for article in issue.articles:
        for address, words in _anchors(article.html):
            yield Link(address, words, Origin.BODY, article.id)
        if article.url:
            yield Link(article.url, article.title, Origin.URL, article.id)
    for html in (issue.opening, issue.closing):
        for address, words in _anchors(html):
            yield Link(address, words, Origin.WORDS)


def _filled(key: str, built: Iterable[str]) -> list[str]:
    """The addresses of the email that were made of `key`: itself, or with merge fields filled."""
    constant = key.partition("{{")[0]
    if constant == key:
        return [key] if key in built else []
    return [address for address in built if constant and address.startswith(constant)]


def _key(address: str) -> str:
    """`address` as it can be compared: a part of the way of building encodes, another does not."""
    return unquote(address.strip())


def bare_addresses(subject: Subject) -> list[str]:
    """The addresses that the editor's own text part names."""
    return [address for _, _, address in find_links(subject.issue.text)]


def pictures(subject: Subject) -> list[Shown]:
    """Every picture of the email, in its order."""
    files = {f"cid:{picture.cid}": picture for picture in subject.pictures.values()}
    names = {picture.name: picture for picture in subject.pictures.values()}
    homes = _homes(subject)
    found = []
    for image in document(subject.html).iter("img"):
        src = (image.get("src") or "").strip()
        file = files.get(src) or (names.get(src.rpartition("/")[2]) if src else None)
        origin, article_id = homes.get(_key(file.path if file else src), (Origin.THEME, ""))
        width = image.get("width") or ""
        number = int(width) if width.isascii() and width.isdigit() and len(width) < 6 else None
        found.append(Shown(src, image.get("alt"), number, origin, article_id, file))
    return found


def _homes(subject: Subject) -> dict[str, tuple[Origin, str]]:
    """Who brings a picture, by its path or address."""
    homes: dict[str, tuple[Origin, str]] = {}
    for article in subject.issue.articles:
        for src in _sources_of_images(article.html):
            homes.setdefault(_key(src), (Origin.BODY, article.id))
        if article.image:
            homes.setdefault(_key(article.image.url), (Origin.IMAGE, article.id))
    for html in (subject.issue.opening, subject.issue.closing):
        for src in _sources_of_images(html):
            homes.setdefault(_key(src), (Origin.WORDS, ""))
    return homes


def place(subject: Subject, origin: Origin, article_id: str, *pieces: str) -> str:
    """`file:line` of the source in which the first of `pieces` stands that can be found."""
    sources = subject.sources
    if origin in (Origin.URL, Origin.IMAGE):
        return sources.key(origin.name.lower(), article_id=article_id)
    delimited = [form for piece in pieces if piece for form in _delimited(piece)]
    if origin is Origin.BODY:
        return sources.find(*delimited, article_id=article_id)
    if origin is Origin.WORDS:
        return sources.find(*delimited, suffix=sources.issue)
    if origin is Origin.TEXT:
        return sources.find(*delimited, suffix="email.txt")
    for suffix in (".mjml", ".txt", "newsletter.toml", "theme.toml"):
        found = sources.find(*delimited, suffix=suffix)
        if found.rpartition(":")[2].isdigit():
            return found
    return sources.find(suffix=ISSUE_TEMPLATE)


def _delimited(piece: str) -> list[str]:
    """How an address or words can be written: whole before a part of something longer."""
    forms = [
        form
        for text in dict.fromkeys((piece, unquote(piece)))
        for form in (f'"{text}"', f"({text})", f"<{text}>")
    ]
    return [*forms, f"({piece} ", f"]: {piece}\n", *dict.fromkeys((piece, unquote(piece)))]


# --- what was written ---------------------------------------------------------------------------------------


def lost_links(subject: Subject) -> Iterator[Link]:
    """The links of articles and of the editor's words that the email does not have, though it has their words."""
    shown = one_line(document(subject.html).text_content())
    for file, base, origin in _written_files(subject):
        for address, words in _anchors(written_html(file)):
            is_merge_field = "{{" in unquote(address)
            is_lost = address.strip() in ("", "#") or not absolute_url(address, base)
            if is_lost and not is_merge_field and words and words in shown:
                yield Link(address.strip(), words, origin, file.article_id)


def written_images(subject: Subject) -> Iterator[tuple[str, Origin, Article | None]]:
    """The address of each picture as the files of articles and of the editor's words have it."""
    articles = {article.id: article for article in subject.issue.articles}
    for file, _, origin in _written_files(subject):
        for image in _tree(written_html(file)).iter("img"):
            yield (image.get("src") or "").strip(), origin, articles.get(file.article_id)


def left_brackets(subject: Subject) -> Iterator[tuple[str, Origin, str]]:
    """What readers see of Markdown links that are none: the text from the bracket on."""
    bodies = [(article.html, Origin.BODY, article.id) for article in subject.issue.articles]
    bodies += [(html, Origin.WORDS, "") for html in (subject.issue.opening, subject.issue.closing)]
    shown = _squeezed(document(subject.html).text_content())
    for html, origin, article_id in bodies:
        for found in _BRACKETS.finditer(text_of(_CODE.sub(" ", html))) if "](" in html else ():
            if _squeezed(found[0]) in shown:
                yield found[0], origin, article_id


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _written_files(subject: Subject) -> Iterator[tuple[SourceFile, str, Origin]]:
    urls = {article.id: article.url for article in subject.issue.articles}
    for number, file in enumerate(subject.sources.files):
        if number == 0:
            yield file, "", Origin.WORDS
        elif file.article_id in urls and file.article_id:
            yield file, urls[file.article_id], Origin.BODY


def written_html(file: SourceFile) -> str:
    """The HTML, not sanitised, of a file that a person writes, without its front matter."""
    return _html_of(_FRONT.sub("", file.text, count=1), file.path.endswith((".html", ".htm")))


@lru_cache(maxsize=128)
def _html_of(body: str, is_html: bool) -> str:
    return body if is_html else render_markdown(body)


def _anchors(html: str) -> Iterator[tuple[str, str]]:
    for anchor in _tree(html).iter("a") if "<a" in html else ():
        if anchor.get("href") is not None:
            yield anchor.get("href"), words_in(anchor)


def _sources_of_images(html: str) -> Iterator[str]:
    for image in _tree(html).iter("img") if "<img" in html else ():
        if src := image.get("src"):
            yield src


@lru_cache(maxsize=128)
def _tree(html: str) -> Any:
    parser = lxml.html.HTMLParser(encoding="utf-8")
    octets = f"<html><body><div>{html}</div></body></html>".encode("utf-8", "replace")
    try:
        return lxml.html.document_fromstring(octets, parser=parser)
    except etree.LxmlError:
        return lxml.html.document_fromstring("<html><body></body></html>")


def words_in(element: Any) -> str:
    """What is to be read in `element`: its words, or what its pictures say instead."""
    return one_line(element.text_content()) or one_line(
        " ".join(image.get("alt") or "" for image in element.iter("img"))
    )
