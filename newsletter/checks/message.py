"""The message as it goes over the wire: whether every mail server and client will read it as it was meant.

    E10x   what servers refuse or clients misread: line ends and lengths, headers, encodings, MIME structure
    W20x   what works nearly everywhere

What is wrong here is seldom the editor's mistake: the place named is that of the text from which the header or part is
made, and `message` says what the server will do.  The message is read by its own small reader and not by the standard
library, which mends what it reads, raises on some of it, and recurses on nested parts.

Nothing here fails, whatever the octets: parts below a depth of 20 or beyond 500 are not looked at.  Pure.
Source: RFC 5322 (format), 2045 to 2047 (MIME), 2387 and 2392 (related parts), 6532 (UTF-8 in headers).
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

from newsletter.checks.finding import Finding
from newsletter.checks.subject import Sources, Subject

CODES: Mapping[str, str] = {
    "E100": "A line of the message is longer than 998 octets",
    "E101": "A line of the message ends in CR or LF alone, or there is a NUL in it",
    "E102": "A header has octets that it cannot have: not ASCII, or control characters",
    "E103": "An encoded word is longer than 75, broken, or stands in a header that takes none",
    "E104": "A header is missing, or there is more than one of it",
    "E105": "A line in the header of the message or of a part is none",
    "E106": "A part is not UTF-8, or its octets are not what its transfer encoding says",
    "E107": "The parts of the message are not in order: boundaries, nesting, the text first",
    "E108": "A picture that the HTML shows is not in the message, or two have one Content-ID",
    "W200": "A line of the message is longer than the 78 characters that RFC 5322 recommends",
    "W201": "An address is not ASCII: only servers with SMTPUTF8 take the message",
}

_MOST_PARTS = 500
_DEEPEST = 20
_MAX_LINE = 998
_GOOD_LINE = 78


@dataclass(frozen=True, slots=True)
class Part:
    """A message or a part of one: its header lines unfolded, its body as it is, the parts in it."""

    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    parts: tuple[Part, ...] = ()
    wrong: tuple[str, ...] = ()  # lines of the header that are none
    boundary: str = ""
    problem: str = ""  # what is wrong with its boundaries

    def value(self, name: str) -> str:
        """The first header `name`, or an empty text."""
        return next((_text(value) for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def media_type(self) -> str:
        """`text/html`, in lower case."""
        return self.value("Content-Type").partition(";")[0].strip().lower() or "text/plain"

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type."""
        found = re.search(rf";\s*{name}\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", self.value("Content-Type"), re.I)
        return (found[1] if found[1] is not None else found[2]) if found else ""

    def walk(self) -> Iterator[Part]:
        """This part and all in it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the message."""
    message, sources = subject.message, subject.sources
    if not message:
        return
    whole = parse(message)
    yield from _check_lines(message, whole, sources)
    yield from _check_headers(whole, sources)
    for part in whole.walk():
        yield from _check_part_header(part, sources, is_first=part is whole)
        yield from _check_body(part, sources)
        yield from _check_structure(part, sources)
    yield from _check_content_ids(whole, sources)


def header_values(message: bytes, name: str) -> list[str]:
    """The headers `name` of a message, unfolded."""
    return [_text(value) for key, value in parse(message).headers if key.lower() == name.lower()]


# --- reading ------------------------------------------------------------------------------------------------

_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]?(.*)", re.S)
_END_OF_HEADER = re.compile(rb"\A\r?\n|\r?\n\r?\n")


@lru_cache(maxsize=4)
def parse(message: bytes) -> Part:
    """The message and its parts; whatever the octets, there is an answer."""
    return _parsed(message, 0, [0])


def _parsed(octets: bytes, depth: int, count: list[int]) -> Part:
    count[0] += 1
    end = _END_OF_HEADER.search(octets)
    # Without an empty line there is no body, and the header may end in its last line feed.
    head, body = (
        (octets[: end.start()], octets[end.end() :]) if end else (re.sub(rb"\r?\n\Z", b"", octets), b"")
    )
    headers: list[tuple[str, bytes]] = []
    wrong: list[str] = []
    for line in re.split(rb"\r?\n(?![ \t])", head) if head else []:
        if match := _HEADER.fullmatch(line):
            headers.append((match[1].decode("ascii"), re.sub(rb"\r?\n(?=[ \t])", b"", match[2])))
        else:
            wrong.append(_text(line)[:60])
    part = Part(tuple(headers), body, (), tuple(wrong))
    if not part.media_type.startswith("multipart/") or depth >= _DEEPEST:
        return part
    boundary = part.parameter("boundary")
    pieces, problem = _pieces(body, boundary)
    parts = tuple(_parsed(piece, depth + 1, count) for piece in pieces if count[0] < _MOST_PARTS)
    return Part(part.headers, body, parts, part.wrong, boundary, problem)


