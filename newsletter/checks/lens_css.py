"""Style sheets and style attributes as one client would read them: without what it does not support.

What stays is written as it was; a sheet or attribute of which nothing goes is returned untouched.  A declaration that
goes lets an earlier one of the same property hold, as in the client.  Beyond yes and no the data has notes ("only on
tables"); the ones that change how a newsletter looks are kept here as code.

Takes any CSS and does not fail.  Pure.
Source: caniemail.com, the data and the notes of its features.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import tinycss2

from newsletter.checks.cascade import parse_color
from newsletter.checks.css_text import css_text
from newsletter.checks.lacks import Lacks
from newsletter.checks.lens_dark import DarkMode, resolved_media, turned_value

#: How much CSS Gmail reads.  caniemail.com, html-style, note 6.
GMAIL_STYLE_BYTES = 16 * 1024

_NEGATIVE = re.compile(r"(?:^|[\s,(])-\d*\.?\d")
_NEW_RGB = re.compile(r"\brgba?\(\s*[\d.]+%?\s+[\d.]", re.I)  # rgb(0 128 0 / 50%)
_WORD_BOXES = frozenset(["div", "p", "span", "body"])
_CELLS = frozenset(["td", "th"])
_DEEPEST = 8


def seen_attribute(style: str, tag: str, lacks: Lacks) -> tuple[str, Counter[str]]:
    """A style attribute of a `tag` as the client reads it, and what was changed."""
    text, changes = _seen_attribute(style, tag, lacks)
    return text, Counter(dict(changes))


@lru_cache(maxsize=8192)
def _seen_attribute(style: str, tag: str, lacks: Lacks) -> tuple[str, tuple[tuple[str, int], ...]]:
    changes: Counter[str] = Counter()
    if lacks.client.startswith("gmail.") and _NEW_RGB.search(style):
        return "", (("style attributes with rgb(0 0 0 / 1) removed", 1),)
    parts = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    kept = list(_seen_declarations(parts, tag, lacks, changes, in_attribute=True))
    has_comment = "/*" in style and "css-comments" in lacks.slugs
    speaks_to_word = lacks.client == "outlook.windows" and "mso-" in style
    if not changes and not has_comment and not speaks_to_word:
        return style, ()
    return ";".join(kept) + (";" if kept else ""), tuple(changes.items())


def seen_sheet(
    css: str, lacks: Lacks, *, dark: bool, inverted: DarkMode = DarkMode.NONE
) -> tuple[str, Counter[str]]:
    """A style sheet as the client reads it, and what was changed.

    Rules for light or dark colours are settled by `dark` where the client knows such rules; `inverted` turns the
    colours of all other rules.
    """
    changes: Counter[str] = Counter()
    if lacks.client.startswith("gmail.") and (why := _why_gmail_drops(css)):
        return "", Counter({f"<style> with {why} removed": 1})
    nodes = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    reader = _SheetReader(lacks, changes, dark, inverted)
    text = "\n".join(reader.rules(nodes))
    if not reader.touched and not changes and not ("/*" in css and "css-comments" in lacks.slugs):
        return css, changes
    return (f"\n{text}\n" if text else ""), changes


def nests_at_rules(css: str) -> bool:
    """Whether an @rule stands inside an @rule, for which Gmail drops the whole sheet."""
    for node in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if node.type == "at-rule" and node.content:
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            if any(rule.type == "at-rule" for rule in inner):
                return True
    return False


def _why_gmail_drops(css: str) -> str:
    if nests_at_rules(css):
        return "an @rule in an @rule"
    return "rgb(0 0 0 / 1)" if _NEW_RGB.search(css) else ""


class _SheetReader:
    """Goes through the rules of one sheet; `touched` says that something was rewritten that is no loss."""

    def __init__(self, lacks: Lacks, changes: Counter[str], dark: bool, inverted: DarkMode) -> None:
        self.lacks, self.changes, self.dark, self.inverted = lacks, changes, dark, inverted
        self.touched = False
        self.knows_schemes = "css-at-media-prefers-color-scheme" not in lacks.slugs

    def rules(self, nodes: Iterable[Any], *, turns: bool = True, depth: int = 0) -> Iterator[str]:
        """The rules that are left, as text; `turns` whether their colours are exchanged in dark mode."""
        for node in nodes:
            if node.type == "qualified-rule":
                yield from self._rule(node, turns)
            elif node.type == "at-rule":
                yield from self._at_rule(node, turns, depth)

    def _rule(self, node: Any, turns: bool) -> Iterator[str]:
        selectors = _kept_selectors(node.prelude, self.lacks, self.changes)
        if not selectors:
            return
        parts = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
        of_outlook_com = any(re.search(r"\[data-ogs[bc]", selector, re.I) for selector in selectors)
        turn = self._turn if turns and not of_outlook_com and self.inverted is not DarkMode.NONE else None
        body = ";".join(_seen_declarations(parts, _last_tag(selectors), self.lacks, self.changes, turn=turn))
        if body:
            yield f"{', '.join(selectors)} {{{body}}}"

    def _turn(self, name: str, value: str) -> str:
        new = turned_value(name, value, self.inverted)
        self.touched |= new != value
        return new

    def _at_rule(self, node: Any, turns: bool, depth: int) -> Iterator[str]:
        keyword, prelude = node.lower_at_keyword, css_text(node.prelude).strip()
        if missing := self.lacks.of_at_rule(keyword, prelude):
            self.changes[f"{self.lacks.title(missing)} removed"] += 1
            return
        head = f"@{node.at_keyword} {prelude}".rstrip()
        if node.content is None:
            yield f"{head};"
            return
        if depth > _DEEPEST:
            self.changes["rules nested too deep removed"] += 1
            return
        if keyword in ("font-face", "page", "property", "counter-style", "viewport"):
            yield f"{head} {{{css_text(node.content)}}}"
            return
        if keyword == "media" and self.knows_schemes:
            media = resolved_media(prelude, dark=self.dark)
            if media != prelude:
                self.touched, turns = True, False  # written for dark mode: not to be turned
            if media is None:
                return
            head = f"@media {media}" if media else ""
        inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
        if keyword.endswith("keyframes"):
            text = "\n".join(self._frames(inner))
        else:
            text = "\n".join(self.rules(inner, turns=turns, depth=depth + 1))
        if text:
            yield f"{head} {{\n{text}\n}}" if head else text

    def _frames(self, nodes: Iterable[Any]) -> Iterator[str]:
        """The steps of an animation; `from` and `50%` are no selectors."""
        for node in nodes:
            if node.type == "qualified-rule":
                parts = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
                body = ";".join(_seen_declarations(parts, "", self.lacks, self.changes))
                yield f"{css_text(node.prelude).strip()} {{{body}}}"


def split_at_commas(tokens: Iterable[Any]) -> list[list[Any]]:
    """The selectors of a list; commas in brackets are not between them."""
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _kept_selectors(prelude: Iterable[Any], lacks: Lacks, changes: Counter[str]) -> list[str]:
    """Those of a rule's selectors that the client reads; none if it reads the rule for none."""
    kept = []
    for selector in (css_text(part).strip() for part in split_at_commas(prelude)):
        if missing := lacks.of_selector(selector):
            changes[f"rules with {lacks.title(missing)} removed"] += 1
        else:
            kept.append(selector)
    if len(kept) > 1 and "css-selector-grouping" in lacks.slugs:
        changes["grouped selectors removed"] += 1
        return []
    return kept


