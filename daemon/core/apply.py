"""One event, from what happened to what must be done."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.admission import admit_evse
from daemon.core.alerts import alert
from daemon.core.answers import on_answered, on_withheld
from daemon.core.blindness import due_s, watch
from daemon.core.clocks import EARLIEST
from daemon.core.closing import on_ended
from daemon.core.depot import Depot
from daemon.core.device_clock import end_backlog
from daemon.core.dispatch import dispatch
from daemon.core.effects import Effect, Note, Reply
from daemon.core.events import (
    BrokerConnected,
    CommandAnswered,
    Event,
    MessageReceived,
    MessageRefused,
    Noticed,
    OrderWithheld,
    PlanFailed,
    PlanReady,
    SiteMetered,
    StationCalled,
    StationClaimed,
    StationConnected,
    StationLost,
    StoreChanged,
    Ticked,
)
from daemon.core.instant import Now
from daemon.core.keeping import publish_vehicle, save_override
from daemon.core.links import (
    on_authorize,
    on_boot,
    on_claimed,
    on_connected,
    on_lost,
    on_status,
    publish_station,
    set_up,
    tell_who_stays_away,
)
from daemon.core.messages import on_message, on_refused
from daemon.core.meters import take_samples
from daemon.core.overload import GRACE_S
from daemon.core.planning import on_failed, on_ready, publish_plan, set_targets, start_if_due
from daemon.core.proof import due_s as proof_due_s
from daemon.core.site_metering import on_metered
from daemon.core.standing import submit_new
from daemon.core.station import Station
from daemon.core.times import look_at_clock, watch_clock
from daemon.core.transactions import adopt, on_started, on_updated
from planner.codec import dump_plan
from protocol.ocpp.events import (
    AuthorizeRequested,
    DataTransferred,
    DataTransferReply,
    EmptyReply,
    Heartbeat,
    HeartbeatReply,
    MeterValuesReported,
    Notified,
    StationBooted,
    StationEvent,
    StatusNotified,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.events import Reply as OcppReply


def apply(depot: Depot, event: Event, now: Now) -> list[Effect]:
    """Moves the depot's beliefs by one event; returns what must be done, in order.

    After every event limits are enforced at once, and planning starts when it is due.
    """
    effects = list(look_at_clock(depot, now))
    effects.extend(_react(depot, event, now))
    effects.extend(watch(depot, now))
    effects.extend(tell_who_stays_away(depot, now))
    for station in depot.stations.values():
        if station.setup_due_s is not None and now.monotonic_s >= station.setup_due_s:
            effects.extend(set_up(depot, station, now))
        if station.backlog_until_s is not None and now.monotonic_s >= station.backlog_until_s:
            end_backlog(depot, station, now)
    if depot.memory_lost is not None:
        effects.extend(alert(depot, now, "memory_lost", depot.memory_lost, severity="critical"))
        depot.memory_lost = None
    if depot.override is not None and depot.override.until is not None:
        effects.extend(_end_override(depot, now))
    if depot.dirty:
        set_targets(depot)
    effects.extend(dispatch(depot, now))
    effects.extend(start_if_due(depot, now))
    return effects


def next_due_s(depot: Depot, now: Now) -> float | None:
    """The monotonic second at which a Ticked is wanted, None if nothing will fall due by itself."""
    due = [depot.look_s, due_s(depot)]
    if depot.since_s is not None and not depot.away_told:
        due.append(depot.since_s + GRACE_S)
    for station in depot.stations.values():
        due += (station.setup_due_s, station.backlog_until_s)
    for _, evse in depot.evses():
        due += (evse.retry_s, evse.meter_due_s, evse.fallback_due_s, proof_due_s(evse))
        if evse.settling:
            due += [until_s for until_s, _ in evse.settling]
    if depot.planning is None and now.utc >= EARLIEST:  # a clock that is set is seen at any event
        due.append(depot.trigger.due_s())
    if depot.override is not None and depot.override.until is not None:
        due.append(now.monotonic_s + (depot.override.until - now.utc).total_seconds())
    return min([at for at in due if at is not None], default=None)


def _react(depot: Depot, event: Event, now: Now) -> Iterator[Effect]:
    match event:
        case StationConnected():
            yield from on_connected(depot, event, now)
        case StationLost():
            yield from on_lost(depot, event, now)
        case StationCalled():
            yield from _on_call(depot, event, now)
        case CommandAnswered():
            yield from on_answered(depot, event, now)
        case MessageReceived():
            yield from on_message(depot, event, now)
        case MessageRefused():
            yield from on_refused(depot, event, now)
        case PlanReady():
            yield from on_ready(depot, event, now)
        case PlanFailed():
            yield from on_failed(depot, event, now)
        case SiteMetered():
            yield from on_metered(depot, event, now)
        case BrokerConnected():
            yield from _tell_all(depot)
        case StationClaimed():
            yield from on_claimed(depot, event.station, now)
        case StoreChanged(trouble=trouble):
            yield from _on_store(depot, trouble, now)
        case OrderWithheld():
            yield from on_withheld(depot, event, now)
        case Noticed():
            yield from alert(
                depot, now, event.kind, event.text, station=event.station, severity=event.severity
            )
        case Ticked():
            pass


def _on_call(depot: Depot, event: StationCalled, now: Now) -> Iterator[Effect]:
    """A station's call gets exactly one reply, whatever else it brings about."""
    station = depot.stations.get(event.station)
    if station is None or station.session != event.session:
        yield Note(name="call_from_old_socket", fields={"station": event.station})
        return
    station.last_seen = now.utc
    yield from watch_clock(depot, station, event.event, now)
    known = set(station.evses)
    for item in _call(depot, station, event.event, now):
        if isinstance(item, OcppReply):
            yield Reply(
                station=event.station, session=event.session, call_id=event.call_id, reply=item
            )
        else:
            yield item
    submit_new(depot, station, known)


