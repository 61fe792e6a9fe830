"""The pictures of an issue: read, named, embedded or copied, and drawn at their size."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from conftest import files_of
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import avif, bmp, gif, jpeg, png, webp

from newsletter.articles.article import Article, Image
from newsletter.articles.picture_size import Size
from newsletter.articles.sanitize import sanitize
from newsletter.errors import ConfigError, IssueError
from newsletter.render.images import (
    LARGEST,
    Picture,
    copy_pictures,
    fitted,
    fitted_image,
    local_paths,
    picture_urls,
    read_pictures,
)

WIDE = Picture("media/wide.png", "image/png", png(1104, 736))
SMALL = Picture("media/small.gif", "image/gif", gif(64, 48))
DOUBLE = Picture("media/double@2x.jpg", "image/jpeg", jpeg(600, 400))
TURNED = Picture("media/turned.jpg", "image/jpeg", jpeg(4000, 3000, orientation=6))
DAMAGED = Picture("media/damaged.png", "image/png", png(600, 400)[:18])
PICTURES = {picture.path: picture for picture in (WIDE, SMALL, DOUBLE, TURNED, DAMAGED)}


def test_a_picture_knows_its_size_and_its_names_by_its_bytes_alone() -> None:
    other = Picture("another.png", "image/png", WIDE.content)
    assert (WIDE.size, TURNED.size, DAMAGED.size) == (Size(1104, 736), Size(3000, 4000), None)
    assert (other.cid, other.name) == (WIDE.cid, WIDE.name)
    assert re.fullmatch(r"[0-9a-f]{24}@media", WIDE.cid)
    assert re.fullmatch(r"[0-9a-f]{24}\.png", WIDE.name)
    assert len({picture.name for picture in PICTURES.values()}) == len(PICTURES)
    assert TURNED.name.endswith(".jpg")


def test_pictures_are_embedded_or_linked() -> None:
    assert picture_urls({"a": WIDE}) == {"a": f"cid:{WIDE.cid}"}
    for base in ("https://example.com/media", "https://example.com/media/"):
        assert picture_urls({"a": WIDE}, media_url=base) == {"a": f"https://example.com/media/{WIDE.name}"}


def test_the_files_of_an_issue_are_found_in_order_each_once() -> None:
    html = '<img alt="a > b" src="media/b&amp;c.png"><img src="https://example.com/d.png"><img src="/e.png"><img src="media/a.png">'
    articles = [
        Article("1", image=Image("media/a.png"), html=html),
        Article("2", html='<p>src="x.png" <img alt=""></p>'),
    ]
    assert local_paths(articles) == ["media/a.png", "media/b&c.png"]


def test_they_are_read_with_their_type(tmp_path: Path) -> None:
    files = {"a": png(6, 4), "b": jpeg(6, 4), "c": gif(6, 4), "d": webp(6, 4)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    article = Article("1", html="".join(f'<img src="{name}">' for name in files))
    pictures = read_pictures(tmp_path, [article])
    assert {path: picture.content for path, picture in pictures.items()} == files
    kinds = [picture.content_type for picture in pictures.values()]
    assert kinds == ["image/png", "image/jpeg", "image/gif", "image/webp"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"<svg width='9' height='9'/>", "not a picture that mail programs show: SVG"),
        (avif(6, 4), "not a picture that mail programs show: AVIF"),
        (bmp(6, 4), "pip install newsletter-publisher[images], and draft again"),
        (b"plain words", "not a picture that mail programs show\n"),
        (png(6, 4) + b"\0" * LARGEST, "weighs 10.5 MB"),
    ],
)
def test_a_file_that_is_no_picture_for_email_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(IssueError) as caught:
        read_pictures(tmp_path, [Article("1", html='<img src="a.png">')])
    assert said in str(caught.value)
    assert caught.value.where == str(tmp_path / "a.png")


@pytest.mark.parametrize("path", ["a\0b.png", "x" * 5000, "."])
def test_a_path_that_no_file_can_have_is_named_too(tmp_path: Path, path: str) -> None:
    with pytest.raises(IssueError, match="cannot be read"):
        read_pictures(tmp_path, [Article("1", image=Image(path))])


CID = {picture.path: f"cid:{picture.cid}" for picture in PICTURES.values()}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # files of the issue: the bytes say the size
        ('<img src="media/wide.png">', '<img src="{wide}" width="552" height="368">'),
        ('<img src="media/small.gif" alt="">', '<img src="{small}" alt="" width="64" height="48">'),
        ('<img src="media/double@2x.jpg">', '<img src="{double}" width="300" height="200">'),
        ('<img src="media/turned.jpg">', '<img src="{turned}" width="552" height="736">'),
        ('<img src="media/wide.png" width="276" height="10">', '<img src="{wide}" width="276" height="184">'),
        ('<img src="media/wide.png" height="92">', '<img src="{wide}" width="138" height="92">'),
        ('<img src="media/small.gif" width="640" height="480">', '<img src="{small}" width="64" height="48">'),
        ('<img src="media/damaged.png" alt="a">', '<img src="{damaged}" alt="a">'),
        ('<img src="media/damaged.png" width="600">', '<img src="{damaged}" width="552">'),
        # on the web: what the draft wrote
        ('<img src="https://e/a" width="1104" height="736">', '<img src="https://e/a" width="552" height="368">'),
        ('<img src="https://e/a" width="552" height="700">', '<img src="https://e/a" width="552" height="700">'),
        ('<img src="https://e/a" width="20" height="20">', '<img src="https://e/a" width="20" height="20">'),
        ('<img src="https://e/a" width="900">', '<img src="https://e/a" width="552">'),
        ('<img src="https://e/a" width="90000" height="1">', '<img src="https://e/a" width="552" height="1">'),
        # not known
        ('<img src="https://e/a">', '<img src="https://e/a">'),
        ('<img src="https://e/a" height="700">', '<img src="https://e/a" height="700">'),
        ('<img src="media/other.png">', '<img src="media/other.png">'),
        # no picture at all
        ('<p>src="media/wide.png" width="900"</p>', '<p>src="media/wide.png" width="900"</p>'),
        ('<a href="media/wide.png">a</a>', '<a href="media/wide.png">a</a>'),
        ('<td width="900" colspan="2">a</td>', '<td width="900" colspan="2">a</td>'),
    ],
)  # fmt: skip
def test_a_body_is_fitted_into_its_column(before: str, after: str) -> None:
    cids = {Path(path).stem.removesuffix("@2x"): cid for path, cid in CID.items()}
    assert fitted(before, PICTURES, 552) == after.format(**cids)


def test_linked_pictures_are_fitted_alike() -> None:
    html = fitted('<img src="media/wide.png">', PICTURES, 552, media_url="https://example.com/m")
    assert html == f'<img src="https://example.com/m/{WIDE.name}" width="552" height="368">'


@pytest.mark.parametrize("column", [552, 156])
@pytest.mark.parametrize(
    "image",
    [
        Image("media/wide.png", "words"),
        Image("media/small.gif", "words", 400, 400),
        Image("https://example.com/a.png", "words", 1200, 630),
        Image("https://example.com/a.png", "words"),
    ],
)
def test_the_picture_beside_a_title_is_drawn_as_one_in_a_body(image: Image, column: int) -> None:
    drawn = fitted_image(image, PICTURES, column)
    assert drawn
    sizes = "".join(f' {name}="{size}"' for name in ("width", "height") if (size := getattr(image, name)))
    wanted = "".join(f' {name}="{size}"' for name in ("width", "height") if (size := getattr(drawn, name)))
    assert fitted(f'<img src="{image.url}"{sizes}>', PICTURES, column) == f'<img src="{drawn.url}"{wanted}>'
    assert (drawn.alt, (drawn.width or 0) <= column) == ("words", True)


@pytest.mark.parametrize(
    "url", ["", "media/lost.png", "file:///etc/passwd", "javascript:alert(1)", "data:image/png;base64,x"]
)
def test_a_picture_without_an_address_that_an_email_can_use_is_none(url: str) -> None:
    assert fitted_image(Image(url), PICTURES, 552) is None
    assert fitted_image(None, PICTURES, 552) is None


def test_the_same_path_with_other_bytes_is_another_picture() -> None:
    html = '<img src="media/a.png">'
    first = fitted(html, {"media/a.png": Picture("media/a.png", "image/png", png(10, 10))}, 552)
    second = fitted(html, {"media/a.png": Picture("media/a.png", "image/png", png(20, 10))}, 552)
    assert ('width="10"' in first, 'width="20"' in second) == (True, True)


_BODIES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.builds(
            '<img src="{}" alt="{}" width="{}" height="{}">'.format,
            st.sampled_from([*PICTURES, "https://example.com/a.png", "../a.png"]),
            st.sampled_from(["", "a > b", "width=", "&quot;"]),
            st.sampled_from(["", "1", "64", "700", "99999", "50%"]),
            st.sampled_from(["", "1", "64", "700", "99999", "auto"]),
        ),
        st.sampled_from(
            ["<p>", "</p>", "<ul><li>", '<td width="900">', "<pre>&lt;img&gt;", '<a href="https://e">']
        ),
    ),
    max_size=8,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(_BODIES, st.integers(1, 800))
def test_of_any_body_only_pictures_change_and_none_is_wider_than_the_column(html: str, column: int) -> None:
    body = sanitize(html, base="https://example.com/", local_images=frozenset(PICTURES))
    result = fitted(body, PICTURES, column)
    picture = re.compile(r"<img\b[^>]*>")  # the sanitizer writes &gt; in attributes
    assert picture.split(result) == picture.split(body)
    for before, after in zip(picture.findall(body), picture.findall(result), strict=True):
        width = re.search(r' width="(\d+)"', after)
        assert not width or int(width[1]) <= column
        strip = re.compile(r' (?:src|width|height)="[^"]*"')
        assert strip.sub("", after) == strip.sub("", before)
        assert 'src="media/' not in after


def test_pictures_are_copied_once_for_everybody_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "public" / "media"
    copy_pictures([WIDE, SMALL, WIDE], folder)
    assert files_of(folder) == {WIDE.name: WIDE.content, SMALL.name: SMALL.content}
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "mine.txt").write_text("mine")
    copy_pictures([SMALL, WIDE], folder)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (folder / "mine.txt").read_text() == "mine"
    copy_pictures([], folder)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_that_has_a_pictures_name_is_overwritten(tmp_path: Path, kind: str) -> None:
    target = tmp_path / WIDE.name
    match kind:
        case "file":
            target.write_bytes(b"mine")
        case "folder":
            target.mkdir()
        case _:
            target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="another file has the name of a picture") as caught:
        copy_pictures([WIDE], tmp_path)
    assert caught.value.where == str(target)
    assert [path.name for path in tmp_path.iterdir()] == [WIDE.name]
    assert kind != "file" or target.read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file")
    for folder in (tmp_path / "media", tmp_path / "media" / "below"):
        with pytest.raises(ConfigError, match="pictures cannot be copied to media_dir") as caught:
            copy_pictures([WIDE], folder)
        assert str(folder) in caught.value.where
    assert files_of(tmp_path) == {"media": b"a file"}


def test_a_copy_that_fails_halfway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        copy_pictures([WIDE], tmp_path)
    assert files_of(tmp_path) == {}
