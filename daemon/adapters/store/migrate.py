"""Brings a store to the tables of this version; the steps are in migrations/versions."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text

from daemon.adapters.store.errors import StoreWrong
from daemon.adapters.store.tables import REVISION


def revision_of(connection: Connection) -> str | None:
    """The migration that the store is at, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def copy_before(connection: Connection, url: URL) -> None:
    """Where a SQLite store of an older version is about to be migrated: a copy beside it, whole, on
    the disk, named after the version. One that is there already is of a migration that was cut
    short, and of the same content. A PostgreSQL server has backups of its own."""
    at = revision_of(connection)
    if url.drivername != "sqlite" or at in (None, REVISION):
        return
    copy = Path(f"{url.database}.before-{REVISION}")
    if copy.exists():
        return
    unfinished = Path(f"{copy}.unfinished")
    unfinished.unlink(missing_ok=True)
    connection.rollback()
    # VACUUM wants no transaction around it, and SQLAlchemy begins one for every statement.
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("VACUUM INTO ?", (str(unfinished),))
    descriptor = os.open(unfinished, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(copy)


def upgrade(connection: Connection, place: str) -> None:
    """Migrates in the caller's transaction: killed half-way, the store is as it was.

    Raises StoreWrong for a store of a newer version of depotd.
    """
    at = revision_of(connection)
    if at == REVISION:
        return
    # Alembic takes 0.1 s to import, and a store that is up to date does not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if at is not None and at not in known:
        raise StoreWrong(_foreign(place, at))
    command.upgrade(config, "head")


def require_current(connection: Connection, place: str) -> None:
    """Raises StoreWrong unless the store has exactly the tables of this version."""
    at = revision_of(connection)
    if at is None:
        raise StoreWrong(f"store {place}: it is empty; a depotd that runs on it fills it")
    if at != REVISION:
        raise StoreWrong(_foreign(place, at))


def _foreign(place: str, at: str) -> str:
    return f"store {place}: its tables are of version {at}, this depotd wants {REVISION}"
