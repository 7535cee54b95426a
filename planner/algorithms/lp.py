"""Charging by linear programming, for routes and connectors as greedy has them."""

from __future__ import annotations

from planner.algorithms.at_hand import AtHand, finish
from planner.drafts.draft import Draft
from planner.linear.clock import Deadline
from planner.linear.scopes import placed_scope
from planner.linear.tiers import ROUNDS, Known, refined, solve_tiers
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot


def lp(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """The cheapest charging for greedy's decisions; binaries only where minimum powers clash."""
    hand = AtHand.greedy(snapshot)
    draft = cheaper(hand, params, Deadline.after(budget_s)) or hand.draft
    return finish(hand, draft, algorithm="lp", seed=seed)


def cheaper(hand: AtHand, params: Params, deadline: Deadline) -> Draft | None:
    """The draft at hand with its charging solved anew, twice: the runs of the charge curves that
    are held come from the draft before. None where that breaks a limit or finds nothing."""
    best: Draft | None = None
    draft = hand.draft
    curved = any(v.charge_curve for v in hand.snapshot.vehicles)
    for _ in range(2 if curved else 1):
        found = _charging(hand, draft, params, deadline)
        if found is None:
            break
        best = draft = found
    return best


def _charging(hand: AtHand, draft: Draft, params: Params, deadline: Deadline) -> Draft | None:
    scope = placed_scope(hand.snapshot, hand.line, hand.chosen, draft)
    tiers = hand.tiers(draft)
    known = Known(unserved=tiers.unserved, unserved_proved=True, shortfall_kwh=tiers.shortfall_kwh)
    for number in range(ROUNDS):
        found = solve_tiers(scope, deadline, max_gap=params.max_gap, known=known, start=draft)
        if found.draft is None:
            return None
        finer = refined(scope, found.draft, number)
        if finer is None:
            return found.draft
        scope = finer
    return None
