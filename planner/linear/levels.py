"""How much energy a vehicle may have at each of its points, and where a law looks at it.

Between returns energy only rises, so a bound at a point holds before it too, and a column of the
energy is needed only where something is asked of it: at departures, at returns, at the horizon's
end, where the charge curve may bind, and where a connector's minimum power may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from planner.drafts.choices import Drive
from planner.drafts.curve import curve, flat_kwh
from planner.linear.scope import Scope, point_before
from planner.snapshot import Vehicle


def most_kwh(scope: Scope, name: str) -> list[float]:
    """The most energy at each point, before the routes that return there are paid.

    Beyond `cap_kwh` a connector's minimum power is above the charge curve. Where a visit has its
    connector (`placed`) the bound keeps it below that; where it has not, other connectors may take
    it further.
    """
    vehicle, parts = scope.chosen.vehicles[name], scope.parts[name]
    drops = scope.drops_kwh(name)
    useful = _useful_kwh(scope, name)
    where, placed, fixed = scope.where, scope.placed is not None, scope.fixed
    bounds: dict[tuple[int, ...], tuple[Sequence[float], float]] = {}
    level = idle = vehicle.energy_kwh
    found = [level]
    for k, part in enumerate(parts):
        if fixed and k in drops:
            level, idle = max(level - drops[k], 0.0), max(idle - drops[k], 0.0)
        groups = where.get((name, k), ())
        if groups:
            if groups not in bounds:
                bounds[groups] = _bounds(scope, name, groups)
            most_kw, cap = bounds[groups]
            reached = min(level + vehicle.efficiency * part.hours * most_kw[part.step], cap)
            if not placed:
                reached = max(reached, level)
            level = max(min(reached, useful[k + 1]), idle if fixed else 0.0)
        found.append(level)
    return found


def _bounds(scope: Scope, name: str, groups: Sequence[int]) -> tuple[Sequence[float], float]:
    """The highest power in each step at any of `groups`, and the most energy charged to there."""
    powers = [scope.most_by_step_kw(name, g) for g in groups]
    most_kw = powers[0] if len(powers) == 1 else np.maximum.reduce(powers).tolist()
    cap = max(scope.cap_kwh[name, g] for g in groups)
    return most_kw, min(scope.chosen.vehicles[name].battery_kwh, cap)


def levels(scope: Scope, name: str, most: Sequence[float]) -> list[int]:
    """The points at which the energy has a column, in order."""
    vehicle, parts = scope.chosen.vehicles[name], scope.parts[name]
    points = scope.points[name]
    found = {0, len(parts)}
    found |= set(scope.drops_kwh(name))
    found |= {point_before(points, d.depart_s) for d in scope.chosen.drives[name]}
    if not vehicle.charge_curve and name not in scope.holders:
        return sorted(found)
    pieces = curve(vehicle)
    flat: dict[float, float] = {}
    for k, part in enumerate(parts):
        for g in scope.where.get((name, k), ()):
            kw = scope.most_kw(name, g, part.step)
            if kw not in flat:
                flat[kw] = flat_kwh(pieces, kw)
            capped = name in scope.holders and most[k + 1] > scope.cap_kwh[name, g] + 1e-9
            if capped or most[k + 1] > flat[kw] + 1e-9:
                found.add(k + 1)
    return sorted(found)


def idle_kwh(vehicle: Vehicle, drives: Sequence[Drive], until_s: float) -> float:
    """What is left at an instant of what the vehicle starts with, if it never charges."""
    left_kwh = vehicle.energy_kwh
    for drive in sorted(drives, key=lambda d: d.return_s):
        if drive.return_s <= until_s + 1e-6:
            left_kwh = max(0.0, left_kwh - drive.energy_kwh)
    return left_kwh


def _useful_kwh(scope: Scope, name: str) -> list[float]:
    """The energy at each point beyond which more is of no use to departures nor to the target."""
    points, drives = scope.points[name], scope.chosen.drives[name]
    vehicle = scope.chosen.vehicles[name]
    if not scope.thrifty:
        return [math.inf] * len(points)
    drops, wanted = scope.drops_kwh(name), dict[int, float]()
    for d in drives:
        k = point_before(points, d.depart_s)
        wanted[k] = max(wanted.get(k, 0.0), d.need_kwh)
    level, end, found = vehicle.target_kwh, len(points), [0.0] * len(points)
    for k in sorted({*wanted, *drops}, reverse=True):
        found[k + 1 : end] = [level] * (end - k - 1)
        level, end = max(level, wanted.get(k, 0.0)) + drops.get(k, 0.0), k + 1
    found[:end] = [level] * end
    return found
