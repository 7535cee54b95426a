"""What rules on the time between two routes of a vehicle share: each gap has its price."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from planner.drafts.choices import clash
from planner.drafts.draft import Draft
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot

Price = Callable[[float], float]
"""The penalty of a gap in minutes; 0 from some length on."""


def add_gaps(columns: Columns, rows: Rows, snapshot: Snapshot, rule: str, price: Price) -> None:
    """A pair of routes counts where both are driven and none of those between them is."""
    if columns.scope.fixed:
        return
    drive = columns["drive"]
    for vehicle, drives in columns.scope.chosen.drives.items():
        for i, first in enumerate(drives):
            for j, then in enumerate(drives[i + 1 :], i + 1):
                penalty = price((then.depart_s - first.return_s) / 60)
                if penalty <= 0:
                    break
                if clash(first, then, snapshot.rules):
                    continue
                key = (rule, vehicle, first.route, then.route)
                column = columns.add("soft", key, 0.0, penalty)
                ends = [(drive[vehicle, d.route], -penalty) for d in (first, then)]
                between = [(drive[vehicle, d.route], penalty) for d in drives[i + 1 : j]]
                rows.add([(column, 1.0), *ends, *between], lower=-penalty)


def gap_cost(draft: Draft, price: Price) -> float:
    total = 0.0
    for drives in draft.drives.values():
        in_order = sorted(drives, key=lambda d: d.depart_s)
        total += sum(price((b.depart_s - a.return_s) / 60) for a, b in pairwise(in_order))
    return total
