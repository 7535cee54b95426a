"""What the daemon holds over hours in which stations charge, leave and come back: its descriptors,
its memory, and by how many MiB an hour that grows.

The daemon runs in a process of its own, plans at every change and keeps what it is told. Each
station boots, charges for a while, ends its transaction or not, and is gone; then the same again,
so often that all together come back as many times as were asked for. What is held is noted all the
while. The slope is that of the line of least squares through the second half: in the first caches
fill up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression, median

from websockets.exceptions import ConnectionClosed

from tests.end_to_end.running import Daemon, RawStation, known_vehicle, running
from tests.end_to_end.test_kill_daemon_process import METER_START, _start
from tests.trials.fuzz import rss_mib

BOOT = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
METER_EVERY_S = 10.0
WANTED_MIB_PER_H = 1.0
NOTES = 120


@dataclass(frozen=True, slots=True)
class Held:
    at_s: float
    mib: float
    descriptors: int


@dataclass
class Result:
    """`stored_mib`: of the store's files at the end."""

    held: list[Held] = field(default_factory=list)
    reconnects: int = 0
    transactions: int = 0
    calls: int = 0
    log_errors: int = 0
    stored_mib: float = 0.0


def slope_mib_per_h(held: Sequence[Held]) -> float:
    """Of the second half."""
    late = held[len(held) // 2 :]
    return 3600 * linear_regression([h.at_s for h in late], [h.mib for h in late]).slope


async def run(folder: Path, seconds: float, stations: int, reconnects: int, seed: int) -> Result:
    """`reconnects`: of all stations together."""
    ids = [f"CP{n:03}" for n in range(stations)]
    settings = {
        "SITE__IMPORT_LIMIT_KW": f"{11 * stations}",
        "OCPP__UNKNOWN_STATIONS": "accept",
        "PLANNER__DEADLINE_S": "1",
        "VEHICLES": json.dumps([known_vehicle(f"V-{id}", f"TAG-{id}") for id in ids]),
    }
    result = Result()
    async with running(folder, **settings) as daemon:
        every_s = seconds * stations / reconnects
        tasks = [
            asyncio.create_task(
                _come_and_go(daemon, id, every_s, random.Random(f"{seed} {id}"), result)
            )
            for id in ids
        ]
        began_s = time.perf_counter()
        while (now_s := time.perf_counter() - began_s) < seconds:
            result.held.append(_held(daemon, now_s))
            await asyncio.wait(tasks, timeout=seconds / NOTES, return_when="FIRST_EXCEPTION")
            for task in tasks:
                if task.done():
                    task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        result.log_errors = daemon.log().count('"level": "error"')
    result.stored_mib = await asyncio.to_thread(_stored_mib, folder)
    return result


def _stored_mib(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "log")
    return sum(file.stat().st_size for file in files) / 2**20


def _held(daemon: Daemon, at_s: float) -> Held:
    assert daemon.process is not None
    process = daemon.process.pid
    return Held(at_s, rss_mib(process), len(os.listdir(f"/proc/{process}/fd")))


async def _come_and_go(
    daemon: Daemon, id: str, every_s: float, rng: random.Random, result: Result
) -> None:
    wh = METER_START
    await asyncio.sleep(rng.uniform(0.0, every_s))
    while True:
        gone_at_s = time.perf_counter() + every_s * rng.uniform(0.5, 1.5)
        with suppress(ConnectionClosed):
            async with RawStation.connected(daemon, id) as station:
                await station.call("BootNotification", BOOT)
                started = await station.call(
                    "StartTransaction", _start(id) | _at() | {"meterStart": wh}
                )
                number = started["transactionId"]
                result.transactions += 1
                while (left_s := gone_at_s - time.perf_counter()) > 0:
                    await station.listen(min(METER_EVERY_S, left_s))
                    wh += 10
                    await station.call("MeterValues", _metered(wh, number))
                if rng.random() < 0.8:
                    stop = {"transactionId": number, "meterStop": wh} | _at()
                    await station.call("StopTransaction", stop)
                result.calls += station.number
        result.reconnects += 1


def _metered(wh: int, number: int) -> dict[str, object]:
    sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    value = {"sampledValue": [sample], **_at()}
    return {"connectorId": 1, "transactionId": number, "meterValue": [value]}


def _at() -> dict[str, str]:
    return {"timestamp": datetime.now(UTC).isoformat(timespec="seconds")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument("--reconnects", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(
            run(Path(folder), 3600 * args.hours, args.stations, args.reconnects, args.seed)
        )
    slope = slope_mib_per_h(result.held)
    half = len(result.held) // 2
    early, late = result.held[half // 2 : half], result.held[half:]
    descriptors = [median(h.descriptors for h in part) for part in (early, late)]
    print(
        f"seed {args.seed}: {args.hours:g} h, {result.reconnects} reconnects, "
        f"{result.transactions} transactions, {result.calls} calls, "
        f"{result.log_errors} errors in the log, {result.stored_mib:.1f} MiB in the store\n"
        f"held after a half {late[0].mib:.1f} MiB, at the end {late[-1].mib:.1f} MiB: "
        f"{slope:+.2f} MiB/h; {descriptors[0]:g} descriptors in the second quarter, "
        f"{descriptors[1]:g} in the second half"
    )
    flat = slope < WANTED_MIB_PER_H and descriptors[1] <= descriptors[0] + 1
    return 0 if flat and not result.log_errors else 1


if __name__ == "__main__":
    raise SystemExit(main())
