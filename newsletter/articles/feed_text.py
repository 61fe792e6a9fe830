"""The bytes of a feed as XML that a strict parser reads: decoded, bounded, mended.

Feeds are written by templates, so many are not XML: HTML's entities, a bare `&` or `<`, tags of the text
that are not escaped, prefixes nobody declared, characters XML does not have, a warning of the server before
the first tag or a comment after the last, one encoding announced and another one used, an end that never
arrived.  Everything of that kind is mended here, in one pass over the text, because a parser that guesses
loses more: what the text of a post contains comes out as text of the post, and what comes after it stays a
feed.

Refused (SourceError): entities that the feed declares itself, because they can grow without end or name
files; elements more than 500 deep, with more than 1,000 attributes, or more than 200,000 of them.  Nothing
is expanded, and no file or address is opened. A feed that was cut off ends with its last complete post, and
a note says so.

Pure.  Sources: XML 1.0, the encoding labels of whatwg.org, Namespaces in XML 1.0.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape, unescape
from html.entities import html5
from itertools import islice

from newsletter.errors import SourceError

MAX_DEPTH = 500
MAX_ATTRIBUTES = 1000
#: Some 10,000 posts; feedparser needs ten seconds for as many.
MAX_ELEMENTS = 200_000
#: As many things as can be said of one post, or of the feed; feedparser compares every tag with every other.
MAX_FIELDS = 1000
#: What a picture's description is called here: feedparser knows no such element and keeps it by this name.
PICTURE_TEXT = "media:alt"
#: The note on a feed whose end is missing.
CUT_OFF = "the feed is cut off: what came after its last complete post is missing"

#: How far into a text its first element is looked for, and how often.
_HEAD = 100_000
_TRIES = 20

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Labels that mean more than they say, as every browser reads them.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
#: Codecs that decode text and nothing else: not "zip", "unicode_escape", "utf-7".
_TEXT_CODEC = re.compile(r"(?:iso|cp|koi8|mac|gb|big5|euc|shift|hz|johab|tis|ascii|utf-(?:8|16|32)\b)")
_DECLARED = re.compile(rb"\A[^<]{0,200}<\?[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)

_DOCTYPE = r"""<!DOCTYPE[^\[<>]*+(?:\[(?:<!--.*?-->|"[^"]*"|'[^']*'|[^"'\]])*+\]\s*)?>"""
_PROLOG = rf"(?:[\s\ufeff]|<\?[^>]*>|<!--.*?-->|{_DOCTYPE})*+"
_ROOT = r"<(?:[A-Za-z_][\w.-]*:)?(?P<root>rss|RDF|feed)(?=[\s>/])"
_FEED = re.compile(_PROLOG + _ROOT, re.I | re.S)
_BURIED_FEED = re.compile(r"<\?xml\b|" + _ROOT, re.I)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.I)
_ENTITY = re.compile(r"""<!ENTITY\s+([^\s%"'<>]+)""", re.I)

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?"
_TOKEN = re.compile(
    rf"""
      <!\[CDATA\[ (?P<cdata>.*?) (?:\]\]>|\Z)
    | (?P<aside> <!--.*?(?:-->|\Z) | <\?.*?(?:\?>|\Z) | <![A-Za-z][^>]*> )
    | < (?P<end>/)? (?P<name>{_NAME}) (?P<attributes>(?:[^<>"']|"[^"<]*"|'[^'<]*')*+ | [^<>]*) >
    | (?P<angle> < )
    | (?P<leftover> \]\]> )  # of a CDATA section that held another one
    | & (?! (?:lt|gt|amp|quot|apos); )
      (?P<reference> \#\d{{1,8}}; | \#[xX][0-9a-fA-F]{{1,8}}; | [A-Za-z]\w{{1,31}}; )?
    """,
    re.S | re.X,
)
_REFERENCE = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)(#\d{1,8};|#[xX][0-9a-fA-F]{1,8};|[A-Za-z]\w{1,31};)?")
_ATTRIBUTE = re.compile(rf"""({_NAME})(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=]+)))?""")
_TIDY_ATTRIBUTES = re.compile(rf"""(?:\s+{_NAME}\s*=\s*(?:"[^"]*"|'[^']*'))*+\s*/?""")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = re.compile(r"<[/!?A-Za-z]")
_XHTML = re.compile(r"x(?:ht)?ml")
_AFTER_TITLE = re.compile(r"<(?:link|guid|pubDate|description|content:encoded)\b", re.I)
_TYPE = re.compile(r"\stype\s*=\s*[\"']([^\"']*)[\"']")
_PIECE = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|&(?P<reference>#\d{1,8};|#[xX][0-9a-fA-F]{1,8};|[A-Za-z]\w{1,31};)"
    r"|\]\]>",
    re.S,
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.S)

#: Elements whose content is the text of a post: tags in it belong to the text, whether it was escaped or not.
_TEXTS = {
    "rss": frozenset(["title", "description", "content:encoded", "fullitem"]),
    "feed": frozenset(["title", "summary", "content", "subtitle", "tagline"]),
}
_POSTS = ("item", "entry")
#: Elements whose children are fields: of the feed, of a post.
_HEADS = ("rss", "rdf", "feed", "channel")
_PARENTS = (*_POSTS, "group", "source", "author")
_VOID = frozenset(["br", "hr", "img", "input", "wbr", "embed", "col"])
#: What no declaration may name, and no prefix may mean.
_RESERVED = frozenset(
    ["xmlns:xml", "xmlns:xmlns", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"]
)
#: Prefixes that feeds use without declaring them, and what everybody means by them.
_NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}


def decode(body: bytes, content_type: str = "") -> str:
    """The text of `body`, by its own evidence first: announcements are wrong more often than bytes.

    A byte order mark counts, then whether the bytes are UTF-8, then what the XML declaration and
    `content_type` say.  Single bytes that do not belong into UTF-8 are read as Windows-1252.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if encoding := _wide_encoding(body):
        return body.decode(encoding, "replace")
    declared = _DECLARED.match(body)
    served = _CHARSET.search(content_type)
    codecs_named = [
        _codec(declared[1].decode("ascii", "replace")) if declared else "",
        _codec(served[1]) if served else "",
    ]
    named = next((name for name in codecs_named if name and name != "utf-8"), "")
    if re.match(r"iso2022|hz", named):  # looks like ASCII, and is not
        return body.decode(named, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if not named or _is_mostly_utf_8(body):
        return body.decode("utf-8", _WINDOWS_1252)
    return body.decode(named, "replace")


def _wide_encoding(body: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, by where the zero bytes of its ASCII are."""
    head = body[:80]
    if head.count(0) * 3 <= len(head):
        return ""
    if head.count(0) * 2 > len(head) + 4:
        return "utf-32-le" if head[0] else "utf-32-be"
    return "utf-16-le" if head[0] else "utf-16-be"


def _codec(label: str) -> str:
    """Python's name of the encoding; empty if there is none that decodes text."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""
    if name.startswith(("utf-16", "utf-32")):  # without zero bytes it cannot be
        return ""
    return _WIDER.get(name, name) if _TEXT_CODEC.match(name) else ""


def _is_mostly_utf_8(body: bytes) -> bool:
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - wrong > wrong


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_WINDOWS_1252 = "newsletter-windows-1252"
codecs.register_error(_WINDOWS_1252, _as_windows_1252)


def is_xml_feed(text: str) -> bool:
    """Whether `text` begins as a feed does: declarations, comments, then rss, rdf:RDF or feed."""
    match = _FEED.match(text, 0, _HEAD)
    return bool(match and (match["root"].upper() != "RDF" or _is_rss_1(text)))


def find_feed(text: str) -> int:
    """Where the feed in `text` begins, behind what a server wrote before; -1 if there is none, or a page."""
    if _FEED.match(text, 0, _HEAD):
        return 0
    for match in islice(_BURIED_FEED.finditer(text, 0, _HEAD), _TRIES):
        if _PAGE.search(text, 0, match.start()):
            break
        if _FEED.match(text, match.start(), match.start() + _HEAD):
            return match.start()
    return -1


def _is_rss_1(text: str) -> bool:
    return bool(re.search(r"purl\.org/rss|netscape\.com/rdf|<(?:\w+:)?item\b", text[:20_000]))


def mend(text: str, *, where: str) -> tuple[str, str]:
    """Well-formed XML of the feed that begins `text`, and a note on what is missing from it, or an empty one.

    Raises SourceError, if the feed declares entities or is built to exhaust whoever reads it, or if it was
    cut off before its first post was complete.
    """
    match = _FEED.match(text)
    if match is None:
        raise SourceError("not a feed", where=where)
    start = text.rindex("<", 0, match.end())
    for entity in _ENTITY.findall(text, 0, start):
        if f"{entity};" not in html5:
            raise SourceError(
                f"it declares an entity of its own ({entity}), which is not safe to read", where=where
            )
    return _Mender(text, "feed" if match["root"].lower() == "feed" else "rss", where).mended(start)


@dataclass
class _Mender:
    """One pass over a feed's text, with the elements that are open and the XML so far."""

    text: str
    kind: str
    where: str
    out: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    prefixes: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=lambda: {"xml", "xmlns"})
    elements: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    #: How much XML there was, and what was open, when the last post was complete.
    complete: tuple[int, list[str]] | None = None

    def mended(self, start: int) -> tuple[str, str]:
        position = start
        while token := _TOKEN.search(self.text, position):
            if token.start() > position:
                self.out.append(_without_bad_characters(self.text[position : token.start()]))
            position = token.end()
            if token["name"]:
                position = self._tag(token) or position
                if not self.open:
                    return self._document(), ""
            elif self.open:
                self.out.append(_mended(token))
            else:
                raise SourceError("its first tag is broken", where=self.where)
        return self._cut_off()

    def _tag(self, token: re.Match[str]) -> int | None:
        """Write a start or an end; where to go on, if that is not right behind it."""
        name, attributes = token["name"], token["attributes"]
        if token["end"]:
            self._end(name)
            return None
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise SourceError(f"it has more than {MAX_ELEMENTS} elements", where=self.where)
        self._count_field(name)
        if attributes.count("=") > MAX_ATTRIBUTES:
            raise SourceError(f"an element has more than {MAX_ATTRIBUTES} attributes", where=self.where)
        is_empty = attributes.endswith("/") or (name.lower() in _VOID)
        attributes = self._attributes(attributes)
        if is_empty:
            self.prefixes.add(name.rpartition(":")[0])
            self.out.append(f"<{name}{attributes}/>")
            return None
        if name.lower() in _TEXTS[self.kind] and not _XHTML.search(_type_of(attributes)):
            return self._text(name, attributes, token.end())
        if name.lower() == "media:description" and self.open[-1].lower() == "media:content":
            # It describes a picture, but feedparser would take it for the text of the post.
            return self._text(name, "", token.end(), written_as=PICTURE_TEXT)
        self._start(name, attributes)
        return None

    def _count_field(self, name: str) -> None:
        around = self.open[-1].rpartition(":")[2].lower() if self.open else ""
        if name.rpartition(":")[2].lower() in _POSTS:
            self.fields = {parent: count for parent, count in self.fields.items() if parent in _HEADS}
        elif around in _HEADS or around in _PARENTS:
            self.fields[around] = self.fields.get(around, 0) + 1
            if self.fields[around] > MAX_FIELDS:
                raise SourceError(f"one {around} holds more than {MAX_FIELDS} things", where=self.where)

    def _start(self, name: str, attributes: str) -> None:
        if len(self.open) == MAX_DEPTH:
            raise SourceError(f"its elements are nested more than {MAX_DEPTH} deep", where=self.where)
        self.prefixes.add(name.rpartition(":")[0])
        self.open.append(name)
        self.out.append(f"<{name}{attributes}>")

    def _end(self, name: str) -> None:
        """Close `name` and whatever is open within it; nothing, if it is not open."""
        wanted = name.lower()
        if not any(opened.lower() == wanted for opened in self.open):
            return
        while (opened := self.open.pop()).lower() != wanted:
            self.out.append(f"</{opened}>")
        self.out.append(f"</{opened}>")
        if wanted.rpartition(":")[2] in _POSTS:
            self.complete = (len(self.out), self.open.copy())

    def _text(self, name: str, attributes: str, start: int, *, written_as: str = "") -> int:
        """Write a text element, tags within it as text, as they should have been; the place behind it."""
        found = next(
            (m for m in _text_end(name).finditer(self.text, start) if not m[0].startswith("<!")), None
        )
        if found and not found["own"] and name.lower() == "title":  # it was never closed
            found = _AFTER_TITLE.search(self.text, start, found.start()) or found
        if found is None:  # cut off within this text
            self._start(name, attributes)
            return len(self.text)
        content = _without_bad_characters(self.text[start : found.start()])
        if _TAG.search(_CDATA.sub("", content)):
            if self.kind == "feed" and "html" not in _type_of(attributes):
                attributes = _TYPE.sub("", attributes) + ' type="html"'
            text = _CDATA.sub(lambda cdata: cdata[1], content)
        else:
            text = _PIECE.sub(_meaning, content)
        self._start(written_as or name, attributes)
        # One section of CDATA: with references in it, feedparser would get every character on its own.
        self.out.append(f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>")
        self._end(written_as or name)
        return found.end() if "own" in found.groupdict() and found["own"] else found.start()

    def _attributes(self, written: str) -> str:
        """Attributes as XML: quoted, each once, their references mended, without declarations that cannot be."""
        written = _without_bad_characters(written)
        found = _ATTRIBUTE.findall(written)
        values: dict[str, str] = {}
        for name, *forms in found:
            value = "".join(forms)
            if not name.startswith("xmlns") or _can_be_declared(name, value):
                values.setdefault(name, value)
        if not self.open:
            self.declared.update(name[6:] for name in values if name.startswith("xmlns:"))
        self.prefixes.update(prefix for name in values if (prefix := name.rpartition(":")[0]) != "xmlns")
        if _TIDY_ATTRIBUTES.fullmatch(written) and len(values) == len(found):
            return _REFERENCE.sub(lambda match: _mended_reference(match[1]), written.rstrip("/").rstrip())
        return "".join(f' {name}="{escape(unescape(value))}"' for name, value in values.items())

    def _document(self) -> str:
        """The XML, its root (the first piece) declaring what the feed forgot to."""
        missing = sorted(self.prefixes - self.declared - {""})
        root = self.out[0].removesuffix(">").removesuffix("/")
        slash = "/" if self.out[0].endswith("/>") else ""
        declarations = "".join(
            f' xmlns:{p}="{_NAMESPACES.get(p.lower(), f"urn:undeclared:{p}")}"' for p in missing
        )
        return "".join(
            ['<?xml version="1.0" encoding="utf-8"?>\n', root, declarations, slash, ">", *self.out[1:]]
        )

    def _cut_off(self) -> tuple[str, str]:
        if self.complete is None:
            raise SourceError(
                "it is cut off before its first post ends", where=self.where, hint="fetch it again"
            )
        length, still_open = self.complete
        del self.out[length:]
        self.out += [f"</{name}>" for name in reversed(still_open)]
        return self._document(), CUT_OFF


@lru_cache
def _text_end(name: str) -> re.Pattern[str]:
    """Where a text element may end, at the latest with its post; CDATA sections match to be passed over."""
    own = rf"(?P<own></{name}\s*>)"
    others = r"</?(?:[\w.-]+:)?(?:item|entry)\b|</(?:[\w.-]+:)?(?:channel|rss|feed|RDF)\s*>"
    return re.compile(rf"<!\[CDATA\[.*?(?:\]\]>|\Z)|{own}|{others}", re.I | re.S)


def _can_be_declared(name: str, value: str) -> bool:
    """Whether `name="value"` declares a namespace; parsers trip over names of namespaces that hold their separators."""
    return not ({name, value} & _RESERVED or re.search(r"[\s{}]", value) or (name != "xmlns" and not value))


def _type_of(attributes: str) -> str:
    match = _TYPE.search(attributes)
    return match[1].lower() if match else ""


def _without_bad_characters(text: str) -> str:
    return _NOT_XML.sub("", text)


def _as_cdata(content: str) -> str:
    """A CDATA section; the mark of one within another is a template's mistake."""
    return f"<![CDATA[{_without_bad_characters(content).replace('<![CDATA[', '')}]]>"


def _mended(token: re.Match[str]) -> str:
    """A token that is no tag, as XML; comments and instructions are left out."""
    if token["cdata"] is not None:
        return _as_cdata(token["cdata"])
    if token["angle"]:
        return "&lt;"
    return _mended_reference(token["reference"]) if token[0].startswith("&") else ""


def _meaning(piece: re.Match[str]) -> str:
    """What a CDATA section or a reference stands for in a text; nothing, if it is the leftover of a section."""
    if piece["cdata"] is not None:
        return piece["cdata"].replace("<![CDATA[", "")
    return unescape(_mended_reference(piece["reference"])) if piece["reference"] else ""


def _mended_reference(reference: str | None) -> str:
    """What stands behind an `&`, as XML knows it: a character it has, or the letters that were written."""
    if not reference:
        return "&amp;"
    if reference.startswith("#"):
        number = int(reference[2:-1], 16) if reference[1] in "xX" else int(reference[1:-1])
        return f"&#{number};" if number < 0x110000 and not _NOT_XML.match(chr(number)) else "\ufffd"
    meaning = html5.get(reference)
    return "".join(f"&#{ord(c)};" for c in meaning) if meaning else f"&amp;{reference}"
