"""The numbers of the laws, and what hard rules of `soft` add to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from planner.model import MODEL
from planner.numbers import MAX_REVISION, Hours, Identifier, Minutes, NonNegative
from planner.soft import Soft


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Rules:
    safety_factor: NonNegative = 1.0
    turnaround_minutes: Minutes = 45.0
    departure_buffer_minutes: Minutes = 15.0
    max_routes_per_vehicle: Annotated[int, Field(ge=0, le=MAX_REVISION)] = 5
    max_shift_hours: Annotated[Hours, Field(gt=0)] | None = None
    rest_hours: Hours | None = None
    incompatible_routes: tuple[tuple[Identifier, Identifier], ...] = ()
    soft: Soft = Field(default_factory=Soft)

    def need_kwh(self, route_kwh: float, reserve_kwh: float) -> float:
        """What a departure for a route that takes `route_kwh` needs, by law 3 and hard rules."""
        need_kwh = self.safety_factor * route_kwh + reserve_kwh
        spare, margin = self.soft.energy_feasibility, self.soft.energy_margin
        if spare is not None and spare.hard:
            need_kwh += spare.safety_margin_kwh
        if margin is not None and margin.hard:
            need_kwh += margin.margins[-1] * route_kwh
        return need_kwh

    @property
    def gap_minutes(self) -> float:
        """What lies at least between a return and the next departure."""
        buffer, preferred = self.soft.route_sequence_buffer, self.soft.preferred_turnaround
        gap_minutes = self.turnaround_minutes
        if buffer is not None and buffer.hard:
            gap_minutes += buffer.minutes
        if preferred is not None and preferred.hard:
            gap_minutes = max(gap_minutes, preferred.minutes[-1])
        return gap_minutes

    @property
    def excluded_pairs(self) -> tuple[tuple[Identifier, Identifier], ...]:
        """Routes that no vehicle may drive both of."""
        wished = self.soft.incompatible_routes
        if wished is None or not wished.hard:
            return self.incompatible_routes
        return (*self.incompatible_routes, *wished.pairs)
