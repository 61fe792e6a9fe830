"""An issue's folder: `issue.md`, and the articles frozen beside it, as files that a person edits.

    issues/2026-11-23-slug/issue.md          front matter (subject, preheader, articles ...) and the editor's words in Markdown
    issues/2026-11-23-slug/articles/01-a.html   an article: front matter and HTML (or Markdown, as `.md`)
    issues/2026-11-23-slug/articles/media/      the pictures that it brought along
    issues/2026-11-23-slug/email.txt         if there is one: the text part, as the editor wants it
    issues/2026-11-23-slug/build/            what `newsletter build` made of it

What a person wrote is never overwritten: new issues are written to a temporary folder that is then renamed, new articles
get new file names, and the list in `issue.md` is only ever added to.  Words before `<!-- articles -->` open the issue,
words after it close it.  Whatever stands in an article's file is sanitised again when it is read.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path

from newsletter.articles.article import Article, Image
from newsletter.articles.frontmatter import FrontMatter, split_front_matter, write_front_matter
from newsletter.articles.markdown import render_markdown
from newsletter.articles.sanitize import sanitize
from newsletter.config import nearest
from newsletter.errors import IssueError
from newsletter.issues.ids import ISSUE_FILE, issue_ids
from newsletter.issues.issue import Issue, Show, dated, slug
from newsletter.issues.media import Media
from newsletter.issues.words import words_html

TEXT_FILE = "email.txt"
KEYS = (
    "subject",
    "title",
    "preheader",
    "date",
    "theme",
    "segment",
    "language",
    "not_before",
    "show",
    "fit",
    "waive",
    "articles",
)
_SUFFIXES = (".html", ".md")
_MARKER = re.compile(r"^[ \t]*<!--\s*articles\s*-->[ \t]*$", re.M)
_SRC = re.compile(r'(<img\b[^>]*?\ssrc=")([^"]*)(")')
_BLOCK_END = re.compile(
    r"(</(?:p|h[2-6]|ul|ol|li|dl|dd|dt|blockquote|pre|figure|figcaption|table|thead|tbody|tr|div)>|<hr>)(?=<)"
)


def read_issue(folder: Path) -> Issue:
    """The issue in `folder`.

    Raises IssueError, if `issue.md` or an article is missing, unreadable, named twice, or has a wrong or unknown key.
    """
    path = folder / ISSUE_FILE
    front = split_front_matter(_read(path), where=str(path), error=IssueError)
    for key, where, near in front.unknown(KEYS):
        meant = f", did you mean {near!r}?" if near else ""
        raise IssueError(f"unknown key {key!r}{meant}", where=where, hint=f"known: {', '.join(KEYS)}")
    subject = front.text("subject")
    if not subject:
        raise IssueError(
            "the issue has no subject",
            where=f"{path}:1",
            hint='add a line to the front matter: subject: "..."',
        )
    day = front.when("date")
    issue_date = day.date() if day else dated(folder.name)
    if issue_date is None:
        raise IssueError(
            "the issue has no date",
            where=f"{path}:1",
            hint="add a line to the front matter: date: 2026-11-23",
        )
    opening, _, closing = _around(front.body)
    articles, shows, waived = _read_articles(folder, front)
    return Issue(
        id=folder.name,
        subject=subject,
        title=front.text("title") or subject,
        preheader=front.text("preheader"),
        date=issue_date,
        theme=front.text("theme"),
        segment=front.text("segment"),
        language=front.text("language"),
        not_before=front.when("not_before"),
        show=_show(front),
        shows=shows,
        waived={("", code): reason for code, reason in _waived(front).items()} | waived,
        fit=front.flag("fit"),
        text=_read(folder / TEXT_FILE) if (folder / TEXT_FILE).exists() else "",
        articles=articles,
        opening=words_html(opening),
        closing=words_html(closing),
    )


def read_used(issues: Path) -> Iterator[tuple[Article, datetime | None]]:
    """Every article in an issue there is, listed in it or not, and its issue's `not_before`.

    An article that the editor struck from the list was still decided upon; deleting its file makes it new again.
    """
    for issue_id in issue_ids(issues):
        folder = issues / issue_id
        path = folder / ISSUE_FILE
        not_before = split_front_matter(_read(path), where=str(path), error=IssueError).when("not_before")
        for file in _article_files(folder):
            yield read_article(file), not_before


def article_paths(folder: Path) -> dict[str, Path]:
    """The files of the articles in an issue's folder by the ids of the articles, also of those that are not listed."""
    return {_article_id(_article_front(path), path): path for path in _article_files(folder)}


def _article_id(front: FrontMatter, path: Path) -> str:
    return front.text("id") or f"path:{path.parent.parent.name}/{path.name}"


