"""`rules.soft.incompatible_routes`: pairs of routes that one vehicle should not drive both.

Where it is hard they are excluded like `rules.incompatible_routes` (`Rules.excluded_pairs`), in law
2's own rows (`clashes`).
"""

from __future__ import annotations

from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import IncompatibleRoutes


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.incompatible_routes
    return rule is not None and not rule.hard and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    if columns.scope.fixed:
        return
    rule, drive = _rule(snapshot), columns["drive"]
    for vehicle in columns.scope.chosen.vehicles:
        for a, b in _pairs(rule):
            if (vehicle, a) in drive and (vehicle, b) in drive:
                key = ("incompatible_routes", vehicle, a, b)
                both = columns.add("soft", key, 0.0, rule.penalty)
                ends = [(drive[vehicle, r], -rule.penalty) for r in (a, b)]
                rows.add([(both, 1.0), *ends], lower=-rule.penalty)


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule = _rule(snapshot)
    driven = [{d.route for d in drives} for drives in draft.drives.values()]
    return rule.penalty * sum({a, b} <= routes for a, b in _pairs(rule) for routes in driven)


def _pairs(rule: IncompatibleRoutes) -> list[tuple[str, str]]:
    """Each once, whichever way round; no route is incompatible with itself."""
    return sorted({(min(pair), max(pair)) for pair in rule.pairs if pair[0] != pair[1]})


def _rule(snapshot: Snapshot) -> IncompatibleRoutes:
    rule = snapshot.rules.soft.incompatible_routes
    assert rule is not None
    return rule
