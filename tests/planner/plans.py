"""Hand-built depots with a lawful plan each, and what makes a changed plan honest again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.check.energy import missing_energy, trace
from planner.check.facts import Facts, given_drives
from planner.check.flows import supply
from planner.check.money import true_cost
from planner.plan import Cost, Objective, Period, Plan, Shortfall, SiteStep, Stay, Unserved
from planner.series import Point, Series
from planner.snapshot import (
    Allocation,
    Battery,
    Circuit,
    Connector,
    Horizon,
    Mode,
    Plugged,
    Previous,
    Route,
    Rules,
    Site,
    Snapshot,
    Vehicle,
)
from tests.planner.depots import T0, after


def settle(snapshot: Snapshot, plan: Plan) -> Plan:
    """`plan` with all that it reports about itself recomputed, so that only deeds are judged.

    It trusts the audit's arithmetic, which tests with numbers worked out by hand look after.
    """
    stays = tuple(
        replace(
            stay,
            energy_kwh=sum(p.kw * (p.end - p.start).total_seconds() / 3600 for p in stay.periods),
        )
        for stay in plan.stays
    )
    facts = Facts.of(snapshot, replace(plan, stays=stays))
    missing = missing_energy(facts, {n: trace(facts, v) for n, v in facts.vehicles.items()})
    flows = supply(facts)
    cost = true_cost(facts, flows)
    return replace(
        plan,
        stays=stays,
        site=tuple(
            SiteStep(start=a, end=b, import_kw=kw)
            for a, b, kw in zip(facts.grid, facts.grid[1:], flows.step_imports(), strict=False)
        ),
        shortfalls=tuple(
            Shortfall(vehicle=vehicle, at=lack.at, route=route, kwh=lack.kwh)
            for (vehicle, route), lack in missing.items()
            if route is None or snapshot.mode == "charging"
        ),
        objective=Objective(
            unserved=sum(r.priority for r in facts.unserved),
            shortfall_kwh=sum(m.kwh for m in missing.values()),
            money=cost.energy + cost.peak + cost.wear,
        ),
        cost=cost,
    )


def idle_plan(snapshot: Snapshot) -> Plan:
    """Nobody charges; nobody drives but where it is given."""
    given = given_drives(snapshot) if snapshot.mode == "charging" else {}
    routes = [r.id for r in snapshot.routes if snapshot.taken_at <= r.depart < snapshot.end]
    plan = Plan(
        revision=snapshot.revision,
        status="fallback",
        algorithm="none",
        allocations=tuple(Allocation(route=r, vehicle=given[r]) for r in routes if r in given),
        unserved=tuple(Unserved(route=r, reason="idle") for r in routes if r not in given),
        objective=Objective(),
        cost=Cost(),
    )
    return settle(snapshot, plan)


def yard(mode: Mode = "integrated") -> Snapshot:
    """Six hours in steps of 30 minutes; V1 is plugged in, V3 out of service, CP3 a fixed load."""
    return Snapshot(
        revision=7,
        taken_at=T0,
        mode=mode,
        horizon=Horizon(hours=6, step_minutes=30),
        site=Site(
            id="yard",
            currency="EUR",
            import_limit_kw=Series.constant(60),
            base_load_kw=Series.constant(10),
            import_price_per_kwh=Series(
                points=(Point(at=after(0), value=0.3), Point(at=after(120), value=0.1))
            ),
            peak_price_per_kw=2,
            peak_so_far_kw=30,
        ),
        circuits=(
            Circuit(id="yard", limit_kw=Series.constant(50)),
            Circuit(id="left", limit_kw=Series.constant(30), parent="yard"),
        ),
        connectors=(
            _connector("CP1", 1, "left"),
            _connector("CP1", 2, "left"),
            _connector("CP2", 1, "yard", plugs=("type2", "ccs2")),
            replace(_connector("CP3", 1, "left"), controllable=False, load_kw=3),
        ),
        vehicles=(
            Vehicle(
                id="V1",
                type="van",
                battery_kwh=80,
                energy_kwh=30,
                reserve_kwh=8,
                target_kwh=40,
                max_charge_kw=22,
                efficiency=0.9,
                charge_curve=((0.8, 1.0), (1.0, 0.2)),
                plugs=("type2",),
                available_from=after(-10),
                plugged=Plugged(station="CP1", connector=1),
            ),
            Vehicle(
                id="V2",
                type="van",
                battery_kwh=60,
                energy_kwh=20,
                max_charge_kw=11,
                plugs=("type2",),
                available_from=after(30),
            ),
            Vehicle(
                id="V3",
                type="truck",
                battery_kwh=200,
                energy_kwh=150,
                target_kwh=180,
                max_charge_kw=50,
                plugs=("ccs2",),
                available_from=after(0),
                in_service=False,
            ),
        ),
        routes=(
            _route("R0", -30, 60, 10),
            _route("R1", 120, 180, 20),
            _route("R2", 270, 330, 10),
            replace(_route("R3", 200, 300, 50, types=("truck",)), priority=2),
            _route("R9", 360, 400, 10),
        ),
        rules=Rules(turnaround_minutes=30, departure_buffer_minutes=15, max_shift_hours=4),
    )


def yard_plan(mode: Mode = "integrated") -> Plan:
    """V1 drives R1 and R2 and charges on all three visits, at another connector on the second."""
    return settle(
        yard(mode),
        Plan(
            revision=7,
            status="feasible",
            algorithm="hand",
            allocations=(
                Allocation(route="R1", vehicle="V1"),
                Allocation(route="R2", vehicle="V1"),
            ),
            unserved=(Unserved(route="R3", reason="the only truck is out of service"),),
            stays=(
                stay("V1", "CP1", 1, 0, 105, (0, 60, 20)),
                stay("V1", "CP1", 2, 180, 255, (180, 240, 10), (240, 255, 0)),
                stay("V1", "CP1", 1, 330, 360, (330, 360, 20)),
                stay("V2", "CP2", 1, 30, 360, (45, 135, 11)),
            ),
            objective=Objective(),
            cost=Cost(),
        ),
    )


def sunny() -> Snapshot:
    """Four hours of one step each, pv in the middle two, a battery; the third hour's export costs.

    No vehicles: everything is the site's."""
    hours = (0, 60, 120, 180)
    return Snapshot(
        revision=1,
        taken_at=T0,
        mode="integrated",
        horizon=Horizon(hours=4, step_minutes=60),
        site=Site(
            id="sunny",
            currency="EUR",
            import_limit_kw=Series.constant(20),
            export_limit_kw=Series.constant(10),
            base_load_kw=Series.constant(5),
            pv_kw=_series(hours, (0, 25, 25, 0)),
            import_price_per_kwh=Series.constant(0.2),
            export_price_per_kwh=_series(hours, (0, 0.05, -0.1, 0)),
            battery=Battery(
                capacity_kwh=20,
                energy_kwh=10,
                min_kwh=5,
                max_charge_kw=12,
                max_discharge_kw=12,
                charge_efficiency=0.9,
                discharge_efficiency=0.9,
                wear_per_kwh=0.05,
            ),
        ),
    )


