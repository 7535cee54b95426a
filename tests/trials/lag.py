"""How late the daemon's event loop is while it is asked for everything at once: a solver at work in
its process, stations that flood, peers that mean harm, and a disk with no room left.

The daemon runs in a process of its own and measures itself: what is told here is the histogram of
/metrics, first of a while in which only stations that behave are there, then of one with all the
rest. A station that behaves asks meanwhile how long an answer takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.running import Daemon, RawStation, known_vehicle, running
from tests.end_to_end.test_kill_daemon_process import METER_START, _meter, _start
from tests.end_to_end.test_store_disasters import no_room
from tests.trials.hostile_peers import HostilePeers

LAG = "depotd_loop_lag_seconds"
WANTED_S, WANTED_SHARE = 0.05, 0.99
ANSWER_WANTED_S = 0.1
ASK_EVERY_S = 0.2
PLAN_EVERY_S = 5
# Well above what one station may say (`[ocpp] messages_per_s`).
FLOOD_PER_S = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Of one while: timers by how late they were at most (s), each count with those before it, and
    how long a station that behaves waited for its answers (s)."""

    timers: Mapping[float, int]
    answers_s: list[float] = field(default_factory=list)

    def share(self, within_s: float) -> float:
        return self.timers[within_s] / self.timers[math.inf]

    def answered_s(self, share: float) -> float:
        """So many of the answers came within this."""
        return self.answers_s[math.ceil(share * len(self.answers_s)) - 1]

    def holds(self) -> bool:
        return (
            self.share(WANTED_S) >= WANTED_SHARE
            and self.answered_s(WANTED_SHARE) <= ANSWER_WANTED_S
        )

    def within_s(self, share: float) -> float:
        """The bound that so many of the timers kept."""
        wanted = share * self.timers[math.inf]
        return min(bound for bound, timers in self.timers.items() if timers >= wanted)


@dataclass
class Result:
    """`refused`: messages that were not acknowledged as the disk was full; `floods`: how often a
    flooding station was closed; `hostile`: how those who mean harm were thrown out, and how often;
    `plans`: plannings that came to an end under the load."""

    calm: Lag
    loaded: Lag
    refused: int = 0
    floods: int = 0
    messages: int = 0
    hostile: Mapping[str, int] = field(default_factory=dict)
    plans: int = 0


async def run(folder: Path, seconds: float, stations: int, floods: int, hostile: int) -> Result:
    ids = [f"CP{n:03}" for n in range(stations)]
    settings = {
        "SITE__IMPORT_LIMIT_KW": f"{6 * stations}",
        "OCPP__UNKNOWN_STATIONS": "accept",
        "PLANNER__PERIOD_S": f"{PLAN_EVERY_S}",
        "VEHICLES": json.dumps([known_vehicle(f"V-{id}", f"TAG-{id}") for id in ids]),
    }
    async with running(folder, **settings) as daemon, AsyncExitStack() as links:
        tasks = []
        for id in ids:
            station = await links.enter_async_context(RawStation.connected(daemon, id))
            tasks.append(asyncio.create_task(_behave(station, id)))
        asker = await links.enter_async_context(RawStation.connected(daemon, "ASKER"))
        calm = await _during(daemon, asker, seconds)
        plans = await _plans(daemon)
        result = Result(calm=calm, loaded=calm)
        for number in range(floods):
            tasks.append(asyncio.create_task(_flood(daemon, f"FLOOD{number}", result)))
        peers = HostilePeers(daemon, hostile)
        tasks.append(asyncio.create_task(peers.run()))
        async with no_room(daemon, folder):
            result.loaded = await _during(daemon, asker, seconds)
            result.plans = await _plans(daemon) - plans
        result.hostile = peers.ended
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
    return result


async def _behave(station: RawStation, id: str) -> None:
    """Charges, and does what it is told."""
    boot = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
    await station.call("BootNotification", boot)
    now = {"timestamp": datetime.now(UTC).isoformat(timespec="seconds")}
    await station.call("StartTransaction", _start(id) | now)
    with suppress(ConnectionClosed):
        while True:
            await station.listen(60.0)


async def _flood(daemon: Daemon, id: str, result: Result) -> None:
    """As fast as the socket takes it; closed again and again, it comes back."""
    while True:
        with suppress(ConnectionClosed, OSError):
            async with RawStation.connected(daemon, id) as station:
                counting = asyncio.create_task(_count_refused(station, result))
                try:
                    for number in count():
                        text = json.dumps([2, f"m{number}", "MeterValues", _meter(METER_START, 1)])
                        await station.link.send(text)
                        result.messages += 1
                        await asyncio.sleep(1 / FLOOD_PER_S)
                finally:
                    counting.cancel()
        result.floods += 1


async def _count_refused(station: RawStation, result: Result) -> None:
    with suppress(ConnectionClosed):
        async for text in station.link:
            result.refused += json.loads(text)[0] == 4


async def _during(daemon: Daemon, asker: RawStation, seconds: float) -> Lag:
    before, answers_s = await _timers(daemon), []
    until_s = time.perf_counter() + seconds
    while (asked_s := time.perf_counter()) < until_s:
        await asker.call("Heartbeat", {})
        answers_s.append(time.perf_counter() - asked_s)
        await asyncio.sleep(ASK_EVERY_S)
    after = await _timers(daemon)
    return Lag(timers={le: after[le] - before[le] for le in after}, answers_s=sorted(answers_s))


async def _timers(daemon: Daemon) -> dict[float, int]:
    return {
        float(sample.labels["le"]): int(sample.value)
        for family in text_string_to_metric_families(await daemon.text("/metrics"))
        for sample in family.samples
        if sample.name == f"{LAG}_bucket"
    }


async def _plans(daemon: Daemon) -> int:
    families = text_string_to_metric_families(await daemon.text("/metrics"))
    samples = (sample for family in families for sample in family.samples)
    return sum(int(s.value) for s in samples if s.name == "depotd_planning_seconds_count")


def _told(name: str, lag: Lag) -> None:
    print(
        f"{name}: {lag.timers[math.inf]} timers, half within {1000 * lag.within_s(0.5):g} ms, 99 % "
        f"within {1000 * lag.within_s(0.99):g} ms, all within {1000 * lag.within_s(1.0):g} ms, "
        f"{100 * lag.share(WANTED_S):.2f} % within {1000 * WANTED_S:g} ms; "
        f"{len(lag.answers_s)} answers, half within {1000 * lag.answered_s(0.5):.0f} ms, "
        f"99 % within {1000 * lag.answered_s(WANTED_SHARE):.0f} ms"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two whiles")
    parser.add_argument("--stations", type=int, default=40)
    parser.add_argument("--floods", type=int, default=5)
    parser.add_argument("--hostile", type=int, default=5, help="of each kind that means harm")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(
            run(Path(folder), args.seconds, args.stations, args.floods, args.hostile)
        )
    _told("calm", result.calm)
    _told("everything at once", result.loaded)
    print(
        f"{result.plans} plannings ended, {args.floods} stations sent {result.messages} messages "
        f"and were closed {result.floods} times, {result.refused} messages were refused"
    )
    print("thrown out: " + ", ".join(f"{kind} {n}" for kind, n in sorted(result.hostile.items())))
    return 0 if result.loaded.holds() else 1


if __name__ == "__main__":
    raise SystemExit(main())
