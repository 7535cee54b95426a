"""What arrives by MQTT, as far as the wire tells: JSON read, topic and envelope checked.

What the objects mean (a vehicle's keys, a series) is judged by the core on the planner's types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleMessage:
    """`fleet/vehicles/{id}`: `values` None removes; `at` is the time its sender gives it."""

    topic: str
    id: str
    values: Mapping[str, object] | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMessage:
    """`fleet/routes/{id}`: `values` None removes."""

    topic: str
    id: str
    values: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesMessage:
    """`site/{key}`: `value` is the JSON of a series, None removes."""

    topic: str
    key: str
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterMessage:
    """`site/meter`: one sample of the site's own meter, in kW and A; positive is import."""

    topic: str
    at: datetime
    import_kw: float
    phases_a: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMessage:
    """`commands/{name}`: the envelope; `retained` ones are refused by the core, with a reply."""

    topic: str
    name: str
    id: str
    issued_at: datetime
    expires_at: datetime
    args: Mapping[str, object]
    retained: bool = False
    response_topic: str | None = None
    correlation_data: bytes | None = None


Message = VehicleMessage | RouteMessage | SeriesMessage | CommandMessage | MeterMessage
