"""What note programs and Markdown's relatives write and CommonMark does not know, in CommonMark and HTML.

    Obsidian                 [[a note|words]]   ![[a.png|300]]   > [!tip] Title   ==marked==   %%a comment%%
    kramdown, Pandoc         {: .class}   ## Heading {#anchor}   ![](a.png){width=50%}   {:toc}
    MDX, Docusaurus, ...     import X from "y"   {/* a comment */}   :::note Title ... :::
    WordPress                [caption]...[/caption]   [embed]https://...[/embed]

Words stay; what only arranges them goes, and so do comments, which their writers meant for themselves.

Nothing fails.  Pure; the result is not sanitised.  Code has to be kept away from it: see `shortcodes`.

Sources: help.obsidian.md/syntax, kramdown.gettalong.org/syntax.html, pandoc.org/MANUAL.html, mdxjs.com,
docusaurus.io/docs/markdown-features/admonitions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?)\Z", re.IGNORECASE)


def translate_dialects(text: str) -> str:
    """`text`, which holds no code, in CommonMark and HTML."""
    for pattern, meaning in _DIALECTS:
        text = pattern.sub(meaning, text)
    return text


def _nothing(_found: re.Match[str]) -> str:
    return ""


def _first(found: re.Match[str]) -> str:
    return found[1]


def _embedded(found: re.Match[str]) -> str:
    """`![[a.png|300]]`: the picture in its size; of another file its name."""
    name, words = found[1].strip().removesuffix("\\"), (found[2] or "").strip()
    path = name.partition("#")[0]
    if not _PICTURE.search(path):
        return words or _note_name(name)
    size = re.fullmatch(r"(\d{1,4})(?:x\d{1,4})?", words)
    attribute = f' width="{size[1]}"' if size else ""
    return f'<img src="{escape(path)}" alt="{"" if size else escape(words)}"{attribute}>'


def _linked(found: re.Match[str]) -> str:
    """`[[a note|words]]`: its words; the note is not in the email."""
    return (found[2] or "").strip() or _note_name(found[1].removesuffix("\\"))


def _note_name(target: str) -> str:
    """A note's name as Obsidian shows it, without its folder."""
    page, _, heading = target.strip().partition("#")
    page, heading = page.rpartition("/")[2].strip().removesuffix(".md"), heading.lstrip("#^").strip()
    return f"{page}: {heading}" if page and heading else page or heading or target


def _callout(found: re.Match[str]) -> str:
    """`> [!tip] Title`: the title as the first paragraph of the quotation."""
    quote, kind, title = found[1], found[2], found[3].strip()
    return f"{quote}**{title or kind.replace('-', ' ').capitalize()}**\n{quote.rstrip()}"


def _container(found: re.Match[str]) -> str:
    """`:::tip Title`: the title as a paragraph."""
    title = " ".join((found[1] or found[2] or "").split())
    return f"\n**{title}**\n" if title else ""


def _heading(found: re.Match[str]) -> str:
    return found[1].rstrip()


_Meaning = Callable[[re.Match[str]], str]
_DIALECTS: tuple[tuple[re.Pattern[str], _Meaning], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), meaning)
    for pattern, meaning in (
        # comments
        (r"(?<!\S)%%[^%]{1,5000}%%(?!\S)", _nothing),
        (r"\{/\*(?:(?!\*/\}|\{/\*)[\s\S]){0,5000}\*/\}", _nothing),
        (r"\{::comment\}(?:(?!\{:[/:])[\s\S]){0,5000}\{:/(?:comment)?\}", _nothing),
        # modules
        (
            r"^import\s+(?:[\w*{},\s$]{1,200}\sfrom\s+)?(?:\"[^\"'\n]{1,200}\"|'[^\"'\n]{1,200}');?[ \t]*$",
            _nothing,
        ),
        (r"^export\s+(?:(?:const|let|var)\s+\w+\s*=|default\s+function\b)[^\n]*(?:\n[^\n]+)*", _nothing),
        # tables of contents
        (r"^[ \t]*(?:[-*+]|1\.)[ \t]+[^\n]{1,60}\n[ \t]*\{:[ \t]*toc\b[^}\n]{0,100}\}", _nothing),
        (r"^(?:\[{1,2}_?(?:TOC|toc)_?\]{1,2}|<!-- ?toc ?-->|\$\{toc\})[ \t]*$", _nothing),
        # attributes
        (r"\{:[ \t]*(?:[.#][A-Za-z]|[A-Za-z][\w-]*=|toc\b|refdef\b|footnotes\b)[^}\n]{0,200}\}", _nothing),
        (r"\{::(?:nomarkdown|options)\b[^}\n]{0,100}\}|\{:/(?:nomarkdown)?\}", _nothing),
        (r"^(#{1,6}[ \t][^\n{]*)\{[#.][A-Za-z][^{}\n]{0,200}\}[ \t]*#*[ \t]*$", _heading),
        (r"(?<=\))\{[ ]?(?:[.#][A-Za-z]|[A-Za-z-]+=)[^{}\n]{0,150}\}", _nothing),
        # links and pictures
        (r"!\[\[([^\[\]\n|]{1,300})(?:\|([^\[\]\n]{0,300}))?\]\]", _embedded),
        (
            r"(?<![\w\])!\[])\[\[(?![\s\d]*\]\]|\s)([^\[\]\n|]{1,300})(?:\|([^\[\]\n]{1,300}))?\]\](?![(\[])",
            _linked,
        ),
        (
            r"\[embed[^\]\n]{0,100}\]\s{0,5}(https?://[^\s\[\]<>]{1,500})\s{0,5}\[/embed\]",
            lambda found: f"<{found[1]}>",
        ),
        (r"\[caption\b[^\]\n]{0,300}\]((?:(?!\[/?caption\b)[\s\S]){0,3000})\[/caption\]", _first),
        # marks and boxes
        (
            r"(?<![=\w])==(?=[^\s=])([^=\n]{1,500})(?<=\S)==(?![=\w])",
            lambda found: f"<mark>{found[1]}</mark>",
        ),
        (r"^((?:[ \t]*>)+[ \t]*)\[!([\w-]{1,40})\][+-]?[ \t]*([^\n]*)$", _callout),
        (
            r"^[ \t]*:{3,}[ \t]*(?:[\w-]+[ \t]*)?(?:\[([^\]\n]*)\])?(?:\{[^}\n]*\})?([^\n:{}]*):*[ \t]*$",
            _container,
        ),
    )
)
