"""A virtual station's side of the link: connect, boot, tell in order, come back when it is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Protocol

from ocpp.exceptions import OCPPError
from websockets.exceptions import WebSocketException

from daemon.adapters.cancelling import apart
from daemon.adapters.clock import Clock
from protocol.ocpp.events import (
    BootReply,
    EmptyReply,
    Heartbeat,
    Reply,
    StationBooted,
    StationEvent,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from simulation.wire import Link, Wire

LINK_ERRORS = (OSError, WebSocketException, TimeoutError)
_DURABLE = (TransactionStarted, TransactionUpdated, TransactionEnded)
_MAX_BACKOFF_S = 60.0
# 2.0.1 TxCtrlr.MessageAttempts and 1.6 TransactionMessageAttempts, with their interval.
_ATTEMPTS = 5
_RETRY_S = 10.0
# A day of samples every five minutes; a station's memory is finite too.
_MAX_SAMPLES = 300


class Outbox:
    """What is to be told, in order. Messages about transactions wait for a link; the others are
    worth nothing once it is gone."""

    def __init__(self) -> None:
        self._events: deque[StationEvent] = deque()
        self.filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: StationEvent) -> None:
        """Appends; of too many meter samples the oldest is forgotten."""
        samples = [x for x in self._events if isinstance(x, TransactionUpdated)]
        if len(samples) >= _MAX_SAMPLES and isinstance(event, TransactionUpdated):
            self._events.remove(samples[0])
        self._events.append(event)
        self.filled.set()

    def first(self) -> StationEvent | None:
        return self._events[0] if self._events else None

    def done(self, event: StationEvent) -> None:
        """`event` has been told; it may have been forgotten meanwhile."""
        if self._events and self._events[0] is event:
            self._events.popleft()

    def link_lost(self) -> None:
        self._events = deque(x for x in self._events if isinstance(x, _DURABLE))


class Speaker(Protocol):
    """The station behind a conversation."""

    def boots(self) -> StationBooted | None:
        """What to say first on a new link, None where only the link was lost."""
        ...

    def link_up(self) -> None: ...

    def link_down(self, reason: str) -> None: ...

    def answered(self, event: StationEvent, reply: Reply) -> None: ...

    def given_up(self, event: StationEvent, error: OCPPError) -> None: ...


class Conversation:
    """Keeps one link alive. `open_link` connects; `make_wire` speaks the version."""

    def __init__(
        self,
        speaker: Speaker,
        outbox: Outbox,
        *,
        clock: Clock,
        rng: Random,
        open_link: Callable[[], AbstractAsyncContextManager[Link]],
        make_wire: Callable[[Link], Wire],
        drop_every_s: float | None = None,
    ) -> None:
        self._speaker = speaker
        self._outbox = outbox
        self._clock = clock
        self._rng = rng
        self._open_link = open_link
        self._make_wire = make_wire
        self._drop_every_s = drop_every_s
        self._heartbeat_s = 300.0
        self._link: Link | None = None
        self._attempt = 0
        self._away_s = 0.0

    async def run(self) -> None:
        """For ever; a lost or refused link is tried again with a growing, jittered pause."""
        while True:
            reason = "closed"
            try:
                await apart(self._once())
            except* LINK_ERRORS as errors:
                reason = repr(errors.exceptions[0])
            self._outbox.link_lost()
            self._speaker.link_down(reason)
            await self._clock.sleep(self._pause_s())

    async def close(self, away_s: float = 0.0) -> None:
        """Drops the link; comes back no earlier than `away_s` from now."""
        self._away_s = away_s
        if self._link is not None:
            await self._link.close()

    def _pause_s(self) -> float:
        pause_s = min(2.0**self._attempt, _MAX_BACKOFF_S) * (0.5 + self._rng.random())
        self._attempt = min(self._attempt + 1, 10)
        away_s, self._away_s = self._away_s, 0.0
        return max(pause_s, away_s)

    async def _once(self) -> None:
        try:
            async with self._open_link() as link:
                self._link = link
                await self._converse(self._make_wire(link))
        finally:
            self._link = None

    async def _converse(self, wire: Wire) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wire.start())
            tasks.create_task(self._speak(wire))
            if self._drop_every_s is not None:
                tasks.create_task(self._drop_later(self._drop_every_s))

    async def _drop_later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self.close()

    async def _speak(self, wire: Wire) -> None:
        boot = self._speaker.boots()
        if boot is not None:
            await self._boot(wire, boot)
        self._attempt = 0
        self._speaker.link_up()
        while True:
            event = self._outbox.first()
            if event is None:
                self._outbox.filled.clear()
                if not await woken(self._outbox.filled, self._clock.sleep(self._heartbeat_s)):
                    await self._tell(wire, Heartbeat())
                continue
            reply = await self._tell(wire, event)
            self._outbox.done(event)
            if reply is not None:
                self._speaker.answered(event, reply)

    async def _boot(self, wire: Wire, boot: StationBooted) -> None:
        while True:
            reply = await wire.tell(boot)
            if isinstance(reply, BootReply):
                self._heartbeat_s = float(reply.interval_s) or self._heartbeat_s
                if reply.status == "Accepted":
                    self._speaker.answered(boot, reply)
                    return
            await self._clock.sleep(self._heartbeat_s)

    async def _tell(self, wire: Wire, event: StationEvent) -> Reply | None:
        """Transaction messages are repeated after an error, as their loss costs money; None when
        that did not help."""
        attempts = _ATTEMPTS if isinstance(event, _DURABLE) else 1
        for attempt in range(1, attempts + 1):
            try:
                return await wire.tell(event)
            except OCPPError as error:
                if attempt == attempts:
                    self._speaker.given_up(event, error)
                    return None
                await self._clock.sleep(_RETRY_S * attempt)
        return EmptyReply()


async def woken(event: asyncio.Event, pause: Coroutine[Any, Any, None]) -> bool:
    """Waits for the event or the end of `pause`; True when the event is set."""
    waiters = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(pause)}
    try:
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
    return event.is_set()
