"""A database that cannot be read is set aside, so that the depot is controlled without its past."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from daemon.adapters.store.engine import parse_url

# A disk that spoils every database must not fill itself with them.
KEPT: Final = 3


def set_aside(url: str, now: datetime) -> Path | None:
    """The new name of the SQLite file, its log beside it; None for a server's database, which is
    not ours to move."""
    parsed = parse_url(url)
    if parsed.drivername != "sqlite":
        return None
    path = Path(parsed.database or "")
    aside = Path(f"{path}.corrupt-{now:%Y%m%dT%H%M%S%f}Z")
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{path}{suffix}")
        if file.exists():
            file.rename(f"{aside}{suffix}")
    for old in sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))[:-KEPT]:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return aside
