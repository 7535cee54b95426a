"""Waiting for what must come, without an end that a slow machine would meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Returns once `condition` holds; a minute is for a machine that has stalled."""
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it did not come within {seconds:g} s")
