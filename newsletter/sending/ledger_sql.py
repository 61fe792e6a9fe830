"""The statements of the ledger's hot loop, for SQLite and for PostgreSQL, on the drivers' own cursors.

Many rows go in one statement: a list in JSON on SQLite, an array on PostgreSQL, whose subscribers are read in a step of
their own: joined with the deliveries, it would read them from the first on for every group.

    close, put_off, doubt, release   what came back
    planned, due, again, open        what goes next

A subscriber's row is locked on PostgreSQL until the transaction that opens the delivery ends, so nobody leaves between the
look and the opening.  On SQLite a writer has the database to itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from newsletter.sending.campaign import Opened
from newsletter.subscribers.subscriber import Standing

#: What becomes of deliveries' rows: state, tries, relay, at -> subscribers.  Nearly all of a group are alike.
Settled = Mapping[tuple[int, int, int, int], Sequence[int]]


#: A delivery that can be opened: with its subscriber as a message needs one, when it was put off to (0 if it was not), and
#: whether the subscriber may be mailed (if not, all else of the subscriber may be None).
Candidate = tuple[Opened, int, bool]


class Statements(Protocol):
    """The hot loop's statements, in a transaction of the caller's."""

    def close(self, cursor: Any, campaign: int, settled: Settled) -> None:
        """Write what became of deliveries."""

    def release(self, cursor: Any, campaign: int, ids: Sequence[int]) -> int:
        """Take deliveries out of those under way; how many were there."""

    def doubt(self, cursor: Any, campaign: int, ids: Sequence[int]) -> None:
        """Say of deliveries under way that their outcome will not be known."""

    def put_off(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """Put deliveries off: (not before, subscriber)."""

    def take_up(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """Take deliveries out of those put off: (not before, subscriber)."""

    def reply(self, cursor: Any, rows: Sequence[tuple[int, int, int, str, str, str]]) -> None:
        """Keep what servers said: campaign, subscriber, at, relay, stage, text."""

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Candidate]:
        """The next deliveries never tried and not under way, behind the subscriber `after`.

        The subscribers of these, of `due` and of `again` stay as they are until the transaction ends.
        """

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Candidate]:
        """Deliveries put off until `now` at the latest; one that is under way or settled has the variant -1."""

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Candidate]:
        """Those of the deliveries `ids` that are still planned and not under way."""

    def open(self, cursor: Any, campaign: int, ids: Sequence[int], at: int, token: str) -> None:
        """Write down that deliveries are under way."""

    def pace(self, cursor: Any, rows: Sequence[tuple[str, int, int, int]]) -> None:
        """Keep counts: name, span in seconds, begin, count."""


_NOT_UNDER_WAY = (
    "NOT EXISTS (SELECT 1 FROM attempt a WHERE a.campaign_id = d.campaign_id"
    " AND a.subscriber_id = d.subscriber_id)"
)
_FIRST_AT = "CASE WHEN d.tries > 0 THEN d.at ELSE 0 END"
_PERSON = "s.email, s.name, s.language, s.attributes, s.generation"
_MAY_BE_MAILED = f"s.standing = {int(Standing.CONFIRMED)} AND s.suppressed = 0 AND s.email IS NOT NULL"
_PLANNED = f"""
    SELECT d.subscriber_id, d.variant, d.tries, {_FIRST_AT}, {{person}} 0 {{may}} FROM delivery d {{join}}
    WHERE d.campaign_id = ? AND d.subscriber_id > ? AND d.state = 0 AND d.tries = 0 AND {_NOT_UNDER_WAY}
    ORDER BY d.subscriber_id LIMIT ?"""
_DUE = f"""
    SELECT r.subscriber_id, CASE WHEN d.state = 0 AND {_NOT_UNDER_WAY} THEN d.variant ELSE -1 END,
        d.tries, {_FIRST_AT}, {{person}} r.not_before {{may}}
    FROM retry r JOIN delivery d ON d.campaign_id = r.campaign_id AND d.subscriber_id = r.subscriber_id {{join}}
    WHERE r.campaign_id = ? AND r.not_before <= ? ORDER BY r.not_before, r.subscriber_id LIMIT ?"""
_AGAIN = f"""
    SELECT d.subscriber_id, d.variant, d.tries, {_FIRST_AT}, {{person}} 0 {{may}} FROM delivery d {{join}}
    WHERE d.campaign_id = ? AND d.subscriber_id {{among}} AND d.state = 0 AND {_NOT_UNDER_WAY}"""
_THESE = "(SELECT value FROM json_each(?))"


def _on_sqlite(sql: str) -> str:
    join = "LEFT JOIN subscriber s ON s.id = d.subscriber_id"
    return sql.format(person=f"{_PERSON},", may=f", {_MAY_BE_MAILED}", join=join, among=f"IN {_THESE}")


def _on_postgres(sql: str) -> str:
    return sql.format(person="", may="", join="", among="= ANY(?)").replace("?", "%s")


class SqliteStatements:
    """The statements for SQLite."""

    _PLANNED, _DUE, _AGAIN = map(_on_sqlite, (_PLANNED, _DUE, _AGAIN))

    def close(self, cursor: Any, campaign: int, settled: Settled) -> None:
        """See `Statements`."""
        for values, ids in settled.items():
            cursor.execute(
                "UPDATE delivery SET state = ?, tries = ?, relay = ?, at = ?"
                f" WHERE campaign_id = ? AND subscriber_id IN {_THESE}",
                (*values, campaign, json.dumps(ids)),
            )

    def release(self, cursor: Any, campaign: int, ids: Sequence[int]) -> int:
        """See `Statements`."""
        cursor.execute(
            f"DELETE FROM attempt WHERE campaign_id = ? AND subscriber_id IN {_THESE}",
            (campaign, json.dumps(ids)),
        )
        return int(cursor.rowcount)

    def doubt(self, cursor: Any, campaign: int, ids: Sequence[int]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "UPDATE attempt SET session = '' WHERE campaign_id = ? AND subscriber_id = ?",
            [(campaign, subscriber) for subscriber in ids],
        )

    def put_off(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "INSERT OR IGNORE INTO retry (campaign_id, not_before, subscriber_id) VALUES (?, ?, ?)",
            [(campaign, *row) for row in rows],
        )

    def take_up(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "DELETE FROM retry WHERE campaign_id = ? AND not_before = ? AND subscriber_id = ?",
            [(campaign, *row) for row in rows],
        )

    def reply(self, cursor: Any, rows: Sequence[tuple[int, int, int, str, str, str]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "INSERT INTO reply (campaign_id, subscriber_id, at, relay, stage, text) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Candidate]:
        """See `Statements`."""
        return _candidates(cursor.execute(self._PLANNED, (campaign, after, limit)))

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Candidate]:
        """See `Statements`."""
        return _candidates(cursor.execute(self._DUE, (campaign, now, limit)))

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Candidate]:
        """See `Statements`."""
        return _candidates(cursor.execute(self._AGAIN, (campaign, json.dumps(ids))))

    def open(self, cursor: Any, campaign: int, ids: Sequence[int], at: int, token: str) -> None:
        """See `Statements`."""
        cursor.execute(
            "INSERT INTO attempt (campaign_id, subscriber_id, at, session)"
            " SELECT ?, value, ?, ? FROM json_each(?)",
            (campaign, at, token, json.dumps(ids)),
        )

    def pace(self, cursor: Any, rows: Sequence[tuple[str, int, int, int]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "INSERT INTO pace (name, span_seconds, begins_at, count) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name, span_seconds) DO UPDATE SET begins_at = excluded.begins_at, count = excluded.count",
            rows,
        )


class PostgresStatements:
    """The statements for PostgreSQL."""

    _PLANNED, _DUE, _AGAIN = map(_on_postgres, (_PLANNED, _DUE, _AGAIN))

    def close(self, cursor: Any, campaign: int, settled: Settled) -> None:
        """See `Statements`."""
        for values, ids in settled.items():
            cursor.execute(
                "UPDATE delivery SET state = %s, tries = %s, relay = %s, at = %s"
                " WHERE campaign_id = %s AND subscriber_id = ANY(%s)",
                (*values, campaign, list(ids)),
            )

    def release(self, cursor: Any, campaign: int, ids: Sequence[int]) -> int:
        """See `Statements`."""
        cursor.execute(
            "DELETE FROM attempt WHERE campaign_id = %s AND subscriber_id = ANY(%s)", (campaign, list(ids))
        )
        return int(cursor.rowcount)

    def doubt(self, cursor: Any, campaign: int, ids: Sequence[int]) -> None:
        """See `Statements`."""
        cursor.execute(
            "UPDATE attempt SET session = '' WHERE campaign_id = %s AND subscriber_id = ANY(%s)",
            (campaign, list(ids)),
        )

    def put_off(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """See `Statements`."""
        cursor.execute(
            "INSERT INTO retry (campaign_id, not_before, subscriber_id)"
            " SELECT %s, v.a, v.b FROM unnest(%s::int[], %s::int[]) AS v(a, b) ON CONFLICT DO NOTHING",
            (campaign, *map(list, zip(*rows, strict=True))),
        )

    def take_up(self, cursor: Any, campaign: int, rows: Sequence[tuple[int, int]]) -> None:
        """See `Statements`."""
        cursor.execute(
            "DELETE FROM retry r USING unnest(%s::int[], %s::int[]) AS v(a, b)"
            " WHERE r.campaign_id = %s AND r.not_before = v.a AND r.subscriber_id = v.b",
            (*map(list, zip(*rows, strict=True)), campaign),
        )

    def reply(self, cursor: Any, rows: Sequence[tuple[int, int, int, str, str, str]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "INSERT INTO reply (campaign_id, subscriber_id, at, relay, stage, text)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [(*row[:5], row[5].replace("\0", "\\x00")) for row in rows],
        )

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Candidate]:
        """See `Statements`."""
        return self._with_people(cursor, cursor.execute(self._PLANNED, (campaign, after, limit)).fetchall())

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Candidate]:
        """See `Statements`."""
        return self._with_people(cursor, cursor.execute(self._DUE, (campaign, now, limit)).fetchall())

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Candidate]:
        """See `Statements`."""
        return self._with_people(cursor, cursor.execute(self._AGAIN, (campaign, list(ids))).fetchall())

    def _with_people(self, cursor: Any, rows: Sequence[tuple[int, int, int, int, int]]) -> list[Candidate]:
        cursor.execute(
            f"SELECT s.id, {_PERSON}, {_MAY_BE_MAILED} FROM subscriber s"
            " WHERE s.id = ANY(%s) ORDER BY s.id FOR SHARE",
            ([row[0] for row in rows],),
        )
        people = {row[0]: row[1:] for row in cursor.fetchall()}
        nobody = (None,) * 5 + (False,)
        return _candidates(
            (*row[:4], *person[:5], row[4], person[5])
            for row in rows
            for person in [people.get(row[0], nobody)]
        )

    def open(self, cursor: Any, campaign: int, ids: Sequence[int], at: int, token: str) -> None:
        """See `Statements`."""
        cursor.execute(
            "INSERT INTO attempt (campaign_id, subscriber_id, at, session)"
            " SELECT %s, v.id, %s, %s FROM unnest(%s::int[]) AS v(id)",
            (campaign, at, token, list(ids)),
        )

    def pace(self, cursor: Any, rows: Sequence[tuple[str, int, int, int]]) -> None:
        """See `Statements`."""
        cursor.executemany(
            "INSERT INTO pace (name, span_seconds, begins_at, count) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (name, span_seconds) DO UPDATE SET begins_at = excluded.begins_at, count = excluded.count",
            rows,
        )


def _candidates(rows: Iterable[Sequence[Any]]) -> list[Candidate]:
    return [(Opened._make(row[:9]), row[9], row[10]) for row in rows]
