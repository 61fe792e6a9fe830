"""What one mail client lacks: of a declaration, a selector, an element or an attribute the feature it does not support.

The same detection as the check of clients uses (`features.uses`) is asked about each piece by itself, so that a lens and
the check never disagree.  Pieces repeat, and answers are remembered.

Pure, but for the data that `caniemail` reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from newsletter.checks.caniemail import Feature, features, unsupported
from newsletter.checks.features import uses

_NAME = re.compile(r"[A-Za-z_\u26a1][\w:.\ufe0f-]*")
_DATA = re.compile(r"\s*data:[^,]{0,200},", re.I)


@dataclass(frozen=True, slots=True)
class Lacks:
    """What `client` does not support: the slugs of caniemail's features."""

    client: str
    slugs: frozenset[str]

    def title(self, slug: str) -> str:
        """The name of a feature for people."""
        return _title(slug)

    def of_declaration(self, name: str, value: str, *, important: bool = False) -> str:
        """The feature that keeps a declaration from being read; empty if none."""
        text = f"{name}:{value}{' !important' if important else ''}"
        return self._first(_used(f'<q style="{escape(text)}">x</q>') - _used('<q style="">x</q>'))

    def of_selector(self, selector: str) -> str:
        """The feature of a selector that is missing; empty if none."""
        return self._first(_used_in_sheet(f"{selector} {{top:0}}") - _used_in_sheet("{top:0}") - _SHEET)

    def of_at_rule(self, keyword: str, prelude: str) -> str:
        """The feature of an @rule that is missing; empty if none."""
        text = f"@{keyword} {prelude}"
        return self._first((_used_in_sheet(f"{text};") | _used_in_sheet(f"{text} {{}}")) - _SHEET)

    def of_element(self, tag: str, attributes: Mapping[str, str]) -> str:
        """The feature of an element that is missing, by its name and the attributes that say its kind."""
        written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        return self._first(_used(f"<{tag}{written}></{tag}>") - _PLAIN)

    def of_attribute(self, tag: str, name: str, value: str) -> str:
        """The feature of an attribute that is missing; empty if none."""
        if not _NAME.fullmatch(name):
            return ""
        if name == "href" and tag in ("a", "area"):
            value = _kind_of_link(value)
        elif data := _DATA.match(value):
            value = data[0]  # the rest says nothing, and would be remembered
        return self._first(_used(f'<{tag} {name}="{escape(value)}"></{tag}>') - _used(f"<{tag}></{tag}>"))

    def _first(self, used: frozenset[str]) -> str:
        missing = used & self.slugs
        return min(missing) if missing else ""


#: The notes of what Gmail's app supports in Google's own accounts alone, and in all others alone; to the data both are
#: "partly supported".
_GOOGLE_ONLY = re.compile(
    r"\A(?:Partial\w*( supported)?\.\s*)?(?:Not supported|Doesn.t work|Does not render) with non[- ]Google accounts",
    re.I,
)
_ELSEWHERE_ONLY = re.compile(
    r"\bonly (?:supported |works )?with non[- ]Google|with non[- ]Google accounts only", re.I
)


@lru_cache(maxsize=32)
def lacks_of(client: str, *, own_account: bool = True) -> Lacks:
    """What a `client.platform` of the data does not support; for Gmail's app also with an account of another provider."""
    slugs = {slug for slug in features() if unsupported(slug, client)}
    if client in ("gmail.android", "gmail.ios"):
        of_others = _ELSEWHERE_ONLY if own_account else _GOOGLE_ONLY
        slugs |= {slug for slug, feature in features().items() if _has_note(feature, client, of_others)}
    return Lacks(client, frozenset(slugs))


def _has_note(feature: Feature, client: str, pattern: re.Pattern[str]) -> bool:
    """Whether a note of the data on a feature in a client has a pattern."""
    return client in feature.support and any(pattern.search(note) for note in feature.support[client].notes)


#: What any piece stands in while it is asked about.
_SHEET = frozenset(["html-style"])
_PLAIN = frozenset(["html-doctype", "html-body"])


@lru_cache(maxsize=16384)
def _used(snippet: str) -> frozenset[str]:
    return frozenset(uses(snippet))


def _used_in_sheet(css: str) -> frozenset[str]:
    return _used(f"<style>{css.replace('</', '< /')}</style>")


def _title(slug: str) -> str:
    feature = features().get(slug)
    return feature.title if feature else slug


def _kind_of_link(address: str) -> str:
    """An address of the same kind: to a place in the email, to a mailbox, or to anywhere."""
    address = address.strip()
    if address.startswith("#"):
        return address[:2]
    return "mailto:" if address[:7].lower() == "mailto:" else "https://example.com/"
