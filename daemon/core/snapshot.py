"""From what we believe to what is planned on: one frozen snapshot, valid once built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from daemon.core.budget import booking, is_unbound
from daemon.core.depot import Depot
from daemon.core.instant import Now
from daemon.core.phases import draw, drawn_kw
from daemon.core.station import Evse, Station
from planner.energy.averages import with_estimates
from planner.series import format_instant
from planner.snapshot import (
    Connector,
    Horizon,
    Plugged,
    Previous,
    Route,
    Site,
    Snapshot,
    Vehicle,
)
from protocol.ocpp.model import ConnectorStatus

LEAST_HOURS: Final = 4.0
OUT_OF_USE = {ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED}


def take(depot: Depot, revision: int, at: Now) -> Snapshot:
    """The depot at `at`, to the second, under a new revision.

    Raises ValueError where beliefs contradict each other.
    """
    taken_at = at.utc.replace(microsecond=0)
    connectors = tuple(_connector(depot, station, evse, at) for station, evse in depot.evses())
    snapshot = Snapshot(
        revision=revision,
        taken_at=taken_at,
        mode=depot.site.mode,
        horizon=_horizon(depot, taken_at),
        site=_site(depot),
        circuits=depot.site.circuits,
        connectors=connectors,
        vehicles=tuple(_vehicles(depot, connectors, taken_at)),
        routes=tuple(_route(depot, route) for route in depot.routes.values()),
        rules=depot.site.rules,
        previous=_previous(depot),
    )
    return with_estimates(snapshot)


def _horizon(depot: Depot, taken_at: datetime) -> Horizon:
    """As set, or as far as all forecasts and prices are known if that is less; but not less than
    `LEAST_HOURS`: to plan on the last known values is better than not to look ahead."""
    wanted = depot.site.horizon
    ends = sorted((until, key) for key, until in depot.known_until.items())
    if not ends or ends[0][0] >= taken_at + timedelta(hours=wanted.hours):
        return wanted
    (until, key), step = ends[0], timedelta(minutes=wanted.step_minutes)
    least = min(
        -(-timedelta(hours=LEAST_HOURS) // step), round(wanted.hours * 60 / wanted.step_minutes)
    )
    steps = (until - taken_at) // step
    why = f"{key} is known until {format_instant(until)}"
    if steps < least:
        why += ", then its last value stands in"
    hours = max(steps, least) * wanted.step_minutes / 60
    return replace(wanted, hours=hours, limited_by=why)


def _site(depot: Depot) -> Site:
    declared = depot.site
    return Site(
        id=declared.id,
        currency=declared.currency,
        import_limit_kw=depot.limit_kw()[0],
        export_limit_kw=declared.export_limit_kw,
        base_load_kw=depot.site_series("base_load_kw"),
        pv_kw=depot.pv_kw(),
        import_price_per_kwh=depot.site_series("import_price_per_kwh"),
        export_price_per_kwh=declared.export_price_per_kwh,
        peak_price_per_kw=declared.peak_price_per_kw,
        peak_so_far_kw=depot.peak_kw,
    )


def _connector(depot: Depot, station: Station, evse: Evse, now: Now) -> Connector:
    """One that cannot be told what to do counts with the most it may draw; of one that can, what
    it draws without being told (its floor) is booked whatever the plan says."""
    controllable = (
        station.ready
        and evse.fixed is None
        and not is_unbound(station, evse)
        and evse.override is None
        and evse.status not in OUT_OF_USE
        and (evse.transaction is None or depot.vehicle_at(evse) is not None)
    )
    return Connector(
        station=station.id,
        connector=evse.spec.connector,
        circuit=evse.spec.circuit,
        min_kw=evse.spec.min_kw,
        max_kw=evse.spec.max_kw,
        plugs=evse.spec.plugs,
        controllable=controllable,
        load_kw=0.0 if controllable else _fixed_load_kw(depot, station, evse, now),
        fallback_kw=min(evse.floor_kw, evse.spec.max_kw) if controllable else 0.0,
    )


def _fixed_load_kw(depot: Depot, station: Station, evse: Evse, now: Now) -> float:
    if evse.override == "charge_now":
        return drawn_kw(evse, evse.spec.max_kw)
    return draw(evse, booking(station, evse, now.monotonic_s, depot.site.slack_s).soon_kw)[0]


def _vehicles(depot: Depot, connectors: tuple[Connector, ...], now: datetime) -> Iterable[Vehicle]:
    by_key = {connector.key: connector for connector in connectors}
    taken: set[tuple[str, int]] = set()
    for vehicle_id, belief in depot.vehicles.items():
        if belief.vehicle is None:
            continue
        plugged = _plugged(depot, vehicle_id, belief.plugged)
        connector = by_key.get(plugged) if plugged is not None else None
        fits = connector is not None and set(connector.plugs) & set(belief.vehicle.plugs)
        if connector is None or not fits or connector.key in taken:
            plugged = None
        else:
            taken.add(connector.key)
        vehicle = replace(
            belief.vehicle,
            energy_kwh=belief.energy_kwh,
            plugged=Plugged(station=plugged[0], connector=plugged[1]) if plugged else None,
        )
        yield vehicle if plugged else _underway(depot, vehicle, belief.at, now)


def _plugged(depot: Depot, vehicle_id: str, told: tuple[str, int] | None) -> tuple[str, int] | None:
    """Where a transaction shows the vehicle, else where it was told to be, unless another
    vehicle charges there."""
    for station, evse in depot.evses():
        here = (station.id, evse.spec.connector)
        at = depot.vehicle_at(evse)
        if at == vehicle_id:
            return here
        if here == told and at is not None:
            return None
    return told


def _underway(depot: Depot, vehicle: Vehicle, told_at: datetime | None, now: datetime) -> Vehicle:
    """A vehicle that has left for its route, and of which nothing newer was heard, is expected
    back as planned, with the energy that the route was planned to take."""
    if depot.applied is None:
        return vehicle
    routes = {route.id: route for route in depot.applied.snapshot.routes}
    turnaround = timedelta(minutes=depot.site.rules.gap_minutes)
    for allocation in depot.applied.plan.allocations:
        route = routes.get(allocation.route)
        if route is None or allocation.vehicle != vehicle.id or route.depart > now:
            continue
        if told_at is not None and told_at >= route.depart:
            continue
        used = route.energy_for(vehicle.id) or 0.0
        vehicle = replace(
            vehicle,
            available_from=max(vehicle.available_from, route.return_ + turnaround),
            energy_kwh=max(0.0, vehicle.energy_kwh - used),
        )
    return vehicle


def _route(depot: Depot, route: Route) -> Route:
    pinned = depot.pins.get(route.id)
    return route if pinned is None else replace(route, vehicle=pinned)


def _previous(depot: Depot) -> Previous | None:
    """The plan in force, without its words: nothing is planned on them."""
    if depot.applied is None:
        return None
    plan = depot.applied.plan
    return Previous(
        allocations=plan.allocations,
        at=depot.applied.made_at,
        stays=tuple(replace(stay, why="") for stay in plan.stays),
    )
