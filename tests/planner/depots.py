"""Depots for tests: the smallest one, and random ones from a seed.

Random depots are ones an operator could own: every plan of them is a matter of choice, and the
fixed loads alone never break a limit unless `tight` is well below 0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from planner.series import Point, Series
from planner.snapshot import (
    Battery,
    Circuit,
    Connector,
    Horizon,
    Mode,
    Plugged,
    Route,
    Rules,
    Site,
    Snapshot,
    Vehicle,
)
from planner.soft import Soft

T0 = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
CURVES: Sequence[tuple[tuple[float, float], ...]] = (
    (),
    ((0.8, 1.0), (1.0, 0.2)),
    ((0.6, 1.0), (0.8, 0.5), (1.0, 0.1)),
)


def after(minutes: float) -> datetime:
    """The instant `minutes` after the horizon's start."""
    return T0 + timedelta(minutes=minutes)


def random_depot(
    rng: Random,
    *,
    vehicles: int = 4,
    routes: int = 5,
    connectors: int = 3,
    hours: float = 12,
    step_minutes: float = 15,
    mode: Mode = "integrated",
    tight: float = 0.6,
    battery: bool = False,
    pv: bool = False,
    circuits: bool = True,
    curves: bool = True,
    plugged: bool = True,
    fixed_loads: bool = False,
    fallbacks: bool = False,
    soft: Soft | None = None,
) -> Snapshot:
    """A valid snapshot that depends on the arguments alone.

    `tight` is the site's import limit as a share of the sum of the connectors' powers (base load
    aside); `fixed_loads` makes the last connector uncontrollable; with `fallbacks` every
    second connector keeps its minimum power. In `charging` mode routes are
    pinned in an order in which no vehicle drives two at once.
    """
    horizon = Horizon(hours=hours, step_minutes=step_minutes)
    sockets = _connectors(rng, connectors, circuits=circuits, fixed_loads=fixed_loads)
    if fallbacks:
        sockets = [replace(c, fallback_kw=c.min_kw * (i % 2)) for i, c in enumerate(sockets, 1)]
    fleet = _vehicles(rng, vehicles, hours, curves=curves)
    if plugged:
        fleet = _plug_in(rng, fleet, sockets)
    trips = _routes(rng, routes, hours, fleet)
    if mode == "charging":
        trips = _pin(trips, fleet)
    power = sum(c.max_kw if c.controllable else c.load_kw for c in sockets)
    return Snapshot(
        revision=rng.randrange(1, 10_000),
        taken_at=T0,
        mode=mode,
        horizon=horizon,
        site=_site(rng, hours, power * tight, battery=battery, pv=pv),
        circuits=_circuits(rng, sockets, tight) if circuits else (),
        connectors=tuple(sockets),
        vehicles=tuple(fleet),
        routes=tuple(trips),
        rules=Rules(
            safety_factor=rng.choice((1.0, 1.1, 1.15)),
            turnaround_minutes=rng.choice((15, 30, 45)),
            departure_buffer_minutes=rng.choice((0, 10, 15)),
            max_routes_per_vehicle=rng.choice((2, 3, 5)),
            soft=soft or Soft(),
        ),
    )


def _site(rng: Random, hours: float, power: float, *, battery: bool, pv: bool) -> Site:
    base = round(rng.uniform(2, 10), 1)
    minutes = hours * 60
    store = Battery(
        capacity_kwh=40,
        energy_kwh=15,
        min_kwh=5,
        max_charge_kw=20,
        max_discharge_kw=20,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        wear_per_kwh=0.03,
    )
    return Site(
        id="depot",
        currency="EUR",
        import_limit_kw=_steps((0, 1.2 * base + power), (minutes * 0.6, 1.2 * base + 1.2 * power)),
        export_limit_kw=Series.constant(rng.choice((0.0, 10.0)) if pv else 0.0),
        base_load_kw=_steps((0, base), (minutes * 0.3 + 7, base * 1.2)),
        pv_kw=_steps((0, 0), (minutes * 0.5, 12), (minutes * 0.5 + 40, 25)) if pv else _steps(),
        import_price_per_kwh=_steps((0, 0.31), (minutes * 0.4, 0.14), (minutes * 0.8, 0.27)),
        export_price_per_kwh=_steps((0, 0.06)) if pv else _steps(),
        peak_price_per_kw=rng.choice((0.0, 1.5)),
        peak_so_far_kw=rng.choice((0.0, 20.0)),
        battery=store if battery else None,
    )


def _steps(*points: tuple[float, float]) -> Series:
    """A series from (minutes after the start, value); zero without any."""
    if not points:
        return Series.constant(0.0)
    return Series(points=tuple(Point(at=after(round(m)), value=v) for m, v in points))


