"""One snapshot as numbers and positions: what thousands of small decisions look up.

Vehicles, routes, connectors ("sockets") and groups of like connectors are positions in lists; times
are seconds after `taken_at`, and steps are counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.constraints import ABOUT_ROUTES, swaps
from planner.drafts.choices import Choices, Drive, lawful, most_drivers, remembered
from planner.drafts.curve import Piece, curve, fading_kwh
from planner.drafts.draft import SHORTEST_S, plugged_at
from planner.drafts.options import Options
from planner.drafts.preference import barred
from planner.drafts.timeline import Floats, Socket, Timeline
from planner.linear.scope import Group, groups_of
from planner.search.mover import Charging, Check, Duty, Fit, Mover, Span
from planner.snapshot import Snapshot, Vehicle

SWAP_COST = 0.01
"""A change against the plan in force, in money: what law 10 counts as none."""

_EPS = 1e-6
MARGIN_KWH = 1e-4
"""Asked for above the need at a departure, so that rounding never leaves it short."""


Wants = tuple[NDArray[np.int64], Floats, Floats]
"""Of a route's options, in their order: the vehicles, what the route takes of each, and what each
must have at departure, in kWh."""


class Instance:
    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices) -> None:
        self.snapshot, self.line, self.chosen = snapshot, line, chosen
        self.groups: tuple[Group, ...] = groups_of(snapshot, line)
        self.sockets: list[Socket] = [s for g in self.groups for s in g.sockets]
        self.position = {s: i for i, s in enumerate(self.sockets)}
        self.group_of = [i for i, g in enumerate(self.groups) for _ in g.sockets]
        self.members = [tuple(self.position[s] for s in g.sockets) for g in self.groups]
        self.chains = [g.limits for g in self.groups]
        above = [(g.limits, g.fallback_kw) for g in self.groups]
        self.alike = [above.index(a) for a in above]
        """By group, the first one for which the limits leave as much."""
        plugged = {plugged_at(v) for v in snapshot.vehicles}
        self.occupied = [s in plugged for s in self.sockets]
        self._hours = np.full(line.steps, line.step_h)
        self._spans: dict[tuple[float, float, bool, bool], Span] = {}
        self.names = list(chosen.vehicles)
        self.vehicle = {name: v for v, name in enumerate(self.names)}
        self.stays = snapshot.previous.stays if snapshot.previous else ()
        self._places = self._places_before()
        self._charging: dict[Hashable, Charging] = {}
        self.movers = [self._mover(v) for v in chosen.vehicles.values()]
        self.scarce = self._scarce()
        self.price = _marginal_price(line)
        self.cheapest = float(self.price.min())
        self.rank: NDArray[np.int64] = np.argsort(np.argsort(self.price.round(6), kind="stable"))
        self.buffer_s = snapshot.rules.departure_buffer_minutes * 60
        self.routes = [r.id for r in chosen.routes]
        self.priority = [r.priority for r in chosen.routes]
        number = {r: i for i, r in enumerate(self.routes)}
        possible = chosen.options
        self.options: list[Sequence[Drive]] = [possible[r] for r in self.routes]
        """By route, as each vehicle that can would drive it, in the order of `names`."""
        self._wants: dict[int, Wants] = {}
        self.number = number
        before = snapshot.previous.allocations if snapshot.previous else ()
        self.before = {a.route: a.vehicle for a in before}
        self.remembered = remembered(snapshot)
        self.swap_cost = SWAP_COST if swaps.price(snapshot) > 0 else 0.0
        self.most_drivers = most_drivers(snapshot)
        self.wishes = [rule for rule in ABOUT_ROUTES if rule.applies(snapshot)]
        self.hopeless = sum(
            p for r, p in zip(self.routes, self.priority, strict=True) if r in chosen.hopeless
        )

    def wants(self, route: int) -> Wants:
        found = self._wants.get(route)
        if found is None:
            options = self.options[route]
            if isinstance(options, Options):
                return options.which, options.energy_kwh, options.need_kwh
            found = self._wants[route] = (
                np.array([self.vehicle[d.vehicle] for d in options], dtype=np.int64),
                np.array([d.energy_kwh for d in options], dtype=np.float64),
                np.array([d.need_kwh for d in options], dtype=np.float64),
            )
        return found

    def lawful(self, drives: Sequence[Drive]) -> bool:
        """Whether one vehicle may drive all, given in order of departure."""
        return lawful(drives, self.snapshot.rules)

    def _mover(self, vehicle: Vehicle) -> Mover:
        kind = vehicle.plugs, vehicle.max_charge_kw, vehicle.battery_kwh, vehicle.charge_curve
        charging = self._charging.get(kind)
        if charging is None:
            charging = self._charging[kind] = self._charging_of(vehicle)
        own = plugged_at(vehicle)
        return Mover(
            vehicle=vehicle,
            energy_kwh=vehicle.energy_kwh,
            target_kwh=vehicle.target_kwh,
            free_s=max(0.0, self.line.seconds(vehicle.available_from)),
            own=self.position.get(own) if own is not None else None,
            stuck=own is not None and own not in self.position,
            places=tuple(sorted(self._places.get(vehicle.id, ()))),
            **charging,
        )

    def _charging_of(self, vehicle: Vehicle) -> Charging:
        pieces = curve(vehicle)
        fits = []
        for i, group in enumerate(self.groups):
            most_kw = min(group.max_kw, vehicle.max_charge_kw)
            if group.plugs & set(vehicle.plugs) and group.min_kw <= most_kw and most_kw > _EPS:
                flat = _flat_kwh(pieces, most_kw)
                full = fading_kwh(pieces, group.min_kw)
                least_kw = max(group.min_kw, _EPS)
                fits.append(Fit(i, group.min_kw, least_kw, most_kw, flat, full))
        return Charging(
            fits=(self._weakest_first(fits), self._weakest_first(reversed(fits))),
            pieces=pieces,
            best_kw=max((f.most_kw for f in fits), default=0.0),
            least_kw=min((f.least_kw for f in fits), default=0.0),
            above=tuple(sorted({self.alike[f.group] for f in fits})),
        )

    def _places_before(self) -> dict[str, list[tuple[float, float, int]]]:
        """Stays at connectors that may not be planned with count for nothing."""
        found: dict[str, list[tuple[float, float, int]]] = {}
        for stay in self.stays:
            if stay.key in self.position:
                start_s, end_s = self.line.seconds(stay.start), self.line.seconds(stay.end)
                place = start_s, end_s, self.position[stay.key]
                found.setdefault(stay.vehicle, []).append(place)
        return found

    def _weakest_first(self, fits: Iterable[Fit]) -> tuple[Fit, ...]:
        return tuple(sorted(fits, key=lambda f: (f.most_kw, self.groups[f.group].max_kw)))

    def _scarce(self) -> list[bool]:
        """Groups for which more vehicles may ask than there are connectors."""
        users = [0] * len(self.groups)
        for mover in self.movers:
            for fit in mover.fits[0]:
                users[fit.group] += 1
        return [n > len(g.sockets) for n, g in zip(users, self.groups, strict=True)]

    def duty(self, mover: Mover, drives: Sequence[Drive]) -> Duty:
        spans = self.spans(mover, drives)
        return Duty(drives, spans, self.checks(mover, drives, spans))

    def spans(self, mover: Mover, drives: Sequence[Drive]) -> list[Span]:
        """The vehicle's visits within the horizon, in order (law 5); `drives` are by departure."""
        found, at_s, first, end_s = [], mover.free_s, True, self.line.end_s
        for drive in drives:
            leave_s = min(drive.depart_s - self.buffer_s, end_s)
            if leave_s - at_s > _EPS:
                found.append(self._span(at_s, leave_s, first, drives))
            at_s = max(at_s, drive.return_s)
            first = False
        if end_s - at_s > _EPS:
            found.append(self._span(at_s, end_s, first, drives))
        return found

    def _span(self, start_s: float, end_s: float, first: bool, drives: Sequence[Drive]) -> Span:
        key = start_s, end_s, first, barred(self.line, drives, start_s) is not None
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = self._made_span(*key)
        return found

    def _made_span(self, start_s: float, end_s: float, first: bool, is_barred: bool) -> Span:
        step_s = self.line.step_s
        a, b = int((start_s + _EPS) // step_s), math.ceil((end_s - _EPS) / step_s)
        late_s, early_s = start_s - a * step_s, b * step_s - end_s
        hours = self._hours[a:b]
        if late_s > _EPS or early_s > _EPS:
            hours = hours.copy()
            hours[0] -= late_s / 3600
            hours[-1] -= early_s / 3600
            hours[hours < SHORTEST_S / 3600] = 0.0
        steps = self.line.barred.steps[a:b] if self.line.barred and is_barred else None
        return Span(start_s, end_s, a, b, hours, first, steps)

    def checks(self, mover: Mover, drives: Sequence[Drive], spans: Sequence[Span]) -> list[Check]:
        """What must have been charged by when."""
        vehicle, end_s = mover.vehicle, self.line.end_s
        found, drawn_kwh, j = [], 0.0, 0
        away = mover.free_s > end_s
        for drive in drives:
            while j < len(spans) and spans[j].end_s <= drive.depart_s + _EPS:
                j += 1
            draws_kwh = drive.energy_kwh if drive.return_s <= end_s else 0.0
            away = away or drive.return_s > end_s
            need_kwh = drive.need_kwh + drawn_kwh - vehicle.energy_kwh
            margin_kwh = min(MARGIN_KWH, max(0.0, vehicle.battery_kwh - drive.need_kwh))
            found.append(Check(j, need_kwh, True, draws_kwh, margin_kwh))
            drawn_kwh += draws_kwh
        if not away:
            need_kwh = vehicle.target_kwh + drawn_kwh - vehicle.energy_kwh
            found.append(Check(len(spans), need_kwh, False))
        return found


def _marginal_price(line: Timeline) -> Floats:
    """What one more kWh costs: where pv is left over, what its export would bring."""
    spare = line.pv_kw > line.fixed_import_kw
    price: Floats = np.where(spare, np.maximum(line.export_price, 0.0), line.import_price)
    return price


def _flat_kwh(pieces: Sequence[Piece], most_kw: float) -> float:
    """Up to this energy the curve is nowhere below `most_kw`."""
    for piece in pieces:
        if piece.kw(piece.low_kwh) < most_kw - _EPS:
            return piece.low_kwh
        if piece.kw(piece.high_kwh) < most_kw - _EPS:
            return (most_kw - piece.kw_at_zero) / piece.slope
    return pieces[-1].high_kwh
