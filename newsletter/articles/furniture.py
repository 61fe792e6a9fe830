"""What stands on a page around and between the paragraphs of a post: menus, banners, related posts, comments, bylines.

`articles.clutter` knows what programs leave in a post wherever it is found.  A page has more, and names it less
exactly, so here a name alone takes out little: what carries the post's own words in any number stays, whatever it is
called.  Code, quotes, figures and text within a line are never judged.

`is_furniture` judges one element, `remove_furniture` and `remove_stated` clean a tree in place.  Nothing raises.  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Protocol

from lxml.etree import _Element as Element

from newsletter.articles.dates import parse_date
from newsletter.articles.markup import BLOCKS, MEDIA, classes, drop, elements, style_of, text_in


class Tally(Protocol):
    """The words of an element: all, in links, and those of the post."""

    words: int
    linked: int
    ours: int


#: A word; of Chinese and Japanese, which have no spaces, each character.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|(?:(?![\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])[^\W_])+"
)

#: Elements without words for a reader.
_UNSEEN = frozenset(
    """
    script style template head link meta svg math noembed noframes select option textarea button
    """.split()
)
_JUDGED = frozenset(
    """
    div section aside nav ul ol dl footer header form p details dialog h2 h3 h4 h5 h6
    """.split()
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
#: What may look like anything and is the post's own.
_PROTECTED = frozenset(["pre", "code", "blockquote", "figure"])
_ROLES = frozenset(
    """
    navigation complementary banner contentinfo search dialog alertdialog menu toolbar
    """.split()
)

#: Names that are furniture on every page, even if trafilatura took the words for the post's.
_CERTAIN = re.compile(
    r"""(?:\S*[-_])?(?:
    (?:about|author)[-_]?(?:the[-_]?author|box|bio|card|info|profile|description|section)
    |(?:related|recommended|recent|popular|latest|more|similar|suggested|trending)[-_]?(?:posts?|articles?|stor(?:y|ies)|content|links|news|reads?|reading|items?)
    |(?:newsletter|email|mailing[-_]?list)[-_]?(?:signup|sign[-_]up|subscribe|form|box|cta|promo|widget|optin|banner)
    |(?:subscri(?:be|ption)|sign[-_]?up|opt[-_]?in)[-_]?(?:box|form|widget|cta|wrap(?:per)?|container|banner|prompt|section)
    |(?:comments?|respond|disqus)[-_]?(?:area|list|section|thread|form|container|wrapper|template|embed)
    |(?:share|sharing|social)[-_]?(?:bar|buttons?|links?|icons?|box|tools|list|menu|widget|container|wrapper|section)
    |(?:cookie|consent|gdpr)[-_]?(?:banner|notice|bar|consent|popup|modal|message|overlay|law|box|wall)
    |(?:post|entry|article)[-_]?(?:share|sharing|nav|navigation|pagination|tags|footer[-_]?tags)
    |(?:nav|page)[-_]?links|prev(?:ious)?[-_]?next|prenext|breadcrumbs?|pagination|sidebar|skip[-_]?link|back[-_]?to[-_]?top
    |paywall|regwall|outbrain|taboola|adsbygoogle|jump[-_]?to[-_]?recipe
    )(?:[-_]\S*)?\Z""",
    re.I | re.X,
)
#: Words in names that are furniture where the element has hardly any of the post's words.
_LIKELY = frozenset(
    """
    share sharing shares social follow related recommended recirc recirculation readnext readmore
    newsletter subscribe subscription signup optin cta promo promotion promoted comments comment respond
    disqus replies reactions likes breadcrumb breadcrumbs crumbs pagination pager paging prevnext nav
    navbar navigation menu toolbar sidebar widget widgets cookie cookies consent gdpr advert adverts
    advertisement advertising ads ad adslot adunit banner sponsor sponsored popup modal overlay lightbox
    paywall byline meta metadata tags taglist taxonomy categories category author authors bio date
    dateline timestamp published readingtime readtime toc rating ratings votes edit feedback masthead
    colophon copyright donate skip search login
    """.split()
)
#: Those of them that are furniture even so, where the element is short: trafilatura often takes bylines for text.
_EVEN_IF_OWN = frozenset(
    """
    share sharing shares social newsletter subscribe subscription signup breadcrumb breadcrumbs pagination
    pager cookie cookies consent advert adverts advertisement ads ad adslot adunit byline meta metadata tags
    taglist categories category date dateline timestamp published readingtime readtime
    """.split()
)
_FOOTNOTES = re.compile(r"footnote|endnote|reference", re.I)
_SHORT = 40
_ICON = 64
#: Microformats for what the masthead says.
_STATED_CLASSES = frozenset({"p-category", "p-author", "dt-published", "dt-updated", "u-url", "u-uid"})

_HEADING_OF_OTHERS = re.compile(
    r"""(?:related(?:\ (?:posts?|articles?|stories|reading|content|links|news))?|you\ (?:may|might|will|could)\ (?:also\ )?(?:like|enjoy|love).*
    |(?:read|what\ to\ read|up)\ next|read\ more|keep\ reading|more\ (?:from|on|stories|posts|articles|news|in|like\ this)\b.*|further\ articles
    |recommended(?:\ .*)?|(?:recent|latest|popular|trending|top|other|similar)\ (?:posts?|articles?|stories|news)|most\ (?:read|popular)
    |share(?:\ (?:this|on|via)\b.*)?|follow\ us.*|leave\ a\ (?:comment|reply).*|(?:\d+\ )?(?:comments?|responses|replies|thoughts\ on)(?:\ .*)?
    |join\ the\ (?:conversation|discussion)|subscribe.*|sign\ up.*|newsletter|get\ .*\ (?:inbox|newsletter).*|about\ the\ author|post\ navigation|tags?|(?:table\ of\ )?contents|on\ this\ page|in\ this\ article|inhalt(?:sverzeichnis)?|sommaire|table\ des\ matières|índice|indice|inhoud|目录|目次
    |filed\ under
    |ähnliche\ (?:artikel|beiträge)|verwandte\ (?:artikel|beiträge|themen)|das\ könnte\ (?:dich|sie)\ auch\ .*|mehr\ zum\ thema|mehr\ aus.*|weitere\ artikel.*
    |(?:\d+\ )?kommentare?|kommentar\ schreiben|schlagwörter|articles\ (?:similaires|liés|récents)|(?:à\ )?lire\ aussi|(?:\d+\ )?commentaires?|laisser\ un\ commentaire|partager
    |(?:artículos|entradas|noticias)\ relacionad[ao]s|te\ (?:puede|podría)\ interesar|(?:\d+\ )?comentarios|deja\ un(?:a\ respuesta|\ comentario)|compartir
    |(?:artigos|posts|notícias)\ relacionad[ao]s|leia\ também|(?:\d+\ )?comentários|articoli\ correlati|leggi\ anche|(?:\d+\ )?commenti
    |gerelateerde\ (?:berichten|artikelen)|lees\ ook|(?:\d+\ )?reacties|relaterede\ .*|læs\ også|läs\ också|les\ også|podobne\ .*|przeczytaj\ także|komentarze
    |相关(?:文章|阅读|推荐|新闻)|推荐阅读|延伸閱讀|延伸阅读|上一篇.*|下一篇.*|(?:发表|網友)?[评評][论論]|関連記事|関連リンク|コメント|あわせて読みたい|관련\ ?기사|댓글
    |(?:похожие|связанные)\ (?:статьи|записи|материалы)|читайте\ также|комментарии|مقالات\ ذات\ صلة|اقرأ\ أيضا?ً?|التعليقات|מאמרים\ קשורים|תגובות)""",
    re.I | re.X,
)
#: Headings that count what readers wrote: whatever follows is theirs.
_COUNTED = re.compile(
    r"\d+ (?:comments?|responses|replies|thoughts on|kommentare?|commentaires?|comentarios|comentários|commenti|reacties)\b",
    re.I,
)
_READ_ALSO = re.compile(
    r"(?:read (?:also|more|next)|also read|related|see also|don't miss|lire aussi|à lire aussi|lees ook|leia também|lea también|te puede interesar"
    r"|mehr zum thema|lesen sie auch|leggi anche|læs også|читайте также|相关阅读|推荐阅读|関連記事|上一篇|下一篇|اقرأ أيضا?ً?)\s*[:：»>–—-]",
    re.I,
)
_LABEL = re.compile(
    r"(?:advertisements?|ad|sponsored|anzeige|werbung|publicité|publicidad|pubblicità|advertentie|annonse?|reklama?|реклама|広告|广告"
    r"|story continues below(?: advertisement)?|article continues (?:below|after) (?:this )?ad(?:vertisement)?|continue reading below"
    r"|skip to (?:main )?content|jump to recipe|print(?: this| recipe)?|(?:loading|please wait)(?:\.\.\.|…)?|back to top|↑(?: top)?)\W*",
    re.I,
)
#: What bylines and tag lines are made of besides names, tags and numbers.
_SMALL_WORDS = frozenset(
    """
    by posted on published written words in at in and the of updated last min mins minute minutes read
    reading time filed under tags tag labels label category categories topics am pm utc gmt est edt pst
    pdt cet views comments comment share follow listen save print author editor st nd rd th von am um
    uhr veröffentlicht aktualisiert lesezeit minuten kategorie schlagwörter par le à publié mis jour
    lecture catégorie étiquettes por el en publicado actualizado de lectura etiquetas categorías di il
    pubblicato da door op gepubliceerd em às 作者 发布 日期 时间 标签 分类 发 布 于 日 期 作 者 时 间 标 签 年 月 来 源 文 编 辑 阅 读 次
    タ グ 投 稿 بقلم نشر في автор опубликовано теги january february march april may june july august
    september october november december jan feb mar apr jun jul aug sep sept oct nov dec januar februar
    märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre octobre
    novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
    diciembre monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
    """.split()
)


def words_of(text: str) -> list[str]:
    """The words of `text`, in a form in which the same words are equal."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def is_unseen(element: Element) -> bool:
    """Whether a reader sees nothing of `element`."""
    if element.tag in _UNSEEN or element.get("hidden") is not None:
        return True
    if element.tag == "noscript" and next(element.iter("img"), None) is None:
        return "javascript" in text_in(element).lower()
    return style_of(element, "display").startswith("none")


