"""A web page as one article: what the page states about its post, and the post in the page's own markup.

    decoded       which characters the bytes are
    masthead      what the page states: title, authors, date, picture...   masthead
    extracted     which words are the post                                 trafilatura
    main_part     which elements of the page hold them                     main_part
    furniture     what is not the post in there                            furniture
    sanitize      safe and tidy for an email                               sanitize

The guarantee: headings, pictures, tables, code and quotes of the post come out as they stand on the page, and its
navigation, banners, comments and related posts do not.  Equal bytes give equal articles, in any place, at any hour:
no clock, no locale, no network, and no date that the page does not state.

What is not a page, is empty or over 10 MB raises SourceError with the remedy, and so does a page that has no text to
read because a script would put it there, unless the page states the text in JSON-LD.

Sources: the HTML standard, section 13.2.3 (character encoding); the encoding standard (labels).  Pure.
"""

from __future__ import annotations

import codecs
import copy
import logging
import re
from dataclasses import replace
from html import escape

import lxml.html
from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.article import Article, Reading, content_digest, text_of
from newsletter.articles.furniture import remove_furniture, remove_stated, words_of
from newsletter.articles.link import WEB, absolute_url
from newsletter.articles.main_part import MainPart, Tallies, main_part, sift
from newsletter.articles.markup import drop, elements, without_bad_characters
from newsletter.articles.masthead import Masthead, read_masthead
from newsletter.articles.pictures import picture_key
from newsletter.articles.sanitize import first_image, sanitize
from newsletter.errors import SourceError

MAX_BYTES = 10 * 1024 * 1024
#: Above this, trafilatura makes do with the first of its methods.
_LARGE = 2_000_000
#: From how many words on trafilatura is believed when it finds twice as much as the page's own names.
_WORTH_A_FALLBACK = 200

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
#: Types under which servers send what they do not know.
_VAGUE_TYPES = frozenset(
    {"", "text/plain", "application/octet-stream", "text/xml", "application/xml", "binary/octet-stream"}
)
#: What may stand before a document's first element.
_PROLOGUE = re.compile(rb"(?:\s+|\xef\xbb\xbf|<\?(?:[^?]|\?(?!>))*\?>|<!--.*?-->)*+", re.S)
_PAGE_START = re.compile(rb"<!doctype\s+html|<(?:html|head|body|title|meta|link)[\s/>]", re.I)
_FEED_START = re.compile(rb"(?:<!doctype[^>]*>\s*)?<(?:rss|feed|rdf:RDF)[\s>]", re.I)
_OTHER_XML = re.compile(rb"(?:<!doctype\s+(?!html)[^>\[]*>\s*)?<([A-Za-z][\w.:-]*)", re.I)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!doctype", re.I)

_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"RIFF", "a picture, a sound or a film"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"{\\rtf", "an office document (RTF)"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META_CHARSET = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_XML_CHARSET = re.compile(rb"\A\s*<\?xml[^>]*encoding\s*=\s*[\"']([\w.:-]+)", re.I)
#: Labels by which the encoding standard means a larger encoding than they name.
_LABELS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_EAST_ASIAN = frozenset({"gb18030", "cp932", "cp949", "big5hkscs", "euc_jp"})
#: A tag, or what a browser does not read as tags, to its end or the document's.
_NESTING = re.compile(
    r"<!--.*?(?:-->|\Z)|<script\b.*?(?:</script\s*>|\Z)|<style\b.*?(?:</style\s*>|\Z)|<(/?)([A-Za-z][\w:-]*)[^<>]*>",
    re.I | re.S,
)
#: Elements without an end tag, or whose end tag may be left out.
_UNCOUNTED = frozenset(
    """
    area base br col embed hr img input link meta param source track wbr
    html head body p li td th tr dt dd option thead tbody tfoot colgroup
    """.split()
)
_DEEPEST = 200
_HUGE_TAG = 10_000
_MOST_ATTRIBUTES = 1000
#: What a page says that has nothing to say yet.
_EXCUSE = re.compile(
    r"\bjava ?script\b|\A\W*(?:loading|please wait|redirecting|just a moment|checking your browser|you are being redirected)",
    re.I,
)


