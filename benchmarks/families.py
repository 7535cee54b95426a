"""Random depots of eight kinds, each hard in its own way; the same seed gives the same depot.

A snapshot has 72 steps of 15 minutes from 16:00 on. A size is a number of vehicles and of routes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal

from planner.codec import dump_snapshot
from planner.series import Point, Series
from planner.snapshot import (
    Battery,
    Circuit,
    Connector,
    Horizon,
    Route,
    Rules,
    Site,
    Snapshot,
    Vehicle,
)

START: Final = datetime(2026, 11, 20, 16, tzinfo=UTC)
SIZES: Final = ("20/30", "40/60", "100/150", "300/500")
HOURS: Final = 18.0
STEP_MINUTES: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`connectors` and `grid` are shares: connectors a vehicle, and site limit over the mean power
    that all routes and targets need. `fast` is the share of connectors with 50 kW, in a mixed fleet
    with 150 kW, instead of 22. `routes` scales the number of routes."""

    connectors: float = 0.75
    grid: float = 2.2
    routes: float = 1.0
    fast: float = 0.25
    mixed: bool = False
    peak_price_per_kw: float = 0.0
    turnaround_minutes: float = 30.0
    shifts: Literal["spread", "double", "morning"] = "spread"
    battery: bool = False
    mode: Literal["integrated", "charging"] = "integrated"


FAMILIES: Final[dict[str, Family]] = {
    "tight-grid": Family(grid=1.25, connectors=1.0),
    "few-connectors": Family(connectors=0.2, fast=0.1),
    "mixed-fleet": Family(mixed=True, connectors=0.5, fast=0.4),
    "overnight-peak": Family(shifts="morning", peak_price_per_kw=4.0, connectors=1.0, routes=0.65),
    "double-shift": Family(shifts="double", turnaround_minutes=45.0),
    "more-routes-than-energy": Family(routes=1.4, grid=0.6),
    "battery-pv": Family(battery=True, grid=1.5),
    "charging-only": Family(mode="charging", grid=1.4),
}


def depot(family: str, vehicles: int, routes: int, seed: int) -> Snapshot:
    """The snapshot of one family; raises KeyError for a family that is not there."""
    kind = FAMILIES[family]
    rng = Random(f"{family} {vehicles} {routes} {seed}")
    fleet = [_vehicle(kind, rng, i) for i in range(vehicles)]
    trips = [_route(kind, rng, i) for i in range(round(routes * kind.routes))]
    if kind.mode == "charging":
        trips = _given(trips, fleet)
    connectors = _connectors(kind, rng, vehicles)
    wanted_kwh = sum(_number(r) for r in trips) + sum(
        max(0.0, v.target_kwh - v.energy_kwh) for v in fleet
    )
    limit_kw = round(kind.grid * wanted_kwh / HOURS / 0.93 + 15, 1)
    return Snapshot(
        revision=seed,
        taken_at=START,
        mode=kind.mode,
        horizon=Horizon(hours=HOURS, step_minutes=STEP_MINUTES),
        site=_site(kind, limit_kw),
        circuits=tuple(
            Circuit(id=f"feeder-{name}", limit_kw=Series.constant(round(0.6 * limit_kw, 1)))
            for name in "ab"
        ),
        connectors=tuple(connectors),
        vehicles=tuple(fleet),
        routes=tuple(trips),
        rules=Rules(turnaround_minutes=kind.turnaround_minutes, departure_buffer_minutes=10.0),
    )


def size(text: str) -> tuple[int, int]:
    """Vehicles and routes of `20/30`; raises ValueError for other text."""
    vehicles, _, routes = text.partition("/")
    if not (vehicles.isdecimal() and routes.isdecimal() and int(vehicles) > 0):
        raise ValueError(f'wants vehicles/routes such as "20/30", not "{text}"')
    return int(vehicles), int(routes)


def digest(snapshot: Snapshot) -> str:
    """Tells two depots apart: results of another one are not mistaken for this one's."""
    return hashlib.sha256(dump_snapshot(snapshot).encode()).hexdigest()[:12]


def again(family: str, size_: str, seed: int, digest_: str) -> Snapshot:
    """The depot in another process; raises ValueError if it is not the same."""
    snapshot = depot(family, *size(size_), seed)
    if digest(snapshot) != digest_:
        raise ValueError(f"{family} {size_} with seed {seed} is another depot here")
    return snapshot


