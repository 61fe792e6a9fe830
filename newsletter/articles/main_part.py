"""Which part of a page is the post.

    which words are the post      trafilatura reads the page; only its answer's words count
    tally                         how many of them stand in each element of the page
    core                          the element whose name says that it holds the post, or the smallest that holds nearly all
    root                          the core and what belongs to it: up to the <article>, up to where the words are
    sift                          in the root around the core, what the words or their neighbours show to be the post

So the post comes out in the page's own markup (pictures, tables, code, quotes), of which trafilatura would keep half,
while the question that it answers better than any name or rule, what is text and what is surroundings, is left to it.

Where the two do not agree, the names decide: a class `entry-content` is an explicit statement.  Where there is no
element to find, `main_part` is None.  Nothing raises, nothing is fetched.

Pure: the page is not changed but for `sift`, which works on the caller's tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from lxml.etree import _Element as Element

from newsletter.articles.furniture import is_furniture, is_portrait, is_unseen, words_of
from newsletter.articles.markup import BLOCKS

#: How many words in a row have to be the post's for each of them to be.
_RUN = 3
#: Names of what stands between the title and the post, and is part of it.
_LEAD_IN = re.compile(r"(?:.*[-_])?(?:sub-?title|standfirst|deck?|strapline|sub-?head(?:line|ing)?)\Z", re.I)

#: Classes and ids by which programs and themes name the body of a post, and nothing else.
_BODY_NAME = re.compile(
    r"""(?:(?:\S+[-_])?(?:entry|post|article|story|blog-?post|news)[-_]*(?:full[-_]*)?(?:content|body|text|copy)
    |e-content|gh-content|markdown-body|mw-parser-output|available-content|blog-item-content|theme-doc-markdown
    |(?:story|article|post)body(?:text)?)\Z""",
    re.I | re.X,
)
_OTHER_POST = re.compile(r"related|teaser|comment|card|preview|list|excerpt|summary|widget", re.I)
_ARTICLE_TYPE = re.compile(r"schema\.org/\w*(?:Article|Posting)\s*\Z")

_NEARLY_ALL = 0.9
_ENOUGH = 0.85
_SHORT_PAGE = 200


@dataclass(slots=True)
class Tally:
    """Of an element with all that is in it: its words, those in links, those that trafilatura takes for the post."""

    words: int = 0
    linked: int = 0
    ours: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether most of the words are the post's."""
        return self.ours > 0 and self.ours * 2 >= self.words

    @property
    def is_links(self) -> bool:
        """Whether most of the words are links."""
        return self.linked * 5 >= self.words * 3 and self.words > 0


class Tallies:
    """The tally of every element of a page, for the words of a post."""

    def __init__(self, page: Element, text: str) -> None:
        self._known = _Known(text)
        self._of: dict[Element, Tally] = {
            element: Tally() for element in page.iter() if isinstance(element.tag, str)
        }
        for owner, run in _runs(page):
            self._count(owner, run)
        for element in reversed(self._of):
            above = element.getparent()
            if above is not None and above in self._of:
                mine, theirs = self._of[element], self._of[above]
                theirs.words += mine.words
                theirs.linked += mine.linked
                theirs.ours += mine.ours

    def _count(self, owner: Element, run: list[tuple[str, bool]]) -> None:
        words, linked = [], 0
        for text, in_link in run:
            found = words_of(text)
            words += found
            linked += len(found) if in_link else 0
        tally = self._of[owner]
        tally.words += len(words)
        tally.linked += linked
        tally.ours += self._known.count(words)

    def __getitem__(self, element: Element) -> Tally:
        return self._of.get(element) or Tally()

    @property
    def expected(self) -> int:
        """How many words the post has."""
        return self._known.total


class _Known:
    """The words of the post, in the order in which they stand there."""

    def __init__(self, text: str) -> None:
        words = words_of(text)
        self.total = len(words)
        self._runs = {tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}
        # Short lines are found as a whole only: two words stand side by side in many places.
        self._lines = {
            tuple(words_of(part)) for line in text.splitlines() for part in (line, *line.split("|"))
        }

    def count(self, words: list[str]) -> int:
        """How many of `words` stand in the post, in runs of three or as a whole line."""
        if len(words) < _RUN:
            return len(words) if tuple(words) in self._lines and words else 0
        ours = bytearray(len(words))
        for at in range(len(words) - _RUN + 1):
            if tuple(words[at : at + _RUN]) in self._runs:
                ours[at : at + _RUN] = b"\1" * _RUN
        return sum(ours)


