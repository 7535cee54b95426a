"""What `rules.soft` may say of a rule: nothing but its name, a number, or an object of its keys."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_wrap_validator_function

from planner.model import FieldError


class Switch:
    """Reads it, None where the rule is off; `penalised`: a number stands for its penalty."""

    def __init__(self, *, penalised: bool) -> None:
        self._penalised = penalised

    def __call__(self, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        match value:
            case None | False:
                return None
            case True:
                return read({})
            case int() | float() if self._penalised:
                return read({"penalty": value})
            case int() | float() | str() | list():
                number = "a penalty, " if self._penalised else ""
                raise FieldError("", f"wants true, false, {number}or an object of its keys")
        return read(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_wrap_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        plain = ["boolean", "number"] if self._penalised else ["boolean"]
        return {"anyOf": [{"type": plain}, handler(schema)]}
