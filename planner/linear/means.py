"""A solution's powers as arrays that change place by place, with what the limits carry then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.constraints.energy import paid
from planner.drafts.curve import curve
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns

EPS_KW: Final = 1e-6


class Means:
    """`kw` are the means, `load_kw[i, t]` what limit `i` carries in step `t` above the fallbacks if
    all bursts meet. `x` has all else of the solution."""

    def __init__(self, columns: Columns, x: Floats, price: Floats) -> None:
        scope, powers = columns.scope, columns.powers
        line = scope.line
        self._columns, self._x, self._powers = columns, x.copy(), powers
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

    def _solution(self) -> Floats:
        self._x[self._powers.column] = self._kw
        return self._x

    def _drawn(self, places: NDArray[np.int64], kw: Floats) -> Floats:
        """The power while charging, the minimum at least, above the fallback."""
        beyond_kw = np.maximum(kw, self._min_kw[places]) - self._kept_kw[places]
        return np.where(kw > EPS_KW, np.maximum(beyond_kw, 0.0), 0.0)

    def _visit(self, place: int) -> slice:
        """Where the powers of a place's visit are: all between two returns follow each other."""
        powers, (name, _, k) = self._powers, self._powers.places[place]
        span, returns = powers.of(name), sorted(self._columns.scope.drops_kwh(name))
        number = bisect_right(returns, k)
        until = [0, *returns, len(self._columns.scope.parts[name])][number : number + 2]
        first, end = (span.start + np.searchsorted(powers.part[span], until)).tolist()
        return slice(first, end)

    def _others(self, place: int) -> NDArray[np.int64]:
        """The places of the same visit in other steps."""
        visit = self._visit(place)
        elsewhere = self._powers.step[visit] != self._powers.step[place]
        found: NDArray[np.int64] = visit.start + np.flatnonzero(elsewhere)
        return found

    @cached_property
    def _of_step(self) -> list[NDArray[np.int64]]:
        """The powers of each step, in their order."""
        step = self._powers.step
        order = np.argsort(step, kind="stable")
        return np.split(order, np.searchsorted(step[order], np.arange(1, self._load_kw.shape[1])))

    def _broken(self, place: int) -> NDArray[np.bool_]:
        """Which of the limits above a place are broken in its step."""
        step = self._powers.step[place]
        over = self._load_kw[:, step] > self._room_kw[:, step] + EPS_KW
        return over & self._below[:, place]

    def _try(self, changes: Mapping[int, float]) -> bool:
        """Sets the means of places; as they were where a charge curve does not allow them."""
        before = {place: float(self._kw[place]) for place in changes}
        for place, kw in changes.items():
            self._set(place, kw)
        if all(self._keeps_curve(place) for place in changes):
            return True
        for place, kw in before.items():
            self._set(place, kw)
        return False

    def _keeps_curve(self, place: int) -> bool:
        """Whether each power of a place's visit, bursts included, lies below the charge curve."""
        visit = self._visit(place)
        name, _, first = self._powers.places[visit.start]
        scope, columns = self._columns.scope, self._columns
        vehicle = scope.chosen.vehicles[name]
        if not vehicle.charge_curve:
            return True
        before = columns.levels[name][bisect_right(columns.levels[name], first) - 1]
        start_kwh = sum(c * self._x[column] for column, c in paid(columns, name, before))
        kw = self._kw[visit]
        gained_kwh = vehicle.efficiency * np.cumsum(kw * self._powers.hours[visit])
        pieces = curve(vehicle)
        edges_kwh = [pieces[0].low_kwh, *(p.high_kwh for p in pieces)]
        edges_kw = [pieces[0].kw(pieces[0].low_kwh), *(p.kw(p.high_kwh) for p in pieces)]
        allowed_kw = np.interp(start_kwh + gained_kwh, edges_kwh, edges_kw)
        drawn_kw = np.where(kw > EPS_KW, np.maximum(kw, self._min_kw[visit]), 0.0)
        return bool((drawn_kw <= allowed_kw + EPS_KW).all())

    def _tops_kw(self, places: NDArray[np.int64]) -> Floats:
        """The highest means that limits and their own powers leave them."""
        step, below = self._powers.step[places], self._below[:, places]
        left = np.where(below, (self._room_kw - self._load_kw)[:, step], np.inf).min(axis=0)
        now_kw, min_kw, kept_kw = self._kw[places], self._min_kw[places], self._kept_kw[places]
        idle = np.where(left + kept_kw >= min_kw, left + kept_kw, 0.0)
        busy = np.maximum(np.maximum(now_kw, min_kw), kept_kw) + np.maximum(left, 0.0)
        busy = np.where(left < -EPS_KW, now_kw, busy)
        top: Floats = np.minimum(np.where(now_kw <= EPS_KW, idle, busy), self._most_kw[places])
        return top

    def _set(self, place: int, kw: float) -> None:
        change = self._drawn_kw(place, kw) - self._drawn_kw(place, float(self._kw[place]))
        self._load_kw[self._below[:, place], self._powers.step[place]] += change
        self._kw[place] = kw

    def _drawn_kw(self, place: int, kw: float) -> float:
        beyond_kw = max(kw, float(self._min_kw[place])) - float(self._kept_kw[place])
        return max(0.0, beyond_kw) if kw > EPS_KW else 0.0
