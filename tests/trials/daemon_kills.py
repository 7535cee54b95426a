"""The daemon is killed at random instants while stations draw what it lent them: when lease and
10 s are over, each draws its fallback at most, and no limit was exceeded at any time.

In virtual time, in depots of the simulator, whose stations keep and forget profiles by their class.
Half of the kills are a kill -9, after which the peers are told; after the others, as after a cut of
power, nobody is told anything. The daemon stays away until all of it is over. With `--real N` as
well N daemons in processes of their own, beside virtual stations on real sockets and in real time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from daemon.adapters.clock import SystemClock
from daemon.core.fallback import evse_fallback_kw
from protocol.ocpp.model import Version
from simulation.soak.ledger import TOLERANCE_KW, Place
from simulation.soak.loop import VirtualLoop
from simulation.soak.scenario import Setup
from simulation.soak.traffic import COMMISSIONED_S
from simulation.soak.world import World
from simulation.spec import StationSpec
from simulation.station import VirtualStation
from simulation.vehicle import Vehicle
from tests.end_to_end.running import known_vehicle, running
from tests.waiting import until

GRACE_S = 10.0
# Beyond that: what has fallen back has to stay there.
LONGER_S = 30.0
LOOK_EVERY_S = 0.1
KILLS_PER_DEPOT = 25
LEASE_S = 90.0
# With the real daemon: three phases of 8 A, and a site that is short of power.
REAL_FALLBACK_KW, REAL_LIMIT_KW, REAL_STATIONS = 5.6, 50.0, 4
PATIENCE_S = 120.0

Above = Callable[[], Mapping[Place, str]]
"""What is drawn, and what was to be drawn at most, wherever it is more than the fallback."""


@dataclass
class Result:
    """`above` counts the connectors that drew more than their fallback when the daemon was killed;
    `slowest_s`: how long after it the last of all was at its fallback."""

    kills: int = 0
    above: int = 0
    slowest_s: float = 0.0
    over_s: float = 0.0
    problems: list[str] = field(default_factory=list)


def run(kills: int, seed: int, stations: int = 8, kinds: str = "AB") -> Result:
    result, depot = Result(), 0
    while result.kills < kills:
        name = f"{seed}/{depot}"
        setup = Setup(
            seed=seed * 1000 + depot, hours=0.0, stations=stations, kinds=kinds, pinned=True
        )
        many = min(KILLS_PER_DEPOT, kills - result.kills)
        loop = VirtualLoop()
        try:
            loop.run_until_complete(_live(setup, many, Random(f"{name}/kills"), result))
        finally:
            loop.close()
        depot += 1
    return result


async def _live(setup: Setup, kills: int, rng: Random, result: Result) -> None:
    world = World(setup)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: world.failed(context))
    above = partial(_above_fallback, world)
    await asyncio.sleep(COMMISSIONED_S)
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(60.0, 300.0))
        await until(lambda: bool(above()), 3600.0)
        killed_s = world.loop.time()
        await world.kill_daemon(reset=rng.random() < 0.5)
        await _falls_back(f"depot {setup.seed}, killed at {killed_s:.3f} s", above, result)
        world.start_daemon()
    world.ledger.advance()
    for line in world.ledger.lines.values():
        if line.over_s:
            result.over_s += line.over_s
            text = f"{line.name} was exceeded for {line.over_s:.1f} s by up to {line.worst_kw:.1f}"
            result.problems.append(f"depot {setup.seed}: {text} kW")
    result.problems += [f"depot {setup.seed}: {failure}" for failure in world.failures]
    await world.end()


async def _falls_back(name: str, above: Above, result: Result) -> None:
    """From the kill until all has to be over, and for a while longer."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    result.kills += 1
    result.above += len(above())
    while (passed_s := loop.time() - began_s) < LEASE_S + GRACE_S:
        if above():
            result.slowest_s = max(result.slowest_s, passed_s)
        await asyncio.sleep(LOOK_EVERY_S)
    late = dict(above())
    await asyncio.sleep(LONGER_S)
    for (station, connector), text in (late | dict(above())).items():
        result.problems.append(f"{name}: {station}/{connector} draws {text}")


