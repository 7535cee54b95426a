"""`rules.soft.reserve_vehicles`: some vehicles drive nothing, to stand in for others.

Where it is hard the named ones may not be chosen for any route (`choices`); where none is named so
many may drive as are left (`choices.most_drivers`).
"""

from __future__ import annotations

from planner.drafts.choices import most_drivers
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import ReserveVehicles


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.reserve_vehicles
    named = rule is not None and rule.hard and bool(rule.vehicles)
    return rule is not None and not named and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """`out` reaches 1 where a vehicle drives anything."""
    if columns.scope.fixed:
        return
    rule, drive = _rule(snapshot), columns["drive"]
    candidates, wanted = _candidates(snapshot)
    out = []
    for vehicle in candidates:
        column = columns.add("out", vehicle, 0.0, 1.0)
        out.append(column)
        for d in columns.scope.chosen.drives[vehicle]:
            rows.add([(column, 1.0), (drive[vehicle, d.route], -1.0)], lower=0.0)
    most = most_drivers(snapshot)
    if most is not None:
        rows.add([(c, 1.0) for c in out], upper=float(most))
        return
    missing = columns.add("soft", "reserve_vehicles", 0.0, rule.penalty * wanted)
    priced = [(c, -rule.penalty) for c in out]
    rows.add([(missing, 1.0), *priced], lower=rule.penalty * (wanted - len(candidates)))


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    if _rule(snapshot).hard:
        return 0.0
    candidates, wanted = _candidates(snapshot)
    idle = sum(not draft.drives.get(v) for v in candidates)
    return _rule(snapshot).penalty * max(0, wanted - idle)


def _candidates(snapshot: Snapshot) -> tuple[list[str], int]:
    """The vehicles that could be in reserve, and how many of them are wanted there."""
    rule = _rule(snapshot)
    able = [v.id for v in snapshot.vehicles if v.in_service]
    if not rule.vehicles:
        return able, rule.count
    named = [v for v in able if v in rule.vehicles]
    return named, len(named)


def _rule(snapshot: Snapshot) -> ReserveVehicles:
    rule = snapshot.rules.soft.reserve_vehicles
    assert rule is not None
    return rule
