"""Routes, connectors and charging together: the joint mixed-integer model, tier by tier.

A small problem is solved whole. A larger one, on which HiGHS finds nothing in time (20 vehicles and
30 routes: nothing after 60 s), keeps the routes of the best of many greedy orders; connectors and
charging are then solved together, and the whole model's relaxation gives the bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from planner.algorithms.at_hand import KWH, UNSERVED, AtHand, better, finish
from planner.algorithms.greedy import restarted_draft
from planner.algorithms.lp import cheaper
from planner.drafts.draft import Draft
from planner.linear.clock import Deadline
from planner.linear.model import Model
from planner.linear.scope import Scope
from planner.linear.scopes import open_scope
from planner.linear.tiers import (
    ROUNDS,
    Known,
    Solved,
    refined,
    relaxed_bound,
    solve_tiers,
    steadied,
)
from planner.params import Params
from planner.plan import Objective, Plan
from planner.snapshot import Snapshot

WHOLE_INTEGERS: Final = 1200
"""Up to here the whole model is worth trying: about four vehicles and five routes of 24 steps take
1 to 10 s, ten vehicles and twelve routes of 72 steps (3,000) find nothing in 10 s."""

GIVEN_INTEGERS: Final = 5000
"""The same for charging alone, where routes are no question."""

_OPTIMAL_GAP: Final = 0.001


def joint(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """At least as good as greedy with its charging solved anew; `optimal` where that is proved."""
    deadline = Deadline.after(budget_s)
    best = _Best.of(AtHand.greedy(snapshot))
    if not best.serves_all:
        hand, soon = best.hand, Deadline.after(0.2 * budget_s)
        best.offer(restarted_draft(snapshot, hand.line, hand.chosen, seed, soon))
    best.offer(cheaper(best.hand, params, deadline))
    whole = Model(open_scope(snapshot, best.hand.line, best.hand.chosen, fixed=best.given))
    integers = sum(whole.columns.integral)
    found: Solved | None = None
    if integers <= (GIVEN_INTEGERS if best.given else WHOLE_INTEGERS):
        gap = params.max_gap / 2 if integers <= WHOLE_INTEGERS else params.max_gap
        found = _rounds(best, whole.columns.scope, params, deadline, gap)
    elif not best.given:
        _reconnect(best, params, Deadline.after(0.8 * deadline.left_s))
    return _decide(best, whole, found, deadline, seed)


@dataclass(slots=True)
class _Best:
    """The best draft so far, in `hand`, and what it reaches."""

    hand: AtHand
    reached: Objective

    @classmethod
    def of(cls, hand: AtHand) -> _Best:
        return cls(hand, hand.tiers(hand.draft))

    @property
    def given(self) -> bool:
        return self.hand.chosen.given

    @property
    def serves_all(self) -> bool:
        return self._served and self.reached.shortfall_kwh <= KWH

    @property
    def _served(self) -> bool:
        return self.given or self.reached.unserved <= self.hand.hopeless + UNSERVED

    @property
    def known(self) -> Known:
        return Known(
            unserved=self.reached.unserved,
            unserved_proved=self._served,
            shortfall_kwh=self.reached.shortfall_kwh,
        )

    def offer(self, draft: Draft | None) -> None:
        if draft is not None:
            reached = self.hand.tiers(draft)
            if better(reached, self.reached):
                self.hand, self.reached = replace(self.hand, draft=draft), reached


def _rounds(
    best: _Best, scope: Scope, params: Params, deadline: Deadline, gap: float
) -> Solved | None:
    """Solves `scope` with ever more binaries for minimum powers until no burst breaks a limit.
    Until then a draft counts with its charging repaired. Returns the last that was solved."""
    last: Solved | None = None
    for number in range(ROUNDS):
        found = solve_tiers(scope, deadline, max_gap=gap, known=best.known)
        # Steadiness is asked for by no law, so only a model without it bounds all plans.
        if last is None or not scope.steady:
            last = found
        if found.draft is None:
            break
        finer = refined(scope, found.draft, number)
        if finer is None:
            best.offer(found.draft)
            finer = steadied(scope, found.draft, number)
        else:
            soon = Deadline.after(max(deadline.left_s / 4, 0.5))
            best.offer(cheaper(replace(best.hand, draft=found.draft), params, soon))
        if finer is None or deadline.left_s <= 0:
            break
        scope = finer
    return last


def _reconnect(best: _Best, params: Params, deadline: Deadline) -> None:
    """Connectors and charging together, for the routes as they are driven now."""
    driven = {v: tuple(drives) for v, drives in best.hand.draft.drives.items()}
    chosen = replace(best.hand.chosen, drives=driven)
    scope = open_scope(best.hand.snapshot, best.hand.line, chosen, fixed=True)
    _rounds(best, scope, params, deadline, params.max_gap)


def _decide(best: _Best, whole: Model, found: Solved | None, deadline: Deadline, seed: int) -> Plan:
    """The plan with the bound that holds for plans equal in the tiers above."""
    proved = found is not None and found.proved
    bound = found.bound_money if found is not None else -math.inf
    if not math.isfinite(bound):
        bound = relaxed_bound(whole, deadline, best.reached)
    money = bound if math.isfinite(bound) else None
    plan = finish(best.hand, best.hand.draft, algorithm="joint", seed=seed, bound_money=money)
    if proved and plan.bound is not None and plan.bound.gap <= _OPTIMAL_GAP:
        return replace(plan, status="optimal")
    return plan
