"""The words around a post, as feeds write them and as a reader wants them: titles, names, tags, summaries.

Everything that comes out is plain text on one line: no markup, no entities, no mail address.  Where a feed
does not say whether `&amp;` and `<b>` are markup, a pair of tags or a whole entity is, and anything else is
meant literally.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

from newsletter.articles.article import canonical_url, one_line

#: As long as a summary may be, in characters.
SUMMARY_LENGTH = 300

#: As much as is read of what should be a few words.
_LONGEST = 2000

_INLINE = re.compile(
    r"<(a|abbr|b|big|cite|code|del|em|font|h[1-6]|i|ins|kbd|mark|p|div|q|s|small|span|strike|strong|sub|sup|tt|u|var)"
    r"\b[^<>]*>([^<]*(?:<(?!/?\1\b)[^<]*)*)</\1\s*>",
    re.I,
)
_ALONE = re.compile(r"<(?:br|img|wbr)\b[^<>]*>", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,31});")

_BLOCK_END = re.compile(r"</(?:p|h[1-6]|li|dt|dd|blockquote|pre|tr|td|th|figcaption|caption)>|<(?:br|hr)>")
_FOOTNOTE = re.compile(r"<sup\b[^>]*><a\b[^>]*>[^<]{0,5}</a></sup>")
_TAG = re.compile(r"<[^>]*>")
_LAST_PARAGRAPH = re.compile(r"<p\b[^>]*>(?:(?!<p\b).)*</p>\s*\Z", re.S)
_LAST_LINK = re.compile(r"<a href=\"([^\"]*)\"[^>]*>(?:(?!<a\b).)*</a>(?:</\w+>|\W)*+\Z", re.S)
_ONLY_LINK = re.compile(r"<p><a\b[^>]*>[^<]*</a></p>")
_HREF = re.compile(r"<a href=\"([^\"]*)\"")
_TRAILING_DOTS = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|\(\s*(?:…|\.\.\.)\s*\)|…|\.\.\.)\s*\Z")

_MAIL = re.compile(r"(?:mailto:)?(?<![^\s<>()\[\],;:\"'])[^\s<>()\[\],;:\"'@]+@[^\s<>()\[\],;\"']+", re.I)
_EMPTY_BRACKETS = re.compile(r"[<(\[]\s*[>)\]]")
#: Who software says has written something when nobody is said to have.
_NOBODY = frozenset(["unknown", "anonymous", "admin", "administrator"])
_NO_TAGS = frozenset(["uncategorized", "uncategorised"])
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def plain_title(source: str, *, is_plain: bool = False) -> str:
    """A title as text; `is_plain` says that the feed knows it to be text already."""
    title = one_line(source[:_LONGEST])
    if is_plain:
        return title
    for _ in range(2):  # escaped once, as it should be, or twice
        title = _ENTITY.sub(lambda entity: unescape(entity[0]), _without_tags(title))
    return one_line(_without_tags(title))


def _without_tags(text: str) -> str:
    """`text` without pairs of tags that HTML has for words within a line; `<section>` stays, a word here."""
    text = _ALONE.sub(" ", text)
    for _ in range(8):  # nested
        text, found = _INLINE.subn(r"\2", text)
        if not found:
            break
    return text


def author_line(names: Iterable[str]) -> str:
    """The names as one: "A, B and C".  Mail addresses are left out; who gives nothing else is nobody."""
    cleaned: dict[str, str] = {}
    for name in map(_name, names):
        if name.casefold() not in _NOBODY:
            cleaned.setdefault(name.casefold(), name)
    *others, last = [*filter(None, cleaned.values())] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _name(written: str) -> str:
    """The name in `mail (Name)`, `Name <mail>`, `mail`, `Name`; empty if there is none."""
    name = _MAIL.sub("", plain_title(written))
    name = _EMPTY_BRACKETS.sub("", name).strip(" \"',;:-")
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1].strip()
    return "" if "://" in name or not any(c.isalnum() for c in name) else name


def tag_list(written: Iterable[str]) -> tuple[str, ...]:
    """Tags as text, each once.  One category that lists several with commas is several."""
    tags = [tag for source in written if (tag := plain_title(source)) and "://" not in tag]
    if len(tags) == 1:
        parts = [part.strip() for part in tags[0].split(",")]
        if not any(len(part.split()) > 3 or " and " in part or " & " in part for part in parts):
            tags = parts
    unique: dict[str, str] = {}
    for tag in (tag.lstrip("#") for tag in tags):
        if tag and tag.casefold() not in _NO_TAGS:
            unique.setdefault(tag.casefold(), tag)
    return tuple(unique.values())


def language_tag(written: str) -> str:
    """A BCP 47 tag in its usual letters ("en_us" is "en-US"); empty for what is none."""
    tag = written.strip().replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        return ""
    first, *others = tag.lower().split("-")
    if first == "und":
        return ""
    parts = [part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part for part in others]
    return "-".join([first, *parts])


def plain_text(html: str) -> str:
    """The words of sanitised HTML on one line, as they would be read."""
    return one_line(unescape(_TAG.sub("", _BLOCK_END.sub(" ", html))))


def summary(html: str, *, title: str, body: str, url: str, home: str) -> str:
    """A teaser (sanitised) as text of at most 300 characters; empty if it adds nothing to title and body.

    What blog software puts behind a teaser goes: a link "read more", a line "the post X appeared on Y".
    """
    page, site = canonical_url(url), canonical_url(home)
    last = _LAST_PARAGRAPH.search(html)
    if last and page and {page, site} <= {canonical_url(unescape(href)) for href in _HREF.findall(last[0])}:
        html = html[: last.start()]
    link = _LAST_LINK.search(html)
    if link and page and canonical_url(unescape(link[1])) == page:
        html = html[: link.start()]
    text = _TRAILING_DOTS.sub("…", plain_text(_FOOTNOTE.sub("", html)))
    text = re.sub(r"([.!?。])…\Z", r"\1", text)
    is_news = text.casefold() != title.casefold() and text != plain_text(body)
    return (
        shortened(text)
        if is_news and any(c.isalnum() for c in text) and not _ONLY_LINK.fullmatch(html)
        else ""
    )


def without_title(html: str, title: str) -> str:
    """Sanitised HTML without a first paragraph that says the title again and nothing else, if more follows."""
    first = re.match(r"<p>([^<]+)</p>(?=.)", html, re.S)
    return html[first.end() :] if first and unescape(first[1]).strip() == title else html


def shortened(text: str, length: int = SUMMARY_LENGTH) -> str:
    """`text`, or as many of its words as fit into `length` with an ellipsis."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    if not text[length - 1].isspace() and (space := cut.rfind(" ")) > length // 2:
        cut = cut[:space]
    return cut.rstrip(" ,;:.–—-…") + "…"


def is_beginning(title: str, html: str) -> bool:
    """Whether a title is only the start of the text, cut by the software of posts that have none."""
    stem = re.sub(r"(?:…|\.\.\.)\Z", "", title)
    return len(stem) >= 20 and stem != title and plain_text(html).startswith(stem.rstrip())
