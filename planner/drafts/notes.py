"""What is less certain about a plan than it looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.snapshot import Snapshot

_ESTIMATES = {
    "type": "the average of its type",
    "fleet": "the fleet's average",
    "default": "0.35 kWh a mile, as nothing is known",
}


def notes(snapshot: Snapshot, driven: Mapping[str, str]) -> Iterable[str]:
    """What is less certain than it looks: a window cut short, energies that are averages."""
    if snapshot.horizon.limited_by is not None:
        yield f"the window is {snapshot.horizon.hours:g} h long: {snapshot.horizon.limited_by}"
    yield from _forgotten(snapshot)
    for route in snapshot.routes:
        vehicle = driven.get(route.id, "")
        if vehicle in route.estimated:
            whose = _ESTIMATES[route.estimated[vehicle]]
            kwh = route.energy_for(vehicle) or 0.0
            yield f"{route.id}: that {vehicle} takes {kwh:.1f} kWh is an estimate, {whose}"


def _forgotten(snapshot: Snapshot) -> Iterable[str]:
    """Whom and what the plan before had stay and the depot does not know."""
    stays = snapshot.previous.stays if snapshot.previous is not None else ()
    vehicles = {v.id for v in snapshot.vehicles}
    connectors = {c.key for c in snapshot.connectors}
    for name in dict.fromkeys(s.vehicle for s in stays if s.vehicle not in vehicles):
        yield f"the stays before of {name} count for nothing: it is no vehicle of the depot"
    for station, number in dict.fromkeys(s.key for s in stays if s.key not in connectors):
        place = f"{station}/{number}"
        yield f"the stays before at {place} count for nothing: it is no connector of the depot"
