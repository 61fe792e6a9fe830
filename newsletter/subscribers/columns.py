"""Which column of somebody's table is what: recognised by the headers of well-known exports, else guessed by name.

A column is the subscriber's own (email, name, standing, ...), an attribute, or nothing.  What is guessed is shown before
anything is written, and `--map COLUMN=FIELD` has the last word.

Exports known by their headers: Mailchimp, listmonk, Ghost, Substack, Buttondown, beehiiv, Kit, MailerLite and our own.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from newsletter.config import nearest
from newsletter.errors import UsageError

#: What a column can be, besides `attribute:NAME`, `number:NAME` and `boolean:NAME`, and what is read from it.
FIELDS: Mapping[str, str] = {
    "email": "the address",
    "name": "the whole name",
    "first_name": "the first half of the name; also kept as an attribute",
    "last_name": "the second half of the name; also kept as an attribute",
    "language": "a language tag: de, de-CH",
    "time_zone": "a time zone: Europe/Zurich",
    "standing": "a word: subscribed, active, pending, unsubscribed, bounced, cleaned, complained, ...",
    "subscribed": "yes or no; no means left",
    "left": "yes, or the day they left; empty or no means nothing",
    "bounced": "yes, or the day their mail came back; empty or no means nothing",
    "complained": "yes, or the day they complained; empty or no means nothing",
    "joined": "the day they joined: 2026-10-01, with or without a time",
    "tags": "tags: separated by , ; or |, or a JSON list",
    "attributes": "attributes: a JSON object",
    "suppressed": "yes: never to be mailed",
    "consent": "how, when and to which words they agreed: a JSON object, as our export writes it",
    "history": "what happened to them: a JSON list, as our export writes it",
    "-": "nothing: the column is left out",
}
KINDS = ("attribute", "number", "boolean")


@dataclass(frozen=True, slots=True)
class Target:
    """What a column is: one of FIELDS, or one of KINDS with the attribute's name."""

    field: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.field}:{self.name}" if self.name else self.field


@dataclass(frozen=True, slots=True)
class Format:
    """An export of one program: the headers that give it away, what its columns are, what its words of standing mean.

    Each of `signatures` is a set of headers, in lower case, that are all there.
    """

    name: str
    signatures: tuple[frozenset[str], ...]
    columns: Mapping[str, str]
    standings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one table and what each is, in the table's order; `format` says who wrote it ("" if nobody known)."""

    headers: tuple[str, ...]
    targets: tuple[Target, ...]
    format: str = ""
    standings: Mapping[str, str] = field(default_factory=dict, hash=False)
    standing: str = ""  # of all in the table, by its file's name
    is_guarded: bool = False  # cells that a spreadsheet would run have an apostrophe before them


def _signature(*headers: str) -> frozenset[str]:
    return frozenset(headers)


