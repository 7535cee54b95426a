"""OCPP 1.6 payloads, valid by their schema, to the neutral vocabulary (sections 4 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from protocol.ocpp.commands import (
    Answered,
    Command,
    GetCompositeSchedule,
    GetVariables,
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
)
from protocol.ocpp.model import (
    ChargingState,
    CompositeSchedule,
    ConnectorStatus,
    MeterSample,
    RateUnit,
    VariableName,
)
from protocol.ocpp.v16 import variables
from protocol.ocpp.values import evse_id, read_time, sample, schedule_periods

_STATUSES: Mapping[str, tuple[ConnectorStatus, ChargingState | None]] = {
    "Available": (ConnectorStatus.AVAILABLE, None),
    "Preparing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
    "Charging": (ConnectorStatus.OCCUPIED, ChargingState.CHARGING),
    "SuspendedEV": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV),
    "SuspendedEVSE": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE),
    "Finishing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
    "Reserved": (ConnectorStatus.RESERVED, None),
    "Unavailable": (ConnectorStatus.UNAVAILABLE, None),
    "Faulted": (ConnectorStatus.FAULTED, None),
}

NOTIFICATIONS = (
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
)


def _booted(payload: Payload) -> StationEvent:
    serial_number = payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber")
    return StationBooted(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial_number=serial_number,
        firmware_version=payload.get("firmwareVersion"),
    )


def _heartbeat(payload: Payload) -> StationEvent:
    return Heartbeat()


def _status(payload: Payload) -> StationEvent:
    status, charging_state = _STATUSES[payload["status"]]
    error_code = payload["errorCode"]
    return StatusNotified(
        evse_id=evse_id(payload["connectorId"], "connectorId"),
        status=status,
        at=read_time(payload.get("timestamp")),
        charging_state=charging_state,
        error_code=None if error_code == "NoError" else error_code,
    )


def _authorize(payload: Payload) -> StationEvent:
    return AuthorizeRequested(id_token=payload["idTag"])


def _started(payload: Payload) -> StationEvent:
    return TransactionStarted(
        evse_id=evse_id(payload["connectorId"], "connectorId", least=1),
        transaction_id=None,
        id_token=payload["idTag"],
        at=read_time(payload["timestamp"]),
        meter_start_wh=float(payload["meterStart"]),
    )


def _ended(payload: Payload) -> StationEvent:
    """A transaction started offline has the id -1 or one that the station made up."""
    return TransactionEnded(
        transaction_id=str(int(payload["transactionId"])),
        at=read_time(payload["timestamp"]),
        meter_stop_wh=float(payload["meterStop"]),
        id_token=payload.get("idTag"),
        reason=payload.get("reason", "Local"),
        samples=tuple(_samples(payload.get("transactionData", []))),
    )


def _meter_values(payload: Payload) -> StationEvent:
    # 0 and -1 stand for none, and for one that began offline and has no number yet.
    number = int(payload.get("transactionId", 0))
    return MeterValuesReported(
        evse_id=evse_id(payload["connectorId"], "connectorId"),
        transaction_id=str(number) if number > 0 else None,
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
    "StartTransaction": _started,
    "StatusNotification": _status,
    "StopTransaction": _ended,
    **{action: _notified(action) for action in NOTIFICATIONS},
}


def answered(command: Command, payload: Payload) -> Answered:
    """A CALLRESULT. GetConfiguration has no status of its own: an answer is Accepted."""
    match command:
        case GetVariables(names=names):
            return Answered(status="Accepted", variables=tuple(_configuration(names, payload)))
        case GetCompositeSchedule(evse_id=asked):
            return Answered(status=payload["status"], schedule=_composite(asked, payload))
        case _:
            return Answered(status=payload["status"])


def _samples(meter_values: list[Payload]) -> Iterator[MeterSample]:
    for meter_value in meter_values:
        at = read_time(meter_value["timestamp"])
        for sampled in meter_value["sampledValue"]:
            value = _number(sampled["value"])
            if value is None or sampled.get("format", "Raw") != "Raw":
                continue
            decoded = sample(
                measurand=sampled.get("measurand"),
                value=value,
                unit=sampled.get("unit"),
                at=at,
                phase=sampled.get("phase"),
                location=sampled.get("location"),
                context=sampled.get("context"),
            )
            if decoded is not None:
                yield decoded


def _number(text: str) -> float | None:
    """1.6 sends numbers as text; underscores are Python's, not a number's."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _configuration(
    names: tuple[VariableName, ...], payload: Payload
) -> Iterator[tuple[VariableName, str]]:
    """Keys are case-insensitive (CiString50Type), and a value may be left out."""
    read = {
        entry["key"].casefold(): entry["value"]
        for entry in payload.get("configurationKey", [])
        if "value" in entry
    }
    for name in names:
        value = read.get(variables.key(name).casefold())
        if value is not None:
            yield name, variables.read(name, value)


def _composite(asked: int, payload: Payload) -> CompositeSchedule | None:
    schedule = payload.get("chargingSchedule")
    if schedule is None:
        return None
    return CompositeSchedule(
        evse_id=evse_id(payload.get("connectorId", asked), "connectorId"),
        start=read_time(payload.get("scheduleStart") or schedule.get("startSchedule")),
        duration_s=_integer(schedule.get("duration")),
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=schedule_periods(schedule["chargingSchedulePeriod"]),
    )


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)