def _last_tag(selectors: list[str]) -> str:
    """The element that a rule is for, if all its selectors name the same; else empty."""
    found = {
        re.search(r"(?:^|[\s>+~])([a-z][a-z0-9]*)(?:[.#\[:][^\s>+~]*)?\Z", text, re.I) for text in selectors
    }
    names = {match[1].lower() if match else "" for match in found}
    return names.pop() if len(names) == 1 else ""


def _seen_declarations(
    parts: Iterable[Any],
    tag: str,
    lacks: Lacks,
    changes: Counter[str],
    *,
    in_attribute: bool = False,
    turn: Callable[[str, str], str] | None = None,
    depth: int = 0,
) -> Iterator[str]:
    """The declarations that are left, and the rules among them, as text."""
    for part in parts:
        if part.type == "declaration":
            name, value = part.lower_name, css_text(part.value).strip()
            name, new = _rewritten(name, value, tag, lacks)
            missing = lacks.of_declaration(name, new, important=part.important) if new is not None else ""
            if new is None or missing:
                changes[f"{part.lower_name}{_reason(part.lower_name, missing, lacks)} removed"] += 1
                continue
            if (name, new) != (part.lower_name, value) and not part.lower_name.startswith("mso-"):
                changes[
                    f"{part.lower_name} read as {name}" if name != part.lower_name else f"{name} read in part"
                ] += 1
            important = part.important
            if important and in_attribute and lacks.client == "outlook.windows":
                important = False  # css-important, note 5
                changes["!important in attributes removed"] += 1
            yield f"{part.name if name == part.lower_name else name}:{turn(name, new) if turn else new}" + (
                " !important" if important else ""
            )
        elif not in_attribute and part.type in ("qualified-rule", "at-rule"):
            yield from _nested(part, lacks, changes, turn, depth)


