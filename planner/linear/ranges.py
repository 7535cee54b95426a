"""Columns of a linear model that are known by their numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Ranges:
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    integral: list[bool] = field(default_factory=list)

    def add(
        self, upper: float, *, lower: float = 0.0, cost: float = 0.0, integral: bool = False
    ) -> int:
        self.lower.append(lower)
        self.upper.append(upper)
        self.cost.append(cost)
        self.integral.append(integral)
        return len(self.lower) - 1

    def __len__(self) -> int:
        return len(self.lower)
