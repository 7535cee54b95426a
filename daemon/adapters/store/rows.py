"""Records to statements, and rows back to records."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Executable, RowMapping, Table, bindparam, delete, insert
from sqlalchemy.dialects import postgresql, sqlite

from daemon.adapters.store.errors import StoreRefused
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
    Fact,
    InboxDone,
    MeterRecord,
    OutboxRecord,
    PlanRecord,
    Record,
    SnapshotRecord,
    TransactionRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """A message that was acknowledged to the broker and not acted on yet."""

    id: int
    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None
    correlation_data: bytes | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A message that the broker has not acknowledged yet."""

    id: int
    topic: str
    payload: str
    response_topic: str | None
    correlation_data: bytes | None


@dataclass(frozen=True, slots=True)
class Write:
    """One statement and its values, ready for the writer."""

    statement: Executable
    values: dict[str, Any]
    returns: Literal["nothing", "id", "rows"] = "nothing"

    def execute(self, connection: Connection) -> int | None:
        """The id that the row was given, or how many rows there were, where that was asked for."""
        result = connection.execute(self.statement, self.values)
        match self.returns:
            case "id":
                return int(result.scalar_one())
            case "rows":
                return int(result.rowcount)
        return None


def _upsert(table: Table, dialect: str) -> Executable:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={c.name: statement.excluded[c.name] for c in table.c if not c.primary_key},
    )


class Encoder:
    """Turns records into writes in the words of one database ("sqlite" or "postgresql").

    It runs in the caller's thread: what cannot be written is refused before it is queued.
    """

    def __init__(self, dialect: str) -> None:
        self._upserts = {
            table.name: _upsert(table, dialect) for table in (facts, transactions, snapshots, plans)
        }
        self._inserts = {table.name: insert(table) for table in (meters, outbox, alerts)}
        self._receive = insert(inbox).returning(inbox.c.id)
        self._forget = delete(facts).where(
            facts.c.kind == bindparam("kind"), facts.c.key == bindparam("key")
        )
        self._inbox_done = delete(inbox).where(inbox.c.id == bindparam("id"))
        self._outbox_sent = delete(outbox).where(outbox.c.id == bindparam("id"))

    def write(self, record: Record) -> Write:
        """Raises StoreRefused for numbers that are not finite; JSON and NULL know none."""
        match record:
            case Fact(value=None):
                return Write(self._forget, {"kind": record.kind, "key": record.key})
            case Fact():
                values = {"kind": record.kind, "key": record.key, "value": _json(record)}
                return Write(self._upserts["facts"], values)
            case TransactionRecord():
                return Write(self._upserts["transactions"], _values(record))
            case SnapshotRecord():
                return Write(self._upserts["snapshots"], _values(record))
            case PlanRecord():
                return Write(self._upserts["plans"], _values(record))
            case MeterRecord():
                return Write(self._inserts["meters"], _values(record))
            case OutboxRecord():
                return Write(self._inserts["outbox"], _values(record))
            case AlertRecord():
                return Write(self._inserts["alerts"], _values(record))
            case InboxDone():
                return Write(self._inbox_done, {"id": record.inbox_id})

    def received(self, row: dict[str, Any]) -> Write:
        """A new message in the inbox; its execution returns the id."""
        return Write(self._receive, row, returns="id")

    def sent(self, outbox_id: int) -> Write:
        return Write(self._outbox_sent, {"id": outbox_id})


def _values(record: Any) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise StoreRefused(f"{type(record).__name__}.{name}: wants a finite number or None")
    return values


def _json(fact: Fact) -> str:
    try:
        return json.dumps(fact.value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise StoreRefused(f"Fact {fact.kind}/{fact.key}: {error}") from error


T = TypeVar("T")


def decode(kind: type[T], rows: Sequence[RowMapping]) -> list[T]:
    """Rows as records of a type that has a field for every column selected."""
    return [kind(**row) for row in rows]


def decode_fact(row: RowMapping) -> Fact:
    return Fact(kind=row["kind"], key=row["key"], value=json.loads(row["value"]))
