"""What is planned on: the depot at one instant, frozen, valid once built.

Units: kW, kWh, hours, minutes as the names say; money in the site's currency. Positive power flows
from the grid, and into a vehicle or battery. The JSON form is `codec.py`'s.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic.dataclasses import dataclass

from planner.consistency import at_most, check_plugged, check_stays, check_tree, check_unique
from planner.model import MODEL, FieldError
from planner.numbers import MAX_REVISION as MAX_REVISION
from planner.numbers import Hours, Identifier, Minutes, NonNegative, Positive, Share
from planner.rules import Rules as Rules
from planner.series import MAX_YEAR, Instant, NonNegativeSeries, Series
from planner.stay import Stay

FORMAT: Final = "depotd.snapshot/1"
MAX_STEPS: Final = 100_000
# Beyond, no plan comes in time: greedy's choices are vehicles times routes, and 1000 times 1500 of
# them took it 90 s of a small PC's processor and 400 MB.
MAX_VEHICLES: Final = 1000
MAX_CONNECTORS: Final = 1000
MAX_ROUTES: Final = 2000
# A point for each half percent: a thousand vehicles of 3200 each made a snapshot of 46 MB, which
# took the daemon's loop 14 s for each plan.
MAX_CURVE_POINTS: Final = 201
# Of a plan; one stay for each visit to the depot makes at most 3000.
MAX_STAYS: Final = 20_000

Mode = Literal["integrated", "allocation", "charging"]


def _zero() -> Series:
    return Series.constant(0.0)


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Horizon:
    """`limited_by` says why it is shorter than somebody wanted it, None where it is not."""

    hours: Annotated[Hours, Field(gt=0)]
    step_minutes: Annotated[Minutes, Field(gt=0)]
    limited_by: str | None = None

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        steps = self.hours * 60 / self.step_minutes
        if not 0.5 <= steps <= MAX_STEPS:
            raise FieldError("step_minutes", f"makes {steps:.6g} steps, wants 1 to {MAX_STEPS}")
        # 18 h of 0.1 min are 10800 steps but for the last bits of the floats.
        if abs(steps - round(steps)) > 1e-9 * steps:
            raise FieldError(
                "hours", f"wants a whole number of steps of {self.step_minutes:g} minutes"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Battery:
    """A stationary battery; powers and wear are at the site's side."""

    capacity_kwh: NonNegative
    energy_kwh: NonNegative
    min_kwh: NonNegative
    max_charge_kw: NonNegative
    max_discharge_kw: NonNegative
    charge_efficiency: Share
    discharge_efficiency: Share
    wear_per_kwh: NonNegative

    @model_validator(mode="after")
    def _fits(self) -> Self:
        # Below `min_kwh` it may begin: law 9 then asks that it sinks no further.
        for key in ("energy_kwh", "min_kwh"):
            at_most(key, getattr(self, key), "capacity_kwh", self.capacity_kwh)
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Site:
    id: Identifier
    currency: Annotated[str, Field(min_length=1, max_length=16)]
    import_limit_kw: NonNegativeSeries
    export_limit_kw: NonNegativeSeries = Field(default_factory=_zero)
    base_load_kw: Series = Field(default_factory=_zero)
    pv_kw: NonNegativeSeries = Field(default_factory=_zero)
    import_price_per_kwh: Series = Field(default_factory=_zero)
    export_price_per_kwh: Series = Field(default_factory=_zero)
    peak_price_per_kw: NonNegative = 0.0
    peak_so_far_kw: NonNegative = 0.0
    battery: Battery | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Circuit:
    """A fuse below the site's: it limits its connectors and its child circuits."""

    id: Identifier
    limit_kw: NonNegativeSeries
    parent: Identifier | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Connector:
    """A place to charge; `connector` is the EVSE's number (1.6: connectorId). `load_kw` is drawn
    where it is not controllable; `fallback_kw` is kept for it where it is, as a charger that hears
    nothing may draw it at any time: of each limit it takes the higher of that and its power."""

    station: Identifier
    connector: Annotated[int, Field(ge=1)]
    circuit: Identifier | None = None
    min_kw: NonNegative
    max_kw: NonNegative
    plugs: tuple[Identifier, ...]
    controllable: bool = True
    load_kw: NonNegative = 0.0
    fallback_kw: NonNegative = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        at_most("min_kw", self.min_kw, "max_kw", self.max_kw)
        at_most("fallback_kw", self.fallback_kw, "max_kw", self.max_kw)
        return self

    @property
    def key(self) -> tuple[str, int]:
        return self.station, self.connector

    @property
    def kept_kw(self) -> float:
        """What it takes of each limit whatever is planned there."""
        return self.fallback_kw if self.controllable else self.load_kw


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Plugged:
    station: Identifier
    connector: Annotated[int, Field(ge=1)]

    @property
    def key(self) -> tuple[str, int]:
        return self.station, self.connector


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Vehicle:
    """`charge_curve`: points (share of battery, share of max_charge_kw), flat before the first and
    after the last, straight between; power is at most that."""

    id: Identifier
    type: Identifier
    battery_kwh: Positive
    energy_kwh: NonNegative
    reserve_kwh: NonNegative = 0.0
    target_kwh: NonNegative = 0.0
    max_charge_kw: NonNegative
    efficiency: Share = 1.0
    charge_curve: Annotated[
        tuple[tuple[float, float], ...], Field(max_length=MAX_CURVE_POINTS)
    ] = ()
    plugs: tuple[Identifier, ...]
    available_from: Instant
    in_service: bool = True
    plugged: Plugged | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key in ("energy_kwh", "reserve_kwh", "target_kwh"):
            at_most(key, getattr(self, key), "battery_kwh", self.battery_kwh)
        before = -1.0
        for i, (share, power) in enumerate(self.charge_curve):
            if not (0 <= share <= 1 and 0 <= power <= 1):
                raise FieldError(f"charge_curve[{i}]", "wants two shares between 0 and 1")
            if share <= before:
                raise FieldError(f"charge_curve[{i}]", "wants more of the battery than before it")
            before = share
        return self


