"""The beginning of an article: cut at a paragraph or at a sentence, never inside a tag or a word.

Takes and gives sanitised HTML.  Whole blocks are kept while they fit; a paragraph that does not fit whole is cut behind
a sentence, or behind a word with an ellipsis where no sentence ends in time.  Pictures are left out, and a table or code
is where an excerpt ends.  No heading, rule, introduction ("as follows:") or label ("TL;DR") is left dangling at the end,
and what begins with nothing but a table still says something.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import lxml.html

from newsletter.articles.article import text_of

#: The end of a sentence: a mark, closing quotes or brackets behind it, then white space and what can begin one; the
#: marks of Chinese and Japanese need no white space.  Not behind an initial ("J. "), "e.g." or an honorific.
_SENTENCE_END = re.compile(
    r"(?<!\b\w)(?<!\b\w\.\w)(?<!\b(?:Mr|Ms|Dr|St|No|vs|ca|Nr))(?<!\b(?:Mrs|etc|bzw|Abb))"
    r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s+[^\sa-z])"
    r"|[。！？]+[」』”’）]*"
    r"|[.!?…؟۔।][\"'”’»)\]]*\s*\Z"
)
#: Where a word may end: before white space, and between the characters of languages that write without it.
_WORD_END = re.compile(
    r"(?<=\S)(?=\s)|(?<=[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])(?=[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])"
)
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff01-\uff60]")
_DANGLING = frozenset(("h2", "h3", "h4", "h5", "h6", "hr"))
_PICTURES = ("figure", "img")
_UNITS = ("table", "pre")
_INLINE = frozenset(
    "a abbr b bdi bdo br cite code del dfn em i img ins kbd mark q s samp small span strong sub sup time u var".split()
)
_BLOCK_BREAK = re.compile(r"<br>|</(?:li|p|h[2-6]|t[dh]|d[dt]|div|pre|caption|figcaption|blockquote)>")
#: A sentence that ends before this has not said enough to stand for its paragraph.
_SHORTEST = 40


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning as HTML, and whether anything was left out."""

    html: str
    is_cut: bool


@lru_cache(maxsize=256)
def excerpt(html: str, characters: int) -> Excerpt:
    """The beginning of sanitised `html`: about `characters` of text at most, and at least a sentence or a word of it."""
    root = _tree(html)
    if root is None:
        return Excerpt("", is_cut=False)
    if _length(root) <= characters and next(root.iter(*_PICTURES, *_UNITS), None) is None:
        return Excerpt(html, is_cut=False)
    blocks = _blocks(root)
    kept: list[Any] = []
    room = characters
    for block in blocks:
        if next(block.iter(*_UNITS), None) is not None or (
            _is_picture(block) and kept and _promises(kept[-1])
        ):
            break
        if _is_picture(block):
            continue
        for picture in list(block.iter(*_PICTURES)):
            picture.drop_tree()
        length = _length(block)
        if length > room:
            must = not any(map(_says_something, kept))
            if (shorter := _shorter(block, room, must=must)) is not None:
                kept.append(shorter)
            break
        kept.append(block)
        room -= length
    while kept and _is_dangling(kept[-1], is_only=len(kept) == 1):
        kept.pop()
    if not any(map(_says_something, kept)):
        words = _first_words(html)
        kept = [_cut(words, characters)] if words is not None else []
    beginning = "".join(map(_written, kept))
    return Excerpt(beginning, is_cut=beginning != html)


def _tree(html: str) -> Any | None:
    return lxml.html.fragment_fromstring(html, create_parent="div") if html.strip() else None


def _is_dangling(block: Any, *, is_only: bool) -> bool:
    """Whether `block` promises something behind it."""
    words = block.text_content().strip()
    is_label = block.tag == "p" and len(words) < _SHORTEST and not _SENTENCE_END.search(words)
    return block.tag in _DANGLING or _promises(block) or (is_label and not is_only)


def _promises(block: Any) -> bool:
    """Whether `block` ends with a colon."""
    ends: bool = block.text_content().rstrip().endswith((":", "\uff1a"))
    return ends


