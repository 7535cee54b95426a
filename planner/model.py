"""What every type of the planner's vocabulary has in common."""

from __future__ import annotations

from pydantic import ConfigDict

# Strict: "31" is no number and 1.0 no identifier. Unknown keys and NaN are refused with their path.
MODEL = ConfigDict(
    extra="forbid", allow_inf_nan=False, strict=True, validate_by_name=True, validate_by_alias=True
)


class FieldError(ValueError):
    """A value that its own type accepts and its neighbours do not.

    `path` leads from the value being validated to the key at fault (`vehicles[3].plugged`, or empty
    for the value itself); `text` says what was wanted, to be read after the path; `quantity` tells
    that the numbers in it are in the unit that the key's name ends in.
    """

    def __init__(self, path: str, text: str, *, quantity: bool = False) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path
        self.text = text
        self.quantity = quantity
