"""Pictures in formats that email programs do not show, as PNG or JPEG.

Outlook for Windows shows PNG, JPEG and GIF; WebP, AVIF, HEIC, TIFF and BMP are blank there and in others, and it lays a
photograph on its side that EXIF would turn.  Blogs are full of all of these.  So a draft converts them once, when it
copies them into the issue; the original stays as it is.

    transparent, or with a palette    PNG
    anything else                     JPEG, quality 85
    wider than 2400 pixels            scaled down to that
    animated                          its first picture

What a camera adds (place, time, thumbnail) is left out, the colour profile stays.  A picture of more than forty million
pixels is not even opened.

This takes Pillow, which is an optional extra: without it, and for what it cannot read, a note says what to do, and the
picture stays as it is.  Pure.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from newsletter.articles.picture_size import is_turned, media_type, natural_size

#: What every email program shows.
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif"})
#: The name's ending for a media type.
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "image/svg+xml": ".svg",
}
#: How each is called by people, and by Pillow.
NAMES = {kind: kind.partition("/")[2].partition("+")[0].upper() for kind in SUFFIXES} | {"image/webp": "WebP"}
INSTALL = "pip install newsletter-publisher[images]"

_READABLE = {
    kind: kind.partition("/")[2].upper() for kind in ("image/webp", "image/avif", "image/tiff", "image/bmp")
}
_READABLE |= {"image/jpeg": "JPEG"}
_WIDEST = 2400
_MOST_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True)
class Usable:
    """A picture as it goes into an issue, its media type (empty for what is no picture), and a note for a person."""

    content: bytes
    content_type: str
    note: str = ""


def for_email(content: bytes) -> Usable:
    """The picture `content` as email programs show it; as it was, with a note that says why, if that cannot be had.

    A note begins in lower case and does not name the file.
    """
    kind = media_type(content)
    if kind in SHOWN and not is_turned(content):
        return Usable(content, kind)
    if result := converted(content):
        still = "only the first picture of the animation is kept" if _is_animated(content) else ""
        return Usable(*result, still)
    return Usable(content, kind, _complaint(kind))


def converted(content: bytes) -> tuple[bytes, str] | None:
    """A picture that is not in a format for email, or is turned by EXIF, as PNG or JPEG, and which of these.

    None for what needs no conversion, and for what cannot be converted: no picture, an SVG, damaged, too large, no
    Pillow.
    """
    kind = media_type(content)
    if kind not in _READABLE or (kind in SHOWN and not is_turned(content)):
        return None
    size = natural_size(content)
    if size and size.width * size.height > _MOST_PIXELS:
        return None
    try:
        pillow, operations = import_module("PIL.Image"), import_module("PIL.ImageOps")
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(BytesIO(content), formats=[_READABLE[kind]]) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    return None
                return _saved(operations.exif_transpose(opened), pillow)
    except Exception:  # noqa: BLE001 - decoders raise whatever a damaged file makes of them
        return None


def _saved(picture: Any, pillow: Any) -> tuple[bytes, str]:
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA", "P") else None
    has_palette = picture.mode in ("1", "P")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            picture = picture.convert("RGB")
    elif picture.mode.startswith("I;16"):  # Pillow would cut off what is brighter than 255
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    elif picture.mode != "RGB":
        picture = picture.convert("L" if picture.mode in ("1", "L", "I", "F") else "RGB")
    if picture.width > _WIDEST:
        height = max(1, round(picture.height * _WIDEST / picture.width))
        picture = picture.resize((_WIDEST, height), pillow.Resampling.LANCZOS)
    picture.info = {}  # else its writer would look there for what to add
    out = BytesIO()
    if has_palette or picture.mode == "RGBA":
        picture.save(out, "PNG", optimize=True, icc_profile=profile)
        return out.getvalue(), "image/png"
    picture.save(out, "JPEG", quality=85, optimize=True, progressive=True, icc_profile=profile)
    return out.getvalue(), "image/jpeg"


def _is_animated(content: bytes) -> bool:
    """Whether a WebP or AVIF says that it moves."""
    if media_type(content) == "image/webp":  # RIFF, VP8X, its flags
        return content[12:16] == b"VP8X" and bool(content[20] & 0x02)
    return content[4:12] == b"ftypavis"


def _complaint(kind: str) -> str:
    """Why a picture of this kind stays as it is, and what to do."""
    name = NAMES.get(kind, "")
    if not name:
        return "not a picture that email programs show; save it as PNG or JPEG"
    if kind == "image/jpeg":
        fault = "stored on its side, and Outlook does not turn it"
    else:
        fault = f"{name} is not shown by all email programs"
    if kind in _READABLE and find_spec("PIL") is None:
        return f"{fault}; {INSTALL} and draft again, or save it as PNG or JPEG"
    if kind in _READABLE:
        return f"{fault}, and it cannot be converted (damaged, or too large); save it as PNG or JPEG"
    return f"{fault}; save it as {'PNG' if kind == 'image/svg+xml' else 'PNG or JPEG'}"
