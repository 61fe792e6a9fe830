"""A theme: the files that give an issue its looks, and how its templates are run.

A theme is a folder of `issue.mjml` (Jinja2 that makes MJML), whatever it includes, `text.txt` (the text part),
`inline.css` (goes into attributes), `head.css` (media queries, dark mode) and `theme.toml` (settings with types
and defaults).  Files are looked for one by one, in the publication's `templates/NAME/` first and then in the
package, so a publication can override a single file.

Templates run in Jinja2's sandbox with autoescape on and unknown names as errors.  They get values, never settings
or secrets of the machine, and articles come to them as data: a `{{` in a post is two braces.  Nothing in a template
is random, so the same values make the same text.  What is wrong in one is a `ThemeError` with the file and the line
of the template that has to be mended, in whatever order it was included.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from jinja2.filters import do_default
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from newsletter.config import nearest, parse_toml, read_text
from newsletter.errors import ThemeError
from newsletter.render.merge import Mark
from newsletter.render.settings import (
    SETTINGS_FILE,
    About,
    ThemeFile,
    about,
    declared_settings,
    meant,
    place_of,
    read_settings,
)

ISSUE_TEMPLATE = "issue.mjml"
TEXT_TEMPLATE = "text.txt"
INLINE_CSS = "inline.css"
HEAD_CSS = "head.css"
WORDS_FILE = "words.toml"
#: The folder of what themes share: a file of a theme goes before one of the same name there.
PARTS = "parts"
_SUFFIXES = {".mjml", ".txt", ".css", ".toml"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
#: Both written Norwegian languages have one set of words.
_SAME_WORDS = {"no": "nb", "nn": "nb"}

#: The themes that come with the package: in a wheel inside it, in a checkout beside it.
_INSIDE = Path(__file__).parent.parent / "templates"
PACKAGE_THEMES = _INSIDE if _INSIDE.is_dir() else Path(__file__).parent.parent.parent / "templates"


#: The fixed words: a language, and pairs of name and words.
Words = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme's files, its settings as (name, value) pairs, and the fixed words in every language."""

    name: str
    files: tuple[ThemeFile, ...]
    settings: tuple[tuple[str, str | int], ...]
    words: Words
    pictures: tuple[str, ...] = ()  # the settings that name one

    def path(self, name: str) -> str:
        """Where the file `name` was found; the name itself if it is not a file of the theme."""
        return next((file.path for file in self.files if file.name == name), name)

    def text(self, name: str) -> str:
        """The text of the file `name`, or an empty text."""
        return next((file.text for file in self.files if file.name == name), "")

    @property
    def about(self) -> About:
        """What the theme is and what can be set."""
        return about(ThemeFile(SETTINGS_FILE, self.path(SETTINGS_FILE), self.text(SETTINGS_FILE)))

    def words_in(self, language: str) -> dict[str, str]:
        """The fixed words ("Unsubscribe", "By {author}") in `language`; in English where a translation lacks."""
        table = dict(self.words)
        base = language.split("-")[0].lower()
        found = dict(table.get("en", ()))
        for tag in (_SAME_WORDS.get(base, base), base, language.lower()):
            found |= dict(table.get(tag, ()))
        return found


def theme_names(own: Path) -> list[str]:
    """The themes that a publication with the folder `own` can name: its own and the package's."""
    folders = [folder for folder in (own, PACKAGE_THEMES) if folder.is_dir()]
    names = {path.parent.name for folder in folders for path in folder.glob(f"*/{ISSUE_TEMPLATE}")}
    return sorted(name for name in names if _NAME.fullmatch(name))


def read_theme(
    name: str, own: Path, overrides: Mapping[str, object] | None = None, *, where: str = ""
) -> Theme:
    """The theme `name` of a publication whose own templates are in `own`.

    `overrides` are the publication's values of settings, and `where` is the place in which it names theme and values.
    Raises ThemeError, if there is no such theme, a file cannot be read, or a setting is unknown or of the wrong type.
    """
    files: dict[str, ThemeFile] = {}
    if _NAME.fullmatch(name):
        for folder in (PACKAGE_THEMES / PARTS, own / PARTS, PACKAGE_THEMES / name, own / name):
            files |= {path.name: ThemeFile(path.name, str(path), _read(path)) for path in _paths(folder)}
    if ISSUE_TEMPLATE not in files:
        known = theme_names(own)
        hint = f"themes: {', '.join(known)}; a theme of one's own is a folder templates/NAME with {ISSUE_TEMPLATE}"
        raise ThemeError(f"there is no theme {name!r}{meant(name, known)}", where=where, hint=hint)
    file = files.get(SETTINGS_FILE) or ThemeFile(SETTINGS_FILE, SETTINGS_FILE, "")
    settings = read_settings(file, overrides or {}, where)
    pictures = tuple(
        key for key, declaration in declared_settings(file).items() if declaration["type"] == "picture"
    )
    ordered = tuple(files[key] for key in sorted(files))
    return Theme(name, ordered, tuple(settings.items()), _read_words(own), pictures)


