"""Stations come and go, tell who they are, and are set up: limits first, then anything else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from daemon.core.admission import admit_evse, admit_station, token_accepted
from daemon.core.alerts import alert
from daemon.core.closing import close_estimated
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note, Publish
from daemon.core.events import StationConnected, StationLost
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.profiles import Electrics, standing
from daemon.core.site import EvseSpec
from daemon.core.station import Evse, Station
from planner.series import Series
from protocol.mqtt import topics
from protocol.ocpp.commands import GetVariables, SetChargingProfile, SetVariable, TriggerMessage
from protocol.ocpp.events import (
    AuthorizeReply,
    AuthorizeRequested,
    BootReply,
    EmptyReply,
    Reply,
    StationBooted,
    StatusNotified,
)
from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    RATE_UNITS,
    SAMPLE_INTERVAL_S,
    ConnectorStatus,
    ProfilePurpose,
)

# Two of four stations tried in the field reconnect without booting: after this they are set up.
BOOT_AWAITED_S = 5.0
SPREAD = 0.1
STATION_MAX_ID = 1
FALLBACK_ID = 100


def on_connected(depot: Depot, event: StationConnected, now: Now) -> Iterator[Effect]:
    if event.station not in depot.stations:
        yield from admit_station(depot, event.station, now)
    station = depot.stations[event.station]
    if station.session is not None and event.session < station.session:
        return
    _unlink(station)
    station.session = event.session
    station.version = event.version
    station.last_seen = now.utc
    station.setup_due_s = now.monotonic_s + BOOT_AWAITED_S
    station.online_since_s = now.monotonic_s
    yield save_station(station)
    yield Note(name="station_connected", fields={"station": station.id, "version": event.version})
    yield publish_station(station)


def on_lost(depot: Depot, event: StationLost, now: Now) -> Iterator[Effect]:
    station = depot.stations.get(event.station)
    if station is None or station.session != event.session:
        return  # an older socket of a station that has come back since
    _unlink(station)
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


def _unlink(station: Station) -> None:
    """What was under way may or may not have been done: it stays booked as unconfirmed."""
    station.session = None
    station.ready = False
    station.setup_due_s = None
    station.online_since_s = None
    station.backlog_until_s = None
    station.lane.reset()
    for evse in station.evses.values():
        evse.asked = None


def on_boot(
    depot: Depot, station: Station, event: StationBooted, now: Now
) -> Iterator[Effect | Reply]:
    station.vendor, station.model = event.vendor, event.model
    station.firmware = event.firmware_version or ""
    station.booted = True
    yield save_station(station)
    yield Note(
        name="station_booted",
        fields={"station": station.id, "vendor": event.vendor, "model": event.model},
    )
    yield BootReply(now=now.utc, interval_s=_heartbeat_s(depot, station))
    yield from set_up(depot, station, now)


def _heartbeat_s(depot: Depot, station: Station) -> int:
    """Up to a tenth sooner, the same for a station each time: stations that came back together do
    not beat together ever after."""
    share = zlib.crc32(station.id.encode()) / 2**32
    return max(1, round(depot.site.heartbeat_s * (1 - SPREAD * share)))


def set_up(depot: Depot, station: Station, now: Now) -> Iterator[Effect]:
    """Queues what a station must hold before anything else: its maximum and its fallback, as
    profiles that outlive our silence. Then it is asked what it takes."""
    station.setup_due_s = None
    for evse in station.evses.values():
        evse.failures = 0
        if evse.fixed in {REFUSES, SILENT}:
            evse.fixed = None
        if evse.transaction is not None:
            # Some lose the transaction's profile when they boot, some when the socket drops: it
            # may hold or not, so it stays booked and is told again.
            evse.unconfirmed = (*evse.unconfirmed, evse.confirmed)
            evse.confirmed = Series.constant(evse.floor_kw)
            yield save_evse(station, evse)
    if any(evse.spec.max_kw > 0 for evse in station.evses.values()):
        submit_maximum(depot, station, now)
    for evse in station.evses.values():
        submit_fallback(depot, station, evse, now)
    names = (RATE_UNITS, MAX_PERIODS, MAX_STACK_LEVEL)
    station.lane.submit("variables", GetVariables(names=names))
    interval = SetVariable(name=SAMPLE_INTERVAL_S, value=str(depot.site.sample_s))
    station.lane.submit("sample interval", interval)
    for number in station.evses:
        ask = TriggerMessage(message="StatusNotification", evse_id=number)
        station.lane.submit(("status", number), ask)
    station.ready = True
    depot.dirty = True
    depot.trigger.ask("station connected", now.monotonic_s)
    yield publish_station(station)


REFUSES = "refuses charging profiles"
SILENT = "does not answer charging profiles"


def submit_fallback(depot: Depot, station: Station, evse: Evse, now: Now) -> None:
    electrics = electrics_of(depot, station, evse.spec)
    profile = standing(
        ProfilePurpose.TX_DEFAULT,
        evse.fallback_kw,
        now=now.utc,
        electrics=electrics,
        profile_id=FALLBACK_ID + evse.spec.connector,
    )
    command = SetChargingProfile(evse_id=evse.spec.connector, profile=profile)
    station.lane.submit(("fallback", evse.spec.connector), command)


def submit_maximum(depot: Depot, station: Station, now: Now) -> None:
    """The station as a whole: the sum of its connectors, on the phases of the widest one."""
    specs = [evse.spec for evse in station.evses.values()]
    total = EvseSpec(
        connector=1,
        min_kw=0.0,
        max_kw=sum(spec.max_kw for spec in specs),
        phases=max(spec.phases for spec in specs),
    )
    profile = standing(
        ProfilePurpose.STATION_MAX,
        total.max_kw,
        now=now.utc,
        electrics=electrics_of(depot, station, total),
        profile_id=STATION_MAX_ID,
    )
    station.lane.submit("maximum", SetChargingProfile(evse_id=0, profile=profile))


def electrics_of(depot: Depot, station: Station, spec: EvseSpec) -> Electrics:
    unit = station.capabilities.unit
    return Electrics(spec=spec, unit=unit, voltage_v=depot.site.voltage_v)


def on_status(
    depot: Depot, station: Station, event: StatusNotified, now: Now
) -> Iterator[Effect | Reply]:
    yield EmptyReply()
    if event.evse_id == 0:
        return
    known = event.evse_id in station.evses
    evse = admit_evse(station, event.evse_id)
    if not known and station.ready:
        submit_maximum(depot, station, now)
        submit_fallback(depot, station, evse, now)
    changed = evse.status is not event.status
    evse.status = event.status
    if event.charging_state is not None:
        evse.charging_state = event.charging_state
    if event.status is ConnectorStatus.AVAILABLE and evse.transaction is not None:
        yield from close_estimated(depot, station, evse, now, "the connector became available")
    elif event.status is ConnectorStatus.AVAILABLE and evse.unconfirmed:
        # Nobody charges: whatever profile it was left with ended with its transaction.
        evse.unconfirmed = ()
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
