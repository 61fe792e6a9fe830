"""Pictures for email: what is converted, what stays as it is, and what a person is told."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import avif, bmp, gif, jpeg, png, tiff, webp

from newsletter.articles.picture_conversion import INSTALL, SHOWN, Usable, converted, for_email
from newsletter.articles.picture_size import Size, media_type, natural_size

needs_pillow = pytest.mark.skipif(
    importlib.util.find_spec("PIL") is None, reason="Pillow is not installed (extra [images])"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def drawn(kind: str, mode: str = "RGB", size: tuple[int, int] = (64, 36), **options: Any) -> bytes:
    """A picture that is red on its left half and blue on its right one."""
    pillow = import_module("PIL.Image")
    picture = pillow.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    picture = picture.convert(mode)
    if options.pop("clear", False):
        picture.putalpha(pillow.linear_gradient("L").resize(size))
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Any:
    pillow = import_module("PIL.Image")
    return pillow.open(BytesIO(content))


@pytest.mark.parametrize(
    "content", [png(6, 4), gif(6, 4), gif(6, 4, frames=2), jpeg(6, 4), jpeg(6, 4, orientation=1)]
)
def test_what_email_programs_show_stays_as_it_is(content: bytes) -> None:
    assert for_email(content) == Usable(content, media_type(content))
    assert converted(content) is None


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (SVG, "SVG is not shown by all email programs; save it as PNG"),
        (avif(6, 4, brand=b"heic"), "HEIC is not shown by all email programs; save it as PNG or JPEG"),
        (b"<!doctype html>", "not a picture that email programs show; save it as PNG or JPEG"),
        (b"", "not a picture that email programs show; save it as PNG or JPEG"),
    ],
)
def test_what_cannot_be_converted_stays_and_is_told(content: bytes, note: str) -> None:
    assert for_email(content) == Usable(content, media_type(content), note)
    assert converted(content) is None


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    real = importlib.util.find_spec
    hidden = lambda name, package=None: None if name == "PIL" else real(name, package)  # noqa: E731
    monkeypatch.setattr("newsletter.articles.picture_conversion.find_spec", hidden)


@pytest.mark.usefixtures("no_pillow")
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (webp(6, 4), "WebP is not shown by all email programs"),
        (avif(6, 4), "AVIF is not shown by all email programs"),
        (bmp(6, 4), "BMP is not shown by all email programs"),
        (tiff(6, 4), "TIFF is not shown by all email programs"),
        (jpeg(6, 4, orientation=6), "stored on its side, and Outlook does not turn it"),
    ],
)
def test_without_pillow_a_note_says_what_and_why_and_what_to_type(content: bytes, fault: str) -> None:
    note = f"{fault}; {INSTALL} and draft again, or save it as PNG or JPEG"
    assert for_email(content) == Usable(content, media_type(content), note)


def test_the_extra_is_one_that_the_project_has() -> None:
    assert INSTALL == "pip install newsletter-publisher[images]"


@needs_pillow
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (lambda: drawn("WEBP"), "image/jpeg"),
        (lambda: drawn("WEBP", lossless=True), "image/jpeg"),
        (lambda: drawn("WEBP", "RGBA"), "image/jpeg"),  # nothing of it is transparent
        (lambda: drawn("WEBP", clear=True), "image/png"),
        (lambda: drawn("AVIF"), "image/jpeg"),
        (lambda: drawn("AVIF", clear=True), "image/png"),
        (lambda: drawn("BMP"), "image/jpeg"),
        (lambda: drawn("BMP", "P"), "image/png"),
        (lambda: drawn("BMP", "1"), "image/png"),
        (lambda: drawn("BMP", "L"), "image/jpeg"),
        (lambda: drawn("TIFF", "CMYK"), "image/jpeg"),
        (lambda: drawn("TIFF", "LAB"), "image/jpeg"),
        (lambda: drawn("TIFF", "I;16"), "image/jpeg"),
        (lambda: drawn("TIFF", clear=True), "image/png"),
    ],
)
def test_what_they_do_not_show_becomes_png_or_jpeg(content: Any, kind: str) -> None:
    before = content()
    result = for_email(before)
    assert (result.content_type, result.note) == (kind, "")
    assert media_type(result.content) == kind
    assert natural_size(result.content) == Size(64, 36)
    assert converted(before) == (result.content, kind)
    assert for_email(result.content) == Usable(result.content, kind)


@needs_pillow
@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "BMP", "TIFF"])
def test_the_colours_stay(kind: str) -> None:
    picture = opened(for_email(drawn(kind)).content).convert("RGB")
    for x, wanted in ((8, (255, 0, 0)), (56, (0, 0, 255))):
        assert all(abs(a - b) < 24 for a, b in zip(picture.getpixel((x, 18)), wanted, strict=True))


@needs_pillow
def test_sixteen_bits_of_grey_become_eight() -> None:
    pillow = import_module("PIL.Image")
    out = BytesIO()
    pillow.new("I;16", (8, 8), 0x8000).save(out, "TIFF")
    assert opened(for_email(out.getvalue()).content).getpixel((4, 4)) == 0x80


@needs_pillow
def test_what_is_clear_stays_clear() -> None:
    picture = opened(for_email(drawn("WEBP", clear=True, lossless=True)).content)
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema()[0] < 16


@needs_pillow
def test_a_photograph_on_its_side_is_turned_and_its_place_forgotten() -> None:
    pillow = import_module("PIL.Image")
    exif = pillow.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET CAMERA"
    before = drawn("JPEG", exif=exif, icc_profile=b"a profile")
    result = for_email(before)
    picture = opened(result.content)
    assert (result.content_type, result.note, picture.size) == ("image/jpeg", "", (36, 64))
    red, _, blue = picture.convert("RGB").getpixel((18, 8))
    assert (red > 200, blue < 60) == (True, True)  # what was left is on top
    assert b"SECRET" in before
    assert b"SECRET" not in result.content
    assert not picture.getexif()
    assert picture.info["icc_profile"] == b"a profile"
    assert for_email(result.content) == Usable(result.content, "image/jpeg")


@needs_pillow
@pytest.mark.parametrize(
    ("size", "wanted"), [((2400, 10), (2400, 10)), ((4801, 20), (2400, 10)), ((30, 3000), (30, 3000))]
)
def test_what_is_wider_than_any_screen_needs_is_scaled_down(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert natural_size(for_email(drawn("WEBP", size=size)).content) == Size(*wanted)


@needs_pillow
@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_of_an_animation_its_first_picture_stays_and_that_is_told(kind: str) -> None:
    pillow = import_module("PIL.Image")
    frames = [pillow.new("RGB", (64, 36), colour) for colour in ("red", "blue", "green")]
    out = BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    result = for_email(out.getvalue())
    assert result.note == "only the first picture of the animation is kept"
    red, _, blue = opened(result.content).convert("RGB").getpixel((8, 8))
    assert (red > 200, blue < 60) == (True, True)


@needs_pillow
@pytest.mark.parametrize(
    "content",
    [webp(16_000, 16_000), bmp(30_000, 30_000), bmp(8_000, 8_000), tiff(60_000, 60_000), avif(9_000, 9_000)],
)
def test_a_picture_of_too_many_pixels_is_not_opened(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("it was opened"))
    assert converted(content) is None
    assert for_email(content).note.endswith(
        "cannot be converted (damaged, or too large); save it as PNG or JPEG"
    )


@needs_pillow
@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "BMP", "TIFF"])
def test_a_damaged_picture_stays_and_is_told(kind: str) -> None:
    content = drawn(kind)
    content = content[: len(content) // 2]
    result = for_email(content)
    assert result.content == content
    assert "cannot be converted" in result.note


@needs_pillow
@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["WEBP", "AVIF", "BMP", "TIFF"]), at=st.integers(0, 10_000), flip=st.integers(1, 255)
)
def test_a_changed_byte_raises_nothing_and_nothing_is_lost(kind: str, at: int, flip: int) -> None:
    damaged = bytearray(drawn(kind))
    damaged[at % len(damaged)] ^= flip
    result = for_email(bytes(damaged))
    assert result.content_type in SHOWN or result.content == damaged


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_raises_nothing_and_stays(content: bytes) -> None:
    assert for_email(content).content == content


@pytest.mark.usefixtures("no_pillow")
def test_pillow_is_not_there_in_the_tests_that_say_so() -> None:
    with pytest.raises(ImportError):
        builtins.__import__("PIL")
