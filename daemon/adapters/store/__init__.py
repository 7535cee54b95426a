"""What survives the daemon: SQLite by default, PostgreSQL by its address."""

from daemon.adapters.store.errors import (
    StoreBusy,
    StoreCondemned,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreInUse,
    StoreLogLost,
    StoreLost,
    StoreRefused,
    StoreWrong,
)
from daemon.adapters.store.quarantine import set_aside
from daemon.adapters.store.reader import Reader
from daemon.adapters.store.reserve import RESERVE_BYTES
from daemon.adapters.store.retention import Retention
from daemon.adapters.store.rows import InboxRow, OutboxRow
from daemon.adapters.store.store import Store

__all__ = [
    "RESERVE_BYTES",
    "InboxRow",
    "OutboxRow",
    "Reader",
    "Retention",
    "Store",
    "StoreBusy",
    "StoreCondemned",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreInUse",
    "StoreLogLost",
    "StoreLost",
    "StoreRefused",
    "StoreWrong",
    "set_aside",
]
