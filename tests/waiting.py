"""Waiting for what must come, without an end that a slow machine would meet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Returns once `condition` holds; a minute is for a machine that has stalled."""
    tries = range(int(seconds * 100))
    for _ in itertools.takewhile(lambda _: not condition(), tries):
        await asyncio.sleep(0.01)
    assert condition()
