"""The store on SQLite, against what a small PC meets: kills, locks, full and bad disks."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import daemon.adapters.store.engine
from daemon.adapters.store import (
    Reader,
    Store,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreWrong,
)
from daemon.adapters.store.tables import REVISION
from daemon.core.records import Fact

# Tells every name whose two facts, or id whose message, was acknowledged.
APPENDING = """
import asyncio, sys
from daemon.adapters.store import Store
from daemon.core.records import Fact

def told(text):
    sys.stdout.write(f"{text}\\n")
    sys.stdout.flush()

async def commit(store, task):
    for i in range(10**9):
        name = f"{task}-{i}"
        await store.commit([Fact(kind="a", key=name, value=i), Fact(kind="b", key=name, value=i)])
        told(name)

async def receive(store):
    while True:
        told(await store.receive("t", b"x", retained=False))

async def main(url, how):
    with Store.open(url) as store:
        told("open")
        if how == "receive":
            await receive(store)
        await asyncio.gather(*(commit(store, task) for task in range(10)))

asyncio.run(main(*sys.argv[1:]))
"""


def killed_while_appending(url: str, how: str, seconds: float) -> set[str]:
    """What a process said was kept, before it was killed so long after it had begun."""
    arguments = [sys.executable, "-c", APPENDING, url, how]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        said = child.stdout.readlines()
    # The last line may be cut off.
    acknowledged = {line.decode().strip() for line in said if line.endswith(b"\n")}
    assert acknowledged, "the child was killed before it did anything"
    return acknowledged


@pytest.mark.fault(51)
@pytest.mark.parametrize("seed", range(3))
def test_a_kill_loses_no_acknowledged_commit_and_tears_none(sqlite_url: str, seed: int) -> None:
    seconds = random.Random(seed).uniform(0.1, 0.4)
    acknowledged = killed_while_appending(sqlite_url, "commit", seconds)
    with Store.open(sqlite_url) as store:
        facts = store.load().facts
    kept = {kind: {fact.key for fact in facts if fact.kind == kind} for kind in "ab"}
    assert kept["a"] == kept["b"]
    assert acknowledged <= kept["a"]


@pytest.mark.fault(51, 61)
def test_a_kill_loses_no_acknowledged_message(sqlite_url: str) -> None:
    acknowledged = killed_while_appending(sqlite_url, "receive", 0.2)
    with Store.open(sqlite_url) as store:
        assert acknowledged <= {str(row.id) for row in store.inbox()}


@pytest.mark.fault(21)
def test_a_second_process_is_refused_while_the_first_runs(sqlite_url: str) -> None:
    code = "import sys; from daemon.adapters.store import Store; Store.open(sys.argv[1])"
    with Store.open(sqlite_url):
        second = subprocess.run(
            [sys.executable, "-c", code, sqlite_url], check=False, capture_output=True, text=True
        )
    assert second.returncode == 1
    assert "another depotd has it open" in second.stderr


def test_the_file_and_its_folder_are_for_the_owner_only(sqlite_url: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Store.open(sqlite_url):
            folder = tmp_path / "state"
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert set(files) == {"depot.db", "depot.db-wal", "depot.db-shm", "depot.db.lock"}
    assert set(files.values()) == {0o600}


@pytest.mark.fault(52)
def test_every_commit_is_synced_and_foreign_keys_hold(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, store._owning.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, daemon.adapters.store.engine.BUSY_TIMEOUT_MS]


def test_the_revision_in_the_code_is_that_of_the_newest_migration() -> None:
    config = Config()
    folder = Path(daemon.adapters.store.engine.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


@pytest.mark.fault(58)
def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "state" / "depot.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE outbox (id INTEGER)")
    other.close()
    with pytest.raises(StoreError, match="outbox already exists"):
        Store.open(sqlite_url)
    with sqlite3.connect(path) as other:
        tables = other.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    other.close()
    assert tables == [("outbox",)]


@pytest.mark.parametrize(
    "content", [b"no database at all", b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_named_corrupt_and_left_alone(
    sqlite_url: str, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "state" / "depot.db"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"depot\.db"):
        Store.open(sqlite_url)
    assert path.read_bytes() == content


@pytest.mark.fault(55)
async def test_a_damaged_page_is_found_at_the_start(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url) as store:
        await store.commit([Fact(kind="n", key=str(i), value="x" * 500) for i in range(100)])
    path = tmp_path / "state" / "depot.db"
    content = bytearray(path.read_bytes())
    content[-4096:] = random.Random(0).randbytes(4096)
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        Store.open(sqlite_url)


@pytest.mark.fault(53)
async def test_a_full_disk_is_named_and_the_store_goes_on_when_there_is_room(
    sqlite_url: str,
) -> None:
    with Store.open(sqlite_url) as store:
        await store.commit([Fact(kind="n", key="before", value=1)])
        with store._owning.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFull):
            await store.commit([Fact(kind="n", key="big", value="x" * 100_000)])
        assert [fact.key for fact in store.load().facts] == ["before"]
        with store._owning.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        await store.commit([Fact(kind="n", key="big", value="x" * 100_000)])
        assert {fact.key for fact in store.load().facts} == {"before", "big"}


@pytest.mark.fault(54)
async def test_a_foreign_lock_is_named_and_what_was_read_before_stays_readable(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon.adapters.store.engine, "BUSY_TIMEOUT_MS", 50)
    with Store.open(sqlite_url) as store:
        await store.commit([Fact(kind="n", key="k", value=1)])
        foreign = sqlite3.connect(tmp_path / "state" / "depot.db", isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(store.commit([Fact(kind="n", key="k", value=i)]) for i in range(2, 50)),
            return_exceptions=True,
        )
        assert {type(result) for result in results} == {StoreBusy}
        with pytest.raises(StoreBusy):
            await store.receive("t", b"x", retained=False)
        assert store.load().facts == (Fact(kind="n", key="k", value=1),)
        foreign.execute("ROLLBACK")
        foreign.close()
        await store.commit([Fact(kind="n", key="k", value=2)])
        assert store.load().facts == (Fact(kind="n", key="k", value=2),)


def test_a_reader_makes_no_store_where_there_is_none(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreWrong, match="no such file"):
        Reader.open(sqlite_url)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(StoreWrong, match="state"):
        Store.open(f"sqlite:///{tmp_path}/state/depot.db")
