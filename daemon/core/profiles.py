"""From a power over time to a charging profile, and back to what that profile really allows.

The only place where kW become amperes or watts. Every rounding is downward, and whatever would lie
between 0 and what a connector can charge with becomes 0 (IEC 61851-1: 0 or at least 6 A).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.curves import after
from daemon.core.site import EvseSpec
from daemon.core.station import Capabilities
from planner.series import Point, Series
from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

MIN_CURRENT_A = 6.0
# A start in the past: a future validFrom or startSchedule leaves a gap in which no limit holds.
START_BEFORE = timedelta(seconds=60)
# Guards the downward rounding against 16.0 arriving as 15.999999999.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Shaped:
    """A profile and the power it allows, which is never more than what was asked for."""

    profile: ChargingProfile
    allows: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Electrics:
    """How a connector's kW relate to a station's unit."""

    spec: EvseSpec
    unit: RateUnit
    voltage_v: float

    @property
    def kw_per_unit(self) -> float:
        if self.unit is RateUnit.WATTS:
            return 0.001
        return self.voltage_v * max(self.spec.phases, 1) / 1000

    def limit(self, kw: float) -> float:
        """The limit in the station's unit, in steps of 0.1 A or 10 W, rounded down; 0 below the
        minimum."""
        limit = self._step_down(min(kw, self.spec.max_kw))
        # On the station's own grid: 4.2 kW are 6.0 A, which are 4.14 kW and still the minimum.
        least = self._step_down(self.spec.min_kw)
        if self.unit is RateUnit.AMPERES:
            least = max(least, MIN_CURRENT_A)
        return limit if limit >= least else 0.0

    def _step_down(self, kw: float) -> float:
        if self.unit is RateUnit.WATTS:
            return math.floor(kw * 100 + ROUNDING) * 10.0
        return math.floor(kw / self.kw_per_unit * 10 + ROUNDING) / 10

    def allows_kw(self, limit: float) -> float:
        return limit * self.kw_per_unit


def shape(
    power: Series,
    *,
    now: datetime,
    electrics: Electrics,
    capabilities: Capabilities,
    profile_id: int,
    transaction_id: str,
) -> Shaped:
    """A TxProfile that follows `power` from now on and ends as it does, in the fallback.

    Where the station takes fewer periods than needed, the last but one holds the least of what it
    stands for until the end.
    """
    start = (now - START_BEFORE).replace(microsecond=0)
    steps = _fewer(_quantised(after(power, now), electrics), max(capabilities.max_periods, 1))
    periods = tuple(_periods(steps, start, electrics.spec.phases or None))
    allows = Series(
        points=tuple(Point(at=at, value=electrics.allows_kw(value)) for at, value in steps)
    )
    profile = ChargingProfile(
        profile_id=profile_id,
        stack_level=min(1, capabilities.max_stack_level),
        purpose=ProfilePurpose.TX,
        kind=ProfileKind.ABSOLUTE,
        unit=electrics.unit,
        periods=periods,
        start=start,
        transaction_id=transaction_id,
    )
    return Shaped(profile, allows)


def _fewer(steps: list[tuple[datetime, float]], most: int) -> list[tuple[datetime, float]]:
    if len(steps) <= most:
        return steps
    if most == 1:
        return [(steps[0][0], min(limit for _, limit in steps))]
    held = most - 2
    least = min(limit for _, limit in steps[held:-1])
    return _merged([*steps[:held], (steps[held][0], least), steps[-1]])


def _periods(
    steps: list[tuple[datetime, float]], start: datetime, phases: int | None
) -> Iterator[SchedulePeriod]:
    """Whole seconds: a lower limit begins rather too early, a higher one rather too late."""
    before_s, before = 0, math.inf
    for i, (at, limit) in enumerate(steps):
        exact_s = (at - start).total_seconds()
        rounded_s = math.floor(exact_s) if limit < before else math.ceil(exact_s)
        start_s = 0 if i == 0 else max(rounded_s, before_s + 1)
        yield SchedulePeriod(start_s=start_s, limit=limit, number_phases=phases)
        before_s, before = start_s, limit


def standing(
    purpose: ProfilePurpose, kw: float, *, now: datetime, electrics: Electrics, profile_id: int
) -> ChargingProfile:
    """A profile that holds one power for ever: the fallback, or a station's maximum."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    period = SchedulePeriod(
        start_s=0, limit=electrics.limit(kw), number_phases=electrics.spec.phases or None
    )
    return ChargingProfile(
        profile_id=profile_id,
        stack_level=0,
        purpose=purpose,
        kind=ProfileKind.ABSOLUTE,
        unit=electrics.unit,
        periods=(period,),
        start=start,
    )


def _quantised(power: Series, electrics: Electrics) -> list[tuple[datetime, float]]:
    return _merged([(point.at, electrics.limit(point.value)) for point in power.points])


def _merged(steps: list[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """Without those that only repeat the limit before them."""
    return [step for i, step in enumerate(steps) if i == 0 or step[1] != steps[i - 1][1]]