def _connectors(rng: Random, n: int, *, circuits: bool, fixed_loads: bool) -> list[Connector]:
    made: list[Connector] = []
    for i in range(n):
        fast = rng.random() < 0.3
        fixed = fixed_loads and n > 1 and i == n - 1
        made.append(
            Connector(
                station=f"CP{i // 2 + 1:02}",
                connector=i % 2 + 1,
                circuit=("left", "right", None)[i % 3] if circuits else None,
                min_kw=5.0 if fast else 4.2,
                max_kw=50.0 if fast else 22.0,
                plugs=("ccs2",) if fast else ("type2",),
                controllable=not fixed,
                load_kw=3.7 if fixed else 0.0,
            )
        )
    return made


def _circuits(rng: Random, sockets: Sequence[Connector], tight: float) -> tuple[Circuit, ...]:
    def limit(name: str) -> float:
        power = sum(c.max_kw for c in sockets if c.circuit == name)
        return 5 + power * min(1.0, tight + rng.uniform(0, 0.3))

    left, right = limit("left"), limit("right")
    return (
        Circuit(id="yard", limit_kw=Series.constant(left + right)),
        Circuit(id="left", limit_kw=Series.constant(left), parent="yard"),
        Circuit(id="right", limit_kw=Series.constant(right), parent="yard"),
    )


def _vehicles(rng: Random, n: int, hours: float, *, curves: bool) -> list[Vehicle]:
    made: list[Vehicle] = []
    for i in range(n):
        truck = rng.random() < 0.25
        size = rng.choice((160, 200)) if truck else rng.choice((60, 75, 90))
        made.append(
            Vehicle(
                id=f"V{i + 1:02}",
                type="truck" if truck else "van",
                battery_kwh=size,
                energy_kwh=round(size * rng.uniform(0.2, 0.7), 1),
                reserve_kwh=round(size * 0.1, 1),
                target_kwh=round(size * rng.choice((0, 0.5, 0.8)), 1),
                max_charge_kw=50 if truck else rng.choice((11, 22)),
                efficiency=rng.choice((0.9, 0.93, 1.0)),
                charge_curve=rng.choice(CURVES) if curves else (),
                plugs=("ccs2", "type2") if truck else ("type2",),
                available_from=after(rng.choice((-60, 0, 20, round(hours * 12)))),
                in_service=rng.random() < 0.93,
            )
        )
    return made


def _plug_in(rng: Random, fleet: Sequence[Vehicle], sockets: Sequence[Connector]) -> list[Vehicle]:
    """Some of the vehicles that are at the depot stand at a connector that fits them."""
    free = list(sockets)
    made: list[Vehicle] = []
    for vehicle in fleet:
        fitting = [c for c in free if set(c.plugs) & set(vehicle.plugs)]
        if vehicle.available_from <= T0 and fitting and rng.random() < 0.5:
            socket = rng.choice(fitting)
            free.remove(socket)
            place = Plugged(station=socket.station, connector=socket.connector)
            vehicle = replace(vehicle, plugged=place)
        made.append(vehicle)
    return made


def _routes(rng: Random, n: int, hours: float, fleet: Sequence[Vehicle]) -> list[Route]:
    made: list[Route] = []
    for i in range(n):
        depart = rng.randrange(30, max(31, round(hours * 60)), 5)
        away = rng.randrange(60, max(65, round(hours * 25)), 5)
        kwh = round(away / 60 * rng.uniform(8, 14), 1)
        own = {v.id: round(kwh * 0.9, 1) for v in fleet[:1]}
        made.append(
            Route(
                id=f"R{i + 1:02}",
                depart=after(depart),
                return_=after(depart + away),
                distance_km=round(kwh * 3.5, 1),
                energy_kwh={**own, "*": kwh} if rng.random() < 0.3 else kwh,
                priority=rng.choice((1, 1, 2, 3)),
                vehicle_types=rng.choice((("van",), ("van", "truck"), ("van", "truck"))),
            )
        )
    return made


def _pin(trips: Sequence[Route], fleet: Sequence[Vehicle]) -> list[Route]:
    back = {v.id: v.available_from for v in fleet if v.in_service}
    made: list[Route] = []
    for trip in sorted(trips, key=lambda r: (r.depart, r.id)):
        free = min(back, key=lambda v: (back[v], v), default=None)
        if free is not None and back[free] <= trip.depart:
            back[free] = trip.return_ + timedelta(minutes=45)
            trip = replace(trip, vehicle=free)
        made.append(trip)
    return made