def _pieces(body: bytes, boundary: str) -> tuple[list[bytes], str]:
    """The parts between the lines of `boundary`, and what is wrong with those.  RFC 2046, section 5.1.1."""
    if not boundary or len(boundary) > 70:
        return [], "has no boundary" if not boundary else "has a boundary that is longer than 70"
    start = b"--" + boundary.encode("utf-8", "replace")
    line = re.compile(re.escape(start) + rb"(--)?[ \t]*(?=\r?\n|\Z)")  # it begins with letters: quick to find
    lines = [
        found
        for found in line.finditer(body)
        if body[max(0, found.start() - 1) : found.start()] in (b"", b"\n")
    ]
    pieces = [
        # The ends of the two lines belong to the boundaries.
        body[this.end() : following.start()]
        .removeprefix(b"\r")
        .removeprefix(b"\n")
        .removesuffix(b"\n")
        .removesuffix(b"\r")
        for this, following in pairwise(lines)
        if not this[1]
    ]
    if not pieces:
        return [], "has no parts"
    if not lines[-1][1]:
        return pieces, "is not closed by its boundary"
    if any(found[1] for found in lines[:-1]):
        return pieces, "is closed before its last part: its boundary occurs in a part"
    return pieces, ""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip()


# --- lines --------------------------------------------------------------------------------------------------

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def _check_lines(message: bytes, whole: Part, sources: Sources) -> Iterator[Finding]:
    """RFC 5322, section 2.1.1 and 2.3: CR and LF only together, 998 octets at most, 78 recommended."""
    if not _is_crlf(message) and (bare := _BARE.search(message)):
        name = {b"\r": "a carriage return", b"\n": "a line feed", b"\0": "a NUL"}[bare[0]]
        text = f"there is {name} alone in the message, octet {bare.start()}: servers refuse it, or split the message"
        yield Finding("E101", sources.issue, text, "this is a mistake of the program: report it")
    lines = message.split(b"\n")
    longest = max(range(len(lines)), key=lambda number: len(lines[number].rstrip(b"\r")))
    length = len(lines[longest].rstrip(b"\r"))
    if length > _MAX_LINE:
        where = _place(_header_of(lines, longest), sources)
        text = (
            f"line {longest + 1} of the message has {length} octets, and servers cut or refuse it behind 998"
        )
        yield Finding("E100", where, text, "shorten what it is made of")
    elif length > _GOOD_LINE and not _is_one_word(lines[longest]):
        where = _place(_header_of(lines, longest), sources)
        text = f"line {longest + 1} of the message has {length} characters, and 78 are recommended"
        yield Finding("W200", where, text, "shorten what it is made of")


def _is_crlf(message: bytes) -> bool:
    """Whether CR and LF stand together alone, and there is no NUL: counting is quicker than looking for the place."""
    pairs = message.count(b"\r\n")
    return message.count(b"\r") == pairs == message.count(b"\n") and b"\0" not in message


def _is_one_word(line: bytes) -> bool:
    """Whether a line cannot be folded: a header with one long address, its continuation."""
    return len(re.sub(rb"\A[!-9;-~]+:", b"", line).split()) <= 1


def _header_of(lines: list[bytes], number: int) -> str:
    """The name of the header in which the line is; empty for a line of the body."""
    if any(not line.rstrip(b"\r") for line in lines[:number]):
        return ""
    while number > 0 and lines[number][:1] in (b" ", b"\t"):
        number -= 1
    return lines[number].partition(b":")[0].decode("ascii", "replace").strip()


# --- headers ------------------------------------------------------------------------------------------------

