"""The only file that knows `scipy.optimize.milp`; it hands back what can be trusted and no more.

HiGHS takes a NaN in a matrix without a word and does not enforce its row, and a negative or NaN
time limit as none: numbers are checked before, the limit is clamped. At a time or node limit
(status 1, and 4 in some versions) `success` is False though `x` is usable. Model errors share
status 2 with infeasible models: neither has `x`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from planner.drafts.timeline import Floats
from planner.linear.clock import clamp_time
from planner.linear.columns import Columns
from planner.linear.quiet import quiet_stdout
from planner.linear.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`x` is None without a solution; `bound` is a proven lower bound of the objective."""

    x: Floats | None
    objective: float
    bound: float
    proved: bool


def solve_milp(
    columns: Columns,
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
    matrix = csr_array(
        (rows.coefficient, (rows.row, rows.column)), shape=(len(rows.lower), len(lower))
    )
    row_lower, row_upper = np.array(rows.lower), np.array(rows.upper)
    _refuse_nan(cost=cost, coefficients=matrix.data)
    if any(np.isnan(a).any() for a in (lower, upper, row_lower, row_upper)):
        raise ValueError("the linear model has a bound that is not a number")
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


def _refuse_nan(**arrays: NDArray[np.float64]) -> None:
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the linear model has {name} that are not finite numbers")


def _finite(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else -math.inf
