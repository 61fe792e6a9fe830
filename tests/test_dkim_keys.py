"""sending.dkim_keys: a setting and a file make a signer, and one without the other is a mistake that is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from newsletter.config import read_config
from newsletter.env import Secrets
from newsletter.errors import ConfigError
from newsletter.sending.dkim import Signer
from newsletter.sending.dkim_keys import read_signers

TOML = 'name = "News"\nfrom = "news@example.org"\n[dkim]\n'
RSA_ROW, ED_ROW = 'selector = "news"\n', 'ed25519_selector = "news-ed"\n'
RSA_FILE, ED_FILE = {"DKIM_PRIVATE_KEY_FILE": "rsa.pem"}, {"DKIM_ED25519_KEY_FILE": "ed.pem"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, key in (
        ("rsa.pem", rsa.generate_private_key(65537, 2048)),
        ("ed.pem", ed25519.Ed25519PrivateKey.generate()),
    ):
        octets = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (tmp_path / name).write_bytes(octets)
    return tmp_path


def signers(root: Path, rows: str, secrets: dict[str, str]) -> tuple[Signer, ...]:
    (root / "newsletter.toml").write_text(TOML + rows)
    env = Secrets(secrets, env_file=root / ".env")
    return read_signers(root, read_config(root), env, sender_domain="example.org")


def test_without_settings_nothing_is_signed(root: Path) -> None:
    assert signers(root, "", {}) == ()


def test_a_selector_and_a_file_sign_for_the_senders_domain(root: Path) -> None:
    (signer,) = signers(root, RSA_ROW, RSA_FILE)
    assert (signer.algorithm, signer.selector, signer.domain) == ("rsa-sha256", "news", "example.org")


def test_another_domain_can_be_set_and_a_file_may_lie_anywhere(root: Path) -> None:
    rows = RSA_ROW + 'domain = "mail.example.org"\n'
    (signer,) = signers(root, rows, {"DKIM_PRIVATE_KEY_FILE": str(root / "rsa.pem")})
    assert signer.domain == "mail.example.org"


def test_there_may_be_two_keys(root: Path) -> None:
    found = signers(root, RSA_ROW + ED_ROW, RSA_FILE | ED_FILE)
    assert [(signer.algorithm, signer.selector) for signer in found] == [
        ("rsa-sha256", "news"),
        ("ed25519-sha256", "news-ed"),
    ]


def test_the_first_key_may_be_of_either_kind(root: Path) -> None:
    (signer,) = signers(root, RSA_ROW, {"DKIM_PRIVATE_KEY_FILE": "ed.pem"})
    assert signer.algorithm == "ed25519-sha256"


MISTAKES = {
    "no file": (
        RSA_ROW,
        {},
        "newsletter.toml",
        r"\[dkim\] selector is set, but DKIM_PRIVATE_KEY_FILE is not",
    ),
    "no second file": (ED_ROW, {}, "newsletter.toml", r"ed25519_selector is set, but DKIM_ED25519_KEY_FILE"),
    "no selector": ("", RSA_FILE, "newsletter.toml", r"DKIM_PRIVATE_KEY_FILE is set, but \[dkim\] selector"),
    "no such file": (RSA_ROW, {"DKIM_PRIVATE_KEY_FILE": "x.pem"}, "x.pem", "cannot be read: No such file"),
    "a folder": (RSA_ROW, {"DKIM_PRIVATE_KEY_FILE": "."}, "", "cannot be read"),
    "not a key": (
        RSA_ROW,
        {"DKIM_PRIVATE_KEY_FILE": "newsletter.toml"},
        "newsletter.toml",
        "not a private key",
    ),
    "rsa for ed25519": (ED_ROW, {"DKIM_ED25519_KEY_FILE": "rsa.pem"}, "rsa.pem", "RSA, not Ed25519"),
}


@pytest.mark.parametrize(("rows", "secrets", "where", "cause"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place_and_a_remedy(
    root: Path, rows: str, secrets: dict[str, str], where: str, cause: str
) -> None:
    with pytest.raises(ConfigError, match=cause) as caught:
        signers(root, rows, secrets)
    assert caught.value.where == str(root / where)
    assert caught.value.hint
    assert "-----" not in caught.value.message


@pytest.mark.parametrize(
    "row", ['selector = "a b"', 'selector = "x;"', 'domain = "Exämple.org"', 'domain = "x..y"']
)
def test_what_cannot_stand_in_a_signature_is_refused_in_the_settings(root: Path, row: str) -> None:
    with pytest.raises(ConfigError, match="must be") as caught:
        signers(root, row + "\n", {})
    assert caught.value.where.endswith("newsletter.toml:4")
