"""Merge fields: the places in an email that only the recipient fills.

In a template `{{ subscriber.first_name | fallback("there") }}`, `{{ unsubscribe_url }}`, `{{ preferences_url }}` and
`{{ web_url }}` render to sentinels made of letters and digits, which pass unharmed through MJML, premailer and
URLs.  After the build the HTML, the text and the subject are split at them once (`split`), and a message is a join
of constant pieces and escaped values (`Template.fill`).  In the editor's own words, too, they are merge fields
(`written`); in an article they are words like others.

The guarantees:
- A value is escaped for the place where it stands (HTML text, attribute, URL, plain text, header), so a subscriber's
  field is data: never markup, a template or a header break.  Where no escaping helps (style sheets, scripts,
  comments, names) the build fails.
- A sentinel that a filter bent or that something on the way dropped fails the build (`check_printed`, `check_kept`).
- No text from outside can pose as a sentinel, because its digits occur in nothing that goes into the build.

Pure: no clock, no disk, no network.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import count
from operator import itemgetter
from typing import NoReturn
from urllib.parse import quote, unquote

from newsletter.articles.article import one_line
from newsletter.articles.sanitize import is_safe_url
from newsletter.errors import ThemeError

#: The links that every recipient has; the name of a merge field is one of these or `subscriber.ATTRIBUTE`.
LINKS = ("unsubscribe_url", "preferences_url", "web_url")

#: The editor's own words may hold merge fields: this is all of the template language that they know.  The quotes may
#: have become entities or typographic ones on the way.
_WRITTEN = (
    r"\{\{\s*(?:subscriber\.(?P<attribute>[a-z][a-z0-9_]*)|(?P<link>" + "|".join(LINKS) + r"))\s*"
    r"(?:\|\s*fallback\(\s*(?P<quote>[\"'\u2018-\u201f\xab\xbb]|&(?:quot|\#34|\#39|\#x27);)"
    r"(?P<words>[^{}<>]*?)(?:(?P=quote)|[\u2018-\u201f\xab\xbb])\s*\)\s*)?\}\}"
)
_WRITTEN_FIELD = re.compile(_WRITTEN)
#: `[words]({{ unsubscribe_url }})`: to Markdown that is no link, because of the spaces.
_WRITTEN_LINK = re.compile(
    r"\[((?:[^\[\]<>]|<(em|strong|code|s)>[^\[\]<>]*</\2>)+)\]\((\{\{\s*(?:"
    + "|".join(LINKS)
    + r")\s*\}\})\)"
)

#: In sanitised HTML: the address of a link, and a link to something that is no address.
_ADDRESS = re.compile(r"(<a\b[^<>]*?\shref=\")([^\"]*)")
_NO_LINK = re.compile(r"<a\b[^<>]*?\shref=\"\{\{[^<>]*>(.*?)</a>", re.S)
_ENCODED_FIELD = re.compile(r"%7B%7B(?:(?!%7[BD]).)*%7D%7D", re.I)

_PLAINLY = "print it plainly: no filter but fallback(), and no variable that is changed or left unused"


class Context(StrEnum):
    """Where a merge field stands, and so how its value is escaped."""

    TEXT = "plain text"
    HEADER = "header"
    HTML = "HTML text"
    ATTRIBUTE = "attribute"
    LINK = "whole URL"  # the value is the URL, or its beginning
    URL = "part of a URL"


@dataclass(frozen=True, slots=True)
class Field:
    """A merge field: its name, and what stands there for a recipient who has no such value."""

    name: str
    fallback: str = ""  # plain text on one line


@dataclass(frozen=True, slots=True)
class Slot:
    """A merge field at its place."""

    field: Field
    context: Context


@dataclass(frozen=True, slots=True)
class Template:
    """Constant pieces and slots, in order."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots alone, in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    def map(self, change: Callable[[str], str]) -> Template:
        """The same with every constant piece changed."""
        return Template(tuple(change(part) if isinstance(part, str) else part for part in self.parts))

    def fill(self, values: Mapping[str, str]) -> str:
        """The text for one recipient; `values` maps names of merge fields to raw values."""
        return "".join(part if isinstance(part, str) else escape(part, values) for part in self.parts)


def escape(slot: Slot, values: Mapping[str, str]) -> str:
    """The value of `slot.field`, or its fallback, escaped for its context."""
    value = one_line(values.get(slot.field.name, "")) or slot.field.fallback
    match slot.context:
        case Context.TEXT | Context.HEADER:
            return value
        case Context.URL:
            return quote(value, safe="")
        case Context.LINK:
            return next((html.escape(url) for url in (value, slot.field.fallback) if is_safe_url(url)), "")
        case Context.HTML | Context.ATTRIBUTE:
            return html.escape(value)


def _decoded_fields(address: str) -> str:
    """An address with the merge fields in it as they were written, not percent-encoded."""

    def decoded(found: re.Match[str]) -> str:
        written = html.escape(unquote(html.unescape(found[0])))
        return written if _WRITTEN_FIELD.fullmatch(written) else found[0]

    return _ENCODED_FIELD.sub(decoded, address)


