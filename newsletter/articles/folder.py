"""A folder of posts: Markdown, HTML and text files, as static site generators and note programs keep them.

    decoded       bytes as text: UTF-8, UTF-16 with a mark, else Windows-1252
    split         front matter and body                                    frontmatter
    attributes    title, date, author... under all their names             attributes
    contents      Markdown, HTML or plain text as HTML                     shortcodes, markdown, text
    pictures      paths as paths below the root                            local_pictures
    sanitize      safe and tidy for an email                               sanitize

Drafts, hidden files, what begins with `_` (but `_posts`) and papers like README are left out.  A file that
cannot be read costs only itself: `read_folder` names it, with place and cause, in the notes of the reading,
where `read_file` raises SourceError.  The order is that of the paths, so that equal folders give equal
readings.

Nothing outside `root` is read, whatever a symbolic link or a post says; only the folder itself may be
elsewhere, and then nothing outside of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import lxml.html

from newsletter.articles.article import Article, Image, Reading, one_line, text_of
from newsletter.articles.attributes import Attributes, read_attributes
from newsletter.articles.dates import parse_date
from newsletter.articles.fields import Page, read_yaml
from newsletter.articles.frontmatter import Format, FrontMatter, split_front_matter
from newsletter.articles.link import WEB, absolute_url
from newsletter.articles.local_pictures import LocalPictures
from newsletter.articles.markdown import render_markdown
from newsletter.articles.markup import without_bad_characters
from newsletter.articles.masthead import read_masthead
from newsletter.articles.sanitize import first_image, sanitize
from newsletter.articles.shortcodes import expand_shortcodes
from newsletter.articles.text import parse_text
from newsletter.errors import SourceError

LARGEST = 10 * 1024 * 1024

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})
_HTML = frozenset({".html", ".htm"})
_TEXT = frozenset({".txt", ".text"})
_POSTS = _MARKDOWN | _HTML | _TEXT
#: Files of a repository that are no posts, and folders that hold none.
_PAPERS = frozenset(
    {"readme", "license", "licence", "changelog", "contributing", "code_of_conduct", "security", "404"}
)
_NO_FOLDERS = frozenset({"node_modules", "vendor", "__pycache__"})
_PEOPLE = ("authors.yml", "authors.yaml", "_data/authors.yml", "_data/authors.yaml", "data/authors.yml")

_DATED_NAME = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:[-_ ]+(.*))?\Z", re.DOTALL)
_LANGUAGE_NAME = re.compile(
    r"(.+)\.((?:ar|bg|ca|cs|da|de|el|en|es|et|fa|fi|fr|he|hi|hr|hu|id|it|ja|ko|lt|lv|nb|nl|nn|no|pl|pt|ro|ru|sk|sl|sr"
    r"|sv|th|tr|uk|vi|zh)(?:-[A-Za-z]{2,4})?)\Z"
)
_MORE = re.compile(r"<!--\s*(?:more|truncate|excerpt|end[ -]?excerpt|read ?more)\b[^>]*-->", re.IGNORECASE)
_FIRST_HEADING = re.compile(r"<h1\b[^>]*>(.*?)</h1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|code|del|em|i|ins|kbd|mark|s|small|span|strong|sub|sup|u)\b[^>]*>", re.I
)
#: A picture that leads to something else than a picture: the still of a film.
_POSTER = re.compile(
    r"(?:<(?:p|figure|div)>)*<a href=\"(?![^\"]*\.(?:png|jpe?g|gif|webp|svg|avif)\")[^>]*><img\b", re.I
)
_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_UTF_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_folder(folder: Path, *, root: Path, base_url: str = "") -> Reading:
    """The posts of `folder` and the folders in it, and notes on what was left out.

    Pictures are looked for below `root`, and come out as paths below it; those of a folder outside of it are looked for
    in that folder, and come out as absolute paths.  `base_url` is the address of the site, if it has one.

    Raises SourceError, if there is no such folder.
    """
    if not folder.is_dir():
        hint = "the path is relative to the publication's folder; a feed or page needs its whole address"
        raise SourceError("there is no such folder", where=str(folder), hint=hint)
    reader = _Reader(folder, root, base_url)
    articles: list[Article] = []
    notes: list[str] = []
    ids: set[str] = set()
    for path in _posts(folder, notes):
        try:
            post = reader.read(path)
        except SourceError as error:
            notes.append(f"{error.where}: {error.message}")
            continue
        notes += post.notes
        if post.is_draft:
            notes.append(f"{reader.place(path)}: a draft, left out")
            continue
        article = post.article
        if article.id in ids:
            notes.append(
                f"{reader.place(path)}: its id {article.id} is also that of another post; its path is used"
            )
            article = replace(article, id=f"path:{reader.place(path)}")
        ids.add(article.id)
        articles.append(article)
    return Reading(tuple(articles), notes=tuple(notes))


def read_file(path: Path, *, root: Path, base_url: str = "") -> Reading:
    """The post in one file, also if it is a draft, and notes.  Raises SourceError, if it cannot be read."""
    post = _Reader(path.parent, root, base_url).read(path)
    return Reading((post.article,), notes=post.notes)


def _posts(folder: Path, notes: list[str]) -> Iterator[Path]:
    """The files that are posts, in the order of their paths."""

    def unreadable(error: OSError) -> None:
        notes.append(f"{error.filename}: cannot be read: {error.strerror}")

    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [
            name for name in folders if name not in _NO_FOLDERS and (name[0] not in "._" or name == "_posts")
        ]
        for name in files:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in _POSTS and name[0] not in "._" and stem.lower() not in _PAPERS:
                found.append(Path(parent, name))
    yield from sorted(found, key=lambda path: path.relative_to(folder).parts)


@dataclass(frozen=True, slots=True)
class _Post:
    article: Article
    notes: tuple[str, ...]
    is_draft: bool


@dataclass(frozen=True, slots=True)
class _Name:
    """What the name of a file says: `2024-01-02-a-bench.en.md`, `a-bench/index.md`."""

    words: str
    published: datetime | None
    language: str


class _Reader:
    """Reads the posts of one folder."""

    def __init__(self, folder: Path, root: Path, base_url: str) -> None:
        self._root = root
        self._folder = folder
        self._base_url = absolute_url(base_url, schemes=WEB)
        self._allowed = (Path(os.path.realpath(root)), Path(os.path.realpath(folder)))
        self._people: dict[Path, dict[str, str]] = {}

    def place(self, path: Path) -> str:
        """The path relative to the root, as it is shown and stored."""
        return os.fsencode(Path(os.path.relpath(path, self._root)).as_posix()).decode("utf-8", "replace")

    def read(self, path: Path) -> _Post:
        place, suffix = self.place(path), path.suffix.lower()
        if suffix not in _POSTS:
            hint = "posts are Markdown (.md), HTML (.html) or text (.txt)"
            raise SourceError(
                f"not a post: a file of the kind {suffix or 'without suffix'}", where=place, hint=hint
            )
        text, notes = _decoded(self._bytes(path, place), place)
        front = split_front_matter(text, where=place)
        if suffix in _TEXT and front.format in (Format.LINES, Format.NONE):
            front = FrontMatter({}, text, 1, Format.NONE, place)  # the head of a text is `text`'s to read
        attributes = read_attributes(front, self._people_of(path.parent))
        contents, left_out = self._contents(front, suffix, place)
        name = _parsed_name(path)
        title = attributes.title or contents.title or _readable(attributes.slug or name.words)
        pictures = LocalPictures(path, self._root, self._folder, has_site=bool(self._base_url))
        url = self._url(attributes, contents)
        html, image = self._settled(contents, attributes, pictures, title, url)
        if not (html or image or attributes.title or contents.title):
            raise SourceError(
                "it is empty", where=place, hint="write the post below the front matter, or delete the file"
            )
        article = Article(
            id=attributes.id or f"path:{place}",
            title=title,
            url=url,
            author=attributes.author or contents.author,
            published=attributes.published or contents.published or name.published,
            summary=attributes.summary or contents.summary,
            image=image,
            tags=attributes.tags or contents.tags,
            language=attributes.language or name.language or contents.language,
            html=html,
        )
        notes += [*attributes.notes, *(f"{place}: {note}" for note in (*left_out, *pictures.notes))]
        return _Post(article, tuple(notes), attributes.is_draft)

    def _bytes(self, path: Path, place: str) -> bytes:
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(folder) for folder in self._allowed):
            raise SourceError(
                "a link to a file outside of the publication", where=place, hint="copy the file"
            )
        try:
            if not real.is_file():  # a pipe or a device would never end
                raise SourceError("there is no such file", where=place)
            if real.stat().st_size > LARGEST:
                raise SourceError(
                    f"too large: {real.stat().st_size / 1e6:.0f} MB, 10 MB at most", where=place
                )
            return real.read_bytes()
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", where=place) from error

    def _contents(self, front: FrontMatter, suffix: str, place: str) -> tuple[Article, tuple[str, ...]]:
        """What the body itself says and shows, its html not yet sanitised; and what was left out of it."""
        if suffix in _TEXT:
            if not front.body.strip():
                return Article(id=""), ()
            return parse_text(front.body, where=place).articles[0], ()
        if suffix in _HTML:
            return (
                _document(front.body, self._base_url)
                if _DOCUMENT.match(front.body)
                else _fragment(front.body)
            ), ()
        text, left_out = expand_shortcodes(front.body)
        return _fragment(render_markdown(text)), left_out

    def _url(self, attributes: Attributes, contents: Article) -> str:
        return absolute_url(attributes.address, self._base_url, WEB) or contents.url

    def _settled(
        self, contents: Article, attributes: Attributes, pictures: LocalPictures, title: str, url: str
    ) -> tuple[str, Image | None]:
        """The body, safe for email and with its pictures found, and the picture to show beside the title."""
        base = url or self._base_url
        html = pictures.settle(contents.html)
        image = contents.image
        if attributes.image:
            address = pictures.find(attributes.image)
            if not address and not pictures.is_missing(attributes.image):
                address = absolute_url(attributes.image, base, WEB)
            image = Image(address, attributes.image_alt) if address else image
        local = frozenset(pictures.found)
        html = sanitize(html, base=base, title=title, local_images=local)
        if image is None and not _POSTER.match(html):  # without its place in the text it would play no film
            image = first_image(html)
        if image:
            html = sanitize(html, base=base, image_url=image.url, local_images=local)
        return html, image

    def _people_of(self, folder: Path) -> dict[str, str]:
        """The names behind the keys of authors, as Jekyll and Docusaurus keep them above the posts."""
        folder = Path(os.path.realpath(folder))
        if folder not in self._people:
            above = [up for up in (folder, *folder.parents) if up.is_relative_to(self._allowed[0])]
            files = [Path(os.path.realpath(up / name)) for up in above for name in _PEOPLE]
            allowed = [file for file in files if file.is_relative_to(self._allowed[0])]
            self._people[folder] = next((people for file in allowed if (people := _people_in(file))), {})
        return self._people[folder]


# ---- from a file's bytes to what it says


def _decoded(body: bytes, place: str) -> tuple[str, list[str]]:
    """The text, and a note if its encoding had to be assumed."""
    encoding = next((name for mark, name in _UTF_MARKS if body.startswith(mark)), "utf-8")
    try:
        text, notes = body.decode(encoding), []
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise SourceError(f"not valid {encoding.upper()}", where=place, hint="save it as UTF-8") from None
        text, notes = body.decode("cp1252", "replace"), [f"{place}: not UTF-8; read as Windows-1252"]
    if "\x00" in text:
        raise SourceError("not a text", where=place, hint="posts are Markdown, HTML or text, saved as UTF-8")
    return text, notes


def _parsed_name(path: Path) -> _Name:
    stem, language = path.stem, ""
    if match := _LANGUAGE_NAME.match(stem):
        stem, language = match[1], match[2]
    if stem.lower() in ("index", "post"):
        stem = path.parent.name
    dated = _DATED_NAME.match(stem)
    published = parse_date(dated[1]) if dated else None
    words = (dated[2] or "") if dated and published else stem
    return _Name(os.fsencode(words).decode("utf-8", "replace"), published, language)


def _readable(name: str) -> str:
    """`how-we-built_it` as "How we built it"."""
    words = one_line(re.sub(r"[-_]+", " ", name))
    return words[:1].upper() + words[1:]


def _fragment(html: str) -> Article:
    """The first h1 as the title, what stands above `<!--more-->` as the summary."""
    heading, more = _FIRST_HEADING.search(html), _MORE.search(html)
    title = _words(heading[1]) if heading else ""
    summary = _words(sanitize(html[: more.start()], title=title)) if more else ""
    return Article(id="", title=title, summary=summary, html=html)


def _words(html: str) -> str:
    """The words of HTML on one line, to be read: a tag within a sentence is no space."""
    return text_of(_INLINE_TAG.sub("", html))


def _document(html: str, base: str) -> Article:
    """What a whole page states of its post, and its `article`, its `main`, or else its `body`."""
    html = re.sub(r"\A\s*<\?xml[^>]*>", "", without_bad_characters(html))
    page = lxml.html.document_fromstring(html)
    masthead = read_masthead(page, url="", base=base)
    parts = [part for name in ("article", "main", "body") if len(part := list(page.iter(name))) == 1]
    main = parts[0][0] if parts else page
    for furniture in list(main.iter("nav", "script", "style")):
        furniture.drop_tree()
    contents = _fragment(lxml.html.tostring(main, encoding="unicode", with_tail=False))
    return replace(
        contents,
        title=masthead.title or contents.title,
        url=masthead.url,
        author=masthead.author,
        published=masthead.published,
        summary=contents.summary or masthead.summary,
        image=masthead.image,
        tags=masthead.tags,
        language=masthead.language,
    )


def _people_in(file: Path) -> dict[str, str]:
    """The names in a file of authors; none if it is not there or not what it seems: keys are names, too."""
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() and file.stat().st_size < 100_000 else ""
        fields = read_yaml(Page(text, file.name), text, 1)
    except (OSError, ValueError, SourceError):
        return {}
    people = {}
    for key, value in (fields.values if fields else {}).items():
        name = value.get("name") if isinstance(value, dict) else value
        if isinstance(name, str) and name.strip():
            people[key] = one_line(name)
    return people
