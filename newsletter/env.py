"""A publication's secrets: `.env`, or the environment, which wins; never for git.

The address of a source names them as `${NAME}`.  A secret's value is never part of a message, a `repr` or a traceback.
Without `.env` everything works that needs no secret.

Source: python-dotenv for the syntax of `.env`, but for its `${NAME}` inside values, which we leave alone, because a
password may contain it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from newsletter.errors import ConfigError
from newsletter.toml_lines import line_that_is_not_utf8

ENV_NAME = ".env"
#: A comment, or a name and a value without blanks, quotes and what else may mean more than it says.
_PLAIN = re.compile(r"#[ -~]*|([A-Za-z_][A-Za-z0-9_]*)=([!%&(-[\]-_a-~]*)")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Secrets:
    """Names and values of `.env` and the environment; only `get` and `fill` hand a value out."""

    def __init__(self, values: Mapping[str, str], *, env_file: Path) -> None:
        self._values = dict(values)
        self._env_file = env_file

    def __repr__(self) -> str:
        return f"Secrets({self._env_file.name} and the environment)"

    def get(self, name: str) -> str:
        """The value of `name`, or an empty text."""
        return self._values.get(name, "")

    def without(self, *names: str) -> Secrets:
        """The same secrets but for `names`."""
        return Secrets({k: v for k, v in self._values.items() if k not in names}, env_file=self._env_file)

    def fill(self, text: str, *, where: str) -> str:
        """`text` with every `${NAME}` replaced by its value, percent-encoded where it is a part of a URL.

        A password stands in `.env` as it is; a value that is the whole of `text` is taken as it is, too.  Raises
        ConfigError, if a name has none.
        """
        for name in _REFERENCE.findall(text):
            if not self.get(name):
                missing = "" if self._env_file.exists() else f", and there is no {self._env_file.name}"
                raise ConfigError(
                    f"{name} is {'empty' if name in self._values else 'not set'}{missing}",
                    where=where,
                    hint=f"write {name}=... into {self._env_file}, or set it in the environment",
                )
        if _REFERENCE.fullmatch(text) or not re.match(r"(?:https?|smtps?|smtp\+starttls)://", text, re.I):
            return _REFERENCE.sub(lambda match: self.get(match[1]), text)
        return _REFERENCE.sub(lambda match: quote(self.get(match[1]), safe=""), text)


def read_secrets(root: Path) -> Secrets:
    """The secrets of the publication at `root`: `.env`, then the environment over it.

    A missing `.env` is no error before a secret is asked for.  Raises ConfigError, if it cannot be read.
    """
    path = root / ENV_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Secrets(os.environ, env_file=path)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if line := line_that_is_not_utf8(content):  # UnicodeDecodeError would carry the whole file into its repr
        raise ConfigError("not UTF-8 text", where=f"{path}:{line}", hint="save the file as UTF-8")
    values = _plain(content.decode("utf-8-sig"))
    if values is None:
        values = _parsed(path)
    return Secrets({**values, **os.environ}, env_file=path)


def _plain(text: str) -> dict[str, str] | None:
    """The values of a file in which every line is as plain as most are; None, if one is not.

    python-dotenv reads the same in it, but takes 10 ms to import, in every command.
    """
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    found = [_PLAIN.fullmatch(line) for line in lines]
    return None if None in found else {match[1]: match[2] or "" for match in found if match and match[1]}


def _parsed(path: Path) -> dict[str, str]:
    """The values as python-dotenv reads them."""
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    with path.open(encoding="utf-8-sig") as stream:
        for binding in parse_stream(stream):
            if binding.key and binding.value is not None:
                values[binding.key] = binding.value
            elif binding.key or binding.error:
                written = binding.original.string  # begins with the empty lines above the faulty one
                above = written[: len(written) - len(written.lstrip())].count("\n")
                raise ConfigError(
                    "this line is not NAME=value",
                    where=f"{path}:{binding.original.line + above}",
                    hint="quote a value that has spaces or '#': NAME='value'",
                )
    return values
