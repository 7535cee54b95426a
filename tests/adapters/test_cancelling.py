from __future__ import annotations

import asyncio

from daemon.adapters.cancelling import heed_cancellation


async def ended(task: asyncio.Task[None]) -> bool:
    """By the one cancellation it was given."""
    await asyncio.wait({task}, timeout=5)
    cancelled = task.cancelled()
    task.cancel()
    return cancelled


async def test_a_loop_ends_though_its_task_group_fails_as_it_is_cancelled() -> None:
    fail = asyncio.Event()
    rounds = 0

    async def failing() -> None:
        await fail.wait()
        raise OSError("the link is lost")

    async def run() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(failing())
            except* OSError:
                fail.clear()
            heed_cancellation()

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    fail.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    assert await ended(task)
    assert rounds == 1


async def test_a_wait_ends_though_its_result_comes_with_the_cancellation() -> None:
    result: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        await asyncio.wait_for(result, 60)
        heed_cancellation()
        await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    result.set_result(None)
    task.cancel()
    assert await ended(task)


async def test_who_was_not_cancelled_goes_on() -> None:
    await asyncio.sleep(0)
    heed_cancellation()
