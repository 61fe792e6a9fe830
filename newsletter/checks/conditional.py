"""Conditional comments: what an email says to Outlook for Windows alone, and what it hides from it.

    <!--[if mso]> only Outlook reads this <![endif]-->
    <!--[if !mso]><!--> all but Outlook read this <!--<![endif]-->

To every other program these are comments, and what stands between two of them is plain HTML; so there is nothing to do
but for Outlook.  A condition that cannot be read does not hold.  Takes any text, does not fail, and is linear in it.

Pure.
Source: Microsoft, "About conditional comments"; Outlook 2016 and later answer to version 16.
"""

from __future__ import annotations

import re

_VERSION = 16.0

_OPENING = re.compile(r"<!(--)?\[if\b([^\]>]{0,200})\]>(\s{0,9}<!--\s{0,9}-*>|\s{0,9}-->)?", re.I)
_CLOSING = re.compile(r"(?:<!--\s{0,9})?<!\[endif\]\s{0,9}(?:--)?>", re.I)
_HIDDEN_END = re.compile(r"<!\[endif\]\s*\Z", re.I)
_WORD = re.compile(r"[|&()!]|[a-z]+|\d+(?:\.\d+)?|\S", re.I)


def outlook_view(html: str) -> str:
    """`html` with the conditional comments opened as Outlook for Windows does it."""
    seen: list[str] = []
    done = 0
    while opening := _OPENING.search(html, done):
        seen.append(html[done : opening.start()])
        is_hidden = opening[1] and not opening[3]
        if is_hidden:  # one comment: it ends where comments end
            end = html.find("-->", opening.end())
            inside = html[opening.end() : end if end >= 0 else len(html)]
            done = end + 3 if end >= 0 else len(html)
            if _HIDDEN_END.search(inside) and holds(opening[2]):
                seen.append(_HIDDEN_END.sub("", inside))
        else:
            closing = _CLOSING.search(html, opening.end())
            if closing is None:  # never closed: nothing is hidden, from here to the end
                done = opening.end()
                break
            done = closing.end()
            if holds(opening[2]):
                seen.append(html[opening.end() : closing.start()])
    seen.append(html[done:])
    return "".join(seen)


def holds(condition: str) -> bool:
    """Whether Outlook for Windows meets a condition: `mso`, `!mso`, `gte mso 9`, `(mso)|(IE)`, `mso & !vml`."""
    words = _WORD.findall(condition.lower())[:200]  # no condition that means anything is longer
    try:
        value, rest = _either(words)
    except (IndexError, ValueError, RecursionError):
        return False
    return value and not rest


def _either(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _both(words)
    while rest and rest[0] == "|":
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _one(words)
    while rest and rest[0] == "&":
        other, rest = _one(rest[1:])
        value = value and other
    return value, rest


def _one(words: list[str]) -> tuple[bool, list[str]]:
    first, *rest = words
    if first == "!":
        value, rest = _one(rest)
        return not value, rest
    if first == "(":
        value, rest = _either(rest)
        if rest[0] != ")":
            raise ValueError
        return value, rest[1:]
    comparison = first if first in ("lt", "lte", "gt", "gte") else ""
    if comparison:
        first, *rest = rest
    if first in ("true", "false"):
        return first == "true", rest
    version = None
    if rest and rest[0][0].isdigit():
        version, rest = float(rest[0]), rest[1:]
    if first not in ("mso", "vml"):
        return False, rest
    if first == "vml" or version is None:
        return True, rest
    return _compared(comparison, version), rest


def _compared(comparison: str, version: float) -> bool:
    match comparison:
        case "lt":
            return version > _VERSION
        case "lte":
            return version >= _VERSION
        case "gt":
            return version < _VERSION
        case "gte":
            return version <= _VERSION
    return version == _VERSION