class Mark:
    """What a merge field is while a template runs: it can be printed and given a fallback, and nothing else.

    Its value is not known before the message is composed, so a condition, a comparison or a loop on it is a mistake,
    and says so.
    """

    __slots__ = ("_field", "_fields")

    def __init__(self, fields: Fields, field: Field) -> None:
        self._fields = fields
        self._field = field

    def __str__(self) -> str:
        return self._fields.print(self._field)

    __html__ = __str__

    def fallback(self, words: str) -> Mark:
        """The same merge field with `words` for recipients who have no value."""
        if not isinstance(words, str):
            raise ThemeError(
                "fallback() takes a text", hint='{{ subscriber.first_name | fallback("there") }}'
            )
        plain = html.unescape(words) if hasattr(words, "__html__") else words  # Markup is escaped already
        return Mark(self._fields, Field(self._field.name, one_line(plain)))

    def _refuse(self, *_: object) -> NoReturn:
        raise ThemeError(
            f"{{{{ {self._field.name} }}}} is filled for each recipient, after the build: "
            "a template can print it, not ask about it or count with it",
            hint='for a missing value write {{ NAME | fallback("words") }}',
        )

    # No __iter__: urlencode would take a merge field for a list.  A loop asks for __getitem__ instead.
    __bool__ = __len__ = __call__ = __contains__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __getitem__ = __int__ = __float__ = __index__ = (
        _refuse
    )
    __eq__ = __ne__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class Subscriber:
    """`subscriber` in a template: any attribute is a merge field."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Mark:
        if name.startswith("_"):
            raise AttributeError(name)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ThemeError(
                f"a subscriber has no attribute {name!r}", hint="names are made of a-z, 0-9 and _"
            )
        return Mark(self._fields, Field(f"subscriber.{name}"))

    def _refuse(self, *_: object) -> NoReturn:
        raise ThemeError(
            "{{ subscriber }} has no text of its own", hint="name an attribute: {{ subscriber.first_name }}"
        )

    __str__ = __html__ = __bool__ = __iter__ = _refuse


#: All bytes but digits and NUL: deleting them is much faster than finding the digits.
_NO_DIGITS = bytes(set(range(256)) - set(b"\x000123456789"))


def stamp(texts: Iterable[str]) -> str:
    """Eight digits that occur in none of `texts`, whatever is taken out between them (tags, for the text part).

    The first such number: an edit leaves it as it was, and what was built before can be used again.
    """
    whole = "\0".join(texts).encode("utf-8", "surrogatepass")
    digits = whole.translate(None, _NO_DIGITS).decode()
    return next(number for number in map("{:08d}".format, count()) if number not in digits)


class Fields:
    """The merge fields of one build: which sentinel stands for which, and how often each was printed."""

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        """`inputs` are all texts that go into the build: none of them holds a sentinel."""
        self._prefix = f"NLM{stamp(inputs)}"
        # A letter of each case: no filter that changes the case leaves a sentinel as it is.
        self._pattern = re.compile(self._prefix + r"z(\d+)Q")
        self._fields: list[Field] = []
        self._sentinels: dict[Field, str] = {}
        self._printed: Counter[str] = Counter()

    def sentinel(self, field: Field) -> str:
        """The sentinel of `field`."""
        if field not in self._sentinels:
            self._sentinels[field] = f"{self._prefix}z{len(self._fields)}Q"
            self._fields.append(field)
        return self._sentinels[field]

    def print(self, field: Field) -> str:
        """The sentinel of `field`, counted: `check_printed` expects it in what the template makes."""
        self._printed[self.sentinel(field)] += 1
        return self.sentinel(field)

    def mark(self, name: str) -> Mark:
        """The merge field `name`, for a template."""
        return Mark(self, Field(name))

    def written(self, text: str) -> str:
        """The editor's `text`, plain or HTML, with its merge fields as sentinels; other braces are left alone."""

        def sentinel(match: re.Match[str]) -> str:
            name = match["link"] or f"subscriber.{match['attribute']}"
            return self.sentinel(Field(name, one_line(html.unescape(match["words"] or ""))))

        return _WRITTEN_FIELD.sub(sentinel, text)

    def written_html(self, source: str) -> str:
        """The editor's sanitised HTML with its merge fields as sentinels.

        They may stand in the address of a link, percent-encoded or not; a link that leads to a merge field which
        there is not is left as its words.  `[leave]({{ unsubscribe_url }})` in plain text becomes a link, too.
        """
        source = _WRITTEN_LINK.sub(r'<a href="\3">\1</a>', source)
        source = self.written(_ADDRESS.sub(lambda found: found[1] + _decoded_fields(found[2]), source))
        return _NO_LINK.sub(r"\1", source)

    def count(self, text: str) -> Counter[str]:
        """How often each sentinel is in `text`."""
        return Counter(match[0] for match in self._pattern.finditer(text))

    def check_printed(self, text: str, *, where: str) -> None:
        """Raises ThemeError, if `text`, fresh from its template, holds a sentinel bent, or less often than printed."""
        printed, self._printed = self._printed, Counter()
        found = self.count(text)
        for sentinel in printed:
            if found[sentinel] < printed[sentinel]:
                raise self._bent(sentinel, "was changed or dropped by the template", where)
        if text.upper().count(self._prefix) != found.total():
            raise ThemeError("a merge field was changed by the template", where=where, hint=_PLAINLY)

    def check_kept(self, before: Counter[str], text: str, *, where: str) -> None:
        """Raises ThemeError, if `text` does not hold each sentinel as often as `before`."""
        found = self.count(text)
        for sentinel in before | found:
            if found[sentinel] != before[sentinel]:
                what = f"stood there {before[sentinel]} times, and {found[sentinel]} times after the styles"
                raise self._bent(sentinel, what, where)

    def _bent(self, sentinel: str, what: str, where: str) -> ThemeError:
        name = next((field.name for field, known in self._sentinels.items() if known == sentinel), "?")
        return ThemeError(f"the merge field {{{{ {name} }}}} {what}", where=where, hint=_PLAINLY)

    def split(self, text: str, context: Context) -> Template:
        """`text` of one `context` (TEXT or HEADER) as a Template."""
        return self._template(text, lambda _field, _start, _end: context)

    def split_html(self, source: str, *, where: str) -> Template:
        """An HTML document as a Template; every merge field gets the context in which it stands.

        Raises ThemeError, if one stands in a style sheet, a comment or a tag or attribute name.
        """
        places = Places(source)

        def context(field: Field, start: int, end: int) -> Context:
            found = places.context(start, end)
            if found is None:
                raise ThemeError(
                    f"the merge field {{{{ {field.name} }}}} stands where no text of a recipient can stand",
                    where=where,
                    hint="merge fields belong into text and attribute values, not into styles, comments or names",
                )
            return found

        return self._template(source, context)

    def _template(self, text: str, context: Callable[[Field, int, int], Context]) -> Template:
        parts: list[str | Slot] = []
        end = 0
        for match in self._pattern.finditer(text):
            if int(match[1]) >= len(self._fields):
                continue
            if match.start() > end:
                parts.append(text[end : match.start()])
            field = self._fields[int(match[1])]
            parts.append(Slot(field, context(field, match.start(), match.end())))
            end = match.end()
        if end < len(text):
            parts.append(text[end:])
        return Template(tuple(parts))


