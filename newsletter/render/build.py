"""How an issue becomes an email: the whole way, from top to bottom.

    issue, theme --Jinja2--> MJML --validate, normalise, mjml--> HTML --bodies--> --premailer--> HTML --split--> Email

Everything comes in as arguments, so the same inputs give the same bytes on any machine at any hour.  What is per
recipient is left open as merge fields; what is wrong with a template is a ThemeError with its file and line.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape

from markupsafe import Markup

from newsletter.articles.article import Article
from newsletter.errors import ThemeError
from newsletter.issues.issue import Issue
from newsletter.render.images import Picture
from newsletter.render.inline import inline_body, inline_styles, tags_around, take_inline_sheets
from newsletter.render.merge import LINKS, Context, Fields, Subscriber, Template
from newsletter.render.mjml import compile_mjml
from newsletter.render.plaintext import plain_text
from newsletter.render.stylesheet import check_inline_css
from newsletter.render.theme import (
    HEAD_CSS,
    INLINE_CSS,
    ISSUE_TEMPLATE,
    TEXT_TEMPLATE,
    Theme,
    locate,
    render,
    render_css,
)
from newsletter.render.view import (
    ArticleView,
    Bodies,
    Body,
    IssueView,
    PublicationView,
    direction,
    long_date,
    resolve,
)

_EMAIL_ONLY = re.compile(r"<!--\s*email only\s*-->(.*?)<!--\s*/email only\s*-->", re.S)
_WEB_ONLY = re.compile(r"<!--\s*web only\s*-->(.*?)<!--\s*/web only\s*-->", re.S)
_IMG = re.compile(r"<img\b[^>]*>")
_ATTRIBUTE = r'(\s{}=")([^"]*)(")'


@dataclass(frozen=True, slots=True)
class Masthead:
    """What an issue's pages say of the publication."""

    name: str
    language: str
    url: str = ""
    postal_address: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Email:
    """A built issue without a recipient: the same for everybody but for the slots of its templates.

    `web` is the same issue as a page for everybody, with nobody's data.  Embedded pictures stand in `html` and `web` as
    `cid:` URLs.  `digest` is the fingerprint of all that a recipient can see.
    """

    issue_id: str
    language: str
    subject: Template
    html: Template
    text: Template
    web: str
    pictures: tuple[Picture, ...]
    digest: str


def build_email(
    issue: Issue,
    masthead: Masthead,
    theme: Theme,
    pictures: Mapping[str, Picture],
    *,
    lap: Callable[[str], None] = lambda step: None,
) -> Email:
    """The email that `theme` makes of `issue`.

    `pictures` are the issue's own by path; `lap` is called with each step's name when it is done.  Raises ThemeError, if
    a template, its MJML or its CSS has an error.
    """
    language = issue.language or masthead.language
    inputs = list(_inputs(issue, masthead, theme))
    fields, bodies = Fields(inputs), Bodies(inputs)
    context = _context(issue, masthead, theme, language, fields, bodies, pictures)

    where = theme.path(ISSUE_TEMPLATE)
    page = render(theme, ISSUE_TEMPLATE, context)
    fields.check_printed(page, where=where)
    lap("jinja2")
    page = _compile(theme, page)
    lap("mjml")
    page, sheets = take_inline_sheets(page)
    css = f"{sheets}\n{_usable_css(theme)}"
    places = bodies.places(page, where=where)
    around = tags_around(page, frozenset(places))
    page = inline_styles(page, css)
    inlined = {place: inline_body(body, around.get(place, ""), css) for place, body in places.items()}
    # The editor's words can hold merge fields, articles cannot: those go in before the split, these behind it.
    words = {place for place, body in places.items() if fields.count(body)}
    expected = fields.count(
        bodies.put(page, {place: places[place] if place in words else "" for place in places})
    )
    page = bodies.put(page, {place: inlined[place] if place in words else place for place in places})
    fields.check_kept(expected, page, where=where)
    lap("premailer")
    html = fields.split_html(_for_email(page), where=where).map(lambda part: bodies.put(part, inlined))
    web = fields.split_html(_for_web(page), where=where).map(lambda part: bodies.put(part, inlined))
    lap("split")
    page = (
        render(theme, TEXT_TEMPLATE, context | _text_context(issue, language, fields))
        if theme.text(TEXT_TEMPLATE)
        else ""
    )
    fields.check_printed(page, where=theme.path(TEXT_TEMPLATE))
    bodies.check_text(page, where=theme.path(TEXT_TEMPLATE))
    text = fields.split(_tidy(page), Context.TEXT)
    subject = fields.split(fields.written(issue.subject), Context.HEADER)
    lap("text")

    used = tuple(sorted(pictures.values(), key=lambda picture: picture.path))
    digest = _digest((subject, html, text), used)
    return Email(issue.id, language, subject, html, text, web.fill({}), used, digest)


def _digest(templates: Iterable[Template], pictures: Iterable[Picture]) -> str:
    """The fingerprint of `templates` and `pictures`, each part with its length before it."""
    parts = [
        part if isinstance(part, str) else repr(part) for template in templates for part in template.parts
    ]
    digest = hashlib.sha256()
    for part in (*parts, *(picture.cid for picture in pictures)):
        digest.update(b"%d:" % len(part))
        digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _inputs(issue: Issue, masthead: Masthead, theme: Theme) -> Iterator[str]:
    """Every text from which the build is made."""
    yield from (issue.subject, issue.title, issue.preheader, issue.opening, issue.closing)
    yield from (masthead.name, masthead.url, masthead.postal_address, masthead.reply_to)
    yield from (file.text for file in theme.files)
    yield from (str(value) for _, value in theme.settings)
    yield from (word for _, words in theme.words for _, word in words)
    for article in issue.articles:
        yield from (article.title, article.url, article.author, article.summary, article.html, *article.tags)
        if article.image:
            yield from (article.image.url, article.image.alt)