def _call(
    depot: Depot, station: Station, call: StationEvent, now: Now
) -> Iterator[Effect | OcppReply]:
    match call:
        case StationBooted():
            yield from on_boot(depot, station, call, now)
        case Heartbeat():
            yield HeartbeatReply(now=now.utc)
        case StatusNotified():
            yield from on_status(depot, station, call, now)
        case AuthorizeRequested():
            yield from on_authorize(depot, call)
        case TransactionStarted():
            yield from on_started(depot, station, call, now)
        case TransactionUpdated():
            yield from on_updated(depot, station, call, now)
        case TransactionEnded():
            yield from on_ended(depot, station, call, now)
        case MeterValuesReported():
            yield from _on_meter_values(depot, station, call, now)
        case DataTransferred():
            yield DataTransferReply()
        case Notified():
            yield EmptyReply()


def _on_meter_values(
    depot: Depot, station: Station, call: MeterValuesReported, now: Now
) -> Iterator[Effect | OcppReply]:
    yield EmptyReply()
    if call.evse_id == 0:
        return
    evse = admit_evse(station, call.evse_id)
    if call.transaction_id is not None:
        at = call.samples[0].at if call.samples else None
        yield from adopt(depot, station, evse, call.transaction_id, at, now)
    yield from take_samples(depot, station, evse, call.samples, now)


def _on_store(depot: Depot, trouble: str | None, now: Now) -> Iterator[Effect]:
    if trouble is None and depot.store_trouble is not None:
        text = "the store keeps up again, what waited is kept"
        yield from alert(depot, now, "store_back", text, severity="info")
    elif trouble is not None and depot.store_trouble is None:
        text = f"nothing can be kept, control goes on from memory and raises nobody: {trouble}"
        yield from alert(depot, now, "store_failed", text, severity="critical")
    depot.store_trouble = trouble
    depot.dirty = True


def _end_override(depot: Depot, now: Now) -> Iterator[Effect]:
    override = depot.override
    if override is not None and override.until is not None and now.utc >= override.until:
        depot.override = None
        depot.dirty = True
        depot.trigger.ask("limit", now.monotonic_s)
        yield save_override(None)


def _tell_all(depot: Depot) -> Iterator[Effect]:
    for station in depot.stations.values():
        yield publish_station(station)
    for vehicle, belief in depot.vehicles.items():
        yield publish_vehicle(vehicle, belief)
    if depot.applied is not None:
        yield publish_plan(dump_plan(depot.applied.plan))
