from __future__ import annotations

import itertools
from dataclasses import replace
from random import Random

import pytest

from planner.algorithms.at_hand import KWH, better
from planner.check import audit
from planner.params import Params
from planner.snapshot import Mode
from planner.solutions import differ, solutions
from planner.solve import solve
from tests.planner.depots import random_depot


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("algorithm", ["joint", "greedy"])
def test_several_plans_are_lawful_different_as_good_and_in_order(
    mode: Mode, algorithm: str
) -> None:
    snapshot = random_depot(
        Random(1), vehicles=6, routes=6, connectors=5, hours=12, step_minutes=30, mode=mode
    )
    plans = solutions(snapshot, Params(algorithm=algorithm), 6.0, 0, 3)
    assert len(plans) == 3
    for plan in plans:
        assert audit(snapshot, plan) == []
        assert plan.objective.unserved == plans[0].objective.unserved
        assert plan.objective.shortfall_kwh <= plans[0].objective.shortfall_kwh + 2 * KWH
    for a, b in itertools.combinations(plans, 2):
        assert differ(snapshot, a, b)
        assert not better(b.objective, a.objective)


def test_one_solution_is_what_solve_gives() -> None:
    snapshot = random_depot(Random(3), vehicles=3, routes=4, connectors=2, hours=5)
    assert solutions(snapshot, Params(), 20.0, 1, 1) == [solve(snapshot, Params(), 20.0, 1)]


def test_rounding_makes_no_other_plan_but_another_hour_or_vehicle_does() -> None:
    snapshot = random_depot(Random(1), vehicles=6, routes=6, connectors=5, hours=12)
    plan = solve(snapshot, Params(algorithm="greedy"), 1.0, 0)
    stay = plan.stays[0]

    def with_power(factor: float) -> bool:
        periods = tuple(replace(p, kw=p.kw * factor) for p in stay.periods)
        return differ(
            snapshot, plan, replace(plan, stays=(replace(stay, periods=periods), *plan.stays[1:]))
        )

    assert not with_power(1.001)
    assert with_power(0.5)
    first, other = plan.allocations[0], plan.allocations[1].vehicle
    moved = (replace(first, vehicle=other), *plan.allocations[1:])
    assert differ(snapshot, plan, replace(plan, allocations=moved))


def test_where_nothing_else_is_as_good_there_are_fewer() -> None:
    snapshot = replace(random_depot(Random(1)), vehicles=(), routes=())
    assert len(solutions(snapshot, Params(), 5.0, 0, 4)) == 1
