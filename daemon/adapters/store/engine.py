"""How a database is reached: addresses, connections, permissions, and the lock of its one owner."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from daemon.adapters.store.errors import (
    StoreCorrupt,
    StoreInUse,
    StoreLogLost,
    StoreLost,
    StoreWrong,
)

Use = Literal["own", "read"]

BUSY_TIMEOUT_MS: Final = 5_000
# A reader keeps the write-ahead log from being cut back for as long as it reads.
READ_S: Final = 2.0
# How often SQLite asks whether to go on: about every millisecond.
READ_STEPS: Final = 10_000
# What the log is cut back to once all of it is in the database.
WAL_BYTES: Final = 16 * 1024 * 1024
# A server that does not answer must not hold the writer's thread for the kernel's two minutes.
SERVER_S: Final = 5
_ADVISORY_LOCK: Final = 0x6465706F7464  # "depotd"
_WANTED: Final = 'wants "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"'


def parse_url(text: str) -> URL:
    """The address of a store, its driver filled in; StoreWrong for one that we cannot use."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreWrong(f"store: {_WANTED}, got no address at all") from None
    match url.drivername:
        case "sqlite" if url.database and url.database != ":memory:":
            return url
        case "postgresql" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg")
    raise StoreWrong(f"store: {_WANTED}, got {place(url)!r}")


def place(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def make_engine(url: URL, use: Use) -> Engine:
    """One connection that owns the store and writes ("own"), or a pool that only reads."""
    own = use == "own"
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if own else 4,
        max_overflow=0 if own else 4,
        pool_pre_ping=url.drivername != "sqlite",
        connect_args=_connect_arguments(url),
    )
    if url.drivername == "sqlite":
        _listen_sqlite(engine, own)
    else:
        _listen_postgresql(engine, own)
    return engine


def _listen_sqlite(engine: Engine, own: bool) -> None:
    @event.listens_for(engine, "connect")
    def prepare(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the "begin" below is the only BEGIN
        pragmas = [f"busy_timeout = {BUSY_TIMEOUT_MS}", "foreign_keys = ON"]
        # NORMAL loses acknowledged commits in a power cut, FULL none (1,200 cuts tried).
        if own:
            pragmas += ["journal_mode = WAL", "synchronous = FULL"]
            pragmas += [f"journal_size_limit = {WAL_BYTES}"]
        else:
            pragmas += ["query_only = ON"]
        for pragma in pragmas:
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred BEGIN asks for the write lock half-way, where no busy_timeout helps.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if own else "BEGIN")
        if not own:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            end_s = time.monotonic() + _read_s(connection)
            raw.set_progress_handler(lambda: int(time.monotonic() > end_s), READ_STEPS)


def _read_s(connection: Connection) -> float:
    """How long a transaction that reads may take: as its execution option `read_s` says."""
    seconds = connection.get_execution_options().get("read_s", READ_S)
    assert isinstance(seconds, float)
    return seconds


def _connect_arguments(url: URL) -> dict[str, object]:
    if url.drivername == "sqlite":
        return {"check_same_thread": False}
    wanted = {"connect_timeout": SERVER_S, "tcp_user_timeout": 1000 * SERVER_S}
    return {key: value for key, value in wanted.items() if key not in url.query}


def _listen_postgresql(engine: Engine, own: bool) -> None:
    @event.listens_for(engine, "connect")
    def prepare(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.autocommit = True
        with dbapi_connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
            # Without it the server acknowledges what is not on its disk yet.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
            if not own:
                cursor.execute("SET default_transaction_read_only = on")
            else:
                # Held by the session: a lost connection lets it go, a new one takes it again.
                cursor.execute(f"SELECT pg_try_advisory_lock({_ADVISORY_LOCK})")
                if cursor.fetchone() != (True,):
                    dbapi_connection.close()
                    raise StoreInUse(_in_use(place(engine.url)))
        dbapi_connection.autocommit = False

    if not own:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            milliseconds = int(_read_s(connection) * 1000)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")


def require_file(url: URL) -> None:
    """Raises StoreWrong where a SQLite file is missing: SQLite itself would make an empty one."""
    if url.drivername == "sqlite" and not Path(url.database or "").is_file():
        raise StoreWrong(f"store {place(url)}: no such file")


def check_pages(connection: Connection, url: URL) -> None:
    """Raises StoreCorrupt where SQLite finds its own file damaged; PostgreSQL has checksums.

    It reads the whole file: 0.07 s for 300,000 meter readings (46 MB, in the page cache).
    """
    if url.drivername != "sqlite":
        return
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise StoreCorrupt(f"store {place(url)}: {found}")


class FileLock:
    """A SQLite file and the right to it: made 0600 in a directory made 0700, owned by one process.

    The lock is on a file beside the database and ends with its process, however that ends.
    """

    def __init__(self, url: URL) -> None:
        path = Path(url.database or "")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not path.exists():
                    # SQLite would make it by the umask; its -wal and -shm files follow its mode.
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                self._path, self._file = path, _identity(path)
                self._log = Path(f"{path}-wal")
                self._log_file: tuple[int, int] | None = None
            except OSError:
                os.close(self._descriptor)
                raise
        except BlockingIOError:
            raise StoreInUse(_in_use(place(url))) from None
        except OSError as error:
            raise StoreWrong(f"store {place(url)}: {error.strerror}: {error.filename}") from error

    def require_file(self) -> None:
        """Raises StoreLost where the file is no longer at its place, StoreLogLost where its log is
        not: SQLite would go on writing to what nobody will find again, and we would acknowledge
        it."""
        if _identity(self._path) != self._file:
            raise StoreLost(f"store {self._path}: the file was deleted, moved or replaced")
        self._log_file = self._log_file or _identity(self._log)
        if _identity(self._log) != self._log_file:
            raise StoreLogLost(f"store {self._log}: the file was deleted, moved or replaced")

    def release(self) -> None:
        os.close(self._descriptor)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _in_use(where: str) -> str:
    return f"store {where}: another depotd has it open; stop that one or give this one its own"
