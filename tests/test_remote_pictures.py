"""The sizes of pictures on the web, learnt from a real server on this machine."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import files_of
from picture_files import gif, jpeg, png, segment, webp
from test_fetch import HERE, Site, answer, redirect

from newsletter.articles.article import Article, Image
from newsletter.articles.fetch import Fetcher
from newsletter.articles.picture_size import Size
from newsletter.articles.remote_pictures import MOST, learn_sizes
from newsletter.errors import FetchError, FetchLater


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


def fetcher(cache: Path | None = None, seconds: float = 5.0) -> Fetcher:
    return Fetcher(cache, allow_hosts=HERE, seconds=seconds)


def learnt(html: str, image: Image | None = None, **options: float) -> tuple[Article, tuple[str, ...]]:
    (article,), notes = learn_sizes([Article("1", html=html, image=image)], fetcher(), **options)
    return article, notes


def test_every_picture_gets_its_true_size(site: Site) -> None:
    site.replies |= {
        "/a.png": answer(png(640, 360)),
        "/b.jpg": answer(jpeg(640, 360, orientation=6)),
        "/c@2x.gif": answer(gif(640, 360)),
        "/d.webp?w=1&h=2": answer(webp(640, 360)),
        "/e.png": redirect("/a.png"),
        "/lead.png": answer(png(1200, 630)),
    }
    before = (
        '<p>words <img src="{0}/a.png" alt="A &gt; B"> and <img src="{0}/b.jpg"></p><img src="{0}/c@2x.gif">'
    )
    before += '<a href="{0}/a.png"><img src="{0}/d.webp?w=1&amp;h=2"></a><img src="{0}/e.png" title="t">'
    after = before
    for name, width, height in (
        ("a.png", 640, 360),
        ("b.jpg", 360, 640),
        ("c@2x.gif", 320, 180),
        ("e.png", 640, 360),
    ):
        after = after.replace(f'src="{{0}}/{name}"', f'src="{{0}}/{name}" width="{width}" height="{height}"')
    after = (
        after.replace('alt="A &gt; B"', "")
        .replace('360" >', '360">')
        .replace('h=2"', 'h=2" width="640" height="360"')
    )
    after = after.replace(
        '/a.png" width="640" height="360">', '/a.png" alt="A &gt; B" width="640" height="360">'
    )
    after = after.replace(
        '/e.png" width="640" height="360" title="t"', '/e.png" title="t" width="640" height="360"'
    )
    base = site.url("")
    article, notes = learnt(before.format(base), Image(f"{base}/lead.png", "lead", 300, 300))
    assert (article.html, notes) == (after.format(base), ())
    assert article.image == Image(f"{base}/lead.png", "lead", 1200, 630)


@pytest.mark.parametrize(
    ("said", "learnt_size"),
    [
        ('width="20" height="20"', 'width="20" height="11"'),
        ('height="36"', 'width="64" height="36"'),
        ('width="1280" height="720"', 'width="640" height="360"'),
        ('width="640" height="360"', 'width="640" height="360"'),
    ],
)
def test_a_smaller_size_that_the_author_chose_stays_in_the_true_ratio(
    site: Site, said: str, learnt_size: str
) -> None:
    site.replies["/a.png"] = answer(png(640, 360))
    article, _ = learnt(f'<img src="{site.url("/a.png")}" {said}>')
    assert article.html == f'<img src="{site.url("/a.png")}" {learnt_size}>'
    assert learnt(article.html)[0].html == article.html


def test_files_of_the_publication_and_everything_else_are_left_alone(site: Site) -> None:
    html = '<p>&lt;img src="https://a/b.png"&gt; <img src="posts/a.png" width="9"> <img src="data:image/png;base64,AA"></p>'
    article = Article("1", "T", html=html, image=Image("posts/b.png", width=7), tags=("a",))
    assert learn_sizes([article], fetcher()) == ((article,), ())
    assert site.requests == []


def test_a_failure_is_a_note_and_the_picture_stays_as_it_is(site: Site) -> None:
    site.replies |= {
        "/a.png": answer(png(640, 360)),
        "/page": answer(b"<!doctype html><title>Log in</title>" * 1000),
        "/a.svg": answer(b'<svg width="9" height="9"></svg>'),
        "/cut.png": answer(png(640, 360)[:18]),
        "/later": answer(b"", status="503 Busy"),
    }
    names = ("page", "gone1", "gone2", "a.svg", "cut.png", "later")
    html = "".join(f'<img src="{site.url("/" + name)}" width="70" height="70">' for name in names)
    article, notes = learnt(html + f'<img src="{site.url("/a.png")}">')
    assert article.html == html + f'<img src="{site.url("/a.png")}" width="640" height="360">'
    assert notes == (
        f"the size of a picture is not known: not a picture ({site.url('/page')})",
        f"the sizes of 2 pictures are not known: the server answers 404 Not Found ({site.url('/gone1')} is the first)",
        f"the size of a picture is not known: an SVG, which has no size in pixels ({site.url('/a.svg')})",
        f"the size of a picture is not known: its size cannot be read ({site.url('/cut.png')})",
        f"the size of a picture is not known: the server answers 503 Busy ({site.url('/later')})",
    )


def test_addresses_that_are_not_public_are_not_asked(site: Site) -> None:
    site.replies["/a.png"] = answer(png(640, 360))
    article = Article("1", html=f'<img src="{site.url("/a.png")}">')
    (after,), notes = learn_sizes([article], Fetcher(None))
    assert (after, len(notes), site.requests) == (article, 1, [])
    assert "not a web server's" in notes[0] or "not a public address" in notes[0]


def test_without_a_network_there_is_one_note_and_no_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    urls = [f"http://127.0.0.1:{closed}/{number}.png" for number in range(40)]

    def resolve(host: str, port: int) -> list[str]:
        if host == "127.0.0.1":
            return [host]
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    urls += [f"https://host{number}.example.com/a.png" for number in range(10)]
    article = Article("1", html="".join(f'<img src="{url}">' for url in urls))
    started = time.monotonic()
    (after,), notes = learn_sizes([article], Fetcher(None, allow_hosts=HERE, resolve=resolve))
    assert time.monotonic() - started < 2
    assert after == article
    assert notes == (f"the sizes of 50 pictures are not known: no answer ({urls[0]} is the first)",)


def test_all_together_take_no_longer_than_their_time(site: Site) -> None:
    ended = threading.Event()

    def drip(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\r\n\x1a\n")
        while not ended.wait(0.1):
            stream.sendall(b"\0")

    site.replies |= {f"/{number}": drip for number in range(20)}
    site.replies["/a.png"] = answer(png(640, 360))
    html = f'<img src="{site.url("/a.png")}">' + "".join(
        f'<img src="{site.url(f"/{n}")}">' for n in range(20)
    )
    started = time.monotonic()
    article, notes = learnt(html, seconds=0.7)
    took = time.monotonic() - started
    ended.set()
    assert took < 1.5
    assert article.html.startswith(f'<img src="{site.url("/a.png")}" width="640" height="360">')
    assert notes == (f"the sizes of 20 pictures are not known: no answer ({site.url('/0')} is the first)",)


def test_no_more_than_eight_are_asked_for_at_once(site: Site) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def busy(stream: socket.socket) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        stream.sendall(answer(png(6, 4)))

    site.replies |= {f"/{number}": busy for number in range(24)}
    _, notes = learnt("".join(f'<img src="{site.url(f"/{n}")}">' for n in range(24)))
    assert (notes, 2 <= most[0] <= 8) == ((), True)


def test_a_picture_is_asked_for_once_and_only_so_many_are(site: Site) -> None:
    site.replies |= {f"/{number}": answer(png(6, 4)) for number in range(MOST + 2)}
    html = "".join(f'<img src="{site.url(f"/{n}")}">' for n in range(MOST + 2))
    article, notes = learnt(html * 2, Image(site.url("/0")))
    assert len(site.requests) == MOST
    assert article.html.count('width="6"') == 2 * MOST
    assert notes == (
        f"the sizes of 2 pictures are not known: more than {MOST} pictures ({site.url(f'/{MOST}')} is the first)",
    )


def test_no_more_of_a_picture_is_read_than_says_its_size(site: Site) -> None:
    sent, ended = [0], threading.Event()

    def endless(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + png(640, 360))
        try:
            while True:
                sent[0] += stream.send(b"\0" * 65536)
        finally:
            ended.set()

    site.replies["/huge.png"] = endless
    assert fetcher().fetch_size(site.url("/huge.png")) == Size(640, 360)
    assert ended.wait(3)
    assert sent[0] < 20_000_000  # what the system's buffers take


def test_a_size_that_stands_far_behind_is_found_and_one_that_is_nowhere_given_up(site: Site) -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0" + b"\0" * 60_000)
    site.replies["/far.jpg"] = answer(jpeg(640, 360, before=profile * 12))
    site.replies["/never.jpg"] = answer(jpeg(640, 360, before=profile * 60))
    assert fetcher().fetch_size(site.url("/far.jpg")) == Size(640, 360)
    with pytest.raises(FetchError, match="its size cannot be read"):
        fetcher().fetch_size(site.url("/never.jpg"))


def test_a_picture_that_arrives_compressed_or_not_at_all_is_told_apart(site: Site) -> None:
    site.replies["/a.png"] = answer(gzip.compress(png(640, 360)), "Content-Encoding: gzip")
    site.replies["/b.png"] = answer(b"x", "Content-Encoding: br")
    site.replies["/c.png"] = answer(b"")
    site.replies["/d.png"] = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(png(640, 360))[:30]
    )
    assert fetcher().fetch_size(site.url("/a.png")) == Size(640, 360)
    with pytest.raises(FetchError, match="encoded as 'br'"):
        fetcher().fetch_size(site.url("/b.png"))
    with pytest.raises(FetchError, match="not a picture"):
        fetcher().fetch_size(site.url("/c.png"))
    with pytest.raises(FetchLater, match="ended too soon"):
        fetcher().fetch_size(site.url("/d.png"))


def test_pictures_are_asked_for_as_pictures(site: Site) -> None:
    site.replies["/a.png"] = answer(png(640, 360))
    fetcher().fetch_size(site.url("/a.png"))
    (request,) = site.requests
    assert "\r\nAccept: image/png, image/jpeg, image/gif," in request
    assert "text/html" not in request


def test_a_size_is_remembered_by_address(site: Site, tmp_path: Path) -> None:
    site.replies["/a.png"] = answer(png(640, 360))
    url = site.url("/a.png", user="me:secret")
    assert fetcher(tmp_path / "cache").fetch_size(url) == Size(640, 360)
    site.close()
    assert fetcher(tmp_path / "cache").fetch_size(url) == Size(640, 360)
    assert len(site.requests) == 1
    assert list(files_of(tmp_path / "cache").values()) == [b"640 360\n"]


@pytest.mark.parametrize(
    "damaged", [b"", b"640 360", b"0 360\n", b"640 360\n640 360\n", b"999999 1\n", b"\xff\n"]
)
def test_a_damaged_memory_is_asked_for_again(site: Site, tmp_path: Path, damaged: bytes) -> None:
    site.replies["/a.png"] = answer(png(640, 360))
    fetcher(tmp_path).fetch_size(site.url("/a.png"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damaged)
    assert fetcher(tmp_path).fetch_size(site.url("/a.png")) == Size(640, 360)
    assert file.read_bytes() == b"640 360\n"


def test_a_failure_is_not_remembered_and_a_cache_that_cannot_be_written_does_not_matter(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError):
        fetcher(tmp_path / "cache").fetch_size(site.url("/a.png"))
    site.replies["/a.png"] = answer(png(640, 360))
    assert fetcher(tmp_path / "cache").fetch_size(site.url("/a.png")) == Size(640, 360)
    assert fetcher(tmp_path / "file" / "cache").fetch_size(site.url("/a.png")) == Size(640, 360)
