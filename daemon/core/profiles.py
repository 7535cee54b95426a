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
        kw = min(kw, self.spec.max_kw)
        if self.unit is RateUnit.WATTS:
            limit = math.floor(kw * 100 + ROUNDING) * 10.0
        else:
            limit = math.floor(kw / self.kw_per_unit * 10 + ROUNDING) / 10
        too_small = kw < self.spec.min_kw - ROUNDING or (
            self.unit is RateUnit.AMPERES and limit < MIN_CURRENT_A
        )
        return 0.0 if too_small else limit

    def allows_kw(self, limit: float) -> float:
        return limit * self.kw_per_unit


def shape(
    power: Series,
    *,
    now: datetime,
    electrics: Electrics,
    fallback_kw: float,
    capabilities: Capabilities,
    profile_id: int,
    transaction_id: str,
) -> Shaped:
    """A TxProfile that follows `power` from now on and ends in the fallback.

    Where the station takes fewer periods than needed, the last one it takes is the fallback (or
    less, should the wish be less for all the time it stands for).
    """
    start = (now - START_BEFORE).replace(microsecond=0)
    steps = _quantised(after(power, now), electrics)
    most = max(capabilities.max_periods, 1)
    if len(steps) > most:
        rest = min(value for _, value in steps[most - 1 :])
        tail = min(electrics.limit(fallback_kw), rest)
        steps = [*steps[: most - 1], (steps[most - 1][0], tail)]
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
    steps: list[tuple[datetime, float]] = []
    for point in power.points:
        limit = electrics.limit(point.value)
        if not steps or steps[-1][1] != limit:
            steps.append((point.at, limit))
    return steps
