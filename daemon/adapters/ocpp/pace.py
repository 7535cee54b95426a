"""How much of one station's talk is taken: first it is slowed, then it is too much."""

from __future__ import annotations

import math
from collections import deque

# Seconds of the rate that may come at once: a boot tells the state of every connector.
BURST_S = 2.0
# A strike counts as so many messages.
STRIKE_COST = 5
# And so does a connection, which sets the site's bookings in motion: twenty peers that came back as
# fast as they could, 540 times a second in all, kept the loop to themselves, and others waited 9 s
# for an answer. After a quiet time a few are opened at once.
CONNECTION_COST = 10
CONNECTIONS_AT_ONCE = 4
# Below the time in which the server gives up a handshake.
CONNECTION_WAITS_AT_MOST_S = 3.0
MINUTE_S = 60.0
# A modem that comes and goes replaces its own socket now and then.
REPLACEMENTS_PER_MINUTE = 6


class Pace:
    """A token bucket of messages, the strikes of the last minute, and when the next connection is
    due, which costs no messages: who is there does not pay for who claims its name. Times are
    monotonic."""

    def __init__(
        self, *, messages_per_s: float, strikes_per_minute: int, slowed_at_most_s: float
    ) -> None:
        self._rate = messages_per_s
        self._most = max(messages_per_s * BURST_S, 1.0)
        self._tokens = self._most
        self._at_s: float | None = None
        self._strikes: deque[float] = deque(maxlen=strikes_per_minute + 1)
        self._connection_every_s = CONNECTION_COST / messages_per_s
        self._connection_due_s = -math.inf
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

    def connection(self, now_s: float) -> float | None:
        """Seconds to wait before it is opened; None, and it counts for nothing, where it would have
        to wait for too long."""
        spare_s = (CONNECTIONS_AT_ONCE - 1) * self._connection_every_s
        due_s = max(self._connection_due_s, now_s - spare_s)
        wait_s = max(0.0, due_s - now_s)
        if wait_s > CONNECTION_WAITS_AT_MOST_S:
            return None
        self._connection_due_s = due_s + self._connection_every_s
        return wait_s

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

    def too_many(self, station: str, now_s: float) -> bool:
        """Counts one more, unless it is one too many."""
        at_s = self._at_s.setdefault(station, deque(maxlen=self._per_minute))
        if len(at_s) == at_s.maxlen and now_s - at_s[0] < MINUTE_S:
            return True
        at_s.append(now_s)
        return False


class OnceAMinute:
    """When a station is to be told of again. It holds an entry for each one that ever was."""

    def __init__(self) -> None:
        self._told_s: dict[str, float] = {}

    def is_due(self, station: str, now_s: float) -> bool:
        if now_s - self._told_s.get(station, -MINUTE_S) < MINUTE_S:
            return False
        self._told_s[station] = now_s
        return True