def is_furniture(element: Element, tally: Tally, expected: int) -> bool:
    """Whether `element` stands around the post, to judge by what it is and how it is called.

    `expected` is how many words the post has.  What holds a quarter of them is never furniture.
    """
    if _STATED_CLASSES & classes(element) and tally.words < _SHORT and tally.words * 4 <= expected:
        return True
    if element.tag not in _JUDGED or any(
        above.tag in _PROTECTED for above in (element, *element.iterancestors())
    ):
        return False
    is_own = tally.words > 0 and tally.ours * 2 >= tally.words
    if is_own and tally.ours * 4 > expected:
        return False
    if element.tag == "nav" or (element.get("role") or "").lower() in _ROLES:
        return True
    names = list(classes(element))
    # Ids of sections are made of their headings: id="comments" is what a post has to say about comments.
    is_section = element.tag in ("section", *_HEADINGS) or "section" in names
    names += [element.get("id") or ""] if not is_section or not is_own else []
    if any(map(_CERTAIN.match, names)):
        return True
    if _holds_post_matter(element, tally):
        return False
    parts = {part for name in names for part in _spaced(name).split()}
    if parts & _LIKELY:
        return not is_own or (tally.words < _SHORT and bool(parts & _EVEN_IF_OWN))
    if element.tag in ("form", "dialog", "footer"):
        return not is_own and not _FOOTNOTES.search(" ".join(names))
    return element.tag == "aside" and not is_own and tally.linked * 2 >= tally.words


