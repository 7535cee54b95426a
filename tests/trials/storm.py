"""A depot comes back: stations connect and boot one after the other, then all at once.

Against the real daemon in a process of its own. What counts is the ratio: how much longer the storm
takes than the same work in series, and whether every station is back, answered once. With more
rounds than one the storm comes again and again, and what the daemon holds is told after the first
and the last: nothing may be left of a connection that is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.running import Daemon, RawStation, running
from tests.trials.fuzz import rss_mib

BOOT = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Held:
    """By the daemon, when all stations have left."""

    mib: float
    descriptors: int

    @classmethod
    def by(cls, daemon: Daemon) -> Held:
        assert daemon.process is not None
        process = daemon.process.pid
        return cls(rss_mib(process), len(os.listdir(f"/proc/{process}/fd")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Of the last round; `held` after each."""

    stations: int
    back: int
    series_s: float
    storm_s: float
    slowest_s: float
    log_errors: int
    held: list[Held] = field(default_factory=list)


async def run(folder: Path, stations: int, seed: int, jitter_s: float, rounds: int = 1) -> Result:
    rng = random.Random(seed)
    ids = [f"CP{n:04}" for n in range(stations)]
    settings = {"OCPP__UNKNOWN_STATIONS": "accept", "SITE__IMPORT_LIMIT_KW": "1000"}
    async with running(folder, **settings) as daemon:
        async with AsyncExitStack() as links:
            began_s = time.perf_counter()
            for id in ids:
                await _back(daemon, id, links, 0.0)
            series_s = time.perf_counter() - began_s
        held = []
        for _ in range(rounds):
            await _all_gone(daemon)
            async with AsyncExitStack() as links:
                began_s = time.perf_counter()
                coming = (_back(daemon, id, links, rng.uniform(0.0, jitter_s)) for id in ids)
                took_s = await asyncio.gather(*coming, return_exceptions=True)
                storm_s = time.perf_counter() - began_s
            await _all_gone(daemon)
            held.append(Held.by(daemon))
        errors = daemon.log().count('"level": "error"')
    back = [s for s in took_s if isinstance(s, float)]
    return Result(
        stations=stations,
        back=len(back),
        series_s=series_s,
        storm_s=storm_s,
        slowest_s=max(back, default=0.0),
        log_errors=errors,
        held=held,
    )


async def _all_gone(daemon: Daemon) -> None:
    """Sockets close one by one; a storm is to find none of them left."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            state = await daemon.get("/api/v1/state")
            if not any(station["online"] for station in state["stations"]):
                return
            await asyncio.sleep(0.1)


async def _back(daemon: Daemon, id: str, links: AsyncExitStack, after_s: float) -> float:
    """Seconds until the station is accepted; a connect that is refused is tried again."""
    await asyncio.sleep(after_s)
    began_s = time.perf_counter()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                station = await links.enter_async_context(RawStation.connected(daemon, id))
                answer = await station.call("BootNotification", BOOT)
            except (OSError, TimeoutError):
                await asyncio.sleep(0.5)
                continue
            assert answer["status"] == "Accepted"
            return time.perf_counter() - began_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jitter-s", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(
            run(Path(folder), args.stations, args.seed, args.jitter_s, args.rounds)
        )
    ratio = result.storm_s / result.series_s
    print(
        f"seed {args.seed}: {result.back} of {result.stations} stations are back; in series "
        f"{result.series_s:.1f} s, all at once {result.storm_s:.1f} s (ratio {ratio:.2f}), the "
        f"slowest {result.slowest_s:.1f} s; {result.log_errors} errors in the log"
    )
    first, last = result.held[0], result.held[-1]
    print(
        f"held after the first round {first.mib:.1f} MiB and {first.descriptors} descriptors, "
        f"after {len(result.held)} rounds {last.mib:.1f} MiB and {last.descriptors}"
    )
    return 0 if result.back == result.stations and not result.log_errors else 1


if __name__ == "__main__":
    raise SystemExit(main())
