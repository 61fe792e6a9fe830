"""Pictures: every code with one that has it and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks_links import GOLDEN_NAMES, footer, golden, post, subject_of

from newsletter.articles.article import Image
from newsletter.checks.finding import Finding
from newsletter.checks.images import CODES, check, is_animated
from newsletter.checks.subject import SourceFile, Sources, Subject
from newsletter.render.images import Picture

GIF = b"GIF89a\x64\x00\x64\x00\x00\x00\x00"
FRAME = b"\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x01\0\x08\x02\0\0\0"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "
ALT = 'alt="A bench" width="200"'


def in_theme(mjml: str) -> Subject:
    return subject_of(own_theme=footer(f"<p>{mjml}</p>"))


def in_article(markup: str) -> Subject:
    return subject_of("Hello.", post(f"Words.\n\n{markup}"))


def with_file(kind: str, content: bytes, path: str = "media/a.png") -> Subject:
    written = post(f'Words.\n\n<img src="{path}" {ALT}>', local=(path,))
    return subject_of("Hello.", written, pictures={path: Picture(path, kind, content)})


def found(subject: Subject, code: str = "") -> list[Finding]:
    return [finding for finding in check(subject) if not code or finding.code == code]


def codes(subject: Subject) -> set[str]:
    return {finding.code for finding in check(subject)}


def many(number: int) -> Subject:
    return in_article(" ".join(f'<img src="https://example.com/{n}.png" {ALT}>' for n in range(number)))


EXAMPLES: list[tuple[str, Callable[[str], Subject], str, str]] = [
    ("E140", in_theme, '<img src="https://example.com/a.png" width="9">', '<img src="https://example.com/a.png" width="9" alt="">'),
    ("E141", in_theme, f'<img src="" {ALT}>', f'<img src="https://example.com/" {ALT}>'),
    ("E141", in_theme, f'<img src="logo.png" {ALT}>', f'<img src="https://example.com/logo.png" {ALT}>'),
    ("E141", in_article, f'<img src="media/gone.png" {ALT}>', f'<img src="https://example.com/media/a.png" {ALT}>'),
    ("E142", in_article, f'<img src="http://localhost/a.png" {ALT}>', f'<img src="https://localhost.example.com/a.png" {ALT}>'),
    ("E142", in_theme, f'<img src="https://10.0.0.9/a.png" {ALT}>', f'<img src="https://9.9.9.9/a.png" {ALT}>'),
    ("E143", in_article, f'<img src="data:image/png;base64,AAAA" {ALT}>', f'<img src="https://example.com/data:a.png" {ALT}>'),
    ("E143", in_theme, f'<img src="data:image/png;base64,AAAA" {ALT}>', f'<img src="https://example.com/data.png" {ALT}>'),
    ("W240", in_article, '<img src="https://example.com/1.png" width="9" alt="IMG_2041.jpg">', '<img src="https://example.com/1.png" width="9" alt="Image of a bench">'),
    ("W240", in_article, '<img src="https://example.com/1.png" width="9" alt="DSC01234">', '<img src="https://example.com/1.png" width="9" alt="">'),
    ("W240", in_article, '<img src="https://example.com/1.png" width="9" alt="image">', '<img src="https://example.com/1.png" width="9" alt="Bench">'),
    ("W240", in_article, '<img src="https://example.com/two-old-boats.png" width="9" alt="two-old-boats">', '<img src="https://example.com/two-old-boats.png" width="9" alt="two old boats">'),
    ("W240", in_article, '<img src="https://example.com/1.png" width="9" alt="Screenshot 2026-01-02 at 10.11.12">', '<img src="https://example.com/1.png" width="9" alt="Screenshot of the map">'),
    ("W241", in_article, '<img src="https://example.com/1.png" alt="A bench">', f'<img src="https://example.com/1.png" {ALT}>'),
    ("W242", in_theme, '<img src="https://example.com/1.png" alt="A" width="900">', '<img src="https://example.com/1.png" alt="A" width="600">'),
    ("W243", in_article, f'<img src="http://example.com/1.png" {ALT}>', f'<img src="https://example.com/1.png" {ALT}>'),
    ("W244", in_article, f'<img src="https://example.com/1.svg?v=2" {ALT}>', f'<img src="https://example.com/svg" {ALT}>'),
    ("W244", in_article, f'<img src="https://example.com/1.WEBP" {ALT}>', f'<img src="https://example.com/1.webp?format=jpg" {ALT}>'),
    ("W244", in_article, f'<img src="https://example.com/1.png?fm=avif" {ALT}>', f'<img src="https://example.com/f_auto,q_80/1.avif" {ALT}>'),
    ("W244", in_article, f'<img src="https://example.com/1.heic" {ALT}>', f'<img src="https://example.com/heic.jpeg" {ALT}>'),
]  # fmt: skip
FILE_EXAMPLES = [
    ("W244", with_file("image/webp", WEBP), with_file("image/png", PNG)),
    ("W245", with_file("image/png", PNG + bytes(600_000)), with_file("image/png", PNG + bytes(400_000))),
    ("W246", many(51), many(50)),
    ("W247", with_file("image/gif", GIF + FRAME * 3 + bytes(1_100_000)), with_file("image/gif", GIF + FRAME + bytes(1_100_000))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "placed", "wrong", "right"), EXAMPLES)
def test_a_code_is_for_what_it_says_and_not_for_what_looks_like_it(
    code: str, placed: Callable[[str], Subject], wrong: str, right: str
) -> None:
    assert codes(placed(wrong)) == {code}
    assert codes(placed(right)) == set()
    line = "issues/x/articles/post.md:9" if placed is in_article else "templates/footer.mjml:2"
    assert [finding.where for finding in found(placed(wrong))] == [line]


@pytest.mark.parametrize(("code", "wrong", "right"), FILE_EXAMPLES)
def test_a_file_of_the_issue_is_weighed(code: str, wrong: Subject, right: Subject) -> None:
    assert code in codes(wrong)
    assert code not in codes(right)


def test_every_code_has_an_example() -> None:
    assert {example[0] for example in (*EXAMPLES, *FILE_EXAMPLES)} == set(CODES)


def test_an_animation_that_is_heavy_is_told_once() -> None:
    assert codes(with_file("image/gif", GIF + FRAME * 3 + bytes(1_100_000))) == {"W247"}
    assert codes(with_file("image/gif", GIF + FRAME + bytes(1_100_000))) == {"W245"}


def test_the_picture_of_an_article_is_found_in_its_front_matter() -> None:
    image = Image("http://example.com/a.png", "A bench", 300, 200)
    (finding,) = found(subject_of("Hello.", post("Words.", image=image)))
    assert (finding.code, finding.where) == ("W243", "issues/x/articles/post.md:4")


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_our_own_themes_have_no_finding_but_for_what_is_missing(name: str) -> None:
    assert codes(golden(name)) == ({"E141"} if "missing-picture" in name else set())


@pytest.mark.parametrize(
    ("content", "moves"),
    [(GIF, False), (GIF + FRAME, False), (GIF + FRAME * 2, True), (GIF + b"\x21\xff\x0bNETSCAPE2.0", True), (b"", False)],
)  # fmt: skip
def test_an_animation_is_known_by_its_frames(content: bytes, moves: bool) -> None:
    assert is_animated(content) is moves


BASE = in_article(f'<img src="https://example.com/7.png" {ALT}>')


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["http://", "data:", "cid:", "//", "[", "?fm=", ".webp", "%", "\x00"]) | st.text(max_size=5), max_size=8).map("".join)
)  # fmt: skip
def test_no_address_makes_a_check_fail(address: str) -> None:
    from html import escape

    html = BASE.html.replace("https://example.com/7.png", escape(address))
    file = SourceFile(
        "issue.md", f"<img src='{escape(address)}' alt='{escape(address)}'> ![{address}]({address})"
    )
    for finding in check(replace(BASE, html=html, sources=Sources((file, *BASE.sources.files[1:])))):
        assert finding.code in CODES
        assert finding.where
