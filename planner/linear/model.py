"""A scope's columns and rows, and the tiers solved over them in their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.constraints import CONSTRAINTS
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.declare import declare
from planner.linear.rows import Rows, Term
from planner.linear.scope import Scope
from planner.linear.solver import Answer, solve_milp
from planner.objectives import ALLOWED, Tier


class Model:
    def __init__(self, scope: Scope) -> None:
        self.columns: Columns = declare(scope)
        self.rows = Rows()
        for law in CONSTRAINTS:
            if law.applies(scope.snapshot):
                law.add(self.columns, self.rows, scope.snapshot)

    def terms(self, tier: Tier) -> list[Term]:
        return tier.terms(self.columns, self.columns.scope.snapshot)

    def cost(self, tier: Tier) -> Floats:
        found = self.terms(tier)
        columns, weights = zip(*found, strict=True) if found else ((), ())
        return np.bincount(
            np.array(columns, dtype=np.int64), np.array(weights), minlength=len(self.columns)
        )

    def solve(
        self,
        tier: Tier,
        *,
        time_s: float,
        gap: float,
        fixed: Mapping[int, float] | None = None,
        relaxed: bool = False,
    ) -> Answer:
        return solve_milp(
            self.columns,
            self.rows,
            self.cost(tier),
            time_s=time_s,
            gap=gap,
            fixed=dict(fixed or {}),
            relaxed=relaxed,
        )

    def keep(self, tier: Tier, value: float, *, allowed: float = ALLOWED) -> None:
        """From now on the tier stays within `allowed` of `value`."""
        terms = self.terms(tier)
        if terms:
            self.rows.add(terms, upper=value + allowed)

    def integers(self, x: Floats) -> dict[int, float]:
        """The integral columns of a solution, rounded."""
        return {c: float(round(x[c])) for c, flag in enumerate(self.columns.integral) if flag}
