"""Charging profiles as 2.0.1 writes them (part 2, ChargingProfileType and ChargingScheduleType)."""

from __future__ import annotations

from protocol.ocpp import profiles
from protocol.ocpp.dialect import Payload
from protocol.ocpp.model import ChargingProfile, ProfileKind
from protocol.ocpp.profiles import one_decimal
from protocol.ocpp.values import write_time


def encode(evse_id: int, profile: ChargingProfile) -> Payload:
    """`chargingProfile`; LocalError for what the standard does not allow."""
    profiles.check(evse_id, profile)
    payload: Payload = {
        "id": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose.value,
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": [_schedule(profile)],
    }
    if profile.kind is ProfileKind.RECURRING:
        payload["recurrencyKind"] = "Daily"
    if profile.transaction_id is not None:
        payload["transactionId"] = profile.transaction_id
    if profile.valid_from is not None:
        payload["validFrom"] = write_time(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = write_time(profile.valid_to)
    return payload


def _schedule(profile: ChargingProfile) -> Payload:
    """A schedule's own id has to be unique in its profile only, which has one."""
    periods: list[Payload] = []
    for period in profile.periods:
        written: Payload = {"startPeriod": period.start_s, "limit": one_decimal(period.limit)}
        if period.number_phases is not None:
            written["numberPhases"] = period.number_phases
        periods.append(written)
    schedule: Payload = {
        "id": profile.profile_id,
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": periods,
    }
    if profile.start is not None:
        schedule["startSchedule"] = write_time(profile.start)
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    if profile.min_charging_rate is not None:
        schedule["minChargingRate"] = one_decimal(profile.min_charging_rate)
    return schedule
