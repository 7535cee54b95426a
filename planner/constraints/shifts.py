"""Law 2: a shift lasts at most `max_shift_hours`; a pause of `rest_hours` ends it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from planner.drafts.choices import Drive, max_shift_hours, rests
from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Rules, Snapshot


def applies(snapshot: Snapshot) -> bool:
    return snapshot.mode != "charging" and max_shift_hours(snapshot.rules) is not None


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """Two routes further apart than a shift need a rest between them. Where all routes are given,
    nothing is left to decide, and integral columns would only cost time."""
    if columns.scope.fixed:
        return
    most_s = (max_shift_hours(snapshot.rules) or 0.0) * 3600
    for drives in columns.scope.chosen.drives.values():
        for a, b in itertools.combinations(drives, 2):
            if b.return_s - a.depart_s > most_s + 1e-6:
                rows.add(one_shift(columns, rows, drives, a, b, snapshot.rules), upper=1.0)


def one_shift(
    columns: Columns, rows: Rows, drives: Sequence[Drive], a: Drive, b: Drive, rules: Rules
) -> list[Term]:
    """Terms that exceed 1 where `a` and `b`, both of one vehicle's `drives`, are driven without a
    rest between them: one after a route that is driven, during which none departs."""
    drive, rest = columns["drive"], columns["rest"]
    vehicle, rest_s = a.vehicle, (rules.rest_hours or 0.0) * 3600
    between = [d for d in drives if a.depart_s <= d.depart_s and rests(d, b, rules)]
    for d in between:
        if (vehicle, d.route) not in rest:
            column = columns.add("rest", (vehicle, d.route), 0, 1, integral=True)
            rest = columns["rest"]
            rows.add([(column, 1.0), (drive[vehicle, d.route], -1.0)], upper=0.0)
            for other in drives:
                if d.depart_s <= other.depart_s < d.return_s + rest_s - 1e-6 and other != d:
                    rows.add([(column, 1.0), (drive[vehicle, other.route], 1.0)], upper=1.0)
    ends = [(drive[vehicle, d.route], 1.0) for d in (a, b)]
    return [*ends, *((rest[vehicle, d.route], -1.0) for d in between)]
