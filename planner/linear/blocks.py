"""A linear program that every lawful plan satisfies, small whatever the depot: a bound for money.

Vehicles are joined to classes and steps to blocks; each row is the sum, over the vehicles of a
class and the steps of a block, of what laws 2, 3, 5, 7, 8 and 9 say of one vehicle and one step.
So a plan's sums solve it, and nothing that solves it costs less than its minimum. In detail:

- `energy[k, b]` is the sum of the class's true energies at the block's bound: it starts with what
  there is, rises by at most the best efficiency times what is charged, and drops by at least the
  least energy that any vehicle of the class uses on a route, once that has returned.
- A vehicle under way has had what its route needs at departure, and gains nothing before it is
  back: `energy[k, b]` is at least the sum of the least needs of the routes under way at the bound.
  Each of the vehicles drives one of them at most, so the needs of one vehicle never add up wrongly.
- A vehicle charges at most at its highest power for the time it is there; a route takes from that
  its own time and of the departure buffer before it what the turnaround after another does not
  cover already: `min(buffer, turnaround)`, after all of the class are available.
- Connectors and circuits give what `outlets` says. Curves and minimum powers are left out, and so
  are shifts and incompatible routes.
- A route is driven by a class or not, wherever its vehicles are in it: with columns that are whole
  numbers (`Ranges.integral`) the program says more, and takes longer.
- A block's import is priced at its cheapest step, what is sold at the dearest; the peak is at least
  a block's mean. Unserved priorities and shortfall are at most those of the plans to be bounded.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.assemble import MISSING_KWH
from planner.drafts.choices import Choices, Drive
from planner.drafts.timeline import Timeline
from planner.linear.outlets import Load, Outlets, load_of
from planner.linear.ranges import Ranges
from planner.linear.rows import Rows, Term
from planner.objectives import ALLOWED
from planner.plan import Objective
from planner.snapshot import Snapshot, Vehicle

FEW_PAIRS: Final = 1000
MANY_PAIRS: Final = 6000
"""Classes times routes. With few, 80 vehicles and 120 routes take 0.1 s of a processor and the
bound is 836.1, with many 2.2 s and 844.6; 320 and 480 take 0.4 and 3 s, and both say 3244.8. More
take longer than they tighten."""

_BLOCKS: Final = 18
"""Hours of a usual horizon, within which prices seldom change: twice as many gave the same bound in
four times the time (1.4 instead of 5.3 s for 40 vehicles and 60 routes)."""

_WAIVED: Final = 10.0
"""Times the money that is to be bounded."""

_EXACT: Final = 1e-6


Program = tuple[Ranges, Rows, dict[Hashable, int]]
"""Columns, rows, and which rows share what among classes: `("drawn", load, block)`, `("driven",
route)`, `"served"`, `"lacking"`."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A route as the vehicles of a class would drive it at least."""

    column: int
    depart_s: float
    return_s: float
    energy_kwh: float
    need_kwh: float


def blocks_model(
    snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective, pairs: int = MANY_PAIRS
) -> Program:
    """For modes in which routes are to be allocated; about `pairs` of a class and a route."""
    return Blocks(snapshot, line, chosen, at).build(pairs)


