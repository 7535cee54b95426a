"""The planner process, with solvers that hang, crash, eat memory and raise."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import pytest

from daemon.adapters.planner import PlannerProcess
from daemon.core.effects import StartPlanning
from daemon.core.events import Event, PlanFailed, PlanReady
from planner.params import Params
from planner.series import Series
from planner.snapshot import Horizon, Site, Snapshot
from planner.solve import solve_with_report
from tests.adapters.bad_solvers import GARBAGE
from tests.planner.depots import random_depot
from tests.waiting import until

FINE, HANG, ABORT, MEMORY, RAISE, EXIT, KILLED, OTHER_REVISION = range(8)
LONG_S = 3600.0


@pytest.fixture(autouse=True)
def _solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def request(revision: int, seed: int = FINE, budget_s: float = LONG_S) -> StartPlanning:
    snapshot = Snapshot(
        revision=revision,
        taken_at=datetime(2026, 11, 20, 16, tzinfo=UTC),
        mode="integrated",
        horizon=Horizon(hours=1.0, step_minutes=15.0),
        site=Site(id="n\u00f6rth\n", currency="EUR", import_limit_kw=Series.constant(70.0)),
    )
    return StartPlanning(
        snapshot=snapshot, params=Params(), budget_s=budget_s, seed=seed, trigger="test"
    )


class Running:
    """A planner process and what it has told."""

    def __init__(self, solver: str) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.ended: list[str] = []
        self.planner = PlannerProcess(
            emit=self.events.put,
            memory_limit_bytes=2 * 2**30,
            grace_s=0.1,
            solver=f"bad_solvers:{solver}",
            planned=self._planned,
        )

    def _planned(self, status: str, seconds: float) -> None:
        assert seconds > 0
        self.ended.append(status)

    async def ready(self) -> PlanReady:
        event = await self.events.get()
        assert isinstance(event, PlanReady), event
        return event

    async def failed(self) -> PlanFailed:
        event = await self.events.get()
        assert isinstance(event, PlanFailed), event
        return event


@asynccontextmanager
async def running(solver: str = "by_seed") -> AsyncIterator[Running]:
    run = Running(solver)
    await run.planner.start()
    try:
        yield run
    finally:
        await run.planner.stop()


async def test_plans_come_one_by_one_and_the_last_is_told_to_be_final() -> None:
    async with running("good") as run:
        await run.planner.start_planning(request(4711, seed=7))
        told = [await run.ready() for _ in range(3)]
        assert [(t.plan.algorithm, t.final, t.steps_down) for t in told] == [
            ("greedy", False, ()),
            ("joint", False, ()),
            ("joint", True, ("lp failed", "milp timed out")),
        ]
        assert {(t.revision, t.plan.revision, t.plan.seed) for t in told} == {(4711, 4711, 7)}


async def test_the_real_solver_answers_as_it_does_without_a_process() -> None:
    depot = random_depot(Random(7), vehicles=2, routes=2, connectors=2, hours=6)
    told: asyncio.Queue[Event] = asyncio.Queue()
    planner = PlannerProcess(emit=told.put, memory_limit_bytes=4 * 2**30)
    await planner.start()
    try:
        await planner.start_planning(
            StartPlanning(snapshot=depot, params=Params(), budget_s=60.0, seed=3, trigger="test")
        )
        event = await told.get()
        while isinstance(event, PlanReady) and not event.final:
            event = await told.get()
    finally:
        await planner.stop()
    solved = solve_with_report(depot, Params(), 60.0, 3)
    assert event == PlanReady(
        revision=depot.revision, plan=solved.plan, final=True, steps_down=solved.steps_down
    )


async def test_how_each_request_ended_is_counted() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, FINE))
        while not (await run.ready()).final:
            pass
        await run.planner.start_planning(request(2, RAISE))
        await run.ready()
        await run.failed()
        await run.planner.start_planning(request(3, HANG))
        await run.ready()
        await run.planner.start_planning(request(4, HANG, budget_s=0.1))
        while not isinstance(await run.events.get(), PlanFailed):
            pass
        assert run.ended == ["feasible", "failed", "replaced", "killed"]


async def test_one_process_answers_request_after_request() -> None:
    async with running() as run:
        pids = set()
        for revision in range(5):
            await run.planner.start_planning(request(revision))
            pids |= {(await run.ready()).plan.algorithm, (await run.ready()).plan.algorithm}
        assert len(pids) == 1
        assert pids != {str(os.getpid())}


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (ABORT, "the planner process was ended by SIGABRT"),
        (MEMORY, "out of memory: 2048 MiB were given"),
        (RAISE, r"ValueError: no such column \(bad_solvers.py, line \d+\)"),
        (EXIT, "the planner process ended with status 3"),
        (KILLED, "the planner process was ended by SIGKILL"),
    ],
)
async def test_a_failure_is_told_after_the_plans_before_it_and_the_next_request_is_served(
    seed: int, reason: str
) -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, seed))
        first = await run.ready()
        assert (first.revision, first.final) == (1, False)
        failed = await run.failed()
        assert failed.revision == 1
        with pytest.raises(AssertionError, match=f"^{reason}$"):
            raise AssertionError(failed.reason)
        await run.planner.start_planning(request(2))
        again, final = await run.ready(), await run.ready()
        assert (again.revision, final.final) == (2, True)
        assert (again.plan.algorithm == first.plan.algorithm) == (seed == RAISE)


@pytest.mark.fault(22)
async def test_past_deadline_and_grace_the_process_is_killed() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1))
        process = int((await run.ready()).plan.algorithm)
        assert (await run.ready()).final
        await run.planner.start_planning(request(2, HANG, budget_s=0.3))
        event = await run.events.get()
        # On a busy machine the process may not even have come to its first plan.
        if isinstance(event, PlanReady):
            event = await run.events.get()
        assert event == PlanFailed(revision=2, reason="killed after 0.4 s: 0.3 s were given")
        assert not alive(process)


@pytest.mark.fault(29)
async def test_a_newer_request_replaces_the_one_under_way_without_a_word() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, HANG))
        hung = int((await run.ready()).plan.algorithm)
        await run.planner.start_planning(request(2))
        assert [(await run.ready()).revision, (await run.ready()).revision] == [2, 2]
        assert not alive(hung)
        assert run.events.empty()


@pytest.mark.fault(28)
async def test_of_several_requests_at_once_only_the_newest_is_planned() -> None:
    async with running() as run:
        for revision in range(1, 6):
            await run.planner.start_planning(request(revision))
        assert [(await run.ready()).revision, (await run.ready()).revision] == [5, 5]
        assert run.events.empty()


@pytest.mark.fault(23)
@pytest.mark.parametrize("seed", range(len(GARBAGE)))
async def test_an_answer_that_is_none_fails_the_planning_and_nothing_else(seed: int) -> None:
    async with running("garbage") as run:
        await run.planner.start_planning(request(1, seed))
        await run.ready()
        assert (await run.failed()).reason.startswith("the solver's answer cannot be read: ")
        await run.planner.start_planning(request(2))
        assert (await run.ready()).revision == 2


@pytest.mark.fault(29)
async def test_a_plan_for_another_revision_is_no_answer() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, OTHER_REVISION))
        assert (await run.ready()).plan.revision == 1
        reason = "the solver's answer cannot be read: it is a plan for revision 2, not 1"
        assert await run.failed() == PlanFailed(revision=1, reason=reason)


@pytest.mark.fault(23)
async def test_a_process_that_died_while_idle_costs_no_plan() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1))
        idle = int((await run.ready()).plan.algorithm)
        assert (await run.ready()).final
        os.kill(idle, signal.SIGKILL)
        await until(lambda: not alive(idle))
        await run.planner.start_planning(request(2))
        assert (await run.ready()).revision == 2


@pytest.mark.fault(23)
async def test_a_death_that_the_fork_server_has_not_told_of_costs_no_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as run:
        await run.planner.start_planning(request(1))
        idle = int((await run.ready()).plan.algorithm)
        assert (await run.ready()).final
        monkeypatch.setattr(BaseProcess, "is_alive", lambda process: True)
        os.kill(idle, signal.SIGKILL)
        await until(lambda: not alive(idle))
        await asyncio.sleep(0.1)
        await run.planner.start_planning(request(2))
        assert (await run.ready()).revision == 2


async def test_a_solver_without_a_plan_is_a_failure() -> None:
    async with running("no_plan") as run:
        await run.planner.start_planning(request(1))
        assert await run.failed() == PlanFailed(
            revision=1, reason="the solver ended without a plan"
        )


async def test_stopping_in_mid_plan_leaves_no_process_and_says_nothing() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, HANG))
        hung = int((await run.ready()).plan.algorithm)
    assert not alive(hung)
    assert run.events.empty()
    with pytest.raises(RuntimeError, match="stopped"):
        await run.planner.start_planning(request(2))


async def test_the_loop_turns_while_the_process_hangs() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, HANG))
        await run.ready()
        for _ in range(1000):
            await asyncio.sleep(0)
        assert run.events.empty()


def test_the_process_ends_with_a_daemon_that_is_killed() -> None:
    here = Path(__file__)
    with subprocess.Popen(
        [sys.executable, here, "hang"], stdout=subprocess.PIPE, cwd=here.parents[2]
    ) as parent:
        assert parent.stdout is not None
        hung = int(parent.stdout.readline())
        assert alive(hung)
        parent.kill()
    asyncio.run(until(lambda: not alive(hung)))


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def _hang() -> None:
    async with running() as run:
        await run.planner.start_planning(request(1, HANG))
        print((await run.ready()).plan.algorithm, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_hang())
