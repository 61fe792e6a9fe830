"""The settings of sending: `[[relay]]` and `[send]` of newsletter.toml, and SMTP_URL.

SMTP_URL alone is one relay.  With `[[relay]]` each names its own URL; `${NAME}` in it comes from `.env`, so that no password
stands in newsletter.toml.  Raises ConfigError with file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from newsletter.config import Config
from newsletter.env import Secrets
from newsletter.errors import ConfigError
from newsletter.sending.pace import Limit, Pace, Throttle, parse_limit
from newsletter.sending.relays import Relay
from newsletter.sending.smtp import parse_server

IN_DOUBT, CONNECTIONS, WINDOW = 64, 4, 16


@dataclass(frozen=True, slots=True)
class SendSettings:
    """How a publication sends: its relays with their limits, the limits of domains, and how much may be in doubt."""

    relays: tuple[Relay, ...] = ()
    limits: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    warm_ups: Mapping[str, date] = field(default_factory=dict)
    domains: Mapping[str, Limit] = field(default_factory=dict)
    in_doubt: int = IN_DOUBT
    unsubscribe_url: str = ""

    @property
    def window(self) -> int:
        """How many messages can be on the wire at once."""
        return sum(relay.connections * relay.window for relay in self.relays) or 1

    def pace(self) -> Pace:
        """A pace with these limits, nothing taken yet."""
        throttles = [
            Throttle(relay.name, self.limits.get(relay.name, ()), warm_up=self.warm_ups.get(relay.name))
            for relay in self.relays
        ]
        return Pace(throttles or [Throttle("outbox")], self.domains)


def read_send_settings(config: Config, secrets: Secrets) -> SendSettings:
    """The settings of a publication; without SMTP_URL and `[[relay]]` there is no relay."""
    send, places = config.send, config.send_places
    connections, window = int(str(send.get("connections", CONNECTIONS))), int(str(send.get("window", WINDOW)))
    relays, limits, warm_ups = [], {}, {}
    for number, table in enumerate(config.relays):
        where = places[f"relay {number}"]
        name = str(table.get("name") or number + 1)
        if name in limits:
            raise ConfigError(f"two relays are named {name!r}", where=where, hint='name = "other"')
        if not table.get("url"):
            raise ConfigError("a relay has a url", where=where, hint='url = "${SMTP_URL}"')
        relays.append(
            Relay(
                name,
                parse_server(secrets.fill(str(table["url"]), where=where), where=where),
                weight=int(table.get("weight", 1)),
                connections=int(table.get("connections", connections)),
                window=int(table.get("window", window)),
            )
        )
        limits[name] = tuple(
            Limit(int(table[f"per_{span}"]), span)
            for span in ("second", "minute", "hour", "day")
            if f"per_{span}" in table
        )
        if day := table.get("warm_up"):
            warm_ups[name] = _day(str(day), where)
    if not relays and (url := secrets.get("SMTP_URL")):
        relays.append(Relay("SMTP_URL", parse_server(url), connections=connections, window=window))
    return SendSettings(
        tuple(relays),
        limits,
        warm_ups,
        _domains(send.get("per_domain", {}), places.get("send", "")),
        int(str(send.get("in_doubt", IN_DOUBT))),
        str(send.get("unsubscribe_url", "")),
    )


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"there is no day {text}", where=where, hint='warm_up = "2026-12-01"') from error


def _domains(table: object, where: str) -> dict[str, Limit]:
    found = {}
    for name, text in table.items() if isinstance(table, dict) else ():
        limit = parse_limit(text) if isinstance(text, str) else None
        if limit is None:
            hint = 'per_domain = { "example.com" = "20/second", "*" = "5000/hour" }'
            raise ConfigError(
                f"[send] per_domain: {name!r} has no limit such as 20/second", where=where, hint=hint
            )
        found[name.lower()] = limit
    return found
