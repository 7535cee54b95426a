"""Every command and reply in both versions, field by field, as the standard lays them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from protocol.ocpp.commands import (
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetVariables,
    RequestStartTransaction,
    RequestStopTransaction,
    ResetStation,
    SetChargingProfile,
    SetVariable,
    TriggerMessage,
)
from protocol.ocpp.connection import Connection
from protocol.ocpp.errors import LocalError
from protocol.ocpp.events import (
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    EmptyReply,
    HeartbeatReply,
    Reply,
    TransactionReply,
)
from protocol.ocpp.model import (
    HEARTBEAT_INTERVAL_S,
    MAX_PROFILES,
    RATE_UNITS,
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    VariableName,
    Version,
)

Connect = Callable[..., Connection]
V16, V201 = Version.V16, Version.V201
NOW = datetime(2026, 11, 20, 16, 0, 0, 654_321, tzinfo=UTC)

TX = ChargingProfile(
    profile_id=11,
    stack_level=1,
    purpose=ProfilePurpose.TX,
    kind=ProfileKind.ABSOLUTE,
    unit=RateUnit.AMPERES,
    start=NOW.astimezone(timezone(timedelta(hours=1))),
    transaction_id="41",
    periods=(
        SchedulePeriod(start_s=0, limit=11.04, number_phases=3),
        SchedulePeriod(start_s=900, limit=0.1 + 0.2),
    ),
)
STATION_MAX = ChargingProfile(
    profile_id=1,
    stack_level=0,
    purpose=ProfilePurpose.STATION_MAX,
    kind=ProfileKind.ABSOLUTE,
    unit=RateUnit.WATTS,
    start=NOW,
    duration_s=86_400,
    valid_from=NOW,
    valid_to=NOW,
    min_charging_rate=1380.06,
    periods=(SchedulePeriod(start_s=0, limit=22_000.0),),
)
TX_DEFAULT = ChargingProfile(
    profile_id=2,
    stack_level=0,
    purpose=ProfilePurpose.TX_DEFAULT,
    kind=ProfileKind.RELATIVE,
    unit=RateUnit.AMPERES,
    periods=(SchedulePeriod(start_s=0, limit=6.0),),
)

COMMANDS: list[tuple[Command, tuple[str, Any], tuple[str, Any]]] = [
    (
        SetChargingProfile(evse_id=1, profile=TX),
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 11,
                    "transactionId": 41,
                    "stackLevel": 1,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": {
                        "startSchedule": "2026-11-20T16:00:00Z",
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [
                            {"startPeriod": 0, "limit": 11.0, "numberPhases": 3},
                            {"startPeriod": 900, "limit": 0.3},
                        ],
                    },
                },
            },
        ),
        (
            "SetChargingProfile",
            {
                "evseId": 1,
                "chargingProfile": {
                    "id": 11,
                    "transactionId": "41",
                    "stackLevel": 1,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": [
                        {
                            "id": 11,
                            "startSchedule": "2026-11-20T16:00:00Z",
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [
                                {"startPeriod": 0, "limit": 11.0, "numberPhases": 3},
                                {"startPeriod": 900, "limit": 0.3},
                            ],
                        }
                    ],
                },
            },
        ),
    ),
    (
        SetChargingProfile(evse_id=0, profile=STATION_MAX),
        (
            "SetChargingProfile",
            {
                "connectorId": 0,
                "csChargingProfiles": {
                    "chargingProfileId": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "ChargePointMaxProfile",
                    "chargingProfileKind": "Absolute",
                    "validFrom": "2026-11-20T16:00:00Z",
                    "validTo": "2026-11-20T16:00:00Z",
                    "chargingSchedule": {
                        "duration": 86_400,
                        "startSchedule": "2026-11-20T16:00:00Z",
                        "chargingRateUnit": "W",
                        "minChargingRate": 1380.0,
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22_000.0}],
                    },
                },
            },
        ),
        (
            "SetChargingProfile",
            {
                "evseId": 0,
                "chargingProfile": {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "ChargingStationMaxProfile",
                    "chargingProfileKind": "Absolute",
                    "validFrom": "2026-11-20T16:00:00Z",
                    "validTo": "2026-11-20T16:00:00Z",
                    "chargingSchedule": [
                        {
                            "id": 1,
                            "duration": 86_400,
                            "startSchedule": "2026-11-20T16:00:00Z",
                            "chargingRateUnit": "W",
                            "minChargingRate": 1380.0,
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22_000.0}],
                        }
                    ],
                },
            },
        ),
    ),
    (
        SetChargingProfile(evse_id=2, profile=TX_DEFAULT),
        (
            "SetChargingProfile",
            {
                "connectorId": 2,
                "csChargingProfiles": {
                    "chargingProfileId": 2,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
                    },
                },
            },
        ),
        (
            "SetChargingProfile",
            {
                "evseId": 2,
                "chargingProfile": {
                    "id": 2,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": [
                        {
                            "id": 2,
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
                        }
                    ],
                },
            },
        ),
    ),
    (ClearChargingProfile(), ("ClearChargingProfile", {}), ("ClearChargingProfile", {})),
    (
        ClearChargingProfile(
            profile_id=0, evse_id=0, purpose=ProfilePurpose.STATION_MAX, stack_level=0
        ),
        (
            "ClearChargingProfile",
            {
                "id": 0,
                "connectorId": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "stackLevel": 0,
            },
        ),
        (
            "ClearChargingProfile",
            {
                "chargingProfileId": 0,
                "chargingProfileCriteria": {
                    "evseId": 0,
                    "chargingProfilePurpose": "ChargingStationMaxProfile",
                    "stackLevel": 0,
                },
            },
        ),
    ),
    (
        GetCompositeSchedule(evse_id=1, duration_s=3600, unit=RateUnit.WATTS),
        (
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"},
        ),
        ("GetCompositeSchedule", {"evseId": 1, "duration": 3600, "chargingRateUnit": "W"}),
    ),
    (
        GetCompositeSchedule(evse_id=0, duration_s=60),
        ("GetCompositeSchedule", {"connectorId": 0, "duration": 60}),
        ("GetCompositeSchedule", {"evseId": 0, "duration": 60}),
    ),
    (
        GetVariables(names=(RATE_UNITS, MAX_PROFILES)),
        (
            "GetConfiguration",
            {"key": ["ChargingScheduleAllowedChargingRateUnit", "MaxChargingProfilesInstalled"]},
        ),
        (
            "GetVariables",
            {
                "getVariableData": [
                    {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "RateUnit"}},
                    {
                        "component": {"name": "SmartChargingCtrlr"},
                        "variable": {"name": "Entries", "instance": "ChargingProfiles"},
                    },
                ]
            },
        ),
    ),
    (
        SetVariable(name=HEARTBEAT_INTERVAL_S, value="60"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "HeartbeatInterval"},
                        "attributeValue": "60",
                    }
                ]
            },
        ),
    ),
    (
        TriggerMessage(message="StatusNotification", evse_id=2),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 2}),
        (
            "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}},
        ),
    ),
    (
        TriggerMessage(message="TransactionEvent", evse_id=2),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}),
        ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 2}}),
    ),
    (
        TriggerMessage(message="BootNotification"),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ),
    (
        TriggerMessage(message="LogStatusNotification", evse_id=0),
        ("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"}),
        ("TriggerMessage", {"requestedMessage": "LogStatusNotification"}),
    ),
    (
        RequestStartTransaction(evse_id=1, id_token="T", remote_start_id=9),
        ("RemoteStartTransaction", {"connectorId": 1, "idTag": "T"}),
        (
            "RequestStartTransaction",
            {"evseId": 1, "remoteStartId": 9, "idToken": {"idToken": "T", "type": "Central"}},
        ),
    ),
    (
        RequestStopTransaction(transaction_id="41"),
        ("RemoteStopTransaction", {"transactionId": 41}),
        ("RequestStopTransaction", {"transactionId": "41"}),
    ),
    (ResetStation(), ("Reset", {"type": "Soft"}), ("Reset", {"type": "OnIdle"})),
    (
        ResetStation(immediate=True),
        ("Reset", {"type": "Hard"}),
        ("Reset", {"type": "Immediate"}),
    ),
]

Call = tuple[str, dict[str, Any]]
HEARTBEAT: Call = "Heartbeat", {}
AUTHORIZE: dict[Version, Call] = {
    V16: ("Authorize", {"idTag": "T"}),
    V201: ("Authorize", {"idToken": {"idToken": "T", "type": "Central"}}),
}
BOOT: dict[Version, Call] = {
    V16: ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}),
    V201: (
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
    ),
}
STAMP = "2026-11-20T16:00:00Z"
STOP: dict[Version, Call] = {
    V16: ("StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": STAMP}),
    V201: (
        "TransactionEvent",
        {
            "eventType": "Ended",
            "timestamp": STAMP,
            "triggerReason": "EVDeparted",
            "seqNo": 1,
            "transactionInfo": {"transactionId": "1"},
        },
    ),
}
START: Call = (
    "StartTransaction",
    {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": STAMP},
)


def answer(connection: Connection, call: Call, reply: Reply) -> dict[str, Any]:
    connection.receive(json.dumps([2, "1", *call]), 0.0)
    kind, call_id, payload = json.loads(connection.reply("1", reply))
    assert (kind, call_id) == (3, "1")
    assert isinstance(payload, dict)
    return payload


@pytest.mark.parametrize(("command", "v16", "v201"), COMMANDS)
@pytest.mark.parametrize("version", Version)
def test_a_command_is_written_as_its_version_lays_it_out(
    command: Command,
    v16: tuple[str, Any],
    v201: tuple[str, Any],
    version: Version,
    connect: Connect,
) -> None:
    action, payload = v16 if version is V16 else v201
    text = connect(version).send(command, 0.0)
    assert json.loads(text) == [2, "ours-1", action, payload]


def test_a_limit_of_one_decimal_survives_as_it_is(connect: Connect) -> None:
    limits = [tenth / 10 for tenth in range(5000)]
    periods = tuple(SchedulePeriod(start_s=i, limit=limit) for i, limit in enumerate(limits))
    command = SetChargingProfile(evse_id=1, profile=replace(TX, periods=periods))
    frame = json.loads(connect(V16).send(command, 0.0))
    written = frame[3]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert [period["limit"] for period in written] == limits


def test_a_recurring_profile_is_daily(connect: Connect) -> None:
    profile = replace(STATION_MAX, kind=ProfileKind.RECURRING)
    command = SetChargingProfile(evse_id=0, profile=profile)
    frame = json.loads(connect(V16).send(command, 0.0))
    assert frame[3]["csChargingProfiles"]["recurrencyKind"] == "Daily"
    frame = json.loads(connect(V201).send(command, 0.0))
    assert frame[3]["chargingProfile"]["recurrencyKind"] == "Daily"


@pytest.mark.parametrize(
    ("evse_id", "profile", "wrong"),
    [
        (1, STATION_MAX, "EVSE 0 only"),
        (0, replace(STATION_MAX, kind=ProfileKind.RELATIVE, start=None), "Relative"),
        (0, TX, "above 0"),
        (1, replace(TX, transaction_id=None), "transaction"),
        (1, replace(TX_DEFAULT, transaction_id="1"), "TxProfile"),
        (-1, TX_DEFAULT, "no EVSE -1"),
        (1, replace(TX, start=None), "a start with Absolute"),
        (1, replace(TX_DEFAULT, start=NOW), "none with"),
        (1, replace(TX, periods=()), "periods"),
        (1, replace(TX, periods=(SchedulePeriod(start_s=1, limit=6.0),)), "periods"),
        (1, replace(TX, periods=(SchedulePeriod(start_s=0, limit=6.0),) * 2), "periods"),
        (1, replace(TX, periods=(SchedulePeriod(start_s=0, limit=-0.1),)), "limit"),
        (1, replace(TX, periods=(SchedulePeriod(start_s=0, limit=float("nan")),)), "limit"),
        (1, replace(TX, periods=(SchedulePeriod(start_s=0, limit=float("inf")),)), "limit"),
        (1, replace(TX, start=NOW.replace(tzinfo=None)), "without a zone"),
    ],
)
@pytest.mark.parametrize("version", Version)
def test_a_profile_the_standard_forbids_is_never_sent(
    evse_id: int, profile: ChargingProfile, wrong: str, version: Version, connect: Connect
) -> None:
    connection = connect(version)
    with pytest.raises(LocalError, match=wrong):
        connection.send(SetChargingProfile(evse_id=evse_id, profile=profile), 0.0)
    assert not connection.busy


@pytest.mark.parametrize(
    "command",
    [
        RequestStopTransaction(transaction_id="abc"),
        SetChargingProfile(evse_id=1, profile=replace(TX, transaction_id="abc")),
        TriggerMessage(message="SignV2GCertificate"),
        GetVariables(names=()),
        GetVariables(names=(VariableName(component="EVSE", variable="Power"),)),
        RequestStartTransaction(evse_id=1, id_token="T" * 21, remote_start_id=1),
    ],
)
def test_what_1_6_cannot_say_is_never_sent(command: Command, connect: Connect) -> None:
    with pytest.raises(LocalError):
        connect(V16).send(command, 0.0)


@pytest.mark.parametrize(
    "command",
    [
        GetVariables(names=()),
        TriggerMessage(message="Dance"),
        RequestStopTransaction(transaction_id="t" * 37),
    ],
)
def test_what_2_0_1_cannot_say_is_never_sent(command: Command, connect: Connect) -> None:
    with pytest.raises(LocalError):
        connect(V201).send(command, 0.0)


@pytest.mark.parametrize("version", Version)
def test_boot_and_heartbeat_tell_the_time_with_z_and_no_fraction(
    version: Version, connect: Connect
) -> None:
    reply = BootReply(now=NOW, interval_s=300, status="Pending")
    assert answer(connect(version), BOOT[version], reply) == {
        "currentTime": "2026-11-20T16:00:00Z",
        "interval": 300,
        "status": "Pending",
    }
    assert answer(connect(version), HEARTBEAT, HeartbeatReply(now=NOW)) == {
        "currentTime": "2026-11-20T16:00:00Z"
    }


@pytest.mark.parametrize(("accepted", "status"), [(True, "Accepted"), (False, "Invalid")])
def test_a_word_on_an_id_token(accepted: bool, status: str, connect: Connect) -> None:
    authorize = AuthorizeReply(accepted=accepted)
    ended = TransactionReply(accepted=accepted)
    info = {"status": status}
    assert answer(connect(V16), AUTHORIZE[V16], authorize) == {"idTagInfo": info}
    assert answer(connect(V201), AUTHORIZE[V201], authorize) == {"idTokenInfo": info}
    assert answer(connect(V16), STOP[V16], ended) == {"idTagInfo": info}
    assert answer(connect(V201), STOP[V201], ended) == {"idTokenInfo": info}
    started = TransactionReply(transaction_id="7", accepted=accepted)
    assert answer(connect(V16), START, started) == {"transactionId": 7, "idTagInfo": info}


@pytest.mark.parametrize("version", Version)
def test_no_word_where_no_token_was_shown(version: Version, connect: Connect) -> None:
    assert answer(connect(version), STOP[version], TransactionReply()) == {}


@pytest.mark.parametrize(
    "reply",
    [
        TransactionReply(accepted=True),
        TransactionReply(transaction_id="7"),
        TransactionReply(transaction_id="x", accepted=True),
        EmptyReply(),
    ],
)
def test_a_1_6_start_wants_an_integer_and_a_word(reply: Reply, connect: Connect) -> None:
    with pytest.raises(LocalError):
        answer(connect(V16), START, reply)


@pytest.mark.parametrize("version", Version)
def test_data_transfer_is_declined_by_default(version: Version, connect: Connect) -> None:
    call = ("DataTransfer", {"vendorId": "v"})
    assert answer(connect(version), call, DataTransferReply()) == {"status": "UnknownVendorId"}