_NOTHING = "-"
OWN = "newsletter"
#: The columns that rejected.csv has before those of the file.
REJECTED_HEADERS = ("line", "reason")
FORMATS = (
    Format(
        OWN,
        (_signature("email", "standing", "joined", "tags", "attributes"),),
        {name: name for name in FIELDS if name != _NOTHING},
    ),
    Format(
        "Mailchimp",
        (_signature("leid", "euid"), _signature("member_rating", "optin_time")),
        {
            "email address": "email",
            "first name": "first_name",
            "last name": "last_name",
            "tags": "tags",
            "optin_time": _NOTHING,
            "confirm_time": "joined",
            "unsub_time": "left",
            "clean_time": "bounced",
            "language": "language",
            "timezone": "time_zone",
            "cc": "attribute:country",
            "region": "attribute:region",
            "notes": "attribute:notes",
        }
        | dict.fromkeys(
            "member_rating optin_ip confirm_ip latitude longitude gmtoff dstoff last_changed leid euid email_type "
            "unsub_campaign_title unsub_campaign_id unsub_reason unsub_reason_other clean_campaign_title "
            "clean_campaign_id".split(),
            _NOTHING,
        ),
    ),
    Format(
        "listmonk",
        (_signature("uuid", "email", "name", "attributes", "status"),),
        {
            "uuid": _NOTHING,
            "attributes": "attributes",
            "status": "standing",
            "created_at": "joined",
            "updated_at": _NOTHING,
        },
        {"enabled": "confirmed", "disabled": "left", "blocklisted": "left", "blacklisted": "left"},
    ),
    Format(
        "Ghost",
        (
            _signature("email", "subscribed_to_emails", "complimentary_plan"),
            _signature("email", "subscribed_to_emails", "stripe_customer_id"),
        ),
        {
            "id": _NOTHING,
            "note": "attribute:note",
            "subscribed_to_emails": "subscribed",
            "complimentary_plan": "boolean:complimentary_plan",
            "stripe_customer_id": _NOTHING,
            "created_at": "joined",
            "deleted_at": "left",
            "labels": "tags",
            "tiers": "attribute:tiers",
            "products": "attribute:tiers",
            "gift_id": _NOTHING,
        },
    ),
    Format(
        "Substack",
        (_signature("email", "active_subscription"), _signature("email", "email_disabled")),
        {
            "active_subscription": "boolean:paid",
            "plan": "attribute:plan",
            "type": "attribute:plan",
            "expiry": "attribute:expiry",
            "email_disabled": "left",
            "created_at": "joined",
            "first_payment_at": "attribute:first_payment_at",
        },
    ),
    Format(
        "Buttondown",
        (
            _signature("creation_date", "type"),
            _signature("creation_date", "subscriber_type"),
            _signature("email_address", "creation_date"),
        ),
        {
            "id": _NOTHING,
            "secondary_id": _NOTHING,
            "email_address": "email",
            "creation_date": "joined",
            "type": "standing",
            "subscriber_type": "standing",
            "unsubscription_date": "left",
            "undeliverability_date": "bounced",
            "tags": "tags",
            "metadata": "attributes",
            "notes": "attribute:notes",
        }
        | dict.fromkeys("ip_address avatar_url last_open_date last_click_date risk_score".split(), _NOTHING),
        {
            "unactivated": "pending",
            "removed": "left",
            "spammy": "left",
            "blocked": "left",
            "undeliverable": "bounced",
            **dict.fromkeys(
                "regular premium gifted trialed churned churning past_due paused upcoming".split(),
                "confirmed",
            ),
        },
    ),
    Format(
        "beehiiv",
        (
            _signature("email", "status", "utm_source", "acquisition_source"),
            _signature("email", "status", "utm_source", "subscription_tier"),
            _signature("email", "status", "utm_source", "utm_medium", "created_at"),
        ),
        {
            "status": "standing",
            "created_at": "joined",
            "subscribed_at": "joined",
            "unsubscribed_at": "left",
            "subscription_tier": "attribute:tier",
            "tier": "attribute:tier",
            "tags": "tags",
        }
        | dict.fromkeys("id subscriber_id subscription_id".split(), _NOTHING),
        {
            "inactive": "left",
            "validating": "pending",
            "invalid": "bounced",
            "needs_attention": "pending",
            "paused": "left",
        },
    ),
    Format(
        "Kit",
        (
            _signature("first_name", "email", "created_at", "status"),
            _signature("first_name", "email", "created_at", "state"),
            _signature("first_name", "email_address", "created_at", "state"),
        ),
        {
            "id": _NOTHING,
            "subscriber_id": _NOTHING,
            "first_name": "first_name",
            "email_address": "email",
            "status": "standing",
            "state": "standing",
            "created_at": "joined",
            "tags": "tags",
        },
        {"inactive": "pending", "cancelled": "left", "cold": "confirmed", "cold subscriber": "confirmed"},
    ),
    Format(
        "MailerLite",
        (
            _signature("subscriber", "subscribed"),
            _signature("subscriber", "location"),
            _signature("subscriber", "sent"),
        ),
        {
            "subscriber": "email",
            "name": "first_name",
            "last name": "last_name",
            "groups": "tags",
            "status": "standing",
            "subscribed": "joined",
            "unsubscribed": "left",
            "location": "attribute:location",
        }
        | dict.fromkeys("sent opens clicks opened clicked".split(), _NOTHING),
        {"junk": "complained", "unconfirmed": "pending"},
    ),
)

#: Headers of tables that nobody in particular wrote, without regard to case, spaces and signs.
_GUESSES: Mapping[str, str] = {
    **dict.fromkeys(
        "email emailaddress mail mailaddress emailadresse emailadress adressemail courriel correo "
        "correoelectronico subscriber address".split(),
        "email",
    ),
    **dict.fromkeys("name fullname displayname nom nombre subscribername".split(), "name"),
    **dict.fromkeys("firstname fname givenname vorname prenom prénom forename".split(), "first_name"),
    **dict.fromkeys("lastname lname surname familyname nachname nomdefamille apellido".split(), "last_name"),
    **dict.fromkeys("language lang locale sprache langue idioma".split(), "language"),
    **dict.fromkeys("timezone tz zeitzone".split(), "time_zone"),
    **dict.fromkeys("standing status state subscriptionstatus".split(), "standing"),
    **dict.fromkeys("subscribed optedin".split(), "subscribed"),
    **dict.fromkeys("unsubscribed unsubscribedat unsubscribetime unsubtime optedout left".split(), "left"),
    **dict.fromkeys("bounced bouncedat".split(), "bounced"),
    **dict.fromkeys("complained spam".split(), "complained"),
    **dict.fromkeys(
        "joined joinedat created createdat subscribedat signupdate signedupat dateadded datejoined date".split(),
        "joined",
    ),
    **dict.fromkeys("tags tag labels groups lists topics".split(), "tags"),
    **dict.fromkeys("attributes attribs metadata customfields fields".split(), "attributes"),
    "suppressed": "suppressed",
}
#: Mailchimp puts a person's standing into the name of the file.
_STANDING_BY_FILE = {"unsubscribed_": "left", "cleaned_": "bounced", "nonsubscribed_": "pending"}


