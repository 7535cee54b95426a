"""A fair heuristic: everybody's minimum first, then the rest in shares.

At each moment a vehicle's minimum is the power without which it could not be ready in time even at
full power from then on; counted back from its departure that is nothing until late. What is left
is then given at once (so charging moves to the front) in shares that grow with the urgency: the
part of its remaining time that a vehicle needs at full power, to the power of
`Params.fairness_exponent`.
"""

from __future__ import annotations

from collections.abc import Sequence

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.dispatch import dispatch
from planner.algorithms.policy import InOrder, Offer, Request, Share
from planner.algorithms.served import served
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

_EPS_KW = 1e-6


class Fair(InOrder):
    def __init__(self, params: Params) -> None:
        self._exponent = params.fairness_exponent

    def order(self, request: Request, now_s: float) -> tuple[float, float]:
        return request.laxity_s(now_s), request.visit.end_s

    def share(self, offers: Sequence[Offer], share: Share, now_s: float, hours: float) -> None:
        for offer in offers:  # a fallback takes nothing from anybody
            least_kw = max(offer.low_kw, _minimum_kw(offer.request, now_s, hours))
            share.take(offer, max(least_kw, offer.fallback_kw))
        _share_the_rest(offers, share, now_s, self._exponent)


def _minimum_kw(request: Request, now_s: float, hours: float) -> float:
    left_h = max(0.0, (request.visit.end_s - now_s) / 3600 - hours)
    return max(0.0, request.missing_kwh - request.power_kw * left_h) / hours


def _share_the_rest(offers: Sequence[Offer], share: Share, now_s: float, exponent: float) -> None:
    """Rounds in which everyone's share grows until a limit or its own power stops it."""
    growing = [o for o in offers if id(o) in share.taken_kw or o.low_kw <= 0]
    weights = {id(o): _urgency(o.request, now_s) ** exponent for o in growing}
    while growing:
        grow = _growth(growing, weights, share)
        for offer in growing:
            share.take(offer, share.has_kw(offer) + grow * weights[id(offer)])
        left = [
            o
            for o in growing
            if share.room_kw(o) > _EPS_KW and o.high_kw - share.has_kw(o) > _EPS_KW
        ]
        if len(left) == len(growing):
            return
        growing = left


def _urgency(request: Request, now_s: float) -> float:
    left_s = max(request.visit.end_s - now_s, 1.0)
    return min(max(1.0 - request.laxity_s(now_s) / left_s, 1e-3), 1.0)


def _growth(growing: Sequence[Offer], weights: dict[int, float], share: Share) -> float:
    """By how much the shares may grow, in kW for a weight of 1, before the first one stops."""
    steps = [(o.high_kw - share.has_kw(o)) / weights[id(o)] for o in growing]
    for i, left_kw in enumerate(share.left_kw):
        below = sum(weights[id(o)] for o in growing if i in o.limits)
        if below > 0:
            steps.append(max(0.0, left_kw) / below)
    return min(steps)


def fair(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Routes as given, or as greedy allocates them."""
    hand = AtHand.greedy(snapshot)
    policy = Fair(params)
    draft = served(hand, hand.draft.drives, lambda drives: dispatch(hand, drives, policy))
    return finish(hand, draft, algorithm="fair", seed=seed)
