"""What a database complains of, in a user's words: the cause, the remedy, and whether to try again later.

SQLite says it by a number (sqlite.org/rescode.html), PostgreSQL by a SQLSTATE (its manual, appendix A), or, where no
connection came about, only in words.  What is not in the tables here is a bug of ours and not explained.  Pure.
"""

from __future__ import annotations

import re

from newsletter.errors import StoreError, StoreLater, printable

_ASK_AGAIN = "try again when the other command has finished"
_RESTORE = "restore it from a backup; what can be read: sqlite3 FILE .recover"
#: SQLite's primary result codes: may it work later, the cause, the remedy.
_SQLITE = {
    3: (False, "the system does not allow it", "the file must be yours to write"),
    5: (True, "another process is writing to it and did not finish in 30 seconds", _ASK_AGAIN),
    6: (True, "another process holds it", _ASK_AGAIN),
    8: (False, "it is read-only", "the file and its folder must be yours to write"),
    10: (False, "the disk could not be read or written", "look for a fault of the disk; nothing was changed"),
    11: (False, "it is damaged", _RESTORE),
    13: (True, "the disk is full", "make room and run the command again; nothing was changed"),
    14: (False, "cannot be opened", "the file and its folder must be there for you to write"),
    15: (True, "another process is recovering it and did not finish", _ASK_AGAIN),
    26: (False, "not a database", "move the file away, or " + _RESTORE),
}
#: PostgreSQL's SQLSTATEs, the longest beginning that fits counts.
_POSTGRES = {
    "08": (True, "the connection was lost", "run the command again; what was not confirmed was not done"),
    "25006": (False, "it is read-only", "DATABASE_URL must lead to the primary server, not to a copy"),
    "28": (False, "it refuses the user", "see the user and the password in DATABASE_URL"),
    "3D": (False, "there is no such database", "make it with: createdb NAME"),
    "40": (True, "another process was faster", "run the command again; nothing was changed"),
    "42501": (False, "the user may not do this", "GRANT ALL ON SCHEMA public TO the user in DATABASE_URL"),
    "53100": (True, "its disk is full", "make room and run the command again; nothing was changed"),
    "53": (True, "it has no room for us: connections, memory", "try again later, or raise max_connections"),
    "55P03": (True, "another process holds what is needed", _ASK_AGAIN),
    "57": (True, "the server is stopping or starting, or ended the connection", "run the command again"),
    "58": (False, "the server's disk could not be read or written", "see the log of the server"),
    "XX": (False, "it is damaged", "see the log of the server; restore it from a backup"),
}
#: What the server's words mean where there is no SQLSTATE because no connection came about.
_WORDS = (
    (
        r"password authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist",
        "28",
    ),
    (r"database .* does not exist", "3D"),
    (r"starting up|shutting down|recovery mode", "57"),
    (r"too many (?:clients|connections)|connection slots", "53"),
)


def is_missing_table(error: BaseException | None) -> bool:
    """Whether `error` says that a table is not there."""
    return "no such table" in str(error) or getattr(error, "sqlstate", None) == "42P01"


def explain(error: BaseException | None, where: str) -> StoreError | None:
    """The StoreError that a driver's `error` is, None if it is a bug."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _fault(_SQLITE.get(code & 0xFF), where, "")
    if not type(error).__module__.startswith("psycopg"):
        return None
    words = str(error).strip()
    state = getattr(error, "sqlstate", None) or _state(words)
    if state is None and type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        cause = (True, "no server answers", "see the host and the port in DATABASE_URL, and whether it runs")
        return _fault(cause, where, words)
    known = next((_POSTGRES[state[:n]] for n in (5, 2) if state and state[:n] in _POSTGRES), None)
    return _fault(known, where, words)


def _state(words: str) -> str | None:
    return next((state for pattern, state in _WORDS if re.search(pattern, words)), None)


def _fault(known: tuple[bool, str, str] | None, where: str, words: str) -> StoreError | None:
    if known is None:
        return None
    later, cause, hint = known
    kind = StoreLater if later else StoreError
    return kind(cause, where=where, hint=hint, excerpt=printable(words))