class Blocks:
    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective) -> None:
        self._snapshot, self._line, self._chosen, self._at = snapshot, line, chosen, at
        self._first = _firsts(line)
        self._edges_s = [i * line.step_s for i in (*self._first, line.steps)]
        self._columns, self._rows = Ranges(), Rows()
        self._charged: list[dict[Load, list[Term]]] = [{} for _ in self._first]
        self._short: list[Term] = []
        self._by_route: dict[str, list[int]] = {}
        self._shared: dict[Hashable, int] = {}

    def build(self, pairs: int) -> Program:
        for members in _classes(self._chosen, pairs):
            self._class(members)
        served: list[Term] = []
        for route in self._chosen.routes:
            own = self._by_route.get(route.id, [])
            served += [(c, route.priority) for c in own]
            row = self._rows.add([(c, 1.0) for c in own], upper=1.0)
            self._shared["driven", route.id] = row
        self._tiers(served, self._short, _WAIVED * (1 + abs(self._at.money)))
        self._supply()
        return self._columns, self._rows, self._shared

    def _supply(self) -> None:
        """What connectors, circuits and the site give to all that is charged."""
        for b, charged in enumerate(self._charged):
            for load, terms in charged.items():
                drawn = self._columns.add(math.inf)
                row = self._rows.add([*terms, (drawn, -1.0)], upper=0.0)
                self._shared["drawn", load, b] = row
                charged[load] = [(drawn, 1.0)]
        outlets = Outlets(self._snapshot, self._line, self._charged[0])
        for steps, charged in zip(self._blocks(), self._charged, strict=True):
            outlets.give(charged, steps, self._columns, self._rows)
        self._site()

    def _class(self, members: Sequence[Vehicle]) -> None:
        ways = self._ways(members)
        rows, columns, edges = self._rows, self._columns, self._edges_s
        most_routes = self._snapshot.rules.max_routes_per_vehicle * len(members)
        rows.add([(w.column, 1.0) for w in ways], upper=float(most_routes))
        self._busy(members, ways)
        gain, load = max(v.efficiency for v in members), load_of(members)
        full_kwh = sum(v.battery_kwh for v in members)
        start_kwh = sum(v.energy_kwh for v in members)
        energy = columns.add(start_kwh, lower=start_kwh)
        self._under_way(ways, 0, energy)
        for b in range(len(self._first)):
            charge = self._charge(members, ways, b)
            self._charged[b].setdefault(load, []).append((charge, 1.0))
            then = columns.add(full_kwh)
            back = [w for w in ways if edges[b] < w.return_s <= edges[b + 1]]
            drops = [(w.column, w.energy_kwh) for w in back]
            terms = [(then, 1.0), (energy, -1.0), (charge, -gain), *drops]
            rows.add(terms, upper=0.0)
            self._under_way(ways, b + 1, then)
            energy = then
        self._target(members, ways, energy)

    def _ways(self, members: Sequence[Vehicle]) -> list[_Way]:
        by_route: dict[str, list[Drive]] = {}
        for vehicle in members:
            for drive in self._chosen.drives[vehicle.id]:
                by_route.setdefault(drive.route, []).append(drive)
        found = []
        for route, drives in by_route.items():
            column = self._columns.add(1.0, integral=True)
            self._by_route.setdefault(route, []).append(column)
            least_kwh = min(d.energy_kwh for d in drives), min(d.need_kwh for d in drives)
            found.append(_Way(column, drives[0].depart_s, drives[0].return_s, *least_kwh))
        return found

    def _busy(self, members: Sequence[Vehicle], ways: Sequence[_Way]) -> None:
        """No more routes than vehicles at any departure, the turnaround after a route included."""
        turn_s = self._snapshot.rules.gap_minutes * 60 - _EXACT
        frees_s = sorted(self._line.seconds(v.available_from) for v in members)
        before: set[int] = set()
        for at_s in sorted({w.depart_s for w in ways}, reverse=True):
            busy = {w.column for w in ways if w.depart_s <= at_s < w.return_s + turn_s}
            here = bisect_right(frees_s, at_s)
            # What is busy then and at the next departure too says no more than that did.
            if len(busy) > here and (here < len(members) or not busy <= before):
                self._rows.add([(c, 1.0) for c in sorted(busy)], upper=float(here))
            before = busy

    def _under_way(self, ways: Sequence[_Way], bound: int, energy: int) -> None:
        """At one instant: the energy aboard that routes under way have had at departure."""
        at_s = self._edges_s[bound]
        needs = [(w.column, -w.need_kwh) for w in ways if w.depart_s <= at_s < w.return_s]
        if needs:
            self._rows.add([(energy, 1.0), *needs], lower=0.0)

    def _charge(self, members: Sequence[Vehicle], ways: Sequence[_Way], b: int) -> int:
        """The energy drawn in a block, in kWh at the connectors."""
        start_s, end_s = self._edges_s[b], self._edges_s[b + 1]
        powers = {v.id: most_kw(self._snapshot, v) for v in members}
        frees_s = {v.id: self._line.seconds(v.available_from) for v in members}
        there_kwh = sum(
            powers[v.id] * max(0.0, end_s - max(start_s, frees_s[v.id])) / 3600 for v in members
        )
        column = self._columns.add(there_kwh)
        rules = self._snapshot.rules
        before_s = min(rules.departure_buffer_minutes, rules.turnaround_minutes) * 60
        least_kw, all_s = min(powers.values()), max(frees_s.values())
        taken: list[Term] = []
        for w in ways:
            from_s = min(w.depart_s, max(w.depart_s - before_s, all_s))
            both_s = min(end_s, w.return_s) - max(start_s, from_s)
            if both_s > 0:
                taken.append((w.column, least_kw * both_s / 3600))
        if taken:
            self._rows.add([(column, 1.0), *taken], upper=there_kwh)
        return column

    def _target(self, members: Sequence[Vehicle], ways: Sequence[_Way], energy: int) -> None:
        end_s = self._line.end_s
        owed = [v.target_kwh for v in members if self._line.seconds(v.available_from) <= end_s]
        if not owed:
            return
        short = self._columns.add(sum(owed))
        self._short.append((short, 1.0))
        away = [w for w in ways if w.return_s > end_s]
        instead = [(w.column, max(owed) - w.need_kwh) for w in away]
        self._rows.add([(energy, 1.0), (short, 1.0), *instead], lower=sum(owed))

    def _tiers(self, served: Sequence[Term], short: Sequence[Term], waived: float) -> int:
        """As good as what is to be bounded, or better; what an assembled plan leaves out of its
        shortfall as rounding is allowed to it. Returns the column of what is waived, one
        of priority and one kWh at that cost, so high that no optimum has it. It lets HiGHS
        begin with a solution: at a time limit that finds none, SciPy tells no bound."""
        every = sum(r.priority for r in self._chosen.routes)
        column = self._columns.add(math.inf, cost=waived)
        rounding_kwh = ALLOWED + MISSING_KWH * len(self._chosen.vehicles)
        most_kwh = self._at.shortfall_kwh + rounding_kwh
        least = every - self._at.unserved - _EXACT
        self._shared["served"] = self._rows.add([*served, (column, 1.0)], lower=least)
        self._shared["lacking"] = self._rows.add([*short, (column, -1.0)], upper=most_kwh)
        return column

    def _site(self) -> None:
        line, site = self._line, self._snapshot.site
        columns, rows, hours = self._columns, self._rows, self._line.step_h
        stored = self._stored_columns()
        peak = columns.add(math.inf, cost=site.peak_price_per_kw)
        for b, steps in enumerate(self._blocks()):
            charged = [term for terms in self._charged[b].values() for term in terms]
            length_h = hours * (steps.stop - steps.start)
            fixed, pv = line.fixed_import_kw[steps], line.pv_kw[steps]
            floor = np.minimum(line.floor_kw[steps], fixed)
            buy = columns.add(math.inf, cost=float(line.import_price[steps].min()))
            sell = columns.add(
                hours * float(-np.minimum(floor, 0.0).sum()),
                cost=-float(line.export_price[steps].max()),
            )
            curtail = columns.add(hours * float(pv.sum()))
            flows = self._stored_flows(b, length_h, stored)
            net = hours * float((fixed - pv).sum())
            terms = [(buy, 1.0), (sell, -1.0), (curtail, -1.0)]
            terms += [(c, -x) for c, x in (*charged, *flows)]
            rows.add(terms, lower=net, upper=net)
            room_kw = line.limits[0].room_kw[steps] + line.limits[0].fallback_kw
            room_kwh = hours * float(np.maximum(room_kw, 0.0).sum())
            rows.add([*charged, *flows], upper=room_kwh)
            so_far = site.peak_so_far_kw * length_h
            rows.add([(peak, length_h), (buy, -1.0), (sell, 1.0)], lower=-so_far)

    def _blocks(self) -> Iterator[slice]:
        return map(slice, self._first, (*self._first[1:], self._line.steps))

    def _stored_columns(self) -> list[int]:
        battery = self._snapshot.site.battery
        if battery is None:
            return []
        low = min(battery.min_kwh, battery.energy_kwh)
        high = max(battery.capacity_kwh, battery.energy_kwh)
        start = self._columns.add(battery.energy_kwh, lower=battery.energy_kwh)
        inner = [self._columns.add(high, lower=low) for _ in self._first[1:]]
        return [start, *inner, self._columns.add(high, lower=battery.energy_kwh)]

    def _stored_flows(self, b: int, length_h: float, stored: Sequence[int]) -> list[Term]:
        """What goes into the site's battery in a block, less what comes out of it."""
        battery = self._snapshot.site.battery
        if battery is None:
            return []
        into = self._columns.add(battery.max_charge_kw * length_h)
        out = self._columns.add(battery.max_discharge_kw * length_h, cost=battery.wear_per_kwh)
        moved = [(into, -battery.charge_efficiency), (out, 1 / battery.discharge_efficiency)]
        self._rows.add([(stored[b + 1], 1.0), (stored[b], -1.0), *moved], lower=0.0, upper=0.0)
        return [(into, 1.0), (out, -1.0)]


