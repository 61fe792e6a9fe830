"""What a feed says of its posts, in one shape for RSS, RDF, Atom and JSON Feed; nothing is cleaned yet.

`read_xml` reads through feedparser, which knows what thirty dialects call things.  Its traps are kept out:
it gets well-formed XML of known size (`feed_text`), as a stream (a string it would fetch, or open as a
file); it neither sanitises (quadratic on style attributes) nor resolves addresses (it rewrites the HTML for
that); and what it raises is an error of the source.  `read_json` reads JSON Feed itself and overlooks
whatever has an unexpected type.

Pure.  Sources: RSS 2.0, RSS 1.0, RFC 4287 (Atom), Media RSS 1.5.1, jsonfeed.org 1.1.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import struct_time
from urllib.parse import urlsplit

from newsletter.articles.article import Image
from newsletter.articles.dates import parse_date
from newsletter.articles.feed_text import PICTURE_TEXT
from newsletter.articles.link import WEB, absolute_url
from newsletter.errors import SourceError

_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg)\Z", re.I)
_VOID_END = re.compile(r"</(?:area|br|col|embed|hr|img|input|param|source|track|wbr)>")
#: The author's face, which some feeds list first among the pictures of a post.
_FACE = re.compile(r"//[\w.-]*gravatar\.com/avatar/", re.I)
#: As many posts as are read of one feed; one more shows that there are more.
MAX_POSTS = 10_000

_WIDEST, _NARROWEST = 2000, 64
#: Software writes the year 1 or the beginning of Unix time for "no date".
_FIRST_YEAR = 1980

#: What a feed says of something: parsed JSON, or one of feedparser's dictionaries.
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Text:
    """Something to read, as the feed has it; `markup` is True (HTML), False (plain text) or None (unsaid)."""

    source: str = ""
    markup: bool | None = None
    base: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One post; `bodies` in the order in which they count, `authors` and `tags` as they are written."""

    id: str = ""
    url: str = ""
    title: Text = Text()
    bodies: tuple[Text, ...] = ()
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    image: Image | None = None
    tags: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's own title, home page, language and authors, and its posts in their order."""

    title: Text = Text()
    url: str = ""
    language: str = ""
    authors: tuple[str, ...] = ()
    posts: tuple[Post, ...] = ()


