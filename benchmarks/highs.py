"""HiGHS alone: how long SciPy's `milp` and `linprog` take inside a call of the planner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from scipy.optimize import linprog, milp


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve:
    """`status` is HiGHS's: 0 solved, 1 cut short."""

    seconds: float
    cpu_s: float
    rows: int
    columns: int
    status: int


@contextmanager
def timed() -> Iterator[list[Solve]]:
    """What HiGHS was asked meanwhile, in order: without building, checking or reading answers."""
    found: list[Solve] = []

    def clocked(solve: Callable[..., Any]) -> Callable[..., Any]:
        def call(cost: Any, **given: Any) -> Any:
            started_s, cpu_s = time.perf_counter(), time.process_time()
            result = solve(cost, **given)
            found.append(
                Solve(
                    seconds=time.perf_counter() - started_s,
                    cpu_s=time.process_time() - cpu_s,
                    rows=_rows(given),
                    columns=len(cost),
                    status=int(result.status),
                )
            )
            return result

        return call

    with (
        patch("planner.linear.solver.milp", clocked(milp)),
        patch("planner.linear.solver.linprog", clocked(linprog)),
    ):
        yield found


def _rows(given: Mapping[str, Any]) -> int:
    """Of `milp`'s constraints, or of `linprog`'s two matrices."""
    laws = given.get("constraints")
    matrices = [given.get("A_ub"), given.get("A_eq")] if laws is None else [laws.A]
    return sum(m.shape[0] for m in matrices if m is not None)
