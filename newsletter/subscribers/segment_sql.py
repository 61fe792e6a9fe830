"""A segment's condition as SQL on the table `subscriber`, for SQLite and PostgreSQL, with the same meaning on both.

Every value is a bound parameter.  Texts are compared letter by letter (by code point), whatever the database's locale; an
attribute only with a value of its own type.  The conditions on domain, language, joined and tags can use the indexes.

Pure: expressions, no connection.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Text,
    and_,
    bindparam,
    case,
    cast,
    collate,
    column,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from newsletter.store.tables import campaign, delivery, subscriber, subscriber_tag, tag
from newsletter.subscribers.segment_terms import (
    All,
    AnyOf,
    Compared,
    Condition,
    Field,
    IsSet,
    Not,
    OneOf,
    Operator,
    Received,
    Tagged,
    Value,
)
from newsletter.subscribers.subscriber import Standing

#: `sending.delivery.State.ACCEPTED`, which stands below us; a test holds the two together.
ACCEPTED = 1

_SIGNS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.MORE: operator.gt,
    Operator.MORE_OR_EQUAL: operator.ge,
}


def compile_condition(condition: Condition, dialect: str, now: datetime) -> ColumnElement[bool]:
    """The condition on `tables.subscriber`, for the dialect "sqlite" or "postgresql"."""

    def compiled(part: Condition) -> ColumnElement[bool]:
        match part:
            case All(parts):
                return and_(true(), *map(compiled, parts))
            case AnyOf(parts):
                return or_(false(), *map(compiled, parts))
            case Not(inner):
                return not_(compiled(inner))
            case Tagged(name):
                wanted = select(tag.c.id).where(tag.c.name == name).scalar_subquery()
                tagged = select(subscriber_tag.c.subscriber_id).where(subscriber_tag.c.tag_id == wanted)
                return subscriber.c.id.in_(tagged)
            case Received(issue_id):
                return _received(issue_id)
            case IsSet(field):
                return _is_set(field, dialect)
            case OneOf(field, values):
                if not field.is_attribute:
                    return _column(field).in_([_stored(field, value) for value in values])
                return or_(*(_attribute(field, Operator.EQUAL, value, dialect) for value in values))
            case Compared(field, sign, value):
                if field.is_attribute:
                    return _attribute(field, sign, value, dialect)
                if field.name == "joined":
                    return _joined(sign, value, now)
                return _compared(_column(field), sign, _stored(field, value), dialect)

    return compiled(condition)


def _column(field: Field) -> ColumnElement[Any]:
    if field.name == "email":
        return func.coalesce(subscriber.c.email_key, "")  # nothing, once a person is erased
    return subscriber.c[field.name]


def _stored(field: Field, value: Value) -> str | int:
    """The value as the column holds it."""
    if field.name == "standing":
        return int(Standing[str(value).upper()])
    if field.name == "domain" and not str(value).isascii():
        import idna

        try:
            return idna.encode(str(value), uts46=True).decode()
        except idna.IDNAError:
            return str(value)  # no domain, so nobody's
    return str(value)


def _compared(
    text: ColumnElement[Any], sign: Operator, value: str | int, dialect: str
) -> ColumnElement[bool]:
    if sign is Operator.STARTS:
        return func.substr(text, 1, len(str(value))) == value
    if sign is Operator.CONTAINS:
        return (func.instr if dialect == "sqlite" else func.strpos)(text, value) > 0
    if sign is not Operator.EQUAL and dialect == "postgresql":
        text = collate(text, "C")
    compared: ColumnElement[bool] = _SIGNS[sign](text, value)
    return compared


def _joined(sign: Operator, value: Value, now: datetime) -> ColumnElement[bool]:
    column = subscriber.c.joined_at
    if isinstance(value, timedelta):  # how long ago: the less, the later
        ago = int((now - value).timestamp())
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[sign]
        return _SIGNS[Operator(turned)](column, ago)  # type: ignore[no-any-return]
    assert isinstance(value, date)
    begins = int(datetime.combine(value, time(), UTC).timestamp())
    ends = begins + 86400
    match sign:
        case Operator.EQUAL:
            return and_(column >= begins, column < ends)
        case Operator.LESS:
            return column < begins
        case Operator.LESS_OR_EQUAL:
            return column < ends
        case Operator.MORE:
            return column >= ends
        case _:
            return column >= begins


def _is_set(field: Field, dialect: str) -> ColumnElement[bool]:
    if field.is_attribute and dialect == "sqlite":
        return _in_json(field, column("type") != "null", column("value") != "")
    if field.is_attribute:
        text = _json().op("->>", return_type=Text())(_key(field))
        return func.coalesce(text, "") != ""
    if field.name == "tags":
        return exists().where(subscriber_tag.c.subscriber_id == subscriber.c.id)
    if field.name in ("standing", "joined"):
        return true()
    return _column(field) != ""


def _attribute(field: Field, sign: Operator, value: Value, dialect: str) -> ColumnElement[bool]:
    is_boolean, is_text = isinstance(value, bool), isinstance(value, str)
    if dialect == "sqlite":
        if is_boolean:
            return _in_json(field, column("type") == ("true" if value else "false"))
        kinds = ("text",) if is_text else ("integer", "real")
        found: ColumnElement[Any] = column("value")
        holds = _compared(found, sign, value, dialect) if is_text else _SIGNS[sign](found, value)  # type: ignore[arg-type]
        return _in_json(field, column("type").in_(kinds), holds)
    member = _json().op("->", return_type=JSONB())(_key(field))
    text = _json().op("->>", return_type=Text())(_key(field))
    kind = func.jsonb_typeof(member)
    if is_boolean:
        return func.coalesce(and_(kind == "boolean", text == ("true" if value else "false")), False)
    if is_text:
        return func.coalesce(and_(kind == "string", _compared(text, sign, str(value), dialect)), False)
    # CASE, because AND may look at its second half first, and a text that is no number cannot be cast.
    number = case((kind == "number", cast(text, Numeric)))
    return func.coalesce(_SIGNS[sign](number, cast(literal(str(value)), Numeric)), False)


def _json() -> ColumnElement[Any]:
    return cast(subscriber.c.attributes, JSONB)


def _key(field: Field) -> ColumnElement[str]:
    return cast(bindparam(None, field.name), Text)


def _in_json(field: Field, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the attribute is there and so: a look at each member, because no path can spell every name."""
    members = func.json_each(subscriber.c.attributes).table_valued("key", "value", "type")
    return select(literal(1)).select_from(members).where(members.c.key == field.name, *conditions).exists()


def _received(issue_id: str) -> ColumnElement[bool]:
    return (
        select(literal(1))
        .select_from(campaign.join(delivery, delivery.c.campaign_id == campaign.c.id))
        .where(
            campaign.c.issue_id == issue_id,
            delivery.c.subscriber_id == subscriber.c.id,
            delivery.c.state == ACCEPTED,
        )
        .correlate(subscriber)
        .exists()
    )
