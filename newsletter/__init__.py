"""The newsletter publisher: posts in, a responsive, checked email issue out, to every subscriber exactly once.

The words, each with one meaning:

publication  one newsletter: a folder with `newsletter.toml`, `templates/`, `issues/`
source       where posts come from: a feed, a folder of Markdown, HTML or text files, a web page, a pasted text
article      one post: id, title, url, author, published, summary, image, tags, language, safe HTML
issue        the editor's choice: which articles in which order, the subject, the words around them
theme        MJML and Jinja2 templates, `inline.css`, `head.css`, `theme.toml`
merge field  a place in the email that only the recipient fills
email        a built issue: subject, HTML, text, digest; still without a recipient
variant      the issue as one audience sees it
message      the bytes for one recipient
subscriber   one person on the list, with a standing: pending, confirmed, left, bounced, complained, erased
consent      how, when, where and to which words a person agreed
suppression  that an address, or a domain, is never mailed again
finding      what a check says: a stable code, a place in the sources, a hint
outbox       a Maildir: where messages go while no SMTP_URL is set

The packages stand in reading order, and each imports only what stands before it: errors, config, env, articles,
issues, store, subscribers, render, checks, sending, variant, checking, publication, workshop, dispatch, cli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.publication import Publication as Publication

__version__ = "0.1.0"
__all__ = ["Publication", "__version__"]


def __getattr__(name: str) -> Any:
    """`Publication`, imported when it is asked for: `newsletter --help` does not wait for it."""
    if name == "Publication":
        from newsletter.publication import Publication

        return Publication
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
