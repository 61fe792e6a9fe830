"""What an issue says: the lines in the inbox, what was left unfinished, what was said before.

    E15x   unfinished beyond doubt: placeholders in the editor's words or the theme, no subject, no words, no text part
    W25x   what may be meant so: length and tone of subject and preheader, old years, repetitions

An article is somebody's text about anything, also about templates: in its code and preformatted text nothing is a
placeholder, and in its prose it is a warning.  The words by which an attachment is announced are known in a dozen
languages; where a language is not known, nothing is said.

Nothing here fails: what cannot be read is not a finding.  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from urllib.parse import unquote

from newsletter.articles.article import canonical_url, content_digest, one_line, text_of
from newsletter.checks.finding import Finding
from newsletter.checks.parsed import document
from newsletter.checks.subject import Subject
from newsletter.render.columns import columns
from newsletter.render.merge import Context, Fields

CODES: Mapping[str, str] = {
    "E150": "A placeholder was left in the editor's words, in the subject or preheader, or in the theme",
    "E151": "The text part is empty",
    "E152": "The issue has neither articles nor words",
    "E153": "The subject is empty",
    "W250": "What looks like a placeholder: in an article, or a word that may be meant (TK, TODO, XXX)",
    "W251": "A copyright year that is over",
    "W252": "The editor announces an attachment, and there is none",
    "W253": "An article was in an earlier issue",
    "W254": "The same article is there twice",
    "W255": "The subject or headline says the same twice, or the preheader repeats the subject",
    "W256": "A merge field without a fallback: nothing stands there for readers of whom it is not known",
    "W257": "The subject is shorter than 10 or longer than 78 characters",
    "W258": "There is no preheader, or it is shorter than 40 or longer than 130 characters",
    "W259": "The subject or preheader shouts: capitals, exclamation marks",
}

SUBJECT_LENGTHS = (10, 78)
PREHEADER_LENGTHS = (40, 130)


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with what `subject` says."""
    yield from _check_inbox(subject)
    yield from _check_presence(subject)
    yield from _check_placeholders(subject)
    yield from _check_years(subject)
    yield from _check_attachment(subject)
    yield from _check_articles(subject)
    yield from _check_fallbacks(subject)


# --- the inbox: subject and preheader -----------------------------------------------------------------------

_EMOJI = (
    "[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_ONE_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f?\u20e3")
_MARKS = re.compile("!{2,}|[!¡！]{2,}|(?:[!！][^!！]*){3}")


def characters(text: str) -> int:
    """How many characters a reader sees: an emoji or an accented letter is one, a Chinese or Japanese one is two.

    Those are as wide as two, and say as much.
    """
    plain = _ONE_EMOJI.sub("x", unicodedata.normalize("NFC", text))
    return columns("".join(character for character in plain if unicodedata.category(character) != "Mc"))


def _filled(text: str) -> str:
    """The editor's `text` on one line, its merge fields with their fallbacks."""
    fields = Fields([text])
    return one_line(fields.split(fields.written(text), Context.TEXT).fill({}))


def _check_inbox(subject: Subject) -> Iterator[Finding]:
    """The two lines by which a reader decides."""
    line, preheader = one_line(subject.email.subject.fill({})), _filled(subject.issue.preheader)
    at_subject, at_preheader = subject.sources.key("subject"), subject.sources.key("preheader")
    low, high = SUBJECT_LENGTHS
    if not line:
        yield Finding("E153", at_subject, "the subject is empty", "subject: What this issue is about")
    elif (length := characters(line)) < low:
        hint = f"say what is in the issue, in {low} to {high} characters"
        yield Finding("W257", at_subject, f"the subject has {_count(length)}, which says little", hint)
    elif length > high:
        hint = "put the words that count first: phones show about 40 characters"
        yield Finding(
            "W257", at_subject, f"the subject has {_count(length)}, and inboxes cut it at about {high}", hint
        )
    low, high = PREHEADER_LENGTHS
    if not preheader:
        message = "there is no preheader: inboxes show the email's first words beside the subject instead"
        hint = f"preheader: what else is in the issue, in {low} to {high} characters"
        yield Finding("W258", at_preheader, message, hint)
    elif (length := characters(preheader)) < low:
        message = f"the preheader has {_count(length)}: inboxes fill the line up with the email's first words"
        yield Finding("W258", at_preheader, message, f"write {low} to {high} characters")
    elif length > high:
        message = f"the preheader has {_count(length)}, and no inbox shows more than about {high}"
        yield Finding("W258", at_preheader, message, "put the words that count first, and cut the rest")
    for name, text, where in (("subject", line, at_subject), ("preheader", preheader, at_preheader)):
        if why := _shouts(text):
            hint = "write it as you would say it: spam filters and readers take it for advertising"
            yield Finding("W259", where, f"the {name} {why}", hint)
    yield from _check_repetition(subject, line, preheader)


