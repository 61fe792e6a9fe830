"""What a template sees of a publication, an issue and its articles.

Plain values, all of them data: nothing here can reach a file or a setting.  An article's body does not go through
MJML (which has no business with it, and would change it): `article.body(3)` prints a placeholder, and the body is put
in its place after MJML is done.  A placeholder that is bent, lost, or stands in a tag fails the build; no text from
outside can pose as one, because its digits occur nowhere in what goes into the build.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NoReturn

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from newsletter.articles.article import Article, Image, reading_minutes
from newsletter.errors import ThemeError
from newsletter.issues.issue import Show
from newsletter.render.excerpt import Excerpt, excerpt
from newsletter.render.merge import Context, Places, stamp
from newsletter.render.plaintext import plain_text

#: Languages and scripts that are written from right to left.  Unicode CLDR, `characterOrder`.
_RIGHT_TO_LEFT = re.compile(
    "ar|arc|azb|bal|bgn|ckb|dv|fa|glk|he|iw|ji|ks|lrc|mzn|nqo|pnb|ps|sd|sdh|syr|ug|ur|yi"
)
_RIGHT_TO_LEFT_SCRIPT = re.compile("adlm|arab|aran|hebr|mand|nkoo|rohg|samr|syrc|thaa")
_SCRIPT = re.compile(r"[a-z]{4}")
_HEADING = re.compile(r"<(/?)h([2-6])\b")

_minutes = lru_cache(maxsize=1024)(reading_minutes)


def direction(language: str) -> str:
    """`rtl` or `ltr`, the direction of `language` (a BCP 47 tag)."""
    first, *rest = language.lower().split("-")
    script = next((part for part in rest if _SCRIPT.fullmatch(part)), "")
    rtl = _RIGHT_TO_LEFT_SCRIPT.fullmatch(script) if script else _RIGHT_TO_LEFT.fullmatch(first)
    return "rtl" if rtl else "ltr"


@lru_cache(maxsize=1024)
def long_date(day: date, language: str) -> str:
    """`day` as `language` writes it in full: "23 November 2026", "23. November 2026"; in English if it is unknown."""
    return format_date(day, "long", locale=_locale(language))


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    """The nearest locale that there is: without the last subtags, if need be."""
    parts = language.split("-")
    while parts:
        try:
            locale = Locale.parse("-".join(parts), sep="-")
        except (ValueError, UnknownLocaleError):
            parts.pop()
            continue
        if locale.language != "en" or locale.territory:
            return locale
        break
    return Locale("en", "GB")  # the day first, as most of the world reads it


class Body:
    """The body of an article, or the editor's words, while a template runs: it can be printed, or be empty."""

    __slots__ = ("_bodies", "_number")

    def __init__(self, bodies: Bodies, number: int) -> None:
        self._bodies = bodies
        self._number = number

    def __str__(self) -> str:
        return self._bodies.print(self._number)

    __html__ = __str__

    def __bool__(self) -> bool:
        return not self._bodies.is_empty(self._number)

    def _refuse(self, *_: object) -> NoReturn:
        hint = "for fewer words print {{ article.summary }}"
        raise ThemeError("a body can be printed whole, and nothing else", hint=hint)

    __len__ = __getitem__ = __contains__ = __add__ = __radd__ = _refuse


class Bodies:
    """The article bodies and editor's words of one build, and the placeholders that stand for them meanwhile."""

    def __init__(self, inputs: Iterable[str]) -> None:
        """`inputs` are all texts that go into the build: none of them holds a placeholder."""
        self._prefix = f"NLB{stamp(inputs)}"
        self._pattern = re.compile(self._prefix + r"z(0|[1-9][0-9]{0,8})Q")
        self._bodies: list[str] = []
        self._printed: Counter[int] = Counter()

    def placeholder(self, html: str) -> Body:
        """What stands for `html` in a template."""
        self._bodies.append(html)
        return Body(self, len(self._bodies) - 1)

    def is_empty(self, number: int) -> bool:
        """Whether there is nothing to print."""
        return not self._bodies[number]

    def print(self, number: int) -> str:
        """The placeholder of the body `number`, counted: `places` expects it; nothing for an empty one."""
        if self.is_empty(number):
            return ""
        self._printed[number] += 1
        return f"{self._prefix}z{number}Q"

    def places(self, page: str, *, where: str) -> dict[str, str]:
        """The bodies that stand in `page`, by their placeholders.

        Raises ThemeError, if a placeholder was changed or lost, or stands where no body can.
        """
        found = Counter(int(match[1]) for match in self._pattern.finditer(page))
        bent = page.upper().count(self._prefix) != found.total() or max(found, default=-1) >= len(
            self._bodies
        )
        if bent or any(found[number] < times for number, times in self._printed.items()):
            hint = "print {{ article.body(3) }} in an mj-text as it is, without a filter"
            raise ThemeError("a body was changed or dropped by the template", where=where, hint=hint)
        stands = Places(page)
        if any(stands.context(*match.span()) is not Context.HTML for match in self._pattern.finditer(page)):
            hint = "print {{ article.body(3) }} in an mj-text, and {{ article.summary }} in an attribute"
            raise ThemeError("a body stands in an attribute, a style or a comment", where=where, hint=hint)
        return {f"{self._prefix}z{number}Q": self._bodies[number] for number in found}

    def check_text(self, text: str, *, where: str) -> None:
        """Raises ThemeError, if the text part prints a body, which is HTML."""
        if self._prefix in text.upper():
            hint = "print {{ article.text }} instead of {{ article.body(3) }}"
            raise ThemeError("a body is HTML, and this is the text part", where=where, hint=hint)

    def put(self, page: str, bodies: Mapping[str, str]) -> str:
        """`page` with `bodies`, by placeholder, in the places of these."""
        return self._pattern.sub(lambda match: bodies[match[0]], page)


