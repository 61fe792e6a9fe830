"""What keeps people from reading: a missing language or title, headings out of order, faint or tiny text, dumb links.

Contrast is worked out from the styles of the built email, by light and by dark; what cannot be told (text on a picture) is
not judged.  Tables and links of articles are told from those of the theme by their words.

    E16x   what a screen reader, or anybody, cannot make out at all
    W26x   what is hard to make out

Nothing here fails.  Pure.  Source: WCAG 2.2, success criteria 1.3.1, 1.4.3, 2.4.2, 2.4.4, 3.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import lxml.html

from newsletter.articles.article import one_line, text_of
from newsletter.checks.cascade import Color, Look, looks, written
from newsletter.checks.finding import Finding
from newsletter.checks.link_words import is_generic
from newsletter.checks.parsed import document
from newsletter.checks.subject import Subject
from newsletter.checks.theme_places import issue_template, place_of_color, place_of_tag

CODES: Mapping[str, str] = {
    "E160": "the email does not say its language: screen readers cannot pronounce it",
    "E161": "the email has no title",
    "E162": "a link without words, or with a picture alone that has no alt text",
    "E163": "text that nobody can make out: its colour is that of the ground, or nearly (contrast below 2:1)",
    "W260": "there is no main heading, or more than one",
    "W261": "a heading skips a level",
    "W262": "text with too little contrast (below 4.5:1, large text below 3:1)",
    "W263": "text with too little contrast in dark mode",
    "W264": "a table for the layout without role: screen readers count its rows and columns",
    "W265": "a table in an article without header cells",
    "W266": "a link that says nothing by itself, such as “click here”",
    "W267": "text smaller than 14 px",
}

_ENOUGH, _ENOUGH_IF_LARGE, _INVISIBLE = 4.5, 3.0, 2.0
_SMALLEST = 14
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LAYOUT_ROLES = ("presentation", "none")


def check(subject: Subject) -> Iterator[Finding]:
    """What is hard to read in `subject`."""
    page = document(subject.html)
    yield from _check_document(subject, page)
    yield from _check_headings(subject, page)
    yield from _check_contrast(subject)
    yield from _check_sizes(subject)
    yield from _check_tables(subject, page)
    yield from _check_links(subject, page)


def _check_document(subject: Subject, page: Any) -> Iterator[Finding]:
    find = subject.sources.find
    language = (page.get("lang") or "").strip().lower()
    if language in ("", "und"):
        message = "the email does not say its language: screen readers cannot pronounce it"
        hint = 'write <mjml lang="{{ language }}"> in issue.mjml'
        yield Finding("E160", find("<mjml", suffix=".mjml"), message, hint)
    if not one_line(page.findtext(".//title") or ""):
        has_place = any("<mj-title" in file.text for file in subject.sources.files)
        where = subject.sources.key("title") if has_place else find("<mj-head", suffix=".mjml")
        hint = (
            "title: What this issue is about" if has_place else "write <mj-title>{{ issue.title }}</mj-title>"
        )
        yield Finding("E161", where, "the email has no title, which screen readers say first", hint)


# --- headings -----------------------------------------------------------------------------------------------


def _check_headings(subject: Subject, page: Any) -> Iterator[Finding]:
    headings = [(int(heading.tag[1]), heading) for heading in page.iter(*_HEADINGS) if _is_shown(heading)]
    main = [heading for level, heading in headings if level == 1]
    if not main:
        message = "there is no main heading (h1), at which screen readers begin"
        hint = '<h1 class="headline">{{ issue.title }}</h1>'
        yield Finding("W260", issue_template(subject), message, hint)
    elif len(main) > 1:
        words = " and ".join(f'"{_words(heading)[:40]}"' for heading in main[:2])
        message = f"{len(main)} main headings (h1), {words}: only one can say what the email is about"
        yield Finding("W260", place_of_tag(subject, main[1]), message, "make the others h2")
    before = 1
    for level, heading in headings:
        if level > before + 1 and main:
            words = _words(heading)
            message = f'the heading "{words[:60]}" is of level {level} below one of level {before}: a level is missing'
            hint = f"make it a heading of level {before + 1}"
            yield Finding("W261", _place_of_words(subject, words, heading), message, hint)
        before = level


def _is_shown(element: Any) -> bool:
    around = (element, *element.iterancestors())
    return not any("display:none" in (each.get("style") or "").replace(" ", "") for each in around)


def _place_of_words(subject: Subject, words: str, element: Any) -> str:
    """Where `words` are written: in an article, by the editor, or else in the tag of a template."""
    for file in subject.sources.files:
        if file.path.endswith((".html", ".md")) and words and words in file.text:
            return f"{file.path}:{file.text.count(chr(10), 0, file.text.index(words)) + 1}"
    return place_of_tag(subject, element)


# --- colours and sizes --------------------------------------------------------------------------------------


def _check_contrast(subject: Subject) -> Iterator[Finding]:
    """Each pair of colours once, with the first text that has it."""
    seen: set[tuple[Color | None, Color | None]] = set()
    for dark in (False, True):
        faint: dict[tuple[Color | None, Color | None], list[Look]] = {}
        for look in looks(subject.html, dark=dark):
            ratio = look.contrast
            if ratio is not None and ratio < (_ENOUGH_IF_LARGE if look.is_large else _ENOUGH):
                faint.setdefault((look.color, look.ground), []).append(look)
        for pair, found in faint.items():
            if pair not in seen:
                yield _faint(subject, found, dark=dark)
        seen |= faint.keys()


def _faint(subject: Subject, found: list[Look], *, dark: bool) -> Finding:
    """The finding for texts of one pair of colours."""
    look = found[0]
    ratio, wanted = (
        look.contrast or 1.0,
        _ENOUGH if any(not look.is_large for look in found) else _ENOUGH_IF_LARGE,
    )
    colors = f"{written(look.color)} on {written(look.ground)}" if look.color and look.ground else ""
    code = "E163" if ratio < _INVISIBLE else "W263" if dark else "W262"
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    message = (
        f'"{look.text[:40]}"{more}{" in dark mode" if dark else ""}: {colors} has a contrast of {ratio:.1f}:1, '
        f"and readers need {wanted:g}:1"
    )
    where = place_of_color(subject, look.color, look.ground)
    if dark:
        hint = "give both colours below @media (prefers-color-scheme: dark) in head.css, or set the theme's ..._dark"
    else:
        hint = "take a darker colour for the text, or a lighter one for the ground"
        if look.color and look.ground and sum(look.color) > sum(look.ground):
            hint = "take a lighter colour for the text, or a darker one for the ground"
    return Finding(code, where, message, hint)


def _check_sizes(subject: Subject) -> Iterator[Finding]:
    """Each size once; sub and sup are small by nature."""
    small: dict[float, list[Look]] = {}
    for look in looks(subject.html):
        if look.size < _SMALLEST and look.element.tag not in ("sub", "sup") and re.search(r"\w", look.text):
            small.setdefault(round(look.size, 1), []).append(look)
    for size, found in small.items():
        text = found[0].text[:40]
        message = (
            f'"{text}" is {size:g} px small: many readers cannot read less than {_SMALLEST} px on a phone'
        )
        yield Finding("W267", _place_of_size(subject, found[0]), message, f"font-size: {_SMALLEST}px")


def _place_of_size(subject: Subject, look: Look) -> str:
    """Where the font size of a text is written, in a style sheet or an attribute of MJML."""
    for element in (look.element, *look.element.iterancestors()):
        found = re.search(r"font-size:\s*([\w.%-]+)", element.get("style") or "")
        if found:
            setting = re.compile(rf"font-size(?:\s*:\s*|=[\"']){re.escape(found[1])}(?![\w%])")
            for suffix in (".css", ".mjml"):
                for file in subject.sources.files:
                    if file.path.endswith(suffix) and (at := setting.search(file.text)):
                        return f"{file.path}:{file.text.count(chr(10), 0, at.start()) + 1}"
            break
    return issue_template(subject)


# --- tables -------------------------------------------------------------------------------------------------


def _check_tables(subject: Subject, page: Any) -> Iterator[Finding]:
    plain = [table for table in page.iter("table") if not _is_layout(table) and table.find(".//th") is None]
    if not plain:
        return
    owners = _tables_of_articles(subject)
    for table in plain:
        words = _words(table)
        if words in owners:
            where = _place_of_table(subject, owners[words], table)
            message = f'the table "{words[:40]}" has no header cells: heard, its numbers belong to nothing'
            hint = "make the first row a header: <th> instead of <td>, or | --- | below it in Markdown"
            yield Finding("W265", where, message, hint)
        elif table.find("./caption") is None and table.get("summary") is None:
            message = "a table for the layout without a role: screen readers count its rows and columns"
            yield Finding(
                "W264", place_of_tag(subject, table), message, 'write <table role="presentation" ...>'
            )


def _is_layout(table: Any) -> bool:
    return (table.get("role") or "").lower() in _LAYOUT_ROLES


def _tables_of_articles(subject: Subject) -> dict[str, str]:
    """The words of every table in the articles and the editor's words, with the article's id."""
    issue = subject.issue
    sources = [
        *((article.id, article.html) for article in issue.articles),
        ("", issue.opening),
        ("", issue.closing),
    ]
    return {words: id_ for id_, html in sources for words in _words_of_tables(html)}


@lru_cache(maxsize=256)
def _words_of_tables(html: str) -> tuple[str, ...]:
    if "<table" not in html:
        return ()
    return tuple(
        _words(table) for table in lxml.html.fragment_fromstring(html, create_parent="div").iter("table")
    )


def _place_of_table(subject: Subject, article_id: str, table: Any) -> str:
    cells = [one_line(cell.text_content()) for cell in table.iter("td")]
    pieces = [form.format(cell) for cell in cells[:3] if cell for form in (">{}<", "| {}", "{}")]
    if article_id:
        return subject.sources.find(*pieces, article_id=article_id)
    return subject.sources.find(*pieces)


# --- links --------------------------------------------------------------------------------------------------


def _check_links(subject: Subject, page: Any) -> Iterator[Finding]:
    links = [(link, link.get("href"), _name(link)) for link in page.iter("a") if link.get("href")]
    languages = _languages(subject)
    onward = {
        article.url for article in subject.issue.articles
    }  # the theme's own "Read more", below what it is about
    own = {word.casefold() for _, words in subject.theme.words for _, word in words}
    said_well = {href for _, href, name in links if name and not is_generic(name, languages)}
    empty: set[str] = set()
    for link, href, name in links:
        if not name:
            if href not in empty and _is_shown(link):
                yield _without_words(subject, link, href)
            empty.add(href)
        elif is_generic(name, languages) and href not in said_well:
            if href in onward and name.strip(" →←").casefold() in own:
                continue
            message = f'the link "{name}" says nothing by itself, and screen readers list links without their sentence'
            hint = "put the link on the words that say where it leads"
            yield Finding("W266", _place_of_link(subject, link, href), message, hint)


def _without_words(subject: Subject, link: Any, href: str) -> Finding:
    where = _place_of_link(subject, link, href)
    address = href if len(href) <= 60 else f"{href[:59]}…"
    if link.find(".//img") is None:
        hint = "write words between <a ...> and </a>, or take the link out"
        return Finding("E162", where, f"the link to {address} has no words: nobody sees it", hint)
    message = f"the link to {address} is a picture without alt text: where pictures are off nobody sees where it leads"
    return Finding(
        "E162",
        where,
        message,
        'say where it leads: alt="The programme of the concert", ![The programme](...)',
    )


def _name(link: Any) -> str:
    """What a screen reader says of a link."""
    words = one_line(link.text_content())
    pictures = " ".join(image.get("alt") or "" for image in link.iter("img"))
    return one_line(f"{words} {pictures}") or one_line(link.get("aria-label") or link.get("title") or "")


def _place_of_link(subject: Subject, link: Any, href: str) -> str:
    """In the file of the article or the editor that has the address, or in the template that has the tag."""
    for file in subject.sources.files:
        is_words = file.path.endswith((".html", ".md"))
        for form in {href, href.replace("&", "&amp;")} if is_words else ():
            for quoted in (f'"{form}"', f"({form})", f"({form} ", f"<{form}>"):
                at = file.text.find(quoted)
                if at >= 0 and not re.search(r"^(?:url|image):", _line_at(file.text, at)):
                    return f"{file.path}:{file.text.count(chr(10), 0, at) + 1}"
    return place_of_tag(subject, link)


def _line_at(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _languages(subject: Subject) -> frozenset[str]:
    """Those in which the issue is written, without regions; English always."""
    tags = [
        subject.masthead.language,
        subject.issue.language,
        *(article.language for article in subject.issue.articles),
    ]
    return frozenset({"en", *(tag.split("-")[0].lower() for tag in tags if tag)})


def _words(element: Any) -> str:
    return text_of(one_line(element.text_content()).replace("<", " ").replace("&", "&amp;"))
