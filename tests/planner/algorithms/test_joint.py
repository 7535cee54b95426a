from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from planner.algorithms import ALGORITHMS
from planner.algorithms.at_hand import better
from planner.algorithms.greedy import greedy
from planner.algorithms.joint import joint
from planner.check import audit
from planner.codec import load_snapshot
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Mode, Snapshot
from planner.solve import solve_with_report
from tests.planner.depots import random_depot
from tests.planner.exhaustive import Best, exhaustive
from tests.planner.tiny import tiny_depot

BUDGET_S = 30.0
NIGHT = Path(__file__).parents[1] / "night.json"
EXACT = Params(max_gap=0.0)


def assert_equal(snapshot: Snapshot, plan: Plan, best: Best) -> None:
    assert audit(snapshot, plan) == []
    tiers = plan.objective
    assert tiers.unserved == pytest.approx(best.unserved, abs=1e-6)
    assert tiers.shortfall_kwh == pytest.approx(best.shortfall_kwh, abs=0.01)
    assert tiers.money == pytest.approx(best.money, abs=0.01)


@pytest.mark.parametrize("seed", range(13))
def test_its_tiers_equal_those_of_an_exhaustive_search(seed: int) -> None:
    snapshot = tiny_depot(Random(seed))
    plan = joint(snapshot, EXACT, BUDGET_S, 0)
    assert plan.status == "optimal"
    assert_equal(snapshot, plan, exhaustive(snapshot))


@pytest.mark.parametrize("seed", range(4))
def test_its_tiers_equal_an_exhaustive_search_where_the_sun_may_be_used_sold_or_lost(
    seed: int,
) -> None:
    snapshot = tiny_depot(Random(seed), pv=True)
    plan = joint(snapshot, EXACT, BUDGET_S, 0)
    assert_equal(snapshot, plan, exhaustive(snapshot))


@pytest.mark.parametrize("min_kw", [0.0, 4.0])
@pytest.mark.parametrize("seed", range(3, 6))
def test_its_tiers_equal_an_exhaustive_search_where_connectors_keep_a_fallback(
    seed: int, min_kw: float
) -> None:
    """The limits are tight enough for the fallbacks to cost some of these depots a route or
    energy; without minimum powers charging below a fallback is lawful too."""
    mode: Mode = "charging" if min_kw else "integrated"
    hours, routes = (3, 0) if min_kw else (5, 3)
    snapshot = tiny_depot(
        Random(seed), mode=mode, min_kw=min_kw, fallback_kw=4.0, hours=hours, routes=routes
    )
    plan = joint(snapshot, EXACT, BUDGET_S, 0)
    assert_equal(snapshot, plan, exhaustive(snapshot))


@pytest.mark.parametrize("seed", [18, 34, 36, 40, 48])
def test_its_tiers_equal_an_exhaustive_search_where_minimum_powers_exceed_a_limit(
    seed: int,
) -> None:
    """The seeds are those of the first sixty in which bursts at 8 kW together break a limit."""
    snapshot = tiny_depot(Random(seed), mode="charging", min_kw=8.0, hours=3, routes=0)
    plan = joint(snapshot, EXACT, BUDGET_S, 0)
    assert_equal(snapshot, plan, exhaustive(snapshot))


@pytest.mark.parametrize("mode", ["integrated", "allocation", "charging"])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_never_worse_than_greedy(seed: int, mode: Mode) -> None:
    snapshot = random_depot(
        Random(seed),
        vehicles=3,
        routes=4,
        connectors=2,
        hours=5,
        mode=mode,
        battery=seed % 2 == 0,
        pv=seed % 3 == 0,
    )
    plan = joint(snapshot, Params(max_gap=0.02), 1.0, 0)
    assert audit(snapshot, plan) == []
    assert not better(greedy(snapshot, Params(), 1.0, 0).objective, plan.objective)


def test_a_depot_without_vehicles_is_planned_and_proved_too() -> None:
    snapshot = replace(tiny_depot(Random(1)), vehicles=(), routes=())
    solved = solve_with_report(snapshot, Params(), BUDGET_S, 0)
    assert (solved.plan.algorithm, solved.plan.status) == ("joint", "optimal")
    assert solved.steps_down == ()


def test_of_proved_plans_as_cheap_it_is_one_that_charges_as_soon_as_the_price_has_fallen() -> None:
    """The solver's own proof begins some of it hours later."""
    snapshot = load_snapshot(NIGHT.read_text(encoding="utf-8"))
    plan = joint(snapshot, Params(iterations=201), BUDGET_S, 0)
    assert plan.status == "optimal"
    fallen = snapshot.site.import_price_per_kwh.points[1].at
    begins = [min(p.start for p in stay.periods) for stay in plan.stays]
    assert [at for at in begins if at < snapshot.routes[2].depart] == [fallen] * 3


@pytest.mark.parametrize("seed", range(20, 23))
def test_its_bound_is_not_above_what_a_search_of_everything_finds(seed: int) -> None:
    snapshot = tiny_depot(Random(seed))
    plan = joint(snapshot, Params(), BUDGET_S, 0)
    assert plan.bound is not None
    assert plan.bound.money <= exhaustive(snapshot).money + 1e-4
    assert plan.bound.gap <= 0.001


def test_the_same_arguments_give_the_same_plan() -> None:
    snapshot = random_depot(Random(5), vehicles=3, routes=4, connectors=2, hours=5)
    assert joint(snapshot, Params(), BUDGET_S, 3) == joint(snapshot, Params(), BUDGET_S, 3)


def test_a_problem_too_large_for_the_whole_model_still_gets_a_bound() -> None:
    snapshot = random_depot(Random(4), vehicles=8, routes=10, connectors=6, hours=12)
    plan = joint(snapshot, Params(), 6.0, 0)
    assert audit(snapshot, plan) == []
    assert plan.bound is not None
    assert plan.bound.money <= plan.objective.money


def test_where_allocations_are_given_no_baseline_serves_more_or_lacks_less() -> None:
    """Depots of which greedy leaves some shorter than a baseline does, all rules hard."""
    helped = 0
    for seed in range(12):
        snapshot = random_depot(
            Random(seed), mode="charging", vehicles=8, routes=8, connectors=4, hours=8, tight=0.15
        )
        plan = joint(snapshot, Params(iterations=20), BUDGET_S, 0)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        first = greedy(snapshot, Params(), BUDGET_S, 0).objective
        for name in ("edf", "llf", "fair", "uncontrolled", "greedy"):
            other = ALGORITHMS[name](snapshot, Params(), BUDGET_S, 0).objective
            assert plan.objective.unserved <= other.unserved + 1e-6, f"seed {seed}, {name}"
            assert plan.objective.shortfall_kwh <= other.shortfall_kwh + 0.01, f"seed {seed}"
            helped += other.shortfall_kwh < first.shortfall_kwh - 0.01
    assert helped > 0
