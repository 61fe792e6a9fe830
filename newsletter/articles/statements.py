"""What a page stated, read as what it means: a title without the site, names, a moment, a language.

Nothing is guessed: what cannot be read gives an empty value.  Nothing raises.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from newsletter.articles.article import canonical_url
from newsletter.articles.dates import parse_date
from newsletter.articles.link import host_of
from newsletter.articles.linked_data import plain

MOST_TAGS = 30
#: What stands between title and site.  An underscore does on Chinese pages only.
SEPARATOR = r"\s*(?:\s[-~/]\s|[|·•»«‹›–—｜]|(?<=[\u3040-\u9fff])[-_]|[-_](?=[\u3040-\u9fff]))\s*"
_SUMMARY_LENGTH = 300
_BYLINE = re.compile(
    r"(?:(?:written|posted|published|words)\s+)?(?:by|von|par|por|di|door|av|af|autor|author|作者|文|автор)(?:\s*[:：／/]\s*|\s+)",
    re.I,
)
_NO_NAME = re.compile(
    r"(?:\W*|admin(?:istrator)?|root|author|guest|unknown|none|null|undefined|webmaster|https?:.*|@\S+)\Z",
    re.I | re.S,
)
_MAIL = re.compile(r"[(<]?\b[^\s@<>()]+@[^\s@<>()]+\.\w+[)>]?")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_.@].*)?\Z")


def without_site(title: str, site: str) -> str:
    """`title` without the name of the site before or behind it."""
    if not site or letters(title) == letters(site):
        return title
    name = re.escape(site)
    for pattern in (rf"{SEPARATOR}{name}\Z", rf"\A{name}(?:{SEPARATOR}|\s*[:：]\s*)"):
        shorter = re.sub(pattern, "", title, flags=re.I)
        if shorter.strip() and shorter != title:
            return shorter.strip()
    return title


def is_same_title(heading: str, stated: str) -> bool:
    """Whether a visible heading is the stated title: the same letters, or one the cut-off beginning of the other."""
    one, other = letters(heading), letters(stated)
    if one == other:
        return bool(one)
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 20 and longer.startswith(shorter)


def letters(text: str) -> str:
    """The letters and digits of `text` alone, for comparing."""
    return re.sub(r"[\W_]+", "", text).casefold()


def is_plausible(canonical: str, here: str, *, agreed: bool) -> bool:
    """Whether a page found at `here` may say that its address is `canonical`.

    Templates that state the home page, or a developer's machine, on every page are common; so are posts that say
    truthfully that they were first published elsewhere.
    """
    host = host_of(canonical)
    if (
        "." not in host
        or host.endswith((".localhost", ".local", ".test", ".invalid"))
        or re.fullmatch(r"[\d.]+", host)
    ):
        return False
    if not here:
        return True
    if path(canonical) == "/" and path(here) != "/":
        return False
    if canonical_url(canonical) == canonical_url(here) or is_same_site(host, host_of(here)):
        return True
    slug = path(here).rstrip("/").rpartition("/")[2]
    return agreed or (len(slug) > 3 and slug in canonical) or host in here


def is_same_site(one: str, other: str) -> bool:
    """Whether the hosts are equal, or one is below the other, or both below the same (`m.` and `www.` and `blog.`)."""
    one, other = (host.removeprefix("m.").removeprefix("amp.") for host in (one, other))
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def path(url: str) -> str:
    """The path of `url`, for comparing."""
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return "/"


def names(texts: Iterable[str]) -> list[str]:
    """Names of authors, each once, without "By", mail addresses and what is no name."""
    names: dict[str, str] = {}
    for text in texts:
        name = (
            _BYLINE.sub("", _MAIL.sub("", plain(text)), count=1)
            if _BYLINE.match(plain(text))
            else _MAIL.sub("", plain(text))
        )
        name = name.strip(" ,;·|-–—()")
        if not _NO_NAME.match(name) and len(name) <= 100:
            names.setdefault(name.casefold(), name)
    return list(names.values())


def joined(names: list[str]) -> str:
    """Names as a sentence lists them: "A, B and C"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def moment(text: str) -> datetime | None:
    """The stated moment, in its own zone, else UTC.  What generators write for "no date" is None."""
    text = re.sub(r"\[[\w/+-]+\]\Z", "", text.strip())
    try:
        moment = datetime.fromisoformat(text) if re.match(r"\d{4}-?\d\d-?\d\d", text) else None
    except ValueError:
        moment = None
    moment = moment or parse_date(text)
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # the first year of Go, the epoch of Unix, and moments whose UTC would be in no calendar
    if not 1500 < moment.year < 9999 or (moment.year, moment.month, moment.day) == (1970, 1, 1):
        return None
    return moment


def shortened(text: str) -> str:
    """A summary of 300 characters at most, cut at a word."""
    if len(text) <= _SUMMARY_LENGTH:
        return text
    cut = text[: _SUMMARY_LENGTH - 1]
    return f"{(cut.rpartition(' ')[0] if ' ' in cut[200:] else cut).rstrip(' ,;:.-–—')}…"


def pixels(texts: list[str]) -> int | None:
    """The first whole number of pixels, None if there is none."""
    return int(texts[0]) if texts and re.fullmatch(r"[1-9]\d{0,4}", texts[0], re.A) else None


def tags(texts: list[str]) -> tuple[str, ...]:
    """Each tag once, as it was first written; a list in one text is split."""
    tags: dict[str, str] = {}
    for text in texts:
        for part in re.split(r"[,;，、；]", text):
            tag = part.strip(" #\"'[]")
            if tag and len(tag) <= 60:
                tags.setdefault(tag.casefold(), tag)
    return tuple(tags.values())[:MOST_TAGS]


def language(text: str) -> str:
    """A BCP 47 tag in its usual spelling; empty if it is none."""
    found = _LANGUAGE.match(text.strip())
    if not found or found[1].lower() in ("und", "mul", "zxx"):
        return ""
    parts = (found[1].lower(), (found[2] or "").title(), (found[3] or "").upper())
    return "-".join(filter(None, parts))
