"""A WebSocket without a socket: text both ways, with all that a network does to it.

The daemon's end is what `daemon.adapters.ocpp.session.Session` wants of a socket; the station's end
calls back. Times are the loop's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random

from websockets.exceptions import ConnectionClosedError

# A depot's network: a few milliseconds, now and then a mobile router's hundred.
LATENCY_S = 0.02
# A frame that is overtaken by the next one.
OVERTAKEN_S = 0.5
SOONER_S = 1e-6
# How long a peer takes to notice that the other end is gone, when it is told.
NOTICED_S = 0.05


class Cable:
    """`delay_s`, `loss` and `overtake` (shares of frames) may be changed at any time; `half_open`
    swallows everything and tells nobody; `stalled` is a station that does not read."""

    def __init__(
        self,
        rng: Random,
        *,
        on_text: Callable[[str], None],
        on_closed: Callable[[], None],
        seen: Callable[[str, str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._rng = rng
        self._on_text = on_text
        self._on_closed = on_closed
        self._seen = seen
        self.delay_s = self.loss = self.overtake = 0.0
        self.half_open = False
        self.open = True
        self.daemon = DaemonEnd(self)
        self._down_s = self._up_s = 0.0
        self._stalled: asyncio.Future[None] | None = None

    # The station's end.

    def say(self, text: str) -> None:
        """From the station to the daemon."""
        if not self.open or self._swallowed(">", text):
            return
        self._up_s = self._arrival_s(self._up_s)
        self._loop.call_at(self._up_s, self.daemon.arrived, text)

    def hang_up(self) -> None:
        """The station closes; it hears no more of this cable, the daemon a little later."""
        self._on_closed = _nothing
        if self.open and not self.half_open:
            self._loop.call_later(self._latency_s(), self.daemon.closed)
        self.open = False

    # What the world does to it.

    def cut(self) -> None:
        """Both ends are told soon, each in its own time."""
        if not self.open:
            return
        self.open = False
        for told in (self.daemon.closed, self._told_closed):
            self._loop.call_later(NOTICED_S + self._latency_s(), told)

    def stall(self, stalled: bool) -> None:
        if stalled and self._stalled is None:
            self._stalled = self._loop.create_future()
        elif not stalled and self._stalled is not None:
            if not self._stalled.done():
                self._stalled.set_result(None)
            self._stalled = None

    # The daemon's end; `DaemonEnd` calls these.

    async def tell(self, text: str) -> None:
        if self._stalled is not None:
            await asyncio.shield(self._stalled)
        if not self.open:
            raise ConnectionClosedError(None, None)
        if self._swallowed("<", text):
            return
        self._down_s = self._arrival_s(self._down_s)
        self._loop.call_at(self._down_s, self._arrived, text)

    def pong(self) -> asyncio.Future[float]:
        pong: asyncio.Future[float] = self._loop.create_future()
        if self.open and not self.half_open and self._stalled is None:
            self._loop.call_later(2 * self._latency_s(), _answer, pong)
        return pong

    def closed_by_daemon(self) -> None:
        if self.open and not self.half_open:
            self._loop.call_later(self._latency_s(), self._told_closed)
        self.open = False

    def _arrived(self, text: str) -> None:
        if self.open and not self.half_open:
            self._on_text(text)

    def _told_closed(self) -> None:
        told, self._on_closed = self._on_closed, _nothing
        told()

    def _swallowed(self, direction: str, text: str) -> bool:
        self._seen(direction, text)
        return self.half_open or (self.loss > 0 and self._rng.random() < self.loss)

    def _latency_s(self) -> float:
        return self.delay_s + LATENCY_S * (0.5 + self._rng.random())

    def _arrival_s(self, last_s: float) -> float:
        """TCP keeps the order; what merges two paths, or a station with two tasks, does not."""
        at_s = self._loop.time() + self._latency_s()
        if self.overtake > 0 and self._rng.random() < self.overtake:
            return at_s + OVERTAKEN_S
        # A loop's timers of one and the same instant come in any order.
        return at_s if self.overtake > 0 else max(at_s, last_s + SOONER_S)


class DaemonEnd:
    """As much of a `websockets` connection as a session uses."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        self._inbox: deque[str] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def transport(self) -> DaemonEnd:
        return self

    async def recv(self) -> str:
        while not self._inbox:
            if self._closed:
                raise ConnectionClosedError(None, None)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._inbox.popleft()

    async def send(self, message: str) -> None:
        if self._closed:
            raise ConnectionClosedError(None, None)
        await self._cable.tell(message)

    async def ping(self) -> asyncio.Future[float]:
        if self._closed:
            raise ConnectionClosedError(None, None)
        return self._cable.pong()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.abort()

    def abort(self) -> None:
        self._cable.closed_by_daemon()
        self.closed()

    def arrived(self, text: str) -> None:
        if not self._closed and not self._cable.half_open:
            self._inbox.append(text)
            self._wake()

    def closed(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _nothing() -> None:
    pass


def _answer(pong: asyncio.Future[float]) -> None:
    if not pong.done():
        pong.set_result(0.0)
