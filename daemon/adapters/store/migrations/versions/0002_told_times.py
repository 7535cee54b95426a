"""What stations told, beside what we believe: their own times of start and stop, and doubts."""

import sqlalchemy as sa
from alembic import op

from daemon.adapters.store.tables import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transactions", sa.Column("device_started_at", Utc))
    op.add_column("transactions", sa.Column("device_stopped_at", Utc))
    op.add_column("meters", sa.Column("doubt", sa.Text))
    # Until here a start was kept as it was told; a station that tells it again must be known.
    op.execute("UPDATE transactions SET device_started_at = started_at")
