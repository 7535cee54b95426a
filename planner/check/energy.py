"""Laws 3, 4 and 8: each vehicle's energy along time, and what is missing of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from planner.check.breach import ENERGY_KWH, REPORTED, TIME, Breach, Excess, worst
from planner.check.facts import Facts, Part
from planner.snapshot import Route, Vehicle


@dataclass(frozen=True, slots=True)
class Trace:
    """`parts` and `departures` each with the energy reached at the part's end or found at the
    departure, in order of time."""

    vehicle: Vehicle
    parts: list[tuple[Part, float]]
    departures: list[tuple[Route, float]]
    end_kwh: float


@dataclass(frozen=True, slots=True)
class Missing:
    """Energy that is not there at an instant when it is wanted."""

    at: datetime
    kwh: float


# A vehicle and the route it departs for, None at the horizon's end.
Claim = tuple[str, str | None]

_CHARGED, _RETURNED, _DEPARTS = range(3)


def trace(facts: Facts, vehicle: Vehicle) -> Trace:
    """Where events share an instant: what is charged until then counts, then returns, then
    departures. An energy that a route does not tell is none (law 4 lets such a route be given)."""
    events: list[tuple[datetime, int, Part | Route]] = []
    for stay in facts.stays[vehicle.id]:
        events += [(part.end, _CHARGED, part) for part in facts.parts(stay)]
    for route in facts.drives[vehicle.id]:
        events.append((route.depart, _DEPARTS, route))
        if route.return_ <= facts.snapshot.end:
            events.append((route.return_, _RETURNED, route))
    events.sort(key=lambda e: e[:2])
    empties = facts.snapshot.mode == "charging"
    kwh = vehicle.energy_kwh
    parts: list[tuple[Part, float]] = []
    departures: list[tuple[Route, float]] = []
    for _, kind, what in events:
        if isinstance(what, Part):
            kwh += vehicle.efficiency * what.kwh
            parts.append((what, kwh))
        elif kind == _RETURNED:
            kwh -= what.energy_for(vehicle.id) or 0.0
            kwh = max(kwh, 0.0) if empties else kwh
        else:
            departures.append((what, kwh))
    return Trace(vehicle, parts, departures, kwh)


def missing_energy(facts: Facts, traces: Mapping[str, Trace]) -> dict[Claim, Missing]:
    """What each vehicle lacks at its departures and at the horizon's end (law 8)."""
    # Where law 3 judges departures, what it lets pass there is no shortfall either.
    passes = 0.0 if facts.snapshot.mode == "charging" else ENERGY_KWH
    found: dict[Claim, Missing] = {}
    soft = facts.snapshot.rules.soft
    spare, margin = soft.energy_feasibility, soft.energy_margin
    spare_kwh = spare.safety_margin_kwh if spare is not None and spare.hard else 0.0
    share = margin.margins[-1] if margin is not None and margin.hard else 0.0
    for name, line in traces.items():
        for route, kwh in line.departures:
            need = (facts.snapshot.rules.safety_factor + share) * (route.energy_for(name) or 0.0)
            lack = need + line.vehicle.reserve_kwh + spare_kwh - kwh
            if lack > passes:
                found[name, route.id] = Missing(route.depart, lack)
        lack = line.vehicle.target_kwh - line.end_kwh
        if lack > 0 and _owes(facts, line.vehicle):
            found[name, None] = Missing(facts.snapshot.end, lack)
    return found


def _owes(facts: Facts, vehicle: Vehicle) -> bool:
    """In service and at the depot when the horizon ends."""
    end, routes = facts.snapshot.end, facts.drives[vehicle.id]
    at_depot = all(r.return_ <= end for r in routes) if routes else vehicle.available_from <= end
    return vehicle.in_service and at_depot


def check_battery_size(traces: Mapping[str, Trace]) -> Iterator[Breach]:
    for name, line in traces.items():
        full = line.vehicle.battery_kwh
        text = f"it holds more than its battery's {full:g} kWh"
        found = (Excess(text, part.end, kwh - full, "kWh") for part, kwh in line.parts)
        yield from worst(3, f"vehicle {name}", found)


def check_shortfalls(facts: Facts, missing: Mapping[Claim, Missing]) -> Iterator[Breach]:
    """Where departures are judged (`integrated`, `allocation`) nothing may be missing there, and
    no shortfall stands in for it; elsewhere the plan owns up to what is missing, once."""
    charging = facts.snapshot.mode == "charging"
    reported: dict[Claim, Missing] = {}
    for entry in facts.plan.shortfalls:
        key = (entry.vehicle, entry.route)
        if key in reported:
            text = "the same shortfall is reported twice"
            yield Breach(law=_law(entry.route), where=_where(*key), at=entry.at, text=text)
        reported[key] = Missing(entry.at, entry.kwh)
    for (name, route), lack in missing.items():
        if route is not None and not charging:
            yield Breach(
                law=3,
                where=_where(name, route),
                at=lack.at,
                amount=lack.kwh,
                unit="kWh",
                text="it departs without the energy that the route and the reserve want",
            )
    for key in sorted(missing.keys() | reported.keys(), key=str):
        if key[1] is None or charging:
            yield from _compare(key, missing.get(key), reported.get(key))
        elif key in reported and reported[key].kwh > REPORTED:
            text = "a route short of energy is unserved in this mode, not driven with a shortfall"
            yield Breach(law=4, where=_where(*key), at=reported[key].at, text=text)


def _compare(key: Claim, missing: Missing | None, reported: Missing | None) -> Iterator[Breach]:
    wanted = missing.kwh if missing is not None else 0.0
    told = reported.kwh if reported is not None else 0.0
    at = missing.at if missing is not None else reported.at if reported is not None else None
    if abs(wanted - told) > REPORTED:
        yield Breach(
            law=_law(key[1]),
            where=_where(*key),
            at=at,
            amount=abs(wanted - told),
            unit="kWh",
            text=f"{wanted:.6g} kWh are missing, the plan reports {told:.6g}",
        )
    elif missing is not None and reported is not None and abs(missing.at - reported.at) > TIME:
        text = "the shortfall is reported for another time than that at which it is missing"
        yield Breach(law=_law(key[1]), where=_where(*key), at=missing.at, text=text)


def _law(route: str | None) -> int:
    return 8 if route is None else 4


def _where(vehicle: str, route: str | None) -> str:
    return f"vehicle {vehicle}" if route is None else f"route {route} by vehicle {vehicle}"
