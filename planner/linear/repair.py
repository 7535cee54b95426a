"""Means below a minimum power moved within their visit, away from where their bursts break a limit.

An optimum of the charging fills cheap steps up to a limit, and the last vehicle to fit in is left
with less than its minimum power. There are nearly always other steps as cheap where that energy
can go, and to look for them takes a thousandth of the time of another linear program.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.means import EPS_KW, Means

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


class _Repair(Means):
    def run(self, dear_steps: Collection[int]) -> Floats:
        over = (self._load_kw > self._room_kw + EPS_KW).any(axis=0)
        for step in np.flatnonzero(over).tolist():
            if dear_steps and step not in dear_steps:
                continue
            here = self._of_step[step]
            low = here[(self._kw[here] > 0) & (self._kw[here] < self._min_kw[here] - EPS_KW)]
            for place in low[np.argsort(self._kw[low], kind="stable")].tolist():
                if not self._broken(place).any():
                    continue
                if not self._move(place, dear=bool(dear_steps)) and not dear_steps:
                    self._exchange(place)
        return self._solution()

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
        fits: NDArray[np.bool_] = (kw > EPS_KW) & (more_kw * self._powers.hours[places] >= kwh)
        return fits

    def _may_give(self, places: NDArray[np.int64], kwh: float) -> NDArray[np.bool_]:
        """Which are left with their minimum or nothing."""
        left_kw = self._kw[places] - kwh / self._powers.hours[places]
        least_kw = np.maximum(self._min_kw[places], self._kept_kw[places])
        found: NDArray[np.bool_] = (left_kw >= least_kw) | (np.abs(left_kw) <= EPS_KW)
        return found
