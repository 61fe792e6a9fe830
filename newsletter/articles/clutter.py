"""What surrounds a post on its page and has no business in an email: share bars, sign-up forms, anchors, controls.

Each rule names the thing it takes out by the class its program gives it, or by an address that can only be a share
button.  Words of the post are worth more than tidiness: a rule that would leave nothing is not applied, and what is
only probably clutter stays.

`remove_clutter` changes a tree from `markup.parse` in place.  Pure.
"""

from __future__ import annotations

import re

from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.link import absolute_url
from newsletter.articles.markup import (
    MEDIA,
    classes,
    drop,
    elements,
    is_visible,
    replace_by_text,
    style_of,
    text_in,
)

#: Classes and ids of share bars, sign-up forms, related posts, advertisements, permalinks and page furniture.
_CLUTTER = re.compile(
    r"""(?:sharedaddy|sd-(?:sharing|social|block)(?:-\S*)?|jp-relatedposts|jp-likes\S*|sharing-screen-\S*
    |feedflare|blogger-post-footer|addtoany_\S+|a2a_(?:kit|dd)|addthis_\S+|shareaholic-\S+|ssba\S*|essb_\S+|mashsb-\S+
    |heateor_sss_\S+|swp_social_panel\S*|social[-_]?shar(?:e|ing)\S*|shar(?:e|ing)-(?:bar|buttons?|links|icons)
    |(?:post|entry|article)-(?:share|sharing|shares)|fb-(?:like|share-button)|twitter-(?:share|follow)-button
    |g-plusone|tweetmeme_button|pin-it-button|printfriendly
    |related-?posts\S*|yarpp(?:-related)?\S*|crp_related|wp_rp_\S+
    |subscription-widget(?:-wrap\S*)?|subscribe-widget|(?:jetpack|wp-block-jetpack)[-_]subscriptions?\S*|kg-signup-card
    |mc_embed_signup|newsletter-(?:signup|sign-up|form)|hs-cta-(?:wrapper|node)
    |adsbygoogle|wpcnt|wpa|mw-editsection|katex-html|MathJax_Preview|MJX_Assistive_MathML
    |screen-reader-(?:text|only)|sr-only|visually-?hidden)\Z""",
    re.I | re.X,
)
_PERMALINK = re.compile(
    r"(?:header-?anchor|headerlink|heading-?anchor|anchorjs-link|hash-link|header-link|anchor-link|permalink)\Z",
    re.I,
)
#: Addresses that share this page, on the sites that most pages offer.
_SHARES = re.compile(
    r"""https?://(?:[a-z-]+\.)?(?:facebook\.com/(?:sharer|dialog/(?:share|feed))|(?:twitter|x)\.com/(?:intent/|share|home\?)
    |linkedin\.com/(?:shareArticle|sharing/|cws/share)|pinterest\.[a-z.]+/pin/create|reddit\.com/submit
    |t(?:elegram)?\.me/share|whatsapp\.com/send|wa\.me/\?|tumblr\.com/(?:share|widgets/share)|getpocket\.com/(?:save|edit)
    |news\.ycombinator\.com/submitlink|bsky\.app/intent|threads\.net/intent|addtoany\.com|plus\.google\.com/share)
    |mailto:\?""",
    re.I | re.X,
)
#: The buttons that a newsletter service puts among the paragraphs.
_SERVICE_LINK = re.compile(r"/(?:subscribe|share|comments|p/[^/?]+/comments)/?(?:\?|\Z)|[?&]action=share")
_BUTTON_WORDS = re.compile(
    r"\W*(?:subscribe(?: now)?|share(?: .*)?|leave a comment|.*gift subscription|refer a friend)\W*", re.I
)
#: What shows that a formula or drawing was not closed, or has HTML inside.
_HTML = ("p", "div", "table", "img", "a", "ul", "ol", "h1", "h2", "h3", "pre", "blockquote")
_LINE_NUMBERS = re.compile(r"[\s\d]*\Z")
_WORD = re.compile(r"\w+")


def remove_clutter(root: Element, base: str = "") -> None:
    """Take out of the tree what is not the post; `base` is the address of the page."""
    _remove_hidden(root)
    _remove_named(root)
    _settle_forms(root)
    _settle_details(root)
    _settle_formulas(root)
    _settle_ruby(root)
    _remove_share_bars(root)
    _settle_anchors(root, base)
    _remove_line_numbers(root)


def _remove_hidden(root: Element) -> None:
    """What a reader of the page would not have seen either.  (Pictures: see `pictures`.)"""
    for element in elements(root):
        if element.tag == "title" and not any(above.tag == "x-svg" for above in element.iterancestors()):
            drop(element)
        elif element.tag == "img":
            continue
        elif element.get("hidden") in ("", "hidden", "true") or style_of(element, "display").startswith(
            "none"
        ):
            drop(element)


def _remove_named(root: Element) -> None:
    """What its class or id says to be clutter, unless it is all there is."""
    found = []
    for element in elements(root):
        names = classes(element) | {element.get("id") or ""}
        if any(_CLUTTER.match(name) for name in names) or _is_service_button(element, names):
            found.append(element)
    inside = {below for element in found for below in element.iter()}
    for element in root.iter():
        if element not in inside and _has_own_content(element, inside):
            break
    else:
        return
    for element in found:
        if element.get("x-gone") is None:
            drop(element)


