"""Consumption that nobody knows, from what is known of other vehicles and routes.

A route says `null` where the energy of a vehicle, or of all others, is not known. It is then the
route's distance times the average kWh per km of the vehicle's type over all routes of the snapshot,
else of the fleet, else of vans at large.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from planner.snapshot import Estimate, Route, Snapshot, Vehicle

KWH_PER_KM: Final = 0.35 / 1.609344
"""0.35 kWh a mile, what fleets of electric vans plan with before they know better."""


@dataclass(slots=True)
class _Known:
    kwh: float = 0.0
    km: float = 0.0

    def add(self, kwh: float, km: float) -> None:
        self.kwh, self.km = self.kwh + kwh, self.km + km


def with_estimates(snapshot: Snapshot) -> Snapshot:
    """The snapshot with a number for every vehicle whose energy a route does not know, marked in
    `Route.estimated`. A route without a distance keeps what it does not know: nobody drives it."""
    if not any(route.is_unknown for route in snapshot.routes):
        return snapshot
    types = _by_type(snapshot)
    fleet = _Known(sum(k.kwh for k in types.values()), sum(k.km for k in types.values()))
    routes = tuple(_filled(r, snapshot.vehicles, types, fleet) for r in snapshot.routes)
    return replace(snapshot, routes=routes)


def _by_type(snapshot: Snapshot) -> dict[str, _Known]:
    """Each vehicle that may drive a route counts with what it is known to use there."""
    types: dict[str, _Known] = {}
    for route in snapshot.routes:
        for vehicle in _allowed(route, snapshot.vehicles):
            kwh = route.energy_for(vehicle.id)
            if kwh is not None and route.distance_km > 0:
                types.setdefault(vehicle.type, _Known()).add(kwh, route.distance_km)
    return types


def _filled(
    route: Route, vehicles: Sequence[Vehicle], types: dict[str, _Known], fleet: _Known
) -> Route:
    if not route.is_unknown or route.distance_km <= 0:
        return route
    told = route.energy_kwh if isinstance(route.energy_kwh, dict) else {"*": None}
    energies: dict[str, float | None] = {n: kwh for n, kwh in told.items() if kwh is not None}
    estimated: dict[str, Estimate] = {}
    for vehicle in _allowed(route, vehicles):
        if route.wants_estimate(vehicle.id):
            known, estimated[vehicle.id] = _best(vehicle, types, fleet)
            energies[vehicle.id] = round(known * route.distance_km, 3)
    return replace(route, energy_kwh=energies, estimated=estimated)


def _best(vehicle: Vehicle, types: dict[str, _Known], fleet: _Known) -> tuple[float, Estimate]:
    """kWh per km, and whose average that is."""
    kind = types.get(vehicle.type)
    if kind is not None:
        return kind.kwh / kind.km, "type"
    return (fleet.kwh / fleet.km, "fleet") if fleet.km > 0 else (KWH_PER_KM, "default")


def _allowed(route: Route, vehicles: Iterable[Vehicle]) -> Iterable[Vehicle]:
    return (v for v in vehicles if v.type in route.vehicle_types)
