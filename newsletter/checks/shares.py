"""How many readers use which email client, estimated from where their mailboxes are.

A mailbox names its provider, not the program in which it is read, so this is a rough guess that a publication with better
numbers replaces: half of the readers at a provider are taken to read in its own web page and apps, the others in the
programs that come with phones and computers.  Mailboxes at other domains, most of them at work, are spread by `OTHERS`.

Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from newsletter.checks.caniemail import CLIENTS
from newsletter.config import nearest
from newsletter.errors import ConfigError

#: In which programs mailboxes are read whose provider has none of its own, in per cent.
OTHERS: Mapping[str, float] = {
    "apple-mail.ios": 28,
    "apple-mail.macos": 8,
    "gmail.desktop-webmail": 14,
    "gmail.android": 8,
    "gmail.ios": 4,
    "outlook.windows": 18,
    "outlook.outlook-com": 8,
    "outlook.macos": 4,
    "outlook.ios": 3,
    "outlook.android": 2,
    "samsung-email.android": 2,
    "thunderbird.macos": 1,
}
#: The programs of the provider's own, and what else its mailboxes are read in, in per cent.
_ELSEWHERE: Mapping[str, float] = {
    "apple-mail.ios": 30,
    "apple-mail.macos": 6,
    "outlook.windows": 6,
    "gmail.android": 8,
}
_OWN_PROGRAMS: Mapping[str, Mapping[str, float]] = {
    "gmail": {
        "gmail.desktop-webmail": 28,
        "gmail.mobile-webmail": 2,
        "gmail.android": 32,
        "gmail.ios": 14,
        "apple-mail.ios": 18,
        "apple-mail.macos": 4,
        "outlook.windows": 2,
    },
    "icloud": {"apple-mail.ios": 75, "apple-mail.macos": 25},
    "outlook": {
        "outlook.outlook-com": 46,
        "outlook.ios": 8,
        "outlook.android": 12,
        "outlook.windows": 8,
        "apple-mail.ios": 20,
        "apple-mail.macos": 3,
        "gmail.android": 3,
    },
}
_APPS = ("desktop-webmail", "ios", "android")
_DOMAINS: Mapping[str, str] = {
    "gmail": "gmail.com googlemail.com",
    "icloud": "icloud.com me.com mac.com",
    "outlook": "msn.com windowslive.com passport.com",
    "yahoo": "ymail.com rocketmail.com",
    "aol": "aim.com",
    "gmx": "gmx.net",
    "web-de": "web.de email.de",
    "t-online-de": "t-online.de magenta.de",
    "ionos-1and1": "online.de 1und1.de",
    "mail-ru": "mail.ru inbox.ru list.ru bk.ru",
    "orange": "orange.fr wanadoo.fr",
    "sfr": "sfr.fr neuf.fr",
    "free-fr": "free.fr",
    "laposte": "laposte.net",
    "protonmail": "proton.me protonmail.com protonmail.ch pm.me",
    "fastmail": "fastmail.com fastmail.fm",
    "hey": "hey.com",
    "wp-pl": "wp.pl o2.pl",
}
_PROVIDERS = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains.split()}
#: yahoo.fr, yahoo.co.uk, hotmail.it, gmx.at: the same provider in another country.
_COUNTRIES = re.compile(
    r"(yahoo|hotmail|live|outlook|gmx|aol)\.(?:com|[a-z]{2}|com?\.[a-z]{2}|com\.[a-z]{2})"
)
_SAME = {"hotmail": "outlook", "live": "outlook"}
#: The programs of providers that have not all three.
_FEWER = {
    **dict.fromkeys(("t-online-de", "mail-ru", "free-fr", "fastmail", "hey", "wp-pl"), ("desktop-webmail",)),
    "ionos-1and1": ("desktop-webmail", "android"),
}


def estimated_shares(domains: Mapping[str, int]) -> dict[str, float]:
    """The share of the readers of each client in per cent, largest first, by how many mailboxes are at which domain.

    They add up to 100; without a mailbox there are none.
    """
    counted: Counter[str] = Counter()
    for domain, count in domains.items():
        if count > 0:
            counted[_provider(domain)] += count
    total = sum(counted.values())
    shares: Counter[str] = Counter()
    for provider, count in counted.items():
        weights = _weights(provider)
        for client, weight in weights.items():
            shares[client] += 100 * count / total * weight / sum(weights.values())  # type: ignore[assignment]
    return {client: round(share, 2) for client, share in shares.most_common()}


def known_shares(shares: Mapping[str, float], *, where: str) -> dict[str, float]:
    """What a publication says of its readers' clients, largest first; `where` is the place of the setting.

    Raises ConfigError, if the data has no such client.
    """
    for client in shares:
        if client not in CLIENTS:
            near = nearest(client, CLIENTS)
            hint = f"clients: {', '.join(CLIENTS)}"
            message = f"there is no email client {client!r}{f', did you mean {near!r}?' if near else ''}"
            raise ConfigError(message, where=where, hint=hint)
    return dict(sorted(shares.items(), key=lambda one: -one[1]))


def _provider(domain: str) -> str:
    """The provider of the mailboxes at a domain; empty for all that are not known."""
    domain = domain.strip().rstrip(".").lower().rpartition("@")[2]
    if found := _COUNTRIES.fullmatch(domain):
        return _SAME.get(found[1], found[1])
    return _PROVIDERS.get(domain, "")


def _weights(provider: str) -> Mapping[str, float]:
    if not provider:
        return OTHERS
    if provider in _OWN_PROGRAMS:
        return _OWN_PROGRAMS[provider]
    platforms = _FEWER.get(provider, _APPS)
    return {f"{provider}.{platform}": 50 / len(platforms) for platform in platforms} | dict(_ELSEWHERE)
