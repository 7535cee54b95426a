"""The most energy that a vehicle could have at its departures, under what others leave or alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from planner.drafts.choices import Drive
from planner.drafts.curve import Piece, curve, fading_kwh, highest_kw
from planner.drafts.draft import Draft, Visit, open_visits, plugged_at, usable
from planner.drafts.preference import barred
from planner.drafts.timeline import Barred, Floats, Socket, Timeline
from planner.snapshot import Snapshot, Vehicle

_EPS = 1e-6
LACK_KWH = 1e-3
"""Less is rounding: what a plan may be short of at a departure without telling it."""


@dataclass(frozen=True, slots=True)
class World:
    """What is taken for given: the `power` and the `connectors` that the others' charging leaves,
    or all there are, and what the charger `preference` bars to some visits. `raised` gives some
    limits, by place in the timeline, so many kW more."""

    power: bool = True
    connectors: bool = True
    preference: bool = True
    raised: tuple[tuple[int, float], ...] = ()


AS_PLANNED = World()
ALONE = World(power=False, connectors=False)
ANYHOW = World(power=False, connectors=False, preference=False)
"""Whatever else the vehicle drives: that decides to which visits something is barred."""


@dataclass(frozen=True, slots=True)
class Lack:
    """At the departure of `drive` the vehicle has `has_kwh`, which is `kwh` too little."""

    drive: Drive
    has_kwh: float
    kwh: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """Connectors that differ in name only; `above` are the places of their limits, `barred` says
    that they are among those of `Timeline.barred`."""

    min_kw: float
    max_kw: float
    fallback_kw: float
    plugs: frozenset[str]
    above: tuple[int, ...]
    barred: bool
    sockets: list[Socket]


@dataclass(frozen=True, slots=True)
class _Car:
    """A vehicle whose power is `flat_kw` up to `flat_kwh`: no need to look at the curve there."""

    vehicle: Vehicle
    pieces: Sequence[Piece]
    flat_kwh: float
    flat_kw: float

    @classmethod
    def of(cls, vehicle: Vehicle) -> _Car:
        pieces = curve(vehicle)
        if pieces[0].slope == 0:
            return cls(vehicle, pieces, pieces[0].high_kwh, pieces[0].kw_at_zero)
        return cls(vehicle, pieces, 0.0, vehicle.max_charge_kw)


class _Charging(NamedTuple):
    """A vehicle that comes with `energy_kwh`; more than `enough_kwh` it has no use for."""

    car: _Car
    energy_kwh: float
    enough_kwh: float


class Reach:
    """One draft, for any number of vehicles and drives.

    In each visit a vehicle charges at once and as fast as connector, curve and limits allow, at the
    connector where it gets the most: nothing lawful has more at any departure, but for what fits
    between others within a step, whose powers are added up here.
    """

    def __init__(self, snapshot: Snapshot, line: Timeline, draft: Draft) -> None:
        self._snapshot, self._line, self._draft = snapshot, line, draft
        self._kinds = _kinds(snapshot, line)
        self._hours = np.full(line.steps, line.step_h)
        self._cars: dict[str, _Car] = {}
        self._fits: dict[tuple[tuple[str, ...], float], list[_Kind]] = {}
        self._holds: dict[Socket, list[tuple[float, float, str]]] = {}
        self._visits: dict[str, list[Visit]] = {}
        plugged = {v.id: plugged_at(v) for v in snapshot.vehicles}
        for visit in draft.visits:
            hold = visit.hold(plugged=plugged[visit.vehicle] == visit.socket)
            if hold is not None and visit.socket is not None:
                self._holds.setdefault(visit.socket, []).append((*hold, visit.vehicle))
                self._visits.setdefault(visit.vehicle, []).append(visit)
        for holds in self._holds.values():
            holds.sort()
        self._alone_kw = [limit.room_kw for limit in line.limits]
        battery, taken_kw = snapshot.site.battery, self._taken_kw(draft.visits)
        self._left_kw = [a - t for a, t in zip(self._alone_kw, taken_kw, strict=True)]
        if battery is not None:
            self._alone_kw = [self._alone_kw[0] + battery.max_discharge_kw, *self._alone_kw[1:]]
            if draft.battery_kw is not None:
                self._left_kw[0] = self._left_kw[0] - draft.battery_kw

    def best_kw(self, vehicle: Vehicle) -> float:
        """The most that any controllable connector gives the vehicle."""
        powers = [min(k.max_kw, vehicle.max_charge_kw) for k in self._fitting(vehicle)]
        return max(powers, default=0.0)

    def limits_above(self, vehicle: Vehicle) -> list[int]:
        """The limits over any connector that fits, the site's first."""
        return sorted({i for kind in self._fitting(vehicle) for i in kind.above})

    def lack(self, vehicle: Vehicle, drives: Iterable[Drive], world: World) -> Lack | None:
        """The first departure of `drives` that the vehicle's energy cannot be enough for."""
        car = self._cars.get(vehicle.id) or self._cars.setdefault(vehicle.id, _Car.of(vehicle))
        order = sorted(drives, key=lambda d: (d.depart_s, d.return_s))
        visits = open_visits(vehicle, order, self._snapshot, self._line)
        events = [(d.return_s, 0, i) for i, d in enumerate(order)]
        events += [(v.start_s, 1, i) for i, v in enumerate(visits)]
        events += [(d.depart_s, 2, i) for i, d in enumerate(order)]
        room_kw = self._room_kw(vehicle, world)
        energy_kwh, enough_kwh = vehicle.energy_kwh, _enough_kwh(order)
        for _, event, i in sorted(events):
            if event == 0:
                energy_kwh = max(0.0, energy_kwh - order[i].energy_kwh)
                enough_kwh -= order[i].energy_kwh
            elif event == 1 and energy_kwh < enough_kwh:
                charging = _Charging(car, energy_kwh, enough_kwh)
                bar = barred(self._line, order, visits[i].start_s) if world.preference else None
                energy_kwh = self._after(visits[i], charging, room_kw, world, bar)
            elif event == 2 and order[i].need_kwh - energy_kwh > LACK_KWH:
                return Lack(order[i], energy_kwh, order[i].need_kwh - energy_kwh)
        return None

    def _fitting(self, vehicle: Vehicle) -> list[_Kind]:
        most_kw, plugs = vehicle.max_charge_kw, vehicle.plugs
        found = self._fits.get((plugs, most_kw))
        if found is None:
            found = [k for k in self._kinds if k.plugs & set(plugs) and k.min_kw <= most_kw]
            found.sort(key=lambda k: -k.max_kw)
            self._fits[plugs, most_kw] = found
        return found

    def _taken_kw(self, visits: Iterable[Visit]) -> list[Floats]:
        taken = [np.zeros(self._line.steps) for _ in self._line.limits]
        for visit in visits:
            above = [i for i, x in enumerate(self._line.limits) if visit.socket in x.sockets]
            for charge in visit.charges:
                kw = self._line.beyond_kw(visit.socket, charge.kw)
                for i in above:
                    taken[i][self._line.step_at(charge.start_s)] += kw
        return taken

    def _room_kw(self, vehicle: Vehicle, world: World) -> list[Floats]:
        """What each limit leaves this vehicle, whose own charging is planned anew."""
        room = list(self._left_kw if world.power else self._alone_kw)
        own = self._visits.get(vehicle.id)
        if world.power and own:
            room = [r + t for r, t in zip(room, self._taken_kw(own), strict=True)]
        for i, kw in world.raised:
            room[i] = room[i] + kw
        return room

    def _after(
        self,
        visit: Visit,
        charging: _Charging,
        room_kw: Sequence[Floats],
        world: World,
        bar: Barred | None,
    ) -> float:
        """The energy when the visit ends; `bar` tells what is barred to it."""
        car, energy_kwh, _ = charging
        own = plugged_at(car.vehicle) if visit.first else None
        if own is not None and not any(own in kind.sockets for kind in self._kinds):
            return energy_kwh
        best = energy_kwh
        for kind in self._fitting(car.vehicle):
            # What full power all the time would give: most places need no closer look.
            kwh_a_s = car.vehicle.efficiency * min(kind.max_kw, car.vehicle.max_charge_kw) / 3600
            if energy_kwh + kwh_a_s * (visit.end_s - visit.start_s) <= best:
                continue
            gaps = [(visit.start_s, visit.end_s)]
            if world.connectors:
                gaps = self._gaps(kind, visit)
            room = [room_kw[i] for i in kind.above]
            left_kw = room[0] if len(room) == 1 else np.minimum.reduce(room)
            if kind.fallback_kw:
                left_kw = left_kw + np.where(left_kw < -_EPS, 0.0, kind.fallback_kw)
            kw = np.minimum(kind.max_kw, left_kw)
            if bar is not None and kind.barred:
                kw[bar.steps] = 0.0
            for start_s, end_s in gaps:
                if energy_kwh + kwh_a_s * (end_s - start_s) > best:
                    kwh = self._charged(charging, kw, kind.min_kw, start_s, end_s)
                    best = max(best, kwh)
        return best

    def _gaps(self, kind: _Kind, visit: Visit) -> list[tuple[float, float]]:
        """The times within the visit in which one of the connectors is nobody else's; those that
        lie within another are left out."""
        found: set[tuple[float, float]] = set()
        for socket in kind.sockets:
            at_s = visit.start_s
            for a, b, name in self._holds.get(socket, ()):
                if name == visit.vehicle or b <= at_s or a >= visit.end_s:
                    continue
                if a > at_s:
                    found.add((at_s, a))
                at_s = b
            if at_s <= visit.start_s:
                return [(visit.start_s, visit.end_s)]
            if at_s < visit.end_s:
                found.add((at_s, visit.end_s))
        longest_first = sorted(found, key=lambda g: (g[0] - g[1], g))
        return [
            g
            for i, g in enumerate(longest_first)
            if not any(o[0] <= g[0] and g[1] <= o[1] for o in longest_first[:i])
        ]

    def _charged(
        self, charging: _Charging, kw: Floats, min_kw: float, start_s: float, end_s: float
    ) -> float:
        """The energy after charging whenever `kw`, one value a step, is at least `min_kw`."""
        car, energy_kwh, enough_kwh = charging
        line, efficiency = self._line, car.vehicle.efficiency
        first, last = line.step_at(start_s), line.step_at(end_s - 2 * _EPS) + 1
        if last <= first:
            return energy_kwh
        hours = self._hours[first:last].copy()
        hours[0] -= (start_s - first * line.step_s) / 3600
        hours[-1] -= (last * line.step_s - end_s) / 3600
        kw = np.where(kw[first:last] >= max(min_kw, _EPS), kw[first:last], 0.0)
        flat_kw = car.flat_kw if car.flat_kw >= min_kw else 0.0
        reached = energy_kwh + efficiency * np.cumsum(np.minimum(kw, flat_kw) * hours)
        if reached[-1] <= car.flat_kwh:
            return float(reached[-1])
        at = int(np.searchsorted(reached, car.flat_kwh))
        energy_kwh = float(reached[at - 1]) if at else energy_kwh
        full_kwh = max(energy_kwh, fading_kwh(car.pieces, min_kw))
        for allowed_kw, h in zip(kw[at:].tolist(), hours[at:].tolist(), strict=True):
            if energy_kwh >= min(full_kwh - _EPS, enough_kwh):
                break
            power_kw = min(allowed_kw, highest_kw(car.pieces, energy_kwh, efficiency * h))
            if power_kw >= min_kw:
                energy_kwh = min(full_kwh, energy_kwh + efficiency * power_kw * h)
        return energy_kwh


def _enough_kwh(drives: Sequence[Drive]) -> float:
    """With so much at the start nothing would be lacking at any departure."""
    enough_kwh = driven_kwh = 0.0
    for drive in drives:
        enough_kwh = max(enough_kwh, driven_kwh + drive.need_kwh)
        driven_kwh += drive.energy_kwh
    return enough_kwh


def _kinds(snapshot: Snapshot, line: Timeline) -> list[_Kind]:
    kinds: dict[tuple[float, float, float, frozenset[str], tuple[int, ...], bool], _Kind] = {}
    sockets = line.barred.sockets if line.barred is not None else frozenset[Socket]()
    for c in usable(snapshot):
        above = tuple(i for i, limit in enumerate(line.limits) if c.key in limit.sockets)
        key = (c.min_kw, c.max_kw, c.fallback_kw, frozenset(c.plugs), above, c.key in sockets)
        kinds.setdefault(key, _Kind(*key, [])).sockets.append(c.key)
    return list(kinds.values())
