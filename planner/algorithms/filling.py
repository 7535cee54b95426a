"""One vehicle's charging, visit by visit, within what the others leave free.

For each visit the energy wanted at its end is known; it is filled from the cheapest steps, and at
once from the first step on where the charge curve does not let the cheap steps suffice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.algorithms.room import Room
from planner.drafts.choices import Drive
from planner.drafts.curve import Piece, curve, fading_kwh, highest_kw, kw_at
from planner.drafts.draft import (
    SHORTEST_S,
    Charge,
    Visit,
    at_depot_at_end,
    may_use,
    open_visits,
    plugged_at,
)
from planner.drafts.timeline import Socket, Timeline
from planner.snapshot import Connector, Snapshot, Vehicle

_EPS = 1e-6
MARGIN_KWH = 1e-4
"""Asked for above the need at a departure, so that rounding never leaves it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What stays the same for all vehicles; `occupied`: where a vehicle is plugged now.

    `eager` charges at once instead of in the cheapest steps, which frees connectors sooner.
    """

    snapshot: Snapshot
    line: Timeline
    plugs: Mapping[Socket, frozenset[str]]
    connectors: Mapping[Socket, Connector]
    occupied: frozenset[Socket]
    eager: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """`missing_kwh` is short at departures, `short_kwh` of the target at the end."""

    visits: list[Visit]
    missing_kwh: float
    short_kwh: float
    cost: float


@dataclass(frozen=True, slots=True)
class _Slot:
    start_s: float
    end_s: float
    kw: float
    price: float

    @property
    def hours(self) -> float:
        return (self.end_s - self.start_s) / 3600


def fill(
    site: Site, room: Room, vehicle: Vehicle, drives: Sequence[Drive], *, target: bool
) -> Filling:
    """Plans `vehicle` for `drives`; with `target` also for its target at the horizon's end."""
    visits = open_visits(vehicle, drives, site.snapshot, site.line)
    wants = _wants(site, vehicle, drives, visits, target=target)
    pieces = curve(vehicle)
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
        elif wants[i] > energy_kwh + _EPS:
            energy_kwh, paid = _best_place(
                site, room, vehicle, pieces, visits[i], energy_kwh, wants[i]
            )
            cost += paid
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
) -> list[float]:
    """The energy wanted at the end of each visit, so that the later departures are met too."""
    power_kw = max(
        (
            min(site.connectors[s].max_kw, vehicle.max_charge_kw)
            for s, kinds in site.plugs.items()
            if kinds & set(vehicle.plugs)
        ),
        default=0.0,
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
    return wants


@dataclass(frozen=True, slots=True)
class _Offer:
    """What `visit` could get at a connector; the least `key` is the best."""

    key: tuple[float, bool, float, float, Socket]
    charges: list[Charge]
    reached_kwh: float
    cost: float


def _best_place(
    site: Site,
    room: Room,
    vehicle: Vehicle,
    pieces: Sequence[Piece],
    visit: Visit,
    energy_kwh: float,
    want_kwh: float,
) -> tuple[float, float]:
    """Charges `visit` where it gets the most of what it wants: the cheapest place, then the
    weakest connector that will do. Returns the energy at the visit's end and what it costs."""
    offers: list[_Offer] = []
    tried: set[tuple[object, ...]] = set()
    for socket in may_use(visit, vehicle, site.plugs):
        own = visit.first and socket == plugged_at(vehicle)
        if own:
            start_s, end_s = visit.start_s, room.free_until(socket, visit.end_s)
        else:
            start_s, end_s = room.gap(socket, visit.start_s, visit.end_s)
        place = site.connectors[socket]
        moves = not own and (
            socket in site.occupied or (visit.first and vehicle.plugged is not None)
        )
        alike = (place.min_kw, place.max_kw, place.circuit, start_s, end_s, moves)
        if alike in tried:
            continue
        tried.add(alike)
        slots = _slots(site, room, vehicle, place, start_s, end_s)
        charges, reached, cost = _serve(
            slots, vehicle, pieces, place.min_kw, energy_kwh, want_kwh, eager=site.eager
        )
        missing = max(0.0, round(want_kwh - reached, 4))
        key = (missing, moves, round(cost, 4), place.max_kw, socket)
        offers.append(_Offer(key, charges, reached, cost))
    best = min(offers, key=lambda o: o.key, default=None)
    if best is None or not best.charges:
        return energy_kwh, 0.0
    visit.socket, visit.charges = best.key[-1], best.charges
    return best.reached_kwh, best.cost


def _slots(
    site: Site, room: Room, vehicle: Vehicle, place: Connector, start_s: float, end_s: float
) -> list[_Slot]:
    """The pieces of steps in which the limits leave at least the connector's minimum."""
    free_kw = room.free_kw(place.key)
    most_kw = min(place.max_kw, vehicle.max_charge_kw)
    slots = []
    for a, b, step in site.line.cut(start_s, end_s):
        kw = min(most_kw, float(free_kw[step]))
        if b - a >= SHORTEST_S and kw > _EPS and kw >= place.min_kw:
            slots.append(_Slot(a, b, kw, float(site.line.import_price[step])))
    return slots


def _serve(
    slots: Sequence[_Slot],
    vehicle: Vehicle,
    pieces: Sequence[Piece],
    min_kw: float,
    energy_kwh: float,
    want_kwh: float,
    *,
    eager: bool,
) -> tuple[list[Charge], float, float]:
    """The cheapest steps that suffice (the first ones if `eager`), else all of them."""
    want_kwh = min(want_kwh, vehicle.battery_kwh, max(energy_kwh, fading_kwh(pieces, min_kw)))
    order = list(range(len(slots)))
    if not eager:
        order.sort(key=lambda i: (round(slots[i].price, 6), slots[i].start_s))
    left, used = (want_kwh - energy_kwh) / vehicle.efficiency, 0
    reached, run = energy_kwh, list[tuple[Charge, float]]()
    while reached < want_kwh - _EPS and used < len(order):
        while used < len(order) and left > _EPS:
            left -= slots[order[used]].kw * slots[order[used]].hours
            used += 1
        chosen = [slots[i] for i in sorted(order[:used])]
        run, reached = _run(chosen, vehicle, pieces, min_kw, energy_kwh, want_kwh)
        left = max((want_kwh - reached) / vehicle.efficiency, 2 * _EPS)
    return [charge for charge, _ in run], reached, sum(c.kwh * price for c, price in run)


def _run(
    slots: Sequence[_Slot],
    vehicle: Vehicle,
    pieces: Sequence[Piece],
    min_kw: float,
    energy_kwh: float,
    want_kwh: float,
) -> tuple[list[tuple[Charge, float]], float]:
    """Charges slot after slot as fast as the curve allows until `want_kwh`: charges with prices.

    The last slot is used in part: less than `min_kw` over all of it is `min_kw` for a while.
    """
    run: list[tuple[Charge, float]] = []
    for slot in slots:
        per_kw = vehicle.efficiency * slot.hours
        kw = min(slot.kw, highest_kw(pieces, energy_kwh, per_kw), (want_kwh - energy_kwh) / per_kw)
        end_s = slot.end_s
        if kw < min_kw:
            end_s = slot.start_s + (slot.end_s - slot.start_s) * kw / min_kw
            kw = min_kw
        reached = energy_kwh + vehicle.efficiency * kw * (end_s - slot.start_s) / 3600
        allowed_kw = kw_at(pieces, reached)
        if kw <= _EPS or end_s - slot.start_s < 1e-3 or kw > allowed_kw + _EPS:
            continue
        run.append((Charge(slot.start_s, end_s, kw), slot.price))
        energy_kwh = reached
    return run, energy_kwh
