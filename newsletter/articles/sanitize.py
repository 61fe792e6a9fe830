"""The body of a post, from any source, safe and tidy for an email.

    parse             what a browser would see                     markup
    remove_clutter    share bars, forms, anchors, controls         clutter
    replace_embeds    players and frames become links              embeds
    settle_pictures   one address each, no trackers                pictures
    settle links, tables, emphasis                                 here
    rebuild           paragraphs, lists, tables, nothing else      blocks
    finish            title and picture not shown twice, headings  here
    allow-list        the only thing that safety rests on          allowed, by nh3

The guarantee: the result holds no element, attribute or address that is not on the list, so that nothing from
outside can run, track, restyle the issue or leave its block; it reads the same in every HTML parser; its words are the
words a reader of the source would have seen.  Sanitising it again changes nothing, with the same arguments or with none,
because frozen articles are sanitised whenever they are read.  (Local pictures have to be named again.)

It does not fail: markup that cannot be made sense of is left out, its words stay.

Sources: notes on mutation XSS in the documentation of DOMPurify and ammonia; the HTML standard.  Pure; results are
kept, because previews ask for the same again and again.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import nh3
from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.allowed import ATTRIBUTES, LANGUAGE, TAGS, set_language
from newsletter.articles.article import Image
from newsletter.articles.blocks import BARE, CONTAINERS, rebuild
from newsletter.articles.clutter import remove_clutter
from newsletter.articles.embeds import player_words, replace_embeds
from newsletter.articles.link import LINKS, absolute_url, host_of, is_safe_url
from newsletter.articles.markup import (
    drop,
    elements,
    has_content,
    is_visible,
    parse,
    parts_of,
    replace_by_text,
    style_of,
    text_in,
    with_content,
)
from newsletter.articles.pictures import is_picture_file, picture_key, settle_pictures

__all__ = ["absolute_url", "first_image", "is_safe_url", "sanitize"]

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = ("td", "th")
#: Pictures smaller than this are icons, not what an article is shown by.
_ICON_WIDTH, _ICON_HEIGHT = 100, 50
_MERGE_FIELD = re.compile(r"\{\{\s*([a-z][a-z0-9_.]*)\s*\}\}")
_NOT_A_LETTER = re.compile(r"[\W_]+")


def sanitize(
    html: str,
    *,
    base: str = "",
    title: str = "",
    image_url: str = "",
    local_images: frozenset[str] = frozenset(),
    merge_links: bool = False,
) -> str:
    """The body of a post as HTML that may stand in an email; empty if there is nothing to see.

    `base` is the address that relative ones start from; without it they are dropped, and their words stay.  A first
    heading that says the same as `title` and a picture at the top that is `image_url` are left out, because the issue
    shows both; what the picture leads to stays in words, if it is somewhere else.  `local_images` are addresses of
    pictures that are kept as they are: paths below the publication.  With `merge_links` a link may lead to a merge
    field, `{{ unsubscribe_url }}`: for the editor's own words alone.
    """
    return _sanitized(html, base, title, image_url, local_images, merge_links)


@lru_cache(maxsize=128)
def _sanitized(
    html: str, base: str, title: str, image_url: str, local_images: frozenset[str], merge_links: bool
) -> str:
    root = parse(html)
    remove_clutter(root, base)
    replace_embeds(root, base)
    settle_pictures(root, base, local_images)
    _settle_links(root, base, merge_links)
    _settle_styles(root)
    _settle_tables(root)
    root = rebuild(root)
    _drop_title(root, title)
    if _drop_leading_image(root, image_url, base):
        root = rebuild(root)  # the picture may have left a line break, or nothing, where it stood
    _drop_empty(root)
    _dissolve_figures(root)
    _drop_needless_rules(root)
    _drop_empty(root)
    _level_headings(root)
    _bare_first_lines(root)  # last, because a dissolved figure may have brought its lines to the front
    return _written(root)


@lru_cache(maxsize=128)
def first_image(html: str) -> Image | None:
    """The first picture in sanitised HTML that is worth showing: not an icon, where its size is known."""
    for image in parse(html).iter("img"):
        sizes = {
            name: int(value) for name in ("width", "height") if (value := image.get(name) or "").isdecimal()
        }
        if sizes.get("width", _ICON_WIDTH) < _ICON_WIDTH or sizes.get("height", _ICON_HEIGHT) < _ICON_HEIGHT:
            continue
        if url := image.get("src"):
            return Image(url, image.get("alt") or "", sizes.get("width"), sizes.get("height"))
    return None


def _settle_links(root: Element, base: str, merge_links: bool) -> None:
    """Absolute addresses for links, or merge fields; a link without one is no link."""
    for link in elements(root, "a"):
        said = link.attrib.pop("href", "")
        if url := (merge_links and _merge_field(said)) or absolute_url(said, base):
            link.set("href", url)


def _merge_field(address: str) -> str:
    """The merge field that is all of `address`, which Markdown has percent-encoded; empty if there is none."""
    found = _MERGE_FIELD.fullmatch(unquote(address).strip()) if address else None
    return f"{{{{ {found[1]} }}}}" if found else ""


def _settle_styles(root: Element) -> None:
    """What a style attribute says of the meaning: emphasis, and the alignment of a cell."""
    for element in elements(root, "span", "b", *_CELLS):
        weight = style_of(element, "font-weight")
        if element.tag in _CELLS:
            if align := style_of(element, "text-align"):
                element.set("align", align)
        elif element.tag == "b":
            if weight in ("normal", "400"):
                element.tag = "x-text"  # a word processor's wrapper around everything
        elif re.match(r"bold|[6-9]00", weight):
            _wrap(element, "strong")
        elif style_of(element, "font-style") == "italic":
            _wrap(element, "em")
        elif "line-through" in style_of(element, "text-decoration"):
            _wrap(element, "s")


def _wrap(element: Element, name: str) -> None:
    """Put all that is in `element` into one new element."""
    inside = list(element)
    wrapper = etree.SubElement(element, name)
    wrapper.text, element.text = element.text, None
    wrapper.extend(inside)


def _settle_tables(root: Element) -> None:
    """Tables that only arrange things on a page dissolve: one column, or said to be for presentation."""
    tables = list(elements(root, "table"))
    contentful = with_content(root) if tables else set()
    for table in reversed(tables):
        groups, rows, cells = parts_of(table)
        seen = [cell for cell in cells if cell in contentful]
        one_column = len({cell.getparent() for cell in seen}) == len(seen)
        has_head = any(cell.tag == "th" for cell in seen)
        if table.get("role") in ("presentation", "none") or (one_column and not has_head):
            for part in (table, *groups, *rows, *cells):
                part.tag = "div"


def _drop_title(root: Element, title: str) -> None:
    """Take out a first heading that repeats the title."""
    wanted = _letters(title)
    while wanted:
        first = next(root.iter(*_HEADINGS), None)
        if first is None or _letters(text_in(first)) != wanted or next(first.iter("img"), None) is not None:
            return
        first.getparent().remove(first)


def _letters(text: str) -> str:
    """What of a title remains when typography is left aside."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_A_LETTER.sub("", text) or text.strip()


