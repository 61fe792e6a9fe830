"""A publication's settings: `newsletter.toml`, for git; its secrets are in `env`.

Every mistake is a `ConfigError` with file, line and the nearest known name.

Source: toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from newsletter.errors import ConfigError, WriterError
from newsletter.toml_lines import line_of, line_that_is_not_utf8

CONFIG_NAME = "newsletter.toml"
KINDS = ("feed", "folder", "page", "text")

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_WEB_ADDRESS = re.compile(r"https?://[^/\s?#]+(?:/[^\s?#]*)?")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_SEGMENT_NAME = re.compile(r"[\w-]+")
#: What shares may add up to, in per cent: each may have been rounded up.
_ALL_READERS = 101
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TOKEN_URL = re.compile(r"https://[^/\s?#]+/[^\s#]*\{token\}[^\s#]*")
#: What may be said of a relay in whole numbers, with an example.
_NUMBERS = {
    "weight": 1, "connections": 10, "window": 16,
    "per_second": 20, "per_minute": 500, "per_hour": 10_000, "per_day": 50_000,
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One `[[source]]`: where posts come from (a URL, or a path below the publication) and their kind."""

    location: str
    kind: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """What `newsletter.toml` says; see the README's table of settings for each.

    `relays` and `send` are `[[relay]]` and `[send]` as they stand there: see `sending.settings`.  `segments` are expressions
    by name.  `limits`, `levels` and `clients` are `[check]`: sizes in kB by name, levels by code, shares of the readers in
    per cent by email client.  `theme_settings` are the tables `[themes.NAME]` as they stand there: a theme knows what may be
    set; `theme_places` says for each where it begins (`newsletter.toml:12`).  Which themes there are is not known here: see
    `check_themes`.
    """

    name: str
    sender: str
    language: str = "en"
    reply_to: str = ""
    postal_address: str = ""
    base_url: str = ""
    theme: str = "digest"
    sources: tuple[SourceConfig, ...] = ()
    allow_hosts: frozenset[str] = frozenset()
    picture_sizes: bool = True
    media_dir: str = ""
    media_url: str = ""
    fit: bool = False
    limits: Mapping[str, int] = field(default_factory=dict, hash=False)
    levels: Mapping[str, str] = field(default_factory=dict, hash=False)
    segments: Mapping[str, str] = field(default_factory=dict, hash=False)
    clients: Mapping[str, float] = field(default_factory=dict, hash=False)
    theme_settings: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict, hash=False)
    theme_places: Mapping[str, str] = field(default_factory=dict, hash=False)
    relays: tuple[Mapping[str, str | int], ...] = field(default=(), hash=False)
    send: Mapping[str, object] = field(default_factory=dict, hash=False)
    send_places: Mapping[str, str] = field(default_factory=dict, hash=False)
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_ed25519_selector: str = ""

    def check_themes(self, known: Collection[str]) -> None:
        """Raises ConfigError, if a table `[themes.NAME]` sets something for a theme that is not one of `known`."""
        for name, where in self.theme_places.items():
            if name not in known:
                message = f"there is no theme {name!r}, so nothing heeds [themes.{name}]{_meant(name, known)}"
                raise ConfigError(message, where=where, hint=f"themes: {', '.join(sorted(known))}")


class _Setting(NamedTuple):
    """One key of a table: the type of its value, what to write, and what else is asked of it."""

    kind: type
    example: str
    required: bool = False
    lines: bool = False  # may be more than one line
    form: re.Pattern[str] = re.compile(r".*", re.S)
    what: str = ""  # that which has this form


