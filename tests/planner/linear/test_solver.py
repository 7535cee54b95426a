from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from planner.algorithms.at_hand import AtHand
from planner.linear.clock import clamp_time
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.linear.scopes import open_scope
from planner.linear.solver import solve_milp
from tests.planner.depots import random_depot


def columns(*bounds: tuple[float, float], integral: bool = False) -> Columns:
    snapshot = random_depot(Random(0), vehicles=1, routes=1, connectors=1, hours=1)
    hand = AtHand.greedy(snapshot)
    found = Columns(open_scope(snapshot, hand.line, hand.chosen, fixed=False))
    for i, (low, high) in enumerate(bounds):
        found.add("x", i, low, high, integral=integral)
    return found


def test_a_knapsack_is_solved_and_proved() -> None:
    rows = Rows()
    rows.add([(0, 3.0), (1, 4.0), (2, 2.0)], upper=6.0)
    answer = solve_milp(
        columns((0, 1), (0, 1), (0, 1), integral=True),
        rows,
        np.array([-4.0, -5.0, -3.0]),
        time_s=5.0,
        gap=0.0,
    )
    assert answer.proved
    assert answer.objective == pytest.approx(-8.0)
    assert answer.bound == pytest.approx(-8.0)


@pytest.mark.fault(24)
def test_an_infeasible_model_has_no_answer() -> None:
    rows = Rows()
    rows.add([(0, 1.0)], lower=2.0)
    answer = solve_milp(columns((0, 1)), rows, np.zeros(1), time_s=1.0, gap=0.0)
    assert answer.x is None
    assert not answer.proved


@pytest.mark.fault(26)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_coefficient_that_is_not_finite_is_refused(value: float) -> None:
    rows = Rows()
    rows.add([(0, value)], upper=50.0)
    with pytest.raises(ValueError, match="coefficients that are not finite"):
        solve_milp(columns((0, 100)), rows, -np.ones(1), time_s=1.0, gap=0.0)


@pytest.mark.fault(26)
def test_a_bound_that_is_no_number_is_refused() -> None:
    rows = Rows()
    rows.add([(0, 1.0)], upper=math.nan)
    with pytest.raises(ValueError, match="bound that is not a number"):
        solve_milp(columns((0, 100)), rows, -np.ones(1), time_s=1.0, gap=0.0)


def test_fixed_columns_stay_where_they_are_put() -> None:
    rows = Rows()
    rows.add([(0, 1.0), (1, 1.0)], upper=1.5)
    answer = solve_milp(
        columns((0, 1), (0, 1), integral=True),
        rows,
        np.array([-2.0, -1.0]),
        time_s=1.0,
        gap=0.0,
        fixed={1: 1.0},
    )
    assert answer.x is not None
    assert list(answer.x) == [0.0, 1.0]


@pytest.mark.fault(27)
@pytest.mark.parametrize(
    ("seconds", "clamped"),
    [(math.nan, 0.05), (-3.0, 0.05), (math.inf, 60.0), (2.0, 2.0), (-math.inf, 0.05)],
)
def test_time_limits_are_clamped(seconds: float, clamped: float) -> None:
    assert clamp_time(seconds, 60.0) == clamped


def test_rows_after_a_mark_can_be_taken_away() -> None:
    rows = Rows()
    rows.add([(0, 1.0)], upper=1.0)
    mark = rows.mark()
    rows.add([(0, 1.0), (1, 1.0)], upper=2.0)
    rows.cut(mark)
    assert (list(rows.row), list(rows.column), rows.upper) == ([0], [0], [1.0])
