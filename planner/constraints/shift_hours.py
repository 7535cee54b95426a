"""`rules.soft.shift_hours`: how long a vehicle may be out, from first to last or altogether.

Where it is hard, `first_to_last` is part of law 2's shifts (`choices.max_shift_hours`).
"""

from __future__ import annotations

from itertools import combinations_with_replacement

from planner.constraints.shifts import one_shift
from planner.drafts.choices import longest_shift_s
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import ShiftHours


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.shift_hours
    folded = rule is not None and rule.hard and rule.kind == "first_to_last"
    return rule is not None and not folded and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    if columns.scope.fixed:
        return
    rule = _rule(snapshot)
    for vehicle, drives in columns.scope.chosen.drives.items():
        hours = [(d.return_s - d.depart_s) / 3600 for d in drives]
        if rule.kind == "first_to_last":
            _first_to_last(columns, rows, snapshot, vehicle)
        elif sum(hours) > rule.on_routes_h:
            drive = columns["drive"]
            driven = [(drive[vehicle, d.route], h) for d, h in zip(drives, hours, strict=True)]
            if rule.hard:
                rows.add(driven, upper=rule.on_routes_h)
            else:
                most = rule.penalty * (sum(hours) - rule.on_routes_h)
                over = columns.add("soft", ("shift_hours", vehicle), 0.0, most)
                priced = [(c, -rule.penalty * h) for c, h in driven]
                rows.add([(over, 1.0), *priced], lower=-rule.penalty * rule.on_routes_h)


def _first_to_last(columns: Columns, rows: Rows, snapshot: Snapshot, vehicle: str) -> None:
    rule, drives = _rule(snapshot), columns.scope.chosen.drives[vehicle]
    if not drives:
        return
    hours = (max(d.return_s for d in drives) - drives[0].depart_s) / 3600
    if hours <= rule.on_routes_h:
        return
    most = rule.penalty * (hours - rule.on_routes_h)
    over = columns.add("soft", ("shift_hours", vehicle), 0.0, most)
    for a, b in combinations_with_replacement(drives, 2):
        penalty = rule.penalty * ((b.return_s - a.depart_s) / 3600 - rule.on_routes_h)
        if penalty <= 0:
            continue
        if a is b:
            rows.add([(over, 1.0), (columns["drive"][vehicle, a.route], -penalty)], lower=0.0)
        else:
            driven = one_shift(columns, rows, drives, a, b, snapshot.rules)
            rows.add([(over, 1.0), *((c, -penalty * x) for c, x in driven)], lower=-penalty)


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule, total = _rule(snapshot), 0.0
    if rule.hard:
        return 0.0
    for drives in draft.drives.values():
        in_order = sorted(drives, key=lambda d: (d.depart_s, d.return_s))
        if rule.kind == "first_to_last":
            seconds = longest_shift_s(in_order, snapshot.rules)
        else:
            seconds = sum(d.return_s - d.depart_s for d in in_order)
        total += rule.penalty * max(0.0, seconds / 3600 - rule.on_routes_h)
    return total


def _rule(snapshot: Snapshot) -> ShiftHours:
    rule = snapshot.rules.soft.shift_hours
    assert rule is not None
    return rule