def is_portrait(image: Element) -> bool:
    """Whether a picture shows the author, or is an icon: by its size, its name, or the link around it."""
    width = re.match(r"\s*(\d+)(?:px)?\s*\Z", image.get("width") or "")
    if (width and int(width[1]) <= _ICON) or re.search(r"gravatar\.com|/avatars?/", image.get("src") or ""):
        return True
    if any("avatar" in name for name in classes(image)):
        return True
    return any("author" in (link.get("rel") or "").split() for link in image.iterancestors("a"))


def _spaced(name: str) -> str:
    """The words of a class or id: `postMeta`, `post-meta` and `post__meta` are two."""
    return re.sub(r"[\W_\d]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).lower()


def _holds_post_matter(element: Element, tally: Tally) -> bool:
    """Whether this holds what only posts have: a listing; or one picture, hardly a word and no link."""
    if next(element.iter("pre"), None) is not None:
        return True
    return next(element.iter("img"), None) is not None and tally.linked == 0 and tally.words < _SHORT


def remove_furniture(
    root: Element, core: Element, tally_of: Callable[[Element], Tally], expected: int
) -> None:
    """Take out of `root` what is not the post; `core` and what holds it stays."""
    chain = {core, *core.iterancestors()}
    _remove_lists_of_others(root, tally_of)
    _remove_sign_ups(root, chain)
    for element in elements(root):
        if element not in chain and (
            is_unseen(element) or is_furniture(element, tally_of(element), expected)
        ):
            drop(element)
    for element in elements(root, "p", "div", "span", "a", "img", *_HEADINGS):
        if element.tag == "img":
            if is_portrait(element):
                drop(element)
            continue
        if element in chain or len(text := _words(element)) > 200:
            continue
        tally = tally_of(element)
        if _LABEL.fullmatch(text) or (_READ_ALSO.match(text) and tally.linked * 3 >= tally.words):
            drop(element)


def _remove_lists_of_others(root: Element, tally_of: Callable[[Element], Tally]) -> None:
    """Headings such as "Related posts" with the links, forms and comments right below them."""
    for heading in elements(root, "p", "div", "strong", *_HEADINGS):
        text = _words(heading).strip(" :：.…»›>!")
        if len(text) > 80 or not _HEADING_OF_OTHERS.fullmatch(text):
            continue
        parent = heading.getparent()
        if heading.tag == "strong" and (len(parent) > 1 or _words(parent) != _words(heading)):
            continue
        section = list(_section_of(heading))
        others = section
        if not _COUNTED.match(text):
            own = (at for at, element in enumerate(section) if not _is_of_others(element, tally_of(element)))
            others = section[: next(own, len(section))]
        if others or (not section and heading.tag in _HEADINGS):
            for element in (heading, *others):
                drop(element)


def _is_of_others(element: Element, tally: Tally) -> bool:
    """Whether a block under such a heading is what the heading says: links, a form, nothing of the post's."""
    if tally.linked * 2 >= tally.words or next(element.iter("form", "input"), None) is not None:
        return True
    return tally.ours * 2 < tally.words and next(element.iter("pre", "table"), None) is None


def _remove_sign_ups(root: Element, chain: set[Element]) -> None:
    """Forms that ask for an email address, with the few words around them that say why."""
    for field in elements(root, "input"):
        if (field.get("type") or "").lower() != "email":
            continue
        box = field
        for above in field.iterancestors():
            if above in chain or len(words_of(_words(above))) > _SHORT:
                break
            box = above
        drop(box)


def _section_of(heading: Element) -> Iterator[Element]:
    """What follows a heading up to the next one of its rank; of a line that is no heading, the next block."""
    ranked = heading.tag in _HEADINGS
    for element in heading.itersiblings():
        if element.tag in _HEADINGS and (not ranked or element.tag <= heading.tag):
            return
        yield element
        if not ranked:
            return


def remove_stated(root: Element, core: Element, title: str, author: str, stated: frozenset[str]) -> None:
    """Take out the lines that repeat what the issue says anyway: the title, who, when, under which tags.

    `stated` are the words of these.  Such a line is one of the first six or the last four, and has no other words
    than these, numbers, and what bylines are made of.  In the post itself it has to look like a byline, too.
    """
    for heading in elements(root, "h1"):
        if _letters(_words(heading)) == _letters(title):
            drop(heading)
    for lines in (_lines(root)[:6], _lines(root)[:-5:-1]):
        for line in lines:
            if line.get("x-gone") is not None:
                continue  # went with the line around it
            words = words_of(_words(line))
            if len(words) > _SHORT:
                break
            known = [word for word in words if word in stated or word.isdigit()]
            small = [word for word in words if word in _SMALL_WORDS]
            if not known or set(words) - {*known, *small} or _shows_something(line):
                continue
            if any(above.tag in _PROTECTED for above in line.iterancestors()):
                continue
            if (
                core not in line.iterancestors()
                or small
                or words == words_of(author)
                or parse_date(_words(line))
            ):
                drop(line)


def _lines(root: Element) -> list[Element]:
    """The innermost blocks with words."""
    blocks = list(elements(root, "p", "div", "ul", "header", "footer", "section", "address", "time"))
    return [
        block
        for block in blocks
        if _words(block) and not any(below.tag in BLOCKS - {"li"} for below in block.iterdescendants())
    ]


def _shows_something(line: Element) -> bool:
    return next(line.iter(*MEDIA, "pre", "code"), None) is not None


def _words(element: Element) -> str:
    return " ".join(text_in(element).split())


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
