"""OCPP 2.0.1 payloads, valid by their schema, to the neutral vocabulary (part 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from protocol.ocpp.commands import (
    Answered,
    Command,
    GetCompositeSchedule,
    GetVariables,
    SetVariable,
)
from protocol.ocpp.dialect import Payload
from protocol.ocpp.events import (
    AuthorizeRequested,
    DataTransferred,
    Heartbeat,
    MeterValuesReported,
    Notified,
    StationBooted,
    StationEvent,
    StatusNotified,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import (
    ChargingState,
    CompositeSchedule,
    ConnectorStatus,
    MeterSample,
    RateUnit,
    VariableName,
)
from protocol.ocpp.values import (
    evse_id,
    read_time,
    register_wh,
    sample,
    schedule_periods,
    seq_no,
)

NOTIFICATIONS = (
    "ClearedChargingLimit",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
)


def _booted(payload: Payload) -> StationEvent:
    station = payload["chargingStation"]
    return StationBooted(
        vendor=station["vendorName"],
        model=station["model"],
        serial_number=station.get("serialNumber"),
        firmware_version=station.get("firmwareVersion"),
        reason=payload["reason"],
    )


def _heartbeat(payload: Payload) -> StationEvent:
    return Heartbeat()


def _status(payload: Payload) -> StationEvent:
    return StatusNotified(
        evse_id=evse_id(payload["evseId"], "evseId"),
        connector_id=evse_id(payload["connectorId"], "connectorId"),
        status=ConnectorStatus(payload["connectorStatus"]),
        at=read_time(payload["timestamp"]),
    )


def _authorize(payload: Payload) -> StationEvent:
    return AuthorizeRequested(id_token=payload["idToken"]["idToken"])


def _transaction_event(payload: Payload) -> StationEvent:
    match payload["eventType"]:
        case "Started":
            return _started(payload)
        case "Updated":
            return _updated(payload)
        case _:
            return _ended(payload)


def _started(payload: Payload) -> StationEvent:
    """A transaction may start before its EVSE is known (E01: on Authorized): EVSE 0 until then."""
    samples = tuple(_samples(payload.get("meterValue", [])))
    return TransactionStarted(
        evse_id=_evse_id(payload) or 0,
        transaction_id=payload["transactionInfo"]["transactionId"],
        id_token=_id_token(payload),
        at=read_time(payload["timestamp"]),
        meter_start_wh=register_wh(samples, context="Transaction.Begin"),
        offline=payload.get("offline", False),
        seq_no=_seq_no(payload),
        charging_state=_charging_state(payload),
        samples=samples,
    )


def _updated(payload: Payload) -> StationEvent:
    return TransactionUpdated(
        transaction_id=payload["transactionInfo"]["transactionId"],
        at=read_time(payload["timestamp"]),
        evse_id=_evse_id(payload),
        id_token=_id_token(payload),
        offline=payload.get("offline", False),
        seq_no=_seq_no(payload),
        charging_state=_charging_state(payload),
        samples=tuple(_samples(payload.get("meterValue", []))),
    )


def _ended(payload: Payload) -> StationEvent:
    """A missing stoppedReason means Local (part 2, TransactionType)."""
    samples = tuple(_samples(payload.get("meterValue", [])))
    return TransactionEnded(
        transaction_id=payload["transactionInfo"]["transactionId"],
        at=read_time(payload["timestamp"]),
        meter_stop_wh=register_wh(samples, context="Transaction.End", last=True),
        evse_id=_evse_id(payload),
        id_token=_id_token(payload),
        reason=payload["transactionInfo"].get("stoppedReason", "Local"),
        offline=payload.get("offline", False),
        seq_no=_seq_no(payload),
        samples=samples,
    )


def _meter_values(payload: Payload) -> StationEvent:
    return MeterValuesReported(
        evse_id=evse_id(payload["evseId"], "evseId"),
        transaction_id=None,
        samples=tuple(_samples(payload["meterValue"])),
    )


def _data_transfer(payload: Payload) -> StationEvent:
    return DataTransferred(
        vendor_id=payload["vendorId"],
        message_id=payload.get("messageId"),
        data=payload.get("data"),
    )


def _notified(action: str) -> Callable[[Payload], StationEvent]:
    return lambda payload: Notified(action=action, payload=payload)


CALLS: Mapping[str, Callable[[Payload], StationEvent]] = {
    "Authorize": _authorize,
    "BootNotification": _booted,
    "DataTransfer": _data_transfer,
    "Heartbeat": _heartbeat,
    "MeterValues": _meter_values,
    "StatusNotification": _status,
    "TransactionEvent": _transaction_event,
    **{action: _notified(action) for action in NOTIFICATIONS},
}


def answered(command: Command, payload: Payload) -> Answered:
    """A CALLRESULT. GetVariables has a status for each variable only: an answer is Accepted."""
    match command:
        case GetVariables(names=names):
            return Answered(status="Accepted", variables=tuple(_variables(names, payload)))
        case SetVariable():
            result = payload["setVariableResult"][0]
            return Answered(
                status=result["attributeStatus"], reason=_reason(result, "attributeStatusInfo")
            )
        case GetCompositeSchedule():
            return Answered(
                status=payload["status"],
                reason=_reason(payload),
                schedule=_composite(payload),
            )
        case _:
            return Answered(status=payload["status"], reason=_reason(payload))


def _evse_id(payload: Payload) -> int | None:
    evse = payload.get("evse")
    return None if evse is None else evse_id(evse["id"], "evse/id")


def _id_token(payload: Payload) -> str | None:
    """None also for NoAuthorization, whose text is empty."""
    token: str | None = payload.get("idToken", {}).get("idToken")
    return token or None


def _seq_no(payload: Payload) -> int:
    return seq_no(payload["seqNo"], "seqNo")


def _charging_state(payload: Payload) -> ChargingState | None:
    state = payload["transactionInfo"].get("chargingState")
    return None if state is None else ChargingState(state)


def _samples(meter_values: list[Payload]) -> Iterator[MeterSample]:
    for meter_value in meter_values:
        at = read_time(meter_value["timestamp"])
        for sampled in meter_value["sampledValue"]:
            unit = sampled.get("unitOfMeasure", {})
            decoded = sample(
                measurand=sampled.get("measurand"),
                value=sampled["value"],
                unit=unit.get("unit"),
                multiplier=unit.get("multiplier", 0),
                at=at,
                phase=sampled.get("phase"),
                location=sampled.get("location"),
                context=sampled.get("context"),
            )
            if decoded is not None:
                yield decoded


def _variables(
    names: tuple[VariableName, ...], payload: Payload
) -> Iterator[tuple[VariableName, str]]:
    """Component and variable names are case-insensitive (identifierString)."""
    read = {
        (result["component"]["name"].casefold(), result["variable"]["name"].casefold()): result[
            "attributeValue"
        ]
        for result in payload["getVariableResult"]
        if result["attributeStatus"] == "Accepted" and "attributeValue" in result
    }
    for name in names:
        value = read.get((name.component.casefold(), name.variable.casefold()))
        if value is not None:
            yield name, value


def _composite(payload: Payload) -> CompositeSchedule | None:
    schedule = payload.get("schedule")
    if schedule is None:
        return None
    return CompositeSchedule(
        evse_id=evse_id(schedule["evseId"], "schedule/evseId"),
        start=read_time(schedule["scheduleStart"]),
        duration_s=int(schedule["duration"]),
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=schedule_periods(schedule["chargingSchedulePeriod"]),
    )


def _reason(payload: Payload, key: str = "statusInfo") -> str | None:
    info = payload.get(key)
    if info is None:
        return None
    more = info.get("additionalInfo")
    code: str = info["reasonCode"]
    return f"{code}: {more}" if more else code
