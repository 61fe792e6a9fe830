"""The keys that sign a publication's messages: `[dkim]` says for which name, `.env` in which file.

    selector            DKIM_PRIVATE_KEY_FILE    RSA, or Ed25519
    ed25519_selector    DKIM_ED25519_KEY_FILE    a second signature, for receivers that know both

Without both of a row there is no such signature: the mail server may sign.  Raises ConfigError, if one of the two is
missing, or the file cannot be read or holds no key that can sign.  A key is never part of a message.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.config import CONFIG_NAME, Config
from newsletter.env import ENV_NAME, Secrets
from newsletter.errors import ConfigError
from newsletter.sending.dkim import Signer, parse_signer


def read_signers(root: Path, config: Config, secrets: Secrets, *, sender_domain: str) -> tuple[Signer, ...]:
    """The signers of the publication at `root`; they sign for the sender's domain, if no other is set."""
    domain = config.dkim_domain or sender_domain
    rows = (
        ("selector", config.dkim_selector, "DKIM_PRIVATE_KEY_FILE", ""),
        ("ed25519_selector", config.dkim_ed25519_selector, "DKIM_ED25519_KEY_FILE", "ed25519"),
    )
    signers = []
    for setting, selector, secret, wanted in rows:
        file = secrets.get(secret)
        if selector and not file:
            raise ConfigError(
                f"[dkim] {setting} is set, but {secret} is not",
                where=str(root / CONFIG_NAME),
                hint=f"write {secret}=FILE into {root / ENV_NAME}, or take the setting out",
            )
        if file and not selector:
            raise ConfigError(
                f"{secret} is set, but [dkim] {setting} is not",
                where=str(root / CONFIG_NAME),
                hint=f'write [dkim] and below it {setting} = "NAME"; its public key is at NAME._domainkey.{domain}',
            )
        if file:
            path = root / Path(file).expanduser()
            signers.append(
                parse_signer(
                    _read(path, secret), domain=domain, selector=selector, where=str(path), wanted=wanted
                )
            )
    return tuple(signers)


def _read(path: Path, secret: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the key cannot be read: {error.strerror}",
            where=str(path),
            hint=f"{secret} is the path of a file in PEM form, from the publication's folder",
        ) from error
