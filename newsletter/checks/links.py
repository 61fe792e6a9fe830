"""Where an issue's links lead: to nowhere, to a machine that no reader reaches, or not where their words say.

    E13x   a reader who clicks gets nothing: no address, a private one, one that no program opens
    W23x   it works, and harms: filters, programs that cut an address, a page that is not the public one

A link that the build had to take out (a relative one, `javascript:`) is an error in the file that has it: its words are in
the email, and lead nowhere.  Nobody is asked over the network; `online` does that.

Nothing here fails: whatever an address is, it is judged.  Pure.
Sources: RFC 2606 and RFC 6761 (names that lead nowhere), RFC 6068 (mailto), RFC 3966 (tel), RFC 3986.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from newsletter.articles.article import canonical_url
from newsletter.articles.link import absolute_url, host_of
from newsletter.articles.target import is_public
from newsletter.checks.finding import Finding
from newsletter.checks.parsed import document
from newsletter.checks.references import (
    Link,
    Origin,
    bare_addresses,
    left_brackets,
    links,
    lost_links,
    parts_of_address,
    place,
    shortened,
)
from newsletter.checks.subject import Subject

CODES: Mapping[str, str] = {
    "E130": "A link has no address: empty, or only #",
    "E131": "A link leads to this machine, a private network or a name that does not exist (localhost, 10.0.0.1, .local, .test)",
    "E132": "A link has no complete web address: it is relative, or its https:// is missing",
    "E133": "A link that no email program opens: javascript:, data:, a file on somebody's disk",
    "E134": "A link leads to a place within the email that is not there",
    "E135": "An email address or telephone number in a link is malformed",
    "E136": "A web address that cannot be one: no host, https:// twice, an impossible port",
    "W230": "A link leads to an http:// address, which is not encrypted",
    "W231": "Tracking parameters are there twice, or behind a second question mark",
    "W232": "An address is longer than 2,000 characters, and some programs cut it",
    "W233": "The same words lead to two different addresses",
    "W234": "A link goes through a URL shortener, which spam filters punish",
    "W235": "A link leads to a draft, a preview or a staging site",
    "W236": "A Markdown link with a space in its address, or an address that ends with one",
    "W237": "The words of a link are the address of another site than it leads to",
}

_LONGEST = 2000
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):")
_OPENED = frozenset({"http", "https", "mailto", "tel", "sms", "cid"})
_FILE = re.compile(r"(?:file:|[A-Za-z]:[\\/]|\\\\|~/|/(?:home|Users|Volumes|mnt|tmp|var)/)")
#: Endings of names that no name server knows.  RFC 2606, RFC 6761, RFC 6762, RFC 8375; and what is usual in offices.
_PRIVATE_ENDINGS = frozenset(
    "localhost local localdomain test example invalid internal intranet lan home corp private onion".split()
)
_NUMBER = r"(?:0x[0-9a-f]+|\d+)"
_NUMERIC_HOST = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})*", re.I)
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|msclkid|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi)\Z", re.I)
_SHORTENERS = frozenset(
    "bit.ly bitly.com j.mp tinyurl.com goo.gl ow.ly is.gd v.gd buff.ly rebrand.ly cutt.ly shorturl.at t.ly rb.gy tiny.cc"
    " bl.ink short.io soo.gd s.id shorte.st adf.ly clck.ru t.co dlvr.it ift.tt snip.ly lnkd.in trib.al x.co qr.ae u.to"
    " urlz.fr tiny.one t2m.io bc.vc po.st da.gd kurzelinks.de surl.li".split()
)
#: First labels of hosts that are for those who make a site; the second group only where the site is one's own.
_STAGING = re.compile(r"(?:.+-)?(?:staging|stage|stg|pre-?prod|uat|localdev)(?:-?\d+)?", re.I)
_OWN_STAGING = re.compile(r"(?:dev|test|testing|beta|qa|preview|sandbox|draft)\d*", re.I)
_TUNNEL = re.compile(
    r".+\.(?:ngrok(?:-free)?\.(?:app|dev|io)|trycloudflare\.com|loca\.lt|localtunnel\.me|gitpod\.io|(?:app|preview\.app)"
    r"\.github\.dev|webcontainer\.io)|deploy-preview-\d+--.+\.netlify\.app|.+-git-.+\.vercel\.app",
    re.I,
)
_DRAFT_PARAMETERS = frozenset({"preview_id", "preview_nonce"})
_MAILBOX = re.compile(
    r"[^\s@<>,;:\"()\[\]\\]+@(?:[^\s@<>,;:\"()\[\]\\&=?/.]+\.)+[^\s@<>,;:\"()\[\]\\&=?/.\d]{2,}"
)
_PHONE = re.compile(r"\+?[\d().*#-]{2,}(?:;[\w.=+-]+)*|[*#]\d+#?")
_STRAY_END = re.compile(r"(?:%20|%C2%A0|%E2%80%8[B-F]|%0[AD]|%09)+\Z", re.I)
_WORDS_ADDRESS = re.compile(
    r"(?:https?://|www\.)([^\s/?#:@]+\.[^\s/?#:@]{2,})(?:[:/?#]\S*)?|((?:[a-z0-9-]+\.)+[a-z]{2,})/\S*", re.I
)

#: What Markdown refuses to take for an address.
_NO_LINK = re.compile(r"\]\(\s*(?:file|javascript|vbscript|data):", re.I)
_ON_THE_WEB = "put the page or file on the web, and write its https:// address"

Problem = tuple[str, str, str]  # code, message, hint


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with where the links of `subject` lead."""
    found = links(subject)
    anchors = _anchors(subject)
    own = {host_of(subject.masthead.url), subject.sender.rpartition("@")[2].rstrip("> ").lower()} - {""}
    seen: set[Finding] = set()
    for link in (*lost_links(subject), *found, *_of_the_text(subject)):
        for code, message, hint in _problems(link, anchors, own):
            where = place(subject, link.origin, link.article_id, link.address.strip("#"), link.words)
            finding = Finding(code, where, message, hint)
            if finding not in seen:
                seen.add(finding)
                yield finding
    yield from _check_words(subject, found)
    for text, origin, article_id in left_brackets(subject):
        where = place(subject, origin, article_id, text.removeprefix("](").split()[0])
        shown = shortened(text.removeprefix("]"))
        if _NO_LINK.match(text):
            message = f"what is to lead to {shown} is no link, and opens nowhere: readers see the brackets"
            yield Finding("E133", where, message, _ON_THE_WEB)
        else:
            message = (
                f"what is to lead to {shown} is no link, because of the space in it: readers see the brackets"
            )
            yield Finding("W236", where, message, "write %20 for a space in an address, or take it out")


