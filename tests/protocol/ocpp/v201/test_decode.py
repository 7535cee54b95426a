"""OCPP 2.0.1 frames as stations write them, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from protocol.ocpp.commands import (
    Answered,
    Command,
    GetCompositeSchedule,
    GetVariables,
    ResetStation,
    SetVariable,
)
from protocol.ocpp.connection import CommandDone, Connection, Incoming
from protocol.ocpp.events import (
    AuthorizeRequested,
    DataTransferred,
    EmptyReply,
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
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    RATE_UNITS,
    ChargingState,
    CompositeSchedule,
    ConnectorStatus,
    Measurand,
    MeterSample,
    RateUnit,
    SchedulePeriod,
    Version,
)

Connect = Callable[..., Connection]
Payload = dict[str, Any]
AT = datetime(2026, 11, 20, 16, tzinfo=UTC)
STAMP = "2026-11-20T16:00:00Z"


@pytest.fixture
def station(connect: Connect) -> Connection:
    return connect(Version.V201)


def heard(station: Connection, action: str, payload: Payload) -> StationEvent:
    (incoming,) = station.receive(json.dumps([2, "1", action, payload]), 0.0)
    assert isinstance(incoming, Incoming), incoming
    return incoming.event


def result(station: Connection, command: Command, payload: Payload) -> Answered:
    call_id = json.loads(station.send(command, 0.0))[1]
    (done,) = station.receive(json.dumps([3, call_id, payload]), 0.0)
    assert isinstance(done, CommandDone)
    assert isinstance(done.result, Answered)
    return done.result


def transaction_event(kind: str, **more: Any) -> Payload:
    return {
        "eventType": kind,
        "timestamp": STAMP,
        "triggerReason": "CablePluggedIn",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "tx-1"},
        **more,
    }


def register(wh: float, context: str | None = None, **more: Any) -> Payload:
    sampled: Payload = {"value": wh, **more}
    if context is not None:
        sampled["context"] = context
    return {"timestamp": STAMP, "sampledValue": [sampled]}


def test_boot(station: Connection) -> None:
    payload = {
        "reason": "PowerUp",
        "chargingStation": {
            "model": "HPC",
            "vendorName": "Acme",
            "serialNumber": "SN",
            "firmwareVersion": "2",
        },
    }
    assert heard(station, "BootNotification", payload) == StationBooted(
        vendor="Acme", model="HPC", serial_number="SN", firmware_version="2", reason="PowerUp"
    )


def test_heartbeat(station: Connection) -> None:
    assert heard(station, "Heartbeat", {}) == Heartbeat()


def test_authorize(station: Connection) -> None:
    payload = {"idToken": {"idToken": "T", "type": "ISO14443"}}
    assert heard(station, "Authorize", payload) == AuthorizeRequested(id_token="T")


def test_data_transfer_keeps_any_json_as_it_is(station: Connection) -> None:
    payload = {"vendorId": "v", "data": {"some_key": [1, None]}}
    assert heard(station, "DataTransfer", payload) == DataTransferred(
        vendor_id="v", message_id=None, data={"some_key": [1, None]}
    )


def test_status_is_the_evses(station: Connection) -> None:
    payload = {"timestamp": STAMP, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}
    assert heard(station, "StatusNotification", payload) == StatusNotified(
        evse_id=2, status=ConnectorStatus.OCCUPIED, at=AT
    )


def test_started(station: Connection) -> None:
    payload = transaction_event(
        "Started",
        evse={"id": 1, "connectorId": 1},
        idToken={"idToken": "T", "type": "ISO14443"},
        offline=True,
        transactionInfo={"transactionId": "tx-1", "chargingState": "EVConnected"},
        meterValue=[register(900.0), register(1000.0, "Transaction.Begin")],
    )
    event = heard(station, "TransactionEvent", payload)
    assert event == TransactionStarted(
        evse_id=1,
        transaction_id="tx-1",
        id_token="T",
        at=AT,
        meter_start_wh=1000.0,
        offline=True,
        seq_no=3,
        charging_state=ChargingState.EV_CONNECTED,
        samples=(
            MeterSample(measurand=Measurand.ENERGY_IMPORT_REGISTER, value=900.0, at=AT),
            MeterSample(
                measurand=Measurand.ENERGY_IMPORT_REGISTER,
                value=1000.0,
                at=AT,
                context="Transaction.Begin",
            ),
        ),
    )


def test_started_before_the_evse_is_known_and_without_a_token(station: Connection) -> None:
    payload = transaction_event("Started", idToken={"idToken": "", "type": "NoAuthorization"})
    assert heard(station, "TransactionEvent", payload) == TransactionStarted(
        evse_id=0, transaction_id="tx-1", id_token=None, at=AT, meter_start_wh=None, seq_no=3
    )


def test_started_takes_the_first_register_where_none_says_begin(station: Connection) -> None:
    payload = transaction_event(
        "Started",
        meterValue=[
            register(1.0, phase="L1"),
            register(2.0, location="Inlet"),
            register(3.0),
            register(4.0),
        ],
    )
    event = heard(station, "TransactionEvent", payload)
    assert isinstance(event, TransactionStarted)
    assert event.meter_start_wh == 3.0


def test_updated(station: Connection) -> None:
    payload = transaction_event(
        "Updated", transactionInfo={"transactionId": "tx-1", "chargingState": "Charging"}
    )
    assert heard(station, "TransactionEvent", payload) == TransactionUpdated(
        transaction_id="tx-1", at=AT, seq_no=3, charging_state=ChargingState.CHARGING
    )


@pytest.mark.parametrize(
    ("contexts", "stop_wh"),
    [(("Transaction.End", None), 1.0), ((None, "Sample.Clock"), 2.0)],
)
def test_ended_takes_the_register_that_says_end_else_the_last(
    contexts: tuple[str | None, str | None], stop_wh: float, station: Connection
) -> None:
    payload = transaction_event(
        "Ended", meterValue=[register(1.0, contexts[0]), register(2.0, contexts[1])]
    )
    event = heard(station, "TransactionEvent", payload)
    assert isinstance(event, TransactionEnded)
    assert (event.meter_stop_wh, event.reason) == (stop_wh, "Local")


def test_ended_without_a_register(station: Connection) -> None:
    payload = transaction_event(
        "Ended",
        timestamp="once",
        transactionInfo={"transactionId": "tx-1", "stoppedReason": "EVDisconnected"},
    )
    assert heard(station, "TransactionEvent", payload) == TransactionEnded(
        transaction_id="tx-1", at=None, meter_stop_wh=None, reason="EVDisconnected", seq_no=3
    )


@pytest.mark.parametrize(
    ("measurand", "unit", "value", "read"),
    [
        (None, None, 5, (Measurand.ENERGY_IMPORT_REGISTER, 5.0)),
        (None, {"unit": "kWh"}, 1.5, (Measurand.ENERGY_IMPORT_REGISTER, 1500.0)),
        (None, {"multiplier": 3}, 1.5, (Measurand.ENERGY_IMPORT_REGISTER, 1500.0)),
        ("Power.Active.Import", {"unit": "W", "multiplier": 3}, 11, (Measurand.POWER_IMPORT, 11e3)),
        (
            "Power.Active.Import",
            {"unit": "kW", "multiplier": -1.0},
            5,
            (Measurand.POWER_IMPORT, 500),
        ),
        ("Current.Import", {"unit": "A"}, 16, (Measurand.CURRENT_IMPORT, 16.0)),
        ("SoC", {"unit": "Percent"}, 55, (Measurand.SOC, 55.0)),
        ("Frequency", {"unit": "Hz"}, 50, None),
        ("SoC", {"unit": "furlong"}, 55, None),
        (None, {"multiplier": 10**9}, 1, None),
        (None, {"unit": "kWh"}, 1e308, None),
    ],
)
def test_samples_are_in_base_units(
    measurand: str | None,
    unit: Payload | None,
    value: float,
    read: tuple[Measurand, float] | None,
    station: Connection,
) -> None:
    sampled: Payload = {"value": value}
    if measurand is not None:
        sampled["measurand"] = measurand
    if unit is not None:
        sampled["unitOfMeasure"] = unit
    payload = {"evseId": 1, "meterValue": [{"timestamp": STAMP, "sampledValue": [sampled]}]}
    samples = () if read is None else (MeterSample(measurand=read[0], value=read[1], at=AT),)
    assert heard(station, "MeterValues", payload) == MeterValuesReported(
        evse_id=1, transaction_id=None, samples=samples
    )


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("ClearedChargingLimit", {"chargingLimitSource": "EMS"}, {}),
        ("FirmwareStatusNotification", {"status": "Installed"}, {}),
        ("LogStatusNotification", {"status": "Idle"}, {}),
        (
            "NotifyChargingLimit",
            {"chargingLimit": {"chargingLimitSource": "EMS"}},
            {},
        ),
        (
            "NotifyCustomerInformation",
            {"data": "d", "seqNo": 0, "generatedAt": STAMP, "requestId": 1},
            {},
        ),
        ("NotifyDisplayMessages", {"requestId": 1}, {}),
        (
            "NotifyEVChargingNeeds",
            {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}},
            {"status": "Processing"},
        ),
        (
            "NotifyEVChargingSchedule",
            {
                "timeBase": STAMP,
                "evseId": 1,
                "chargingSchedule": {
                    "id": 1,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}],
                },
            },
            {"status": "Accepted"},
        ),
        (
            "NotifyEvent",
            {
                "generatedAt": STAMP,
                "seqNo": 0,
                "eventData": [
                    {
                        "eventId": 1,
                        "timestamp": STAMP,
                        "trigger": "Alerting",
                        "actualValue": "x",
                        "eventNotificationType": "HardWiredMonitor",
                        "component": {"name": "c"},
                        "variable": {"name": "v"},
                    }
                ],
            },
            {},
        ),
        (
            "NotifyMonitoringReport",
            {"requestId": 1, "seqNo": 0, "generatedAt": STAMP},
            {},
        ),
        ("NotifyReport", {"requestId": 1, "seqNo": 0, "generatedAt": STAMP}, {}),
        ("PublishFirmwareStatusNotification", {"status": "Idle"}, {}),
        (
            "ReportChargingProfiles",
            {
                "requestId": 1,
                "chargingLimitSource": "CSO",
                "evseId": 1,
                "chargingProfile": [
                    {
                        "id": 1,
                        "stackLevel": 0,
                        "chargingProfilePurpose": "TxProfile",
                        "chargingProfileKind": "Absolute",
                        "chargingSchedule": [
                            {
                                "id": 1,
                                "chargingRateUnit": "W",
                                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}],
                            }
                        ],
                    }
                ],
            },
            {},
        ),
        (
            "ReservationStatusUpdate",
            {"reservationId": 1, "reservationUpdateStatus": "Expired"},
            {},
        ),
        ("SecurityEventNotification", {"type": "T", "timestamp": STAMP}, {}),
    ],
)
def test_what_steers_nothing_is_noted_and_gets_its_least_answer(
    action: str, payload: Payload, answer: Payload, station: Connection
) -> None:
    assert heard(station, action, payload) == Notified(action=action, payload=payload)
    assert json.loads(station.reply("1", EmptyReply())) == [3, "1", answer]


def test_variables_that_were_read_in_any_case_of_their_names(station: Connection) -> None:
    answer = {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted",
                "attributeValue": "8",
                "component": {"name": "smartchargingctrlr"},
                "variable": {"name": "PROFILESTACKLEVEL"},
            },
            {
                "attributeStatus": "UnknownVariable",
                "component": {"name": "SmartChargingCtrlr"},
                "variable": {"name": "RateUnit"},
            },
            {
                "attributeStatus": "Accepted",
                "attributeValue": "10",
                "component": {"name": "SmartChargingCtrlr"},
                "variable": {"name": "Entries", "instance": "ChargingProfiles"},
            },
        ]
    }
    command = GetVariables(names=(MAX_STACK_LEVEL, RATE_UNITS, MAX_PROFILES))
    assert result(station, command, answer) == Answered(
        status="Accepted", variables=((MAX_STACK_LEVEL, "8"), (MAX_PROFILES, "10"))
    )


def test_setting_a_variable_tells_its_own_status_and_reason(station: Connection) -> None:
    answer = {
        "setVariableResult": [
            {
                "attributeStatus": "Rejected",
                "attributeStatusInfo": {"reasonCode": "ReadOnly", "additionalInfo": "fixed"},
                "component": {"name": "SmartChargingCtrlr"},
                "variable": {"name": "RateUnit"},
            }
        ]
    }
    assert result(station, SetVariable(name=RATE_UNITS, value="W"), answer) == Answered(
        status="Rejected", reason="ReadOnly: fixed"
    )


def test_a_status_with_its_reason(station: Connection) -> None:
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "Busy"}}
    assert result(station, ResetStation(), answer) == Answered(status="Rejected", reason="Busy")


def test_composite_schedule(station: Connection) -> None:
    answer = {
        "status": "Accepted",
        "schedule": {
            "evseId": 1,
            "duration": 60.0,
            "scheduleStart": STAMP,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11040, "numberPhases": 3},
                {"startPeriod": 30, "limit": 0},
            ],
        },
    }
    command = GetCompositeSchedule(evse_id=1, duration_s=60)
    assert result(station, command, answer) == Answered(
        status="Accepted",
        schedule=CompositeSchedule(
            evse_id=1,
            start=AT,
            duration_s=60,
            unit=RateUnit.WATTS,
            periods=(
                SchedulePeriod(start_s=0, limit=11040.0, number_phases=3),
                SchedulePeriod(start_s=30, limit=0.0),
            ),
        ),
    )
