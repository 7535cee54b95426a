"""`rules.soft.preferred_turnaround`: more time between two routes than the turnaround demands.

Where it is hard, `Rules.gap_minutes` has it, and with that law 2's own rows.
"""

from __future__ import annotations

from planner.constraints.gaps import add_gaps, gap_cost
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import PreferredTurnaround


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.preferred_turnaround
    return rule is not None and not rule.hard and snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    rule = _rule(snapshot)
    add_gaps(columns, rows, snapshot, "preferred_turnaround", lambda m: _price(rule, m))


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule = _rule(snapshot)
    return gap_cost(draft, lambda m: _price(rule, m))


def _price(rule: PreferredTurnaround, minutes: float) -> float:
    steps = zip(rule.minutes, rule.penalties, strict=True)
    return next((penalty for wanted, penalty in steps if minutes < wanted - 1e-6), 0.0)


def _rule(snapshot: Snapshot) -> PreferredTurnaround:
    rule = snapshot.rules.soft.preferred_turnaround
    assert rule is not None
    return rule
