"""What becomes of a theme's styles: what no attribute can hold, what Gmail drops, what dark mode needs, what MJML is not told.

    E11x   styles that a whole mail program loses
    W21x   what does not do what it says: rules of inline.css, attributes of MJML, dark mode

What would stop premailer or MJML stops the build and never comes so far.  MJML is read as it is written in the theme's
files: an attribute into which a template prints something is left alone.

Nothing here fails: what cannot be read is a finding.  Pure.
Source: Google, "CSS Support" of Gmail; hteumeuleu/email-bugs, nested at-rules; for the rest see `render`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import tinycss2

from newsletter.checks.cascade import WHITE, looks
from newsletter.checks.css_text import css_text
from newsletter.checks.finding import Finding
from newsletter.checks.parsed import document
from newsletter.checks.style_rules import is_for_dark, style_texts
from newsletter.checks.subject import SourceFile, Subject
from newsletter.checks.theme_places import issue_template, place_of_color, place_of_css
from newsletter.render.mjml import Problem, validate
from newsletter.render.mjml_syntax import TAG
from newsletter.render.stylesheet import CssProblem, check_inline_css
from newsletter.render.theme import HEAD_CSS, INLINE_CSS, render_css

CODES: Mapping[str, str] = {
    "E110": "the style sheets have more than 16 kB: Gmail drops what is more, and with it the layout on phones",
    "E111": "an at-rule inside an at-rule: Gmail drops the whole <style> in which it stands",
    "E112": "a rule in a style sheet that cannot be read",
    "W210": "the style sheets have nearly the 16 kB that Gmail takes",
    "W211": "a rule of inline.css, or of an inlined <mj-style>, that does not reach the elements as it is written",
    "W212": "a declaration in a style sheet that cannot be read, or a rule inside a rule",
    "W213": "an MJML component or attribute that does not do what it says",
    "W214": "the theme says nothing of dark mode, which each mail program then makes up",
    "W215": "the colours for dark mode lack the color-scheme metas that switch them on",
    "W216": "a part stays white in dark mode",
}

_GMAIL, _NEARLY = 16_000, 14_000
_MOVE = f"move it into a <style> of its own, behind the one of {HEAD_CSS}"
_SCHEMES = ("color-scheme", "supported-color-schemes")


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the styles of `subject`."""
    sheets = list(style_texts(document(subject.html)))
    yield from _check_length(subject, sheets)
    for css, _ in dict.fromkeys(sheets):
        yield from _check_sheet(subject, css)
    yield from _check_inlined(subject)
    yield from _check_mjml(subject)
    yield from _check_dark(subject, sheets)


# --- style sheets -------------------------------------------------------------------------------------------


def _check_length(subject: Subject, sheets: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    size = sum(len(css.encode("utf-8", "replace")) for css, _ in sheets)
    if size > _NEARLY:
        where = (
            subject.sources.find(suffix=HEAD_CSS) if subject.theme.text(HEAD_CSS) else issue_template(subject)
        )
        code, what = ("E110", "drops") if size > _GMAIL else ("W210", "would drop")
        message = f"the style sheets have {size:,} bytes, and Gmail {what} what is more than {_GMAIL:,}"
        hint = (
            f"take out of {HEAD_CSS} what inline.css says already, and rules for what the theme does not use"
        )
        yield Finding(code, where, message, hint)


def _check_sheet(subject: Subject, css: str) -> Iterator[Finding]:
    """What programs would skip, and what makes Gmail skip more than that."""
    for line, message, serious, hint in _sheet_problems(css):
        yield Finding("E112" if serious else "W212", _place(subject, css, line), message, hint)
    nested, has_others = _nested(css)
    for line, name in nested if has_others else ():
        message = f"{name} inside another at-rule: Gmail drops the whole <style> in which it stands"
        yield Finding("E111", _place(subject, css, line), message, _MOVE)


def _place(subject: Subject, css: str, line: int) -> str:
    """Where the line of a style sheet is written, or the nearest above that can be told from others: not a mere `}`."""
    for text in reversed(css.split("\n")[max(0, line - 6) : line]):
        if (place := place_of_css(subject, text)) != issue_template(subject):
            return place
    return issue_template(subject)


@lru_cache(maxsize=32)
def _sheet_problems(css: str) -> tuple[tuple[int, str, bool, str], ...]:
    """Line, message, seriousness and hint for what cannot be read in a style sheet."""
    return tuple(_unread(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)))


