"""What every peer in Python does for a recipient: the links that prove whose they are, one HMAC-SHA256 each."""

from __future__ import annotations

import base64
import csv
import hmac
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

SITE = "https://example.com/"
KEY = b"a key of this benchmark and of nothing else"


def link(page: str, number: str) -> str:
    """The address of `page` for subscriber `number`."""
    token = base64.urlsafe_b64encode(hmac.digest(KEY, f"{page}.{number}".encode(), "sha256")[:18]).decode()
    return f"{SITE}{page}/{number}.{token}"


def read_people(folder: Path, count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """The addresses of the first `count` of people.csv, each with the values of its merge fields."""
    with (folder / "people.csv").open(encoding="utf-8", newline="") as file:
        for number, address, first_name in islice(csv.reader(file), 1, count + 1):
            yield (
                address,
                {
                    "first_name": first_name,
                    "unsubscribe_url": link("unsubscribe", number),
                    "preferences_url": link("preferences", number),
                    "web_url": SITE,
                },
            )