def _anchors(subject: Subject) -> frozenset[str]:
    """The places in the email to which a link can lead."""
    named = document(subject.html).xpath("//*[@id or @name]")
    return frozenset(
        value for element in named for value in (element.get("id"), element.get("name")) if value
    )


def _of_the_text(subject: Subject) -> Iterator[Link]:
    """The addresses that only the editor's own text part has."""
    for address in bare_addresses(subject):
        yield Link(address, "", Origin.TEXT)


def _problems(link: Link, anchors: frozenset[str], own: set[str]) -> Iterator[Problem]:
    """What is wrong with one link."""
    address = link.address.strip()
    name = f'the link "{shortened(link.words)}"' if link.words else "a link"
    scheme = _SCHEME.match(address)
    if address in ("", "#"):
        hint = "give it one, or take the link out; a merge field for an address needs a fallback"
        yield "E130", f"{name} has no address: a click does nothing", hint
    elif address.startswith("#"):
        if unquote(address[1:]) not in anchors:
            hint = (
                "write the whole address of a page; most email programs do not jump within a message anyway"
            )
            yield "E134", f"{name} leads to {address}, a place that is not in the email", hint
    elif _FILE.match(address) or (
        scheme and scheme[1].lower() not in _OPENED and not _is_host_and_port(address)
    ):
        message = f"{name} leads to {shortened(address)}, which no email program opens"
        yield "E133", message, _ON_THE_WEB
    elif not scheme or scheme[1].lower() not in _OPENED:
        message = f"{name} leads to {shortened(address)}, which is no complete web address"
        yield "E132", message, "write the whole address, with https:// and the name of the site"
    elif scheme[1].lower() in ("mailto", "tel", "sms"):
        yield from _problems_of_contact(name, scheme[1].lower(), address[scheme.end() :])
    elif scheme[1].lower() != "cid":
        yield from _problems_of_web(name, address, own)


def _is_host_and_port(address: str) -> bool:
    """Whether this is `example.com:8080/x`, whose host looks like a scheme."""
    return bool(re.match(r"(?:[\w-]+\.)+[\w-]+:\d+(?:/|\Z)|localhost:\d+", address))


def _problems_of_contact(name: str, scheme: str, rest: str) -> Iterator[Problem]:
    rest = unquote(rest)
    if scheme in ("tel", "sms"):
        number = re.sub(r"\s+", "", rest.partition("?")[0])
        if not _PHONE.fullmatch(number):
            message = f"{name} is to be called at {shortened(rest)!r}, which is no telephone number"
            yield "E135", message, "write tel:+ and the number with its country code, as in tel:+4930123456"
        return
    mailboxes, _, fields = rest.partition("?")
    wrong = [part for part in re.split(r"[,;]", mailboxes) if not _MAILBOX.fullmatch(part.strip())]
    if (mailboxes and wrong) or (not mailboxes and not fields):
        message = f"{name} writes to {shortened(mailboxes)!r}, which is no email address"
        yield "E135", message, "write mailto:name@example.com, and ?subject=... behind it if you like"


