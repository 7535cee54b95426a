"""Everybody charges at once as fast as it can, first come, first served.

Without any control the site's limit would be broken, and such a plan is none. So whoever comes when
the limits are used up gets what is left, or waits: what a site with a load guard but without a
planner does. A vehicle stops at what its routes and target want, not at a full battery, so that
the plan can be compared with others.
"""

from __future__ import annotations

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.dispatch import dispatch
from planner.algorithms.policy import InOrder, Request
from planner.algorithms.served import served
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot


class FirstCome(InOrder):
    def order(self, request: Request, now_s: float) -> float:
        return request.visit.start_s


def uncontrolled(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Routes as given, or as greedy allocates them."""
    hand = AtHand.greedy(snapshot)
    policy = FirstCome()
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    return finish(hand, draft, algorithm="uncontrolled", seed=seed)