def _has_own_content(element: Element, inside: set[Element]) -> bool:
    """Whether something to see stands in `element` itself, in none of its parts."""
    return element.tag in MEDIA or is_visible(
        (element.text or "") + "".join(child.tail or "" for child in element)
    )


def _is_service_button(element: Element, names: frozenset[str] | set[str]) -> bool:
    """Whether this is a button to subscribe, share or comment, and not one that the author made."""
    if not names & {"button-wrapper", "captioned-button-wrap"}:
        return False
    links = [link.get("href") or "" for link in element.iter("a")]
    return bool(_BUTTON_WORDS.fullmatch(text_in(element).strip())) or any(map(_SERVICE_LINK.search, links))


def _settle_forms(root: Element) -> None:
    """Controls do nothing in an email.  What is written around them stays; a form that asks for an address goes."""
    for box in elements(root, "input"):
        if (box.get("type") or "").lower() == "checkbox" and any(
            above.tag == "li" for above in box.iterancestors()
        ):
            replace_by_text(
                box, "\N{BALLOT BOX WITH CHECK} " if box.get("checked") is not None else "\N{BALLOT BOX} "
            )
    for form in elements(root, "form"):
        asks = any(
            (field.get("type") or "").lower() in ("email", "password", "search")
            for field in form.iter("input")
        )
        if asks and len(_WORD.findall(text_in(form))) < 60:
            drop(form)
    for button in elements(root, "button"):
        in_link = any(above.tag == "a" for above in button.iterancestors())
        if in_link or next(button.iter("a", "img"), None) is not None:
            button.tag = "x-text"
        else:
            drop(button)
    for control in elements(root, "input", "select", "textarea", "option"):
        drop(control)


def _settle_details(root: Element) -> None:
    """What unfolds on a page stands unfolded: the summary in bold, then the rest."""
    for summary in elements(root, "summary"):
        summary.tag = "p"
        strong = etree.SubElement(summary, "strong")
        strong.text, summary.text = summary.text, None
        strong.extend(summary[:-1])


def _settle_formulas(root: Element) -> None:
    """Formulas and drawings as the words that they carry."""
    for formula in elements(root, "x-math"):
        if next(formula.iter(*_HTML), None) is not None:
            continue  # not closed
        notes = list(formula.iter("x-annotation"))
        tex = [text_in(note) for note in notes if "tex" in (note.get("encoding") or "").lower()]
        everything = text_in(formula)
        for note in notes:
            drop(note)
        words = [tex[0] if tex else "", formula.get("alttext") or "", text_in(formula), everything]
        replace_by_text(formula, " ".join(next(filter(str.strip, words), "").split()))
    for drawing in elements(root, "x-svg"):
        if next(drawing.iter(*_HTML), None) is not None:
            continue
        titles = [text_in(title) for title in drawing.iter("title")]
        text = (
            drawing.get("aria-label")
            or " ".join(titles)
            or " ".join(piece.strip() for piece in drawing.itertext())
        )
        replace_by_text(drawing, "" if drawing.get("aria-hidden") == "true" else " ".join(text.split()))


def _settle_ruby(root: Element) -> None:
    """How a word is read stands behind it in parentheses."""
    for sign in elements(root, "rp"):
        drop(sign)
    for reading in elements(root, "rt"):
        words = text_in(reading).strip()
        replace_by_text(reading, f"({words})" if words else "")


def _remove_share_bars(root: Element) -> None:
    """Blocks that hold little else than links which share the page."""
    for block in elements(root, "p", "div", "ul", "ol", "section", "aside", "footer", "span"):
        shares = [link for link in block.iter("a") if _SHARES.match(link.get("href") or "")]
        if len(shares) < 2:
            continue
        others = len(_WORD.findall(text_in(block))) - sum(
            len(_WORD.findall(text_in(link))) for link in shares
        )
        long = any(len(_WORD.findall(text_in(link))) > 4 for link in shares)
        more = any(medium.tag in MEDIA and not _is_in(medium, shares) for medium in block.iter())
        if others <= 3 and not long and not more:
            drop(block)


def _is_in(element: Element, containers: list[Element]) -> bool:
    return any(above in containers for above in element.iterancestors())


def _settle_anchors(root: Element, base: str) -> None:
    """Links within the page lead nowhere in an email: their words stay, their signs (#, ¶, ↩) go."""
    page = absolute_url(base).partition("#")[0]
    for link in elements(root, "a"):
        href = (link.get("href") or "").strip()
        within = href.startswith("#") or bool(page and "#" in href and href.partition("#")[0] == page)
        permalink = any(_PERMALINK.match(name) for name in classes(link))
        if not (within or permalink):
            continue
        if _WORD.search(text_in(link)) or next(link.iter("img"), None) is not None:
            if within:
                link.attrib.pop("href")
        elif within or any(
            above.tag in ("h1", "h2", "h3", "h4", "h5", "h6") for above in link.iterancestors()
        ):
            drop(link)


def _remove_line_numbers(root: Element) -> None:
    """The column of line numbers beside a listing, which would be copied along with it."""
    for table in elements(root, "table"):
        if next(table.iter("pre", "code"), None) is None:
            continue
        for cell in elements(table, "td"):
            marked = any("gutter" in name or "lineno" in name or name == "lntd" for name in classes(cell))
            if marked and _LINE_NUMBERS.match(text_in(cell)):
                drop(cell)
