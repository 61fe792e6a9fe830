"""A post as plain text, pasted or in a file: where its title is, who wrote it and when; the rest is `prose`.

    A Site Name                                            the name of the source, if the title follows
    A Title of a Few Words                                 the line before the byline
    Written by A. Writer | Nov 25, 2019 11:17:54 PM        the byline (in many spellings: see `byline`)

    The first paragraph...

Without a byline a short first line with an empty one below it is the title, and without such a line the post
has none.  Every word of the text is in the article, or in the name of the source; only the words around a
name and a date ("Written by", "5 min read") go.

Nothing fails but a text with nothing in it.  Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.articles.article import Article, Reading, one_line
from newsletter.articles.byline import Byline, parse_byline
from newsletter.articles.lines import WIDEST, clean_lines, columns, joined_lines
from newsletter.articles.prose import html_of_text
from newsletter.articles.sanitize import sanitize
from newsletter.articles.wording import inline_html
from newsletter.errors import SourceError

__all__ = ["html_of_text", "parse_text"]

_NOTHING = Byline()
_LONGEST_TITLE = 160
_MOST_LINES = 12
_MOST_BEFORE = 4

_HEADING = re.compile(r" {0,3}#{1,2} +(?P<words>\S.*?)[ #]*\Z")
_UNDERLINE = re.compile(r" *(?:={3,}|-{3,}|~{3,}|\*{3,}) *\Z")
_NO_TITLE = re.compile(r"\s{4}|\s*(?:[-*+•‣◦>|]\s|```|~~~|\d+[.)]\s|https?://|www\.|<|\{)")
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|evening|day)|hallo|liebe[rs]?|sehr geehrte[rs]?"
    r"|guten (?:morgen|tag|abend)|bonjour|cher|chère|chers|hola|querid[oa]s?|ciao|car[oaie])\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line at the top; `end` is the number of the line after it."""

    text: str
    end: int
    is_closed: bool  # an empty line follows
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above the body; `extra` are lines between the title and the body that are neither."""

    title: str = ""
    site: str = ""
    byline: Byline = _NOTHING
    extra: tuple[str, ...] = ()
    end: int = 0


def parse_text(text: str, *, where: str = "") -> Reading:
    """The one article in `text`; the reading's title is the name of the site, where the text begins with it.

    Raises SourceError, if there is nothing in it to read.
    """
    lines = clean_lines(text)
    for head in (_head(lines), _Head()):  # nothing but a byline is no byline
        paragraphs = [f"<p>{inline_html(line)}</p>" for line in (*head.extra, *head.byline.rest)]
        body = html_of_text("\n".join(lines[head.end :]))
        title = one_line(head.title)
        html = sanitize("\n".join([*paragraphs, body]), title=title)
        if html or title:
            break
    else:
        raise SourceError("it is empty", where=where, hint="paste a title, an empty line, and the words")
    article = Article(
        id="text:" + hashlib.sha256("\n".join(lines).strip().encode()).hexdigest()[:32],
        title=title,
        author=one_line(head.byline.author),
        published=head.byline.published,
        html=html,
    )
    return Reading((article,), title=one_line(head.site))


def _head(lines: Sequence[str]) -> _Head:
    """What the first lines say of the post; nothing, if they do not look like it."""
    top = _top(lines)
    at = next((n for n, line in enumerate(top[: _MOST_BEFORE + 1]) if parse_byline(line.text)), None)
    above = top[:at] if at is not None else []
    if at is None or not all(map(_can_be_title, above)) or sum(line.is_heading for line in above) > 1:
        return _head_without_byline(lines, top)
    byline, after = _bylines(top, at)
    if at == 0:
        if not byline.is_sure:
            return _head_without_byline(lines, top)
        return _head_below_byline(lines, top, byline, after)
    title, site, extra = _names(above)
    if byline.title:
        title, extra = byline.title, (title, *extra)
    return _Head(title, site, byline, extra, top[after - 1].end)


def _head_without_byline(lines: Sequence[str], top: Sequence[_Line]) -> _Head:
    if top and _is_title(lines, top[0]):
        return _Head(title=top[0].text, end=top[0].end)
    return _Head()


def _head_below_byline(lines: Sequence[str], top: Sequence[_Line], byline: Byline, after: int) -> _Head:
    """A date, or a byline, and below it the title; perhaps the rest of the byline below that."""
    title = byline.title
    if not title and after < len(top) and _is_title(lines, top[after]):
        title = top[after].text
        byline, after = _bylines(top, after + 1, byline)
    return _Head(title, byline=byline, end=top[after - 1].end)


def _top(lines: Sequence[str]) -> list[_Line]:
    """The first lines, as far as they are short; a title wrapped into two lines is one."""
    top: list[_Line] = []
    at = 0
    while at < len(lines) and len(top) < _MOST_LINES:
        if not lines[at]:
            at += 1
            continue
        block = lines[at : next((n for n in range(at, len(lines)) if not lines[n]), len(lines))]
        heading = _HEADING.match(block[0])
        is_underlined = len(block) > 1 and bool(_UNDERLINE.match(block[1]))
        size = 2 if is_underlined else 1
        if 1 < len(block) <= 3 and not (heading or is_underlined) and not any(map(parse_byline, block)):
            size = len(block) if len(joined_lines(block)) == 1 else 1
        text = (
            heading["words"]
            if heading
            else " ".join(line.strip() for line in block[: 1 if is_underlined else size])
        )
        is_body = (
            _NO_TITLE.match(lines[at]) and not heading and not parse_byline(text)
        )  # 3. Mai 2024 is no list
        if is_body or columns(text) > _LONGEST_TITLE:
            break
        top.append(_Line(text, at + size, size == len(block), bool(heading) or is_underlined))
        at += size
    return top


def _bylines(top: Sequence[_Line], at: int, known: Byline = _NOTHING) -> tuple[Byline, int]:
    """The lines from `at` that are bylines, as one, and the number of the line after them."""
    while at < len(top) and (more := parse_byline(top[at].text)) is not None:
        if known.author and more.author:
            break
        if known.published and more.published and known.published.date() != more.published.date():
            break
        known = Byline(
            known.author or more.author,
            known.published or more.published,
            known.title or more.title,
            known.rest + more.rest,
            known.is_sure and more.is_sure,
        )
        at += 1
    return known, at


def _names(lines: Sequence[_Line]) -> tuple[str, str, tuple[str, ...]]:
    """Title, site and the rest: the title is marked as such, or it is the last line that is no sentence."""
    texts = [line.text for line in lines]
    marked = next((n for n, line in enumerate(lines) if line.is_heading), None)
    unlike = len(texts) > 1 and _is_sentence(texts[-1])
    title = marked if marked is not None else len(texts) - (2 if unlike else 1)
    site = texts[0] if title > 0 else ""
    extra = [text for n, text in enumerate(texts) if n != title and (n > 0 or not site)]
    return texts[title], site, tuple(extra)


def _is_title(lines: Sequence[str], line: _Line) -> bool:
    """Whether the first line is a title without a byline to say so: short, alone, and there is text below."""
    if not any(lines[line.end :]):
        return False
    if line.is_heading:
        return True
    is_alone = line.is_closed or columns(lines[line.end]) > WIDEST
    is_short = columns(line.text) <= 120 and len(line.text.split()) <= 16
    return is_alone and is_short and _can_be_title(line) and line.text[-1] not in ".…。"


def _can_be_title(line: _Line) -> bool:
    text = line.text
    return line.is_heading or not (
        text[-1] in ",;:，；：" or (_GREETING.match(text) and len(text.split()) <= 4)
    )


def _is_sentence(text: str) -> bool:
    """Whether a line above the byline is the subtitle."""
    return text[-1] in ".…。" and len(text.split()) > 3
