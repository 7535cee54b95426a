"""What survives the daemon: SQLite by default, PostgreSQL by its address."""

from daemon.adapters.store.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreInUse,
    StoreLost,
    StoreRefused,
    StoreWrong,
)
from daemon.adapters.store.reader import Reader
from daemon.adapters.store.rows import InboxRow, OutboxRow
from daemon.adapters.store.store import Store

__all__ = [
    "InboxRow",
    "OutboxRow",
    "Reader",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreInUse",
    "StoreLost",
    "StoreRefused",
    "StoreWrong",
]
