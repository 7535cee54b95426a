"""What a charge controller without foresight would do, for a search to begin with.

Greedy plans one vehicle after the other, and where energy is scarce that can leave more of it
missing than sharing it out from one moment to the next.
"""

from __future__ import annotations

from typing import Final

from planner.algorithms.at_hand import KWH, AtHand
from planner.algorithms.dispatch import dispatch
from planner.algorithms.edf import EarliestDeadline
from planner.algorithms.fair import Fair
from planner.algorithms.llf import LeastLaxity
from planner.algorithms.policy import Policy
from planner.algorithms.uncontrolled import FirstCome
from planner.drafts.draft import Draft
from planner.params import Params

MOST: Final = 10_000
"""Vehicles times steps up to which this is tried: 100 vehicles and 72 steps take 0.3 s of a
processor, 300 take 2 s, in which a search finds as much."""


def least_short(hand: AtHand, params: Params) -> Draft:
    """The draft at hand, or that of a baseline which has less of a shortfall; for drives that are
    given, so that nothing else can differ in the tiers above money."""
    best, least_kwh = hand.draft, hand.tiers(hand.draft).shortfall_kwh
    if len(hand.chosen.vehicles) * hand.line.steps > MOST:
        return best
    policies: tuple[Policy, ...] = EarliestDeadline(), LeastLaxity(), Fair(params), FirstCome()
    for policy in policies:
        if least_kwh <= KWH:
            break
        draft = dispatch(hand, hand.draft.drives, policy)
        short_kwh = hand.tiers(draft).shortfall_kwh
        if short_kwh < least_kwh - KWH:
            best, least_kwh = draft, short_kwh
    return best
