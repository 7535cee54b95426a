"""Planning again from the plan in force: what holds of it stays as it was drawn, the rest is put in
anew beside it."""

from __future__ import annotations

import math
from random import Random

from planner.linear.clock import Deadline
from planner.search.filling import Filling
from planner.search.instance import Instance
from planner.search.moves import Builder, worth
from planner.search.search import Search
from planner.search.standing import Standing
from planner.search.state import State
from planner.search.windows import Taste

_PATIENCE = 15
"""So many vehicles are looked at for a route that has lost its own."""

_SAME_MONEY = _SAME_KWH = 0.01
"""Connectors and charging change for no less (law 10)."""

_STEPS = 60
"""So many are made at most for routes that have lost their vehicle and found no other: 4 to 60 do
where energy is scarce, some 7 ms each (40 vehicles, 84 routes)."""

_TASTES = (Taste(habit=True), Taste())


def kept(instance: Instance, deadline: Deadline) -> State:
    """The plan in force as far as it holds, then what is left over of routes and charging. Where a
    peak is paid for, what is put in anew is to exceed that of the rest only if it must."""
    plan = Standing.of(instance)
    state = _mended(plan, plan.peak_kw())
    if instance.snapshot.site.peak_price_per_kw > 0 and _lacks(state):
        higher = _mended(plan, math.inf)
        if higher.cost() < state.cost():
            state = higher
    before = {r for r, route in enumerate(instance.routes) if route in instance.before}
    search = Search(state, 0, warmth=0.0)
    while state.bank & before and search.steps < _STEPS and deadline.left_s > 0:
        search.step()
    return state


def _lacks(state: State) -> bool:
    return bool(state.bank) or any(f.lacks_kwh > 0 for f in state.fillings if f is not None)


def _mended(plan: Standing, peak_kw: float) -> State:
    """Charging for those who have lost it, the most urgent first; then the routes that nobody
    drives; then who is short, or stands elsewhere, tries anew."""
    instance = plan.instance
    state = State(instance, peak_kw=peak_kw)
    for v, drives in enumerate(plan.drives):
        state.give(v, drives)
        state.bank -= {instance.number[d.route] for d in drives}
    for v in plan.visits:
        state.put(v, plan.drives[v], plan.fillings[v])
    builder = Builder(state, Random(0), Taste(), patience=_PATIENCE)
    order = sorted(range(len(plan.drives)), key=plan.late)
    for v in order:
        if state.fillings[v] is None:
            _charge(builder, v)
    for route in sorted(state.bank, key=lambda r: (-instance.priority[r], r)):
        builder.insert(route)
    for v in order:
        filling = state.fillings[v]
        if filling is None or filling.lacks_kwh > 0 or _stands_elsewhere(instance, v, filling):
            _charge(builder, v)
    return state


def _charge(builder: Builder, v: int) -> None:
    """The vehicle's charging anew, at the connectors of the plan in force if they do, or what it
    has where that is as good; where there is none, routes are given up."""
    state, given = builder.state, builder.instance.chosen.given
    drives, old = state.drives[v], state.fillings[v]
    anew = [state.tried(v, drives, taste, whole=not given) for taste in _TASTES]
    candidates = [f for f in anew if f is not None]
    if old is not None and _stands_elsewhere(builder.instance, v, old):
        candidates.append(old)
    elif old is not None:
        # What is cheaper the exact charging tells better than one vehicle's filling.
        shorter = old.lacks_kwh - _SAME_KWH
        candidates = [old, *(f for f in candidates if f.lacks_kwh < shorter)]
    best: Filling | None = None
    for filling in candidates:
        if best is None or worth(filling) < worth(best) - _SAME_MONEY:
            best = filling
    if best is None:
        builder.refill(v, whole=not given)
    elif best is not old:
        state.put(v, drives, best)


def _stands_elsewhere(instance: Instance, v: int, filling: Filling) -> bool:
    """Whether it would have to leave the connector at which it is plugged in."""
    own = instance.movers[v].own
    return own is not None and any(
        filling.spans[b.span].first and b.socket != own for b in filling.bookings
    )