def guess_layout(headers: Sequence[str], *, file_name: str = "", maps: Iterable[str] = ()) -> Layout:
    """What each column of a table is; `maps` are COLUMN=FIELD, as they are typed.

    Raises UsageError, if one of `maps` names no column or no field, or no column holds the address.
    """
    lower = [header.strip().lower() for header in headers]
    found = next((one for one in FORMATS if any(set(lower) >= each for each in one.signatures)), None)
    targets = [_target(header, found) for header in lower]
    is_rejected = tuple(lower[:2]) == REJECTED_HEADERS
    if is_rejected:
        targets[:2] = [Target(_NOTHING)] * 2
    _once(targets)
    for text in maps:
        at, target = _parse_map(text, headers)
        if target.field in FIELDS and target.field not in (_NOTHING, "tags"):
            targets = [Target(_NOTHING) if each == target else each for each in targets]
        targets[at] = target
    if Target("email") not in targets:
        raise UsageError(
            f"no column holds the address; there are: {', '.join(map(repr, headers))}",
            hint=f"--map {_typed(headers[0]) if headers else 'COLUMN'}=email",
        )
    standing = ""
    if found and found.name == "Mailchimp":
        starts = (word for begin, word in _STANDING_BY_FILE.items() if file_name.lower().startswith(begin))
        standing = next(starts, "")
    return Layout(
        tuple(headers),
        tuple(targets),
        found.name if found else "",
        found.standings if found else {},
        standing,
        is_rejected or found is not None and found.name == OWN,
    )


def attribute_name(header: str) -> str:
    """An attribute's name for a column: lower case, words joined by `_`, so that a segment can name it."""
    return re.sub(r"\W+", "_", header.strip().lower()).strip("_") or "column"


def _target(header: str, found: Format | None) -> Target:
    if header == "standing":
        return Target(header)
    if found and header in found.columns:
        field, _, name = found.columns[header].partition(":")
        return Target(field, name)
    if found and found.name == OWN:
        return Target("attribute", attribute_name(header))
    plain = re.sub(r"[\W_]+", "", header)
    guess = _GUESSES.get(plain)
    if found and guess not in ("email", "name", "first_name", "last_name", "tags", "language", "time_zone"):
        guess = None  # what a known program's other columns mean is not known by their names
    if not header:
        return Target(_NOTHING)
    return Target(guess) if guess else Target("attribute", attribute_name(header))


def _once(targets: list[Target]) -> None:
    """Of two columns that are the same thing the first is it; the address of a second is left out."""
    seen: set[Target] = set()
    for at, target in enumerate(targets):
        if target.field not in (_NOTHING, "tags") and target in seen:
            targets[at] = Target(_NOTHING)
        seen.add(target)


def _parse_map(text: str, headers: Sequence[str]) -> tuple[int, Target]:
    column, sign, name = text.rpartition("=")
    if not sign:
        raise UsageError(f"--map {text!r} is not COLUMN=FIELD", hint='--map "Vorname=first_name"')
    names = [header.strip().lower() for header in headers]
    if column.strip().lower() not in names:
        near = nearest(column.strip(), names)
        meant = f", did you mean {headers[names.index(near)]!r}?" if near else ""
        raise UsageError(
            f"--map: there is no column {column!r}{meant}", hint=f"columns: {', '.join(headers)}"
        )
    return names.index(column.strip().lower()), parse_target(name.strip())


def parse_target(text: str) -> Target:
    """The target that `text` names: `email`, `attribute:country`, `-`.  Raises UsageError, if there is none."""
    kind, sign, name = text.partition(":")
    if sign and kind in KINDS and name.strip():
        return Target(kind, name.strip())
    if text in FIELDS:
        return Target(text)
    known = [*FIELDS, *(f"{kind}:NAME" for kind in KINDS)]
    near = nearest(text, known)
    meant = f", did you mean {near!r}?" if near else ""
    raise UsageError(f"there is no field {text!r}{meant}", hint=f"fields: {', '.join(known)}")


def _typed(header: str) -> str:
    return f'"{header}"' if re.search(r"[^\w.-]", header) else header
