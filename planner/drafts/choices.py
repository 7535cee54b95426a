"""What may be decided about routes: who could drive what, and which drives exclude each other.

Law 2 of the contract. In `charging` mode the allocations are given and nothing is judged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.drafts.timeline import SECOND, Timeline
from planner.snapshot import Route, Rules, Snapshot, Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A route as one vehicle would drive it; `need_kwh` is wanted at departure (law 3)."""

    route: str
    vehicle: str
    depart_s: float
    return_s: float
    energy_kwh: float
    need_kwh: float
    priority: float


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

    def of_route(self, route: str) -> list[Drive]:
        return [d for drives in self.drives.values() for d in drives if d.route == route]


def choices(snapshot: Snapshot, line: Timeline) -> Choices:
    """Counts the routes that depart within the horizon; the others are ignored."""
    end = snapshot.end
    routes = [r for r in snapshot.routes if snapshot.taken_at <= r.depart < end]
    routes.sort(key=lambda r: (r.depart, r.id))
    given = snapshot.mode == "charging"
    vehicles = {v.id: v for v in snapshot.vehicles if v.in_service}
    drives: dict[str, list[Drive]] = {v: [] for v in vehicles}
    hopeless: dict[str, str] = {}
    for route in routes:
        if given:
            found, reason = _given(route, snapshot, vehicles)
        else:
            found, reason = _possible(route, snapshot.rules, vehicles)
        if not found:
            hopeless[route.id] = reason
        for vehicle in found:
            drives[vehicle.id].append(_drive(route, vehicle, snapshot.rules, line))
    return Choices(
        given=given,
        routes=tuple(routes),
        vehicles=vehicles,
        drives={v: tuple(d) for v, d in drives.items()},
        hopeless=hopeless,
    )


def clash(a: Drive, b: Drive, rules: Rules) -> bool:
    """Whether one vehicle cannot drive both."""
    first, then = sorted((a, b), key=lambda d: (d.depart_s, d.return_s))
    if then.depart_s < first.return_s + rules.turnaround_minutes * 60 - 1e-6:
        return True
    pair = {a.route, b.route}
    return any(pair == set(x) for x in rules.incompatible_routes)


def lawful(sequence: Sequence[Drive], rules: Rules) -> bool:
    """Whether one vehicle may drive all of `sequence`, given in order of departure."""
    if len(sequence) > rules.max_routes_per_vehicle:
        return False
    if any(clash(a, b, rules) for a, b in itertools.combinations(sequence, 2)):
        return False
    if rules.max_shift_hours is None or not sequence:
        return True
    shift_start_s = sequence[0].depart_s
    for previous, drive in zip((None, *sequence), sequence, strict=False):
        if previous is not None and rests(previous, drive, rules):
            shift_start_s = drive.depart_s
        if drive.return_s - shift_start_s > rules.max_shift_hours * 3600 + 1e-6:
            return False
    return True


def rests(before: Drive, after: Drive, rules: Rules) -> bool:
    """Whether the pause between two drives is long enough to end a shift."""
    if rules.rest_hours is None:
        return False
    return after.depart_s >= before.return_s + rules.rest_hours * 3600 - 1e-6


def _drive(route: Route, vehicle: Vehicle, rules: Rules, line: Timeline) -> Drive:
    energy_kwh = route.energy_for(vehicle.id) or 0.0
    return Drive(
        route=route.id,
        vehicle=vehicle.id,
        depart_s=line.seconds(route.depart),
        return_s=line.seconds(route.return_),
        energy_kwh=energy_kwh,
        need_kwh=rules.safety_factor * energy_kwh + vehicle.reserve_kwh,
        priority=route.priority,
    )


def _given(
    route: Route, snapshot: Snapshot, vehicles: Mapping[str, Vehicle]
) -> tuple[list[Vehicle], str]:
    before = snapshot.previous.allocations if snapshot.previous else ()
    name = route.vehicle or next((a.vehicle for a in before if a.route == route.id), None)
    if name is None:
        return [], "no vehicle is given for it"
    if name in vehicles:
        return [vehicles[name]], ""
    known = any(v.id == name for v in snapshot.vehicles)
    return [], f"its vehicle {name} is {'out of service' if known else 'unknown'}"


def _possible(
    route: Route, rules: Rules, vehicles: Mapping[str, Vehicle]
) -> tuple[list[Vehicle], str]:
    """The vehicles that could drive `route`, else the law that leaves none."""
    left = list(vehicles.values())
    kinds = " or ".join(route.vehicle_types)
    typed = f"no vehicle of type {kinds} is in service" if kinds else "it allows no type of vehicle"
    hours = (route.return_ - route.depart) / SECOND / 3600
    shift = rules.max_shift_hours
    laws: list[tuple[str, Callable[[Vehicle], bool]]] = [
        (typed, lambda v: v.type in route.vehicle_types),
        (
            "its consumption is known for no allowed vehicle",
            lambda v: route.energy_for(v.id) is not None,
        ),
        (
            f"no allowed vehicle is back by {route.depart:%H:%M} UTC",
            lambda v: v.available_from <= route.depart,
        ),
        (
            f"it takes {hours:.1f} h and a shift may last {shift} h",
            lambda v: shift is None or hours <= shift + 1e-9,
        ),
        ("the rules allow no vehicle any route", lambda v: rules.max_routes_per_vehicle > 0),
    ]
    if route.vehicle is not None:
        pinned = f"its vehicle {route.vehicle} is not in service"
        laws.insert(0, (pinned, lambda v: v.id == route.vehicle))
    for reason, holds in laws:
        able = [v for v in left if holds(v)]
        if not able:
            return [], f"{reason}{_nearest(route, left)}"
        left = able
    return left, ""


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
