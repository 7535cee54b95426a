"""JSON from strangers: only what RFC 8259 allows, each key once, every number finite."""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

# A string, closed or not, so that a hostile text is walked only once; or a bracket.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def loads(data: bytes, *, max_depth: int) -> object:
    """Read one JSON value. Raises ValueError saying what is wrong and, where known, at which place.

    Refused beyond what the standard library refuses: NaN and infinities, numbers no float can
    hold, a key given twice in an object, half of a surrogate pair, and brackets nested deeper than
    `max_depth`, which are counted before anything is parsed.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no UTF-8 at byte {error.start}") from error
    if text.count("[") + text.count("{") > max_depth and _depth(text) > max_depth:
        raise ValueError(f"is nested deeper than {max_depth} levels")
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is no JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error
    if "\\u" in text:
        _whole_characters(value)
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}":
                depth -= 1
    return deepest


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"has the key {shown(key)} twice in one object")
        result[key] = value
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, wants finite numbers")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds {text[:40]}, wants numbers that a 64-bit float can hold")
    return value


def _int(text: str) -> int:
    _float(text)
    return int(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)


def _whole_characters(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("holds half of a surrogate pair, wants whole characters") from error


def shown(value: object) -> str:
    """A value for an error's sentence: escaped, on one line, short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
