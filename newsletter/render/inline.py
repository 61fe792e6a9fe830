"""The rules of a theme's inline.css go into the style attributes of the elements that they match, by premailer.

Many mail clients cut <style> away, so what makes an email readable must stand in attributes.  premailer does the work;
this module calls it so that nothing is lost: MJML's own style blocks and the theme's head.css stay as they are (MJML's
resets in every attribute would cost a fifth of the size and gain nothing), `!important` and widths stay, nothing is
ever fetched.

An email is inlined in pieces, the page without its articles and each article by itself inside the tags around its
place, and a piece that was inlined before is not inlined again: after an edit only the edited article is.

Pure: no clock, no disk, no network.
Source: premailer 3.10.0, as it was measured.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from html import escape
from typing import Any, ClassVar

from lxml import etree

_one_at_a_time = threading.RLock()
_BEGIN, _END = "<!--body-->", "<!--/body-->"
_STYLE = re.compile(r"<style(?=[ >])(?![^>]*data-premailer)")
_MARK = re.compile(
    r'(<style\b[^>]*?) data-premailer="ignore"'
)  # premailer leaves it where there is a media attribute
_INLINE_STYLE = re.compile(r'<style data-inline="inline">(.*?)</style>', re.S)


def take_inline_sheets(html: str) -> tuple[str, str]:
    """`html` without its `<mj-style inline="inline">` blocks, and their CSS."""
    return _INLINE_STYLE.sub("", html), "\n".join(_INLINE_STYLE.findall(html))


def inline_styles(html: str, css: str) -> str:
    """`html`, a whole document, with the rules of `css` in the style attributes of its elements.

    `css` has passed `stylesheet.check_inline_css`: premailer fails on some style sheets.
    """
    return _inlined(html, css)


def inline_body(body: str, around: str, css: str) -> str:
    """`body`, a piece of HTML whose place is inside the start tags `around`, with the rules of `css` inlined."""
    return _inlined_body(body, around, css)


def tags_around(html: str, places: frozenset[str]) -> dict[str, str]:
    """The start tags around each of the texts `places` in the document `html`, from <html> inwards."""
    return dict(_tags_around(html, places))


@lru_cache(maxsize=8)
def _inlined(html: str, css: str) -> str:
    # MJML's and the theme's own style blocks: premailer would inline the resets and lose what it does not know.
    page = _STYLE.sub('<style data-premailer="ignore"', html)
    return _MARK.sub(r"\1", _premail(page, css))


@lru_cache(maxsize=128)
def _inlined_body(body: str, around: str, css: str) -> str:
    page = _premail(f"<!DOCTYPE html>{around}{_BEGIN}{body}{_END}", css)
    return page[page.index(_BEGIN) + len(_BEGIN) : page.index(_END)]


@lru_cache(maxsize=8)
def _tags_around(html: str, places: frozenset[str]) -> tuple[tuple[str, str], ...]:
    pattern = re.compile("|".join(map(re.escape, places)) or r"(?!)")
    found: list[tuple[str, str]] = []
    for element in etree.fromstring(html, etree.HTMLParser(huge_tree=True)).iter(etree.Element):
        here = [element, *element.iterancestors()]
        for text, chain in ((element.text, here), (element.tail, here[1:])):
            around = [_start_tag(tag) for tag in reversed(chain)] if text else []
            found += [(place, "".join(around)) for place in pattern.findall(text or "")]
    return tuple(found)


def _start_tag(element: Any) -> str:
    attributes = "".join(
        f' {name}="{escape(value)}"' for name, value in element.attrib.items() if name != "style"
    )
    return f"<{element.tag}{attributes}>"


def _premail(html: str, css: str) -> str:
    inliner = _premailer()(
        html,
        css_text=css,
        allow_network=False,
        allow_loading_external_files=False,
        strip_important=False,  # or the media queries lose against the attributes
        disable_validation=True,
        disable_basic_attributes=["width", "height"],  # or an image's width="300" becomes width="100%"
        align_floating_images=False,
    )
    with _quietly():
        inlined: str = inliner.transform(pretty_print=False)
    return inlined


def premailer_rules(css: str) -> tuple[list[tuple[tuple[int, ...], str, str]], list[Any]]:
    """What premailer makes of a style sheet: rules (rank, selector, declarations), and what no attribute can hold."""
    reader = _premailer()(strip_important=False, disable_validation=True)
    with _quietly():
        rules, leftover = reader._parse_style_rules(css, 0)
    return rules, leftover


@contextmanager
def _quietly() -> Iterator[None]:
    """One at a time, because cssutils is not safe for threads, and without its messages: `stylesheet` has better ones."""
    log = logging.getLogger("CSSUTILS")
    with _one_at_a_time:
        level = log.level
        log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            log.setLevel(level)


@cache
def _premailer() -> Any:
    """premailer's class, which remembers the rules of a style sheet: reading them takes longer than applying them.

    Imported here, because that takes a third of a second.
    """
    import cssutils
    import premailer

    class Inliner(premailer.Premailer):  # type: ignore[misc]
        remembered: ClassVar[dict[tuple[str, int], Any]] = {}

        def _parse_style_rules(self, css_body: str, ruleset_index: int) -> Any:
            key = (css_body, ruleset_index)
            if key not in self.remembered:
                if len(self.remembered) > 200:
                    self.remembered.clear()
                self.remembered[key] = super()._parse_style_rules(css_body, ruleset_index)
            return self.remembered[key]

        def _parse_css_string(self, css_body: str, validate: bool = False) -> Any:
            # allow_network=False does not keep cssutils from following @import; an empty answer does.
            return cssutils.CSSParser(validate=False, fetcher=lambda url: ("utf-8", b"")).parseString(
                css_body
            )

    return Inliner