def sunny_plan() -> Plan:
    """The battery takes 5 kW of the first hour of sun and gives it back in the last hour."""
    return settle(
        sunny(),
        Plan(
            revision=1,
            status="feasible",
            algorithm="hand",
            battery=(period(60, 120, 5), period(180, 240, -4.05)),
            objective=Objective(),
            cost=Cost(),
        ),
    )


def charging_depot() -> Snapshot:
    """`charging` mode with an empty van: R1 is pinned to it, R2 was its before, R3 is a ghost's."""
    base = yard("charging")
    van = replace(base.vehicles[0], energy_kwh=5, reserve_kwh=2, target_kwh=3)
    return replace(
        base,
        vehicles=(van, *base.vehicles[1:]),
        routes=(
            replace(base.routes[1], vehicle="V1"),
            base.routes[2],
            replace(base.routes[3], vehicle="ghost"),
        ),
        previous=Previous(
            allocations=(
                Allocation(route="R1", vehicle="V2"),
                Allocation(route="R2", vehicle="V1"),
                Allocation(route="R3", vehicle="V2"),
            )
        ),
    )


def stay(
    vehicle: str,
    station: str,
    connector: int,
    start: float,
    end: float,
    *powers: tuple[float, float, float],
) -> Stay:
    """A stay from minutes after the start, its periods as (from, to, kW)."""
    return Stay(
        vehicle=vehicle,
        station=station,
        connector=connector,
        start=after(start),
        end=after(end),
        energy_kwh=0,
        periods=tuple(period(*p) for p in powers),
    )


def period(start: float, end: float, kw: float) -> Period:
    return Period(start=after(start), end=after(end), kw=kw)


def _connector(
    station: str, number: int, circuit: str, plugs: tuple[str, ...] = ("type2",)
) -> Connector:
    return Connector(
        station=station, connector=number, circuit=circuit, min_kw=4, max_kw=22, plugs=plugs
    )


def _route(
    name: str, depart: float, back: float, kwh: float, types: tuple[str, ...] = ("van",)
) -> Route:
    return Route(
        id=name, depart=after(depart), return_=after(back), energy_kwh=kwh, vehicle_types=types
    )


def _series(minutes: Sequence[float], values: Sequence[float]) -> Series:
    pairs = zip(minutes, values, strict=True)
    return Series(points=tuple(Point(at=after(m), value=v) for m, v in pairs))
