"""Tier 4: changes against the previous plan, and charging later than it could be.

A change counts 1; each kWh counts `LATE` for every hour after the horizon's start.
"""

from __future__ import annotations

from typing import Final

from planner.linear.columns import Columns
from planner.linear.rows import Term
from planner.snapshot import Snapshot

LATE: Final = 0.001


def terms(columns: Columns, snapshot: Snapshot) -> list[Term]:
    previous = snapshot.previous.allocations if snapshot.previous else ()
    before = {a.route: a.vehicle for a in previous}
    found: list[Term] = [
        (c, 1.0) for (name, route), c in columns["drive"].items() if before.get(route, name) != name
    ]
    powers = columns.powers
    late = LATE * powers.hours * (powers.start_s + powers.end_s) / 7200
    found += zip(powers.column.tolist(), late.tolist(), strict=True)
    return found
