"""How an issue becomes an email: the whole way, from top to bottom.

    issue, theme --Jinja2--> MJML --validate, normalise, mjml--> HTML --bodies--> --premailer--> HTML --split--> Email

Everything comes in as arguments, so the same inputs give the same bytes on any machine at any hour.  What is per
recipient is left open as merge fields; what is wrong with a template is a ThemeError with its file and line.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from markupsafe import Markup

from newsletter.articles.article import Article
from newsletter.errors import ThemeError
from newsletter.issues.issue import Issue, Show
from newsletter.render.fit import shown
from newsletter.render.images import FROM_ROOT, Picture, fitted, fitted_image, picture_urls
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
    Audience,
    Bodies,
    Body,
    IssueView,
    PublicationView,
    direction,
    long_date,
    sections,
)
from newsletter.render.web_page import for_email, for_web, web_head

_PREVIEW = re.compile(r'<div style="display:none;[^"]*">')
_ARTICLE = re.compile(r'<div\b[^>]*\srole="article"[^>]*>')


@dataclass(frozen=True, slots=True)
class Masthead:
    """What an issue's pages say of the publication."""

    name: str
    language: str
    url: str = ""
    postal_address: str = ""
    reply_to: str = ""

    def web_address(self, issue_id: str) -> str:
        """Where the web page of an issue is; empty for a publication without an address."""
        return f"{self.url}/issues/{issue_id}/" if self.url else ""


@dataclass(frozen=True, slots=True)
class Email:
    """A built issue without a recipient: the same for everybody but for the slots of its templates.

    `web` is the same issue as a page for everybody, with nobody's data.  Embedded pictures stand in `html` and `web` as
    `cid:` URLs.  `digest` is the fingerprint of all that a recipient can see.  `segments` are those for which the
    theme makes a difference (`audience("tag:pro")`): another audience may get another variant.
    """

    issue_id: str
    language: str
    subject: Template
    html: Template
    text: Template
    web: str
    pictures: tuple[Picture, ...]
    digest: str
    segments: tuple[str, ...] = ()


def build_email(
    issue: Issue,
    masthead: Masthead,
    theme: Theme,
    pictures: Mapping[str, Picture],
    *,
    media_url: str = "",
    shows: Sequence[Show] | None = None,
    audience: frozenset[str] = frozenset(),
    lap: Callable[[str], None] = lambda step: None,
) -> Email:
    """The email that `theme` makes of `issue`.

    `pictures` are the files of issue and theme by path: embedded, or below `media_url` on the web; `shows` says how much
    of each article is shown, where that is not for issue and theme to decide; `audience` are the segments in which
    everybody is for whom this variant is; `lap` is called with each step's name when it is done.  Raises ThemeError, if a
    template, its MJML or its CSS has an error.
    """
    language = issue.language or masthead.language
    inputs = list(_inputs(issue, masthead, theme))
    fields, bodies = Fields(inputs), Bodies(inputs)
    asked = Audience(audience)
    shows = shows or shown(issue, dict(theme.settings))
    context = _context(issue, masthead, theme, language, fields, bodies)
    context |= {"audience": asked, "theme": _settings(theme, picture_urls(pictures, media_url=media_url))}
    context |= _articles(issue, theme, language, bodies, pictures, media_url, shows)

    where = theme.path(ISSUE_TEMPLATE)
    page = render(theme, ISSUE_TEMPLATE, context)
    fields.check_printed(page, where=where)
    lap("jinja2")
    page = _compile(theme, page)
    lap("mjml")
    page, sheets = take_inline_sheets(page)
    css = _usable_css(theme, sheets)
    places = bodies.places(page, where=where)
    around = tags_around(page, frozenset(places))
    page = _finished(inline_styles(page, css))
    inlined = {place: inline_body(body, around.get(place, ""), css) for place, body in places.items()}
    # The editor's words can hold merge fields, articles cannot: those go in before the split, these behind it.
    words = {place for place, body in places.items() if fields.count(body)}
    expected = fields.count(
        bodies.put(page, {place: places[place] if place in words else "" for place in places})
    )
    page = bodies.put(page, {place: inlined[place] if place in words else place for place in places})
    fields.check_kept(expected, page, where=where)
    lap("premailer")
    html = fields.split_html(for_email(page), where=where).map(lambda part: bodies.put(part, inlined))
    page = for_web(page, _web_head(issue, masthead, fields))
    web = fields.split_html(page, where=where).map(lambda part: bodies.put(part, inlined))
    lap("split")
    text = fields.split(_tidy(_text(issue, theme, context, language, fields, bodies)), Context.TEXT)
    subject = fields.split(fields.written(issue.subject), Context.HEADER)
    lap("text")

    used = () if media_url else tuple(sorted(pictures.values(), key=lambda picture: picture.path))
    digest = _digest((subject, html, text), used)
    return Email(issue.id, language, subject, html, text, web.fill({}), used, digest, asked.asked)


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
    yield from (issue.subject, issue.title, issue.preheader, issue.opening, issue.closing, issue.text)
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
) -> dict[str, object]:
    """The names that a template can use, but for the articles and the theme's settings."""

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
        "language": language,
        "direction": direction(language),
        "words": theme.words_in(language),
        "head_css": Markup(render_css(theme, HEAD_CSS)),  # noqa: S704  the theme's own
        "subscriber": Subscriber(fields),
        **{name: fields.mark(name) for name in LINKS},
    }


