"""A byline: who wrote a post and when, in the one line in which blogs say so.

    Written by A. Writer | Nov 25, 2019 11:17:54 PM        Posted by A. Writer on 3 May 2024
    By A. Writer, May 3rd, 2024                            A. Writer · May 3, 2024 · 5 min read
    Von A. Autorin am 3. Mai 2024                          Published May 3, 2024 by The editors
    Author: A. Writer                                      2024-05-03 | A. Writer

A line is taken for a byline only as a whole: each of its parts must be a name, a date, a reading time or the
like; up to two short parts that are none of these come back in `rest`.  A sentence that begins with "By" is
none.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.articles.dates import parse_date

_LONGEST = 200
_LONGEST_REST = 40


@dataclass(frozen=True, slots=True)
class Byline:
    """What a line says of a post; `rest` is what it says beside that, to be kept."""

    author: str = ""
    published: datetime | None = None
    title: str = ""
    rest: tuple[str, ...] = ()
    is_sure: bool = True  # False for a bare "By Name", which could be a title: "By Popular Demand"

    def __bool__(self) -> bool:
        """Whether it says anything: a line of nothing but reading time and comment counts does not."""
        return bool(self.author or self.published or self.title)


_SURE_BY = re.compile(
    r"(?:(?:written|posted|published|authored|words|story|a (?:post|story|guest post)|guest post) by"
    r"|(?:geschrieben|verfasst|veröffentlicht|gepostet|ein beitrag) von"
    r"|(?:écrit|publié|rédigé|posté) par|(?:escrito|publicado|posteado) por"
    r"|(?:scritto|pubblicato) da|(?:geschreven|geplaatst) door)[\s:]+",
    re.IGNORECASE,
)
_BY = re.compile(r"(?:by|von|par|por|di|da|door)\s*:?\s+", re.IGNORECASE)
_BY_WITHIN = re.compile(r"\s*,?\s+(?:by|von|par|por|di|da|door)\s+", re.IGNORECASE)
_LABEL = re.compile(
    r"""(?: (?P<title> title|titel|titre|título|titulo|titolo )
    | (?P<author> authors?|autor|autorin|auteur|autora|autore|by-?line|written\ by )
    | (?P<date> (?:(?:publication|publish|release)\ )?date|(?:published|posted)(?:\ on)?|datum|fecha|data )
    ) \s* : \s* (?P<value> \S.* )""",
    re.IGNORECASE | re.VERBOSE,
)
_DATE_LEAD = re.compile(
    r"""(?: (?:last\ )? (?:updated|modified|edited)
    | (?:first\ |originally\ )? (?:published|posted|written|created|date)
    | veröffentlicht|erstellt|aktualisiert|zuletzt\ geändert|publié|posté|mis\ à\ jour
    | publicado|escrito|actualizado|pubblicato|aggiornato|geplaatst|gepubliceerd|bijgewerkt
    )? (?: \s+ (?:on|at|am|le|el|em|il|op) )? \s* :? \s+""",
    re.IGNORECASE | re.VERBOSE,
)
_NOISE = re.compile(
    r"""(?: (?:reading\ time|read\ time|lesezeit|lesedauer|temps\ de\ lecture|tiempo\ de\ lectura
            |tempo\ di\ lettura|leestijd) \s* :? \s* )?
        (?: ca\.?\s* | about\s+ | ~\s* )? \d{1,3} \s* -? \s* (?:min(?:ute|uten|utes|utos?|uti)?|mins)\b\.?
        (?: \s* (?:read(?:ing)?(?:\ time)?|lesezeit|zu\ lesen|de\ lecture|de\ lectura|de\ leitura|di\ lettura
                |leestijd) )?
    | (?:\d{1,6}|no|keine|aucun) \s+
      (?:comments?|kommentare?|commentaires?|comentarios?|views?|likes?|shares?|claps?)
    | leave\ a\ comment | share(?:\ this)?(?:\ post)? | print | tweet""",
    re.IGNORECASE | re.VERBOSE,
)
_SEPARATOR = re.compile(r"\s*[|•·‧∙●]\s*|\s+[–—/-]\s+|\t+| {3,}")
_FRAME = " \t*_~()[]-–—"

_PARTICLES = frozenset(
    {
        "von",
        "van",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "du",
        "la",
        "le",
        "el",
        "al",
        "bin",
        "ibn",
    }
    | {"ter", "zu", "zur", "und", "and", "et", "y", "e", "with", "mit", "&", "the", "of", "for", "at"}
)
_TEAMS = frozenset(
    {"editor", "editors", "editorial", "team", "staff", "authors", "author", "newsroom", "board", "redaktion"}
)
#: What stands beside a date as often as a name does, and is none.
_SECTIONS = frozenset(
    {"news", "blog", "article", "articles", "update", "updates", "post", "posts", "home", "general", "press"}
)
#: Words that begin a sentence and no name, even with a capital.
_NO_NAMES = frozenset(
    {"the", "a", "an", "this", "that", "these", "how", "why", "what", "when", "it", "we", "i", "my", "our"}
    | {"hand", "us", "me", "accident"}
)


def parse_byline(line: str) -> Byline | None:
    """What `line` says of author and date; None if it is something else than a byline."""
    line = " ".join(line.strip(_FRAME).split(" "))
    if not line or len(line) > _LONGEST:
        return None
    if label := _LABEL.fullmatch(line):
        return _labelled(label)
    whole = _part(line)
    if whole is not None:
        return whole
    parts = [part for part in (piece.strip(_FRAME + ",") for piece in _SEPARATOR.split(line)) if part]
    return _joined(parts) if 1 < len(parts) <= 6 else None


def _labelled(label: re.Match[str]) -> Byline | None:
    value = label["value"].strip()
    if label["title"]:
        return Byline(title=value)
    if label["author"]:
        return Byline(author=value) if _is_name(value, loose=True) else None
    moment = parse_date(value)
    return Byline(published=moment) if moment else _part(value)


def _joined(parts: list[str]) -> Byline | None:
    """The parts of one line as one byline."""
    found, rest = Byline(), []
    for part in parts:
        known = _part(part)
        if known is None:
            rest.append(part)
            continue
        rest.extend(known.rest)
        found = replace(
            found,
            author=found.author or known.author,
            published=found.published or known.published,
            is_sure=found.is_sure and known.is_sure,
        )
    if found.published and not found.author:
        name = next((part for part in rest if _is_bare_name(part, is_first=part is parts[0])), "")
        if name:
            rest.remove(name)
            found = replace(found, author=name)
    is_sentence = any(len(part) > _LONGEST_REST or part[-1] in ".!?" for part in rest)
    if not found or len(rest) > 2 or is_sentence:
        return None
    return replace(found, rest=tuple(rest), is_sure=found.is_sure or bool(found.published))


def _part(text: str) -> Byline | None:
    """One part of a byline: a date, a name after "by", both, or what stands beside them."""
    if moment := _date(text):
        return Byline(published=moment)
    if _NOISE.fullmatch(text):
        return Byline()
    if sure := _SURE_BY.match(text):
        return _name_and_date(text[sure.end() :], loose=True)
    if by := _BY.match(text):
        found = _name_and_date(text[by.end() :], loose=False)
        return replace(found, is_sure=found.published is not None) if found else None
    for by in _BY_WITHIN.finditer(text):
        moment, name = _date(text[: by.start()]), text[by.end() :]
        if moment and _is_name(name, loose=True):
            return Byline(name.strip(), moment)
    for name, moment in _splits(text):
        if _is_bare_name(name, is_first=False):
            return Byline(name, moment)
        if len(name.split()) == 1 and _is_capital(name):
            return Byline(published=moment, rest=(name,))  # the town in which a letter is written
    return None


def _name_and_date(text: str, *, loose: bool) -> Byline | None:
    if _is_name(text, loose=loose):
        return Byline(text.strip())
    for name, moment in _splits(text):
        name, _in, section = name.partition(" in ")
        if _is_name(name, loose=True):
            return Byline(name, moment, rest=(section,) if section else ())
    return None


def _splits(text: str) -> Iterator[tuple[str, datetime]]:
    """Each way to read `text` as something followed by a date."""
    if not re.search(r"\d", text):
        return
    for gap in re.finditer(r"\s*[,(|]\s*|\s+(?:on|am|le|el|il|em|op)\s+|\s+", text):
        if moment := _date(text[gap.end() :].rstrip(")")):
            yield text[: gap.start()].rstrip(" ,-–—"), moment


def _date(text: str) -> datetime | None:
    lead = _DATE_LEAD.match(text)
    return parse_date(text) or (parse_date(text[lead.end() :]) if lead else None)


def _is_name(text: str, *, loose: bool) -> bool:
    """Whether `text` can be a name, or several; less is asked of it where a word before says so (`loose`)."""
    text = text.strip()
    words = text.replace(",", " ").split()
    if not words or len(text) > 80 or len(words) > 9 or re.search(r"[!?;:<>{}\"“”]|\.\.|https?:|\d{3}", text):
        return False
    if text.endswith(".") and len(words[-1]) > 4:  # a sentence; not "Jr.", not an initial
        return False
    if words[0].casefold() in _NO_NAMES:
        return len(words) <= 5 and words[-1].casefold() in _TEAMS
    if loose and len(words) <= 3:
        return True
    return all(word.casefold() in _PARTICLES or _is_capital(word) for word in words) and _is_capital(
        words[-1]
    )


def _is_capital(word: str) -> bool:
    """Whether `word` begins with a capital, or with a letter of a script without any."""
    letter = next((c for c in word if c.isalpha()), "")
    return word.startswith("@") or bool(letter and not letter.islower())


def _is_bare_name(text: str, *, is_first: bool) -> bool:
    """Whether `text` is a name where nothing but a date beside it says so."""
    words = text.split()
    if not 1 <= len(words) <= 5 or not _is_name(text, loose=False) or words[0].casefold() in _SECTIONS:
        return False
    return len(words) > 1 or is_first
