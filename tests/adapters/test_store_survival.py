"""The store over years and through disasters: size, room, migrations, spoilt files."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

import daemon.adapters.store.engine as engine_module
from daemon.adapters.store import (
    Retention,
    Store,
    StoreBusy,
    StoreCondemned,
    StoreCorrupt,
    StoreLogLost,
    StoreLost,
    set_aside,
)
from daemon.adapters.store.engine import make_engine, parse_url
from daemon.adapters.store.reserve import Reserve
from daemon.adapters.store.retention import ROWS
from daemon.core.records import (
    AlertRecord,
    Fact,
    MeterRecord,
    OutboxRecord,
    PlanRecord,
    Record,
    SnapshotRecord,
    TransactionRecord,
)

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
FOLDER = Path(engine_module.__file__).parent


def reading(at: datetime, power_w: float = 1.0) -> MeterRecord:
    return MeterRecord(
        station="CP01",
        connector=1,
        transaction=None,
        at=at,
        received_at=at,
        energy_wh=1.0,
        power_w=power_w,
    )


def planned(revision: int, at: datetime, *, applied: bool) -> list[Record]:
    return [
        SnapshotRecord(
            revision=revision,
            taken_at=at,
            snapshot_json="{}",
            params_json="{}",
            budget_s=1.0,
            seed=0,
            trigger="t",
        ),
        PlanRecord(revision=revision, made_at=at, plan_json="{}", status="s", applied=applied),
    ]


def charged(id: str, stopped_at: datetime | None) -> TransactionRecord:
    return TransactionRecord(
        id=id,
        station="CP01",
        connector=1,
        station_transaction_id=id,
        vehicle=None,
        id_token=None,
        started_at=NOW - timedelta(days=5000),
        stopped_at=stopped_at,
        meter_start_wh=None,
        meter_stop_wh=None,
        energy_kwh=None,
    )


async def tidied(store: Store, keep: Retention) -> list[int]:
    """How many rows went in each step, until none was left to go."""
    steps = []
    while rows := await store.tidy(keep):
        steps.append(rows)
    return steps


@pytest.mark.fault(59)
async def test_old_rows_go_few_at_a_time_and_what_is_needed_stays(url: str) -> None:
    old = NOW - timedelta(days=4000)
    with Store.open(url, utc=lambda: NOW) as store:
        await store.commit([reading(old) for _ in range(2 * ROWS + 1)])
        await store.commit([reading(NOW), charged("open", None), charged("old", old)])
        await store.commit([*planned(1, old, applied=False), *planned(2, old, applied=True)])
        await store.commit([*planned(3, old, applied=False), *planned(4, NOW, applied=False)])
        alert = AlertRecord(at=old, kind="k", severity="info", station=None, text="t")
        await store.commit([alert, OutboxRecord(topic="t", payload="p")])
        steps = await tidied(store, Retention())
        assert max(steps) <= ROWS + 4
        assert sum(steps) == 2 * ROWS + 1 + 1 + 2 + 1
        memory = store.load()
        assert [t.id for t in memory.transactions] == ["open"]
        assert memory.applied is not None
        assert (memory.applied[1].revision, memory.last_revision) == (2, 4)
        assert store.revisions() == [2, 3, 4]
        assert store.alerts(10) == []
        assert len(store.outbox()) == 1


@pytest.mark.fault(59)
async def test_a_file_that_is_too_large_keeps_less_of_the_past(sqlite_url: str) -> None:
    with Store.open(sqlite_url, utc=lambda: NOW) as store:
        for day in range(80):
            at = NOW - timedelta(days=day)
            await store.commit([reading(at) for _ in range(100)])
        assert await tidied(store, Retention()) == []
        size = store._used_bytes()
        assert sum(await tidied(store, Retention(size_bytes=size // 2))) > 0
        assert store._used_bytes() <= size // 2
        with store._reading.connect() as connection:
            newest = connection.execute(text("SELECT max(received_at) FROM meters")).scalar_one()
        assert newest.startswith("2026-11-20")


def test_a_reserve_is_really_allocated_given_up_once_and_taken_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "r", 100_000)
    assert reserve.hold()
    assert os.stat(tmp_path / "r").st_blocks * 512 >= 100_000
    assert reserve.give_up()
    assert not reserve.give_up()
    assert reserve.hold()
    assert not Reserve(tmp_path / "none", 0).hold()
    # What stands there cannot be deleted like a file, as on a disk that has turned read-only.
    (tmp_path / "stuck").mkdir()
    stuck = Reserve(tmp_path / "stuck", 100_000)
    assert stuck.held
    assert not stuck.give_up()
    assert not Reserve(tmp_path / "huge", 2**60).hold()


@pytest.mark.fault(53)
async def test_a_full_disk_is_given_the_reserve_and_the_commit_succeeds(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(sqlite_url, reserve_bytes=100_000) as store:
        with store._owning.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        big = Fact(kind="n", key="big", value="x" * 100_000)
        make_room = store.reserve.give_up

        def give_up() -> bool:
            # The writer's only connection is idle here, and the limit on pages stands for a disk.
            with store._owning.connect() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 100000")
            return make_room()

        monkeypatch.setattr(store.reserve, "give_up", give_up)
        await store.commit([big])
        assert not store.reserve.held
        assert store.load().facts == (big,)


@pytest.mark.fault(53)
def test_a_start_on_a_full_disk_is_given_the_reserve(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's log is gone after a stop in good order, and wants its room again."""
    Store.open(sqlite_url, reserve_bytes=100_000).close()
    whole = resource.getrlimit(resource.RLIMIT_FSIZE)
    make_room = Reserve.give_up

    def give_up(reserve: Reserve) -> bool:
        resource.setrlimit(resource.RLIMIT_FSIZE, whole)
        return make_room(reserve)

    monkeypatch.setattr(Reserve, "give_up", give_up)
    monkeypatch.setattr(Reserve, "hold", lambda reserve: reserve.held)
    try:
        # No file may grow: what a full disk is, without being root.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, whole[1]))
        with Store.open(sqlite_url, reserve_bytes=100_000) as store:
            assert store.reserve.given_up
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, whole)


