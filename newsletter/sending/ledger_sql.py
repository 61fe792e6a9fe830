"""The statements of the ledger's hot loop, for SQLite and for PostgreSQL, on the drivers' own cursors.

Many rows go in one statement: a list in JSON on SQLite, an array on PostgreSQL.  The next deliveries are found by their
key, behind the last one, in a step of their own: joined with the subscribers at once, PostgreSQL would read these from the
first on for every group.

    close, put_off, doubt, release   what came back
    planned, due, people, open       what goes next

A subscriber's row is locked on PostgreSQL until the transaction that opens the delivery ends, so nobody leaves between the
look and the opening.  On SQLite a writer has the database to itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

#: What becomes of deliveries' rows: state, tries, relay, at -> subscribers.  Nearly all of a group are alike.
Settled = Mapping[tuple[int, int, int, int], Sequence[int]]


class Next(NamedTuple):
    """A delivery that can be opened; `not_before` is that of its row in `retry`, 0 without one."""

    subscriber_id: int
    variant: int
    tries: int
    first_at: int
    not_before: int = 0


#: A subscriber as a message needs one, and whether there may be any message: id, email (None after erasure), name, language,
#: attributes, generation, standing, suppressed.
Person = tuple[int, str | None, str, str, str, int, int, int]


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

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Next]:
        """The next deliveries never tried and not under way, behind the subscriber `after`."""

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Next]:
        """Deliveries put off until `now` at the latest; one that is under way or settled has the variant -1."""

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Next]:
        """Those of the deliveries `ids` that are still planned and not under way."""

    def people(self, cursor: Any, ids: Sequence[int]) -> Iterable[Person]:
        """The subscribers, who stay as they are until the transaction ends."""

    def open(self, cursor: Any, campaign: int, ids: Sequence[int], at: int, token: str) -> None:
        """Write down that deliveries are under way."""

    def pace(self, cursor: Any, rows: Sequence[tuple[str, int, int, int]]) -> None:
        """Keep counts: name, span in seconds, begin, count."""


_NOT_UNDER_WAY = (
    "NOT EXISTS (SELECT 1 FROM attempt a WHERE a.campaign_id = d.campaign_id"
    " AND a.subscriber_id = d.subscriber_id)"
)
_PLANNED = f"""
    SELECT d.subscriber_id, d.variant, d.tries, d.at, 0 FROM delivery d
    WHERE d.campaign_id = ? AND d.subscriber_id > ? AND d.state = 0 AND d.tries = 0 AND {_NOT_UNDER_WAY}
    ORDER BY d.subscriber_id LIMIT ?"""
_DUE = f"""
    SELECT r.subscriber_id, CASE WHEN d.state = 0 AND {_NOT_UNDER_WAY} THEN d.variant ELSE -1 END,
        d.tries, d.at, r.not_before
    FROM retry r JOIN delivery d ON d.campaign_id = r.campaign_id AND d.subscriber_id = r.subscriber_id
    WHERE r.campaign_id = ? AND r.not_before <= ? ORDER BY r.not_before, r.subscriber_id LIMIT ?"""
_THESE = "(SELECT value FROM json_each(?))"
_PERSON = "SELECT id, email, name, language, attributes, generation, standing, suppressed FROM subscriber"


class SqliteStatements:
    """The statements for SQLite."""

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

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Next]:
        """See `Statements`."""
        return list(map(Next._make, cursor.execute(_PLANNED, (campaign, after, limit))))

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Next]:
        """See `Statements`."""
        return list(map(Next._make, cursor.execute(_DUE, (campaign, now, limit))))

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Next]:
        """See `Statements`."""
        sql = (
            "SELECT d.subscriber_id, d.variant, d.tries, d.at, 0 FROM delivery d WHERE d.campaign_id = ?"
            f" AND d.subscriber_id IN {_THESE} AND d.state = 0 AND {_NOT_UNDER_WAY}"
        )
        return list(map(Next._make, cursor.execute(sql, (campaign, json.dumps(ids)))))

    def people(self, cursor: Any, ids: Sequence[int]) -> Iterable[Person]:
        """See `Statements`."""
        sql = f"{_PERSON} WHERE id IN {_THESE}"
        found: Iterable[Person] = cursor.execute(sql, (json.dumps(ids),))
        return found

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

    def planned(self, cursor: Any, campaign: int, after: int, limit: int) -> list[Next]:
        """See `Statements`."""
        cursor.execute(_PLANNED.replace("?", "%s"), (campaign, after, limit))
        return list(map(Next._make, cursor.fetchall()))

    def due(self, cursor: Any, campaign: int, now: int, limit: int) -> list[Next]:
        """See `Statements`."""
        cursor.execute(_DUE.replace("?", "%s"), (campaign, now, limit))
        return list(map(Next._make, cursor.fetchall()))

    def again(self, cursor: Any, campaign: int, ids: Sequence[int]) -> list[Next]:
        """See `Statements`."""
        cursor.execute(
            "SELECT d.subscriber_id, d.variant, d.tries, d.at, 0 FROM delivery d WHERE d.campaign_id = %s"
            f" AND d.subscriber_id = ANY(%s) AND d.state = 0 AND {_NOT_UNDER_WAY}",
            (campaign, list(ids)),
        )
        return list(map(Next._make, cursor.fetchall()))

    def people(self, cursor: Any, ids: Sequence[int]) -> Iterable[Person]:
        """See `Statements`."""
        cursor.execute(f"{_PERSON} WHERE id = ANY(%s) ORDER BY id FOR SHARE", (list(ids),))
        found: Iterable[Person] = cursor.fetchall()
        return found

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