def looks_like_page(body: bytes, content_type: str = "") -> bool:
    """Whether `body` is a web page: said so by its type, or begun like one.  A fragment of HTML is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _HTML_TYPES:
        return not _other_kind(body)
    head = _ascii_head(body)
    return kind in _VAGUE_TYPES and bool(_PAGE_START.match(head, _after_prologue(head)))


def parse_page(body: bytes, *, url: str = "", charset: str = "", where: str = "") -> Reading:
    """The one article of a web page; its site's name is the title of the Reading.

    `url` is where the page was found, `charset` what the server said of it, `where` how to name it in errors.  Raises
    SourceError, if it is not a page, or has nothing to read.
    """
    url = absolute_url(url, schemes=WEB)
    where = where or url or "the page"
    _check_is_page(body, where)
    page = _parsed(_decoded(body, charset))
    base = _base_of(page, url)
    masthead = read_masthead(page, url=url, base=base)
    hint = _remedy(page, base)
    html = _readable(page, masthead, base)
    if not html:
        raise SourceError("no text to read in this page", where=where, hint=hint)
    image = masthead.image or first_image(html)
    if image:
        html = sanitize(html, base=base, image_url=image.url) or html
    article = Article(
        id=masthead.url,
        title=masthead.title,
        url=masthead.url,
        author=masthead.author,
        published=masthead.published,
        summary=masthead.summary,
        image=image,
        tags=masthead.tags,
        language=masthead.language,
        html=html,
    )
    if not article.id:
        article = replace(article, id=f"sha256:{content_digest(article)}")
    return Reading((article,), title=masthead.site, language=masthead.language)


# ---- is it a page


def _check_is_page(body: bytes, where: str) -> None:
    if not body.strip():
        raise SourceError("the page is empty", where=where)
    if len(body) > MAX_BYTES:
        raise SourceError(f"too large: {len(body) / 1e6:.0f} MB, 10 MB at most", where=where)
    if other := _other_kind(body):
        hint = "give the address of a post's page"
        if "feed" in other or "text" in other:
            hint = f'kind = "{"feed" if "feed" in other else "text"}", or leave kind out'
        raise SourceError(f"this is {other}, not a web page", where=where, hint=hint)


def _other_kind(body: bytes) -> str:
    """What `body` is, if it is not HTML; empty if it may be."""
    for signature, name in _SIGNATURES:
        if body.startswith(signature):
            return name
    head = _ascii_head(body)
    at = _after_prologue(head)
    if _FEED_START.match(head, at):
        return "a feed"
    if head[at : at + 1] in (b"{", b"[") and re.match(rb"[{\[]\s*(?:[\"{\[\]}]|-?\d)", head[at:]):
        return "JSON feed or other JSON" if b"jsonfeed.org" in head else "JSON"
    if head[:at].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml") and (root := _OTHER_XML.match(head, at)):
        name = root[1].decode("ascii", "replace")
        if name.lower().rpartition(":")[2] not in ("html", "head", "body"):
            return f"an XML document ({name[:40]})"
    if b"\0" in head:
        return "a binary file"
    if not _TAG.search(head.decode("latin-1")) and not _TAG.search(body[:200_000].decode("latin-1")):
        return "a plain text"
    return ""


def _ascii_head(body: bytes) -> bytes:
    """The first kilobytes, in UTF-8 where they are UTF-16 or UTF-32."""
    head = body[:4096]
    encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "") or _wide(head)
    return head.decode(encoding, "ignore").removeprefix("\ufeff").encode() if encoding else head


def _wide(head: bytes) -> str:
    """UTF-16 without a byte order mark, to be known by its first two characters; empty if it is none."""
    if re.match(rb"[<\s]\0[\w!?\s]\0", head):
        return "utf-16-le"
    return "utf-16-be" if re.match(rb"\0[<\s]\0[\w!?\s]", head) else ""


def _after_prologue(head: bytes) -> int:
    found = _PROLOGUE.match(head)
    return found.end() if found else 0


# ---- which characters


def _decoded(body: bytes, charset: str) -> str:
    """The text of the page: byte order mark, then the server's word, the page's own, and what the bytes look like.

    UTF-8 that was declared as something else is the most common mistake, and text in another encoding hardly ever
    happens to be valid UTF-8, so what is valid UTF-8 is UTF-8.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if wide := _wide(body[:8]):
        return body.decode(wide, "replace")
    head = body[:4096]
    stated = [
        charset,
        *(
            found[1].decode("ascii")
            for found in (_META_CHARSET.search(head), _XML_CHARSET.search(head))
            if found
        ),
    ]
    declared = [codec for label in stated if (codec := _codec(label))]
    if (text := _strictly(body, "utf-8")) is not None:
        foreign = len(text) - sum(map(text.count, map(chr, range(128)))) if not text.isascii() else 0
        # A few characters in GBK or Shift JIS can be valid UTF-8; ISO-2022-JP is ASCII all through.
        if (
            not declared
            or declared[0] == "utf-8"
            or (foreign >= 8 if declared[0] in _EAST_ASIAN else foreign)
        ):
            return text
    for encoding in declared:
        if (text := _strictly(body, encoding)) is not None:
            return text
    if "utf-8" in declared or not declared:
        text = body.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        if broken * 20 < sum(byte >= 0x80 for byte in body):
            return text  # a stray byte or two
    if declared and declared[0] != "utf-8":
        return body.decode(declared[0], "replace")
    return body.decode(_detected(body), "replace")


