"""The smallest share of what was asked for is as large as it can be; then the tiers.

A share is asked for by each departure in `charging` mode and by each target at the end: what is
charged for it, of what would be missing without any charging.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.charging import charged
from planner.algorithms.dispatch import dispatch
from planner.algorithms.fair import Fair
from planner.algorithms.served import served
from planner.drafts.draft import at_depot_at_end, trace
from planner.linear.clock import Deadline
from planner.linear.columns import Columns
from planner.linear.model import Model
from planner.linear.rows import Term
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE, Tier
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

_SHARE: Final = 1e-6
"""What the tiers below may cost the smallest share."""


class SmallestShare:
    def terms(self, columns: Columns, snapshot: Snapshot) -> list[Term]:
        return [(c, -1.0) for c in columns["share"].values()]


def max_min(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """For routes as given or as greedy allocates them, at connectors as `fair` takes them."""
    hand = AtHand.greedy(snapshot)
    policy = Fair()
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    hand = replace(hand, draft=draft)
    found = charged(hand, params, Deadline.after(budget_s), _shares)
    return finish(hand, found or draft, algorithm="max_min", seed=seed)


def _shares(model: Model) -> Sequence[tuple[Tier, float]]:
    columns = model.columns
    smallest = columns.add("share", 0, 0.0, 1.0)
    for key, missing in columns["short"].items():
        asked_kwh = asked(columns, *key)
        if asked_kwh > 0:
            model.rows.add([(missing, 1.0), (smallest, asked_kwh)], upper=asked_kwh)
    return [(SmallestShare(), _SHARE), (SHORTFALL, ALLOWED), (MONEY, ALLOWED), (TASTE, 0.0)]


def asked(columns: Columns, name: str, route: str | None) -> float:
    """The energy that would be missing without any charging, in kWh."""
    scope = columns.scope
    vehicle, drives = scope.chosen.vehicles[name], scope.chosen.drives[name]
    idle = trace(vehicle, drives, (), scope.line)
    if route is None:
        here = at_depot_at_end(vehicle, drives, scope.line)
        return max(0.0, vehicle.target_kwh - idle.end_kwh) if here else 0.0
    return max([0.0, *(d.need_kwh - kwh for d, kwh in idle.departures if d.route == route)])
