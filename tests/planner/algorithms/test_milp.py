from __future__ import annotations

from random import Random

import pytest

from planner.algorithms.at_hand import KWH, MONEY
from planner.algorithms.milp import milp
from planner.check import audit
from planner.params import Params
from planner.snapshot import Mode
from planner.solve import solve_with_report
from tests.planner.depots import random_depot


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("seed", range(3))
def test_on_tiny_depots_it_is_optimal_and_the_joint_model_agrees(mode: Mode, seed: int) -> None:
    snapshot = random_depot(
        Random(seed), vehicles=2, routes=3, connectors=2, hours=4, step_minutes=30, mode=mode
    )
    plan = milp(snapshot, Params(), 30.0, 0)
    assert audit(snapshot, plan) == []
    assert plan.status == "optimal"
    best = solve_with_report(snapshot, Params(), 30.0, 0).plan.objective
    assert plan.objective.unserved == pytest.approx(best.unserved)
    assert plan.objective.shortfall_kwh == pytest.approx(best.shortfall_kwh, abs=2 * KWH)
    assert plan.objective.money == pytest.approx(best.money, rel=1e-3, abs=100 * MONEY)


def test_where_time_is_too_short_it_has_no_plan_and_greedys_stands() -> None:
    snapshot = random_depot(Random(2), vehicles=12, routes=14, connectors=7, hours=18)
    solved = solve_with_report(snapshot, Params(algorithm="milp"), 0.1, 0)
    assert solved.plan.algorithm == "greedy"
    assert "milp failed: ValueError: no plan was found" in solved.steps_down[0]
