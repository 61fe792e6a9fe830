"""The words within a line of plain text: escaped, with addresses as links, `code` and **bold**.

Only signs that cannot mean anything else are read: `[words](https://...)`, `<https://...>`, web and mail
addresses without the punctuation around them, text between backticks, text between two pairs of
asterisks.  A single * or _ stays what it is.  Nothing is lost and nothing fails.  Pure; the result is not
sanitised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_LINK = r"(?:https?://|www\.)[^\s<>\"“”„«»]{1,2000}"
_EMAIL = (
    r"(?<![\w.+%/@-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@-])"
)
_BARE = re.compile(rf"(?<![\w/@.-])(?P<url>{_LINK})|(?P<email>{_EMAIL})", re.IGNORECASE)
_INLINE = re.compile(
    rf"(?P<ticks>`+)(?!`)(?P<code>.{{1,500}}?)(?<!`)(?P=ticks)(?!`)"
    rf"|\[(?P<label>[^\[\]]{{1,300}})\]\((?P<target>https?://[^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)*)\)"
    rf"|<(?P<angle>https?://[^\s<>]+)>"
    rf"|\*\*(?=\S)(?P<bold>[^*]{{1,300}}?)(?<=\S)\*\*"
    rf"|{_BARE.pattern}",
    re.IGNORECASE,
)


def find_links(text: str) -> Iterator[tuple[int, int, str]]:
    """Each bare web or mail address in `text`: start, end, and where a link should lead."""
    for match in _BARE.finditer(text):
        shown = _without_tail(match[0])
        if _is_link(shown):
            yield match.start(), match.start() + len(shown), _href(shown)


def inline_html(text: str) -> str:
    """The words of a line, escaped, with their links, `code` and **bold**."""
    html, at = [], 0
    for match in _INLINE.finditer(text):
        html.append(escape(text[at : match.start()], quote=False))
        shown, at = match[0], match.end()
        if match["code"]:
            html.append(f"<code>{escape(match['code'].strip(), quote=False)}</code>")
        elif match["label"]:
            html.append(f'<a href="{escape(match["target"])}">{escape(match["label"], quote=False)}</a>')
        elif match["bold"]:
            html.append(f"<strong>{inline_html(match['bold'])}</strong>")
        elif match["angle"]:
            html.append(_link(match["angle"]))
        else:
            shown = _without_tail(shown)
            at = match.start() + len(shown)
            html.append(_link(shown) if _is_link(shown) else escape(shown, quote=False))
    return "".join([*html, escape(text[at:], quote=False)])


def _link(address: str) -> str:
    return f'<a href="{escape(_href(address))}">{escape(address, quote=False)}</a>'


def _href(address: str) -> str:
    if "://" in address:
        return address
    return f"https://{address}" if address[:4].lower() == "www." else f"mailto:{address}"


def _without_tail(address: str) -> str:
    """`address` without the punctuation of the sentence around it; brackets that it opened are its own."""
    while address:
        last = address[-1]
        opening = {")": "(", "]": "[", "}": "{"}.get(last)
        if opening and address.count(last) <= address.count(opening):
            break
        if not opening and last not in ".,;:!?'’‘*_…»”、。，；：！？）］」』":
            break
        address = address[:-1]
    return address


def _is_link(address: str) -> bool:
    """Whether there is a host after `https://` or `www.`."""
    return bool(re.match(r"(?:https?://[^\W_]|www\.[^\W_][\w-]*\.\w|[^/:]+@)", address, re.IGNORECASE))