#: RFC 5322, section 3.6: those that must be there, and those of which there is one at most.
_REQUIRED = ("From", "To", "Date", "Message-ID", "MIME-Version", "Subject")
_ONCE = frozenset(
    "from sender reply-to to cc bcc message-id in-reply-to references subject date mime-version content-type"
    " content-transfer-encoding content-id content-disposition list-id list-unsubscribe list-unsubscribe-post"
    " list-help list-archive precedence".split()
)
#: Where people's words stand.  RFC 2047, section 5: in text, and in the names of mailboxes.
_WORDS = frozenset("subject comments keywords content-description".split())
_MAILBOXES = frozenset("from sender reply-to to cc bcc list-id".split())
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=")
_RIGHT_WORD = re.compile(
    r"=\?(?:utf-8|us-ascii)\?(?:[Bb]\?[A-Za-z0-9+/]*={0,2}|[Qq]\?(?:[!-<>@-~]|=[0-9A-Fa-f]{2})*)\?=", re.I
)


def _check_headers(whole: Part, sources: Sources) -> Iterator[Finding]:
    names = Counter(name.lower() for name, _ in whole.headers)
    for name in _REQUIRED:
        if not names[name.lower()]:
            text = f"the message has no header {name}, which every message must have"
            yield Finding("E104", _place(name, sources), text, "this is a mistake of the program: report it")
    for name in ("From", "To", "Date", "Message-ID"):
        if names[name.lower()] and not whole.value(name):
            yield Finding("E104", _place(name, sources), f"the header {name} is empty")


def _check_part_header(part: Part, sources: Sources, *, is_first: bool) -> Iterator[Finding]:
    for line in part.wrong:
        text = f"{line!r} stands among the headers and is none: what follows it is taken for the body"
        yield Finding("E105", sources.issue, text, "take line breaks out of subject, names and addresses")
    names = Counter(name.lower() for name, _ in part.headers)
    for name, number in names.items():
        if number > 1 and name in _ONCE:
            text = f"there are {number} headers {name}, and Gmail refuses a message with more than one"
            yield Finding("E104", _place(name, sources), text, "take one of them out")
    for name, octets in part.headers:
        yield from _check_value(name, octets, sources, may_be_utf8=is_first and name.lower() in _MAILBOXES)


def _check_value(name: str, octets: bytes, sources: Sources, *, may_be_utf8: bool) -> Iterator[Finding]:
    where, value = _place(name, sources), _text(octets)
    if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", octets):
        text = f"the header {name} has a control character"
        yield Finding("E102", where, text, "take out line breaks and control characters")
    elif not octets.isascii() and may_be_utf8 and _is_utf8(octets):
        text = (
            f"the header {name} has an address that is not ASCII: many servers refuse the message (SMTPUTF8)"
        )
        yield Finding("W201", where, text, "use an address of a-z, 0-9, dots and hyphens")
    elif not octets.isascii():
        text = f"the header {name} has letters that are not encoded: servers refuse it, or show other letters"
        yield Finding("E102", where, text, "this is a mistake of the program: report it")
    takes_words = name.lower() in _WORDS | _MAILBOXES or name.lower().startswith("x-")
    for word in _ENCODED_WORD.findall(value):
        if not takes_words:
            text = f"the header {name} has an encoded word, which no mail program decodes there"
            yield Finding("E103", where, text, "use ASCII there")
        elif len(word) > 75 or not _RIGHT_WORD.fullmatch(word):
            text = f"the header {name} has an encoded word that is too long or broken: it is shown as it is"
            yield Finding("E103", where, text, "this is a mistake of the program: report it")
        else:
            continue
        break


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# --- bodies -------------------------------------------------------------------------------------------------

_NOT_QP = re.compile(rb"=(?![0-9A-F]{2}|[ \t]*\r?\n|\Z)|[ \t](?=\r?\n)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\r\n]")


def _check_body(part: Part, sources: Sources) -> Iterator[Finding]:
    """RFC 2045, section 6: a body is what its transfer encoding says, and text is UTF-8."""
    if part.parts or part.media_type.startswith("multipart/"):
        return
    encoding = (part.value("Content-Transfer-Encoding") or "7bit").lower()
    where, kind = _place_of_part(part, sources), part.media_type
    hint = "this is a mistake of the program: report it"
    if encoding not in ("7bit", "8bit", "quoted-printable", "base64"):
        yield Finding(
            "E106", where, f"the {kind} part has the transfer encoding {encoding}, which there is not", hint
        )
        return
    if encoding != "8bit" and not part.body.isascii():
        yield Finding(
            "E106", where, f"the {kind} part says {encoding}, and has octets that this cannot hold", hint
        )
        return
    pattern = {"quoted-printable": _NOT_QP, "base64": _NOT_BASE64}.get(encoding)
    if pattern and (wrong := pattern.search(part.body)):
        yield Finding(
            "E106", where, f"the {kind} part is not {encoding} at {_text(wrong[0])!r}: readers see it", hint
        )
        return
    if not kind.startswith("text/"):
        return
    charset = part.parameter("charset").lower() or "us-ascii"
    content = decoded(part)
    if charset not in ("utf-8", "us-ascii") or (charset == "us-ascii" and not content.isascii()):
        text = f"the {kind} part is in {charset}: Gmail clips such messages, and letters get lost"
        yield Finding("E106", where, text, "it must be UTF-8")
    elif not _is_utf8(content):
        yield Finding("E106", where, f"the {kind} part says UTF-8, and is not: letters get lost", hint)


