"""One vehicle's charging, visit by visit, within what the others leave free.

For each visit the energy wanted at its end is known, so that the later departures are met too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.algorithms.offers import Site, Wish, best_offer
from planner.algorithms.room import Room
from planner.drafts.choices import Drive
from planner.drafts.draft import Visit, at_depot_at_end, open_visits
from planner.snapshot import Vehicle

_EPS = 1e-6
MARGIN_KWH = 1e-4
"""Asked for above the need at a departure, so that rounding never leaves it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """`missing_kwh` is short at departures, `short_kwh` of the target at the end."""

    visits: list[Visit]
    missing_kwh: float
    short_kwh: float
    cost: float


def fill(
    site: Site, room: Room, vehicle: Vehicle, drives: Sequence[Drive], *, target: bool
) -> Filling:
    """Plans `vehicle` for `drives`; with `target` also for its target at the horizon's end."""
    visits = open_visits(vehicle, drives, site.snapshot, site.line)
    wants, _ = _wants(site, vehicle, drives, visits, target=target)
    return _filled(site, room, vehicle, drives, visits, wants)


def fill_whole(site: Site, room: Room, vehicle: Vehicle, drives: Sequence[Drive]) -> Filling | None:
    """Plans `vehicle` for `drives`, or None as soon as a departure is sure to be short: most tries
    end before the first connector is looked at."""
    visits = open_visits(vehicle, drives, site.snapshot, site.line)
    wants, least_kwh = _wants(site, vehicle, drives, visits, target=False)
    if least_kwh > vehicle.energy_kwh + 2 * MARGIN_KWH:
        return None
    filling = _filled(site, room, vehicle, drives, visits, wants, whole=True)
    return None if filling.missing_kwh > _EPS else filling


def _filled(
    site: Site,
    room: Room,
    vehicle: Vehicle,
    drives: Sequence[Drive],
    visits: list[Visit],
    wants: Sequence[float],
    *,
    whole: bool = False,
) -> Filling:
    """With `whole` it stops at the first departure that is short."""
    pieces = site.pieces(vehicle)
    energy_kwh, missing_kwh, cost = vehicle.energy_kwh, 0.0, 0.0
    events = sorted(
        [(v.start_s, 2, i) for i, v in enumerate(visits)]
        + [(d.return_s, 0, i) for i, d in enumerate(drives) if d.return_s <= site.line.end_s]
        + [(d.depart_s, 1, i) for i, d in enumerate(drives)]
    )
    for _, kind, i in events:
        if kind == 0:
            energy_kwh = max(0.0, energy_kwh - drives[i].energy_kwh)
        elif kind == 1:
            missing_kwh += max(0.0, drives[i].need_kwh - energy_kwh)
            if whole and missing_kwh > _EPS:
                break
        elif wants[i] > energy_kwh + _EPS:
            offer = best_offer(site, room, Wish(visits[i], vehicle, pieces, energy_kwh, wants[i]))
            if offer is not None and offer.charges:
                visits[i].socket, visits[i].charges = offer.key[-1], offer.charges
                energy_kwh, cost = offer.reached_kwh, cost + offer.cost
    short_kwh = 0.0
    if at_depot_at_end(vehicle, drives, site.line):
        short_kwh = max(0.0, vehicle.target_kwh - energy_kwh)
    return Filling(visits=visits, missing_kwh=missing_kwh, short_kwh=short_kwh, cost=cost)


def _wants(
    site: Site,
    vehicle: Vehicle,
    drives: Sequence[Drive],
    visits: Sequence[Visit],
    *,
    target: bool,
) -> tuple[list[float], float]:
    """The energy wanted at the end of each visit, so that the later departures are met too; and at
    the horizon's start, so that they could be at full power."""
    power_kw = max(
        (min(kind[0].max_kw, vehicle.max_charge_kw) for kind in site.fitting(vehicle)), default=0.0
    )
    want = 0.0
    if target and at_depot_at_end(vehicle, drives, site.line):
        want = vehicle.target_kwh
    wants = [0.0] * len(visits)
    events = sorted(
        [(v.end_s, 0, i) for i, v in enumerate(visits)]
        + [(d.depart_s, 1, i) for i, d in enumerate(drives)]
        + [(d.return_s, 2, i) for i, d in enumerate(drives) if d.return_s <= site.line.end_s],
        reverse=True,
    )
    for _, kind, i in events:
        if kind == 0:
            wants[i] = min(want, vehicle.battery_kwh)
            hours = (visits[i].end_s - visits[i].start_s) / 3600
            want = max(0.0, want - vehicle.efficiency * power_kw * hours)
        elif kind == 1:
            want = max(want, drives[i].need_kwh + MARGIN_KWH)
        elif want > 0:
            want += drives[i].energy_kwh
    return wants, want
