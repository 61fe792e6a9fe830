"""How heavy an email is, as the reader with the longest data gets it: its HTML, its pictures, the whole message.

Gmail shows the first 102 kB of the HTML and hides the rest behind "[Message clipped]", the unsubscribe link too.  Who is
told that the HTML is too large is also told which articles are the heaviest: an article weighs what the parts of the
page weigh in which nothing but this article stands.

Pure.  Source: hteumeuleu/email-bugs, issue 41 (Gmail clips); Postfix, message_size_limit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from newsletter.articles.article import one_line, text_of
from newsletter.checks.cascade import looks
from newsletter.checks.finding import Finding
from newsletter.checks.parsed import document
from newsletter.checks.style_rules import style_texts
from newsletter.checks.subject import Subject

CODES: Mapping[str, str] = {
    "E120": "the HTML is larger than Gmail shows (102 kB, html_error in [check])",
    "E121": "the message is larger than many mail servers take (10 MB)",
    "W220": "the HTML is nearly as large as Gmail shows (90 kB, html_warning in [check])",
    "W221": "the pictures of the issue weigh more than 1,000 kB together (images_warning in [check])",
    "W222": "the text part says much less, or much more, than the HTML",
}

#: What Postfix, the most common server, takes unless it is told otherwise.
LARGEST_MESSAGE = 10_240_000
#: How many times longer one part may be than the other, and from how many characters on that is looked at.
_TIMES, _FROM = 5, 1000
_SHORTEST_MARK = 12
_URL = re.compile(r"\S*https?:\S*|\[\d+\]")


def check(subject: Subject) -> Iterator[Finding]:
    """What is too heavy in `subject`."""
    yield from _check_html(subject)
    yield from _check_message(subject)
    yield from _check_pictures(subject)
    yield from _check_text(subject)


def weights(subject: Subject) -> dict[str, int]:
    """How many bytes of the HTML each article takes, by its id; the heaviest first."""
    page = document(subject.html)
    marks = _marks(subject)
    owners: dict[Any, str | None] = {}
    # From the end of the document to its beginning: an element comes behind its children.
    for element in reversed(list(page.iter("*"))):
        texts = [element.text, *(child.tail for child in element)]
        found = {
            marks[text] for raw in texts if raw and not raw.isspace() and (text := one_line(raw)) in marks
        }
        found |= {marks[link] for link in (element.get("href"),) if link in marks}
        found |= {owners[child] for child in element if owners.get(child, "") != ""}  # type: ignore[misc]
        owners[element] = "" if not found else found.pop() if len(found) == 1 else None
    total: Counter[str] = Counter()
    for element, owner in owners.items():
        parent = element.getparent()
        is_whole = parent is None or parent.tag == "html"  # of an issue with one article
        if owner and not is_whole and (parent.tag == "body" or owners[parent] != owner):
            total[owner] += len(etree.tostring(element, encoding="utf-8", method="html", with_tail=False))
    return dict(total.most_common())


def _marks(subject: Subject) -> dict[str, str]:
    """By what an article is known in the page, its address and its texts, with the article's id."""
    marks: dict[str, str] = {}
    shared: set[str] = set()
    for article in subject.issue.articles:
        texts = [one_line(text) for text in re.split(r"<[^>]*>", article.html)]
        texts = [text_of(text) for text in texts if len(text) >= _SHORTEST_MARK]
        for mark in {article.url, one_line(article.title), *texts} - {""}:
            if marks.setdefault(mark, article.id) != article.id:
                shared.add(mark)
    return {mark: owner for mark, owner in marks.items() if mark not in shared}


def _check_html(subject: Subject) -> Iterator[Finding]:
    size = len(subject.html.encode("utf-8", "replace"))
    limits = subject.limits
    if size < 1000 * min(limits.html_warning, limits.html_error):
        return
    too_large = size >= 1000 * limits.html_error
    what = "is more than Gmail shows: it hides the end" if too_large else "is close to what Gmail shows"
    names = {article.id: article.title or article.id for article in subject.issue.articles}
    heaviest = list(weights(subject).items())[:3]
    listed = ", ".join(f'"{names[id_]}" {kilobytes(weight)}' for id_, weight in heaviest)
    styles = sum(len(css.encode("utf-8", "replace")) for css, _ in style_texts(document(subject.html)))
    if styles > size / 4:
        listed += f"{', ' if listed else ''}the style sheets {kilobytes(styles)}"
    yield Finding(
        "E120" if too_large else "W220",
        subject.sources.key("articles"),
        f"the HTML has {kilobytes(size)}, which {what}{f' (heaviest: {listed})' if listed else ''}",
        "write fit: true in issue.md, or show: excerpt in the heaviest articles, or leave some out",
    )


def _check_message(subject: Subject) -> Iterator[Finding]:
    size = len(subject.message)
    if size > LARGEST_MESSAGE:
        message = f"each message has {kilobytes(size)}: many mail servers refuse more than 10 MB"
        hint = "make the pictures smaller, or put them on the web: media_dir and media_url in newsletter.toml"
        yield Finding("E121", _place_of_heaviest_picture(subject), message, hint)


def _check_pictures(subject: Subject) -> Iterator[Finding]:
    """All together; one that is heavy by itself is what `images` is about."""
    sizes = {picture.digest: len(picture.content) for picture in subject.pictures.values()}
    total = sum(sizes.values())
    if total > 1000 * subject.limits.images_warning:
        is_embedded = bool(subject.email.pictures)
        fate = "travel in every message" if is_embedded else "every reader loads"
        message = f"the pictures weigh {kilobytes(total)} together, which {fate}"
        heaviest = sorted(subject.pictures.items(), key=lambda item: -len(item[1].content))[:3]
        listed = ", ".join(f"{path} {kilobytes(len(picture.content))}" for path, picture in heaviest)
        hint = f"save the heaviest as JPEG, 1,200 pixels wide: {listed}"
        yield Finding("W221", _place_of_heaviest_picture(subject), message, hint)


def _place_of_heaviest_picture(subject: Subject) -> str:
    if not subject.pictures:
        return subject.sources.issue
    path = max(subject.pictures, key=lambda path: len(subject.pictures[path].content))
    return subject.sources.find(path, path.rpartition("/")[2])


def _check_text(subject: Subject) -> Iterator[Finding]:
    """Spam filters compare the parts, and some readers see only one.  An empty text part is for `content`."""
    page = sum(len(_squeezed(look.text)) for look in looks(subject.html))
    text = len(_squeezed(_URL.sub("", subject.text)))
    if text and max(page, text) >= _FROM and max(page, text) > _TIMES * min(page, text):
        less = "less" if text < page else "more"
        message = f"the text part says much {less} than the HTML: {text:,} characters to {page:,}"
        hint = "spam filters compare the two, and some readers see the text alone: say the same in both"
        own = subject.sources.find(subject.issue.text.strip().partition("\n")[0])
        place = own if subject.issue.text.strip() else subject.sources.find(suffix="text.txt")
        yield Finding("W222", place, message, hint)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s*=_~#>|-]", "", text)


def kilobytes(size: int) -> str:
    """`size` in kB (1,000 bytes), in MB from 10,000 kB on."""
    return f"{size / 1_000_000:,.1f} MB" if size >= 10_000_000 else f"{max(1, round(size / 1000)):,} kB"
