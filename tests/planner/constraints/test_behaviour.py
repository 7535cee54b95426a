"""Each rule on a depot where its effect can be seen with the naked eye; named for the behaviour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from planner.algorithms.joint import joint
from planner.check import audit
from planner.params import Params
from planner.series import Series
from planner.snapshot import Allocation, Plugged, Previous, Rules, Snapshot
from planner.soft import (
    ChargerPreference,
    EnergyFeasibility,
    EnergyMargin,
    IncompatibleRoutes,
    MinimumSoonness,
    PreferredTurnaround,
    ReserveVehicles,
    RouteSequenceBuffer,
    ShiftHours,
    Soft,
    Swaps,
    Triad,
)
from planner.solve import solve
from tests.planner.depots import after
from tests.planner.small import best, depot, driver, route, vehicle


def under(snapshot: Snapshot, **named: Any) -> Snapshot:
    """With these rules on; half an hour of turnaround."""
    return replace(snapshot, rules=Rules(turnaround_minutes=30, soft=Soft(**named)))


def late_van(depart_h: float = 1) -> Snapshot:
    """R1 was given to V1, which comes too late for it."""
    late = replace(vehicle("V1", 60), available_from=after(90))
    return depot(
        vehicles=(late, vehicle("V2", 60)),
        routes=(route("R1", depart_h, 4, 20),),
        previous=Previous(allocations=(Allocation(route="R1", vehicle="V1"),), at=after(-60)),
    )


def test_a_van_that_is_swapped_because_it_is_late_costs_a_swap() -> None:
    plan = best(under(late_van(), swaps=Swaps()))
    assert driver(plan, "R1") == "V2"
    assert plan.objective.taste == pytest.approx(0.5)


def test_a_route_that_must_not_be_swapped_stays_undriven_when_its_van_is_late() -> None:
    plan = best(under(late_van(), swaps=Swaps(hard=True)))
    assert plan.unserved[0].reason == "it stays with V1, which cannot drive it"


def test_a_plan_of_the_day_before_yesterday_is_no_reason_to_keep_a_van() -> None:
    snapshot = under(late_van(), swaps=Swaps())
    assert snapshot.previous is not None
    old = replace(snapshot.previous, at=after(-25 * 60))
    assert best(replace(snapshot, previous=old)).objective.taste == pytest.approx(0)


def test_a_route_that_departs_soon_is_swapped_at_a_price_or_not_at_all() -> None:
    snapshot = late_van(depart_h=0.5)
    plan = best(under(snapshot, minimum_soonness=MinimumSoonness()))
    assert driver(plan, "R1") == "V2"
    assert plan.objective.taste == pytest.approx(1 + 1)
    plan = best(under(snapshot, minimum_soonness=MinimumSoonness(hard=True)))
    assert plan.unserved[0].reason == "it departs within 0.75 h, too soon for another vehicle"
    pinned = replace(snapshot, routes=(replace(snapshot.routes[0], vehicle="V2"),))
    plan = best(under(pinned, minimum_soonness=MinimumSoonness(hard=True)))
    assert driver(plan, "R1") == "V2"


def night_charging(**preference: Any) -> Snapshot:
    """16:00 UTC is 17:00 in Berlin; power is cheap from 23:00 there, so that is when V1 charges."""
    wish = ChargerPreference(timezone="Europe/Berlin", **preference)
    return under(depot(vehicles=(vehicle("V1", 10, target=40),)), charger_preference=wish)


@pytest.mark.parametrize(("avoided", "used"), [("CP1", "CP2"), ("CP2/1", "CP1")])
def test_a_charger_is_avoided_between_22_and_6_local_time(avoided: str, used: str) -> None:
    plan = best(night_charging(costs={avoided: 1.0}, window=("22:00", "06:00")))
    assert {s.station for s in plan.stays} == {used}
    assert first_charge(plan.stays[0].periods[0].start) == 23


def first_charge(at: datetime) -> int:
    return (at + timedelta(hours=1)).hour


def test_a_charger_that_is_avoided_by_day_may_be_used_at_night() -> None:
    snapshot = night_charging(costs={"CP1": 1.0}, window=("06:00", "22:00"))
    only = replace(snapshot, connectors=snapshot.connectors[:1])
    by_day = only.rules.soft.charger_preference
    assert by_day is not None
    at_night = replace(by_day, window=("22:00", "06:00"))
    free, paid = best(only), best(under(only, charger_preference=at_night))
    # 30 of 80 kWh, at 1 for a whole battery.
    assert paid.objective.taste - free.objective.taste == pytest.approx(30 / 80, abs=1e-4)


def test_a_charger_that_must_be_left_alone_by_day_is_used_from_six_on_and_says_why() -> None:
    window = ("06:00", "23:30")
    snapshot = night_charging(costs={"CP1": 0.1, "CP2": 0.1}, window=window, hard=True)
    plan = best(snapshot)
    start = plan.stays[0].periods[0].start
    assert f"{start:%H:%M}" == "22:30"
    dear = replace(snapshot.site, import_price_per_kwh=Series.constant(0.2))
    why = best(replace(snapshot, site=dear)).stays[0].why
    assert why.startswith("waits behind the charger preference until 22:30 UTC")


def test_a_charger_that_must_always_be_left_alone_gives_nothing() -> None:
    snapshot = night_charging(costs={"CP1": 0.1, "CP2": 0.1}, hard=True)
    plan = best(snapshot)
    assert plan.stays == ()
    assert plan.shortfalls[0].kwh == pytest.approx(30)


def test_a_dear_charger_counts_for_the_first_route_only_if_that_is_what_is_asked() -> None:
    snapshot = depot(
        connectors=depot().connectors[:1],
        vehicles=(vehicle("V1", 30),),
        routes=(route("R1", 0.25, 3, 20), route("R2", 7, 11.9, 40)),
    )
    costs = {"CP1": 2.0}
    tastes = {
        routes: best(
            under(snapshot, charger_preference=ChargerPreference(costs=costs, routes=routes))
        ).objective.taste
        for routes in ("first", "longest", "all")
    }
    none = best(snapshot).objective.taste
    # 35 kWh are charged between the two routes, none before the first.
    assert tastes["first"] - none == pytest.approx(0, abs=1e-4)
    assert tastes["longest"] - none == pytest.approx(2 * 35 / 80, abs=1e-4)
    assert tastes["all"] - none == pytest.approx(2 * 35 / 80, abs=1e-4)


def one_left_alone(energy_kwh: float = 10, **preference: Any) -> Snapshot:
    """V1 could charge at CP1, which is fast, or CP2, which is slow, before each of two routes, of
    which the second is longer; power costs the same at any time. CP1 is to be left alone."""
    slow = replace(depot().connectors[1], max_kw=7)
    snapshot = depot(
        connectors=(depot().connectors[0], slow),
        vehicles=(vehicle("V1", energy_kwh),),
        routes=(route("R1", 2, 4, 12), route("R2", 7, 11.9, 50)),
    )
    site = replace(snapshot.site, import_price_per_kwh=Series.constant(0.2))
    wish = ChargerPreference(costs={"CP1": 1}, hard=True, **preference)
    return under(replace(snapshot, site=site), charger_preference=wish)


@pytest.mark.parametrize(("routes", "stations"), [("first", "21"), ("longest", "12")])
def test_a_van_leaves_the_fast_charger_alone_before_its_first_or_its_longest_route(
    routes: str, stations: str
) -> None:
    plan = best(one_left_alone(routes=routes))
    assert plan.unserved == ()
    assert [s.station for s in plan.stays] == [f"CP{n}" for n in stations]


@pytest.mark.parametrize("routes", ["first", "longest"])
def test_a_van_waits_until_it_may_use_the_only_charger_before_its_route(routes: str) -> None:
    snapshot = one_left_alone(35, routes=routes, window=("15:00", "21:00"))
    (only, _), (_, longer) = snapshot.connectors, snapshot.routes
    plan = best(replace(snapshot, connectors=(only,), routes=(longer,)))
    assert plan.unserved == ()
    assert plan.stays[0].why.startswith("waits behind the charger preference until 21:00 UTC; ")


def test_a_longest_route_that_a_charger_left_alone_makes_impossible_is_not_driven() -> None:
    snapshot = one_left_alone(20, routes="longest")
    plan = best(replace(snapshot, connectors=snapshot.connectors[:1]))
    assert driver(plan, "R1") == "V1"
    # Without R2 the longest route is R1, before which there is enough.
    assert plan.stays == ()
    assert plan.unserved[0].reason == (
        "V1 would have at most 46.5 of 55.0 kWh before 23:00 UTC, 8.5 kWh more only from "
        "connectors that the charger preference leaves alone then"
    )


def in_the_evening(**triad: Any) -> Snapshot:
    """Charging costs the same at any time, and V1 wants 44 kWh, which take two hours."""
    snapshot = depot(vehicles=(vehicle("V1", 10, target=54),))
    site = replace(snapshot.site, import_price_per_kwh=Series.constant(0.2))
    return under(replace(snapshot, site=site), triad=Triad(timezone="Europe/London", **triad))


def test_a_van_waits_until_the_triad_hours_are_over_where_that_costs_nothing() -> None:
    plan = best(in_the_evening())
    assert f"{plan.stays[0].periods[0].start:%H:%M}" == "19:00"
    assert plan.shortfalls == ()


@pytest.mark.parametrize("triad", [{"months": (12,)}, {"window": ("03:00", "05:00")}])
def test_no_van_waits_for_a_triad_of_another_month_or_time(triad: dict[str, Any]) -> None:
    plan = best(in_the_evening(**triad))
    assert f"{plan.stays[0].periods[0].start:%H:%M}" == "16:00"


def test_a_route_is_served_in_the_triad_hours_unless_nothing_may_be_charged_then() -> None:
    leaves = route("R1", 2.25, 11, 30)
    snapshot = replace(in_the_evening(), routes=(leaves,))
    wanted = replace(vehicle("V1", 10), max_charge_kw=20)
    snapshot = replace(snapshot, vehicles=(wanted,))
    plan = best(snapshot)
    assert driver(plan, "R1") == "V1"
    charged = 25 * snapshot.rules.soft.triad.penalty if snapshot.rules.soft.triad else 0.0
    late = plan.objective.taste - charged
    assert 0 < late < 0.1
    strict = best(under(snapshot, triad=Triad(timezone="Europe/London", hard=True)))
    assert [u.route for u in strict.unserved] == ["R1"]


def test_a_van_says_that_it_waits_behind_the_triad_hours() -> None:
    plan = best(in_the_evening(hard=True))
    assert plan.stays[0].why.startswith("waits behind the triad hours until 19:00 UTC; ")


@pytest.mark.parametrize(
    ("night", "begins", "hours"),
    [("2026-10-24", "20:00", 9), ("2026-11-20", "21:00", 8), ("2027-03-27", "21:00", 7)],
)
def test_a_window_over_midnight_follows_the_wall_clock_when_clocks_are_changed(
    night: str, begins: str, hours: int
) -> None:
    rule = ChargerPreference(costs={}, window=("22:00", "06:00"), timezone="Europe/Berlin")
    noon = datetime.fromisoformat(night).replace(hour=12, tzinfo=UTC)
    ((start, end),) = rule.spans(noon, noon + timedelta(hours=20))
    assert (f"{start:%H:%M}", (end - start) / timedelta(hours=1)) == (begins, hours)


def test_two_vehicles_are_kept_in_reserve() -> None:
    vans = tuple(vehicle(f"V{i}", 60) for i in range(4))
    routes = (route("R1", 1, 3, 10), route("R2", 2, 4, 10), route("R3", 5, 7, 10))
    plan = best(under(depot(vehicles=vans, routes=routes), reserve_vehicles=ReserveVehicles()))
    assert plan.unserved == ()
    assert len({a.vehicle for a in plan.allocations}) == 2
    assert plan.objective.taste == pytest.approx(0)


def test_a_route_is_served_rather_than_a_vehicle_kept_in_reserve() -> None:
    vans = tuple(vehicle(f"V{i}", 60) for i in range(2))
    routes = (route("R1", 1, 3, 10), route("R2", 2, 4, 10))
    plan = best(under(depot(vehicles=vans, routes=routes), reserve_vehicles=ReserveVehicles()))
    assert plan.unserved == ()
    assert plan.objective.taste == pytest.approx(2)


def test_a_search_keeps_vehicles_in_reserve_where_the_whole_is_too_large_to_be_solved() -> None:
    vans = tuple(vehicle(f"V{i:02}", 75) for i in range(60))
    times = [1 + 1.5 * i for i in range(6)] + [1.2 + 1.5 * i for i in range(6)]
    routes = tuple(route(f"R{i:02}", at, at + 1, 20) for i, at in enumerate(times))
    snapshot = depot(vehicles=vans, routes=routes)
    wished = under(snapshot, reserve_vehicles=ReserveVehicles(count=58))
    used = [
        len({a.vehicle for a in joint(one, Params(iterations=400), 60.0, 0).allocations})
        for one in (snapshot, wished)
    ]
    # Two vans are enough; without the rule nothing speaks against a van for each route.
    assert used[1] <= 6 < used[0]


def test_a_vehicle_that_must_stay_in_reserve_leaves_a_route_unserved() -> None:
    rule = ReserveVehicles(vehicles=("V1",), hard=True)
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=(route("R1", 1, 3, 10),))
    plan = best(under(snapshot, reserve_vehicles=rule))
    assert plan.unserved[0].reason == "all allowed vehicles are kept in reserve"


@pytest.mark.parametrize("algorithm", ["greedy", "joint", "sequential", "milp"])
def test_as_many_vehicles_as_wanted_stay_in_reserve_though_a_route_is_left(algorithm: str) -> None:
    vans = tuple(vehicle(f"V{i}", 60) for i in range(3))
    routes = (route("R1", 1, 3, 10), route("R2", 2, 4, 10), route("R3", 2.5, 7, 10))
    snapshot = under(
        depot(vehicles=vans, routes=routes), reserve_vehicles=ReserveVehicles(count=1, hard=True)
    )
    plan = solve(snapshot, Params(algorithm=algorithm), 20.0, 0)
    assert audit(snapshot, plan) == []
    # Where joint finds nothing better, the plan is greedy's.
    assert plan.algorithm in (algorithm, "greedy")
    assert len({a.vehicle for a in plan.allocations}) == 2
    assert "is kept in reserve" in plan.unserved[0].reason
    pinned = replace(routes[2], vehicle="V2", priority=2)
    plan = best(replace(snapshot, routes=(*routes[:2], pinned)))
    assert driver(plan, "R3") == "V2"


def test_a_reserve_that_is_wanted_after_all_takes_vehicles_from_the_plan_in_force() -> None:
    vans = tuple(vehicle(f"V{i}", 20) for i in range(3))
    routes = (route("R1", 3, 5, 20), route("R2", 3, 5, 20), route("R3", 3, 7, 20))
    snapshot = depot(vehicles=vans, routes=routes)
    free = best(snapshot)
    assert free.unserved == ()
    previous = Previous(allocations=free.allocations, stays=free.stays)
    rule = ReserveVehicles(count=1, hard=True)
    wanted = under(replace(snapshot, previous=previous), reserve_vehicles=rule)
    for algorithm in ("greedy", "joint"):
        plan = solve(wanted, Params(algorithm=algorithm), 20.0, 0)
        assert audit(wanted, plan) == []
        assert len(plan.allocations) == 2
        assert all(a in free.allocations for a in plan.allocations)


def test_a_van_is_given_the_time_it_prefers_between_two_routes() -> None:
    vans, routes = (
        (vehicle("V1", 60), vehicle("V2", 60)),
        (route("R1", 1, 3, 9), route("R2", 4, 6, 9)),
    )
    one = {"reserve_vehicles": ReserveVehicles(count=1)}
    snapshot = depot(vehicles=vans, routes=routes)
    hurried = best(under(snapshot, **one))
    assert driver(hurried, "R1") == driver(hurried, "R2")
    plan = best(under(snapshot, **one, preferred_turnaround=PreferredTurnaround()))
    assert driver(plan, "R1") != driver(plan, "R2")
    # 80 minutes between them cost no more than a second van: the first one may do both.
    later = replace(snapshot, routes=(routes[0], route("R2", 3 + 80 / 60, 6, 9)))
    plan = best(under(later, **one, preferred_turnaround=PreferredTurnaround()))
    assert plan.objective.taste == pytest.approx(1)


def test_a_van_that_must_have_the_time_it_prefers_leaves_the_next_route() -> None:
    routes = (route("R1", 1, 3, 10), route("R2", 3 + 80 / 60, 6, 10))
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=routes)
    rule = PreferredTurnaround(hard=True)
    plan = best(under(snapshot, preferred_turnaround=rule))
    assert len(plan.allocations) == 1
    assert "10 minutes of the turnaround are missing" in plan.unserved[0].reason
    rule = PreferredTurnaround(minutes=(75,), penalties=(2,), hard=True)
    assert best(under(snapshot, preferred_turnaround=rule)).unserved == ()


@pytest.mark.parametrize(("gap_minutes", "served"), [(45, 2), (40, 1)])
def test_a_sequence_of_routes_keeps_its_buffer(gap_minutes: float, served: int) -> None:
    routes = (route("R1", 1, 3, 10), route("R2", 3 + gap_minutes / 60, 6, 10))
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=routes)
    plan = best(under(snapshot, route_sequence_buffer=RouteSequenceBuffer(hard=True)))
    assert len(plan.allocations) == served
    plan = best(under(snapshot, route_sequence_buffer=RouteSequenceBuffer()))
    assert plan.unserved == ()
    assert plan.objective.taste == pytest.approx(2 - served)


def test_a_shift_counts_from_first_to_last_or_the_hours_on_routes() -> None:
    routes = (route("R1", 0.5, 2, 5), route("R2", 6, 11.5, 5))
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=routes)
    strict = ShiftHours(hours=11.5, hard=True)
    # 11 h from first to last, 7 h on routes, and half an hour before and after.
    assert len(best(under(snapshot, shift_hours=strict)).unserved) == 1
    assert best(under(snapshot, shift_hours=replace(strict, hours=12))).unserved == ()
    on_routes = replace(strict, kind="cumulative", hours=8)
    assert best(under(snapshot, shift_hours=on_routes)).unserved == ()
    on_routes = replace(on_routes, hours=7.5)
    assert len(best(under(snapshot, shift_hours=on_routes)).unserved) == 1
    plan = best(under(snapshot, shift_hours=replace(strict, hard=False)))
    assert plan.unserved == ()
    assert plan.objective.taste == pytest.approx(0.5)


def test_a_rest_ends_an_operators_shift_too() -> None:
    routes = (route("R1", 0.5, 2, 5), route("R2", 6, 11.5, 5))
    snapshot = under(
        depot(vehicles=(vehicle("V1", 60),), routes=routes), shift_hours=ShiftHours(hours=7)
    )
    rested = replace(snapshot, rules=replace(snapshot.rules, rest_hours=4))
    assert best(snapshot).objective.taste == pytest.approx(5)
    assert best(rested).objective.taste == pytest.approx(0)


@pytest.mark.parametrize("fuller", ["V1", "V2"])
def test_the_van_with_more_energy_to_spare_drives(fuller: str) -> None:
    vans = tuple(vehicle(v, 60 if v == fuller else 29) for v in ("V1", "V2"))
    snapshot = depot(connectors=(), vehicles=vans, routes=(route("R1", 1, 4, 20),))
    plan = best(under(snapshot, energy_margin=EnergyMargin()))
    assert driver(plan, "R1") == fuller
    assert plan.objective.taste == pytest.approx(0)


def test_a_margin_costs_what_is_lacking_of_it() -> None:
    for spare_kwh, penalty in ((7, 0), (6, 0), (5, 0.05), (4, 0.1), (2, 0.3), (1, 0.4), (0, 0.5)):
        van = vehicle("V1", 25 + spare_kwh)
        snapshot = depot(connectors=(), vehicles=(van,), routes=(route("R1", 1, 4, 20),))
        plan = best(under(snapshot, energy_margin=EnergyMargin()))
        assert plan.objective.taste == pytest.approx(penalty), f"{spare_kwh} kWh to spare"


def test_a_van_without_the_margin_that_must_be_there_stays() -> None:
    van = vehicle("V1", 30)
    snapshot = depot(connectors=(), vehicles=(van,), routes=(route("R1", 1, 4, 20),))
    rule = EnergyMargin(hard=True)
    plan = best(under(snapshot, energy_margin=rule))
    assert plan.unserved[0].reason.startswith("no allowed vehicle has 31 kWh before 17:00 UTC")
    fuller = replace(snapshot, vehicles=(replace(van, energy_kwh=31),))
    assert best(under(fuller, energy_margin=rule)).unserved == ()


def test_a_safety_margin_is_wanted_or_must_be_there() -> None:
    snapshot = depot(connectors=(), vehicles=(vehicle("V1", 26),), routes=(route("R1", 1, 4, 20),))
    plan = best(under(snapshot, energy_feasibility=EnergyFeasibility()))
    assert plan.unserved == ()
    assert plan.objective.taste == pytest.approx(4 / 5)
    plan = best(under(snapshot, energy_feasibility=EnergyFeasibility(hard=True)))
    assert plan.unserved[0].reason.startswith("no allowed vehicle has 30 kWh before 17:00 UTC")


def test_nothing_is_charged_with_direct_current_where_that_is_not_allowed() -> None:
    fast = replace(depot().connectors[0], plugs=("ccs2",), max_kw=150)
    van = replace(vehicle("V1", 10, target=80), plugs=("ccs2", "type2"), max_charge_kw=100)
    snapshot = depot(connectors=(fast, depot().connectors[1]), vehicles=(van,))
    site = replace(snapshot.site, import_limit_kw=Series.constant(200))
    snapshot = replace(snapshot, site=site)
    rule = EnergyFeasibility(dc_allowed=False)
    assert {s.station for s in best(under(snapshot, energy_feasibility=rule)).stays} == {"CP2"}
    plugged = replace(van, plugged=Plugged(station="CP1", connector=1))
    waiting = replace(snapshot, vehicles=(plugged,))
    assert best(under(waiting, energy_feasibility=rule)).stays == ()
    allowed = best(under(waiting, energy_feasibility=EnergyFeasibility()))
    assert {s.station for s in allowed.stays} == {"CP1"}


def test_two_routes_that_go_ill_together_get_a_van_each() -> None:
    vans, routes = (
        (vehicle("V1", 60), vehicle("V2", 60)),
        (route("R1", 1, 3, 9), route("R2", 4, 6, 9)),
    )
    pair = IncompatibleRoutes(pairs=(("R2", "R1"),))
    rules: dict[str, Any] = {"incompatible_routes": pair}
    plan = best(under(depot(vehicles=vans, routes=routes), **rules))
    assert driver(plan, "R1") != driver(plan, "R2")
    plan = best(under(depot(vehicles=vans[:1], routes=routes), **rules))
    assert plan.unserved == ()
    assert plan.objective.taste == pytest.approx(1)


def test_two_routes_that_exclude_each_other_are_not_driven_by_the_only_van() -> None:
    routes = (route("R1", 1, 3, 9), route("R2", 4, 6, 9))
    pair = IncompatibleRoutes(pairs=(("R2", "R1"),), hard=True)
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=routes)
    plan = best(under(snapshot, incompatible_routes=pair))
    assert "which is incompatible" in plan.unserved[0].reason


def test_without_rules_nothing_of_this_counts() -> None:
    routes = (route("R1", 0.5, 2, 5), route("R2", 2.5, 11.5, 5))
    plan = best(depot(vehicles=(vehicle("V1", 16),), routes=routes, connectors=()))
    assert plan.unserved == ()
    assert plan.objective.taste == 0