def _check_repetition(subject: Subject, line: str, preheader: str) -> Iterator[Finding]:
    title = _filled(subject.issue.title)
    for name, text in (("subject", line), ("title", title)):
        if _is_doubled(text) and not (name == "title" and text == line):
            yield Finding(
                "W255", subject.sources.key(name), f"the {name} says the same twice", "take one out"
            )
    if preheader and _folded(preheader).startswith(_folded(line)) and len(_folded(line)) >= 8:
        message = "the preheader repeats the subject: the inbox shows the same words twice in a row"
        hint = "say in the preheader what the subject does not"
        yield Finding("W255", subject.sources.key("preheader"), message, hint)


def _shouts(text: str) -> str:
    """How `text` shouts; empty if it does not."""
    cased = [character for character in text if character.lower() != character.upper()]
    if len(cased) >= 10 and len(text.split()) > 1 and all(character.isupper() for character in cased):
        return "is all in capitals"
    return "has many exclamation marks" if _MARKS.search(text) else ""


def _folded(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _is_doubled(text: str) -> bool:
    """Whether `text` is two times the same, of two words at least: "bora bora" is an island."""
    words = _folded(text).split()
    half = len(words) // 2
    return half >= 2 and len(words) % 2 == 0 and words[:half] == words[half:]


def _count(number: int) -> str:
    return "1 character" if number == 1 else f"{number} characters"


# --- is there anything --------------------------------------------------------------------------------------


def _check_presence(subject: Subject) -> Iterator[Finding]:
    issue, sources = subject.issue, subject.sources
    if not issue.articles and not any(text_of(words) for words in (issue.opening, issue.closing)):
        hint = "name articles in issue.md, or write below its second ---"
        yield Finding("E152", sources.issue, "the issue has neither articles nor words", hint)
    if not subject.text.strip():
        message = "the text part is empty: readers without HTML, watches and screen readers get a blank page"
        hint = "give the theme a text.txt (the package's themes have one), or the issue an email.txt"
        yield Finding("E151", sources.find(suffix="text.txt"), message, hint)


# --- placeholders -------------------------------------------------------------------------------------------

#: What nobody leaves on purpose.
_CERTAIN = re.compile(
    r"(?P<braces>\{\{[^{}\n]{0,80}\}{0,2}|\{%[^{}\n]{0,80}(?:%\})?)"
    r"|(?i:\blorem\s+ipsum\b)|\bTKTK(?:TK)*\b"
    r"|\[\s*(?:INSERT|Insert|insert)\b[^\]\n]{0,60}\]?|\[YOUR [A-Z ]{2,40}\]"
    # Markdown makes emphasis of the stars.
    r"|\*\|[A-Z0-9_:]{2,40}\|\*|(?<!\S)\|[A-Z][A-Z0-9_:]{3,40}\|(?![\w|])|%%[A-Za-z][\w .-]{0,40}%%"
)
#: What may be a word or a name.
_POSSIBLE = re.compile(r"(?<![\w.@/#-])(?:TK|TODO|FIXME|XXX)(?![\w@/-]|\.\w)")
_CODE_TAG = re.compile(r"<(/?)(?:code|pre|kbd|samp|tt)\b[^<>]*>", re.I)
_ADDRESS = re.compile(r"\bhref=\"([^\"]*)\"")
_COMMENT = re.compile(r"\{#.*?#\}|<!--(?!\[if).*?-->", re.S)
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.S)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_INVISIBLE = re.compile(r"<(style|mj-style|mj-attributes)\b.*?</\1\s*>|<[^<>]*>", re.S)

