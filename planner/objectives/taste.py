"""Tier 4: changes against the previous plan, charging later than it could be, and soft rules.

A change counts 1 unless a rule prices it; each kWh counts `LATE` for every hour after the horizon's
start; the columns of the block `soft` are penalties of the rules that are on.
"""

from __future__ import annotations

from typing import Final

from planner.constraints import swaps
from planner.drafts.choices import remembered
from planner.linear.columns import Columns
from planner.linear.rows import Term
from planner.snapshot import Snapshot

LATE: Final = 0.001


def terms(columns: Columns, snapshot: Snapshot) -> list[Term]:
    before, price = remembered(snapshot), swaps.price(snapshot)
    found: list[Term] = [
        (c, price)
        for (name, route), c in columns["drive"].items()
        if before.get(route, name) != name
    ]
    powers = columns.powers
    late = LATE * powers.hours * (powers.start_s + powers.end_s) / 7200
    found += zip(powers.column.tolist(), late.tolist(), strict=True)
    found += [(c, 1.0) for c in columns["soft"].values()]
    return found