def _vehicle(kind: Family, rng: Random, i: int) -> Vehicle:
    van = not kind.mixed or rng.random() < 0.6
    battery_kwh = rng.choice([60.0, 80.0, 100.0]) if van else rng.choice([180.0, 280.0])
    energy_kwh = round(rng.uniform(0.15, 0.6) * battery_kwh, 1)
    return Vehicle(
        id=f"V{i:03}",
        type="van" if van else "truck",
        battery_kwh=battery_kwh,
        energy_kwh=energy_kwh,
        reserve_kwh=round(0.08 * battery_kwh, 1),
        target_kwh=round(0.45 * battery_kwh, 1),
        max_charge_kw=rng.choice([22.0, 50.0]) if van else 120.0,
        efficiency=0.93,
        charge_curve=((0.8, 1.0), (1.0, 0.2)),
        plugs=("ccs2",) if not van or rng.random() < 0.7 else ("ccs2", "type2"),
        available_from=START + timedelta(minutes=5 * rng.randrange(36)),
    )


def _route(kind: Family, rng: Random, i: int) -> Route:
    long = kind.mixed and rng.random() < 0.35
    if kind.shifts == "morning":
        depart_h, length_h = rng.uniform(11.5, 16.0), rng.uniform(4.0, 8.0)
    elif kind.shifts == "double":
        depart_h = rng.choice([rng.uniform(2.0, 4.0), rng.uniform(9.5, 12.0)])
        length_h = rng.uniform(3.5, 5.0)
    else:
        depart_h, length_h = rng.uniform(1.5, 17.0), rng.uniform(2.0, 5.0)
    depart = START + timedelta(minutes=5 * round(12 * depart_h))
    energy_kwh = rng.uniform(60, 120) if long else rng.uniform(12, 38)
    return Route(
        id=f"R{i:03}",
        depart=depart,
        return_=depart + timedelta(minutes=5 * round(12 * length_h)),
        energy_kwh=round(energy_kwh, 1),
        priority=float(rng.choice([1, 1, 1, 2, 3])),
        vehicle_types=("truck",) if long else ("van", "truck") if kind.mixed else ("van",),
    )


def _given(routes: list[Route], fleet: list[Vehicle]) -> list[Route]:
    """Each route to the first vehicle that is free; those that find none are left out."""
    free_at = {v.id: v.available_from for v in fleet}
    given = []
    for route in sorted(routes, key=lambda r: r.depart):
        able = sorted((at, name) for name, at in free_at.items() if at <= route.depart)
        if able:
            name = able[0][1]
            free_at[name] = route.return_ + timedelta(minutes=45)
            given.append(replace(route, vehicle=name))
    return given


def _connectors(kind: Family, rng: Random, vehicles: int) -> list[Connector]:
    connectors = []
    for i in range(max(2, round(kind.connectors * vehicles))):
        fast = rng.random() < kind.fast
        slow = kind.mixed and not fast and rng.random() < 0.3
        connectors.append(
            Connector(
                station=f"CP{i:03}",
                connector=1,
                circuit=f"feeder-{'ab'[i % 2]}",
                min_kw=10.0 if fast else 4.2,
                max_kw=150.0 if fast and kind.mixed else 50.0 if fast else 22.0,
                plugs=("type2",) if slow else ("ccs2",),
            )
        )
    return connectors


def _site(kind: Family, limit_kw: float) -> Site:
    battery = Battery(
        capacity_kwh=limit_kw,
        energy_kwh=0.3 * limit_kw,
        min_kwh=0.1 * limit_kw,
        max_charge_kw=0.4 * limit_kw,
        max_discharge_kw=0.4 * limit_kw,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        wear_per_kwh=0.02,
    )
    return Site(
        id="north",
        currency="EUR",
        import_limit_kw=Series.constant(limit_kw + 12),
        base_load_kw=Series.constant(12.0),
        pv_kw=_by_hour(lambda h: max(0.0, 0.5 * limit_kw * (1 - abs(h - 13) / 5)))
        if kind.battery
        else Series.constant(0.0),
        import_price_per_kwh=_by_hour(_price),
        peak_price_per_kw=kind.peak_price_per_kw,
        battery=battery if kind.battery else None,
    )


def _price(hour: float) -> float:
    """Dear in the evening, cheap at night."""
    return 0.34 if 17 <= hour < 21 else 0.16 if hour >= 23 or hour < 5 else 0.24


def _by_hour(value: Callable[[float], float]) -> Series:
    instants = [START + timedelta(hours=h) for h in range(round(HOURS) + 1)]
    return Series(
        points=tuple(Point(at=at, value=round(value(float(at.hour)), 3)) for at in instants)
    )


def _number(route: Route) -> float:
    assert isinstance(route.energy_kwh, float)
    return route.energy_kwh
