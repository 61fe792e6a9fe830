"""What an issue, or the publication's own theme, uses that email clients do not support, by caniemail.com's data.

Everything in the email that a client lacks is what `lacking` gives.  Most of it is nothing to tell an editor: MJML writes
for programs that know media queries, and gives the others tables; a corner that is not round is a corner.  So a finding
is made only of what

- stands in an article, in the editor's words or in a file of the theme: what MJML adds by itself is its own affair,
- is more than an extra (`_EXTRAS`), and not inside @media or @supports, which are extras by themselves,
- is lacking in a client that matters: with the shares of the readers 1 % of them or more, without one of `MAIN`.

Formats of pictures are an affair of `images`.  A client that supports a part (W281) is told of only where shares say that
it matters.  Pure, but for the data that `caniemail` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from newsletter.checks.caniemail import Feature, client_names, features, unsupported
from newsletter.checks.conditional import outlook_view
from newsletter.checks.features import Use, element_features, uses
from newsletter.checks.features_css import attribute_features, plain_features
from newsletter.checks.finding import Finding
from newsletter.checks.parsed import document
from newsletter.checks.subject import SourceFile, Subject

CODES: Mapping[str, str] = {
    "W280": "the issue or the theme uses something that email clients do not support, by the data of caniemail.com",
    "W281": "the issue or the theme uses something that the clients of many readers support in part (with shares alone)",
}

#: The clients in which most newsletters are read: who decides where no shares are known.
MAIN = frozenset(
    [
        "gmail.desktop-webmail",
        "gmail.ios",
        "gmail.android",
        "apple-mail.macos",
        "apple-mail.ios",
        "outlook.windows",
    ]
    + ["outlook.windows-mail", "outlook.macos", "outlook.outlook-com", "outlook.ios", "outlook.android"]
    + ["yahoo.desktop-webmail", "yahoo.ios", "yahoo.android", "samsung-email.android"]
)
#: From which share of the readers, in per cent, something lacking and something partly supported is told.
_FROM, _PARTLY_FROM = 1.0, 10.0
_MOST_NAMES = 6

#: What nobody misses who does not get it: the email is as complete and as readable without.
_EXTRAS = frozenset(
    f"css-{name}"
    for name in (
        # what MJML and every theme write, with another way for programs without it
        "at-media border-collapse border-spacing cursor direction display display-none height important max-height "
        "max-width min-height min-width opacity outline outline-offset overflow selector-attribute selector-chaining "
        "selector-class selector-descendant selector-grouping selector-id selector-type white-space word-break "
        "word-spacing word-wrap overflow-wrap comments table-layout box-sizing text-decoration "
        # dark mode
        "at-media-prefers-color-scheme color-scheme "
        # finish: corners, shadows, letters, lines below words, what moves
        "border-radius border-radius-logical box-shadow text-shadow letter-spacing font-kerning font-stretch "
        "font-size-adjust at-font-face sytem-ui hyphens hyphenate-character hyphenate-limit-chars text-wrap orphans widows "
        "text-decoration-color text-decoration-line text-decoration-skip-ink text-decoration-style "
        "text-decoration-thickness text-underline-offset text-underline-position text-align-last text-justify tab-size "
        "transition animation at-keyframes accent-color user-select scroll-snap resize "
        # what asks whether something is there
        "at-supports at-media-hover at-media-orientation at-media-prefers-reduced-motion at-media-device-pixel-ratio "
        # what a hand makes true
        "pseudo-class-active pseudo-class-focus pseudo-class-focus-visible pseudo-class-focus-within pseudo-class-hover "
        "pseudo-class-link pseudo-class-visited"
    ).split()
) | frozenset(
    f"html-{name}"
    for name in (
        "body comments doctype height style target width mailto-links meta-color-scheme "
        # for programs that read aloud, and those that have them
        "aria-describedby aria-hidden aria-label aria-labelledby aria-live dir lang role loading-attribute "
        # words that stay where the element goes; pictures for which there is another
        "abbr acronym address bdi code dfn semantics small span strong blockquote lists wbr picture srcset"
    ).split()
)
#: What every email is made of: clients support a part of its values, and MJML and themes write that part.
_EVERYDAY = frozenset(
    f"css-{name}"
    for name in "background background-color border font font-size font-weight line-height list-style list-style-type "
    "margin padding rgb rgba text-align text-transform unit-percent unit-px vertical-align width".split()
) | frozenset(
    f"html-{name}" for name in "align cellpadding cellspacing div h1-h6 hr img p pre table valign".split()
)
#: What is seen or not seen; all else works or does not.
_SEEN = re.compile(
    r"html-(?!.*(?:links|required|base|role|form|input|button))|css-(?:.*(?:image|gradient|shadow|filter)|list-)"
)
#: Partial support that says nothing of the feature: other accounts, and what wants a second <head>.
_OF_ACCOUNTS = re.compile(r"non[- ]Google accounts|Hotmail/Outlook accounts|`<head>`|double `?<head")
_MARKDOWN = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")
#: What the shorthand for a background sets, too.
_BEHIND = "css-background-image"
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)


class Place(NamedTuple):
    """Where in the sources a feature is used."""

    slug: str
    where: str


def check(subject: Subject) -> Iterator[Finding]:
    """What `subject` uses that its readers' clients do not support; what most readers lack comes first."""
    used = uses(subject.html)
    table = features()
    found: list[tuple[float, Finding]] = []
    seen: set[str] = set()
    for place in _places(subject):
        slug = place.slug
        is_used = slug in used or (slug == _BEHIND and "css-background" in used)
        if is_used and slug in table and slug not in seen and slug not in _EXTRAS:
            seen.add(slug)
            found += _judged(table[slug], place.where, subject.html, subject.shares)
    found.sort(key=lambda one: -one[0])
    yield from (finding for _, finding in found)


