"""The rows of a linear model as sparse triplets: `lower <= sum(coefficient * column) <= upper`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

Term = tuple[int, float]


@dataclass(slots=True)
class Rows:
    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    coefficient: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(
        self, terms: Iterable[Term], *, lower: float = -math.inf, upper: float = math.inf
    ) -> None:
        """Appends one row; a column named twice counts with the sum of its coefficients."""
        number = len(self.lower)
        for column, coefficient in terms:
            self.row.append(number)
            self.column.append(column)
            self.coefficient.append(coefficient)
        self.lower.append(lower)
        self.upper.append(upper)

    def mark(self) -> tuple[int, int]:
        """Where the rows end now, for `cut`."""
        return len(self.lower), len(self.row)

    def cut(self, mark: tuple[int, int]) -> None:
        """Takes away the rows added since `mark`."""
        rows, terms = mark
        del self.lower[rows:], self.upper[rows:]
        del self.row[terms:], self.column[terms:], self.coefficient[terms:]
