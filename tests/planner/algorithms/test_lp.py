from __future__ import annotations

from random import Random
from typing import Any

import pytest

from planner.algorithms.at_hand import KWH
from planner.algorithms.greedy import greedy
from planner.algorithms.lp import lp
from planner.check import audit
from planner.params import Params
from planner.snapshot import Mode
from tests.planner.depots import random_depot


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("family", [{}, {"battery": True}, {"pv": True}, {"tight": 0.3}])
def test_its_plans_break_no_law_and_cost_no_more_than_greedys(
    mode: Mode, family: dict[str, Any]
) -> None:
    for seed in range(5):
        snapshot = random_depot(Random(seed), mode=mode, hours=8, **family)
        plan, first = lp(snapshot, Params(), 5.0, 0), greedy(snapshot, Params(), 5.0, 0)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        assert plan.allocations == first.allocations
        assert plan.objective.shortfall_kwh <= first.objective.shortfall_kwh + KWH
        if plan.objective.shortfall_kwh >= first.objective.shortfall_kwh - KWH:
            assert plan.objective.money <= first.objective.money + 0.01, f"seed {seed}"


def test_a_day_of_forty_vehicles_and_quarter_hours_is_planned_within_limits() -> None:
    snapshot = random_depot(
        Random(1), vehicles=40, routes=40, connectors=30, hours=24, mode="charging", tight=0.4
    )
    plan = lp(snapshot, Params(), 5.0, 0)
    assert audit(snapshot, plan) == []
    assert plan.objective.money < greedy(snapshot, Params(), 5.0, 0).objective.money