def _above_fallback(world: World) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for spec in world.scenario.site.stations:
        outlets = world.stations[spec.id].outlets
        for evse in spec.evses:
            kw, most_kw = outlets[evse.connector].kw, evse_fallback_kw(spec, evse)
            if kw > most_kw + TOLERANCE_KW:
                found[spec.id, evse.connector] = f"{kw:.2f} kW instead of {most_kw:.2f}"
    return found


async def run_real(folder: Path, kills: int, seed: int, result: Result) -> None:
    """All at once, each in a depot of its own."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(kills):
            directory = folder / str(number)
            directory.mkdir()
            tasks.create_task(_live_really(directory, f"{seed}/{number}", result))


async def _live_really(folder: Path, name: str, result: Result) -> None:
    rng = Random(name)
    specs = [
        StationSpec(id=f"CP{n:02}", version=version, sample_interval_s=60)
        for n, version in enumerate([Version.V16, Version.V201] * (REAL_STATIONS // 2))
    ]
    connector = {"id": 1, "max_kw": 22.0, "min_kw": 4.2}
    settings = [
        {"id": spec.id, "capability_class": "A", "connectors": [connector]} for spec in specs
    ]
    vehicles = [known_vehicle(f"V-{spec.id}", f"TAG-{spec.id}") for spec in specs]
    async with running(
        folder,
        SITE__IMPORT_LIMIT_KW=f"{REAL_LIMIT_KW}",
        OCPP__DEFAULT_FALLBACK_KW=f"{REAL_FALLBACK_KW}",
        OCPP__LEASE_S=f"{LEASE_S}",
        PLANNER__MODE="charging",
        STATIONS=json.dumps(settings),
        VEHICLES=json.dumps(vehicles),
    ) as daemon:
        stations = [
            VirtualStation(spec, url=daemon.ocpp, clock=SystemClock(), rng=rng) for spec in specs
        ]
        tasks = [asyncio.create_task(station.run()) for station in stations]
        for station in stations:
            id = station.spec.id
            vehicle = Vehicle(id=f"V-{id}", battery_kwh=200.0, energy_kwh=20.0, max_charge_kw=22.0)
            station.plug_in(1, vehicle, f"TAG-{id}")
        above = partial(_really_above, stations)
        # Before it has been told anything a station draws what it can.
        await asyncio.gather(*(station.told.wait() for station in stations))
        await until(lambda: bool(above()), PATIENCE_S)
        await asyncio.sleep(rng.uniform(0.0, 60.0))
        await until(lambda: bool(above()), PATIENCE_S)
        await daemon.kill()
        await _falls_back(f"real daemon {name}", above, result)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _really_above(stations: list[VirtualStation]) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for station in stations:
        station.charger.advance()
        if (kw := station.charger.power_kw) > REAL_FALLBACK_KW + TOLERANCE_KW:
            found[station.spec.id, 1] = f"{kw:.2f} kW instead of {REAL_FALLBACK_KW:.2f}"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stations", type=int, default=8)
    parser.add_argument("--real", type=int, default=0, help="kills of real daemons besides")
    args = parser.parse_args()
    result = run(args.kills, args.seed, args.stations)
    found = _told(args.seed, result)
    if args.real:
        real = Result()
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run_real(Path(folder), args.real, args.seed, real))
        found |= _told(args.seed, real)
    return 1 if found else 0


def _told(seed: int, result: Result) -> bool:
    """Prints it; whether there were problems."""
    print(
        f"seed {seed}: {result.kills} kills while {result.above} connectors drew more than "
        f"their fallback; the last was at it {result.slowest_s:.1f} s later; {result.over_s:.1f} s "
        f"over a limit; {len(result.problems)} problems"
    )
    for problem in result.problems[:10]:
        print(problem)
    return bool(result.problems)


if __name__ == "__main__":
    raise SystemExit(main())
