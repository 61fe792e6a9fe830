"""Markdown as HTML: CommonMark with tables, strikethrough, footnotes, definition lists, task boxes and bare links.

Raw HTML in the Markdown comes through as it is, and so does everything else that a sanitiser has to judge: **the
result is not safe** until `articles.sanitize` has read it.  Footnotes keep their numbers but lead nowhere, because
most email programs cannot jump within a message; boxes of task lists become ☐ and ☑, because none shows a form.

Every text is Markdown: nothing fails.  Sources: the CommonMark specification 0.31, GitHub Flavored Markdown.  Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.articles.wording import find_links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

_BOX = re.compile(r"\[([ xX])\][ \t]+(?=\S)")


def render_markdown(text: str) -> str:
    """The HTML of `text`, not sanitised."""
    html: str = _parser().render(text)
    return html


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Imported here because it takes 60 ms, and most commands render nothing.
    from markdown_it import MarkdownIt
    from mdit_py_plugins.deflist import deflist_plugin
    from mdit_py_plugins.footnote import footnote_plugin

    # What is nested deeper than maxNesting is left out; the default of 20 would cost words of real posts.
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable(["table", "strikethrough"])
    parser.use(footnote_plugin).use(deflist_plugin)
    parser.core.ruler.push("task_boxes", _draw_boxes)
    parser.core.ruler.push("bare_links", _link_addresses)
    parser.add_render_rule("footnote_ref", _footnote_number)
    parser.add_render_rule("footnote_anchor", _nothing)
    return parser


def _draw_boxes(state: StateCore) -> None:
    """`[ ]` and `[x]` at the beginning of an item as the boxes they stand for."""
    tokens = state.tokens
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if item.type != "list_item_open" or paragraph.type != "paragraph_open" or not inline.children:
            continue
        first = inline.children[0]
        if first.type == "text" and (box := _BOX.match(first.content)):
            first.content = ("☐ " if box[1] == " " else "☑ ") + first.content[box.end() :]


def _link_addresses(state: StateCore) -> None:
    """Bare web and mail addresses in running text as links; not within links, code and HTML of the writer's own."""
    for token in state.tokens:
        if token.type != "inline" or not token.children or not re.search(r"://|www\.|@", token.content, re.I):
            continue
        within, children = 0, []
        for child in token.children:
            if child.type == "link_open" or (
                child.type == "html_inline" and re.match(r"<a\b", child.content, re.I)
            ):
                within += 1
            elif child.type == "link_close" or (
                child.type == "html_inline" and re.match(r"</a\b", child.content, re.I)
            ):
                within -= 1
            children += _linked(child) if child.type == "text" and within <= 0 else [child]
        token.children = children


def _linked(text: Token) -> list[Token]:
    """The text as text and links."""
    from markdown_it.token import Token

    tokens, at = [], 0
    for start, end, address in find_links(text.content):
        between, shown = (Token("text", "", 0, level=text.level) for _ in range(2))
        between.content, shown.content = text.content[at:start], text.content[start:end]
        link = Token("link_open", "a", 1, level=text.level, attrs={"href": address}, info="auto")
        tokens += [between, link, shown, Token("link_close", "a", -1, level=text.level, info="auto")]
        at = end
    rest = Token("text", "", 0, level=text.level)
    rest.content = text.content[at:]
    return [*tokens, rest]


def _footnote_number(
    _renderer: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f"<sup>[{tokens[at].meta['id'] + 1}]</sup>"


def _nothing(
    _renderer: RendererHTML, _tokens: Sequence[Token], _at: int, _options: OptionsDict, _env: EnvType
) -> str:
    return ""
