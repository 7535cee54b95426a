"""Means below a connector's minimum power, held at that power or above, or at nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from planner.drafts.timeline import Floats
from planner.linear.bursts import wider
from planner.linear.columns import Columns
from planner.linear.scope import Place
from planner.linear.solver import LinearAnswer

ROUNDS: Final = 16
"""Most depots need none, few more than two."""

_WIDE_TRIES: Final = 2
"""Wide rounds that left no solution, before all are narrow: each takes three programs. At 100
vehicles the second one fits, at 300 none does."""

_LOWS: Final = (0.1, 0.5, 1.0)
"""Of the minimum power: a mean of less is rounded down, whatever room there is. The first is tried,
the next where it leaves no solution: the vehicle may have no use for so much more."""

_REST: Final = (0.0, 0.0)
_NEAR: Final = 1e-6
_NONE: Final = 1e-9

Bounds = dict[int, tuple[float, float]]
"""By column, in kW."""


class Rounding:
    """Rounds of one program, each with the bounds of those before: `narrow` of no more than what
    breaks a law, then ever wider ones. Each narrow one moves the optimum to another corner, 9 to 32
    times where energy is scarce; with wide ones it is 3 to 6 (40 vehicles, 60 routes).

    `widened`: a round was wide, so that narrow ones would lead elsewhere.
    """

    def __init__(
        self,
        columns: Columns,
        solve: Callable[[Bounds], LinearAnswer | None],
        bounds: Bounds,
        *,
        narrow: int,
    ) -> None:
        self._columns, self._solve, self._bounds, self._narrow = columns, solve, bounds, narrow
        self._number = self._failed = 0
        self.widened = False

    def again(self, places: set[Place], x: Floats) -> LinearAnswer | None:
        """The program with `places` of its solution `x` rounded; None where that leaves none."""
        if self._number == ROUNDS - 1:
            return None
        how_wide = self._number + 1 - self._narrow if self._failed < _WIDE_TRIES else 0
        self._number += 1
        wide = wider(self._columns.scope, places, max(0, how_wide))
        found = self._resolved(wide, x)
        if wide is places:
            return found
        self._failed += found is None
        self.widened |= found is not None
        return found or self._resolved(places, x)

    def _resolved(self, places: Iterable[Place], x: Floats) -> LinearAnswer | None:
        """The program with `places` rounded, more of them down where that leaves no solution."""
        for low in _LOWS:
            rounded = rounded_bounds(self._columns, self._bounds, places, x, low)
            if rounded is None:
                break
            found = self._solve(rounded)
            if found is not None:
                self._bounds = rounded
                return found
        return None


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
