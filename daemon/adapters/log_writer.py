"""Log lines leave by a thread of their own: whoever reads them may stop reading, and control goes
on.

journald may hang, a pager may be left open, the disk below a redirected file may be full: a write
to stderr would then stop the event loop, or end the daemon.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

# Some ten thousand lines: minutes of a busy depot.
MOST_BYTES: Final = 4 * 1024 * 1024
# What still waits at the end is given this long.
FAREWELL_S: Final = 1.0


class LogWriter:
    """As much of a text stream as loggers use. `write` never waits and never fails: what there is
    no room for, and what the descriptor does not take, is counted in `dropped`.

    `on_dropped` is told of how many, from the writing thread, once a line gets through again.
    """

    def __init__(self, descriptor: int, most_bytes: int = MOST_BYTES) -> None:
        self.dropped = 0
        self.on_dropped: Callable[[int], None] = lambda lines: None
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._told = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Waits for what was written before, for a second at most."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(FAREWELL_S)

    def write(self, text: str) -> int:
        line = text.encode(errors="backslashreplace")
        with self._changed:
            if self._bytes + len(line) > self._most_bytes:
                self.dropped += 1
            else:
                self._waiting.append(line)
                self._bytes += len(line)
                self._changed.notify()
        return len(text)

    def flush(self) -> None:
        """Nothing waits here that could leave sooner."""

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def _run(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._put(line)
            except OSError:
                with self._changed:
                    self.dropped += 1
            else:
                self._tell_dropped()

    def _next(self) -> bytes | None:
        """None when closed and empty. A line counts as waiting until it is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None

    def _put(self, line: bytes) -> None:
        try:
            rest = line
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    # Somebody else has made their end of it, and by that ours, non-blocking.
                    select.select([], [self._descriptor], [])
        finally:
            with self._changed:
                self._bytes -= len(line)

    def _tell_dropped(self) -> None:
        lines, self._told = self.dropped - self._told, self.dropped
        if lines:
            self.on_dropped(lines)
