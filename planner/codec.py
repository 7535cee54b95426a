"""The two JSON formats of the contract: text in, valid types out, and back.

`InputError` is the one error for text that is no snapshot or no plan. Its message is one sentence
that begins with the path of the first key at fault.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from planner.energy.averages import with_estimates
from planner.model import FieldError
from planner.plan import FORMAT as PLAN_FORMAT
from planner.plan import Plan
from planner.snapshot import FORMAT as SNAPSHOT_FORMAT
from planner.snapshot import MAX_CONNECTORS, MAX_ROUTES, MAX_STAYS, MAX_VEHICLES, Snapshot

# 300 vehicles, 500 routes and a year of prices by the minute stay under half of this.
MAX_BYTES: Final = 64 * 1024 * 1024
# The formats nest six deep; a soft rule may bring some of its own.
MAX_DEPTH: Final = 32

_T = TypeVar("_T")
_SNAPSHOT: Final = TypeAdapter(Snapshot)
_PLAN: Final = TypeAdapter(Plan)

# The longest first: `import_price_per_kwh` ends in `kwh` too.
_UNITS: Final = (
    ("price_per_kwh", "currency per kWh"),
    ("price_per_kw", "currency per kW"),
    ("wear_per_kwh", "currency per kWh"),
    ("money", "currency"),
    ("minutes", "minutes"),
    ("hours", "hours"),
    ("kwh", "kWh"),
    ("kw", "kW"),
    ("km", "km"),
)
_INSTANTS: Final = ("taken_at", "available_from", "depart", "return", "from", "to", "at")
_PLAIN_KEY: Final = re.compile(r"[\w*-]+")

_Path = tuple[str | int, ...]


class InputError(ValueError):
    """Text that is not what its format says; the message names key, fault and what was wanted."""


def load_snapshot(text: str | bytes) -> Snapshot:
    """With an estimate where a route does not know a vehicle's energy. Raises InputError."""
    return with_estimates(_load(text, _SNAPSHOT, SNAPSHOT_FORMAT))


def load_plan(text: str | bytes) -> Plan:
    """A plan that can be read; whether it is a good one is `check.audit`'s to say.

    Raises InputError.
    """
    return _load(text, _PLAN, PLAN_FORMAT)


def dump_snapshot(snapshot: Snapshot, *, indent: int | None = None) -> str:
    """The same text for the same snapshot, keys in the contract's order."""
    return _dump(_SNAPSHOT.dump_python(snapshot, mode="json", by_alias=True), indent)


def dump_plan(plan: Plan, *, indent: int | None = None) -> str:
    """The same text for the same plan, keys in the contract's order."""
    return _dump(_PLAN.dump_python(plan, mode="json", by_alias=True), indent)


def _dump(value: object, indent: int | None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )


def _load(text: str | bytes, adapter: TypeAdapter[_T], wanted_format: str) -> _T:
    text = _decode(text)
    data = _parse(text)
    if not isinstance(data, dict):
        raise InputError(f"the top level: wants a JSON object, not {_kind(data)}")
    if data.get("format") != wanted_format:
        found = f"not {_kind(data['format'])}" if "format" in data else "but there is no such key"
        raise InputError(f'format: wants "{wanted_format}", {found}')
    try:
        return adapter.validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        # With the input each fault would bring a copy of all that stands beside it.
        faults = error.errors(include_url=False, include_input=False)
        # A key misspelt is also missing under its right name: the typing error explains both.
        faults.sort(key=lambda f: f["type"] != "unexpected_keyword_argument")
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(_sentence(faults[0], data) + more) from error


def _decode(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise InputError(f"the text: wants at most {MAX_BYTES >> 20} MiB, it is longer")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start}: wants JSON in UTF-8") from error


# A year of values by the minute are half of this.
MAX_ITEMS: Final = 1 << 20
# Told before the typed reading: there each other fault keeps a copy of the whole, 5 GB at 60 MB.
_MOST: Final[Mapping[str | int, int]] = {
    "vehicles": MAX_VEHICLES,
    "connectors": MAX_CONNECTORS,
    "circuits": MAX_CONNECTORS,
    "routes": MAX_ROUTES,
    "stays": MAX_STAYS,
}
# Most of a long text are numbers and texts with which nothing can be wrong yet.
_JUDGED: Final = (dict, list, float)


class _Repeated(dict[str, Any]):
    """An object in which `key` stood twice."""

    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeated = _Repeated(plain)
    keys = [k for k, _ in pairs]
    repeated.key = next(k for i, k in enumerate(keys) if k in keys[:i])
    return repeated


def _parse(text: str) -> Any:
    """JSON as in RFC 8259, without what readers disagree on: repeated keys, NaN, infinities."""
    try:
        data = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}: wants JSON, {error.msg[0].lower()}{error.msg[1:]}") from error
    except RecursionError as error:
        raise InputError(f"the text: wants JSON at most {MAX_DEPTH} deep") from error
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise InputError("the text: wants numbers of at most 4300 digits") from error
    _judge(data, ())
    return data


