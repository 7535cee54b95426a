"""`depotd demo`: the daemon as users run it, with virtual stations and a fleet around it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rich.console import Console
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from daemon.adapters.clock import Clock, ScaledClock
from daemon.adapters.mqtt_client import BrokerAddress, MqttVersion
from daemon.adapters.notify import Notifier
from daemon.app import Addresses, App
from planner.series import format_instant
from simulation.fleet_link import fleet_link
from simulation.outcome import SitePower, StationOutcome, site_power, station_outcome
from simulation.report import as_json, print_end
from simulation.scenario import Scenario
from simulation.show import Show
from simulation.station import VirtualStation
from simulation.world import World

# Real seconds from the start of the daemon until all stations have taken their fallbacks: 2.6 s
# were measured with 30 stations on 2 cores.
WARM_UP_S: Final = 4.0
READY_S: Final = 20.0
DEFAULT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`seconds` of real time for the scenario's span, at `speed` times the real one."""

    seconds: float
    speed: float

    @classmethod
    def of(cls, span_s: float, *, seconds: float | None, speed: float | None) -> Pace:
        """What is not given follows from the span; with both given the run may end early."""
        if speed is None:
            speed = span_s / (seconds or DEFAULT_SECONDS)
        return cls(seconds=min(seconds or span_s / speed, span_s / speed), speed=speed)


async def demo(
    settings: Settings,
    scenario: Scenario,
    *,
    pace: Pace,
    seed: int,
    log: FilteringBoundLogger,
    console: Console,
    json_output: bool = False,
) -> int:
    """Runs until the scenario or the time is over, or SIGINT; 1 when a limit was broken or a
    profile was neither obeyed nor flagged. Raises what keeps the daemon from starting."""
    clock = ScaledClock(pace.speed, scenario.start - timedelta(seconds=WARM_UP_S * pace.speed))
    rng = random.Random(seed)
    app = App(settings=settings, clock=clock, log=log, rng=rng, notifier=Notifier({}))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with asyncio.TaskGroup() as tasks:
        daemon = tasks.create_task(app.run(), name="daemon")
        await app.started.wait()
        assert app.addresses is not None
        assert app.addresses.mqtt is not None
        if not json_output:
            _say_hello(console, scenario, app.addresses, pace)
        url = app.addresses.ocpp
        stations = [
            VirtualStation(spec, url=url, clock=clock, rng=random.Random(rng.random()))
            for spec in scenario.stations
        ]
        async with fleet_link(_broker(settings, app.addresses.mqtt), settings.site.id) as link:
            world = World(scenario, {s.spec.id: s for s in stations}, link=link, clock=clock)
            show = Show(world, stations, clock, console, quiet=json_output)
            until = scenario.start + timedelta(seconds=pace.seconds * pace.speed)
            finished_at = await _play(world, stations, show.until(until, ended), clock)
        app.stop.set()
        await daemon
    outcomes = [station_outcome(s, world.planned_kwh[s.spec.id], world.alerts) for s in stations]
    power = site_power(
        stations,
        base_load=scenario.of("base_load_kw"),
        limit=scenario.of("import_limit_kw"),
        start=scenario.start,
        end=finished_at,
    )
    problems = verdict(outcomes, power)
    if json_output:
        console.print_json(json.dumps(as_json(world, outcomes, power, problems)))
    else:
        print_end(console, world, outcomes, power, problems)
    return 1 if problems else 0


async def _play(
    world: World,
    stations: Sequence[VirtualStation],
    over: Coroutine[Any, Any, None],
    clock: Clock,
) -> datetime:
    """Lets the stations and the world act until `over` has returned; when that was."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(s.run(), name=s.spec.id) for s in stations]
        await world.announce()
        await _ready(stations)
        running.append(tasks.create_task(world.run(), name="world"))
        await over
        world.count_planned()
        for station in stations:
            station.charger.advance()
        finished_at = clock.utc()
        for task in running:
            task.cancel()
    return finished_at


def verdict(outcomes: Sequence[StationOutcome], power: SitePower) -> list[str]:
    """What must not be, in words."""
    problems = []
    if not power.within_limit:
        problems.append(
            f"the site's limit was exceeded for {power.over_s:.0f} s, by up to "
            f"{power.excess_kw:.1f} kW"
        )
    problems += [
        f"station {o.station} neither obeyed nor was flagged: {o.accepted} of {o.sent} profiles "
        f"accepted, {o.over_s:.0f} s above what it had accepted"
        for o in outcomes
        if not o.honest
    ]
    return problems


async def _ready(stations: Sequence[VirtualStation]) -> None:
    """Nobody plugs in before every station has been told a profile, as in a depot that runs; one
    that never is has 20 s."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S):
            for station in stations:
                await station.told.wait()


def _broker(settings: Settings, url: str) -> BrokerAddress:
    mqtt = settings.mqtt
    password = None if mqtt.password is None else mqtt.password.get_secret_value()
    version: MqttVersion = "3.1.1" if mqtt.url == "embedded" else "5"
    return BrokerAddress.parse(url, user=mqtt.user, password=password, version=version)


def _say_hello(console: Console, scenario: Scenario, addresses: Addresses, pace: Pace) -> None:
    console.print(
        f"This is a demonstration: {scenario.name}, with {len(scenario.stations)} virtual stations "
        f"and {len(scenario.guests)} virtual vehicles. The daemon, the WebSockets and the broker "
        "are real, on this machine only."
    )
    console.print(
        f"from {format_instant(scenario.start)}, {pace.speed:g} times as fast, for "
        f"{pace.seconds:.0f} s; limit {scenario.import_limit_kw:g} kW"
    )
    console.print(f"dashboard: {addresses.http}", highlight=False)
