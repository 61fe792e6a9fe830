"""Makes the compact copy of caniemail.com's data anew, from its API or from a file.

    python -m newsletter.checks.refresh [FILE-or-URL]

Of each feature and client the latest value is kept, with its notes.  The same data gives the same bytes.  Data that is
not as expected is an error, and the copy stays as it was.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsletter.articles.fetch import Fetcher
from newsletter.checks.caniemail import COMPACT_FILE
from newsletter.errors import NewsletterError, SourceError

API = "https://www.caniemail.com/api/data.json"
_DATE = re.compile(r"20\d\d-\d\d(-\d\d)?")
_VALUE = re.compile(r"[yanu](?:\s+#\d+)*", re.I)


def compact(published: bytes, *, where: str) -> bytes:
    """The compact form of the published data.

    Raises SourceError, if it is not what caniemail.com publishes.
    """
    try:
        table = json.loads(published)
        lines = {
            "source": API,
            "licence": "MIT, (c) 2019 Rémi Parmentier",
            "date": str(table["last_update_date"])[:10],
            "url": "https://www.caniemail.com/features/{slug}/",
            "features": {one["slug"]: _feature(one) for one in sorted(table["data"], key=_slug)},
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"this is not caniemail.com's data: {error}", where=where, hint=API) from error
    if not lines["features"]:
        raise SourceError("there is no feature in it", where=where, hint=API)
    text = json.dumps(lines, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), 9, mtime=0)


def _slug(one: Mapping[str, Any]) -> str:
    return str(one["slug"])


def _feature(one: Mapping[str, Any]) -> dict[str, object]:
    support = {
        f"{client}.{platform}": _latest(values)
        for client, platforms in one["stats"].items()
        for platform, values in platforms.items()
        if values
    }
    feature: dict[str, object] = {"title": one["title"].strip(), "category": one["category"]}
    feature["support"] = dict(sorted(support.items()))
    used = {number for value in support.values() for number in value.split()[1:]}
    notes = {number: note for number, note in (one.get("notes_by_num") or {}).items() if number in used}
    return feature | ({"notes": notes} if notes else {})


def _latest(values: Mapping[str, str]) -> str:
    """The value of the last version; versions that are dates are not always listed in their order."""
    versions = list(values)
    newest = max(versions) if all(_DATE.fullmatch(version) for version in versions) else versions[-1]
    value = values[newest].strip()
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{value!r} says nothing of support")
    return value.lower().replace("#", "")


def main(arguments: list[str]) -> int:
    """Write the copy anew from the file or URL that is named, or from caniemail.com; the exit code."""
    source = arguments[0] if arguments else API
    try:
        is_url = re.match(r"https?://", source)
        published = Fetcher(None).fetch(source).body if is_url else Path(source).read_bytes()
        COMPACT_FILE.write_bytes(compact(published, where=source))
    except OSError as error:
        print(f"{source}: {error.strerror or error}", file=sys.stderr)
        return 2
    except NewsletterError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{COMPACT_FILE}: {COMPACT_FILE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
