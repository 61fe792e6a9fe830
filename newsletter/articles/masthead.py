"""What a page states about its post: title, address, authors, date, summary, picture, tags, language, site.

Pages say this up to seven times over, for different readers: JSON-LD for search engines, OpenGraph and Twitter cards
for social networks, `<meta>` for libraries, microdata and microformats, and the visible page itself.  Each question is
asked of the statements in the order in which they are usually right, and the first usable answer stands.  The visible
heading has the last word on the title, because the others are cut off or written for clicks.

Nothing is guessed from running text, least of all a date: what a page does not state stays empty.  Nothing raises.

Sources: ogp.me, schema.org/Article, microformats.org/wiki/h-entry, scholar.google.com/intl/en/scholar/inclusion.html
(citation_*), dublincore.org (DC.*).  Pure: no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from newsletter.articles.article import Image
from newsletter.articles.link import WEB, absolute_url, host_of
from newsletter.articles.linked_data import LinkedData, Node, plain
from newsletter.articles.markup import BLOCKS
from newsletter.articles.statements import (
    MOST_TAGS,
    SEPARATOR,
    is_plausible,
    is_same_title,
    joined,
    language,
    letters,
    moment,
    names,
    path,
    pixels,
    shortened,
    tags,
    without_site,
)

_LABELLED = re.compile(
    r"\s*(?:author|written by|posted by|autor|auteur|autore|作者|автор)\s*[:：]\s*(\S.{0,50}?)\s*", re.I
)
_SCHEMA_POST = re.compile(r"schema\.org/\w*(?:Article|Posting|Recipe|Review|HowTo)\s*\Z")
#: Parts of a page that state things about other posts, or about nobody's post.
_ELSEWHERE = re.compile(
    r"(?:\A|[-_\s])(?:comments?|respond|related|sidebar|widget|recent|popular|recommended|teaser|site-(?:title|header|footer)|h-cite|author-box|bio)"
    r"(?:\Z|[-_\s])",
    re.I,
)
_LOGO = re.compile(r"(?:\A|[-_])(?:logo|brand|site[-_]?(?:title|name))(?:\Z|[-_])", re.I)
_DATE_CLASSES = tuple(
    "dt-published published entry-date post-date posted-on date pubdate article-date".split()
)
_AUTHOR_CLASSES = tuple("p-author byline-author author-name entry-author post-author byline author".split())


@dataclass(frozen=True, slots=True)
class Masthead:
    """The statements of one page.  `body` is the text of the post, where the page states that, too."""

    title: str = ""
    url: str = ""
    author: str = ""
    published: datetime | None = None
    summary: str = ""
    image: Image | None = None
    tags: tuple[str, ...] = ()
    language: str = ""
    site: str = ""
    body: str = ""


def read_masthead(page: Element, *, url: str, base: str) -> Masthead:
    """What `page` (a whole document) states; `url` is where it was found, `base` where relative addresses start."""
    statements = _Statements(page, url, base)
    site = statements.site()
    return Masthead(
        title=statements.title(site),
        url=statements.address(),
        author=statements.author(site),
        published=statements.published(),
        summary=statements.summary(),
        image=statements.image(),
        tags=statements.tags(),
        language=statements.language(),
        site=site,
        body=statements.body(),
    )


class _Statements:
    """The sources of statements on one page, and the questions asked of them."""

    def __init__(self, page: Element, url: str, base: str) -> None:
        self._page = page
        self._url = url
        self._base = base
        self._metas = _metas(page)
        self._titles = [
            text for title in page.iter("title") if not _is_drawn(title) and (text := plain(_text(title)))
        ][:1]
        self._links = [link for link in page.iter("link", "a") if link.get("rel") and link.get("href")]
        self._item = _main_item(page)
        self._entry = _main_entry(page)
        scripts = [
            script for script in page.iter("script") if "ld+json" in (script.get("type") or "").lower()
        ]
        self._data = LinkedData(script.text or "" for script in scripts)
        stated = [
            *self._titles,
            *self._meta("og:title", "twitter:title"),
            *(_text(h1) for h1 in page.iter("h1")),
        ]
        self._post: Node = self._data.post_node([url, *self._canonical()], stated)

    def title(self, site: str) -> str:
        stated = self._data.words(self._post, "headline") + self._data.words(self._post, "name")
        stated += self._meta(
            "og:title", "twitter:title", "citation_title", "dc.title", "dcterms.title", "parsely-title"
        )
        stated += self._property("headline", "name") + self._in_entry("p-name", "entry-title") + self._titles
        stated = [text for title in stated if (text := without_site(title, site))]
        named = [title for title in stated if letters(title) != letters(site)] or stated
        headings = [text for heading in self._headings() if (text := plain(_text(heading)))]
        for heading in headings:
            if any(is_same_title(heading, title) for title in named):
                return heading
        first = (plain(_text(heading)) for heading in self._headings() if heading.tag == "h1")
        return next(filter(None, [*named, *first]), "")

    def _headings(self) -> Iterator[Element]:
        """The headings that may be the post's title: not the site's name, not those of other posts."""
        for heading in self._page.iter("h1", "h2"):
            names = f"{heading.get('class') or ''} {heading.get('id') or ''}"
            if any(map(_LOGO.search, names.split())) or _is_elsewhere(heading) or self._leads_home(heading):
                continue
            yield heading

    def _leads_home(self, heading: Element) -> bool:
        links = [absolute_url(link.get("href") or "", self._base, WEB) for link in heading.iter("a")]
        return any(path(link) == "/" for link in links if link) and path(self._url) != "/"

    def site(self) -> str:
        stated = self._meta("og:site_name") + [self._data.site_name(self._post)]
        stated += self._meta("application-name", "apple-mobile-web-app-title", "citation_journal_title")
        if name := next(filter(None, stated), ""):
            return name
        # "Post | Site" says so where something else on the page says what the post is called; so does "Site: Post".
        title = next(iter(self._titles), "")
        named = self._meta("og:title", "twitter:title") + [
            plain(_text(heading)) for heading in self._headings()
        ]
        for pattern in (rf"{{}}{SEPARATOR}(?:.*{SEPARATOR})?(.+)", r"(.+?)\s*[:：|»]\s*{}"):
            for post in map(re.escape, filter(None, named)):
                if found := re.fullmatch(pattern.format(post), title, re.I):
                    return found[1].strip()
        return ""

    def address(self) -> str:
        """The canonical address, if it can be believed; else the one where the page was found."""
        here = absolute_url(self._url, schemes=WEB)
        stated = [(absolute_url(text, self._base, WEB)) for text in self._canonical()]
        for canonical in filter(None, stated):
            if is_plausible(canonical, here, agreed=stated.count(canonical) > 1):
                if (
                    here.startswith("https:")
                    and canonical.startswith("http:")
                    and host_of(canonical) == host_of(here)
                ):
                    canonical = f"https:{canonical.removeprefix('http:')}"
                return canonical
        return here

    def _canonical(self) -> list[str]:
        links = [
            link.get("href") or ""
            for link in self._links
            if link.tag == "link" and _has(link, "rel", "canonical")
        ]
        return links[:1] + self._meta("og:url")[:1]

    def author(self, site: str) -> str:
        stated = [
            self._data.names(self._post, "author"),
            self._data.names(self._post, "creator"),
            self._property("author", "creator"),
            self._meta(
                "author",
                "citation_author",
                "parsely-author",
                "sailthru.author",
                "dc.creator",
                "dcterms.creator",
            ),
            self._meta("article:author", "og:article:author", "byl"),
            self._in_entry(*_AUTHOR_CLASSES),
            [_text(link) for link in self._links if _has(link, "rel", "author") and not _is_elsewhere(link)],
            [
                re.split(r"\s*[|·•]\s*|\s{2,}", name)[0]
                for name in self._by_class(_AUTHOR_CLASSES)
                if not re.search(r"\d\d|@", name)
            ],
            self._labelled(),
        ]
        several = [names(texts) for texts in stated]
        persons = [
            names for names in several if names and [letters(name) for name in names] != [letters(site)]
        ]
        return joined(next(filter(None, [*persons, *several]), []))

    def published(self) -> datetime | None:
        post, page, words = self._post, self._data.page_node(), self._data.words
        stated = [
            *words(post, "datePublished"),
            *self._meta("article:published_time", "og:article:published_time", "og:published_time"),
            *self._property("datePublished"),
            *self._in_entry("dt-published", "published", "entry-date"),
            *self._meta(
                "citation_publication_date", "citation_date", "parsely-pub-date", "sailthru.date", "pubdate"
            ),
            *self._meta(
                "publish-date", "publication_date", "date", "dc.date.issued", "dcterms.issued", "dc.date"
            ),
            *self._meta("dcterms.date", "dcterms.created", "dc.date.created", "cxenseparse:recs:publishtime"),
            *words(post, "dateCreated"),
            *words(post, "uploadDate"),
            *self._visible_dates(),
            *words(page, "datePublished"),
            *words(post, "dateModified"),
            *self._meta("article:modified_time", "og:updated_time", "last-modified", "dcterms.modified"),
        ]
        return next(filter(None, map(moment, stated)), None)

    def _visible_dates(self) -> Iterator[str]:
        """What is marked up as a date: `<time>`, or an element whose class says so; not that of other posts."""
        times = [time for time in self._page.iter("time") if time.get("datetime") and not _is_elsewhere(time)]
        updated = [time for time in times if re.search("updat|modif", time.get("class") or "", re.I)]
        yield from (time.get("datetime") or "" for time in times if time.get("pubdate") is not None)
        yield from (time.get("datetime") or "" for time in times if time not in updated)
        yield from self._by_class(_DATE_CLASSES)

    def summary(self) -> str:
        stated = self._meta("og:description", "description", "twitter:description", "dc.description")
        stated += self._data.words(self._post, "description") + self._property("description")
        stated += self._in_entry("p-summary")
        return shortened(next(filter(None, stated), ""))

    def image(self) -> Image | None:
        stated = self._meta("og:image:secure_url")[:1] + self._meta("og:image", "og:image:url")
        stated += self._data.addresses(self._post, "image") + self._meta("twitter:image", "twitter:image:src")
        stated += (
            self._data.addresses(self._post, "thumbnailUrl")
            + self._property("image")
            + self._in_entry("u-photo", "u-featured")
        )
        stated += [link.get("href") or "" for link in self._links if _has(link, "rel", "image_src")]
        opengraph = {
            absolute_url(text, self._base, WEB)
            for text in self._meta("og:image", "og:image:secure_url", "og:image:url")
        }
        for text in stated:
            url = absolute_url(text, self._base, WEB)
            if not url or path(url) == "/" or urlsplit(url).path.lower().endswith((".svg", ".ico")):
                continue
            if url not in opengraph:
                return Image(url)
            alt = next(iter(self._meta("og:image:alt", "twitter:image:alt")), "")
            width, height = (pixels(self._meta(f"og:image:{side}")) for side in ("width", "height"))
            return Image(url, alt, width, height)
        return None

    def tags(self) -> tuple[str, ...]:
        marked = [_text(link) for link in self._links if _has(link, "rel", "tag") and not _is_elsewhere(link)]
        stated = [
            self._meta("article:tag", "og:article:tag"),
            self._data.words(self._post, "keywords") + self._data.names(self._post, "about"),
            self._property("keywords"),
            self._in_entry("p-category"),
            marked,
            self._meta(
                "parsely-tags",
                "sailthru.tags",
                "news_keywords",
                "keywords",
                "citation_keywords",
                "dc.subject",
            ),
        ]
        return next(filter(None, map(tags, stated)), ())

    def language(self) -> str:
        stated = [
            self._page.get("lang") or self._page.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
        ]
        stated += [body.get("lang") or "" for body in self._page.iter("body")] + self._data.words(
            self._post, "inLanguage"
        )
        stated += self._meta("content-language", "og:locale", "language", "dc.language", "dcterms.language")
        return next(filter(None, map(language, stated)), "")

    def body(self) -> str:
        """The post's text as stated in JSON-LD, with its line feeds, or its markup."""
        bodies = [self._post.get(key) for key in ("articleBody", "text", "reviewBody")]
        return next((body for body in bodies if isinstance(body, str) and body.strip()), "")

    def _meta(self, *names: str) -> list[str]:
        return [text for name in names for text in self._metas.get(name, ())]

    def _property(self, *names: str) -> list[str]:
        """Microdata: the values of properties of the item that is the post."""
        found = [element for name in names for element in self._item if _has(element, "itemprop", name)]
        return [text for element in found if (text := plain(_value(element)))]

    def _in_entry(self, *names: str) -> list[str]:
        """Microformats: the values of properties of the entry that is the post."""
        found = [element for name in names for element in self._entry if _has(element, "class", name)]
        return [text for element in found[:MOST_TAGS] if (text := plain(_value(element)))]

    def _by_class(self, names: Iterable[str]) -> list[str]:
        """The text of the first element of the visible page that has one of the classes."""
        for name in names:
            for element in self._page.xpath(
                "//body//*[contains(concat(' ', normalize-space(@class), ' '), $name)]", name=f" {name} "
            ):
                if not _is_elsewhere(element) and 0 < len(text := plain(_value(element))) < 100:
                    return [text]
        return []

    def _labelled(self) -> list[str]:
        """The names behind the first "Author:" that stands alone on the page."""
        for text in self._page.xpath("//body//text()[contains(., ':') or contains(., '：')]"):
            found = _LABELLED.fullmatch(text)
            if found and not _is_elsewhere(text.getparent()):
                return [found[1]]
        return []