def _runs(page: Element) -> list[tuple[Element, list[tuple[str, bool]]]]:
    """The text of the page as lines, as blocks make them: the block, and the pieces of text with whether they are links."""
    runs: list[tuple[Element, list[tuple[str, bool]]]] = []
    blocks = [page]
    pieces: list[tuple[str, bool]] = []
    links = 0

    def end_line() -> None:
        nonlocal pieces
        if pieces:
            runs.append((blocks[-1], pieces))
            pieces = []

    # A stack of our own: pages nest deeper than Python's.  None marks the way out.
    stack: list[tuple[Element, bool]] = [(page, True)]
    while stack:
        element, entering = stack.pop()
        is_block = element.tag in BLOCKS or element.tag == "body"
        if entering and isinstance(element.tag, str) and not is_unseen(element):
            if is_block:
                end_line()
                blocks.append(element)
            links += element.tag == "a"
            if element.text:
                pieces.append((element.text, links > 0))
            stack.append((element, False))
            stack.extend((child, True) for child in reversed(element))
            continue
        if not entering:
            if is_block:
                end_line()
                blocks.pop()
            links -= element.tag == "a"
        elif element.tag == "br":
            pieces.append((" ", False))
        if element.tail and element is not page:
            pieces.append((element.tail, links > 0))
    end_line()
    return runs


# ---- choosing


@dataclass(frozen=True, slots=True)
class MainPart:
    """The element that is the post, whether its page names it so, and the element around it that is worth sifting."""

    core: Element
    is_named: bool
    root: Element


def main_part(page: Element, tallies: Tallies) -> MainPart | None:
    """Where in `page` the post is; None if nothing in it shows that."""
    body = page if page.tag == "body" else page.find(".//body")
    if body is None:
        return None
    reference = min(tallies[body].ours, tallies.expected)
    smallest = _smallest(body, tallies, reference * _NEARLY_ALL) if reference else None
    named = _named_core(body, tallies, reference)
    if named is not None:
        share = tallies[named].ours / max(1, reference)
        # Of a short page trafilatura takes all there is; of any other, what it finds outside is worth sifting.
        is_part = (
            0.5 <= share < _ENOUGH and tallies.expected >= _SHORT_PAGE and smallest in named.iterancestors()
        )
        return MainPart(named, True, smallest if is_part and smallest is not None else _article_around(named))
    if smallest is None:
        return _whole(body, tallies)
    widest = _smallest(body, tallies, reference * 0.99)
    return MainPart(smallest, False, _article_around(smallest if widest is None else widest))


def _whole(body: Element, tallies: Tallies) -> MainPart | None:
    """The page as it is, or what it calls its main part, where trafilatura finds nothing."""
    for name in ("article", "main"):
        if len(found := [element for element in body.iter(name) if _has_something(element, tallies)]) == 1:
            return MainPart(found[0], False, found[0])
    return MainPart(body, False, body) if _has_something(body, tallies) else None


def _named_core(body: Element, tallies: Tallies, reference: int) -> Element | None:
    """The element that its page names as the post's body; None if none is, or if the words of the post are elsewhere."""
    named = [element for element in body.iter() if _is_named(element) and _has_something(element, tallies)]
    if not named:
        return None
    best = max(tallies[element].ours for element in named)
    rich = {element: None for element in named if tallies[element].ours >= best * 0.97}
    innermost = [element for element in rich if not any(below in rich for below in element.iterdescendants())]
    core = max(innermost, key=lambda element: tallies[element].words) if best == 0 else innermost[0]
    tally = tallies[core]
    known = set(named)
    outermost = [element for element in named if known.isdisjoint(element.iterancestors())]
    if tally.ours >= reference * 0.5 and reference:
        return core
    is_only = len(outermost) == 1 and not tally.is_links
    return (
        core
        if is_only and (tally.words * 5 >= tallies.expected * 2 or tallies.expected < _SHORT_PAGE)
        else None
    )


def _is_named(element: Element) -> bool:
    if (
        not isinstance(element.tag, str)
        or element.tag in ("body", "html", "a", "span", "p")
        or is_unseen(element)
    ):
        return False
    if "articleBody" in (element.get("itemprop") or "").split():
        return True
    names = (element.get("class") or "").split()
    if any(_OTHER_POST.search(name) for name in names):
        return False
    return any(_BODY_NAME.match(name) for name in [*names, *(element.get("id") or "").split()])


def _has_something(element: Element, tallies: Tallies) -> bool:
    return tallies[element].words > 0 or next(element.iter("img"), None) is not None


