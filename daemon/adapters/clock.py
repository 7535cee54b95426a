"""The time of the world, as an argument: nothing else in the daemon asks the machine for it.

Seconds here are the domain's: a clock that runs ten times as fast sleeps a tenth as long.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def utc(self) -> datetime:
        """Now, aware, in UTC. It may step; deadlines are kept on `monotonic_s`."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns no earlier than `seconds` of this clock from now; 0 or less yields once."""
        ...


class SystemClock:
    """The machine's own time."""

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class ScaledClock:
    """Time that began at `start` when the clock was made and runs `speed` times as fast.

    Raises ValueError for a speed that is not positive and finite, or a `start` without a zone.
    """

    def __init__(self, speed: float, start: datetime) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed: wants a positive number, got {speed}")
        if start.tzinfo is None:
            raise ValueError("start: wants an instant with a time zone")
        self.speed = speed
        self._start = start.astimezone(UTC)
        self._origin_s = time.monotonic()

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        return (time.monotonic() - self._origin_s) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0) / self.speed)
