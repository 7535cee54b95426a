"""The most energy that a vehicle could have at a departure, were it alone at the depot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.drafts.choices import Drive
from planner.drafts.curve import Piece, curve, fading_kwh, highest_kw
from planner.drafts.draft import Visit, open_visits, plugged_at, usable
from planner.drafts.timeline import Timeline
from planner.snapshot import Snapshot, Vehicle


@dataclass(frozen=True, slots=True)
class _Kind:
    """Connectors that differ in name only; `room_kw` is what the limits above leave a step."""

    min_kw: float
    max_kw: float
    plugs: frozenset[str]
    room_kw: Sequence[float]


class Reach:
    """One snapshot, for any number of vehicles and departures."""

    def __init__(self, snapshot: Snapshot, line: Timeline) -> None:
        self._snapshot, self._line = snapshot, line
        self._usable = {c.key for c in usable(snapshot)}
        kinds: dict[tuple[object, ...], _Kind] = {}
        for c in usable(snapshot):
            key = (c.min_kw, c.max_kw, frozenset(c.plugs), c.circuit)
            if key not in kinds:
                rooms = [x.room_kw for x in line.limits if c.key in x.sockets]
                room_kw = np.maximum(np.minimum.reduce(rooms), 0.0).tolist()
                kinds[key] = _Kind(c.min_kw, c.max_kw, frozenset(c.plugs), room_kw)
        self._kinds = list(kinds.values())

    def kwh(self, vehicle: Vehicle, before: Sequence[Drive], drive: Drive) -> float:
        """Charging at once and as fast as connector, curve and limits allow, after the routes
        `before`.

        In each visit the best of the connectors counts, so nothing lawful reaches more within
        steps.
        """
        pieces = curve(vehicle)
        drives = sorted((*before, drive), key=lambda d: d.depart_s)
        events = [(d.return_s, 0, i) for i, d in enumerate(drives) if d is not drive]
        visits = open_visits(vehicle, drives, self._snapshot, self._line)
        events += [(v.start_s, 1, i) for i, v in enumerate(visits) if v.end_s <= drive.depart_s]
        energy_kwh = vehicle.energy_kwh
        for _, kind, i in sorted(events):
            if kind == 0:
                energy_kwh = max(0.0, energy_kwh - drives[i].energy_kwh)
            else:
                energy_kwh = self._after(visits[i], vehicle, pieces, energy_kwh)
        return energy_kwh

    def _after(
        self, visit: Visit, vehicle: Vehicle, pieces: Sequence[Piece], energy_kwh: float
    ) -> float:
        own = plugged_at(vehicle)
        if visit.first and own is not None and own not in self._usable:
            return energy_kwh
        parts = self._line.cut(visit.start_s, visit.end_s)
        best = energy_kwh
        for kind in self._kinds:
            if not kind.plugs & set(vehicle.plugs):
                continue
            most_kw = min(kind.max_kw, vehicle.max_charge_kw)
            full_kwh = max(energy_kwh, fading_kwh(pieces, kind.min_kw))
            reached = energy_kwh
            for a, b, step in parts:
                if reached >= full_kwh:
                    break
                per_kw = vehicle.efficiency * (b - a) / 3600
                kw = min(most_kw, kind.room_kw[step], highest_kw(pieces, reached, per_kw))
                if kw >= min(kind.min_kw, most_kw):
                    reached = min(full_kwh, reached + kw * per_kw)
            best = max(best, reached)
        return best
