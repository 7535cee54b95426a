"""The smallest share of what was asked for is as large as it can be; then the tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.charging import charged
from planner.algorithms.dispatch import dispatch
from planner.algorithms.fair import Fair
from planner.algorithms.served import served
from planner.drafts.draft import Draft
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.model import Model
from planner.linear.shares import ALLOWED_SHARE, SmallestShare, add_share
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE, Tier
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot
from planner.uncollected import uncollected


@uncollected()
def max_min(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """For routes as given or as greedy allocates them, at connectors as `fair` takes them."""
    hand = AtHand.greedy(snapshot)
    policy = Fair(params)
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    found = _charged(replace(hand, draft=draft), params, Deadline.after(budget_s))
    return finish(hand, found or draft, algorithm="max_min", seed=seed)


def _charged(hand: AtHand, params: Params, deadline: Deadline) -> Draft | None:
    """By linear programs, and by mixed-integer ones where rounding has cost something."""
    given = hand.snapshot, hand.line, hand.chosen, hand.draft
    found = charge(*given, deadline, max_gap=params.max_gap, fairly=True)
    if found is not None and found.exact:
        return found.draft
    exact = charged(hand, params, deadline, _shares)
    return found.draft if exact is None and found is not None else exact


def _shares(model: Model) -> Sequence[tuple[Tier, float]]:
    add_share(model)
    return [
        (SmallestShare(), ALLOWED_SHARE), (SHORTFALL, ALLOWED), (MONEY, ALLOWED), (TASTE, 0.0)
    ]  # fmt: skip
