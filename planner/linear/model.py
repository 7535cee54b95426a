"""A scope's columns and rows, and the tiers solved over them in their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.constraints import CONSTRAINTS
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns, Weights
from planner.linear.declare import declare
from planner.linear.rows import Rows
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

    def weights(self, tier: Tier) -> Weights:
        return tier.weights(self.columns, self.columns.scope.snapshot)

    def cost(self, tier: Tier) -> Floats:
        cost = np.zeros(len(self.columns))
        np.add.at(cost, *self.weights(tier))
        return cost

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
        columns, weights = self.weights(tier)
        if len(columns):
            row = self.rows.add((), upper=value + allowed)
            self.rows.extend(row, columns, weights)

    def integers(self, x: Floats) -> dict[int, float]:
        """The integral columns of a solution, rounded."""
        return {c: float(round(x[c])) for c, flag in enumerate(self.columns.integral) if flag}
