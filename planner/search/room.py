"""What is still free at the connectors and under the limits while vehicles are planned in turn.

A connector is held for whole steps, and a step's power is what it draws on the average: what is
given up that way the exact charging finds again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from planner.drafts.draft import Charge
from planner.drafts.timeline import Floats
from planner.search.instance import Instance
from planner.search.mover import Mover, Span

_EPS_KW = 1e-6


class Booking:
    """`kw` and `kwh` over the steps `[first, end)` at a connector, which is held from `hold` on.

    `drawn` is the charging itself where it was found elsewhere; `kw` is then the highest of each
    step.
    """

    __slots__ = ("drawn", "end", "first", "hold", "kw", "kwh", "socket", "span")

    def __init__(
        self,
        socket: int,
        span: int,
        hold: int,
        first: int,
        kw: Floats,
        kwh: Floats,
        drawn: Sequence[Charge] = (),
    ) -> None:
        self.socket, self.span, self.hold, self.first = socket, span, hold, first
        self.end = first + len(kw)
        self.kw, self.kwh, self.drawn = kw, kwh, drawn

    def charges(self, span: Span, step_s: float) -> list[Charge]:
        """In seconds; a step used in part is used next to the step after it where that is used
        too."""
        if self.drawn:
            return list(self.drawn)
        on = np.zeros(len(self.kw) + 2, dtype=np.bool_)
        on[1:-1] = self.kw > 0
        used = np.flatnonzero(on[1:-1] & (self.kwh > 1e-7))
        step = self.first + used
        start_s = np.maximum(span.start_s, step * step_s)
        end_s = np.minimum(span.end_s, (step + 1) * step_s)
        kw = self.kw[used]
        length_s = np.minimum(3600 * self.kwh[used] / kw, end_s - start_s).round(3)
        leads = on[used + 2] & ~on[used]
        start_s = np.where(leads, end_s - length_s, start_s)
        return list(map(Charge, start_s.tolist(), (start_s + length_s).tolist(), kw.tolist()))


class Room:
    def __init__(
        self,
        instance: Instance,
        battery_kw: Floats | None = None,
        peak_kw: float = math.inf,
    ) -> None:
        """`battery_kw` is what the site's battery draws in each step; the import is kept within
        `peak_kw`."""
        line = instance.line
        self._instance = instance
        self.free_kw: list[Floats] = [limit.room_kw.copy() for limit in line.limits]
        if battery_kw is not None:
            self.free_kw[0] -= battery_kw
        self.free_kw[0] -= np.maximum(line.import_limit_kw - peak_kw, 0.0)
        self._full_kw = np.minimum(line.import_limit_kw, peak_kw)
        self.busy = [0] * len(instance.sockets)
        """By connector, the steps in which it is held, as bits."""
        self._holds: list[list[tuple[int, int]]] = [[] for _ in instance.sockets]
        self._free: dict[int, Floats] = {}
        """What is free by `Instance.alike`, until something is booked or released."""
        self._free_for: dict[tuple[tuple[int, ...], float, float], Floats] = {}
        """The same for vehicles that are alike in this."""

    def _change(self, b: Booking, change: np.ufunc) -> None:
        """Of each limit what lies above the fallback that is kept there anyway."""
        group = self._instance.group_of[b.socket]
        fallback_kw = self._instance.groups[group].fallback_kw
        kw = np.maximum(b.kw - fallback_kw, 0.0) if fallback_kw else b.kw
        for i in self._instance.chains[group]:
            free_kw = self.free_kw[i][b.first : b.end]
            change(free_kw, kw, out=free_kw)

    def _forget(self) -> None:
        self._free.clear()
        self._free_for.clear()

    def book(self, bookings: Sequence[Booking]) -> None:
        for b in bookings:
            self._holds[b.socket].append((b.hold, b.end))
            self.busy[b.socket] |= (1 << b.end) - (1 << b.hold)
            self._change(b, np.subtract)
        if bookings:
            self._forget()

    def release(self, bookings: Sequence[Booking]) -> None:
        for b in bookings:
            holds = self._holds[b.socket]
            holds.remove((b.hold, b.end))
            busy = 0
            for hold, end in holds:
                busy |= (1 << end) - (1 << hold)
            self.busy[b.socket] = busy
            self._change(b, np.add)
        if bookings:
            self._forget()

    @contextmanager
    def without(self, bookings: Sequence[Booking]) -> Iterator[None]:
        """As if these were not booked; then as it was, to the last digit and with all that is known
        of it."""
        if not bookings:
            yield
            return
        known = self._free, self._free_for
        free_kw, busy = [kw.copy() for kw in self.free_kw], self.busy.copy()
        holds = [(b.socket, self._holds[b.socket].copy()) for b in bookings]
        self._free, self._free_for = {}, {}
        self.release(bookings)
        try:
            yield
        finally:
            self.free_kw, self.busy = free_kw, busy
            for socket, held in holds:
                self._holds[socket] = held
            self._free, self._free_for = known

    def import_kw(self) -> float:
        """The highest import of the site."""
        return float((self._full_kw - self.free_kw[0]).max())

    def free_at(self, group: int) -> Floats:
        """What the limits above a group leave one of its connectors in each step."""
        alike = self._instance.alike[group]
        free_kw = self._free.get(alike)
        if free_kw is None:
            first, *others = self._instance.chains[group]
            free_kw = self.free_kw[first].copy()
            for i in others:
                np.minimum(free_kw, self.free_kw[i], out=free_kw)
            if fallback_kw := self._instance.groups[group].fallback_kw:
                free_kw[free_kw > -_EPS_KW] += fallback_kw
            self._free[alike] = free_kw
        return free_kw

    def free_for(self, mover: Mover, own: Sequence[Booking] = ()) -> Floats:
        """At most what a vehicle could draw in each step if every connector were free and `own`
        were not booked."""
        if not mover.above:
            return np.zeros(self._instance.line.steps)
        key = mover.above, mover.best_kw, mover.least_kw
        found = None if own else self._free_for.get(key)
        if found is None:
            found = functools.reduce(np.maximum, map(self.free_at, mover.above)).copy()
            for b in own:
                found[b.first : b.end] += b.kw
            np.minimum(found, mover.best_kw, out=found)
            found *= found >= mover.least_kw
            if not own:
                self._free_for[key] = found
        return found

    def gap(self, socket: int, first: int, end: int) -> tuple[int, int]:
        """The longest run of steps within `[first, end)` in which nobody holds the connector."""
        length = end - first
        free = ~(self.busy[socket] >> first) & ((1 << length) - 1)
        # As text, the first step first: split and searched in a tenth of the time of shifting.
        bits = bin(free)[:1:-1]
        run = max(bits.split("0"))
        start = first + bits.index(run)
        return start, start + len(run)
