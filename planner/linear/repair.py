"""Means below a minimum power moved within their visit, away from where their bursts break a limit.

An optimum of the charging fills cheap steps up to a limit, and the last vehicle to fit in is left
with less than its minimum power. There are nearly always other steps as cheap where that energy
can go, and to look for them takes a thousandth of the time of another linear program.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.drafts.curve import curve, flat_kwh
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns

_EPS_KW: Final = 1e-6
_LEAST_KWH: Final = 1e-7


def repaired(columns: Columns, x: Floats, price: Floats) -> Floats:
    """The solution `x` with as few overloads by bursts as moves within visits can leave.

    Each visit charges what it did. `price` is that of a kWh by step: cheaper steps come first.
    """
    return _Repair(columns, x, price).run()


class _Repair:
    """`kw` are the means, `load_kw[i, t]` what limit `i` carries in step `t` above the fallbacks if
    all bursts meet."""

    def __init__(self, columns: Columns, x: Floats, price: Floats) -> None:
        scope, powers = columns.scope, columns.powers
        line = scope.line
        self._columns, self._x, self._powers = columns, x, powers
        self._price = price[powers.step] if len(powers.step) else np.zeros(0)
        self._most_kw = np.array(columns.upper)[powers.column]
        self._min_kw = np.array([g.min_kw for g in scope.groups])[powers.group]
        self._kept_kw = np.array([g.fallback_kw for g in scope.groups])[powers.group]
        self._kw = np.clip(x[powers.column], 0.0, self._most_kw)
        below = [[i in g.limits for g in scope.groups] for i in range(len(line.limits))]
        self._below = np.array(below, dtype=np.bool_)[:, powers.group]
        self._room_kw = np.array([np.maximum(limit.room_kw, 0.0) for limit in line.limits])
        if columns["charge"]:
            self._room_kw[0] += [
                x[columns["discharge"][t]] - x[columns["charge"][t]] for t in range(line.steps)
            ]
        drawn = self._drawn(np.arange(len(self._kw)), self._kw)
        self._load_kw = np.array(
            [np.bincount(powers.step, drawn * mine, minlength=line.steps) for mine in self._below]
        )

    def run(self) -> Floats:
        over = self._load_kw > self._room_kw + _EPS_KW
        for step in np.flatnonzero(over.any(axis=0)).tolist():
            here = np.flatnonzero(self._powers.step == step)
            low = here[(self._kw[here] > 0) & (self._kw[here] < self._min_kw[here] - _EPS_KW)]
            for place in low[np.argsort(self._kw[low], kind="stable")].tolist():
                broken = self._load_kw[:, step] > self._room_kw[:, step] + _EPS_KW
                if (broken & self._below[:, place]).any():
                    self._move(place)
        x = self._x.copy()
        x[self._powers.column] = self._kw
        return x

    def _drawn(self, places: NDArray[np.int64], kw: Floats) -> Floats:
        """The power while charging, the minimum at least, above the fallback."""
        beyond_kw = np.maximum(kw, self._min_kw[places]) - self._kept_kw[places]
        return np.where(kw > _EPS_KW, np.maximum(beyond_kw, 0.0), 0.0)

    @cached_property
    def _visit(self) -> NDArray[np.int64]:
        """A number for each power: the same for all of one visit."""
        powers, scope = self._powers, self._columns.scope
        names = [name for name, _, _ in powers.places]
        after = [-1, *powers.part[:-1].tolist()]
        breaks = [
            i == 0
            or name != names[i - 1]
            or any(scope.returning(name, k) for k in range(after[i] + 1, powers.part[i] + 1))
            for i, name in enumerate(names)
        ]
        return np.cumsum(breaks)

    def _move(self, place: int) -> None:
        """All of the energy of a place to others of its visit, or nothing."""
        powers = self._powers
        kwh = self._kw[place] * powers.hours[place]
        visit = np.flatnonzero(self._visit == self._visit[place])
        if not self._is_flat(visit):
            return
        others = visit[powers.step[visit] != powers.step[place]]
        order = np.lexsort((powers.start_s[others], self._price[others]))
        moved: list[tuple[int, float]] = []
        for other in others[order].tolist():
            kw = self._top_kw(other)
            more = min(kw - self._kw[other], kwh / powers.hours[other])
            if more * powers.hours[other] > _LEAST_KWH:
                moved.append((other, more))
                kwh -= more * powers.hours[other]
            if kwh <= _LEAST_KWH:
                break
        if kwh > _LEAST_KWH:
            return
        self._set(place, 0.0)
        for other, more in moved:
            self._set(other, self._kw[other] + more)

    def _is_flat(self, visit: NDArray[np.int64]) -> bool:
        """Whether the vehicle never comes to where its charge curve could bind in that visit."""
        name, _, k = self._powers.places[visit[-1]]
        vehicle = self._columns.scope.chosen.vehicles[name]
        if not vehicle.charge_curve:
            return True
        levels = self._columns.levels[name]
        after = levels[bisect_right(levels, k)]
        reached_kwh = self._x[self._columns["energy"][name, after]]
        flat = flat_kwh(curve(vehicle), float(self._most_kw[visit].max()))
        return bool(reached_kwh <= flat + _LEAST_KWH)

    def _top_kw(self, place: int) -> float:
        """The highest mean that limits and its own power leave it."""
        step, below = self._powers.step[place], self._below[:, place]
        left = (self._room_kw[below, step] - self._load_kw[below, step]).min()
        now_kw, min_kw, kept_kw = self._kw[place], self._min_kw[place], self._kept_kw[place]
        if now_kw <= _EPS_KW:
            top = left + kept_kw if left + kept_kw >= min_kw else 0.0
        else:
            top = max(now_kw, min_kw, kept_kw) + max(left, 0.0)
            if left < -_EPS_KW:
                top = now_kw
        return float(min(top, self._most_kw[place]))

    def _set(self, place: int, kw: float) -> None:
        at, step = np.array([place]), self._powers.step[place]
        before, after = self._drawn(at, self._kw[at])[0], self._drawn(at, np.array([kw]))[0]
        self._load_kw[self._below[:, place], step] += after - before
        self._kw[place] = kw
