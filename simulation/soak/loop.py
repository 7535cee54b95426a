"""An event loop whose clock jumps: when nothing is ready, the next timer's instant is now."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, TypeVarTuple, cast

from daemon.core.instant import Now

# Timers so near to each other are of one instant.
RESOLUTION_S = 1e-9
# Fewer timers than this are not worth tidying up.
MANY = 100

Ts = TypeVarTuple("Ts")
START = datetime(2026, 11, 20, 16, tzinfo=UTC)


class NothingToDo(RuntimeError):
    """Every task waits for another: in virtual time that is for ever."""


class _Call:
    """What is to be called, and when: as much of an asyncio.TimerHandle as tasks, futures and
    timeouts use."""

    __slots__ = ("_args", "_callback", "_context", "_loop", "_when_s", "is_cancelled", "is_timed")

    def __init__(
        self,
        loop: VirtualLoop,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        self.is_cancelled = self.is_timed = False
        self._loop = loop
        self._when_s = when_s
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context

    def __lt__(self, other: _Call) -> bool:
        """Of two at one instant none comes first."""
        return False

    def when(self) -> float:
        return self._when_s

    def cancelled(self) -> bool:
        return self.is_cancelled

    def cancel(self) -> None:
        if not self.is_cancelled:
            self.is_cancelled = True
            self._loop.cancelled_timers += self.is_timed

    def make(self) -> None:
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            message = f"Exception in callback {self._callback!r}"
            self._loop.call_exception_handler({"message": message, "exception": error})


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as asyncio's own loop does, in the order that the timers say, and never sleeps. Nothing
    comes from outside, so it looks for nothing there: around callbacks as short as most of a run's
    are, that would be a tenth of all its time.

    asyncio's debug mode is off whatever the environment says: it keeps a stack for each of millions
    of callbacks."""

    def __init__(self) -> None:
        self._runs = self._stops = False
        super().__init__()
        self.set_debug(False)
        self.cancelled_timers = 0
        self._now_s = 0.0
        self._timers: list[tuple[float, _Call]] = []
        self._next: deque[_Call] = deque()

    def time(self) -> float:
        return self._now_s

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        call = _Call(self, self._now_s, callback, args, context)
        self._next.append(call)
        return cast(asyncio.Handle, call)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        call = _Call(self, when, callback, args, context)
        call.is_timed = True
        heappush(self._timers, (when, call))
        return cast(asyncio.TimerHandle, call)

    def is_running(self) -> bool:
        return self._runs

    def stop(self) -> None:
        """At the end of this turn."""
        self._stops = True

    def run_forever(self) -> None:
        """Until stopped. Raises NothingToDo."""
        asyncio.events._set_running_loop(self)
        self._runs = True
        try:
            while True:
                self._turn()
                if self._stops:
                    break
        finally:
            self._runs = self._stops = False
            asyncio.events._set_running_loop(None)

    def _turn(self) -> None:
        """Makes all calls that are due, those that they ask for in the next turn."""
        timers, calls = self._timers, self._next
        if timers and (timers[0][1].is_cancelled or self.cancelled_timers > MANY / 2):
            self._forget_cancelled()
        if not calls and not self._stops:
            if not timers:
                raise NothingToDo("no task is ready and no timer is set")
            wait_s = timers[0][0] - self._now_s
            if wait_s > 0:
                self._now_s += wait_s
        end_s = self._now_s + RESOLUTION_S
        while timers and timers[0][0] < end_s:
            _, call = heappop(timers)
            call.is_timed = False
            calls.append(call)
        for _ in range(len(calls)):
            call = calls.popleft()
            if not call.is_cancelled:
                call.make()

    def _forget_cancelled(self) -> None:
        """Those that come next, and all when they are more than the others: most timeouts are
        cancelled long before they are due."""
        timers = self._timers
        if len(timers) > MANY and self.cancelled_timers > len(timers) / 2:
            timers[:] = [timer for timer in timers if not timer[1].is_cancelled]
            heapify(timers)
            self.cancelled_timers = 0
        while timers and timers[0][1].is_cancelled:
            heappop(timers)
            self.cancelled_timers -= 1


class VirtualClock:
    """The daemon's two clocks on a virtual loop. `step` moves what it takes for UTC and nothing
    else; `truth` is the time that everybody else means."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start
        self.offset_s = 0.0
        self._read_at: tuple[float, float] | None = None
        self._now = Now(utc=start, monotonic_s=0.0)

    def truth(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() + self.offset_s)

    def read(self) -> Now:
        """Asked for several times an instant."""
        read_at = (self._loop.time(), self.offset_s)
        if read_at != self._read_at:
            self._read_at = read_at
            self._now = Now(utc=self.utc(), monotonic_s=self._loop.time())
        return self._now
