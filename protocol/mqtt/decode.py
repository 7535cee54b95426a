"""From a topic and its payload to a message, or one clear sentence why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from protocol.mqtt import strict_json, topics
from protocol.mqtt.messages import (
    CommandMessage,
    Message,
    MeterMessage,
    RouteMessage,
    SeriesMessage,
    VehicleMessage,
)
from protocol.mqtt.strict_json import shown

MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 16
"""A vehicle with its charge curve, the deepest of what is wanted, is nested 3 deep."""
MAX_ID_LENGTH: Final = 128

_ENVELOPE: Final = ("id", "issued_at", "expires_at", "args")
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z",
    re.ASCII,
)


class MessageError(ValueError):
    """What is wrong, where, and what was wanted, in one sentence.

    `command_id` is the id of a refused command as far as it could be read, so that whoever asked
    gets an answer.
    """

    def __init__(self, reason: str, command_id: str | None = None) -> None:
        super().__init__(reason)
        self.command_id = command_id


def decode(
    site: str,
    topic: str,
    payload: bytes,
    *,
    retained: bool,
    response_topic: str | None = None,
    correlation_data: bytes | None = None,
) -> Message:
    """The message that a payload on a topic stands for; an empty payload removes.

    `id` and `at` are read into the message and left out of a vehicle's or a route's `values`.
    Raises MessageError.
    """
    levels = (topics.path_of(site, topic) or "").split("/")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MessageError(f"too many bytes, wants at most {MAX_PAYLOAD_BYTES}")
    match levels:
        case ["fleet", "vehicles", vehicle]:
            return _vehicle(topic, vehicle, payload)
        case ["fleet", "routes", route]:
            return _route(topic, route, payload)
        case ["site", "meter"]:
            return _meter(topic, payload)
        case ["site", key]:
            return _series(topic, key, payload)
        case ["commands", name]:
            return _command(topic, name, payload, retained, response_topic, correlation_data)
        case _:
            raise MessageError(
                "unknown topic, wants fleet/vehicles/ID, fleet/routes/ID, site/KEY or "
                f"commands/NAME below {topics.prefix(site)}"
            )


def _vehicle(topic: str, vehicle: str, payload: bytes) -> VehicleMessage:
    _checked_id("vehicle id in the topic", vehicle)
    if not payload:
        return VehicleMessage(topic=topic, id=vehicle, values=None, at=None)
    values = _object_of(vehicle, payload)
    at = values.pop("at", None)
    return VehicleMessage(
        topic=topic, id=vehicle, values=values, at=None if at is None else _instant("at", at)
    )


def _route(topic: str, route: str, payload: bytes) -> RouteMessage:
    _checked_id("route id in the topic", route)
    values = _object_of(route, payload) if payload else None
    return RouteMessage(topic=topic, id=route, values=values)


def _object_of(owner: str, payload: bytes) -> dict[str, object]:
    values = _json_object(payload)
    named = values.pop("id", owner)
    if named != owner:
        raise MessageError(
            f"id: {shown(named)} is not the topic's, wants {shown(owner)} or no id at all"
        )
    return values


def _series(topic: str, key: str, payload: bytes) -> SeriesMessage:
    if key not in topics.SERIES_KEYS:
        wanted = ", ".join(sorted(topics.SERIES_KEYS))
        raise MessageError(f"unknown site key {shown(key)}, wants one of {wanted}")
    if not payload:
        return SeriesMessage(topic=topic, key=key, value=None)
    value = _json(payload)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        raise MessageError(
            f'payload {shown(value)}: wants a number or a list of {{"from", "value"}}'
        )
    return SeriesMessage(topic=topic, key=key, value=value)


def _meter(topic: str, payload: bytes) -> MeterMessage:
    values = _json_object(payload) if payload else {}
    if unknown := sorted(values.keys() - {"at", "import_kw", "phases_a"}):
        raise MessageError(f"unknown key {shown(unknown[0])}, wants at, import_kw, phases_a")
    phases = values.get("phases_a")
    if phases is not None and not (isinstance(phases, list) and len(phases) == 3):
        raise MessageError(f"phases_a: {shown(phases)} wants a list of three currents in A")
    amperes = [_number("phases_a", value) for value in phases] if phases else None
    return MeterMessage(
        topic=topic,
        at=_instant("at", values.get("at")),
        import_kw=_number("import_kw", values.get("import_kw")),
        phases_a=(amperes[0], amperes[1], amperes[2]) if amperes else None,
    )


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MessageError(f"{where}: {shown(value)} wants a number")
    return float(value)


def _command(
    topic: str,
    name: str,
    payload: bytes,
    retained: bool,
    response_topic: str | None,
    correlation_data: bytes | None,
) -> CommandMessage:
    if not payload:
        raise MessageError(
            "empty payload, wants a JSON object with id, issued_at, expires_at, args"
        )
    envelope = _json_object(payload)
    command_id = _checked_id("id", envelope.get("id"))
    try:
        if name not in topics.COMMAND_NAMES:
            wanted = ", ".join(sorted(topics.COMMAND_NAMES))
            raise MessageError(f"unknown command {shown(name)}, wants one of {wanted}")
        if unknown := sorted(envelope.keys() - _ENVELOPE):
            raise MessageError(f"unknown key {shown(unknown[0])}, wants {', '.join(_ENVELOPE)}")
        if response_topic is not None and not topics.is_publishable(response_topic):
            raise MessageError(
                f"response topic {shown(response_topic)}: wants a topic without wildcards"
            )
        return CommandMessage(
            topic=topic,
            name=name,
            id=command_id,
            issued_at=_instant("issued_at", envelope.get("issued_at")),
            expires_at=_instant("expires_at", envelope.get("expires_at")),
            args=_args(envelope.get("args")),
            retained=retained,
            response_topic=response_topic,
            correlation_data=correlation_data,
        )
    except MessageError as error:
        raise MessageError(str(error), command_id) from error


def _checked_id(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise MessageError(
            f"{where}: {shown(value)} is no text, wants 1 to {MAX_ID_LENGTH} characters"
        )
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        raise MessageError(
            f"{where}: {len(value)} characters, wants 1 to {MAX_ID_LENGTH} characters"
        )
    if not value.isprintable():
        raise MessageError(f"{where}: {shown(value)} wants text without control characters")
    return value


def _instant(where: str, value: object) -> datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise MessageError(f"{where}: {shown(value)} is no instant, {error}") from error
    raise MessageError(
        f'{where}: {shown(value)} wants an instant in UTC such as "2026-11-20T16:00:00Z"'
    )


def _args(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise MessageError(f"args: {shown(value)} wants a JSON object")
    return value


def _json_object(payload: bytes) -> dict[str, object]:
    value = _json(payload)
    if not isinstance(value, dict):
        raise MessageError(f"payload {shown(value)}: wants a JSON object")
    return value


def _json(payload: bytes) -> object:
    try:
        return strict_json.loads(payload, max_depth=MAX_DEPTH)
    except ValueError as error:
        raise MessageError(f"payload {error}") from error
