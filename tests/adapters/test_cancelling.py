from __future__ import annotations

import asyncio

import pytest

from daemon.adapters.cancelling import apart, heed_cancellation


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

    async def session() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(failing())

    async def run() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            try:
                await apart(session())
            except* OSError:
                fail.clear()

    task = asyncio.create_task(run())
    for _ in range(3):
        await asyncio.sleep(0)
    fail.set()
    await asyncio.sleep(0)
    task.cancel()
    assert await ended(task)
    assert rounds == 1


async def test_what_runs_apart_is_over_before_its_caller_is() -> None:
    said: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            said.append("goodbye")

    task = asyncio.create_task(apart(work()))
    await asyncio.sleep(0.01)
    task.cancel()
    assert await ended(task)
    assert said == ["goodbye"]


async def test_what_runs_apart_returns_and_raises() -> None:
    async def seven() -> int:
        return 7

    async def fails() -> None:
        raise OSError("the link is lost")

    assert await apart(seven()) == 7
    with pytest.raises(OSError, match="the link is lost"):
        await apart(fails())


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