def read_article(path: Path) -> Article:
    """The frozen article at `path`.  Raises IssueError, if it cannot be read or a value has the wrong type."""
    front = _article_front(path)
    body = render_markdown(front.body) if path.suffix == ".md" else front.body
    folder = path.parent
    local = frozenset(
        src for src in (unescape(m[2]) for m in _SRC.finditer(body)) if _is_file_below(folder, src)
    )
    url = front.text("url")
    return Article(
        id=_article_id(front, path),
        title=front.text("title"),
        url=url,
        author=front.text("author"),
        published=front.when("published"),
        summary=front.text("summary"),
        image=_image(front),
        tags=front.words("tags"),
        language=front.text("language"),
        html=sanitize(body, base=url, local_images=local),
    )


@dataclass(frozen=True, slots=True)
class Written:
    """An issue's folder after something was written into it, and what a person should know of the pictures."""

    folder: Path
    notes: tuple[str, ...] = ()


def write_issue(issues: Path, issue: Issue, *, root: Path, elsewhere: Sequence[Path] = ()) -> Written:
    """The new folder of `issue`, whole or not at all.

    Its pictures' paths start at `root`; those with absolute paths are below one of the folders `elsewhere`.

    Raises IssueError, if the folder is there already or cannot be written.
    """
    folder = issues / issue.id
    if folder.exists():
        raise IssueError(
            "there is an issue with this id already", where=str(folder), hint="give another with --id"
        )
    try:
        issues.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{issue.id}-", dir=issues))
        try:
            names, notes = _write_articles(draft, issue.articles, root, elsewhere)
            (draft / ISSUE_FILE).write_text(_issue_text(issue, names), "utf-8")
            draft.chmod(0o755)
            os.rename(draft, folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise IssueError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return Written(folder, notes)


def add_articles(
    folder: Path, articles: Iterable[Article], *, root: Path, elsewhere: Sequence[Path] = ()
) -> Written:
    """Add `articles` to the issue in `folder`: new files, and their names behind the others in `issue.md`.

    Not one other byte of `issue.md` changes.  Raises IssueError, if its `articles` are not a list with one `- name`
    a line, in which case nothing is written.
    """
    path = folder / ISSUE_FILE
    text = _read(path)
    split_front_matter(text, where=str(path), error=IssueError)
    found = re.search(
        r"^articles:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n|[ \t]*-[ \t].*\r?\n)*", text, re.M
    )
    last = list(re.finditer(r"^([ \t]*)-[ \t].*\r?\n", found[0], re.M)) if found else []
    if not found or not last:
        raise IssueError(
            "the list of articles cannot be added to",
            where=str(path),
            hint='write it as "articles:" with one "  - name" a line, or draft under another --id',
        )
    names, notes = _write_articles(folder, articles, root, elsewhere)
    at = found.start() + last[-1].end()
    end = "\r\n" if last[-1][0].endswith("\r\n") else "\n"
    lines = "".join(f"{last[-1][1]}- {name}{end}" for name in names)
    _replace(path, text[:at] + lines + text[at:])
    return Written(folder, notes)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise IssueError(
            "there is no such file", where=str(path), hint="newsletter draft makes a new issue"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise IssueError("not UTF-8 text", where=f"{path}:{line}", hint="save the file as UTF-8") from error
    except OSError as error:
        raise IssueError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _replace(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(text.encode())
    shutil.copymode(path, new)
    os.replace(new, path)


def _around(body: str) -> tuple[str, str, str]:
    """The editor's words before and after the place of the articles."""
    found = _MARKER.search(body)
    return (body[: found.start()], found[0], body[found.end() :]) if found else (body, "", "")


def _article_files(folder: Path) -> list[Path]:
    articles = folder / "articles"
    if not articles.is_dir():
        return []
    return sorted(
        file for file in articles.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith(".")
    )


def _article_front(path: Path) -> FrontMatter:
    return split_front_matter(_read(path), where=str(path), error=IssueError)


def _show(front: FrontMatter) -> Show | None:
    """The field `show`, if it is there."""
    written = front.text("show")
    if written and written not in tuple(Show):
        near = nearest(written, [str(show) for show in Show])
        meant = f", did you mean {near!r}?" if near else ""
        raise front.wrong("show", f"show cannot be {written!r}{meant}", f"write one of: {', '.join(Show)}")
    return Show(written) if written else None


def _waived(front: FrontMatter) -> Mapping[str, str]:
    """The field `waive`: the reasons by code."""
    value = front.fields.get("waive") or {}
    if not isinstance(value, dict) or not all(isinstance(why, str) and why.strip() for why in value.values()):
        raise front.wrong(
            "waive", "waive names codes with reasons", 'write below it, indented: W231: "the archive is http"'
        )
    return {code: str(why) for code, why in value.items()}


def _read_articles(
    folder: Path, front: FrontMatter
) -> tuple[tuple[Article, ...], dict[str, Show], dict[tuple[str, str], str]]:
    """The listed articles, in the order of the list, and how much of them is shown and what is waived where they say so.

    Without a list they are all articles, in the order of their names.
    """
    files = {file.stem: file for file in _article_files(folder)}
    names = front.words("articles") if "articles" in front.fields else tuple(files)
    articles: list[Article] = []
    shows: dict[str, Show] = {}
    waived: dict[tuple[str, str], str] = {}
    ids: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"\.(?:html|md)\Z", "", name)
        where = front.where("articles")
        if stem not in files:
            near = nearest(stem, files)
            meant = f", did you mean {near!r}?" if near else ""
            raise IssueError(
                f"there is no article {name!r} in {folder / 'articles'}{meant}",
                where=where,
                hint="mend the name, or strike it from the list",
            )
        article = read_article(files[stem])
        if article.id in ids:
            raise IssueError(
                f"the articles {ids[article.id]!r} and {name!r} have the same id {article.id!r}",
                where=where,
                hint="strike one of them from the list",
            )
        ids[article.id] = name
        articles.append(article)
        own = _article_front(files[stem])
        if show := _show(own):
            shows[article.id] = show
        waived |= {(article.id, code): reason for code, reason in _waived(own).items()}
    return tuple(articles), shows, waived


def _is_file_below(folder: Path, src: str) -> bool:
    """Whether `src` is a file in `folder` or below it (no way out of it, by .. or by a link)."""
    if not src or ":" in src or src.startswith("/") or "\0" in src or len(src) > 1000:
        return False
    target = (folder / src).resolve()
    return target.is_relative_to(folder.resolve()) and target.is_file()


def _write_articles(
    folder: Path, articles: Iterable[Article], root: Path, elsewhere: Sequence[Path]
) -> tuple[list[str], tuple[str, ...]]:
    """Freeze `articles` below `folder`; what comes back are their names, for the list, and notes on their pictures."""
    target = folder / "articles"
    target.mkdir(exist_ok=True)
    media = Media(target, root=root, elsewhere=elsewhere)
    numbers = [int(m[1]) for file in target.iterdir() if (m := re.match(r"(\d+)-", file.name))]
    names = []
    for number, article in enumerate(articles, start=max(numbers, default=0) + 1):
        name = f"{number:02d}-{slug(article.title) or 'article'}"
        (target / f"{name}.html").write_text(_article_text(media.brought(article)), "utf-8")
        names.append(name)
    return names, media.notes


def _article_text(article: Article) -> str:
    fields: dict[str, object] = {
        "id": article.id,
        "title": article.title,
        "url": article.url,
        "author": article.author,
    }
    if article.published:
        fields["published"] = article.published.isoformat()
    if article.image:
        fields["image"] = _image_fields(article.image)
    fields |= {"tags": list(article.tags), "language": article.language, "summary": article.summary}
    # One block a line, so that a person finds the way and a diff shows what changed.
    return write_front_matter(
        {k: v for k, v in fields.items() if v or k == "title"}, _BLOCK_END.sub(r"\1\n", article.html) + "\n"
    )


def _image(front: FrontMatter) -> Image | None:
    """The field `image`: a path or URL, or url, alt, width and height."""
    value = front.fields.get("image")
    if not value:
        return None
    fields = {"url": value} if isinstance(value, str) else value
    if (
        not isinstance(fields, dict)
        or not all(isinstance(v, str | None) for v in fields.values())
        or not fields.get("url")
    ):
        raise front.wrong(
            "image",
            "image must be a path or URL, or fields: url, alt, width, height",
            'write image: "https://example.com/a.jpg"',
        )
    sizes = {key: str(fields.get(key) or "") for key in ("width", "height")}
    if not all(size.isdigit() for size in sizes.values() if size):
        raise front.wrong("image", "width and height of an image are whole numbers of pixels")
    return Image(
        str(fields["url"]),
        str(fields.get("alt") or ""),
        *(int(size) if size else None for size in sizes.values()),
    )


def _image_fields(image: Image) -> dict[str, object]:
    fields = {"url": image.url, "alt": image.alt, "width": image.width, "height": image.height}
    return {key: value for key, value in fields.items() if value is not None}


def _issue_text(issue: Issue, names: list[str]) -> str:
    fields: dict[str, object] = {"subject": issue.subject, "preheader": issue.preheader}
    if issue.not_before:
        fields["not_before"] = issue.not_before.isoformat()
    fields["articles"] = names
    return write_front_matter(fields, "")
