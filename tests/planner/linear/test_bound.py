"""The bound holds for whatever is equal in the tiers above, whoever found it."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from planner.algorithms import ALGORITHMS
from planner.algorithms.at_hand import AtHand
from planner.linear import blocks, clock
from planner.linear.bound import money_bound
from planner.linear.clock import Deadline
from planner.linear.ranges import Ranges
from planner.linear.solver import solve_lp
from planner.params import Params
from planner.plan import Objective
from planner.snapshot import Snapshot
from tests.planner.depots import random_depot
from tests.planner.exhaustive import exhaustive
from tests.planner.tiny import tiny_depot

SEEDS = range(6)


def bound(snapshot: Snapshot, at: Objective, budget_s: float = 20.0) -> float:
    hand = AtHand.greedy(snapshot)
    return money_bound(snapshot, hand.line, hand.chosen, at, Deadline.after(budget_s))


@cache
def optimum(seed: int) -> tuple[Snapshot, Objective]:
    """A tiny depot and the tiers of its best plan."""
    snapshot = tiny_depot(Random(seed))
    best = exhaustive(snapshot)
    tiers = Objective(unserved=best.unserved, shortfall_kwh=best.shortfall_kwh, money=best.money)
    return snapshot, tiers


def broken() -> bool:
    """Whether a tiny depot has a plan that is cheaper than its bound."""
    return any(bound(*optimum(seed)) > optimum(seed)[1].money + 1e-4 for seed in SEEDS)


def test_it_is_not_above_the_optimum_of_tiny_depots_and_comes_near() -> None:
    gaps = []
    for seed in SEEDS:
        snapshot, best = optimum(seed)
        low = bound(snapshot, best)
        assert low <= best.money + 1e-4, f"seed {seed}"
        gaps.append((best.money - low) / abs(best.money))
    assert sum(gaps) / len(gaps) < 0.1


def test_with_all_vehicles_of_a_type_in_one_class_it_is_not_above_the_optimum() -> None:
    for seed in SEEDS:
        snapshot, best = optimum(seed)
        hand = AtHand.greedy(snapshot)
        columns, rows, _ = blocks.blocks_model(snapshot, hand.line, hand.chosen, best, pairs=1)
        found = solve_lp(columns, rows, np.array(columns.cost), time_s=20.0)
        assert found is not None, f"seed {seed}"
        assert 0 < found.objective <= best.money + 1e-4, f"seed {seed}"


@pytest.mark.parametrize("mode", ["integrated", "allocation", "charging"])
@pytest.mark.parametrize("seed", range(3))
def test_no_algorithm_finds_a_plan_below_it(seed: int, mode: str) -> None:
    rng = Random(f"{mode}{seed}")
    snapshot = random_depot(
        rng,
        vehicles=4,
        routes=5,
        connectors=rng.choice((2, 4)),
        hours=6,
        mode=mode,  # type: ignore[arg-type]
        battery=seed % 2 == 0,
        pv=seed % 3 == 0,
        tight=rng.choice((0.3, 0.6, 1.0)),
        fixed_loads=seed == 1,
    )
    for name in ("greedy", "lp", "sequential", "edf"):
        plan = ALGORITHMS[name](snapshot, Params(), 0.3, 0)
        tiers = plan.objective
        assert bound(snapshot, tiers) <= tiers.money + 1e-4, f"{name}, seed {seed}"


def test_a_program_in_which_routes_take_too_much_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways = blocks.Blocks._ways

    def thirsty(self: blocks.Blocks, members: list[object]) -> list[blocks._Way]:
        found = ways(self, members)  # type: ignore[arg-type]
        return [
            blocks._Way(w.column, w.depart_s, w.return_s, 1.3 * w.energy_kwh, 1.3 * w.need_kwh)
            for w in found
        ]

    assert not broken()
    monkeypatch.setattr(blocks.Blocks, "_ways", thirsty)
    assert broken()


def test_a_program_with_too_high_a_price_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add = Ranges.add

    def dearer(self: Ranges, upper: float, *, cost: float = 0.0, **more: Any) -> int:
        return add(self, upper, cost=1.4 * cost, **more)

    monkeypatch.setattr(Ranges, "add", dearer)
    assert broken()


def test_the_same_arguments_give_the_same_bound() -> None:
    snapshot = random_depot(Random(7), vehicles=5, routes=6, connectors=3, hours=6)
    tiers = AtHand.greedy(snapshot).tiers(AtHand.greedy(snapshot).draft)
    assert bound(snapshot, tiers) == bound(snapshot, tiers)


def test_without_time_there_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS is given 0.05 s at least, in which a fast machine solves even this depot."""
    monkeypatch.setattr(clock, "MIN_TIME_S", 1e-6)
    snapshot = random_depot(
        Random(7), vehicles=60, routes=0, connectors=60, hours=24, step_minutes=5, mode="charging"
    )
    tiers = Objective(money=1e6)
    assert bound(snapshot, tiers, budget_s=0.0) == -float("inf")
