"""What planning told, and when: the trajectory of one run, and how two outcomes compare."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.cases import Line
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot
from planner.solve import iter_solved

PRIORITY: Final = 1e-6
KWH: Final = 0.01
"""What law 10 lets a lower tier cost a higher one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A plan's tiers, `at_s` after planning began."""

    at_s: float
    algorithm: str
    status: str
    unserved: float
    shortfall_kwh: float
    money: float
    bound_money: float | None
    gap: float | None
    cpu_s: float

    def equals_above_money(self, other: Outcome) -> bool:
        same = abs(self.unserved - other.unserved) <= PRIORITY
        return same and abs(self.shortfall_kwh - other.shortfall_kwh) <= KWH

    def beats(self, other: Outcome) -> bool:
        """In the first tier that differs; money differs from a cent on."""
        if abs(self.unserved - other.unserved) > PRIORITY:
            return self.unserved < other.unserved
        if abs(self.shortfall_kwh - other.shortfall_kwh) > KWH:
            return self.shortfall_kwh < other.shortfall_kwh
        return self.money < other.money - 0.01

    def within(self, share: float, other: Outcome) -> bool:
        """Whether each tier is at most `share` worse."""
        return (
            self.unserved <= other.unserved * (1 + share) + PRIORITY
            and self.shortfall_kwh <= other.shortfall_kwh * (1 + share) + KWH
            and self.money <= other.money + share * abs(other.money)
        )


def followed(snapshot: Snapshot, algorithm: str, budget_s: float) -> Generator[tuple[Line, Plan]]:
    """Each plan of `planner.solve` with its line for `outcomes`."""
    started_s, cpu_s = time.perf_counter(), time.process_time()
    for solved in iter_solved(snapshot, Params(algorithm=algorithm), budget_s, 0):
        at_s = time.perf_counter() - started_s
        spent_s = time.process_time() - cpu_s
        yield _line(solved.plan, at_s, spent_s, solved.steps_down), solved.plan


def _line(plan: Plan, at_s: float, cpu_s: float, down: Sequence[str]) -> dict[str, Any]:
    return {
        "at_s": round(at_s, 4),
        "cpu_s": round(cpu_s, 4),
        "algorithm": plan.algorithm,
        "status": plan.status,
        "unserved": plan.objective.unserved,
        "shortfall_kwh": round(plan.objective.shortfall_kwh, 5),
        "money": round(plan.objective.money, 5),
        "bound_money": None if plan.bound is None else round(plan.bound.money, 5),
        "gap": None if plan.bound is None else round(plan.bound.gap, 6),
        "steps_down": list(down),
    }


def outcomes(lines: Sequence[Line]) -> list[Outcome]:
    """The plans among the lines of a run."""
    names = Outcome.__dataclass_fields__
    return [
        Outcome(**{k: v for k, v in line.items() if k in names})
        for line in lines
        if "money" in line
    ]


def best(found: Sequence[Outcome]) -> Outcome:
    """The first of the best."""
    return functools.reduce(lambda a, b: b if b.beats(a) else a, found)


def at(found: Sequence[Outcome], at_s: float) -> Outcome | None:
    """The plan that stood at that time; None before the first one."""
    return next((o for o in reversed(found) if o.at_s <= at_s), None)


def reaches(found: Sequence[Outcome], quality: Outcome, share: float) -> float | None:
    """When the plan of `reached` was there."""
    first = reached(found, quality, share)
    return None if first is None else first.at_s


def reached(found: Sequence[Outcome], quality: Outcome, share: float) -> Outcome | None:
    """The first plan that equals `quality` above money, which it misses by at most `share`; better
    ones count too. None if none does."""
    return next(
        (
            o
            for o in found
            if o.beats(quality) or (o.equals_above_money(quality) and o.within(share, quality))
        ),
        None,
    )
