from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.mqtt import topics
from protocol.mqtt.decode import MessageError, decode
from protocol.mqtt.messages import (
    CommandMessage,
    Message,
    RouteMessage,
    SeriesMessage,
    VehicleMessage,
)

SITE = "depotd/north/"
AT = "2026-11-20T16:00:00Z"
NOON = datetime(2026, 11, 20, 16, tzinfo=UTC)
ENVELOPE: dict[str, object] = {
    "id": "c1",
    "issued_at": AT,
    "expires_at": "2026-11-20T16:05:00Z",
    "args": {"vehicle": "V01"},
}


def read(path: str, payload: object, *, retained: bool = False) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode("north", SITE + path, data, retained=retained)


def refusal(path: str, payload: object) -> MessageError:
    with pytest.raises(MessageError) as refused:
        read(path, payload)
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_vehicle_may_tell_any_of_its_keys_and_when() -> None:
    assert read("fleet/vehicles/V01", {"energy_kwh": 31, "at": AT}) == VehicleMessage(
        topic=SITE + "fleet/vehicles/V01", id="V01", values={"energy_kwh": 31}, at=NOON
    )


def test_a_route_may_repeat_the_id_of_its_topic() -> None:
    assert read("fleet/routes/R1", {"id": "R1", "energy_kwh": {"*": 27}}) == RouteMessage(
        topic=SITE + "fleet/routes/R1", id="R1", values={"energy_kwh": {"*": 27}}
    )


@pytest.mark.parametrize("value", [7, -1.5, [{"from": AT, "value": 3}]])
@pytest.mark.parametrize("key", sorted(topics.SERIES_KEYS))
def test_a_series_is_a_number_or_a_list(key: str, value: object) -> None:
    assert read(f"site/{key}", value) == SeriesMessage(
        topic=f"{SITE}site/{key}", key=key, value=value
    )


def test_an_empty_payload_removes() -> None:
    topic = SITE + "fleet/vehicles/V01"
    assert read("fleet/vehicles/V01", b"") == VehicleMessage(
        topic=topic, id="V01", values=None, at=None
    )
    route = read("fleet/routes/R1", b"")
    assert isinstance(route, RouteMessage)
    assert route.values is None
    series = read("site/pv_kw", b"")
    assert isinstance(series, SeriesMessage)
    assert series.value is None


@pytest.mark.parametrize("retained", [True, False])
@pytest.mark.parametrize("name", sorted(topics.COMMAND_NAMES))
def test_a_command_comes_in_its_envelope(name: str, retained: bool) -> None:
    message = decode(
        "north",
        f"{SITE}commands/{name}",
        json.dumps(ENVELOPE).encode(),
        retained=retained,
        response_topic="desk/7",
        correlation_data=b"\x00",
    )
    assert message == CommandMessage(
        topic=f"{SITE}commands/{name}",
        name=name,
        id="c1",
        issued_at=NOON,
        expires_at=NOON + timedelta(minutes=5),
        args={"vehicle": "V01"},
        retained=retained,
        response_topic="desk/7",
        correlation_data=b"\x00",
    )


