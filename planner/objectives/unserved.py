"""Tier 1: the sum of the priorities of unserved routes."""

from __future__ import annotations

import numpy as np

from planner.linear.columns import Columns, Weights
from planner.snapshot import Snapshot


def weights(columns: Columns, snapshot: Snapshot) -> Weights:
    """Without the constant, which is the sum over all routes that count."""
    priority = {r.id: r.priority for r in columns.scope.chosen.routes}
    saved = [-priority[route] for _, route in columns["drive"]]
    return columns.numbers("drive"), np.array(saved, dtype=np.float64)
