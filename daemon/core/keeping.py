"""What of our beliefs is kept as facts, and how they come back after a start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from daemon.core.admission import admit_evse
from daemon.core.arming import refusal
from daemon.core.depot import Applied, Depot, LimitOverride
from daemon.core.effects import Effect, Publish, Save
from daemon.core.fleet import (
    SERIES,
    VehicleBelief,
    believe,
    read_forecast,
    read_route,
    read_series,
)
from daemon.core.keeps import Keeps, Kind
from daemon.core.lease import FOREVER, UNDATED, Lease
from daemon.core.records import UNKNOWN_CONNECTOR, Fact, Json, Memory
from daemon.core.site import SiteSpec, StationSpec
from daemon.core.site_meter import SiteMeter
from daemon.core.station import Evse, Reading, Station, new_station
from daemon.core.trigger import Trigger
from planner.codec import load_plan, load_snapshot
from planner.series import Series, format_instant, parse_instant
from protocol.mqtt import topics
from protocol.ocpp.model import ConnectorStatus, RateUnit, Version


def new_depot(site: SiteSpec) -> Depot:
    """What the settings alone say."""
    trigger = Trigger(quiet_s=site.quiet_s, quiet_max_s=site.quiet_max_s, period_s=site.period_s)
    depot = Depot(site=site, trigger=trigger, meter=SiteMeter(expected=site.metered))
    depot.unarmed = refusal(site)
    depot.clock.tolerance_s = site.skew_s
    for station in site.stations:
        held = station if depot.unarmed is None else replace(station, fallback_kw=0.0)
        depot.stations[station.id] = new_station(held, site.skew_s)
    for vehicle in site.vehicles:
        depot.vehicles[vehicle.id] = believe({**vehicle.values, "id": vehicle.id}, None)
    return depot


def restore(site: SiteSpec, memory: Memory) -> Depot:
    """The settings, and on them what was believed when the last run ended."""
    depot = new_depot(site)
    depot.revision = memory.last_revision
    depot.dirty = True
    depot.transactions = {record.id: record for record in memory.transactions}
    for kind in _RESTORE:
        for fact in memory.facts:
            if fact.kind == kind:
                _RESTORE[kind](depot, fact)
    for record in memory.transactions:
        station = depot.stations.get(record.station)
        is_placed = record.connector != UNKNOWN_CONNECTOR
        if record.stopped_at is None and station is not None and is_placed:
            admit_evse(station, record.connector).transaction = record.id
    for station, evse in depot.evses():
        if station.keeps is None and station.was_heard:
            # It lost its link as we ended, and may have lost its fallback with it.
            evse.floor_kw = max(evse.floor_kw, evse.spec.max_kw)
    if memory.applied is not None:
        snapshot, plan = memory.applied
        depot.applied = Applied(
            snapshot=load_snapshot(snapshot.snapshot_json),
            plan=load_plan(plan.plan_json),
            made_at=plan.made_at,
        )
    return depot


def without_memory(site: SiteSpec, why: str) -> Depot:
    """The settings alone, where what was believed is lost: any charger may follow any profile of an
    earlier run, until it has taken a new one or has nobody to charge."""
    depot = new_depot(site)
    depot.memory_lost = why
    depot.dirty = True
    for _, evse in depot.evses():
        evse.doubt(Lease(kw=evse.spec.max_kw, given_s=0.0, until_s=FOREVER))
    return depot


def tell_vehicle(vehicle: str, belief: VehicleBelief) -> Iterator[Effect]:
    """Keeps what is believed of a vehicle, and tells it."""
    value: Json = {
        "values": cast(Json, belief.values),  # as they were told in JSON, and replaced as a whole
        "at": format_instant(belief.at) if belief.at is not None else None,
        "energy_kwh": belief.energy_kwh,
        "plugged": list(belief.plugged) if belief.plugged is not None else None,
    }
    yield Save(record=Fact(kind="vehicle", key=vehicle, value=value))
    yield publish_vehicle(vehicle, belief)


def publish_vehicle(vehicle: str, belief: VehicleBelief) -> Publish:
    plugged: Json = None
    if belief.plugged is not None:
        plugged = {"station": belief.plugged[0], "connector": belief.plugged[1]}
    energy_kwh = round(belief.energy_kwh, 3) if belief.vehicle is not None else None
    return Publish(
        topic=topics.vehicle_state(vehicle), payload={"energy_kwh": energy_kwh, "plugged": plugged}
    )


def save_evse(station: Station, evse: Evse) -> Save:
    """What was still being left when we die may be drawn when we are back. What is lent ends in the
    fallback of this run, after at most `lent_s`."""
    reading = evse.reading
    leases = evse.booked_leases()
    powers = [lease.kw for lease in leases]
    ends = [lease.until_s - lease.given_s for lease in leases if lease.until_s != FOREVER]
    value: Json = {
        "held_kw": max([*powers, *(kw for _, kw in evse.settling)]) if powers else None,
        "lasts": any(lease.until_s == FOREVER for lease in leases),
        "lent_s": round(max(ends, default=0.0), 3),
        "fallback_kw": evse.told_fallback_kw,
        "floor_kw": evse.sure_floor_kw,
        "fixed": evse.fixed,
        "disobeyed_kw": evse.disobeyed_kw,
        "override": evse.override,
        "connectors": {str(number): told.value for number, told in evse.connectors.items()},
        "reading": None
        if reading is None
        else {
            "energy_wh": reading.energy_wh,
            "at": format_instant(reading.at),
            "factor": reading.factor,
        },
    }
    key = f"{station.id}/{evse.spec.connector}"
    return Save(record=Fact(kind="evse", key=key, value=value))


def save_station(station: Station) -> Save:
    capabilities = station.capabilities
    value: Json = {
        "declared": station.spec.declared,
        "fallback_kw": station.spec.fallback_kw,
        "version": station.version.value if station.version is not None else None,
        "booted": station.booted,
        "vendor": station.vendor,
        "model": station.model,
        "firmware": station.firmware,
        "unit": capabilities.unit.value,
        "relative": capabilities.relative,
        "proven": capabilities.proven,
        "tried": capabilities.tried,
        "max_periods": capabilities.max_periods,
        "max_stack_level": capabilities.max_stack_level,
        "triggers": capabilities.triggers,
    }
    return Save(record=Fact(kind="station", key=station.id, value=value))


def save_kind(name: str, kind: Kind) -> Save:
    value: Json = {
        "class": kind.keeps.value if kind.keeps is not None else None,
        "proofs_wanted": kind.proofs_wanted,
    }
    return Save(record=Fact(kind="class", key=name, value=value))


def save_override(override: LimitOverride | None) -> Save:
    value: Json = None
    if override is not None:
        until = format_instant(override.until) if override.until is not None else None
        value = {"import_limit_kw": override.import_limit_kw, "until": until}
    return Save(record=Fact(kind="limit", key="override", value=value))


def _restore_station(depot: Depot, fact: Fact) -> None:
    value = _object(fact)
    station = depot.stations.get(fact.key)
    if station is None:
        if value["declared"]:
            return  # the settings no longer name it
        spec = StationSpec(id=fact.key, fallback_kw=value["fallback_kw"], declared=False)
        named = (*(one.spec for one in depot.stations.values()), spec)
        if refusal(replace(depot.site, stations=named)) is not None:
            spec = replace(spec, fallback_kw=0.0)  # these settings leave no room for it
        station = depot.stations[fact.key] = new_station(spec, depot.site.skew_s)
    station.version = Version(value["version"]) if value["version"] is not None else None
    station.booted = value["booted"]
    station.vendor, station.model = value["vendor"], value["model"]
    station.firmware = value["firmware"]
    told = station.capabilities
    told.unit = RateUnit(value["unit"])
    # What a store of an earlier version does not tell is as it was before it was learned.
    told.relative = value.get("relative", False)
    told.proven = value.get("proven", value.get("unit_tried", False))
    told.tried = value.get("tried", 0)
    told.max_periods, told.max_stack_level = value["max_periods"], value["max_stack_level"]
    told.triggers = value.get("triggers", True)
    if station.spec.pinned is None and station.model:
        station.keeps = depot.kinds.get(station.kind, Kind()).keeps


def _restore_class(depot: Depot, fact: Fact) -> None:
    value = _object(fact)
    keeps = Keeps(value["class"]) if value["class"] is not None else None
    depot.kinds[fact.key] = Kind(keeps=keeps, proofs_wanted=value["proofs_wanted"])


def _restore_evse(depot: Depot, fact: Fact) -> None:
    value = _object(fact)
    station_id, _, number = fact.key.rpartition("/")
    station = depot.stations.get(station_id)
    if station is None:
        return
    # Also one that the settings do not name: what it was told, it may follow.
    evse = admit_evse(station, int(number))
    # What a store of an earlier version does not tell is as it is in this run.
    ended_in_kw = value.get("fallback_kw", evse.fallback_kw)
    if not station.spec.declared and depot.unarmed is None:
        evse.fallback_kw = min(ended_in_kw, station.spec.fallback_kw)
    evse.unconfirmed = _lent(value, evse.fallback_kw, ended_in_kw, depot.site.lease_s)
    if value["floor_kw"] < evse.fallback_kw:
        # What others were lent by the settings of before may leave no room for more.
        evse.lower_fallback_kw = value["floor_kw"]
    evse.floor_kw = max(value["floor_kw"], evse.fallback_kw)
    evse.fixed, evse.override = value["fixed"], value["override"]
    evse.disobeyed_kw = value.get("disobeyed_kw", 0.0)
    for number, told in value.get("connectors", {}).items():
        evse.tell_status(int(number), ConnectorStatus(told))
    if value["reading"] is not None:
        at = parse_instant(value["reading"]["at"])
        told = value["reading"]
        evse.reading = Reading(energy_wh=told["energy_wh"], at=at, factor=told.get("factor", 1.0))
        evse.sampled_s = 0.0  # before this run: its meter is a witness of what it leaves


def _lent(
    value: Mapping[str, Any], fallback_kw: float, ended_in_kw: float, lease_s: float
) -> Lease | None:
    """What the last run lent. It runs out as what this run lends does, unless it was lent for
    longer, or ends in more than the fallback of this run: then it is left only for a new order."""
    held_kw, lasts = value.get("held_kw"), value.get("lasts", False)
    if "confirmed" in value:  # kept by an earlier version, which told whole plans
        held = [read_series(one) for one in (value["confirmed"], *value["unconfirmed"])]
        held_kw, lasts = max(p.value for one in held for p in one.points), True
    if held_kw is None:
        return None
    if ended_in_kw > fallback_kw:
        held_kw, lasts = max(held_kw, ended_in_kw), True
    lasts |= value.get("lent_s", lease_s) > round(lease_s, 3)
    return Lease(kw=held_kw, given_s=0.0, until_s=FOREVER if lasts else UNDATED)


def _restore_vehicle(depot: Depot, fact: Fact) -> None:
    value = _object(fact)
    declared = depot.vehicles.get(fact.key)
    told = {**(declared.values if declared is not None else {}), **value["values"]}
    at = parse_instant(value["at"]) if value["at"] is not None else None
    belief = believe(told, at)
    belief.energy_kwh = value["energy_kwh"]
    belief.plugged = (value["plugged"][0], value["plugged"][1]) if value["plugged"] else None
    depot.vehicles[fact.key] = belief


def _restore_route(depot: Depot, fact: Fact) -> None:
    depot.routes[fact.key] = read_route(_object(fact))


def _restore_series(depot: Depot, fact: Fact) -> None:
    depot.tell_series(fact.key, *read_forecast(fact.value))


def _restore_limit(depot: Depot, fact: Fact) -> None:
    value = _object(fact)
    until = parse_instant(value["until"]) if value["until"] is not None else None
    depot.override = LimitOverride(import_limit_kw=value["import_limit_kw"], until=until)


def _restore_pin(depot: Depot, fact: Fact) -> None:
    depot.pins[fact.key] = str(fact.value)


def _restore_reply(depot: Depot, fact: Fact) -> None:
    depot.replies[fact.key] = fact.value


def _restore_number(depot: Depot, fact: Fact) -> None:
    depot.last_number = int(cast(int, fact.value))


# Classes before stations, stations before their EVSEs: one belongs to the other.
_RESTORE = {
    "class": _restore_class,
    "station": _restore_station,
    "evse": _restore_evse,
    "vehicle": _restore_vehicle,
    "route": _restore_route,
    "series": _restore_series,
    "limit": _restore_limit,
    "pin": _restore_pin,
    "reply": _restore_reply,
    "number": _restore_number,
}


def _object(fact: Fact) -> dict[str, Any]:
    return cast(dict[str, Any], fact.value)


def _json_series(series: Series) -> object:
    return SERIES.dump_python(series, mode="json")