def _drop_leading_image(root: Element, image_url: str, base: str) -> bool:
    """Take out the picture at the top, with nothing to read before it, if it is the article's own; whether it was.

    What it leads to stays, in words: a film is not to be lost with its still picture.
    """
    key = picture_key(image_url) if image_url else ""
    dropped = False
    for image in _leading_images(root) if key else ():
        if picture_key(image.get("src") or "") != key:
            break
        dropped = True
        if words := _words_of_link(root, image, base):
            replace_by_text(image, words)
            break
        drop(image)
    return dropped


def _leading_images(root: Element) -> list[Element]:
    """The pictures before which there is nothing to read."""
    images = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start" and element.tag == "img":
            images.append(element)
        if is_visible((element.text if event == "start" else element.tail) or ""):
            break
    return images


def _words_of_link(root: Element, image: Element, base: str) -> str:
    """What the link around `image` says without it; empty if it has other words, or leads to the post itself.

    Without a `base` nobody knows where the post is, and a link is only worth words if something plays there.
    """
    link = next(image.iterancestors("a"), None)
    if link is None:
        return ""
    url, source, alt = (link.get("href") or "", image.get("src") or "", image.get("alt") or "")
    same = [other for other in root.iter("a") if other.get("href") == url]
    if any(is_visible(text_in(other)) for other in same) or len(list(link.iter("img"))) > 1:
        return ""
    if words := player_words(url, alt):
        return words
    own_sites = (host_of(base), host_of(source))
    if not base or any(_is_same_site(host_of(url), site) for site in own_sites) or is_picture_file(url):
        return ""
    return alt or host_of(url)


def _is_same_site(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _drop_empty(root: Element) -> None:
    """Take out containers in which nothing is left; cells hold their place as long as their table says something."""
    for element in reversed(list(root.iter(*CONTAINERS))):
        if element.tag in _CELLS:
            continue
        if len(element) == 0 or (element.tag == "table" and not has_content(element)):
            element.getparent().remove(element)


def _dissolve_figures(root: Element) -> None:
    """A figure without anything to look at, or around other figures, is a few paragraphs."""
    for figure in reversed(list(root.iter("figure"))):
        shown = next(figure.iter("img", "table", "pre", "blockquote"), None)
        if shown is not None and next(figure.iterdescendants("figure"), None) is None:
            continue
        for part in (*figure.findall("figcaption"), figure):
            for child in list(part):
                if child.tag != "hr":
                    set_language(child, dict(part.attrib), {})
                part.addprevious(child)
            part.getparent().remove(part)


def _drop_needless_rules(root: Element) -> None:
    """Take out rules that divide nothing: at either end of the post, and after another rule."""
    rules = list(root.iter("hr"))
    for rule in rules:
        before = rule.getprevious()
        if before.tag == "hr" if before is not None else rule.getparent() is root:
            rule.getparent().remove(rule)
    if len(root) and root[-1].tag == "hr":
        root.remove(root[-1])


def _level_headings(root: Element) -> None:
    """Put the levels that occur on h2, h3, h4 ... in their order: h1 is the title of the issue."""
    headings = list(root.iter(*_HEADINGS))
    levels = sorted({heading.tag for heading in headings})
    for heading in headings:
        heading.tag = f"h{min(6, levels.index(heading.tag) + 2)}"


def _bare_first_lines(root: Element) -> None:
    """Take the paragraph from around the first line of items, cells and captions where the source had none."""
    for line in list(root.iter("p")):
        container = line.getparent()
        is_bare = line.attrib.pop("bare", None) is not None and container.tag in BARE
        if not is_bare or line.attrib or line.getprevious() is not None or container.text:
            continue
        container.text = line.text
        for part in list(line):
            line.addprevious(part)
        container.remove(line)


def _written(root: Element) -> str:
    """The tree as HTML: safe, because nothing that is not on the lists gets through."""
    xml: str = etree.tostring(root, encoding="unicode")
    html = xml.removeprefix("<div>").removesuffix("</div>") if xml.startswith("<div>") else ""
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes={"*": set(LANGUAGE)} | {name: set(allowed) for name, allowed in ATTRIBUTES.items()},
        url_schemes=set(LINKS),
        link_rel=None,
        strip_comments=True,
    )
