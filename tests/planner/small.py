"""Depots small enough to be planned by hand: vans, 22 kW connectors, a night in half hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from planner.check import audit
from planner.params import Params
from planner.plan import Plan
from planner.series import Point, Series
from planner.snapshot import Connector, Horizon, Plugged, Route, Rules, Site, Snapshot, Vehicle
from planner.solve import solve
from tests.planner.depots import T0, after


def connector(number: int, kw: float = 22.0, min_kw: float = 4.2) -> Connector:
    return Connector(station=f"CP{number}", connector=1, min_kw=min_kw, max_kw=kw, plugs=("type2",))


def vehicle(name: str, energy_kwh: float, *, at: int | None = None, target: float = 0) -> Vehicle:
    return Vehicle(
        id=name,
        type="van",
        battery_kwh=80,
        energy_kwh=energy_kwh,
        reserve_kwh=5,
        target_kwh=target,
        max_charge_kw=22,
        plugs=("type2",),
        available_from=T0,
        plugged=None if at is None else Plugged(station=f"CP{at}", connector=1),
    )


def route(name: str, depart: float, back: float, energy_kwh: float) -> Route:
    return Route(
        id=name,
        depart=after(60 * depart),
        return_=after(60 * back),
        energy_kwh=energy_kwh,
        vehicle_types=("van",),
    )


def depot(**values: Any) -> Snapshot:
    """Twelve hours from 16:00 in half hours, power at 0.30 until 22:00 and 0.10 after."""
    prices = (Point(at=T0, value=0.3), Point(at=after(360), value=0.1))
    made = Snapshot(
        revision=1,
        taken_at=T0,
        mode="integrated",
        horizon=Horizon(hours=12, step_minutes=30),
        site=Site(
            id="yard",
            currency="EUR",
            import_limit_kw=Series.constant(50),
            import_price_per_kwh=Series(points=prices),
        ),
        connectors=(connector(1), connector(2)),
        rules=Rules(turnaround_minutes=30),
    )
    return replace(made, **values)


def best(snapshot: Snapshot) -> Plan:
    plan = solve(snapshot, Params(), 20.0, 0)
    assert audit(snapshot, plan) == []
    return plan


def driver(plan: Plan, name: str) -> str | None:
    return next((a.vehicle for a in plan.allocations if a.route == name), None)


def first_power(plan: Plan, name: str) -> datetime:
    return min(p.start for s in plan.stays if s.vehicle == name for p in s.periods)
