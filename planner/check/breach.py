"""What an audit finds, and how much it lets pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from planner.series import format_instant

# A tenth of a watt: above what rounding leaves in a sum of hundreds of floats, far below what any
# meter or OCPP limit (0.1 A, some 23 W) can tell.
POWER_KW: Final = 1e-4
# A watt-hour: POWER_KW over ten hours.
ENERGY_KWH: Final = 1e-3
# What law 10 itself counts as nothing between tiers, and so what a reported sum may be off by.
REPORTED: Final = 0.01
# Priorities are given numbers and only added up.
PRIORITY: Final = 1e-6
# `optimal` means a gap of at most 0.001 (law 10); a reported gap may be rounded to as many places.
GAP: Final = 0.001
# Instants made from floats land within microseconds of the intended one.
TIME: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One law of the contract broken in one place.

    `at` is the first instant of it and None where it has no time; `amount` the worst of it, in
    `unit`, and None where there is nothing to measure.
    """

    law: int
    where: str
    text: str
    at: datetime | None = None
    amount: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        at = f" at {format_instant(self.at)}" if self.at is not None else ""
        amount = f" ({self.amount:.6g} {self.unit})" if self.amount is not None else ""
        return f"law {self.law}, {self.where}{at}: {self.text}{amount}"


@dataclass(frozen=True, slots=True)
class Excess:
    """By how much a limit is passed at one instant; nothing is wrong within the tolerance."""

    text: str
    at: datetime
    amount: float
    unit: Literal["kW", "kWh"]

    @property
    def matters(self) -> bool:
        return self.amount > (POWER_KW if self.unit == "kW" else ENERGY_KWH)


def worst(law: int, where: str, found: Iterable[Excess]) -> Iterator[Breach]:
    """One breach a text: the first instant, the worst amount."""
    breaches: dict[str, Breach] = {}
    for x in found:
        known = breaches.get(x.text)
        if not x.matters:
            continue
        if known is None or known.amount is None:
            breaches[x.text] = Breach(
                law=law, where=where, text=x.text, at=x.at, amount=x.amount, unit=x.unit
            )
        elif x.amount > known.amount:
            breaches[x.text] = replace(known, amount=x.amount)
    yield from breaches.values()
