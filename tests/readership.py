"""A publication with a theme that asks who reads, and a list of two who do.

Not a test file.
"""

from __future__ import annotations

from newsletter.publication import Publication
from newsletter.subscribers.subscriber import Consent

CONSENT = Consent("form", "https://example.org/join")
WORDS = (
    '<p>Dear {{ subscriber.first_name | fallback("reader") }} of {{ subscriber.city | fallback("somewhere") }}.</p>'
    '{% if audience("tag:pro") %}<p>For supporters.</p>'
    "{% if audience('country = \"CH\"') %}<p>Grüezi.</p>{% endif %}{% endif %}"
)


def ask_who_reads(letter: Publication, theme: str = "digest") -> None:
    """The theme of `letter` greets by name and city, supporters besides, and those of them in Switzerland."""
    issue = letter.root / "templates" / theme / "issue.mjml"
    text = issue.read_text("utf-8")
    asking = text.replace('{% include "footer.mjml" %}', f'{WORDS}{{% include "footer.mjml" %}}')
    assert asking != text
    issue.write_text(asking, "utf-8")


def join(letter: Publication) -> None:
    """Ada, a supporter in Switzerland, and Ben, who is in no segment, are on the list."""
    people = letter.subscribers
    attributes = {"city": "Bern", "country": "CH"}
    people.add("Ada@example.org", CONSENT, name="Ada Byron", attributes=attributes, tags=["pro"])
    people.add("ben@example.org", CONSENT, attributes={"country": "CH"})
