"""What may be decided about routes: who could drive what, and which drives exclude each other.

Law 2 of the contract. In `charging` mode the allocations are given and nothing is judged.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from planner.drafts.options import Drive as Drive
from planner.drafts.options import Options, Possible
from planner.drafts.timeline import SECOND, Timeline
from planner.snapshot import Route, Rules, Snapshot, Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`drives` holds the vehicles in service, each with its possible drives by departure.

    `given`: the drives are the allocations themselves. `hopeless` says why a route has no drive.
    """

    given: bool
    routes: tuple[Route, ...]
    vehicles: Mapping[str, Vehicle]
    drives: Mapping[str, tuple[Drive, ...]]
    hopeless: Mapping[str, str]

    @property
    def options(self) -> Mapping[str, Sequence[Drive]]:
        """By route, as each vehicle that can would drive it, in the order of the vehicles."""
        if isinstance(self.drives, Possible):
            return self.drives.by_route
        found: dict[str, list[Drive]] = {r.id: [] for r in self.routes}
        for drive in (d for drives in self.drives.values() for d in drives):
            found[drive.route].append(drive)
        return found


def choices(snapshot: Snapshot, line: Timeline) -> Choices:
    """Counts the routes that depart within the horizon; the others are ignored."""
    end = snapshot.end
    routes = [r for r in snapshot.routes if snapshot.taken_at <= r.depart < end]
    routes.sort(key=lambda r: (r.depart, r.id))
    given = snapshot.mode == "charging"
    vehicles = {v.id: v for v in snapshot.vehicles if v.in_service}
    hopeless: dict[str, str] = {}
    by_route: dict[str, Options] = {}
    fleet = _Fleet(snapshot, vehicles)
    for route in routes:
        able, reason = fleet.able(route)
        if not able.vehicles:
            hopeless[route.id] = reason
        by_route[route.id] = able.options(route, fleet.names, snapshot.rules, line)
    return Choices(
        given=given,
        routes=tuple(routes),
        vehicles=vehicles,
        drives=Possible(fleet.names, by_route),
        hopeless=hopeless,
    )


class _Able:
    """The vehicles that can drive a route."""

    def __init__(self, vehicles: Sequence[Vehicle], position: Mapping[str, int]) -> None:
        self.vehicles = vehicles
        self.which = np.array([position[v.id] for v in vehicles], dtype=np.int64)
        self._reserves_kwh = list({v.reserve_kwh: None for v in vehicles})
        kind = {kwh: i for i, kwh in enumerate(self._reserves_kwh)}
        self._kind = np.array([kind[v.reserve_kwh] for v in vehicles], dtype=np.int64)

    def options(self, route: Route, names: Sequence[str], rules: Rules, line: Timeline) -> Options:
        ends = line.seconds(route.depart), line.seconds(route.return_), route.priority
        if isinstance(route.energy_kwh, dict):
            kwh = [route.energy_for(v.id) or 0.0 for v in self.vehicles]
            pairs = zip(kwh, self.vehicles, strict=True)
            need_kwh = np.array([rules.need_kwh(x, v.reserve_kwh) for x, v in pairs])
            energy_kwh = np.array(kwh, dtype=np.float64)
        else:
            one_kwh = route.energy_kwh or 0.0
            energy_kwh = np.full(len(self.vehicles), one_kwh)
            needs = [rules.need_kwh(one_kwh, x) for x in self._reserves_kwh]
            need_kwh = np.array(needs, dtype=np.float64)[self._kind]
        return Options(route.id, ends, names, self.which, energy_kwh, need_kwh)


class _Fleet:
    """The vehicles in service; those that can drive one route are kept for the next like it."""

    def __init__(self, snapshot: Snapshot, vehicles: Mapping[str, Vehicle]) -> None:
        self._snapshot, self._vehicles, self.names = snapshot, vehicles, list(vehicles)
        self._position = {name: i for i, name in enumerate(self.names)}
        self._available = sorted(v.available_from for v in vehicles.values())
        self._alike: dict[Hashable, _Able] = {}

    def able(self, route: Route) -> tuple[_Able, str]:
        """The vehicles that could drive `route`, else the law that leaves none."""
        if self._snapshot.mode == "charging":
            found, reason = _given(route, self._snapshot, self._vehicles)
            return _Able(found, self._position), reason
        key = self._key(route)
        if key is not None and key in self._alike:
            return self._alike[key], ""
        found, reason = _possible(route, self._snapshot, self._vehicles)
        able = _Able(found, self._position)
        if key is not None and found:
            self._alike[key] = able
        return able, reason

    def _key(self, route: Route) -> Hashable | None:
        """Equal for routes that the same vehicles can drive; None where a vehicle is judged by its
        name."""
        named = route.vehicle is not None or not isinstance(route.energy_kwh, float)
        if named or list(_operators(route, self._snapshot)):
            return None
        back = bisect_right(self._available, route.depart)
        return tuple(route.vehicle_types), back, route.return_ - route.depart


