"""A scope solved tier by tier, with binaries for minimum powers only where bursts break a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats
from planner.linear.bursts import drifts, faded, overloads, spills, wider
from planner.linear.clock import Deadline
from planner.linear.extract import extract
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.scope import Place, Scope
from planner.linear.solver import Answer
from planner.objectives import MONEY, SHORTFALL, TASTE, UNSERVED, Tier
from planner.plan import Objective

ROUNDS = 4
"""After so many rounds of `refined` every burst that could break a limit has its binary."""

_EXACT = 1e-6
_GAP_KWH = 1e-4
"""Relative; a hundred kWh of shortfall are then known to 0.01 kWh."""

_SHORT_KWH = 1e-4
"""What money may cost in shortfall, far less than law 10 allows."""

_TASTE_GAP = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a plan at hand reaches in the upper tiers; `unserved_proved`: nothing serves more."""

    unserved: float
    unserved_proved: bool
    shortfall_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """`draft` is None where time ran out first. `bound_money` is proven for plans equal in the
    tiers above; `proved` says that these cannot be better."""

    draft: Draft | None
    bound_money: float
    proved: bool


def solve_tiers(
    scope: Scope, deadline: Deadline, *, max_gap: float, known: Known, start: Draft | None = None
) -> Solved:
    """The best draft in the time left. With `start` the runs of the charge curves are as in that
    draft, which keeps a problem with given connectors linear."""
    return _Search(scope, deadline, max_gap, known, start).run()


def refined(scope: Scope, draft: Draft, number: int) -> Scope | None:
    """The scope with binaries for the bursts by which `draft` breaks a law; None if it breaks none.
    `number` counts the rounds: each reaches further than the one before."""
    stepped = wider(scope, overloads(scope, draft), number)
    steady = wider(scope, spills(scope, draft) | faded(scope, draft), number)
    return _finer(scope, stepped, steady)


def steadied(scope: Scope, draft: Draft, number: int) -> Scope | None:
    """The scope without the bursts by which `draft` wastes pv; None if it wastes none."""
    return _finer(scope, set(), wider(scope, drifts(scope, draft), number))


def _finer(scope: Scope, stepped: set[Place], steady: set[Place]) -> Scope | None:
    if stepped <= scope.stepped and steady <= scope.steady:
        return None
    return scope.refine(stepped=stepped, steady=steady)


def relaxed_bound(model: Model, deadline: Deadline, at: Objective) -> float:
    """What no plan equal to `at` in the upper tiers costs less than, by the LP relaxation."""
    mark = model.rows.mark()
    if not model.columns.scope.fixed:
        every = sum(r.priority for r in model.columns.scope.chosen.routes)
        model.keep(UNSERVED, at.unserved - every, allowed=_EXACT)
    model.keep(SHORTFALL, at.shortfall_kwh, allowed=_SHORT_KWH)
    answer = model.solve(MONEY, time_s=deadline.left_s, gap=0.0, relaxed=True)
    model.rows.cut(mark)
    return answer.bound


class _Search:
    """One model; `_integers` are those of the best solution so far."""

    def __init__(
        self, scope: Scope, deadline: Deadline, max_gap: float, known: Known, start: Draft | None
    ) -> None:
        self._scope, self._deadline, self._max_gap = scope, deadline, max_gap
        self._known = known
        self._model = Model(scope)
        self._pinned = curve_hints(self._model.columns, start) if start is not None else {}
        self._integers: dict[int, float] | None = None if self._is_integral() else {}
        self._proved = True

    def run(self) -> Solved:
        routes = self._scope.chosen.routes
        known = self._known
        short_kwh, least = known.shortfall_kwh, known.shortfall_kwh <= 0
        if not self._scope.fixed:
            value = known.unserved - sum(r.priority for r in routes)
            if self._upper(UNSERVED, value, known.unserved_proved, 0.0, _EXACT, share=0.4):
                short_kwh, least = math.inf, False
        self._upper(SHORTFALL, short_kwh, least, _GAP_KWH, _SHORT_KWH, share=0.5)
        answer = self._solve(MONEY, self._max_gap, share=0.9)
        if answer.x is not None:
            self._integers = self._model.integers(answer.x)
            self._to_taste(answer)
        x = self._polish()
        draft = None if x is None else extract(self._model.columns, x)
        return Solved(draft=draft, bound_money=answer.bound, proved=self._proved)

    def _is_integral(self) -> bool:
        free = set(range(len(self._model.columns))) - set(self._pinned)
        return any(self._model.columns.integral[c] for c in free)

    def _upper(
        self, tier: Tier, known: float, proved: bool, gap: float, allowed: float, *, share: float
    ) -> bool:
        """Holds a tier at its best; at what is known where that is the best, or time runs out.
        Returns whether it is better than known."""
        if not len(self._model.weights(tier)[0]):
            return False
        if proved:
            self._model.keep(tier, known, allowed=allowed)
            return False
        answer = self._solve(tier, gap, share=share)
        self._proved &= answer.proved
        if answer.x is None or answer.objective > known + allowed:
            self._model.keep(tier, known, allowed=allowed)
            return False
        self._integers = self._model.integers(answer.x)
        self._model.keep(tier, answer.objective, allowed=allowed)
        return answer.objective < known - allowed

    def _solve(self, tier: Tier, gap: float, *, share: float) -> Answer:
        time_s = self._deadline.left_s * share
        return self._model.solve(tier, time_s=time_s, gap=gap, fixed=self._pinned)

    def _to_taste(self, answer: Answer) -> None:
        """Among plans as cheap, one that keeps more of the previous allocations and soft rules."""
        changes = not self._scope.fixed and self._scope.snapshot.previous is not None
        rules = bool(self._model.columns["soft"]) and self._is_integral()
        if not changes and not rules:
            return
        mark = self._model.rows.mark()
        self._model.keep(MONEY, answer.objective)
        nearer = self._solve(TASTE, self._max_gap, share=0.5)
        if nearer.x is not None:
            self._integers = self._model.integers(nearer.x)
        self._model.rows.cut(mark)

    def _polish(self) -> Floats | None:
        """Money, then taste, with the integral columns at rest: clean numbers, early charging."""
        if self._integers is None:
            return None
        fixed: Mapping[int, float] = {**self._pinned, **self._integers}
        # Not cut short by the deadline: without this step there is no answer at all.
        time_s = max(self._deadline.left_s, 2.0)
        cheap = self._model.solve(MONEY, time_s=time_s, gap=0.0, fixed=fixed)
        if cheap.x is None:
            return None
        self._model.keep(MONEY, cheap.objective, allowed=_EXACT)
        on = set(self._model.columns["on"].values())
        free = {c: value for c, value in fixed.items() if c not in on}
        early = self._model.solve(TASTE, time_s=time_s / 2, gap=_TASTE_GAP, fixed=free)
        return cheap.x if early.x is None else early.x
