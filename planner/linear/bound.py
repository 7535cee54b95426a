"""What no plan costs less than, of those equal to a plan at hand in the tiers above money."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from planner.drafts.choices import Choices, choices
from planner.drafts.timeline import Timeline, timeline
from planner.linear.blocks import FEW_PAIRS, MANY_PAIRS, Program, blocks_model, most_kw
from planner.linear.clock import Deadline
from planner.linear.generation import Prices, generated_bound, shared_prices
from planner.linear.model import Model
from planner.linear.scopes import open_scope
from planner.linear.solver import solve_lp, solve_milp
from planner.linear.tiers import relaxed_bound
from planner.plan import Objective
from planner.snapshot import Connector, Snapshot

_WHOLE: Final = 4000
"""Powers and drives of the whole model up to which its relaxation is worth trying: at 20 vehicles
and 30 routes (10,000) it takes 18 s, and the small program's bound, after 0.4 s, is higher."""

_SURE: Final = 2.0
"""Times what a program is expected to take, by the square of its pairs: so much is left."""

_ROOT: Final = 5.0
"""Times what the linear program took: with whole numbers HiGHS needs more than that for its first
cuts, and journeys for their first prices."""

_WHOLE_S: Final = 60.0
_GAP: Final = 0.0005
_SPARED: Final = 0.8
"""Whole numbers: the longest time, how near the bound comes to their optimum, and how much of the
time that is left HiGHS is given, for it does not look at its clock everywhere."""

_PAIR_S: Final = 1e-3
"""Of a vehicle and a route: 20 vehicles and 30 routes take 0.1 to 0.3 s, 40 and 60 0.5 to 3.5."""


def bound_s(snapshot: Snapshot, line: Timeline, chosen: Choices) -> float:
    """About how long `money_bound` takes; `inf` where it tries the relaxation of the whole model,
    which may take any time."""
    if not chosen.given and _size(snapshot, line, chosen) <= _WHOLE:
        return math.inf
    return _PAIR_S * len(chosen.vehicles) * len(chosen.routes)


def money_bound(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    at: Objective,
    deadline: Deadline,
) -> float:
    """The best bound that time allows; `-inf` where none was found.

    Depends on the arguments alone as long as the deadline does not bind. Charge curves are left
    out of all of it: within a step a plan may follow them more closely than a mean can.
    """
    if chosen.given:
        return _given(snapshot, at, deadline)
    best = _blocks(snapshot, line, chosen, at, deadline)
    if deadline.left_s > 0 and _size(snapshot, line, chosen) <= _WHOLE:
        straight = _without_curves(snapshot)
        scope = open_scope(straight, line, choices(straight, line), fixed=False)
        best = max(best, relaxed_bound(Model(scope), deadline, at))
    return best


def _blocks(
    snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective, deadline: Deadline
) -> float:
    """Ever larger programs over classes and blocks; then with whole numbers, or, where vehicles are
    too many for these, by their journeys."""
    every = max(len(chosen.vehicles) * len(chosen.routes), FEW_PAIRS)
    best, took_s, before = -math.inf, 0.0, every
    model: Program | None = None
    prices: Prices = {}
    # The small program first: at 80 vehicles and more it is what ten seconds have time for.
    for pairs in [*(p for p in (FEW_PAIRS, MANY_PAIRS) if p < every), every]:
        if deadline.left_s <= _SURE * took_s * (pairs / before) ** 2:
            break
        began_s = deadline.left_s
        columns, rows, shared = model = blocks_model(snapshot, line, chosen, at, pairs)
        found = solve_lp(columns, rows, np.array(columns.cost), time_s=deadline.left_s)
        took_s, before = began_s - deadline.left_s, pairs
        if found is not None:
            best, prices = max(best, found.objective), shared_prices(shared, found)
    if model is None or deadline.left_s <= _ROOT * took_s:
        return best
    if every > MANY_PAIRS:
        return max(best, generated_bound(snapshot, line, chosen, at, prices, deadline))
    columns, rows, _ = model
    time_s = min(_SPARED * deadline.left_s, _WHOLE_S)
    whole = solve_milp(columns, rows, np.array(columns.cost), time_s=time_s, gap=_GAP)
    return max(best, whole.bound)


def _given(snapshot: Snapshot, at: Objective, deadline: Deadline) -> float:
    """Where routes are given: the relaxation with a connector for every vehicle, as fast as the
    best that fits it, and no circuits. Every plan's powers are lawful there too."""
    own = [
        Connector(
            station=f"vehicle {i}",
            connector=1,
            min_kw=0.0,
            max_kw=most_kw(snapshot, vehicle),
            plugs=(f"vehicle {i}",),
        )
        for i, vehicle in enumerate(snapshot.vehicles)
    ]
    fixed = [replace(c, circuit=None) for c in snapshot.connectors if not c.controllable]
    fleet = [
        replace(vehicle, plugs=place.plugs, plugged=None)
        for vehicle, place in zip(snapshot.vehicles, own, strict=True)
    ]
    relaxed = _without_curves(
        replace(snapshot, circuits=(), connectors=(*own, *fixed), vehicles=tuple(fleet))
    )
    line = timeline(relaxed)
    scope = open_scope(relaxed, line, choices(relaxed, line), fixed=True)
    return relaxed_bound(Model(scope), deadline, at)


def _without_curves(snapshot: Snapshot) -> Snapshot:
    fleet = tuple(replace(v, charge_curve=()) for v in snapshot.vehicles)
    return replace(snapshot, vehicles=fleet)


def _size(snapshot: Snapshot, line: Timeline, chosen: Choices) -> int:
    """About how many columns the whole model has."""
    kinds = len({(c.circuit, c.min_kw, c.max_kw, c.plugs) for c in snapshot.connectors})
    options = sum(map(len, chosen.options.values()))
    return (line.steps * len(chosen.drives) + 2 * options) * kinds
