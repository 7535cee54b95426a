"""Time that jumps."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from simulation.soak.loop import START, NothingToDo, VirtualClock, VirtualLoop


def test_a_day_of_sleep_moves_the_clock_by_a_day_to_the_instant(virtual_loop: VirtualLoop) -> None:
    virtual_loop.run_until_complete(asyncio.sleep(86_400.25))
    assert virtual_loop.time() == pytest.approx(86_400.25, abs=1e-6)


def test_timers_fire_in_the_order_of_their_instants_each_at_its_own(
    virtual_loop: VirtualLoop,
) -> None:
    fired: list[tuple[float, str]] = []

    def fire(name: str) -> None:
        fired.append((virtual_loop.time(), name))

    async def wait() -> None:
        for name, delay_s in (("c", 3.0), ("a", 1.0), ("b", 2.5)):
            virtual_loop.call_later(delay_s, fire, name)
        await asyncio.sleep(10)

    virtual_loop.run_until_complete(wait())
    assert [name for _, name in fired] == ["a", "b", "c"]
    assert [at_s for at_s, _ in fired] == pytest.approx([1.0, 2.5, 3.0], abs=1e-6)


def test_a_timeout_is_virtual_too(virtual_loop: VirtualLoop) -> None:
    async def wait() -> None:
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        virtual_loop.run_until_complete(wait())
    assert virtual_loop.time() == pytest.approx(3600, abs=1e-6)


def test_who_waits_for_nothing_is_told_instead_of_waiting_for_ever(
    virtual_loop: VirtualLoop,
) -> None:
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            waiting.append(True)

    waiting: list[bool] = []
    task = virtual_loop.create_task(wait())
    with pytest.raises(NothingToDo):
        virtual_loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        virtual_loop.run_until_complete(task)
    assert waiting


def test_a_step_of_utc_moves_neither_the_monotonic_clock_nor_the_truth(
    virtual_loop: VirtualLoop,
) -> None:
    clock = VirtualClock(virtual_loop)
    virtual_loop.run_until_complete(asyncio.sleep(5))
    clock.offset_s = 3600.0
    assert clock.truth() - START == pytest.approx(
        timedelta(seconds=5), abs=timedelta(microseconds=1)
    )
    assert clock.utc() - clock.truth() == timedelta(hours=1)
    assert clock.read().monotonic_s == pytest.approx(5, abs=1e-6)