def _context(
    issue: Issue,
    masthead: Masthead,
    theme: Theme,
    language: str,
    fields: Fields,
    bodies: Bodies,
    pictures: Mapping[str, Picture],
) -> dict[str, object]:
    """The names that a template can use."""
    settings = dict(theme.settings)
    cids = {path: f"cid:{picture.cid}" for path, picture in pictures.items()}
    column = settings.get("column", 552)
    assert isinstance(column, int)

    def view(article: Article) -> ArticleView:
        body = _fit_images(article.html, tuple(cids.items()), column)
        return ArticleView(article, body, bodies, language, resolve(article.image, cids))

    def words(html: str) -> Body:
        return bodies.placeholder(fields.written_html(html))

    return {
        "publication": PublicationView(
            masthead.name, masthead.url, masthead.postal_address, masthead.reply_to
        ),
        "issue": IssueView(
            id=issue.id,
            title=Markup(fields.written(escape(issue.title))),  # noqa: S704  escaped
            subject=Markup(fields.written(escape(issue.subject))),  # noqa: S704  escaped
            preheader=Markup(fields.written(escape(issue.preheader))),  # noqa: S704  escaped
            date=long_date(issue.date, language),
            opening=words(issue.opening),
            closing=words(issue.closing),
        ),
        "articles": tuple(view(article) for article in issue.articles),
        "language": language,
        "direction": direction(language),
        "theme": settings,
        "words": theme.words_in(language),
        "head_css": Markup(render_css(theme, HEAD_CSS)),  # noqa: S704  the theme's own
        "subscriber": Subscriber(fields),
        **{name: fields.mark(name) for name in LINKS},
    }


def _text_context(issue: Issue, language: str, fields: Fields) -> dict[str, object]:
    """What differs for the text part: nothing is escaped, and bodies are plain text."""

    def block(html: str) -> str:
        return plain_text(
            fields.written_html(html)
        ).text  # a sentinel is one word, which wrapping leaves whole

    return {
        "issue": IssueView(
            id=issue.id,
            title=fields.written(issue.title),
            subject=fields.written(issue.subject),
            preheader=fields.written(issue.preheader),
            date=long_date(issue.date, language),
            opening=block(issue.opening),
            closing=block(issue.closing),
        ),
        "heading": lambda words: plain_text(f"<h2>{escape(str(words))}</h2>").body,
        "paragraph": lambda words: plain_text(f"<p>{escape(str(words))}</p>").body,
    }


def _compile(theme: Theme, page: str) -> str:
    """The HTML of the MJML `page`; an error names the line of the theme's file where the same tag stands."""
    try:
        return compile_mjml(page, name=theme.path(ISSUE_TEMPLATE))
    except ThemeError as error:
        if place := locate(theme, error.source_text):
            raise ThemeError(
                error.message, where=f"{place[0]}:{place[1]}", hint=error.hint, excerpt=error.excerpt
            ) from error
        raise


def _usable_css(theme: Theme) -> str:
    """inline.css with the theme's settings filled in.  Raises ThemeError, if premailer would fail on it."""
    css = render_css(theme, INLINE_CSS)
    for problem in check_inline_css(css, name=theme.path(INLINE_CSS)):
        if problem.serious:
            raise ThemeError(
                problem.message,
                where=problem.where,
                hint=problem.hint,
                excerpt=css.split("\n")[problem.line - 1],
            )
    return css


def _for_email(page: str) -> str:
    return _EMAIL_ONLY.sub(r"\1", _WEB_ONLY.sub("", page))


def _for_web(page: str) -> str:
    return _WEB_ONLY.sub(r"\1", _EMAIL_ONLY.sub("", page))


@lru_cache(maxsize=256)
def _fit_images(html: str, pictures: tuple[tuple[str, str], ...], column: int) -> str:
    """`html` with local pictures as `cid:` URLs and no picture's width attribute over `column` pixels.

    Outlook for Windows reads the attributes only, so a width that is too large would push the whole email apart.
    """

    cids = dict(pictures)

    def fitted(match: re.Match[str]) -> str:
        tag = match[0]
        if (src := re.search(_ATTRIBUTE.format("src"), tag)) and (path := unescape(src[2])) in cids:
            tag = tag.replace(src[0], f'{src[1]}{cids[path]}"', 1)
        width = re.search(_ATTRIBUTE.format("width"), tag)
        if width and width[2].isdigit() and int(width[2]) > column:
            height = re.search(_ATTRIBUTE.format("height"), tag)
            tag = tag.replace(width[0], f'{width[1]}{column}"', 1)
            if height and height[2].isdigit():
                scaled = max(1, round(int(height[2]) * column / int(width[2])))
                tag = tag.replace(height[0], f'{height[1]}{scaled}"', 1)
        return tag

    return _IMG.sub(fitted, html)


def _tidy(text: str) -> str:
    """A text part without trailing white space and with at most one empty line in a row."""
    lines = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
