"""What can be asked of a store. Every method reads the disk: from an event loop, by a thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, RowMapping, Select, func, or_, select

from daemon.adapters.store import migrate
from daemon.adapters.store.engine import READ_S, make_engine, parse_url, place, require_file
from daemon.adapters.store.errors import StoreCorrupt, translate
from daemon.adapters.store.rows import InboxRow, OutboxRow, decode, decode_fact
from daemon.adapters.store.tables import (
    alerts,
    facts,
    inbox,
    meters,
    outbox,
    plans,
    snapshots,
    transactions,
)
from daemon.core.records import (
    AlertRecord,
    Memory,
    MeterRecord,
    PlanRecord,
    SnapshotRecord,
    TransactionRecord,
)

# A start reads everything, and has nobody behind it that waits to write.
LOAD_S = 60.0


class Reader:
    """Reads a store, also while a daemon writes it; safe to use from several threads.

    Every method raises StoreError where the store cannot be read.
    """

    def __init__(self, url: URL, engine: Engine) -> None:
        self.place = place(url)
        self._reading = engine

    @classmethod
    def open(cls, url: str) -> Reader:
        """Raises StoreWrong where there is no store of this version at `url`."""
        parsed = parse_url(url)
        require_file(parsed)
        reader = Reader(parsed, make_engine(parsed, "read"))
        try:
            with reader._connect() as connection:
                migrate.require_current(connection, reader.place)
        except BaseException:
            reader.close()
            raise
        return reader

    def close(self) -> None:
        self._reading.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def memory(self, since: datetime) -> Memory:
        """All facts, open transactions and those that closed after `since`, and the last plan."""
        known = transactions.select().where(
            or_(transactions.c.stopped_at.is_(None), transactions.c.stopped_at >= since)
        )
        in_order = known.order_by(transactions.c.started_at, transactions.c.id)
        with self._connect(LOAD_S) as connection:
            try:
                return Memory(
                    facts=tuple(decode_fact(row) for row in _all(connection, select(facts))),
                    transactions=tuple(decode(TransactionRecord, _all(connection, in_order))),
                    last_revision=connection.scalar(select(func.max(snapshots.c.revision))) or 0,
                    applied=_applied(connection),
                )
            except (ValueError, TypeError, LookupError) as error:
                # No constraint of a database says that a text is JSON, or a time.
                raise StoreCorrupt(f"store {self.place}: a row cannot be read: {error}") from error

    def transactions(self, limit: int, before: datetime | None = None) -> list[TransactionRecord]:
        """The latest ones, newest first; `before` goes on from the last `started_at` seen."""
        query = select(transactions).order_by(
            transactions.c.started_at.desc(), transactions.c.id.desc()
        )
        if before is not None:
            query = query.where(transactions.c.started_at < before)
        return decode(TransactionRecord, self._all(query.limit(limit)))

    def meters(self, transaction: str) -> list[MeterRecord]:
        """The readings that name `transaction`, as they came."""
        named = meters.c.transaction == transaction
        columns = [c for c in meters.c if c is not meters.c.id]
        return decode(MeterRecord, self._all(select(*columns).where(named).order_by(meters.c.id)))

    def revisions(self) -> list[int]:
        """Every revision with a snapshot, oldest first."""
        query = select(snapshots.c.revision).order_by(snapshots.c.revision)
        return [row["revision"] for row in self._all(query)]

    def snapshot(self, revision: int) -> SnapshotRecord | None:
        rows = self._all(select(snapshots).where(snapshots.c.revision == revision))
        return next(iter(decode(SnapshotRecord, rows)), None)

    def plan(self, revision: int) -> PlanRecord | None:
        rows = self._all(select(plans).where(plans.c.revision == revision))
        return next(iter(decode(PlanRecord, rows)), None)

    def alerts(self, limit: int) -> list[AlertRecord]:
        """The latest ones, newest first."""
        columns = [c for c in alerts.c if c is not alerts.c.id]
        query = select(*columns).order_by(alerts.c.at.desc(), alerts.c.id.desc()).limit(limit)
        return decode(AlertRecord, self._all(query))

    def inbox(self) -> list[InboxRow]:
        """The messages not acted on yet, in the order they came."""
        return decode(InboxRow, self._all(select(inbox).order_by(inbox.c.id)))

    def outbox(self, limit: int = 1000) -> list[OutboxRow]:
        """The messages not sent yet, oldest first."""
        return decode(OutboxRow, self._all(select(outbox).order_by(outbox.c.id).limit(limit)))

    def _all(self, query: Select[*tuple[object, ...]]) -> Sequence[RowMapping]:
        with self._connect() as connection:
            return _all(connection, query)

    @contextmanager
    def _connect(self, read_s: float = READ_S) -> Iterator[Connection]:
        try:
            with self._reading.connect() as connection:
                yield connection.execution_options(read_s=read_s)
        except Exception as error:
            raise translate(error, self.place) from error


def _all(connection: Connection, query: Select[*tuple[object, ...]]) -> Sequence[RowMapping]:
    return connection.execute(query).mappings().all()


def _applied(connection: Connection) -> tuple[SnapshotRecord, PlanRecord] | None:
    latest = select(plans).where(plans.c.applied).order_by(plans.c.revision.desc()).limit(1)
    for plan in decode(PlanRecord, _all(connection, latest)):
        of = select(snapshots).where(snapshots.c.revision == plan.revision)
        return decode(SnapshotRecord, _all(connection, of))[0], plan
    return None
