"""Tier 4: changes against the previous plan, charging later than it could be, and soft rules.

A change counts 1 unless a rule prices it; each kWh counts `LATE` for every hour after the horizon's
start; the columns of the block `soft` are penalties of the rules that are on.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planner.constraints import swaps
from planner.drafts.choices import remembered
from planner.linear.columns import Columns, Weights
from planner.snapshot import Snapshot

LATE: Final = 0.001


def weights(columns: Columns, snapshot: Snapshot) -> Weights:
    before, price = remembered(snapshot), swaps.price(snapshot)
    drives = columns["drive"].items()
    changed = [c for (name, route), c in drives if before.get(route, name) != name]
    powers, soft = columns.powers, columns.numbers("soft")
    late = LATE * powers.hours * (powers.start_s + powers.end_s) / 7200
    return (
        np.concatenate((np.array(changed, dtype=np.int64), powers.column, soft)),
        np.concatenate((np.full(len(changed), price), late, np.ones(len(soft)))),
    )
