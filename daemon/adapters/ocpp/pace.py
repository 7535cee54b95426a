"""How much of one station's talk is taken: first it is slowed, then it is too much."""

from __future__ import annotations

from collections import deque

# Seconds of the rate that may come at once: a boot tells the state of every connector.
BURST_S = 2.0
# A strike counts as so many messages.
STRIKE_COST = 5
MINUTE_S = 60.0
# A modem that comes and goes replaces its own socket now and then.
REPLACEMENTS_PER_MINUTE = 6


class Pace:
    """A token bucket of messages, and the strikes of the last minute. Times are monotonic."""

    def __init__(
        self, *, messages_per_s: float, strikes_per_minute: int, slowed_at_most_s: float
    ) -> None:
        self._rate = messages_per_s
        self._most = max(messages_per_s * BURST_S, 1.0)
        self._tokens = self._most
        self._at_s: float | None = None
        self._strikes: deque[float] = deque(maxlen=strikes_per_minute + 1)
        self._slowed_at_most_s = slowed_at_most_s
        self._slowed_since_s: float | None = None

    def message(self, now_s: float) -> float | None:
        """Seconds to wait before the message is taken; None when it has been slowed for too long
        without a break."""
        if self._at_s is not None:
            self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        self._tokens -= 1
        if self._tokens >= 0:
            self._slowed_since_s = None
            return 0.0
        if self._slowed_since_s is None:
            self._slowed_since_s = now_s
        if now_s - self._slowed_since_s > self._slowed_at_most_s:
            return None
        return -self._tokens / self._rate

    def strike(self, now_s: float) -> bool:
        """Counts one; whether there were too many in the last minute."""
        self._tokens -= STRIKE_COST
        self._strikes.append(now_s)
        full = len(self._strikes) == self._strikes.maxlen
        return full and now_s - self._strikes[0] < MINUTE_S


class Replacements:
    """How often the sockets of a station have taken each other's place in the last minute. It holds
    an entry for each station that ever had two sockets at once."""

    def __init__(self, per_minute: int = REPLACEMENTS_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._at_s: dict[str, deque[float]] = {}
        self._told_s: dict[str, float] = {}

    def too_many(self, station: str, now_s: float) -> bool:
        """Counts one more, unless it is one too many."""
        at_s = self._at_s.setdefault(station, deque(maxlen=self._per_minute))
        if len(at_s) == at_s.maxlen and now_s - at_s[0] < MINUTE_S:
            return True
        at_s.append(now_s)
        return False

    def to_tell(self, station: str, now_s: float) -> bool:
        """True once a minute."""
        if now_s - self._told_s.get(station, -MINUTE_S) < MINUTE_S:
            return False
        self._told_s[station] = now_s
        return True
