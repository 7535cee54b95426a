"""OCPP 1.6 frames as stations write them, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from protocol.ocpp.commands import (
    Answered,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetVariables,
    SetVariable,
    TriggerMessage,
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
)
from protocol.ocpp.model import (
    HEARTBEAT_INTERVAL_S,
    MAX_PERIODS,
    PHASE_SWITCHING,
    RATE_UNITS,
    ChargingState,
    CompositeSchedule,
    ConnectorStatus,
    Measurand,
    MeterSample,
    RateUnit,
    SchedulePeriod,
    VariableName,
    Version,
)

Connect = Callable[..., Connection]
Payload = dict[str, Any]
AT = datetime(2026, 11, 20, 16, tzinfo=UTC)


@pytest.fixture
def station(connect: Connect) -> Connection:
    return connect(Version.V16)


def heard(station: Connection, action: str, payload: Payload) -> StationEvent:
    (incoming,) = station.receive(json.dumps([2, "1", action, payload]), 0.0)
    assert isinstance(incoming, Incoming)
    return incoming.event


def result(station: Connection, command: Command, payload: Payload) -> Answered:
    call_id = json.loads(station.send(command, 0.0))[1]
    (done,) = station.receive(json.dumps([3, call_id, payload]), 0.0)
    assert isinstance(done, CommandDone)
    assert isinstance(done.result, Answered)
    return done.result


def sampled(station: Connection, **fields: str) -> tuple[MeterSample, ...]:
    event = heard(
        station,
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [{"timestamp": "2026-11-20T16:00:00Z", "sampledValue": [fields]}],
        },
    )
    assert isinstance(event, MeterValuesReported)
    return event.samples


def test_boot(station: Connection) -> None:
    payload = {
        "chargePointVendor": "Acme",
        "chargePointModel": "Wall 22",
        "chargeBoxSerialNumber": "SN-1",
        "firmwareVersion": "1.2.3",
        "meterType": "M",
    }
    assert heard(station, "BootNotification", payload) == StationBooted(
        vendor="Acme", model="Wall 22", serial_number="SN-1", firmware_version="1.2.3"
    )


def test_heartbeat(station: Connection) -> None:
    assert heard(station, "Heartbeat", {}) == Heartbeat()


def test_authorize(station: Connection) -> None:
    assert heard(station, "Authorize", {"idTag": "T"}) == AuthorizeRequested(id_token="T")


def test_data_transfer_keeps_its_data_as_it_is(station: Connection) -> None:
    payload = {"vendorId": "v", "messageId": "m", "data": '{"some_key":1}'}
    assert heard(station, "DataTransfer", payload) == DataTransferred(
        vendor_id="v", message_id="m", data='{"some_key":1}'
    )


@pytest.mark.parametrize(
    ("status", "connector", "charging"),
    [
        ("Available", ConnectorStatus.AVAILABLE, None),
        ("Preparing", ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
        ("Charging", ConnectorStatus.OCCUPIED, ChargingState.CHARGING),
        ("SuspendedEVSE", ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE),
        ("SuspendedEV", ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV),
        ("Finishing", ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
        ("Reserved", ConnectorStatus.RESERVED, None),
        ("Unavailable", ConnectorStatus.UNAVAILABLE, None),
        ("Faulted", ConnectorStatus.FAULTED, None),
    ],
)
def test_status(
    status: str,
    connector: ConnectorStatus,
    charging: ChargingState | None,
    station: Connection,
) -> None:
    payload = {"connectorId": 2, "errorCode": "NoError", "status": status}
    assert heard(station, "StatusNotification", payload) == StatusNotified(
        evse_id=2, status=connector, at=None, charging_state=charging
    )


def test_a_fault_carries_its_code(station: Connection) -> None:
    payload = {
        "connectorId": 0,
        "errorCode": "GroundFailure",
        "status": "Faulted",
        "timestamp": "2026-11-20T17:00:00+01:00",
    }
    assert heard(station, "StatusNotification", payload) == StatusNotified(
        evse_id=0, status=ConnectorStatus.FAULTED, at=AT, error_code="GroundFailure"
    )


@pytest.mark.parametrize("one", [1, 1.0])
def test_start_with_integers_written_either_way(one: float, station: Connection) -> None:
    payload = {
        "connectorId": one,
        "idTag": "T",
        "meterStart": one,
        "timestamp": "2026-11-20T16:00:00Z",
    }
    event = heard(station, "StartTransaction", payload)
    assert event == TransactionStarted(
        evse_id=1, transaction_id=None, id_token="T", at=AT, meter_start_wh=1.0
    )
    assert isinstance(event, TransactionStarted)
    assert isinstance(event.evse_id, int)


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2026-13-01T00:00:00Z", "\u0661"])
def test_a_timestamp_that_cannot_be_read_does_not_lose_the_transaction(
    timestamp: str, station: Connection
) -> None:
    payload = {"connectorId": 1, "idTag": "T", "meterStart": -5, "timestamp": timestamp}
    assert heard(station, "StartTransaction", payload) == TransactionStarted(
        evse_id=1, transaction_id=None, id_token="T", at=None, meter_start_wh=-5.0
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("-1", "-1"),
        ("7", "7"),
        ("7.0", "7"),
        (str(2**63 - 1), str(2**63 - 1)),
        (str(2**80), str(2**80)),
    ],
)
def test_stop_keeps_any_integer_as_the_transaction_id(
    written: str, read: str, station: Connection
) -> None:
    text = (
        f'[2,"1","StopTransaction",{{"transactionId":{written},"meterStop":1500,'
        '"timestamp":"2026-11-20T16:00:00Z","idTag":"T","reason":"EVDisconnected"}]'
    )
    assert station.receive(text, 0.0) == [
        Incoming(
            "1",
            TransactionEnded(
                transaction_id=read,
                at=AT,
                meter_stop_wh=1500.0,
                id_token="T",
                reason="EVDisconnected",
            ),
        )
    ]


def test_stop_without_a_reason_is_local_and_carries_its_samples(station: Connection) -> None:
    payload = {
        "transactionId": 7,
        "meterStop": 10**30,
        "timestamp": "2026-11-20T16:00:00Z",
        "transactionData": [
            {
                "timestamp": "2026-11-20T16:00:00.123Z",
                "sampledValue": [{"value": "12.5", "unit": "kWh", "context": "Transaction.End"}],
            },
            {"timestamp": "x", "sampledValue": []},
        ],
    }
    assert heard(station, "StopTransaction", payload) == TransactionEnded(
        transaction_id="7",
        at=AT,
        meter_stop_wh=1e30,
        reason="Local",
        samples=(
            MeterSample(
                measurand=Measurand.ENERGY_IMPORT_REGISTER,
                value=12_500.0,
                at=AT.replace(microsecond=123_000),
                context="Transaction.End",
            ),
        ),
    )


def test_meter_values_name_their_transaction(station: Connection) -> None:
    payload = {
        "connectorId": 1,
        "transactionId": 41,
        "meterValue": [
            {
                "timestamp": "2026-11-20T16:00:00Z",
                "sampledValue": [
                    {"value": "11.0", "measurand": "Power.Active.Import", "unit": "kW"},
                    {
                        "value": "16.1",
                        "measurand": "Current.Import",
                        "unit": "A",
                        "phase": "L1",
                        "location": "Inlet",
                        "context": "Sample.Clock",
                    },
                ],
            }
        ],
    }
    assert heard(station, "MeterValues", payload) == MeterValuesReported(
        evse_id=1,
        transaction_id="41",
        samples=(
            MeterSample(measurand=Measurand.POWER_IMPORT, value=11_000.0, at=AT),
            MeterSample(
                measurand=Measurand.CURRENT_IMPORT,
                value=16.1,
                at=AT,
                phase="L1",
                location="Inlet",
                context="Sample.Clock",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("fields", "measurand", "value"),
    [
        ({"value": "5"}, Measurand.ENERGY_IMPORT_REGISTER, 5.0),
        ({"value": " 5 "}, Measurand.ENERGY_IMPORT_REGISTER, 5.0),
        ({"value": "1.5", "unit": "kWh"}, Measurand.ENERGY_IMPORT_REGISTER, 1500.0),
        ({"value": "7", "measurand": "Power.Active.Import"}, Measurand.POWER_IMPORT, 7.0),
        ({"value": "80", "measurand": "SoC", "unit": "Percent"}, Measurand.SOC, 80.0),
        ({"value": "80", "measurand": "SoC"}, Measurand.SOC, 80.0),
        ({"value": "230", "measurand": "Voltage", "unit": "V"}, Measurand.VOLTAGE, 230.0),
    ],
)
def test_samples_are_in_base_units(
    fields: dict[str, str], measurand: Measurand, value: float, station: Connection
) -> None:
    assert sampled(station, **fields) == (MeterSample(measurand=measurand, value=value, at=AT),)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": ""},
        {"value": "garbage"},
        {"value": "nan"},
        {"value": "inf"},
        {"value": "1e400"},
        {"value": "1e308", "unit": "kWh"},
        {"value": "1_000"},
        {"value": "12,5"},
        {"value": "1", "format": "SignedData"},
        {"value": "1", "measurand": "Temperature"},
        {"value": "1", "unit": "kW"},
    ],
)
def test_a_sample_that_means_nothing_is_dropped(
    fields: dict[str, str], station: Connection
) -> None:
    assert sampled(station, **fields) == ()


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("DiagnosticsStatusNotification", {"status": "Uploaded"}),
        ("FirmwareStatusNotification", {"status": "Installed"}),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
        ("SecurityEventNotification", {"type": "T", "timestamp": "2026-11-20T16:00:00Z"}),
        ("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
    ],
)
def test_what_steers_nothing_is_noted_and_gets_its_empty_answer(
    action: str, payload: Payload, station: Connection
) -> None:
    assert heard(station, action, payload) == Notified(action=action, payload=payload)
    assert json.loads(station.reply("1", EmptyReply())) == [3, "1", {}]


def test_configuration_in_the_device_models_words(station: Connection) -> None:
    vendor_key = VariableName(component="", variable="VendorKey")
    names = (RATE_UNITS, MAX_PERIODS, PHASE_SWITCHING, HEARTBEAT_INTERVAL_S, vendor_key)
    answer = {
        "configurationKey": [
            {
                "key": "chargingscheduleallowedchargingrateunit",
                "readonly": True,
                "value": "Current, Power",
            },
            {"key": "ChargingScheduleMaxPeriods", "readonly": True, "value": "24"},
            {"key": "ConnectorSwitch3to1PhaseSupported", "readonly": True, "value": "True"},
            {"key": "HeartbeatInterval", "readonly": False},
            {"key": "VendorKey", "readonly": False, "value": "Power"},
        ],
        "unknownKey": ["Other"],
    }
    assert result(station, GetVariables(names=names), answer) == Answered(
        status="Accepted",
        variables=(
            (RATE_UNITS, "A,W"),
            (MAX_PERIODS, "24"),
            (PHASE_SWITCHING, "true"),
            (vendor_key, "Power"),
        ),
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (ClearChargingProfile(profile_id=1), "Unknown"),
        (SetVariable(name=HEARTBEAT_INTERVAL_S, value="60"), "RebootRequired"),
        (TriggerMessage(message="Heartbeat"), "NotImplemented"),
    ],
)
def test_the_status_is_the_stations_own_word(
    command: Command, status: str, station: Connection
) -> None:
    assert result(station, command, {"status": status}) == Answered(status=status)


def test_a_composite_schedule_with_two_decimals_is_read_all_the_same(station: Connection) -> None:
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-11-20T16:00:00Z",
        "chargingSchedule": {
            "duration": 3600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11.04, "numberPhases": 3},
                {"startPeriod": 60, "limit": 0.1 + 0.2},
            ],
        },
    }
    command = GetCompositeSchedule(evse_id=1, duration_s=3600)
    assert result(station, command, answer) == Answered(
        status="Accepted",
        schedule=CompositeSchedule(
            evse_id=1,
            start=AT,
            duration_s=3600,
            unit=RateUnit.AMPERES,
            periods=(
                SchedulePeriod(start_s=0, limit=11.04, number_phases=3),
                SchedulePeriod(start_s=60, limit=0.1 + 0.2),
            ),
        ),
    )


def test_a_composite_schedule_accepted_with_nothing_in_it(station: Connection) -> None:
    command = GetCompositeSchedule(evse_id=1, duration_s=60)
    assert result(station, command, {"status": "Accepted"}) == Answered(status="Accepted")