def _unread(nodes: Iterable[Any]) -> Iterator[tuple[int, str, bool, str]]:
    for node in nodes:
        slips = [
            part for part in getattr(node, "prelude", None) or () if part.type == "error"
        ]  # a } too many
        if node.type == "error" or slips:
            slip = slips[0] if slips else node
            hint = "look for a brace { or } that is missing, or is one too many, there or above"
            yield slip.source_line, f"a rule that cannot be read: {slip.message}", True, hint
        elif node.type == "at-rule" and node.content and node.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            yield from _unread(inner)
        elif node.type == "qualified-rule":
            for part in tinycss2.parse_blocks_contents(
                node.content, skip_comments=True, skip_whitespace=True
            ):
                if part.type == "error":
                    message = "a declaration that cannot be read, which programs skip"
                    yield part.source_line, message, False, "write it as property: value;"
                elif part.type in ("qualified-rule", "at-rule"):
                    message = "a rule inside a rule, which many mail programs cannot read"
                    yield (
                        part.source_line,
                        message,
                        False,
                        "close the rule above with }, or write the inner one by itself",
                    )


@lru_cache(maxsize=32)
def _nested(css: str) -> tuple[tuple[tuple[int, str], ...], bool]:
    """The at-rules inside at-rules, with their lines, and whether the style sheet holds anything else."""
    nodes = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    nested, others = [], 0
    for node in nodes:
        inner = _inside(node)
        nested += [(part.source_line, f"@{part.at_keyword}") for part in inner if part.type == "at-rule"]
        others += all(part.type != "at-rule" for part in inner)
    return tuple(nested), others > 0


def _inside(node: Any) -> list[Any]:
    """The rules in an at-rule that holds rules."""
    if node.type != "at-rule" or not node.content or node.lower_at_keyword in ("font-face", "page"):
        return []
    return list(tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True))


# --- what goes into attributes ------------------------------------------------------------------------------


def _check_inlined(subject: Subject) -> Iterator[Finding]:
    css = render_css(subject.theme, INLINE_CSS)
    for problem in check_inline_css(css, name=INLINE_CSS):
        yield _css_finding(problem, _place(subject, css, problem.line))
    for file in subject.sources.files:
        if file.path.endswith(".mjml"):
            for problem, line in _inlined_sheets(file):
                yield _css_finding(problem, f"{file.path}:{line}")


def _css_finding(problem: CssProblem, where: str) -> Finding:
    return Finding("W211", where, problem.message, problem.hint)


@lru_cache(maxsize=64)
def _inlined_sheets(file: SourceFile) -> tuple[tuple[CssProblem, int], ...]:
    """What is wrong in each `<mj-style inline="inline">` of a template, with the line of the file."""
    found = []
    for sheet in re.finditer(
        r"<mj-style\b[^>]*\binline=[\"']inline[\"'][^>]*>(.*?)</mj-style>", file.text, re.S
    ):
        if not _JINJA.search(sheet[1]):
            before = file.text.count("\n", 0, sheet.start(1))
            found += [(problem, before + problem.line) for problem in check_inline_css(sheet[1])]
    return tuple(found)


# --- MJML ---------------------------------------------------------------------------------------------------

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_PRINTED = "JinjaWord"
_DEFAULTS = re.compile(r"<mj-attributes>(.*?)</mj-attributes>", re.S)


