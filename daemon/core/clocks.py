"""Whose clock can be trusted: an absolute lease starts and ends by the station's own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from daemon.core.instant import Now

# Before this release no clock can be right: a machine without a battery wakes up in 1970.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = 5
# Over so long a clock that is behind goes on as ours does, and what is told of the past does not.
STEADY_S = 30.0


class Word(NamedTuple):
    """By how many seconds a message was dated ahead of our clock, when it was heard, and whether it
    may have been kept from before the link began."""

    ahead_s: float
    heard_s: float
    may_be_kept: bool


@dataclass(slots=True)
class StationClock:
    """What a station's newest messages tell of its clock.

    What is told late looks like a clock that is behind, so the least late message counts (`skew_s`,
    kept with `is_behind` and `is_right` as they are asked for several times an EVSE in every
    round). A last word that came late may be of a clock that was set back: until the next one
    tells, nothing is known to end by it, and it is not taken to be right.
    """

    tolerance_s: float = 5.0
    words: deque[Word] = field(default_factory=lambda: deque(maxlen=WINDOW))
    skew_s: float | None = None
    is_behind: bool = False
    is_right: bool = False

    def heard(self, at: datetime, now: Now, *, may_be_kept: bool = False) -> bool:
        """Takes note of a message dated `at`; True where it changes whether the clock is wrong."""
        was_wrong = self.is_wrong
        self.words.append(Word((at - now.utc).total_seconds(), now.monotonic_s, may_be_kept))
        self.skew_s = max(word.ahead_s for word in self.words)
        late = len(self.words) == WINDOW and self.skew_s < -self.tolerance_s
        shown = self._is_steady() or not any(word.may_be_kept for word in self.words)
        self.is_behind = late and (self.is_behind or shown)
        came_late = self.words[-1].ahead_s < -self.tolerance_s
        self.is_right = abs(self.skew_s) <= self.tolerance_s and not came_late
        return self.is_wrong is not was_wrong

    def _is_steady(self) -> bool:
        late_s = [word.ahead_s for word in self.words]
        took_s = self.words[-1].heard_s - self.words[0].heard_s
        return took_s >= STEADY_S and max(late_s) - min(late_s) <= self.tolerance_s

    def forget(self) -> None:
        """One of the two clocks was set: what was known of them says nothing."""
        self.words.clear()
        self.skew_s, self.is_behind, self.is_right = None, False, False

    @property
    def is_wrong(self) -> bool:
        """Nobody dates the future; that all is dated into the past may be lateness for a while."""
        return self.is_behind or (self.skew_s is not None and self.skew_s > self.tolerance_s)


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