# ---- finding statements in the page


def _metas(page: Element) -> dict[str, list[str]]:
    """The contents of all `<meta>`, by name in lower case; the most special of a meta's names counts."""
    metas: dict[str, list[str]] = {}
    for meta in page.iter("meta"):
        names = [meta.get(name) for name in ("property", "name", "http-equiv")]
        if text := plain(meta.get("content") or ""):
            for name in {name.strip().lower() for name in names if name}:
                metas.setdefault(name, []).append(text)
    return metas


def _main_item(page: Element) -> list[Element]:
    """The elements that state properties of the first microdata item that is a post; properties of others are left out."""
    items = page.xpath("//*[@itemscope and @itemtype]")
    item = next((item for item in items if _SCHEMA_POST.search(item.get("itemtype") or "")), None)
    if item is None:
        return [meta for meta in page.iter("meta") if meta.get("itemprop") and _scope(meta) is None]
    return [
        element for element in item.iterdescendants() if element.get("itemprop") and _scope(element) is item
    ]


def _scope(element: Element) -> Element | None:
    return next((above for above in element.iterancestors() if above.get("itemscope") is not None), None)


def _main_entry(page: Element) -> list[Element]:
    """The elements with a class in the page's one h-entry; none on a page that lists several."""
    entries = [
        element
        for element in page.iter()
        if _has(element, "class", "h-entry") or _has(element, "class", "hentry")
    ]
    known = set(entries)
    outermost = [entry for entry in entries if known.isdisjoint(entry.iterancestors())]
    if len(outermost) != 1:
        return []
    inside = [element for element in outermost[0].iterdescendants() if element.get("class")]
    return [element for element in inside if not _is_elsewhere(element, outermost[0])]


