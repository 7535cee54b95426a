"""Laws 5 and 6: who stands where and when, and with how much power."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from planner.check.breach import POWER_KW, TIME, Breach, Excess, worst
from planner.check.energy import Trace
from planner.check.facts import Facts, Part
from planner.plan import Stay
from planner.snapshot import Connector, Vehicle

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One time at the depot, between two routes: stays are allowed in `[start, end)`."""

    start: datetime
    end: datetime
    stays: list[Stay]


def visits(facts: Facts, name: str) -> list[Visit]:
    """From `available_from` or a return until `departure_buffer_minutes` before a departure."""
    snapshot, routes = facts.snapshot, facts.drives.get(name, ())
    buffer = timedelta(minutes=snapshot.rules.departure_buffer_minutes)
    vehicle = facts.vehicles.get(name)
    here = snapshot.taken_at
    if vehicle is not None:
        here = max(here, vehicle.available_from)
    found: list[Visit] = []
    away: datetime | None = None
    for route in routes:
        found.append(Visit(here, route.depart - buffer, []))
        away = route.return_ if away is None else max(away, route.return_)
        here = away
    found.append(Visit(here, snapshot.end, []))
    for stay in facts.stays.get(name, ()):
        found[sum(r.depart <= stay.start for r in routes)].stays.append(stay)
    return found


def check_stays(facts: Facts) -> Iterator[Breach]:
    held: dict[tuple[str, int], list[tuple[datetime, datetime, str]]] = {}
    for name, stays in facts.stays.items():
        vehicle = facts.vehicles.get(name)
        if vehicle is None:
            yield Breach(law=5, where=f"vehicle {name}", text="the snapshot has no such vehicle")
        before: Stay | None = None
        for stay in stays:
            yield from _check_place(facts, stay, vehicle)
            yield from _check_periods(stay)
            if before is not None and stay.start < before.end - TIME:
                yield _amiss(stay, before.end - stay.start, "it begins before the last one ends")
            before = stay
        for number, visit in enumerate(visits(facts, name)):
            yield from _check_visit(facts, number, visit, vehicle)
            for key in {s.key for s in visit.stays}:
                start = min(s.start for s in visit.stays if s.key == key)
                end = max(s.end for s in visit.stays if s.key == key)
                if number == 0 and _standing_at(vehicle) == key:
                    start = min(start, facts.snapshot.taken_at)
                held.setdefault(key, []).append((start, end, name))
    for key, holders in held.items():
        yield from _check_holders(key, sorted(holders))


def _check_place(facts: Facts, stay: Stay, vehicle: Vehicle | None) -> Iterator[Breach]:
    connector = facts.connectors.get(stay.key)
    if connector is None:
        yield _amiss(stay, None, f"the snapshot has no connector {_name(stay.key)}")
        return
    if not connector.controllable:
        yield _amiss(stay, None, f"connector {_name(stay.key)} cannot be controlled")
    elif _is_barred(facts, connector):
        text = f"connector {_name(stay.key)} is for direct current, which is not allowed"
        yield _amiss(stay, None, text)
    if vehicle is not None and not set(connector.plugs) & set(vehicle.plugs):
        yield _amiss(stay, None, f"connector {_name(stay.key)} has no plug of the vehicle")


def _is_barred(facts: Facts, connector: Connector) -> bool:
    rule = facts.snapshot.rules.soft.energy_feasibility
    if rule is None or rule.dc_allowed:
        return False
    return all(plug in rule.dc_plugs for plug in connector.plugs)


def _check_periods(stay: Stay) -> Iterator[Breach]:
    if stay.end <= stay.start:
        yield _amiss(stay, None, "it ends before it begins")
    at = stay.start
    for period in stay.periods:
        if period.end <= period.start:
            yield _amiss(stay, None, "a period ends before it begins")
        if period.start < at - TIME:
            text = "a period begins before its stay or before the last period ends"
            yield _amiss(stay, at - period.start, text)
        at = max(at, period.end)
    if at > stay.end + TIME:
        yield _amiss(stay, at - stay.end, "a period ends after its stay")


