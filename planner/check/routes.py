"""Laws 1, 2 and 4: which routes are driven, and by whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from planner.check.breach import TIME, Breach
from planner.check.facts import HOUR, Facts, given_drives
from planner.snapshot import Allocation, Route, Vehicle

MINUTE = timedelta(minutes=1)


def check_allocations(facts: Facts) -> Iterator[Breach]:
    """Every route that counts is driven once or unserved once. Others are ignored, unless the
    snapshot has never heard of them."""
    plan, snapshot = facts.plan, facts.snapshot
    if plan.revision != snapshot.revision:
        text = f"it answers revision {plan.revision}, the snapshot is {snapshot.revision}"
        yield Breach(law=1, where="plan", text=text)
    driven = Counter(a.route for a in plan.allocations)
    left = Counter(u.route for u in plan.unserved)
    known = {r.id for r in snapshot.routes}
    for law, names in ((2, driven), (4, left)):
        for name in sorted(names.keys() - known):
            yield Breach(law=law, where=f"route {name}", text="the snapshot has no such route")
    for name, route in facts.routes.items():
        where = f"route {name}"
        if driven[name] > 1:
            yield Breach(law=2, where=where, at=route.depart, text="it is allocated more than once")
        if left[name] > 1:
            yield Breach(law=4, where=where, at=route.depart, text="it is unserved more than once")
        if driven[name] and left[name]:
            yield Breach(law=4, where=where, at=route.depart, text="it is allocated and unserved")
        if not driven[name] and not left[name]:
            text = "it is neither allocated nor unserved"
            yield Breach(law=4, where=where, at=route.depart, text=text)
    if snapshot.mode == "charging":
        yield from _check_given(facts)
    else:
        yield from _check_drivers(facts)
        yield from _check_reserve(facts)


def _check_given(facts: Facts) -> Iterator[Breach]:
    given = given_drives(facts.snapshot)
    for allocation in facts.plan.allocations:
        route = facts.routes.get(allocation.route)
        if route is not None and given.get(route.id) != allocation.vehicle:
            wanted = given.get(route.id, "no vehicle that can drive")
            text = f"it is given to {wanted}, the plan allocates {allocation.vehicle}"
            yield Breach(law=4, where=f"route {route.id}", at=route.depart, text=text)
    for entry in facts.plan.unserved:
        route = facts.routes.get(entry.route)
        if route is not None and route.id in given:
            text = f"it is given to {given[route.id]}, the plan leaves it unserved"
            yield Breach(law=4, where=f"route {route.id}", at=route.depart, text=text)


def _check_drivers(facts: Facts) -> Iterator[Breach]:
    for allocation in facts.plan.allocations:
        if allocation.route in facts.routes and allocation.vehicle not in facts.vehicles:
            text = f"the snapshot has no vehicle {allocation.vehicle}"
            yield Breach(law=2, where=f"route {allocation.route}", text=text)
    for name, routes in facts.drives.items():
        vehicle = facts.vehicles[name]
        for route in routes:
            for text in (*_hindrances(route, vehicle), *_wishes(facts, route, vehicle)):
                where = f"route {route.id} by vehicle {name}"
                yield Breach(law=2, where=where, at=route.depart, text=text)
        yield from _check_times(facts, vehicle, routes)
        yield from _check_shifts(facts, vehicle, routes)
        yield from _check_company(facts, vehicle, routes)


def _hindrances(route: Route, vehicle: Vehicle) -> Iterator[str]:
    if not vehicle.in_service:
        yield "the vehicle is out of service"
    if vehicle.type not in route.vehicle_types:
        yield f"the type {vehicle.type} is not allowed"
    if route.vehicle not in (None, vehicle.id):
        yield f"the route is pinned to {route.vehicle}"
    if route.energy_for(vehicle.id) is None:
        yield "the route's energy is not known for the vehicle"


def _wishes(facts: Facts, route: Route, vehicle: Vehicle) -> Iterator[str]:
    """What the operator has made a law of `rules.soft`, for one route."""
    snapshot, soft = facts.snapshot, facts.snapshot.rules.soft
    reserve, soonness, swaps = soft.reserve_vehicles, soft.minimum_soonness, soft.swaps
    previous = snapshot.previous.allocations if snapshot.previous is not None else ()
    if reserve is not None and reserve.hard and vehicle.id in reserve.vehicles:
        yield "the vehicle is kept in reserve"
    if soonness is not None and soonness.hard and route.vehicle != vehicle.id:
        keeps = Allocation(route=route.id, vehicle=vehicle.id) in previous
        if not keeps and route.depart - snapshot.taken_at < timedelta(hours=soonness.hours):
            yield f"it departs within {soonness.hours:g} h and was not the vehicle's before"
    if swaps is not None and swaps.hard and route.vehicle != vehicle.id:
        made = snapshot.taken_at
        if snapshot.previous is not None and snapshot.previous.at is not None:
            made = snapshot.previous.at
        others = {a.vehicle for a in previous if a.route == route.id} - {vehicle.id}
        if others and made >= snapshot.taken_at - timedelta(hours=swaps.lookback_hours):
            yield f"it was {others.pop()}'s before"


def _check_reserve(facts: Facts) -> Iterator[Breach]:
    """So many vehicles in service drive nothing, or all where there are no more."""
    rule = facts.snapshot.rules.soft.reserve_vehicles
    if rule is None or not rule.hard or rule.vehicles:
        return
    able = [name for name, vehicle in facts.vehicles.items() if vehicle.in_service]
    wanted = min(rule.count, len(able))
    idle = [name for name in able if not facts.drives[name]]
    if len(idle) < wanted:
        text = f"{len(idle)} drive nothing, {wanted} are to be kept in reserve"
        lacking = wanted - len(idle)
        yield Breach(law=2, where="vehicles", amount=lacking, unit="vehicles", text=text)


def _check_times(facts: Facts, vehicle: Vehicle, routes: Sequence[Route]) -> Iterator[Breach]:
    rules, soft = facts.snapshot.rules, facts.snapshot.rules.soft
    buffer, preferred = soft.route_sequence_buffer, soft.preferred_turnaround
    turnaround, name = timedelta(minutes=rules.turnaround_minutes), "turnaround"
    if buffer is not None and buffer.hard:
        turnaround, name = turnaround + timedelta(minutes=buffer.minutes), "turnaround and buffer"
    if preferred is not None and preferred.hard:
        longest = timedelta(minutes=max(preferred.minutes))
        if longest > turnaround:
            turnaround, name = longest, "preferred turnaround"
    free, why = vehicle.available_from, "before the vehicle is available"
    for route in routes:
        if route.depart < free - TIME:
            yield Breach(
                law=2,
                where=f"route {route.id} by vehicle {vehicle.id}",
                at=route.depart,
                amount=(free - route.depart) / MINUTE,
                unit="minutes",
                text=f"it departs {why}",
            )
        if route.return_ + turnaround > free:
            free, why = route.return_ + turnaround, f"before the {name} after {route.id}"


def _check_shifts(facts: Facts, vehicle: Vehicle, routes: Sequence[Route]) -> Iterator[Breach]:
    """The contract's limit, and the operator's if it is hard: each with its own hours."""
    if not routes:
        return
    rules, rule = facts.snapshot.rules, facts.snapshot.rules.soft.shift_hours
    shifts = list(_shifts(routes, rules.rest_hours))
    spans = [(s[0].depart, max(r.return_ for r in s) - s[0].depart) for s in shifts]
    if rules.max_shift_hours is not None:
        text = f"a shift is longer than {rules.max_shift_hours:g} h"
        yield from _too_long(vehicle, spans, rules.max_shift_hours, text)
    if rule is not None and rule.hard:
        around = timedelta(hours=rule.before_hours + rule.after_hours)
        if rule.kind == "cumulative":
            on_routes = sum((r.return_ - r.depart for r in routes), timedelta())
            spans = [(routes[0].depart, on_routes)]
        text = f"a shift with what comes before and after is longer than {rule.hours:g} h"
        yield from _too_long(vehicle, [(at, x + around) for at, x in spans], rule.hours, text)


def _shifts(routes: Sequence[Route], rest_hours: float | None) -> Iterator[list[Route]]:
    """The routes between two pauses of `rest_hours`."""
    shift = [routes[0]]
    for route in routes[1:]:
        pause = route.depart - max(r.return_ for r in shift)
        if rest_hours is not None and pause >= timedelta(hours=rest_hours):
            yield shift
            shift = []
        shift.append(route)
    yield shift


def _too_long(
    vehicle: Vehicle, spans: Sequence[tuple[datetime, timedelta]], hours: float, text: str
) -> Iterator[Breach]:
    most = timedelta(hours=hours)
    for at, length in spans:
        if length > most + TIME:
            yield Breach(
                law=2,
                where=f"vehicle {vehicle.id}",
                at=at,
                amount=(length - most) / HOUR,
                unit="hours",
                text=text,
            )


def _check_company(facts: Facts, vehicle: Vehicle, routes: Sequence[Route]) -> Iterator[Breach]:
    rules, where = facts.snapshot.rules, f"vehicle {vehicle.id}"
    if len(routes) > rules.max_routes_per_vehicle:
        yield Breach(
            law=2,
            where=where,
            amount=len(routes) - rules.max_routes_per_vehicle,
            unit="routes",
            text=f"it drives more than {rules.max_routes_per_vehicle} routes",
        )
    driven = {r.id for r in routes}
    wished = rules.soft.incompatible_routes
    pairs = wished.pairs if wished is not None and wished.hard else ()
    for a, b in (*rules.incompatible_routes, *pairs):
        if a != b and {a, b} <= driven:
            yield Breach(law=2, where=where, text=f"it drives {a} and {b}, which are incompatible")