#: Every key that may stand in newsletter.toml, by table; below [themes.NAME] any key may stand.
SETTINGS: Mapping[str, Mapping[str, _Setting]] = {
    "": {
        "name": _Setting(str, 'name = "My newsletter"', required=True),
        "from": _Setting(str, 'from = "My newsletter <news@example.com>"', required=True),
        "language": _Setting(str, 'language = "de-CH"', form=_LANGUAGE, what="a language tag"),
        "reply_to": _Setting(str, 'reply_to = "editors@example.com"'),
        "postal_address": _Setting(str, 'postal_address = "1 High Street, Anytown"', lines=True),
        "base_url": _Setting(
            str, 'base_url = "https://example.com/news"', form=_WEB_ADDRESS, what="an http(s) address"
        ),
        "theme": _Setting(str, 'theme = "digest"'),
        "fit": _Setting(bool, "fit = true"),
        "picture_sizes": _Setting(bool, "picture_sizes = false"),
        "media_dir": _Setting(str, 'media_dir = "site/media"'),
        "media_url": _Setting(
            str, 'media_url = "https://example.com/media"', form=_WEB_ADDRESS, what="an http(s) address"
        ),
        "source": _Setting(list, 'write [[source]] and below it path = "posts"'),
        "check": _Setting(dict, "write [check] and below it html_warning = 80"),
        "relay": _Setting(list, 'write [[relay]] and below it name = "main" and url = "${SMTP_URL}"'),
        "send": _Setting(dict, "write [send] and below it connections = 10"),
        "fetch": _Setting(dict, 'write [fetch] and below it allow_hosts = ["localhost:8000"]'),
        "dkim": _Setting(dict, 'write [dkim] and below it selector = "news"'),
        "segments": _Setting(dict, """write [segments] and below it swiss = 'country = "CH"'"""),
        "themes": _Setting(dict, 'write [themes.digest] and below it accent = "#a8381c"'),
    },
    "source": {
        "url": _Setting(str, 'url = "https://example.com/feed.xml"'),
        "path": _Setting(str, 'path = "posts"'),
        "kind": _Setting(str, f"one of {', '.join(KINDS)}"),
    },
    "relay": {
        "name": _Setting(str, 'name = "main"'),
        "url": _Setting(str, 'url = "${SMTP_URL}"'),
        **{key: _Setting(int, f"{key} = {value}") for key, value in _NUMBERS.items()},
        "warm_up": _Setting(str, 'warm_up = "2026-12-01"', form=_DAY, what="the day of the first message"),
    },
    "send": {
        "in_doubt": _Setting(int, "in_doubt = 64"),
        "connections": _Setting(int, "connections = 10"),
        "window": _Setting(int, "window = 16"),
        "per_domain": _Setting(dict, 'per_domain = { "example.com" = "20/second", "*" = "5000/hour" }'),
        "unsubscribe_url": _Setting(
            str,
            'unsubscribe_url = "https://example.com/unsubscribe/{token}"',
            form=_TOKEN_URL,
            what="an https address with {token} in it",
        ),
    },
    "check": {
        "html_warning": _Setting(int, "html_warning = 90"),
        "html_error": _Setting(int, "html_error = 102"),
        "images_warning": _Setting(int, "images_warning = 1000"),
        "levels": _Setting(dict, 'levels = { W231 = "off" }'),
        "clients": _Setting(dict, 'clients = { "outlook.windows" = 12.4, "gmail.android" = 30 }'),
    },
    "fetch": {"allow_hosts": _Setting(list, 'allow_hosts = ["localhost:8000"]')},
    "dkim": {
        "domain": _Setting(
            str, 'domain = "example.com"', form=_DOMAIN, what="a domain in lower case and ASCII"
        ),
        "selector": _Setting(str, 'selector = "news"', form=_DOMAIN, what="the name before ._domainkey"),
        "ed25519_selector": _Setting(
            str, 'ed25519_selector = "news-ed"', form=_DOMAIN, what="the name before ._domainkey"
        ),
    },
}
_TYPE_NAMES: Mapping[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    list: "a list in [ ]",
    dict: "a table",
}


def find_root(start: Path) -> Path:
    """The folder with `newsletter.toml`: `start` or the nearest above it.

    Raises ConfigError, if there is none.
    """
    start = start.resolve()
    if not start.exists():
        raise ConfigError("there is no such folder", where=str(start))
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder
    raise ConfigError(
        f"no {CONFIG_NAME} here or in a folder above",
        where=str(start),
        hint="make a publication with: newsletter init NAME",
    )


def read_config(root: Path) -> Config:
    """The settings of the publication at `root`.

    Raises ConfigError, if it cannot be read, a key is unknown or missing, or a value has the wrong type.
    """
    path = root / CONFIG_NAME
    text = read_text(path, error=ConfigError)
    return _Reader(str(path), text).config(parse_toml(text, where=str(path), error=ConfigError))


def read_text(path: Path, *, error: type[WriterError]) -> str:
    """What a person wrote in a file, without a byte order mark.  Raises `error`, if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise error(f"cannot be read: {cause.strerror}", where=str(path)) from cause
    if line := line_that_is_not_utf8(content):
        raise error("not UTF-8 text", where=f"{path}:{line}", hint="save the file as UTF-8")
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def parse_toml(text: str, *, where: str, error: type[WriterError]) -> dict[str, Any]:
    """The table written in `text`; `where` is its file.  Raises `error` with the line, if it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        message, _, place = str(cause).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        lines = text.rstrip("\n").split("\n")
        line = int(found[1]) if found else len(lines)
        raise error(
            f"not valid TOML: {message}",
            where=f"{where}:{line}",
            excerpt=lines[line - 1] if line <= len(lines) else "",
            hint='texts stand in quotes: name = "My newsletter"',
        ) from cause
    except (ValueError, RecursionError) as cause:  # a number of 5,000 digits, lists in lists in lists
        raise error(f"not valid TOML: {cause}", where=where) from cause


