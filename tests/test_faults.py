"""What the drivers complain of, in a person's words; the faults themselves are provoked in test_database.py."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest

from newsletter.errors import StoreError, StoreLater
from newsletter.store.faults import explain


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "later", "cause"),
    [
        (sqlite3.SQLITE_BUSY, True, "another process is writing"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True, "another process is writing"),
        (sqlite3.SQLITE_LOCKED, True, "another process holds it"),
        (sqlite3.SQLITE_FULL, True, "the disk is full"),
        (sqlite3.SQLITE_READONLY, False, "read-only"),
        (sqlite3.SQLITE_READONLY_DBMOVED, False, "read-only"),
        (sqlite3.SQLITE_IOERR_FSYNC, False, "could not be read or written"),
        (sqlite3.SQLITE_IOERR_WRITE, False, "could not be read or written"),
        (sqlite3.SQLITE_CORRUPT, False, "damaged"),
        (sqlite3.SQLITE_NOTADB, False, "not a database"),
        (sqlite3.SQLITE_CANTOPEN, False, "cannot be opened"),
        (sqlite3.SQLITE_PERM, False, "does not allow"),
    ],
)
def test_what_sqlite_says_is_explained(code: int, later: bool, cause: str) -> None:
    fault = explain(sqlite_error(code), "newsletter.db")
    assert fault
    assert type(fault) is (StoreLater if later else StoreError)
    assert fault.where == "newsletter.db"
    assert cause in fault.message
    assert fault.hint


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_MISUSE]
)
def test_a_bug_of_ours_stays_one(code: int) -> None:
    assert explain(sqlite_error(code), "newsletter.db") is None


@pytest.mark.parametrize(
    ("state", "later", "cause"),
    [
        ("08006", True, "connection was lost"),
        ("25006", False, "read-only"),
        ("28P01", False, "refuses the user"),
        ("3D000", False, "no such database"),
        ("40001", True, "another process was faster"),
        ("40P01", True, "another process was faster"),
        ("42501", False, "may not do this"),
        ("53100", True, "disk is full"),
        ("53300", True, "no room for us"),
        ("55P03", True, "another process holds"),
        ("57P01", True, "stopping or starting"),
        ("58030", False, "disk could not be read"),
        ("XX001", False, "damaged"),
    ],
)
def test_what_postgresql_says_is_explained(state: str, later: bool, cause: str) -> None:
    fault = explain(psycopg.errors.lookup(state)("what the server says\x1b[2J"), "postgresql://host/list")
    assert fault
    assert type(fault) is (StoreLater if later else StoreError)
    assert cause in fault.message
    assert "what the server says" in str(fault)
    assert "\x1b" not in str(fault)


@pytest.mark.parametrize("state", ["42P01", "42601", "23505", "22001"])
def test_a_wrong_statement_for_postgresql_stays_a_bug(state: str) -> None:
    assert explain(psycopg.errors.lookup(state)("wrong"), "postgresql://host/list") is None


@pytest.mark.parametrize(
    ("words", "later", "cause"),
    [
        ('FATAL:  password authentication failed for user "ada"', False, "refuses the user"),
        ("fe_sendauth: no password supplied", False, "refuses the user"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', False, "refuses the user"),
        ('FATAL:  database "list" does not exist', False, "no such database"),
        ("FATAL:  the database system is starting up", True, "stopping or starting"),
        ("FATAL:  sorry, too many clients already", True, "no room for us"),
        ("connection refused", True, "no server answers"),
        ("could not translate host name", True, "no server answers"),
    ],
)
def test_what_is_said_before_there_is_a_connection_is_explained(words: str, later: bool, cause: str) -> None:
    fault = explain(psycopg.OperationalError(words), "postgresql://host/list")
    assert fault
    assert type(fault) is (StoreLater if later else StoreError)
    assert cause in fault.message


def test_another_exception_is_not_explained() -> None:
    assert explain(ValueError("no"), "newsletter.db") is None
    assert explain(None, "newsletter.db") is None
