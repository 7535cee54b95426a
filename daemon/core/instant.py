"""The two clocks that every decision is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of both clocks: `utc` dates what is told to others, `monotonic_s` times what we
    wait for, so that a stepped wall clock moves no deadline."""

    utc: datetime
    monotonic_s: float