def _codec(label: str) -> str:
    """Python's name for an encoding; empty if there is no such text encoding."""
    try:
        name = codecs.lookup(label.strip()).name
        "".encode(name)
    except (LookupError, ValueError):
        return ""
    if name.startswith(("utf-16", "utf-32")):
        return "utf-8"  # the declaration was read as ASCII: it cannot be true
    return _LABELS.get(name, name)


def _strictly(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeError, ValueError):
        return None


def _detected(body: bytes) -> str:
    """What the bytes look like; Windows-1252 where they are too few to tell."""
    words = re.sub(rb"<[^<>]*>", b" ", body[:500_000])
    if sum(byte >= 0x80 for byte in words) < 30:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(words[:100_000]).best()
    return _codec(best.encoding) or "cp1252" if best else "cp1252"


# ---- what is to be read


def _tamed(html: str) -> str:
    """`html` without what libxml2 cannot read: tags nested deeper than anything readable, attributes by the thousand.

    It would leave out all that follows the first, and take minutes over the second.
    """
    depth = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        if not tag[2]:
            return tag[0]
        is_huge = len(tag[0]) > _HUGE_TAG and len(tag[0].split()) > _MOST_ATTRIBUTES
        source = f"<{tag[1]}{tag[2]}>" if is_huge else tag[0]
        if tag[2].lower() in _UNCOUNTED:
            # trafilatura counts the cells of a table once for every table around it
            return " " if depth > _DEEPEST and tag[2].lower() in ("tr", "td", "th") else source
        if tag[1]:
            depth = max(0, depth - 1)
            return source if depth < _DEEPEST else ""
        depth += 1
        return source if depth <= _DEEPEST else ""

    return _NESTING.sub(keep, html)


def _parsed(text: str) -> Element:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return lxml.html.document_fromstring(
            _tamed(without_bad_characters(text)).encode(), parser=parser, ensure_head_body=True
        )
    except etree.ParserError:  # nothing but comments
        return lxml.html.document_fromstring("<p>", ensure_head_body=True)


def _base_of(page: Element, url: str) -> str:
    """The address that relative ones start from."""
    stated = next((base.get("href") or "" for base in page.iter("base") if base.get("href")), "")
    return absolute_url(stated, url, WEB) or url


