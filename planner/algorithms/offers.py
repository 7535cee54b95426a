"""What one visit could be given at a connector within what the others leave free.

A visit is filled from the cheapest steps, and at once from the first step on where the charge
curve does not let the cheap steps suffice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.algorithms.room import Room
from planner.drafts.curve import Piece, curve, fading_kwh, highest_kw, kw_at
from planner.drafts.draft import SHORTEST_S, Charge, Visit, plugged_at
from planner.drafts.timeline import Socket, Timeline
from planner.snapshot import Connector, Snapshot, Vehicle

_EPS = 1e-6
_FIRST_FITS = 2
"""Beside the connector that is free for longest, so many of its kind are looked at: those first by
name with a gap that is long enough, so that the long gaps are kept for others."""


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
    order: NDArray[np.int64] = field(init=False)
    """Each step's place when they are taken in turn."""

    _fitting: dict[tuple[str, ...], list[list[Connector]]] = field(init=False, default_factory=dict)
    _pieces: dict[str, tuple[Piece, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        wanted = range(self.line.steps) if self.eager else self.line.import_price.round(6)
        object.__setattr__(self, "order", np.argsort(np.argsort(wanted, kind="stable")))

    def fitting(self, vehicle: Vehicle) -> list[list[Connector]]:
        """The controllable connectors with one of the vehicle's plugs, by kind."""
        found = self._fitting.get(vehicle.plugs)
        if found is None:
            kinds: dict[tuple[object, ...], list[Connector]] = {}
            for socket, plugs in self.plugs.items():
                if plugs & set(vehicle.plugs):
                    c = self.connectors[socket]
                    kinds.setdefault((c.min_kw, c.max_kw, c.circuit), []).append(c)
            found = self._fitting[vehicle.plugs] = list(kinds.values())
        return found

    def pieces(self, vehicle: Vehicle) -> tuple[Piece, ...]:
        found = self._pieces.get(vehicle.id)
        if found is None:
            found = self._pieces[vehicle.id] = curve(vehicle)
        return found


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visit has when it begins and wants when it ends; `pieces` are the vehicle's curve."""

    visit: Visit
    vehicle: Vehicle
    pieces: Sequence[Piece]
    energy_kwh: float
    want_kwh: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What a visit could get at a connector; the least `key` is the best."""

    key: tuple[float, bool, float, float, Socket]
    charges: list[Charge]
    reached_kwh: float
    cost: float


@dataclass(frozen=True, slots=True)
class _Window:
    place: Connector
    start_s: float
    end_s: float
    moves: bool


@dataclass(frozen=True, slots=True)
class _Slots:
    """Pieces of steps in order of time; `order` is how they are taken, `kwh` what they hold."""

    start_s: Sequence[float]
    end_s: Sequence[float]
    kw: Sequence[float]
    price: Sequence[float]
    order: NDArray[np.int64]
    kwh: NDArray[np.float64]


def best_offer(site: Site, room: Room, wish: Wish) -> Offer | None:
    """Where the visit gets the most of what it wants: the cheapest place, then the weakest
    connector that will do."""
    found = (_offer(site, room, wish, window) for window in _windows(site, room, wish))
    return min(found, key=lambda o: o.key, default=None)


def _windows(site: Site, room: Room, wish: Wish) -> Iterable[_Window]:
    """The connectors worth a look, each with the time it is free within the visit (law 5)."""
    visit, vehicle = wish.visit, wish.vehicle
    own = plugged_at(vehicle) if visit.first else None
    if own is not None and own not in site.plugs:
        return
    for kind in site.fitting(vehicle):
        need_s = _least_s(wish, kind[0])
        found: dict[bool, list[_Window]] = {False: [], True: []}
        for place in kind:
            if place.key == own:
                end_s = room.free_until(own, visit.end_s)
                yield _Window(place, visit.start_s, end_s, False)
                continue
            moves = own is not None or place.key in site.occupied
            if len(found[moves]) <= _FIRST_FITS:
                window = _Window(place, *room.gap(place.key, visit.start_s, visit.end_s), moves)
                _keep(found[moves], window, need_s)
            if len(found[False]) > _FIRST_FITS:
                break
        yield from found[False]
        yield from found[True]


def _keep(found: list[_Window], window: _Window, need_s: float) -> None:
    """The first windows that are long enough, or else the longest one."""
    length_s = window.end_s - window.start_s
    if length_s >= need_s:
        if found and found[0].end_s - found[0].start_s < need_s:
            found.clear()
        found.append(window)
    elif not found:
        found.append(window)
    elif length_s > found[0].end_s - found[0].start_s:
        found[0] = window


def _least_s(wish: Wish, place: Connector) -> float:
    """What the charging takes at full power."""
    kw = wish.vehicle.efficiency * min(place.max_kw, wish.vehicle.max_charge_kw)
    missing_kwh = wish.want_kwh - wish.energy_kwh
    return min(3600 * missing_kwh / kw if kw > 0 else 0.0, wish.visit.end_s - wish.visit.start_s)


def _offer(site: Site, room: Room, wish: Wish, window: _Window) -> Offer:
    place = window.place
    slots = _slots(site, room, wish.vehicle, window)
    charges, reached, cost = _serve(slots, wish, place.min_kw)
    missing = max(0.0, round(wish.want_kwh - reached, 4))
    key = (missing, window.moves, round(cost, 4), place.max_kw, place.key)
    return Offer(key, charges, reached, cost)


def _slots(site: Site, room: Room, vehicle: Vehicle, window: _Window) -> _Slots:
    """The pieces of steps in which the limits leave at least the connector's minimum."""
    line, place = site.line, window.place
    first = line.step_at(max(window.start_s, 0.0))
    steps = np.arange(first, max(line.step_at(window.end_s - 2e-6) + 1, first))
    start_s = np.maximum(steps * line.step_s, window.start_s)
    end_s = np.minimum((steps + 1) * line.step_s, window.end_s)
    kw = np.minimum(room.free_kw(place.key)[steps], min(place.max_kw, vehicle.max_charge_kw))
    usable = (end_s - start_s >= SHORTEST_S) & (kw > _EPS) & (kw >= place.min_kw)
    steps, start_s, end_s, kw = steps[usable], start_s[usable], end_s[usable], kw[usable]
    order = np.argsort(site.order[steps])
    return _Slots(
        start_s.tolist(),
        end_s.tolist(),
        kw.tolist(),
        line.import_price[steps].tolist(),
        order,
        np.cumsum((kw * (end_s - start_s) / 3600)[order]),
    )


def _serve(slots: _Slots, wish: Wish, min_kw: float) -> tuple[list[Charge], float, float]:
    """The first slots in their order that suffice, else all of them."""
    vehicle, energy_kwh = wish.vehicle, wish.energy_kwh
    fading = max(energy_kwh, fading_kwh(wish.pieces, min_kw))
    want_kwh = min(wish.want_kwh, vehicle.battery_kwh, fading)
    left, used = (want_kwh - energy_kwh) / vehicle.efficiency, 0
    reached, run = energy_kwh, list[tuple[Charge, float]]()
    while reached < want_kwh - _EPS and used < len(slots.order):
        before = float(slots.kwh[used - 1]) if used else 0.0
        used = max(used, int(np.searchsorted(slots.kwh, before + left - _EPS))) + 1
        run, reached = _run(slots, np.sort(slots.order[:used]).tolist(), wish, min_kw, want_kwh)
        left = max((want_kwh - reached) / vehicle.efficiency, 2 * _EPS)
    return [charge for charge, _ in run], reached, sum(c.kwh * price for c, price in run)


def _run(
    slots: _Slots, chosen: Sequence[int], wish: Wish, min_kw: float, want_kwh: float
) -> tuple[list[tuple[Charge, float]], float]:
    """Charges slot after slot as fast as the curve allows until `want_kwh`: charges with prices.

    The last slot is used in part: less than `min_kw` over all of it is `min_kw` for a while.
    """
    run: list[tuple[Charge, float]] = []
    efficiency, energy_kwh = wish.vehicle.efficiency, wish.energy_kwh
    for i in chosen:
        start_s, end_s = slots.start_s[i], slots.end_s[i]
        per_kw = efficiency * (end_s - start_s) / 3600
        highest = highest_kw(wish.pieces, energy_kwh, per_kw)
        kw = min(slots.kw[i], highest, (want_kwh - energy_kwh) / per_kw)
        if kw < min_kw:
            end_s = start_s + (end_s - start_s) * kw / min_kw
            kw = min_kw
        reached = energy_kwh + efficiency * kw * (end_s - start_s) / 3600
        allowed_kw = kw_at(wish.pieces, reached)
        if kw <= _EPS or end_s - start_s < 1e-3 or kw > allowed_kw + _EPS:
            continue
        run.append((Charge(start_s, end_s, kw), slots.price[i]))
        energy_kwh = reached
    return run, energy_kwh
