from __future__ import annotations

import math
from random import Random

from planner.linear.clock import Deadline
from planner.search.mend import mend
from planner.search.moves import Builder
from planner.search.state import State
from planner.search.windows import Taste
from tests.planner.search.test_search import assert_lawful, depot, instance_of


def charged_in_turn(seed: int) -> State:
    """Those with the most to charge last, so that little is left for them."""
    instance = instance_of(depot("scarce", seed, "charging"))
    state = State(instance)
    for v, name in enumerate(instance.names):
        state.give(v, list(instance.chosen.drives[name]))
    builder = Builder(state, Random(0), Taste())
    for v in reversed(range(len(instance.movers))):
        builder.refill(v, whole=False)
    return state


def short_kwh(state: State) -> float:
    return sum(f.lacks_kwh for f in state.fillings if f is not None)


def test_it_charges_who_is_short_before_those_beside_it_and_makes_no_plan_worse() -> None:
    helped = 0
    for seed in range(10):
        state = charged_in_turn(seed)
        cost, short = state.cost(), short_kwh(state)
        mend(state, Deadline.after(math.inf))
        assert state.cost() <= cost, f"seed {seed}"
        assert_lawful(state.instance, state, f"seed {seed}")
        helped += short_kwh(state) < short - 0.1
    assert helped >= 2


def test_without_time_it_leaves_all_as_it_is() -> None:
    state = charged_in_turn(1)
    cost = state.cost()
    mend(state, Deadline.after(0.0))
    assert state.cost() == cost
