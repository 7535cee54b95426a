"""Lawful plans pass, and every kind of change to one is found as a breach of just its law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.check import Breach, audit
from planner.plan import Binding, Bound, Plan
from planner.series import Series
from planner.snapshot import Allocation, Mode, Plugged, Previous, Snapshot
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
    Swaps,
    Triad,
)
from tests.planner.depots import after, random_depot
from tests.planner.mutations import (
    GIVEN,
    SUNNY,
    YARD,
    Mutation,
    allocate,
    given_before,
    same,
    with_battery,
    with_circuit,
    with_part,
    with_route,
    with_rules,
    with_site,
    with_soft,
    with_stay,
    with_vehicle,
)
from tests.planner.plans import (
    charging_depot,
    idle_plan,
    period,
    settle,
    stay,
    sunny,
    sunny_plan,
    yard,
    yard_plan,
)
from tests.planner.strategies import yard_plans

MODES: tuple[Mode, ...] = ("integrated", "allocation", "charging")


def laws(breaches: list[Breach]) -> set[int]:
    return {b.law for b in breaches}


def said(breaches: list[Breach]) -> str:
    return "\n".join(str(b) for b in breaches)


# What lawful plans report, worked out by hand.


@pytest.mark.parametrize("mode", ["integrated", "allocation"])
def test_a_lawful_plan_has_no_breach(mode: Mode) -> None:
    assert said(audit(yard(mode), yard_plan(mode))) == ""


def test_the_yard_plan_costs_what_it_costs_by_hand() -> None:
    plan = yard_plan()
    # Base load and the fixed load are 13 kW; V2 charges at 11 kW from minute 45 to minute 135.
    imports = [33, 38.5, 24, 24, 18.5, 13, 23, 23, 13, 13, 13, 33]
    assert [s.import_kw for s in plan.site] == pytest.approx(imports)
    assert plan.cost.energy == pytest.approx(
        sum(imports[:4]) / 2 * 0.3 + sum(imports[4:]) / 2 * 0.1
    )
    assert plan.cost.energy == pytest.approx(25.4)
    assert plan.cost.peak == pytest.approx(2 * (38.5 - 30))
    assert plan.objective.money == pytest.approx(42.4)
    assert plan.objective.unserved == 2
    # V1: 30 + 18 - 20 + 9 - 10 + 9 kWh of the 40 wanted; V3 is out of service and owes nothing.
    assert [(s.vehicle, s.route) for s in plan.shortfalls] == [("V1", None)]
    assert plan.shortfalls[0].kwh == pytest.approx(4)
    assert [s.energy_kwh for s in plan.stays] == pytest.approx([20, 10, 10, 16.5])


def test_pv_is_curtailed_to_the_export_limit_and_to_nothing_at_a_negative_price() -> None:
    plan = sunny_plan()
    assert said(audit(sunny(), plan)) == ""
    assert [s.import_kw for s in plan.site] == pytest.approx([5, -10, 0, 0.95])
    assert plan.cost.energy == pytest.approx(5 * 0.2 - 10 * 0.05 + 0.95 * 0.2)
    assert plan.cost.wear == pytest.approx(4.05 * 0.05)


def test_given_routes_are_driven_with_a_shortfall_at_each_departure() -> None:
    plan = idle_plan(charging_depot())
    assert said(audit(charging_depot(), plan)) == ""
    assert [(a.route, a.vehicle) for a in plan.allocations] == [("R1", "V1"), ("R2", "V1")]
    assert [u.route for u in plan.unserved] == ["R3"]
    # 5 kWh of 20 + 2; the battery is empty after that, never below: 10 + 2 and the 3 at the end.
    assert [(s.route, s.kwh) for s in plan.shortfalls] == [("R1", 17), ("R2", 12), (None, 3)]


def test_a_connector_takes_the_higher_of_its_power_and_its_fallback_of_a_limit() -> None:
    """A feeder of 30 kW carries a fixed load of 3 kW, 20 kW at CP1/1 and later 10 kW at CP1/2."""

    def keeping(first_kw: float, second_kw: float) -> Snapshot:
        first, second, *others = yard().connectors
        kept = replace(first, fallback_kw=first_kw), replace(second, fallback_kw=second_kw)
        return replace(yard(), connectors=(*kept, *others))

    assert said(audit(keeping(17, 7), yard_plan())) == ""
    for too_much in (keeping(17, 7.5), keeping(17.5, 7)):
        found = audit(too_much, yard_plan())
        assert {(b.law, b.where) for b in found} == {(7, "circuit left")}
        assert [b.amount for b in found] == pytest.approx([0.5] * len(found))


def test_a_limit_below_the_fixed_loads_is_kept_by_adding_nothing_and_saying_so() -> None:
    snapshot = with_site(yard(), import_limit_kw=Series.constant(12))
    silent = idle_plan(snapshot)
    assert laws(audit(snapshot, silent)) == {7}
    binding = (Binding(limit="site import", start=after(0), end=after(360)),)
    assert said(audit(snapshot, replace(silent, binding=binding))) == ""
    half = (Binding(limit="site import", start=after(0), end=after(180)),)
    assert laws(audit(snapshot, replace(silent, binding=half))) == {7}
    charging = replace(yard_plan(), binding=binding)
    found = audit(snapshot, settle(snapshot, charging))
    assert {b.text for b in found} == {
        "fixed loads alone break the limit, and the plan adds to them"
    }


def test_a_breach_tells_law_place_time_and_amount() -> None:
    snapshot = with_site(yard(), import_limit_kw=Series.constant(43))
    breach, *others = audit(snapshot, yard_plan())
    assert not others
    # Both vehicles charge at once from minute 45 to 60: 44 kW, though the step's mean is below 39.
    assert str(breach) == (
        "law 7, site import at 2026-11-20T16:45:00Z: the power is above the limit (1 kW)"
    )


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("mode", MODES)
def test_doing_nothing_breaks_no_law_on_any_depot(mode: Mode, seed: int) -> None:
    snapshot = random_depot(
        Random(seed), mode=mode, pv=seed % 2 == 0, battery=seed % 3 == 0, fixed_loads=seed % 5 == 0
    )
    assert said(audit(snapshot, idle_plan(snapshot))) == ""


@pytest.mark.parametrize("mutation", YARD, ids=lambda m: m.name)
def test_a_changed_yard_plan_breaks_one_law(mutation: Mutation) -> None:
    judge(mutation, yard(), yard_plan())


@pytest.mark.parametrize("mutation", SUNNY, ids=lambda m: m.name)
def test_a_changed_sunny_plan_breaks_one_law(mutation: Mutation) -> None:
    judge(mutation, sunny(), sunny_plan())


@pytest.mark.parametrize("mutation", GIVEN, ids=lambda m: m.name)
def test_a_changed_plan_of_given_routes_breaks_one_law(mutation: Mutation) -> None:
    judge(mutation, charging_depot(), idle_plan(charging_depot()))


def judge(mutation: Mutation, snapshot: Snapshot, plan: Plan) -> None:
    snapshot = mutation.snapshot(snapshot)
    found = audit(snapshot, mutation.report(settle(snapshot, mutation.deed(plan))))
    assert laws(found) == {mutation.law}, said(found)
    assert any(mutation.text in b.text for b in found), said(found)


# What looks like a breach and is none.

LAWFUL = {
    "a rest ends the shift": (with_rules(max_shift_hours=3, rest_hours=1.5), same),
    "a sequence keeps its buffer": (
        with_soft(route_sequence_buffer=RouteSequenceBuffer(minutes=60, hard=True)),
        same,
    ),
    "a shift lasts as long as the operator allows, with what comes before and after": (
        with_soft(shift_hours=ShiftHours(hours=4.5, hard=True)),
        same,
    ),
    "the hours on routes are as many as the operator allows": (
        with_soft(shift_hours=ShiftHours(hours=3, kind="cumulative", hard=True)),
        same,
    ),
    "a route that departs soon is the pinned vehicle's": (
        lambda s: with_route("R1", vehicle="V1")(
            with_soft(minimum_soonness=MinimumSoonness(hours=2.1, hard=True))(s)
        ),
        same,
    ),
    "a route that departs soon stays with its vehicle": (
        lambda s: replace(
            with_soft(minimum_soonness=MinimumSoonness(hours=2.1, hard=True))(s),
            previous=Previous(allocations=(Allocation(route="R1", vehicle="V1"),)),
        ),
        same,
    ),
    "the safety margin is there": (
        with_soft(energy_feasibility=EnergyFeasibility(safety_margin_kwh=19, hard=True)),
        same,
    ),
    "as many as wanted are in reserve": (
        with_soft(reserve_vehicles=ReserveVehicles(count=1, hard=True)),
        same,
    ),
    "more than all cannot be in reserve": (
        lambda s: with_vehicle(0, in_service=False)(
            with_soft(reserve_vehicles=ReserveVehicles(hard=True))(s)
        ),
        lambda p: idle_plan(yard()),
    ),
    "the preferred turnaround is kept": (
        with_soft(preferred_turnaround=PreferredTurnaround(hard=True)),
        same,
    ),
    "a margin of all that a route takes is there": (
        with_soft(energy_margin=EnergyMargin(margins=(1.0,), penalties=(1,), hard=True)),
        same,
    ),
    "nothing flows while a connector is to be left alone": (
        with_soft(
            charger_preference=ChargerPreference(
                costs={"CP1/1": 1, "CP2": 0},
                window=("18:00", "22:30"),
                timezone="Europe/Berlin",
                hard=True,
            )
        ),
        same,
    ),
    "a connector is left alone before the first route and used after it": (
        with_soft(
            charger_preference=ChargerPreference(
                costs={"CP1/2": 1, "CP2": 1}, window=("18:15", "22:00"), routes="first", hard=True
            )
        ),
        same,
    ),
    "a connector is left alone before the longest route and used before the next one": (
        with_soft(
            charger_preference=ChargerPreference(
                costs={"CP1/2": 1, "CP2": 1}, routes="longest", hard=True
            )
        ),
        same,
    ),
    "nothing flows in the triad hours": (
        with_soft(triad=Triad(window=("18:15", "19:00"), hard=True)),
        same,
    ),
    "it is no month of the triad": (
        with_soft(triad=Triad(months=(10, 12), hard=True)),
        same,
    ),
    "a route stays with the vehicle it had": (
        lambda s: given_before(0, R1="V1", R3="V2")(with_soft(swaps=Swaps(hard=True))(s)),
        same,
    ),
    "a plan too old to count is no reason to stay": (
        lambda s: given_before(-25, R1="V2")(with_soft(swaps=Swaps(hard=True))(s)),
        same,
    ),
    "a pin is stronger than what was before": (
        lambda s: with_route("R1", vehicle="V1")(
            given_before(0, R1="V2")(with_soft(swaps=Swaps(hard=True))(s))
        ),
        same,
    ),
    "soft rules are no law": (
        with_soft(
            route_sequence_buffer=RouteSequenceBuffer(minutes=61),
            shift_hours=ShiftHours(hours=4),
            minimum_soonness=MinimumSoonness(hours=2.1),
            energy_feasibility=EnergyFeasibility(safety_margin_kwh=40),
            reserve_vehicles=ReserveVehicles(vehicles=("V1",)),
            preferred_turnaround=PreferredTurnaround(minutes=(91,), penalties=(1,)),
            energy_margin=EnergyMargin(margins=(1.1,), penalties=(1,)),
            charger_preference=ChargerPreference(costs={"CP1": 1}),
            triad=Triad(),
            incompatible_routes=IncompatibleRoutes(pairs=(("R1", "R2"),)),
        ),
        same,
    ),
    "a route that does not count is ignored": (same, allocate("R9", "V2")),
    "a plugged vehicle without a stay leaves its connector free": (
        with_rules(),
        lambda p: replace(p, stays=(*p.stays[1:3], stay("V2", "CP1", 1, 30, 100, (45, 100, 11)))),
    ),
    "it may also move to another connector at once": (
        same,
        with_stay(0, stay("V1", "CP1", 2, 0, 105, (0, 60, 20))),
    ),
    "charging may go on while the turnaround lasts": (
        with_rules(turnaround_minutes=90),
        same,
    ),
    "one vehicle follows another without a pause": (
        same,
        with_stay(3, stay("V2", "CP1", 2, 255, 360, (255, 300, 11))),
    ),
    "a vehicle comes to the connector that it stood at when it could not be controlled": (
        with_vehicle(0, plugged=Plugged(station="CP3", connector=1)),
        lambda p: replace(p, stays=p.stays[1:]),
    ),
}


@pytest.mark.parametrize("case", LAWFUL.values(), ids=LAWFUL.keys())
def test_no_breach_when(
    case: tuple[Callable[[Snapshot], Snapshot], Callable[[Plan], Plan]],
) -> None:
    snapshot = case[0](yard())
    assert said(audit(snapshot, settle(snapshot, case[1](yard_plan())))) == ""


def test_a_proven_plan_is_optimal_and_rounding_is_let_pass() -> None:
    bound = Bound(money=42.37, gap=0.0007)
    plan = replace(yard_plan(), status="optimal", bound=bound)
    plan = with_part("objective", money=42.405)(plan)
    assert said(audit(yard(), plan)) == ""


def test_a_battery_below_its_minimum_may_stay_there() -> None:
    snapshot = with_battery(energy_kwh=3)(sunny())
    assert said(audit(snapshot, settle(snapshot, sunny_plan()))) == ""


def test_a_battery_may_relieve_a_limit_that_fixed_loads_break_but_makes_no_room() -> None:
    snapshot = with_site(sunny(), import_limit_kw=Series.constant(4))
    snapshot = with_site(snapshot, pv_kw=Series.constant(0))
    snapshot = with_battery(energy_kwh=0, min_kwh=0)(snapshot)
    binding = (Binding(limit="site import", start=after(0), end=after(240)),)
    idle = replace(idle_plan(snapshot), binding=binding)
    assert said(audit(snapshot, idle)) == ""
    charges = settle(snapshot, replace(idle, battery=(period(0, 60, 1), period(60, 120, -0.81))))
    found = audit(snapshot, charges)
    assert [(b.law, b.at, b.amount) for b in found] == [(7, after(0), 1)]


def test_an_uncontrollable_load_counts_all_the_horizon() -> None:
    snapshot = with_circuit("left", 2.5)(yard())
    found = audit(snapshot, idle_plan(snapshot))
    assert [(b.where, b.amount) for b in found] == [("circuit left", 0.5)]


def test_a_return_after_the_end_drops_nothing_and_owes_nothing() -> None:
    snapshot = with_rules(max_shift_hours=None)(with_route("R2", return_=after(361))(yard()))
    plan = replace(yard_plan(), stays=(*yard_plan().stays[:2], yard_plan().stays[3]))
    settled = settle(snapshot, plan)
    assert settled.shortfalls == ()
    assert said(audit(snapshot, settled)) == ""


@given(yard_plans(), st.sampled_from(MODES), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_plan_can_be_judged_and_the_order_of_stays_does_not_matter(
    plan: Plan, mode: Mode, random: Random
) -> None:
    settled = settle(yard(mode), plan)
    found = audit(yard(mode), settled)
    stays = random.sample(settled.stays, len(settled.stays))
    assert laws(audit(yard(mode), replace(settled, stays=tuple(stays)))) == laws(found)


@given(yard_plans())
@settings(max_examples=50, deadline=None)
def test_a_plan_that_reports_nothing_but_its_deeds_is_found_out(plan: Plan) -> None:
    assert {10, 11} <= laws(audit(yard(), plan))
