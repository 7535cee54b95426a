"""What vehicles of one load would do at given prices: routes and charging, each for itself.

A dynamic program over steps and levels of energy, for all vehicles of a load at once. Its optimum
is never above the cheapest lawful journey at these prices:

- A vehicle may charge all of a step in which it leaves, returns or becomes free.
- Levels lie `unit_kwh` apart, on a grid through what the vehicle has. Drops, needs and targets are
  rounded down to it, capacities and a step's most up. With these, and energy that may be thrown
  away, charging for given routes is a flow with whole numbers on its arcs, so that no split of a
  level is cheaper. More energy is never worse, for no price is negative: nothing need be thrown.
- Shifts, incompatible routes, most routes a vehicle, curves and minimum powers are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.drafts.options import Drive
from planner.drafts.timeline import Floats, Timeline
from planner.snapshot import Vehicle

LEVELS: Final = 300
"""Of the largest battery. Twenty vehicles and 30 routes of a mixed fleet are bounded at 381.4 with
200 and at 384.4 with 1000, which takes twice as long."""

_EPS: Final = 1e-9
_SAME: Final = 1e-12

Ints = NDArray[np.int64]


class Journey(NamedTuple):
    """Positions of routes; kWh drawn at the connector by step; what lacks at the end."""

    routes: tuple[int, ...]
    drawn_kwh: Mapping[int, float]
    short_kwh: float


@dataclass(frozen=True, slots=True)
class _Arc:
    """A route for the vehicles `which`: from level `need` on, `drop` levels lower at step `back`;
    None where it returns at the end or later."""

    route: int
    which: Ints
    need: Ints
    drop: Ints
    back: int | None


class Journeys:
    """For vehicles of the same highest power, `most_kw`. Raises ValueError where a vehicle could
    leave twice in one step."""

    def __init__(
        self,
        members: Sequence[Vehicle],
        routes: Sequence[Sequence[Drive]],
        line: Timeline,
        most_kw: float,
        gap_s: float,
    ) -> None:
        self._steps, self._resting = line.steps, int(gap_s // line.step_s)
        self._gain = max(v.efficiency for v in members)
        self._unit_kwh = max(v.battery_kwh for v in members) / LEVELS
        unit = self._unit_kwh
        energy = np.array([v.energy_kwh for v in members])
        self._first = np.floor(energy / unit).astype(np.int64) + 1
        self._base_kwh = energy - self._first * unit
        self._full = self._up(np.array([v.battery_kwh for v in members]) - self._base_kwh)
        target = self._down(np.array([v.target_kwh for v in members]) - self._base_kwh)
        frees = [line.step_at(line.seconds(v.available_from)) for v in members]
        self._start = np.clip(frees, 0, line.steps)
        self._target = np.where(self._start < line.steps, target, 0)
        self._level = np.arange(int(max(self._full.max(), self._first.max())) + 1)
        self._most = math.ceil(most_kw * line.step_h * self._gain / unit - _EPS)
        self._arcs: list[list[_Arc]] = [[] for _ in range(line.steps)]
        position = {v.id: i for i, v in enumerate(members)}
        for number, options in enumerate(routes):
            self._arc(number, options, position, line)

    def __len__(self) -> int:
        return len(self._first)

    def _up(self, kwh: Floats) -> Ints:
        return np.ceil(kwh / self._unit_kwh - _EPS).astype(np.int64)

    def _down(self, kwh: Floats) -> Ints:
        return np.maximum(np.floor(kwh / self._unit_kwh + _EPS), 0).astype(np.int64)

    def _arc(
        self, number: int, options: Sequence[Drive], position: Mapping[str, int], line: Timeline
    ) -> None:
        own = sorted((position[d.vehicle], d) for d in options if d.vehicle in position)
        if not own:
            return
        which = np.array([i for i, _ in own])
        leaves, back = line.step_at(own[0][1].depart_s), line.step_at(own[0][1].return_s)
        if back + self._resting <= leaves:
            raise ValueError("a vehicle could leave twice in one step")
        need = self._down(np.array([d.need_kwh for _, d in own]) - self._base_kwh[which])
        drop = self._down(np.array([d.energy_kwh for _, d in own]))
        arc = _Arc(number, which, need, drop, back if back < self._steps else None)
        self._arcs[leaves].append(arc)

    def best(self, prices: Floats, rewards: Floats, short_price: float) -> Floats:
        """What the cheapest journey of each vehicle costs: `prices` of a kWh at the connector by
        step, `rewards` for driving by route, `short_price` of a kWh that lacks at the end."""
        self._unit_price = np.maximum(prices, 0.0) * self._unit_kwh / self._gain
        self._rewards, self._after = rewards, dict[int, Floats]()
        full = self._level[None, :] > self._full[:, None]
        lacking = np.maximum(self._target[:, None] - self._level[None, :], 0) * self._unit_kwh
        self._value = [np.where(full, np.inf, max(short_price, 0.0) * lacking)] * (self._steps + 1)
        self._leaving: list[Floats] = [self._value[-1]] * self._steps
        for step in range(self._steps - 1, -1, -1):
            self._leaving[step] = self._leave(step)
            self._value[step] = self._charge(self._leaving[step], step)
        found = [self._value[s][i, self._first[i]] for i, s in enumerate(self._start)]
        return np.array(found)

    def _leave(self, step: int) -> Floats:
        """By vehicle and level after charging in `step`: to stay, or the best route to leave on."""
        value = self._value[step + 1].copy()
        for arc in self._arcs[step]:
            then = np.zeros((len(arc.which), len(self._level)))
            if arc.back is not None:
                level = self._level[None, :] - arc.drop[:, None]
                returned = np.take_along_axis(
                    self._returned(arc.back)[arc.which], np.maximum(level, 0), 1
                )
                then = np.where(level >= 0, returned, np.inf)
            able = self._level[None, :] >= arc.need[:, None]
            then = np.where(able, then - self._rewards[arc.route], np.inf)
            value[arc.which] = np.minimum(value[arc.which], then)
        value[self._level[None, :] > self._full[:, None]] = np.inf
        return value

    def _returned(self, step: int) -> Floats:
        """By vehicle and level on return: it rests, but may charge."""
        if step not in self._after:
            ready = min(step + self._resting, self._steps)
            value = self._value[ready]
            for at in range(ready - 1, step - 1, -1):
                value = self._charge(value, at)
            self._after[step] = value
        return self._after[step]

    def _charge(self, value: Floats, step: int) -> Floats:
        """The cheapest way to up to `_most` levels more: a sliding minimum by wider windows."""
        price = self._unit_price[step] * self._level
        best = np.pad(value + price, ((0, 0), (0, self._most)), constant_values=np.inf)
        width = 1
        while width <= self._most:
            shift = min(width, self._most + 1 - width)
            best[:, :-shift] = np.minimum(best[:, :-shift], best[:, shift:])
            width += shift
        charged: Floats = best[:, : len(self._level)] - price
        return charged

    def journey(self, vehicle: int) -> Journey:
        """The cheapest of a vehicle at the prices that `best` was last asked for."""
        step, level, ready = int(self._start[vehicle]), int(self._first[vehicle]), 0
        routes: list[int] = []
        drawn: dict[int, float] = {}
        while step < self._steps:
            value = self._leaving[step] if step >= ready else self._rested(step + 1, ready)
            raised = self._raised(value[vehicle], level, step)
            if raised > level:
                drawn[step] = (raised - level) * self._unit_kwh / self._gain
            level = raised
            arc = self._taken(vehicle, level, step) if step >= ready else None
            if arc is None:
                step += 1
                continue
            routes.append(arc.route)
            if arc.back is None:
                return Journey(tuple(routes), drawn, 0.0)
            level -= int(arc.drop[arc.which.searchsorted(vehicle)])
            step, ready = arc.back, min(arc.back + self._resting, self._steps)
        lacking = max(0, int(self._target[vehicle]) - level) * self._unit_kwh
        return Journey(tuple(routes), drawn, lacking)

    def _rested(self, step: int, ready: int) -> Floats:
        value = self._value[ready]
        for at in range(ready - 1, step - 1, -1):
            value = self._charge(value, at)
        return value

    def _raised(self, value: Floats, level: int, step: int) -> int:
        """The level to charge to."""
        reach = value[level : level + self._most + 1]
        costs = reach + self._unit_price[step] * np.arange(len(reach))
        return level + int(costs.argmin())

    def _taken(self, vehicle: int, level: int, step: int) -> _Arc | None:
        """The route that it leaves on, if that is better than to stay."""
        best, found = float(self._value[step + 1][vehicle, level]), None
        for arc in self._arcs[step]:
            i = int(arc.which.searchsorted(vehicle))
            if i == len(arc.which) or arc.which[i] != vehicle or level < arc.need[i]:
                continue
            left = level - int(arc.drop[i])
            if arc.back is not None and left < 0:
                continue
            then = 0.0 if arc.back is None else float(self._returned(arc.back)[vehicle, left])
            if then - self._rewards[arc.route] < best - _SAME:
                best, found = then - float(self._rewards[arc.route]), arc
        return found
