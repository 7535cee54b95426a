"""The plain quantities and names that the planner's types are made of."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from planner.series import MAX_NUMBER

# The largest number that every store and every JSON reader carries whole.
MAX_REVISION: Final = 2**53 - 1
_YEAR_H: Final = 24 * 366

Identifier = Annotated[str, Field(min_length=1, max_length=128)]
NonNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER)]
Share = Annotated[float, Field(gt=0, le=1)]
Hours = Annotated[float, Field(ge=0, le=_YEAR_H)]
Minutes = Annotated[float, Field(ge=0, le=_YEAR_H * 60)]
