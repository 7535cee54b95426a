"""HiGHS alone: how long `scipy.optimize.milp` itself takes inside a call of the planner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from scipy.optimize import milp


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

    def clocked(cost: Any, **given: Any) -> Any:
        started_s, cpu_s = time.perf_counter(), time.process_time()
        result = milp(cost, **given)
        laws = given.get("constraints")
        found.append(
            Solve(
                seconds=time.perf_counter() - started_s,
                cpu_s=time.process_time() - cpu_s,
                rows=0 if laws is None else laws.A.shape[0],
                columns=len(cost),
                status=int(result.status),
            )
        )
        return result

    with patch("planner.linear.solver.milp", clocked):
        yield found
