"""The single consumer of the one bounded queue: it applies events and carries out their effects."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from daemon.core.apply import apply, next_due_s
from daemon.core.depot import Depot
from daemon.core.effects import (
    Disconnect,
    Effect,
    Note,
    Publish,
    Reply,
    Save,
    Send,
    StartPlanning,
)
from daemon.core.events import Event, OrderWithheld, StationCalled, StoreChanged, Ticked
from daemon.core.instant import Now
from daemon.core.records import Json
from daemon.keeper import Keeper, Store
from protocol.ocpp.commands import Command
from protocol.ocpp.events import (
    ErrorReply,
    MeterValuesReported,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.events import Reply as OcppReply

QUEUE_LENGTH = 4096
# How many waiting events share one commit: a disk flush costs milliseconds, an event microseconds.
BATCH = 128


class Stations(Protocol):
    async def reply(self, station: str, session: int, call_id: str, reply: OcppReply) -> None: ...
    async def send(self, station: str, session: int, generation: int, command: Command) -> None: ...
    async def disconnect(self, station: str, session: int, reason: str) -> None: ...


class Planner(Protocol):
    async def start_planning(self, request: StartPlanning) -> None: ...


class Broker(Protocol):
    def publish(self, topic: str, payload: Json) -> None: ...


class Counts(Protocol):
    def note(self, name: str, level: str) -> None: ...
    def event_handled(self, event: str, seconds: float) -> None: ...
    def committed(self, seconds: float) -> None: ...


class Controller:
    """Events in, effects out, one at a time. Whoever has an event awaits `put`; a full queue makes
    the sender wait, which for a socket means that its peer waits."""

    def __init__(
        self,
        depot: Depot,
        *,
        read_clock: Callable[[], Now],
        sleep_factor: float = 1.0,
        log: FilteringBoundLogger,
        metrics: Counts,
    ) -> None:
        """`sleep_factor`: real seconds in one second of the clock."""
        self.depot = depot
        self.last_progress_s = 0.0
        self.on_progress: Callable[[], None] = lambda: None
        self._read_clock = read_clock
        self._sleep_factor = sleep_factor
        self._log = log
        self._metrics = metrics
        self._queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_LENGTH)
        self._accepted = self._handled = 0
        # What we have to tell ourselves: the queue may be full of what others tell.
        self._own: list[Event] = []
        self._batch_done = asyncio.Event()

    async def put(self, event: Event) -> None:
        await self._queue.put(event)
        self._accepted += 1

    def waiting(self) -> int:
        """Events that wait in the queue."""
        return self._queue.qsize()

    async def prove_progress(self) -> None:
        """Returns when an event put now has gone through the queue, its records committed."""
        await self.put(Ticked())
        await self.drained()

    async def drained(self) -> None:
        """Returns when all that waited has been acted on."""
        wanted = self._accepted
        while self._handled < wanted:
            await self._batch_done.wait()

    async def run(
        self, *, store: Store, stations: Stations, planner: Planner, broker: Broker
    ) -> None:
        """Until cancelled. An effect's failure that is not the world's ends the process: beliefs
        that could not be kept must not be acted on."""
        keeper = Keeper(store, log=self._log, counts=self._metrics, changed=self._store_changed)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keeper.run(), name="keeper")
            await self._consume(keeper, stations, planner, broker)

    async def _consume(
        self, keeper: Keeper, stations: Stations, planner: Planner, broker: Broker
    ) -> None:
        while True:
            events = await self._next_events()
            own, self._own = self._own, []
            acted_on = [*own, *events] or [Ticked()]
            batch: list[list[Effect]] = []
            for event in acted_on:
                began_s = time.perf_counter()
                batch.append(apply(self.depot, event, self._read_clock()))
                self._metrics.event_handled(type(event).__name__, time.perf_counter() - began_s)
                # Some milliseconds each in a large depot: sockets and timers have their turn
                # between two of them.
                await asyncio.sleep(0)
            kept = await self._keep(keeper, acted_on, batch)
            for effects, stored in zip(batch, kept, strict=True):
                for effect in effects:
                    await self._carry_out(effect, stations, planner, broker, stored=stored)
            self.last_progress_s = self._read_clock().monotonic_s
            self._handled += len(events)
            self._batch_done.set()
            self._batch_done = asyncio.Event()
            self.on_progress()

    def _store_changed(self, trouble: str | None) -> None:
        self._tell_ourselves(StoreChanged(trouble=trouble))

    def _tell_ourselves(self, event: Event) -> None:
        self._own.append(event)
        # Wakes the consumer, should nothing else come; where the queue is full it is awake.
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(Ticked())
            self._accepted += 1

    async def _next_events(self) -> list[Event]:
        """What waits, at least one; none when something falls due before any comes."""
        try:
            async with asyncio.timeout(self._wait_s()):
                events = [await self._queue.get()]
        except TimeoutError:
            return []
        while len(events) < BATCH and not self._queue.empty():
            events.append(self._queue.get_nowait())
        return events

    def _wait_s(self) -> float | None:
        now = self._read_clock()
        due_s = next_due_s(self.depot, now)
        if due_s is None:
            return None
        return max(0.0, (due_s - now.monotonic_s) * self._sleep_factor)

    async def _keep(
        self, keeper: Keeper, events: Sequence[Event], batch: Sequence[Sequence[Effect]]
    ) -> list[bool]:
        """By event, whether everything of it is kept. Of what is not, stations are told that it
        went wrong, so that they keep their copies, and control goes on from memory."""
        groups = [[e.record for e in effects if isinstance(e, Save)] for effects in batch]
        began_s = time.perf_counter()
        kept = await keeper.keep(groups)
        if keeper.behind is None:
            self._metrics.committed(time.perf_counter() - began_s)
            return kept
        # What is told again brings nothing new to keep, and is not kept for all that.
        return [k and not _must_be_kept(e) for k, e in zip(kept, events, strict=True)]

    async def _carry_out(
        self,
        effect: Effect,
        stations: Stations,
        planner: Planner,
        broker: Broker,
        *,
        stored: bool,
    ) -> None:
        match effect:
            case Save():
                pass  # committed before anything else of its batch
            case Reply():
                reply = effect.reply
                if not stored:
                    reply = ErrorReply(description="the event could not be stored")
                await stations.reply(effect.station, effect.session, effect.call_id, reply)
            case Send(raises=True) if not stored:
                # The next start would not know of it.
                withheld = OrderWithheld(station=effect.station, generation=effect.generation)
                self._tell_ourselves(withheld)
            case Send():
                await stations.send(
                    effect.station, effect.session, effect.generation, effect.command
                )
            case StartPlanning():
                await planner.start_planning(effect)
            case Publish():
                broker.publish(effect.topic, effect.payload)
            case Note():
                self._metrics.note(effect.name, effect.level)
                revision = {"revision": self.depot.revision} | effect.fields
                self._log.log(LEVELS[effect.level], effect.name, **revision)
            case Disconnect():
                await stations.disconnect(effect.station, effect.session, effect.reason)


def _must_be_kept(event: Event) -> bool:
    return isinstance(event, StationCalled) and isinstance(
        event.event,
        TransactionStarted | TransactionUpdated | TransactionEnded | MeterValuesReported,
    )


LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
