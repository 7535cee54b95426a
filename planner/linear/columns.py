"""The columns of a linear model in named blocks, each column found by its key.

Blocks (v a vehicle, k one of its parts or points, g a group of connectors, t a step):
drive[v, route] · rest[v, route] a shift ends after it · hold[v, g, k] · begin[v, g, k] ·
armed[v, k] a hold may begin · kw[v, g, k] mean over the part ·
on[v, k] · burst[v, k] highest power in the part · energy[v, k] at point k before routes returning
there are paid · region[v, k, i] · lift[v, k] and empty[v, k] where a route takes more than there
is · short[v, route or None] · buy[t] sell[t] selling[t] curtail[t] curtailing[t] ·
charge[t] discharge[t] charging[t] stored[t] · peak[0] · soft[rule, ...] a penalty · out[v] drives
anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from planner.linear.scope import Scope


class Columns:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.integral: list[bool] = []
        self._blocks: dict[str, dict[Any, int]] = {}

    def add(
        self, block: str, key: Hashable, lower: float, upper: float, *, integral: bool = False
    ) -> int:
        number = len(self.lower)
        self._blocks.setdefault(block, {})[key] = number
        self.lower.append(lower)
        self.upper.append(upper)
        self.integral.append(integral)
        return number

    def __getitem__(self, block: str) -> Mapping[Any, int]:
        """The block's columns by key, in the order they were added; empty if there are none."""
        return self._blocks.get(block, {})

    def __len__(self) -> int:
        return len(self.lower)
