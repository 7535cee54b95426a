"""A clock that only a test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 16, tzinfo=UTC)


class JumpClock:
    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._now_s)

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_s + seconds, future))
        await future

    def jump(self, seconds: float) -> None:
        """All who sleep until then wake at once, late by as much as it jumped too far."""
        self._now_s += seconds
        due = [x for x in self._sleepers if x[0] <= self._now_s]
        self._sleepers = [x for x in self._sleepers if x[0] > self._now_s]
        for _, future in due:
            if not future.done():
                future.set_result(None)
