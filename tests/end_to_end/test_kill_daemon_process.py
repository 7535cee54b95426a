"""kill -9 of the real daemon in mid-charge, on its real SQLite file and real WebSockets."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.end_to_end.running import RawStation, running

STATIONS = ("CP01", "CP02", "CP03")
METER_START = 1000


@pytest.mark.fault(40, 51)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_kill_9_every_transaction_is_there_once(tmp_path: Path, seed: int) -> None:
    """Whatever was answered before the kill is known after it; what was not is told again by the
    stations with a new message id, as they do, and still is one transaction."""
    rng = random.Random(seed)
    numbers: dict[str, int] = {}
    async with running(tmp_path) as daemon:
        async with AsyncExitStack() as links:
            stations = {
                id: await links.enter_async_context(RawStation.connected(daemon, id))
                for id in STATIONS
            }
            charging = [asyncio.create_task(_charge(s, id, numbers)) for id, s in stations.items()]
            await asyncio.sleep(rng.uniform(0.05, 0.8))
            await daemon.kill()
            await asyncio.gather(*charging, return_exceptions=True)
        await daemon.start()
        async with AsyncExitStack() as links:
            for id in STATIONS:
                station = await links.enter_async_context(RawStation.connected(daemon, id))
                # No BootNotification: two of four stations in the field come back without one.
                answer = await station.call("StartTransaction", _start(id))
                assert numbers.setdefault(id, answer["transactionId"]) == answer["transactionId"]
                await station.call("MeterValues", _meter(METER_START + 3000, numbers[id]))
            transactions = await daemon.get("/api/v1/transactions")
            assert sorted(t["station"] for t in transactions) == sorted(STATIONS), f"seed {seed}"
            assert all(t["stopped_at"] is None for t in transactions)
            assert len(set(numbers.values())) == len(STATIONS)
            for id in STATIONS:
                stop = {
                    "transactionId": numbers[id],
                    "meterStop": METER_START + 5000,
                    "timestamp": "2026-11-20T18:00:00Z",
                }
                station = await links.enter_async_context(RawStation.connected(daemon, id))
                await station.call("StopTransaction", stop)
            stopped = await daemon.get("/api/v1/transactions")
        assert [t["energy_kwh"] for t in stopped] == [5.0] * len(STATIONS)


async def _charge(station: RawStation, id: str, numbers: dict[str, int]) -> None:
    """Boots, starts and meters until the daemon dies."""
    boot = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
    await station.call("BootNotification", boot)
    answer = await station.call("StartTransaction", _start(id))
    numbers[id] = answer["transactionId"]
    for wh in range(METER_START, METER_START + 100_000, 50):
        await station.call("MeterValues", _meter(wh, numbers[id]))


def _start(id: str) -> dict[str, object]:
    return {
        "connectorId": 1,
        "idTag": f"TAG-{id}",
        "meterStart": METER_START,
        "timestamp": "2026-11-20T16:00:00Z",
    }


def _meter(wh: int, number: int) -> dict[str, object]:
    sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    value = {"timestamp": "2026-11-20T17:00:00Z", "sampledValue": [sample]}
    return {"connectorId": 1, "transactionId": number, "meterValue": [value]}
