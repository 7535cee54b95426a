"""Charging profiles as 1.6 writes them (sections 7.8, 7.13 and 7.14)."""

from __future__ import annotations

from protocol.ocpp import profiles
from protocol.ocpp.dialect import Payload
from protocol.ocpp.errors import LocalError
from protocol.ocpp.model import ChargingProfile, ProfileKind, ProfilePurpose
from protocol.ocpp.profiles import one_decimal
from protocol.ocpp.values import write_time

PURPOSES = {
    ProfilePurpose.STATION_MAX: "ChargePointMaxProfile",
    ProfilePurpose.TX_DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TX: "TxProfile",
}


def transaction_number(transaction_id: str) -> int:
    """1.6 ids are integers; LocalError for a text that is none."""
    try:
        return int(transaction_id)
    except ValueError as error:
        raise LocalError(f"1.6 wants an integer transaction id, got {transaction_id!r}") from error


def encode(evse_id: int, profile: ChargingProfile) -> Payload:
    """`csChargingProfiles`; LocalError for what the standard does not allow."""
    profiles.check(evse_id, profile)
    payload: Payload = {
        "chargingProfileId": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": _schedule(profile),
    }
    if profile.kind is ProfileKind.RECURRING:
        payload["recurrencyKind"] = "Daily"
    if profile.transaction_id is not None:
        payload["transactionId"] = transaction_number(profile.transaction_id)
    if profile.valid_from is not None:
        payload["validFrom"] = write_time(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = write_time(profile.valid_to)
    return payload


def _schedule(profile: ChargingProfile) -> Payload:
    periods: list[Payload] = []
    for period in profile.periods:
        written: Payload = {"startPeriod": period.start_s, "limit": one_decimal(period.limit)}
        if period.number_phases is not None:
            written["numberPhases"] = period.number_phases
        periods.append(written)
    schedule: Payload = {
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
