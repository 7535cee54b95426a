"""The tables, the same in SQLite and PostgreSQL. A change here needs a migration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

# The newest of migrations/versions: what a store must be at to be read without a migration.
REVISION: Final = "0002"

_TEXT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class Utc(TypeDecorator[datetime]):
    """An instant, aware, in UTC, to the microsecond.

    PostgreSQL has a type for it. SQLite has none and would hand back naive datetimes, so there it
    is RFC 3339 text of one length, which sorts as time does.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"wants an instant with a time zone, got {value.isoformat()}")
        utc = value.astimezone(UTC)
        if dialect.name != "sqlite":
            return utc
        # strftime pads no year below 1000; isoformat does.
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        match value:
            case None:
                return None
            case datetime():
                return value.astimezone(UTC)
        return datetime.strptime(str(value), _TEXT_FORMAT).replace(tzinfo=UTC)


# SQLite counts rows by itself only in a column of the plain type INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

facts = Table(
    "facts",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("station", Text, nullable=False),
    Column("connector", BigInteger, nullable=False),
    Column("station_transaction_id", Text, nullable=False),
    Column("vehicle", Text),
    Column("id_token", Text),
    Column("started_at", Utc, nullable=False, index=True),
    Column("stopped_at", Utc, index=True),
    Column("meter_start_wh", Double),
    Column("meter_stop_wh", Double),
    Column("energy_kwh", Double),
    Column("stop_reason", Text),
    Column("estimated", Boolean, nullable=False),
    Column("device_started_at", Utc),
    Column("device_stopped_at", Utc),
)

meters = Table(
    "meters",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("station", Text, nullable=False),
    Column("connector", BigInteger, nullable=False),
    # No foreign key: readings come before, after and without the transaction that they name.
    Column("transaction", Text, index=True),
    Column("at", Utc),
    Column("received_at", Utc, nullable=False),
    Column("energy_wh", Double),
    Column("power_w", Double),
    Column("doubt", Text),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_at", Utc, nullable=False),
    Column("snapshot_json", Text, nullable=False),
    Column("params_json", Text, nullable=False),
    Column("budget_s", Double, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("trigger", Text, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column(
        "revision",
        BigInteger,
        ForeignKey("snapshots.revision"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("made_at", Utc, nullable=False),
    Column("plan_json", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("applied", Boolean, nullable=False),
)

# An id is never given twice, or "this message is done" could forget another one.
inbox = Table(
    "inbox",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("retained", Boolean, nullable=False),
    Column("response_topic", Text),
    Column("correlation_data", LargeBinary),
    Column("received_at", Utc, nullable=False),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("response_topic", Text),
    Column("correlation_data", LargeBinary),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("at", Utc, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("station", Text),
    Column("text", Text, nullable=False),
)

Index("ix_meters_station", meters.c.station, meters.c.connector, meters.c.received_at)
