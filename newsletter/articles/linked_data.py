"""What a page states about itself in JSON-LD: the node that describes its post, with its references followed.

Publishers nest these statements in every way that JSON allows: one node, a list, a `@graph` whose nodes point at each
other by `@id`, several blocks, HTML entities in the strings, comment marks around the whole.  `post_node` finds the one
node that is about the post; `words`, `names` and `addresses` read a value whatever shape it has.

A block that is not JSON, even with trailing commas and comment marks taken off, says nothing.  Nothing raises.

Sources: JSON-LD 1.1 (w3.org/TR/json-ld11), schema.org/Article.  Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import unescape

from newsletter.articles.article import canonical_url, one_line

Node = dict[str, object]

#: Types of nodes that are a post; others only when their name ends in Article or Posting.
_POSTS = frozenset({"Recipe", "Review", "HowTo", "Report", "PodcastEpisode", "Chapter"})
_PAGES = frozenset({"WebPage", "ItemPage", "AboutPage", "FAQPage", "MedicalWebPage"})
_WRAPPING = re.compile(
    r"\A\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)+\s*|\s*(?:(?://|/\*)?\s*\]\]>(?:\s*\*/)?|-->|;)+\s*\Z"
)
_BETWEEN = re.compile(r"[\s,;]*")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
#: Markup in a stated text.  Only these: `List<String>` is a title.
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|cite|code|em|font|i|mark|s|small|span|strong|sub|sup|u|wbr)\b[^<>]*>", re.I
)
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|h[1-6]|ul|ol|li)\b[^<>]*>", re.I)
_MOST_NODES = 2000
_DEEPEST = 12


class LinkedData:
    """All nodes of a page's JSON-LD blocks, in order, and each by its `@id`."""

    def __init__(self, blocks: Iterable[str]) -> None:
        self._nodes: list[Node] = []
        self._by_id: dict[str, Node] = {}
        for block in blocks:
            for value in _parsed(block):
                self._collect(value, 0)

    def _collect(self, value: object, depth: int) -> None:
        if depth > _DEEPEST or len(self._nodes) >= _MOST_NODES:
            return
        if isinstance(value, list):
            for item in value:
                self._collect(item, depth + 1)
        elif isinstance(value, dict):
            if "@type" in value:
                self._nodes.append(value)
            if isinstance(name := value.get("@id"), str) and len(value) > 1:
                self._by_id.setdefault(name, value)
            for key in ("@graph", "mainEntity", "mainEntityOfPage"):
                self._collect(value.get(key), depth + 1)

    def post_node(self, urls: Iterable[str], titles: Iterable[str]) -> Node:
        """The node of the post that stands at one of `urls` or has one of `titles`; empty if no node is about it.

        A page that lists posts has many such nodes, and none of them is the page's own.
        """
        posts = [node for node in self._nodes if _is_post(node)]
        ours = {canonical_url(url) for url in urls} - {""}
        for node in posts:
            if ours & {canonical_url(url) for url in self._pages_of(node)}:
                return node
        wanted = {_bare(title) for title in titles} - {""}
        for node in posts:
            if any(
                _bare(title) in wanted for title in (*self.words(node, "headline"), *self.words(node, "name"))
            ):
                return node
        return posts[0] if len({id(node) for node in posts}) == 1 else {}

    def page_node(self) -> Node:
        """The node of the page itself; empty if there is none."""
        return next((node for node in self._nodes if _types(node) & _PAGES), {})

    def site_name(self, post: Node) -> str:
        """The name of the site or of the publisher of `post`; empty if it is not stated."""
        sites = [node for node in self._nodes if "WebSite" in _types(node)]
        stated = [
            self.names(post, "isPartOf"),
            *(self.words(site, "name") for site in sites),
            self.names(post, "publisher"),
        ]
        return next((names[0] for names in stated if names), "")

    def words(self, node: Node, key: str) -> list[str]:
        """The texts of a property, in plain text."""
        return [text for value in _listed(node.get(key)) if isinstance(value, str) and (text := plain(value))]

    def names(self, node: Node, key: str) -> list[str]:
        """The names of the persons or things of a property: texts, or nodes with a name."""
        return [name for value in self._followed(node.get(key)) for name in self._names_of(value)]

    def _names_of(self, value: object) -> list[str]:
        if isinstance(value, str):
            return [text] if (text := plain(value)) else []
        if not isinstance(value, dict):
            return []
        given = " ".join(self.words(value, "givenName")[:1] + self.words(value, "familyName")[:1])
        return self.words(value, "name")[:1] or ([given] if given else [])

    def addresses(self, node: Node, key: str) -> list[str]:
        """The addresses of a property: texts, or nodes with a `url`, `contentUrl` or `@id`."""
        found = []
        for value in self._followed(node.get(key)):
            if isinstance(value, dict):
                named = (value.get(name) for name in ("url", "contentUrl", "@id"))
                value = next((url for url in named if isinstance(url, str) and url), None)
            if isinstance(value, str) and value.strip():
                found.append(unescape(value).strip())
        return found

    def _pages_of(self, node: Node) -> list[str]:
        return [url for key in ("url", "mainEntityOfPage", "@id") for url in self.addresses(node, key)]

    def _followed(self, value: object) -> Iterator[object]:
        """The values of a property, with each reference replaced by the node that it refers to."""
        for item in _listed(value):
            if (
                isinstance(item, dict)
                and isinstance(name := item.get("@id"), str)
                and "name" not in item
                and "url" not in item
            ):
                yield self._by_id.get(name, item)
            else:
                yield item


def plain(text: str) -> str:
    """A stated text without markup, on one line.  Entities are resolved twice: generators escape what is escaped."""
    text = unescape(unescape(text[:20_000]))
    return one_line(_INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", text)))


def _parsed(block: str) -> list[object]:
    """The JSON values of one block; several may stand one behind the other."""
    text = _WRAPPING.sub("", _WRAPPING.sub("", block)).strip()
    for candidate in (text, _TRAILING_COMMA.sub(r"\1", text)):
        values: list[object] = []
        at = 0
        try:
            while at < len(candidate) and len(values) < _MOST_NODES:
                # strict=False: line feeds within strings, as templates leave them
                value, end = json.JSONDecoder(strict=False).raw_decode(candidate, at)
                values.append(value)
                at = _BETWEEN.match(candidate, end).end()  # type: ignore[union-attr]  # matches nothing, too
        except (ValueError, RecursionError):
            if not values:
                continue
        return values
    return []


def _listed(value: object) -> list[object]:
    if isinstance(value, dict) and "@list" in value:
        value = value["@list"]
    return value if isinstance(value, list) else [] if value is None else [value]


def _types(node: Node) -> set[str]:
    return {
        kind.rpartition("/")[2].rpartition(":")[2]
        for kind in _listed(node.get("@type"))
        if isinstance(kind, str)
    }


def _is_post(node: Node) -> bool:
    return any(
        kind in _POSTS or (kind.endswith(("Article", "Posting")) and kind != "JobPosting")
        for kind in _types(node)
    )


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
