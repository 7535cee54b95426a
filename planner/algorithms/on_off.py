"""Nominal power or nothing, for chargers and vehicles that know nothing in between.

Nominal is the lower of the connector's and the vehicle's highest power. Where a limit or the charge
curve allows less than that there is no charging. A vehicle may have what it wants in mid-step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import AtHand, better, finish
from planner.algorithms.charging import charged
from planner.algorithms.dispatch import dispatch
from planner.algorithms.edf import EarliestDeadline
from planner.algorithms.served import served
from planner.linear.clock import Deadline
from planner.linear.model import Model
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE, Tier
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Connector, Snapshot, Vehicle

_KWH: Final = 1e-4
"""What money may cost in shortfall, far less than law 10 allows."""


class NominalOrNothing(EarliestDeadline):
    def least_kw(self, connector: Connector, vehicle: Vehicle) -> float:
        return min(connector.max_kw, vehicle.max_charge_kw)


def on_off(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Earliest deadline first, and what mixed-integer programming makes of that in time."""
    deadline = Deadline.after(budget_s)
    hand = AtHand.greedy(snapshot)
    policy = NominalOrNothing()
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    hand = replace(hand, draft=draft)
    found = charged(hand, params, deadline, _switched)
    if found is not None and better(hand.tiers(found), hand.tiers(draft)):
        draft = found
    return finish(hand, draft, algorithm="on_off", seed=seed)


def _switched(model: Model) -> Sequence[tuple[Tier, float]]:
    """A binary for each power: nominal or nothing."""
    columns, scope = model.columns, model.columns.scope
    for (name, g, k), kw in columns["kw"].items():
        vehicle = scope.chosen.vehicles[name]
        nominal_kw = min(scope.groups[g].max_kw, vehicle.max_charge_kw)
        allowed = 1.0 if columns.upper[kw] >= nominal_kw - 1e-6 else 0.0
        switch = columns.add("switch", (name, g, k), 0.0, allowed, integral=True)
        model.rows.add([(kw, 1.0), (switch, -nominal_kw)], lower=0.0, upper=0.0)
    return [(SHORTFALL, _KWH), (MONEY, ALLOWED), (TASTE, 0.0)]
