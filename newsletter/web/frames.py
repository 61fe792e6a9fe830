"""What one frame of the stage shows: an email as one reader gets it, through one look, alone or beside another email.

A frame is asked for by words (`lens`, `scheme`, `images`, `part`; `reader`, `attributes`, `segments`; `against`, `side`;
`places`).  Alone, the email has the places of its findings in it, if they are asked for; beside another, the blocks that only
it has are marked.

Raises NewsletterError, if the issue cannot be built or the words say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.checks.lens import Seen
from newsletter.errors import IssueError
from newsletter.reader import Reader
from newsletter.web.desk import Desk
from newsletter.web.difference import marked
from newsletter.web.look import Look, Part, framed, message_page, parse_look, seen_page, text_page
from newsletter.web.places import with_places

#: What an email is compared with if not with another issue.
LAST_BUILD = "build"


def frame_page(desk: Desk, issue_id: str, words: Mapping[str, str], *, pictures: str) -> str:
    """The page of the frame; pictures that the email brings along are below the URL `pictures`, by issue and name."""
    look, against = parse_look(words), words.get("against", "")
    if against == LAST_BUILD:
        words = {**words, "reader": "", "attributes": ""}
    reader = desk.reader(issue_id, words)
    if look.part is Part.RAW:
        return message_page(desk.message(issue_id, reader), dark=look.is_dark)
    if look.part is Part.TEXT:
        return text_page(_parts(desk, issue_id, reader, look)[1], dark=look.is_dark)
    if against:
        return _beside(desk, issue_id, against, words, look, pictures)
    seen = seen_page(*_parts(desk, issue_id, reader, look), look)
    page = seen.html
    if words.get("places") and look.part is Part.EMAIL:
        page = with_places(page, desk.review(issue_id).checked.findings, desk.articles(issue_id))
    return framed(page, seen, _cids(desk, issue_id), f"{pictures}/{issue_id}", dark=look.is_dark)


def _parts(desk: Desk, issue_id: str, reader: Reader, look: Look) -> tuple[str, str]:
    """The HTML, or the web page, and the text part."""
    email = desk.variant(issue_id, reader.segments).email
    values = desk.values(issue_id, reader)
    return email.web if look.part is Part.WEB else email.html.fill(values), email.text.fill(values)


def _beside(
    desk: Desk, issue_id: str, against: str, words: Mapping[str, str], look: Look, pictures: str
) -> str:
    side = words.get("side", "")
    now = seen_page(*_parts(desk, issue_id, desk.reader(issue_id, words), look), look)
    if against == LAST_BUILD:
        built, home = desk.last_build(issue_id), issue_id
        if built is None:
            raise IssueError("it was not built yet", hint=f"newsletter build {issue_id}")
        then = seen_page(built, "", look)
    else:
        then = seen_page(*_parts(desk, against, desk.reader(against, words), look), look)
        home = against
    shown, other, home = (then, now, home) if side == "old" else (now, then, issue_id)
    page, count = marked(shown.html, other.html)
    told = f"{count} {'block' if count == 1 else 'blocks'} {'gone or changed' if side == 'old' else 'new or changed'}"
    return framed(page, Seen(page, (told,), ()), _cids(desk, home), f"{pictures}/{home}", dark=look.is_dark)


def _cids(desk: Desk, issue_id: str) -> list[str]:
    return [picture.cid for picture in desk.variant(issue_id).pictures.values()]
