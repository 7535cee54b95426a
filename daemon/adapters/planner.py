"""Planning where it can be killed: one process, kept warm, with a deadline and a memory limit.

HiGHS lets go of the GIL but cannot be cancelled, and a 2 s limit took it 5.7 s at 57,600 variables:
what may hang runs in a process of its own. A fork of a server that has SciPy loaded takes 9 ms, a
new interpreter 670 ms, so killing is cheap enough to be the way to give up a plan too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from typing import Final

from pydantic import TypeAdapter

from daemon.adapters import planner_child
from daemon.core.effects import StartPlanning
from daemon.core.events import Event, PlanFailed, PlanReady
from planner.codec import MAX_BYTES, dump_snapshot, load_plan
from planner.params import Params
from planner.plan import Plan

# A fork server that does not answer: the request fails, the next one tries again.
SPAWN_S: Final = 120.0

_PARAMS: Final = TypeAdapter(Params)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One line of the process, as `planner_child` writes it."""

    plan: str | None = None
    steps_down: tuple[str, ...] | None = None
    failed: str | None = None
    healthy: bool = False


_ANSWER: Final = TypeAdapter(_Answer)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a request ended: `status` of its last plan, or `failed`, `killed` or `replaced`.

    `reason`: why there is no final plan, if that is to be told. `healthy`: whether the process can
    take another request.
    """

    status: str
    reason: str | None = None
    healthy: bool = True


def _uncounted(_status: str, _seconds: float) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Child:
    process: ForkServerProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def is_alive(self) -> bool:
        """Its end of the socket is closed before the fork server has told of its death."""
        return not self.reader.at_eof() and self.process.is_alive()

    async def kill(self) -> None:
        """Returns when it is gone; may be called again where it was interrupted."""
        self.process.kill()
        self.writer.transport.abort()
        # Its end of the socket is gone: that is what was wanted.
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
        await asyncio.to_thread(self.process.join)
        self.process.close()


class PlannerProcess:
    """Turns StartPlanning into PlanReady and PlanFailed events, given to `emit`.

    Each plan is told with `final` False as it comes; when no better one will, the last is told once
    more with `final` True. A request that does not come to that end, and was not replaced by a
    newer one, ends in one PlanFailed; the next one finds a new process.

    `solver` names a generator `module:function(snapshot, params, budget_s, seed)` of
    `planner.solve.Solved`, audited. Their steps down are told with the final plan.
    `memory_limit_bytes` bounds the process's address space (RLIMIT_AS). `planned` hears of every
    request how it ended, a plan's status or `failed`, `killed` or `replaced`, and the seconds that
    it took.
    """

    def __init__(
        self,
        *,
        emit: Callable[[Event], Awaitable[None]],
        memory_limit_bytes: int,
        grace_s: float = 0.5,
        solver: str = "planner.solve:iter_solved",
        planned: Callable[[str, float], None] = _uncounted,
    ) -> None:
        self._emit = emit
        self._memory_limit_bytes = memory_limit_bytes
        self._grace_s = grace_s
        self._solver = solver
        self._planned = planned
        self._context = multiprocessing.get_context("forkserver")
        # The solver's module brings SciPy: a second that every new process would wait for.
        self._context.set_forkserver_preload(["planner.solve", planner_child.__name__])
        self._child: _Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._request: StartPlanning | None = None
        self._newer = asyncio.Event()
        self._due_s: float | None = None

    async def start(self) -> None:
        """Returns when the process is there. Raises OSError where none can be made."""
        self._child = await self._spawn()
        self._task = asyncio.create_task(self._serve(), name="planner")

    async def start_planning(self, request: StartPlanning) -> None:
        """Returns at once; a planning under way is given up, and says nothing more."""
        if self._task is None:
            raise RuntimeError("the planner process is not started")
        if self._task.done():
            raise RuntimeError("the planner process is stopped") from (
                None if self._task.cancelled() else self._task.exception()
            )
        self._request = request
        self._newer.set()

    async def run(self) -> None:
        """Until cancelled; raises what has ended the part that serves requests."""
        assert self._task is not None, "start() comes first"
        await asyncio.shield(self._task)

    def overdue_s(self) -> float:
        """For how long a planning has been under way beyond its deadline and grace."""
        if self._due_s is None:
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._due_s)

    async def stop(self) -> None:
        """Gives up what is under way, without a word, and ends the process."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _serve(self) -> None:
        try:
            while True:
                await self._newer.wait()
                self._newer.clear()
                assert self._request is not None
                limit_s = self._request.budget_s + self._grace_s
                self._due_s = asyncio.get_running_loop().time() + limit_s
                await self._plan(self._request)
                self._due_s = None
        finally:
            await self._discard()

    async def _plan(self, request: StartPlanning) -> None:
        began_s = time.perf_counter()
        try:
            if self._child is not None and not self._child.is_alive():
                await self._discard()
            self._child = self._child or await self._spawn()
            outcome = await self._outcome(self._child, request)
        except (OSError, EOFError) as error:
            reason = f"no planner process can be made: {error!r}"
            outcome = _Outcome("failed", reason, healthy=False)
        self._planned(outcome.status, time.perf_counter() - began_s)
        if not outcome.healthy:
            await self._discard()
        if outcome.reason is not None:
            revision = request.snapshot.revision
            await self._emit(PlanFailed(revision=revision, reason=outcome.reason))
        if self._child is None:
            # Ahead of the next request, which tries again and tells when this fails.
            with contextlib.suppress(OSError, EOFError):
                self._child = await self._spawn()

    async def _outcome(self, child: _Child, request: StartPlanning) -> _Outcome:
        limit_s = request.budget_s + self._grace_s
        solving = asyncio.create_task(self._stream(child, request))
        newer = asyncio.create_task(self._newer.wait())
        try:
            await asyncio.wait(
                {solving, newer}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            if solving.done():
                return solving.result()
            if newer.done():
                return _Outcome("replaced", healthy=False)
            reason = f"killed after {limit_s:g} s: {request.budget_s:g} s were given"
            return _Outcome("killed", reason, healthy=False)
        finally:
            solving.cancel()
            newer.cancel()
            await asyncio.wait({solving, newer})

    async def _stream(self, child: _Child, request: StartPlanning) -> _Outcome:
        plan = None
        revision = request.snapshot.revision
        try:
            child.writer.write(self._line(request))
            await child.writer.drain()
            while (line := await child.reader.readline()).endswith(b"\n"):
                answer = _ANSWER.validate_json(line)
                if answer.failed is not None:
                    return _Outcome("failed", answer.failed, healthy=answer.healthy)
                if answer.plan is not None:
                    plan = _plan_for(revision, answer.plan)
                    await self._emit(PlanReady(revision=revision, plan=plan, final=False))
                elif answer.steps_down is None:
                    raise ValueError("it says nothing")
                elif plan is None:
                    return _Outcome("failed", "the solver ended without a plan")
                else:
                    steps = answer.steps_down
                    await self._emit(
                        PlanReady(revision=revision, plan=plan, final=True, steps_down=steps)
                    )
                    return _Outcome(plan.status)
        except ValueError as error:
            reason = f"the solver's answer cannot be read: {error}"
            return _Outcome("failed", reason, healthy=False)
        except ConnectionError:
            pass  # it died before it had read or said everything: told below, with its exit code
        await asyncio.to_thread(child.process.join)
        reason = f"the planner process {_ending(child.process.exitcode)}"
        return _Outcome("failed", reason, healthy=False)

    def _line(self, request: StartPlanning) -> bytes:
        message = {
            "snapshot": dump_snapshot(request.snapshot),
            "params": _PARAMS.dump_json(request.params).decode(),
            "budget_s": request.budget_s,
            "seed": request.seed,
        }
        return json.dumps(message).encode() + b"\n"

    async def _spawn(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = self._context.Process(
                target=planner_child.serve,
                args=(theirs, self._solver, self._memory_limit_bytes),
                name="depotd-planner",
                daemon=True,
            )
            try:
                # The first one waits for the server and its imports, about a second.
                async with asyncio.timeout(SPAWN_S):
                    await asyncio.to_thread(process.start)
            except BaseException as error:
                ours.close()
                if isinstance(error, TimeoutError):
                    raise OSError(f"no planner process was there within {SPAWN_S:g} s") from error
                raise
        # JSON in JSON: every quote is escaped once more.
        reader, writer = await asyncio.open_connection(sock=ours, limit=2 * MAX_BYTES)
        return _Child(process, reader, writer)

    async def _discard(self) -> None:
        if self._child is not None:
            await self._child.kill()
            self._child = None


def _plan_for(revision: int, text: str) -> Plan:
    """Raises ValueError: what a solver that is out of its mind says of another depot is no plan."""
    plan = load_plan(text)
    if plan.revision != revision:
        raise ValueError(f"it is a plan for revision {plan.revision}, not {revision}")
    return plan


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"
