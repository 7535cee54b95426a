from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest
import structlog

from daemon.adapters.broker import EmbeddedBroker
from daemon.adapters.mqtt_client import BrokerAddress, CancellableClient
from planner.codec import dump_plan
from planner.plan import Cost, Objective, Period, Plan, Stay, Unserved
from planner.series import format_instant
from planner.snapshot import Allocation
from protocol.mqtt import topics
from protocol.ocpp.model import Version
from simulation.fleet_link import fleet_link
from simulation.scenario import Guest, Scenario, Trip
from simulation.spec import StationSpec
from simulation.station import VirtualStation
from simulation.world import World
from tests.simulation.clock import START, JumpClock

SITE = "north"
MESSAGE: dict[str, Any] = {
    "id": "V01",
    "type": "van",
    "battery_kwh": 60.0,
    "energy_kwh": 20.0,
    "reserve_kwh": 5.0,
    "max_charge_kw": 11.0,
    "plugs": ["type2"],
    "available_from": format_instant(START),
}
DEPART, RETURN = START + timedelta(hours=3), START + timedelta(hours=5)
GUEST = Guest(message=MESSAGE, arrives=START + timedelta(hours=1), energy_kwh=18.0)
TRIP = Trip(
    message={
        "id": "R1",
        "depart": format_instant(DEPART),
        "return": format_instant(RETURN),
        "energy_kwh": 20.0,
        "vehicle_types": ["van"],
    },
    depart=DEPART,
    return_=RETURN,
    used_kwh=22.0,
    late=timedelta(minutes=10),
)
SCENARIO = Scenario(
    name="a test",
    start=START,
    end=START + timedelta(hours=8),
    mode="integrated",
    import_limit_kw=50.0,
    stations=(
        StationSpec(id="AC1", version=Version.V16),
        StationSpec(id="AC2", version=Version.V201),
    ),
    fallback_kw={"AC1": 0.0, "AC2": 0.0},
    guests=(GUEST,),
    trips=(TRIP,),
    series={"import_limit_kw": 50, "base_load_kw": 4},
)
STAY = Stay(
    vehicle="V01",
    station="AC2",
    connector=1,
    start=START + timedelta(hours=1),
    end=DEPART,
    energy_kwh=22.0,
    periods=(Period(start=START + timedelta(hours=1), end=DEPART, kw=11.0),),
    why="charges at once",
)
PLAN = Plan(
    revision=7,
    status="optimal",
    algorithm="joint",
    allocations=(Allocation(route="R1", vehicle="V01"),),
    stays=(STAY,),
    objective=Objective(),
    cost=Cost(),
)


class Bench:
    """The world between a real broker, stations without a link, and a clock that a test moves."""

    def __init__(self, world: World, clock: JumpClock, stations: dict[str, VirtualStation]) -> None:
        self.world = world
        self.clock = clock
        self.stations = stations
        self.told: list[tuple[str, Any]] = []
        self.daemon: aiomqtt.Client | None = None

    async def listen(self, daemon: aiomqtt.Client) -> None:
        self.daemon = daemon
        for topic in ("fleet/#", "site/#"):
            await daemon.subscribe(f"depotd/{SITE}/{topic}", qos=1)
        async for message in daemon.messages:
            payload = bytes(message.payload)
            path = topics.path_of(SITE, str(message.topic))
            assert path is not None
            self.told.append((path, json.loads(payload) if payload else None))

    async def heard(self, path: str, **wanted: object) -> Any:
        """The first message on `path` that holds these values."""
        found: list[Any] = []

        def there() -> bool:
            values = (v for p, v in self.told if p == path and v is not None)
            found.extend(v for v in values if wanted.items() <= v.items())
            return bool(found)

        await self.until(there)
        return found[0]

    async def forgotten(self, path: str) -> None:
        await self.until(lambda: (path, None) in self.told)

    async def publish(self, path: str, text: str) -> None:
        assert self.daemon is not None
        await self.daemon.publish(topics.absolute(SITE, path), text, qos=1, retain=True)

    async def to(self, hours: float) -> None:
        """Moves the clock in steps of a minute, letting everybody act."""
        while self.clock.utc() < START + timedelta(hours=hours):
            self.clock.jump(60)
            await asyncio.sleep(0.001)

    async def until(self, met: Callable[[], bool]) -> None:
        """Lets the broker, another process, and the tasks here act until the condition is met."""
        async with asyncio.timeout(60):
            while not met():
                self.clock.jump(0)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(folder: Path, scenario: Scenario = SCENARIO) -> AsyncIterator[Bench]:
    log = structlog.wrap_logger(
        structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(40)
    )
    broker = EmbeddedBroker(port=0, state_dir=folder, log=log)
    await broker.start()
    clock = JumpClock()
    stations = {
        spec.id: VirtualStation(spec, url="ws://nowhere", clock=clock, rng=Random(0))
        for spec in scenario.stations
    }
    address = BrokerAddress.parse(broker.url, version="3.1.1")
    try:
        async with (
            fleet_link(address, SITE) as link,
            CancellableClient(
                "127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V311
            ) as daemon,
        ):
            made = Bench(World(scenario, stations, link=link, clock=clock), clock, stations)
            tasks = [asyncio.create_task(made.listen(daemon))]
            await made.world.announce()
            tasks.append(asyncio.create_task(made.world.run()))
            yield made
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    finally:
        await broker.stop()


