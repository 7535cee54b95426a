"""A store in memory that keeps, answers and fails as the real one does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from daemon.adapters.store.errors import StoreInUse
from daemon.core.records import (
    Fact,
    Json,
    Memory,
    NotKept,
    PlanRecord,
    Record,
    SnapshotRecord,
    TransactionRecord,
)

FLUSH_S = 0.004
# Closed ones that a station may still replay.
KEPT_CLOSED = 200


class MemoryStore:
    """Outlives the daemons that write to it. `refuses` is a full disk, `slow_s` one that is busy.

    A commit is kept at an instant of its own within the flush: a daemon that is killed meanwhile
    may or may not find it. `refused` commits so far. `owner` is the life of
    the daemon that has it open; a server forgets it when its session breaks."""

    def __init__(self, rng: Random) -> None:
        self.owner: str | None = None
        self.refuses = False
        self.refused = 0
        self.slow_s = 0.0
        self._rng = rng
        self._facts: dict[tuple[str, str], Json] = {}
        self._transactions: dict[str, TransactionRecord] = {}
        self._snapshots: dict[int, SnapshotRecord] = {}
        self._applied: PlanRecord | None = None
        self._revision = 0

    def open(self, owner: str) -> OpenStore:
        """StoreInUse while somebody else has it open, as with the real one's lock."""
        if self.owner is not None:
            raise StoreInUse(f"another depotd has it open: {self.owner}")
        self.owner = owner
        return OpenStore(self, owner)

    async def commit(self, owner: str, records: Sequence[Record]) -> None:
        flush_s = self.slow_s + FLUSH_S * (0.5 + self._rng.random())
        before_s = flush_s * self._rng.random()
        await asyncio.sleep(before_s)
        if self.refuses:
            self.refused += 1
            raise NotKept("the disk is full")
        if self.owner != owner:
            raise StoreInUse(f"another depotd has it open: {self.owner}")
        for record in records:
            self._keep(record)
        await asyncio.sleep(flush_s - before_s)

    def fact(self, kind: str, key: str) -> Json:
        return self._facts.get((kind, key))

    def load(self) -> Memory:
        applied = None
        if self._applied is not None and self._applied.revision in self._snapshots:
            applied = (self._snapshots[self._applied.revision], self._applied)
        closed = [r for r in self._transactions.values() if r.stopped_at is not None]
        for record in closed[:-KEPT_CLOSED]:
            del self._transactions[record.id]
        return Memory(
            facts=tuple(
                Fact(kind=kind, key=key, value=v) for (kind, key), v in self._facts.items()
            ),
            transactions=tuple(self._transactions.values()),
            last_revision=self._revision,
            applied=applied,
        )

    def _keep(self, record: Record) -> None:
        match record:
            case Fact(kind=kind, key=key, value=None):
                self._facts.pop((kind, key), None)
            case Fact(kind=kind, key=key, value=value):
                self._facts[(kind, key)] = value
            case TransactionRecord():
                self._transactions[record.id] = record
            case SnapshotRecord():
                self._revision = record.revision
                self._snapshots[record.revision] = record
                self._snapshots.pop(record.revision - 8, None)
            case PlanRecord():
                self._applied = record
            case _:
                pass  # what no restart reads


class OpenStore:
    """The store as one life of the daemon has it."""

    def __init__(self, store: MemoryStore, owner: str) -> None:
        self._store = store
        self._owner = owner

    async def commit(self, records: Sequence[Record]) -> None:
        await self._store.commit(self._owner, records)

    def load(self) -> Memory:
        return self._store.load()

    def close(self) -> None:
        if self._store.owner == self._owner:
            self._store.owner = None
