"""Which of a vehicle's steps charge, and how much: the cheapest that meet each need in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.drafts.choices import Drive
from planner.drafts.curve import highest_kw, kw_at
from planner.drafts.timeline import Floats
from planner.search.instance import MARGIN_KWH, Instance
from planner.search.mover import Check, Mover, Span
from planner.search.room import Booking
from planner.search.windows import Taste, Window

_EPS = 1e-6
_sum = np.add.reduce
_ROUNDS = 12
"""So often steps are added where the charge curve keeps those taken from sufficing."""


class Taking:
    """The steps of all windows in one row, and what is taken of them."""

    def __init__(
        self,
        instance: Instance,
        mover: Mover,
        drives: Sequence[Drive],
        spans: Sequence[Span],
        windows: Sequence[Window],
        taste: Taste,
    ) -> None:
        self._instance, self._mover, self._windows = instance, mover, windows
        self._taste = taste
        self._edges = [0]
        self._ends = [0] * (len(spans) + 1)
        """How many positions the spans before each one have."""
        by_span = {w.span: w for w in windows}
        for j in range(len(spans)):
            w = by_span.get(j)
            if w is not None:
                self._edges.append(self._edges[-1] + len(w.kwh))
            self._ends[j + 1] = self._edges[-1]
        if windows:
            self._kwh = np.concatenate([w.kwh for w in windows])
            ranks = [instance.rank[w.first : w.end] for w in windows]
            self._price = np.concatenate([instance.price[w.first : w.end] for w in windows])
            rank = np.arange(len(self._kwh)) if taste.eager else np.concatenate(ranks)
        else:
            self._kwh = self._price = np.zeros(0)
            rank = np.zeros(0, dtype=np.int64)
        self._order = self._owed_order = np.argsort(rank, kind="stable")
        """Which positions are taken first; for what is owed at the end perhaps fewer."""
        if taste.sparing and windows:
            full = self._kwh >= self._step_kwh() - _EPS
            self._owed_order = self._order[full[self._order]]
            self._order = np.concatenate((self._owed_order, self._order[~full[self._order]]))
        self._took = np.zeros(len(self._kwh))
        self._returns = sorted((d.return_s, d.energy_kwh) for d in drives)
        self._starts_s = [spans[w.span].start_s for w in windows]
        self._needs: list[float] = []

    def take(self, checks: Sequence[Check], needs: Sequence[float]) -> None:
        """A vehicle that comes home empty has drawn less than its route takes (law 4)."""
        vehicle, drawn, lifted = self._mover.vehicle, 0.0, 0.0
        for check, need in zip(checks, needs, strict=True):
            end = self._ends[check.spans]
            self._needs.append(need - lifted)
            if not check.due and not self._taste.target:
                continue
            order = self._order if check.due else self._owed_order
            lack = self._add(end, self._needs[-1] / vehicle.efficiency, order)
            if lack > 0 and check.due:
                charged = vehicle.efficiency * float(_sum(self._took[:end]))
                lift = check.draws_kwh - (vehicle.energy_kwh + charged - drawn)
                if lift > 0:
                    lifted += lift
                    drawn -= lift
            drawn += check.draws_kwh

    def _step_kwh(self) -> Floats:
        """What each position would give if the vehicle were there for the whole step."""
        kwh: Floats = np.concatenate([w.kw for w in self._windows]) * self._instance.line.step_h
        return kwh

    def _add(self, end: int, kwh: float, order: NDArray[np.int64]) -> float:
        """Takes until the positions before `end` hold `kwh`; returns what is still lacking."""
        took = self._took
        lack = kwh - float(_sum(took[:end]))
        if lack <= 0:
            return 0.0
        order = order if end == len(took) else order[order < end]
        if not len(order):
            return lack
        left = self._kwh[order] - took[order]
        total = left.cumsum()
        if total[-1] <= lack:
            took[order] = self._kwh[order]
            return lack - float(total[-1])
        p = int(total.searchsorted(lack - 1e-9))
        took[order[:p]] = self._kwh[order[:p]]
        took[order[p]] += lack - (float(total[p - 1]) if p else 0.0)
        return 0.0

    def settle(self, checks: Sequence[Check]) -> tuple[float, float]:
        """Holds the charge curve, draws scarce visits together; what is then missing."""
        if self._fades():
            self._bend(checks)
        else:
            self._gather()
        efficiency, missing, short = self._mover.vehicle.efficiency, 0.0, 0.0
        for check, need in zip(checks, self._needs, strict=True):
            lack = need - efficiency * float(_sum(self._took[: self._ends[check.spans]]))
            if check.due:
                missing += max(0.0, lack - 2 * MARGIN_KWH)
            else:
                short = max(0.0, lack - _EPS)
        return missing, short

    def _fades(self) -> bool:
        """Whether the energy rises above where the curve allows full power."""
        efficiency, energy_kwh, back = (
            self._mover.vehicle.efficiency,
            self._mover.vehicle.energy_kwh,
            0,
        )
        for i, w in enumerate(self._windows):
            energy_kwh, back = self._home(energy_kwh, back, i)
            kwh = float(_sum(self._took[self._edges[i] : self._edges[i + 1]]))
            energy_kwh += efficiency * kwh
            if kwh > 0 and energy_kwh > w.fit.flat_kwh + _EPS:
                return True
        return False

    def _home(self, energy_kwh: float, back: int, i: int) -> tuple[float, int]:
        """The energy when window `i` begins, and how many routes have returned by then."""
        while back < len(self._returns) and self._returns[back][0] <= self._starts_s[i] + _EPS:
            energy_kwh = max(0.0, energy_kwh - self._returns[back][1])
            back += 1
        return energy_kwh, back

    def _bend(self, checks: Sequence[Check]) -> None:
        """Charges step after step as the curve allows; more steps are taken until that suffices."""
        efficiency = self._mover.vehicle.efficiency
        wish = self._took.copy()
        for _ in range(_ROUNDS):
            self._took = self._bent(wish)
            lacking = False
            for check, need in zip(checks, self._needs, strict=True):
                if not check.due and not self._taste.target:
                    continue
                end = self._ends[check.spans]
                lack = need / efficiency - float(self._took[:end].sum())
                if lack > 1e-5:
                    order = self._order if check.due else self._owed_order
                    order = order[order < end]
                    left = self._kwh[order] - wish[order]
                    more = order[left > _EPS]
                    if len(more):
                        total = np.cumsum(self._kwh[more] - wish[more])
                        p = int(np.searchsorted(total, lack)) + 1
                        wish[more[:p]] = self._kwh[more[:p]]
                        lacking = True
            if not lacking:
                break

    def _bent(self, wish: Floats) -> Floats:
        mover, real = self._mover, wish.copy()
        efficiency, energy_kwh, back = mover.vehicle.efficiency, mover.vehicle.energy_kwh, 0
        for i, w in enumerate(self._windows):
            energy_kwh, back = self._home(energy_kwh, back, i)
            a, fit = self._edges[i], w.fit
            own = wish[a : self._edges[i + 1]]
            used = (own > _EPS).nonzero()[0]
            for p, kwh in zip(used.tolist(), own[used].tolist(), strict=True):
                reached = energy_kwh + efficiency * kwh
                if reached <= fit.flat_kwh:
                    energy_kwh = reached
                    continue
                hours = float(w.kwh[p] / w.kw[p])
                per_kw = efficiency * hours
                kw = min(kwh / hours, highest_kw(mover.pieces, energy_kwh, per_kw))
                kw = min(kw, max(0.0, fit.full_kwh - energy_kwh) / per_kw)
                # Less than the minimum is the minimum for a while, also at the end of it.
                reached = energy_kwh + kw * per_kw
                if kw <= _EPS or kw < fit.min_kw > kw_at(mover.pieces, reached):
                    real[a + p] = 0.0
                    continue
                real[a + p] = kw * hours
                energy_kwh = reached
        return real

    def _gather(self) -> None:
        """The cheapest unbroken run of steps for what a visit takes, where that is worth it."""
        for i, w in enumerate(self._windows):
            if not self._instance.scarce[w.fit.group]:
                continue
            a, b = self._edges[i], self._edges[i + 1]
            took = self._took[a:b]
            used = took.nonzero()[0]
            if len(used) < 2 or used[-1] - used[0] + 1 == len(used):
                continue
            price, kwh, want = self._price[a:b], self._kwh[a:b], float(took.sum())
            per_step = self._taste.hour_cost * self._instance.line.step_h
            cost = float(took @ price) + per_step * float(used[-1] + 1 - (0 if w.own else used[0]))
            found = _cheapest_run(kwh, price, want, per_step, held=w.own)
            if found is not None and found[0] < cost - 1e-9:
                first, end = found[1], found[2]
                took[:] = 0.0
                took[first:end] = kwh[first:end]
                took[end - 1] -= float(took.sum()) - want

    def cost(self) -> float:
        return float(self._took @ self._price)

    def bookings(self) -> list[Booking]:
        found = []
        for i, w in enumerate(self._windows):
            a, b = self._edges[i], self._edges[i + 1]
            used = (self._took[a:b] > 1e-7).nonzero()[0]
            if not len(used):
                continue
            first, end = int(used[0]), int(used[-1]) + 1
            kwh = self._took[a + first : a + end].copy()
            full_kwh, full_kw = w.kwh[first:end], w.kw[first:end]
            kw = np.divide(full_kw * kwh, full_kwh, out=np.zeros(len(kwh)), where=full_kwh > 0)
            if w.fit.min_kw > 0:
                kw[(kw > 0) & (kw < w.fit.min_kw)] = w.fit.min_kw
            hold = 0 if w.own else w.first + first
            found.append(Booking(w.socket, w.span, hold, w.first + first, kw, kwh))
        return found


def _cheapest_run(
    kwh: Floats, price: Floats, want: float, per_step: float, *, held: bool
) -> tuple[float, int, int] | None:
    """The unbroken run that holds `want`: its cost, first step and end. `held` counts the steps
    from the window's beginning on."""
    total = np.concatenate(([0.0], np.cumsum(kwh)))
    paid = np.concatenate(([0.0], np.cumsum(kwh * price)))
    starts = np.flatnonzero(kwh > _EPS)
    ends = np.searchsorted(total, total[starts] + want - 1e-9)
    good = ends < len(total)
    starts, ends = starts[good], ends[good]
    if not len(starts):
        return None
    over = total[ends] - total[starts] - want
    length = ends if held else ends - starts
    cost = paid[ends] - paid[starts] - over * price[ends - 1] + per_step * length
    best = int(np.argmin(cost))
    return float(cost[best]), int(starts[best]), int(ends[best])
