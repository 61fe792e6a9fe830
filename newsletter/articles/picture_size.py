"""How large a picture is: what its first bytes say, and at what size an email draws it.

Outlook for Windows knows no `max-width`: it draws a picture as large as its attributes say, or as large as the file is,
and pushes the email apart.  So every picture whose true size is known gets both attributes, never wider than its
column, always in its own ratio.  What cannot be known is not made up.

The guarantee: whatever the bytes are, the answer comes soon and without an exception; it is None where they do not say.
An SVG has no size in pixels: it is None, too.

Sizes are read by `imagesize`, with care for what it would get wrong: it searches an SVG for the first `width` of any
element; numbers of any length in Netpbm files, and lists in HEIC files that name their rotation, keep it busy for
hours; it refuses every AVIF and HEIC that is turned; it takes the header of the oldest BMP files for another one.

A JPEG that says in its EXIF that it was taken with the camera on its side is as wide as it is drawn: browsers turn it
(CSS Images 3, `image-orientation: from-image`, everywhere since 2020), and so do the email programs that show a message
with a browser's engine.  `is_turned` tells of it, because Outlook for Windows does not turn it.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape, unescape
from io import BytesIO
from urllib.parse import unquote, urlsplit

from newsletter.articles.article import Image

#: The most bytes of a file in which its size is looked for; a TIFF may have it at its end.
START = 1024 * 1024

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
#: Brands of ISO base media files.  ISO/IEC 23008-12 (HEIF), AV1 Image File Format.
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
#: How long the second header of a BMP can be; in the oldest (12 bytes) the size has another form.
_BMP_HEADERS = frozenset({40, 52, 56, 64, 108, 124})
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>\s*)*+<svg[\s>/]",
    re.S | re.I,
)
#: A HEIF property that turns the picture by quarters of a circle.
_TURN = re.compile(rb"\0\0\0\x09irot(.)", re.S)
_LARGEST, _LARGEST_WEBP = 65535, 16383

_DOUBLE = re.compile(r"@2x(?:\.[A-Za-z0-9]{1,5})?\Z", re.I)

_IMG = re.compile(r"""<img(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*+)>""", re.I)
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")
_END = re.compile(r"""(?:\s+/|(?<=["'])/)?\s*\Z""")
_PIXELS = re.compile(r"0*([1-9][0-9]{0,4})", re.A)


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, at least 1."""

    width: int
    height: int

    def within(self, width: int) -> Size:
        """This size, scaled down to `width` where it is wider."""
        width = max(1, width)
        if self.width <= width:
            return self
        return Size(width, max(1, round(self.height * width / self.width)))

    def below(self, height: int) -> Size:
        """This size, scaled down to `height` where it is higher."""
        turned = Size(self.height, self.width).within(height)
        return Size(turned.height, turned.width)


def media_type(content: bytes) -> str:
    """The media type of a picture, by its first bytes; empty for anything that no email program or browser shows."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        end = min(int.from_bytes(content[:4], "big"), 256)
        brands = {content[at : at + 4] for at in (8, *range(16, end, 4))}
        return "image/avif" if brands & _AVIF else "image/heic" if brands & _HEIC else ""
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in (12, *_BMP_HEADERS):
        return "image/bmp"
    return "image/svg+xml" if _SVG.match(content[:65536]) else ""


def natural_size(content: bytes) -> Size | None:
    """The size of the picture that begins with `content`, upright; None if it does not say, or too little is there."""
    kind = media_type(content)
    if kind in ("", "image/svg+xml"):
        return None
    if kind == "image/bmp" and int.from_bytes(content[14:18], "little") not in _BMP_HEADERS:
        return None
    import imagesize  # type: ignore[import-untyped]  # here, because it imports urllib.request, which takes long

    start = content if kind == "image/tiff" else content[:START]
    quarters: set[int] = set()
    if kind in ("image/avif", "image/heic"):
        quarters = {turn[0] % 2 for turn in _TURN.findall(start)}
        if len(quarters) > 1:
            return None  # parts of it are turned, and it takes a decoder to tell which
        start = _TURN.sub(b"\0\0\0\x09free\\1", start)
    width, height = imagesize.get(BytesIO(start), exif_rotation=kind in ("image/jpeg", "image/tiff"))
    if quarters == {1}:
        width, height = height, width
    largest = _LARGEST_WEBP if kind == "image/webp" else _LARGEST
    return Size(width, height) if 0 < width <= largest and 0 < height <= largest else None


def is_turned(content: bytes) -> bool:
    """Whether this is a JPEG that is stored on its side, upside down or mirrored, and says so in its EXIF."""
    if media_type(content) != "image/jpeg":
        return False
    import imagesize

    try:
        found = imagesize.get_info(BytesIO(content[:START]), dpi=False, colors=False, channels=False)
    except Exception:  # noqa: BLE001 - whatever a stranger's bytes make of a parser, they do not say it
        return False
    return bool(2 <= found.rotation <= 8)


def is_double(url: str) -> bool:
    """Whether the name of a file or the path of a URL says that it is made for screens of double density: `a@2x.png`."""
    try:
        return bool(_DOUBLE.search(unquote(urlsplit(url).path)))
    except ValueError:
        return False


def drawn_size(natural: Size, column: int, *, double: bool = False) -> Size:
    """The size in CSS pixels at which a picture is drawn in a column: its own, if that is not wider.

    `double` says that it has two pixels for each CSS pixel, so that its own size is half of `natural`.
    """
    own = max(1, natural.width // 2) if double else natural.width
    return natural.within(min(own, column))


def with_natural_size(image: Image, natural: Size, column: int | None = None) -> Image:
    """`image` in the ratio of `natural`, its true size: as large as that, or smaller if its author chose so.

    Twice as many pixels (`a@2x.png`) are half the size.  In a column it is not wider than that.
    """
    size = drawn_size(natural, natural.width if column is None else column, double=is_double(image.url))
    if image.width:
        size = natural.within(min(size.width, image.width))
    elif image.height:
        size = natural.below(min(size.height, image.height)).within(size.width)
    return replace(image, width=size.width, height=size.height)


def rewritten_images(html: str, rewrite: Callable[[Image], Image]) -> str:
    """Sanitised `html` with what `rewrite` makes of the address and the size of each picture.

    Nothing else changes, not by a byte: neither other tags and attributes, nor a picture that `rewrite` leaves as it is.
    A width or height that is not a whole number of pixels is None.
    """
    return _IMG.sub(lambda tag: _rewritten(tag, rewrite), html)


def _rewritten(tag: re.Match[str], rewrite: Callable[[Image], Image]) -> str:
    # Attribute by attribute: `alt="set width="` is no width.
    attributes = list(_ATTRIBUTE.finditer(tag[1]))
    values: dict[str, str] = {}
    for attribute in attributes:
        value = next((value for value in attribute.groups()[1:] if value is not None), "")
        values.setdefault(attribute[1].lower(), unescape(value))
    sizes = [_PIXELS.fullmatch(values.get(name, "")) for name in ("width", "height")]
    found = Image(
        values.get("src", ""), values.get("alt", ""), *(int(size[1]) if size else None for size in sizes)
    )
    wanted = rewrite(found)
    if wanted == found:
        return tag[0]
    kept = tag[1]
    resized = (wanted.width, wanted.height) != (found.width, found.height)
    for attribute in reversed(attributes):
        name = attribute[1].lower()
        if name == "src" and wanted.url != found.url:
            kept = f'{kept[: attribute.start()]} src="{escape(wanted.url)}"{kept[attribute.end() :]}'
        elif name in ("width", "height") and resized:
            kept = kept[: attribute.start()] + kept[attribute.end() :]
    if resized:
        end = _END.search(kept)
        at = end.start() if end else len(kept)
        said = "".join(
            f' {name}="{value}"' for name in ("width", "height") if (value := getattr(wanted, name))
        )
        kept = kept[:at].rstrip() + said + kept[at:]
    return f"{tag[0][:4]}{kept}>"
