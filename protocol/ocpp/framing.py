"""Frames of OCPP-J: text to one of three messages and back (OCPP-J 1.6 section 4.2, 2.0.1 part 4).

What could hurt the JSON parser is refused before it: size, nesting (`json` raises RecursionError
near 990 levels) and long integers (`int` raises ValueError from 4,300 digits, and is quadratic
before that).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from protocol.ocpp.errors import FrameTooLargeError, LocalError, RemoteError

UNREADABLE = "-1"
MAX_ID_LENGTH = 36
MAX_DESCRIPTION_LENGTH = 255
MAX_CODE_LENGTH = 50

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
# A string (closed or not, so that a hostile text is walked once only) or a bracket.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
# Escapes that JSON allows and UTF-8 or a PostgreSQL text column does not.
_DOUBTFUL_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one station may make us hold. Integers of 300 digits still fit a float."""

    frame_bytes: int = 64 * 1024
    depth: int = 64
    integer_digits: int = 300
    remembered_calls: int = 64
    waiting_calls: int = 64


@dataclass(frozen=True, slots=True)
class Call:
    call_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallResult:
    """`payload` is whatever came, None where nothing did: the schema judges it."""

    call_id: str
    payload: Any


@dataclass(frozen=True, slots=True)
class CallError:
    call_id: str
    code: str
    description: str


Message = Call | CallResult | CallError


def parse(text: str, limits: Limits) -> Message:
    """Raises FrameTooLargeError, or RemoteError with code and id of the CALLERROR that is due."""
    frame = _json(text, limits)
    if not isinstance(frame, list) or not frame:
        raise RemoteError("RpcFrameworkError", "a message is a JSON array of a type, an id, ...")
    kind = frame[0]
    if isinstance(kind, bool) or not isinstance(kind, int):
        raise RemoteError("RpcFrameworkError", "the message type is no integer")
    call_id = _readable_id(frame)
    if kind not in (CALL, CALL_RESULT, CALL_ERROR):
        raise RemoteError(
            "MessageTypeNotSupported",
            f"message type {str(kind)[:20]} is not spoken here",
            call_id=UNREADABLE if call_id is None else call_id,
        )
    if call_id is None:
        raise RemoteError(
            "RpcFrameworkError",
            f"the message id is no text of at most {MAX_ID_LENGTH} characters",
            call_id=UNREADABLE if kind == CALL else None,
        )
    if kind == CALL:
        return _call(call_id, frame, text)
    if kind == CALL_RESULT:
        return CallResult(call_id, frame[2] if len(frame) == 3 else None)
    return _call_error(call_id, frame)


def call(call_id: str, action: str, payload: dict[str, Any]) -> str:
    return _text([CALL, call_id, action, payload])


def call_result(call_id: str, payload: dict[str, Any]) -> str:
    return _text([CALL_RESULT, call_id, payload])


def call_error(call_id: str, code: str, description: str) -> str:
    """`errorDetails` stay empty: nothing that a station sent is echoed at length."""
    return _text([CALL_ERROR, call_id, code, description[:MAX_DESCRIPTION_LENGTH], {}])


def _readable_id(frame: list[Any]) -> str | None:
    call_id = frame[1] if len(frame) > 1 else None
    return call_id if isinstance(call_id, str) and len(call_id) <= MAX_ID_LENGTH else None


def _call(call_id: str, frame: list[Any], text: str) -> Call:
    if len(frame) != 4:
        raise RemoteError(
            "RpcFrameworkError", f"a CALL has 4 elements, not {len(frame)}", call_id=call_id
        )
    action, payload = frame[2], frame[3]
    if not isinstance(action, str):
        raise RemoteError("RpcFrameworkError", "the action is no text", call_id=call_id)
    if not isinstance(payload, dict):
        raise RemoteError("FormatViolation", "the payload is no JSON object", call_id=call_id)
    if _DOUBTFUL_ESCAPE.search(text) and "\x00" in "".join(_strings(payload)):
        raise RemoteError(
            "PropertyConstraintViolation", "a text holds the character NUL", call_id=call_id
        )
    return Call(call_id, action, payload)


def _call_error(call_id: str, frame: list[Any]) -> CallError:
    """Stations leave out or mistype the elements after the id; the id alone ends our call."""
    code = frame[2] if len(frame) > 2 and isinstance(frame[2], str) else "GenericError"
    description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
    return CallError(call_id, code[:MAX_CODE_LENGTH], description[:MAX_DESCRIPTION_LENGTH])


def _json(text: str, limits: Limits) -> Any:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RemoteError("RpcFrameworkError", "the frame is no UTF-8 text") from error
    if size > limits.frame_bytes:
        raise FrameTooLargeError(f"a frame of {size} bytes, at most {limits.frame_bytes} are read")
    if text.count("[") + text.count("{") > limits.depth:
        _check_depth(text, limits.depth)
    try:
        frame = _decoder(limits.integer_digits).decode(text)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise RemoteError("RpcFrameworkError", f"the frame is no JSON: {reason}") from error
    if _DOUBTFUL_ESCAPE.search(text):
        _check_surrogates(frame)
    return frame


@cache
def _decoder(most_digits: int) -> json.JSONDecoder:
    def integer(digits: str) -> int:
        if len(digits) > most_digits:
            raise ValueError(f"an integer has more than {most_digits} digits")
        return int(digits)

    return json.JSONDecoder(parse_int=integer, parse_float=_finite, parse_constant=_refuse)


def _check_depth(text: str, most: int) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        bracket = token.group()
        if bracket in "[{":
            depth += 1
            if depth > most:
                raise RemoteError("RpcFrameworkError", f"nested deeper than {most} levels")
        elif bracket in "]}":
            depth -= 1


def _check_surrogates(frame: Any) -> None:
    try:
        "".join(_strings(frame)).encode()
    except UnicodeEncodeError as error:
        raise RemoteError("RpcFrameworkError", "a text holds half a surrogate pair") from error


def _strings(value: Any) -> list[str]:
    """Every text in a JSON value, keys included; the depth is bounded by then."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for child in value.values() for text in _strings(child))]
    if isinstance(value, list):
        return [text for child in value for text in _strings(child)]
    return []


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _text(frame: list[Any]) -> str:
    try:
        return _ENCODER.encode(frame)
    except (TypeError, ValueError) as error:
        raise LocalError(f"cannot be written as JSON: {error}") from error
