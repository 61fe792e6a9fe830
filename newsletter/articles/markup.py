"""HTML from anywhere as a tree: what a browser without scripts would see, and the few operations we do on it.

`parse` is the only way in.  nh3 builds the tree by the rules of the HTML standard (so that we judge what readers'
programs will see, not what another parser would make of it) and writes it out in canonical form, which is read by an
XML parser exactly.  Nothing here makes HTML safe: that is the allow-list in `sanitize`.

It never raises and never hangs: what costs HTML parsers quadratic time or memory (thousands of open elements, of
formatting elements that are opened again in every paragraph, of attributes) is thinned out before.  Markup is lost
there, no words.  Should the canonical form not be readable after all, the words come back as one text.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

import nh3
from lxml import etree
from lxml.etree import _Element as Element


def names(words: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(words.split())


#: What may not stand in a document: control characters, lone surrogates, noncharacters, the byte order mark; the
#: overrides LRO and RLO, which turn the text behind them round.
_BAD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff"
    + "".join(chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
#: Most texts hold none of them in the ASCII half, and to look there alone takes a tenth of the time.
_BAD_ASCII = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INSTEAD = {"\x0b": " ", "\x0c": " ", "\u2028": "\n", "\u2029": "\n"}
#: Quotes and dashes of Windows-1252 read as Latin-1.  The HTML standard maps `&#147;` this way, too.
_INSTEAD |= {chr(code): bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
#: At least one character that can be seen.
_VISIBLE = re.compile(
    r"[^\s\xa0\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe0f]"
)

_VOID = names("area base br col embed hr img input link meta param source track wbr")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.S)
_INSTRUCTION = re.compile(r"<\?[^<>]*\?>")
_DATA_URL = re.compile(r"data:[^\s\"'<>]{1000,}")
_HUGE = 30_000
_HUGE_TAG = re.compile(rf"<(/?[A-Za-z][A-Za-z0-9-]*)[\s/][^<>]{{{_HUGE},}}>")
#: `<b/>` is an empty element to whoever wrote it, but to HTML it begins bold text, and `<iframe/>` swallows the rest.
_XML_STYLE = re.compile(r"<([A-Za-z][A-Za-z0-9:-]*)((?:\s[^<>]*[\"'\s])?)/>")
#: What a browser reads as text up to an end tag.
_RAW = re.compile(r"<(/?)(iframe|title|textarea|xmp|noembed|noframes)\b[^<>]*>?", re.I | re.A)
_XMP = re.compile(r"<xmp\b[^<>]*>(.*?)</xmp\s*>", re.I | re.A | re.S)
#: SVG and MathML have rules of their own in HTML, the ground of mutation XSS, and nh3 drops what has one of their names
#: elsewhere.  Read as elements without a meaning they have no rules, and what they say is kept.  noscript would be text.
_NEW_NAME = {"html": "div", "body": "div", "listing": "pre", "annotation-xml": "x-annotation"}
_WITHIN_TAG = r"""(?:=\s*"[^"]*"|=\s*'[^']*'|[^<>=]+|=)*+"""
_ANY_TAG = re.compile(rf"<(/?)([A-Za-z][^\s/<>]*)({_WITHIN_TAG})", re.A)
_TAG = re.compile(rf"<!--.*?(?:-->|\Z)|<(/?)([A-Za-z][A-Za-z0-9-]*){_WITHIN_TAG}>", re.S | re.A)
_FORMATTING = names("b big code em font i nobr s small strike strong tt u")
_FORMATTING_TAG = re.compile(rf"</?(?:{'|'.join(_FORMATTING)})(?=[\s/>])[^<>]*>", re.I | re.A)
#: Whose end tags may be left out, so that counting them says nothing about depth.
_UNCOUNTED = _VOID | names("p li td th tr dt dd option")
#: Whose content is no markup, nor text to be shown: without the tags it would be.
_RAW_NAMES = names("noembed noframes script style template textarea title")
_MANY_TAGS = 1000
_MANY_REFERENCES = 20_000
_LONG_TEXT = re.compile(r"([^<>]{5000,}?)(?=[&\xa0])")
_MAX_DEPTH = 200
_MAX_REOPENED = 1_000_000
#: More elements than the longest posts have, and as many as can be worked on in a second.
_MAX_ELEMENTS = 20_000

