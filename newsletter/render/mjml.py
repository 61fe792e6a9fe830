"""MJML becomes the HTML of an email.

    source --validate--> problems --normalise--> MJML as mrml reads it --mrml--> HTML --polish, put back-->

`compile_mjml` is the whole way.  What stands inside a component as HTML (`<mj-text>...</mj-text>`) goes past
mrml: it is taken out before and put back after, so every byte of it comes out as it went in.  (mrml would drop
line breaks between inline elements, print some characters of attributes as Rust does, `\\u{fe0f}`, and fail
on what is not XML.)  What is left to mrml, components and their attributes, is written so that its result is
drawn like npm's mjml's.

If something is wrong, a ThemeError names file, line, remedy and shows the place; the lines are those of the
MJML as it came out of Jinja.  mrml itself is called on nothing that was measured to make it fail.

No web font is loaded but those that an <mj-font> names: mrml would add a link to Google for its default,
Ubuntu.

Pure: no clock, no disk (but for the package's own table of MJML), no network.
Source: mrml 6.0.1 (in mjml-python 1.4.2) compared with npm's mjml 4.18; tests/mjml_matrix draws both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import tinycss2
from mjml import mjml2html

from newsletter.errors import ThemeError
from newsletter.render.mjml_layout import Layout, measure, mend
from newsletter.render.mjml_rules import COMMENTED, Problem, validate
from newsletter.render.mjml_schema import schema
from newsletter.render.mjml_syntax import TAG, VOID, Kind, Lines, Piece, scan

__all__ = ["Problem", "compile_mjml", "normalise", "validate"]

# mrml prints the values of attributes with Rust's {:?}, which escapes all but these.
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_SHORT_COLOR = re.compile(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])\Z")
_SIZES = re.compile(r"(?:[a-z]+-)?(?:padding|border)(?:-(?:top|right|bottom|left|width|radius))?\Z")
_STRAY_SEMICOLON = re.compile(r"\}\s*;")  # npm's mjml reads on behind it; premailer loses the next rule
_WORD = re.compile(r"[^\s(]*\([^)]*\)\S*|\S+")  # a function with its arguments is one word
#: Attributes that npm's mjml takes for missing when they are empty.
_MAY_BE_EMPTY = frozenset(
    ["href", "src", "srcset", "background-url", "name", "rel", "target", "title", "full-width", "base-url"]
)
_WITH_ALT = frozenset({"mj-image", "mj-social-element", "mj-carousel-image"})

_EXCERPT_WIDTH = 100


@lru_cache(maxsize=8)  # an edit of an article's body changes no MJML: bodies come in later
def compile_mjml(source: str, *, name: str = "issue.mjml") -> str:
    """The HTML of the MJML document `source`.

    Raises ThemeError, if a problem of `validate` is serious; `name` is the file that it names.
    """
    serious = [problem for problem in validate(source) if problem.serious]
    if serious:
        raise _theme_error(source, name, serious)
    aside = _Aside(source)
    read = list(scan(source))
    layout = measure(read, mark=_unused_word(source, "MjmlStyle"))
    pieces = list(_normalised(read, aside, layout))
    try:
        html: str = mjml2html("".join(text for _, text in pieces), fonts={})
    except ValueError as error:
        problem = Problem(*_place(source, pieces, str(error)), f"MJML cannot be compiled: {error}")
        raise _theme_error(source, name, [problem]) from error
    return aside.put_back(mend(_polish(html), layout))


def normalise(source: str) -> str:
    """`source` written so that mrml understands it as npm's mjml does; texts and HTML stay as they are."""
    return "".join(text for _, text in _normalised(list(scan(source)), None, Layout({}, {}, "")))


def _unused_word(source: str, word: str) -> str:
    """`word`, with letters added until it does not stand in `source`."""
    while word in source:
        word += "x"
    return word


class _Aside:
    """Texts taken out of the source, with the marks of letters and digits that stand for them meanwhile."""

    def __init__(self, source: str) -> None:
        self._mark = _unused_word(source, "MjmlText")
        self._texts: list[str] = []

    def take(self, text: str) -> str:
        """The mark that stands for `text`."""
        self._texts.append(text)
        return f"{self._mark}{len(self._texts) - 1}z"

    def put_back(self, html: str) -> str:
        """`html` with every text in the place of its mark."""
        return re.sub(rf"{self._mark}(\d+)z", lambda match: self._texts[int(match[1])], html)


