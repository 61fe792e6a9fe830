"""Sizes of pictures: what the bytes say, what is drawn, and what becomes of the tags."""

from __future__ import annotations

import re
import struct
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from picture_files import avif, bmp, gif, jpeg, png, segment, tiff, webp

from newsletter.articles.article import Image
from newsletter.articles.picture_size import (
    START,
    Size,
    drawn_size,
    is_double,
    is_turned,
    media_type,
    natural_size,
    rewritten_images,
    with_natural_size,
)
from newsletter.articles.sanitize import sanitize

FILES = [
    (png(640, 360), "image/png"),
    (gif(640, 360), "image/gif"),
    (gif(640, 360, frames=3), "image/gif"),
    (jpeg(640, 360), "image/jpeg"),
    (jpeg(640, 360, progressive=True), "image/jpeg"),
    (jpeg(640, 360, orientation=1), "image/jpeg"),
    (jpeg(640, 360, orientation=3), "image/jpeg"),
    (jpeg(640, 360, before=segment(0xE2, b"ICC_PROFILE\0" + b"\xff\xc0\0\x11" * 9000) * 20), "image/jpeg"),
    (webp(640, 360), "image/webp"),
    (webp(640, 360, b"VP8L"), "image/webp"),
    (webp(640, 360, b"VP8X", animated=True), "image/webp"),
    (bmp(640, 360), "image/bmp"),
    (bmp(640, -360), "image/bmp"),
    (tiff(640, 360), "image/tiff"),
    (avif(640, 360), "image/avif"),
    (avif(640, 360, quarters=(2,)), "image/avif"),
    (avif(640, 360, brand=b"heic"), "image/heic"),
]
UNKNOWN = [
    (b"", ""),
    (b"<!doctype html><title>404</title>", ""),
    (b"P1 640 360", ""),
    (b"BM as two letters of a text that goes on for a while", ""),
    (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", ""),
    (b'<svg width="640" height="360">', "image/svg+xml"),
    (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a --><!DOCTYPE svg [<!ENTITY a "b">]><svg\nviewBox="0 0 1 1">',
        "image/svg+xml",
    ),
    (b'<svg viewBox="0 0 9 9"><rect width="640" height="360"/></svg>', "image/svg+xml"),
    (png(640, 360)[:20], "image/png"),
    (png(640, 0), "image/png"),
    (png(70_000, 1), "image/png"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + b"\x50\0\x20\2" + png(640, 360)[8:], "image/png"),
    (gif(0, 360), "image/gif"),
    (jpeg(640, 0), "image/jpeg"),  # the height stands behind the first scan (DNL)
    (jpeg(640, 360, before=segment(0xE1, b"Exif" + b"\0" * 60_000))[:60_000], "image/jpeg"),
    (jpeg(640, 360, before=b"\xff\xe2\0\0"), "image/jpeg"),
    (webp(20_000, 360), "image/webp"),  # the first two bits are a hint to scale it, not part of the size
    (webp(640, 360, b"ALPH"), "image/webp"),
    (bmp(640, 360, header=12), "image/bmp"),
    (tiff(640, 360)[:30], "image/tiff"),
    (avif(640, 360, quarters=(0, 1)), "image/avif"),
    (avif(640, 360)[:60], "image/avif"),
]


@pytest.mark.parametrize(("content", "kind"), FILES)
def test_the_first_bytes_say_type_and_size(content: bytes, kind: str) -> None:
    assert (media_type(content), natural_size(content)) == (kind, Size(640, 360))


@pytest.mark.parametrize(("content", "kind"), UNKNOWN)
def test_a_size_that_the_bytes_do_not_say_is_not_made_up(content: bytes, kind: str) -> None:
    assert (media_type(content), natural_size(content)) == (kind, None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_taken_on_its_side_is_as_wide_as_it_is_drawn(orientation: int) -> None:
    content = jpeg(640, 360, orientation=orientation)
    assert natural_size(content) == (Size(360, 640) if orientation >= 5 else Size(640, 360))
    assert is_turned(content) == (orientation > 1)


@pytest.mark.parametrize(
    ("quarters", "width"), [((0,), 640), ((1,), 360), ((2,), 640), ((3,), 360), ((1, 3), 360)]
)
def test_a_heif_picture_that_is_turned_by_a_quarter_is_measured_upright(
    quarters: tuple[int, ...], width: int
) -> None:
    assert natural_size(avif(640, 360, quarters=quarters)) == Size(width, 1000 - width)


@pytest.mark.parametrize(
    "content", [png(4, 4), webp(4, 4), jpeg(4, 4), jpeg(4, 4, orientation=9), b"", b"\xff\xd8\xff"]
)
def test_nothing_else_is_turned(content: bytes) -> None:
    assert not is_turned(content)


@pytest.mark.parametrize(("content", "kind"), FILES)
def test_a_file_cut_anywhere_has_its_true_size_or_none(content: bytes, kind: str) -> None:
    for length in {*range(0, min(len(content), 700), 3), len(content) - 1}:
        assert natural_size(content[:length]) in (None, Size(640, 360))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff" + b"\0" * START * 2,
        b"\xff" * START,
        b"\xff\xd8\xff\xc4" + b"\0\2\xff\xc4" * (START // 4),
        b"P2 " + b"1" * START,
        b"<svg" + b" " * START,
        b"<!--" * (START // 4),
        b"<!--a-->" * 20_000,
        b"<!DOCTYPE" * 20_000,
        b"BM" + b"\xff" * START,
        b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * START,
        b"II*\0\x08\0\0\0\xff\xff" + b"\0" * START,
        b"\0\0\0\x10ftypavif\0\0\0\0" + b"\0\0\0\x08free" * (START // 8),
        b"\0\0\0\x10ftypheic\0\0\0\0" + struct.pack(">I", 8 + 4 + 8 + 8 + 6000) + b"meta\0\0\0\0"
        + struct.pack(">I", 8 + 8 + 6000) + b"iloc\0\0\0\0\0\0\3\xe8" + b"\0\1\0\0\xff\xff" * 1000,
    ],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_hostile_bytes_are_read_in_no_time(content: bytes) -> None:
    started = time.perf_counter()
    assert natural_size(content) is None
    # The worst take half a second on an idle machine; by itself imagesize would take minutes for the last.
    assert time.perf_counter() - started < 10


_STARTS = st.sampled_from([content[:40] for content, _ in FILES] + [content[:12] for content, _ in FILES])


@settings(max_examples=60, deadline=None)
@given(start=_STARTS, rest=st.binary(max_size=300))
def test_garbage_behind_a_true_beginning_raises_nothing(start: bytes, rest: bytes) -> None:
    size = natural_size(start + rest)
    assert size is None or (0 < size.width <= 65535 and 0 < size.height <= 65535)
    assert is_turned(start + rest) in (True, False)


@settings(max_examples=60, deadline=None)
@given(content=st.sampled_from(FILES), at=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_changed_byte_raises_nothing(content: tuple[bytes, str], at: int, flip: int) -> None:
    damaged = bytearray(content[0])
    damaged[at % len(damaged)] ^= flip
    size = natural_size(bytes(damaged))
    assert size is None or (0 < size.width <= 65535 and 0 < size.height <= 65535)


@pytest.mark.parametrize(
    ("natural", "column", "double", "drawn"),
    [
        ((64, 64), 552, False, (64, 64)),
        ((552, 100), 552, False, (552, 100)),
        ((1104, 736), 552, False, (552, 368)),
        ((1104, 736), 552, True, (552, 368)),
        ((600, 400), 552, True, (300, 200)),
        ((2000, 1000), 552, True, (552, 276)),
        ((601, 401), 552, True, (300, 200)),
        ((1, 1), 552, True, (1, 1)),
        ((4000, 1), 552, False, (552, 1)),
        ((1, 4000), 552, True, (1, 4000)),
        ((640, 360), 0, False, (1, 1)),
    ],
)
def test_a_picture_is_drawn_at_its_own_size_within_the_column(
    natural: tuple[int, int], column: int, double: bool, drawn: tuple[int, int]
) -> None:
    assert drawn_size(Size(*natural), column, double=double) == Size(*drawn)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(1, 2000), st.booleans())
def test_what_is_drawn_is_never_wider_larger_or_of_another_ratio(
    width: int, height: int, column: int, double: bool
) -> None:
    size = drawn_size(Size(width, height), column, double=double)
    assert 1 <= size.width <= min(width, column)
    assert 1 <= size.height <= height
    assert abs(size.height - height * size.width / width) <= 0.5 or size.height == 1


@pytest.mark.parametrize(
    ("url", "double"),
    [
        ("photo@2x.png", True),
        ("media/photo@2X.JPG", True),
        ("https://example.com/a/photo%402x.webp?v=3", True),
        ("https://example.com/photo@2x", True),
        ("photo.png", False),
        ("photo@2x/other.png", False),
        ("https://example.com/a.png?from=b@2x.png", False),
        ("photo@12x.png", False),
        ("photo@2x-300x200.png", False),  # a smaller copy of it
        ("2x.png", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_a_name_says_whether_a_picture_is_for_double_density(url: str, double: bool) -> None:
    assert is_double(url) is double


@pytest.mark.parametrize(
    ("url", "said", "natural", "column", "size"),
    [
        ("a.png", (None, None), (800, 600), None, (800, 600)),
        ("a.png", (None, None), (800, 600), 552, (552, 414)),
        ("a@2x.png", (None, None), (800, 600), None, (400, 300)),
        ("a.png", (200, 150), (800, 600), None, (200, 150)),
        ("a.png", (200, 200), (800, 600), None, (200, 150)),  # in its own ratio
        ("a.png", (20, None), (800, 600), 552, (20, 15)),
        ("a.png", (None, 60), (800, 600), 552, (80, 60)),
        ("a.png", (None, 900), (800, 600), 552, (552, 414)),
        ("a.png", (1600, 1200), (800, 600), None, (800, 600)),  # not blown up
        ("a.png", (800, 20), (800, 600), None, (800, 600)),
        ("a@2x.png", (100, None), (800, 600), None, (100, 75)),
        ("a@2x.png", (700, None), (800, 600), None, (400, 300)),
    ],
)
def test_the_ratio_is_the_true_one_and_a_smaller_size_its_authors(
    url: str,
    said: tuple[int | None, int | None],
    natural: tuple[int, int],
    column: int | None,
    size: tuple[int, int],
) -> None:
    image = with_natural_size(Image(url, "words", *said), Size(*natural), column)
    assert image == Image(url, "words", *size)
    assert with_natural_size(image, Size(*natural), column) == image


def _doubled(image: Image) -> Image:
    return Image(image.url, image.alt, 2 * (image.width or 5), 2 * (image.height or 5))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<img src="a">', '<img src="a" width="10" height="10">'),
        ('<img src="a" alt="b" width="3" height="4">', '<img src="a" alt="b" width="6" height="8">'),
        ('<img width="3" src="a">', '<img src="a" width="6" height="10">'),
        ('<img src="a" alt="set width=" title="x">', '<img src="a" alt="set width=" title="x" width="10" height="10">'),
        ('<img src="a" alt="a > b" title="<img>">', '<img src="a" alt="a > b" title="<img>" width="10" height="10">'),
        ('<img src="a" width="100%">', '<img src="a" width="10" height="10">'),
        ('<img src="a" width="3" width="9">', '<img src="a" width="6" height="10">'),
        ("<img src='a' width=3 />", "<img src='a' width=\"6\" height=\"10\" />"),
        ("<img src=http://a/>", '<img src=http://a/ width="10" height="10">'),
        ('<IMG SRC="a"/>', '<IMG SRC="a" width="10" height="10"/>'),
        ('<p>&lt;img src="a"&gt;</p>', '<p>&lt;img src="a"&gt;</p>'),
        ('<imgs src="a">', '<imgs src="a">'),
        ('<img src="a', '<img src="a'),
    ],
)  # fmt: skip
def test_sizes_are_written_into_the_tags_of_pictures_and_nowhere_else(before: str, after: str) -> None:
    assert rewritten_images(before, _doubled) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<img alt="a" src="a/b.png" width="3">', '<img alt="a" src="https://e/?a=1&amp;b" width="3">'),
        ("<img src=a>", '<img src="https://e/?a=1&amp;b">'),
        ('<img alt="a">', '<img alt="a">'),
    ],
)
def test_an_address_is_changed_in_its_place(before: str, after: str) -> None:
    moved = rewritten_images(
        before, lambda image: Image("https://e/?a=1&b", image.alt, image.width, image.height)
    )
    assert moved == after


def test_the_address_and_the_words_of_a_picture_are_seen_without_entities() -> None:
    seen: list[Image] = []

    def see(image: Image) -> Image:
        seen.append(image)
        return image

    html = '<img src="/a?b=1&amp;c=2" alt="&quot;R&amp;D&quot;" width="007" height="1.5">'
    assert rewritten_images(html, see) == html
    assert seen == [Image("/a?b=1&c=2", '"R&D"', 7, None)]


_ATTRIBUTES = st.sampled_from(
    [
        'src="a.png"',
        'alt="x > y"',
        'width="30"',
        'height="40"',
        'title="width=&quot;9&quot;"',
        'alt=""',
        'width="90%"',
    ]
)
_PIECES = st.one_of(
    st.lists(_ATTRIBUTES, max_size=5).map(lambda parts: f"<img {' '.join(parts)}>"),
    st.sampled_from(
        ["<p>", "</p>", '<a href="b" title="<img src=c width=1>">', "<br>", "&lt;img src=&quot;"]
    ),
    st.text(max_size=8),
)
_TAGS = re.compile(r"""<img(?=[\s/>])(?:[^>"']|"[^"]*"|'[^']*')*>""", re.I)


@settings(max_examples=60, deadline=None)
@given(st.lists(_PIECES, max_size=8).map("".join))
@example('<img src="a" width="1"')
def test_nothing_but_the_tags_of_pictures_changes(html: str) -> None:
    changed = rewritten_images(html, _doubled)
    assert _TAGS.split(changed) == _TAGS.split(html)
    assert rewritten_images(html, lambda image: image) == html


def test_what_is_written_survives_the_sanitizer_unchanged() -> None:
    body = sanitize('<p><img title="t" width="30" alt="a &gt; b" src="https://example.com/a.png"></p>')
    sized = rewritten_images(body, lambda image: with_natural_size(image, Size(20, 10)))
    assert sized != body
    assert sanitize(sized) == sized