#: Everything that means something to us; of any other element only the content is seen.
_SEEN = names(
    """a abbr acronym address amp-audio amp-iframe amp-img amp-video amp-youtube article aside audio b
    bdi blockquote button caption center cite code dd del details dfn dialog dir div dl dt em fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup i iframe ins kbd label legend li
    lite-youtube main mark menu nav object ol option p picture pre q rp rt ruby s samp section select small span
    strike strong sub summary sup table tbody td textarea tfoot th thead title tr tt u ul var video x-annotation x-math
    x-noscript x-svg"""
) | {"br", "embed", "hr", "img", "input", "param", "source"}
_ATTRIBUTES = names(
    """align alt alttext aria-hidden aria-label checked class colspan data data-large-file data-lazy data-lazy-src
    data-lazy-srcset data-lazyload data-orig-file data-original data-src data-srcset data-videoid dir encoding height
    hidden href id label lang name poster reversed role rowspan scope src srcset start style title type value videoid
    width"""
)
_UNSEEN = {"script", "style", "template", "noembed", "noframes"}
#: What the parser is to know under its own name.
_PARSED = (
    {name for name in _SEEN if not name.startswith("x-")}
    | _UNSEEN
    | _VOID
    | {"colgroup", "font", "nobr", "optgroup"}
)
_PARSED -= set(_NEW_NAME)

_VOID_TAG = re.compile(rf"<({'|'.join(sorted(_VOID))})((?:\s[^<>]*)?)>")
_IFRAME_TEXT = re.compile(r"(<iframe[^<>]*>).*?</iframe>", re.S)
_WRAPPED_TAG = re.compile(r"<[^<>]*[\n\t][^<>]*>")

_NO_CLASSES: frozenset[str] = frozenset()
#: Elements that show something without having text.
MEDIA = (
    "img",
    "iframe",
    "video",
    "audio",
    "object",
    "embed",
    "amp-img",
    "amp-iframe",
    "amp-video",
    "amp-audio",
    "amp-youtube",
    "lite-youtube",
)
#: Elements that begin a line of their own.
BLOCKS = names(
    """address article aside blockquote caption center dd details dialog dir div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol p pre section summary table tbody td
    tfoot th thead tr ul"""
)


def parse(html: str) -> Element:
    """A `div` element that holds `html` as a browser would see it, with the elements and attributes we know."""
    canonical = nh3.clean(
        _tamed(without_bad_characters(html)),
        tags=set(_SEEN),
        attributes={"*": set(_ATTRIBUTES)},
        clean_content_tags=_UNSEEN,
        link_rel=None,
    )
    canonical = without_bad_characters(canonical)  # again: character references have become characters
    xml = _IFRAME_TEXT.sub(r"\1</iframe>", canonical)
    xml = _VOID_TAG.sub(r"<\1\2/>", xml).replace("&nbsp;", "\u00a0")
    # XML reads white space in attributes as spaces; but line feeds within an address mean nothing.
    xml = _WRAPPED_TAG.sub(lambda tag: tag[0].replace("\n", "&#10;").replace("\t", "&#9;"), xml)
    try:
        return etree.fromstring(f"<div>{xml}</div>", etree.XMLParser(huge_tree=True, resolve_entities=False))
    except etree.XMLSyntaxError:
        root = etree.Element("div")
        root.text = _text_of_source(canonical)
        return root


def without_bad_characters(text: str) -> str:
    """`text` without what may not stand in a document; line feeds as the only line ends."""
    bad = _BAD_ASCII if text.isascii() else _BAD
    return bad.sub(lambda found: _INSTEAD.get(found[0], ""), text.replace("\r\n", "\n").replace("\r", "\n"))


def _text_of_source(html: str) -> str:
    """The text of HTML whose tree cannot be had."""
    return re.sub(r"<[^>]*>", " ", html).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _tamed(html: str) -> str:
    """`html` without the constructs that hide words from a browser, and small enough in every dimension to parse."""
    html = _CDATA.sub(r"\1", html)
    html = _INSTRUCTION.sub("", html)
    html = _HUGE_TAG.sub(_shortened, html)
    html = _XML_STYLE.sub(
        lambda tag: tag[0] if tag[1].lower() in _VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", html
    )
    html = _closed(html)
    html = _XMP.sub(lambda xmp: f"<pre>{escape(xmp[1])}</pre>", html)
    html = _ANY_TAG.sub(_renamed, html)
    if (
        html.count("&") + html.count("\xa0") > _MANY_REFERENCES
    ):  # each costs time by the length of the text before it
        html = _LONG_TEXT.sub(r"\1<x-x></x-x>", html)
    return _thinned(html) if html.count("<") > _MANY_TAGS else html


def _shortened(tag: re.Match[str]) -> str:
    """A tag without the pictures written into it, and without any attributes if it is huge nevertheless."""
    short = _DATA_URL.sub("data:,", tag[0])
    return short if len(short) < _HUGE else f"<{tag[1]}>"


def _renamed(tag: re.Match[str]) -> str:
    """The tag under a name that says nothing to the parser, unless we want it to."""
    name = tag[2].lower()
    if name not in _PARSED:
        name = _NEW_NAME.get(name, f"x-{name}")
    return f"<{tag[1]}{name}{tag[3]}"


