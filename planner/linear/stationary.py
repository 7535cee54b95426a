"""The site's battery for what its vehicles draw: a small program that always has a solution."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from planner.constraints import balance, battery
from planner.drafts.assemble import load_kw
from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats
from planner.linear.bursts import least_kw
from planner.linear.columns import Columns
from planner.linear.declare import declare
from planner.linear.extract import battery_kw
from planner.linear.rows import Rows
from planner.linear.scope import Scope
from planner.linear.solver import solve_lp
from planner.objectives import MONEY

_SLIGHTLY_KW: Final = 1e-6
"""Inside the limits, so that rounding does not break them."""

_OVER_PRICE: Final = 1e4
"""Of a kW by which a limit is broken, per step: far above what all else costs."""

_TIME_S: Final = 10.0


def scheduled(scope: Scope, draft: Draft) -> Draft:
    """`draft` with its battery scheduled anew, for its powers at every instant: what they take
    beyond the site's limit, or leave of what the battery gives, is least, and then money. As it
    is without a battery."""
    site, line = scope.snapshot.site, scope.line
    if site.battery is None:
        return draft
    drawn_kw = _mean_kw(draft, scope)
    idle = replace(scope.chosen, vehicles={}, drives={}, routes=())
    loaded = replace(line, base_load_kw=line.base_load_kw + drawn_kw)
    columns = declare(replace(scope, chosen=idle, line=loaded))
    if any(columns.integral):
        return draft
    rows = Rows()
    balance.add(columns, rows, scope.snapshot)
    battery.add(columns, rows, scope.snapshot)
    _limits(columns, rows, scope, draft)
    cost = np.zeros(len(columns))
    np.add.at(cost, *MONEY.weights(columns, scope.snapshot))
    cost[columns.numbers("over")] = _OVER_PRICE
    found = solve_lp(columns, rows, cost, time_s=_TIME_S)
    return draft if found is None else replace(draft, battery_kw=battery_kw(columns, found.x))


def _mean_kw(draft: Draft, scope: Scope) -> Floats:
    charges = [c for visit in draft.visits for c in visit.charges]
    steps = scope.line.steps_at([c.start_s for c in charges])
    kwh = np.bincount(steps, [c.kwh for c in charges], minlength=scope.line.steps)
    found: Floats = kwh / scope.line.step_h
    return found


def _limits(columns: Columns, rows: Rows, scope: Scope, draft: Draft) -> None:
    """What the battery may add to the highest power in each step, and give at the lowest."""
    line, charge, discharge = scope.line, columns["charge"], columns["discharge"]
    limit, alone = line.limits[0], replace(draft, battery_kw=None)
    room_kw = np.maximum(limit.room_kw, 0.0) - load_kw(limit, alone, line)
    use_kw = line.fixed_import_kw + line.export_limit_kw + least_kw(draft, line)
    for t in range(line.steps):
        over, under = (columns.add("over", (t, way), 0.0, math.inf) for way in (1, -1))
        flow = [(charge[t], 1.0), (discharge[t], -1.0)]
        rows.add([*flow, (over, -1.0)], upper=float(room_kw[t]) - _SLIGHTLY_KW)
        rows.add([*flow, (under, 1.0)], lower=_SLIGHTLY_KW - max(float(use_kw[t]), 0.0))
