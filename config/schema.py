"""The JSON schema of the settings, for editors and for `depotd config schema`."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from config.settings import Settings

# Series are read from a number or a list, which the types alone do not tell.
SERIES: Final[dict[str, Any]] = {
    "description": "A number, or a list of values in order of time, each until the next.",
    "anyOf": [
        {"type": "number"},
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["from", "value"],
                "properties": {
                    "from": {"type": "string", "format": "date-time"},
                    "value": {"type": "number"},
                },
            },
        },
    ],
}


def schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12."""
    tree = Settings.model_json_schema()
    tree["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions = tree["$defs"]
    definitions["Series"] = SERIES
    definitions.pop("Point", None)
    return tree


@cache
def key_names() -> frozenset[str]:
    """Every key of every table, to guess what a misspelt one was meant to be."""
    tree = Settings.model_json_schema()
    tables = [tree, *tree["$defs"].values()]
    return frozenset(key for table in tables for key in table.get("properties", {}))