def decoded(part: Part) -> bytes:
    """The body of a part without its transfer encoding; as it is, if it cannot be decoded."""
    match part.value("Content-Transfer-Encoding").lower():
        case "quoted-printable":
            return quopri.decodestring(part.body)
        case "base64":
            try:
                return binascii.a2b_base64(part.body)
            except binascii.Error:
                return part.body
        case _:
            return part.body


# --- structure ----------------------------------------------------------------------------------------------


def _check_structure(part: Part, sources: Sources) -> Iterator[Finding]:
    """RFC 2046, section 5.1: boundaries, and in multipart/alternative the plainest first."""
    kind, hint = part.media_type, "this is a mistake of the program: report it"
    if part.problem:
        yield Finding(
            "E107", sources.issue, f"the {kind} {part.problem}: readers see no email, or half of it", hint
        )
    if part.boundary and any(
        b"\n--" + part.boundary.encode("utf-8", "replace") in b"\n" + inner.body and not inner.parts
        for inner in part.walk()
        if inner is not part
    ):
        yield Finding(
            "E107",
            sources.issue,
            f"the boundary of the {kind} occurs in a part: readers see half of it",
            hint,
        )
    if kind == "multipart/alternative" and part.parts:
        kinds = [_shown_type(inner) for inner in part.parts]
        if (
            "text/plain" in kinds
            and "text/html" in kinds
            and kinds.index("text/plain") > kinds.index("text/html")
        ):
            text = "the HTML stands before the text: mail programs show the last part, so everybody sees plain text"
            yield Finding("E107", sources.issue, text, hint)


def _shown_type(part: Part) -> str:
    """The media type of a part; for a multipart that of its first."""
    return _shown_type(part.parts[0]) if part.parts else part.media_type


def _check_content_ids(whole: Part, sources: Sources) -> Iterator[Finding]:
    """RFC 2392: a `cid:` address is the Content-ID of a part of the same message."""
    parts = [part for part in whole.walk() if part.value("Content-ID")]
    ids = Counter(part.value("Content-ID").strip("<>") for part in parts)
    for content_id, number in ids.items():
        if number > 1:
            text = (
                f"{number} pictures have the Content-ID {content_id}: mail programs show one of them for all"
            )
            yield Finding("E108", sources.issue, text, "this is a mistake of the program: report it")
    for part in whole.walk():
        if part.media_type == "text/html" and not part.parts:
            html = decoded(part).decode("utf-8", "replace")
            tags = _tags(html) if "cid:" in html else ""
            for found in dict.fromkeys(re.findall(r"\bcid:([^\s\"'()<>]+)", tags)):
                if unquote(found) not in ids and found not in ids:
                    text = f"the HTML shows the picture cid:{found}, which is not in the message"
                    where = sources.find(f"cid:{found}")
                    yield Finding(
                        "E108", where, text, "use the path of a file below the publication, or https"
                    )


def _tags(html: str) -> str:
    """The tags and style sheets of `html`: a `cid:` in prose shows no picture."""
    return " ".join(re.findall(r"<style\b[^>]*>[^<]*|<[^<>]*>", html))


# --- places -------------------------------------------------------------------------------------------------


def _place(header: str, sources: Sources) -> str:
    """Where the words of a header are written."""
    match header.lower():
        case "subject":
            return sources.key("subject")
        case "from" | "sender" | "reply-to" | "list-id" | "list-unsubscribe":
            return sources.find(suffix="newsletter.toml")
        case _:
            return sources.issue


def _place_of_part(part: Part, sources: Sources) -> str:
    """Where a part is made: the theme's template."""
    match part.media_type:
        case "text/plain":
            return sources.find(suffix="text.txt")
        case "text/html":
            return sources.find(suffix="issue.mjml")
        case _:
            return sources.issue
