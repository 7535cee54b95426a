"""A vehicle's charging at a connector, as plans have it and as snapshots remember it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from planner.model import MODEL
from planner.numbers import Identifier
from planner.series import Instant, Number

From = Annotated[Instant, Field(validation_alias="from", serialization_alias="from")]
To = Annotated[Instant, Field(validation_alias="to", serialization_alias="to")]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Period:
    """Constant power over `[start, end)`."""

    start: From
    end: To
    kw: Number


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Stay:
    """One vehicle at one connector; `energy_kwh` as metered at the connector."""

    vehicle: Identifier
    station: Identifier
    connector: int
    start: From
    end: To
    energy_kwh: float
    periods: tuple[Period, ...]
    why: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.station, self.connector
