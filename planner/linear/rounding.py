"""Means below a connector's minimum power, held at that power or above, or at nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.scope import Place

LOWS: Final = (0.1, 0.5, 1.0)
"""Of the minimum power: a mean of less is rounded down, whatever room there is. The first is tried,
the next where it leaves no solution: the vehicle may have no use for so much more."""

_REST: Final = (0.0, 0.0)
_NEAR: Final = 1e-6
_NONE: Final = 1e-9

Bounds = dict[int, tuple[float, float]]
"""By column, in kW."""


def rounded_bounds(
    columns: Columns,
    bounds: Mapping[int, tuple[float, float]],
    places: Iterable[Place],
    x: Floats,
    low: float,
) -> Bounds | None:
    """`bounds` with those of `places` in the solution `x` beside them: below `low` of the minimum,
    and where the step has no room for one more, a mean rests. None if there is none to decide.

    The others in these steps stay as they are, at rest or not: otherwise one of them may be left
    with too little next.
    """
    scope, found = columns.scope, dict(bounds)
    room_kw: dict[int, list[float]] = {}
    decided = False
    for place in sorted(places, key=lambda p: (-x[columns["kw"][p]], p)):
        column, group = columns["kw"][place], scope.groups[place[1]]
        step = scope.parts[place[0]][place[2]].step
        limits = [float(limit.room_kw[step]) for limit in scope.line.limits]
        left_kw = room_kw.setdefault(step, limits)
        least_kw = max(0.0, group.min_kw - group.fallback_kw)
        share, held = x[column] / group.min_kw, found.get(column, _REST)[0] > 0
        charges = share >= 1 - _NEAR or held
        if _NONE < share < 1 - _NEAR:
            fits = all(left_kw[i] >= least_kw for i in group.limits)
            charges = held or (fits and share > low)
            found[column] = (group.min_kw, columns.upper[column]) if charges else _REST
            decided = True
        elif column not in found:
            found[column] = (group.min_kw, columns.upper[column]) if charges else _REST
        if charges:
            for i in group.limits:
                left_kw[i] -= least_kw
    return found if decided else None