def _nested(
    part: Any, lacks: Lacks, changes: Counter[str], turn: Callable[[str, str], str] | None, depth: int
) -> Iterator[str]:
    """A rule in a rule, with what is left of it."""
    if part.type == "at-rule" and part.content is None:
        return  # no such thing stands in a rule
    if "css-nesting" in lacks.slugs or depth > _DEEPEST:
        changes["rules in rules removed"] += 1
        return
    if part.type == "at-rule":
        head = f"@{part.at_keyword} {css_text(part.prelude).strip()}"
        if missing := lacks.of_at_rule(part.lower_at_keyword, css_text(part.prelude).strip()):
            changes[f"{lacks.title(missing)} removed"] += 1
            return
    else:
        head = ", ".join(_kept_selectors(part.prelude, lacks, changes))
    inner = tinycss2.parse_blocks_contents(part.content, skip_comments=True, skip_whitespace=True)
    body = ";".join(_seen_declarations(inner, "", lacks, changes, turn=turn, depth=depth + 1)) if head else ""
    if body:
        yield f"{head} {{{body}}}"


def _reason(name: str, missing: str, lacks: Lacks) -> str:
    """What of a declaration is not supported, where it is not the property itself."""
    return (
        f" with {lacks.title(missing)}"
        if missing and missing != f"css-{name}" and name not in missing
        else ""
    )


def _rewritten(name: str, value: str, tag: str, lacks: Lacks) -> tuple[str, str | None]:
    """What the notes of the data make of a declaration: itself, another one, or none (None)."""
    client, lower = lacks.client, value.lower()
    is_webmail = client.startswith(("gmail.", "yahoo.", "outlook."))
    if is_webmail and name.startswith("margin") and _NEGATIVE.search(lower):
        return name, None  # css-margin, note 1
    if client.startswith(("gmail.", "yahoo.")) and name == "text-indent" and _NEGATIVE.search(lower):
        return name, None  # css-text-indent
    if name == "position" and lower not in ("static", "initial", "inherit", "unset"):
        kept = _POSITIONS.get(client)
        return name, value if kept is None or lower in kept else None
    if client.startswith("yahoo.") and name == "height":
        return "min-height", value  # css-height, note 1
    if client.startswith("gmail.") and name == "list-style" and "url(" in lower:
        return name, None
    if client == "outlook.windows":
        if name == "mso-padding-alt" and tag in _CELLS:
            return "padding", value
        if name == "mso-hide" and lower == "all":
            return "display", "none"
        return name, _word_value(name, value, lower, tag)
    return name, value


#: Which values of position a client knows, where not all.  caniemail.com, css-position.
_POSITIONS = {
    "outlook.outlook-com": ("sticky",),
    "yahoo.desktop-webmail": ("relative",),
    "samsung-email.android": ("relative", "absolute"),
    "apple-mail.macos": ("relative", "absolute"),
    "apple-mail.ios": ("relative", "absolute"),
}


def _word_value(name: str, value: str, lower: str, tag: str) -> str | None:
    """What Word makes of a value; None if nothing.  `tag` is empty where a rule is for any element."""
    if name == "display" and (lower != "none" or tag == "img"):
        return None  # css-display, note 5
    if name == "max-width" and tag not in ("", "table"):
        return None  # css-max-width, note 1
    if name == "width" and tag in _WORD_BOXES | {"img"}:
        return None  # css-width
    if name == "height" and tag in _WORD_BOXES:
        return None  # css-height, note 2
    if name.startswith("padding") and tag and tag not in _CELLS:
        return None  # css-padding, note 1
    if name.startswith("margin"):
        if tag in ("span", "body"):
            return None  # css-margin, note 2
        return re.sub(r"\bauto\b", "0", value, flags=re.I)  # note 4
    if name == "background" and "(" in lower:  # note 3: a colour, or nothing
        colors = [
            css_text([token]) for token in tinycss2.parse_component_value_list(value) if _is_color(token)
        ]
        return colors[0] if colors else None
    if name == "text-transform" and lower == "lowercase":
        return None
    return value


def _is_color(token: Any) -> bool:
    return token.type in ("hash", "ident") and parse_color(css_text([token])) is not None