def _check_mjml(subject: Subject) -> Iterator[Finding]:
    files = [file for file in subject.sources.files if file.path.endswith(".mjml")]
    declared = "".join(block for file in files for block in _DEFAULTS.findall(file.text))
    for file in files:
        for problem in _mild_problems(file.text, declared):
            yield Finding("W213", f"{file.path}:{problem.line}", problem.message, problem.hint)


@lru_cache(maxsize=128)
def _mild_problems(template: str, declared: str) -> tuple[Problem, ...]:
    """What `validate` finds in a template as it is written, but for what Jinja may change.

    Serious problems would have stopped the build: in a template they come of its being a part.  `declared` is what the
    <mj-attributes> of all the templates hold.
    """
    text = _JINJA.sub(_blanked, template)
    lines = text.split("\n")
    return tuple(
        problem
        for problem in validate(text)
        if not problem.serious
        and _PRINTED not in _tag_around(lines, problem.line, problem.column)
        and not _is_settled(problem.message, declared)
    )


def _is_settled(message: str, declared: str) -> bool:
    """Whether another template may set for all components what is missed here."""
    missed = re.match(r"there is no mj-class (.*)", message) or re.search(r" has no (alt|src)\b", message)
    name = missed[1] if missed else "src" if "comes from" in message or "no icon" in message else "-url"
    is_missing = missed or name == "src" or "come from" in message
    return bool(is_missing) and re.search(rf"\b{re.escape(name)}\b", declared) is not None


def _blanked(found: re.Match[str]) -> str:
    """What stands for a piece of Jinja: a word for what it prints or may change, as many lines as it had."""
    word = "" if found[0].startswith("{#") else f" {_PRINTED} " if found[0].startswith("{%") else _PRINTED
    return word + "\n" * found[0].count("\n")


def _tag_around(lines: list[str], line: int, column: int) -> str:
    """The start tag that the place is in, or begins."""
    text = "\n".join(lines)
    offset = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
    start = text.rfind("<", 0, offset + 1)
    tag = TAG.match(text, start) if start >= 0 else None
    return tag[0] if tag and tag.end() > offset else text[max(0, offset - 20) : offset + 40]


# --- dark mode ----------------------------------------------------------------------------------------------


def _check_dark(subject: Subject, sheets: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    said = {
        str(meta.get("name")).lower(): (meta.get("content") or "").lower()
        for meta in document(subject.html).iter("meta")
        if meta.get("name")
    }
    has_dark = any(is_for_dark(media) or _has_dark_rules(css) for css, media in sheets)
    if not has_dark:
        is_light = "dark" not in said.get("color-scheme", "dark")
        if not is_light:
            message = "the theme has no colours for dark mode: each mail program makes up its own"
            hint = (
                "write them into head.css below @media (prefers-color-scheme: dark), or, if there shall be none, "
                '<meta name="color-scheme" content="light only"> into the head'
            )
            yield Finding("W214", _place_of_head(subject), message, hint)
        return
    missing = [name for name in _SCHEMES if "dark" not in said.get(name, "")]
    if missing:
        message = (
            f"the theme has colours for dark mode, but no {' and no '.join(missing)}: Apple Mail ignores them"
        )
        hint = " ".join(f'<meta name="{name}" content="light dark">' for name in missing)
        yield Finding("W215", _place_of_head(subject), message, f"write in an <mj-raw> in the head: {hint}")
    white = [look for look in looks(subject.html, dark=True) if look.ground == WHITE]
    if white and any((look.contrast or 0) >= 4.5 for look in white):
        words = white[0].text[:40]
        message = f'a part stays white in dark mode and glares there: "{words}"'
        hint = (
            f"give it a background in {HEAD_CSS} below @media (prefers-color-scheme: dark), with !important"
        )
        yield Finding("W216", place_of_color(subject, WHITE), message, hint)


def _place_of_head(subject: Subject) -> str:
    return subject.sources.find("<mj-head", suffix=".mjml")


@lru_cache(maxsize=32)
def _has_dark_rules(css: str) -> bool:
    nodes = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return any(node.type == "at-rule" and is_for_dark(css_text(node.prelude)) for node in nodes)
