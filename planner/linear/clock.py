"""What is left of a budget. The clock decides only how long a search may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MIN_TIME_S = 0.05
MAX_TIME_S = 3600.0

Clock = Callable[[], float]


def clamp_time(seconds: float, most: float = MAX_TIME_S) -> float:
    """Within `[MIN_TIME_S, most]`; NaN is the least, for HiGHS would take it for no limit."""
    return min(max(seconds, MIN_TIME_S), most) if seconds == seconds else MIN_TIME_S


@dataclass(slots=True)
class Deadline:
    end_s: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, budget_s: float, clock: Clock = time.monotonic) -> Deadline:
        return cls(clock() + budget_s, clock)

    @property
    def left_s(self) -> float:
        return self.end_s - self.clock()
