"""The whole model of a small problem: what it proves, and the plan that is proved."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import better
from planner.algorithms.best import Best
from planner.algorithms.lp import cheaper
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.declare import declare
from planner.linear.model import Model
from planner.linear.scope import Scope
from planner.linear.scopes import open_scope
from planner.linear.tiers import ROUNDS, Solved, refined, solve_tiers, steadied
from planner.objectives import ALLOWED
from planner.params import Params
from planner.snapshot import Snapshot

WHOLE_INTEGERS: Final = 1200
"""Up to here the whole model is worth trying: about four vehicles and five routes of 24 steps take
1 to 10 s, ten vehicles and twelve routes of 72 steps (3,000) find nothing in 10 s."""

GIVEN_INTEGERS: Final = 5000
"""The same for charging alone, where routes are no question."""

_OPTIMAL_GAP: Final = 0.001


def whole_model(snapshot: Snapshot, best: Best) -> Model | None:
    """The whole model where it is small enough to be solved. Its rows are made for no other: with
    40 vehicles and 60 routes they take 2 to 4 s."""
    hand = best.hand
    chosen = hand.chosen
    options = sum(map(len, chosen.drives.values()))
    if options + len(chosen.vehicles) * hand.line.steps > 2 * GIVEN_INTEGERS:
        return None
    most = GIVEN_INTEGERS if chosen.given else WHOLE_INTEGERS
    if not chosen.given and options > most:
        return None
    scope = open_scope(snapshot, hand.line, chosen, fixed=best.given)
    return Model(scope) if sum(declare(scope).integral) <= most else None


def prove(best: Best, whole: Model, params: Params, until: Deadline) -> tuple[Solved | None, Best]:
    """What solving the whole model came to, and the best after it: only a proved plan is taken, for
    any other depends on time."""
    small = sum(whole.columns.integral) <= WHOLE_INTEGERS
    gap = params.max_gap / 2 if small else params.max_gap
    trial = replace(best)
    found = _rounds(trial, whole.columns.scope, params, until, gap)
    if found is None or not is_optimal(found, trial.reached.money):
        return found, best
    _sweeten(trial, found)
    trial.told = None
    return found, trial


def is_optimal(found: Solved, money: float) -> bool:
    """Whether nothing is better in the upper tiers, and nothing much cheaper (law 10)."""
    return found.proved and money - found.bound_money <= _OPTIMAL_GAP * abs(money)


def _sweeten(proved: Best, found: Solved) -> None:
    """The proof leaves taste to chance: of charging as cheap, what is sooner. It has all the time
    it wants, a few milliseconds, so that it can be made again."""
    hand = proved.hand
    given = hand.snapshot, hand.line, hand.chosen, hand.draft
    exact = charge(*given, Deadline.after(math.inf))
    if exact is None:
        return
    reached, before = hand.tiers(exact.draft), proved.reached
    as_good = not better(
        replace(before, money=before.money + ALLOWED, taste=0.0), replace(reached, taste=0.0)
    )
    if as_good and reached.taste < before.taste and is_optimal(found, reached.money):
        proved.hand, proved.reached = replace(hand, draft=exact.draft), reached


def _rounds(
    best: Best, scope: Scope, params: Params, deadline: Deadline, gap: float
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