def read_xml(xml: str, *, url: str, where: str) -> Feed:
    """The feed in well-formed XML that was found at `url`.  Raises SourceError, if it makes no sense."""
    import feedparser  # here, because it takes as long to import as everything else

    try:
        parsed = feedparser.parse(io.BytesIO(xml.encode()), sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # whatever it stumbles over is a fault of the feed
        raise SourceError(f"the feed cannot be read ({type(error).__name__})", where=where) from error
    is_atom = parsed["version"].startswith("atom")
    head = dict(parsed["feed"])
    base = _base(head.get("title_detail"), url)
    home = _alternate(head, base)
    return Feed(
        title=_title(head, is_atom=is_atom),
        url=home,
        language=_string(head, "language"),
        authors=_authors(head),
        posts=tuple(
            _xml_post(dict(entry), base=home or base, is_atom=is_atom)
            for entry in parsed["entries"][: MAX_POSTS + 1]
        ),
    )


def _xml_post(entry: dict[str, object], *, base: str, is_atom: bool) -> Post:
    base = _base(entry.get("title_detail"), base)
    details = [*_tables(entry, "content"), _table(entry, "summary_detail")]
    languages = [_string(entry, "language"), *(_string(detail, "language") for detail in details)]
    guid = _string(entry, "id")
    return Post(
        id=guid,
        url=(
            absolute_url(_string(entry, "feedburner_origlink"), "", WEB)
            or _alternate(entry, base)
            or (absolute_url(guid, "", WEB) if entry.get("guidislink", True) else "")
            or _enclosed_media(entry, base)
        ),
        title=_title(entry, is_atom=is_atom),
        bodies=tuple(_body(detail, base, is_atom=is_atom) for detail in details if _is_readable(detail)),
        authors=_authors(entry) or _authors(_table(entry, "source")),
        published=_published(entry, ("published", "created", "updated")),
        image=_xml_image(entry, base),
        tags=tuple(_xml_tags(entry)),
        language=next(filter(None, languages), ""),
    )


def _body(detail: Fields, base: str, *, is_atom: bool) -> Text:
    """A body; only Atom says reliably what is plain text, and only XHTML is certainly no text."""
    kind = _string(detail, "type")
    markup = True if kind == "application/xhtml+xml" else False if is_atom and kind == "text/plain" else None
    source = _string(detail, "value")
    if markup:  # feedparser writes <br></br>, which HTML reads as two line breaks
        source = _VOID_END.sub("", source)
    return Text(source, markup, absolute_url(_string(detail, "base"), base, WEB))


def _is_readable(detail: Fields) -> bool:
    kind = _string(detail, "type")
    return bool(_string(detail, "value")) and (
        kind.startswith("text/") or kind in ("", "application/xhtml+xml")
    )


def _title(fields: Fields, *, is_atom: bool) -> Text:
    detail = _table(fields, "title_detail")
    is_plain = is_atom and _string(detail, "type") == "text/plain"
    return Text(_string(detail, "value"), False if is_plain else None)


def _base(detail: object, otherwise: str) -> str:
    """The `xml:base` that holds for an element; feedparser hands it down from the outer ones."""
    base = _string(detail, "base") if isinstance(detail, Mapping) else ""
    return absolute_url(base, otherwise, WEB) or otherwise


def _alternate(fields: Fields, base: str) -> str:
    """The page that a feed or a post stands for."""
    pages = (
        absolute_url(_string(link, "href"), base, WEB)
        for link in _tables(fields, "links")
        if _string(link, "rel") == "alternate" and "html" in _string(link, "type")
    )
    return next(filter(None, pages), "")


def _enclosed_media(entry: Fields, base: str) -> str:
    """What there is to hear or see in a post that has no page."""
    media = (
        absolute_url(_string(link, "href"), base, WEB)
        for link in _tables(entry, "links")
        if _string(link, "rel") == "enclosure" and not _is_picture(link, "href")
    )
    return next(filter(None, media), "")


def _authors(fields: Fields) -> tuple[str, ...]:
    authors = _tables(fields, "authors")
    # feedparser knows no address with a long top-level domain and would leave its end in the name.
    raw = _string(fields, "author")
    if len(authors) == 1 and "@" in raw:
        return (raw,)
    return tuple(name for author in authors if (name := _string(author, "name")))


def _published(fields: Fields, names: Iterable[str]) -> datetime | None:
    for name in names:
        moment = parse_date(_string(fields, name)) or _moment(fields.get(f"{name}_parsed"))
        if moment and moment.year >= _FIRST_YEAR:
            return moment
    return None


def _moment(parsed: object) -> datetime | None:
    """A date as feedparser understood it, in UTC."""
    if not isinstance(parsed, struct_time):
        return None
    try:
        year, month, day, hour, minute, second = parsed[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def _xml_image(entry: Fields, base: str) -> Image | None:
    """The picture that stands for a post: what is meant to, before what merely is one."""
    enclosures = [link for link in _tables(entry, "links") if _string(link, "rel") == "enclosure"]
    own = _string(_table(entry, "image"), "href") or _string(entry, "href")
    pictures = list(_pictures(_tables(entry, "media_content"), "url", base))
    if len(pictures) == 1:
        pictures = [replace(pictures[0], alt=_string(entry, PICTURE_TEXT.replace(":", "_")))]
    candidates = (
        _widest(pictures),
        _widest(_pictures(_tables(entry, "media_thumbnail"), "url", base, is_known=True)),
        _widest(_pictures(enclosures, "href", base)),
        _widest(_pictures([{"href": own}], "href", base, is_known=bool(entry.get("image")))),
    )
    return next(filter(None, candidates), None)


def _pictures(media: Iterable[Fields], key: str, base: str, *, is_known: bool = False) -> Iterator[Image]:
    for attributes in media:
        url = absolute_url(_string(attributes, key), base, WEB)
        if not url or _FACE.search(url) or not (is_known or _is_picture(attributes, key)):
            continue
        width, height = _pixels(attributes, "width"), _pixels(attributes, "height")
        if min(width or _NARROWEST, height or _NARROWEST) >= _NARROWEST:
            yield Image(url, width=width, height=height)


def _widest(images: Iterable[Image]) -> Image | None:
    """The widest picture that is not too wide; the first, where nothing is said."""
    ordered = list(images)
    sensible = [image for image in ordered if (image.width or 0) <= _WIDEST]
    return max(sensible or ordered, key=lambda image: image.width or 0, default=None)


def _is_picture(attributes: Fields, key: str) -> bool:
    medium, kind = _string(attributes, "medium").lower(), _string(attributes, "type").lower()
    if medium or "/" in kind:
        return medium == "image" or kind.startswith("image/")
    try:
        return bool(_PICTURE.search(urlsplit(_string(attributes, key)).path))
    except ValueError:
        return False


def _pixels(attributes: Fields, name: str) -> int | None:
    match = re.match(r"\s*(\d{1,5})(?:px|\.\d+)?\s*\Z", _string(attributes, name))
    return int(match[1]) if match and int(match[1]) else None


def _xml_tags(entry: Fields) -> Iterator[str]:
    for tag in _tables(entry, "tags"):
        if not _string(tag, "scheme").startswith("http://schemas.google.com/"):  # "kind#post"
            yield _string(tag, "label") or _string(tag, "term")


def read_json(document: Fields, *, url: str) -> Feed:
    """The JSON Feed in a parsed document."""
    base = absolute_url(_string(document, "feed_url"), url, WEB) or url
    home = absolute_url(_string(document, "home_page_url"), base, WEB)
    return Feed(
        title=Text(_string(document, "title")),
        url=home,
        language=_string(document, "language"),
        authors=_json_authors(document),
        posts=tuple(_json_post(item, home or base) for item in _tables(document, "items")[: MAX_POSTS + 1]),
    )


def _json_post(item: Fields, base: str) -> Post:
    texts = [
        Text(_string(item, "content_html"), markup=True),
        Text(_string(item, "content_text"), markup=False),
        Text(_string(item, "summary"), markup=False),
    ]
    pictures = [{"url": item.get(name)} for name in ("image", "banner_image")]
    return Post(
        id=_string(item, "id"),
        url=absolute_url(_string(item, "url"), base, WEB)
        or absolute_url(_string(item, "external_url"), base, WEB),
        title=Text(_string(item, "title")),
        bodies=tuple(text for text in texts if text.source),
        authors=_json_authors(item),
        published=_published(item, ("date_published", "date_modified")),
        image=next(_pictures(pictures, "url", base, is_known=True), None)
        or next(_pictures(_json_attachments(item), "url", base), None),
        tags=tuple(tag for tag in _list(item, "tags") if isinstance(tag, str)),
        language=_string(item, "language"),
    )


def _json_attachments(item: Fields) -> Iterator[Fields]:
    for attachment in _tables(item, "attachments"):
        yield {"url": attachment.get("url"), "type": attachment.get("mime_type")}


def _json_authors(fields: Fields) -> tuple[str, ...]:
    """The names: version 1.1 has a list of authors, 1.0 had one."""
    authors = _tables(fields, "authors") or [_table(fields, "author")]
    return tuple(name for author in authors if (name := _string(author, "name")))


def _string(fields: Fields, key: str) -> str:
    """A text, or a number as one (ids may be); empty for everything else."""
    value = fields.get(key)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _table(fields: Fields, key: str) -> Fields:
    value = fields.get(key)
    return value if isinstance(value, Mapping) else {}


def _tables(fields: Fields, key: str) -> list[Fields]:
    return [value for value in _list(fields, key) if isinstance(value, Mapping)]


def _list(fields: Fields, key: str) -> list[object]:
    value = fields.get(key)
    return value if isinstance(value, list) else []
