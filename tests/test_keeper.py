"""The keeper: what the store cannot take now waits, bounded, and is kept first when it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from daemon import keeper as module
from daemon.adapters.metrics import Metrics
from daemon.adapters.store import StoreInUse
from daemon.core.records import AlertRecord, Fact, InboxDone, NotKept, Record
from daemon.keeper import Keeper
from tests.adapters.brokers import log_to
from tests.core.bench import START
from tests.waiting import until


class Refused(NotKept):
    later = False


@dataclass
class Disk:
    """A store that fails as it is told to; `gate` makes a commit wait."""

    failing: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[Record] = field(default_factory=list)
    commits: int = 0

    async def commit(self, records: Sequence[Record]) -> None:
        self.commits += 1
        await self.gate.wait()
        if any(isinstance(r, Fact) and r.value == "unkeepable" for r in records):
            raise Refused("no store can hold it")
        if self.failing:
            raise NotKept("the disk is full")
        self.kept += records


def fact(key: str, value: str | int) -> Fact:
    return Fact(kind="n", key=key, value=value)


def happened(number: int) -> AlertRecord:
    return AlertRecord(at=START, kind="k", severity="info", station=None, text=str(number))


@asynccontextmanager
async def keeping(disk: Disk, told: list[str | None]) -> AsyncIterator[Keeper]:
    disk.gate.set()
    keeper = Keeper(
        disk,
        log=log_to([]),
        counts=Metrics(),
        changed=told.append,
        patience_s=0.05,
        retry_s=0.01,
    )
    task = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(30):
            yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def back(keeper: Keeper) -> None:
    await until(lambda: keeper.behind is None)


@pytest.mark.fault(54)
async def test_a_slow_commit_holds_nobody_up_and_is_done_once() -> None:
    disk, told = Disk(), list[str | None]()
    async with keeping(disk, told) as keeper:
        disk.gate.clear()
        assert await keeper.keep([[fact("a", 1)], []]) == [False, True]
        assert await keeper.keep([[fact("a", 2)], [happened(1)]]) == [False, False]
        disk.gate.set()
        await back(keeper)
        assert await keeper.keep([[fact("a", 3)]]) == [True]
    assert disk.kept == [fact("a", 1), fact("a", 2), happened(1), fact("a", 3)]
    assert told == ["a commit took more than 0.05 s", None]


@pytest.mark.fault(53)
async def test_of_beliefs_that_wait_only_the_newest_is_kept_and_before_what_happened() -> None:
    disk, told = Disk(failing=True), list[str | None]()
    async with keeping(disk, told) as keeper:
        for value in range(100):
            await keeper.keep([[InboxDone(inbox_id=value), fact("a", value)]])
        disk.failing = False
        await back(keeper)
    assert disk.kept == [fact("a", 99), *(InboxDone(inbox_id=n) for n in range(100))]


@pytest.mark.fault(53)
async def test_a_commit_that_fails_late_does_not_undo_what_was_said_since() -> None:
    disk, told = Disk(), list[str | None]()
    async with keeping(disk, told) as keeper:
        disk.gate.clear()
        await keeper.keep([[fact("a", 1), fact("b", 1)]])
        await keeper.keep([[fact("a", 2)]])
        disk.failing = True
        disk.gate.set()
        await asyncio.sleep(0.05)
        disk.failing = False
        await back(keeper)
    assert set(disk.kept) == {fact("b", 1), fact("a", 2)}


async def test_what_no_store_can_hold_spoils_nothing_else() -> None:
    disk, told = Disk(), list[str | None]()
    async with keeping(disk, told) as keeper:
        groups: list[list[Record]] = [[fact("a", 1)], [fact("b", "unkeepable")], [fact("c", 1)]]
        assert await keeper.keep(groups) == [True, False, True]
        disk.failing = True
        await keeper.keep([[fact("d", 1)]])
        await keeper.keep([[fact("e", "unkeepable")]])
        disk.failing = False
        await back(keeper)
    assert disk.kept == [fact("a", 1), fact("c", 1), fact("d", 1)]


@pytest.mark.fault(53)
class Taken(Disk):
    async def commit(self, records: Sequence[Record]) -> None:
        raise StoreInUse("another depotd has it open")


@pytest.mark.fault(21)
async def test_a_store_that_another_daemon_has_taken_ends_whoever_had_it() -> None:
    async with keeping(Taken(), []) as keeper:
        with pytest.raises(StoreInUse):
            await keeper.keep([[fact("a", 1)]])


async def test_what_waits_is_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HISTORY", 3)
    disk, told = Disk(failing=True), list[str | None]()
    async with keeping(disk, told) as keeper:
        for number in range(10):
            await keeper.keep([[happened(number), fact(str(number), number)]])
        assert keeper.waiting == 3 + 10
        disk.failing = False
        await back(keeper)
    assert [r for r in disk.kept if isinstance(r, AlertRecord)] == [happened(n) for n in (7, 8, 9)]


@pytest.mark.fault(51)
async def test_cancelled_in_the_middle_of_a_commit_it_lets_the_commit_finish() -> None:
    disk, told = Disk(), list[str | None]()
    async with keeping(disk, told) as keeper:
        disk.gate.clear()
        keeping_one = asyncio.create_task(keeper.keep([[fact("a", 1)]]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        keeping_one.cancel()
        disk.gate.set()
        await asyncio.gather(keeping_one, return_exceptions=True)
    assert disk.kept == [fact("a", 1)]
