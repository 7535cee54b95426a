"""Depots small enough for the exhaustive oracle: hours for steps, every time on a step."""

from __future__ import annotations

from dataclasses import replace
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
from tests.planner.depots import T0, after


def tiny_depot(
    rng: Random,
    *,
    mode: Mode = "integrated",
    min_kw: float = 0.0,
    fallback_kw: float = 0.0,
    hours: int = 5,
    routes: int = 3,
    pv: bool = False,
) -> Snapshot:
    """Two vehicles, one or two connectors, a limit and prices that make a difference; with `pv`
    there is sun, at times more than can be sold."""
    connectors = tuple(
        Connector(
            station=f"CP{i}",
            connector=1,
            circuit=rng.choice((None, "yard")),
            min_kw=min_kw,
            max_kw=rng.choice((11.0, 22.0)),
            plugs=("type2",),
            fallback_kw=fallback_kw,
        )
        for i in range(rng.choice((1, 2)))
    )
    vehicles = [_vehicle(rng, i) for i in range(2)]
    if rng.random() < 0.4:
        place = Plugged(station="CP0", connector=1)
        vehicles[0] = replace(vehicles[0], plugged=place, available_from=T0)
    return Snapshot(
        revision=1,
        taken_at=T0,
        mode=mode,
        horizon=Horizon(hours=hours, step_minutes=60),
        site=_sunny(rng, _site(rng, hours), hours) if pv else _site(rng, hours),
        circuits=(Circuit(id="yard", limit_kw=Series.constant(rng.choice((8.0, 15.0, 30.0)))),),
        connectors=connectors,
        vehicles=tuple(vehicles),
        routes=tuple(_route(rng, i, hours, mode) for i in range(routes)),
        rules=Rules(
            safety_factor=1.1,
            turnaround_minutes=rng.choice((0, 60)),
            departure_buffer_minutes=rng.choice((0, 60)),
            max_routes_per_vehicle=rng.choice((1, 2)),
        ),
    )


def _vehicle(rng: Random, number: int) -> Vehicle:
    return Vehicle(
        id=f"V{number}",
        type=rng.choice(("van", "truck")),
        battery_kwh=50,
        energy_kwh=rng.choice((8.0, 15.0, 30.0)),
        reserve_kwh=5,
        target_kwh=rng.choice((0.0, 25.0, 40.0)),
        max_charge_kw=rng.choice((11.0, 16.0)),
        efficiency=0.9,
        charge_curve=rng.choice(((), ((0.5, 1.0), (1.0, 0.4)))),
        plugs=("type2",),
        available_from=after(rng.choice((0, 0, 60))),
    )


def _route(rng: Random, number: int, hours: int, mode: Mode) -> Route:
    depart = rng.randrange(1, hours)
    return Route(
        id=f"R{number}",
        depart=after(60 * depart),
        return_=after(60 * (depart + rng.choice((1, 2)))),
        energy_kwh=rng.choice((5.0, 9.0, 14.0)),
        priority=rng.choice((1, 2)),
        vehicle_types=("van", "truck"),
        vehicle=f"V{number % 2}" if mode == "charging" else None,
    )


def _site(rng: Random, hours: int) -> Site:
    store = Battery(
        capacity_kwh=20,
        energy_kwh=8,
        min_kwh=4,
        max_charge_kw=6,
        max_discharge_kw=6,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        wear_per_kwh=0.02,
    )
    prices = tuple(
        Point(at=after(60 * h), value=rng.choice((0.1, 0.2, 0.3, 0.4))) for h in range(hours)
    )
    return Site(
        id="tiny",
        currency="EUR",
        import_limit_kw=Series.constant(rng.choice((14.0, 20.0, 40.0))),
        export_limit_kw=Series.constant(10.0),
        base_load_kw=Series.constant(3.0),
        import_price_per_kwh=Series(points=prices),
        peak_price_per_kw=rng.choice((0.0, 0.2)),
        peak_so_far_kw=rng.choice((0.0, 8.0)),
        battery=store if rng.random() < 0.3 else None,
    )


def _sunny(rng: Random, site: Site, hours: int) -> Site:
    sun = tuple(
        Point(at=after(60 * h), value=rng.choice((0.0, 6.0, 12.0, 18.0))) for h in range(hours)
    )
    return replace(
        site,
        pv_kw=Series(points=sun),
        export_limit_kw=Series.constant(rng.choice((0.0, 5.0))),
        export_price_per_kwh=Series.constant(rng.choice((0.0, 0.08))),
    )
