"""What a station holds of charging profiles, and the limit that follows from them.

OCPP 1.6 section 3.13 and 2.0.1 block K: per purpose the highest stack level with a schedule that
runs counts; TxProfile overrules TxDefaultProfile; the station's maximum caps both. When nothing is
left the limit is nothing: infinity here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

NO_LIMIT_KW = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A transaction, as far as profiles care: TxProfiles name it, relative schedules follow it."""

    transaction_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A profile as installed: on which EVSE (0: the station), when, and how often it recurs."""

    evse_id: int
    profile: ChargingProfile
    received_at: datetime
    every: timedelta | None = None

    def period_at(self, at: datetime, running: Running | None) -> SchedulePeriod | None:
        """The period that holds at `at`, or None where this profile says nothing."""
        profile = self.profile
        if profile.valid_from is not None and at < profile.valid_from:
            return None
        if profile.valid_to is not None and at >= profile.valid_to:
            return None
        offset = at - self._cycle_start(at, running)
        if profile.duration_s is not None and offset >= timedelta(seconds=profile.duration_s):
            return None
        begun = [p for p in profile.periods if timedelta(seconds=p.start_s) <= offset]
        return begun[-1] if begun else None

    def changes_after(self, at: datetime, running: Running | None) -> Iterator[datetime]:
        """Instants after `at` at which `period_at` may answer differently."""
        profile = self.profile
        starts = [self._cycle_start(at, running)]
        if self.every is not None:
            starts.append(starts[0] + self.every)
        offsets_s = [p.start_s for p in profile.periods]
        if profile.duration_s is not None:
            offsets_s.append(profile.duration_s)
        instants = [start + timedelta(seconds=s) for start in starts for s in offsets_s]
        instants += [x for x in (profile.valid_from, profile.valid_to) if x is not None]
        return (x for x in instants if x > at)

    def _cycle_start(self, at: datetime, running: Running | None) -> datetime:
        start = self.profile.start
        if self.profile.kind is ProfileKind.RELATIVE or start is None:
            # 1.6 allows an Absolute schedule without a start: it follows the transaction too.
            start = self.received_at if running is None else running.started_at
        if self.every is not None and at > start:
            start += (at - start) // self.every * self.every
        return start


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a station takes; what exceeds it is rejected."""

    rate_units: tuple[RateUnit, ...] = (RateUnit.WATTS, RateUnit.AMPERES)
    max_stack_level: int = 8
    max_periods: int = 24
    max_profiles: int = 10


class ProfileStore:
    """The profiles of one station; `voltage_v` turns its amps into power."""

    def __init__(self, *, voltage_v: float) -> None:
        self._voltage_v = voltage_v
        self._held: list[Held] = []

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def put(self, held: Held) -> None:
        """Installs; the same id, or the same purpose, level and EVSE, is replaced."""
        self._held = [x for x in self._held if not _replaced(x, held)]
        self._held.append(held)

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse_id: int | None = None,
        purpose: ProfilePurpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Removes what matches every given criterion; returns how many that were."""
        kept = [
            x
            for x in self._held
            if (profile_id is not None and x.profile.profile_id != profile_id)
            or (evse_id is not None and x.evse_id != evse_id)
            or (purpose is not None and x.profile.purpose is not purpose)
            or (stack_level is not None and x.profile.stack_level != stack_level)
        ]
        removed = len(self._held) - len(kept)
        self._held = kept
        return removed

    def end_transaction(self, evse_id: int) -> None:
        """TxProfiles live no longer than their transaction."""
        self.clear(evse_id=evse_id, purpose=ProfilePurpose.TX)

    def station_limit_kw(self, at: datetime, *, phases: int) -> float:
        """The station's maximum over all its EVSEs."""
        held = self._of(ProfilePurpose.STATION_MAX, (0,), None)
        return self._highest_kw(held, at, None, phases)

    def evse_limit_kw(
        self, evse_id: int, at: datetime, *, running: Running | None, phases: int
    ) -> float:
        """What the transaction profiles allow on one EVSE, the station's maximum left aside."""
        own = self._of(ProfilePurpose.TX, (evse_id,), running)
        limit_kw = self._highest_kw(own, at, running, phases)
        if limit_kw != NO_LIMIT_KW:
            return limit_kw
        default = self._of(ProfilePurpose.TX_DEFAULT, (0, evse_id), None)
        return self._highest_kw(default, at, running, phases)

    def limit_kw(
        self, evse_id: int, at: datetime, *, running: Running | None, phases: int
    ) -> float:
        """The composite: the least over the purposes."""
        return min(
            self.station_limit_kw(at, phases=phases),
            self.evse_limit_kw(evse_id, at, running=running, phases=phases),
        )

    def next_change(self, at: datetime, running: Iterable[Running]) -> datetime | None:
        """The first instant after `at` at which any limit may change by itself."""
        sessions = [None, *running]
        return min(
            (t for x in self._held for s in sessions for t in x.changes_after(at, s)), default=None
        )

    def _of(
        self, purpose: ProfilePurpose, evse_ids: tuple[int, ...], running: Running | None
    ) -> list[Held]:
        """Those of a purpose, the ones that count first. At one level an EVSE's own comes before
        the station's; a TxProfile of another transaction says nothing."""
        mine = [
            x
            for x in self._held
            if x.profile.purpose is purpose
            and x.evse_id in evse_ids
            and (running is None or x.profile.transaction_id in (None, running.transaction_id))
        ]
        return sorted(mine, key=lambda x: (-x.profile.stack_level, -x.evse_id))

    def _highest_kw(
        self, held: list[Held], at: datetime, running: Running | None, phases: int
    ) -> float:
        for x in held:
            period = x.period_at(at, running)
            if period is not None:
                return limit_kw(period, x.profile.unit, phases=phases, voltage_v=self._voltage_v)
        return NO_LIMIT_KW


