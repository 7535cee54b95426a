"""What a station's own clock tells, and how far to believe it.

A station that was offline tells its past when it is back: days of it, in seconds. That is history,
to be added up by the time of each sample, and no reason to plan: what counts is where it ends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.core.depot import Depot
from daemon.core.instant import Now
from daemon.core.station import Station

# A clock this far ahead of ours says nothing about when something happened.
AHEAD = timedelta(minutes=5)
# OCPP 1.6 is of 2015; a clock that lost its battery begins in 1970 or 2000.
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
# Older than any message that only waited for its turn on a slow link.
LATE = timedelta(minutes=5)
# A backlog is over when nothing of it came for so long, and so long after the station came at the
# latest: a station whose clock is merely slow is heard as the present then.
QUIET_S = 5.0
LONGEST_S = 120.0


def plausible(at: datetime | None, now: Now) -> bool:
    """Whether a station's timestamp can be when it happened."""
    return at is not None and EARLIEST < at < now.utc + AHEAD


def believed(at: datetime | None, now: Now) -> datetime:
    """When it happened: as the station says where that can be, else now."""
    return at if at is not None and plausible(at, now) else now.utc


def set_right(station: Station, at: datetime, now: Now) -> datetime:
    """A `believed` instant as our clock would have told it, as far as is known how the station's
    differs. By a clock that nobody can believe it is ours already: one too far ahead, or so far
    behind that it would come to lie ahead."""
    skew_s = station.clock.skew_s
    if skew_s is None or skew_s >= AHEAD.total_seconds():
        return at
    ours = at - timedelta(seconds=skew_s)
    return at if ours > now.utc + AHEAD else ours


def is_past(station: Station, at: datetime | None, now: Now) -> bool:
    """Whether a message is of the station's time offline; if so its backlog goes on."""
    since_s = station.online_since_s
    if at is None or since_s is None or now.monotonic_s >= since_s + LONGEST_S:
        return False
    if not plausible(at, now) or now.utc - at <= LATE:
        return False
    station.backlog_until_s = min(now.monotonic_s + QUIET_S, since_s + LONGEST_S)
    return True


def ask(depot: Depot, station: Station, reason: str, at: datetime | None, now: Now) -> None:
    """Asks for a plan about what a station tells: for its past once, when it has told all of it."""
    if not is_past(station, at, now):
        depot.trigger.ask(reason, now.monotonic_s)


def end_backlog(depot: Depot, station: Station, now: Now) -> None:
    station.backlog_until_s = None
    depot.dirty = True
    depot.trigger.ask("a station has told its time offline", now.monotonic_s)
