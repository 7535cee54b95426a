"""Whatever a station sends: no exception, and each readable call gets one answer or one event."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.ocpp.commands import ResetStation
from protocol.ocpp.connection import Close, Connection, Incoming, LateAnswer, SendText, Strike
from protocol.ocpp.model import Version

STAMP = "2026-11-20T16:00:00Z"
SAMPLE_V16 = {"value": "12.5", "measurand": "SoC", "unit": "Percent", "phase": "L1"}
SAMPLE_V201 = {"value": 1.5, "measurand": "SoC", "unitOfMeasure": {"unit": "%", "multiplier": 1}}
SEEDS: dict[Version, list[tuple[str, dict[str, Any]]]] = {
    Version.V16: [
        ("Heartbeat", {}),
        ("Authorize", {"idTag": "T"}),
        ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": STAMP},
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": STAMP},
        ),
        (
            "StopTransaction",
            {
                "transactionId": 1,
                "meterStop": 1,
                "timestamp": STAMP,
                "transactionData": [{"timestamp": STAMP, "sampledValue": [SAMPLE_V16]}],
            },
        ),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": 1,
                "meterValue": [{"timestamp": STAMP, "sampledValue": [SAMPLE_V16]}],
            },
        ),
        ("DataTransfer", {"vendorId": "v", "data": "d"}),
        ("RemoteStartTransaction", {"idTag": "T"}),
    ],
    Version.V201: [
        ("Heartbeat", {}),
        ("Authorize", {"idToken": {"idToken": "T", "type": "Central"}}),
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
        ),
        (
            "StatusNotification",
            {"timestamp": STAMP, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
        ),
        (
            "TransactionEvent",
            {
                "eventType": "Started",
                "timestamp": STAMP,
                "triggerReason": "EVDetected",
                "seqNo": 1,
                "transactionInfo": {"transactionId": "1", "chargingState": "Charging"},
                "evse": {"id": 1},
                "idToken": {"idToken": "T", "type": "Central"},
                "meterValue": [{"timestamp": STAMP, "sampledValue": [SAMPLE_V201]}],
            },
        ),
        (
            "MeterValues",
            {"evseId": 1, "meterValue": [{"timestamp": STAMP, "sampledValue": [SAMPLE_V201]}]},
        ),
        (
            "NotifyEVChargingNeeds",
            {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}},
        ),
    ],
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "-1", "nan", STAMP, "0001-01-01T00:00:00+23:59", "Started", "\x00"])
    | st.text(max_size=40),
    lambda child: (
        st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=8), child, max_size=3)
    ),
    max_leaves=6,
)


def connection(version: Version) -> Connection:
    return Connection(version, new_id=lambda: "ours")


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [at, *(place for key, child in children for place in places(child, (*at, key)))]


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """`value` with `new` at a place, or without that place where `new` is `...`."""
    if not at:
        return None if new is ... else new
    copy = value.copy()
    if len(at) == 1 and new is ...:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn, version: Version) -> list[Any]:
    action, payload = draw(st.sampled_from(SEEDS[version]))
    frame: Any = [2, "id", action, payload]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(places(frame)[1:] or [()]))
        frame = changed(frame, at, draw(JSON | st.just(...)))
        if not isinstance(frame, list):
            break
    return [frame]


def assert_answered_once(version: Version, text: str) -> None:
    station = connection(version)
    outputs = station.receive(text, 0.0)
    answers = [output for output in outputs if isinstance(output, Incoming | SendText | Close)]
    assert len(answers) <= 1
    assert all(isinstance(output, Incoming | SendText | Close | Strike) for output in outputs)
    frame = json.loads(text)
    if isinstance(frame, list) and len(frame) > 1 and frame[0] == 2 and frame[0] is not True:
        (answer,) = answers
        if isinstance(answer, SendText):
            kind, call_id, _, description, details = json.loads(answer.text)
            readable = isinstance(frame[1], str) and len(frame[1]) <= 36
            assert kind == 4
            assert call_id in ((frame[1], "-1") if readable else ("-1",))
            assert len(description) <= 255
            assert details == {}


@pytest.mark.fault(37, 38)
@pytest.mark.parametrize("version", Version)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_mutated_calls(version: Version, data: st.DataObject) -> None:
    (frame,) = data.draw(mutated(version))
    assert_answered_once(version, json.dumps(frame))


@pytest.mark.parametrize("version", Version)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(frame=JSON)
def test_any_json(version: Version, frame: Any) -> None:
    assert_answered_once(version, json.dumps(frame))


@pytest.mark.fault(37)
@pytest.mark.parametrize("version", Version)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_broken_text(version: Version, data: st.DataObject) -> None:
    action, payload = data.draw(st.sampled_from(SEEDS[version]))
    text = json.dumps([2, "id", action, payload])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    noise = data.draw(st.text(string.printable, max_size=6) | st.text(max_size=3))
    outputs = connection(version).receive(text[:start] + noise + text[end:], 0.0)
    assert outputs
    assert all(isinstance(output, Incoming | SendText | Strike) for output in outputs)


@pytest.mark.fault(39)
@pytest.mark.parametrize("version", Version)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(kind=st.sampled_from([3, 4]), tail=st.lists(JSON, max_size=4), ours=st.booleans())
def test_answers_of_any_shape(version: Version, kind: int, tail: list[Any], ours: bool) -> None:
    station = connection(version)
    station.send(ResetStation(), 0.0)
    outputs = station.receive(json.dumps([kind, "ours" if ours else "other", *tail]), 0.0)
    assert outputs
    assert not any(isinstance(output, SendText | LateAnswer) for output in outputs)
    assert station.busy is not ours
