"""All settings together, and what must hold between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from pydantic import Field, model_validator

from config.model import Section
from config.services import (
    HttpSection,
    MeterSection,
    MqttSection,
    OcppSection,
    PlannerSection,
    StoreSection,
)
from config.site import ConnectorTable, SiteSection, StationTable, VehicleTable
from planner.snapshot import Circuit, Rules

# IEC 61851-1: a current in (0, 6) A cannot be asked for.
MIN_CURRENT_A = 6.0


class Settings(Section):
    """Valid once built. `sources.load` builds it from file, environment and credentials."""

    site: SiteSection = Field(default_factory=SiteSection)
    ocpp: OcppSection = Field(default_factory=OcppSection)
    mqtt: MqttSection = Field(default_factory=MqttSection)
    meter: MeterSection = Field(default_factory=MeterSection)
    http: HttpSection = Field(default_factory=HttpSection)
    store: StoreSection = Field(default_factory=StoreSection)
    planner: PlannerSection = Field(default_factory=PlannerSection)
    rules: Rules = Field(default_factory=Rules)
    circuits: tuple[Circuit, ...] = ()
    stations: tuple[StationTable, ...] = ()
    vehicles: tuple[VehicleTable, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    def min_kw_of(self, connector: ConnectorTable) -> float:
        """The least power above 0: as set, else 6 A on its phases at the site's voltage, rounded up
        to 0.1 kW; 0 for direct current."""
        if connector.min_kw is not None:
            return connector.min_kw
        watts = MIN_CURRENT_A * self.site.voltage_v * connector.phases
        return math.ceil(round(watts / 100, 6)) / 10

    def fallback_kw_of(self, station: StationTable) -> float:
        if station.fallback_kw is not None:
            return station.fallback_kw
        return self.ocpp.default_fallback_kw


def _problems(settings: Settings) -> Iterator[str]:
    """What is wrong between the sections: path, found, wanted; lazily, the first one is told."""
    yield from _repeated("circuits", (c.id for c in settings.circuits))
    yield from _repeated("stations", (s.id for s in settings.stations))
    yield from _repeated("vehicles", (v.id for v in settings.vehicles))
    yield from _circuit_problems(settings)
    for i, station in enumerate(settings.stations):
        yield from _station_problems(settings, station, f"stations[{i}]")
    yield from _token_problems(settings)


# The site's own limits, beside which circuits are told (`daemon.core.budget`).
RESERVED = frozenset({"site", "imbalance of the phases"})


def _repeated(path: str, ids: Iterable[object], key: str = "id") -> Iterator[str]:
    seen = set()
    for i, value in enumerate(ids):
        if value in seen:
            yield f"{path}[{i}].{key}: {value} is there already; each wants its own"
        seen.add(value)


def _circuit_problems(settings: Settings) -> Iterator[str]:
    parents = {c.id: c.parent for c in settings.circuits}
    for i, circuit in enumerate(settings.circuits):
        path = f"circuits[{i}]"
        if circuit.id in RESERVED:
            yield f"{path}.id: {circuit.id} is what a limit of the whole site is called"
        if circuit.parent is not None and circuit.parent not in parents:
            yield f"{path}.parent: no circuit is called {circuit.parent}"
        above, seen = circuit.parent, {circuit.id}
        while above is not None and above in parents:
            if above in seen:
                yield f"{path}.parent: {circuit.id} would be fed by itself, through {above}"
                break
            seen.add(above)
            above = parents[above]


def _station_problems(settings: Settings, station: StationTable, path: str) -> Iterator[str]:
    profile = settings.ocpp.security_profile
    if profile in (1, 2) and station.password is None:
        yield f"{path}.password: missing; ocpp.security_profile {profile} wants one"
    circuits = {c.id for c in settings.circuits}
    yield from _repeated(f"{path}.connectors", (c.id for c in station.connectors))
    for i, connector in enumerate(station.connectors):
        place = f"{path}.connectors[{i}]"
        if connector.circuit is not None and connector.circuit not in circuits:
            yield f"{place}.circuit: no circuit is called {connector.circuit}"
        if settings.min_kw_of(connector) > connector.max_kw:
            yield (
                f"{place}.max_kw: {connector.max_kw:g} kW is below the least power of "
                f"{settings.min_kw_of(connector):g} kW (min_kw, else 6 A on each of its phases)"
            )
    most = sum(c.max_kw for c in station.connectors)
    if station.connectors and settings.fallback_kw_of(station) > most:
        yield (
            f"{path}.fallback_kw: {settings.fallback_kw_of(station):g} kW is more than its "
            f"connectors' {most:g} kW together"
        )


def _token_problems(settings: Settings) -> Iterator[str]:
    owners: dict[str, str] = {}
    for i, vehicle in enumerate(settings.vehicles):
        for token in vehicle.id_tokens:
            owner = owners.setdefault(token, vehicle.id)
            if owner != vehicle.id:
                yield f"vehicles[{i}].id_tokens: {token} is {owner}'s already"
        if vehicle.battery_kwh is not None:
            for key in ("energy_kwh", "reserve_kwh", "target_kwh"):
                value = getattr(vehicle, key)
                if value is not None and value > vehicle.battery_kwh:
                    yield (
                        f"vehicles[{i}].{key}: {value:g} kWh is more than its battery_kwh "
                        f"{vehicle.battery_kwh:g}"
                    )
