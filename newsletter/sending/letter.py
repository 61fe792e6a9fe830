"""An email as a form letter: the sender's headers, the email's parts and pictures.

Pure.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath

from newsletter.render.build import Email
from newsletter.render.merge import Template
from newsletter.sending.message import FormLetter, prepare
from newsletter.subscribers.address import Mailbox


@lru_cache(maxsize=4)  # the same email goes to one reader after another
def letter_of(
    email: Email, sender: Mailbox, reply_to: Mailbox | None, list_id: str, note: str = ""
) -> FormLetter:
    """`email` ready for any reader, `note` before its subject in brackets."""
    return prepare(
        sender=sender,
        subject=Template((f"[{note}] ", *email.subject.parts)) if note else email.subject,
        text=email.text,
        html=email.html,
        pictures=[(p.cid, p.content_type, PurePosixPath(p.path).name, p.content) for p in email.pictures],
        boundary=email.digest[:24],
        reply_to=reply_to,
        list_id=list_id,
    )
