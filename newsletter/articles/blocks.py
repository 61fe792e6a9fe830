"""The tree of a post rebuilt from blocks and runs of text: what an email program, and a browser, cannot misread.

Whatever the source nests in whatever, the result is built of four shapes only:

    containers   ul ol li dl dt dd blockquote figure figcaption table ...   hold blocks
    lines        p h2-h6 pre hr                                             hold a run
    a run        text, br, img in inline elements                           holds no block
    bare runs    the first line of li td th dd dt figcaption figure caption may stand without p

So `div` and `section` dissolve, a link or emphasis around blocks is put into each of them, a paragraph ends where a
block begins, two `br` end it too, and nothing empty is left.  A tree of these shapes reads the same in every HTML parser, and
rebuilding it changes nothing: that is what makes sanitising idempotent.

No words are lost, at any depth: what is nested too deep loses its container.  Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from newsletter.articles.allowed import kept_attributes, language_of, set_language
from newsletter.articles.markup import BLOCKS, last_child, text_in
from newsletter.articles.runs import (
    INLINE,
    Inline,
    Piece,
    collapsed,
    fill,
    is_seen,
    paragraphs_of,
    preformatted,
    within,
)

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LINES = _HEADINGS | {"p", "pre"}
_LISTS = {"menu": "ul", "dir": "ul", "ul": "ul", "ol": "ol"}
#: Parts that mean something only in their whole, with the wholes.
_PARTS = {
    "li": {"ul", "ol"},
    "dt": {"dl"},
    "dd": {"dl"},
    "figcaption": {"figure"},
    "caption": {"table"},
    "thead": {"table"},
    "tbody": {"table"},
    "tfoot": {"table"},
    "tr": {"table", "thead", "tbody", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
}
CONTAINERS = frozenset({"blockquote", "dl", "figure", "table", *_LISTS, *_PARTS})
#: What holds nothing but parts, and the part that is made for anything else.
_IMPLIED = {
    "ul": "li",
    "ol": "li",
    "dl": "dd",
    "table": "tbody",
    "thead": "tr",
    "tbody": "tr",
    "tfoot": "tr",
    "tr": "td",
}
_ACCEPTED = {
    "ul": {"li"},
    "ol": {"li"},
    "dl": {"dt", "dd"},
    "table": {"caption", "thead", "tbody", "tfoot"},
    "thead": {"tr"},
    "tbody": {"tr"},
    "tfoot": {"tr"},
    "tr": {"td", "th"},
}
#: Containers whose first line stands without a paragraph around it.
BARE = frozenset({"li", "dt", "dd", "td", "th", "caption", "figure", "figcaption"})
_MAX_DEPTH = 24
#: Parsers take time by the square of the length of a text that is full of character references.
_MAX_LINE = 50_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_LINE_FEED = re.compile(r"\n")
_LONGEST_WRAPPED = 100
_MOST_LINES = 20_000
_PART = re.compile(r"[^\0]{1,25000}(?:[ \n]|\Z)|[^\0]{25000}")


class _Place(NamedTuple):
    """Where the writer stood before a block began."""

    parent: Element
    line: str
    language: dict[str, str]
    given: dict[str, str]
    ending: str | None


def rebuild(root: Element) -> Element:
    """The tree below `root` as a new `div` of blocks.  Paragraphs that may stand bare have the attribute `bare`."""
    writer = _Writer(root)
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element is root:
            writer.text(element.text if event == "start" else None)
        elif event == "start":
            writer.start(element)
            writer.text(element.text)
        else:
            writer.end(element)
            writer.text(element.tail)
    writer.flush()
    return writer.root


class _Writer:
    """Takes the source in its order and writes blocks."""

    def __init__(self, source: Element) -> None:
        self.root = etree.Element("div")
        self._place = _Place(self.root, "bare", {}, {}, None)
        self._places: list[_Place] = []
        self._run: list[Piece] = []
        self._length = 0
        self._around: list[tuple[Inline, ...]] = [()]  # the last is where we are
        self._line_end, self._breaks = _line_ends(source)

    def text(self, text: str | None) -> None:
        """Text, as it stands in the source."""
        if not text:
            return
        for number, part in enumerate(self._line_end.split(text) if self._line_end else [text]):
            if number:
                self._run += [Piece(None, self._around[-1])] * self._breaks
            if len(part) + self._length > _MAX_LINE:
                self._add_long(part)
            else:
                self._length += len(part)
                self._run.append(Piece(part, self._around[-1]))

    def _add_long(self, text: str) -> None:
        """Text that is too long for one line goes on in another of the same kind."""
        for part in _PART.findall(text):
            if self._length + len(part) > _MAX_LINE:
                self.flush()
            self._length += len(part)
            self._run.append(Piece(part, self._around[-1]))

    def start(self, element: Element) -> None:
        """An element begins."""
        if element.tag in INLINE:
            self._around.append(within(self._around[-1], element))
        elif element.tag == "img":
            self._run.append(Piece(element, self._around[-1]))
        elif element.tag == "br":
            self._run.append(Piece(None, self._around[-1]))
        elif element.tag in BLOCKS:
            self._begin(element)

    def end(self, element: Element) -> None:
        """An element ends."""
        if element.tag in INLINE:
            self._around.pop()
        elif element.tag in BLOCKS:
            ending = self._place.ending
            if ending is None:
                self.flush()
            else:
                self._join(ending)
            self._place = self._places.pop()

    def _begin(self, element: Element) -> None:
        """A block begins: a line, a container, or a border between lines."""
        place = self._place
        self._places.append(place)
        own = language_of(element)
        language = place.language | own if own else place.language
        joined = _joint(place.line, element.tag)
        if joined is not None:
            self._join(joined)
            self._place = place._replace(language=language, ending=joined)
            return
        self.flush()
        parent, given, line = place.parent, place.given, place.line if place.line in _HEADINGS else "bare"
        if element.tag == "hr":
            etree.SubElement(self._parent_for("hr"), "hr")
        elif element.tag in _LINES:
            line = "bare" if element.get("bare") is not None else element.tag
        elif element.tag in CONTAINERS:
            container = self._container(element, language)
            if container is not None:
                parent, given, line = container, language, "bare"
        self._place = _Place(parent, line, language, given, None)

    def _container(self, element: Element, language: dict[str, str]) -> Element | None:
        """A new container where it belongs; None where it means nothing, or is nested too deep."""
        parent, name = self._place.parent, _LISTS.get(element.tag, element.tag)
        is_part = parent.tag in _PARTS.get(name, ())
        if name in _PARTS and name != "li" and not is_part:
            return None
        if not is_part and sum(1 for _ in parent.iterancestors()) >= _MAX_DEPTH:
            return None
        if name == "li" and not is_part:
            before = last_child(parent)
            if before is None or before.get("implied") is None:
                before = etree.SubElement(self._parent_for("ul"), "ul", implied="")
            parent = before
        else:
            parent = self._parent_for(name)
        container = etree.SubElement(parent, name, kept_attributes(element, name))
        set_language(container, language, self._given_in(parent))
        return container

    def _parent_for(self, name: str) -> Element:
        """The container into which a block called `name` goes, made where the source left it out."""
        parent = self._place.parent
        while parent.tag in _IMPLIED and name not in _ACCEPTED[parent.tag]:
            implied = _IMPLIED[parent.tag]
            last = last_child(parent)
            again = last is not None and last.tag == implied and parent.tag != "tr"
            parent = last if again else etree.SubElement(parent, implied)
        return parent

    def _given_in(self, parent: Element) -> dict[str, str]:
        """What is said already of language and direction in a parent that `_parent_for` chose."""
        given = self._place.given
        if parent is not self._place.parent:
            given = given | language_of(parent)
        return given

    def _join(self, text: str) -> None:
        """A border between blocks where only text may stand: a space, or a line break if there is none yet."""
        if not self._run:
            return
        last = self._run[-1].content
        if last is None or (isinstance(last, str) and last.endswith(text)):
            return
        self._run.append(Piece(text, self._around[-1]))

    def flush(self) -> None:
        """Write the run gathered so far as one line or more."""
        if not self._run:
            return
        run, self._run, self._length = self._run, [], 0
        line = self._place.line
        if not is_seen(run):
            return
        if line == "pre":
            self._write("pre", preformatted(run))
        elif line in _HEADINGS:
            self._write(line, collapsed(run))
        else:
            for paragraph in paragraphs_of(run):
                if is_seen(paragraph):
                    self._write(line, collapsed(paragraph))

    def _write(self, line: str, run: list[Piece]) -> None:
        name = "p" if line == "bare" else line
        parent = self._parent_for(name)
        written = etree.SubElement(parent, name)
        if line == "bare":
            written.set("bare", "")
        set_language(written, self._place.language, self._given_in(parent))
        fill(written, run)


def _line_ends(source: Element) -> tuple[re.Pattern[str] | None, int]:
    """What ends a line in plain text that a feed gives as if it were HTML, and the line breaks it stands for.

    None in HTML, and in more lines than anybody reads.  Blank lines divide paragraphs; where lines are longer than any
    program wraps them, every line feed was put on purpose.
    """
    if any(e is not source and (e.tag in BLOCKS or e.tag == "br") for e in source.iter()):
        return None, 0
    text = text_in(source)
    if not _BLANK_LINE.search(text) or text.count("\n") > 2 * _MOST_LINES:
        return None, 0
    return (_LINE_FEED, 1) if max(map(len, text.split("\n"))) > _LONGEST_WRAPPED else (_BLANK_LINE, 2)


def _joint(line: str, name: str) -> str | None:
    """What stands for the border of a block called `name` within a line where blocks cannot be; None if it can."""
    if line == "pre":
        return " " if name in ("td", "th") else "\n"
    if line in _HEADINGS and name not in CONTAINERS and name not in _LINES - {"p"} and name != "hr":
        return " "
    return None