def clash(a: Drive, b: Drive, rules: Rules) -> bool:
    """Whether one vehicle cannot drive both."""
    early = (a.depart_s, a.return_s) <= (b.depart_s, b.return_s)
    first, then = (a, b) if early else (b, a)
    if then.depart_s < first.return_s + rules.gap_minutes * 60 - 1e-6:
        return True
    if not (pairs := rules.excluded_pairs):
        return False
    pair = {a.route, b.route}
    return any(pair == set(x) for x in pairs)


def lawful(sequence: Sequence[Drive], rules: Rules) -> bool:
    """Whether one vehicle may drive all of `sequence`, given in order of departure."""
    if len(sequence) > rules.max_routes_per_vehicle:
        return False
    if any(clash(a, b, rules) for a, b in itertools.combinations(sequence, 2)):
        return False
    most_h = max_hours_on_routes(rules)
    if most_h is not None and sum(d.return_s - d.depart_s for d in sequence) > most_h * 3600 + 1e-6:
        return False
    most_h = max_shift_hours(rules)
    return most_h is None or longest_shift_s(sequence, rules) <= most_h * 3600 + 1e-6


def longest_shift_s(sequence: Sequence[Drive], rules: Rules) -> float:
    """From the first departure of a shift to its last return; 0 without any drive."""
    longest_s = start_s = 0.0
    last: Drive | None = None
    for drive in sequence:
        if last is None or rests(last, drive, rules):
            start_s = drive.depart_s
        longest_s, last = max(longest_s, drive.return_s - start_s), drive
    return longest_s


def most_drivers(snapshot: Snapshot) -> int | None:
    """So many vehicles may drive at all: those in service less a hard reserve; None: all."""
    reserve = snapshot.rules.soft.reserve_vehicles
    counts = reserve is not None and reserve.hard and not reserve.vehicles
    if reserve is None or not counts or snapshot.mode == "charging":
        return None
    return max(0, sum(v.in_service for v in snapshot.vehicles) - reserve.count)


def max_shift_hours(rules: Rules) -> float | None:
    """From the first departure of a shift to its last return, by the contract and the operator."""
    shift = rules.soft.shift_hours
    if shift is None or not shift.hard or shift.kind != "first_to_last":
        return rules.max_shift_hours
    return min(shift.on_routes_h, rules.max_shift_hours or shift.on_routes_h)


def max_hours_on_routes(rules: Rules) -> float | None:
    """What a vehicle may be on routes altogether."""
    shift = rules.soft.shift_hours
    if shift is None or not shift.hard or shift.kind != "cumulative":
        return None
    return shift.on_routes_h


def rests(before: Drive, after: Drive, rules: Rules) -> bool:
    """Whether the pause between two drives is long enough to end a shift."""
    if rules.rest_hours is None:
        return False
    return after.depart_s >= before.return_s + rules.rest_hours * 3600 - 1e-6


def _given(
    route: Route, snapshot: Snapshot, vehicles: Mapping[str, Vehicle]
) -> tuple[list[Vehicle], str]:
    before = snapshot.previous.allocations if snapshot.previous else ()
    name = route.vehicle or next((a.vehicle for a in before if a.route == route.id), None)
    if name is None:
        return [], "no vehicle is given for it"
    if name in vehicles:
        return [vehicles[name]], ""
    return [], _missing(name, snapshot)


def _missing(name: str, snapshot: Snapshot) -> str:
    known = any(v.id == name for v in snapshot.vehicles)
    return f"its vehicle {name} is {'out of service' if known else 'unknown'}"


Law = Callable[[list[Vehicle]], list[Vehicle]]
"""Of some vehicles those that it lets drive a route."""


