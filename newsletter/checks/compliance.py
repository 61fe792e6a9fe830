"""What the law and the large mailbox providers ask of mail to many: a way out, an address, a sender that stands for it.

    E17x   no way out: no unsubscribe link in HTML or text, no List-Unsubscribe
    W27x   what costs trust or delivery: no postal address, a sender that nobody can answer, or a free mailbox

While the way out is an email (`mailto:`), one-click unsubscribing has nothing to post to and is not asked for; as soon
as List-Unsubscribe names an https address, it is.  Two domains are taken for one sender's if one is part of the other or
their last two labels are the same, which errs on the side of silence for co.uk.

Nothing here fails.  Pure.
Source: RFC 2369 and 8058; 15 USC 7704 (CAN-SPAM), CASL (SOR/2012-36), DDG section 5; Gmail's and Yahoo's sender
guidelines of 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from newsletter.checks.finding import Finding
from newsletter.checks.message import header_values
from newsletter.checks.parsed import document
from newsletter.checks.subject import Subject
from newsletter.render.merge import Context, Template

CODES: Mapping[str, str] = {
    "E170": "The HTML has no link to unsubscribe",
    "E171": "The text part has no link to unsubscribe",
    "E172": "The message has no List-Unsubscribe header",
    "W270": "List-Unsubscribe names a web address without one-click unsubscribing, or the other way round",
    "W271": "There is no postal address, or the theme does not show it",
    "W272": "The postal address is a placeholder",
    "W273": "Replies go to another domain than the sender's",
    "W274": "The sender is a mailbox at a free provider, whose DMARC policy keeps others from sending for it",
    "W275": "Nobody reads the answers: the sender is a no-reply address",
}

_CONFIG = "newsletter.toml"
_UNSUBSCRIBE = "unsubscribe_url"


def check(subject: Subject) -> Iterator[Finding]:
    """What is missing for mail to many."""
    yield from _check_way_out(subject)
    yield from _check_header(subject)
    yield from _check_postal_address(subject)
    yield from _check_sender(subject)


# --- the way out --------------------------------------------------------------------------------------------


def _has(template: Template, *contexts: Context) -> bool:
    return any(slot.field.name == _UNSUBSCRIBE and slot.context in contexts for slot in template.slots)


def _check_way_out(subject: Subject) -> Iterator[Finding]:
    """The merge field is asked for, and not words: those are in the reader's language and the theme's taste."""
    sources = subject.sources
    if not _has(subject.email.html, Context.LINK):
        message = (
            "the HTML has no link to unsubscribe: readers will report it as spam, and the law asks for one"
        )
        hint = 'in the theme\'s footer: <a href="{{ unsubscribe_url }}">Unsubscribe</a>'
        yield Finding("E170", sources.find(suffix="issue.mjml"), message, hint)
    if not _has(subject.email.text, Context.TEXT) and subject.text.strip():
        message = "the text part has no link to unsubscribe: readers without HTML find no way out"
        own = bool(subject.issue.text.strip())
        hint = f"in {'email.txt' if own else 'the text.txt of the theme'}: Unsubscribe: {{{{ unsubscribe_url }}}}"
        yield Finding("E171", sources.find(suffix="email.txt" if own else "text.txt"), message, hint)


def _check_header(subject: Subject) -> Iterator[Finding]:
    where = subject.sources.find(suffix=_CONFIG)
    ways = header_values(subject.message, "List-Unsubscribe")
    posts = header_values(subject.message, "List-Unsubscribe-Post")
    if not any("<" in way for way in ways):
        message = "the message has no List-Unsubscribe header: Gmail and Yahoo refuse bulk mail without it"
        hint = "it is made of reply_to or from: see that these are set"
        yield Finding("E172", where, message, hint)
        return
    has_web = any("<https:" in way.lower() for way in ways)
    if has_web != bool(posts):
        message = (
            "List-Unsubscribe names a web address without one-click unsubscribing: Gmail's own button does not show"
            if has_web
            else "one-click unsubscribing is announced, and List-Unsubscribe names no https address for it"
        )
        yield Finding("W270", where, message, "RFC 8058: an https address and List-Unsubscribe-Post together")


# --- the postal address -------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(
    r"\b(?:your|my|our)\s+(?:company|street|postal|mailing|physical|business|city|address|organi[sz]ation)\b"
    r"|\b12345?\s+(?:main|any|fake|sample|example)\s*(?:st\b|street)"
    r"|\b(?:street|address) line 1\b|\baddress here\b|\bstreet(?: address)?,\s*(?:city|zip|town)\b"
    r"|\bcity,\s*(?:state|zip|country)\b|[\[<{]\s*(?:address|street|postal|company|adresse)"
    r"|\bmuster(?:stra(?:ß|ss)e|stadt|firma|mann)\b|\b(?:ihre|deine)\s+(?:adresse|anschrift|stra(?:ß|ss)e)\b"
    r"|\bvotre\s+adresse\b|\b(?:su|tu)\s+direcci[oó]n\b|\btodo\b:?\s|\A\s*(?:todo|tk|xxx+|tbd|n/?a|none|-+|\.+)\s*\Z"
    r"|lorem ipsum|\bplaceholder\b|\{\{|%%|\*\|",
    re.I,
)


def _check_postal_address(subject: Subject) -> Iterator[Finding]:
    address = subject.masthead.postal_address
    where = subject.sources.find("postal_address", suffix=_CONFIG)
    if not address.strip():
        message = (
            "there is no postal address: the USA (CAN-SPAM) and Canada (CASL) ask for one in every newsletter, "
            "and so do the imprint laws of Germany, Austria and Switzerland"
        )
        yield Finding("W271", where, message, 'postal_address = "Name, street and number, city"')
        return
    if _PLACEHOLDER.search(address):
        message = f'the postal address "{address}" is a placeholder'
        yield Finding(
            "W272", where, message, "write the address at which the publisher can be reached by post"
        )
    for kind, shown, file in (
        ("HTML", document(subject.html).text_content(), "issue.mjml"),
        ("text part", subject.text, "text.txt"),
    ):
        if _bare(address) not in _bare(shown) and shown.strip():
            message = f"the {kind} does not show the postal address, which several laws ask for"
            place = subject.sources.find(
                suffix="email.txt" if kind != "HTML" and subject.issue.text else file
            )
            yield Finding("W271", place, message, "in the footer: {{ publication.postal_address }}")


def _bare(text: str) -> str:
    """`text` without what a line break or a template may change in it."""
    return re.sub(r"[\W_]+", "", text.casefold())


# --- the sender ---------------------------------------------------------------------------------------------

_MAILBOX = re.compile(r"([^\s<>\"@,;]+)@([^\s<>\"@,;]+?)\.?>?\s*\Z")
_NO_REPLY = re.compile(
    r"(?:no|not|never|nao|non|nie|kein|keine|geen|ne-?pas)[._-]?(?:re?ply|respond|repondre|responder|rispondere|antwort|antworten)"
    r"|do[._-]?not[._-]?(?:reply|respond)|(?:nicht|bitte-?nicht)[._-]?antworten|unmonitored|devnull",
    re.I,
)
#: Where anybody can have a mailbox, and whose DMARC policy, or their readers' filters, say that only they send for it.
_FREE = frozenset(
    (
        "gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.es yahoo.it yahoo.co.jp ymail.com"
        " rocketmail.com myyahoo.com aol.com aim.com hotmail.com hotmail.co.uk hotmail.de hotmail.fr hotmail.es hotmail.it"
        " outlook.com outlook.de outlook.fr outlook.es live.com live.de live.fr live.co.uk msn.com icloud.com me.com mac.com"
        " gmx.de gmx.net gmx.at gmx.ch gmx.com web.de freenet.de t-online.de arcor.de proton.me protonmail.com pm.me"
        " tutanota.com tuta.io mail.com mail.ru bk.ru list.ru inbox.ru yandex.ru yandex.com ya.ru rambler.ru zoho.com"
        " zohomail.com fastmail.com hey.com comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net orange.fr"
        " wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it alice.it wp.pl o2.pl onet.pl interia.pl"
        " seznam.cz centrum.cz abv.bg ukr.net uol.com.br bol.com.br terra.com.br qq.com 163.com 126.com sina.com foxmail.com"
        " naver.com daum.net hanmail.net rediffmail.com btinternet.com sky.com virginmedia.com bluewin.ch ziggo.nl telenet.be"
    ).split()
)


def _check_sender(subject: Subject) -> Iterator[Finding]:
    where = subject.sources.find(suffix=_CONFIG)
    at_from, at_reply = (_key(subject, name, where) for name in ("from", "reply_to"))
    sender, reply_to = _MAILBOX.search(subject.sender), _MAILBOX.search(subject.reply_to)
    if not sender:
        return
    domain = sender[2].lower()
    if domain in _FREE:
        message = f"the sender is at {domain}: a message from another server that names it goes to spam, or nowhere (DMARC)"
        hint = "send from a domain of your own, and put the free mailbox into reply_to"
        yield Finding("W274", at_from, message, hint)
    answered, place = (reply_to, at_reply) if reply_to else (sender, at_from)
    if _NO_REPLY.fullmatch(re.sub(r"[+].*", "", answered[1])):
        message = f"answers go to {answered[1]}@{answered[2]}, which says that nobody reads them"
        hint = "give a mailbox that somebody reads as reply_to: answers are the best sign that mail is wanted"
        yield Finding("W275", place, message, hint)
    elif reply_to and not _is_one_sender(domain, reply_to[2].lower()) and domain not in _FREE:
        message = f"mail comes from {domain}, and answers go to {reply_to[2]}: filters take that for phishing"
        yield Finding("W273", at_reply, message, f"use an address at {domain} for reply_to, if there is one")


def _key(subject: Subject, name: str, default: str) -> str:
    """`file:line` of a top-level key of newsletter.toml."""
    for file in subject.sources.files:
        if file.path.endswith(_CONFIG) and (
            match := re.search(rf"^[ \t]*{re.escape(name)}[ \t]*=", file.text, re.M)
        ):
            return f"{file.path}:{file.text.count(chr(10), 0, match.start()) + 1}"
    return default


def _is_one_sender(one: str, other: str) -> bool:
    one, other = one.rstrip("."), other.rstrip(".")
    is_part = one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
    return is_part or one.split(".")[-2:] == other.split(".")[-2:]