_FILL_IN = "fill it in, or take it out"
_KNOWN_FIELDS = (
    'merge fields are {{ subscriber.first_name | fallback("reader") }}, {{ unsubscribe_url }}, '
    "{{ preferences_url }} and {{ web_url }}"
)


def _placeholders(text: str) -> Iterator[tuple[str, bool]]:
    """The placeholders in a plain text, each once, and whether they are so beyond doubt."""
    seen: set[str] = set()
    for pattern in (_CERTAIN, _POSSIBLE):
        for match in pattern.finditer(text):
            if match[0] not in seen and (pattern is _CERTAIN or not _is_shouted(match)):
                seen.add(match[0])
                yield match[0], pattern is _CERTAIN


def _is_shouted(match: re.Match[str]) -> bool:
    """Whether a word in capitals is one among others, as in "TODO ES POSIBLE"; "TODO: EVERYTHING" is none."""
    start, end = match.span()
    if match.string[end : end + 1] in (":", "]", ")"):
        return False
    beside = match.string[max(0, start - 40) : start].split()[-1:] + match.string[end : end + 40].split()[:1]
    words = [word.strip(".,:;!?¡¿\"'") for word in beside]
    return any(word.isupper() and len(word) > 1 and not _POSSIBLE.fullmatch(word) for word in words)


def _prose(html: str) -> str:
    """The words of sanitised HTML that are no code."""
    kept: list[str] = []
    depth = end = 0
    for tag in _CODE_TAG.finditer(html):
        if not depth:
            kept.append(html[end : tag.start()])
        depth = max(0, depth - 1 if tag[1] else depth + 1)
        end = tag.end()
    return text_of(" ".join(kept if depth else [*kept, html[end:]]))


def _check_placeholders(subject: Subject) -> Iterator[Finding]:
    issue, sources = subject.issue, subject.sources
    fields = Fields([issue.subject, issue.title, issue.preheader, issue.opening, issue.closing, issue.text])
    for name in ("subject", "title", "preheader"):
        if name == "title" and issue.title == issue.subject:
            continue
        for found, certain in _placeholders(fields.written(getattr(issue, name))):
            yield _left(found, f"the {name}", sources.key(name), certain=certain)
    for words in (issue.opening, issue.closing):
        for found, certain in _placeholders(_prose(fields.written_html(words))):
            yield _left(found, "the editor's words", _place_of_words(subject, found), certain=certain)
        for address in _unfilled_addresses(fields, words):
            where = _place_of_words(subject, address)
            message = f"a link leads to {address}, which is no merge field: it will be no link"
            yield Finding("E150", where, message, _KNOWN_FIELDS)
    for found, certain in _placeholders(fields.written(issue.text)):
        where = sources.find(found, suffix="email.txt")
        yield _left(found, "the editor's text part", where, certain=certain)
    yield from _check_article_placeholders(subject)
    yield from _check_theme_placeholders(subject)


def _left(found: str, place: str, where: str, *, certain: bool) -> Finding:
    if certain:
        hint = _KNOWN_FIELDS if found.startswith("{{") else _FILL_IN
        return Finding("E150", where, f"{found} was left in {place}: readers will see it", hint)
    return Finding("W250", where, f"{found} in {place} looks like a placeholder", _FILL_IN)


def _place_of_words(subject: Subject, piece: str) -> str:
    """Where in issue.md `piece` of the editor's words stands, which Markdown may have changed a little."""
    file = subject.sources.files[0]
    head = re.match(r"---[^\n]*\n.*?\n---[^\n]*\n", file.text, re.S)
    start = head.end() if head else 0
    for form in dict.fromkeys((piece, piece.strip(" {}"), piece.split()[0] if piece.split() else "")):
        at = file.text.find(form, start) if form else -1
        if at >= 0:
            return f"{file.path}:{file.text.count(chr(10), 0, at) + 1}"
    return file.path