def _remedy(page: Element, base: str) -> str:
    """What to do if there is nothing to read in the page."""
    for meta in page.iter("meta"):
        target = re.search(r"url\s*=\s*[\"']?([^\"'\s>]+)", meta.get("content") or "", re.I)
        if (
            (meta.get("http-equiv") or "").lower() == "refresh"
            and target
            and (url := absolute_url(target[1], base, WEB))
        ):
            return f"it leads to another address: {url}"
    hint = "it may be built by JavaScript: open it in a browser, copy the text, and draft from that"
    for link in page.iter("link"):
        is_feed = re.search(r"(?:rss|atom)\+xml|feed\+json", link.get("type") or "", re.I)
        if is_feed and (url := absolute_url(link.get("href") or "", base, WEB)):
            return f"{hint}; or read the site's feed: {url}"
    return hint


def _readable(page: Element, masthead: Masthead, base: str) -> str:
    """The post as sanitised HTML; empty if there is none.  Takes the page apart."""
    image_url = masthead.image.url if masthead.image else ""
    for script in list(page.iter("script", "style")):
        script.drop_tree()  # trafilatura would read JSON-LD as if it stood on the page
    spare = copy.deepcopy(page)
    tallies = Tallies(page, _extracted(page))
    html = ""
    if (part := main_part(page, tallies)) is not None:
        sift(part, tallies)
        remove_furniture(part.root, part.core, tallies.__getitem__, tallies.expected)
        remove_stated(part.root, part.core, masthead.title, masthead.author, _stated_words(masthead))
        _remove_lead_picture(part, image_url, base)
        html = sanitize(_source_of(part.root), base=base, title=masthead.title, image_url=image_url)
    words = len(words_of(text_of(html)))
    if not html or words * 2 < tallies.expected >= _WORTH_A_FALLBACK:
        html = (
            sanitize(_extracted(spare, "html"), base=base, title=masthead.title, image_url=image_url) or html
        )
        words = len(words_of(text_of(html)))
    if words < 40 and (
        _EXCUSE.search(text_of(html)) or words_of(text_of(html)) == words_of(masthead.title) != []
    ):
        html, words = "", 0  # nothing, or nothing but the title
    if words < 25 and words * 2 < len(words_of(masthead.body)):
        return sanitize(_as_html(masthead.body), base=base, title=masthead.title)
    return html


def _extracted(page: Element, form: str = "txt") -> str:
    """What trafilatura takes for the post of the page; empty if it finds nothing."""
    import trafilatura  # a quarter of a second: paid by those who read pages

    for name in ("trafilatura", "htmldate", "courlan"):  # what they say to the log is of no use to an editor
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    whole = form == "html"
    try:
        found = trafilatura.extract(
            copy.deepcopy(page),
            output_format=form,
            fast=sum(map(len, page.itertext())) > _LARGE,
            include_comments=False,
            include_formatting=whole,
            include_links=whole,
            include_images=whole,
            with_metadata=False,
            deduplicate=False,
        )
    except Exception:  # noqa: BLE001  one page in thousands trips it; the page's own names still say what the post is
        return ""
    return found or ""


def _remove_lead_picture(part: MainPart, image_url: str, base: str) -> None:
    """Take out the article's picture above the post: the issue shows it there.  Its caption stays."""
    for image in elements(part.root, "img"):
        if part.core in image.iterancestors():
            return
        url = absolute_url(image.get("src") or "", base, WEB)
        if image_url and url and picture_key(url) == picture_key(image_url):
            drop(image)


def _source_of(root: Element) -> str:
    """The markup of the post; a cell of a table on its own would not be one."""
    if root.tag in ("td", "th", "tr", "tbody", "body", "li"):
        root.tag = "div"
    source: str = lxml.html.tostring(root, encoding="unicode", with_tail=False)
    return source


def _stated_words(masthead: Masthead) -> frozenset[str]:
    """The words of byline and tag line."""
    text = " ".join([masthead.author, masthead.site, *masthead.tags])
    return frozenset(words_of(text))


def _as_html(text: str) -> str:
    """A stated text as paragraphs, unless it is HTML."""
    if re.search(r"<(?:p|br|div|ul|ol|h[1-6])\b[^<>]*>", text, re.I):
        return text
    paragraphs = [part for part in re.split(r"\s*\n\s*", text.strip()) if part]
    return "".join(f"<p>{escape(part, quote=False)}</p>" for part in paragraphs)
