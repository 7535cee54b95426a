"""`rules.soft.minimum_soonness`: routes that depart soon stay with the vehicles that have them.

Where it is hard no other vehicle may be chosen for them (`choices`).
"""

from __future__ import annotations

from planner.drafts.choices import too_soon
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import MinimumSoonness


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.minimum_soonness
    return rule is not None and not rule.hard and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    if columns.scope.fixed:
        return
    rule, drive = _rule(snapshot), columns["drive"]
    routes = {r.id: r for r in columns.scope.chosen.routes}
    late = [
        (column, -rule.penalty)
        for (vehicle, route), column in drive.items()
        if too_soon(routes[route], vehicle, snapshot, rule.hours)
    ]
    total = columns.add("soft", "minimum_soonness", 0.0, rule.penalty * len(late))
    rows.add([(total, 1.0), *late], lower=0.0)


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule = _rule(snapshot)
    routes = {r.id: r for r in snapshot.routes}
    driven = ((routes[d.route], v) for v, drives in draft.drives.items() for d in drives)
    return rule.penalty * sum(too_soon(r, v, snapshot, rule.hours) for r, v in driven)


def _rule(snapshot: Snapshot) -> MinimumSoonness:
    rule = snapshot.rules.soft.minimum_soonness
    assert rule is not None
    return rule