def _possible(
    route: Route, snapshot: Snapshot, vehicles: Mapping[str, Vehicle]
) -> tuple[list[Vehicle], str]:
    """The vehicles that could drive `route`, else the law that leaves none."""
    rules, left = snapshot.rules, list(vehicles.values())
    kinds = " or ".join(route.vehicle_types)
    typed = f"no vehicle of type {kinds} is in service" if kinds else "it allows no type of vehicle"
    hours = (route.return_ - route.depart) / SECOND / 3600
    shift = min(
        (h for h in (max_shift_hours(rules), max_hours_on_routes(rules)) if h), default=None
    )
    laws: list[tuple[str, Law]] = [
        (typed, lambda left: [v for v in left if v.type in route.vehicle_types]),
        (
            "its consumption is known for no allowed vehicle",
            lambda left: (
                [v for v in left if route.energy_for(v.id) is not None]
                if isinstance(route.energy_kwh, dict)
                else left * (route.energy_kwh is not None)
            ),
        ),
        (
            f"no allowed vehicle is back by {route.depart:%H:%M} UTC",
            lambda left: [v for v in left if v.available_from <= route.depart],
        ),
        (
            f"it takes {hours:.1f} h and a shift may last {shift} h",
            lambda left: left if shift is None or hours <= shift + 1e-9 else [],
        ),
        (
            "the rules allow no vehicle any route",
            lambda left: left if rules.max_routes_per_vehicle > 0 else [],
        ),
        *_operators(route, snapshot),
    ]
    if route.vehicle is not None:
        pinned = _missing(route.vehicle, snapshot)
        laws.insert(0, (pinned, lambda left: [v for v in left if v.id == route.vehicle]))
    for reason, law in laws:
        able = law(left)
        if not able:
            return [], f"{reason}{_nearest(route, left)}"
        left = able
    return left, ""


def _operators(route: Route, snapshot: Snapshot) -> Iterable[tuple[str, Law]]:
    """The rules of `rules.soft` that are hard and judge a vehicle by itself."""
    soft = snapshot.rules.soft
    reserve, soonness, swaps = soft.reserve_vehicles, soft.minimum_soonness, soft.swaps
    if reserve is not None and reserve.hard:
        kept = set(reserve.vehicles)
        text = "all allowed vehicles are kept in reserve"
        yield text, lambda left: [v for v in left if v.id not in kept]
    if soonness is not None and soonness.hard:
        hours = soonness.hours
        text = f"it departs within {hours:g} h, too soon for another vehicle"
        yield text, lambda left: [v for v in left if not too_soon(route, v.id, snapshot, hours)]
    if swaps is not None and swaps.hard and route.vehicle is None:
        before = remembered(snapshot).get(route.id)
        text = f"it stays with {before}, which cannot drive it"
        yield text, lambda left: [v for v in left if before in (None, v.id)]


def too_soon(route: Route, vehicle: str, snapshot: Snapshot, hours: float) -> bool:
    """Whether `vehicle` would drive `route` at less than `hours` notice: it neither had it before
    nor is it pinned to it."""
    if (route.depart - snapshot.taken_at) / SECOND >= hours * 3600 or route.vehicle == vehicle:
        return False
    before = snapshot.previous.allocations if snapshot.previous else ()
    return not any(a.route == route.id and a.vehicle == vehicle for a in before)


def remembered(snapshot: Snapshot) -> Mapping[str, str]:
    """The vehicle by route in the previous plan, unless `rules.soft.swaps` finds that too old."""
    rule, previous = snapshot.rules.soft.swaps, snapshot.previous
    if previous is None:
        return {}
    age = snapshot.taken_at - (previous.at or snapshot.taken_at)
    if rule is not None and age > timedelta(hours=rule.lookback_hours):
        return {}
    return {a.route: a.vehicle for a in previous.allocations}


def _nearest(route: Route, left: Sequence[Vehicle]) -> str:
    """Of the vehicles that the laws before have left, what the last law would have to allow."""
    if not left or (route.vehicle is not None and left[0].id != route.vehicle):
        return ""
    if not any(v.type in route.vehicle_types for v in left):
        return f": it is pinned to {left[0].id}, a {left[0].type}" if route.vehicle else ""
    first = min(left, key=lambda v: (v.available_from, v.id))
    if first.available_from > route.depart:
        pinned = "it is pinned to " if route.vehicle is not None else ""
        late_min = (first.available_from - route.depart) / SECOND / 60
        return f": {pinned}{first.id}, {late_min:.0f} minutes too late"
    return f": it is pinned to {route.vehicle}" if route.vehicle is not None else ""
