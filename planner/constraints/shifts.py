"""Law 2: a shift lasts at most `max_shift_hours`; a pause of `rest_hours` ends it."""

from __future__ import annotations

import itertools

from planner.drafts.choices import rests
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return snapshot.mode != "charging" and snapshot.rules.max_shift_hours is not None


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """Two routes further apart than a shift need a rest between them: one after a route that is
    driven, during which none departs."""
    rules, drive = snapshot.rules, columns["drive"]
    most_s = (rules.max_shift_hours or 0.0) * 3600
    rest_s = None if rules.rest_hours is None else rules.rest_hours * 3600
    for vehicle, drives in columns.scope.chosen.drives.items():
        rest: dict[str, int] = {}
        for a, b in itertools.combinations(drives, 2):
            if b.return_s - a.depart_s <= most_s + 1e-6:
                continue
            between = [d for d in drives if a.depart_s <= d.depart_s and rests(d, b, rules)]
            for d in between:
                if d.route not in rest and rest_s is not None:
                    rest[d.route] = columns.add("rest", (vehicle, d.route), 0, 1, integral=True)
                    rows.add([(rest[d.route], 1.0), (drive[vehicle, d.route], -1.0)], upper=0.0)
                    for other in drives:
                        if d.depart_s <= other.depart_s < d.return_s + rest_s - 1e-6 and other != d:
                            pair = (rest[d.route], drive[vehicle, other.route])
                            rows.add([(c, 1.0) for c in pair], upper=1.0)
            ends = [(drive[vehicle, d.route], 1.0) for d in (a, b)]
            rows.add([*ends, *((rest[d.route], -1.0) for d in between)], upper=1.0)
