"""The store of one daemon: everything that must survive it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL

from daemon.adapters.store import migrate
from daemon.adapters.store.engine import FileLock, check_pages, make_engine, parse_url, place
from daemon.adapters.store.errors import (
    StoreCondemned,
    StoreCorrupt,
    StoreFull,
    StoreLost,
    translate,
)
from daemon.adapters.store.quarantine import condemn, condemned
from daemon.adapters.store.reader import Reader
from daemon.adapters.store.reserve import Reserve
from daemon.adapters.store.retention import HALVINGS, Retention, deletions
from daemon.adapters.store.rows import Encoder, Write
from daemon.adapters.store.writer import Ids, Writer
from daemon.core.records import CLOSED_KEPT, Memory, OutboxRecord, Record


def _utc() -> datetime:
    return datetime.now(UTC)


class Store(Reader):
    """Reads and writes; opened by one process at a time.

    `outbox_changed` is set after each commit that may have added to the outbox; who sends clears it
    before reading the outbox.
    """

    def __init__(
        self, url: URL, *, utc: Callable[[], datetime], waiting: int, reserve_bytes: int
    ) -> None:
        super().__init__(url, make_engine(url, "read"))
        self._url, self._utc = url, utc
        self._condemned: str | None = None
        self._lock = FileLock(url) if url.drivername == "sqlite" else None
        self._owning = make_engine(url, "own")
        local = url.drivername == "sqlite"
        self.reserve = Reserve(Path(f"{url.database}.reserve"), reserve_bytes if local else 0)
        try:
            self._migrate_with_room(url)
        except BaseException:
            self._release()
            raise
        self._encoder = Encoder(self._owning.dialect.name)
        self.reserve.hold()
        require = self._lock.require_file if self._lock is not None else lambda: None
        self._writer = Writer(self._owning, self.place, waiting, self.reserve, require)
        self.outbox_changed = asyncio.Event()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        utc: Callable[[], datetime] = _utc,
        waiting: int = 4096,
        reserve_bytes: int = 0,
    ) -> Self:
        """Opens, makes or migrates the store at `sqlite:///PATH` or `postgresql://...`.

        `waiting`: commits that may wait for the disk before StoreBusy. `reserve_bytes`: room that
        is kept beside a SQLite file, and given up when the disk is full. Raises StoreWrong,
        StoreInUse, StoreCorrupt or StoreLost.
        """
        return cls(parse_url(url), utc=utc, waiting=waiting, reserve_bytes=reserve_bytes)

    def _migrate_with_room(self, url: URL) -> None:
        """To open its log SQLite wants 32 KiB, and calls it an I/O error where they are missing."""
        try:
            self._migrate(url)
        except (StoreFull, StoreLost):
            if not self.reserve.give_up():
                raise
            self._migrate(url)

    def _migrate(self, url: URL) -> None:
        if why := condemned(url):
            raise StoreCorrupt(f"{why} (found while it was in use)")
        try:
            with self._owning.connect() as connection:
                check_pages(connection, url)
                migrate.copy_before(connection, url)
            with self._owning.begin() as connection:
                migrate.upgrade(connection, place(url))
        except Exception as error:
            raise translate(error, self.place) from error

    async def commit(self, records: Sequence[Record]) -> None:
        """Returns when all of `records` are on the disk; on an error none of them is.

        Commits under way at the same time share a transaction, in the order they were asked for.
        Raises StoreRefused, StoreBusy, StoreFull, StoreLost, StoreCorrupt, or StoreCondemned, after
        which only another start has a store again.
        """
        if not records:
            return
        await self._submit([self._encoder.write(record) for record in records])
        if any(isinstance(record, OutboxRecord) for record in records):
            self.outbox_changed.set()

    async def receive(
        self,
        topic: str,
        payload: bytes,
        *,
        retained: bool,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
    ) -> int:
        """Puts a message into the inbox; returns its id when it is on the disk.

        Only then may the broker be told that we have it. Raises as `commit` does.
        """
        row = {
            "topic": topic,
            "payload": payload,
            "retained": retained,
            "response_topic": response_topic,
            "correlation_data": correlation_data,
            "received_at": self._utc(),
        }
        (inbox_id,) = await self._submit([self._encoder.received(row)])
        assert inbox_id is not None
        return inbox_id

    async def outbox_sent(self, outbox_id: int) -> None:
        """Forgets a message that the broker has acknowledged; an unknown id is no error."""
        await self._submit([self._encoder.sent(outbox_id)])

    async def probe(self) -> None:
        """Returns when the writer has got round to it and could begin a transaction."""
        await self._submit([])

    def stuck_s(self) -> float:
        """For how long the writer has been at one transaction."""
        return self._writer.stuck_s()

    async def tidy(self, keep: Retention) -> int:
        """Deletes some of what is older than `keep` says; how many rows went, 0 when none is left
        to go. What waits to be written comes in between. Raises as `commit` does."""
        for halvings in range(HALVINGS + 1):
            if halvings and await asyncio.to_thread(self._used_bytes) <= keep.size_bytes:
                return 0
            if rows := await self._tidy(keep.halved(halvings)):
                return rows
        return 0

    async def _tidy(self, keep: Retention) -> int:
        writes = [Write(delete, {}, returns="rows") for delete in deletions(keep, self._utc())]
        return sum(rows or 0 for rows in await self._submit(writes))

    def _used_bytes(self) -> int:
        """Of a SQLite file, without the pages that are free again; a server's is not ours to
        bound."""
        if self._lock is None:
            return 0
        with self._connect() as connection:
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def load(self) -> Memory:
        """What a daemon that starts must know; closed transactions of the last seven days."""
        return self.memory(self._utc() - CLOSED_KEPT)

    def close(self) -> None:
        """Writes what was submitted, then lets the store go."""
        self._writer.close()
        self._release()

    def _release(self) -> None:
        super().close()
        self._owning.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _submit(self, writes: Sequence[Write]) -> Ids:
        if self._condemned is not None:
            raise StoreCondemned(self._condemned)
        try:
            return await asyncio.wrap_future(self._writer.submit(writes))
        except StoreCorrupt as error:
            if not await asyncio.to_thread(condemn, self._url, str(error), self._utc()):
                raise
            self._condemned = str(error)
            raise StoreCondemned(self._condemned) from error
