"""Room on the disk that is kept free for the day it is full: a file that can be given up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 64 * 1024 * 1024
# Taken back only when it leaves as much again to others, or the disk would be full at once.
FREE_FACTOR: Final = 3


class Reserve:
    """A file of `size` bytes at `path`, really allocated; 0 bytes: none at all."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self.given_up = False
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        return self._size > 0 and self._path.exists()

    def hold(self) -> bool:
        """Whether it is held afterwards; a disk that has not the room keeps what it has."""
        if self.held:
            return True
        if shutil.disk_usage(self._path.parent).free < FREE_FACTOR * self._size:
            return False
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Whether there was something to give, and the disk took it: copying file systems may want
        room even to delete, and some turn read-only."""
        if not self.held:
            return False
        try:
            self._path.unlink()
        except OSError:
            return False
        self.given_up = True
        return True
