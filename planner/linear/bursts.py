"""Where a draft's bursts at minimum power break a limit that their means keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.drafts.assemble import load_kw, site_import
from planner.drafts.curve import curve, kw_at
from planner.drafts.draft import Charge, Draft, Visit, charges_of, trace
from planner.drafts.timeline import Floats, Timeline
from planner.linear.scope import Place, Scope

_EPS_KW = 1e-5


def overloads(scope: Scope, draft: Draft) -> set[Place]:
    """The places that could share in an overload, for `Scope.stepped`."""
    found: set[Place] = set()
    for i, over_kw in enumerate(overs_kw(scope.line, draft)):
        over = over_kw > _EPS_KW
        found |= {p for p in _places(scope, over) if i in scope.groups[p[1]].limits}
    return found


def overs_kw(line: Timeline, draft: Draft) -> Floats:
    """By how much each limit is broken in each step at most; below 0 is room."""
    rooms_kw = [np.maximum(limit.room_kw, 0.0) for limit in line.limits]
    loads_kw = [load_kw(limit, draft, line) for limit in line.limits]
    found: Floats = np.array(loads_kw) - np.array(rooms_kw)
    return found


def spills(scope: Scope, draft: Draft) -> set[Place]:
    """The places in steps where the battery feeds charging that pauses, for `Scope.steady`."""
    line = scope.line
    if draft.battery_kw is None:
        return set()
    kept_kw = line.fixed_import_kw + line.export_limit_kw + draft.battery_kw
    wanting = (draft.battery_kw < 0) & (kept_kw < -_EPS_KW)
    short = kept_kw + least_kw(draft, line) < -_EPS_KW
    return set(_places(scope, wanting & short))


def drifts(scope: Scope, draft: Draft) -> set[Place]:
    """The places in steps where pauses waste pv that the step's mean would have used, for
    `Scope.steady`: what a burst draws beyond the pv is bought, what a pause leaves is curtailed."""
    line = scope.line
    if not line.pv_kw.any():
        return set()
    steady = replace(draft, visits=[_evened(visit, line) for visit in draft.visits])
    wasted = site_import(draft, line) > site_import(steady, line) + 1e-3
    return set(_places(scope, wasted))


def _evened(visit: Visit, line: Timeline) -> Visit:
    """The same energy, spread over each step."""
    charges = []
    for charge in visit.charges:
        start_s = line.step_at(charge.start_s) * line.step_s
        spread = Charge(start_s, start_s + line.step_s, charge.kwh / line.step_h)
        charges.append(spread)
    return replace(visit, charges=charges)


def faded(scope: Scope, draft: Draft) -> set[Place]:
    """The places where a burst at the minimum power lies above the charge curve: one that dips
    below the minimum and rises again, or that the model knows the mean of only."""
    found: set[Place] = set()
    charges = charges_of(draft.visits)
    for name, vehicle in scope.chosen.vehicles.items():
        own = charges.get(name, [])
        if not vehicle.charge_curve or not own:
            continue
        pieces = curve(vehicle)
        reached = trace(vehicle, draft.drives.get(name, ()), own, scope.line).charged
        over_s = [
            charge.start_s
            for charge, kwh in zip(own, reached, strict=True)
            if charge.kw > kw_at(pieces, min(kwh, vehicle.battery_kwh)) + _EPS_KW
        ]
        parts = scope.parts[name] if over_s else ()
        for k, part in enumerate(parts):
            if any(part.start_s - 1e-6 <= at_s < part.end_s - 1e-6 for at_s in over_s):
                groups = scope.where[name][k]
                found |= {(name, g, k) for g in groups if scope.groups[g].min_kw > 0}
    return found


def unlawful(scope: Scope, draft: Draft) -> set[Place]:
    """The places that could share in what breaks a law because means are drawn in bursts."""
    if not any(group.min_kw > 0 for group in scope.groups):
        return set()
    return overloads(scope, draft) | spills(scope, draft) | faded(scope, draft)


def wider(scope: Scope, places: set[Place], number: int) -> set[Place]:
    """What to refine in round `number`: what is forbidden in one step moves to the next as cheap
    one, so from the second round on it is forbidden to the vehicle, then to all."""
    if not places or number == 0:
        return places
    names = {name for name, _, _ in places}
    everywhere = _places(scope, np.ones(scope.line.steps, dtype=np.bool_))
    return {p for p in everywhere if number > 1 or p[0] in names}


def _places(scope: Scope, steps: NDArray[np.bool_]) -> Iterable[Place]:
    for name, where in scope.where.items():
        for k in np.flatnonzero(steps[scope.parts[name].step]).tolist():
            for g in where[k]:
                if scope.groups[g].min_kw > 0:
                    yield name, g, k


def least_kw(draft: Draft, line: Timeline) -> Floats:
    """The least that charging draws at any instant of each step."""
    changes: list[list[tuple[float, float]]] = [[] for _ in range(line.steps)]
    for visit in draft.visits:
        for charge in visit.charges:
            step = line.step_at(charge.start_s)
            changes[step] += [(charge.start_s, charge.kw), (charge.end_s, -charge.kw)]
    lowest = np.zeros(line.steps)
    for step, edges in enumerate(changes):
        at_s, end_s, kw = step * line.step_s, (step + 1) * line.step_s, 0.0
        least = float("inf")
        for then_s, change in (*sorted(edges), (end_s, 0.0)):
            if then_s > at_s + 1e-3:
                least = min(least, kw)
            at_s, kw = then_s, kw + change
        lowest[step] = least
    return lowest
