"""The settings of a theme: what theme.toml declares, with types and defaults, and a publication's values for them.

    [settings]
    accent = { type = "color", default = "#a8381c", what = "links, kickers, buttons" }

Types: `color` (six hexadecimal digits), `number` (0 to 2000), `text` (one line), `choice` (one of `choices`), `picture` (a
path below the publication, or an address on the web; may be empty).  An unknown key or a value of another type is a
ThemeError with its place, the nearest name and what to write.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from newsletter.config import nearest, parse_toml
from newsletter.errors import ThemeError
from newsletter.toml_lines import line_of

SETTINGS_FILE = "theme.toml"
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_TYPES = ("color", "number", "text", "choice", "picture")
_PICTURE = re.compile(
    r"https?://[^\s\"'<>{}]+|(?![/\\.])(?!.*(?:^|/)\.\.)[^\s\"'<>{}:\\][^\"'<>{}:\\\x00-\x1f]*"
)
_NOT_IN_A_TEXT = re.compile(r"[<>{}\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """One file of a theme: its name in the theme, where it was found, its text."""

    name: str
    path: str
    text: str


def read_settings(file: ThemeFile, overrides: Mapping[str, object], where: str) -> dict[str, str | int]:
    """The settings of a theme: theme.toml's defaults with `overrides` over them, each checked against its type.

    Raises ThemeError, if theme.toml declares one wrongly, or a value at `where` is unknown or of the wrong type.
    """
    declared = declared_settings(file)
    for key in overrides:
        if key not in declared:
            hint = f"its settings: {', '.join(declared) or 'none'}"
            raise ThemeError(
                f"the theme has no setting {key!r}{meant(key, declared)}", where=where, hint=hint
            )
    settings: dict[str, str | int] = {}
    for key, declaration in declared.items():
        if not isinstance(declaration, dict) or "default" not in declaration:
            hint = f'{key} = {{ type = "color", default = "#a8381c" }}'
            message = f"the setting {key!r} has no type and default"
            raise ThemeError(message, where=place_of(file, "settings", key), hint=hint)
        values = [(declaration["default"], "")] + ([(overrides[key], where)] if key in overrides else [])
        for value, place in values:
            checked = _setting(declaration, value)
            if isinstance(checked, _Refusal):
                message = f"{key} = {value!r} is not {checked.wanted}"
                raise ThemeError(message, where=place or place_of(file, "settings", key), hint=checked.hint)
            settings[key] = checked
    return settings


@dataclass(frozen=True, slots=True)
class About:
    """What a theme says of itself: its title, what it is for, and its settings (name, type or choices, default, what)."""

    title: str
    description: str
    settings: tuple[tuple[str, str, str | int, str], ...]


def about(file: ThemeFile) -> About:
    """What theme.toml says of its theme; empty texts where it says nothing."""
    table = parse_toml(file.text, where=file.path, error=ThemeError)
    settings = [
        (
            name,
            " or ".join(_choices(declaration)) or str(declaration["type"]),
            declaration["default"],
            str(declaration.get("what", "")),
        )
        for name, declaration in declared_settings(file).items()
    ]
    return About(str(table.get("title", "")), str(table.get("description", "")), tuple(settings))


@lru_cache(maxsize=16)
def declared_settings(file: ThemeFile) -> Mapping[str, Any]:
    """The settings that theme.toml declares, with the type and default of each."""
    declared = parse_toml(file.text, where=file.path, error=ThemeError).get("settings", {})
    if not isinstance(declared, dict):
        raise ThemeError("settings must be a table", where=place_of(file, "settings"), hint="[settings]")
    return declared


@dataclass(frozen=True, slots=True)
class _Refusal:
    wanted: str
    hint: str


def _setting(declaration: Mapping[str, Any], value: object) -> str | int | _Refusal:
    """`value` of a setting that is declared so, or what it should have been."""
    match kind := str(declaration.get("type")):
        case "color" if isinstance(value, str) and _COLOR.fullmatch(value):
            # Old clients do not know three digits.
            return (
                value.lower() if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:].lower())
            )
        case "color":
            return _Refusal("a colour", 'write six hexadecimal digits: "#b3401e"')
        case "number" if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2000:
            return value
        case "number":
            return _Refusal("a number", "write a whole number from 0 to 2000, without quotes")
        case "text" if isinstance(value, str) and not _NOT_IN_A_TEXT.search(value):
            return value
        case "text":
            return _Refusal("a plain text", "a text in quotes on one line, without < > { }")
        case "choice" if isinstance(value, str) and value in _choices(declaration):
            return value
        case "choice":
            return _Refusal("one of its choices", f"choices: {', '.join(_choices(declaration)) or 'none'}")
        case "picture" if isinstance(value, str) and (not value or _PICTURE.fullmatch(value)):
            return value
        case "picture":
            return _Refusal(
                "a picture", 'a path below the publication, "media/logo.png", or an https address'
            )
        case _:
            return _Refusal(f"anything: its type {kind!r} is unknown", f"types: {', '.join(_TYPES)}")


def _choices(declaration: Mapping[str, Any]) -> list[str]:
    choices = declaration.get("choices")
    return [str(choice) for choice in choices] if isinstance(choices, list) else []


def place_of(file: ThemeFile, *keys: str) -> str:
    """Where in `file` the value of `keys` stands: `file:line`."""
    return f"{file.path}:{line_of(file.text, keys)}"


def meant(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """ ", did you mean ...?" where one of `known` is like `word`, for a message; else an empty text."""
    near = nearest(word, known)
    return f", did you mean {near!r}?" if near else ""