async def test_the_fleet_is_told_before_anybody_comes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        vehicle = await b.heard("fleet/vehicles/V01", id="V01")
        assert vehicle == {**MESSAGE, "at": format_instant(START)}
        assert await b.heard("fleet/routes/R1", id="R1") == TRIP.message
        assert b.world.departures == []


async def test_a_vehicle_comes_plugs_in_as_planned_drives_and_comes_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.publish(topics.PLAN, dump_plan(PLAN))
        await b.until(lambda: b.world.plan is not None)
        await b.to(1)
        came = await b.heard("fleet/vehicles/V01", energy_kwh=18.0)
        assert came["available_from"] == came["at"]
        await b.until(lambda: b.stations["AC2"].evses[1].vehicle is not None)
        await b.to(3)
        await b.until(lambda: len(b.world.departures) == 1)
        (departure,) = b.world.departures
        assert (departure.trip, departure.vehicle, departure.here) == ("R1", "V01", True)
        assert departure.energy_kwh == pytest.approx(40.0)
        assert departure.short_kwh == 0
        left = await b.heard("fleet/vehicles/V01", available_from=format_instant(RETURN))
        assert left["energy_kwh"] == pytest.approx(departure.energy_kwh - 20.0)
        assert b.stations["AC2"].evses[1].vehicle is None
        await b.to(5.2)
        await b.forgotten("fleet/routes/R1")
        energy_kwh = departure.energy_kwh - 22.0
        back = [v for p, v in b.told if p == "fleet/vehicles/V01"][-1]
        assert back["energy_kwh"] == pytest.approx(energy_kwh)


async def test_what_was_planned_is_added_up_over_the_plans_in_force(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.follow(PLAN)
        b.clock.jump(1.5 * 3600)
        halved = replace(STAY, periods=(Period(start=STAY.start, end=STAY.end, kw=5.0),))
        b.world.follow(replace(PLAN, stays=(halved,)))
        b.clock.jump(3600)
        b.world.count_planned()
        assert b.world.planned_kwh == {"AC2": pytest.approx(0.5 * 11 + 5.0)}
        assert b.world.reasons == {"V01": "charges at once"}


async def test_a_route_with_nobody_is_not_driven(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.follow(PLAN)
        unserved = (Unserved(route="R1", reason="no vehicle has the energy"),)
        b.world.follow(replace(PLAN, allocations=(), unserved=unserved))
        await b.to(3.1)
        (departure,) = b.world.departures
        assert (departure.vehicle, departure.here) == (None, False)
        assert b.world.unserved == {"R1": "no vehicle has the energy"}


async def test_a_pinned_vehicle_leaves_for_good_and_short_of_what_it_asked(tmp_path: Path) -> None:
    pinned = replace(
        TRIP, message={**TRIP.message, "vehicle": "V01", "energy_kwh": 50.0}, returns=False
    )
    guest = replace(GUEST, announced=False, station="AC1")
    async with bench(tmp_path, replace(SCENARIO, guests=(guest,), trips=(pinned,))) as b:
        await b.to(0.9)
        assert not [p for p, _ in b.told if p.startswith("fleet/")]
        await b.to(1)
        await b.heard("fleet/routes/R1", vehicle="V01")
        await b.until(lambda: b.stations["AC1"].evses[1].vehicle is not None)
        await b.to(3)
        await b.forgotten("fleet/vehicles/V01")
        (departure,) = b.world.departures
        assert departure.short_kwh == pytest.approx(55.0 - departure.energy_kwh)
        assert departure.hopeless_kwh == pytest.approx(55.0 - 18.0 - 22.0)


async def test_alerts_are_kept_for_the_report(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        alert = {
            "at": format_instant(START),
            "kind": "station_disobeys",
            "text": "",
            "station": "AC1",
        }
        await b.publish(topics.ALERTS, json.dumps(alert))
        await b.until(lambda: b.world.alerts == [alert])
