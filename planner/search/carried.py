"""A vehicle's charging that was found elsewhere, as a filling of the search, kept as drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.drafts.assemble import MISSING_KWH
from planner.drafts.choices import Drive
from planner.drafts.draft import Trace, Visit, at_depot_at_end, charges_of, trace
from planner.search.filling import Filling
from planner.search.instance import Instance
from planner.search.mover import Span
from planner.search.room import Booking


def carried(
    instance: Instance, v: int, drives: Sequence[Drive], visits: Sequence[Visit]
) -> Filling:
    """`visits` charge at usable connectors, each within one of the vehicle's visits to the depot
    between its `drives`."""
    mover = instance.movers[v]
    charges = charges_of(visits).get(instance.names[v], ())
    found = trace(mover.vehicle, drives, charges, instance.line)
    return as_filling(instance, v, drives, instance.spans(mover, drives), visits, found)


def as_filling(
    instance: Instance,
    v: int,
    drives: Sequence[Drive],
    spans: Sequence[Span],
    visits: Sequence[Visit],
    found: Trace,
) -> Filling:
    """The same with the vehicle's `spans` and what its charging leads to."""
    mover = instance.movers[v]
    bookings = [_booking(instance, spans, visit, mover.own) for visit in visits]
    lacks = (drive.need_kwh - energy_kwh for drive, energy_kwh in found.departures)
    short = 0.0
    if at_depot_at_end(mover.vehicle, drives, instance.line):
        short = _lack(mover.target_kwh - found.end_kwh)
    cost = sum(float(b.kwh @ instance.price[b.first : b.end]) for b in bookings)
    return Filling(spans, bookings, sum(map(_lack, lacks)), short, cost)


def _lack(kwh: float) -> float:
    return kwh if kwh > MISSING_KWH else 0.0


def _booking(instance: Instance, spans: Sequence[Span], visit: Visit, own: int | None) -> Booking:
    charges, line = visit.charges, instance.line
    first_s, last_s = charges[0].start_s, charges[-1].end_s
    j = next(i for i, s in enumerate(spans) if s.start_s - 1e-3 <= first_s < s.end_s)
    first, end = line.step_at(first_s), line.step_at(last_s - 1e-3) + 1
    kw, kwh = np.zeros(end - first), np.zeros(end - first)
    for start_s, end_s, power_kw in charges:
        i = line.step_at(start_s) - first
        kw[i] = max(kw[i], power_kw)
        kwh[i] += power_kw * (end_s - start_s) / 3600
    assert visit.socket is not None
    socket = instance.position[visit.socket]
    hold = 0 if spans[j].first and socket == own else first
    return Booking(socket, j, hold, first, kw, kwh, tuple(charges))
