"""What can be wrong with the store, named by who must act.

`StoreRefused` is our bug, `StoreWrong` the operator's setting, the others are the world's.
"""

from __future__ import annotations

import sqlite3

import psycopg
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from daemon.core.records import NotKept


class StoreError(NotKept):
    """The store did not do what was asked; nothing of the request is kept unless it says so."""


class StoreWrong(StoreError):
    """The address cannot be used: unknown kind, missing file, no permission, another schema."""


class StoreInUse(StoreError):
    """Another process has this store open as its own."""

    ours = False


class StoreCorrupt(StoreError):
    """What is on the disk is no store, or no longer one."""


class StoreCondemned(StoreCorrupt):
    """Found corrupt while it was in use, and marked for the next start to set it aside."""

    ours = False


class StoreFull(StoreError):
    """The disk is full; what was stored before stays readable."""


class StoreBusy(StoreError):
    """Not in time: too much waits to be written, or another process holds the database locked."""


class StoreLost(StoreError):
    """The disk or the database server does not answer; trying again may help. Whether a commit
    under way was kept, nobody knows."""


class StoreLogLost(StoreLost):
    """The write-ahead log was taken away. SQLite goes on writing to it: what is in there comes into
    the database when this process closes it, and only another start is sure of its log again."""

    ours = False


class StoreRefused(StoreError):
    """A record that the schema cannot hold. The batch it came with is not kept, others are."""

    later = False


_SQLITE: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_INTERRUPT: StoreBusy,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    # Our statements are right for the tables that we made: then it is the tables that are not.
    sqlite3.SQLITE_ERROR: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
    sqlite3.SQLITE_READONLY: StoreWrong,
    sqlite3.SQLITE_PERM: StoreWrong,
    sqlite3.SQLITE_AUTH: StoreWrong,
    sqlite3.SQLITE_CANTOPEN: StoreWrong,
}

# PostgreSQL, appendix A: error codes, the longest prefix that fits.
_POSTGRESQL: dict[str, type[StoreError]] = {
    "53100": StoreFull,
    "55P03": StoreBusy,
    "57014": StoreBusy,
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
    "3D000": StoreWrong,
    "28": StoreWrong,
    "42501": StoreWrong,
    "22": StoreRefused,
    "23": StoreRefused,
}


def translate(error: Exception, place: str) -> StoreError:
    """The store's own error for `error`, met at `place` (the address without its password)."""
    if isinstance(error, StoreError):
        return error
    kind: type[StoreError] = StoreBusy if isinstance(error, PoolTimeoutError) else StoreRefused
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        kind = _kind(error, error.orig)
        error = error.orig
    return kind(f"store {place}: {type(error).__name__}: {str(error).strip()}")


def _kind(error: DBAPIError, cause: Exception) -> type[StoreError]:
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary result code, the rest details it (sqlite.org/rescode.html).
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None and (code & 0xFF) in _SQLITE:
            return _SQLITE[code & 0xFF]
        if code is None and "decode" in str(cause):
            return StoreCorrupt  # Python's own finding: a text that is no UTF-8
    if isinstance(cause, psycopg.Error) and cause.sqlstate:
        for length in (5, 2):
            if found := _POSTGRESQL.get(cause.sqlstate[:length]):
                return found
    if error.connection_invalidated or type(error) in (
        OperationalError,
        InterfaceError,
        DatabaseError,
    ):
        return StoreLost
    return StoreRefused
