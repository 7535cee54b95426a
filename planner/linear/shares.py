"""The smallest share of what was asked for, as a column of a linear model.

A share is asked for by each departure in `charging` mode and by each target at the end: what is
charged for it, of what would be missing without any charging.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planner.drafts.draft import at_depot_at_end, trace
from planner.linear.columns import Columns, Weights
from planner.linear.model import Model
from planner.snapshot import Snapshot

ALLOWED_SHARE: Final = 1e-6
"""What the tiers below may cost the smallest share."""


class SmallestShare:
    """A tier that is least where the smallest share is largest."""

    def weights(self, columns: Columns, snapshot: Snapshot) -> Weights:
        share = columns.numbers("share")
        return share, np.full(len(share), -1.0)


def add_share(model: Model) -> int:
    """Adds the column of the smallest share, and the rows that hold it below each; its number."""
    columns = model.columns
    smallest = columns.add("share", 0, 0.0, 1.0)
    for key, missing in columns["short"].items():
        asked_kwh = asked(columns, *key)
        if asked_kwh > 0:
            model.rows.add([(missing, 1.0), (smallest, asked_kwh)], upper=asked_kwh)
    return smallest


def asked(columns: Columns, name: str, route: str | None) -> float:
    """The energy that would be missing without any charging, in kWh."""
    scope = columns.scope
    vehicle, drives = scope.chosen.vehicles[name], scope.chosen.drives[name]
    idle = trace(vehicle, drives, (), scope.line)
    if route is None:
        here = at_depot_at_end(vehicle, drives, scope.line)
        return max(0.0, vehicle.target_kwh - idle.end_kwh) if here else 0.0
    return max([0.0, *(d.need_kwh - kwh for d, kwh in idle.departures if d.route == route)])