def _normalised(pieces: list[Piece], aside: _Aside | None, layout: Layout) -> Iterator[tuple[int, str]]:
    """The pieces of the normalised document, each with the offset in the source that it comes from."""
    with_alt = _WITH_ALT - _given_default(pieces, "alt")
    stack: list[Piece] = []
    important = ""
    for piece in pieces:
        parent = stack[-1].name if stack else ""
        text = piece.text
        if piece.kind is Kind.OPEN:
            text = _start_tag(piece, layout.written(piece.start), with_alt=piece.name in with_alt)
            if not piece.empty and piece.name not in VOID:
                stack.append(piece)
        elif piece.kind is Kind.CLOSE:
            text = f"</{piece.name}>"
            if stack and stack[-1].name == piece.name and _is_inlined(stack.pop()):
                text = f"</style>{important and f'<style>{important}</style>'}</mj-raw>"
                important = ""
        elif piece.kind is Kind.TEXT and len(text.strip()) <= 1:  # a slip, which npm's mjml leaves out too
            text = "\n"  # where mrml takes no text, it takes white space only if that begins with a line feed
        elif piece.kind is Kind.COMMENT:
            text = _comment(text, parent, aside) if parent in COMMENTED else ""
        elif piece.kind is Kind.CONTENT and aside:
            around = stack[-2].name if len(stack) > 1 else ""
            if stack and _is_inlined(stack[-1]):
                text = _STRAY_SEMICOLON.sub("}", text)
                important = aside.take(_important(text)) if "!important" in text else ""
            text = _content(text.strip(" \t\r\n\f"), parent, around, aside)
        yield piece.start, text


def _given_default(pieces: Iterable[Piece], name: str) -> frozenset[str]:
    """The components with an alt text for which <mj-attributes> may set the attribute `name`."""
    given: set[str] = set()
    inside = False
    for piece in pieces:
        if piece.name == "mj-attributes":
            inside = piece.kind is Kind.OPEN and not piece.empty
        elif inside and any(attribute.name == name for attribute in piece.attributes):
            given |= _WITH_ALT if piece.name in ("mj-all", "mj-class") else {piece.name}
    return frozenset(given)


def _is_inlined(piece: Piece) -> bool:
    """Whether the rules of this <mj-style> shall go into the elements, as `inline.inline_styles` does."""
    marked = any(attribute.name == "inline" and attribute.value == "inline" for attribute in piece.attributes)
    return piece.name == "mj-style" and marked and not piece.empty


def _important(css: str) -> str:
    """The !important declarations of a style sheet.

    They win over what stands in the elements, which they do not when premailer puts them there: so they also stay.
    """
    kept = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "qualified-rule":
            parts = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            declared = [part.serialize() for part in parts if part.type == "declaration" and part.important]
            if declared:
                kept.append(f"{tinycss2.serialize(rule.prelude).strip()} {{ {'; '.join(declared)} }}")
    return "\n".join(kept)


def _start_tag(piece: Piece, layout: Mapping[str, str], *, with_alt: bool) -> str:
    """A start tag with each attribute once, in double quotes, its value as mrml understands it.

    What `layout` says of an attribute stands instead of what the tag says.
    """
    if _is_inlined(piece):
        return '<mj-raw><style data-inline="inline">'
    values: dict[str, str | None] = {}
    for attribute in piece.attributes:
        if attribute.name not in values:  # the first one counts for npm's mjml, the last one for mrml
            values[attribute.name] = _value(attribute.name, attribute.value or "")
    values |= {name: _printable(value) for name, value in layout.items()}
    if with_alt:
        values.setdefault("alt", "")
    written = "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)
    return f"<{piece.name}{written}{' /' if piece.empty else ''}>"


def _value(name: str, value: str) -> str | None:
    """What to write for the value of an attribute; None to leave the attribute out."""
    kind = schema().everywhere.get(name, "")
    if (name in _MAY_BE_EMPTY and not value.strip()) or (name, value) == ("full-width", "false"):
        return None
    if name == "mj-class":
        value = " ".join(reversed(value.split()))  # npm's mjml: the last one counts; mrml: the first
    elif kind == "color":
        value = _SHORT_COLOR.sub(r"#\1\1\2\2\3\3", value)
    elif _SIZES.match(name):
        value = _WORD.sub(lambda word: "0px" if word[0] == "0" else word[0], value)
    return _printable(value)


def _printable(value: str) -> str:
    """The value of an attribute without the characters that mrml would print as Rust does."""
    if _UNSAFE.search(value):
        value = _UNSAFE.sub(lambda match: f"&#{ord(match[0])};", _BLANKS.sub(" ", value))
    return value


def _comment(text: str, parent: str, aside: _Aside | None) -> str:
    if aside is None:
        return text
    if parent == "mj-wrapper":
        return aside.take(_between_rows(text))
    return f"<!--{aside.take(text[4:-3])}-->"


def _content(text: str, name: str, around: str, aside: _Aside) -> str:
    """The mark that stands for the content of the ending component `name`, which stands in `around`."""
    if not text:
        return ""
    if name == "mj-title":
        text = text.replace('"', "&quot;")  # mrml makes an attribute of it too
    elif name == "mj-raw" and around == "mj-wrapper":
        text = _between_rows(text)
    return aside.take(text)


