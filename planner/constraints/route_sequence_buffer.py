"""`rules.soft.route_sequence_buffer`: time between two routes on top of the turnaround.

Where it is hard, `Rules.gap_minutes` has it, and with that law 2's own rows.
"""

from __future__ import annotations

from planner.constraints.gaps import Price, add_gaps, gap_cost
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.route_sequence_buffer
    return rule is not None and not rule.hard and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    add_gaps(columns, rows, snapshot, "route_sequence_buffer", _price(snapshot))


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    return gap_cost(draft, _price(snapshot))


def _price(snapshot: Snapshot) -> Price:
    rule = snapshot.rules.soft.route_sequence_buffer
    assert rule is not None
    penalty, wanted = rule.penalty, snapshot.rules.turnaround_minutes + rule.minutes
    return lambda minutes: penalty if minutes < wanted - 1e-6 else 0.0
