"""Who could have the energy for one more route at all: many vehicles judged at once.

Each is given all the power that the limits leave, at whichever connector, beside what it draws
already. Whoever lacks energy even so is turned down by `filling` too, one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from planner.drafts.choices import Drive
from planner.drafts.timeline import Floats
from planner.search.filling import Filling
from planner.search.instance import MARGIN_KWH, Instance
from planner.search.room import Room

_KWH = 2 * MARGIN_KWH + 1e-6
"""So much less than what a departure wants is no lack."""


class Outlook:
    """One row a vehicle: the hours that it is there in each step, and what it draws then."""

    def __init__(self, instance: Instance) -> None:
        movers, shape = instance.movers, (len(instance.movers), instance.line.steps)
        self._instance = instance
        self._hours, self._drawn_kw = np.zeros(shape), np.zeros(shape)
        self._stale = set(range(len(movers)))
        self._best_kw = np.array([m.best_kw for m in movers], dtype=np.float64)
        self._least_kw = np.array([m.least_kw for m in movers], dtype=np.float64)
        kinds: dict[tuple[int, ...], int] = {}
        self._kind = np.array(
            [kinds.setdefault(m.above, len(kinds)) for m in movers], dtype=np.int64
        )
        self._groups = list(kinds)

    def change(self, v: int) -> None:
        """The vehicle's drives or charging are about to change."""
        self._stale.add(v)

    def doomed(
        self,
        room: Room,
        drives: Sequence[Sequence[Drive]],
        fillings: Sequence[Filling | None],
        options: Sequence[tuple[int, Drive]],
    ) -> set[int]:
        """Of vehicles, each with one route more than `drives`, those that would lack energy at a
        departure."""
        for v, _ in options:
            if v in self._stale:
                self._renew(v, drives[v], fillings[v])
        which = np.array([v for v, _ in options], dtype=np.int64)
        kw = self._free_kw(room, which) + self._drawn_kw[which]
        kw = np.minimum(kw, self._best_kw[which, None])
        kw[kw < self._least_kw[which, None]] = 0.0
        hours = self._hours[which]
        total_kwh = np.zeros((len(which), kw.shape[1] + 1))
        np.cumsum(kw * hours, axis=1, out=total_kwh[:, 1:])
        rows = map(
            _Reach,
            repeat(self._instance.line.step_s),
            kw.tolist(),
            hours.tolist(),
            total_kwh.tolist(),
        )
        return {
            v
            for (v, drive), reach in zip(options, rows, strict=False)
            if self._lacks(v, drives[v], drive, reach)
        }

    def _renew(self, v: int, drives: Sequence[Drive], filling: Filling | None) -> None:
        self._stale.discard(v)
        hours, drawn_kw = self._hours[v], self._drawn_kw[v]
        hours[:] = drawn_kw[:] = 0.0
        for span in self._instance.spans(self._instance.movers[v], drives):
            hours[span.first_step : span.end_step] += span.hours
        for b in filling.bookings if filling is not None else ():
            drawn_kw[b.first : b.end] += b.kw

    def _free_kw(self, room: Room, which: NDArray[np.int64]) -> Floats:
        """At most what the limits would leave each vehicle if it drew nothing, less what it draws;
        one row each."""
        instance, kinds = self._instance, self._kind[which]
        kw = np.zeros((len(which), instance.line.steps))
        for kind in set(kinds.tolist()):
            groups = self._groups[kind]
            if groups:
                # Without its own power a limit that is exceeded may leave the fallback as well.
                free = [room.free_at(g) + instance.groups[g].fallback_kw for g in groups]
                kw[kinds == kind] = np.maximum.reduce(free)
        return kw

    def _lacks(self, v: int, mine: Sequence[Drive], drive: Drive, reach: _Reach) -> bool:
        """`mine` are in order of departure. While away with `drive` a vehicle does not charge."""
        line, buffer_s = self._instance.line, self._instance.buffer_s
        vehicle = self._instance.movers[v].vehicle
        charged_kwh = reach.between_kwh(0.0, min(drive.depart_s - buffer_s, line.end_s))
        has_kwh = vehicle.energy_kwh + _KWH
        for d in mine:
            if d.depart_s < drive.depart_s and d.return_s <= line.end_s:
                has_kwh -= d.energy_kwh
        if drive.need_kwh > has_kwh + vehicle.efficiency * charged_kwh:
            return True
        if drive.return_s <= line.end_s:
            has_kwh -= drive.energy_kwh
        for d in mine:
            if d.depart_s > drive.depart_s:
                leave_s = min(d.depart_s - buffer_s, line.end_s)
                then_kwh = charged_kwh + reach.between_kwh(drive.return_s, leave_s)
                if d.need_kwh > has_kwh + vehicle.efficiency * then_kwh:
                    return True
                if d.return_s <= line.end_s:
                    has_kwh -= d.energy_kwh
        return False


class _Reach:
    """What a vehicle could draw at most: `kw` for the `hours` that it is there in each step, in all
    `total_kwh` by the beginning of each."""

    __slots__ = ("_hours", "_kw", "_step_s", "_total_kwh")

    def __init__(
        self,
        step_s: float,
        kw: Sequence[float],
        hours: Sequence[float],
        total_kwh: Sequence[float],
    ) -> None:
        self._step_s, self._kw, self._hours, self._total_kwh = step_s, kw, hours, total_kwh

    def between_kwh(self, start_s: float, end_s: float) -> float:
        """Of a step that is cut off what fits into its part."""
        if end_s <= start_s:
            return 0.0
        first, last = int(start_s // self._step_s), math.ceil(end_s / self._step_s) - 1
        before_h = self._hours[first] - ((first + 1) * self._step_s - start_s) / 3600
        after_h = self._hours[last] - (end_s - last * self._step_s) / 3600
        kwh = self._total_kwh[last + 1] - self._total_kwh[first]
        return kwh - self._kw[first] * max(0.0, before_h) - self._kw[last] * max(0.0, after_h)
