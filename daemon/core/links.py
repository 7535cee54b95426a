"""Stations come and go, tell who they are, and are set up: limits first, then anything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from daemon.core import phases
from daemon.core.admission import admit_evse, admit_station, token_accepted
from daemon.core.alerts import alert
from daemon.core.budget import booking
from daemon.core.closing import began_after, close_estimated
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note, Publish
from daemon.core.events import StationConnected, StationLost
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.overload import GRACE_S
from daemon.core.silence import begin_silence, class_of
from daemon.core.standing import ask_meter, submit_standing
from daemon.core.station import REFUSES, SILENT, Evse, Station
from protocol.mqtt import topics
from protocol.ocpp.events import (
    AuthorizeReply,
    AuthorizeRequested,
    BootReply,
    EmptyReply,
    Reply,
    StationBooted,
    StatusNotified,
)
from protocol.ocpp.model import ConnectorStatus

# Two of four stations tried in the field reconnect without booting: after this they are set up.
BOOT_AWAITED_S = 5.0
SPREAD = 0.1
# Told once a minute while it lasts: five minutes without are quiet.
CLAIMED_S = 300.0
# Stations wait for the plug for one to three minutes (EVConnectionTimeOut).
PLUGGED_IN = timedelta(minutes=5)


def on_connected(depot: Depot, event: StationConnected, now: Now) -> Iterator[Effect]:
    if event.station not in depot.stations:
        yield from admit_station(depot, event.station, now)
    station = depot.stations[event.station]
    if station.session is not None and event.session < station.session:
        return
    _unlink(depot, station, now)
    station.session = event.session
    station.version = event.version
    station.last_seen = now.utc
    station.clock.forget()
    depot.dirty = True
    station.setup_due_s = now.monotonic_s + BOOT_AWAITED_S
    station.online_since_s = now.monotonic_s
    yield save_station(station)
    yield Note(name="station_connected", fields={"station": station.id, "version": event.version})
    yield publish_station(station)


def on_lost(depot: Depot, event: StationLost, now: Now) -> Iterator[Effect]:
    station = depot.stations.get(event.station)
    if station is None or station.session != event.session:
        return  # an older socket of a station that has come back since
    _unlink(depot, station, now)
    depot.dirty = True
    depot.trigger.ask("station lost", now.monotonic_s)
    for evse in station.evses.values():
        yield save_evse(station, evse)
    yield from alert(
        depot,
        now,
        "station_lost",
        f"station {station.id} is offline ({event.reason}); it stays booked at what it may draw",
        station=station.id,
    )
    yield publish_station(station)


def tell_who_stays_away(depot: Depot, now: Now) -> Iterator[Effect]:
    """Once after a start: nobody saw the link of such a one break, but it stays booked as if."""
    if depot.away_told or depot.since_s is None or now.monotonic_s < depot.since_s + GRACE_S:
        return
    depot.away_told = True
    for station in depot.stations.values():
        if not station.was_heard or station.last_seen is not None:
            continue
        slack_s = depot.site.slack_s
        booked = (booking(station, e, now.monotonic_s, slack_s) for e in station.evses.values())
        text = (
            f"station {station.id} has not come back since the daemon started; it stays booked at "
            f"what it may draw, {sum(one.soon_kw for one in booked):.1f} kW"
        )
        yield from alert(depot, now, "station_lost", text, station=station.id)


def _unlink(depot: Depot, station: Station, now: Now) -> None:
    """What was under way may or may not have been done: it stays booked as unconfirmed. What runs
    there goes on in silence, and its meter will tell how."""
    was_linked, station.session = station.online, None
    station.ready = False
    station.setup_due_s = None
    station.online_since_s = None
    station.backlog_until_s = None
    station.lane.reset()
    for evse in station.evses.values():
        if was_linked and station.keeps is None:
            # It may have lost its fallback with the link, until it has taken it again.
            evse.floor_kw = evse.spec.max_kw
        if evse.asked is not None:
            evse.doubt(evse.asked[1])
            evse.asked = None
        evse.stop_asked = None  # it may have waited, or been lost with the link
        if was_linked and evse.transaction is not None and evse.silence is None:
            evse.silence = begin_silence(evse, now)
        evse.spoken.clear()
        phases.forget(evse)


def on_boot(
    depot: Depot, station: Station, event: StationBooted, now: Now
) -> Iterator[Effect | Reply]:
    before, is_first = station.kind, not station.model
    station.vendor, station.model = event.vendor, event.model
    station.firmware = event.firmware_version or ""
    if station.kind != before:
        # Another firmware may want profiles to be written otherwise, and be asked what the last
        # one refused to tell.
        told = station.capabilities
        told.proven, told.tried, told.relative, told.triggers = False, 0, False, True
    if station.kind != before and not is_first:
        for evse in station.evses.values():
            # Nor need it hold what the last one was told, until it has taken its fallback.
            evse.floor_kw = evse.spec.max_kw
            yield save_evse(station, evse)
    station.booted = True
    station.keeps = class_of(depot, station)
    yield save_station(station)
    yield Note(
        name="station_booted",
        fields={"station": station.id, "vendor": event.vendor, "model": event.model},
    )
    yield BootReply(now=now.utc, interval_s=_heartbeat_s(depot, station))
    yield from set_up(depot, station, now)


def on_claimed(depot: Depot, name: str, now: Now) -> Iterator[Effect]:
    """Of two stations under one name only one is heard, and either may follow what was lent."""
    station = depot.stations.get(name)
    if station is None:
        return
    station.claimed_until_s = now.monotonic_s + CLAIMED_S
    text = (
        f"two connections claim to be station {name}: the newer one is refused while the older one "
        f"is alive, and neither is raised until that has not happened for {CLAIMED_S / 60:g} min"
    )
    yield from alert(depot, now, "station_twice", text, station=name, severity="critical")


def _heartbeat_s(depot: Depot, station: Station) -> int:
    """Up to a tenth sooner, the same for a station each time: stations that came back together do
    not beat together ever after."""
    share = zlib.crc32(station.id.encode()) / 2**32
    return max(1, round(depot.site.heartbeat_s * (1 - SPREAD * share)))


def set_up(depot: Depot, station: Station, now: Now) -> Iterator[Effect]:
    """Queues what a station must hold before anything else, as profiles that outlive our
    silence. Then what runs there is told again."""
    station.setup_due_s = None
    for evse in station.evses.values():
        evse.failures = 0
        if evse.fixed in {REFUSES, SILENT}:
            evse.fixed = evse.retry_s = None
        if evse.silence is not None:
            evse.silence = replace(evse.silence, until=now.utc)
        if evse.confirmed is not None:
            # Some lose the transaction's profile when they boot, some when the socket drops: it
            # may hold or not, so it stays booked and is told again.
            evse.doubt(evse.confirmed)
            evse.confirmed = None
            yield save_evse(station, evse)
    submit_standing(depot, station)
    station.ready = True
    for evse in station.evses.values():
        ask_meter(station, evse)
    depot.dirty = True
    depot.trigger.ask("station connected", now.monotonic_s)
    yield publish_station(station)


def on_status(
    depot: Depot, station: Station, event: StatusNotified, now: Now
) -> Iterator[Effect | Reply]:
    yield EmptyReply()
    if event.evse_id == 0:
        return
    evse = admit_evse(station, event.evse_id)
    if evse.transaction is not None and began_after(depot, evse.transaction, event.at):
        # A backlog, which need not come in the order in which it happened.
        yield Note(name="status_overtaken", fields={"station": station.id})
        return
    before = evse.status
    is_news = evse.connectors.get(event.connector_id) is not event.status
    evse.tell_status(event.connector_id, event.status)
    if is_news:
        yield save_evse(station, evse)
    changed = evse.status is not before
    if event.charging_state is not None:
        evse.charging_state = event.charging_state
    if evse.is_free and evse.transaction is not None:
        if is_news or _is_old(depot, evse, now):
            yield from close_estimated(depot, station, evse, now, "the connector became available")
    elif evse.is_free and evse.unconfirmed is not None:
        # Nobody charges: whatever profile it was left with ended with its transaction.
        evse.forget_profile()
        depot.dirty = True
        yield save_evse(station, evse)
    if changed:
        depot.trigger.ask("status", now.monotonic_s)
        yield publish_station(station)
    if changed and event.status is ConnectorStatus.FAULTED:
        text = f"station {station.id} connector {event.evse_id} is faulted: {event.error_code}"
        yield from alert(depot, now, "connector_faulted", text, station=station.id)


def on_authorize(depot: Depot, event: AuthorizeRequested) -> Iterator[Effect | Reply]:
    yield AuthorizeReply(accepted=token_accepted(depot, event.id_token))


def publish_station(station: Station) -> Publish:
    return Publish(
        topic=topics.station_state(station.id),
        payload={
            "online": station.online,
            "capability_class": station.keeps.value if station.keeps is not None else None,
            "connectors": [
                {
                    "connector": evse.spec.connector,
                    "status": evse.status.value,
                    "transaction": evse.transaction,
                    "fixed": evse.fixed,
                }
                for evse in station.evses.values()
            ],
        },
    )


def _is_old(depot: Depot, evse: Evse, now: Now) -> bool:
    """Whether a vehicle must have been plugged in by now. One that begins as its driver is
    authorized (2.0.1 E01) has free connectors for a while, which may say so once more before the
    one that is taken speaks."""
    assert evse.transaction is not None
    return now.utc - depot.transactions[evse.transaction].started_at > PLUGGED_IN
