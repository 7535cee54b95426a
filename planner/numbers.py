"""The plain quantities and names that the planner's types are made of."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from planner.series import MAX_NUMBER

# The largest number that every store and every JSON reader carries whole.
MAX_REVISION: Final = 2**53 - 1
_YEAR_H: Final = 24 * 366

# What others are divided by: a battery of 5e-324 kWh left no plan for the whole depot.
_LEAST: Final = 1e-9


def _divides(value: float) -> float:
    if value < _LEAST:
        raise ValueError(f"wants at least {_LEAST:g}")
    return value


Identifier = Annotated[str, Field(min_length=1, max_length=128)]
NonNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER), AfterValidator(_divides)]
Share = Annotated[float, Field(gt=0, le=1), AfterValidator(_divides)]
Hours = Annotated[float, Field(ge=0, le=_YEAR_H)]
Minutes = Annotated[float, Field(ge=0, le=_YEAR_H * 60)]