class _View:
    """What has attributes to print, and no text of its own."""

    __slots__ = ()

    def __str__(self) -> NoReturn:
        name = type(self).__name__.removesuffix("View").lower()
        hint = f"name an attribute: {{{{ {name}.{'name' if name == 'publication' else 'title'} }}}}"
        raise ThemeError(f"{{{{ {name} }}}} has no text of its own", hint=hint)

    __html__ = __str__


@dataclass(frozen=True, slots=True)
class PublicationView(_View):
    """`publication` in a template."""

    name: str
    url: str
    postal_address: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class ArticleView(_View):
    """`article` in a template."""

    _article: Article
    _body: str
    _bodies: Bodies
    _issue_language: str
    image: Image | None
    _show: Show = Show.FULL
    _characters: int = 0  # of an excerpt

    @property
    def id(self) -> str:
        """The article's id."""
        return self._article.id

    @property
    def title(self) -> str:
        """The title; may be empty."""
        return self._article.title

    @property
    def url(self) -> str:
        """The article's page, or an empty text."""
        return self._article.url

    @property
    def author(self) -> str:
        """The author or authors, or an empty text."""
        return self._article.author

    @property
    def date(self) -> str:
        """The day of publication in the issue's language, or an empty text."""
        return (
            long_date(self._article.published.date(), self._issue_language) if self._article.published else ""
        )

    @property
    def summary(self) -> str:
        """The summary; may be empty."""
        return self._article.summary

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return self._article.tags

    @property
    def minutes(self) -> int:
        """How long it takes to read."""
        return _minutes(self._article.html)

    @property
    def language(self) -> str:
        """The article's language where it is not the issue's, else an empty text."""
        same = self._article.language.split("-")[0].lower() == self._issue_language.split("-")[0].lower()
        return "" if same else self._article.language

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return direction(self._article.language or self._issue_language)

    @property
    def show(self) -> str:
        """How much of the article is shown: `full`, `excerpt` or `title`."""
        return str(self._show)

    @property
    def is_cut(self) -> bool:
        """Whether there is more to read at its address than is shown here."""
        return self._shown(self._article.html).is_cut

    @property
    def has_body(self) -> bool:
        """Whether there is a body to print."""
        return bool(self._shown(self._article.html).html)

    @property
    def text(self) -> str:
        """The body as plain text, with its list of links: as much of it as is shown."""
        # Headings below the title, which is underlined as an h2 is.
        return plain_text(under(self._shown(self._article.html).html, 3)).text

    def body(self, level: int = 2) -> Body:
        """The body, as much of it as is shown; its highest headings are `<h{level}>`.

        Raises ThemeError, if there is no such level.
        """
        if level not in range(1, 7):
            raise ThemeError(
                f"there are no headings of level {level!r}", hint="write article.body(2) to article.body(6)"
            )
        return self._bodies.placeholder(under(self._shown(self._body).html, level))

    def _shown(self, html: str) -> Excerpt:
        match self._show:
            case Show.FULL:
                return Excerpt(html, is_cut=False)
            case Show.EXCERPT:
                return excerpt(html, self._characters)
            case Show.TITLE:
                return Excerpt("", is_cut=bool(html))


@dataclass(frozen=True, slots=True)
class SectionView(_View):
    """One of `sections` in a template: the articles whose first tag is `title`; an empty one for those without."""

    title: str
    articles: tuple[ArticleView, ...]


def sections(articles: Iterable[ArticleView]) -> tuple[SectionView, ...]:
    """`articles` by their first tag, in the order in which the tags come first; those without a tag at the end."""
    found: dict[str, list[ArticleView]] = {}
    for article in articles:
        found.setdefault(article.tags[0].casefold() if article.tags else "", []).append(article)
    untagged = found.pop("", [])
    tagged = [SectionView(group[0].tags[0], tuple(group)) for group in found.values()]
    return (*tagged, *([SectionView("", tuple(untagged))] if untagged else []))


class Audience:
    """`audience("tag:pro")` in a template: whether the issue is built for these; asked and answered while building."""

    __slots__ = ("_asked", "_segments")

    def __init__(self, segments: frozenset[str]) -> None:
        """`segments` are the questions to which the answer is yes."""
        self._segments = segments
        self._asked: dict[str, None] = {}

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions that the templates asked, each once."""
        return tuple(self._asked)

    def __call__(self, segment: str) -> bool:
        """The answer to `segment`.  Raises ThemeError, if it is not a text such as "tag:pro"."""
        if not isinstance(segment, str) or not segment.strip() or not segment.isprintable():
            hint = '{% if audience("tag:pro") %}...{% endif %}'
            raise ThemeError("audience() asks for a segment", hint=hint)
        self._asked[segment.strip()] = None
        return segment.strip() in self._segments

    def _refuse(self, *_: object) -> NoReturn:
        hint = '{% if audience("tag:pro") %}...{% endif %}'
        raise ThemeError("{{ audience }} has no text of its own", hint=hint)

    __str__ = __html__ = __bool__ = _refuse


@dataclass(frozen=True, slots=True)
class IssueView(_View):
    """`issue` in a template."""

    id: str
    title: str
    subject: str
    preheader: str
    date: str
    opening: str | Body
    closing: str | Body


def under(html: str, level: int) -> str:
    """Sanitised HTML, whose headings begin at h2, with headings that begin at `level`; h6 is the deepest."""
    if level == 2:
        return html
    return _HEADING.sub(lambda m: f"<{m[1]}h{min(6, int(m[2]) + level - 2)}", html)
