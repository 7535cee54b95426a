"""A plan in the making: who drives what, and where and when each visit's charging happens.

Every algorithm ends in a `Draft`; `assemble.py` turns it into a `Plan`. Times are seconds after
the snapshot's `taken_at`, powers are at the connector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from planner.drafts.choices import Drive
from planner.drafts.timeline import Floats, Socket, Timeline
from planner.snapshot import Connector, Snapshot, Vehicle

SHORTEST_S = 1.0
"""Charging in a piece of a step shorter than this is not planned."""


class Charge(NamedTuple):
    """Constant power over `[start_s, end_s)`, within one step."""

    start_s: float
    end_s: float
    kw: float

    @property
    def kwh(self) -> float:
        return self.kw * (self.end_s - self.start_s) / 3600


@dataclass(slots=True, kw_only=True)
class Visit:
    """A vehicle's time at the depot between two routes, less the departure buffer.

    `first`: it has not left since the snapshot was taken, so a plugged vehicle is still plugged.
    """

    vehicle: str
    start_s: float
    end_s: float
    first: bool
    socket: Socket | None = None
    charges: list[Charge] = field(default_factory=list)

    def hold(self, *, plugged: bool) -> tuple[float, float] | None:
        """When the connector is held: from the first charging, or from the start if plugged."""
        if not self.charges:
            return None
        start_s = 0.0 if plugged and self.first else self.charges[0].start_s
        return start_s, self.charges[-1].end_s


@dataclass(slots=True, kw_only=True)
class Draft:
    """`battery_kw`: one value a step, positive while charging; None where there is no battery."""

    drives: dict[str, list[Drive]]
    visits: list[Visit]
    battery_kw: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A vehicle's energy in kWh: at each departure, at each charge's end, and at the end."""

    departures: tuple[tuple[Drive, float], ...]
    charged: tuple[float, ...]
    end_kwh: float


def open_visits(
    vehicle: Vehicle, drives: Sequence[Drive], snapshot: Snapshot, line: Timeline
) -> list[Visit]:
    """The vehicle's visits within the horizon, in order, without connectors yet (law 5)."""
    buffer_s = snapshot.rules.departure_buffer_minutes * 60
    at_s = max(0.0, line.seconds(vehicle.available_from))
    visits = []
    for drive in sorted(drives, key=lambda d: (d.depart_s, d.return_s)):
        leave_s = min(drive.depart_s - buffer_s, line.end_s)
        if leave_s - at_s > 1e-6:
            visits.append(Visit(vehicle=vehicle.id, start_s=at_s, end_s=leave_s, first=False))
        at_s = max(at_s, drive.return_s)
    if line.end_s - at_s > 1e-6:
        visits.append(Visit(vehicle=vehicle.id, start_s=at_s, end_s=line.end_s, first=False))
    left_s = min((d.depart_s for d in drives), default=line.end_s)
    for visit in visits:
        visit.first = visit.start_s <= left_s
    return visits


def trace(
    vehicle: Vehicle, drives: Iterable[Drive], charges: Sequence[Charge], line: Timeline
) -> Trace:
    """Follows law 3; where a route takes more than there is the vehicle comes home empty.

    `charges` are in order of time.
    """
    order, end_s = list(drives), line.end_s
    events = [(d.return_s, 1, i) for i, d in enumerate(order) if d.return_s <= end_s]
    events += [(d.depart_s, 2, i) for i, d in enumerate(order)]
    energy_kwh, efficiency = vehicle.energy_kwh, vehicle.efficiency
    departures: list[tuple[Drive, float]] = []
    charged: list[float] = []
    for at_s, kind, i in (*sorted(events), (math.inf, 0, 0)):
        for start_s, until_s, kw in charges[len(charged) :]:
            if until_s > at_s:
                break
            energy_kwh += efficiency * (kw * (until_s - start_s) / 3600)
            charged.append(energy_kwh)
        if kind == 1:
            energy_kwh = max(0.0, energy_kwh - order[i].energy_kwh)
        elif kind == 2:
            departures.append((order[i], energy_kwh))
    return Trace(departures=tuple(departures), charged=tuple(charged), end_kwh=energy_kwh)


def at_depot_at_end(vehicle: Vehicle, drives: Iterable[Drive], line: Timeline) -> bool:
    returns_s = [d.return_s for d in drives] or [line.seconds(vehicle.available_from)]
    return all(at_s <= line.end_s for at_s in returns_s)


def charges_of(visits: Iterable[Visit]) -> dict[str, list[Charge]]:
    """Each vehicle's charges in order of time."""
    found: dict[str, list[Charge]] = {}
    for visit in visits:
        found.setdefault(visit.vehicle, []).extend(visit.charges)
    return {v: sorted(charges) for v, charges in found.items()}


def plugged_at(vehicle: Vehicle) -> Socket | None:
    return vehicle.plugged.key if vehicle.plugged else None


def may_use(visit: Visit, vehicle: Vehicle, plugs: Mapping[Socket, frozenset[str]]) -> list[Socket]:
    """The connectors where `visit` may charge, in order (law 5).

    `plugs` holds the usable connectors only: a vehicle at any other waits where it stands.
    """
    own = plugged_at(vehicle)
    if visit.first and own is not None and own not in plugs:
        return []
    return [s for s, kinds in plugs.items() if kinds & set(vehicle.plugs)]


def sockets_with_plugs(snapshot: Snapshot) -> dict[Socket, frozenset[str]]:
    """The connectors that may be planned with, in order of their names."""
    return {c.key: frozenset(c.plugs) for c in usable(snapshot)}


def usable(snapshot: Snapshot) -> list[Connector]:
    """The controllable connectors, less those for direct current where a rule does not allow it, in
    order of their names."""
    rule = snapshot.rules.soft.energy_feasibility
    found = sorted((c for c in snapshot.connectors if c.controllable), key=lambda c: c.key)
    if rule is None or rule.dc_allowed:
        return found
    return [c for c in found if not set(c.plugs) <= set(rule.dc_plugs)]
