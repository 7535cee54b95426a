"""From a power to a charging profile, and back to what that profile really allows.

The only place where kW become amperes or watts. Every rounding is downward, and whatever would lie
between 0 and what a connector can charge with becomes 0 (IEC 61851-1: 0 or at least 6 A).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from daemon.core.site import EvseSpec
from daemon.core.station import Capabilities
from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

MIN_CURRENT_A = 6.0
# A start in the past: a future validFrom or startSchedule leaves a gap in which no limit holds.
START_BEFORE_S = 60
# What has no end begins before any clock can stand, be it one that has lost its battery and goes on
# from here, or ours that ran days ahead: by a clock before its start a profile is not in force.
LONG_PAST = datetime(1970, 1, 1, tzinfo=UTC)
# Guards the downward rounding against 16.0 arriving as 15.999999999.
ROUNDING = 1e-6
# A direct-current outlet told amperes may deliver them at up to this voltage.
DIRECT_V = 1000.0


class Electrics(NamedTuple):
    """How a connector's kW relate to a station's unit."""

    spec: EvseSpec
    unit: RateUnit
    voltage_v: float

    @property
    def kw_per_unit(self) -> float:
        if self.unit is RateUnit.WATTS:
            return 0.001
        if self.spec.phases == 0:
            return DIRECT_V / 1000
        return self.voltage_v * self.spec.phases / 1000

    def limit(self, kw: float) -> float:
        """The limit in the station's unit, in steps of 0.1 A or 10 W, rounded down; 0 below the
        minimum."""
        if kw <= 0:
            return 0.0
        kw = min(kw, self.spec.max_kw)
        limit = self._step_down(kw)
        # Told watts or amperes, a vehicle on alternating current takes nothing below 6 A a phase.
        least_kw = MIN_CURRENT_A * self.voltage_v * self.spec.phases / 1000
        least_kw = max(self.spec.min_kw, least_kw)
        # On the station's own grid: 4.2 kW are 6.0 A, which are 4.14 kW and still the minimum.
        return limit if kw >= least_kw or limit >= self._step_down(least_kw) else 0.0

    def _step_down(self, kw: float) -> float:
        if self.unit is RateUnit.WATTS:
            return math.floor(kw * 100 + ROUNDING) * 10.0
        return math.floor(kw / self.kw_per_unit * 10 + ROUNDING) / 10

    def allows_kw(self, limit: float) -> float:
        return limit * self.kw_per_unit

    def read_kw(self, period: SchedulePeriod) -> float:
        """What a period that a station tells allows. A is per phase, and some tell the phases in
        use: fewer than are wired do not make less of it, as its vehicle may be booked on all."""
        if self.unit is RateUnit.AMPERES and self.spec.phases and period.number_phases:
            phases = max(period.number_phases, self.spec.phases)
            return period.limit * self.voltage_v * phases / 1000
        return self.allows_kw(period.limit)

    def told_kw(self, kw: float) -> float:
        """What of `kw` can be told exactly."""
        return self.allows_kw(self.limit(kw))


def lend(
    kw: float,
    tail_kw: float,
    *,
    lease_s: float | None,
    now: datetime,
    electrics: Electrics,
    capabilities: Capabilities,
    profile_id: int,
    transaction_id: str,
) -> ChargingProfile:
    """A TxProfile that allows `kw` for `lease_s` from now on, and `tail_kw` after it; `lease_s`
    None: for good. Its start lies in the past, `LONG_PAST` where it has no end."""
    start = _whole_second(now) - timedelta(seconds=START_BEFORE_S)
    limits = [electrics.limit(kw)]
    if lease_s is None:
        start = LONG_PAST
    elif electrics.limit(tail_kw) != limits[0]:
        limits.append(electrics.limit(tail_kw))
    starts_s = (0, START_BEFORE_S + math.floor(lease_s or 0.0))
    phases = electrics.spec.phases or None
    return ChargingProfile(
        profile_id=profile_id,
        stack_level=min(1, capabilities.max_stack_level),
        purpose=ProfilePurpose.TX,
        kind=ProfileKind.RELATIVE if capabilities.relative else ProfileKind.ABSOLUTE,
        unit=electrics.unit,
        periods=tuple(
            SchedulePeriod(start_s=start_s, limit=limit, number_phases=phases)
            for start_s, limit in zip(starts_s, limits, strict=False)
        ),
        start=None if capabilities.relative else start,
        transaction_id=transaction_id,
    )


def standing(
    purpose: ProfilePurpose,
    kw: float,
    *,
    electrics: Electrics,
    profile_id: int,
    relative: bool = False,
) -> ChargingProfile:
    """A profile that holds one power for ever: the fallback, or a station's maximum."""
    period = SchedulePeriod(
        start_s=0, limit=electrics.limit(kw), number_phases=electrics.spec.phases or None
    )
    return ChargingProfile(
        profile_id=profile_id,
        stack_level=0,
        purpose=purpose,
        kind=ProfileKind.RELATIVE if relative else ProfileKind.ABSOLUTE,
        unit=electrics.unit,
        periods=(period,),
        start=None if relative else LONG_PAST,
    )


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
