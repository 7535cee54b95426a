"""Frames as a hostile or broken station might send them: real ones changed, and made-up ones that
follow the grammar of the standard or almost do."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

from protocol.ocpp.model import Version
from tests.protocol.ocpp.test_fuzz import SEEDS, STAMP

_FOLDERS = {Version.V16: "v16", Version.V201: "v201"}
_NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63 - 1, -(2**63), 10**30, 1e308, -0.0, 0.1),
    *("", "1", "-1", "nan", "Infinity", STAMP, "1969-12-31T23:59:59Z", "2099-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z"),
    *("\x00", "\ud800", "ä" * 40, "x" * 1000, "'; DROP TABLE facts; --", "<script>", "\r\n\x1b[2J"),
    *([], {}, [[]], {"": {}}, [None] * 50),
)
_SPLICES = (*'[]{}",:\\-', "\\u0000", "\\ud800", "1e999", "NaN", "\x00")
_IDS: tuple[Any, ...] = ("id", "", "-1", "x" * 36, "x" * 37, "ä", 0, 1, None, [], {}, True, 1e300)


def frames(version: Version, rng: random.Random) -> Iterator[str]:
    """Without end; the same for the same seed."""
    seeds = [[action, payload] for action, payload in SEEDS[version]]
    schemas = _schemas(version)
    kinds: list[Callable[[], str]] = [
        lambda: _changed_text(rng, json.dumps([2, _id(rng), *rng.choice(seeds)])),
        lambda: _changed_value(rng, [2, _id(rng), *rng.choice(seeds)]),
        lambda: _made(rng, *rng.choice(schemas)),
        lambda: _made(rng, *rng.choice(schemas)),
        lambda: _answer(rng),
    ]
    while True:
        yield rng.choice(kinds)()


def _id(rng: random.Random) -> str:
    return f"{rng.randrange(10**9)}"


def _changed_text(rng: random.Random, text: str) -> str:
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 2, 10)))
        noise = rng.choice(_SPLICES) * rng.choice((1, 1, 1, 3, 100))
        if rng.random() < 0.3:
            noise = "".join(rng.choices(string.printable, k=3))
        elif rng.random() < 0.2:
            noise = text[rng.randrange(len(text) + 1) :]
        text = text[:at] + noise + text[end:]
    return text


def _changed_value(rng: random.Random, frame: Any) -> str:
    for _ in range(rng.randrange(1, 4)):
        frame = _with_nasty(rng, frame)
    return json.dumps(frame)


def _with_nasty(rng: random.Random, value: Any) -> Any:
    """A copy with one place changed, the deeper the likelier."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _with_nasty(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], _with_nasty(rng, value[at]), *value[at + 1 :]]
    return rng.choice(_NASTY)


def _answer(rng: random.Random) -> str:
    """A CALLRESULT, a CALLERROR, or a type that is none."""
    kind = rng.choice((3, 3, 4, 4, 5, 6, 9, -1, 2.0, True, "2", None))
    rest = [rng.choice(_NASTY) for _ in range(rng.randrange(5))]
    return json.dumps([kind, rng.choice(("ours", *_IDS)), *rest])


def _schemas(version: Version) -> list[tuple[str, dict[str, Any]]]:
    """Every request of the standard, also those that no station may send."""
    folder = files("ocpp").joinpath(_FOLDERS[version], "schemas")
    named = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = entry.name.removesuffix(".json")
        if not name.endswith("Response") and name != entry.name:
            schema = json.loads(entry.read_text(encoding="utf-8-sig"))
            named.append((name.removesuffix("Request"), schema))
    return named


def _made(rng: random.Random, action: str, schema: dict[str, Any]) -> str:
    # Most are right in all but one place, so that they come past the schema or fail deep in it.
    rot = rng.choice((0.0, 0.0, 0.0, 0.02, 0.3))
    payload = _value(rng, schema, schema.get("definitions", {}), rot)
    return json.dumps([2, _id(rng), action, payload])


def _value(rng: random.Random, schema: dict[str, Any], definitions: Any, rot: float) -> Any:
    if rng.random() < rot:
        return rng.choice(_NASTY)
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", [])
            return {
                name: _value(rng, part, definitions, rot)
                for name, part in schema.get("properties", {}).items()
                if name in wanted or rng.random() < 0.3
            }
        case "array":
            most = min(schema.get("maxItems", 3), 3)
            count = rng.randint(schema.get("minItems", 0), max(most, schema.get("minItems", 0)))
            return [_value(rng, schema["items"], definitions, rot) for _ in range(count)]
        case "integer":
            return rng.choice((0, 1, 2, 3, -1, 1000, 2**31 - 1, 2**63 - 1))
        case "number":
            return rng.choice((0, 0.1, 1.5, -1.0, 11.04, 1e9, 1e300))
        case "boolean":
            return rng.random() < 0.5
        case "string" if schema.get("format") == "date-time":
            year = rng.choice((1, 1969, 1970, 2025, 2026, 2026, 2026, 2099, 9999))
            return f"{year:04}-11-20T{rng.randrange(24):02}:00:00Z"
        case "string":
            return rng.choice(("", "1", "12.5", "T", "TAG-V01", "x" * schema.get("maxLength", 20)))
    return rng.choice(_NASTY)
