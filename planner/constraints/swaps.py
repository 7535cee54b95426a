"""`rules.soft.swaps`: what a change against `previous` costs.

The changes themselves are part of taste whether this rule is on or not (`choices.remembered`).
Where it is hard no other vehicle may be chosen for a route that had one.
"""

from __future__ import annotations

from typing import Final

from planner.snapshot import Snapshot

CHANGE: Final = 1.0


def price(snapshot: Snapshot) -> float:
    rule = snapshot.rules.soft.swaps
    return CHANGE if rule is None else rule.penalty