def render(theme: Theme, name: str, context: Mapping[str, Any]) -> str:
    """What the template `name` of `theme` makes of `context`.

    Raises ThemeError with the template's file, line and an excerpt, if it has an error or asks for what is not there.
    """
    try:
        return _environment(theme).get_template(name).render(context)
    except ThemeError as error:
        if error.where:
            raise
        file, line = _last_frame(error, theme, name)
        raise _error(theme, file, line, error.message, error.hint) from error
    except jinja2.TemplateSyntaxError as error:
        message = error.message or "syntax error"
        raise _error(
            theme, error.name or name, error.lineno, message, _meant_filter(theme, message)
        ) from error
    except jinja2.TemplateNotFound as error:
        file, line = _last_frame(error, theme, name)
        known = [file.name for file in theme.files]
        message = f"there is no template {error.name!r}{meant(str(error.name), known)}"
        raise _error(theme, file, line, message, f"here are: {', '.join(known)}") from error
    except jinja2.UndefinedError as error:
        file, line = _last_frame(error, theme, name)
        message, hint = _undefined(error.message or "", context)
        raise _error(theme, file, line, message, hint) from error
    except RecursionError as error:
        file, line = _last_frame(error, theme, name)
        raise _error(theme, file, line, "a template or macro calls itself without end", "") from error
    except (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        file, line = _last_frame(error, theme, name)
        kind = "" if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: "
        raise _error(theme, file, line, f"{kind}{error}", "") from error


@lru_cache(maxsize=64)
def render_css(theme: Theme, name: str) -> str:
    """The style sheet `name` of `theme` with its `{{ theme.accent }}` filled in; empty if there is none."""
    return render(theme, name, {"theme": dict(theme.settings)}) if theme.text(name) else ""


def locate(theme: Theme, text: str) -> tuple[str, int] | None:
    """The file and line of `theme` whose template made `text`, a tag of MJML; None if that is not certain."""
    for matches in (str.__eq__, _could_make):
        places = [
            (file.path, file.text.count("\n", 0, tag.start()) + 1)
            for file in theme.files
            if file.name.endswith(".mjml")
            for tag in _TAG.finditer(file.text)
            if matches(tag[0], text)
        ]
        if places:
            return places[0] if len(places) == 1 else None
    return None


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_TAG = re.compile(rf"<[A-Za-z][\w-]*(?:{_JINJA.pattern}|\"(?:{_JINJA.pattern}|[^\"])*\"|[^\">])*>", re.S)


def _could_make(tag: str, text: str) -> bool:
    """Whether the template `tag` can have become `text`: whatever stands in braces can become anything."""
    between = (re.sub(r"(?:\\\s)+", r"\\s*", re.escape(part)) for part in _JINJA.split(tag))
    return re.fullmatch(r"[^<>]*".join(between), text) is not None


class _Missing(jinja2.StrictUndefined):
    """What is not there, and what it was probably meant to be."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint or owner is missing or not isinstance(name, str):
            return str(super()._undefined_message)
        known = (
            owner if isinstance(owner, Mapping) else [key for key in dir(owner) if not key.startswith("_")]
        )
        there = sorted(str(key) for key in known)
        return f"there is no {name!r} in it{meant(name, there)}\n{', '.join(there)}"


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, which takes long to find out that a text or a number is harmless."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        is_plain = type(value) in (str, Markup, int, bool) and not attr.startswith("_")
        return is_plain or super().is_safe_attribute(obj, attr, value)


class _Compiled(jinja2.BytecodeCache):
    """The code of templates by name and text: an edit compiles one file of a theme again, not all of them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._kept) >= 512:
            self._kept.clear()
        self._kept[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


@lru_cache(maxsize=16)
def _environment(theme: Theme) -> jinja2.Environment:
    texts = {file.name: file.text for file in theme.files}
    environment = _Sandbox(
        loader=jinja2.FunctionLoader(lambda name: (texts[name], name, None) if name in texts else None),
        autoescape=lambda name: name is None or name.endswith(".mjml"),
        undefined=_Missing,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
    )
    del environment.globals["lipsum"], environment.filters["random"]  # nothing is random
    environment.filters |= {"fallback": _fallback, "default": _default, "d": _default}
    return environment


def _fallback(value: object, words: str) -> Mark:
    if not isinstance(value, Mark):
        hint = '{{ subscriber.first_name | fallback("there") }}; for other values use default()'
        raise ThemeError("fallback() is for merge fields", hint=hint)
    return value.fallback(words)


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja2's default(), which for a merge field is fallback(): nothing else is known of it yet."""
    if isinstance(value, Mark):
        return value.fallback(default_value)
    return do_default(value, default_value, boolean)


def _paths(folder: Path) -> list[Path]:
    """The files of a theme in `folder`."""
    try:
        return [path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES and path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ThemeError(f"cannot be read: {error.strerror}", where=str(folder)) from error


def _read(path: Path) -> str:
    return read_text(path, error=ThemeError)


def _read_words(own: Path) -> Words:
    """The fixed words by language: the package's, with the publication's own `templates/words.toml` over them."""
    paths = [path for path in (PACKAGE_THEMES / WORDS_FILE, own / WORDS_FILE) if path.is_file()]
    return _words(tuple(ThemeFile(WORDS_FILE, str(path), _read(path)) for path in paths))


@lru_cache(maxsize=16)
def _words(files: tuple[ThemeFile, ...]) -> Words:
    merged: dict[str, dict[str, str]] = {}
    for file in files:
        for language, words in parse_toml(file.text, where=file.path, error=ThemeError).items():
            if not isinstance(words, dict):
                hint = "write [en] above the words"
                raise ThemeError("words stand below a language", where=place_of(file, language), hint=hint)
            for key, value in words.items():
                if problem := _wrong_in_word(value, merged.get("en", {}).get(key)):
                    raise ThemeError(f"{key} {problem}", where=place_of(file, language, key))
                merged.setdefault(language.lower(), {})[key] = value
    return tuple((language, tuple(words.items())) for language, words in merged.items())


def _wrong_in_word(value: object, english: str | None) -> str:
    """What is wrong with fixed words, of which there are `english` ones; empty if nothing is."""
    if not isinstance(value, str):
        return "must be a text in quotes"
    try:
        unknown = sorted(_names_in(value) - _names_in(value if english is None else english))
    except ValueError as error:
        return f"has a brace too many or too few: {error}"
    return f"has the unknown place {{{unknown[0]}}}" if unknown else ""


def _names_in(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def _error(theme: Theme, name: str, line: int, message: str, hint: str) -> ThemeError:
    """The error at `line` of the file `name`, with the lines around it."""
    lines = theme.text(name).split("\n")
    around = range(max(1, line - 1), min(len(lines), line + 1) + 1)
    excerpt = "\n".join(f"{n:>4} {'>' if n == line else ' '} {lines[n - 1]}".rstrip() for n in around)
    return ThemeError(message, where=f"{theme.path(name)}:{line}", excerpt=excerpt, hint=hint)


def _last_frame(error: BaseException, theme: Theme, name: str) -> tuple[str, int]:
    """The template and line in which `error` was raised: the last frame of its traceback that is a template's."""
    names = {file.name for file in theme.files}
    found, trace = (name, 1), error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in names:
            found = (file, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _undefined(message: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """What to say of an undefined name, and what there is instead."""
    if name := re.fullmatch(r"'(\w+)' is undefined", message):
        return f"{message}{meant(name[1], context)}", f"there are: {', '.join(sorted(context))}"
    message, _, there = message.partition("\n")
    return message, f"there are: {there}" if there else ""


def _meant_filter(theme: Theme, message: str) -> str:
    """The hint for an unknown filter or test."""
    found = re.search(r"No (filter|test) named '(\w+)'", message)
    if not found:
        return ""
    environment = _environment(theme)
    near = nearest(found[2], environment.filters if found[1] == "filter" else environment.tests)
    return f"did you mean {near!r}?" if near else ""
