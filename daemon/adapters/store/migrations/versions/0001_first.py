"""The first tables."""

import sqlalchemy as sa
from alembic import op

from daemon.adapters.store.tables import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _beliefs()
    _planning()
    _messages()


def _beliefs() -> None:
    op.create_table(
        "facts",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_facts"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("connector", sa.BigInteger, nullable=False),
        sa.Column("station_transaction_id", sa.Text, nullable=False),
        sa.Column("vehicle", sa.Text),
        sa.Column("id_token", sa.Text),
        sa.Column("started_at", Utc, nullable=False),
        sa.Column("stopped_at", Utc),
        sa.Column("meter_start_wh", sa.Double),
        sa.Column("meter_stop_wh", sa.Double),
        sa.Column("energy_kwh", sa.Double),
        sa.Column("stop_reason", sa.Text),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
    )
    op.create_index("ix_transactions_started_at", "transactions", ["started_at"])
    op.create_index("ix_transactions_stopped_at", "transactions", ["stopped_at"])
    op.create_table(
        "meters",
        sa.Column("id", _serial, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("connector", sa.BigInteger, nullable=False),
        sa.Column("transaction", sa.Text),
        sa.Column("at", Utc),
        sa.Column("received_at", Utc, nullable=False),
        sa.Column("energy_wh", sa.Double),
        sa.Column("power_w", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_meters"),
    )
    op.create_index("ix_meters_transaction", "meters", ["transaction"])
    op.create_index("ix_meters_station", "meters", ["station", "connector", "received_at"])


def _planning() -> None:
    op.create_table(
        "snapshots",
        sa.Column("revision", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("taken_at", Utc, nullable=False),
        sa.Column("snapshot_json", sa.Text, nullable=False),
        sa.Column("params_json", sa.Text, nullable=False),
        sa.Column("budget_s", sa.Double, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_snapshots"),
    )
    op.create_table(
        "plans",
        sa.Column("revision", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("made_at", Utc, nullable=False),
        sa.Column("plan_json", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("applied", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_plans"),
        sa.ForeignKeyConstraint(["revision"], ["snapshots.revision"], name="fk_plans_revision"),
    )


def _messages() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", _serial, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("retained", sa.Boolean, nullable=False),
        sa.Column("response_topic", sa.Text),
        sa.Column("correlation_data", sa.LargeBinary),
        sa.Column("received_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", _serial, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("response_topic", sa.Text),
        sa.Column("correlation_data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alerts",
        sa.Column("id", _serial, nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("station", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_at", "alerts", ["at"])
