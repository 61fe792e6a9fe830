"""The true sizes of the pictures that articles show from the web: learnt while drafting, frozen with the articles.

A build asks nobody, so what it needs to know of a picture on the web is written into the article before: the
attributes `width` and `height` of each `img`, in CSS pixels.  A page's own attributes are what its author wanted it to
look like; they are often wrong, and in another ratio than the file.  So the ratio comes from the file, and the size,
too, unless the author chose a smaller one (an emoji of 20 pixels, a thumbnail).

The guarantee: all together take ten seconds at most, and no failure is more than a note.  A picture whose size cannot
be learnt stays as it is.  A host that does not answer is not asked for its other pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from newsletter.articles.article import Article, Image
from newsletter.articles.fetch import Fetcher, display_url
from newsletter.articles.link import host_of
from newsletter.articles.picture_size import Size, rewritten_images, with_natural_size
from newsletter.articles.wire import Deadline
from newsletter.errors import FetchError, FetchLater

#: For all pictures of a draft together.
SECONDS = 10.0
#: How many pictures of a draft are asked for: the others keep what their pages say.
MOST = 100
_AT_ONCE = 8
_NO_ANSWER = "no answer"


def learn_sizes(
    articles: Iterable[Article], fetcher: Fetcher, *, seconds: float = SECONDS
) -> tuple[tuple[Article, ...], tuple[str, ...]]:
    """`articles` with the true size of each picture on the web, and notes on those that could not be learnt.

    Pictures that are files, and everything else in the articles, stay as they are.
    """
    articles = tuple(articles)
    urls = _urls(articles)
    sizes, failures = _ask(urls[:MOST], fetcher, seconds)
    failures |= dict.fromkeys(urls[MOST:], f"more than {MOST} pictures")
    return tuple(_with_sizes(article, sizes) for article in articles), tuple(_notes(failures))


def _urls(articles: Iterable[Article]) -> list[str]:
    """The addresses of the pictures on the web, each once, the first article's first."""
    found: list[str] = []

    def see(image: Image) -> Image:
        found.append(image.url)
        return image

    for article in articles:
        if article.image:
            see(article.image)
        rewritten_images(article.html, see)
    return [url for url in dict.fromkeys(found) if url.lower().startswith(("http://", "https://"))]


def _with_sizes(article: Article, sizes: Mapping[str, Size]) -> Article:
    def sized(image: Image) -> Image:
        return with_natural_size(image, sizes[image.url]) if image.url in sizes else image

    image = article.image
    if image and image.url in sizes:
        # Beside the title a picture is as large as the theme has room for, not as it was in the post.
        image = sized(replace(image, width=None, height=None))
    return replace(article, image=image, html=rewritten_images(article.html, sized))


def _ask(urls: list[str], fetcher: Fetcher, seconds: float) -> tuple[dict[str, Size], dict[str, str]]:
    """The sizes by URL, and why the others could not be had."""
    deadline = Deadline(seconds)
    silent: set[str] = set()

    def ask(url: str) -> Size:
        if host_of(url) in silent:
            raise FetchLater(_NO_ANSWER)
        try:
            return fetcher.fetch_size(url, deadline)
        except FetchError as error:
            if isinstance(error.__cause__, OSError):  # the network's doing, not the server's answer
                silent.add(host_of(url))
            raise

    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="picture")
    asked = {url: pool.submit(ask, url) for url in urls}
    wait(asked.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)  # what still runs ends at its own deadline

    sizes: dict[str, Size] = {}
    failures: dict[str, str] = {}
    for url, future in asked.items():
        if reason := _failure(future):
            failures[url] = reason
        else:
            sizes[url] = future.result()
    return sizes, failures


def _failure(future: Future[Size]) -> str:
    """Why there is no size; empty, if there is one.  A bug stays an exception."""
    if future.cancelled() or not future.done():
        return _NO_ANSWER
    match future.exception():
        case None:
            return ""
        case FetchError(message=message) as error:
            is_silence = message == _NO_ANSWER or isinstance(error.__cause__, OSError)
            return _NO_ANSWER if is_silence else message
        case bug:
            raise bug


def _notes(failures: Mapping[str, str]) -> list[str]:
    """One note for each reason: without a network there is one, however many pictures there are."""
    by_reason: dict[str, list[str]] = {}
    for url, reason in failures.items():
        by_reason.setdefault(reason, []).append(url)
    notes = []
    for reason, urls in by_reason.items():
        shown = display_url(urls[0])
        if len(urls) > 1:
            notes.append(f"the sizes of {len(urls)} pictures are not known: {reason} ({shown} is the first)")
        else:
            notes.append(f"the size of a picture is not known: {reason} ({shown})")
    return notes
