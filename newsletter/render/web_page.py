"""The issue as a page on the web: for everybody, with nobody's data.

What stands between `<!-- email only -->` and `<!-- /email only -->` in a theme (the ways to leave, the reason why
somebody gets this) is not on the page, and what stands between `<!-- web only -->` marks is not in the email.  The
page's head says to search engines which address is the original, and to those who share it what to show of it.

Pure.  Source: The Open Graph protocol, ogp.me; RFC 6596 (canonical links).
"""

from __future__ import annotations

import re
from html import escape

from newsletter.issues.issue import Issue

_EMAIL_ONLY = re.compile(r"<!--\s*email only\s*-->(.*?)<!--\s*/email only\s*-->", re.S)
_WEB_ONLY = re.compile(r"<!--\s*web only\s*-->(.*?)<!--\s*/web only\s*-->", re.S)
_HEAD = re.compile(r"<head\b[^>]*>", re.I)


def for_email(page: str) -> str:
    """`page` without what is for the web alone."""
    return _EMAIL_ONLY.sub(r"\1", _WEB_ONLY.sub("", page))


def for_web(page: str, head: str) -> str:
    """`page` without what is for a recipient alone, and with `head` in its head."""
    page = _WEB_ONLY.sub(r"\1", _EMAIL_ONLY.sub("", page))
    return _HEAD.sub(lambda found: found[0] + head, page, count=1)


def web_head(issue: Issue, *, title: str, description: str, site: str, address: str) -> str:
    """What the web page of `issue` says of itself.

    `title` and `description` are HTML (they may hold merge fields), `address` is that of the page, if it has one.  An
    issue of one post names the post's own address as the original.
    """
    original = issue.articles[0].url if len(issue.articles) == 1 else ""
    image = next(
        (
            article.image
            for article in issue.articles
            if article.image and article.image.url.startswith("http")
        ),
        None,
    )
    properties = {
        "og:type": "article",
        "og:site_name": escape(site),
        "og:title": title,
        "og:description": description,
        "og:url": escape(address),
        "og:image": escape(image.url) if image else "",
        "og:image:alt": escape(image.alt) if image else "",
        "article:published_time": issue.date.isoformat(),
    }
    lines = [f'<meta property="{name}" content="{value}">' for name, value in properties.items() if value]
    if description:
        lines.insert(0, f'<meta name="description" content="{description}">')
    if image:
        lines.append('<meta name="twitter:card" content="summary_large_image">')
    if original or address:
        lines.insert(0, f'<link rel="canonical" href="{escape(original or address)}">')
    return "".join(f"\n    {line}" for line in lines)