def _closed(html: str) -> str:
    """`html` with an end tag right after each element whose text would otherwise run to the end of the document."""
    last_end: dict[str, int] = {}
    for tag in _RAW.finditer(html):
        if tag[1]:
            last_end[tag[2].lower()] = tag.start()

    def close(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        return tag[0] if tag[1] or tag.start() < last_end.get(name, -1) else f"{tag[0]}</{name}>"

    return _RAW.sub(close, html)


def _thinned(html: str) -> str:
    """`html` without elements nested deeper than anything readable, and without formatting that would multiply.

    Formatting that is not closed is opened again by the standard in every following block: a thousand open `font`
    in front of a thousand paragraphs make a million elements.  Words stay, and stay apart.  An end tag counts where it
    makes an element: `</br>`, and `</p>` where none is open.
    """
    depth = formats = reopened = count = 0
    in_paragraph = False

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth, formats, reopened, count, in_paragraph
        name = (tag[2] or "").lower()
        begins = not tag[1] or name == "br" or (name == "p" and not in_paragraph)
        if begins:
            count += 1
            if count > _MAX_ELEMENTS and name not in _RAW_NAMES:
                return _instead_of(name)
        if name == "p":
            in_paragraph = not tag[1]
        if name in _FORMATTING:
            formats = max(0, formats + (-1 if tag[1] else 1))
        else:
            reopened += formats
        if not name or name in _UNCOUNTED:
            return tag[0]
        if tag[1]:
            depth = max(0, depth - 1)
            return tag[0] if depth < _MAX_DEPTH else _instead_of(name)
        depth += 1
        return tag[0] if depth <= _MAX_DEPTH else _instead_of(name)

    thinned = _TAG.sub(keep, html)
    return _FORMATTING_TAG.sub("", thinned) if reopened > _MAX_REOPENED else thinned


def _instead_of(name: str) -> str:
    """What keeps the words before and behind a tag called `name` apart, when it is taken out."""
    return " " if name in BLOCKS or name == "br" else ""


def text_in(element: Element) -> str:
    """All text below `element`, as it is."""
    return "".join(element.itertext())


def parts_of(table: Element) -> tuple[list[Element], list[Element], list[Element]]:
    """The groups (and caption), rows and cells of a table, not of those inside it."""
    groups = list(table)  # the parser has put every row into a group
    rows = [row for group in groups for row in group if row.tag == "tr"]
    return groups, rows, [cell for row in rows for cell in row if cell.tag in ("td", "th")]


def last_child(element: Element) -> Element | None:
    """The last element in `element`; its length would be counted."""
    return next(element.iterchildren(reversed=True), None)


def is_visible(text: str) -> bool:
    """Whether `text` has a character that can be seen."""
    return bool(_VISIBLE.search(text))


def has_content(element: Element) -> bool:
    """Whether a reader would see anything of `element`: a character, a picture."""
    return next(element.iter("img"), None) is not None or any(map(is_visible, element.itertext()))


def with_content(root: Element) -> set[Element]:
    """The elements below `root`, and itself, for which `has_content` is true, all in one walk."""
    found: set[Element] = set()
    for element in root.iter():
        if element.tag == "img" or (element.text and is_visible(element.text)):
            _add_upwards(found, element)
        if element is not root and element.tail and is_visible(element.tail):
            _add_upwards(found, element.getparent())
    return found


def _add_upwards(found: set[Element], element: Element | None) -> None:
    while element is not None and element not in found:
        found.add(element)
        element = element.getparent()


def classes(element: Element) -> frozenset[str]:
    """The classes of an element, in lower case."""
    said = element.get("class")
    return frozenset(said.lower().split()) if said else _NO_CLASSES


def style_of(element: Element, name: str) -> str:
    """The value of a property in the style attribute, in lower case; empty if it is not there."""
    style = element.get("style")
    found = re.search(rf"(?:^|;)\s*{name}\s*:\s*([^;]*)", style, re.I) if style else None
    return found[1].strip().lower() if found else ""


def elements(root: Element, *names: str) -> Iterator[Element]:
    """The elements below `root` with one of `names` that are still part of it while it is being changed."""
    for element in list(root.iter(*names)):
        if element is not root and element.get("x-gone") is None:
            yield element


def drop(element: Element) -> None:
    """Take `element` out with all that is in it; the text behind it stays, on a line of its own if this was a block."""
    for below in element.iter():
        below.set("x-gone", "")
    if element.tag in BLOCKS:
        element.addprevious(etree.Element("div"))
    _append_text(element, element.tail)
    element.getparent().remove(element)


def replace_by_text(element: Element, text: str) -> None:
    """Put plain text in the place of `element`."""
    tail = element.tail
    for below in element.iterdescendants():
        below.set("x-gone", "")
    element.clear()
    element.tag = "x-text"
    element.text, element.tail = text, tail


def _append_text(element: Element, text: str | None) -> None:
    """Add `text` to what stands right before `element`."""
    if not text:
        return
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent = element.getparent()
        parent.text = (parent.text or "") + text
