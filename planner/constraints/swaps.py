"""`rules.soft.swaps`: what a change against `previous` costs, and how long that plan is remembered.

The changes themselves are part of taste whether this rule is on or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from planner.snapshot import Snapshot

CHANGE: Final = 1.0


def price(snapshot: Snapshot) -> float:
    rule = snapshot.rules.soft.swaps
    return CHANGE if rule is None else rule.penalty


def remembered(snapshot: Snapshot) -> Mapping[str, str]:
    """The vehicle by route in the previous plan, unless that is too old to count."""
    rule, previous = snapshot.rules.soft.swaps, snapshot.previous
    if previous is None:
        return {}
    age = snapshot.taken_at - (previous.at or snapshot.taken_at)
    if rule is not None and age > timedelta(hours=rule.lookback_hours):
        return {}
    return {a.route: a.vehicle for a in previous.allocations}
