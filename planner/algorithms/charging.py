"""A linear model of the charging alone, for algorithms with an aim or a law of their own.

Routes and connectors are as a draft has them; what a model of `planner.linear` says of all else,
laws and tiers, holds here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.algorithms.at_hand import AtHand
from planner.drafts.draft import Draft
from planner.linear.clock import Deadline
from planner.linear.extract import extract
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.scope import Scope
from planner.linear.scopes import placed_scope
from planner.linear.tiers import ROUNDS, refined
from planner.objectives import Tier
from planner.params import Params

Extend = Callable[[Model], Sequence[tuple[Tier, float]]]
"""Adds columns and rows to a model; returns the tiers in their order, each with what the tiers
below it may cost it."""


def charged(hand: AtHand, params: Params, deadline: Deadline, extend: Extend) -> Draft | None:
    """The best charging for the drives and connectors of the draft at hand.

    None where time runs out, no charging fits, or bursts at minimum power still break a limit.
    """
    scope = placed_scope(hand.snapshot, hand.line, hand.chosen, hand.draft)
    for number in range(ROUNDS):
        draft = _solved(scope, hand.draft, params, deadline, extend)
        if draft is None:
            return None
        finer = refined(scope, draft, number)
        if finer is None:
            return draft
        scope = finer
    return None


def _solved(
    scope: Scope, start: Draft, params: Params, deadline: Deadline, extend: Extend
) -> Draft | None:
    """Each tier is held at what was found for it while the next is made as little as it can be."""
    model = Model(scope)
    tiers = extend(model)
    fixed = curve_hints(model.columns, start)
    best = None
    for i, (tier, allowed) in enumerate(tiers):
        time_s = deadline.left_s / (len(tiers) - i)
        answer = model.solve(tier, time_s=time_s, gap=params.max_gap, fixed=fixed)
        if answer.x is None:
            break
        best = answer.x
        model.keep(tier, answer.objective, allowed=allowed)
    if best is None:
        return None
    if any(model.columns.integral):
        # With the integral columns at rest the numbers are clean.
        fixed = {**fixed, **model.integers(best)}
        clean = model.solve(tiers[-1][0], time_s=max(deadline.left_s, 1.0), gap=0.0, fixed=fixed)
        best = best if clean.x is None else clean.x
    return extract(model.columns, best)
