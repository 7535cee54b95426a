"""Laws 3 and 4: at departure there is the energy that the route and the reserve want.

In `charging` mode what is missing is a shortfall instead.
"""

from __future__ import annotations

from planner.constraints.energy import paid
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.linear.scope import point_before
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, drive, short = columns.scope, columns["drive"], columns["short"]
    for name, drives in scope.chosen.drives.items():
        for d in drives:
            k = point_before(scope.points[name], d.depart_s)
            terms = [*paid(columns, name, k, d.depart_s), (drive[name, d.route], -d.need_kwh)]
            if (name, d.route) in short:
                terms.append((short[name, d.route], 1.0))
            rows.add(terms, lower=0.0)
