"""The rows of a linear model as sparse triplets: `lower <= sum(coefficient * column) <= upper`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Term = tuple[int, float]


@dataclass(slots=True)
class Rows:
    """`named` are rows whose marginal prices somebody wants to find again."""

    row: array[int] = field(default_factory=lambda: array("q"))
    column: array[int] = field(default_factory=lambda: array("q"))
    coefficient: array[float] = field(default_factory=lambda: array("d"))
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    named: dict[str, slice] = field(default_factory=dict)

    def add(
        self,
        terms: Iterable[Term],
        *,
        lower: float = -math.inf,
        upper: float = math.inf,
    ) -> int:
        """Appends one row and returns its number; a column named twice counts with the sum of its
        coefficients."""
        number = len(self.lower)
        for column, coefficient in terms:
            self.row.append(number)
            self.column.append(column)
            self.coefficient.append(coefficient)
        self.lower.append(lower)
        self.upper.append(upper)
        return number

    def extend(self, row: ArrayLike, column: ArrayLike, coefficient: ArrayLike) -> None:
        """Adds many terms to rows that are there: three arrays of one length, or scalars."""
        at, columns, values = np.broadcast_arrays(row, column, coefficient)
        self.row.frombytes(at.astype(np.int64).tobytes())
        self.column.frombytes(columns.astype(np.int64).tobytes())
        self.coefficient.frombytes(values.astype(np.float64).tobytes())

    def empty(self, lower: Sequence[float], upper: Sequence[float], name: str = "") -> int:
        """Appends rows without terms, for `extend`; returns the first one's number."""
        first = len(self.lower)
        self.lower += lower
        self.upper += upper
        if name:
            self.named[name] = slice(first, len(self.lower))
        return first

    def matrix(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Row, column and coefficient of every term."""
        return (
            np.array(self.row, dtype=np.int64),
            np.array(self.column, dtype=np.int64),
            np.array(self.coefficient, dtype=np.float64),
        )

    def mark(self) -> tuple[int, int]:
        """Where the rows end now, for `cut`."""
        return len(self.lower), len(self.row)

    def cut(self, mark: tuple[int, int]) -> None:
        """Takes away the rows added since `mark`; none of them may have a name."""
        rows, terms = mark
        del self.lower[rows:], self.upper[rows:]
        del self.row[terms:], self.column[terms:], self.coefficient[terms:]
