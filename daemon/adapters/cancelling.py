"""Cancellations that Python 3.11 and 3.12 lose, and whose loss makes a task run on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises, from a task of its own.

    A TaskGroup before Python 3.13 raises only its tasks' errors when a cancellation comes together
    with one: who caught them and went on would never end. Here the caller's cancellation reaches
    the caller in any case, once `work` has ended.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise
    return task.result()


def heed_cancellation() -> None:
    """Raises CancelledError where the current task was told to end and has not heard it:
    `asyncio.wait_for` before Python 3.12 returns the result that comes together with it.

    Not for a task that enters task groups: before 3.13 those leave their own cancellations counted.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