def _check_visit(
    facts: Facts, number: int, visit: Visit, vehicle: Vehicle | None
) -> Iterator[Breach]:
    for stay in visit.stays:
        if stay.start < visit.start - TIME:
            text = "it begins before the vehicle is at the depot"
            yield _amiss(stay, visit.start - stay.start, text)
        if stay.end > visit.end + TIME:
            text = "it lasts beyond the departure buffer or the horizon"
            yield _amiss(stay, stay.end - visit.end, text)
        if stay.key != visit.stays[0].key:
            text = f"the visit began at connector {_name(visit.stays[0].key)}"
            yield _amiss(stay, None, text)
    standing = _standing_at(vehicle)
    if number or not visit.stays or standing is None:
        return
    if _is_barred(facts, facts.connectors[standing]):
        text = f"the vehicle stands at connector {_name(standing)}, for direct current"
        yield _amiss(visit.stays[0], None, text)
    if facts.connectors[standing].controllable:
        return
    # It stands there until its first departure, and nobody can tell what it takes meanwhile.
    text = f"the vehicle stands at connector {_name(standing)}, which cannot be controlled"
    yield _amiss(visit.stays[0], None, text)


def _check_holders(
    key: tuple[str, int], holders: list[tuple[datetime, datetime, str]]
) -> Iterator[Breach]:
    """A connector is held from the start of a visit's first stay to the end of its last."""
    last, who = holders[0][1], holders[0][2]
    for start, end, name in holders[1:]:
        if start < last - TIME and name != who:
            yield Breach(
                law=5,
                where=f"connector {_name(key)}",
                at=start,
                amount=(min(last, end) - start) / MINUTE,
                unit="minutes",
                text=f"vehicles {who} and {name} hold it at once",
            )
        if end > last:
            last, who = end, name


def check_powers(facts: Facts, traces: Mapping[str, Trace]) -> Iterator[Breach]:
    """Law 6, for vehicles and connectors that the snapshot knows (law 5 names the others)."""
    for line in traces.values():
        found: dict[str, list[Excess]] = {}
        for part, kwh in line.parts:
            connector = facts.connectors.get(part.stay.key)
            if connector is not None and not _is_allowed(part.kw, kwh, line.vehicle, connector):
                excess = _power_excess(part, kwh, line.vehicle, connector)
                found.setdefault(_where(part.stay), []).append(excess)
        for where, excesses in found.items():
            yield from worst(6, where, excesses)


def _is_allowed(kw: float, kwh: float, vehicle: Vehicle, connector: Connector) -> bool:
    """Most parts need no more words."""
    if not POWER_KW < kw <= vehicle.max_charge_kw:
        return False
    return connector.min_kw <= kw <= connector.max_kw and kw <= curve_kw(vehicle, kwh)


def _power_excess(part: Part, kwh: float, vehicle: Vehicle, connector: Connector) -> Excess:
    """How far the power of `part`, at whose end `kwh` are reached, is from any allowed one."""
    if part.kw <= POWER_KW:
        return Excess("the power is negative", part.start, -part.kw, "kW")
    if part.kw < connector.min_kw:
        text = f"the power is neither 0 nor at least the connector's {connector.min_kw:g} kW"
        return Excess(text, part.start, connector.min_kw - part.kw, "kW")
    limits = (
        (connector.max_kw, f"the power is above the connector's {connector.max_kw:g} kW"),
        (vehicle.max_charge_kw, f"the power is above the vehicle's {vehicle.max_charge_kw:g} kW"),
        (curve_kw(vehicle, kwh), "the power is above the charge curve"),
    )
    limit, text = min(limits, key=lambda pair: pair[0])
    return Excess(text, part.start, part.kw - limit, "kW")


def curve_kw(vehicle: Vehicle, kwh: float) -> float:
    """The most that the charge curve allows at `kwh`: flat before the first point and after the
    last, straight between."""
    curve, share = vehicle.charge_curve, kwh / vehicle.battery_kwh
    if not curve or share <= curve[0][0]:
        return vehicle.max_charge_kw * (curve[0][1] if curve else 1.0)
    for (x0, y0), (x1, y1) in pairwise(curve):
        if share <= x1:
            return vehicle.max_charge_kw * (y0 + (y1 - y0) * (share - x0) / (x1 - x0))
    return vehicle.max_charge_kw * curve[-1][1]


def _standing_at(vehicle: Vehicle | None) -> tuple[str, int] | None:
    return vehicle.plugged.key if vehicle is not None and vehicle.plugged is not None else None


def _amiss(stay: Stay, by: timedelta | None, text: str) -> Breach:
    return Breach(
        law=5,
        where=_where(stay),
        at=stay.start,
        amount=by / MINUTE if by is not None else None,
        unit="minutes" if by is not None else "",
        text=text,
    )


def _where(stay: Stay) -> str:
    return f"stay of {stay.vehicle} at {_name(stay.key)}"


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]}/{key[1]}"