def limit_kw(period: SchedulePeriod, unit: RateUnit, *, phases: int, voltage_v: float) -> float:
    """A period's limit as power; W is the total of the phases, A is per phase in use."""
    if unit is RateUnit.WATTS:
        return period.limit / 1000
    in_use = min(phases, period.number_phases or 3)
    return period.limit * voltage_v * in_use / 1000


def composite(
    store: ProfileStore,
    evse_id: int,
    *,
    start: datetime,
    duration_s: int,
    unit: RateUnit,
    ceiling_kw: float,
    running: Running | None,
    phases: int,
    voltage_v: float,
) -> tuple[SchedulePeriod, ...]:
    """What the station will follow over `[start, start + duration_s)`; the hardware's ceiling
    stands where no profile limits. Limits are rounded down to the 0.1 that 1.6 allows."""
    end = start + timedelta(seconds=duration_s)
    per_kw = 1000.0 if unit is RateUnit.WATTS else 1000.0 / (voltage_v * phases)
    periods: list[SchedulePeriod] = []
    at: datetime | None = start
    while at is not None and at < end:
        if evse_id == 0:
            kw = store.station_limit_kw(at, phases=phases)
        else:
            kw = store.limit_kw(evse_id, at, running=running, phases=phases)
        limit = int(min(kw, ceiling_kw) * per_kw * 10 + 1e-6) / 10
        if not periods or periods[-1].limit != limit:
            periods.append(SchedulePeriod(start_s=int((at - start).total_seconds()), limit=limit))
        at = store.next_change(at, [] if running is None else [running])
    return tuple(periods)


def refusal(
    held: Held, store: ProfileStore, capabilities: Capabilities, running: Running | None
) -> str | None:
    """Why a station rejects a profile, or None where it takes it."""
    profile = held.profile
    return (
        _capability_refusal(profile, capabilities)
        or _place_refusal(held, running)
        or _room_refusal(held, store, capabilities)
    )


def _capability_refusal(profile: ChargingProfile, capabilities: Capabilities) -> str | None:
    if profile.unit not in capabilities.rate_units:
        return "UnsupportedRateUnit"
    if profile.stack_level > capabilities.max_stack_level or profile.stack_level < 0:
        return "InvalidStackLevel"
    if not 1 <= len(profile.periods) <= capabilities.max_periods:
        return "InvalidSchedule"
    starts = [p.start_s for p in profile.periods]
    if starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        return "InvalidSchedule"
    if any(p.limit < 0 for p in profile.periods):
        return "InvalidSchedule"
    return None


def _place_refusal(held: Held, running: Running | None) -> str | None:
    """1.6 sections 3.13 and 5.16; 2.0.1 K01.FR.03, FR.16, FR.38."""
    profile = held.profile
    if profile.purpose is ProfilePurpose.STATION_MAX:
        if held.evse_id != 0:
            return "InvalidEvse"
        if profile.kind is ProfileKind.RELATIVE:
            return "InvalidProfile"
    if profile.purpose is ProfilePurpose.TX:
        if held.evse_id == 0:
            return "InvalidEvse"
        if running is None or profile.transaction_id not in (None, running.transaction_id):
            return "TxNotFound"
    if profile.kind is ProfileKind.RECURRING and (held.every is None or profile.start is None):
        return "InvalidSchedule"
    return None


def _room_refusal(held: Held, store: ProfileStore, capabilities: Capabilities) -> str | None:
    kept = sum(not _replaced(x, held) for x in store)
    return "TooManyProfiles" if kept >= capabilities.max_profiles else None


def _replaced(old: Held, new: Held) -> bool:
    a, b = old.profile, new.profile
    return a.profile_id == b.profile_id or (
        (a.purpose, a.stack_level, old.evse_id) == (b.purpose, b.stack_level, new.evse_id)
    )
