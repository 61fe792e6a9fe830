"""What mail clients support, from caniemail.com's data, a compact copy of which comes with the package.

A client is named as the data names it, `client.platform` ("outlook.windows").  The copy holds the latest value that was
measured for each; `refresh` makes it anew.  It is read once, when first asked for; what is not in it is unknown, and
what is unknown is never called unsupported.

Source: https://www.caniemail.com/api/data.json, (c) Rémi Parmentier, MIT (data/caniemail.LICENSE).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

COMPACT_FILE = Path(__file__).with_name("data") / "caniemail.json.gz"


@dataclass(frozen=True, slots=True)
class Support:
    """How far a client supports a feature: "y", "a" (almost, partly), "n" or "u" (unknown), and what the notes say."""

    value: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of HTML, CSS or images; `support` is by `client.platform`, `category` css, html, image or others."""

    slug: str
    title: str
    category: str
    url: str
    support: Mapping[str, Support] = field(hash=False)


#: The clients of the data and what people call them.
CLIENTS: Mapping[str, str] = MappingProxyType(
    {
        "gmail.desktop-webmail": "Gmail (web)",
        "gmail.mobile-webmail": "Gmail in a phone's browser",
        "gmail.ios": "Gmail iOS",
        "gmail.android": "Gmail Android",
        "apple-mail.macos": "Apple Mail macOS",
        "apple-mail.ios": "Apple Mail iOS",
        "outlook.windows": "Outlook Windows",
        "outlook.windows-mail": "Windows Mail",
        "outlook.macos": "Outlook macOS",
        "outlook.outlook-com": "Outlook.com",
        "outlook.ios": "Outlook iOS",
        "outlook.android": "Outlook Android",
        "yahoo.desktop-webmail": "Yahoo (web)",
        "yahoo.ios": "Yahoo iOS",
        "yahoo.android": "Yahoo Android",
        "aol.desktop-webmail": "AOL (web)",
        "aol.ios": "AOL iOS",
        "aol.android": "AOL Android",
        "samsung-email.android": "Samsung Email",
        "thunderbird.macos": "Thunderbird macOS",
        "thunderbird.windows": "Thunderbird Windows",
        "gmx.desktop-webmail": "GMX (web)",
        "gmx.ios": "GMX iOS",
        "gmx.android": "GMX Android",
        "web-de.desktop-webmail": "WEB.DE (web)",
        "web-de.ios": "WEB.DE iOS",
        "web-de.android": "WEB.DE Android",
        "ionos-1and1.desktop-webmail": "IONOS (web)",
        "ionos-1and1.android": "IONOS Android",
        "t-online-de.desktop-webmail": "T-Online",
        "orange.desktop-webmail": "Orange (web)",
        "orange.ios": "Orange iOS",
        "orange.android": "Orange Android",
        "sfr.desktop-webmail": "SFR (web)",
        "sfr.ios": "SFR iOS",
        "sfr.android": "SFR Android",
        "free-fr.desktop-webmail": "Free.fr",
        "laposte.desktop-webmail": "La Poste (web)",
        "laposte.ios": "La Poste iOS",
        "laposte.android": "La Poste Android",
        "protonmail.desktop-webmail": "Proton Mail (web)",
        "protonmail.ios": "Proton Mail iOS",
        "protonmail.android": "Proton Mail Android",
        "fastmail.desktop-webmail": "Fastmail",
        "hey.desktop-webmail": "HEY",
        "mail-ru.desktop-webmail": "Mail.ru",
        "rainloop.desktop-webmail": "RainLoop",
        "wp-pl.desktop-webmail": "WP.pl",
    }
)
_PLATFORMS = {"ios": "iOS", "macos": "macOS", "desktop-webmail": "", "mobile-webmail": "mobile"}


def client_name(client: str) -> str:
    """What people call a client: "Outlook Windows" for "outlook.windows"."""
    if client in CLIENTS:
        return CLIENTS[client]
    family, _, platform = client.partition(".")
    words = [family.replace("-", " ").title(), _PLATFORMS.get(platform, platform.replace("-", " ").title())]
    return " ".join(word for word in words if word)


def client_names(clients: Iterable[str]) -> list[str]:
    """What people call several clients, in the order of the data; one name where it is all of a family."""
    wanted = set(clients)
    families: dict[str, list[str]] = {}
    for client in (*CLIENTS, *sorted(wanted - set(CLIENTS))):
        families.setdefault(client.partition(".")[0], []).append(client)
    names: list[str] = []
    for members in families.values():
        there = [client for client in members if client in wanted]
        if len(there) == len(members) > 1:
            names.append(
                client_name(members[0]).removesuffix(" (web)").removesuffix(" macOS").removesuffix(" Windows")
            )
        else:
            names += [client_name(client) for client in there]
    return names


@cache
def features() -> Mapping[str, Feature]:
    """Every feature of the data, by its slug."""
    table = _table()
    return MappingProxyType(
        {
            slug: Feature(slug, one["title"], one["category"], table["url"].format(slug=slug), _support(one))
            for slug, one in table["features"].items()
        }
    )


def measured_on() -> str:
    """The day of the data, as caniemail.com names it (2026-06-29)."""
    return str(_table()["date"])


@cache
def unsupported(slug: str, client: str) -> bool:
    """Whether `client` does not support a feature at all; not if that is unknown, or it supports a part."""
    feature = features().get(slug)
    return feature is not None and client in feature.support and feature.support[client].value == "n"


@cache
def _table() -> Any:
    return json.loads(gzip.decompress(COMPACT_FILE.read_bytes()))


def _support(one: Any) -> Mapping[str, Support]:
    """`"a 1 2"` for each client, with the texts of the notes."""
    notes, found = one.get("notes", {}), {}
    made: dict[str, Support] = {}
    for client, written in one["support"].items():
        if written not in made:
            value, *numbers = written.split()
            made[written] = Support(value, tuple(notes[number] for number in numbers if number in notes))
        found[client] = made[written]
    return MappingProxyType(found)