def nearest(word: str, known: Iterable[str]) -> str:
    """The entry of `known` that `word` was probably meant to be, or an empty text."""
    import difflib  # nobody waits for it who has made no mistake

    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


class _Reader:
    """The checks on one newsletter.toml, with its text at hand for line numbers."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    def config(self, table: dict[str, Any]) -> Config:
        self.check_keys(table, "")  # all keys before all values: a stray key is why another is missing
        for name, number, entry in _tables(table):
            self.check_keys(entry, name, number)
        self.check_required(table)
        self.check_values(table, "")
        for name, number, entry in _tables(table):
            self.check_values(entry, name, number)
        fetch, themes = table.get("fetch", {}), table.get("themes", {})
        check, dkim = table.get("check", {}), table.get("dkim", {})
        self.check_hosts(fetch.get("allow_hosts", []))
        self.check_checks(check)
        self.check_themes(themes)
        self.check_segments(table.get("segments", {}))
        return Config(
            name=table["name"].strip(),
            sender=table["from"].strip(),
            language=table.get("language") or "en",
            reply_to=table.get("reply_to", "").strip(),
            postal_address=table.get("postal_address", "").strip(),
            base_url=table.get("base_url", "").rstrip("/"),
            theme=table.get("theme") or "digest",
            sources=tuple(self.source(number, entry) for number, entry in enumerate(table.get("source", []))),
            allow_hosts=frozenset(fetch.get("allow_hosts", [])),
            picture_sizes=table.get("picture_sizes", True),
            media_dir=table.get("media_dir", ""),
            media_url=self.media_url(table),
            fit=table.get("fit", False),
            limits={key: value for key, value in check.items() if isinstance(value, int)},
            levels=check.get("levels", {}),
            segments=table.get("segments", {}),
            clients=self.clients(check.get("clients", {})),
            theme_settings=themes,
            theme_places={name: self.place(["themes", name]) for name in themes},
            relays=tuple(table.get("relay", [])),
            send=table.get("send", {}),
            send_places=self.send_places(table),
            dkim_domain=dkim.get("domain", ""),
            dkim_selector=dkim.get("selector", ""),
            dkim_ed25519_selector=dkim.get("ed25519_selector", ""),
        )

    def media_url(self, table: dict[str, Any]) -> str:
        """Where the pictures in `media_dir` are on the web: `media` below base_url, if nothing else is said."""
        said = str(table.get("media_url", "")).rstrip("/")
        base = str(table.get("base_url", "")).rstrip("/")
        if said and not table.get("media_dir"):
            hint = SETTINGS[""]["media_dir"].example
            raise self.error(["media_url"], "media_url says where media_dir is on the web", hint)
        if table.get("media_dir") and not said and not base:
            hint = SETTINGS[""]["media_url"].example
            raise self.error(["media_dir"], "nothing says where media_dir is on the web", hint)
        return said or (f"{base}/media" if table.get("media_dir") else "")

    def source(self, number: int, entry: Any) -> SourceConfig:
        if not isinstance(entry, dict):
            raise self.error(["source"], "a source is a table", SETTINGS[""]["source"].example)
        if (kind := entry.get("kind", "")) and kind not in KINDS:
            message = f"unknown kind of source: {kind!r}{_meant(kind, KINDS)}"
            raise self.error(["source", "kind"], message, f"one of {', '.join(KINDS)}", number)
        url, path = entry.get("url", ""), entry.get("path", "")
        if bool(url) == bool(path):
            hint = 'path = "posts" or url = "https://example.com/feed.xml"'
            raise self.error(["source"], "a source has either url or path", hint, number)
        return SourceConfig(url or path, kind, self.place(["source"], number))

    def send_places(self, table: dict[str, Any]) -> dict[str, str]:
        """Where the tables begin that say how it is sent: `relay 0`, `send`."""
        relays = table.get("relay", [])
        if not all(isinstance(relay, dict) for relay in relays):
            raise self.error(["relay"], "a relay is a table", SETTINGS[""]["relay"].example)
        places = {f"relay {number}": self.place(["relay"], number) for number in range(len(relays))}
        return places | ({"send": self.place(["send"])} if "send" in table else {})

    def check_keys(self, table: dict[str, Any], name: str, number: int = 0) -> None:
        known = SETTINGS[name]
        for key in table:
            if key in known:
                continue
            message, hint = f"unknown setting {_label(name, key)}", f"known here: {', '.join(known)}"
            if name and key in SETTINGS[""]:
                message, hint = f"{key!r} stands below [{name}]", "move it above the first [table]"
            raise self.error(_path(name, key), message + _meant(key, known), hint, number)

    def check_required(self, table: dict[str, Any]) -> None:
        for key, setting in SETTINGS[""].items():
            if setting.required and key not in table:
                hint = f"add a line above the first [table]: {setting.example}"
                raise ConfigError(f"the setting {key!r} is missing", where=self.path, hint=hint)

    def check_values(self, table: dict[str, Any], name: str, number: int = 0) -> None:
        for key, value in table.items():
            setting = SETTINGS[name][key]
            if not isinstance(value, setting.kind) or (setting.kind is int and isinstance(value, bool)):
                message = f"must be {_TYPE_NAMES[setting.kind]}"
            elif setting.required and not str(value).strip():
                message = "is empty"
            elif isinstance(value, str) and not setting.lines and _CONTROL.search(value.strip()):
                message = "must be one line without control characters"
            elif isinstance(value, str) and value and not setting.form.fullmatch(value):
                message = f"must be {setting.what}, not {value!r}"
            elif setting.kind is int and int(str(value)) < 1 and name in ("relay", "send"):
                message = "must be 1 or more"
            else:
                continue
            raise self.error(_path(name, key), f"{_label(name, key)} {message}", setting.example, number)

    def check_hosts(self, hosts: list[Any]) -> None:
        if not all(isinstance(host, str) for host in hosts):
            hint = SETTINGS["fetch"]["allow_hosts"].example
            raise self.error(["fetch", "allow_hosts"], "must be a list of host names in quotes", hint)

    def check_checks(self, check: dict[str, Any]) -> None:
        for code, level in check.get("levels", {}).items():
            if level not in ("error", "warning", "off"):
                message = f"the level of {code} is error, warning or off"
                raise self.error(["check", "levels"], message, SETTINGS["check"]["levels"].example)

    def check_segments(self, segments: dict[str, Any]) -> None:
        for name, expression in segments.items():
            hint = SETTINGS[""]["segments"].example
            if not _SEGMENT_NAME.fullmatch(name):
                message = f"the name of a segment is made of letters, digits, - and _, not {name!r}"
                raise self.error(["segments", name], message, hint)
            if not isinstance(expression, str) or not expression.strip():
                message = f"{_label('segments', name)} must be a text in quotes that is not empty"
                raise self.error(["segments", name], message, hint)

    def clients(self, table: dict[str, Any]) -> dict[str, float]:
        """The shares by client; `outlook.windows = 12.4` without quotes is a table in a table, and means the same."""
        shares: dict[str, float] = {}
        for family, value in table.items():
            named = (
                {f"{family}.{part}": share for part, share in value.items()}
                if isinstance(value, dict)
                else {}
            )
            shares |= named or {family: value}
        for client, share in shares.items():
            if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 100:
                message = f"the share of {client} is a number from 0 to 100, in per cent of the readers"
                raise self.error(["check", "clients"], message, SETTINGS["check"]["clients"].example)
        if (total := sum(shares.values())) > _ALL_READERS:
            message = f"the shares of the clients add up to {total:g} %"
            raise self.error(["check", "clients"], message, "all readers together are 100 %")
        return shares

    def check_themes(self, themes: dict[str, Any]) -> None:
        for name, settings in themes.items():
            if not isinstance(settings, dict):
                hint = f"write the theme's name above it: [themes.NAME], then {name} = ..."
                raise self.error(["themes", name], f"{_label('themes', name)} must be a table", hint)
            for key, value in settings.items():
                if not isinstance(value, str | int) or isinstance(value, bool):
                    message = f"{_label(f'themes.{name}', key)} must be a text in quotes or a whole number"
                    raise self.error(["themes", name, key], message)

    def error(self, keys: Sequence[str], message: str, hint: str = "", number: int = 0) -> ConfigError:
        line = line_of(self.text, keys, number)
        excerpt = self.text.split("\n")[line - 1]
        return ConfigError(message, where=f"{self.path}:{line}", excerpt=excerpt, hint=hint)

    def place(self, keys: Sequence[str], number: int = 0) -> str:
        return f"{self.path}:{line_of(self.text, keys, number)}"


def _tables(table: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The tables below the first one, but for themes: name, number, entry.  What is none is passed over."""
    sources = table.get("source")
    for number, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict):
            yield "source", number, source
    relays = table.get("relay")
    for number, relay in enumerate(relays if isinstance(relays, list) else ()):
        if isinstance(relay, dict):
            yield "relay", number, relay
    for name in ("check", "fetch", "send", "dkim"):
        if isinstance(entry := table.get(name), dict):
            yield name, 0, entry


def _path(table: str, key: str) -> tuple[str, ...]:
    return (table, key) if table else (key,)


def _label(table: str, key: str) -> str:
    return f"[{table}] {key}" if table else repr(key)


def _meant(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f", did you mean {near!r}?" if near else ""
