"""One clear sentence for settings that cannot be used."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Final

from pydantic_core import ErrorDetails

from planner.model import FieldError

# The longest suffix that fits tells the unit.
UNITS: Final = (
    ("_per_kwh", "in the site's currency per kWh"),
    ("_per_kw", "in the site's currency per kW"),
    ("_per_s", "a number per second"),
    ("_per_minute", "a number per minute"),
    ("_kwh", "in kWh"),
    ("_kw", "in kW"),
    ("_km", "in km"),
    ("_s", "in seconds"),
    ("_minutes", "in minutes"),
    ("_hours", "in hours"),
    ("_mb", "in megabytes"),
    ("_v", "in volts"),
    ("efficiency", "a share between 0 and 1"),
    ("safety_factor", "a factor, 1 for none"),
    ("max_gap", "a share of the bound"),
    ("fairness_exponent", "an exponent, 0 for equal shares"),
    ("port", "a TCP port, 0 for any free one"),
)
SECRETS: Final = ("password", "url")
SHOWN_CHARACTERS: Final = 60


class SettingsError(ValueError):
    """Settings that cannot be used: source, key and what was wanted, in one sentence."""


def dotted(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def unit_of(key: str) -> str | None:
    return next((unit for suffix, unit in UNITS if key.endswith(suffix)), None)


def describe(error: ErrorDetails, known_keys: Iterable[str]) -> tuple[str, str]:
    """Where it is, and what pydantic found: what is wrong, what was wanted, what was there."""
    place = dotted(error["loc"])
    key = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
    unit = unit_of(key)
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, FieldError):
        inner = raised.path if not raised.path or raised.path[0] == "[" else f".{raised.path}"
        return place + inner, raised.text + (f", {unit}" if unit and raised.quantity else "")
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            close = difflib.get_close_matches(key, sorted(set(known_keys) - {key}), n=1)
            return place, "unknown key" + (f"; did you mean {close[0]}?" if close else "")
        case "missing" | "missing_argument":
            return place, "missing" + (f"; wanted {unit}" if unit else "")
        case "too_short" | "string_too_short":
            return place, "is empty"
        case "string_pattern_mismatch":
            return place, "has a character that does not belong there" + _found(error, key)
        case "value_error":
            return place, str(raised) + _found(error, key)
    told = error["msg"].removeprefix("Input ")
    told = told.replace("should be", "wants to be", 1).replace("should have", "wants", 1)
    return place, told + (f", {unit}" if unit else "") + _found(error, key)


def _found(error: ErrorDetails, key: str) -> str:
    """The value that was found, where it is short, and no secret."""
    value = error["input"]
    if key in SECRETS or isinstance(value, dict | list | tuple):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return f"; found {value}"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"; found {text}" if len(text) <= SHOWN_CHARACTERS else ""
