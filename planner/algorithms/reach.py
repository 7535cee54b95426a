"""The most energy that a vehicle could have at a departure, were it alone at the depot."""

from __future__ import annotations

from collections.abc import Sequence

from planner.drafts.choices import Drive
from planner.drafts.curve import curve, fading_kwh, highest_kw
from planner.drafts.draft import may_use, open_visits, sockets_with_plugs
from planner.drafts.timeline import Limit, Timeline
from planner.snapshot import Snapshot, Vehicle


def reach_kwh(
    snapshot: Snapshot, line: Timeline, vehicle: Vehicle, before: Sequence[Drive], drive: Drive
) -> float:
    """Charging at once and as fast as connector, curve and limits allow, after the routes `before`.

    In each visit the best of the connectors counts, so nothing lawful reaches more within steps.
    """
    plugs = sockets_with_plugs(snapshot)
    connectors = {c.key: c for c in snapshot.connectors}
    pieces = curve(vehicle)
    drives = sorted((*before, drive), key=lambda d: d.depart_s)
    events = [(d.return_s, 0, i) for i, d in enumerate(drives) if d is not drive]
    visits = open_visits(vehicle, drives, snapshot, line)
    events += [(v.start_s, 1, i) for i, v in enumerate(visits) if v.end_s <= drive.depart_s]
    energy_kwh = vehicle.energy_kwh
    for _, kind, i in sorted(events):
        if kind == 0:
            energy_kwh = max(0.0, energy_kwh - drives[i].energy_kwh)
            continue
        best = energy_kwh
        for socket in may_use(visits[i], vehicle, plugs):
            socket_min_kw = connectors[socket].min_kw
            above = [x for x in line.limits if socket in x.sockets]
            most_kw = min(connectors[socket].max_kw, vehicle.max_charge_kw)
            full_kwh = max(energy_kwh, fading_kwh(pieces, socket_min_kw))
            reached = energy_kwh
            for a, b, step in line.cut(visits[i].start_s, visits[i].end_s):
                per_kw = vehicle.efficiency * (b - a) / 3600
                kw = min(most_kw, _room_kw(above, step), highest_kw(pieces, reached, per_kw))
                if kw >= min(socket_min_kw, most_kw):
                    reached = min(full_kwh, reached + kw * per_kw)
            best = max(best, reached)
        energy_kwh = best
    return energy_kwh


def _room_kw(limits: Sequence[Limit], step: int) -> float:
    return max(0.0, min(float(x.room_kw[step]) for x in limits))
