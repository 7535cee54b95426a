"""Vehicles and routes as they are told, and carried on by what is metered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from planner.series import Series, parse_instant
from planner.snapshot import Route, Vehicle

VEHICLE: TypeAdapter[Vehicle] = TypeAdapter(Vehicle)
ROUTE: TypeAdapter[Route] = TypeAdapter(Route)
SERIES: TypeAdapter[Series] = TypeAdapter(Series)


class Refusal(ValueError):
    """A message that changes nothing; the text names what is wrong, where, and what was wanted."""


@dataclass(slots=True, kw_only=True)
class VehicleBelief:
    """`values` are the keys told so far. What changes between two messages is beside them:
    `energy_kwh`, carried on by metered energy, and `plugged`, as the stations see it.

    `vehicle` is None while keys that a snapshot needs were never told (`missing`)."""

    values: dict[str, object]
    at: datetime | None
    vehicle: Vehicle | None
    energy_kwh: float = 0.0
    plugged: tuple[str, int] | None = None
    missing: tuple[str, ...] = ()

    def carry(self, metered_kwh: float) -> None:
        """Energy metered at the connector, less the losses on its way into the battery."""
        if self.vehicle is not None:
            gained = self.energy_kwh + metered_kwh * self.vehicle.efficiency
            self.energy_kwh = min(gained, self.vehicle.battery_kwh)


def believe(values: Mapping[str, object], at: datetime | None) -> VehicleBelief:
    """A belief from all keys told so far.

    Raises Refusal where a key is wrong; keys that are not told yet are only noted.
    """
    try:
        vehicle = VEHICLE.validate_json(json.dumps(dict(values)))
    except ValidationError as error:
        wrong = [e for e in error.errors() if e["type"] != "missing"]
        if wrong:
            raise Refusal(_sentence(wrong[0]["loc"], wrong[0]["msg"])) from error
        missing = tuple(".".join(map(str, e["loc"])) for e in error.errors())
        return VehicleBelief(values=dict(values), at=at, vehicle=None, missing=missing)
    for key in ("energy_kwh", "reserve_kwh", "target_kwh"):
        if getattr(vehicle, key) > vehicle.battery_kwh:
            raise Refusal(f"{key}: wants at most battery_kwh, {vehicle.battery_kwh:g}")
    return VehicleBelief(
        values=dict(values),
        at=at,
        vehicle=vehicle,
        energy_kwh=vehicle.energy_kwh,
        plugged=vehicle.plugged.key if vehicle.plugged is not None else None,
    )


def read_route(values: Mapping[str, object]) -> Route:
    """Raises Refusal."""
    try:
        route = ROUTE.validate_json(json.dumps(dict(values)))
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(_sentence(first["loc"], first["msg"])) from error
    if route.return_ <= route.depart:
        raise Refusal("return: wants an instant after depart")
    return route


def read_series(value: object) -> Series:
    """Raises Refusal."""
    try:
        return SERIES.validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(_sentence(first["loc"], first["msg"])) from error


def read_forecast(value: object) -> tuple[Series, datetime | None]:
    """A series, and until when it is known: a last value of null says that it is not from there on,
    and where something must be put in its place, the value before it holds. Raises Refusal."""
    match value:
        case [*known, {"from": end, "value": None, **more}] if known and not more:
            series = read_series(known)
            try:
                until = parse_instant(end)
            except ValueError as error:
                raise Refusal(f"[{len(known)}].from: {error}") from error
            if until <= series.points[-1].at:
                raise Refusal(f"[{len(known)}].from: wants an instant after the one before it")
            return series, until
    return read_series(value), None


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    path = ".".join(map(str, loc))
    text = message.removeprefix("Value error, ")
    return f"{path}: {text}" if path else text
