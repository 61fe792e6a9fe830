"""What is wrong with a theme's inline.css: rules that premailer would fail on, and rules that it would lose.

Rules that no attribute can hold (media queries, :hover, dark mode) belong in the theme's head.css; `check_inline_css`
names each that stands in the wrong file, with its line.  It asks premailer itself what it makes of a rule.

Pure: no clock, no disk, no network.
Source: premailer 3.10.0 with cssutils 2.15.0, as measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tinycss2
from cssselect import HTMLTranslator, SelectorError
from lxml import etree

from newsletter.render.inline import premailer_rules as _read

# What only a mail client puts around the email, so that nothing in it matches yet.
_ONE_CLIENT = re.compile(r"\[data-ogs[cb]|(?:^|\s)u\s*\+|\.moz-text-html|#MessageViewBody|\.ExternalClass")

_MOVE = "move it to head.css"


@dataclass(frozen=True, slots=True)
class CssProblem:
    """A rule that does not do what it says; `where` is `inline.css:12`; `serious` if premailer would fail."""

    where: str
    line: int
    message: str
    hint: str = ""
    serious: bool = False


@lru_cache(maxsize=16)
def check_inline_css(css: str, *, name: str = "inline.css") -> tuple[CssProblem, ...]:
    """What is wrong with a style sheet whose rules are to go into attributes, in the order of its lines."""
    nodes = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    problems = [*_check_usable(nodes, name), *_check_kept(nodes, name)]
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _is_rule(node: Any) -> bool:
    return bool(node.type == "qualified-rule")


def _is_media(node: Any) -> bool:
    return bool(node.type == "at-rule" and node.lower_at_keyword == "media")


def _why_unusable(selector: str) -> str:
    """Why premailer would fail on `selector`; empty if it would not."""
    try:
        _xpath(selector, "descendant-or-self::")
    except (SelectorError, etree.XPathError) as error:
        return str(error)
    return ""


def _check_usable(nodes: Iterable[Any], name: str) -> Iterator[CssProblem]:
    """What premailer would fail on."""
    for node in nodes:
        line, where = node.source_line, f"{name}:{node.source_line}"
        if node.type == "error":
            yield CssProblem(where, line, f"CSS that cannot be read: {node.message}", serious=True)
        elif _is_rule(node):
            text = tinycss2.serialize(node.prelude).strip()
            for _, selector, _ in _read(node.serialize())[0]:
                if why := _why_unusable(selector):
                    message = f"premailer cannot use the selector {text}: {why}"
                    hint = "it cuts selectors at every comma, even in brackets: write this one without"
                    yield CssProblem(where, line, message, hint, serious=True)


def _check_kept(nodes: Iterable[Any], name: str) -> Iterator[CssProblem]:
    """What premailer would leave out, or put into <style>."""
    for node in nodes:
        where = f"{name}:{node.source_line}"
        if _is_rule(node):
            for message in _check_selectors(tinycss2.serialize(node.prelude).strip()):
                yield CssProblem(where, node.source_line, message, _MOVE)
            yield from _check_declarations(node, name)
        elif node.type == "at-rule" and node.lower_at_keyword != "charset":
            fate = "goes to <style>" if _is_media(node) else "would be lost"
            message = f"@{node.at_keyword} cannot go into an attribute and {fate}"
            yield CssProblem(where, node.source_line, message, _MOVE)


def _check_selectors(text: str) -> Iterator[str]:
    """Which of the selectors before a block do not go into attributes, and what becomes of them."""
    rules, leftover = _read(f"{text} {{ color: red }}")
    if not rules and not leftover:
        yield f"{text} would be lost"
    for moved in leftover:
        what = moved[0] if isinstance(moved, tuple) else text  # or what cssutils takes for a media rule
        yield f"{what} cannot go into an attribute and goes to <style>"
    for _, selector, _ in rules:
        if _ONE_CLIENT.search(selector):
            yield f"{selector} matches nothing before a mail client has opened the email"
        elif _why_unusable(selector):
            return  # reported as that
    for selector in text.split(","):
        if rules and "*" in selector and ":" not in selector:
            yield f"{selector.strip()} would be lost"
        elif re.search(r"(?:^|[\s>+~])[A-Z]", selector):
            yield f"{selector.strip()} would match nothing: names of elements are lower case"


def _check_declarations(rule: Any, name: str) -> Iterator[CssProblem]:
    """What premailer would leave out of the declarations of a rule."""
    seen: set[str] = set()
    for part in tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True):
        line, where = part.source_line, f"{name}:{part.source_line}"
        if part.type == "error":
            yield CssProblem(where, line, "a declaration that cannot be read", "write it as property: value;")
        elif part.type != "declaration":
            yield CssProblem(
                where, line, "a rule inside a rule would be lost", "write it as a rule of its own"
            )
        else:
            text = f"{part.name}: {tinycss2.serialize(part.value).strip()}"
            if part.lower_name in seen:
                message = f"only the last {part.lower_name} of a rule is kept"
                yield CssProblem(where, line, message, "what is for some clients belongs in head.css")
            if not _read(f"p {{ {text} }}")[0]:
                yield CssProblem(where, line, f"{text} would be lost", "premailer does not understand it")
            elif part.important:
                message = f"{text} !important does not win over what stands in the element"
                yield CssProblem(where, line, message, _MOVE)
            seen.add(part.lower_name)


def _xpath(selector: str, prefix: str) -> Any:
    return etree.XPath(HTMLTranslator().css_to_xpath(selector, prefix))
