"""Clocks that disagree: ours that was set, a station's that is skewed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.admission import tell_who_has_no_room
from daemon.core.alerts import alert
from daemon.core.clocks import EARLIEST
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.lease import FOREVER
from daemon.core.station import Evse, Station
from protocol.ocpp.events import (
    MeterValuesReported,
    StationEvent,
    StatusNotified,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

# Sixteen messages kept, on a link that takes 56 s for each. Who is told an end meanwhile by a clock
# that is behind begins with it late, and has its fallback until then.
LONGEST_BACKLOG_S = 900.0


def look_at_clock(depot: Depot, now: Now) -> Iterator[Effect]:
    """At the first look, what the last run had lent is dated by this run's clock. When our wall
    clock is set, what was known of the stations' clocks says nothing any more, and what was lent by
    the old time is lent again."""
    if depot.clock.epoch is None:
        for _, evse in depot.evses():
            _date(depot, evse, now)
        if depot.unarmed is not None:
            yield from alert(depot, now, "not_armed", depot.unarmed, severity="critical")
        else:
            yield from tell_who_has_no_room(depot, now)
        if now.utc < EARLIEST:
            text = f"it cannot be {now.utc:%Y-%m-%d}: nothing is planned until the clock is right"
            yield from alert(depot, now, "clock_wrong", text, severity="critical")
    if by_s := depot.clock.set_by(now):
        depot.dirty = True
        for station, evse in depot.evses():
            station.clock.forget()
            _lent_by_the_old_time(evse, by_s)
            _measured_by_the_old_time(evse, now)
        depot.trigger.ask("clock set", now.monotonic_s)
        text = f"the clock was set; it is {now.utc:%Y-%m-%d %H:%M:%S} UTC"
        yield from alert(depot, now, "clock_set", text)


def _date(depot: Depot, evse: Evse, now: Now) -> None:
    """What was metered lies ahead where our clock was set back while nobody looked: nobody knows
    when what was lent by the old time ends."""
    tolerance = timedelta(seconds=depot.clock.tolerance_s)
    was_set_back = evse.reading is not None and evse.reading.at > now.utc + tolerance
    if evse.unconfirmed is not None:
        lease = evse.unconfirmed.dated(now.monotonic_s, depot.site.lease_s)
        evse.unconfirmed = replace(lease, until_s=FOREVER) if was_set_back else lease
    if was_set_back:
        _measured_by_the_old_time(evse, now)


def _lent_by_the_old_time(evse: Evse, by_s: float) -> None:
    """What is under way, too, was written by it: its answer says nothing of when it ends."""
    for lease in evse.leases():
        evse.doubt(lease.set_by(by_s))
    evse.confirmed = evse.asked = None
    if evse.leaving is not None:
        evse.leaving.lease = evse.leaving.lease.set_by(by_s)


def _measured_by_the_old_time(evse: Evse, now: Now) -> None:
    """What seems to lie ahead would hide all that is metered until then."""
    if evse.changed_at is not None:
        evse.changed_at = min(evse.changed_at, now.utc)
    if evse.reading is not None and evse.reading.at > now.utc:
        evse.reading = None
    if evse.unjudged is not None and evse.unjudged[0] > now.utc:
        evse.unjudged = None


def watch_clock(depot: Depot, station: Station, event: StationEvent, now: Now) -> Iterator[Effect]:
    """A station whose clock is skewed would start and end a lease at the wrong time: it is told
    powers without an end, and stays booked at them until it is told another."""
    changed, was_right = False, station.clock.is_right
    for at in _times(event):
        if at is not None:
            kept = _may_be_kept(station, at, now)
            changed |= station.clock.heard(at, now, may_be_kept=kept)
    if station.clock.is_right is not was_right:
        depot.dirty = True  # what is lent counts for longer, or for less long
    if not changed:
        return
    depot.dirty = True
    for evse in station.evses.values():
        if evse.confirmed is not None:
            evse.doubt(evse.confirmed)
            evse.confirmed = None
    if station.clock.is_wrong:
        text = (
            f"the clock of station {station.id} is {station.clock.skew_s:+.0f} s from ours, more "
            f"than {depot.site.skew_s:g} s: it is lent nothing, and booked at what it was told last"
        )
        yield from alert(depot, now, "station_clock_wrong", text, station=station.id)


def _may_be_kept(station: Station, at: datetime, now: Now) -> bool:
    """Whether a message is dated before the link began, as what was kept while offline is: statuses
    and meter values bear no mark of it. A clock that is behind is found out by its steady pace, by
    what it dates after that instant, or when no backlog would take so long."""
    since_s = station.online_since_s
    if since_s is None or now.monotonic_s >= since_s + LONGEST_BACKLOG_S:
        return False
    return at < now.utc - timedelta(seconds=now.monotonic_s - since_s)


def _times(event: StationEvent) -> Iterator[datetime | None]:
    """When a station says that something happened which it tells as it happens."""
    match event:
        case StatusNotified():
            yield event.at
        case TransactionStarted() | TransactionUpdated() if not event.offline:
            yield event.at
        case TransactionEnded() if not event.offline:
            yield event.at
        case MeterValuesReported():
            yield max((s.at for s in event.samples if s.at is not None), default=None)
