"""Tier 1: the sum of the priorities of unserved routes."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Term
from planner.snapshot import Snapshot


def terms(columns: Columns, snapshot: Snapshot) -> list[Term]:
    """Without the constant, which is the sum over all routes that count."""
    priority = {r.id: r.priority for r in columns.scope.chosen.routes}
    return [(c, -priority[route]) for (_, route), c in columns["drive"].items()]
