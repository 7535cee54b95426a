"""A database that cannot be read is set aside, so that the depot is controlled without its past."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from daemon.adapters.store.engine import parse_url

# A disk that spoils every database must not fill itself with them.
KEPT: Final = 3
# Nor have the daemon start anew all the time: without a store control goes on.
CONDEMNED_AGAIN: Final = timedelta(hours=1)
_NAME: Final = "corrupt-{:%Y%m%dT%H%M%S%f}Z"
# The mark goes last: whoever dies in the middle leaves it, and the next start comes here again.
_SUFFIXES: Final = ("", "-wal", "-shm", "-condemned")


def condemn(url: URL, why: str, now: datetime) -> bool:
    """Marks a SQLite file for the next start, which may find nothing wrong with it: SQLite's own
    check compares no index with its table. False where the mark cannot be written, for a server's
    database, and within an hour of the last one that was set aside."""
    if url.drivername != "sqlite":
        return False
    path = Path(url.database or "")
    recently = f"{path.name}.{_NAME.format(now - CONDEMNED_AGAIN)}"
    if any(old.name > recently for old in _set_aside_before(path)):
        return False
    try:
        Path(f"{path}-condemned").write_text(why)
    except OSError:
        return False
    return True


def condemned(url: URL) -> str | None:
    """Why the last run found the file corrupt, None where it did not."""
    if url.drivername != "sqlite":
        return None
    mark = Path(f"{url.database}-condemned")
    return mark.read_text(errors="replace") if mark.exists() else None


def set_aside(url: str, now: datetime) -> Path | None:
    """The new name of the SQLite file, its log beside it; None for a server's database, which is
    not ours to move."""
    parsed = parse_url(url)
    if parsed.drivername != "sqlite":
        return None
    path = Path(parsed.database or "")
    aside = Path(f"{path}.{_NAME.format(now)}")
    for suffix in _SUFFIXES:
        file = Path(f"{path}{suffix}")
        if file.exists():
            file.rename(f"{aside}{suffix}")
    for old in _set_aside_before(path)[:-KEPT]:
        for suffix in _SUFFIXES:
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return aside


def _set_aside_before(path: Path) -> list[Path]:
    """The oldest first."""
    return sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
