"""Small depots, each with a behaviour that an operator expects, whoever plans: greedy and joint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from planner.check import audit
from planner.params import Params
from planner.plan import Plan
from planner.series import Point, Series
from planner.snapshot import (
    Allocation,
    Battery,
    Circuit,
    Horizon,
    Previous,
    Snapshot,
)
from planner.solve import solve
from tests.planner.depots import T0, after
from tests.planner.small import best, connector, depot, driver, first_power, route, vehicle


def quick(snapshot: Snapshot) -> Plan:
    plan = solve(snapshot, Params(algorithm="greedy"), 1.0, 0)
    assert audit(snapshot, plan) == []
    return plan


Planner = Callable[[Snapshot], Plan]
BOTH = pytest.mark.parametrize("plan_of", [quick, best], ids=["greedy", "joint"])


def with_site(snapshot: Snapshot, **values: Any) -> Snapshot:
    return replace(snapshot, site=replace(snapshot.site, **values))


def by_hour(*points: tuple[float, float]) -> Series:
    return Series(points=tuple(Point(at=after(60 * h), value=v) for h, v in points))


def flat(snapshot: Snapshot, **values: Any) -> Snapshot:
    """The same price all night."""
    return with_site(snapshot, import_price_per_kwh=Series.constant(0.2), **values)


def import_kw(plan: Plan) -> list[float]:
    return [s.import_kw for s in plan.site]


def charged_kwh(plan: Plan, name: str) -> float:
    return sum(s.energy_kwh for s in plan.stays if s.vehicle == name)


STORE = Battery(
    capacity_kwh=40,
    energy_kwh=20,
    min_kwh=4,
    max_charge_kw=10,
    max_discharge_kw=10,
    charge_efficiency=1.0,
    discharge_efficiency=1.0,
    wear_per_kwh=0.0,
)


@BOTH
def test_the_truck_gets_the_only_fast_charger_and_the_van_the_slow_one(plan_of: Planner) -> None:
    fast = replace(connector(1, 50.0), plugs=("ccs2", "type2"))
    truck = replace(
        vehicle("T1", 20), type="truck", battery_kwh=200, max_charge_kw=50, plugs=("ccs2",)
    )
    trip = replace(route("R1", 3, 11, 120), vehicle_types=("truck",))
    snapshot = with_site(
        depot(
            connectors=(fast, connector(2, 11.0)),
            vehicles=(truck, vehicle("V1", 10)),
            routes=(trip, route("R2", 3, 11, 25)),
        ),
        import_limit_kw=Series.constant(80),
    )
    plan = plan_of(snapshot)
    assert plan.unserved == ()
    assert {s.vehicle: s.station for s in plan.stays} == {"T1": "CP1", "V1": "CP2"}


def test_power_up_to_the_peak_so_far_costs_no_peak() -> None:
    snapshot = flat(
        depot(vehicles=(vehicle("V1", 10, at=1),), routes=(route("R1", 2.5, 11, 40),)),
        peak_price_per_kw=5.0,
        peak_so_far_kw=20.0,
    )
    plan = best(snapshot)
    assert plan.cost.peak == pytest.approx(0.0, abs=0.01)
    assert 15 < max(import_kw(plan)) <= 20.001


@BOTH
def test_sun_beyond_need_is_curtailed_where_export_is_forbidden(plan_of: Planner) -> None:
    sun = by_hour((0, 0), (2, 40), (6, 0))
    snapshot = with_site(
        depot(vehicles=(vehicle("V1", 10, at=1, target=40),)),
        pv_kw=sun,
        export_price_per_kwh=Series.constant(0.5),
    )
    assert min(import_kw(plan_of(snapshot))) >= 0


def test_sun_beyond_need_is_sold_where_export_is_allowed() -> None:
    snapshot = with_site(
        depot(),
        pv_kw=by_hour((0, 0), (2, 40), (6, 0)),
        export_limit_kw=Series.constant(15),
        export_price_per_kwh=Series.constant(0.5),
    )
    plan = best(snapshot)
    assert min(import_kw(plan)) == pytest.approx(-15)
    assert plan.objective.money == pytest.approx(-4 * 15 * 0.5)


def test_the_battery_carries_the_dear_evening() -> None:
    snapshot = with_site(depot(), base_load_kw=Series.constant(5), battery=STORE)
    plan = best(snapshot)
    evening = sum(import_kw(plan)[:12]) / 2
    assert evening == pytest.approx(30 - 16, abs=0.01)
    assert sum(p.kw * ((p.end - p.start) / timedelta(hours=1)) for p in plan.battery) >= -0.01


def test_power_is_bought_while_its_price_is_negative() -> None:
    prices = by_hour((0, 0.3), (4, -0.1), (6, 0.3))
    snapshot = with_site(
        depot(vehicles=(vehicle("V1", 10, at=1, target=50),)), import_price_per_kwh=prices
    )
    plan = best(snapshot)
    assert first_power(plan, "V1") == after(240)
    assert charged_kwh(plan, "V1") >= 40
    assert plan.objective.money == pytest.approx(-0.1 * charged_kwh(plan, "V1"), abs=0.01)


@BOTH
def test_a_plugged_vehicle_leaves_its_plug_for_nobody(plan_of: Planner) -> None:
    there = vehicle("V1", 10, at=1, target=60)
    snapshot = flat(
        depot(connectors=(connector(1),), vehicles=(there, vehicle("V2", 10, target=60)))
    )
    plan = plan_of(snapshot)
    first, second = sorted(plan.stays, key=lambda s: s.start)
    assert (first.vehicle, first.start) == ("V1", T0)
    assert second.start >= first.end
    assert plan.shortfalls == ()


@BOTH
def test_a_plugged_vehicle_cannot_charge_where_its_connector_is_uncontrollable(
    plan_of: Planner,
) -> None:
    dumb = replace(connector(1), controllable=False, load_kw=3.0)
    van = vehicle("V1", 10, at=1, target=40)
    snapshot = depot(connectors=(dumb, connector(2)), vehicles=(van,))
    plan = plan_of(snapshot)
    assert plan.stays == ()
    assert [(s.vehicle, round(s.kwh, 3)) for s in plan.shortfalls] == [("V1", 30)]
    assert set(import_kw(plan)) == {3.0}


@BOTH
def test_the_parent_of_a_tree_of_circuits_binds(plan_of: Planner) -> None:
    circuits = (
        Circuit(id="yard", limit_kw=Series.constant(24)),
        Circuit(id="left", limit_kw=Series.constant(23), parent="yard"),
        Circuit(id="right", limit_kw=Series.constant(23), parent="yard"),
    )
    sides = (replace(connector(1), circuit="left"), replace(connector(2), circuit="right"))
    fleet = (vehicle("V1", 10, at=1), vehicle("V2", 10, at=2))
    trips = tuple(replace(route(f"R{i}", 3, 11, 31), vehicle=f"V{i}") for i in (1, 2))
    plan = plan_of(flat(depot(circuits=circuits, connectors=sides, vehicles=fleet, routes=trips)))
    assert plan.unserved == ()
    assert max(import_kw(plan)) <= 24.001
    assert "circuit yard" in {b.limit for b in plan.binding}
    assert "circuit left" not in {b.limit for b in plan.binding}


@BOTH
def test_a_vehicle_that_returns_after_the_end_owes_no_target(plan_of: Planner) -> None:
    snapshot = depot(vehicles=(vehicle("V1", 40, target=70),), routes=(route("R1", 2, 12.5, 30),))
    plan = plan_of(snapshot)
    assert driver(plan, "R1") == "V1"
    assert (plan.shortfalls, plan.stays) == ((), ())


@BOTH
def test_a_dc_only_vehicle_uses_no_ac_connector(plan_of: Planner) -> None:
    dc = replace(connector(2, 50.0), plugs=("ccs2",))
    only = replace(vehicle("V1", 10, target=40), plugs=("ccs2",))
    snapshot = depot(connectors=(connector(1), dc), vehicles=(only,))
    assert {s.station for s in plan_of(snapshot).stays} == {"CP2"}


@BOTH
def test_a_minimum_power_forbids_two_to_share_what_is_too_little_for_both(plan_of: Planner) -> None:
    fleet = (vehicle("V1", 10, at=1, target=25), vehicle("V2", 10, at=2, target=25))
    plan = plan_of(flat(depot(vehicles=fleet), import_limit_kw=Series.constant(8)))
    assert plan.objective.shortfall_kwh == 0
    v1, v2 = (
        [p for s in plan.stays if s.vehicle == v for p in s.periods if p.kw > 0]
        for v in ("V1", "V2")
    )
    assert min(p.kw for p in v1 + v2) >= 4.2
    assert all(a.end <= b.start or b.end <= a.start for a in v1 for b in v2)


@BOTH
def test_a_vehicle_out_of_service_drives_and_charges_nothing(plan_of: Planner) -> None:
    broken = replace(vehicle("V1", 10, target=60), in_service=False)
    snapshot = depot(vehicles=(broken, vehicle("V2", 60)), routes=(route("R1", 2, 5, 20),))
    plan = plan_of(snapshot)
    assert (driver(plan, "R1"), plan.stays, plan.shortfalls) == ("V2", (), ())


@BOTH
def test_a_vehicle_on_its_route_charges_from_its_arrival_on(plan_of: Planner) -> None:
    away = replace(vehicle("V1", 10, target=40), available_from=after(75))
    plan = plan_of(flat(depot(vehicles=(away,))))
    assert after(75) <= first_power(plan, "V1") <= after(120)
    assert plan.shortfalls == ()


@BOTH
def test_given_allocations_are_driven_and_each_departure_tells_what_it_lacks(
    plan_of: Planner,
) -> None:
    trips = (route("R1", 1, 2, 50), route("R2", 3, 4, 50))
    before = Previous(allocations=tuple(Allocation(route=r.id, vehicle="V1") for r in trips))
    snapshot = depot(
        mode="charging", vehicles=(vehicle("V1", 10, at=1),), routes=trips, previous=before
    )
    plan = plan_of(snapshot)
    assert [driver(plan, r.id) for r in trips] == ["V1", "V1"]
    # 10 kWh and 45 minutes at 22 kW, then nothing and 45 minutes more, of 50 + 5 each.
    lacks = [(s.route, s.at, round(s.kwh, 3)) for s in plan.shortfalls]
    assert lacks == [("R1", after(60), 28.5), ("R2", after(180), 38.5)]


@BOTH
@pytest.mark.parametrize(("hours", "minutes"), [(4, 1), (24, 30), (4, 30), (24, 10)])
def test_steps_of_any_length_and_short_and_long_horizons_are_planned(
    plan_of: Planner, hours: float, minutes: float
) -> None:
    snapshot = depot(
        horizon=Horizon(hours=hours, step_minutes=minutes),
        vehicles=(vehicle("V1", 10, at=1),),
        routes=(route("R1", 3.3, 3.9, 40),),
    )
    plan = plan_of(snapshot)
    assert driver(plan, "R1") == "V1"
    assert len(plan.site) == hours * 60 / minutes
    assert charged_kwh(plan, "V1") == pytest.approx(35, abs=0.02)


@BOTH
def test_a_van_that_is_late_swaps_its_route_for_a_later_one(
    plan_of: Planner,
) -> None:
    late = replace(vehicle("V1", 60), available_from=after(90))
    snapshot = depot(
        vehicles=(late, vehicle("V2", 60)),
        routes=(route("R1", 1, 4, 20), route("R2", 2, 5, 20)),
        previous=Previous(
            allocations=(
                Allocation(route="R1", vehicle="V1"),
                Allocation(route="R2", vehicle="V2"),
            )
        ),
    )
    plan = plan_of(snapshot)
    assert (driver(plan, "R1"), driver(plan, "R2")) == ("V2", "V1")
