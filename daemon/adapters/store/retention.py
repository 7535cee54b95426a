"""What is kept for how long: old rows go, few at a time, so that no commit waits behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Delete, Table, delete, func, select

from daemon.adapters.store.tables import alerts, meters, outbox, plans, snapshots, transactions

# One transaction of so many rows takes about as long as one of the usual ones.
ROWS: Final = 500
# What a broker that is away for weeks may make us hold.
OUTBOX_ROWS: Final = 10_000
# Halved so often at most: below a day of readings there is nothing left to save.
HALVINGS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind is kept; `size_bytes` bounds a SQLite file: above it the periods are
    halved, again and again if need be. Open transactions and the plan that is followed stay."""

    meters: timedelta = timedelta(days=90)
    plans: timedelta = timedelta(days=30)
    alerts: timedelta = timedelta(days=365)
    transactions: timedelta = timedelta(days=3 * 365)
    size_bytes: int = 4 * 1024**3

    def halved(self, times: int) -> Retention:
        share = 0.5**times
        return Retention(
            meters=self.meters * share,
            plans=self.plans * share,
            alerts=self.alerts * share,
            transactions=self.transactions,
            size_bytes=self.size_bytes,
        )


def deletions(keep: Retention, now: datetime) -> Iterator[Delete]:
    """One small delete for each kind; to be run again until none finds anything."""
    yield _oldest(meters, meters.c.id, meters.c.received_at < now - keep.meters)
    followed = select(func.max(plans.c.revision)).where(plans.c.applied).scalar_subquery()
    old = select(snapshots.c.revision).where(snapshots.c.taken_at < now - keep.plans)
    latest = select(func.max(snapshots.c.revision)).scalar_subquery()
    # Before the first plan nothing is older than it, and NULL keeps every row.
    yield _oldest(plans, plans.c.revision, plans.c.revision.in_(old), plans.c.revision < followed)
    yield _oldest(
        snapshots,
        snapshots.c.revision,
        snapshots.c.taken_at < now - keep.plans,
        snapshots.c.revision < func.coalesce(followed, latest),
        ~snapshots.c.revision.in_(select(plans.c.revision)),
    )
    yield _oldest(alerts, alerts.c.id, alerts.c.at < now - keep.alerts)
    yield _oldest(
        transactions, transactions.c.id, transactions.c.stopped_at < now - keep.transactions
    )
    newest = select(func.max(outbox.c.id)).scalar_subquery()
    yield _oldest(outbox, outbox.c.id, outbox.c.id <= newest - OUTBOX_ROWS)


def _oldest(table: Table, key: Any, *conditions: Any) -> Delete:
    chosen = select(key).where(*conditions).order_by(key).limit(ROWS)
    return delete(table).where(key.in_(chosen))
