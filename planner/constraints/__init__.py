"""The laws of the linear models, one a file, each with `applies` and `add`, in an explicit list.

Soft rules are laws whose rows hold up columns of the block `soft`, each a penalty that taste
counts; their `cost` says the same of a draft. Rules about routes alone are silent where these are
given.
"""

from __future__ import annotations

from typing import Protocol

from planner.constraints import (
    balance,
    battery,
    charger_preference,
    clashes,
    connectors,
    curve,
    departure,
    energy,
    energy_feasibility,
    energy_margin,
    incompatible_routes,
    limits,
    minimum,
    minimum_soonness,
    preferred_turnaround,
    presence,
    reserve_vehicles,
    route_sequence_buffer,
    routes,
    shift_hours,
    shifts,
    target,
    triad,
)
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


class Constraint(Protocol):
    def applies(self, snapshot: Snapshot) -> bool: ...

    def add(self, columns: Columns, rows: Rows, snapshot: Snapshot) -> None: ...


class SoftRule(Constraint, Protocol):
    def cost(self, snapshot: Snapshot, line: Timeline, draft: Draft) -> float: ...


ABOUT_ROUTES: tuple[SoftRule, ...] = (
    preferred_turnaround,
    route_sequence_buffer,
    shift_hours,
    minimum_soonness,
    incompatible_routes,
    reserve_vehicles,
)
"""A search may ask their `cost` before any charging is planned."""

SOFT: tuple[SoftRule, ...] = (
    energy_feasibility,
    energy_margin,
    charger_preference,
    triad,
    *ABOUT_ROUTES,
)

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
    *SOFT,
)