@pytest.mark.fault(56)
async def test_a_read_ends_in_time_and_lets_the_log_be_cut_back(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "READ_S", 0.1)
    monkeypatch.setattr(engine_module, "WAL_BYTES", 100_000)
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    )
    with Store.open(sqlite_url) as store:
        with pytest.raises(StoreBusy, match="interrupted"), store._connect() as connection:
            connection.execute(endless)
        for i in range(30):
            await store.commit([Fact(kind="n", key=str(i), value="x" * 200_000)])
        assert os.stat(f"{parse_url(sqlite_url).database}-wal").st_size < 5_000_000
        assert len(store.load().facts) == 30


async def test_a_writer_tells_for_how_long_it_has_been_at_one_commit(
    sqlite_url: str, tmp_path: Path
) -> None:
    with Store.open(sqlite_url) as store:
        foreign = sqlite3.connect(tmp_path / "state" / "depot.db", isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        commit = asyncio.create_task(store.commit([Fact(kind="n", key="k", value=1)]))
        await asyncio.sleep(0.2)
        assert store.stuck_s() > 0.0
        foreign.execute("ROLLBACK")
        foreign.close()
        await commit
        await store.probe()
    assert store.stuck_s() == 0.0


def store_of_the_first_version(url: str, facts: int = 3) -> None:
    engine = make_engine(parse_url(url), "own")
    config = Config()
    config.set_main_option("script_location", str(FOLDER / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for i in range(facts):
            connection.exec_driver_sql(f"INSERT INTO facts VALUES ('n', '{i}', '{i}')")  # noqa: S608
    engine.dispose()


@pytest.mark.fault(58)
def test_a_store_of_the_version_before_is_copied_and_then_migrated(sqlite_url: str) -> None:
    path = Path(parse_url(sqlite_url).database or "")
    path.parent.mkdir()
    store_of_the_first_version(sqlite_url)
    with Store.open(sqlite_url) as store:
        assert len(store.load().facts) == 3
    (copy,) = path.parent.glob("*.before-*")
    with sqlite3.connect(copy) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert old.execute("SELECT count(*) FROM facts").fetchone() == (3,)
    old.close()


# Kills itself at the statement that it is told.
MIGRATING = """
import os, signal, sys
from sqlalchemy import Engine, event
from daemon.adapters.store import Store

url, fatal, count = sys.argv[1], int(sys.argv[2]), 0

@event.listens_for(Engine, "before_cursor_execute")
def die(*_):
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

Store.open(url).close()
"""


@pytest.mark.fault(58)
@pytest.mark.parametrize("fatal", [5, 14])
def test_a_migration_killed_half_way_is_made_whole_by_the_next_start(
    sqlite_url: str, fatal: int
) -> None:
    path = Path(parse_url(sqlite_url).database or "")
    path.parent.mkdir()
    store_of_the_first_version(sqlite_url)
    child = subprocess.run([sys.executable, "-c", MIGRATING, sqlite_url, str(fatal)], check=False)
    assert child.returncode == -signal.SIGKILL, "it was over before that statement"
    with sqlite3.connect(path) as half:
        assert half.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    half.close()
    with Store.open(sqlite_url) as store:
        assert len(store.load().facts) == 3


@pytest.mark.fault(55)
def test_a_database_set_aside_is_kept_whole_and_the_fourth_takes_the_first_ones_place(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/d.db"
    for day in range(5):
        (tmp_path / "d.db").write_text(f"spoilt {day}")
        (tmp_path / "d.db-wal").write_text(f"log {day}")
        assert set_aside(url, NOW + timedelta(days=day)) is not None
    kept = sorted(tmp_path.glob("d.db.corrupt-*Z"))
    assert [file.read_text() for file in kept] == ["spoilt 2", "spoilt 3", "spoilt 4"]
    assert len(list(tmp_path.glob("*-wal"))) == 3
    assert set_aside("postgresql://u@/d", NOW) is None


@pytest.mark.fault(55)
async def test_what_is_found_corrupt_in_use_is_set_aside_by_the_next_start(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "state" / "depot.db"
    with Store.open(sqlite_url, utc=lambda: NOW) as store:
        await store.commit([Fact(kind="n", key="a", value=1)])
        _spoil(path)
        for value in (2, None):
            with pytest.raises(StoreCondemned, match="no such table"):
                await store.commit([Fact(kind="n", key="a", value=value)])
    with pytest.raises(StoreCorrupt, match=r"no such table.*in use"):
        Store.open(sqlite_url)
    assert set_aside(sqlite_url, NOW) is not None
    with Store.open(sqlite_url, utc=lambda: NOW + timedelta(minutes=59)) as store:
        _spoil(path)
        with pytest.raises(StoreCorrupt) as soon:
            await store.commit([Fact(kind="n", key="a", value=1)])
        assert soon.value.ours, "a disk that spoils every database had it start all the time"
    set_aside(sqlite_url, NOW)
    with Store.open(sqlite_url, utc=lambda: NOW + timedelta(minutes=61)) as store:
        _spoil(path)
        with pytest.raises(StoreCondemned):
            await store.commit([Fact(kind="n", key="a", value=1)])


def _spoil(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE facts")
    other.close()


async def test_a_log_that_was_deleted_in_use_ends_the_daemon_and_loses_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    """SQLite goes on writing to it, and a daemon that is killed then would leave all of it there:
    one that ends brings it home."""
    facts = [Fact(kind="route", key=name, value=1) for name in ("R1", "R2", "R3")]
    with Store.open(sqlite_url) as store:
        await store.commit(facts[:1])
        (tmp_path / "state" / "depot.db-wal").unlink()
        for _ in range(2):
            with pytest.raises(StoreLogLost, match="db-wal: the file was deleted") as lost:
                await store.commit(facts[1:2])
            assert not lost.value.ours
    with Store.open(sqlite_url) as store:
        assert store.load().facts == (facts[0],)
        await store.commit(facts[2:])


@pytest.mark.fault(55)
def test_a_row_that_is_no_record_is_a_corrupt_store(sqlite_url: str, tmp_path: Path) -> None:
    Store.open(sqlite_url).close()
    with sqlite3.connect(tmp_path / "state" / "depot.db") as other:
        other.execute("INSERT INTO facts VALUES ('n', 'k', '{\"half\":')")
    other.close()
    with Store.open(sqlite_url) as store, pytest.raises(StoreCorrupt, match="row cannot be read"):
        store.load()


@pytest.mark.fault(55)
def test_flipped_bits_end_in_a_store_that_opens_or_is_named_corrupt(
    sqlite_url: str, tmp_path: Path
) -> None:
    rng = random.Random(7)
    with Store.open(sqlite_url) as store:
        facts = [Fact(kind="n", key=str(i), value=["x" * 40, i]) for i in range(100)]
        asyncio.run(store.commit(facts))
    path = tmp_path / "state" / "depot.db"
    whole = path.read_bytes()
    outcomes = {"opened": 0, "corrupt": 0}
    for _ in range(60):
        spoilt = bytearray(whole)
        for _ in range(rng.choice([1, 8, 64])):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        path.write_bytes(spoilt)
        Path(f"{path}-wal").unlink(missing_ok=True)
        try:
            with Store.open(sqlite_url) as store:
                store.load()
            outcomes["opened"] += 1
        except StoreCorrupt:
            outcomes["corrupt"] += 1
    assert outcomes["corrupt"] > 0


@pytest.mark.fault(57)
def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StoreLost, match="timeout expired"):
            Store.open(f"postgresql://u@127.0.0.1:{port}/d?connect_timeout=2")
