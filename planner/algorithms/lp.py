"""Charging by linear programming, for routes and connectors as greedy has them."""

from __future__ import annotations

from planner.algorithms.at_hand import AtHand, better, finish
from planner.drafts.curve import concave_runs, curve
from planner.drafts.draft import Draft
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.scopes import placed_scope
from planner.linear.tiers import ROUNDS, Known, refined, solve_tiers
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot
from planner.uncollected import uncollected


@uncollected()
def lp(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """The cheapest charging for greedy's decisions; binaries only where minimum powers clash."""
    hand = AtHand.greedy(snapshot)
    draft = cheaper(hand, params, Deadline.after(budget_s)) or hand.draft
    return finish(hand, draft, algorithm="lp", seed=seed)


def cheaper(hand: AtHand, params: Params, deadline: Deadline) -> Draft | None:
    """The draft at hand with its charging solved anew. None where that finds nothing.

    Where charge curves bend upwards it is solved twice: the runs that are held come from the draft
    before.
    """
    best: Draft | None = None
    draft = hand.draft
    bent = any(len(concave_runs(curve(v))) > 1 for v in hand.chosen.vehicles.values())
    for _ in range(2 if bent else 1):
        found = _charged(hand, draft, params, deadline)
        if found is None:
            break
        best = draft = found
    return best


def _charged(hand: AtHand, draft: Draft, params: Params, deadline: Deadline) -> Draft | None:
    """By the linear program, and by the mixed-integer one where rounding has cost something."""
    given = hand.snapshot, hand.line, hand.chosen
    found = charge(*given, draft, deadline, max_gap=params.max_gap)
    if found is not None and found.exact:
        return found.draft
    exact = _exact(hand, draft, params, deadline)
    if found is None or exact is None:
        return exact if found is None else found.draft
    return exact if better(hand.tiers(exact), hand.tiers(found.draft)) else found.draft


def _exact(hand: AtHand, draft: Draft, params: Params, deadline: Deadline) -> Draft | None:
    scope = placed_scope(hand.snapshot, hand.line, hand.chosen, draft, thrifty=True)
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