#: What is not text in HTML.  The content of a conditional comment is HTML to Outlook, so its ends alone count.
_MARKUP = re.compile(
    r"<!--\[if[^\]]*\]>(?:<!-->)?|<!\[endif\](?:--)?>|<!--.*?(?:-->|\Z)|<!doctype[^>]*>"
    r"|<(style|script)\b.*?(?:</\1\s*>|\Z)"
    r"|</?[A-Za-z](?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>",
    re.S | re.I,
)
_VALUE = re.compile(r"([^\s=\"'<>/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
#: Attributes whose value is a URL.  HTML, section "Attributes"; `background` is the table attribute of old.
_URL_ATTRIBUTES = {
    "href",
    "src",
    "action",
    "background",
    "cite",
    "formaction",
    "poster",
    "longdesc",
    "srcset",
}
#: Attributes whose value is another language, in which escaping for HTML protects nothing; with all `on...`.
_CODE_ATTRIBUTES = {"style", "srcdoc"}


@lru_cache(maxsize=8)
def _markup(source: str) -> tuple[tuple[int, int], ...]:
    """Where the tags and comments of an HTML document are: the same page is asked for again after an edit."""
    return tuple(match.span() for match in _MARKUP.finditer(source))


class Places:
    """An HTML document's tags: where a position stands in it."""

    def __init__(self, source: str) -> None:
        self._spans = _markup(source)
        self._source = source

    def context(self, start: int, end: int) -> Context | None:
        """The context of `source[start:end]`; None where no value can stand."""
        before = bisect_right(self._spans, start, key=itemgetter(0)) - 1
        open_at, close_at = self._spans[before] if before >= 0 else (0, 0)
        if close_at <= start:
            return Context.HTML
        tag = self._source[open_at:close_at]
        if re.match(r"<(?:[!/]|(?:style|script)\b)", tag, re.I):
            return None
        for value in _VALUE.finditer(tag):
            low, high = (open_at + offset for offset in value.span(2 if value[2] is not None else 3))
            if low <= start and end <= high:
                return self._in_attribute(value[1].lower(), self._source[low:start])
        return None

    def _in_attribute(self, name: str, before: str) -> Context | None:
        if name in _CODE_ATTRIBUTES or name.startswith("on"):
            return None
        if name.removeprefix("xlink:") not in _URL_ATTRIBUTES:
            return Context.ATTRIBUTE
        return Context.URL if before.strip() else Context.LINK