def _unfilled_addresses(fields: Fields, html: str) -> Iterator[str]:
    """What stands in the addresses of links like a merge field and is none."""
    for address in _ADDRESS.findall(html):
        for found in _CERTAIN.finditer(fields.written(unquote(unescape(address)))):
            if found["braces"]:
                yield found[0]


def _check_article_placeholders(subject: Subject) -> Iterator[Finding]:
    shown = f"{document(subject.html).text_content()}\n{subject.text}"
    for article in subject.issue.articles:
        body = text_of(article.html)
        summary = "" if body and one_line(article.summary)[:40] in body else article.summary
        for text in (article.title, _prose(article.html), summary):
            for found, _ in _placeholders(text):
                if found.split()[0] in shown:
                    where = subject.sources.find(found, article_id=article.id)
                    message = f"{found} in an article looks like a placeholder"
                    hint = "if it is meant, leave it; in code it is not asked about"
                    yield Finding("W250", where, message, hint)


def _check_theme_placeholders(subject: Subject) -> Iterator[Finding]:
    """What is written in the theme's files or settings and is also in the email."""
    shown = f"{document(subject.html).text_content()}\n{subject.text}"
    for name, text, where in _theme_texts(subject):
        for found, certain in _placeholders(text):
            if found.split()[0] in shown:
                place = where or subject.sources.find(found, suffix=name)
                yield _left(found, "the theme", place, certain=certain)


def _theme_texts(subject: Subject) -> Iterator[tuple[str, str, str]]:
    """The name and the literal words of each template, and of each setting with its place."""
    for file in subject.theme.files:
        if file.name.endswith((".mjml", ".txt")):
            pieces = _RAW.split(_COMMENT.sub(" ", file.text))
            literal = [piece if odd % 2 else _JINJA.sub(" ", piece) for odd, piece in enumerate(pieces)]
            yield file.name, unescape(_INVISIBLE.sub(" ", " ".join(literal))), ""
    for key, value in subject.theme.settings:
        if isinstance(value, str):
            yield ".toml", value, subject.sources.find(value, key, suffix=".toml")


# --- what grows old -----------------------------------------------------------------------------------------

_YEAR = re.compile(
    r"(?:(?:©|&copy;|&#169;|\([cC]\))[^\n<>{}0-9]{0,60}|\b[Cc]opyright\s+(?:by\s+)?)"
    r"(?:(?:19|20)\d\d\s*(?:-|–|—|&ndash;|to|bis)\s*)?((?:19|20)\d\d)\b(?!\s*(?:-|–|—|&ndash;|to)\s*[\w{])"
)


def _check_years(subject: Subject) -> Iterator[Finding]:
    """Old years in the theme, which its footer has most often, and in the editor's words."""
    for name, text, where in _theme_texts(subject):
        for match in _YEAR.finditer(text):
            place = where or subject.sources.find(match[0], match[1], suffix=name)
            yield from _old_year(match, subject, place)
    for words in (subject.issue.opening, subject.issue.closing, subject.issue.text):
        for match in _YEAR.finditer(text_of(words)):
            yield from _old_year(match, subject, subject.sources.find(match[0], match[1]))


def _old_year(match: re.Match[str], subject: Subject, where: str) -> Iterator[Finding]:
    if int(match[1]) < subject.today.year:
        message = f"the copyright year is {match[1]}, and it is {subject.today.year}"
        yield Finding("W251", where, message, f"write {subject.today.year}, or leave the year out")


# --- attachments --------------------------------------------------------------------------------------------

