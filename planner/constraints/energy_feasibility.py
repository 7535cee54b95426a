"""`rules.soft.energy_feasibility`: some kWh to spare at every departure.

Where it is hard they are part of the need (`Rules.need_kwh`), and with that of law 3's own rows.
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
    rule = snapshot.rules.soft.energy_feasibility
    return rule is not None and not rule.hard


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    add_spare(columns, rows, "energy_feasibility", _points_of(snapshot))


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    return spare_cost(snapshot, line, draft, _points_of(snapshot))


def _points_of(snapshot: Snapshot) -> Callable[[Drive], Points]:
    rule = snapshot.rules.soft.energy_feasibility
    assert rule is not None
    points = [(0.0, 0.0), (rule.safety_margin_kwh, rule.penalty)]
    return lambda _: points
