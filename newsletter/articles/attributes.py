"""What front matter says of a post, under all the names that site generators have for it.

Jekyll, Hugo, Eleventy, Pelican, Astro, Gatsby, Docusaurus, Zola and Obsidian agree on little more than
`title` and `date`.  Names are compared without case and separators (`pubDate` is `pub_date`), and the groups
in which some generators keep fields of the writer's own (`params`, `extra`, `taxonomies`) are looked into,
too.

A field that cannot be read costs nothing but itself: it is left out, and a note says where it is and what
is wrong. Unknown fields mean nothing.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from newsletter.articles.article import one_line, text_of
from newsletter.articles.fields import Value, Way
from newsletter.articles.frontmatter import FrontMatter
from newsletter.errors import WriterError

_T = TypeVar("_T")

_DATES = ("date", "published", "pubdate", "publishdate", "publisheddate", "publishedat", "datepublished")
_CREATED = ("created", "createdat", "creationdate", "posted", "datetime")
_AUTHORS = ("author", "authors", "byline", "writer", "by")
_SUMMARIES = ("description", "summary", "excerpt", "abstract", "teaser")
_TAGS = ("tags", "tag", "keywords", "categories", "category", "topics")
_LANGUAGES = ("lang", "language", "locale")
_ADDRESSES = ("canonicalurl", "canonical", "permalink", "url", "link", "externalurl", "originalurl")
_IMAGES = (
    *(
        "image",
        "images",
        "cover",
        "coverimage",
        "featuredimage",
        "featureimage",
        "featured",
        "hero",
        "heroimage",
    ),
    *(
        "banner",
        "header",
        "thumbnail",
        "thumb",
        "ogimage",
        "socialimage",
        "photo",
        "img",
        "picture",
        "feature",
    ),
)
_IMAGE_ADDRESSES = (
    "url",
    "src",
    "image",
    "path",
    "file",
    "href",
    "relative",
    "teaser",
    "overlayimage",
    "feature",
)
_GROUPS = ("params", "extra", "taxonomies", "metadata", "seo")
_NAMES = ("name", "displayname", "title", "nickname", "login")
_UNFINISHED = frozenset({"draft", "private", "pending", "hidden", "unpublished", "trash"})
_FLAGS = frozenset({"true", "false", "yes", "no", "on", "off"})

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a post's front matter says of it, as it is written there; what it does not say is empty."""

    id: str = ""
    title: str = ""
    address: str = ""  # absolute, or a path on the site
    author: str = ""
    published: datetime | None = None
    summary: str = ""
    image: str = ""  # absolute, or a path
    image_alt: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    slug: str = ""
    is_draft: bool = False
    notes: tuple[str, ...] = ()


def read_attributes(front: FrontMatter, people: Mapping[str, str] | None = None) -> Attributes:
    """What `front` says of its post; `people` are the names behind the keys that it may use for authors."""
    fields = _Fields(front, people or {})
    image, alt = fields.image()
    return Attributes(
        id=fields.line("id", "guid", "uuid"),
        title=fields.line("title"),
        address=fields.address(),
        author=fields.author(),
        published=fields.published(),
        summary=fields.summary(),
        image=image,
        image_alt=alt,
        tags=fields.tags(),
        language=fields.language(),
        slug=fields.line("slug"),
        is_draft=fields.is_draft(),
        notes=tuple(fields.notes),
    )