def _is_picture(block: Any) -> bool:
    """Whether there is nothing to read in `block` but what is said of a picture."""
    if block.tag in _PICTURES:
        return True
    return not _length(block) and next(block.iter("img"), None) is not None


def _says_something(block: Any) -> bool:
    return block.tag not in _DANGLING and _length(block) > 0


def _length(element: Any) -> int:
    return _weight(" ".join(element.text_content().split()))


def _weight(text: str) -> int:
    """The length of `text`; a character of Chinese, Japanese or Korean says as much as two letters."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def _blocks(root: Any) -> list[Any]:
    """What stands in `root`, as a copy; bare text as paragraphs."""
    root = copy.deepcopy(root)
    blocks: list[Any] = []
    paragraph = lxml.html.Element("p")
    paragraph.text = root.text
    for child in root:
        tail, child.tail = child.tail, None
        if child.tag in _INLINE:
            paragraph.append(copy.deepcopy(child))
            paragraph[-1].tail = tail
            continue
        blocks += [paragraph, child]
        paragraph = lxml.html.Element("p")
        paragraph.text = tail
    return [
        block for block in [*blocks, paragraph] if block.tag == "hr" or _length(block) or _is_picture(block)
    ]


def _first_words(html: str) -> Any | None:
    """All words of `html` as one paragraph: for a body that is one long table, say."""
    words = text_of(_BLOCK_BREAK.sub(" ", html))
    if not words:
        return None
    paragraph = lxml.html.Element("p")
    paragraph.text = words
    return paragraph


def _shorter(block: Any, room: int, *, must: bool) -> Any | None:
    """`block` cut to `room` characters: a list behind an item, text behind a sentence; if it `must` be, behind a word."""
    if block.tag in ("ul", "ol"):
        return _items(block, room)
    if block.tag not in ("p", "blockquote", "div"):
        return None
    text = block.text_content()
    ends = [len(text[: match.end()].rstrip()) for match in _SENTENCE_END.finditer(text)]
    ends = [end for end in ends if _weight(text[:end]) <= room]
    if ends and (must or ends[-1] >= _SHORTEST):
        return _shortened(block, ends[-1], "")
    return _cut(block, room) if must else None


def _cut(block: Any, room: int) -> Any:
    """`block` cut behind the last word, or else the first, that ends within `room` characters."""
    text = block.text_content()
    if _weight(text) <= room:
        return block
    sentences = [
        match.end() for match in _SENTENCE_END.finditer(text) if _weight(text[: match.end()]) <= room
    ]
    if sentences and sentences[-1] >= _SHORTEST:
        return _shortened(block, sentences[-1], "")
    words = [match.end() for match in _WORD_END.finditer(text)]
    fitting = [end for end in words if _weight(text[:end]) < room]
    if not words:
        return block
    return _shortened(block, fitting[-1] if fitting else words[0], "…")


def _items(block: Any, room: int) -> Any | None:
    """The first items of a list that fit into `room`, two at least."""
    result = copy.deepcopy(block)
    for item in list(result):
        room -= _length(item)
        if room < 0:
            result.remove(item)
    return result if len(result) > 1 else None


def _shortened(block: Any, length: int, ending: str) -> Any:
    """A copy of `block` with the first `length` characters of its text and `ending` behind the last of them."""
    result = copy.deepcopy(block)
    left = length
    last, place = result, "text"

    def trim(element: Any, part: str) -> None:
        nonlocal left, last, place
        text = getattr(element, part) or ""
        if text.strip() and left > 0:
            last, place = element, part
        setattr(element, part, text[: max(0, left)])
        left -= len(text)

    def walk(element: Any) -> None:
        trim(element, "text")
        for child in list(element):
            if left <= 0:
                element.remove(child)
                continue
            walk(child)
            trim(child, "tail")

    walk(result)
    kept = (getattr(last, place) or "").rstrip()
    setattr(last, place, kept.rstrip(" .,;:–—-") + ending if ending else kept)
    return result


def _written(block: Any) -> str:
    written: str = lxml.html.tostring(block, encoding="unicode", with_tail=False)
    return written
