"""A lean station's half of OCPP-J: what it says and reads in 1.6 and in 2.0.1.

The stations of the demo speak through the `ocpp` package, which costs a millisecond a message. Here
a night has a hundred million of them, and the daemon's side is what is on trial: it validates every
frame by the standard's schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    Version,
)
from simulation.profiles import Capabilities, Held
from simulation.soak.outlet import Outlet, Session

Payload = dict[str, Any]
Call = tuple[str, Payload]
"""(action, payload)"""

_UNITS_16 = {RateUnit.AMPERES: "Current", RateUnit.WATTS: "Power"}
_PURPOSES_16 = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}
_EVERY = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
_WRITABLE = frozenset({"MeterValueSampleInterval", "TxUpdatedInterval"})


class Words(Protocol):
    """One version's words. `at` is always the station's own clock."""

    def boot(self, vendor: str, model: str) -> Call: ...

    def status(self, outlet: Outlet, at: datetime) -> Call: ...

    def begin(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call: ...

    def sample(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call: ...

    def end(self, outlet: Outlet, session: Session, at: datetime, reason: str) -> Call: ...

    def named(self, answer: Payload) -> str | None:
        """What the answer to `begin` calls the transaction, where it does."""
        ...

    def profile(self, payload: Payload, at: datetime) -> Held: ...

    def variables(self, payload: Payload, able: Capabilities) -> Payload: ...

    def interval_s(self, payload: Payload) -> int | None:
        """The sample interval, where that is what is to be set."""
        ...

    def composite(
        self, payload: Payload, start: datetime, unit: RateUnit, periods: tuple[SchedulePeriod, ...]
    ) -> Payload: ...


def write(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _held(
    evse_id: int,
    profile: Mapping[str, Any],
    schedule: Mapping[str, Any],
    profile_id: int,
    purpose: ProfilePurpose,
    at: datetime,
) -> Held:
    transaction = profile.get("transactionId")
    return Held(
        evse_id=evse_id,
        received_at=at,
        every=_EVERY.get(profile.get("recurrencyKind", "")),
        profile=ChargingProfile(
            profile_id=profile_id,
            stack_level=profile["stackLevel"],
            purpose=purpose,
            kind=ProfileKind(profile["chargingProfileKind"]),
            unit=RateUnit(schedule["chargingRateUnit"]),
            periods=tuple(
                SchedulePeriod(
                    start_s=p["startPeriod"],
                    limit=float(p["limit"]),
                    number_phases=p.get("numberPhases"),
                )
                for p in schedule["chargingSchedulePeriod"]
            ),
            start=read(schedule.get("startSchedule")),
            duration_s=schedule.get("duration"),
            transaction_id=None if transaction is None else str(transaction),
            valid_from=read(profile.get("validFrom")),
            valid_to=read(profile.get("validTo")),
        ),
    )


def _values(outlet: Outlet) -> list[tuple[str, float, str]]:
    return [
        ("Energy.Active.Import.Register", float(outlet.reading_wh), "Wh"),
        ("Power.Active.Import", round(outlet.kw * 1000, 1), "W"),
    ]


def _schedule(periods: tuple[SchedulePeriod, ...]) -> list[Payload]:
    return [{"startPeriod": p.start_s, "limit": p.limit} for p in periods]


class Words16:
    def boot(self, vendor: str, model: str) -> Call:
        return "BootNotification", {
            "chargePointVendor": vendor,
            "chargePointModel": model,
            "firmwareVersion": "1.0",
        }

    def status(self, outlet: Outlet, at: datetime) -> Call:
        if outlet.car is None:
            status = "Available"
        elif outlet.session is None:
            status = "Preparing"
        else:
            status = "Charging" if outlet.kw > 0 else "SuspendedEVSE"
        return "StatusNotification", {
            "connectorId": outlet.number,
            "errorCode": "NoError",
            "status": status,
            "timestamp": write(at),
        }

    def begin(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call:
        return "StartTransaction", {
            "connectorId": outlet.number,
            "idTag": session.token,
            "meterStart": session.start_wh,
            "timestamp": write(at),
        }

    def sample(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call:
        values = [{"measurand": m, "value": f"{v:.1f}", "unit": u} for m, v, u in _values(outlet)]
        return "MeterValues", {
            "connectorId": outlet.number,
            "transactionId": int(session.named or -1),
            "meterValue": [{"timestamp": write(at), "sampledValue": values}],
        }

    def end(self, outlet: Outlet, session: Session, at: datetime, reason: str) -> Call:
        return "StopTransaction", {
            "transactionId": int(session.named or -1),
            "meterStop": outlet.reading_wh,
            "timestamp": write(at),
            "reason": reason,
        }

    def named(self, answer: Payload) -> str | None:
        return str(answer["transactionId"])

    def profile(self, payload: Payload, at: datetime) -> Held:
        profile = payload["csChargingProfiles"]
        return _held(
            payload["connectorId"],
            profile,
            profile["chargingSchedule"],
            profile["chargingProfileId"],
            _PURPOSES_16[profile["chargingProfilePurpose"]],
            at,
        )

    def variables(self, payload: Payload, able: Capabilities) -> Payload:
        known = {
            "ChargeProfileMaxStackLevel": str(able.max_stack_level),
            "ChargingScheduleAllowedChargingRateUnit": ",".join(
                _UNITS_16[unit] for unit in able.rate_units
            ),
            "ChargingScheduleMaxPeriods": str(able.max_periods),
            "MaxChargingProfilesInstalled": str(able.max_profiles),
        }
        wanted = payload.get("key", [])
        return {
            "configurationKey": [
                {"key": k, "readonly": True, "value": known[k]} for k in wanted if k in known
            ],
            "unknownKey": [k for k in wanted if k not in known],
        }

    def interval_s(self, payload: Payload) -> int | None:
        return int(payload["value"]) if payload["key"] in _WRITABLE else None

    def composite(
        self, payload: Payload, start: datetime, unit: RateUnit, periods: tuple[SchedulePeriod, ...]
    ) -> Payload:
        return {
            "status": "Accepted",
            "connectorId": payload["connectorId"],
            "scheduleStart": write(start),
            "chargingSchedule": {
                "duration": payload["duration"],
                "chargingRateUnit": unit.value,
                "chargingSchedulePeriod": _schedule(periods),
            },
        }


class Words201:
    def boot(self, vendor: str, model: str) -> Call:
        return "BootNotification", {
            "reason": "PowerUp",
            "chargingStation": {"vendorName": vendor, "model": model, "firmwareVersion": "1.0"},
        }

    def status(self, outlet: Outlet, at: datetime) -> Call:
        return "StatusNotification", {
            "timestamp": write(at),
            "connectorStatus": "Available" if outlet.car is None else "Occupied",
            "evseId": outlet.number,
            "connectorId": 1,
        }

    def begin(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call:
        event = self._event("Started", "Authorized", outlet, session, at, offline)
        event["idToken"] = {"idToken": session.token, "type": "ISO14443"}
        return "TransactionEvent", event

    def sample(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call:
        event = self._event("Updated", "MeterValuePeriodic", outlet, session, at, offline)
        return "TransactionEvent", event

    def end(self, outlet: Outlet, session: Session, at: datetime, reason: str) -> Call:
        event = self._event("Ended", "StopAuthorized", outlet, session, at, offline=False)
        event["transactionInfo"]["stoppedReason"] = reason
        return "TransactionEvent", event

    def _event(
        self,
        kind: str,
        trigger: str,
        outlet: Outlet,
        session: Session,
        at: datetime,
        offline: bool,
    ) -> Payload:
        session.seq_no += 1
        values = [
            {"measurand": m, "value": v, "unitOfMeasure": {"unit": u}}
            for m, v, u in _values(outlet)
        ]
        return {
            "eventType": kind,
            "timestamp": write(at),
            "triggerReason": trigger,
            "seqNo": session.seq_no,
            "offline": offline,
            "transactionInfo": {"transactionId": session.id},
            "evse": {"id": outlet.number, "connectorId": 1},
            "meterValue": [{"timestamp": write(at), "sampledValue": values}],
        }

    def named(self, answer: Payload) -> str | None:
        return None

    def profile(self, payload: Payload, at: datetime) -> Held:
        profile = payload["chargingProfile"]
        return _held(
            payload["evseId"],
            profile,
            profile["chargingSchedule"][0],
            profile["id"],
            ProfilePurpose(profile["chargingProfilePurpose"]),
            at,
        )

    def variables(self, payload: Payload, able: Capabilities) -> Payload:
        known = {
            "ProfileStackLevel": str(able.max_stack_level),
            "RateUnit": ",".join(able.rate_units),
            "PeriodsPerSchedule": str(able.max_periods),
            "Entries": str(able.max_profiles),
        }
        return {
            "getVariableResult": [
                _variable(asked, known.get(asked["variable"]["name"]))
                for asked in payload["getVariableData"]
            ]
        }

    def interval_s(self, payload: Payload) -> int | None:
        (asked,) = payload["setVariableData"]
        return int(asked["attributeValue"]) if asked["variable"]["name"] in _WRITABLE else None

    def composite(
        self, payload: Payload, start: datetime, unit: RateUnit, periods: tuple[SchedulePeriod, ...]
    ) -> Payload:
        return {
            "status": "Accepted",
            "schedule": {
                "evseId": payload["evseId"],
                "duration": payload["duration"],
                "scheduleStart": write(start),
                "chargingRateUnit": unit.value,
                "chargingSchedulePeriod": _schedule(periods),
            },
        }


def _variable(asked: Payload, value: str | None) -> Payload:
    result: Payload = {
        "attributeStatus": "UnknownVariable" if value is None else "Accepted",
        "component": asked["component"],
        "variable": asked["variable"],
    }
    return result if value is None else {**result, "attributeValue": value}


WORDS: Mapping[Version, Words] = {Version.V16: Words16(), Version.V201: Words201()}
