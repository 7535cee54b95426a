"""Earliest deadline first: whoever leaves first takes all the power that it can."""

from __future__ import annotations

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.dispatch import dispatch
from planner.algorithms.policy import InOrder, Request
from planner.algorithms.served import served
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot


class EarliestDeadline(InOrder):
    def order(self, request: Request, now_s: float) -> tuple[float, float]:
        return request.visit.end_s, request.visit.start_s


def edf(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Routes as given, or as greedy allocates them."""
    hand = AtHand.greedy(snapshot)
    policy = EarliestDeadline()
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    return finish(hand, draft, algorithm="edf", seed=seed)