def _problems_of_web(name: str, address: str, own: set[str]) -> Iterator[Problem]:
    shown = shortened(address)
    if not absolute_url(address) or re.match(r"(?:https?:/*){2}|https?://https?(?:/|\Z)", address, re.I):
        yield (
            "E136",
            f"{name} leads to {shown}, which cannot be a web address",
            "copy it again from a browser",
        )
        return
    host, _ = parts_of_address(absolute_url(address))
    if why := why_private(host):
        message = f"{name} leads to {shown}: {why}, so no reader gets there"
        yield "E131", message, "write the public address of the page"
        return
    if address.lower().startswith("http:"):
        message = f"{name} leads to {shown}, which is not encrypted: programs and browsers warn of it"
        yield "W230", message, "write https://, if the site has it (nearly all do)"
    if len(address) > _LONGEST:
        message = f"{name} has an address of {len(address):,} characters, and some programs cut it"
        yield "W232", message, "take out parameters, or link to a page with a short address"
    if _STRAY_END.search(address):
        message = f"{name} leads to {shown}, which ends with a space that was copied along"
        yield "W236", message, "take the %20 (or the like) from its end"
    if host.removeprefix("www.") in _SHORTENERS:
        message = f"{name} hides where it leads behind {host}: spam filters punish that, and many readers do not click"
        yield "W234", message, "write the address that it leads to"
    if why := _why_draft(address, host, own):
        yield "W235", f"{name} leads to {shown}, which {why}", "write the public address of the page"
    if why := _doubled(address):
        yield "W231", f"{name} leads to {shown}: {why}", "keep one of each: counts of clicks come out wrong"


def why_private(host: str) -> str:
    """Why nobody elsewhere reaches `host`; empty if they can."""
    bare = host.strip("[]").rstrip(".")
    ending = bare.rpartition(".")[2]
    if bare == "localhost" or ending == "localhost":
        return "that is the machine on which it is read"
    if ":" in bare or _NUMERIC_HOST.fullmatch(bare):
        return "" if is_public(bare) else "that is an address within a private network"
    if bare.endswith(".home.arpa") or ending in _PRIVATE_ENDINGS and "." in bare:
        return f"names that end in .{ending} are not on the internet"
    return "" if "." in bare else "a name without a dot is known within one network only"


def _why_draft(address: str, host: str, own: set[str]) -> str:
    first, _, rest = host.partition(".")
    is_own = rest in {name.removeprefix("www.") for name in own}
    if rest.count(".") >= 1 and _STAGING.fullmatch(first) or (is_own and _OWN_STAGING.fullmatch(first)):
        return "looks like the site on which changes are tried"
    if _TUNNEL.fullmatch(host):
        return "is a preview that is soon gone"
    parts = urlsplit(address)
    parameters = dict(parse_qsl(parts.query))
    if parameters.get("preview") == "true" or _DRAFT_PARAMETERS & parameters.keys():
        return "is the preview of a draft"
    return "is for those who write the site" if re.search(r"/wp-admin(?:/|\Z)", parts.path) else ""


def _doubled(address: str) -> str:
    """What of the tracking parameters is there twice; empty if nothing is."""
    query = urlsplit(address).query
    counts = Counter(key.lower() for key, _ in parse_qsl(query, keep_blank_values=True))
    if twice := [key for key, count in counts.items() if count > 1 and _TRACKING.match(key)]:
        return f"{', '.join(twice)} is there {'twice' if counts[twice[0]] == 2 else 'several times'}"
    if any(_TRACKING.match(part.partition("=")[0]) for part in query.split("?")[1:]):
        return "behind the second ? nothing is understood, it should be &"
    if any(key.startswith("amp;") for key in counts):
        return "&amp;amp; was written where &amp; is meant in HTML, and & elsewhere"
    return ""


# --- words --------------------------------------------------------------------------------------------------


def _check_words(subject: Subject, found: list[Link]) -> Iterator[Finding]:
    """What the words of links promise, and where they lead."""
    by_words: dict[tuple[str, Origin, str], dict[str, Link]] = {}
    for link in found:
        if link.origin in (Origin.BODY, Origin.WORDS):
            key = " ".join(link.words.casefold().split()), link.origin, link.article_id
            by_words.setdefault(key, {}).setdefault(canonical_url(link.address) or link.address, link)
        if other := _other_site(link):
            where = place(subject, link.origin, link.article_id, link.address, link.words)
            message = f'the words of a link are "{shortened(link.words)}", and it leads to {other}: that is how phishing looks'
            yield Finding("W237", where, message, "let the words say what is there, or name the same site")
    for (words, origin, article_id), addresses in by_words.items():
        # Twice is a slip of copying; three times and more is a pattern of the text: "read the review", again and again.
        if len(addresses) == 2 and len(words.split()) > 1 and len(words) >= 12:
            first, second = addresses.values()
            where = place(subject, origin, article_id, second.address, second.words)
            message = f'"{shortened(second.words)}" leads to {shortened(first.address)} and to {shortened(second.address)}'
            yield Finding(
                "W233", where, message, "if one of them is a slip, mend it; otherwise say what differs"
            )


def _other_site(link: Link) -> str:
    """The site to which a link leads whose words are the address of another; empty if they are not."""
    named = _WORDS_ADDRESS.fullmatch(link.words.strip())
    host = host_of(link.address)
    if not named or not host:
        return ""
    said = host_of(f"https://{named[1] or named[2]}")
    is_same = said == host or said.endswith(f".{host}") or host.endswith(f".{said}")
    same_name = said.split(".")[-2:-1] == host.split(".")[-2:-1]
    return "" if is_same or same_name or not said else host
