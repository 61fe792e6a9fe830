"""Front matter: the named fields at the head of a text file, read and written.

    ---                      +++                      {                        Title: A bench
    title: A bench           title = "A bench"          "title": "A bench"     Date: 2024-01-02
    date: 2024-01-02         date = 2024-01-02        }
    ---                      +++                                               The words...
    The words...             The words...             The words...
    (Jekyll, Hugo, ...)      (Hugo, Zola)             (Hugo)                   (Pelican, MultiMarkdown)

A field is what was written: text, a list, or fields of its own.  Only the question asked of it (`text`,
`when`, `words`, `flag`, `number`) gives it a type, so `author: no` is an author named "no", `title: 1984` is
a title, and `version: 1.10` is not 1.1.  `body` is all that follows, with line feeds for line ends.  A file
that merely begins with a horizontal rule is all body.

When the front matter cannot be read, or a field is not what was asked for, the error names file and line,
shows the line and says what to type.  `write_front_matter` writes YAML that reads back equal, and the same
bytes for the same fields.

Sources: gohugo.io/content-management/front-matter, jekyllrb.com/docs/front-matter,
docs.getpelican.com/en/latest/content.html.  Pure: the text comes in, `where` is only for messages.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache

import yaml

from newsletter.articles.dates import parse_date
from newsletter.articles.fields import (
    Fields,
    Page,
    Value,
    Way,
    excerpt_at,
    json_end,
    read_json,
    read_toml,
    read_yaml,
    shortened,
)
from newsletter.errors import SourceError, WriterError

_LONGEST = 100_000

_OPENING = re.compile(r"(?:[ \t]*\n)*(---|\+\+\+)[ \t]*(yaml|toml|json)?[ \t]*\n")
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE),
    "+++": re.compile(r"^\+\+\+[ \t]*$", re.MULTILINE),
}
_KEY_LINE = re.compile(r"""\s*["']?([^\W\d][\w.-]{0,40}(?: [\w.-]{1,20}){0,2})["']?[ \t]*:(?:\s|$)""")
#: Keys by which `Key: value` lines without fences are known to be front matter and not prose.
_HEAD_KEYS = frozenset(
    {"title", "subtitle", "date", "modified", "author", "authors", "byline", "category", "tags", "keywords"}
    | {"slug", "summary", "description", "status", "lang", "language", "template", "layout", "published"}
    | {"subject", "preheader", "url", "image", "save_as", "canonical_url"}
)
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0", ""})


class Format(StrEnum):
    """How the front matter is written."""

    YAML = "yaml"
    TOML = "toml"
    JSON = "json"
    LINES = "lines"  # `Key: value` without fences
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields, the body, and the place of each, for messages.

    `body_line` is the number of the body's first line; `notes` names what was read but is probably not what
    was meant; `lines` holds the line of each value by the way to it; `head` is the rows above the body.
    """

    fields: Mapping[str, Value]
    body: str
    body_line: int
    format: Format
    file: str
    head: tuple[str, ...] = ()
    lines: Mapping[Way, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: type[WriterError] = SourceError

    def where(self, *way: str | int) -> str:
        """`file:line` of a field (`where("articles", 2)`: of its third item); line 1 if it is not there."""
        return f"{self.file}:{self._line(way) or 1}"

    def wrong(self, key: str, message: str, hint: str = "", *, item: int | None = None) -> WriterError:
        """The error that says what is wrong with a field (or one item of it), with its place and its line."""
        way: Way = (key,) if item is None else (key, item)
        line = self._line(way)
        excerpt = excerpt_at(self.head, line) if line else ""
        return self.error(message, where=self.where(*way), hint=hint, excerpt=excerpt)

    def _line(self, way: Way) -> int:
        """The line of the value, or of the nearest thing around it; 0 if there is none."""
        return next((self.lines[way[:n]] for n in range(len(way), 0, -1) if way[:n] in self.lines), 0)

    def text(self, key: str, default: str = "") -> str:
        """The field as text, as it was written (`no`, `1984` and `1.10` included); raises if it is a list."""
        value = self.fields.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        kind = "a list" if isinstance(value, tuple) else "fields of its own"
        raise self.wrong(key, f"{key} must be text, not {kind}", f'write it in quotes: {key}: "..."')

    def when(self, key: str) -> datetime | None:
        """The moment in UTC (no zone means UTC, a date alone its midnight); raises if it is no date."""
        written = self.text(key).strip()
        if not written:
            return None
        moment = parse_date(written)
        if moment is None:
            hint = "write year, month and day: 2024-01-31, or with a time: 2024-01-31T09:30:00+01:00"
            raise self.wrong(key, f"{key} is not a date, or could be two: {shortened(written)}", hint)
        return moment

    def words(self, key: str) -> tuple[str, ...]:
        """The items of a list, or of text with commas, without empty ones; raises if an item is a list."""
        value = self.fields.get(key)
        if isinstance(value, tuple):
            items: list[str] = []
            for number, item in enumerate(value):
                if isinstance(item, tuple | dict):
                    hint = "write one value per item: [first, second]"
                    raise self.wrong(key, f"{key} must be a list of texts", hint, item=number)
                items.append(item or "")
        else:
            items = self.text(key).split(",")
        return tuple(item.strip() for item in items if item.strip())

    def flag(self, key: str, default: bool = False) -> bool:
        """Whether the field says yes (true, yes, on, 1); raises if it says neither yes nor no."""
        if self.fields.get(key) is None:
            return default
        written = self.text(key).strip()
        if written.casefold() in _YES:
            return True
        if written.casefold() in _NO:
            return False
        raise self.wrong(key, f"{key} must be true or false, not {shortened(written)}", f"write {key}: true")

    def number(self, key: str) -> int | None:
        """The whole number, None if the field is not there; raises if it is something else."""
        written = self.text(key).strip()
        if not written:
            return None
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", written):
            raise self.wrong(key, f"{key} must be a whole number, not {shortened(written)}")
        return int(written)

    def unknown(self, allowed: Iterable[str]) -> list[tuple[str, str, str]]:
        """The keys not in `allowed`: (key, `file:line`, the allowed key that is most like it or "")."""
        known = sorted(allowed)
        found = []
        for key in self.fields:
            if key not in known:
                near = difflib.get_close_matches(key.casefold(), known, n=1, cutoff=0.6)
                found.append((key, self.where(key), near[0] if near else ""))
        return found


@lru_cache(maxsize=256)
def split_front_matter(text: str, *, where: str, error: type[WriterError] = SourceError) -> FrontMatter:
    """The fields and the body of `text`; all body if there is no front matter.

    Raises `error`, if there is front matter and it cannot be read: no closing fence, not YAML (TOML, JSON), a
    key twice, too long, too deep.  The getters of the result raise the same class.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    page = Page(text, where, error)
    found = _fenced(page) or _json_head(page) or _key_lines(page)
    return found or FrontMatter({}, text, 1, Format.NONE, where, error=error)


def write_front_matter(fields: Mapping[str, object], body: str) -> str:
    """YAML front matter, an empty line and `body`: the same text for the same fields, in their order.

    Values are text, numbers, true and false, None, dates, and lists and mappings of these.  What is read back
    is equal, except that lone surrogates, which no file can hold, become U+FFFD.
    """
    head = ""
    if fields:
        head = yaml.dump(dict(fields), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=2**30)
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    if not body:
        return f"---\n{head}---\n"
    return f"---\n{head}---\n\n{body}" + ("" if body.endswith("\n") else "\n")


# ---- the four ways to write it


def _front_matter(page: Page, read: Fields, body_at: int, form: Format) -> FrontMatter:
    """The finished value; one empty line between front matter and body belongs to neither."""
    if page.text.startswith("\n", body_at):
        body_at += 1
    return FrontMatter(
        fields=read.values,
        body=page.text[body_at:],
        body_line=page.line_of(body_at),
        format=form,
        file=page.file,
        head=tuple(page.text[:body_at].split("\n")),
        lines=read.lines,
        notes=tuple(f"{page.file}:{line}: {note}" for line, note in read.notes),
        error=page.error,
    )


def _fenced(page: Page) -> FrontMatter | None:
    """Front matter between --- or +++; None if what looks like its fence is a horizontal rule."""
    opening = _OPENING.match(page.text)
    if not opening:
        return None
    fence, named = opening[1], opening[2]
    is_meant = fence == "+++" or named is not None
    closing = _CLOSING[fence].search(page.text, opening.end())
    content = page.text[opening.end() : closing.start() if closing else None]
    if closing is None or len(content) > _LONGEST:
        if not (is_meant or _looks_like_fields(content)):
            return None
        line = page.line_of(opening.start(1))
        if closing:
            raise page.wrong(f"the front matter is longer than {_LONGEST} characters", line)
        hint = f"put a line with {fence} after the last field"
        raise page.wrong(f"the front matter has no closing {fence}", line, hint=hint)
    form = Format(named or ("yaml" if fence == "---" else "toml"))
    reader = {Format.YAML: read_yaml, Format.TOML: read_toml, Format.JSON: read_json}[form]
    try:
        read = reader(page, content, page.line_of(opening.end()))
    except WriterError:
        if is_meant or _looks_like_fields(content):
            raise
        return None
    if read is None:
        if all(re.match(r"[a-z_]+:[^\s/]", line) for line in content.split()):
            hint = "put a space after each colon: title: value"
            raise page.wrong("these are fields without spaces", page.line_of(opening.end()), hint=hint)
        return None
    if not is_meant and read.values and content.startswith("\n") and all(" " in key for key in read.values):
        return None  # a rule, and below it a sentence with a colon
    return _front_matter(page, read, closing.end() + 1, form)


def _looks_like_fields(content: str) -> bool:
    """Whether lines after `---` were meant as fields: the first is `key: value`, or half of them are."""
    lines = [line for line in content.split("\n")[:50] if not line.lstrip().startswith("#")]
    first = _KEY_LINE.match(lines[0]) if lines else None
    if first and " " not in first[1]:
        return True
    lines = [line for line in lines if line.strip()]
    return bool(lines) and 2 * sum(1 for line in lines if _KEY_LINE.match(line)) >= max(4, len(lines))


def _json_head(page: Page) -> FrontMatter | None:
    """Front matter as one JSON object; braces of a template (`{{`, `{%`) begin no object."""
    start = len(page.text) - len(page.text.lstrip())
    if not re.compile(r'\{\s{0,100}(?:"|\}[ \t]*(?:\n|\Z))').match(page.text, start):
        return None
    end = json_end(page.text, start)
    content = page.text[start : end or start + _LONGEST]
    if len(content) > _LONGEST:
        raise page.wrong(f"the front matter is longer than {_LONGEST} characters", page.line_of(start))
    read = read_json(page, content, page.line_of(start))  # says what is wrong if there is no end
    after = re.compile(r"[ \t]*(?:\n|\Z)").match(page.text, end or 0)
    return _front_matter(page, read, after.end(), Format.JSON) if read and after else None


def _key_lines(page: Page) -> FrontMatter | None:
    """`Key: value` lines up to the first empty line, if `Title` or two other usual keys are among them."""
    start = len(page.text) - len(page.text.lstrip("\n"))
    end = page.text.find("\n\n", start)
    block = page.text[start : end if end >= 0 else len(page.text)]
    if len(block) > _LONGEST:
        return None
    fields: dict[str, Value] = {}
    lines: dict[Way, int] = {}
    key = ""
    for number, line in enumerate(block.split("\n"), page.line_of(start)):
        match = re.fullmatch(r"([^\W\d][\w -]{0,30}?)[ \t]*:(?:[ \t]+(.*))?", line)
        if match and not line[0].isspace():
            key = match[1].casefold().replace(" ", "_")
            if key in fields:
                return None  # prose with colons; a dialogue
            fields[key], lines[key,] = (match[2] or "").strip(), number
        elif key and line[:1].isspace():
            fields[key] = f"{fields[key]} {line.strip()}".strip()
        else:
            return None
    usual = _HEAD_KEYS & fields.keys()
    if not ("title" in usual or len(usual) >= 2):
        return None
    return _front_matter(page, Fields(fields, lines), start + len(block) + 1, Format.LINES)


# ---- writing


class _Writer(yaml.SafeDumper):
    """Writes the same bytes with and without libyaml, which folds and escapes in its own way."""

    def ignore_aliases(self, data: object) -> bool:
        return True  # a list that occurs twice is written twice, not as *id001


#: What only double quotes bring back: without them YAML folds U+0085, U+2028 and U+2029 into line ends.
_NEEDS_ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]|[ \t]\n|\\A[ \n]|\t")


def _write_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    text = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)
    if _NEEDS_ESCAPES.search(text):
        return writer.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _write_moment(writer: yaml.SafeDumper, moment: datetime) -> yaml.ScalarNode:
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    text = moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return writer.represent_scalar("tag:yaml.org,2002:timestamp", text)


def _write_day(writer: yaml.SafeDumper, day: date) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:timestamp", day.isoformat())


_Writer.add_representer(str, _write_text)
_Writer.add_representer(datetime, _write_moment)
_Writer.add_representer(date, _write_day)
_Writer.add_representer(tuple, yaml.SafeDumper.represent_list)
