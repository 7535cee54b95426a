"""Tier 2: the energy missing at departures and at the horizon's end, in kWh."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Term
from planner.snapshot import Snapshot


def terms(columns: Columns, snapshot: Snapshot) -> list[Term]:
    return [(c, 1.0) for c in columns["short"].values()]
