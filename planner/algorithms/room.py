"""What is still free at the connectors and under the limits while vehicles are planned in turn.

A charge counts for the whole of its step: a little more than it takes, and never too little.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

import numpy as np

from planner.drafts.draft import Visit
from planner.drafts.timeline import Floats, Socket, Timeline


class Room:
    """Bookings of connectors (intervals in seconds) and of power (kW a step under each limit)."""

    def __init__(self, line: Timeline, sockets: Sequence[Socket]) -> None:
        self._line = line
        self._free_kw = [limit.room_kw.copy() for limit in line.limits]
        self._above = {
            s: tuple(i for i, limit in enumerate(line.limits) if s in limit.sockets)
            for s in sockets
        }
        self._holds: dict[Socket, list[tuple[float, float]]] = {s: [] for s in sockets}
        self._lowest: dict[tuple[int, ...], Floats] = {}

    def book(self, visits: Sequence[Visit], *, plugged: Socket | None) -> None:
        self._change(visits, plugged, 1.0)

    def release(self, visits: Sequence[Visit], *, plugged: Socket | None) -> None:
        self._change(visits, plugged, -1.0)

    def _change(self, visits: Sequence[Visit], plugged: Socket | None, sign: float) -> None:
        for visit in visits:
            hold = visit.hold(plugged=plugged is not None and visit.first)
            if hold is None or visit.socket is None:
                continue
            if sign > 0:
                insort(self._holds[visit.socket], hold)
            else:
                self._holds[visit.socket].remove(hold)
            self._lowest.clear()
            for charge in visit.charges:
                step = self._line.step_at(charge.start_s)
                for i in self._above[visit.socket]:
                    self._free_kw[i][step] -= sign * charge.kw

    def free_kw(self, socket: Socket) -> Floats:
        """What the limits above `socket` leave in each step; never negative."""
        above = self._above[socket]
        lowest = self._lowest.get(above)
        if lowest is None:
            rows = [self._free_kw[i] for i in above]
            lowest = self._lowest[above] = np.maximum(np.minimum.reduce(rows), 0.0)
        return lowest

    def gap(self, socket: Socket, start_s: float, end_s: float) -> tuple[float, float]:
        """The longest time within `[start_s, end_s)` in which nobody holds `socket`."""
        best, at_s = (start_s, start_s), start_s
        if not self._holds[socket]:
            return start_s, end_s
        for a, b in (*self._holds[socket], (end_s, end_s)):
            until = min(a, end_s)
            if until - at_s > best[1] - best[0]:
                best = (at_s, until)
            at_s = max(at_s, b)
        return best

    def free_until(self, socket: Socket, end_s: float) -> float:
        """Until when nobody holds `socket`, from the horizon's start on."""
        return min((*(a for a, _ in self._holds[socket]), end_s))