def _shape(value: object) -> str:
    if value is None:
        return "unknown"
    return "object" if isinstance(value, dict) else "number"


RouteEnergy = Annotated[
    Annotated[NonNegative, Tag("number")]
    | Annotated[dict[Identifier, NonNegative | None], Tag("object")]
    | Annotated[None, Tag("unknown")],
    Discriminator(_shape),
]
Estimate = Literal["type", "fleet", "default"]
"""Whose average an energy is: the vehicle type's, the fleet's, or that of vans at large."""


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Route:
    """A service trip; `energy_kwh` is one number or by vehicle id, `*` for the others; None where
    it is not known (`energy/averages.py`). `estimated` tells which of its numbers are averages."""

    id: Identifier
    depart: Instant
    return_: Annotated[Instant, Field(validation_alias="return", serialization_alias="return")]
    distance_km: NonNegative = 0.0
    energy_kwh: RouteEnergy
    priority: Positive = 1.0
    vehicle_types: tuple[Identifier, ...]
    vehicle: Identifier | None = None
    estimated: dict[Identifier, Estimate] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.return_ <= self.depart:
            raise FieldError("return", "wants an instant after depart")
        return self

    def energy_for(self, vehicle: str) -> float | None:
        """kWh that `vehicle` uses on this route, or None where it cannot drive it."""
        if isinstance(self.energy_kwh, dict):
            return self.energy_kwh.get(vehicle, self.energy_kwh.get("*"))
        return self.energy_kwh

    @property
    def is_unknown(self) -> bool:
        """Whether the energy of some vehicle is not known."""
        told = self.energy_kwh
        return told is None or (isinstance(told, dict) and None in told.values())

    def wants_estimate(self, vehicle: str) -> bool:
        """Whether `vehicle` may drive it and nobody knows with what energy."""
        told = self.energy_kwh
        named = not isinstance(told, dict) or vehicle in told or "*" in told
        return named and self.energy_for(vehicle) is None


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Allocation:
    route: Identifier
    vehicle: Identifier


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Previous:
    """The plan in force. `at`: when it was made; None counts as just now.

    `stays` are that plan's, from which planning sets out: what is over, and what stands at
    connectors or belongs to vehicles that are not there, counts for nothing.
    """

    allocations: tuple[Allocation, ...] = ()
    at: Instant | None = None
    stays: Annotated[tuple[Stay, ...], Field(max_length=MAX_STAYS)] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_stays("stays", self.stays)
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Snapshot:
    """Valid as a whole: identifiers are unique, circuits a tree, plugged vehicles where they fit.

    Routes, pins and allocations may name what is not there: fleets change, and law 4 says what
    becomes of such a route.
    """

    format: Literal["depotd.snapshot/1"] = FORMAT
    revision: Annotated[int, Field(ge=0, le=MAX_REVISION)]
    taken_at: Instant
    mode: Mode
    horizon: Horizon
    site: Site
    circuits: Annotated[tuple[Circuit, ...], Field(max_length=MAX_CONNECTORS)] = ()
    connectors: Annotated[tuple[Connector, ...], Field(max_length=MAX_CONNECTORS)] = ()
    vehicles: Annotated[tuple[Vehicle, ...], Field(max_length=MAX_VEHICLES)] = ()
    routes: Annotated[tuple[Route, ...], Field(max_length=MAX_ROUTES)] = ()
    rules: Rules = Field(default_factory=Rules)
    previous: Previous | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.taken_at.year >= MAX_YEAR:
            raise FieldError("taken_at", f"wants an instant before the year {MAX_YEAR}")
        check_unique("circuits", "id", (c.id for c in self.circuits))
        check_unique(
            "connectors", "connector", (f"{c.station}/{c.connector}" for c in self.connectors)
        )
        check_unique("vehicles", "id", (v.id for v in self.vehicles))
        check_unique("routes", "id", (r.id for r in self.routes))
        if self.previous is not None:
            routes = (a.route for a in self.previous.allocations)
            check_unique("previous.allocations", "route", routes)
        check_tree(self.circuits, self.connectors)
        check_plugged(self.vehicles, self.connectors)
        return self

    @property
    def step(self) -> timedelta:
        return timedelta(minutes=self.horizon.step_minutes)

    @property
    def steps(self) -> int:
        """The number of whole steps in the horizon (law 1)."""
        return round(self.horizon.hours * 60 / self.horizon.step_minutes)

    @property
    def end(self) -> datetime:
        return self.taken_at + self.steps * self.step
