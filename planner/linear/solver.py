"""The only file that knows SciPy's solvers; it hands back what can be trusted and no more.

HiGHS takes a NaN in a matrix without a word and does not enforce its row, and a negative or NaN
time limit as none: numbers are checked before, the limit is clamped. At a time or node limit
(status 1, and 4 in some versions) `success` is False though `x` is usable; without `x` there is no
bound either. Model errors share
status 2 with infeasible models: neither has `x`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from planner.drafts.timeline import Floats
from planner.linear.clock import clamp_time
from planner.linear.quiet import quiet_stdout
from planner.linear.rows import Rows


class Bounded(Protocol):
    """Columns as a solver sees them."""

    @property
    def lower(self) -> Sequence[float]: ...

    @property
    def upper(self) -> Sequence[float]: ...

    def __len__(self) -> int: ...


class Mixed(Bounded, Protocol):
    """The same, some of them whole numbers."""

    @property
    def integral(self) -> Sequence[bool]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`x` is None without a solution; `bound` is a proven lower bound of the objective."""

    x: Floats | None
    objective: float
    bound: float
    proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAnswer:
    """An optimum; `prices` are what it would cost more if a row's bound were one higher."""

    x: Floats
    objective: float
    prices: Floats


def solve_milp(
    columns: Mixed,
    rows: Rows,
    cost: Floats,
    *,
    time_s: float,
    gap: float,
    fixed: dict[int, float] | None = None,
    relaxed: bool = False,
) -> Answer:
    """Minimises `cost @ x`. `fixed` pins columns, which then need no integrality; `relaxed` asks
    for none of any column.

    Raises ValueError when a number of the model is not finite: that is an error of ours.
    """
    lower, upper = np.array(columns.lower), np.array(columns.upper)
    integral = np.array(columns.integral, dtype=np.uint8) * (0 if relaxed else 1)
    for column, value in (fixed or {}).items():
        lower[column] = upper[column] = value
        integral[column] = 0
    matrix, row_lower, row_upper = _assembled(columns, rows)
    _check(cost, matrix.data, (lower, upper, row_lower, row_upper))
    laws = LinearConstraint(matrix, row_lower, row_upper) if len(row_lower) else None
    with quiet_stdout():
        result = milp(
            cost,
            integrality=integral,
            bounds=Bounds(lower, upper),
            constraints=laws,
            options={"time_limit": clamp_time(time_s), "mip_rel_gap": max(gap, 0.0)},
        )
    if result.x is None or not np.isfinite(result.x).all():
        return Answer(
            x=None, objective=math.inf, bound=_finite(result.mip_dual_bound), proved=False
        )
    proved = result.status == 0
    objective = float(result.fun)
    bound = (
        _finite(result.mip_dual_bound) if integral.any() else (objective if proved else -math.inf)
    )
    return Answer(x=np.asarray(result.x), objective=objective, bound=bound, proved=proved)


def solve_lp(
    columns: Bounded,
    rows: Rows,
    cost: Floats,
    *,
    time_s: float,
    bounds: Mapping[int, tuple[float, float]] | None = None,
) -> LinearAnswer | None:
    """Minimises `cost @ x` with no column integral; `bounds` take the place of columns' own.

    None where there is no optimum, or none in time. Raises ValueError as `solve_milp` does.
    """
    lower, upper = np.array(columns.lower), np.array(columns.upper)
    for column, (low, high) in (bounds or {}).items():
        lower[column], upper[column] = low, high
    matrix, row_lower, row_upper = _assembled(columns, rows)
    _check(cost, matrix.data, (lower, upper, row_lower, row_upper))
    equal = row_lower == row_upper
    most, least = ~equal & np.isfinite(row_upper), ~equal & np.isfinite(row_lower)
    with quiet_stdout():
        # The stubs of `linprog` know no sparse matrices; SciPy's own documentation does.
        result = cast(Any, linprog)(
            cost,
            A_ub=vstack([matrix[most], -matrix[least]]) if least.any() else matrix[most],
            b_ub=np.concatenate([row_upper[most], -row_lower[least]]),
            A_eq=matrix[equal],
            b_eq=row_upper[equal],
            bounds=np.column_stack([lower, upper]),
            method="highs-ds",
            options={"time_limit": clamp_time(time_s)},
        )
    if result.status != 0 or result.x is None or not np.isfinite(result.x).all():
        return None
    prices = np.zeros(len(row_lower))
    prices[equal] = result.eqlin.marginals
    number = int(most.sum())
    prices[most] += result.ineqlin.marginals[:number]
    prices[least] -= result.ineqlin.marginals[number:]
    return LinearAnswer(x=np.asarray(result.x), objective=float(result.fun), prices=prices)


def _assembled(columns: Bounded, rows: Rows) -> tuple[csr_array, Floats, Floats]:
    row, column, coefficient = rows.matrix()
    shape = (len(rows.lower), len(columns))
    return (
        csr_array((coefficient, (row, column)), shape=shape),
        np.array(rows.lower),
        np.array(rows.upper),
    )


def _check(cost: Floats, coefficients: Floats, bounds: Iterable[Floats]) -> None:
    for name, values in (("cost", cost), ("coefficients", coefficients)):
        if not np.isfinite(values).all():
            raise ValueError(f"the linear model has {name} that are not finite numbers")
    if any(np.isnan(values).any() for values in bounds):
        raise ValueError("the linear model has a bound that is not a number")


def _finite(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else -math.inf
