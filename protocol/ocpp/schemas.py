"""The JSON schemas shipped with the `ocpp` package, compiled once.

They are read as draft 6 whatever they declare: draft 4 refuses `1.0` where an integer is wanted,
which some stations send. Formats are not judged: a date that cannot be read must not lose the
transaction that it stands on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft6Validator, ValidationError, ValidationErrorKind

from protocol.ocpp.errors import RemoteError
from protocol.ocpp.model import Version

_FOLDERS = {Version.V16: "v16", Version.V201: "v201"}
_CALL_SUFFIXES = {Version.V16: "", Version.V201: "Request"}
_RESULT_SUFFIX = "Response"

# Schema keyword to error code (OCPP 2.0.1 part 4, CALLERROR). Any other keyword: FormatViolation.
_CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "enum": "PropertyConstraintViolation",
    "maxLength": "PropertyConstraintViolation",
    "minimum": "PropertyConstraintViolation",
    "maximum": "PropertyConstraintViolation",
    "multipleOf": "PropertyConstraintViolation",
}


@dataclass(frozen=True, slots=True)
class Schemas:
    """By action: what a CALL may hold, and what its CALLRESULT may."""

    calls: Mapping[str, Draft6Validator]
    results: Mapping[str, Draft6Validator]


@cache
def load(version: Version) -> Schemas:
    """Reads and compiles all schemas of a version: some 20 ms once, so before the loop starts."""
    calls: dict[str, Draft6Validator] = {}
    results: dict[str, Draft6Validator] = {}
    suffix = _CALL_SUFFIXES[version]
    for entry in files("ocpp").joinpath(_FOLDERS[version], "schemas").iterdir():
        name = entry.name.removesuffix(".json")
        if name == entry.name:
            continue
        schema = json.loads(entry.read_text(encoding="utf-8-sig"))
        if name.endswith(_RESULT_SUFFIX):
            # 1.6 wants multiples of 0.1 in a composite schedule; a station that says 11.04 has
            # told us something all the same.
            results[name.removesuffix(_RESULT_SUFFIX)] = _compiled(_without(schema, "multipleOf"))
        else:
            calls[name.removesuffix(suffix)] = _compiled(schema)
    return Schemas(calls, results)


def check(validator: Draft6Validator, payload: object) -> None:
    """Raises RemoteError with the code for the first thing wrong, naming place and want only."""
    if validator.is_valid(payload):
        return
    try:
        validator.validate(payload)
    except ValidationError as error:
        raise RemoteError(_code(error), _description(error)) from error


def _compiled(schema: dict[str, Any]) -> Draft6Validator:
    schema.pop("$schema", None)
    return Draft6Validator(schema, validate_formats=False)


def _without(schema: Any, keyword: str) -> Any:
    if isinstance(schema, dict):
        return {key: _without(value, keyword) for key, value in schema.items() if key != keyword}
    if isinstance(schema, list):
        return [_without(value, keyword) for value in schema]
    return schema


def _code(error: ValidationError) -> str:
    if error.kind.name == "type" and not error.instance_path:
        return "FormatViolation"
    return _CODES.get(error.kind.name, "FormatViolation")


def _description(error: ValidationError) -> str:
    place = "/".join(str(step) for step in error.instance_path) or "payload"
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            want = f"{name} is missing"
        case ValidationErrorKind.Type(types=types):
            want = f"wants {' or '.join(types)}"
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            want = f"unknown: {', '.join(names)}"
        case ValidationErrorKind.Enum():
            want = "is not one of the values allowed"
        case kind:
            want = f"breaks {kind.name} {kind.value}"
    return f"{place}: {want}"
