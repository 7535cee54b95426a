"""Cancellations that Python 3.11 and 3.12 lose."""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raises CancelledError where the current task was told to end and nobody has heard it.

    A TaskGroup before Python 3.13 raises only its tasks' errors when a cancellation comes together
    with one; `asyncio.wait_for` before 3.12 returns the result that comes together with it. Who
    goes on after either has to ask here, or runs on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
