"""The real daemon while its disk is full, its database locked or moved, and its file spoilt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.running import Daemon, RawStation, running
from tests.end_to_end.test_kill_daemon_process import _meter, _start

START_WH = 1000
DATABASE = "depotd.sqlite"


async def alerts(daemon: Daemon) -> list[str]:
    """The kinds shown now, the oldest first."""
    state = await daemon.get("/api/v1/state")
    return [alert["kind"] for alert in reversed(state["alerts"])]


async def alerted(daemon: Daemon, kind: str, *, times: int) -> None:
    for _ in range(600):
        if (await alerts(daemon)).count(kind) == times:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"no alert {kind}: {await alerts(daemon)}")


async def accepted(station: RawStation, action: str, payload: dict[str, object]) -> Any:
    """The answer, told again as stations do until it is no error."""
    for _ in range(300):
        answer = await station.call(action, payload)
        if not isinstance(answer, list):
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"{action} is refused for ever: {answer}")


@asynccontextmanager
async def no_room(daemon: Daemon, directory: Path) -> AsyncIterator[None]:
    """No file of the daemon may grow: what a full disk is, without being root."""
    assert daemon.process is not None
    pid, wal = daemon.process.pid, directory / f"{DATABASE}-wal"
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def _locked(directory: Path) -> Any:
    foreign = sqlite3.connect(directory / DATABASE, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        foreign.execute("ROLLBACK")
        foreign.close()


@asynccontextmanager
async def locked(daemon: Daemon, directory: Path) -> AsyncIterator[None]:
    """Another process holds the database for writing."""
    with _locked(directory):
        yield


@asynccontextmanager
async def moved(daemon: Daemon, directory: Path) -> AsyncIterator[None]:
    """Somebody has tidied up: SQLite goes on writing where nobody will look."""
    (directory / DATABASE).rename(directory / "away")
    try:
        yield
    finally:
        (directory / "away").rename(directory / DATABASE)


@pytest.mark.fault(53, 54)
async def test_what_cannot_be_kept_is_not_acknowledged_and_control_recovers_by_itself(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon, RawStation.connected(daemon, "CP01") as station:
        boot = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
        await station.call("BootNotification", boot)
        for count, disaster in enumerate((no_room, locked, moved), start=1):
            start = _start("CP01") | {"timestamp": f"2026-11-20T16:0{count}:00Z"}
            number = (await accepted(station, "StartTransaction", start))["transactionId"]
            async with disaster(daemon, tmp_path):
                await _is_refused_and_alive(daemon, station, number)
            await accepted(station, "StopTransaction", _stop(number))
            await alerted(daemon, "store_back", times=count)
            transactions = await daemon.get("/api/v1/transactions")
            assert [t["energy_kwh"] for t in transactions] == [5.0] * count


async def _is_refused_and_alive(daemon: Daemon, station: RawStation, number: int) -> None:
    # The first ones may still find room.
    for wh in range(START_WH, START_WH + 500):
        if isinstance(answer := await station.call("MeterValues", _meter(wh, number)), list):
            break
    assert answer[0] == "InternalError"
    for _ in range(3):
        assert (await station.call("StopTransaction", _stop(number)))[0] == "InternalError"
        assert "currentTime" in await station.call("Heartbeat", {})
    kinds = [kind for kind in await alerts(daemon) if kind.startswith("store_")]
    assert kinds[-1] == "store_failed"


def _stop(number: int) -> dict[str, object]:
    return {
        "transactionId": number,
        "meterStop": START_WH + 5000,
        "timestamp": "2026-11-20T18:00:00Z",
    }


@pytest.mark.fault(55)
async def test_a_database_spoilt_while_in_use_ends_the_daemon_and_the_next_sets_it_aside(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        assert daemon.process is not None
        async with RawStation.connected(daemon, "CP01") as station:
            await station.call("StartTransaction", _start("CP01"))
            with sqlite3.connect(tmp_path / DATABASE) as other:
                # The schema names pages that are not there.
                other.execute("PRAGMA writable_schema = ON")
                for table in ("transactions", "facts"):
                    update = "UPDATE sqlite_master SET rootpage = 99999 WHERE name = ?"
                    other.execute(update, [table])
                other.execute("PRAGMA schema_version = 1000")
            other.close()
            start = _start("CP01") | {"connectorId": 2}
            with pytest.raises(ConnectionClosed):
                raise AssertionError(await station.call("StartTransaction", start))
        async with asyncio.timeout(20):
            assert await daemon.process.wait() != 0
        await daemon.start()
        assert "memory_lost" in await alerts(daemon)
        assert len([n for n in os.listdir(tmp_path) if re.fullmatch(r".*\.corrupt-\w+Z", n)]) == 1


@pytest.mark.fault(55, 74)
async def test_a_spoilt_database_is_set_aside_and_the_running_transaction_is_adopted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        async with AsyncExitStack() as links:
            station = await links.enter_async_context(RawStation.connected(daemon, "CP01"))
            number = (await station.call("StartTransaction", _start("CP01")))["transactionId"]
            assert await daemon.stop() == 0
            with pytest.raises(ConnectionClosed) as closed:
                await station.answer_to("none")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        database = tmp_path / DATABASE
        content = bytearray(database.read_bytes())
        content[: len(content) // 2] = bytes(len(content) // 2)
        database.write_bytes(content)
        await daemon.start()
        assert "memory_lost" in await alerts(daemon)
        assert len([n for n in os.listdir(tmp_path) if re.fullmatch(r".*\.corrupt-\w+Z", n)]) == 1
        async with RawStation.connected(daemon, "CP01") as station:
            await station.call("MeterValues", _meter(START_WH + 3000, number))
            (adopted,) = await daemon.get("/api/v1/transactions")
            assert (adopted["station"], adopted["stopped_at"]) == ("CP01", None)
            other = _start("CP01") | {"connectorId": 2}
            new = (await station.call("StartTransaction", other))["transactionId"]
            assert new != number