def _judge(value: object, path: _Path) -> None:
    """Raises InputError for the first value, in the order of the text, that readers disagree on."""
    if len(path) > MAX_DEPTH:
        raise InputError(f"{_join(path[:4])}...: wants JSON at most {MAX_DEPTH} deep")
    match value:
        case _Repeated():
            raise InputError(f"{_join((*path, value.key))}: stands there twice, wants one value")
        case float() if not math.isfinite(value):
            unit = f" of {_unit(path)}" if _unit(path) else ""
            raise InputError(f"{_join(path)}: wants a finite number{unit}")
        case dict():
            for key, inner in value.items():
                if isinstance(inner, _JUDGED):
                    _judge(inner, (*path, key))
        case list():
            most = _MOST.get(path[-1], MAX_ITEMS) if path else MAX_ITEMS
            if len(value) > most:
                raise InputError(f"{_join(path)}: wants at most {most} values, not {len(value)}")
            for i, inner in enumerate(value):
                if isinstance(inner, _JUDGED):
                    _judge(inner, (*path, i))


def _sentence(fault: ErrorDetails, data: object) -> str:
    path = _path(fault, data)
    context: Mapping[str, Any] = fault.get("ctx", {})
    if fault["type"] == "missing":
        return f"{_join(path)}: is missing{_wanted(path)}"
    if fault["type"] == "unexpected_keyword_argument":
        return f"{_join(path)}: is not a known key"
    error = context.get("error")
    if isinstance(error, FieldError):
        unit = _unit((*path, error.path))
        unit = f", in {unit}" if error.quantity and unit else ""
        return f"{_join(path, error.path)}: {error.text}{unit}"
    if fault["type"] == "json_invalid":
        return f"the text: wants JSON, {error}"
    value = _at(data, path)
    found = f"one of {len(value)}" if fault["type"] == "too_long" else _kind(value)
    if error is not None:
        return f"{_join(path)}: {error}, not {found}"
    text = _expectation(fault["type"], context, _unit(path))
    if text is None:
        return f"{_join(path)}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return f"{_join(path)}: wants {text}, not {found}"


def _expectation(kind: str, context: Mapping[str, Any], unit: str) -> str | None:
    """What a pydantic error of this kind wanted, in an operator's words."""
    match kind:
        case "float_type" | "finite_number":
            return f"a number of {unit}" if unit else "a number"
        case "int_type" | "int_from_float" | "int_parsing_size":
            return "a whole number"
        case "string_type" | "string_too_short" | "string_too_long" | "string_unicode":
            return "text of 1 to 128 characters"
        case "bool_type":
            return "true or false"
        case "tuple_type":
            return "a list"
        case "too_long":
            return f"a list of at most {context['max_length']}"
        case "dataclass_type" | "dict_type":
            return "an object"
        case "literal_error":
            return str(context["expected"]).replace("'", '"')
    bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for key, words in bounds.items():
        if key in context:
            return f"{words} {context[key]:.16g} {unit}".rstrip()
    return None


def _path(fault: ErrorDetails, data: object) -> _Path:
    """Where in the text: pydantic's location without the steps that are its own (union tags)."""
    path: list[str | int] = []
    at: Any = data
    for step in fault["loc"]:
        if isinstance(at, dict) and step in at:
            at = at[step]
        elif isinstance(at, list) and isinstance(step, int):
            at = at[step] if step < len(at) else None
        elif fault["type"] != "missing" or step != fault["loc"][-1]:
            continue
        path.append(step)
    return tuple(path)


def _at(data: Any, path: _Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _join(path: _Path, more: str = "") -> str:
    """A path as `vehicles[3].energy_kwh`; keys out of the ordinary are quoted and cut short."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step) and len(step) <= 128:
            text += f".{step}"
        else:
            text += f"[{json.dumps(step[:40])}]"
    if more:
        text += more if more.startswith("[") else f".{more}"
    return text.removeprefix(".") or "the top level"


def _unit(path: _Path) -> str:
    """The unit that the innermost key with one tells; empty without any."""
    for key in reversed(path):
        for suffix, unit in _UNITS:
            if isinstance(key, str) and key.endswith(suffix):
                return unit
    return ""


def _wanted(path: _Path) -> str:
    if path[-1] in _INSTANTS:
        return ", wants an instant in UTC"
    return f", wants a number of {_unit(path)}" if _unit(path) else ""


def _kind(value: object) -> str:
    """A found value in a few words: never the whole of a long text."""
    match value:
        case str():
            return f"the text {json.dumps(value[:40], ensure_ascii=False)}"
        case list():
            return "a list"
        case dict():
            return "an object"
        case int() | float() if abs(value) >= 1e18:
            return "a number so large"
    return json.dumps(value)
