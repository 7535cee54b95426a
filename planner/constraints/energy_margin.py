"""`rules.soft.energy_margin`: energy to spare at a departure, as a share of the route's.

Where it is hard it is part of the need (`Rules.need_kwh`), and with that of law 3's own rows.
"""

from __future__ import annotations

from collections.abc import Callable

from planner.constraints.spare import Points, add_spare, spare_cost
from planner.drafts.choices import Drive
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.energy_margin
    return rule is not None and not rule.hard


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    add_spare(columns, rows, "energy_margin", _points_of(snapshot))


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    return spare_cost(snapshot, line, draft, _points_of(snapshot))


def _points_of(snapshot: Snapshot) -> Callable[[Drive], Points]:
    """A route that takes no energy wants none to spare."""
    rule = snapshot.rules.soft.energy_margin
    assert rule is not None
    shares = rule.points
    return lambda d: [
        (share * d.energy_kwh, penalty if d.energy_kwh > 0 else 0.0) for share, penalty in shares
    ]
