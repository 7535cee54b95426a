"""The joint model as one piece, without any heuristic: the oracle, and what others are measured by.

No start, no neighbourhoods, no decomposition: the tiers are solved one after the other over all
routes, connectors and powers. On large depots it finds little in time, and that is its purpose.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.lp import cheaper
from planner.drafts.choices import Choices, choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline, timeline
from planner.linear.clock import Deadline
from planner.linear.scopes import open_scope
from planner.linear.tiers import ROUNDS, Known, Solved, refined, solve_tiers
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

_OPTIMAL_GAP: Final = 0.001
_NOTHING = Known(unserved=math.inf, unserved_proved=False, shortfall_kwh=math.inf)


def milp(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Raises ValueError where nothing lawful is found in time."""
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    found, draft = _search(snapshot, line, chosen, params, Deadline.after(budget_s))
    if found is None or draft is None:
        raise ValueError(f"no plan was found in {budget_s:g} s")
    hand = AtHand(snapshot=snapshot, line=line, chosen=chosen, draft=draft)
    bound = found.bound_money if math.isfinite(found.bound_money) else None
    plan = finish(hand, draft, algorithm="milp", seed=seed, bound_money=bound)
    if found.proved and plan.bound is not None and plan.bound.gap <= _OPTIMAL_GAP:
        return replace(plan, status="optimal")
    return plan


def _search(
    snapshot: Snapshot, line: Timeline, chosen: Choices, params: Params, deadline: Deadline
) -> tuple[Solved | None, Draft | None]:
    """The first solution, whose bound holds for all plans, and the draft without bursts that break
    a limit: binaries for minimum powers are added where the model's means hide such bursts."""
    scope = open_scope(snapshot, line, chosen, fixed=chosen.given)
    first: Solved | None = None
    draft: Draft | None = None
    for number in range(ROUNDS):
        found = solve_tiers(scope, deadline, max_gap=params.max_gap / 2, known=_NOTHING)
        first = first or found
        if found.draft is None:
            break
        draft = found.draft
        finer = refined(scope, draft, number)
        if finer is None:
            return first, draft
        if deadline.left_s <= 0:
            break
        scope = finer
    if draft is None:
        return first, None
    hand = AtHand(snapshot=snapshot, line=line, chosen=chosen, draft=draft)
    return first, cheaper(hand, params, Deadline.after(max(deadline.left_s, 1.0)))