def _smallest(body: Element, tallies: Tallies, least: float) -> Element | None:
    """The innermost element that holds `least` of the post's words."""
    if tallies[body].ours < least:
        return None
    core = body
    while True:
        fuller = next((child for child in core if tallies[child].ours >= least and tallies[child].ours), None)
        if fuller is None:
            break
        core = fuller
    # A paragraph, a cell, a link is a part of something, a post is not a part of it.
    while (
        core.tag not in ("div", "section", "article", "main", "td", "body", "blockquote", "center")
        and core is not body
    ):
        core = core.getparent()
    return core


def _article_around(core: Element) -> Element:
    """The element that is the whole post, with its heading, if there is one around `core`."""
    for element in (core, *core.iterancestors()):
        if (
            element.tag == "article"
            or element.get("role") == "article"
            or _ARTICLE_TYPE.search(element.get("itemtype") or "")
        ):
            return element
        if {"h-entry", "hentry"} & set((element.get("class") or "").split()):
            return element
        if element.tag in ("main", "body"):
            return element if element.tag == "main" else core
    return core


# ---- sifting


def sift(part: MainPart, tallies: Tallies) -> None:
    """Take out of the root what is neither in the core nor, to all appearances, part of the post."""
    root, core = part.root, part.core
    chain = {core, *core.iterancestors()}
    if not part.is_named:
        _trim(core, tallies)
    pending = [(root, False)] if root is not core else []
    while pending:
        element, is_before = pending.pop()
        children = [child for child in element if isinstance(child.tag, str)]
        middle = (
            len(children)
            if is_before
            else next((at for at, child in enumerate(children) if child in chain), 0)
        )
        verdicts = [_verdict(child, at < middle, chain, tallies) for at, child in enumerate(children)]
        around = [at for at, verdict in enumerate(verdicts) if verdict is not _Part.OTHER]
        for at, (child, verdict) in enumerate(zip(children, verdicts, strict=True)):
            if verdict is _Part.MIXED and child is not core:
                pending.append((child, at < middle and child not in chain))
            elif verdict is _Part.OTHER and not _belongs(child, at, around, tallies):
                child.drop_tree()
    for element in (core, *core.iterancestors()):
        if element.tag in ("table", "tbody", "tr", "td", "th", "center"):
            element.tag = "div"  # the layout of the page: a table of one cell is none
        if element is root:
            break


def _trim(core: Element, tallies: Tallies) -> None:
    """Take the menus off both ends of an element that nobody called a post.  A list under a heading is not one."""
    for step in (1, -1):
        for child in list(core)[::step]:
            previous = child.getprevious()
            is_headed = previous is not None and re.fullmatch("h[1-6]", str(previous.tag))
            if child.tag not in BLOCKS or is_headed or (tallies[child].words and not tallies[child].is_links):
                break
            if tallies[child].is_links and tallies[core].words > 2 * tallies[child].words:
                child.drop_tree()


class _Part(Enum):
    POST = "all of it is the post's"
    MIXED = "something of the post is in it, among other things"
    OTHER = "nothing of the post's words is in it"


def _verdict(element: Element, is_before: bool, chain: set[Element], tallies: Tallies) -> _Part:
    if element in chain:
        return _Part.MIXED
    if is_furniture(element, tallies[element], tallies.expected):
        return _Part.OTHER
    if (tallies[element].is_ours and not tallies[element].is_links) or (is_before and _is_lead_in(element)):
        return _Part.POST
    has_some = tallies[element].ours >= 5 or (is_before and any(map(_is_lead_in, element.iter())))
    return _Part.MIXED if has_some and len(element) > 0 else _Part.OTHER


def _is_lead_in(element: Element) -> bool:
    """Whether this is the line under the title with which the post begins."""
    return element.tag != "h1" and any(_LEAD_IN.match(name) for name in (element.get("class") or "").split())


def _belongs(element: Element, at: int, around: list[int], tallies: Tallies) -> bool:
    """Whether something without the post's words is part of it: what stands in it, its headings, a picture before it."""
    tally = tallies[element]
    if not around or is_furniture(element, tally, tallies.expected) or tally.is_links:
        return False
    if around[0] < at < around[-1]:
        return True
    if re.fullmatch("h[1-6]", element.tag):
        return at + 1 in around
    pictures = [image for image in element.iter("img") if not is_portrait(image)]
    return at < around[0] and len(pictures) == 1 and tally.words < 40 and element.getparent().tag != "body"