def _is_elsewhere(element: Element, within: Element | None = None) -> bool:
    """Whether `element` stands in a part of the page that is not about the post, looking no further up than `within`."""
    for part in (element, *element.iterancestors()):
        if part is within or part.tag == "body":
            return False
        if part.tag in ("nav", "aside", "blockquote", "figure") or (
            part.tag == "footer" and part.getparent().tag == "body"
        ):
            return True
        if _ELSEWHERE.search(part.get("class") or "") or _ELSEWHERE.search(part.get("id") or ""):
            return True
    return False


def _is_drawn(title: Element) -> bool:
    return any(above.tag == "svg" for above in title.iterancestors())


def _has(element: Element, attribute: str, word: str) -> bool:
    return (
        word in (element.get(attribute) or "").lower().split()
        if word == word.lower()
        else word in (element.get(attribute) or "").split()
    )


def _value(element: Element) -> str:
    """What an element states: the machine's form where it has one, else its text."""
    for name in ("content", "datetime", "value"):
        if value := element.get(name):
            return str(value)
    if element.tag == "abbr" and element.get("title"):
        return element.get("title") or ""
    if element.tag in ("img", "link"):
        return element.get("src") or element.get("href") or ""
    inner = [
        part
        for part in element.iterdescendants()
        if _has(part, "itemprop", "name") or _has(part, "class", "p-name")
    ]
    if inner:
        return _value(inner[0])
    dated = next((time for time in element.iter("time") if time.get("datetime")), None)
    return str(dated.get("datetime")) if dated is not None else _text(element)


def _text(element: Element) -> str:
    """The words of an element, as lines where blocks make them; what stands in scripts is none."""
    pieces = []
    for part in element.iter():
        if part.tag in BLOCKS or part.tag == "br":
            pieces.append("\n")
        if part.tag not in ("script", "style", "title") or part is element:
            pieces.append(part.text or "")
        if part is not element:
            pieces.append(part.tail or "")
    return "".join(pieces)
