"""Means below a minimum power moved within their visit, away from where their bursts break a limit.

An optimum of the charging fills cheap steps up to a limit, and the last vehicle to fit in is left
with less than its minimum power. There are nearly always other steps as cheap where that energy
can go, and to look for them takes a thousandth of the time of another linear program.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.constraints.energy import paid
from planner.drafts.curve import curve
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns

_EPS_KW: Final = 1e-6
_LEAST_KWH: Final = 1e-7
_EPS_PRICE: Final = 1e-9
_TRADES: Final = 3
"""So many are tried at most where charge curves may not allow the first."""


def repaired(columns: Columns, x: Floats, price: Floats, steps: Collection[int] = ()) -> Floats:
    """The solution `x` with as few overloads by bursts as moves within visits can leave.

    Each visit charges what it did. `price` is that of a kWh by step: cheaper steps come first, and
    dearer ones only for what leaves one of `steps`.
    """
    return _Repair(columns, x, price).run(steps)


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

    def run(self, dear_steps: Collection[int]) -> Floats:
        over = (self._load_kw > self._room_kw + _EPS_KW).any(axis=0)
        for step in np.flatnonzero(over).tolist():
            if dear_steps and step not in dear_steps:
                continue
            here = self._of_step[step]
            low = here[(self._kw[here] > 0) & (self._kw[here] < self._min_kw[here] - _EPS_KW)]
            for place in low[np.argsort(self._kw[low], kind="stable")].tolist():
                if not self._broken(place).any():
                    continue
                if not self._move(place, dear=bool(dear_steps)) and not dear_steps:
                    self._exchange(place)
        x = self._x.copy()
        x[self._powers.column] = self._kw
        return x

    def _drawn(self, places: NDArray[np.int64], kw: Floats) -> Floats:
        """The power while charging, the minimum at least, above the fallback."""
        beyond_kw = np.maximum(kw, self._min_kw[places]) - self._kept_kw[places]
        return np.where(kw > _EPS_KW, np.maximum(beyond_kw, 0.0), 0.0)

    def _visit(self, place: int) -> slice:
        """Where the powers of a place's visit are: all between two returns follow each other."""
        powers, (name, _, k) = self._powers, self._powers.places[place]
        span, returns = powers.of(name), sorted(self._columns.scope.drops_kwh(name))
        number = bisect_right(returns, k)
        until = [0, *returns, len(self._columns.scope.parts[name])][number : number + 2]
        first, end = (span.start + np.searchsorted(powers.part[span], until)).tolist()
        return slice(first, end)

    @cached_property
    def _of_step(self) -> list[NDArray[np.int64]]:
        """The powers of each step, in their order."""
        step = self._powers.step
        order = np.argsort(step, kind="stable")
        return np.split(order, np.searchsorted(step[order], np.arange(1, self._load_kw.shape[1])))

    def _broken(self, place: int) -> NDArray[np.bool_]:
        """Which of the limits above a place are broken in its step."""
        step = self._powers.step[place]
        over = self._load_kw[:, step] > self._room_kw[:, step] + _EPS_KW
        return over & self._below[:, place]

    def _move(self, place: int, *, dear: bool) -> bool:
        """All of the energy of a place to others of its visit, or nothing."""
        powers = self._powers
        kwh = self._kw[place] * powers.hours[place]
        others = self._others(place)
        if not dear:
            others = others[self._price[others] <= self._price[place] + _EPS_PRICE]
        order = np.lexsort((powers.start_s[others], self._price[others]))
        others = others[order]
        more_kwh = (self._tops_kw(others) - self._kw[others]) * powers.hours[others]
        moved: list[tuple[int, float]] = []
        for other, most_kwh in zip(others.tolist(), more_kwh.tolist(), strict=True):
            more = min(most_kwh, kwh)
            if more > _LEAST_KWH:
                moved.append((other, more / powers.hours[other]))
                kwh -= more
            if kwh <= _LEAST_KWH:
                break
        if kwh > _LEAST_KWH:
            return False
        return self._try({place: 0.0} | {other: self._kw[other] + more for other, more in moved})

    def _exchange(self, place: int) -> bool:
        """Raises a place to its minimum: another one of that step gives what is lacking and takes
        it at another time, when the first one gives as much. False where that would cost more."""
        powers, kw, price = self._powers, self._kw, self._price
        hours = powers.hours
        lack_kwh = (self._min_kw[place] - kw[place]) * hours[place]
        own = self._others(place)
        own = own[self._may_give(own, lack_kwh)]
        own = own[np.argsort(-price[own], kind="stable")]
        here = self._of_step[powers.step[place]]
        here = here[hours[here] == hours[place]]
        here = here[self._below[self._broken(place)][:, here].all(axis=0)]
        for giver in here[self._may_give(here, lack_kwh) & (here != place)].tolist():
            others = self._others(giver)
            for other, taker in self._trades(own, others, lack_kwh):
                changes = {
                    place: self._min_kw[place],
                    other: kw[other] - lack_kwh / hours[other],
                    giver: kw[giver] - lack_kwh / hours[giver],
                    taker: kw[taker] + lack_kwh / hours[taker],
                }
                if self._try(changes):
                    return True
        return False

    def _trades(
        self, own: NDArray[np.int64], others: NDArray[np.int64], kwh: float
    ) -> list[tuple[int, int]]:
        """Which of `own` may give `kwh` and which of `others` may take it, at a price no higher:
        where there is room anyway, or in the step in which it is given. The best few."""
        step, price, hours = self._powers.step, self._price, self._powers.hours
        free = hours[others] * (self._tops_kw(others) - self._kw[others]) >= kwh - _LEAST_KWH
        fits = self._fits_most(others, kwh)
        able = free | fits
        if not len(own) or not able.any():
            return []
        others, free, fits = others[able], free[able], fits[able]
        same = step[own][:, np.newaxis] == step[others]
        same &= fits & (hours[own][:, np.newaxis] == hours[others])
        # Each visit has one connector, so its limits are those of all its powers.
        same &= (self._below[:, own[0]] >= self._below[:, others[0]]).all()
        saved = price[own][:, np.newaxis] - price[others]
        found = np.argwhere((free | same) & (saved >= -_EPS_PRICE))
        best = np.argsort(-saved[found[:, 0], found[:, 1]], kind="stable")[:_TRADES]
        return [(int(own[i]), int(others[j])) for i, j in found[best].tolist()]

    def _fits_most(self, places: NDArray[np.int64], kwh: float) -> NDArray[np.bool_]:
        """Which charge already and have as much of their own power left."""
        kw = self._kw[places]
        more_kw = self._most_kw[places] - np.maximum(kw, self._min_kw[places])
        fits: NDArray[np.bool_] = (kw > _EPS_KW) & (more_kw * self._powers.hours[places] >= kwh)
        return fits

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

    def _may_give(self, places: NDArray[np.int64], kwh: float) -> NDArray[np.bool_]:
        """Which are left with their minimum or nothing."""
        left_kw = self._kw[places] - kwh / self._powers.hours[places]
        least_kw = np.maximum(self._min_kw[places], self._kept_kw[places])
        found: NDArray[np.bool_] = (left_kw >= least_kw) | (np.abs(left_kw) <= _EPS_KW)
        return found

    def _others(self, place: int) -> NDArray[np.int64]:
        """The places of the same visit in other steps."""
        visit = self._visit(place)
        elsewhere = self._powers.step[visit] != self._powers.step[place]
        found: NDArray[np.int64] = visit.start + np.flatnonzero(elsewhere)
        return found

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
        drawn_kw = np.where(kw > _EPS_KW, np.maximum(kw, self._min_kw[visit]), 0.0)
        return bool((drawn_kw <= allowed_kw + _EPS_KW).all())

    def _tops_kw(self, places: NDArray[np.int64]) -> Floats:
        """The highest means that limits and their own powers leave them."""
        step, below = self._powers.step[places], self._below[:, places]
        left = np.where(below, (self._room_kw - self._load_kw)[:, step], np.inf).min(axis=0)
        now_kw, min_kw, kept_kw = self._kw[places], self._min_kw[places], self._kept_kw[places]
        idle = np.where(left + kept_kw >= min_kw, left + kept_kw, 0.0)
        busy = np.maximum(np.maximum(now_kw, min_kw), kept_kw) + np.maximum(left, 0.0)
        busy = np.where(left < -_EPS_KW, now_kw, busy)
        top: Floats = np.minimum(np.where(now_kw <= _EPS_KW, idle, busy), self._most_kw[places])
        return top

    def _set(self, place: int, kw: float) -> None:
        change = self._drawn_kw(place, kw) - self._drawn_kw(place, float(self._kw[place]))
        self._load_kw[self._below[:, place], self._powers.step[place]] += change
        self._kw[place] = kw

    def _drawn_kw(self, place: int, kw: float) -> float:
        beyond_kw = max(kw, float(self._min_kw[place])) - float(self._kept_kw[place])
        return max(0.0, beyond_kw) if kw > _EPS_KW else 0.0
