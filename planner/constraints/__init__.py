"""The laws of the linear models, one a file, each with `applies` and `add`, in an explicit list."""

from __future__ import annotations

from typing import Protocol

from planner.constraints import (
    balance,
    battery,
    clashes,
    connectors,
    curve,
    departure,
    energy,
    limits,
    minimum,
    presence,
    routes,
    shifts,
    target,
)
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


class Constraint(Protocol):
    def applies(self, snapshot: Snapshot) -> bool: ...

    def add(self, columns: Columns, rows: Rows, snapshot: Snapshot) -> None: ...


CONSTRAINTS: tuple[Constraint, ...] = (
    routes,
    clashes,
    shifts,
    energy,
    departure,
    target,
    presence,
    connectors,
    curve,
    minimum,
    limits,
    balance,
    battery,
)
