"""Vehicles that a first plan leaves short are charged before those that charge beside them."""

from __future__ import annotations

from random import Random

from planner.linear.clock import Deadline
from planner.search.moves import Builder
from planner.search.ruin import beside
from planner.search.state import State
from planner.search.windows import Taste

_TRIES = 40
"""Some 5 ms each. Where a plan can be without shortfall ten to twenty do."""

_IN_VAIN = 8
"""So many in a row that help nothing end it: mostly the energy is not there."""

_BESIDE = (2, 1, 3, 0)
"""So many others give their charging back in a try, in turn."""

_EPS = 1e-3


def mend(state: State, deadline: Deadline) -> None:
    """Keeps what makes the plan better; the vehicle that lacks most comes first, and after each
    try that helped nothing the next one."""
    rng, cost, failed = Random(0), state.cost(), 0
    for number in range(_TRIES):
        short = _short(state)
        if not short or failed == _IN_VAIN or deadline.left_s <= 0:
            break
        bank = set(state.bank)
        builder = Builder(state, rng, Taste(turned=number % 2 > 0))
        centre = short[failed % len(short)]
        others = beside(state, rng, centre, _BESIDE[number % len(_BESIDE)])
        for v in (centre, *others):
            builder.strip(v, ())
        for v in (centre, *others):
            builder.refill(v, whole=not state.instance.chosen.given)
        then = state.cost()
        if then < cost - _EPS:
            cost, failed = then, 0
        else:
            builder.undo()
            state.bank = bank
            failed += 1


def _short(state: State) -> list[int]:
    """Those that lack energy at a departure or at the end, the most first."""
    lacks = [(-f.lacks_kwh, v) for v, f in enumerate(state.fillings) if f is not None]
    return [v for kwh, v in sorted(lacks) if kwh < -_EPS]
