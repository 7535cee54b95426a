"""All that happens in a run, in order: hashed, so that two runs can be compared, and the last of it
kept, so that a breach can be told."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Iterator

KEPT = 400


class Journal:
    """Lines of (virtual second, who, what)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hash = hashlib.sha256()
        self._last: deque[tuple[float, str, str]] = deque(maxlen=KEPT)
        self.lines = 0
        self.notes: Counter[str] = Counter()

    def write(self, who: str, what: str) -> None:
        at_s = self._loop.time()
        self._hash.update(f"{at_s!r} {who} {what}\n".encode())
        self._last.append((at_s, who, what))
        self.lines += 1

    def digest(self) -> str:
        return self._hash.hexdigest()

    def last(self, who: frozenset[str], most: int) -> Iterator[str]:
        """The newest lines about any of `who`, the oldest first."""
        about = [line for line in self._last if line[1] in who]
        for at_s, name, what in about[-most:]:
            yield f"{at_s:11.3f} {name:8} {what[:200]}"

    # What the controller counts (daemon.controller.Counts): a note is an event like any other.

    def note(self, name: str, level: str) -> None:
        self.notes[name] += 1
        self.write("daemon", name)

    def event_handled(self, event: str, seconds: float) -> None:
        """How long it took is the machine's, and no part of the run."""

    def committed(self, seconds: float) -> None:
        """As above."""