def _firsts(line: Timeline) -> list[int]:
    """The first step of each block: evenly, and where a price changes if that is seldom."""
    even = set(range(0, line.steps, math.ceil(line.steps / _BLOCKS)))
    changes = np.diff(line.import_price) != 0
    found = even | {int(i) + 1 for i in np.flatnonzero(changes)}
    return sorted(found if len(found) <= 2 * _BLOCKS else even)


def _classes(chosen: Choices, pairs: int) -> list[list[Vehicle]]:
    """Vehicles of a type, plugs and power and like in what they lack, few enough to keep the
    program small; of a type alone where there are too many kinds."""
    most = max(1, pairs // max(len(chosen.routes), 1))
    size = math.ceil(len(chosen.vehicles) / most)
    kinds: dict[Hashable, list[Vehicle]] = {}
    for vehicle in chosen.vehicles.values():
        kinds.setdefault((vehicle.type, load_of([vehicle])), []).append(vehicle)
    if len(kinds) > most:
        kinds = {}
        for vehicle in chosen.vehicles.values():
            kinds.setdefault(vehicle.type, []).append(vehicle)
    found = []
    for alike in kinds.values():
        alike.sort(key=lambda v: (v.energy_kwh - v.target_kwh, v.id))
        found += [alike[i : i + size] for i in range(0, len(alike), size)]
    return found


def most_kw(snapshot: Snapshot, vehicle: Vehicle) -> float:
    plugs = set(vehicle.plugs)
    fitting = [c.max_kw for c in snapshot.connectors if c.controllable and plugs & set(c.plugs)]
    return min(vehicle.max_charge_kw, max(fitting, default=0.0))