def _settings(theme: Theme, urls: Mapping[str, str]) -> dict[str, object]:
    """The theme's settings as a template sees them: a picture by its URL."""
    settings: dict[str, object] = dict(theme.settings)
    for name in theme.pictures:
        settings[name] = urls.get(f"{FROM_ROOT}{settings[name]}", settings[name])
    return settings


def _articles(
    issue: Issue,
    theme: Theme,
    language: str,
    bodies: Bodies,
    pictures: Mapping[str, Picture],
    media_url: str,
    shows: Sequence[Show],
) -> dict[str, object]:
    """The articles as a template sees them, one by one and in sections."""
    settings = dict(theme.settings)
    column = int(settings.get("column", 552))

    def view(number: int, article: Article) -> ArticleView:
        image = fitted_image(article.image, pictures, column, media_url=media_url)
        if image and not image.alt and article.url:
            image = replace(image, alt=article.title)  # it is a link, and a link has a name
        size = int(settings.get("lead_excerpt" if number == 0 else "excerpt", 400))
        body = fitted(article.html, pictures, column, media_url=media_url)
        return ArticleView(article, body, bodies, language, image, shows[number], size)

    articles = tuple(view(number, article) for number, article in enumerate(issue.articles))
    return {"articles": articles, "sections": sections(articles)}


def _text(
    issue: Issue,
    theme: Theme,
    context: Mapping[str, object],
    language: str,
    fields: Fields,
    bodies: Bodies,
) -> str:
    """The text part: the editor's own, or what the theme's template makes of the issue."""
    if issue.text.strip():
        return fields.written(issue.text)
    if not theme.text(TEXT_TEMPLATE):
        return ""
    page = render(theme, TEXT_TEMPLATE, {**context, **_text_context(issue, language, fields)})
    fields.check_printed(page, where=theme.path(TEXT_TEMPLATE))
    bodies.check_text(page, where=theme.path(TEXT_TEMPLATE))
    return page


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


def _web_head(issue: Issue, masthead: Masthead, fields: Fields) -> str:
    return web_head(
        issue,
        title=fields.written(escape(issue.title)),
        description=fields.written(escape(issue.preheader)),
        site=masthead.name,
        address=masthead.web_address(issue.id),
    )


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


def _finished(page: str) -> str:
    """`page` with what MJML leaves to do.

    The email is in a main landmark, where a screen reader jumps to.  The preview text, which is hidden, has not also the
    colour of the paper: to spam filters that is a trick.
    """
    page = _PREVIEW.sub(lambda found: found[0].replace("color:#ffffff;", ""), page, count=1)
    page, found = _ARTICLE.subn(r'<div role="main">\g<0>', page, count=1)
    return page.replace("</body>", "</div></body>", 1) if found else page


def _usable_css(theme: Theme, sheets: str) -> str:
    """`sheets` (from `<mj-style inline="inline">`) and inline.css, its settings filled in.

    Raises ThemeError, if premailer would fail on them.
    """
    css = render_css(theme, INLINE_CSS)
    for text, name in ((sheets, theme.path(ISSUE_TEMPLATE)), (css, theme.path(INLINE_CSS))):
        for problem in check_inline_css(text, name=name):
            if problem.serious:
                where = problem.where if text is css else name
                excerpt = text.split("\n")[problem.line - 1]
                raise ThemeError(problem.message, where=where, hint=problem.hint, excerpt=excerpt)
    return f"{sheets}\n{css}"


def _tidy(text: str) -> str:
    """A text part without trailing white space and with at most one empty line in a row."""
    lines = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