@pytest.mark.parametrize(
    ("path", "payload", "wanted"),
    [
        ("state/plan", {}, "unknown topic, wants fleet/vehicles/ID"),
        ("fleet/vehicles/V01/more", {}, "unknown topic"),
        ("fleet/vehicles/", {}, "vehicle id in the topic: 0 characters, wants 1 to 128"),
        ("fleet/routes/" + "R" * 129, {}, "route id in the topic: 129 characters"),
        ("fleet/vehicles/V\u200b1", {}, "wants text without control characters"),
        ("fleet/vehicles/V01", [], "payload []: wants a JSON object"),
        ("fleet/vehicles/V01", b"{", "payload is no JSON"),
        ("fleet/vehicles/V01", {"id": "V02"}, "id: 'V02' is not the topic's, wants 'V01'"),
        ("fleet/vehicles/V01", {"id": None}, "id: None is not the topic's"),
        ("fleet/vehicles/V01", {"at": "2026-11-20T16:00:00+01:00"}, "at: '2026-11-20T16:00:00+01"),
        ("fleet/vehicles/V01", {"at": 5}, "at: 5 wants an instant in UTC"),
        ("fleet/routes/R1", b'{"a": 1, "a": 2}', "payload has the key 'a' twice"),
        ("site/export_limit_kw", 1, "unknown site key 'export_limit_kw', wants one of base_load"),
        ("site/pv_kw", True, 'payload True: wants a number or a list of {"from", "value"}'),
        ("site/pv_kw", "7", "wants a number or a list"),
        ("site/pv_kw", None, "wants a number or a list"),
        ("site/pv_kw", b"NaN", "payload holds NaN, wants finite numbers"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_was_wanted(
    path: str, payload: object, wanted: str
) -> None:
    assert wanted in str(refusal(path, payload))


@pytest.mark.parametrize(
    ("name", "changes", "wanted", "known_id"),
    [
        ("reboot", {}, "unknown command 'reboot', wants one of charge_now", "c1"),
        ("replan", {"when": 1}, "unknown key 'when', wants id, issued_at, expires_at, args", "c1"),
        ("replan", {"issued_at": "16:00"}, "issued_at: '16:00' wants an instant", "c1"),
        ("replan", {"issued_at": "2026-02-30T00:00:00Z"}, "is no instant, day is out of", "c1"),
        ("replan", {"expires_at": None}, "expires_at: None wants an instant", "c1"),
        ("replan", {"args": []}, "args: [] wants a JSON object", "c1"),
        ("replan", {"id": 7}, "id: 7 is no text, wants 1 to 128 characters", None),
        ("replan", {"id": ""}, "id: 0 characters", None),
        ("replan", {"id": "x" * 129}, "id: 129 characters", None),
        ("replan", {"id": "a\nb"}, "id: 'a\\nb' wants text without control characters", None),
    ],
)
def test_a_refused_command_is_answerable_when_its_id_is_known(
    name: str, changes: dict[str, object], wanted: str, known_id: str | None
) -> None:
    error = refusal(f"commands/{name}", ENVELOPE | changes)
    assert wanted in str(error)
    assert error.command_id == known_id


def test_a_command_removes_nothing() -> None:
    assert "empty payload" in str(refusal("commands/replan", b""))


def test_a_response_topic_with_wildcards_is_refused() -> None:
    with pytest.raises(MessageError, match="response topic 'desk/#'") as refused:
        decode(
            "north",
            SITE + "commands/replan",
            json.dumps(ENVELOPE).encode(),
            retained=False,
            response_topic="desk/#",
        )
    assert refused.value.command_id == "c1"


@pytest.mark.fault(63)
def test_payloads_end_at_64_kib() -> None:
    text = b'{"type": "%s"}'
    most = text % (b"x" * (64 * 1024 - len(text) + 2))
    assert len(most) == 64 * 1024
    read("fleet/vehicles/V01", most)
    assert "too many bytes, wants at most 65536" in str(refusal("fleet/vehicles/V01", most + b" "))


def test_fractions_of_a_second_are_read() -> None:
    message = read("fleet/vehicles/V01", {"at": "2026-11-20T16:00:00.123456789Z"})
    assert isinstance(message, VehicleMessage)
    assert message.at == NOON + timedelta(microseconds=123456)


@pytest.mark.fault(63)
@given(
    path=st.sampled_from(["fleet/vehicles/V", "fleet/routes/R", "site/pv_kw", "commands/pause"])
    | st.text(max_size=30),
    payload=st.binary(max_size=60)
    | st.text(alphabet='{}[]":,\\u0d8eE+-19.NaInf tru', max_size=60).map(str.encode),
)
def test_no_message_ends_in_anything_but_a_message_or_its_refusal(
    path: str, payload: bytes
) -> None:
    try:
        said = repr(decode("north", SITE + path, payload, retained=False))
    except MessageError as error:
        said = str(error)
    assert said.isprintable()
