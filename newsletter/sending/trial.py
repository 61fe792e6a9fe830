"""A test of an email: the same with a line at its top that says what it is, and who would have got it like this.

The line is in the HTML and in the text part, in nothing else; a test has a digest, and so message-ids, of its own, because
a mail store that has the test would hold the real message for a second copy of it.  A name is text, never markup.

Pure.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from html import escape

from newsletter.render.build import Email
from newsletter.render.merge import Template
from newsletter.subscribers.address import Mailbox

_BODY = re.compile(r"<body\b[^>]*>", re.I)
_STYLE = (
    "margin:0;padding:12px 16px;background-color:#fff3bf;color:#3d3200;"
    "font:14px/1.4 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;text-align:center"
)


def trial(email: Email, reader: Mailbox) -> Email:
    """`email` as a test of what `reader` would get."""
    who = f"{reader.name} <{reader.address}>" if reader.name else str(reader.address)
    line = f"Test of {email.issue_id}: as {who} would get it"
    banner = f'<div style="{_STYLE}">{escape(line)}</div>'
    digest = hashlib.sha256(f"test {email.digest} {line}".encode("utf-8", "surrogatepass")).hexdigest()
    text = Template((f"{line}\n\n", *email.text.parts))
    return replace(email, html=_with_banner(email.html, banner), text=text, digest=digest)


def _with_banner(html: Template, banner: str) -> Template:
    """`html` with `banner` behind the tag of its body; in front of everything where there is none."""
    parts = list(html.parts)
    for index, part in enumerate(parts):
        if isinstance(part, str) and (found := _BODY.search(part)):
            parts[index] = part[: found.end()] + banner + part[found.end() :]
            return Template(tuple(parts))
    return Template((banner, *parts))
