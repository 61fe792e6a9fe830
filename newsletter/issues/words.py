"""The editor's own words around the articles: Markdown in which merge fields may stand, also as addresses of links.

    [leave]({{ unsubscribe_url }})                            a whole address
    [your page](https://example.com/?e={{ subscriber.email }})   a part of one

To Markdown an address ends at a space, so the spaces go out of a merge field that touches one; the sanitiser, which
drops what is no address, is told that these words are the editor's.  Which names there are is not known here:
`render.merge` fills them, and takes out the links that lead to any other.

Every text is right: nothing fails.  Pure.
"""

from __future__ import annotations

import re

from newsletter.articles.markdown import render_markdown
from newsletter.articles.sanitize import sanitize

#: A merge field right behind a bracket, a quote or a part of an address, or behind the name of a reference.
_WITHIN_ADDRESS = re.compile(r"(?:(?<=[^\s{}|])|(?<=\]: ))\{\{[ \t]*([a-z][a-z0-9_.]*)[ \t]*\}\}")


def words_html(markdown: str) -> str:
    """The editor's Markdown as HTML that is safe for email, with its merge fields as they were written."""
    return sanitize(render_markdown(_WITHIN_ADDRESS.sub(r"{{\1}}", markdown)), merge_links=True)
