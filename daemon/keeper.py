"""Keeps what the controller hands over, and never makes it wait long for the disk.

As long as the store keeps up, a batch is on the disk when `keep` returns True for it. A store that
fails or takes too long is behind: from then on control goes on from memory, nothing that must be
kept is acknowledged, and what waits is kept first when the store is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from daemon.core.records import Fact, NotKept, Record, TransactionRecord

# Longer than any flush of a disk that is well; a cut of power waits for it at most.
PATIENCE_S = 1.0
RETRY_S = 1.0
# Encoding a record takes about 20 microseconds of the loop's time.
CHUNK = 500
# Readings, alerts and plans that wait: hours of a depot's. One more takes the place of the oldest.
MOST_HISTORY = 50_000


class Store(Protocol):
    async def commit(self, records: Sequence[Record]) -> None: ...


class Counts(Protocol):
    def note(self, name: str, level: str) -> None: ...


class Keeper:
    """`behind` is why the store does not keep up, None while it does. `changed` is told of each
    change of that. A store that another daemon has taken, or that has to be set aside, ends `keep`
    and `run` with its error, and with them the process."""

    def __init__(
        self,
        store: Store,
        *,
        log: FilteringBoundLogger,
        counts: Counts,
        changed: Callable[[str | None], None],
        patience_s: float = PATIENCE_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self.behind: str | None = None
        self._store = store
        self._log = log
        self._counts = counts
        self._changed = changed
        self._patience_s = patience_s
        self._retry_s = retry_s
        # Beliefs by what they are about, of which the newest is enough, and all that has happened.
        self._beliefs: OrderedDict[tuple[str, ...], Record] = OrderedDict()
        self._history: OrderedDict[int, Record] = OrderedDict()
        self._numbers = count()
        self._flight: tuple[asyncio.Task[None], Sequence[Record]] | None = None
        self._wanted = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._beliefs) + len(self._history)

    async def keep(self, groups: Sequence[list[Record]]) -> list[bool]:
        """By group, whether all of it is on the disk. One group's record that no store can hold is
        not the others' fault."""
        records = [record for group in groups for record in group]
        if self.behind is not None:
            self._wait(records)
            return [not group for group in groups]
        try:
            if await self._kept_in_time(records):
                return [True] * len(groups)
        except NotKept as error:
            if not error.ours:
                raise
            if not error.later:
                return [await self._keep_alone(group) for group in groups]
            self._wait(records)
            self._fall_behind(str(error))
        return [not group for group in groups]

    async def run(self) -> None:
        """Until cancelled: catches up whenever the store has fallen behind."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._flight is not None or self.waiting:
                try:
                    await self._catch_up()
                except NotKept as error:
                    if not error.ours:
                        raise
                    self._fall_behind(str(error))
                    await asyncio.sleep(self._retry_s)
            self.behind = None
            self._log.info("store_back")
            self._changed(None)

    async def _kept_in_time(self, records: Sequence[Record]) -> bool:
        """False where it takes too long; whether it was kept is then known later."""
        if not records:
            return True
        flight = asyncio.create_task(self._store.commit(records))
        try:
            done, _ = await asyncio.wait({flight}, timeout=self._patience_s)
        except asyncio.CancelledError:
            # Cancelled in the middle of a commit: it is let finish, as somebody may be answered.
            with contextlib.suppress(NotKept):
                await flight
            raise
        if done:
            flight.result()
            return True
        self._flight = (flight, records)
        self._fall_behind(f"a commit took more than {self._patience_s:g} s")
        return False

    async def _keep_alone(self, group: list[Record]) -> bool:
        try:
            await self._store.commit(group)
        except NotKept as error:
            self._refused(error, len(group))
            return False
        return True

    async def _catch_up(self) -> None:
        """One step: what was under way, else the oldest of what waits, beliefs first, so that no
        message is marked as done before what it changed is kept."""
        if self._flight is not None:
            flight, records = self._flight
            self._flight = None
            try:
                await flight
            except NotKept as error:
                if error.later:
                    self._wait_first(records)
                raise
            return
        beliefs = list(self._beliefs.items())[:CHUNK]
        events = list(self._history.items())[:CHUNK] if not beliefs else []
        await self._keep_waiting([record for _, record in beliefs or events])
        for key, record in beliefs:
            # A newer one may have come meanwhile.
            if self._beliefs.get(key) is record:
                del self._beliefs[key]
        for number, _ in events:
            self._history.pop(number, None)

    async def _keep_waiting(self, records: Sequence[Record]) -> None:
        try:
            await self._store.commit(records)
        except NotKept as error:
            if error.later:
                raise
            for record in records:
                try:
                    await self._store.commit([record])
                except NotKept as alone:
                    if alone.later:
                        raise
                    self._refused(alone, 1)

    def _fall_behind(self, reason: str) -> None:
        self._counts.note("store_failed", "error")
        self._log.error("store_failed", error=reason, records=self.waiting)
        if self.behind is None:
            self.behind = reason
            self._changed(reason)
            self._wanted.set()

    def _wait(self, records: Sequence[Record]) -> None:
        for record in records:
            key: tuple[str, ...]
            match record:
                case Fact():
                    key = ("fact", record.kind, record.key)
                case TransactionRecord():
                    key = ("transaction", record.id)
                case _:
                    self._history[next(self._numbers)] = record
                    continue
            self._beliefs.pop(key, None)
            self._beliefs[key] = record
        while len(self._history) > MOST_HISTORY:
            self._history.popitem(last=False)
            self._counts.note("store_dropped", "error")

    def _wait_first(self, records: Sequence[Record]) -> None:
        """Before what has come since, which may say better."""
        beliefs, history = self._beliefs, self._history
        self._beliefs, self._history = OrderedDict(), OrderedDict()
        self._wait(records)
        self._wait([*beliefs.values(), *history.values()])

    def _refused(self, error: NotKept, records: int) -> None:
        self._counts.note("store_refused", "error")
        self._log.error("store_refused", error=str(error), records=records)