class _Fields:
    """Front matter by the bare names of its keys."""

    def __init__(self, front: FrontMatter, people: Mapping[str, str]) -> None:
        self.notes: list[str] = list(front.notes)
        self._people = people
        values, lines = dict(front.fields), dict(front.lines)
        for group in [key for key in values if _bare(key) in _GROUPS]:
            inner = values[group]
            if isinstance(inner, dict):
                values = {**inner, **values}
                lines = {**_lines_within(lines, group), **lines}
        self._front = replace(front, fields=values, lines=lines)
        self._keys = {_bare(key): key for key in reversed(values)}

    def line(self, *names: str) -> str:
        """The first of the fields that has text, on one line."""
        for name in names:
            if text := one_line(self._read(self._front.text, name) or ""):
                return text
        return ""

    def summary(self) -> str:
        """The summary in plain words; generators render it as Markdown, or as HTML, or not at all."""
        text = self.line(*(name for name in _SUMMARIES if not self._says_flag(name)))
        text = _MARKDOWN_LINK.sub(r"\1", text)
        return text_of(text) if _MARKUP.search(text) else text

    def published(self) -> datetime | None:
        """When the post was published; `published: true` is no date."""
        for name in (*_DATES, *_CREATED):
            if not self._says_flag(name) and (moment := self._read(self._front.when, name)):
                return moment
        return None

    def is_draft(self) -> bool:
        says_no = any(
            self._says_flag(name) and self._read(self._front.flag, name) is False
            for name in ("published", "publish")
        )
        is_draft = self._says_flag("draft") and self._read(self._front.flag, "draft")
        states = {self.line(name).casefold() for name in ("status", "state", "visibility")}
        return says_no or bool(is_draft) or bool(states & _UNFINISHED)

    def author(self) -> str:
        for name in _AUTHORS:
            key = self._keys.get(name)
            names = self._names(self._front.fields[key]) if key else []
            if names:
                return ", ".join(dict.fromkeys(names))
        return ""

    def _names(self, value: Value) -> list[str]:
        """The names in `author: key`, `author: A. Writer`, a list of these, or fields with a name."""
        if isinstance(value, tuple):
            return [name for item in value for name in self._names(item)]
        if isinstance(value, dict):
            fields = {_bare(key): item for key, item in value.items()}
            named = next((item for name in _NAMES if isinstance(item := fields.get(name), str) and item), "")
            return [one_line(named)] if named else []
        name = one_line(value or "").removeprefix("[[").removesuffix("]]")
        return [self._people.get(name, name)] if name and name.casefold() not in _FLAGS else []

    def tags(self) -> tuple[str, ...]:
        tags: dict[str, str] = {}
        for name in _TAGS:
            for tag in self._read(self._front.words, name) or ():
                tag = one_line(tag).removeprefix("#").removeprefix("[[").removesuffix("]]")
                tags.setdefault(tag.casefold(), tag)
        return tuple(tag for tag in tags.values() if tag)

    def language(self) -> str:
        language = self.line(*_LANGUAGES).partition(".")[0]
        return language.replace("_", "-") if _LANGUAGE.fullmatch(language) else ""

    def address(self) -> str:
        """Where the post is on the web; a pattern (`/:year/:title/`, `{{ slug }}`) or a style (`pretty`) says nothing."""
        for name in _ADDRESSES:
            key = self._keys.get(name)
            text = self.line(name) if key and isinstance(self._front.fields[key], str) else ""
            is_address = (
                text.startswith(("http://", "https://", "/")) or "/" in text or text.endswith(".html")
            )
            is_pattern = re.search(r"/:\w|[{}<>\s]", text)
            if is_address and not is_pattern:
                return text
        return ""

    def image(self) -> tuple[str, str]:
        """The picture of the post and its alternative text."""
        for name in _IMAGES:
            key = self._keys.get(name)
            address, alt = _picture(self._front.fields[key]) if key else ("", "")
            if address:
                return address, alt or self.line(f"{name}alt", f"{name}description", "imagealt", "alt")
        return "", ""

    def _says_flag(self, name: str) -> bool:
        value = self._front.fields.get(self._keys.get(name, ""))
        return isinstance(value, str) and value.strip().casefold() in _FLAGS

    def _read(self, ask: Callable[[str], _T], name: str) -> _T | None:
        """The answer to one question; None, and a note, if the field is not what was asked for."""
        key = self._keys.get(name)
        if key is None:
            return None
        try:
            return ask(key)
        except WriterError as error:
            note = f"{error.where}: {error.message}"
            if note not in self.notes:
                self.notes.append(note)
            return None


def _bare(key: str) -> str:
    """`featured_image`, `featuredImage` and `Featured-Image` are one name."""
    return re.sub(r"[\W_]", "", key.casefold())


def _lines_within(lines: Mapping[Way, int], group: str) -> dict[Way, int]:
    return {way[1:]: line for way, line in lines.items() if len(way) > 1 and way[0] == group}


def _picture(value: Value) -> tuple[str, str]:
    """Address and alternative text in `image: a.png`, a list of these, or fields."""
    if isinstance(value, tuple):
        return next((picture for item in value if (picture := _picture(item))[0]), ("", ""))
    if isinstance(value, dict):
        fields = {_bare(key): item for key, item in value.items()}
        found = [picture for name in _IMAGE_ADDRESSES if (picture := _picture(fields.get(name)))[0]]
        alt = next(
            (
                one_line(text)
                for name in ("alt", "alttext", "imagealt")
                if isinstance(text := fields.get(name), str)
            ),
            "",
        )
        return (found[0][0], found[0][1] or alt) if found else ("", "")
    text = (value or "").strip().removeprefix("!").removeprefix("[[").removesuffix("]]").strip()
    markdown = re.fullmatch(r"\[([^\[\]]*)\]\(([^()\s]+)\)", text)
    address, alt = (markdown[2], markdown[1]) if markdown else (text, "")
    return (address, alt) if re.search(r"[./]", address) and "\n" not in address else ("", "")
