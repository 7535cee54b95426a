"""Limits that bursts break kept for a little energy that only targets want.

Where energy is scarce every step is full, so that nothing can move away from a burst. There others
draw less in its step: who has more than its departures need loses as much, who has not draws it in
another step, in which the first kind makes room. A burst that fits then, of a vehicle whose target
lacks energy, lasts to the end of its step, so that what others gave is not lost.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.constraints.energy import paid
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.means import EPS_KW, Means
from planner.linear.scope import point_before

_SLIGHTLY_KW: Final = 2e-6
"""More is given up, so that rounding does not break a limit."""


def given_up(columns: Columns, x: Floats, price: Floats, over_kw: Floats) -> Floats:
    """The solution `x` with `over_kw[i, t]` less drawn below limit `i` in step `t`, as far as that
    can be; what targets lack is more by as much. Energy moves to steps of the lowest `price`."""
    return _Giving(columns, x, price).run(over_kw)


class _Giving(Means):
    def __init__(self, columns: Columns, x: Floats, price: Floats) -> None:
        super().__init__(columns, x, price)
        self._least_kw = np.maximum(self._min_kw, self._kept_kw)
        """Nobody who charges is left with less."""

    def run(self, over_kw: Floats) -> Floats:
        for step in np.flatnonzero((over_kw > EPS_KW).any(axis=0)).tolist():
            most_kw = self._load_kw[:, step] - over_kw[:, step]
            # What is given below a circuit counts for the site too, which comes first among limits.
            for i in reversed(np.flatnonzero(over_kw[:, step] > EPS_KW).tolist()):
                lack_kw = float(self._load_kw[i, step] - most_kw[i])
                if lack_kw > EPS_KW:
                    self._free(i, step, lack_kw)
            self._lengthen(step)
        return self._solution()

    def _free(self, limit: int, step: int, kw: float) -> None:
        """Draws `kw` less below a limit in a step, or as much as can be."""
        left_kw = kw + _SLIGHTLY_KW
        left_kw -= self._lose(limit, step, left_kw)
        for place in self._givers(limit, step):
            if left_kw <= EPS_KW:
                break
            left_kw -= self._draw_elsewhere(place, min(left_kw, self._able_kw(place)))

    def _lose(self, limit: int, step: int, kw: float) -> float:
        """Draws up to `kw` less that no departure needs; how much."""
        left_kw = kw
        for place in self._givers(limit, step):
            if left_kw <= EPS_KW:
                break
            spare_kw = self._spare_kwh(place) / self._gain_h(place)
            less_kw = min(left_kw, self._able_kw(place), spare_kw)
            if less_kw > EPS_KW and self._change(place, float(self._kw[place]) - less_kw):
                left_kw -= less_kw
        return kw - left_kw

    def _givers(self, limit: int, step: int) -> list[int]:
        """Who charges all the step with more than it must."""
        here = self._of_step[step]
        here = here[self._below[limit, here] & (self._kw[here] > self._least_kw[here] + EPS_KW)]
        found: list[int] = here[self._is_whole(here)].tolist()
        return found

    def _is_whole(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Who is there from a step's start to its end, and so whenever a limit is broken in it."""
        whole: NDArray[np.bool_] = (
            self._powers.hours[places] >= self._columns.scope.line.step_h - 1e-9
        )
        return whole

    def _able_kw(self, place: int) -> float:
        return float(self._kw[place] - self._least_kw[place])

    def _draw_elsewhere(self, place: int, kw: float) -> float:
        """Draws up to `kw` less at a place and as much more at others of its visit where it charges
        anyway, for which those make room who can; how much."""
        left_kw = kw
        others = self._others(place)
        others = others[self._kw[others] >= self._least_kw[others] - EPS_KW]
        others = others[self._is_whole(others) & (self._kw[others] < self._most_kw[others])]
        for other in others[np.argsort(self._price[others], kind="stable")].tolist():
            if left_kw <= EPS_KW:
                break
            more_kw = min(left_kw, float(self._most_kw[other] - self._kw[other]))
            self._make_room(other, more_kw)
            more_kw = min(more_kw, self._left_kw(other))
            changes = {
                place: float(self._kw[place]) - more_kw,
                other: float(self._kw[other]) + more_kw,
            }
            if more_kw > EPS_KW and self._try(changes):
                left_kw -= more_kw
        return kw - left_kw

    def _make_room(self, place: int, kw: float) -> None:
        """For `kw` more at a place, as far as others can lose it."""
        step = int(self._powers.step[place])
        for i in reversed(np.flatnonzero(self._below[:, place]).tolist()):
            lack_kw = kw - float(self._room_kw[i, step] - self._load_kw[i, step])
            if lack_kw > EPS_KW:
                self._lose(i, step, lack_kw + _SLIGHTLY_KW)

    def _left_kw(self, place: int) -> float:
        """What limits and its own power leave a place."""
        return float(self._tops_kw(np.array([place]))[0] - self._kw[place])

    def _lengthen(self, step: int) -> None:
        """Bursts for which there is room last to the end of the step where their energy is of use
        to a target."""
        here = self._of_step[step]
        low = here[(self._kw[here] > EPS_KW) & (self._kw[here] < self._min_kw[here] - EPS_KW)]
        for place in low[np.argsort(-self._kw[low], kind="stable")].tolist():
            lack_kw = float(self._min_kw[place] - self._kw[place])
            wanted_kw = self._wanted_kwh(place) / self._gain_h(place)
            if wanted_kw >= lack_kw and not self._broken(place).any():
                self._change(place, float(self._min_kw[place]))

    def _gain_h(self, place: int) -> float:
        """The energy that a kW there gives the vehicle."""
        vehicle = self._columns.scope.chosen.vehicles[self._powers.places[place][0]]
        return float(self._powers.hours[place]) * vehicle.efficiency

    def _spare_kwh(self, place: int) -> float:
        """What the vehicle could have less after a place, so that only its target lacks it."""
        columns, scope = self._columns, self._columns.scope
        name, _, part = self._powers.places[place]
        if (name, None) not in columns["short"]:
            return 0.0
        spare_kwh = math.inf
        for drive in scope.chosen.drives[name]:
            k = point_before(scope.points[name], drive.depart_s)
            if k > part:
                there = paid(columns, name, k, drive.depart_s)
                kwh = sum(c * self._x[column] for column, c in there)
                spare_kwh = min(spare_kwh, kwh - drive.need_kwh)
        return max(0.0, spare_kwh)

    def _wanted_kwh(self, place: int) -> float:
        """What the vehicle's target lacks, if there is room for it from the end of the visit on."""
        columns, name = self._columns, self._powers.places[place][0]
        if (name, None) not in columns["short"]:
            return 0.0
        wanted_kwh = float(self._x[columns["short"][name, None]])
        most_kwh, energy = columns.most_kwh[name], columns["energy"]
        for level in self._levels_after(place):
            wanted_kwh = min(wanted_kwh, most_kwh[level] - float(self._x[energy[name, level]]))
        return max(0.0, wanted_kwh)

    def _levels_after(self, place: int) -> list[int]:
        """Those of the vehicle from the end of the place's visit on. Within a visit energy moves,
        and nobody asks the columns there."""
        end = int(self._powers.part[self._visit(place)][-1])
        return [k for k in self._columns.levels[self._powers.places[place][0]] if k > end]

    def _change(self, place: int, kw: float) -> bool:
        """Another mean, with the energy afterwards and what the target lacks; False where a charge
        curve does not allow it."""
        columns, name = self._columns, self._powers.places[place][0]
        more_kwh = self._gain_h(place) * (kw - float(self._kw[place]))
        if not self._try({place: kw}):
            return False
        self._x[[columns["energy"][name, k] for k in self._levels_after(place)]] += more_kwh
        short = columns["short"][name, None]
        self._x[short] = max(0.0, float(self._x[short]) - more_kwh)
        return True