#: Announcements, not mere words: "no strings attached", "the building attached to it", "Anhang des Buches" are none.
_ATTACHED = re.compile(
    r"\b(?:(?:please (?:find|see)|(?:I|we) have|(?:I|we)['’]ve|see(?: the)?|find) attached(?! to)"
    r"|attached (?:is|are|you(?: will|['’]ll)? find|please find|to this (?:e-?mail|message|letter))"
    r"|(?:the|an) attached (?:file|document|pdf|form|picture|photo|spreadsheet|flyer)s?"
    r"|(?:is|are) attached(?=\s*[.,;:!)]|\s*\Z)|in the attachment|see attachment|as an attachment"
    r"|im (?:Anhang|Attachment)(?! (?:des|der|zu|zur|zum|von|an)\b)|anbei|als Anhang|angehängte[nrs]? (?:Datei|Dokument|PDF)"
    r"|ci-jointe?s?|en pi[eè]ces? jointes?"
    r"|(?:archivos?|documentos?|ficheros?) adjuntos?|le adjunt(?:o|amos)|te adjunt(?:o|amos)|se adjunta"
    r"|in allegato|si allegan?o?\b|file allegat[oi]"
    r"|in de bijlage|als bijlage|bijgevoegde? (?:bestand|document|pdf)"
    r"|segue(?:m)? (?:em )?anexo|em anexo|(?:arquivos?|ficheiros?) (?:em )?anexos?"
    r"|w załączniku|w załączeniu|i bilagan|bifogad(?:e)? (?:fil|dokument)|bifogat dokument"
    r"|vedhæftede? (?:fil|dokument)|som vedlegg|i vedlegget|vedlagte? (?:fil|dokument)"
    r"|во вложении|в приложении к (?:этому )?письму|прикрепл[её]нн\w+ файл\w*)"
    r"|添付(?:ファイル|の(?:資料|文書)|しま|いたしま)|见附件|請見附件|附件中|في المرفقات|مرفق طيه",
    re.I,
)


def _check_attachment(subject: Subject) -> Iterator[Finding]:
    """Only the editor's own words: an article speaks of other letters."""
    if re.search(rb"^Content-Disposition:[ \t]*attachment", subject.message, re.I | re.M):
        return
    for words in (subject.issue.opening, subject.issue.closing, subject.issue.text):
        if match := _ATTACHED.search(text_of(words)):
            message = f'"{match[0]}", but an issue has no attachments: readers will look for one'
            yield Finding(
                "W252",
                _place_of_words(subject, match[0]),
                message,
                "put the file on the web and link to it",
            )


# --- articles -----------------------------------------------------------------------------------------------


def _check_articles(subject: Subject) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for article in subject.issue.articles:
        where, name = subject.sources.article(article.id), article.title or article.id
        if earlier := subject.earlier.get(article.id):
            message = f'"{name}" was already in the issue {earlier}'
            yield Finding("W253", where, message, "take it out of articles in issue.md, if it is not meant")
        marks = [
            mark
            for mark in (canonical_url(article.url), text_of(article.html) and content_digest(article))
            if mark
        ]
        twin = next((seen[mark] for mark in marks if mark in seen), None)
        if twin is not None:
            hint = "take one of the two out of articles in issue.md"
            yield Finding("W254", where, f'"{name}" is the same article as "{twin}"', hint)
        for mark in marks:
            seen.setdefault(mark, name)


# --- merge fields -------------------------------------------------------------------------------------------


def _check_fallbacks(subject: Subject) -> Iterator[Finding]:
    """What every subscriber has needs no fallback: the address and the links."""
    templates = (subject.email.subject, subject.email.html, subject.email.text)
    names = dict.fromkeys(
        slot.field.name
        for template in templates
        for slot in template.slots
        if slot.field.name.startswith("subscriber.") and not slot.field.fallback
    )
    for name in names:
        if name != "subscriber.email":
            message = f"{{{{ {name} }}}} has no fallback: readers of whom it is not known see a gap"
            hint = f'write {{{{ {name} | fallback("reader") }}}}'
            yield Finding("W256", _place_of_field(subject, name), message, hint)


def _place_of_field(subject: Subject, name: str) -> str:
    """Where the merge field `name` is written without a fallback."""
    bare = re.compile(rf"\{{\{{-?\s*{re.escape(name)}\s*-?\}}\}}")
    for file in subject.sources.files:
        if not file.article_id and (match := bare.search(file.text)):
            return f"{file.path}:{file.text.count(chr(10), 0, match.start()) + 1}"
    return subject.sources.find(name)