def _between_rows(html: str) -> str:
    """`html` as it must stand between the sections of a wrapper, where mrml is inside a comment."""
    return f"<![endif]-->{html}<!--[if mso | IE]>"


# ---------------------------------------------------------------- what mrml makes

_OUTLOOK = re.compile(r"<!--\[if mso \| IE\]>.*?<!\[endif\]-->", re.DOTALL)
_OUTLOOK_CLASSES = re.compile(r'class="([^"]+ [^"]+-outlook)"')
_LONG_PERCENTAGE = re.compile(r"(?<=width:)\d+\.\d{4,}(?=%)")
_LONG_PIXELS = re.compile(r"(?<=width:)(\d+\.\d{2})\d{2,}(?=px)")
_IMAGE_PIXELS = re.compile(r'(<td style="width:\d+|<img [^>]*width="\d+)\.\d+(?=px;">|")')
_SHORTHAND_LAST = re.compile(r"((?:(padding|border)-[a-z]+:[^;\"]*;)(?:\2-[a-z]+:[^;\"]*;)*)(\2:[^;\"]*;)")
_ALIGNED_CELL = re.compile(r'(<td [^>]*?) vertical-align="[^"]*"')
_TABLE = re.compile(
    r'(<table [^>]*cellspacing="([^"]*)"[^>]*style="color:[^"]*?)(?:border-collapse:separate;)?">'
)


def _polish(html: str) -> str:
    """What mrml made, without its differences from what npm's mjml makes; texts are still set aside."""
    html = html.replace("<!doctype html>", "<!DOCTYPE html>", 1)  # premailer drops the former
    html = html.replace("@media screen, yahoo", "@media screen yahoo")  # for Yahoo alone: no arrows there
    html = _OUTLOOK.sub(lambda comment: _OUTLOOK_CLASSES.sub(_outlook_classes, comment[0]), html)
    html = _LONG_PERCENTAGE.sub(_exact_percentage, html)
    html = _IMAGE_PIXELS.sub(r"\1", html)  # mrml gives images parts of pixels, which Outlook cannot read
    html = _LONG_PIXELS.sub(r"\1", html)
    html = _SHORTHAND_LAST.sub(r"\3\1", html)  # behind them, padding would undo padding-top
    html = _ALIGNED_CELL.sub(r"\1", html)  # not an attribute of HTML
    html = html.replace(' bgcolor="none"', "")  # which clients take for a colour
    return _TABLE.sub(_table, html)


def _outlook_classes(match: re.Match[str]) -> str:
    """Each class of an element that only Outlook sees ends in -outlook; mrml forgets all but the last."""
    names = match[1].removesuffix("-outlook").split()
    return 'class="{}"'.format(" ".join(f"{name}-outlook" for name in names))


def _exact_percentage(match: re.Match[str]) -> str:
    """33.333332, a third in mrml's 32 bits, as 33.333333333333336, so that three columns fill the whole."""
    rounded = float(match[0])
    for parts in range(3, 25):
        exact = 100 * round(rounded * parts / 100) / parts
        if abs(exact - rounded) <= rounded * 2e-7:
            return repr(exact)
    return match[0]


def _table(match: re.Match[str]) -> str:
    """An mj-table keeps its cells apart if it has a cellspacing; for mrml, if it has a border."""
    spaced = match[2].removesuffix("px") not in ("", "0")
    return f'{match[1]}{"border-collapse:separate;" if spaced else ""}">'


# ---------------------------------------------------------------- errors


def _theme_error(source: str, name: str, problems: list[Problem]) -> ThemeError:
    """The first of the problems, with the place in the source and how many others there are."""
    first = problems[0]
    message = first.message
    if others := len(problems) - 1:
        message += f" (and {others} more {'problem' if others == 1 else 'problems'})"
    line = source.split("\n")[first.line - 1]
    start = max(0, min(first.column - _EXCERPT_WIDTH // 2, len(line) - _EXCERPT_WIDTH))
    shown = line[start : start + _EXCERPT_WIDTH].replace("\t", " ").rstrip("\r")
    excerpt = f"{shown}\n{' ' * (first.column - 1 - start)}^"
    tag = TAG.match(line, first.column - 1)
    return ThemeError(
        message,
        where=f"{name}:{first.line}",
        hint=first.hint,
        excerpt=excerpt,
        source_text=tag[0] if tag else "",
    )


def _place(source: str, pieces: list[tuple[int, str]], message: str) -> tuple[int, int]:
    """Line and column in the source of mrml's "at position 16:34", bytes in the normalised text."""
    match = re.search(r"position (\d+):", message)
    if match is None:
        return 1, 1
    left = int(match[1])
    for start, text in pieces:
        size = len(text.encode())
        if left < size:
            return Lines(source).place(start)
        left -= size
    return Lines(source).place(len(source))
