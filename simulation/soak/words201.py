"""A lean station's words in OCPP 2.0.1."""

from __future__ import annotations

from datetime import datetime

from protocol.ocpp.model import ProfilePurpose, RateUnit, SchedulePeriod
from simulation.profiles import Capabilities, Held
from simulation.soak.outlet import Begins, Outlet, Session
from simulation.soak.words import WRITABLE, Call, Payload, held, readings, schedule, write


class Words201:
    def boot(self, vendor: str, model: str) -> Call:
        return "BootNotification", {
            "reason": "PowerUp",
            "chargingStation": {"vendorName": vendor, "model": model, "firmwareVersion": "1.0"},
        }

    def status(self, outlet: Outlet, connector: int, at: datetime) -> Call:
        if outlet.is_taken(connector):
            status = "Occupied"
        else:
            status = "Unavailable" if outlet.blocks and outlet.car is not None else "Available"
        return "StatusNotification", {
            "timestamp": write(at),
            "connectorStatus": status,
            "evseId": outlet.number,
            "connectorId": connector,
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
        """Before the vehicle is plugged in, the connector is not known, nor perhaps the EVSE, and
        with it its meter."""
        session.seq_no += 1
        sampled = [
            {"measurand": r.measurand, "value": r.value, "unitOfMeasure": {"unit": r.unit}}
            | ({} if r.phase is None else {"phase": r.phase})
            for r in readings(outlet)
        ]
        event: Payload = {
            "eventType": kind,
            "timestamp": write(at),
            "triggerReason": trigger,
            "seqNo": session.seq_no,
            "offline": offline,
            "transactionInfo": {"transactionId": session.id},
        }
        if outlet.car is None and outlet.begins is Begins.NOWHERE:
            return event
        event["evse"] = {"id": outlet.number}
        if outlet.car is not None:
            event["evse"]["connectorId"] = outlet.plugged
        event["meterValue"] = [{"timestamp": write(at), "sampledValue": sampled}]
        return event

    def named(self, answer: Payload) -> str | None:
        return None

    def profile(self, payload: Payload, at: datetime) -> Held:
        profile = payload["chargingProfile"]
        return held(
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
        return int(asked["attributeValue"]) if asked["variable"]["name"] in WRITABLE else None

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
                "chargingSchedulePeriod": schedule(periods),
            },
        }


def _variable(asked: Payload, value: str | None) -> Payload:
    result: Payload = {
        "attributeStatus": "UnknownVariable" if value is None else "Accepted",
        "component": asked["component"],
        "variable": asked["variable"],
    }
    return result if value is None else {**result, "attributeValue": value}
