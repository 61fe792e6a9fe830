"""What MJML allows: components, their attributes with the types of the values, and which may stand in which.

The tables are npm's (`data/mjml-schema.json`, read off mjml 4.18), less what mrml, the compiler behind
mjml-python, does not know.  A component or attribute that is not in them is a mistake of the writer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tinycss2.color3 import parse_color

#: Attributes that every component of the body takes.
GLOBAL = frozenset({"css-class", "mj-class"})

#: Components of npm's MJML that mrml refuses, and what to write instead.
UNSUPPORTED = {
    "mj-include": "use Jinja's {% include %}",
    "mj-html-attributes": "write the attributes on the elements themselves, in <mj-text> or <mj-raw>",
    "mj-selector": "write the attributes on the elements themselves, in <mj-text> or <mj-raw>",
    "mj-html-attribute": "write the attributes on the elements themselves, in <mj-text> or <mj-raw>",
    "mj-dev": "leave it out",
}
# mrml fails on mj-raw in these, though npm's MJML allows it.
_NO_RAW = frozenset({"mjml", "mj-social", "mj-navbar", "mj-accordion", "mj-accordion-element"})

#: The attributes of <mjml>, which is not a component.
_ROOT = {"lang": "string", "dir": "enum(ltr,rtl,auto)", "owa": "string", "version": "string"}


@dataclass(frozen=True, slots=True)
class Schema:
    """`attributes[component][attribute]` is a type; `children[component]` is what may stand in it."""

    attributes: Mapping[str, Mapping[str, str]]
    children: Mapping[str, frozenset[str]]
    everywhere: Mapping[str, str]  # each attribute of any component, for mj-all and mj-class

    def parents(self, component: str) -> list[str]:
        """The components that `component` may stand in."""
        return sorted(parent for parent, children in self.children.items() if component in children)


@cache
def schema() -> Schema:
    """The tables, read once."""
    text = Path(__file__).with_name("data").joinpath("mjml-schema.json").read_text(encoding="utf-8")
    tables = json.loads(text)
    attributes = {
        name: table["attributes"] for name, table in tables["components"].items() if name not in UNSUPPORTED
    }
    attributes["mj-body"] = {**attributes["mj-body"], "id": "string"}
    everywhere = {name: kind for table in attributes.values() for name, kind in table.items()}
    children = {
        parent: frozenset(
            name for name in names if name not in UNSUPPORTED and not (name == "mj-raw" and parent in _NO_RAW)
        )
        for parent, names in tables["children"].items()
        if parent not in UNSUPPORTED
    }
    children["mj-attributes"] = frozenset(attributes) | {"mj-all", "mj-class"}
    return Schema({"mjml": _ROOT, **attributes}, children, everywhere)


def check_value(kind: str, value: str) -> str:
    """What a value of the type `kind` must be, in words, where `value` is not one; else empty."""
    matches, wanted = _type(kind)
    return "" if matches(value) else wanted


@cache
def _type(kind: str) -> tuple[Callable[[str], bool], str]:
    """A type of the schema as a test and in words."""
    name, _, arguments = kind.partition("(")
    options = arguments.partition(")")[0].split(",")
    if name == "enum":
        allowed = frozenset(options)
        return allowed.__contains__, "one of " + ", ".join(option for option in options if option)
    if name in ("unit", "unitWithNegative"):
        return _unit(options, negative=name != "unit", several="{1,4}" in kind)
    if name == "color":
        return _is_color, "a colour: #rrggbb, rgb(), rgba() or a name"
    if name == "boolean":
        return frozenset({"true", "false"}).__contains__, "true or false"
    if name == "integer":
        return str.isdecimal, "a whole number"
    return lambda value: True, "text"


def _unit(units: list[str], *, negative: bool, several: bool) -> tuple[Callable[[str], bool], str]:
    suffixes = "|".join(re.escape(unit) for unit in units if unit != "auto")
    one = rf"(?:{'-?' if negative else ''}\d*\.?\d+(?:{suffixes})|0{'|auto' if 'auto' in units else ''})"
    pattern = re.compile(rf"{one}(?:\s+{one}){{0,3}}" if several else one)
    names = " or ".join(unit or "no unit" for unit in units)
    wanted = f"{'one to four numbers' if several else 'a number'} with {names}"
    return lambda value: pattern.fullmatch(value.strip()) is not None, wanted


def _is_color(value: str) -> bool:
    return value in ("inherit", "none") or parse_color(value) is not None
