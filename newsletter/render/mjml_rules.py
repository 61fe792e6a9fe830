"""What is wrong with an MJML document, each problem with its line, column and remedy.

mrml, the compiler behind mjml-python, takes nearly everything: it copies an unknown component into the email,
drops a misspelt attribute, and where it gives up it mostly cannot say where.  So everything is checked before
it is called.  A problem is serious if something would be lost, the layout would break or mrml would fail; the
others are differences from what the writer meant that do no great harm.

`validate` never raises, whatever the text, and its time grows with the text.
Source: npm's mjml 4.18 (`mjml_schema`) and what mrml 6.0.1 was measured to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from newsletter.render.mjml_attributes import Finding, check_attributes
from newsletter.render.mjml_schema import UNSUPPORTED, Schema, schema
from newsletter.render.mjml_syntax import TAG, VOID, Kind, Lines, Piece, scan

#: How deep elements may be nested: mrml overflows its stack some thousand levels down, libxml2 stops at 255.
MAX_DEPTH = 100

#: The components in which a comment can stay; in the others mrml fails on it or takes it for a component.
COMMENTED = frozenset(
    {"mjml", "mj-head", "mj-body", "mj-wrapper"}
    | {"mj-section", "mj-group", "mj-column", "mj-hero", "mj-navbar"}
)

# What XML, and so mrml and lxml, cannot hold; lone surrogates cannot even be encoded.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# What to look at in HTML: comments, CDATA, tags, and a "<" that is none of them.
_HTML = re.compile(rf"<!--|<!\[CDATA\[|{TAG.pattern}|<(?![!?])")
_CLOSED_BY = {"<!--": ("a comment", "-->"), "<![CDATA[": ("CDATA", "]]>")}
# HTML lets the end tags of these be left out.
_MAY_STAY_OPEN = frozenset(
    ["p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "colgroup", "option", "optgroup"]
)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong; `line` and `column` count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""
    serious: bool = True


@dataclass(frozen=True, slots=True)
class _Element:
    """An element that is open, and where its start tag stands."""

    name: str
    start: int


def validate(source: str) -> list[Problem]:
    """What is wrong with the MJML document `source`, in the order of the text."""
    lines = Lines(source)
    pieces = list(scan(source))
    findings = [*_check_characters(source), *_check_structure(pieces, lines), *check_attributes(pieces)]
    if not any(found.serious for found in findings) and all(piece.name != "mj-body" for piece in pieces):
        hint = "what is shown stands in <mjml><mj-body> ... </mj-body></mjml>"
        findings.append(Finding(0, "there is no <mj-body>", hint))
    return sorted(Problem(*lines.place(f.start), f.message, f.hint, f.serious) for f in findings)


def _check_characters(source: str) -> Iterator[Finding]:
    for match in _FORBIDDEN.finditer(source):
        yield Finding(
            match.start(), f"the character U+{ord(match[0]):04X} cannot stand in an email", "remove it"
        )


def _check_structure(pieces: Iterable[Piece], lines: Lines) -> Iterator[Finding]:
    """That every tag, text and comment is where it may be, and that what is opened is closed."""
    tables = schema()
    stack: list[_Element] = []
    seen: set[str] = set()
    for piece in pieces:
        parent = stack[-1].name if stack else ""
        inside = f"in <{parent}>" if parent else "outside <mjml>"
        if piece.kind is Kind.OPEN:
            yield from _check_place(piece, parent, seen, tables)
            if parent != "mj-attributes":
                seen.add(piece.name)
            if len(stack) == MAX_DEPTH:
                yield _too_deep(piece.start)
                return
            if not piece.empty and piece.name not in VOID:
                stack.append(_Element(piece.name, piece.start))
        elif piece.kind is Kind.CLOSE:
            yield from _close(piece.name, piece.start, stack, lines)
        elif piece.kind is Kind.CONTENT:
            yield from _check_content(piece, stack, lines)
        elif piece.kind is Kind.TEXT and piece.text.strip():
            start = piece.start + len(piece.text) - len(piece.text.lstrip())
            slip = (
                bool(parent) and len(piece.text.strip()) == 1
            )  # as in </mj-column>a: no reader would miss it
            yield Finding(start, f"text {inside} would be lost", "put it in an <mj-text>", serious=not slip)
        elif piece.kind is Kind.COMMENT and piece.text.startswith("<!--[if") and parent not in COMMENTED:
            yield Finding(
                piece.start, f"a conditional comment {inside} would be lost", "put it in an <mj-raw>"
            )
        elif piece.kind is Kind.STRAY:
            yield _unreadable(piece)
    yield from map(_never_closed, stack)


def _check_place(piece: Piece, parent: str, seen: set[str], tables: Schema) -> Iterator[Finding]:
    """That the component of a start tag exists and may stand in `parent`; `seen` are those before it."""
    name, start = piece.name, piece.start
    if name in UNSUPPORTED:
        yield Finding(start, f"<{name}> is not supported", UNSUPPORTED[name])
    elif name == "mjml":
        if parent or "mjml" in seen:
            yield Finding(start, "a second <mjml>", "a document has one, around everything")
    elif name not in tables.attributes and name not in ("mj-all", "mj-class"):
        if name.lower().startswith("mj"):
            close = get_close_matches(name.lower(), [*tables.attributes, "mj-all", "mj-class"], 1)
            yield Finding(
                start, f"<{name}> is not a component", f"did you mean <{close[0]}>?" if close else ""
            )
        else:
            hint = "HTML belongs in an <mj-text>, <mj-table> or <mj-raw>"
            yield Finding(start, f"<{name}> outside a component that holds text", hint)
    elif not parent:
        yield Finding(
            start, f"<{name}> outside <mjml>", "the document begins with <mjml> and ends with </mjml>"
        )
    elif (parent, name) == ("mj-body", "mj-spacer"):  # which both mrml and npm's mjml draw, without a table
        hint = "put it in an <mj-section> with an <mj-column>, or give the sections padding"
        yield Finding(start, "<mj-spacer> in <mj-body> is not as high in every client", hint, serious=False)
    elif name not in tables.children.get(parent, frozenset()):
        homes = " or ".join(f"<{home}>" for home in tables.parents(name) if home != "mj-attributes")
        yield Finding(
            start, f"<{name}> cannot stand in <{parent}>", f"it belongs in {homes or '<mj-attributes>'}"
        )
    elif name in ("mj-body", "mj-head") and name in seen and parent != "mj-attributes":
        yield Finding(start, f"a second <{name}>", "put everything into the first one")
    elif name == "mj-class" and not any(
        a.name == "name" and (a.value or "").strip() for a in piece.attributes
    ):
        yield Finding(start, "<mj-class> has no name", 'write <mj-class name="..." ... />')


def _close(name: str, start: int, stack: list[_Element], lines: Lines) -> Iterator[Finding]:
    """Take the element that `</name>` closes off the stack, naming what was left open in it."""
    if name in VOID:
        return
    if name not in (element.name for element in stack):
        yield Finding(start, f"</{name}> without <{name}> before it", "remove it, or open the element")
        return
    while (element := stack.pop()).name != name:
        if element.name not in _MAY_STAY_OPEN:
            message = f"<{element.name}> is not closed before </{name}> on line {lines.place(start)[0]}"
            yield Finding(element.start, message, f"write </{element.name}> where it ends")


def _check_content(piece: Piece, around: list[_Element], lines: Lines) -> Iterator[Finding]:
    """What is wrong with what stands in the ending component `piece.name`."""
    if any(element.name == "mj-attributes" for element in around):
        if piece.text.strip():
            message = f"<{piece.name}> holds nothing in <mj-attributes>"
            yield Finding(piece.start, message, f"write <{piece.name} ... />")
    elif piece.name == "mj-style":
        if tag := re.search(r"<[/!]?[A-Za-z-]", piece.text):
            yield Finding(
                piece.start + tag.start(), 'a "<" in a style sheet', "comments are written /* ... */"
            )
    else:
        yield from _check_html(piece, len(around), lines)


def _check_html(piece: Piece, depth: int, lines: Lines) -> Iterator[Finding]:
    """What would break out of the component, be lost, or come out otherwise than it was meant."""
    stack: list[_Element] = []
    balanced = piece.name != "mj-raw"  # which is there for halves of tables
    position = 0
    while match := _HTML.search(piece.text, position):
        start, position = piece.start + match.start(), match.end()
        name = (match[2] or "").lower()
        if match[0] in _CLOSED_BY:
            what, end = _CLOSED_BY[match[0]]
            position = piece.text.find(end, position)
            if position < 0:
                yield Finding(start, f"{what} is never closed", f"write {end} where it ends")
                return
            if what == "CDATA":
                yield _cdata(start)
        elif match[0] == "<":
            yield _bare(start, piece.text[position : position + 2])
        elif name.startswith("mj-") or name == "mjml":
            message = f"<{match[1]}{name}> in <{piece.name}> would not be rendered"
            yield Finding(start, message, f"close <{piece.name}> first")
        elif piece.name in ("mj-title", "mj-preview"):
            message = f"a tag in <{piece.name}> would be shown as it is"
            yield Finding(start, message, "it holds only text", serious=False)
        elif name in VOID or match[3].endswith("/"):
            continue
        elif match[1]:
            if balanced or any(element.name == name for element in stack):
                yield from _close(name, start, stack, lines)
        else:
            if name in _MAY_STAY_OPEN and stack and stack[-1].name == name:
                stack.pop()
            if len(stack) + depth == MAX_DEPTH:
                yield _too_deep(start)
                return
            stack.append(_Element(name, start))
            if name in ("style", "script"):
                end_tag = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(piece.text, position)
                position = end_tag.start() if end_tag else len(piece.text)
    if balanced:
        yield from (_never_closed(element) for element in stack if element.name not in _MAY_STAY_OPEN)


def _bare(start: int, after: str) -> Finding:
    """A "<" that is not the beginning of a whole tag."""
    if re.match("/?[A-Za-z]", after):
        return Finding(
            start, "a tag, or a quotation mark in it, is never closed", "write &lt; if it is no tag"
        )
    return Finding(start, 'a bare "<"', "write &lt;", serious=False)


def _unreadable(piece: Piece) -> Finding:
    if piece.text.startswith("<![CDATA["):
        return _cdata(piece.start)
    if piece.text.startswith("<!--"):
        return Finding(piece.start, "a comment is never closed", "write --> where it ends")
    hint = "write &lt; if it is no tag; end every tag and close its quotation marks if it is one"
    return Finding(piece.start, 'a "<" that begins no tag', hint)


def _cdata(start: int) -> Finding:
    return Finding(start, "CDATA would be lost", "write the text as it is, with &lt; for < and &amp; for &")


def _never_closed(element: _Element) -> Finding:
    return Finding(
        element.start, f"<{element.name}> is never closed", f"write </{element.name}> where it ends"
    )


def _too_deep(start: int) -> Finding:
    return Finding(start, f"nested more than {MAX_DEPTH} deep", "take some of the elements around it away")
