"""Small depots whose best plan an operator would draw by hand; each test is named for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.plan import Plan
from planner.series import Point, Series
from planner.snapshot import Allocation, Battery, Previous, Rules
from tests.planner.depots import T0, after
from tests.planner.small import best, connector, depot, driver, first_power, route, vehicle


def test_a_bus_that_leaves_in_the_morning_waits_for_the_cheap_hours() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, at=1),), routes=(route("R1", 11, 11.9, 50),))
    plan = best(snapshot)
    assert plan.status == "optimal"
    assert first_power(plan, "V1") == after(360)
    assert "waits for the cheap hours from 22:00 UTC" in plan.stays[0].why
    assert plan.objective.money == pytest.approx(45 * 0.1, abs=0.01)


def test_a_bus_that_leaves_in_the_evening_pays_the_dear_hours() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, at=1),), routes=(route("R1", 3, 11, 40),))
    plan = best(snapshot)
    assert first_power(plan, "V1") == T0
    assert plan.stays[0].why == "charges at once: departs at 19:00 UTC on R1"


def test_a_van_that_is_late_is_swapped() -> None:
    late = replace(vehicle("V1", 60), available_from=after(90))
    snapshot = depot(
        vehicles=(late, vehicle("V2", 60)),
        routes=(route("R1", 1, 4, 20),),
        previous=Previous(allocations=(Allocation(route="R1", vehicle="V1"),)),
    )
    assert driver(best(snapshot), "R1") == "V2"


def test_an_allocation_is_kept_where_another_is_as_good() -> None:
    for kept in ("V1", "V2"):
        snapshot = depot(
            vehicles=(vehicle("V1", 60), vehicle("V2", 60)),
            routes=(route("R1", 1, 4, 20),),
            previous=Previous(allocations=(Allocation(route="R1", vehicle=kept),)),
        )
        plan = best(snapshot)
        assert driver(plan, "R1") == kept
        assert plan.objective.taste < 1


def test_a_plugged_van_charges_where_it_stands() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, at=2, target=40), vehicle("V2", 10, target=40)))
    places = {s.vehicle: s.station for s in best(snapshot).stays}
    assert places == {"V1": "CP2", "V2": "CP1"}


def test_two_vans_take_turns_at_one_connector() -> None:
    snapshot = depot(
        connectors=(connector(1),), vehicles=(vehicle("V1", 10), vehicle("V2", 10)),
        routes=(route("R1", 3, 11.9, 40), route("R2", 6, 11.9, 40)),
    )  # fmt: skip
    plan = best(snapshot)
    assert plan.unserved == ()
    early, late = sorted(plan.stays, key=lambda s: s.start)
    assert {driver(plan, "R1"), driver(plan, "R2")} == {"V1", "V2"}
    assert driver(plan, "R1") == early.vehicle
    assert early.end <= late.start


def test_a_route_beyond_every_battery_is_unserved_and_says_what_is_missing() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10),), routes=(route("R1", 1, 5, 60),))
    plan = best(snapshot)
    reason = plan.unserved[0].reason
    assert reason.startswith("no allowed vehicle has 65 kWh before 17:00 UTC: at most 26 kWh in V1")


def test_a_route_at_the_same_time_as_another_names_who_drives_what() -> None:
    snapshot = depot(
        vehicles=(vehicle("V1", 60),), routes=(route("R1", 1, 5, 10), route("R2", 2, 4, 10))
    )
    plan = best(snapshot)
    assert len(plan.unserved) == 1
    reason = plan.unserved[0].reason
    assert reason.startswith(f"no allowed vehicle is free: V1 drives {driven(plan)} ")


def driven(plan: Plan) -> str:
    return plan.allocations[0].route


def test_the_route_of_higher_priority_is_driven() -> None:
    urgent = replace(route("R2", 2, 4, 10), priority=3.0)
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=(route("R1", 1, 5, 10), urgent))
    assert driver(best(snapshot), "R2") == "V1"


def test_charging_is_spread_where_the_peak_is_dear() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, at=1, target=40),))
    site = replace(snapshot.site, peak_price_per_kw=2.0, import_price_per_kwh=Series.constant(0.2))
    plan = best(replace(snapshot, site=site))
    assert max(p.kw for s in plan.stays for p in s.periods) < 5
    assert plan.cost.peak == pytest.approx(2.0 * 30 / 12, abs=0.01)


def test_a_battery_is_filled_in_the_cheap_hours_only_if_it_is_back_where_it_began() -> None:
    store = Battery(
        capacity_kwh=40,
        energy_kwh=20,
        min_kwh=4,
        max_charge_kw=10,
        max_discharge_kw=10,
        charge_efficiency=1.0,
        discharge_efficiency=1.0,
        wear_per_kwh=0.0,
    )
    snapshot = depot()
    site = replace(snapshot.site, base_load_kw=Series.constant(10), battery=store)
    plan = best(replace(snapshot, site=site))
    assert plan.objective.money == pytest.approx(60 * 0.3 + 60 * 0.1 - 16 * 0.2, abs=0.01)


def test_a_full_pv_noon_charges_for_nothing() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, at=1, target=30),))
    sun = (Point(at=T0, value=0.0), Point(at=after(120), value=20.0), Point(at=after(240), value=0))
    site = replace(snapshot.site, pv_kw=Series(points=sun))
    plan = best(replace(snapshot, site=site))
    assert plan.objective.money == pytest.approx(0.0, abs=0.01)
    assert first_power(plan, "V1") >= after(120)


def test_a_given_route_beyond_the_vehicles_energy_is_driven_with_a_shortfall() -> None:
    pinned = replace(route("R1", 1, 5, 60), vehicle="V1")
    snapshot = depot(mode="charging", vehicles=(vehicle("V1", 10, at=1),), routes=(pinned,))
    plan = best(snapshot)
    assert driver(plan, "R1") == "V1"
    assert plan.shortfalls[0].kwh == pytest.approx(65 - 10 - 22 * 0.75, abs=0.01)


def test_a_given_route_that_empties_the_battery_leaves_it_at_zero_not_below() -> None:
    pinned = replace(route("R1", 1, 5, 60), vehicle="V1")
    snapshot = depot(
        mode="charging", vehicles=(vehicle("V1", 10, at=1, target=40),), routes=(pinned,)
    )
    plan = best(snapshot)
    assert [s.route for s in plan.shortfalls] == ["R1"]
    assert plan.objective.money == pytest.approx(16.5 * 0.3 + 40 * 0.1, abs=0.01)


def test_a_given_route_may_begin_as_another_that_empties_the_battery_ends() -> None:
    first, then = route("R1", 1, 2, 30), route("R2", 2, 3, 10)
    pinned = (replace(first, vehicle="V1"), replace(then, vehicle="V1"))
    snapshot = depot(mode="charging", vehicles=(vehicle("V1", 10, at=1),), routes=pinned)
    plan = best(snapshot)
    # 10 kWh and what 22 kW charge in 45 minutes, of 35; then nothing of 15.
    assert [s.kwh for s in plan.shortfalls] == pytest.approx([8.5, 15], abs=0.01)
    assert plan.status == "optimal"


def test_a_van_at_an_uncontrollable_connector_charges_only_after_its_first_route() -> None:
    dumb = replace(connector(1), controllable=False, load_kw=3.0)
    snapshot = depot(
        connectors=(dumb, connector(2)),
        vehicles=(vehicle("V1", 40, at=1, target=60),),
        routes=(route("R1", 2, 4, 20),),
    )
    plan = best(snapshot)
    assert plan.shortfalls == ()
    assert {s.station for s in plan.stays} == {"CP2"}
    assert first_power(plan, "V1") >= after(240)


def test_a_shift_that_is_too_long_needs_a_rest() -> None:
    routes = (route("R1", 0.5, 2, 5), route("R2", 5, 7, 5))
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=routes)
    tired = Rules(turnaround_minutes=30, max_shift_hours=4)
    assert len(best(replace(snapshot, rules=tired)).unserved) == 1
    rested = replace(tired, rest_hours=2)
    assert best(replace(snapshot, rules=rested)).unserved == ()
