"""An event loop whose clock jumps: when nothing is ready, the next timer's instant is now."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from daemon.core.instant import Now

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

START = datetime(2026, 11, 20, 16, tzinfo=UTC)


class NothingToDo(RuntimeError):
    """Every task waits for another: in virtual time that is for ever."""


class _Jump(selectors.BaseSelector):
    """Selects no file: waiting for `timeout` seconds is what moves the clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingToDo("no task is ready and no timer is set")
        if timeout > 0:
            self.now_s += timeout
        return []

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, -1, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, -1, 0, None)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return {}

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        raise KeyError(fileobj)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as asyncio's own loop does, in the order that the timers say, and never sleeps.

    asyncio's debug mode is off whatever the environment says: it keeps a stack for each of millions
    of callbacks."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self.set_debug(False)

    def time(self) -> float:
        return self._jump.now_s


class VirtualClock:
    """The daemon's two clocks on a virtual loop. `step` moves what it takes for UTC and nothing
    else; `truth` is the time that everybody else means."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start
        self.offset_s = 0.0

    def truth(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() + self.offset_s)

    def read(self) -> Now:
        return Now(utc=self.utc(), monotonic_s=self._loop.time())
