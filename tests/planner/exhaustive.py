"""The best tiers of a tiny depot by trying every decision: the oracle for the joint model.

Routes are given to vehicles in every way, visits to connectors in every way, connectors that two
visits want are divided between them at every step in either order; for each of these a small LP,
written here from the contract alone, finds the least shortfall and then the least money. Minimum
powers are tried on or off for every visit's step. All times must fall on steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from planner.snapshot import Connector, Route, Snapshot, Vehicle

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Best:
    unserved: float
    shortfall_kwh: float
    money: float


@dataclass(frozen=True)
class Window:
    """A visit with its connector: charging in the steps `[first, last)`."""

    vehicle: Vehicle
    first: int
    last: int
    initial: bool
    connector: Connector | None = None


def exhaustive(snapshot: Snapshot) -> Best:
    best: Best | None = None
    for drives in _allocations(snapshot):
        driven = {r.id for routes in drives.values() for r in routes}
        unserved = sum(r.priority for r in snapshot.routes if r.id not in driven)
        if best is not None and unserved > best.unserved + 1e-6:
            continue
        for windows in _placements(snapshot, drives):
            found = _charge(snapshot, drives, windows)
            if found is None:
                continue
            new = Best(unserved, *found)
            if best is None or _key(new) < _key(best):
                best = new
    assert best is not None
    return best


def _key(best: Best) -> tuple[float, float, float]:
    return round(best.unserved, 6), round(best.shortfall_kwh, 3), best.money


def _allocations(snapshot: Snapshot) -> Iterator[dict[str, list[Route]]]:
    """Every lawful way to drive, those that leave the least unserved first."""
    routes = sorted(snapshot.routes, key=lambda r: r.depart)
    names = [v.id for v in snapshot.vehicles]
    if snapshot.mode == "charging":
        yield {n: [r for r in routes if r.vehicle == n] for n in names}
        return
    found = []
    for choice in itertools.product([*names, None], repeat=len(routes)):
        drives = {n: [r for r, c in zip(routes, choice, strict=True) if c == n] for n in names}
        idle = sum(not drives[v.id] for v in snapshot.vehicles if v.in_service)
        if idle < _reserve(snapshot):
            continue
        if all(_lawful(snapshot, v, drives[v.id]) for v in snapshot.vehicles):
            lost = sum(r.priority for r, c in zip(routes, choice, strict=True) if c is None)
            found.append((lost, drives))
    for _, drives in sorted(found, key=lambda f: f[0]):
        yield drives


def _reserve(snapshot: Snapshot) -> int:
    """So many vehicles in service drive nothing."""
    rule = snapshot.rules.soft.reserve_vehicles
    able = sum(v.in_service for v in snapshot.vehicles)
    return min(able, rule.count) if rule is not None and rule.hard and not rule.vehicles else 0


def _lawful(snapshot: Snapshot, vehicle: Vehicle, drives: Sequence[Route]) -> bool:
    rules = snapshot.rules
    if len(drives) > rules.max_routes_per_vehicle or (drives and not vehicle.in_service):
        return False
    free = vehicle.available_from
    for route in drives:
        if route.depart < free or vehicle.type not in route.vehicle_types:
            return False
        if route.vehicle not in (None, vehicle.id) or route.energy_for(vehicle.id) is None:
            return False
        free = route.return_ + timedelta(minutes=rules.turnaround_minutes)
    ids = {r.id for r in drives}
    if any(set(pair) <= ids for pair in rules.incompatible_routes):
        return False
    return all(_keeps(snapshot, vehicle, drives))


def _keeps(snapshot: Snapshot, vehicle: Vehicle, drives: Sequence[Route]) -> Iterator[bool]:
    """The rules that an operator has made hard; without a rest, as tiny depots have none."""
    soft = snapshot.rules.soft
    if soft.route_sequence_buffer is not None and soft.route_sequence_buffer.hard:
        least = snapshot.rules.turnaround_minutes + soft.route_sequence_buffer.minutes
        for a, b in itertools.pairwise(drives):
            yield b.depart - a.return_ >= timedelta(minutes=least)
    if soft.shift_hours is not None and soft.shift_hours.hard and drives:
        rule = soft.shift_hours
        if rule.kind == "first_to_last":
            out = max(r.return_ for r in drives) - drives[0].depart
        else:
            out = sum((r.return_ - r.depart for r in drives), timedelta())
        yield out / HOUR + rule.before_hours + rule.after_hours <= rule.hours + 1e-9
    if soft.minimum_soonness is not None and soft.minimum_soonness.hard:
        before = snapshot.previous.allocations if snapshot.previous else ()
        had = {a.route for a in before if a.vehicle == vehicle.id}
        for r in drives:
            soon = (r.depart - snapshot.taken_at) / HOUR < soft.minimum_soonness.hours
            yield not soon or r.id in had or r.vehicle == vehicle.id
    if soft.preferred_turnaround is not None and soft.preferred_turnaround.hard:
        least = soft.preferred_turnaround.minutes[-1]
        for a, b in itertools.pairwise(drives):
            yield b.depart - a.return_ >= timedelta(minutes=least)
    if soft.incompatible_routes is not None and soft.incompatible_routes.hard:
        ids = {r.id for r in drives}
        yield not any(set(pair) <= ids for pair in soft.incompatible_routes.pairs)
    if soft.swaps is not None and soft.swaps.hard:
        before = snapshot.previous.allocations if snapshot.previous else ()
        others = {a.route for a in before if a.vehicle != vehicle.id}
        for r in drives:
            yield r.id not in others or r.vehicle == vehicle.id
    if soft.reserve_vehicles is not None and soft.reserve_vehicles.hard:
        yield not drives or vehicle.id not in soft.reserve_vehicles.vehicles


def _step(snapshot: Snapshot, at: datetime) -> int:
    steps = (at - snapshot.taken_at) / snapshot.step
    assert steps == round(steps), "the oracle wants times on steps"
    return round(steps)


def _windows(snapshot: Snapshot, vehicle: Vehicle, drives: Sequence[Route]) -> list[Window]:
    if not vehicle.in_service:
        return []
    buffer = timedelta(minutes=snapshot.rules.departure_buffer_minutes)
    here, initial = max(snapshot.taken_at, vehicle.available_from), True
    found = []
    for route in [*drives, None]:
        leave = snapshot.end if route is None else route.depart - buffer
        if here < leave:
            span = _step(snapshot, here), _step(snapshot, leave)
            found.append(Window(vehicle, *span, initial))
        if route is not None:
            here, initial = min(route.return_, snapshot.end), False
    return found


def _placements(snapshot: Snapshot, drives: dict[str, list[Route]]) -> Iterator[list[Window]]:
    open_windows = [w for v in snapshot.vehicles for w in _windows(snapshot, v, drives[v.id])]
    choices: list[list[Connector | None]] = []
    for w in open_windows:
        fitting = [
            c for c in snapshot.connectors if c.controllable and set(c.plugs) & set(w.vehicle.plugs)
        ]
        choices.append([None, *fitting])
    for picked in itertools.product(*choices):
        placed = [
            Window(w.vehicle, w.first, w.last, w.initial, c)
            for w, c in zip(open_windows, picked, strict=True)
            if c is not None
        ]
        yield from _divided(placed)


def _divided(windows: list[Window]) -> Iterator[list[Window]]:
    """Two visits that want one connector at once divide it at some step."""
    for a, b in itertools.combinations(range(len(windows)), 2):
        x, y = windows[a], windows[b]
        if x.connector is not y.connector or max(_from(x), _from(y)) >= min(x.last, y.last):
            continue
        for early, late in ((a, b), (b, a)):
            e, w = windows[early], windows[late]
            if _plugged(w):
                continue
            for cut in range(e.first + 1, w.last):
                shared = list(windows)
                shared[early] = Window(e.vehicle, e.first, min(e.last, cut), e.initial, e.connector)
                shared[late] = Window(w.vehicle, max(w.first, cut), w.last, w.initial, w.connector)
                yield from _divided(shared)
        return
    yield windows


def _plugged(w: Window) -> bool:
    own = w.vehicle.plugged
    return w.initial and own is not None and w.connector is not None and own.key == w.connector.key


def _from(w: Window) -> int:
    """A plugged vehicle holds its connector from the start on."""
    return 0 if _plugged(w) else w.first


def _charge(
    snapshot: Snapshot, drives: dict[str, list[Route]], windows: list[Window]
) -> tuple[float, float] | None:
    cells = [(w, t) for w in windows for t in range(w.first, w.last)]
    needy = [i for i, (w, _) in enumerate(cells) if w.connector and w.connector.min_kw > 0]
    best: tuple[float, float] | None = None
    for on in itertools.product((True, False), repeat=len(needy)):
        off = {i for i, flag in zip(needy, on, strict=True) if not flag}
        found = _Linear(snapshot, drives, cells, off).solve()
        if found is not None and (best is None or (round(found[0], 4), found[1]) < best):
            best = (round(found[0], 4), found[1])
    return best


def _left_alone(
    snapshot: Snapshot, connector: Connector, step: int, drives: Sequence[Route]
) -> bool:
    """By a hard preference or triad with a window within one day of UTC that begins and ends on
    steps; `drives` are the vehicle's, in order."""
    wish, triad = snapshot.rules.soft.charger_preference, snapshot.rules.soft.triad
    at = snapshot.taken_at + step * snapshot.step
    windows = []
    ahead = [r for r in drives if r.depart > at]
    longest = max(drives, key=lambda r: r.return_ - r.depart, default=None)
    asked = {"all": True, "first": ahead == list(drives), "longest": longest in ahead[:1]}
    wished = wish is not None and wish.hard and wish.cost_of(*connector.key) > 0
    if wish is not None and wished and asked[wish.routes]:
        assert wish.window is not None
        assert wish.timezone is None
        windows.append(wish.window)
    if triad is not None and triad.hard and at.month in triad.months:
        assert triad.timezone is None
        windows.append(triad.window)
    return any(begins <= f"{at:%H:%M}" < ends for begins, ends in windows)


