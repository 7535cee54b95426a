"""Every kind of bad frame, in both versions: its CALLERROR, its Strike, and the link stays up."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from protocol.ocpp.connection import Close, Connection, Incoming, SendText, Strike
from protocol.ocpp.events import Heartbeat
from protocol.ocpp.model import Version

V16, V201 = Version.V16, Version.V201
Connect = Callable[..., Connection]

UNREADABLE = [
    ("empty", ""),
    ("no JSON", "hello"),
    ("cut short", '[2,"a","Heartbeat",{'),
    ("something after it", '[2,"a","Heartbeat",{}] x'),
    ("byte order mark", '\ufeff[2,"a","Heartbeat",{}]'),
    ("half a surrogate pair, raw", '[2,"a","Heartbeat",{"x":"\ud800"}]'),
    ("half a surrogate pair, escaped", r'[2,"a","Heartbeat",{"x":"\ud800"}]'),
    ("half a surrogate pair in a key", r'[2,"a","Heartbeat",{"\uDC00":1}]'),
    ("NaN", '[2,"a","Heartbeat",{"x":NaN}]'),
    ("Infinity", '[2,"a","Heartbeat",{"x":Infinity}]'),
    ("-Infinity", '[2,"a","Heartbeat",{"x":-Infinity}]'),
    ("a float beyond floats", '[2,"a","Heartbeat",{"x":1e999}]'),
    ("an integer of 5,000 digits", '[2,"a","Heartbeat",{"x":' + "9" * 5000 + "}]"),
    ("arrays 20,000 deep", "[" * 20_000 + "]" * 20_000),
    ("objects 5,000 deep", '[2,"a","Heartbeat",' + '{"x":' * 5000 + "1" + "}" * 5001 + "]"),
    ("brackets that never close", "[" * 60_000),
    ("an object", '{"messageTypeId":2}'),
    ("a text", '"Heartbeat"'),
    ("null", "null"),
    ("no elements", "[]"),
    ("a type that is text", '["2","a","Heartbeat",{}]'),
    ("a type that is true", '[true,"a","Heartbeat",{}]'),
    ("a type that is null", '[null,"a","Heartbeat",{}]'),
    ("a CALL without an id", "[2]"),
    ("an id that is a number", '[2,17,"Heartbeat",{}]'),
    ("an id that is null", '[2,null,"Heartbeat",{}]'),
    ("an id that is an array", '[2,["a"],"Heartbeat",{}]'),
    ("an id that is an object", '[2,{"a":1},"Heartbeat",{}]'),
    ("an id of 37 characters", f'[2,"{"i" * 37}","Heartbeat",{{}}]'),
]

FRAMEWORK = "RpcFrameworkError", "FormationViolation"
NOT_IMPLEMENTED = "NotImplemented", "NotImplemented"
NOT_SUPPORTED = "NotSupported", "NotSupported"
FORMAT = "FormatViolation", "FormationViolation"
TYPE = "TypeConstraintViolation", "TypeConstraintViolation"
OCCURRENCE = "OccurrenceConstraintViolation", "OccurenceConstraintViolation"
PROPERTY = "PropertyConstraintViolation", "PropertyConstraintViolation"

# Each with a readable id, which the answer carries: (name, frame, (code in 2.0.1, in 1.6)).
READABLE = [
    ("three elements", '[2,"a","Heartbeat"]', FRAMEWORK),
    ("five elements", '[2,"a","Heartbeat",{},{}]', FRAMEWORK),
    ("two elements", '[2,"a"]', FRAMEWORK),
    ("an action that is an array", '[2,"a",["Heartbeat"],{}]', FRAMEWORK),
    ("an action that is an object", '[2,"a",{"Heartbeat":1},{}]', FRAMEWORK),
    ("an action that is a number", '[2,"a",7,{}]', FRAMEWORK),
    ("an action that is null", '[2,"a",null,{}]', FRAMEWORK),
    ("an action nobody knows", '[2,"a","Teleport",{}]', NOT_IMPLEMENTED),
    ("an empty action", '[2,"a","",{}]', NOT_IMPLEMENTED),
    ("an action in the wrong case", '[2,"a","heartbeat",{}]', NOT_IMPLEMENTED),
    ("an action of ours", '[2,"a","SetChargingProfile",{}]', NOT_SUPPORTED),
    ("a certificate to sign", '[2,"a","SignCertificate",{"csr":"x"}]', NOT_SUPPORTED),
    ("a payload that is an array", '[2,"a","Heartbeat",[]]', FORMAT),
    ("a payload that is null", '[2,"a","Heartbeat",null]', FORMAT),
    ("a payload that is a text", '[2,"a","Heartbeat","{}"]', FORMAT),
    ("a field nobody knows", '[2,"a","Heartbeat",{"x":1}]', FORMAT),
    ("a number where a text is wanted", '[2,"a","DataTransfer",{"vendorId":7}]', TYPE),
    ("a field missing", '[2,"a","BootNotification",{}]', OCCURRENCE),
    ("NUL in a text", r'[2,"a","DataTransfer",{"vendorId":"a\u0000b"}]', PROPERTY),
    (
        "a text too long",
        f'[2,"a","DataTransfer",{{"vendorId":"{"v" * 256}"}}]',
        PROPERTY,
    ),
]

ONLY_V16 = [
    ("a list too short", '[2,"a","MeterValues",{"connectorId":1,"meterValue":[]}]', OCCURRENCE),
    (
        "a word of no list",
        '[2,"a","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Happy"}]',
        PROPERTY,
    ),
    (
        "an integer with a fraction",
        '[2,"a","StatusNotification",{"connectorId":1.5,"errorCode":"NoError","status":"Faulted"}]',
        TYPE,
    ),
    (
        "a connector below 0",
        '[2,"a","StatusNotification",{"connectorId":-1,"errorCode":"NoError","status":"Faulted"}]',
        PROPERTY,
    ),
    (
        "a connector beyond any database",
        '[2,"a","MeterValues",{"connectorId":1' + "0" * 30 + ',"meterValue":[{"timestamp":"x",'
        '"sampledValue":[{"value":"1"}]}]}]',
        PROPERTY,
    ),
    (
        "a transaction at the station as a whole",
        '[2,"a","StartTransaction",{"connectorId":0,"idTag":"T","meterStart":0,"timestamp":"x"}]',
        PROPERTY,
    ),
]

ONLY_V201 = [
    ("a list too short", '[2,"a","MeterValues",{"evseId":1,"meterValue":[]}]', OCCURRENCE),
    (
        "a word of no list",
        '[2,"a","StatusNotification",{"evseId":1,"connectorId":1,"connectorStatus":"Happy",'
        '"timestamp":"2026-11-20T16:00:00Z"}]',
        PROPERTY,
    ),
    (
        "an EVSE below 0",
        '[2,"a","StatusNotification",{"evseId":-1,"connectorId":1,"connectorStatus":"Faulted",'
        '"timestamp":"2026-11-20T16:00:00Z"}]',
        PROPERTY,
    ),
]


def _ids(cases: list[tuple[str, str]] | list[tuple[str, str, tuple[str, str]]]) -> list[str]:
    return [case[0] for case in cases]


def assert_refused(connection: Connection, frame: str, call_id: str, code: str) -> None:
    sent, *rest = connection.receive(frame, 0.0)
    assert isinstance(sent, SendText)
    kind, answered_id, answered_code, description, details = json.loads(sent.text)
    assert (kind, answered_id, answered_code) == (4, call_id, code)
    assert len(description) <= 255
    assert details == {}
    blameless = code in ("NotImplemented", "NotSupported")
    assert [type(output) for output in rest] == ([] if blameless else [Strike])
    assert_alive(connection)


def assert_alive(connection: Connection) -> None:
    outputs = connection.receive('[2,"alive","Heartbeat",{}]', 0.0)
    assert outputs == [Incoming("alive", Heartbeat())]


@pytest.mark.parametrize(("name", "frame"), UNREADABLE, ids=_ids(UNREADABLE))
@pytest.mark.parametrize(
    ("version", "code"), [(V16, "FormationViolation"), (V201, "RpcFrameworkError")]
)
def test_an_unreadable_frame_is_answered_under_the_id_minus_one(
    name: str, frame: str, version: Version, code: str, connect: Connect
) -> None:
    assert_refused(connect(version), frame, "-1", code)


@pytest.mark.parametrize(("name", "frame", "codes"), READABLE, ids=_ids(READABLE))
@pytest.mark.parametrize("version", Version)
def test_a_bad_call_is_answered_under_its_own_id(
    name: str, frame: str, codes: tuple[str, str], version: Version, connect: Connect
) -> None:
    assert_refused(connect(version), frame, "a", codes[0 if version is V201 else 1])


@pytest.mark.parametrize(("name", "frame", "codes"), ONLY_V16, ids=_ids(ONLY_V16))
def test_a_1_6_payload_that_breaks_its_schema_is_answered_by_what_it_broke(
    name: str, frame: str, codes: tuple[str, str], connect: Connect
) -> None:
    assert_refused(connect(V16), frame, "a", codes[1])


@pytest.mark.parametrize(("name", "frame", "codes"), ONLY_V201, ids=_ids(ONLY_V201))
def test_a_2_0_1_payload_that_breaks_its_schema_is_answered_by_what_it_broke(
    name: str, frame: str, codes: tuple[str, str], connect: Connect
) -> None:
    assert_refused(connect(V201), frame, "a", codes[0])


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 9, -2, 10**20])
@pytest.mark.parametrize(("call_id", "answered_id"), [('"a"', "a"), ("17", "-1")])
def test_an_unknown_message_type_is_refused_by_2_0_1(
    kind: int, call_id: str, answered_id: str, connect: Connect
) -> None:
    frame = f'[{kind},{call_id},"Heartbeat",{{}}]'
    assert_refused(connect(V201), frame, answered_id, "MessageTypeNotSupported")


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 9])
def test_an_unknown_message_type_is_ignored_by_1_6(kind: int, connect: Connect) -> None:
    connection = connect(V16)
    (only,) = connection.receive(f'[{kind},"a","Heartbeat",{{}}]', 0.0)
    assert isinstance(only, Strike)
    assert_alive(connection)


@pytest.mark.parametrize(
    "frame",
    [
        '[3,"nobody",{}]',
        '[3,"nobody"]',
        "[3]",
        "[3,17,{}]",
        '[4,"nobody","GenericError","",{}]',
        '[4,"-1","RpcFrameworkError","",{}]',
        '[4,"nobody"]',
        "[4,null,7,7,7]",
    ],
)
@pytest.mark.parametrize("version", Version)
def test_an_answer_is_never_answered(frame: str, version: Version, connect: Connect) -> None:
    connection = connect(version)
    (only,) = connection.receive(frame, 0.0)
    assert isinstance(only, Strike)
    assert_alive(connection)


@pytest.mark.parametrize("version", Version)
def test_binary_closes_with_1003(version: Version, connect: Connect) -> None:
    (only,) = connect(version).receive(b'[2,"a","Heartbeat",{}]', 0.0)
    assert isinstance(only, Close)
    assert only.code == 1003


@pytest.mark.fault(36)
@pytest.mark.parametrize("version", Version)
def test_over_64_kib_closes_with_1009_and_the_very_last_byte_is_allowed(
    version: Version, connect: Connect
) -> None:
    frame = '[2,"a","Heartbeat",{}]'
    (at_limit,) = connect(version).receive(frame.ljust(65_536), 0.0)
    assert at_limit == Incoming("a", Heartbeat())
    (over,) = connect(version).receive(frame.ljust(65_537), 0.0)
    assert isinstance(over, Close)
    assert over.code == 1009


def test_size_is_counted_in_bytes_not_characters(connect: Connect) -> None:
    (only,) = connect(V16).receive('"' + "ä" * 40_000 + '"', 0.0)
    assert isinstance(only, Close)


@pytest.mark.parametrize("version", Version)
def test_no_error_echoes_the_frame(version: Version, connect: Connect) -> None:
    secret = "s3cret" * 40
    for frame in (
        f'[2,"a","Heartbeat",{{"{secret * 10}":"{secret}"}}]',
        f'[2,"a","{secret}",{{}}]',
        f'[2,"a","BootNotification",{{"reason":"{secret}","chargePointModel":"{secret}"}}]',
        f'["{secret}"]',
    ):
        for output in connect(version).receive(frame, 0.0):
            written = output.text if isinstance(output, SendText) else repr(output)
            assert len(written) < 400


@pytest.mark.parametrize("brackets", ["[[[{{{", "]]]}}}", '\\"[[['])
def test_brackets_inside_a_text_are_no_nesting(brackets: str, connect: Connect) -> None:
    data = brackets * 200
    (only,) = connect(V16).receive(
        json.dumps([2, "a", "DataTransfer", {"vendorId": "x", "data": data}]), 0.0
    )
    assert isinstance(only, Incoming)


def test_an_escaped_backslash_before_u0000_is_no_nul(connect: Connect) -> None:
    (only,) = connect(V16).receive(r'[2,"a","DataTransfer",{"vendorId":"\\u0000"}]', 0.0)
    assert isinstance(only, Incoming)
