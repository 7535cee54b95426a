"""What is wanted: the answer to a snapshot, frozen. The JSON form is `codec.py`'s.

Powers of stays are at the connector, of the battery and the site at the site's side.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from planner.model import MODEL
from planner.numbers import Identifier
from planner.series import Instant
from planner.snapshot import Allocation
from planner.stay import From, To
from planner.stay import Period as Period
from planner.stay import Stay as Stay

FORMAT: Final = "depotd.plan/1"
Status = Literal["optimal", "feasible", "fallback"]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Unserved:
    route: Identifier
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class SiteStep:
    """Mean import over `[start, end)`; negative while exporting."""

    start: From
    end: To
    import_kw: float


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Shortfall:
    """Energy missing at a departure, or at the horizon's end where `route` is None."""

    vehicle: Identifier
    at: Instant
    route: Identifier | None = None
    kwh: float


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Objective:
    """The tiers in their order (law 10)."""

    unserved: float = 0.0
    shortfall_kwh: float = 0.0
    money: float = 0.0
    taste: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Cost:
    """What `money` is made of; `energy` is net of export."""

    energy: float = 0.0
    peak: float = 0.0
    wear: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Bound:
    """A lower bound of money for plans equal in the tiers above it, and the relative gap to it."""

    money: float
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Binding:
    """A limit that holds the plan back over `[start, end)`.

    `limit` names it in an operator's words, beginning with `circuit ID`, `site import` or
    `site export` for the limits of law 7; the audit looks for these where fixed loads break one.
    """

    limit: str
    start: From
    end: To


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Plan:
    """`iterations`: the steps of a search that led to it; see `Params.iterations`. `notes`: what it
    rests on that an operator should know, one sentence each."""

    format: Literal["depotd.plan/1"] = FORMAT
    revision: Annotated[int, Field(ge=0)]
    status: Status
    algorithm: str
    seed: int = 0
    allocations: tuple[Allocation, ...] = ()
    unserved: tuple[Unserved, ...] = ()
    stays: tuple[Stay, ...] = ()
    battery: tuple[Period, ...] = ()
    site: tuple[SiteStep, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    objective: Objective
    cost: Cost
    bound: Bound | None = None
    binding: tuple[Binding, ...] = ()
    iterations: Annotated[int, Field(ge=0)] | None = None
    notes: tuple[str, ...] = ()
