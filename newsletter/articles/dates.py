"""A date as people and programs write it, in front matter and bylines, as one moment.

The whole text must be a date (`parse_date` does not search in prose), so a title that mentions a year stays a
title.  Month and weekday names may be English, German, French, Spanish, Italian, Portuguese or Dutch, in full
or shortened.  A time without a zone is UTC, a date without a time is its midnight.  What is ambiguous
(`01/02/2024`) or impossible is None: nothing is guessed, and the caller decides whether that is an error.

Pure: no clock.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, timezone

_MONTHS = (
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janner feber maerz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
)
_WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miercoles jueves viernes sabado domingo",
    "lunedi martedi mercoledi giovedi venerdi sabato domenica",
    "segunda-feira terca-feira quarta-feira quinta-feira sexta-feira sabado domingo",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
)
_PREPOSITIONS = frozenset({"on", "am", "den", "der", "le", "el", "il", "op", "em", "the"})

#: Zones that mail and blog software writes by name; others need a number.
_ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "cet": 1, "mez": 1, "cest": 2, "mesz": 2, "bst": 1, "west": 1,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "jst": 9,
}  # fmt: skip


def _month_numbers() -> dict[str, int]:
    """Every month name, and every start of one (three letters or more) that means one month only."""
    meanings: dict[str, set[int]] = {}
    for names in _MONTHS:
        for number, name in enumerate(names.split(), 1):
            for length in range(3, len(name) + 1):
                meanings.setdefault(name[:length], set()).add(number)
    return {name: min(numbers) for name, numbers in meanings.items() if len(numbers) == 1}


_MONTH_NUMBERS = _month_numbers()
#: What may stand before a date: a preposition, a weekday or its first letters.
_LEADS = _PREPOSITIONS | {
    name[:length] for names in _WEEKDAYS for name in names.split() for length in range(2, len(name) + 1)
}

_TIME = r"""
    (?: (?: T | ,?\s+ (?:at|um|alle|a\ las|a\ la|as|om|a)\s+ | \s*[,|@·-]\s* | \s+ )
        (?P<hour>\d{1,2}) (?: [:.h](?P<minute>\d{2}) (?: :(?P<second>\d{2}) (?:[.,]\d{1,9})? )? )?
        (?: \s* (?P<half>[ap])\.?m\b\.? )? (?: \s* (?:uhr|h|hrs)\b )?
        (?: \s* \(? (?P<zone> z | (?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})? | [a-z]{3,4} ) \)?
            (?: \s* \([^()]{1,50}\) )? )?
    )?
"""
_FORMS = tuple(
    re.compile(form + _TIME, re.IGNORECASE | re.VERBOSE)
    for form in (
        r"(?P<year>\d{4}) (?P<mark>[-/.]) (?P<month>\d{1,2}) (?P=mark) (?P<day>\d{1,2})",
        r"(?P<name>[a-z]{3,12})\.? \s+ (?P<day>\d{1,2}) (?:st|nd|rd|th)? (?:,\s*|\s+) (?P<year>\d{4})",
        r"(?P<day>\d{1,2}) (?:st|nd|rd|th|er|e|º|ª|°|\.)? [\s-]* (?:(?:de|of)\s+)? (?P<name>[a-z]{3,12})\.?"
        r" ,? [\s-]* (?:del?\s+)? (?P<year>\d{4})",
        r"(?P<day>\d{1,2}) \.\s? (?P<month>\d{1,2}) \.\s? (?P<year>\d{4})",
        r"(?P<first>\d{1,2}) / (?P<second_number>\d{1,2}) / (?P<year>\d{4})",
        r"(?P<year>\d{4}) \s?[年년]\s? (?P<month>\d{1,2}) \s?[月월]\s? (?P<day>\d{1,2}) \s?[日일]",
    )
)


def parse_date(text: str) -> datetime | None:
    """The moment that the whole of `text` names, with its own offset; None if it is not a date, or could be two."""
    if len(text) > 80:
        return None
    words = _plain(text)
    # "Mar 5, 2020" begins with a month, "mar. 5 mars 2020" with a weekday: first as it stands, then without.
    for candidate in (words, _without_lead(words)):
        for form in _FORMS:
            if match := form.fullmatch(candidate):
                return _moment({name: value for name, value in match.groupdict().items() if value})
    return None


def _without_lead(words: str) -> str:
    """`words` without the weekday, "on", "am", "le" before the date."""
    for _ in range(2):
        first, _space, rest = words.partition(" ")
        if first.rstrip(".,").casefold() not in _LEADS:
            break
        words = rest
    return words


def _plain(text: str) -> str:
    """`text` without accents, with single spaces: é is e, whichever way it is composed."""
    # Ideographs and Hangul must survive; only marks that combine with a Latin letter go.
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", bare).split()).strip(" .,")


def _moment(found: dict[str, str]) -> datetime | None:
    month, day = found.get("month", ""), found.get("day", "")
    if "name" in found:
        number = _MONTH_NUMBERS.get(found["name"].casefold())
        if number is None:
            return None
        month = str(number)
    elif (
        "first" in found
    ):  # 25/11/2019 can only be read one way; 5/11/2019 is May in one country, November in the next
        low, high = sorted((int(found["first"]), int(found["second_number"])))
        if high <= 12 and low != high:
            return None
        month, day = str(low), str(high)
    hour = int(found.get("hour", "0"))
    if "half" in found:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].casefold() == "p" else 0)
    elif "hour" in found and "minute" not in found:  # "3 May 2024 10" is not a time; "10 am" is
        return None
    zone = _zone(found.get("zone", "z"))
    year = int(found["year"])
    if zone is None or not 1000 < year < 9999:
        return None
    try:
        moment = datetime(
            year,
            int(month),
            int(day),
            hour,
            int(found.get("minute", "0")),
            min(59, int(found.get("second", "0"))),  # a leap second is the second before it
            tzinfo=zone,
        )
    except ValueError:
        return None
    return moment


def _zone(name: str) -> timezone | None:
    name = name.casefold()
    if name in _ZONES:
        return timezone(timedelta(hours=_ZONES[name]))
    match = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}?):?(\d{2})?", name)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > timedelta(hours=18):
        return None
    return timezone(-offset if match[1] == "-" else offset)
