"""The one thread that writes: what waits at the same time is committed together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine

from daemon.adapters.store.errors import (
    StoreBusy,
    StoreError,
    StoreFull,
    StoreRefused,
    translate,
)
from daemon.adapters.store.reserve import Reserve
from daemon.adapters.store.rows import Write

Ids = list[int | None]

# One transaction holds at most so many batches, so that the first of them is not kept waiting.
GROUP: Final = 256


@dataclass(frozen=True, slots=True)
class _Batch:
    writes: Sequence[Write]
    done: Future[Ids] = field(default_factory=Future)


class Writer:
    """Commits batches in the order given, each whole or not at all.

    `waiting`: how many batches may wait; one more is refused with StoreBusy, not dropped. A full
    disk is given the `reserve`, and the batch another try. `require` is called ahead of each
    transaction, and refuses it by raising StoreError.
    """

    def __init__(
        self,
        engine: Engine,
        place: str,
        waiting: int,
        reserve: Reserve | None = None,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._place = place
        self._reserve = reserve
        self._require = require
        self._since_s: float | None = None
        self._queue: queue.Queue[_Batch | None] = queue.Queue(waiting)
        # Held while a batch is put, so that none can come after the None that ends the thread.
        self._open = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, writes: Sequence[Write]) -> Future[Ids]:
        """Resolves to the ids that the rows were given, once they are on the disk.

        Cancelled before its turn, nothing of it is written. Raises StoreBusy.
        """
        batch = _Batch(writes)
        with self._open:
            if self._closed:
                raise StoreError(f"store {self._place}: closed")
            try:
                self._queue.put_nowait(batch)
            except queue.Full:
                waiting = self._queue.maxsize
                raise StoreBusy(f"store {self._place}: {waiting} writes wait already") from None
        return batch.done

    def stuck_s(self) -> float:
        """For how long the thread has been at one transaction; 0 while it waits for work."""
        since_s = self._since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def close(self) -> None:
        """Returns when everything submitted before is written or has failed."""
        with self._open:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            self._since_s = time.monotonic()
            self._commit([b for b in group if b.done.set_running_or_notify_cancel()])
            self._since_s = None
            if last:
                return

    def _gather(self, first: _Batch) -> tuple[list[_Batch], bool]:
        group = [first]
        while len(group) < GROUP:
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                break
            if batch is None:
                return group, True
            group.append(batch)
        return group, False

    def _commit(self, group: list[_Batch]) -> None:
        try:
            results = self._transact(group)
        except Exception as error:
            failure = translate(error, self._place)
            if isinstance(failure, StoreFull) and self._reserve and self._reserve.give_up():
                self._commit(group)
                return
            # A record that cannot be held spoils its own batch only. A full or locked disk spoils
            # all: to try each again would make the last one wait for hundreds of time-outs.
            if isinstance(failure, StoreRefused) and len(group) > 1:
                for batch in group:
                    self._commit([batch])
                return
            for batch in group:
                batch.done.set_exception(failure)
        else:
            for batch, ids in zip(group, results, strict=True):
                batch.done.set_result(ids)

    def _transact(self, group: list[_Batch]) -> list[Ids]:
        if not group:
            return []
        self._require()
        with self._engine.begin() as connection:
            return [[write.execute(connection) for write in b.writes] for b in group]
