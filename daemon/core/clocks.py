"""Whose clock can be trusted: an absolute lease starts and ends by the station's own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from daemon.core.instant import Now

# Before this release no clock can be right: a machine without a battery wakes up in 1970.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = 5


@dataclass(slots=True)
class StationClock:
    """By how many seconds a station's newest messages were dated ahead of our clock.

    What is told late looks like a clock that is behind, so the least late message counts (`skew_s`,
    kept as it is asked for several times an EVSE in every round).
    """

    tolerance_s: float = 5.0
    ahead_s: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    skew_s: float | None = None

    def heard(self, at: datetime | None, now: Now) -> bool:
        """Takes note of a message dated `at`; True where it changes whether the clock is wrong."""
        if at is None:
            return False
        was_wrong = self.is_wrong
        self.ahead_s.append((at - now.utc).total_seconds())
        self.skew_s = max(self.ahead_s)
        return self.is_wrong is not was_wrong

    def forget(self) -> None:
        """One of the two clocks was set: what was known of them says nothing."""
        self.ahead_s.clear()
        self.skew_s = None

    @property
    def is_wrong(self) -> bool:
        """Nobody dates the future; that all is dated into the past may be lateness for a while."""
        skew_s = self.skew_s
        if skew_s is None:
            return False
        late = len(self.ahead_s) == WINDOW and skew_s < -self.tolerance_s
        return skew_s > self.tolerance_s or late

    @property
    def is_right(self) -> bool:
        """A last word that came late may be of a clock that was set back: until the next one tells,
        nothing is known to end by it."""
        skew_s = self.skew_s
        if skew_s is None or self.ahead_s[-1] < -self.tolerance_s:
            return False
        return abs(skew_s) <= self.tolerance_s


@dataclass(slots=True)
class OwnClock:
    """Our wall clock against the monotonic one."""

    tolerance_s: float = 5.0
    epoch: datetime | None = None

    def set_by(self, now: Now) -> float:
        """By how many seconds the wall clock was set forward since the last look; 0 for less than
        is tolerated."""
        epoch = now.utc - timedelta(seconds=now.monotonic_s)
        before, self.epoch = self.epoch, epoch
        by_s = 0.0 if before is None else (epoch - before).total_seconds()
        return by_s if abs(by_s) > self.tolerance_s else 0.0
