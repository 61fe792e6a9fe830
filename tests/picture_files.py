"""Small real picture files, byte by byte, as large as a test says."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int) -> bytes:
    """A PNG whose pixels are there, too (black)."""
    rows = (b"\0" + b"\0" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF; with several frames it moves."""
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b",\0\0\0\0\1\0\1\0\0" + b"\x02\x02\x44\x01\0"
    return (
        b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"
    )


def jpeg(
    width: int, height: int, *, orientation: int = 0, progressive: bool = False, before: bytes = b""
) -> bytes:
    """A JPEG up to its first scan; `before` are segments before the one that has the size."""
    exif = b""
    if orientation:
        tiff = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
        exif = segment(0xE1, b"Exif\0\0" + tiff)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    start = segment(0xC2 if progressive else 0xC0, frame)
    return b"\xff\xd8" + exif + before + start + segment(0xDA, b"\1\1\0\0\x3f\0") + b"\0\xff\xd9"


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def webp(width: int, height: int, kind: bytes = b"VP8 ", *, animated: bool = False) -> bytes:
    """The beginning of a WebP: lossy (`VP8 `), lossless (`VP8L`) or extended (`VP8X`)."""
    if kind == b"VP8 ":
        head = b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    elif kind == b"VP8L":
        head = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        flags = b"\x02\0\0\0" if animated else b"\0\0\0\0"
        head = flags + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBP" + kind + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int, header: int = 40) -> bytes:
    """The beginning of a BMP; a negative height says that its first row is the top."""
    size = struct.pack("<HH", width, height) if header == 12 else struct.pack("<ii", width, height)
    return b"BM" + b"\0" * 12 + struct.pack("<I", header) + size + b"\1\0\x18\0" + b"\0" * 24


def tiff(width: int, height: int) -> bytes:
    """The beginning of a TIFF."""
    entries = [(256, width), (257, height)]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHIHH", t, 3, 1, v, 0) for t, v in entries)
    return b"II*\0\x08\0\0\0" + ifd + b"\0\0\0\0"


def avif(width: int, height: int, *, quarters: tuple[int, ...] = (), brand: bytes = b"avif") -> bytes:
    """The boxes of an AVIF or HEIC that say its size, turned by some quarters of a circle."""
    properties = _box(b"ispe", b"\0\0\0\0" + struct.pack(">II", width, height))
    properties += b"".join(_box(b"irot", bytes([turn])) for turn in quarters)
    indexes = bytes(range(1, 2 + len(quarters)))
    ipma = _box(b"ipma", b"\0\0\0\0" + struct.pack(">IHB", 1, 1, len(indexes)) + indexes)
    meta = _box(b"pitm", b"\0\0\0\0\0\1") + _box(b"iprp", _box(b"ipco", properties) + ipma)
    ftyp = _box(b"ftyp", brand + b"\0\0\0\0" + brand)
    return ftyp + _box(b"meta", b"\0\0\0\0" + meta) + _box(b"mdat", b"\0" * 9)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content
