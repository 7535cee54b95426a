"""A stretch of time in a depot, as data: who comes when with how much energy, and what is driven.

`message`s are objects of the MQTT contract, as a fleet system would send them; what stands beside
them is the world's truth, which nobody tells the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from daemon.core.fleet import read_series
from planner.series import Series
from planner.snapshot import Mode
from simulation.spec import StationSpec
from simulation.vehicle import Vehicle

Json = Any
"""What json.dumps takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A vehicle that comes at `arrives` with `energy_kwh`; `station`: it always stands there."""

    message: Mapping[str, Json]
    arrives: datetime
    energy_kwh: float
    station: str | None = None
    phases: int = 3
    announced: bool = True
    """Told to the daemon from the start, not only when it comes."""

    @property
    def id(self) -> str:
        return str(self.message["id"])

    @property
    def id_token(self) -> str:
        """At most 20 characters, as 1.6 wants it."""
        return f"TAG-{self.id}"

    @property
    def plugs(self) -> frozenset[str]:
        return frozenset(self.message["plugs"])

    def vehicle(self) -> Vehicle:
        told = self.message
        return Vehicle(
            id=self.id,
            battery_kwh=told["battery_kwh"],
            energy_kwh=self.energy_kwh,
            max_charge_kw=told["max_charge_kw"],
            efficiency=told.get("efficiency", 1.0),
            charge_curve=tuple((x, y) for x, y in told.get("charge_curve", ())),
            phases=self.phases,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A route; on it a vehicle really uses `used_kwh` and comes back `late` after the time told.

    `returns` False: whoever drives it is not seen again."""

    message: Mapping[str, Json]
    depart: datetime
    return_: datetime
    used_kwh: float
    late: timedelta = timedelta(0)
    returns: bool = True

    @property
    def id(self) -> str:
        return str(self.message["id"])

    @property
    def vehicle(self) -> str | None:
        """The vehicle that drives it whatever is planned."""
        return self.message.get("vehicle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`series` by the keys of the contract's `site/...`; `fallback_kw` by station; `rules` as in
    the settings. `mode` is the one to plan it in."""

    name: str
    start: datetime
    end: datetime
    mode: Mode
    import_limit_kw: float
    stations: tuple[StationSpec, ...]
    fallback_kw: Mapping[str, float]
    guests: tuple[Guest, ...]
    trips: tuple[Trip, ...]
    series: Mapping[str, Json] = field(default_factory=dict)
    rules: Mapping[str, Json] = field(default_factory=dict)
    timezone: str = "UTC"
    currency: str = "EUR"

    def of(self, key: str) -> Series:
        """One of the `series`. Raises KeyError."""
        return read_series(self.series[key])

    @property
    def span_s(self) -> float:
        return (self.end - self.start).total_seconds()
