"""An email frozen with its campaign: what is sent later is what was planned, whatever becomes of the files.

The email's templates, its pictures, and what the publication says of itself in every message: JSON, compressed.  Thawed
from a database that another version wrote, it is read or refused, never guessed.

Pure.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from newsletter.errors import StoreError
from newsletter.render.build import Email
from newsletter.render.images import Picture
from newsletter.render.merge import Context, Field, Slot, Template

_FORM = 1


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every message of a campaign says of its publication.

    `sender` and `reply_to` are mailboxes as they are written, `reply_to` may be empty.
    """

    sender: str
    reply_to: str
    list_id: str
    web_url: str


def freeze(email: Email, letterhead: Letterhead) -> bytes:
    """`email` and `letterhead` as the ledger keeps them."""
    kept = {
        "form": _FORM,
        "issue_id": email.issue_id,
        "language": email.language,
        "digest": email.digest,
        "segments": list(email.segments),
        "subject": _written(email.subject),
        "html": _written(email.html),
        "text": _written(email.text),
        "pictures": [[p.path, p.content_type, b64encode(p.content).decode()] for p in email.pictures],
        "letterhead": [letterhead.sender, letterhead.reply_to, letterhead.list_id, letterhead.web_url],
    }
    return zlib.compress(json.dumps(kept, ensure_ascii=False).encode("utf-8", "surrogatepass"), 6)


def thaw(content: bytes) -> tuple[Email, Letterhead]:
    """The email and the letterhead that `freeze` kept; without the page for the web.

    Raises StoreError, if this version cannot read them.
    """
    kept = json.loads(zlib.decompress(content).decode("utf-8", "surrogatepass"))
    if kept.get("form") != _FORM:
        raise StoreError(
            "a newer version of newsletter planned this campaign",
            hint="pip install --upgrade newsletter-publisher",
        )
    email = Email(
        issue_id=kept["issue_id"],
        language=kept["language"],
        subject=_read(kept["subject"]),
        html=_read(kept["html"]),
        text=_read(kept["text"]),
        web="",
        pictures=tuple(Picture(path, kind, b64decode(content)) for path, kind, content in kept["pictures"]),
        digest=kept["digest"],
        segments=tuple(kept["segments"]),
    )
    return email, Letterhead(*kept["letterhead"])


def _written(template: Template) -> list[str | list[str]]:
    return [
        part if isinstance(part, str) else [part.field.name, part.field.fallback, part.context.value]
        for part in template.parts
    ]


def _read(parts: list[str | list[str]]) -> Template:
    return Template(
        tuple(
            part if isinstance(part, str) else Slot(Field(part[0], part[1]), Context(part[2]))
            for part in parts
        )
    )
