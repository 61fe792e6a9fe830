"""Where in a TOML document a key stands, so that an error can name the line.

tomllib reads values and forgets lines; here headers and keys are found again, texts and comments passed over.

Source: toml.io/en/v1.0.0.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence


def line_of(text: str, keys: Sequence[str], number: int = 0) -> int:
    """The line of a TOML document where `keys`, from the outside in, stand; or what is nearest around them.

    `number` says which one of the `[[tables]]` with the first key is meant.
    """
    best, deepest, seen = 1, 0, -1
    wanted, table = tuple(keys), tuple[str, ...]()
    for line, brackets, written in _headers_and_keys(text):
        if brackets:
            table = written
            seen += brackets == "[[" and written == wanted[:1]
        path = written if brackets else table + written
        common = min(len(path), len(wanted))
        if (
            path[:common] == wanted[:common]
            and common > deepest
            and (table[:1] != wanted[:1] or seen in (-1, number))
        ):
            best, deepest = line, common
    return best


#: A text over several lines, which could be mistaken for headers and keys.  Other texts and comments are here
#: to be passed over, so that quotes in them begin nothing.
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|' r"'''.*?'''+|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*",
    re.S,
)
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER_OR_KEY = re.compile(rf"[ \t]*(?:(\[\[?)[ \t]*({_DOTTED})[ \t]*\]|({_DOTTED})[ \t]*=)")


def _headers_and_keys(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every header and key of a TOML document: its line, the brackets of a header, its parts."""
    flat = _TEXT.sub(lambda match: "\n" * match[0].count("\n") or match[0], text)
    for number, line in enumerate(flat.split("\n"), start=1):
        if found := _HEADER_OR_KEY.match(line):
            yield (
                number,
                found[1] or "",
                tuple(part.strip("\"'") for part in re.findall(_PART, found[2] or found[3])),
            )


def line_that_is_not_utf8(content: bytes) -> int:
    """The first line of `content` that is not UTF-8; 0 if all are."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content[: error.start].count(b"\n") + 1
    return 0
