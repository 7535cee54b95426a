from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from planner.algorithms import ALGORITHMS, Algorithm
from planner.algorithms.at_hand import better
from planner.check import audit
from planner.codec import dump_plan
from planner.params import Params
from planner.plan import Objective, Plan
from planner.snapshot import Snapshot
from planner.solve import iter_plans, solve, solve_with_report
from tests.planner.depots import random_depot

SMALL = random_depot(Random(3), vehicles=3, routes=4, connectors=2, hours=5)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_every_algorithm_gives_an_audited_plan_without_steps_down(algorithm: str) -> None:
    solved = solve_with_report(SMALL, Params(algorithm=algorithm), 20.0, 7)
    assert audit(SMALL, solved.plan) == []
    assert solved.steps_down == ()
    assert solved.plan.seed == 7


def test_each_plan_is_better_than_the_one_before_and_greedy_comes_first() -> None:
    plans = list(iter_plans(SMALL, Params(), 20.0, 0))
    assert plans[0].algorithm == "greedy"
    assert len(plans) > 1
    for before, after in itertools.pairwise(plans):
        assert not better(before.objective, after.objective)
    assert plans[-1] == solve(SMALL, Params(), 20.0, 0)


@pytest.mark.fault(27)
@pytest.mark.parametrize("budget_s", [math.nan, -1.0, 0.0, -math.inf])
def test_a_senseless_budget_is_the_least_one(budget_s: float) -> None:
    plan = solve(SMALL, Params(), budget_s, 0)
    assert audit(SMALL, plan) == []


def test_an_unknown_algorithm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"params\.algorithm: wants one of edf, fair, greedy"):
        solve(SMALL, Params(algorithm="magic"), 1.0, 0)


def over_the_limit(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    plan = ALGORITHMS["greedy"](snapshot, params, budget_s, seed)
    stays = tuple(
        replace(s, periods=tuple(replace(p, kw=p.kw * 10) for p in s.periods)) for s in plan.stays
    )
    return replace(plan, stays=stays, objective=Objective())


def always_raises(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    raise ValueError("no good")


def has_a_mistake(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    raise AssertionError("what cannot be")


def wants_more_memory(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    raise MemoryError


@pytest.mark.fault(24, 25)
@pytest.mark.parametrize(
    ("algorithm", "report"),
    [
        (over_the_limit, "failed its audit: law"),
        (always_raises, "failed: ValueError: no good"),
        (has_a_mistake, "failed: AssertionError: what cannot be (test_solve.py, line "),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_step_down(
    monkeypatch: pytest.MonkeyPatch, algorithm: Algorithm, report: str
) -> None:
    monkeypatch.setitem(ALGORITHMS, "odd", algorithm)
    solved = solve_with_report(SMALL, Params(algorithm="odd"), 5.0, 0)
    assert solved.plan.algorithm == "greedy"
    assert len(solved.steps_down) == 1
    assert report in solved.steps_down[0]


def test_a_process_out_of_memory_plans_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALGORITHMS, "odd", wants_more_memory)
    with pytest.raises(MemoryError):
        solve_with_report(SMALL, Params(algorithm="odd"), 5.0, 0)


@pytest.mark.fault(24)
def test_without_any_usable_answer_the_plan_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALGORITHMS:
        monkeypatch.setitem(ALGORITHMS, name, over_the_limit)
    monkeypatch.setitem(ALGORITHMS, "greedy", always_raises)
    monkeypatch.setitem(ALGORITHMS, "joint", always_raises)
    solved = solve_with_report(SMALL, Params(), 5.0, 0)
    assert solved.plan.status == "fallback"
    assert audit(SMALL, solved.plan) == []
    assert len(solved.steps_down) == 2


SCRIPT = """
from random import Random
from planner.codec import dump_plan
from planner.params import Params
from planner.solve import solve
from tests.planner.depots import random_depot
snapshot = random_depot(Random(3), vehicles=3, routes=4, connectors=2, hours=5)
print(dump_plan(solve(snapshot, Params(), 60.0, 1)), end="")
"""


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == dump_plan(solve(SMALL, Params(), 60.0, 1))


COUNTED = """
from random import Random
from planner.codec import dump_plan
from planner.params import Params
from planner.solve import solve
from tests.planner.depots import random_depot
snapshot = random_depot(Random(4), vehicles=8, routes=10, connectors=6, hours=12)
print(dump_plan(solve(snapshot, Params(iterations=150), 0.1, 1)), end="")
"""


def test_so_many_iterations_give_the_same_bytes_twice_and_in_another_process() -> None:
    snapshot = random_depot(Random(4), vehicles=8, routes=10, connectors=6, hours=12)
    params = Params(iterations=150)
    here = [dump_plan(solve(snapshot, params, budget_s, 1)) for budget_s in (0.1, 60.0)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "54321", "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", COUNTED], env=environment, capture_output=True, text=True, check=True
    )
    assert here == [run.stdout, run.stdout]


def test_a_plan_tells_the_iterations_that_make_it_again() -> None:
    snapshot = random_depot(Random(4), vehicles=8, routes=10, connectors=6, hours=12)
    plan = solve(snapshot, Params(), 2.0, 1)
    assert plan.iterations is not None
    again = solve(snapshot, Params(iterations=plan.iterations), 0.1, 1)
    assert replace(again, bound=plan.bound) == plan


def test_greedy_stands_in_where_the_search_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALGORITHMS, "joint", always_raises)
    solved = solve_with_report(SMALL, Params(), 5.0, 0)
    assert solved.plan.algorithm == "greedy"
    assert solved.steps_down == ("joint failed: ValueError: no good",)


def test_the_first_plan_of_a_search_is_what_greedy_would_tell() -> None:
    first = next(iter_plans(SMALL, Params(), 1.0, 1))
    assert first == solve(SMALL, Params(algorithm="greedy"), 1.0, 1)
