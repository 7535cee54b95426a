"""What a caller may choose about planning; `[planner]` of the settings holds the same keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from planner.model import MODEL


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Params:
    """`algorithm` names the first rung of the ladder in `solve.py`.

    With `iterations` a search makes so many steps, whatever time they take: the same arguments then
    give the same plan. `fairness_exponent` is what `fair` raises urgencies to: 0 shares equally,
    the larger, the more the urgent ones get.
    """

    algorithm: str = "joint"
    max_gap: Annotated[float, Field(ge=0)] = 0.001
    fairness_exponent: Annotated[float, Field(ge=0, le=10)] = 2.0
    iterations: Annotated[int, Field(ge=0)] | None = None
