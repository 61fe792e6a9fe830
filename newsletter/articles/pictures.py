"""The pictures of a post: one address each, whatever a page does to load them late; no trackers.

Pages hide the address of a picture in `data-src`, in `srcset`, in `<noscript>`, in `<picture>`; email programs know
`src` only.  And feeds count their readers with pictures that nobody is meant to see.  A picture is taken for a tracker
by its size, by being hidden, or by the host or script it comes from, never by a word in its path: `/pixel-art/b.gif`
is a picture.

`settle_pictures` changes a tree from `markup.parse` in place; a picture that cannot be had leaves its words.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.link import WEB, absolute_url, host_of
from newsletter.articles.markup import classes, drop, elements, parts_of, replace_by_text, style_of, text_in

#: Attributes in which scripts that load pictures late keep the address, the most specific first.
_LATE = ("data-src", "data-lazy-src", "data-original", "data-lazyload", "data-lazy")
_LATE_SETS = ("data-srcset", "data-lazy-srcset")
#: Other addresses of the same picture, for want of a better one.
_OTHERS = ("data-large-file", "data-orig-file")
#: One candidate of a srcset: commas may be part of an address, but not its last character.
_CANDIDATE = re.compile(r"(\S*[^\s,])(?:\s+(\d+(?:\.\d+)?)([wx]))?")
#: Formats that some email programs do not show.
_MODERN = re.compile(r"image/(?:webp|avif|jxl|heic)")
#: As wide as an email's column on a screen of double density.
_WIDE_ENOUGH = 1100

_PIXELS = re.compile(r"\s*(\d{1,4})(?:\.\d+)?\s*(?:px)?\s*\Z", re.I)
_SPACER = re.compile(r"(?:.*/)?(?:(?:spacer|blank|transparent|clear|pixel|1x1|trans)\.gif|1x1\.png)\Z", re.I)
_TRACKER_HOST = re.compile(
    r"""(?:.*\.)?(?:pixel\.wp\.com|stats\.wp\.com|stats\.wordpress\.com|track\.hubspot\.com|google-analytics\.com
    |googletagmanager\.com|doubleclick\.net|googleadservices\.com|scorecardresearch\.com|quantserve\.com|feedsportal\.com
    |statcounter\.com|counter\.theconversation\.com|px\.ads\.linkedin\.com|bat\.bing\.com|analytics\.twitter\.com
    |met\.vgwort\.de|ad\.linksynergy\.com|hits\.(?:dwds\.de|seeyoufarm\.com)|mc\.yandex\.ru|pixel\.(?:mathtag|adsafeprotected)\.com
    |pixel\.facebook\.com|imrworldwide\.com|crwdcntrl\.net|chartbeat\.net|parsely\.com)\Z""",
    re.X,
)
_TRACKER_PATH = re.compile(
    r"""(?:feeds\.feedburner\.com|feedproxy\.google\.com|feeds\.[^/]+)/~(?:r|ff|4)/
    |(?:blogger\.googleusercontent|[^/]*\.blogger)\.com/tracker/
    |medium\.com/_/stat\b|facebook\.com/tr/?(?:\?|\Z)|[^/]*(?:amazon-adsystem|assoc-amazon)\.[a-z.]+/e/ir\b
    |[^/]*list-manage\.com/track/|mandrillapp\.com/track/|t\.co/i/adsct
    |[^/]+/(?:[^?]*/)?(?:__ptq\.gif|(?:piwik|matomo)\.php|wf/open|track/open\.php|e/o/eyJ\S*)(?:\?|\Z)""",
    re.X,
)
_SIZE_SUFFIX = re.compile(r"-\d{2,5}x\d{2,5}(?=\.[A-Za-z]{3,4}\Z)")
_SIZE_FOLDER = re.compile(r"/(?:[swh]\d{2,5}(?:-[a-z0-9]+)*|w\d+-h\d+(?:-[a-z0-9]+)*)/(?=[^/]+\Z)")
_SIZE_OPTION = re.compile(r"=(?:[swh]\d{1,5})(?:-[A-Za-z0-9]+)*\Z")
_PICTURE_NAME = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic)\Z", re.I)
_WITHIN = re.compile(r"https?://[^\s?&#]+", re.I)


def settle_pictures(root: Element, base: str, local: frozenset[str]) -> None:
    """Leave in the tree one `img` with an absolute or local address for each picture that a reader is meant to see."""
    _mark_captions(root)
    _settle_noscript(root, base, local)
    for picture in elements(root, "picture"):
        image = next(picture.iter("img"), None)
        if image is None:
            image = etree.SubElement(picture, "img")
        sources = sorted(
            picture.iterchildren("source"), key=lambda source: bool(_MODERN.match(source.get("type") or ""))
        )
        sets = [
            source.get(name) for source in sources for name in ("srcset", *_LATE_SETS) if source.get(name)
        ]
        if sets and not image.get("srcset"):
            image.set("srcset", sets[0])
    for image in elements(root, "amp-img"):
        for inner in image:
            drop(inner)
        image.tag = "img"
    for image in elements(root, "img"):
        _settle_image(image, base, local)


def picture_key(url: str) -> str:
    """What two addresses of one picture in different sizes have in common: for comparing, not for showing.

    Sizes in the query, in WordPress's file names and in Blogger's folders and options make no difference, nor does a service that
    resizes the picture at another address.
    """
    inner = _WITHIN.search(unquote(url), 8)
    url = inner[0] if inner and _PICTURE_NAME.search(inner[0]) else url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    host, path = host_of(url), parts.path
    if re.fullmatch(r"i\d\.wp\.com", host):
        host, _, path = path.strip("/").partition("/")
        path = f"/{path}"
    path = _SIZE_OPTION.sub("", _SIZE_FOLDER.sub("/", _SIZE_SUFFIX.sub("", path)))
    return f"{host.removeprefix('www.')}{unquote(path)}" + (
        "" if _PICTURE_NAME.search(path) else f"?{parts.query}"
    )


def is_picture_file(url: str) -> bool:
    """Whether an address leads to a picture rather than to a page, by its name."""
    return bool(_PICTURE_NAME.search(url.partition("?")[0]))


def _mark_captions(root: Element) -> None:
    """Captions that old editors of WordPress and Blogger make of `div` and `table`, as what they are."""
    for box in elements(root, "div", "table"):
        if not classes(box) & {"wp-caption", "tr-caption-container"}:
            continue
        groups, rows, cells = parts_of(box) if box.tag == "table" else (list(box), [], [])
        for part in (*groups, *rows, *cells):
            if classes(part) & {"wp-caption-text", "tr-caption"}:
                part.tag = "figcaption"
            elif box.tag == "table":
                part.tag = "div"
        box.tag = "figure"


def _settle_noscript(root: Element, base: str, local: frozenset[str]) -> None:
    """What stands there for readers without scripts: pictures that would come late otherwise, and links.  No pleas."""
    for fallback in elements(root, "x-noscript"):
        pictures = list(fallback.iter("img"))
        if not pictures:
            if (
                next(fallback.iter("a", "iframe", "video"), None) is None
                or "javascript" in text_in(fallback).lower()
            ):
                drop(fallback)
            continue
        ours = {picture_key(url) for image in pictures if (url := _best_url(image, base, local))}
        for image in _neighbours(fallback):
            theirs = _best_url(image, base, local)
            if not theirs:
                drop(image)
            elif picture_key(theirs) in ours or _is_late(image):
                drop(fallback)
                break


def _neighbours(element: Element) -> Iterator[Element]:
    """The pictures right before and right after `element`, with nothing to see in between."""
    previous, following = element.getprevious(), element.getnext()
    if previous is not None and not (previous.tail or "").strip():
        yield from list(previous.iter("img", "amp-img"))[-1:]
    if following is not None and not (element.tail or "").strip():
        yield from list(following.iter("img", "amp-img"))[:1]


def _is_late(image: Element) -> bool:
    return any(image.get(name) for name in (*_LATE, *_LATE_SETS))


def _settle_image(image: Element, base: str, local: frozenset[str]) -> None:
    """Make one `img` plain, or take it out."""
    alt = " ".join((image.get("alt") or "").split())
    if alt and classes(image) & {"emoji", "wp-smiley"}:
        replace_by_text(image, alt)
        return
    url = _best_url(image, base, local)
    if not url or _is_tracker(image, url):
        link = next(image.iterancestors("a"), None)
        if (
            not url
            and alt
            and link is not None
            and not text_in(link).strip()
            and len(list(link.iter("img"))) == 1
        ):
            replace_by_text(image, alt)
        else:
            drop(image)
        return
    kept = {"src": url, "alt": alt, "title": image.get("title") or ""}
    for name in ("width", "height"):
        size = _pixels(image, name)
        kept[name] = str(size) if size else ""
    tail = image.tail
    image.clear()
    image.tail = tail
    for name, value in kept.items():
        if value or name == "alt":
            image.set(name, value)


def _best_url(image: Element, base: str, local: frozenset[str]) -> str:
    """The address that is most likely the picture itself; empty if there is none."""
    src = image.get("src") or ""
    if src in local:
        return src
    late = [image.get(name) or "" for name in _LATE]
    sets = [_from_set(image.get(name) or "") for name in _LATE_SETS]
    chosen = [_from_set(image.get("srcset") or ""), *(image.get(name) or "" for name in _OTHERS)]
    for url in (*late, src if not _is_placeholder(src, image) else "", *sets, *chosen, src):
        if url in local and url:
            return url
        if url and (usable := absolute_url(url, base, WEB)):
            return usable
    return ""


def _is_placeholder(src: str, image: Element) -> bool:
    """Whether `src` is a blank that stands in until a script puts the picture there."""
    return bool(_SPACER.match(src.partition("?")[0])) or (
        "placeholder" in src.lower() and any(image.get(name) for name in (*_LATE_SETS, "srcset"))
    )


def _from_set(srcset: str) -> str:
    """The address in a srcset that is just wide enough; the widest if none is."""
    if not srcset:
        return ""
    candidates = []
    for address, size, unit in _CANDIDATE.findall(srcset):
        width = float(size or 1) * (1 if unit == "w" else _WIDE_ENOUGH / 2)
        candidates.append((width, address))
    candidates.sort(key=lambda candidate: candidate[0])
    wide = [address for width, address in candidates if width >= _WIDE_ENOUGH]
    return wide[0] if wide else candidates[-1][1] if candidates else ""


def _pixels(image: Element, name: str) -> int | None:
    """A size in whole CSS pixels, from the attribute or the style; None where it is not said so."""
    for value in (image.get(name) or "", style_of(image, name)):
        if found := _PIXELS.match(value):
            return int(found[1])
    return None


def _is_tracker(image: Element, url: str) -> bool:
    """Whether the picture is there to count readers, or to hold a place open."""
    sizes = [_pixels(image, "width"), _pixels(image, "height")]
    if any(size is not None and size <= 2 for size in sizes):
        return True
    if style_of(image, "display").startswith("none") or style_of(image, "visibility") == "hidden":
        return True
    host, address = host_of(url), url.partition("://")[2].removeprefix("www.")
    if _TRACKER_HOST.match(host) or _TRACKER_PATH.match(address):
        return True
    return not image.get("alt") and bool(_SPACER.match(urlsplit(url).path))
