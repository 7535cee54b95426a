"""How much energy a vehicle may have at each of its points, and where a law looks at it.

Between returns energy only rises, so a bound at a point holds before it too, and a column of the
energy is needed only where something is asked of it: at departures, at returns, at the horizon's
end, where the charge curve may bind, and where a connector's minimum power may.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count, pairwise
from operator import ne

import numpy as np

from planner.drafts.choices import Drive
from planner.drafts.curve import curve, flat_kwh
from planner.drafts.timeline import Floats
from planner.linear.scope import Scope, point_before
from planner.snapshot import Vehicle


def most_kwh(scope: Scope, name: str) -> list[float]:
    """The most energy at each point, before the routes that return there are paid.

    Beyond `cap_kwh` a connector's minimum power is above the charge curve. Where a visit has its
    connector (`placed`) the bound keeps it below that; where it has not, other connectors may take
    it further.
    """
    vehicle, where = scope.chosen.vehicles[name], scope.where[name]
    drops = scope.drops_kwh(name) if scope.fixed else {}
    useful = _useful_kwh(scope, name)
    level, idle = vehicle.energy_kwh, vehicle.energy_kwh if scope.fixed else 0.0
    found = np.full(len(where) + 1, level)
    for groups, first, end in _runs(where, drops):
        if first in drops:
            level, idle = max(level - drops[first], 0.0), max(idle - drops[first], 0.0)
        if groups:
            gains, cap = _gains(scope, name, groups, slice(first, end))
            most = cap if scope.placed is not None else max(cap, level)
            gains[0] += level
            reached = np.cumsum(gains)
            # From one return to the next ever less is of use, so no bound undercuts an earlier one.
            reached = np.minimum(np.minimum(reached, most), useful[first + 1 : end + 1])
            found[first + 1 : end + 1] = np.maximum(reached, idle)
            level = float(found[end])
        else:
            found[first + 1 : end + 1] = level
    return found.tolist()


def _runs(
    where: Sequence[tuple[int, ...]], drops: Iterable[int]
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """The parts at which the vehicle may charge at the same groups and no route returns between:
    the groups, the first part, and the part after the last."""
    edges = {0, len(where), *(k for k in drops if k < len(where))}
    edges |= set(compress(count(1), map(ne, where, where[1:])))
    for first, end in pairwise(sorted(edges)):
        yield where[first], first, end


def _gains(scope: Scope, name: str, groups: Sequence[int], of: slice) -> tuple[Floats, float]:
    """What each of these parts could add at the strongest of `groups`, and the most energy reached
    there."""
    vehicle, parts = scope.chosen.vehicles[name], scope.parts[name]
    most_kw = np.maximum.reduce([scope.most_by_step_kw(name, g) for g in groups])[parts.step[of]]
    gains = vehicle.efficiency * ((parts.end_s[of] - parts.start_s[of]) / 3600) * most_kw
    return gains, min(vehicle.battery_kwh, max(scope.cap_kwh[name, g] for g in groups))


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
    held = scope.groups_held(name)
    most_kw = {g: scope.most_by_step_kw(name, g)[parts.step].tolist() for g in held}
    for k, groups in enumerate(scope.where[name]):
        for g in groups:
            kw = most_kw[g][k]
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


def _useful_kwh(scope: Scope, name: str) -> Floats:
    """The energy at each point beyond which more is of no use to departures nor to the target."""
    points, drives = scope.points[name], scope.chosen.drives[name]
    vehicle = scope.chosen.vehicles[name]
    if not scope.thrifty:
        return np.full(len(points), math.inf)
    drops, wanted = scope.drops_kwh(name), dict[int, float]()
    for d in drives:
        k = point_before(points, d.depart_s)
        wanted[k] = max(wanted.get(k, 0.0), d.need_kwh)
    level, end, found = vehicle.target_kwh, len(points), np.zeros(len(points))
    for k in sorted({*wanted, *drops}, reverse=True):
        found[k + 1 : end] = level
        level, end = max(level, wanted.get(k, 0.0)) + drops.get(k, 0.0), k + 1
    found[:end] = level
    return found