class _Linear:
    """Columns: mean power and power while charging of each cell, then buy, sell, battery in and
    out by step, the peak, one shortfall for each need, for each cell the power while charging that
    is above its connector's fallback, and the pv that is curtailed by step. Where no price tempts
    to curtail more, none is curtailed but what cannot be sold."""

    def __init__(
        self,
        snapshot: Snapshot,
        drives: dict[str, list[Route]],
        cells: list[tuple[Window, int]],
        off: set[int],
    ) -> None:
        self.s, self.drives, self.cells, self.off = snapshot, drives, cells, off
        self.n, self.t = len(cells), snapshot.steps
        self.h = snapshot.step / HOUR
        base = 2 * self.n
        self.buy, self.sell, self.into, self.out = (base + i * self.t for i in range(4))
        self.peak = base + 4 * self.t
        self.short = self.peak + 1
        self.needs = [
            (v, r) for v in snapshot.vehicles if v.in_service for r in [*drives[v.id], None]
        ]
        self.beyond = self.short + len(self.needs)
        self.curtail = self.beyond + self.n
        self.width = self.curtail + self.t
        self.rows: list[NDArray[np.float64]] = []
        self.limits: list[float] = []
        self.equal: list[NDArray[np.float64]] = []
        self.values: list[float] = []
        self.bounds: list[tuple[float, float | None]] = [(0.0, None)] * self.width

    def solve(self) -> tuple[float, float] | None:
        self._power()
        self._energy()
        self._site()
        short = np.zeros(self.width)
        short[self.short : self.beyond] = 1.0
        least = self._minimum(short)
        if least is None:
            return None
        self._row(dict.fromkeys(range(self.short, self.beyond), 1.0), least + 1e-6)
        cheap = self._minimum(self._money())
        return None if cheap is None else (least, cheap)

    def _minimum(self, cost: NDArray[np.float64]) -> float | None:
        result = linprog(
            cost,
            A_ub=np.array(self.rows),
            b_ub=self.limits,
            A_eq=np.array(self.equal),
            b_eq=self.values,
            bounds=self.bounds,
        )
        return float(result.fun) if result.status == 0 and result.fun is not None else None

    def _row(self, terms: dict[int, float], most: float, *, equal: bool = False) -> None:
        row = np.zeros(self.width)
        for column, weight in terms.items():
            row[column] += weight
        (self.equal if equal else self.rows).append(row)
        (self.values if equal else self.limits).append(most)

    def _power(self) -> None:
        for i, (w, t) in enumerate(self.cells):
            assert w.connector is not None
            drives = self.drives[w.vehicle.id]
            barred = i in self.off or _left_alone(self.s, w.connector, t, drives)
            most = 0.0 if barred else min(w.connector.max_kw, w.vehicle.max_charge_kw)
            least = 0.0 if barred else w.connector.min_kw
            if least > most:
                least, most = 0.0, 0.0
            self.bounds[i] = (0.0, most)
            self.bounds[self.n + i] = (least, most)
            self._row({i: 1.0, self.n + i: -1.0}, 0.0)
            self._row({self.n + i: 1.0, self.beyond + i: -1.0}, w.connector.fallback_kw)

    def _energy(self) -> None:
        for number, (v, route) in enumerate(self.needs):
            drives = self.drives[v.id]
            if route is None and any(r.return_ > self.s.end for r in drives):
                self.bounds[self.short + number] = (0.0, 0.0)
                continue
            until = self.s.end if route is None else route.depart
            used = sum(
                r.energy_for(v.id) or 0.0 for r in drives if r.return_ <= until and r != route
            )
            if route is None:
                need = v.target_kwh
            else:
                energy = route.energy_for(v.id) or 0.0
                spare = self.s.rules.soft.energy_feasibility
                margin = spare.safety_margin_kwh if spare is not None and spare.hard else 0.0
                share = self.s.rules.soft.energy_margin
                margin += share.margins[-1] * energy if share is not None and share.hard else 0.0
                need = self.s.rules.safety_factor * energy + v.reserve_kwh + margin
            gained = {i: -g for i, g in self._gains(v, _step(self.s, until)).items()}
            hard = route is not None and self.s.mode != "charging"
            self.bounds[self.short + number] = (0.0, 0.0 if hard else None)
            self._row({**gained, self.short + number: -1.0}, v.energy_kwh - used - need)
        for i, (w, t) in enumerate(self.cells):
            v = w.vehicle
            begins = self.s.taken_at + t * self.s.step
            used = sum(r.energy_for(v.id) or 0.0 for r in self.drives[v.id] if r.return_ <= begins)
            gains = self._gains(v, t + 1)
            self._row(gains, v.battery_kwh - v.energy_kwh + used)
            for (s0, k0), (s1, k1) in itertools.pairwise(v.charge_curve):
                slope = (k1 - k0) * v.max_charge_kw / ((s1 - s0) * v.battery_kwh)
                at_zero = k0 * v.max_charge_kw - slope * s0 * v.battery_kwh
                taper = {c: -slope * g for c, g in gains.items()}
                taper[self.n + i] = taper.get(self.n + i, 0.0) + 1.0
                if i not in self.off:
                    self._row(taper, at_zero + slope * (v.energy_kwh - used))

    def _gains(self, v: Vehicle, until: int) -> dict[int, float]:
        gain = v.efficiency * self.h
        return {i: gain for i, (w, t) in enumerate(self.cells) if w.vehicle is v and t < until}

    def _site(self) -> None:
        site, battery = self.s.site, self.s.site.battery
        for t in range(self.t):
            a, b = self.s.taken_at + t * self.s.step, self.s.taken_at + (t + 1) * self.s.step
            here = [i for i, (_, at) in enumerate(self.cells) if at == t]
            pv = site.pv_kw.lowest(a, b)
            assert pv == 0 or site.export_price_per_kwh.mean(a, b) >= 0
            assert pv == 0 or site.import_price_per_kwh.mean(a, b) >= 0
            fixed = site.base_load_kw.highest(a, b) - pv
            self.bounds[self.curtail + t] = (0.0, pv)
            into, out = self.into + t, self.out + t
            self.bounds[into] = (0.0, battery.max_charge_kw if battery else 0.0)
            self.bounds[out] = (0.0, battery.max_discharge_kw if battery else 0.0)
            power = {self.beyond + i: 1.0 for i in here}
            kept = sum(c.fallback_kw for c in self.s.connectors)
            room = site.import_limit_kw.lowest(a, b) - fixed - kept
            self._row({**power, into: 1.0, out: -1.0}, room)
            for circuit in self.s.circuits:
                inside = {
                    self.beyond + i: 1.0
                    for i in here
                    if (c := self.cells[i][0].connector) and c.circuit == circuit.id
                }
                kept = sum(c.fallback_kw for c in self.s.connectors if c.circuit == circuit.id)
                self._row(inside, circuit.limit_kw.lowest(a, b) - kept)
            net = {self.buy + t: 1.0, self.sell + t: -1.0, into: -1.0, out: 1.0}
            net[self.curtail + t] = -1.0
            self._row({**net, **dict.fromkeys(here, -1.0)}, fixed, equal=True)
            self.bounds[self.sell + t] = (0.0, site.export_limit_kw.lowest(a, b))
            self._row(
                {self.buy + t: 1.0, self.sell + t: -1.0, self.peak: -1.0}, site.peak_so_far_kw
            )
            if battery is not None:
                stored = {}
                for earlier in range(t + 1):
                    stored[self.into + earlier] = -self.h * battery.charge_efficiency
                    stored[self.out + earlier] = self.h / battery.discharge_efficiency
                floor = battery.energy_kwh if t == self.t - 1 else battery.min_kwh
                self._row(stored, battery.energy_kwh - floor)
                full = battery.capacity_kwh - battery.energy_kwh
                self._row({c: -x for c, x in stored.items()}, full)

    def _money(self) -> NDArray[np.float64]:
        site = self.s.site
        cost = np.zeros(self.width)
        for t in range(self.t):
            a, b = self.s.taken_at + t * self.s.step, self.s.taken_at + (t + 1) * self.s.step
            cost[self.buy + t] = self.h * site.import_price_per_kwh.mean(a, b)
            cost[self.sell + t] = -self.h * site.export_price_per_kwh.mean(a, b)
            if site.battery is not None:
                cost[self.out + t] = self.h * site.battery.wear_per_kwh
        cost[self.peak] = site.peak_price_per_kw
        return cost