def lacking(html: str, client: str) -> Mapping[str, tuple[Use, ...]]:
    """Everything that `html` uses and `client` does not support, extras and all; Outlook for Windows reads its own view."""
    seen = outlook_view(html) if client == "outlook.windows" else html
    return {slug: pieces for slug, pieces in uses(seen).items() if unsupported(slug, client)}


def _judged(
    feature: Feature, where: str, html: str, shares: Mapping[str, float]
) -> Iterator[tuple[float, Finding]]:
    """The finding of a feature, if enough readers lack it, with their share."""
    without = [client for client in feature.support if unsupported(feature.slug, client)]
    if "outlook.windows" in without and feature.slug not in _seen_by_outlook(html):
        without.remove("outlook.windows")
    lost = sum(shares.get(client, 0) for client in without)
    if lost >= _FROM if shares else MAIN.intersection(without):
        matter = [client for client in without if not shares or shares.get(client, 0) > 0]
        verb = "is not shown" if _SEEN.match(feature.slug) else "does not work"
        message = f"{feature.title} {verb} in {_listed(matter)}{_share(lost, shares)}"
        hint = f"make sure that the email says all without it, or leave it out: {feature.url}"
        yield lost, Finding("W280", where, message, hint)
        return
    partly = [client for client in shares if _is_partial(feature, client)]
    if feature.slug in _EVERYDAY:
        return
    lost = sum(shares[client] for client in partly)
    if lost >= _PARTLY_FROM:
        notes = [_MARKDOWN.sub(r"\1", note) for client in partly for note in feature.support[client].notes]
        says = f": {notes[0]}" if notes else ""
        message = f"{feature.title} works only in part in {_listed(partly)}{_share(lost, shares)}{says}"
        yield lost, Finding("W281", where, message, f"look at it there, or at {feature.url}")


@lru_cache(maxsize=4)
def _seen_by_outlook(html: str) -> frozenset[str]:
    return frozenset(uses(outlook_view(html)))


def _is_partial(feature: Feature, client: str) -> bool:
    support = feature.support.get(client)
    if support is None or support.value != "a":
        return False
    return not support.notes or any(not _OF_ACCOUNTS.search(note) for note in support.notes)


def _listed(clients: list[str]) -> str:
    """Their names, those in which most newsletters are read first."""
    names = client_names(client for client in clients if client in MAIN)
    names += client_names(client for client in clients if client not in MAIN)
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more < 2 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _share(share: float, shares: Mapping[str, float]) -> str:
    return f" ({share:.3g} % of your readers)" if shares else ""


def _places(subject: Subject) -> Iterator[Place]:
    """Every use of a feature that somebody wrote: in articles, in the words around them, in the theme."""
    sources, issue = subject.sources, subject.issue
    for article in issue.articles:
        for slug, pieces in _body_uses(article.html).items():
            yield Place(slug, sources.find(*_spellings(pieces), article_id=article.id))
    for words in (issue.opening, issue.closing):
        for slug, pieces in _body_uses(words).items():
            yield Place(slug, sources.find(*_spellings(pieces), suffix=sources.issue))
    for file in sources.files:
        if file.path.endswith(".css"):
            inlined = file.path.endswith("inline.css")
            for one in plain_features(file.text, inlined=inlined):
                for slug in _with_longhand(one.slug, one.snippet):
                    yield Place(slug, f"{file.path}:{one.line}")
        elif file.path.endswith(".mjml"):
            yield from _template_places(file)


def _spellings(pieces: Iterable[Use]) -> Iterator[str]:
    """How the pieces may be written: as they are, or with a space behind the colon."""
    for use in pieces:
        yield use.snippet
        yield use.snippet.replace(":", ": ", 1)


@lru_cache(maxsize=64)
def _body_uses(html: str) -> Mapping[str, tuple[Use, ...]]:
    return (
        {slug: pieces for slug, pieces in uses(html).items() if not slug.startswith("image-")} if html else {}
    )


@lru_cache(maxsize=64)
def _template_places(file: SourceFile) -> tuple[Place, ...]:
    """What the markup of a template uses; an attribute of MJML that has the name of a property of CSS becomes one."""
    # Jinja goes, its lines stay.
    text = _JINJA.sub(lambda found: "\n" * found[0].count("\n"), file.text)
    places: list[Place] = []
    for element in document(text).iter("*"):
        line = element.sourceline or 1
        for slug, at in _of_template(element):
            if not slug.startswith("image-"):
                places.append(Place(slug, f"{file.path}:{line + at}"))
    return tuple(places)


def _of_template(element: Any) -> Iterator[tuple[str, int]]:
    """What an element of a template uses, and how many lines below its own."""
    tag = element.tag
    if tag in ("style", "mj-style"):
        inlined = tag == "mj-style" and element.get("inline") is not None
        for one in plain_features(element.text or "", inlined=inlined):
            yield from ((slug, one.line - 1) for slug in _with_longhand(one.slug, one.snippet))
    elif tag.startswith("mj"):
        # background-url is not among them: MJML draws it for Outlook, too.
        for name, value in element.items():
            yield from ((one.slug, 0) for one in attribute_features(f"{name}:{value}"))
    elif tag not in ("html", "body", "head"):
        for slug, snippet in element_features(element):
            yield from ((named, 0) for named in _with_longhand(slug, snippet))


def _with_longhand(slug: str, snippet: str) -> Iterator[str]:
    yield slug
    if slug == "css-background" and "url(" in snippet.lower():
        yield _BEHIND
