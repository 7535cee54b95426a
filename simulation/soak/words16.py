"""A lean station's words in OCPP 1.6."""

from __future__ import annotations

from datetime import datetime

from protocol.ocpp.model import ProfilePurpose, RateUnit, SchedulePeriod
from simulation.profiles import Capabilities, Held
from simulation.soak.outlet import Outlet, Session
from simulation.soak.words import WRITABLE, Call, Payload, held, readings, schedule, write

UNITS_16 = {RateUnit.AMPERES: "Current", RateUnit.WATTS: "Power"}
PURPOSES_16 = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}


class Words16:
    def boot(self, vendor: str, model: str) -> Call:
        return "BootNotification", {
            "chargePointVendor": vendor,
            "chargePointModel": model,
            "firmwareVersion": "1.0",
        }

    def status(self, outlet: Outlet, connector: int, at: datetime) -> Call:
        """An EVSE has one connector, and is told by its number."""
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
        sampled = [
            {"measurand": r.measurand, "value": f"{r.value:.1f}", "unit": r.unit}
            | ({} if r.phase is None else {"phase": r.phase})
            for r in readings(outlet)
        ]
        return "MeterValues", {
            "connectorId": outlet.number,
            "transactionId": int(session.named or -1),
            "meterValue": [{"timestamp": write(at), "sampledValue": sampled}],
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
        return held(
            payload["connectorId"],
            profile,
            profile["chargingSchedule"],
            profile["chargingProfileId"],
            PURPOSES_16[profile["chargingProfilePurpose"]],
            at,
        )

    def variables(self, payload: Payload, able: Capabilities) -> Payload:
        known = {
            "ChargeProfileMaxStackLevel": str(able.max_stack_level),
            "ChargingScheduleAllowedChargingRateUnit": ",".join(
                UNITS_16[unit] for unit in able.rate_units
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
        return int(payload["value"]) if payload["key"] in WRITABLE else None

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
                "chargingSchedulePeriod": schedule(periods),
            },
        }
