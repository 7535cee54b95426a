"""Rules beyond the contract's laws, each off unless `rules.soft` names it: `true` for its defaults,
a number for its penalty, or an object of its keys.

Penalties add up in taste, the last tier (law 10). A rule with `hard` may be made a law instead;
then no penalty counts and the audit judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from planner.daily import check_daily, daily_spans
from planner.model import MODEL, FieldError
from planner.numbers import Hours, Identifier, Minutes, NonNegative, Positive
from planner.switch import Switch

_T = TypeVar("_T")
# A wrapping validator hands lists on as Python's, which strictness alone would not take for tuples.
_List = Annotated[tuple[_T, ...], Strict(False), Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class EnergyFeasibility:
    """Beyond law 3's need a departure has `safety_margin_kwh` to spare; without any of it
    `penalty` counts, in proportion with less of it. Hard: it is part of the need.

    Without `dc_allowed` nothing is planned, as at uncontrollable connectors, where all plugs are
    among `dc_plugs`; that is a law in any case.
    """

    safety_margin_kwh: Positive = 5.0
    dc_allowed: bool = True
    dc_plugs: _List[Identifier] = ("ccs1", "ccs2", "chademo", "gbt-dc", "mcs")
    penalty: NonNegative = 1.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class EnergyMargin:
    """A departure has the last of `margins` to spare beyond its need, as a share of the route's
    energy. One that lacks `margins[i]` of it costs `penalties[i]`, straight between. Hard: the last
    of `margins` is part of the need."""

    margins: _List[Annotated[float, Field(gt=0, le=100)]] = (0.1, 0.2, 0.3)
    penalties: _List[NonNegative] = (0.1, 0.3, 0.5)
    hard: bool = False

    @model_validator(mode="after")
    def _bends_upwards(self) -> Self:
        if len(self.margins) != len(self.penalties):
            raise FieldError("penalties", "wants as many as there are margins")
        points = self.points
        if any(b[0] <= a[0] for a, b in pairwise(points)):
            raise FieldError("margins", "wants each larger than the one before")
        slopes = [(q - p) / (y - x) for (x, p), (y, q) in pairwise(points)]
        if any(b < a - 1e-9 for a, b in pairwise((0.0, *slopes))):
            # A linear model would take the cheap part first.
            raise FieldError("penalties", "wants each step to cost at least as much as the last")
        return self

    @property
    def points(self) -> list[tuple[float, float]]:
        """(what is lacking as a share of the route's energy, the penalty), from nothing on."""
        return [(0.0, 0.0), *zip(self.margins, self.penalties, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class PreferredTurnaround:
    """A vehicle that departs less than `minutes[i]` after its last return costs `penalties[i]`;
    of several the first counts. Hard: none departs sooner than the last of `minutes`."""

    minutes: _List[Minutes] = (75.0, 90.0)
    penalties: _List[NonNegative] = (2.0, 1.0)
    hard: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.minutes) != len(self.penalties):
            raise FieldError("penalties", "wants as many as there are minutes")
        if any(b <= a for a, b in pairwise(self.minutes)):
            raise FieldError("minutes", "wants each longer than the one before", quantity=True)
        if any(b > a for a, b in pairwise(self.penalties)):
            raise FieldError("penalties", "wants none higher than the one before")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class RouteSequenceBuffer:
    """Time between two routes of a vehicle on top of `turnaround_minutes`; each time it is cut
    short costs `penalty`."""

    minutes: Minutes = 15.0
    penalty: NonNegative = 1.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class ShiftHours:
    """A shift begins `before_hours` before its first departure and ends `after_hours` after its
    last return; each hour beyond `hours` costs `penalty`.

    `first_to_last` counts the time from one to the other; a pause of `rest_hours` ends a shift, and
    a vehicle's longest counts. `cumulative` counts only the hours on routes, over the horizon.
    """

    hours: Annotated[Hours, Field(gt=0)] = 16.0
    kind: Literal["first_to_last", "cumulative"] = "first_to_last"
    before_hours: Hours = 0.5
    after_hours: Hours = 0.5
    penalty: NonNegative = 1.0
    hard: bool = False

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if self.on_routes_h <= 0:
            raise FieldError("hours", "wants more than before_hours and after_hours", quantity=True)
        return self

    @property
    def on_routes_h(self) -> float:
        """What is left of a shift for its routes."""
        return self.hours - self.before_hours - self.after_hours


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class ChargerPreference:
    """What a whole battery charged at a connector costs, less in proportion; `costs` by
    `STATION/CONNECTOR`, or by `STATION` for all of it.

    `window` bounds it to a time of the day in `timezone`, over midnight if it ends before it
    begins. `routes` tells which charging counts: until the first departure, before the longest of
    the vehicle's routes, or all. Hard: none of that is charged there at that time, whatever the
    costs above 0.
    """

    costs: Mapping[Identifier, NonNegative]
    window: Annotated[tuple[str, str], Strict(False)] | None = None
    timezone: str | None = None
    routes: Literal["first", "all", "longest"] = "all"
    hard: bool = False

    @model_validator(mode="after")
    def _readable(self) -> Self:
        check_daily(self.window, self.timezone)
        return self

    def cost_of(self, station: str, connector: int) -> float:
        """The connector's own cost, else its station's, else nothing."""
        return self.costs.get(f"{station}/{connector}", self.costs.get(station, 0.0))

    def spans(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The window's times that touch `[start, end)`, day by day; all of it without a window."""
        if self.window is None:
            return [(start, end)]
        return [(a, b) for _, a, b in daily_spans(self.window, self.timezone, start, end)]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Triad:
    """The hours in which a network's highest demand is looked for, and paid for afterwards: each
    kWh that a connector gives then costs `penalty`. Hard: nothing is charged.

    `window` is a time of the day in `timezone`, over midnight if it ends before it begins, on days
    of `months`.
    """

    window: Annotated[tuple[str, str], Strict(False)] = ("16:00", "19:00")
    months: _List[Annotated[int, Field(ge=1, le=12)]] = (11, 12, 1, 2)
    timezone: str | None = None
    penalty: NonNegative = 0.1
    hard: bool = False

    @model_validator(mode="after")
    def _readable(self) -> Self:
        check_daily(self.window, self.timezone)
        return self

    def spans(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The times that touch `[start, end)`, day by day."""
        found = daily_spans(self.window, self.timezone, start, end)
        return [(a, b) for day, a, b in found if day.month in self.months]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class MinimumSoonness:
    """A route that departs within `hours` stays with the vehicle that `previous` gave it to or that
    it is pinned to; any other costs `penalty`. Hard: no other may drive it."""

    hours: Hours = 0.75
    penalty: NonNegative = 1.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Swaps:
    """What a change against `previous` costs, instead of 1, unless that plan is older than
    `lookback_hours` (`previous.at`). Hard: no route changes its vehicle, unless it is pinned."""

    penalty: NonNegative = 0.5
    lookback_hours: Hours = 24.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class IncompatibleRoutes:
    """Pairs that one vehicle should not drive both. Hard: it does not, as with those of
    `rules.incompatible_routes`."""

    pairs: _List[Annotated[tuple[Identifier, Identifier], Strict(False)]]
    penalty: NonNegative = 1.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class ReserveVehicles:
    """`count` vehicles in service drive nothing, each that is missing costs `penalty`. With
    `vehicles` it is these, each that drives costs `penalty`. Hard: so many, or these, are left out.
    """

    count: Annotated[int, Field(ge=0, le=100_000)] = 2
    vehicles: Annotated[tuple[Identifier, ...], Strict(False)] = ()
    penalty: NonNegative = 1.0
    hard: bool = False


_Rule = Annotated[_T | None, Switch(penalised=True)]
_Table = Annotated[_T | None, Switch(penalised=False)]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Soft:
    """None where a rule is off."""

    energy_feasibility: _Rule[EnergyFeasibility] = None
    energy_margin: _Table[EnergyMargin] = None
    preferred_turnaround: _Table[PreferredTurnaround] = None
    route_sequence_buffer: _Rule[RouteSequenceBuffer] = None
    shift_hours: _Rule[ShiftHours] = None
    charger_preference: _Table[ChargerPreference] = None
    triad: _Rule[Triad] = None
    minimum_soonness: _Rule[MinimumSoonness] = None
    swaps: _Rule[Swaps] = None
    incompatible_routes: _Table[IncompatibleRoutes] = None
    reserve_vehicles: _Rule[ReserveVehicles] = None

    @model_serializer(mode="wrap")
    def _named_ones(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: rule for name, rule in write(self).items() if rule is not None}
